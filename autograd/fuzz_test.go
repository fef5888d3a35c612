package autograd_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/tensor"
)

// source gives decisions; when it is exhausted, it gives zeros.
type source struct {
	bytes []byte
	at    int
}

func (s *source) pick(n int) int {
	if s.at >= len(s.bytes) {
		return 0
	}
	s.at++
	return int(s.bytes[s.at-1]) % max(n, 1)
}

func (s *source) done() bool { return s.at >= len(s.bytes) }

// dealer records a random graph on a Tape.
type dealer struct {
	*source
	tape   *autograd.Tape
	vars   []autograd.Value
	values []autograd.Value
	slot   autograd.Value // (2,), or a scalar
	scalar autograd.Value
}

// mostElements bounds the values of a random graph.
const mostElements = 600

func typ(d tensor.DType, shape ...int) tensor.Type { return tensor.MakeType(d, shape...) }

// noise returns a tensor of values in (-1, 1) that depend on the seed alone.
func noise(seed uint64, t tensor.Type) tensor.Tensor {
	rng := rand.New(rand.NewPCG(seed, 7))
	x := tensor.New(t.DType, t.Shape()...)
	for i := range x.Len() {
		x.Store(i, complex(2*rng.Float64()-1, 2*rng.Float64()-1))
	}
	return x
}

func newDealer(tape *autograd.Tape, s *source) *dealer {
	d := &dealer{source: s, tape: tape}
	for i, t := range []tensor.Type{
		typ(tensor.Float64, 2, 3, 4), typ(tensor.Float64, 2, 3, 4), typ(tensor.Float64, 2, 4), typ(tensor.Float64),
		typ(tensor.Complex128, 2, 5), typ(tensor.Float32, 2, 3, 4), typ(tensor.Float64, 2, 3), typ(tensor.Float64, 3, 3),
	} {
		d.vars = append(d.vars, tape.Var(fmt.Sprint("v", i), noise(uint64(i), t)))
	}
	d.slot = tape.Var("slot", tensor.Of([]float64{0, 2}))
	d.scalar = tape.Var("scalar", tensor.Scalar(1))
	c := noise(20, typ(tensor.Float64, 5, 8, 3))
	window := c.Crop(0, 1, 5, 2).Crop(1, 2, 6, 1).Permute(0, 2, 1)
	d.values = append(slices.Clone(d.vars), tape.Const(window), tape.Const(noise(21, typ(tensor.Float64, 4))),
		tape.Const(noise(22, typ(tensor.Complex128, 5))), tape.Scalar(tensor.Float64, .5))
	return d
}

// value picks a value, more often a late one.
func (d *dealer) value() autograd.Value {
	n := len(d.values)
	if k := d.pick(2*n) - n; k >= 0 {
		return d.values[k]
	}
	return d.values[n-1-d.pick(min(n, 4))]
}

// real picks a value and makes it real, kind likewise of one element type.
func (d *dealer) real() autograd.Value {
	v := d.value()
	if v.Type().DType.IsComplex() {
		return [...]func(autograd.Value) autograd.Value{autograd.Value.Real, autograd.Value.Imag, autograd.Value.Abs, autograd.Value.Angle, autograd.Value.Abs2}[d.pick(5)](v)
	}
	return v
}

// axis picks an axis of v, or panics as a constructor does.
func (d *dealer) axis(v autograd.Value) int { return d.pick(max(int(v.Type().Rank), 1)) }

// pair picks two values of one precision.
func (d *dealer) pair() (x, y autograd.Value) {
	x, y = d.real(), d.real()
	return x, y.Cast(x.Type().DType)
}

