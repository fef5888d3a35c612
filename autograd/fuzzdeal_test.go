package autograd_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/percept-go/percept/autograd"
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
