package autograd

import (
	"math"

	"github.com/percept-go/percept/tensor"
)

var opExp, opLog, opLog1p, opExpm1, opSqrt, opRecip, opSin, opCos, opTanh, opSigmoid, opRelu, opErf, opSoftplus, opStep, opSign, opNeg, opSquare, opAbs *Op

// one returns the constant 1 of x's real precision, to broadcast.
func (x Value) one() Value { return x.tape.Scalar(x.Type().DType.Real(), 1) }

func unary(name, doc, cuda string, lo, hi float64, vjp func(x, y, g Value) Value) *Op {
	return ew(Op{Name: name, Doc: doc, CUDA: cuda, Samples: sample(lo, hi, f64(2, 3)),
		VJP: func(n Node, g Value) []Value { return []Value{vjp(n.In[0], n.Out, g)} },
	}, 1, named(name))
}

func init() {
	opExp = unary("exp", "eˣ", "exp(x)", -2, 2, func(x, y, g Value) Value { return g.Mul(y) })
	opLog = unary("log", "natural logarithm", "log(x)", .2, 3, func(x, y, g Value) Value { return g.Div(x) })
	opLog1p = unary("log1p", "ln(1+x)", "log1p(x)", -.5, 3, func(x, y, g Value) Value { return g.Div(x.AddScalar(1)) })
	opExpm1 = unary("expm1", "eˣ−1", "expm1(x)", -2, 2, func(x, y, g Value) Value { return g.Mul(y.AddScalar(1)) })
	opSqrt = unary("sqrt", "square root", "sqrt(x)", .1, 4, func(x, y, g Value) Value { return g.Div(y.Scale(2)) })
	opRecip = unary("recip", "1/x", "1/x", .3, 2, func(x, y, g Value) Value { return g.Mul(y.Square()).Neg() })
	opSin = unary("sin", "sine", "sin(x)", -4, 4, func(x, y, g Value) Value { return g.Mul(x.Cos()) })
	opCos = unary("cos", "cosine", "cos(x)", -4, 4, func(x, y, g Value) Value { return g.Mul(x.Sin()).Neg() })
	opTanh = unary("tanh", "hyperbolic tangent", "tanh(x)", -2, 2, func(x, y, g Value) Value { return g.Mul(x.one().Sub(y.Square())) })
	opSigmoid = unary("sigmoid", "1/(1+e⁻ˣ)", "1/(1+exp(-x))", -3, 3, func(x, y, g Value) Value { return g.Mul(y.Mul(x.one().Sub(y))) })
	opRelu = unary("relu", "max(x, 0); gradient 0 at 0", "x<0?0:x", -2, 2, func(x, y, g Value) Value { return g.Mul(x.Step()) })
	opErf = unary("erf", "error function", "erf(x)", -2, 2, func(x, y, g Value) Value {
		return g.Mul(x.Square().Neg().Exp().Scale(2 / math.Sqrt(math.Pi)))
	})
	opSoftplus = unary("softplus", "ln(1+eˣ), linear above 20", "x>20?x:log1p(exp(x))", -3, 3, func(x, y, g Value) Value {
		linear := x.Gt(x.tape.Scalar(x.Type().DType, 20))
		return g.Mul(Where(linear, x.one(), x.Sigmoid()))
	})
	opStep = ew(Op{Name: "step", Doc: "1 where x > 0, else 0", CUDA: "x>0?1:0",
		Samples: []Sample{{In: types(f64(2, 3)), NotSmooth: "piecewise constant"}}}, 1, named("step"))
	opSign = ew(Op{Name: "sign", Doc: "sign of x, 0 at 0", CUDA: "x>0?1:x<0?-1:x",
		Samples: []Sample{{In: types(f64(2, 3)), NotSmooth: "piecewise constant"}}}, 1, named("sign"))

	opNeg = ew(Op{Name: "neg", Doc: "minus x", Linear: 1, CUDA: "-x", Type: sameShape(1),
		VJP:     func(n Node, g Value) []Value { return []Value{g.Neg()} },
		Samples: []Sample{{In: types(f64(2, 3))}, {In: types(c128(4))}}}, 1, named("neg"))
	opSquare = ew(Op{Name: "square", Doc: "x²", CUDA: "x*x", Type: sameShape(1),
		VJP:     func(n Node, g Value) []Value { return []Value{g.Mul(n.In[0].Conj().Scale(2))} },
		Samples: []Sample{{In: types(f64(2, 3))}, {In: types(c128(4))}}}, 1, byComplex("square", "csquare"))
	opAbs = ew(Op{Name: "abs", Doc: "absolute value or modulus, real; gradient 0 at 0", CUDA: "fabs(x)",
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			t, err := sameShape(1)(attr, in)
			return t.With(t.DType.Real()), err
		},
		VJP: func(n Node, g Value) []Value {
			if n.In[0].Type().DType.IsComplex() {
				return []Value{n.In[0].Unit().Mul(g)}
			}
			return []Value{g.Mul(n.In[0].Sign())}
		},
		Samples: []Sample{{In: types(f64(2, 3))}, {In: types(c128(4))}}}, 1, byComplex("abs", "cabs"))
}

