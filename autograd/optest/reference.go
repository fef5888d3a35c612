package optest

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// reference computes an op and its derivatives in double precision by
// definition: Eval, or the composition that Lower gives, op by op.
type reference struct {
	op   *autograd.Op
	attr any
	in   []tensor.Type
	out  tensor.Type // of Eval's result
	tape *autograd.Tape

	x, w []autograd.Value
	u    autograd.Value
	y    *autograd.Program   // the value, of an op with Lower
	d    *autograd.Program   // the VJP
	dd   *autograd.Program   // the VJP of the VJP, with respect to x and u
	j    []*autograd.Program // the JVP along w, by argument; nil until needed
}

// newReference prepares op on arguments of the given types, widened.
func newReference(op *autograd.Op, attr any, in []tensor.Type) (r *reference, err error) {
	r = &reference{op: op, attr: attr, in: wideAll(in)}
	err = autograd.Try(func() { err = r.build() })
	return r, err
}

func (r *reference) build() error {
	typ, err := r.op.Type(r.attr, r.in)
	if err != nil {
		return err
	}
	r.out = wide(typ)
	r.tape = autograd.New(&Device{})
	for i, t := range r.in {
		r.x = append(r.x, r.tape.Var(numbered("x", i), tensor.New(t.DType, t.Shape()...)))
		r.w = append(r.w, r.tape.Var(numbered("w", i), tensor.New(t.DType, t.Shape()...)))
	}
	y := r.tape.Apply(r.op, r.attr, r.x...)
	r.u = r.tape.Var("u", tensor.New(typ.DType, typ.Shape()...))
	if r.y, err = r.tape.Compile([]autograd.Value{y}, autograd.Value{}); err != nil || len(r.x) == 0 {
		return err
	}
	d := autograd.VJP(y, r.u, r.x...)
	if r.d, err = r.tape.Compile(d, autograd.Value{}); err != nil {
		return err
	}
	dd := again(d, r.w, append(append([]autograd.Value(nil), r.x...), r.u))
	r.dd, err = r.tape.Compile(dd, autograd.Value{})
	return err
}

// again returns the gradient of Σ ⟨wᵢ, dᵢ⟩ with respect to each of x.
func again(d, w, x []autograd.Value) []autograd.Value {
	parts := make([][]autograd.Value, len(x))
	for i := range d {
		for k, g := range autograd.VJP(d[i], w[i], x...) {
			parts[k] = append(parts[k], g)
		}
	}
	sum := make([]autograd.Value, len(x))
	for k, p := range parts {
		sum[k] = autograd.Sum(p...)
	}
	return sum
}

// value returns the op's result.
func (r *reference) value(x []tensor.Tensor) tensor.Tensor {
	if r.op.Eval != nil {
		out := tensor.New(r.out.DType, r.out.Shape()...)
		r.op.Eval(r.attr, out, x)
		return out
	}
	r.set(r.x, x)
	return r.run(r.y, 1)[0]
}

// derivative returns the VJP with the cotangent u.
func (r *reference) derivative(x []tensor.Tensor, u tensor.Tensor) []tensor.Tensor {
	r.set(r.x, x)
	r.set([]autograd.Value{r.u}, []tensor.Tensor{u})
	return r.run(r.d, len(x))
}

// second returns the gradient of Σ ⟨wᵢ, VJPᵢ⟩ with respect to x and u.
func (r *reference) second(x []tensor.Tensor, u tensor.Tensor, w []tensor.Tensor) []tensor.Tensor {
	r.set(r.x, x)
	r.set(r.w, w)
	r.set([]autograd.Value{r.u}, []tensor.Tensor{u})
	return r.run(r.dd, len(x)+1)
}

// tangent returns the JVP along w of argument i.
func (r *reference) tangent(i int, x []tensor.Tensor, w tensor.Tensor) (tensor.Tensor, error) {
	if r.j == nil {
		r.j = make([]*autograd.Program, len(x))
	}
	if r.j[i] == nil {
		y := r.tape.Apply(r.op, r.attr, r.x...)
		p, err := r.tape.Compile([]autograd.Value{autograd.JVP(y, r.x[i], r.w[i])}, autograd.Value{})
		if err != nil {
			return tensor.Tensor{}, err
		}
		r.j[i] = p
	}
	r.set(r.x, x)
	r.set(r.w[i:i+1], []tensor.Tensor{w})
	return r.run(r.j[i], 1)[0], nil
}

// set gives Vars new values, converted to their types.
func (r *reference) set(v []autograd.Value, x []tensor.Tensor) {
	for i := range v {
		must(r.tape.Set(v[i], convert(x[i], v[i].Type().DType)))
	}
}

// run runs p and returns its outputs.
func (r *reference) run(p *autograd.Program, outputs int) []tensor.Tensor {
	must(p.Run())
	out := make([]tensor.Tensor, outputs)
	for i := range out {
		x, err := p.Out(i)
		must(err)
		out[i] = convert(x, x.DType|1)
	}
	return out
}

// must panics if err is not nil; Check turns that into a failure.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