// moves are what a dealer can record next; those that do not fit panic with
// *autograd.Error and are passed over.
var moves = []func(d *dealer) autograd.Value{
	func(d *dealer) autograd.Value {
		f := [...]func(autograd.Value) autograd.Value{autograd.Value.Sin, autograd.Value.Tanh, autograd.Value.Sigmoid, autograd.Value.Square,
			autograd.Value.Abs, autograd.Value.Relu, autograd.Value.Neg, autograd.Value.Step, autograd.Value.Erf, autograd.Value.Softplus,
			autograd.Value.Cos, autograd.Value.Sign, autograd.Value.Expm1}
		return f[d.pick(len(f))](d.real())
	},
	func(d *dealer) autograd.Value {
		f := [...]func(x, y autograd.Value) autograd.Value{autograd.Value.Add, autograd.Value.Sub, autograd.Value.Mul, autograd.Value.Min,
			autograd.Value.Max, autograd.Value.Lt, autograd.Value.Ge, autograd.Atan2}
		x, y := d.pair()
		return f[d.pick(len(f))](x, y)
	},
	func(d *dealer) autograd.Value { x, y := d.pair(); return autograd.Where(x.Lt(y), x, y.Neg()) },
	func(d *dealer) autograd.Value { x, y := d.pair(); return x.Div(y.Square().AddScalar(1)) },
	func(d *dealer) autograd.Value { return d.value().Scale(float64(d.pick(5)) - 2) },
	func(d *dealer) autograd.Value { return d.real().AddScalar(float64(d.pick(5)) - 2) },
	func(d *dealer) autograd.Value { return d.real().Clamp(-.5, .25) },
	func(d *dealer) autograd.Value {
		x, y, z := d.value(), d.value(), d.value()
		c := x.Type().DType
		return autograd.Sum(x, y.Cast(c), z.Cast(c))
	},
	// complex
	func(d *dealer) autograd.Value { x, y := d.pair(); return autograd.MakeComplex(x, y) },
	func(d *dealer) autograd.Value { x, y := d.pair(); return x.Polar(y) },
	func(d *dealer) autograd.Value {
		f := [...]func(autograd.Value) autograd.Value{autograd.Value.Conj, autograd.Value.Unit, autograd.Value.TimesI, autograd.Value.Square, autograd.Value.Neg}
		return f[d.pick(len(f))](d.value())
	},
	func(d *dealer) autograd.Value {
		x, y := d.value(), d.value()
		return x.Mul(y.Cast(y.Type().DType&2 | x.Type().DType&1))
	},
	func(d *dealer) autograd.Value { x, y := d.value(), d.value(); return x.Complex().RealDot(y.Complex()) },
	func(d *dealer) autograd.Value { v := d.value(); return v.FFT(autograd.Ortho, d.axis(v)) },
	func(d *dealer) autograd.Value { v := d.value(); return v.IFFT(autograd.Backward) },
	func(d *dealer) autograd.Value { v := d.real(); return v.RFFT(autograd.Ortho, d.axis(v)) },
	func(d *dealer) autograd.Value {
		v := d.value()
		a := d.axis(v)
		return v.IRFFT(autograd.Ortho, 2*v.Type().Dim[a]-1-d.pick(2), a)
	},
	// reductions
	func(d *dealer) autograd.Value { v := d.value(); return v.Sum(d.axis(v)) },
	func(d *dealer) autograd.Value { v := d.value(); return v.MeanKeep(d.axis(v)) },
	func(d *dealer) autograd.Value { return d.value().MeanWide() },
	func(d *dealer) autograd.Value { v := d.real(); return v.ReduceMax(d.axis(v)) },
	func(d *dealer) autograd.Value { v := d.real(); return v.Tanh().LogSumExp(d.axis(v)) },
	func(d *dealer) autograd.Value { v := d.real(); return v.Variance(true, d.axis(v)) },
	// movement
	func(d *dealer) autograd.Value { v := d.value(); return v.Flip(d.axis(v)) },
	func(d *dealer) autograd.Value {
		v := d.value()
		a := d.axis(v)
		lo := d.pick(2)
		return v.CropStep(a, lo, v.Type().Dim[a]-d.pick(2), 1+d.pick(2))
	},
	func(d *dealer) autograd.Value {
		v := d.value()
		p := rand.New(rand.NewPCG(uint64(d.pick(6)), 1)).Perm(int(v.Type().Rank))
		return v.Permute(p...)
	},
	func(d *dealer) autograd.Value { return d.value().Reshape(-1) },
	func(d *dealer) autograd.Value { return d.value().Reshape(2, -1) },
	func(d *dealer) autograd.Value {
		v := d.value()
		return v.Expand(append([]int{2}, v.Type().Shape()...)...)
	},
	func(d *dealer) autograd.Value {
		v := d.value()
		a := d.axis(v)
		return v.Gather(a, []int{d.pick(v.Type().Dim[a]), 0, v.Type().Dim[a] - 1})
	},
	func(d *dealer) autograd.Value { v := d.value(); return v.Roll([]int{d.pick(5) - 2}, d.axis(v)) },
	func(d *dealer) autograd.Value {
		return d.value().Pad(autograd.PadMode(d.pick(4)), [2]int{d.pick(3), d.pick(2)})
	},
	func(d *dealer) autograd.Value {
		x, y := d.value(), d.value()
		return autograd.Concat(d.axis(x), x, y.Cast(x.Type().DType))
	},
	func(d *dealer) autograd.Value {
		x, y := d.value(), d.value()
		return autograd.Einsum("...i,...i->...", x, y.Cast(y.Type().DType&2|x.Type().DType&1))
	},
	func(d *dealer) autograd.Value { x, y := d.pair(); return autograd.Einsum("bij,bkj->bik", x, y) },
	func(d *dealer) autograd.Value { v := d.value(); return v.Cast(v.Type().DType ^ 1) },
	func(d *dealer) autograd.Value { return d.value().StopGradient() },
	func(d *dealer) autograd.Value { return d.value().Pin() },
	func(d *dealer) autograd.Value { return d.vars[d.pick(2)].Row(d.slot) },
	func(d *dealer) autograd.Value { return d.vars[7].Row(d.scalar) },
	// derivatives
	func(d *dealer) autograd.Value {
		return autograd.Grad(d.real().Sum(), d.vars[d.pick(len(d.vars))])[0]
	},
	func(d *dealer) autograd.Value {
		y, x := d.value(), d.vars[d.pick(len(d.vars))]
		return autograd.JVP(y, x, x.Scale(.5))
	},
}

