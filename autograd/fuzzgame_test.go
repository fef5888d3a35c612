package autograd_test

import (
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

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
	log      []entry
}

// entry is a tensor that a game logged.
type entry struct {
	program int
	what    string
	index   int
	x       tensor.Tensor
}

func (e entry) String() string {
	return fmt.Sprintf("program %d, %s %d: %v", e.program, e.what, e.index, elements(e.x))
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
		g.log = append(g.log, entry{k, "output", i, outs[i]})
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
		g.log = append(g.log, entry{k, "var", i, x})
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
func replay(b autograd.Backend, f form, decisions []byte) (log []entry, err error) {
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
