package autograd

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

var opAdd, opSub, opMul, opDiv, opScale, opShift, opClamp, opPowc *Op

// broadcast returns the shape to which shapes a and b expand, axes matched
// from the last.
func broadcast(a, b tensor.Type) ([]int, bool) {
	n := max(a.Rank, b.Rank)
	shape := make([]int, n)
	for i := range shape {
		p, q := 1, 1
		if j := i - int(n-a.Rank); j >= 0 {
			p = a.Dim[j]
		}
		if j := i - int(n-b.Rank); j >= 0 {
			q = b.Dim[j]
		}
		switch {
		case p == q || q == 1:
			shape[i] = p
		case p == 1:
			shape[i] = q
		default:
			return nil, false
		}
	}
	return shape, true
}

// elementwise records op on arguments broadcast to a common shape. What is
// constant along an axis of all of them is computed on the small shape and
// expanded after.
func elementwise(op *Op, attr any, in ...Value) Value {
	t := in[0].tape
	small := make([]Value, len(in))
	typ := tensor.Type{}
	for i, x := range in {
		checkOperand(op, in, i)
		for x.node().op == opExpand {
			x = Value{t, x.node().args[0]}
		}
		small[i] = x
		shape, ok := broadcast(typ, x.Type())
		if !ok {
			shapePanic(op, in)
		}
		typ = tensor.MakeType(x.Type().DType, shape...)
	}
	full := in[0].Type()
	for _, x := range in[1:] {
		shape, ok := broadcast(full, x.Type())
		if !ok {
			shapePanic(op, in)
		}
		full = tensor.MakeType(full.DType, shape...)
	}
	for i := range small {
		small[i] = small[i].Expand(typ.Shape()...)
	}
	return t.Apply(op, attr, small...).Expand(full.Shape()...)
}

func checkOperand(op *Op, in []Value, i int) {
	if !in[i].Valid() || in[i].tape != in[0].tape {
		panic(&Error{Op: op.Name, Pos: caller().String(), Err: fmt.Errorf("argument %d is not a Value of the same Tape", i)})
	}
	a, b := in[0].Type().DType, in[i].Type().DType
	if a.Real() != b.Real() {
		panic(&Error{Op: op.Name, In: typesOf(in), Pos: caller().String(),
			Err: fmt.Errorf("operands have different precision; convert one with Cast")})
	}
}

func shapePanic(op *Op, in []Value) {
	panic(&Error{Op: op.Name, In: typesOf(in), Pos: caller().String(),
		Err: fmt.Errorf("shapes do not match; axes are matched from the last and must be equal or 1")})
}

func typesOf(in []Value) []tensor.Type {
	ts := make([]tensor.Type, len(in))
	for i, x := range in {
		ts[i] = x.Type()
	}
	return ts
}

// sameShape is the type rule of elementwise ops: arguments of one type, which
// is that of the result. 0 stands for any number of arguments.
func sameShape(args int) func(any, []tensor.Type) (tensor.Type, error) {
	return func(_ any, in []tensor.Type) (tensor.Type, error) {
		if args > 0 && len(in) != args || len(in) == 0 {
			return tensor.Type{}, wantArgs(in, max(args, 1))
		}
		for _, t := range in[1:] {
			if t != in[0] {
				return tensor.Type{}, fmt.Errorf("arguments of one type expected")
			}
		}
		return in[0], nil
	}
}

// productType is the type rule of a product: a complex value can be multiplied
// by a real one.
func productType(attr any, in []tensor.Type) (tensor.Type, error) {
	if len(in) == 2 && in[0].DType.IsComplex() && in[1] == in[0].With(in[0].DType.Real()) {
		return in[0], nil
	}
	return sameShape(2)(attr, in)
}

// realOnly is sameShape for ops of real arguments.
func realOnly(args int) func(any, []tensor.Type) (tensor.Type, error) {
	return func(attr any, in []tensor.Type) (tensor.Type, error) {
		for _, t := range in {
			if t.DType.IsComplex() {
				return t, fmt.Errorf("real arguments expected; take Real, Imag, Abs or Angle of a complex one")
			}
		}
		return sameShape(args)(attr, in)
	}
}