// grow records up to n values.
func (d *dealer) grow(n int) {
	for range n {
		if d.done() {
			return
		}
		m := moves[d.pick(len(moves))]
		var v autograd.Value
		err := autograd.Try(func() { v = m(d) })
		if err == nil && v.Type().Len() <= mostElements && v.Type().Rank <= 5 {
			d.values = append(d.values, v)
		}
	}
}

// like picks a value and brings it to the type t, bounded so that states do
// not grow without end; some are Vars and views of Vars.
func (d *dealer) like(t tensor.Type) autograd.Value {
	v := d.value()
	for try := 0; try < 4 && !v.Type().SameShape(t); try++ {
		v = d.value()
	}
	if !v.Type().SameShape(t) {
		v = v.Mean()
	}
	v = v.Cast(t.DType)
	if d.pick(3) > 0 && !t.DType.IsComplex() {
		v = v.Tanh()
	} else if t.DType.IsComplex() {
		v = v.Unit()
	}
	return v.Expand(t.Shape()...)
}

// plan is what one Program computes.
type plan struct {
	outs    []autograd.Value
	guard   autograd.Value
	updates []autograd.Update
}

func (d *dealer) plan() plan {
	var p plan
	for range d.pick(4) {
		p.outs = append(p.outs, d.value())
	}
	if d.pick(2) == 1 {
		p.guard = d.like(typ(tensor.Float64, 2)).Ge(d.tape.Scalar(tensor.Float64, .1*float64(d.pick(5))))
	}
	images := d.vars[:3]
	for _, v := range images {
		switch d.pick(4) {
		case 1, 2:
			p.updates = append(p.updates, v.Becomes(d.like(v.Type())))
		case 3:
			if v.Type().Rank == 3 {
				row := typ(v.Type().DType, 2, v.Type().Dim[2])
				p.updates = append(p.updates, v.RowBecomes(d.slot, d.like(row)))
			}
		}
	}
	if d.pick(2) == 1 {
		p.updates = append(p.updates, d.slot.Becomes(autograd.Where(d.slot.Ge(d.tape.Scalar(tensor.Float64, 2)), d.tape.Scalar(tensor.Float64, 0), d.slot.AddScalar(1))))
	}
	if !p.guard.Valid() {
		for _, v := range d.vars[3:] {
			if d.pick(3) == 0 {
				p.updates = append(p.updates, v.Becomes(d.like(v.Type())))
			}
		}
		if d.pick(4) == 0 {
			p.updates = append(p.updates, d.vars[7].RowBecomes(d.scalar, d.like(typ(tensor.Float64, 3))))
			p.updates = slices.DeleteFunc(p.updates, func(u autograd.Update) bool { return u.Var == d.vars[7] && !u.Slot.Valid() })
		}
	}
	return p
}