// Neg returns −x.
func (x Value) Neg() Value {
	if n := x.node(); n.op == opNeg {
		return Value{x.tape, n.args[0]}
	}
	return elementwise(opNeg, nil, x)
}

// Exp returns eˣ for a real x.
func (x Value) Exp() Value { return elementwise(opExp, nil, x) }

// Log returns the natural logarithm of a real x.
func (x Value) Log() Value { return elementwise(opLog, nil, x) }

// Log1p returns ln(1+x) for a real x.
func (x Value) Log1p() Value { return elementwise(opLog1p, nil, x) }

// Expm1 returns eˣ−1 for a real x.
func (x Value) Expm1() Value { return elementwise(opExpm1, nil, x) }

// Sqrt returns the square root of a real x.
func (x Value) Sqrt() Value { return elementwise(opSqrt, nil, x) }

// Square returns x².
func (x Value) Square() Value { return elementwise(opSquare, nil, x) }

// Reciprocal returns 1/x.
func (x Value) Reciprocal() Value {
	if x.Type().DType.IsComplex() {
		return x.tape.Scalar(x.Type().DType, 1).Div(x)
	}
	return elementwise(opRecip, nil, x)
}

// Abs returns |x|, real; its gradient is 0 at 0.
func (x Value) Abs() Value {
	if x.tape.kinked(x) {
		return x.tape.kinks.amplitude(x)
	}
	return elementwise(opAbs, nil, x)
}

// Sign returns the sign of a real x, 0 at 0. It has no gradient.
func (x Value) Sign() Value { return elementwise(opSign, nil, x) }

// Step returns 1 where the real x > 0, else 0. It has no gradient.
func (x Value) Step() Value { return elementwise(opStep, nil, x) }

// Sin returns the sine of a real x in radians.
func (x Value) Sin() Value { return elementwise(opSin, nil, x) }

// Cos returns the cosine of a real x in radians.
func (x Value) Cos() Value { return elementwise(opCos, nil, x) }

// Tanh returns the hyperbolic tangent of a real x.
func (x Value) Tanh() Value { return elementwise(opTanh, nil, x) }

// Sigmoid returns 1/(1+e⁻ˣ) for a real x.
func (x Value) Sigmoid() Value { return elementwise(opSigmoid, nil, x) }

// Softplus returns ln(1+eˣ) for a real x, computed as x above 20.
func (x Value) Softplus() Value { return elementwise(opSoftplus, nil, x) }

// Relu returns max(x, 0) for a real x; its gradient is 0 at 0 and NaN passes.
func (x Value) Relu() Value {
	if x.tape.kinked(x) {
		return x.Add(x.Abs()).Scale(.5)
	}
	return elementwise(opRelu, nil, x)
}

// Erf returns the error function of a real x.
func (x Value) Erf() Value { return elementwise(opErf, nil, x) }
