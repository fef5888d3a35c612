package optest

import (
	"fmt"
	"math/cmplx"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Roundings that a value and a derivative may have.
const (
	valueRoundings      = 64
	derivativeRoundings = 512
)

// onBackend runs the op on c's backend with arguments of the given types that
// lie in memory in every way.
func (c *checker) onBackend(r *reference, s *autograd.Sample, in []tensor.Type) {
	x := c.draw.arguments(s, in)
	context := c.context
	for k := range patterns {
		if !patterns[k].applies(in) {
			continue
		}
		c.context = context + ", " + patterns[k].name
		c.run(r, s, x, func(int) *pattern { return &patterns[k] })
	}
	if len(in) > 1 {
		c.context = context + ", mixed"
		c.run(r, s, x, func(i int) *pattern { return &patterns[(len(patterns)-1+2*i)%len(patterns)] })
		c.context = context + ", one Value as several arguments"
		c.aliased(r, s, x)
	}
}

// newTape returns a Tape for the backend; the guards of earlier ones are
// checked and forgotten.
func (c *checker) newTape() *autograd.Tape {
	if c.guard != nil {
		c.guards()
		c.guard.blocks = c.guard.blocks[:0]
	}
	return autograd.New(c.backend)
}

// run checks value and derivatives for arguments x that lie as the patterns say.
func (c *checker) run(r *reference, s *autograd.Sample, x []tensor.Tensor, p func(i int) *pattern) {
	tape := c.newTape()
	defer tape.Close()
	places := make([]place, len(x))
	args, exact := make([]autograd.Value, len(x)), make([]tensor.Tensor, len(x))
	for i := range x {
		places[i] = p(i).put(tape, numbered("x", i), x[i])
		args[i], exact[i] = places[i].arg, convert(places[i].value, x[i].DType|1)
	}
	want := r.value(exact)
	if !finite(want) { // the pattern repeats elements that the op needs distinct
		return
	}
	y := tape.Apply(c.op, s.Attr, args...)
	c.value(tape, y, want, places)
	if len(x) == 0 {
		return
	}
	u := p(0).put(tape, "u", newDraws(c.op.Name, 7, -1, 1).tensor(y.Type()))
	d := autograd.VJP(y, u.arg, args...)
	got := c.outputs(tape, d)
	c.gradients(got, r.derivative(exact, u.value), y, args)
	if s.NotSmooth == "" && p(0).name == contiguous.name {
		c.secondOnBackend(r, tape, d, args, u, exact)
	}
}

// gradients compares a VJP with the definition's.
func (c *checker) gradients(got, want []tensor.Tensor, y autograd.Value, args []autograd.Value) {
	floor := 0.
	for _, w := range want {
		floor = max(floor, .1*rms(w))
	}
	for i := range args {
		if !c.differentiable() && rms(convert(got[i], got[i].DType|1)) != 0 {
			c.fail("there is no VJP, but the gradient of argument %d is not zero", i)
		}
		c.compare(fmt.Sprintf("gradient of argument %d", i), got[i], want[i], tolerance(derivativeRoundings, y.Type(), args[i].Type()), floor)
	}
}

// secondOnBackend compares the VJP of the VJP with the definition's.
func (c *checker) secondOnBackend(r *reference, tape *autograd.Tape, d, args []autograd.Value, u place, exact []tensor.Tensor) {
	w, wx := make([]autograd.Value, len(args)), make([]tensor.Tensor, len(args))
	draw := newDraws(c.op.Name, 8, -1, 1)
	for i, a := range args {
		x := draw.tensor(a.Type())
		w[i], wx[i] = tape.Var(numbered("w", i), x), x
	}
	wrt := append(slices.Clone(args), u.arg)
	got := c.outputs(tape, again(d, w, wrt))
	want := r.second(exact, u.value, wx)
	floor := 0.
	for _, x := range want {
		floor = max(floor, .1*rms(x))
	}
	types := make([]tensor.Type, len(wrt))
	for i, v := range wrt {
		types[i] = v.Type()
	}
	for i := range wrt {
		c.compare(fmt.Sprintf("second order, argument %d", i), got[i], want[i], tolerance(4*derivativeRoundings, types...), floor)
	}
}

// value runs the op by itself, twice, and checks what it reads and writes.
func (c *checker) value(tape *autograd.Tape, y autograd.Value, want tensor.Tensor, places []place) {
	p, err := tape.Compile([]autograd.Value{y}, autograd.Value{})
	if err != nil {
		c.fail("Compile: %v", err)
		return
	}
	defer p.Close()
	types := []tensor.Type{y.Type()}
	for _, pl := range places {
		types = append(types, pl.arg.Type())
	}
	var first []uint32
	for k := range 2 {
		out := c.once(tape, p)
		c.compare("value", out, want, tolerance(valueRoundings, types...), 0)
		if b := bits(out); k == 0 {
			first = b
		} else if !slices.Equal(first, b) {
			c.fail("a second run gives other bits")
		}
	}
	for i, pl := range places {
		now, err := tape.Get(pl.base)
		must(err)
		if !slices.Equal(bits(now), bits(pl.init)) {
			c.fail("running the op changed argument %d or the memory around it", i)
		}
	}
}

// once runs p, which has one output, in memory full of NaNs and returns the
// output; writes outside it are failures.
func (c *checker) once(tape *autograd.Tape, p *autograd.Program) tensor.Tensor {
	before, err := p.Out(0)
	must(err)
	single := c.guard != nil && p.Counts().Steps == 1
	if single {
		c.guard.fill(before.Mem)
	}
	must(p.Run())
	out, err := p.Out(0)
	must(err)
	if single {
		if err := c.guard.only(out); err != nil {
			c.fail("%v", err)
		}
	}
	c.guards()
	return convert(out, out.DType)
}

// guards fails if memory around a block was written.
func (c *checker) guards() {
	if c.guard == nil {
		return
	}
	if err := c.guard.check(); err != nil {
		c.fail("%v", err)
	}
}

// outputs compiles and runs what the Values need and returns them.
func (c *checker) outputs(tape *autograd.Tape, v []autograd.Value) []tensor.Tensor {
	p, err := tape.Compile(v, autograd.Value{})
	must(err)
	defer p.Close()
	must(p.Run())
	c.guards()
	out := make([]tensor.Tensor, len(v))
	for i := range out {
		x, err := p.Out(i)
		must(err)
		out[i] = convert(x, x.DType)
	}
	return out
}

// aliased gives one Value as every argument of the first argument's type that
// has a gradient, or of any argument if the op has none.
func (c *checker) aliased(r *reference, s *autograd.Sample, x []tensor.Tensor) {
	exact := make([]tensor.Tensor, len(x))
	for i := range x {
		exact[i] = convert(x[i], x[i].DType|1)
	}
	u := newDraws(c.op.Name, 9, -1, 1).tensor(r.u.Type())
	d := r.derivative(exact, u)
	lead, shared := -1, make([]bool, len(x))
	for i := range x {
		if c.differentiable() && rms(d[i]) == 0 {
			continue
		}
		if lead < 0 {
			lead = i
		}
		shared[i] = x[i].Type == x[lead].Type
	}
	tape := c.newTape()
	defer tape.Close()
	args := make([]autograd.Value, len(x))
	for i := range x {
		if shared[i] && i != lead {
			args[i], exact[i] = args[lead], exact[lead]
			continue
		}
		args[i] = tape.Var(numbered("x", i), x[i])
	}
	want := r.value(exact)
	if lead < 0 || !finite(want) {
		return
	}
	y := tape.Apply(c.op, s.Attr, args...)
	c.value(tape, y, want, nil)
	narrowed := convert(u, y.Type().DType)
	got := c.outputs(tape, autograd.VJP(y, tape.Var("u", narrowed), args[lead]))
	sum := tensor.New(exact[lead].DType, exact[lead].Shape()...)
	for i, d := range r.derivative(exact, narrowed) {
		if shared[i] {
			addScaled(sum, sum, 1, d)
		}
	}
	c.compare("gradient", got[0], sum, tolerance(derivativeRoundings, y.Type(), args[lead].Type()), rms(u))
}

// finite reports whether the contiguous x has neither NaN nor infinity.
func finite(x tensor.Tensor) bool {
	for i := range x.Len() {
		if v := x.Load(i); cmplx.IsNaN(v) || cmplx.IsInf(v) {
			return false
		}
	}
	return true
}