// evalScalar is the Eval of elementwise ops: the plain Go twin of the scalar
// kernel, element by element.
func evalScalar(op *Op) func(any, tensor.Tensor, []tensor.Tensor) {
	return func(attr any, out tensor.Tensor, in []tensor.Tensor) {
		types := [4]tensor.Type{}
		for i := range in {
			types[i] = in[i].Type
		}
		name := op.Scalar(out.Type, types[:len(in)])
		if out.DType.Real() == tensor.Float32 {
			evalRows[float32](name, attr, out, in)
		} else {
			evalRows[float64](name, attr, out, in)
		}
	}
}

func evalRows[T kernels.Float](name string, attr any, out tensor.Tensor, in []tensor.Tensor) {
	f := kernels.Lookup[T](name, kernels.PureGo)
	if f == nil {
		panic("autograd: no scalar kernel " + name)
	}
	p, _ := attr.(Scalars)
	var buf [4][2]T
	var arg [4][]T
	for i := range in {
		arg[i] = buf[i][:words(in[i].DType)]
	}
	dst := buf[3][:words(out.DType)]
	n := out.Len()
	for i := range n {
		for j := range in {
			v := in[j].Load(offsetOf(&in[j], i))
			buf[j][0] = T(real(v))
			buf[j][1] = T(imag(v))
		}
		f(dst, arg[0], arg[1], arg[2], T(p.S), T(p.T))
		if out.DType.IsComplex() {
			out.Store(i, complex(float64(dst[0]), float64(dst[1])))
		} else {
			out.StoreReal(i, float64(dst[0]))
		}
	}
}

// evalSum is the Eval of a sum of any number of values: they are added in order,
// rounded each time.
func evalSum(_ any, out tensor.Tensor, in []tensor.Tensor) {
	single := out.DType.Real() == tensor.Float32
	for i := range out.Len() {
		sum := in[0].Load(offsetOf(&in[0], i))
		for j := 1; j < len(in); j++ {
			if sum += in[j].Load(offsetOf(&in[j], i)); single {
				sum = complex128(complex64(sum))
			}
		}
		out.Store(i, sum)
	}
}

// offsetOf returns the offset of the i-th element of t in C order.
func offsetOf(t *tensor.Tensor, i int) int {
	off := 0
	for a := int(t.Rank) - 1; a >= 0; a-- {
		off += i % t.Dim[a] * t.Stride[a]
		i /= t.Dim[a]
	}
	return off
}

// words returns how many real numbers an element of d is.
func words(d tensor.DType) int {
	if d.IsComplex() {
		return 2
	}
	return 1
}

// ew defines an elementwise op whose scalar kernels are given for real and for
// complex arguments.
func ew(o Op, args int, scalar func(tensor.Type, []tensor.Type) string) *Op {
	op := &o
	op.Scalar = scalar
	if op.Type == nil {
		op.Type = realOnly(args)
	}
	if op.Eval == nil {
		op.Eval = evalScalar(op)
	}
	return define(op)
}

func named(name string) func(tensor.Type, []tensor.Type) string {
	return func(tensor.Type, []tensor.Type) string { return name }
}

// byComplex picks the kernel by whether the first argument is complex.
func byComplex(r, c string) func(tensor.Type, []tensor.Type) string {
	return func(_ tensor.Type, in []tensor.Type) string {
		if in[0].DType.IsComplex() {
			return c
		}
		return r
	}
}

// sample gives one sample of unary or binary arguments in a range.
func sample(lo, hi float64, in ...tensor.Type) []Sample {
	return []Sample{{In: in, Lo: lo, Hi: hi}}
}

// ---- sums and products

func init() {
	opAdd = ew(Op{Name: "add", Doc: "sum of its arguments, in order", Linear: linearAll, CUDA: "x+y", Type: sameShape(0), Eval: evalSum,
		VJP: func(n Node, g Value) []Value {
			d := make([]Value, len(n.In))
			for i := range d {
				d[i] = g
			}
			return d
		},
		Samples: []Sample{{In: types(f64(2, 3), f64(2, 3))}, {In: types(c128(5), c128(5))}, {In: types(f64(4), f64(4), f64(4))}, {In: types(c128(3), c128(3), c128(3), c128(3), c128(3))}},
	}, 0, named("add"))
}