// game is one random graph: its Tape, and the Programs compiled so far.
type game struct {
	*dealer
	form     form
	programs []*autograd.Program
	plans    []plan
	log      []string
}

// compile deals a Program. By hand, it computes the new values of Vars, slots
// and guard as further outputs.
func (g *game) compile() error {
	p := g.plan()
	outs, guard, updates := p.outs, p.guard, p.updates
	if g.form.byHand {
		for _, u := range updates {
			outs = append(slices.Clip(outs), u.Value)
			if u.Slot.Valid() {
				outs = append(outs, u.Slot)
			}
		}
		if guard.Valid() {
			outs = append(slices.Clip(outs), guard)
		}
		guard, updates = autograd.Value{}, nil
	}
	program, err := g.tape.CompileWith(g.form.passes, outs, guard, updates...)
	g.programs, g.plans = append(g.programs, program), append(g.plans, p)
	return err
}

// run runs Program k and logs its outputs and all Vars.
func (g *game) run(k int) error {
	p, plan := g.programs[k], g.plans[k]
	if err := p.Run(); err != nil {
		return err
	}
	outs := make([]tensor.Tensor, len(p.Outs()))
	for i := range outs {
		x, err := p.Out(i)
		if err != nil {
			return err
		}
		outs[i] = tensor.New(x.DType, x.Shape()...)
		tensor.Copy(outs[i], x)
	}
	for i := range plan.outs {
		g.log = append(g.log, fmt.Sprintf("program %d, output %d: %v", k, i, digits(outs[i])))
	}
	if g.form.byHand {
		if err := g.store(plan, outs[len(plan.outs):]); err != nil {
			return err
		}
	}
	for i, v := range g.tape.Vars() {
		x, err := g.tape.Get(v)
		if err != nil {
			return err
		}
		g.log = append(g.log, fmt.Sprintf("after program %d, var %d: %v", k, i, digits(x)))
	}
	return nil
}

// store does the updates of a plan as the documentation of Update and Compile
// says, given what they were computed to.
func (g *game) store(p plan, computed []tensor.Tensor) error {
	passes := func(image int) bool { return true }
	if p.guard.Valid() {
		guard := tensor.Floats(computed[len(computed)-1])
		passes = func(image int) bool { return guard[image] != 0 }
	}
	for _, u := range p.updates {
		x, err := g.tape.Get(u.Var)
		if err != nil {
			return err
		}
		value := computed[0]
		computed = computed[1:]
		switch {
		case u.Slot.Valid() && u.Slot.Type().Rank == 0:
			k := int(tensor.Floats(computed[0])[0])
			computed = computed[1:]
			row, _ := x.Crop(0, k, k+1, 1).Reshape(value.Shape()...)
			tensor.Copy(row, value)
		case u.Slot.Valid():
			slots := tensor.Floats(computed[0])
			computed = computed[1:]
			for n, k := range slots {
				if passes(n) {
					row, _ := x.Crop(0, n, n+1, 1).Crop(1, int(k), int(k)+1, 1).Reshape(1, x.Dim[2])
					tensor.Copy(row, value.Crop(0, n, n+1, 1))
				}
			}
		case !p.guard.Valid():
			tensor.Copy(x, value)
		default:
			for n := range x.Dim[0] {
				if passes(n) {
					tensor.Copy(x.Crop(0, n, n+1, 1), value.Crop(0, n, n+1, 1))
				}
			}
		}
		if err := g.tape.Set(u.Var, x); err != nil {
			return err
		}
	}
	return nil
}

