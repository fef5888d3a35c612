package autograd

import "github.com/percept-go/percept/tensor"

var opMakeComplex, opReal, opImag, opConj, opTimesI, opUnit, opAngle, opAbs2, opRealDot, opPolar *Op

func toComplex(args int) func(any, []tensor.Type) (tensor.Type, error) {
	return func(attr any, in []tensor.Type) (tensor.Type, error) {
		t, err := realOnly(args)(attr, in)
		return t.With(t.DType.Complex()), err
	}
}

// toReal is the type rule of ops from complex (or also real) to real.
func toReal(args int) func(any, []tensor.Type) (tensor.Type, error) {
	return func(attr any, in []tensor.Type) (tensor.Type, error) {
		t, err := sameShape(args)(attr, in)
		return t.With(t.DType.Real()), err
	}
}

func init() {
	opMakeComplex = ew(Op{Name: "complex", Doc: "complex number of real and imaginary part", Linear: linearAll, CUDA: "make(x,y)", Type: toComplex(2),
		VJP:     func(n Node, g Value) []Value { return []Value{g.Real(), g.Imag()} },
		Samples: sample(-1, 1, f64(2, 3), f64(2, 3))}, 2, named("cmake"))
	opReal = ew(Op{Name: "real", Doc: "real part", Linear: 1, CUDA: "x.re", Type: toReal(1),
		VJP:     func(n Node, g Value) []Value { return []Value{g.Complex()} },
		Samples: sample(-1, 1, c128(5))}, 1, named("creal"))
	opImag = ew(Op{Name: "imag", Doc: "imaginary part", Linear: 1, CUDA: "x.im", Type: toReal(1),
		VJP:     func(n Node, g Value) []Value { return []Value{MakeComplex(g.tape.Zeros(g.Type()), g)} },
		Samples: sample(-1, 1, c128(5))}, 1, named("cimag"))
	opConj = ew(Op{Name: "conj", Doc: "complex conjugate", Linear: 1, CUDA: "conj(x)", Type: sameShape(1),
		VJP:     func(n Node, g Value) []Value { return []Value{g.Conj()} },
		Samples: sample(-1, 1, c128(5))}, 1, named("conj"))
	opTimesI = ew(Op{Name: "times-i", Doc: "product with the imaginary unit", Linear: 1, CUDA: "make(-x.im,x.re)", Type: sameShape(1),
		VJP:     func(n Node, g Value) []Value { return []Value{g.TimesI().Neg()} },
		Samples: sample(-1, 1, c128(5))}, 1, named("ctimesi"))
	opUnit = ew(Op{Name: "unit", Doc: "x/|x|, 0 at 0; gradient 0 at 0", CUDA: "unit(x)", Type: sameShape(1),
		VJP: func(n Node, g Value) []Value {
			// d(x/|x|) turns x's phase only: the component of dx along i·u, over |x|.
			r := n.In[0].Abs()
			inv := Where(r.Eq(r.tape.Scalar(r.Type().DType, 0)), r, r.Reciprocal())
			iu := n.Out.TimesI()
			return []Value{iu.Mul(iu.RealDot(g).Mul(inv))}
		},
		Samples: sample(.2, 1, c128(5))}, 1, named("cunit"))
	opAngle = ew(Op{Name: "angle", Doc: "phase in (−π, π]; gradient 0 at 0", CUDA: "atan2(x.im,x.re)", Type: toReal(1),
		VJP: func(n Node, g Value) []Value {
			r := n.In[0].Abs()
			inv := Where(r.Eq(r.tape.Scalar(r.Type().DType, 0)), r, r.Reciprocal())
			return []Value{n.In[0].Unit().TimesI().Mul(g.Mul(inv))}
		},
		Samples: sample(.2, 1, c128(5))}, 1, named("cangle"))
	opAbs2 = ew(Op{Name: "abs2", Doc: "squared modulus", CUDA: "x.re*x.re+x.im*x.im", Type: toReal(1),
		VJP:     func(n Node, g Value) []Value { return []Value{n.In[0].Mul(g.Scale(2))} },
		Samples: sample(-1, 1, c128(5))}, 1, named("cabs2"))
	opRealDot = ew(Op{Name: "real-dot", Doc: "real part of conj(x)·y", Linear: linearAll, CUDA: "x.re*y.re+x.im*y.im", Type: toReal(2),
		VJP:     func(n Node, g Value) []Value { return []Value{n.In[1].Mul(g), n.In[0].Mul(g)} },
		Samples: sample(-1, 1, c128(5), c128(5))}, 2, named("cdot"))
	opPolar = ew(Op{Name: "polar", Doc: "complex number of amplitude and phase", Linear: 1, CUDA: "make(x*cos(y),x*sin(y))", Type: toComplex(2),
		VJP: func(n Node, g Value) []Value {
			unit := n.In[1].tape.Full(n.In[1].Type(), 1).Polar(n.In[1])
			return []Value{unit.RealDot(g), n.Out.TimesI().RealDot(g)}
		},
		Samples: sample(.2, 2, f64(5), f64(5))}, 2, named("cpolar"))
}

// MakeComplex returns re + i·im, broadcast.
func MakeComplex(re, im Value) Value { return elementwise(opMakeComplex, nil, re, im) }

// Complex returns x as a complex value with zero imaginary part; a complex x
// is returned as it is.
func (x Value) Complex() Value {
	if x.Type().DType.IsComplex() {
		return x
	}
	return MakeComplex(x, x.tape.Zeros(x.Type()))
}

// Real returns the real part of x.
func (x Value) Real() Value {
	if !x.Type().DType.IsComplex() {
		return x
	}
	if n := x.node(); n.op == opMakeComplex {
		return Value{x.tape, n.args[0]}
	}
	return elementwise(opReal, nil, x)
}

// Imag returns the imaginary part of x, zero for a real x.
func (x Value) Imag() Value {
	if !x.Type().DType.IsComplex() {
		return x.tape.Zeros(x.Type())
	}
	if n := x.node(); n.op == opMakeComplex {
		return Value{x.tape, n.args[1]}
	}
	return elementwise(opImag, nil, x)
}

// Conj returns the complex conjugate of x; a real x is returned as it is.
func (x Value) Conj() Value {
	if !x.Type().DType.IsComplex() {
		return x
	}
	if n := x.node(); n.op == opConj {
		return Value{x.tape, n.args[0]}
	}
	return elementwise(opConj, nil, x)
}

// TimesI returns i·x.
func (x Value) TimesI() Value { return elementwise(opTimesI, nil, x.Complex()) }

// Unit returns x/|x|, and 0 at 0, where its gradient is 0 too.
func (x Value) Unit() Value { return elementwise(opUnit, nil, x.Complex()) }

// Angle returns the phase of x in (−π, π]; its gradient is 0 at 0.
func (x Value) Angle() Value { return elementwise(opAngle, nil, x.Complex()) }

// Abs2 returns |x|², real.
func (x Value) Abs2() Value {
	if !x.Type().DType.IsComplex() {
		return x.Square()
	}
	return elementwise(opAbs2, nil, x)
}

// RealDot returns Re(conj(x)·y), element by element, broadcast.
func (x Value) RealDot(y Value) Value {
	if !x.Type().DType.IsComplex() {
		return x.Mul(y.Real())
	}
	if !y.Type().DType.IsComplex() {
		return x.Real().Mul(y)
	}
	return elementwise(opRealDot, nil, x, y)
}

// Polar returns the complex number of amplitude x and the given phase, broadcast.
func (x Value) Polar(phase Value) Value { return elementwise(opPolar, nil, x, phase) }