func init() {
	opSub = ew(Op{Name: "sub", Doc: "first argument minus the second", Linear: linearAll, CUDA: "x-y", Type: sameShape(2),
		VJP:     func(n Node, g Value) []Value { return []Value{g, g.Neg()} },
		Samples: []Sample{{In: types(f64(2, 3), f64(2, 3))}, {In: types(c128(5), c128(5))}},
	}, 2, named("sub"))
}

func init() {
	opMul = ew(Op{Name: "mul", Doc: "product", Linear: linearAll, CUDA: "x*y", Type: productType,
		VJP:     func(n Node, g Value) []Value { return []Value{g.Mul(n.In[1].Conj()), g.Mul(n.In[0].Conj())} },
		Samples: []Sample{{In: types(f64(2, 3), f64(2, 3))}, {In: types(c128(5), c128(5))}, {In: types(c128(5), f64(5))}},
	}, 2, func(_ tensor.Type, in []tensor.Type) string {
		switch {
		case !in[0].DType.IsComplex():
			return "mul"
		case in[1].DType.IsComplex():
			return "cmul"
		}
		return "cmulr"
	})
}

func init() {
	opDiv = ew(Op{Name: "div", Doc: "quotient", Linear: 1, CUDA: "x/y", Type: sameShape(2),
		VJP: func(n Node, g Value) []Value {
			r := g.Div(n.In[1].Conj())
			return []Value{r, r.Mul(n.Out.Conj()).Neg()}
		},
		Samples: []Sample{{In: types(f64(2, 3), f64(2, 3)), Lo: .3, Hi: 2}, {In: types(c128(5), c128(5)), Lo: .3, Hi: 2}},
	}, 2, byComplex("div", "cdiv"))
}

// Add returns x + y, broadcast: axes are matched from the last. It panics with
// *Error if shapes or precisions do not match; so do all methods of Value.
func (x Value) Add(y Value) Value {
	if x.isZero() && covers(y, x) {
		return y.likeComplex(x)
	}
	if y.isZero() && covers(x, y) {
		return x.likeComplex(y)
	}
	x, y = x.likeComplex(y), y.likeComplex(x)
	return elementwise(opAdd, nil, x, y)
}

// Sum returns the sum of values of one shape, added in order. It panics if
// there are none, and as Add does.
func Sum(x ...Value) Value {
	keep := x[:0:0]
	for _, v := range x {
		if !v.isZero() {
			keep = append(keep, v)
		}
	}
	if len(keep) == 0 {
		keep = x[:1]
	}
	keep = append([]Value(nil), keep...)
	for i := range keep {
		for _, w := range x {
			keep[i] = keep[i].likeComplex(w)
		}
	}
	if len(keep) == 1 {
		return keep[0]
	}
	return elementwise(opAdd, nil, keep...)
}

// Sub returns x − y, broadcast.
func (x Value) Sub(y Value) Value {
	if y.isZero() && covers(x, y) {
		return x.likeComplex(y)
	}
	x, y = x.likeComplex(y), y.likeComplex(x)
	return elementwise(opSub, nil, x, y)
}

// Mul returns x·y, element by element, broadcast.
func (x Value) Mul(y Value) Value {
	if c, ok := y.constant(); ok && covers(x, y) {
		return x.Scale(c)
	}
	if c, ok := x.constant(); ok && covers(y, x) {
		return y.Scale(c)
	}
	if y.Type().DType.IsComplex() && !x.Type().DType.IsComplex() {
		x, y = y, x
	}
	return elementwise(opMul, nil, x, y)
}

// Div returns x/y, broadcast.
func (x Value) Div(y Value) Value {
	if c, ok := y.constant(); ok && covers(x, y) {
		return x.scaleDiv(c)
	}
	if x.Type().DType.IsComplex() && !y.Type().DType.IsComplex() {
		return x.Mul(y.Reciprocal())
	}
	x, y = x.likeComplex(y), y.likeComplex(x)
	return elementwise(opDiv, nil, x, y)
}

// scaleDiv divides by a constant exactly where its reciprocal is exact.
func (x Value) scaleDiv(c float64) Value {
	if f, _ := math.Frexp(c); math.Abs(f) == .5 && c != 0 {
		return x.Scale(1 / c)
	}
	return elementwise(opDiv, nil, x, x.tape.Scalar(x.Type().DType, c))
}

