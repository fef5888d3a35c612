package autograd

import "github.com/percept-go/percept/tensor"

var opPow, opAtan2, opMin, opMax, opEq, opNe, opLt, opLe, opWhere *Op

func init() {
	opPow = ew(Op{Name: "pow", Doc: "x to the power y", CUDA: "pow(x,y)",
		VJP: func(n Node, g Value) []Value {
			x, y := n.In[0], n.In[1]
			return []Value{g.Mul(y).Mul(x.Pow(y.AddScalar(-1))), g.Mul(n.Out).Mul(x.Log())}
		},
		Samples: sample(.2, 2, f64(2, 3), f64(2, 3))}, 2, named("pow"))
	opAtan2 = ew(Op{Name: "atan2", Doc: "angle of the point (y, x) in (−π, π]; gradient 0 at the origin", CUDA: "atan2(x,y)",
		VJP: func(n Node, g Value) []Value {
			y, x := n.In[0], n.In[1]
			r2 := x.Square().Add(y.Square())
			q := Where(r2.Eq(r2.tape.Scalar(r2.Type().DType, 0)), r2, g.Div(r2))
			return []Value{q.Mul(x), q.Mul(y).Neg()}
		},
		Samples: sample(.2, 2, f64(2, 3), f64(2, 3))}, 2, named("atan2"))
	opMin = ew(Op{Name: "min", Doc: "smaller argument; NaN passes; gradient shared at ties", CUDA: "x!=x?x:y!=y?y:x<y?x:y",
		VJP:     func(n Node, g Value) []Value { return extremeVJP(n, g) },
		Samples: sample(-1, 1, f64(2, 3), f64(2, 3))}, 2, named("min"))
	opMax = ew(Op{Name: "max", Doc: "larger argument; NaN passes; gradient shared at ties", CUDA: "x!=x?x:y!=y?y:x>y?x:y",
		VJP:     func(n Node, g Value) []Value { return extremeVJP(n, g) },
		Samples: sample(-1, 1, f64(2, 3), f64(2, 3))}, 2, named("max"))

	opEq = comparison("eq", "1 where x = y, else 0", "x==y?1:0")
	opNe = comparison("ne", "1 where x ≠ y, else 0", "x!=y?1:0")
	opLt = comparison("lt", "1 where x < y, else 0", "x<y?1:0")
	opLe = comparison("le", "1 where x ≤ y, else 0", "x<=y?1:0")

	opWhere = ew(Op{Name: "where", Doc: "y where x ≠ 0, else z", Linear: 6, CUDA: "x!=0?y:z",
		VJP: func(n Node, g Value) []Value {
			zero := g.tape.Zeros(g.Type())
			return []Value{{}, Where(n.In[0], g, zero), Where(n.In[0], zero, g)}
		},
		Samples: []Sample{{In: types(f64(6), f64(6), f64(6)), Values: func(in []tensor.Type, r func() float64) []tensor.Tensor {
			ts := drawAll(in, r)
			for i := range in[0].Len() {
				ts[0].StoreReal(i, float64(i%2))
			}
			return ts
		}}}}, 3, named("where"))
}

// extremeVJP gives the whole cotangent to the argument that is the result, and
// half to each where they are equal.
func extremeVJP(n Node, g Value) []Value {
	x, y := n.In[0], n.In[1]
	half := x.Eq(y).Scale(.5)
	rest := x.one().Sub(half)
	return []Value{g.Mul(x.Eq(n.Out)).Mul(rest), g.Mul(y.Eq(n.Out)).Mul(rest)}
}

func comparison(name, doc, cuda string) *Op {
	return ew(Op{Name: name, Doc: doc, CUDA: cuda,
		Samples: []Sample{{In: types(f64(2, 3), f64(2, 3)), NotSmooth: "piecewise constant"}}}, 2, named(name))
}

// drawAll makes one contiguous tensor per type, with values from random.
func drawAll(in []tensor.Type, random func() float64) []tensor.Tensor {
	ts := make([]tensor.Tensor, len(in))
	for i, t := range in {
		ts[i] = tensor.New(t.DType, t.Shape()...)
		for j := range t.Len() {
			ts[i].Store(j, complex(random(), random()))
		}
	}
	return ts
}

// Pow returns x to the power y, both real, broadcast.
func (x Value) Pow(y Value) Value {
	if c, ok := y.constant(); ok && covers(x, y) {
		return x.PowScalar(c)
	}
	return elementwise(opPow, nil, x, y)
}

// Atan2 returns the angle of the point (y, x) in (−π, π], broadcast; its
// gradient is 0 at the origin.
func Atan2(y, x Value) Value { return elementwise(opAtan2, nil, y, x) }

// Min returns the smaller of x and y, broadcast; NaN passes, and the gradient
// is shared where they are equal.
func (x Value) Min(y Value) Value {
	if x.tape.kinked(x, y) {
		return x.Add(y).Sub(x.Sub(y).Abs()).Scale(.5)
	}
	return elementwise(opMin, nil, x, y)
}

// Max returns the larger of x and y, broadcast; NaN passes, and the gradient
// is shared where they are equal.
func (x Value) Max(y Value) Value {
	if x.tape.kinked(x, y) {
		return x.Add(y).Add(x.Sub(y).Abs()).Scale(.5)
	}
	return elementwise(opMax, nil, x, y)
}

// Eq returns 1 where x = y, else 0, in the operands' real type, broadcast.
func (x Value) Eq(y Value) Value { return elementwise(opEq, nil, x, y) }

// Ne returns 1 where x ≠ y, else 0, broadcast.
func (x Value) Ne(y Value) Value { return elementwise(opNe, nil, x, y) }

// Lt returns 1 where x < y, else 0, broadcast.
func (x Value) Lt(y Value) Value { return elementwise(opLt, nil, x, y) }

// Le returns 1 where x ≤ y, else 0, broadcast.
func (x Value) Le(y Value) Value { return elementwise(opLe, nil, x, y) }

// Gt returns 1 where x > y, else 0, broadcast.
func (x Value) Gt(y Value) Value { return y.Lt(x) }

// Ge returns 1 where x ≥ y, else 0, broadcast.
func (x Value) Ge(y Value) Value { return y.Le(x) }

// Where returns x where cond ≠ 0 and y elsewhere, broadcast. cond is real.
// Values and gradients of the branch that is not taken are ignored.
func Where(cond, x, y Value) Value {
	x, y = x.likeComplex(y), y.likeComplex(x)
	if x.Type().DType.IsComplex() {
		return MakeComplex(Where(cond, x.Real(), y.Real()), Where(cond, x.Imag(), y.Imag()))
	}
	return elementwise(opWhere, nil, cond, x, y)
}