// replay plays the game that the decisions make on a Tape for b: two Programs,
// run in turns. It returns all outputs and states, bit by bit.
func replay(b autograd.Backend, f form, decisions []byte) (log []string, err error) {
	tape := autograd.New(b)
	defer tape.Close()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	g := &game{dealer: newDealer(tape, &source{bytes: decisions}), form: f}
	for _, do := range []func() error{
		func() error { g.grow(12); return g.compile() },
		func() error { return g.run(0) },
		func() error { return g.run(0) },
		func() error { g.grow(25); return g.compile() }, // the arena grows, or not
		func() error { return g.run(0) },
		func() error { return g.run(1) },
		func() error { return g.run(0) },
	} {
		if err := do(); err != nil {
			return nil, err
		}
	}
	return g.log, nil
}

// digits writes the elements of x so that different bits look different; any
// NaN is NaN, and the sign of zero counts.
func digits(x tensor.Tensor) []complex128 {
	c := tensor.New(tensor.Complex128, x.Shape()...)
	tensor.Copy(c, x)
	return tensor.Slice[complex128](c)
}

// form is a way to compile; byHand, the updates are made by the test.
type form struct {
	passes autograd.Passes
	byHand bool
}

// forms are the ways that must agree bit by bit, by backend.
var forms = []struct {
	backend func() autograd.Backend
	forms   []form
}{
	{func() autograd.Backend { return autograd.CPU{Threads: 1} }, []form{
		{},
		{passes: autograd.Passes{NoHoist: true, NoFuse: true, NoPlan: true}, byHand: true},
		{passes: autograd.Passes{NoFuse: true, NoPlan: true}},
		{passes: autograd.Passes{NoHoist: true, NoPlan: true}},
		{passes: autograd.Passes{NoHoist: true, NoFuse: true}},
	}},
	{func() autograd.Backend { return &optest.Device{} }, []form{{}, {passes: autograd.Passes{NoHoist: true, NoFuse: true, NoPlan: true}}}},
}

// disagreement returns how the forms of one graph differ, or "".
func disagreement(decisions []byte) string {
	for _, b := range forms {
		var want []string
		for i, f := range b.forms {
			got, err := replay(b.backend(), f, decisions)
			if err != nil {
				return fmt.Sprintf("%T %+v: %v", b.backend(), f, err)
			}
			if i == 0 {
				want = got
			}
			for k := range want {
				if got[k] != want[k] {
					return fmt.Sprintf("%T %+v: %s\nwith all passes: %s", b.backend(), f, got[k], want[k])
				}
			}
		}
	}
	return ""
}

// shrink removes decisions as long as the forms still disagree.
func shrink(decisions []byte) []byte {
	for size := len(decisions) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(decisions); {
			less := slices.Concat(decisions[:at], decisions[at+size:])
			if disagreement(less) != "" {
				decisions = less
			} else {
				at += size
			}
		}
	}
	return decisions
}

func checkGraph(t *testing.T, decisions []byte) {
	t.Helper()
	if disagreement(decisions) == "" {
		return
	}
	least := shrink(decisions)
	t.Fatalf("the decisions %s give graphs that differ:\n%s", hex.EncodeToString(least), disagreement(least))
}

// decisionsOf returns the decisions of a seed.
func decisionsOf(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 99))
	b := make([]byte, 160)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestRandomGraphs(t *testing.T) {
	graphs := 300
	if testing.Short() {
		graphs = 60
	}
	for seed := range graphs {
		checkGraph(t, decisionsOf(uint64(seed)))
	}
}

func FuzzGraph(f *testing.F) {
	for seed := range 4 {
		f.Add(decisionsOf(uint64(seed)))
	}
	f.Fuzz(func(t *testing.T, decisions []byte) {
		if len(decisions) > 1000 {
			t.Skip("longer graphs find no more and take long")
		}
		checkGraph(t, decisions)
	})
}
