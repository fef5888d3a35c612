package cli

import (
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// What counts as matched: the part of its value at the start that may remain
// of the whole error and of each group's, and the part of the objective that
// may be penalty.
const (
	wholeLimit   = 0.01
	groupLimit   = 0.02
	penaltyLimit = 0.01
)

// A remainder is the error of a part of the representation, the L2 norm of its
// difference from the target's, at the start and at the end. Entries that the
// loss does not count are left out.
type remainder struct {
	name       string
	entries    int
	start, end float64
}

// remains returns the ratio of the errors; 0 where there never was one.
func (e remainder) remains() float64 {
	if e.start == 0 && e.end == 0 {
		return 0
	}
	return e.end / e.start
}

func (e remainder) object() runfolder.Object {
	return runfolder.Object{{Key: "name", Value: e.name}, {Key: "entries", Value: e.entries}, {Key: "error_at_start", Value: e.start},
		{Key: "error", Value: e.end}, {Key: "remains", Value: e.remains()}}
}

// A judge measures images against a target.
type judge struct {
	tape   *autograd.Tape
	x      autograd.Value
	prog   *autograd.Program
	target tensor.Tensor // its representation
	parts  []part
}

// A part is a group of entries of the representation that the loss counts; the
// first one is all of them.
type part struct {
	name    string
	entries []int
}

// A measurement is what a judge finds of one image.
type measurement struct {
	errors  []float64 // of each part: the L2 norm of the difference from the target
	loss    float64   // without scale
	penalty float64   // without weight
	share   float64   // weighted penalty
}

// newJudge records what measuring images like target (1, C, H, W) takes.
func newJudge(backend autograd.Backend, target tensor.Tensor, m synth.Model, o synth.MetamerOptions) (g *judge, err error) {
	g = &judge{tape: autograd.New(backend)}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	var groups []synth.Group
	if grouped, ok := m.(synth.Grouped); ok {
		groups = grouped.Groups()
	}
	var outputs []autograd.Value
	if err := autograd.Try(func() {
		g.x = g.tape.Var("image", target)
		rep := m.Forward(g.x)
		penalty, weight := o.Penalty.Penalty(g.x)
		outputs = []autograd.Value{rep, o.Loss.Loss(rep, m.Forward(g.tape.Const(target)), groups), penalty, penalty.Scale(weight)}
	}); err != nil {
		return g, err
	}
	if g.prog, err = g.tape.Compile(outputs, autograd.Value{}); err != nil {
		return g, err
	}
	if g.target, err = g.represent(target); err != nil {
		return g, err
	}
	counted, err := countedEntries(g.target, o.Loss, groups)
	g.parts = makeParts(counted, groups, g.target.Dim[1])
	return g, err
}

func (g *judge) close() { g.tape.Close() }

// represent runs the model on x and returns its output.
func (g *judge) represent(x tensor.Tensor) (rep tensor.Tensor, err error) {
	if err := g.tape.Set(g.x, x); err != nil {
		return rep, err
	}
	if err := g.prog.Run(); err != nil {
		return rep, err
	}
	out, err := g.prog.Out(0)
	if err != nil {
		return rep, err
	}
	rep = tensor.New(out.DType, out.Shape()...)
	return rep, g.prog.Read(0, rep)
}

// countedEntries reports which entries of a representation the loss counts:
// those in which it has a gradient where all of them differ from the target.
func countedEntries(target tensor.Tensor, loss synth.Loss, groups []synth.Group) ([]bool, error) {
	t := autograd.New(nil)
	defer t.Close()
	var slope autograd.Value
	if err := autograd.Try(func() {
		x := t.Var("representation", target).AddScalar(1)
		slope = autograd.Grad(loss.Loss(x, t.Const(target), groups), x)[0]
	}); err != nil {
		return nil, err
	}
	v, err := autograd.Eval(slope)
	if err != nil {
		return nil, err
	}
	counted := make([]bool, v.Len())
	for i := range counted {
		counted[i] = v.Load(i) != 0
	}
	return counted, nil
}

// makeParts lists the parts of a representation (1, C, S).
func makeParts(counted []bool, groups []synth.Group, channels int) []part {
	whole := part{name: "all"}
	for i, c := range counted {
		if c {
			whole.entries = append(whole.entries, i)
		}
	}
	parts := []part{whole}
	for _, group := range groups {
		p := part{name: group.Name}
		size := len(counted) / channels
		for c := range channels {
			for _, from := range group.From {
				if from >= 0 && counted[c*size+from] {
					p.entries = append(p.entries, c*size+from)
				}
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// measure finds what there is to say of one image.
func (g *judge) measure(x tensor.Tensor) (m measurement, err error) {
	rep, err := g.represent(x)
	if err != nil {
		return m, err
	}
	for _, p := range g.parts {
		sum := 0.0
		for _, i := range p.entries {
			d := rep.Load(i) - g.target.Load(i)
			sum += real(d)*real(d) + imag(d)*imag(d)
		}
		m.errors = append(m.errors, math.Sqrt(sum))
	}
	for i, v := range []*float64{&m.loss, &m.penalty, &m.share} {
		out, err := g.prog.Out(i + 1)
		if err != nil {
			return m, err
		}
		*v = out.LoadReal(0)
	}
	return m, nil
}

// remainders compares an image with the start.
func (g *judge) remainders(start, end measurement) []remainder {
	list := make([]remainder, len(g.parts))
	for i, p := range g.parts {
		list[i] = remainder{p.name, len(p.entries), start.errors[i], end.errors[i]}
	}
	return list
}