// constant returns the value of x if all its elements are one real number.
func (x Value) constant() (float64, bool) {
	n := x.node()
	for n.op == opExpand {
		n = &x.tape.nodes[n.args[0]]
	}
	if n.op == opFill {
		return n.attr.(fillAttr).value, true
	}
	return 0, false
}

func (x Value) isZero() bool { c, ok := x.constant(); return ok && c == 0 }

// covers reports whether y broadcasts to x's shape without enlarging it, and
// has its precision.
func covers(x, y Value) bool {
	s, ok := broadcast(x.Type(), y.Type())
	return ok && x.Type().SameShape(tensor.MakeType(0, s...)) && x.Type().DType.Real() == y.Type().DType.Real()
}

// likeComplex makes x complex if y is.
func (x Value) likeComplex(y Value) Value {
	if y.Valid() && y.Type().DType.IsComplex() && !x.Type().DType.IsComplex() {
		return x.Complex()
	}
	return x
}

// ---- ops with a numeric parameter

func init() {
	opScale = ew(Op{Name: "scale", Doc: "argument times the real parameter s", Linear: 1, CUDA: "s*x", Type: sameShape(1),
		VJP:     func(n Node, g Value) []Value { return []Value{g.Scale(n.Attr.(Scalars).S)} },
		Samples: []Sample{{Attr: Scalars{S: -1.5}, In: types(f64(2, 3))}, {Attr: Scalars{S: 2}, In: types(c128(5))}},
	}, 1, named("scale"))
}

func init() {
	opShift = ew(Op{Name: "shift", Doc: "argument plus the real parameter s", CUDA: "x+s",
		VJP:     func(n Node, g Value) []Value { return []Value{g} },
		Samples: []Sample{{Attr: Scalars{S: -1.5}, In: types(f64(2, 3))}},
	}, 1, named("shift"))
}

func init() {
	opClamp = ew(Op{Name: "clamp", Doc: "argument limited to [s, t]; gradient 1 at the limits", CUDA: "x<s?s:x>t?t:x",
		VJP: func(n Node, g Value) []Value {
			p := n.Attr.(Scalars)
			x := n.In[0]
			inside := x.Ge(x.tape.Scalar(x.Type().DType, p.S)).Mul(x.Le(x.tape.Scalar(x.Type().DType, p.T)))
			return []Value{g.Mul(inside)}
		},
		Samples: []Sample{{Attr: Scalars{S: -.5, T: .25}, In: types(f64(2, 3))}},
	}, 1, named("clamp"))
}

func init() {
	opPowc = ew(Op{Name: "powc", Doc: "argument to the power of the real parameter s", CUDA: "pow(x,s)",
		VJP: func(n Node, g Value) []Value {
			p := n.Attr.(Scalars).S
			return []Value{g.Mul(n.In[0].PowScalar(p - 1).Scale(p))}
		},
		Samples: []Sample{{Attr: Scalars{S: 1.5}, In: types(f64(2, 3)), Lo: .2, Hi: 2}, {Attr: Scalars{S: 3}, In: types(f64(4))}},
	}, 1, named("powc"))
}

// Scale returns s·x.
func (x Value) Scale(s float64) Value {
	if s == 1 {
		return x
	}
	return elementwise(opScale, Scalars{S: s}, x)
}

// AddScalar returns x + s.
func (x Value) AddScalar(s float64) Value {
	if s == 0 {
		return x
	}
	if x.Type().DType.IsComplex() {
		return x.Add(x.tape.Scalar(x.Type().DType.Real(), s))
	}
	return elementwise(opShift, Scalars{S: s}, x)
}

// Clamp returns x limited to [lo, hi]; NaN passes; the gradient is 1 at the limits.
func (x Value) Clamp(lo, hi float64) Value {
	if x.tape.kinked(x) {
		return x.AddScalar(-lo).Abs().Sub(x.AddScalar(-hi).Abs()).AddScalar(lo + hi).Scale(.5)
	}
	return elementwise(opClamp, Scalars{S: lo, T: hi}, x)
}

// PowScalar returns x to the power p.
func (x Value) PowScalar(p float64) Value {
	switch p {
	case 0:
		return x.tape.Full(x.Type(), 1)
	case 1:
		return x
	case 2:
		return x.Square()
	}
	return elementwise(opPowc, Scalars{S: p}, x)
}
