package autograd

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/tensor"
)

var opSum, opReduceMax, opReduceMin, opProd, opLogSumExp, opCast *Op

// reduceAttr says over which axes is reduced, and whether the result is
// float64 (or complex128) whatever the argument.
type reduceAttr struct {
	axes uint16
	wide bool
}

func (a reduceAttr) has(axis int) bool { return a.axes>>axis&1 != 0 }

// result returns the type of a reduction of in: the other axes.
func (a reduceAttr) result(in tensor.Type) tensor.Type {
	var shape []int
	for i := range int(in.Rank) {
		if !a.has(i) {
			shape = append(shape, in.Dim[i])
		}
	}
	t := tensor.MakeType(in.DType, shape...)
	if a.wide {
		t.DType |= tensor.Float64
	}
	return t
}

// keep returns the shape of in with the reduced axes of size 1.
func (a reduceAttr) keep(in tensor.Type) []int {
	shape := in.Shape()
	for i := range shape {
		if a.has(i) {
			shape[i] = 1
		}
	}
	return shape
}

// split returns x with the kept axes first and the reduced ones last.
func (a reduceAttr) split(x tensor.Tensor) tensor.Tensor {
	var kept, reduced []int
	for i := range int(x.Rank) {
		if a.has(i) {
			reduced = append(reduced, i)
		} else {
			kept = append(kept, i)
		}
	}
	return x.Permute(append(kept, reduced...)...)
}

// reduceType is the type rule of reductions. empty says whether reducing no
// elements has a value.
func reduceType(empty, complexToo bool) func(any, []tensor.Type) (tensor.Type, error) {
	return func(attr any, in []tensor.Type) (tensor.Type, error) {
		if err := wantArgs(in, 1); err != nil {
			return tensor.Type{}, err
		}
		a := attr.(reduceAttr)
		if !complexToo && in[0].DType.IsComplex() {
			return tensor.Type{}, fmt.Errorf("a real argument expected")
		}
		out := a.result(in[0])
		if !empty && in[0].Len() == 0 && out.Len() > 0 {
			return out, fmt.Errorf("there are no elements to reduce")
		}
		return out, nil
	}
}

// evalReduce folds the reduced elements of each result in C order.
func evalReduce(start complex128, fold func(acc, x complex128) complex128) func(any, tensor.Tensor, []tensor.Tensor) {
	return func(attr any, out tensor.Tensor, in []tensor.Tensor) {
		x := attr.(reduceAttr).split(in[0])
		n := 0
		if out.Len() > 0 {
			n = x.Len() / out.Len()
		}
		for i := range out.Len() {
			acc := start
			for j := range n {
				acc = fold(acc, x.Load(offsetOf(&x, i*n+j)))
			}
			out.Store(i, acc)
		}
	}
}

var reduceSamples = []Sample{
	{Attr: reduceAttr{axes: 7}, In: types(f64(2, 3, 4))},
	{Attr: reduceAttr{axes: 5}, In: types(f64(2, 3, 4))},
	{Attr: reduceAttr{axes: 2}, In: types(f64(2, 3, 4))},
	{Attr: reduceAttr{axes: 4, wide: true}, In: types(f64(2, 3, 4))},
}

// reduceParts is the Parts of reductions over other axes than the first.
func reduceParts(attr any, _ []tensor.Type, _ int) (any, uint64, bool) {
	return attr, 0, !attr.(reduceAttr).has(0)
}

func reduceFLOPs(_ any, _ tensor.Type, in []tensor.Type) int64 { return int64(in[0].Len()) }

func init() {
	opSum = define(&Op{
		Name: "sum", Doc: "sum over axes, accumulated in float64", Linear: 1, Type: reduceType(true, true), FLOPs: reduceFLOPs, Parts: reduceParts,
		VJP:     func(n Node, g Value) []Value { return []Value{n.spread(g)} },
		Eval:    evalReduce(0, func(acc, x complex128) complex128 { return acc + x }),
		CPU:     bindSum,
		Samples: append([]Sample{{Attr: reduceAttr{axes: 1}, In: types(c128(3, 4))}}, reduceSamples...),
	})
}

// spread expands the cotangent of a reduction to the type of its argument.
func (n Node) spread(g Value) Value {
	in := n.In[0].Type()
	return g.Cast(in.DType).Reshape(n.Attr.(reduceAttr).keep(in)...).Expand(in.Shape()...)
}

// extremum defines max or min over axes.
func extremum(name, doc string, start float64, better func(a, b float64) bool) *Op {
	return define(&Op{
		Name: name, Doc: doc, Type: reduceType(false, false), FLOPs: reduceFLOPs, Parts: reduceParts,
		VJP: func(n Node, g Value) []Value {
			tie := n.In[0].Eq(n.spread(n.Out))
			count := tie.tape.Apply(opSum, n.Attr, tie)
			return []Value{tie.Mul(n.spread(g.Div(count)))}
		},
		Eval: evalReduce(complex(start, 0), func(acc, x complex128) complex128 {
			if real(acc) != real(acc) || !better(real(x), real(acc)) && real(x) == real(x) {
				return acc
			}
			return x
		}),
		CPU:     bindReduceReal(map[string]string{"reduce-max": "max", "reduce-min": "min"}[name]),
		Samples: reduceSamples,
	})
}

func init() {
	opReduceMax = extremum("reduce-max", "largest element over axes; NaN passes; gradient shared at ties", math.Inf(-1), func(a, b float64) bool { return a > b })
	opReduceMin = extremum("reduce-min", "smallest element over axes; NaN passes; gradient shared at ties", math.Inf(1), func(a, b float64) bool { return a < b })
}

func init() {
	opProd = define(&Op{
		Name: "prod", Doc: "product over axes", Type: reduceType(true, false), FLOPs: reduceFLOPs, Parts: reduceParts,
		VJP: func(n Node, g Value) []Value {
			// The product of the other elements, exact where some are zero.
			x, t := n.In[0], n.In[0].tape
			zero := x.Eq(t.Scalar(x.Type().DType, 0))
			ones := t.Full(x.Type(), 1)
			solid := Where(zero, ones, x)
			zeros := n.spread(t.Apply(opSum, n.Attr, zero))
			others := n.spread(t.Apply(opProd, n.Attr, solid)).Div(solid)
			alone := zeros.Eq(zero) // no other element is zero
			return []Value{n.spread(g).Mul(others).Mul(alone)}
		},
		Eval:    evalReduce(1, func(acc, x complex128) complex128 { return acc * x }),
		CPU:     bindReduceReal("prod"),
		Samples: reduceSamples,
	})
}

func init() {
	opLogSumExp = define(&Op{
		Name: "logsumexp", Doc: "ln Σeˣ over axes, without overflow", Type: reduceType(false, false), FLOPs: reduceFLOPs, Parts: reduceParts,
		Lower: func(attr any, in []Value) Value {
			a := attr.(reduceAttr)
			x := in[0]
			m := x.tape.Apply(opReduceMax, reduceAttr{axes: a.axes}, x).StopGradient()
			e := x.Sub(m.Reshape(a.keep(x.Type())...)).Exp()
			s := x.tape.Apply(opSum, a, e)
			return s.Log().Add(m.Cast(s.Type().DType))
		},
		Samples: reduceSamples,
	})
}

func (x Value) reduce(op *Op, wide bool, axes []int) Value {
	a := reduceAttr{wide: wide && x.Type().DType.Real() != tensor.Float64}
	axes = x.axes(op.Name, axes)
	if len(axes) == 0 {
		for i := range int(x.Type().Rank) {
			axes = append(axes, i)
		}
	}
	for _, i := range axes {
		a.axes |= 1 << i
	}
	if a.axes == 0 && !a.wide {
		return x
	}
	return x.tape.Apply(op, a, x)
}

// sumAxes is Sum that leaves x as it is if there are no axes.
func (x Value) sumAxes(axes []int) Value {
	if len(axes) == 0 {
		return x
	}
	return x.Sum(axes...)
}

// Sum returns the sum of x over the given axes, which it drops; over all if
// none is given. Sums are accumulated in float64 in a fixed order.
func (x Value) Sum(axes ...int) Value { return x.reduce(opSum, false, axes) }

// SumWide is Sum with a float64 (or complex128) result for every x.
func (x Value) SumWide(axes ...int) Value { return x.reduce(opSum, true, axes) }

// count returns how many elements of x each result of a reduction over axes has.
func (x Value) count(axes []int) float64 {
	n := 1
	t := x.Type()
	if len(axes) == 0 {
		n = t.Len()
	}
	for _, a := range x.axes("reduce", axes) {
		n *= t.Dim[a]
	}
	return float64(n)
}

// Mean returns the mean of x over the given axes, which it drops; over all if
// none is given.
func (x Value) Mean(axes ...int) Value { return x.Sum(axes...).Scale(1 / x.count(axes)) }

// MeanWide is Mean with a float64 (or complex128) result for every x.
func (x Value) MeanWide(axes ...int) Value { return x.SumWide(axes...).Scale(1 / x.count(axes)) }

// MeanKeep is Mean that keeps the reduced axes with size 1.
func (x Value) MeanKeep(axes ...int) Value { return x.KeepAxes(x.Mean(axes...), axes...) }

// KeepAxes returns y, a reduction of x over axes, with these axes put back
// with size 1.
func (x Value) KeepAxes(y Value, axes ...int) Value {
	shape := x.Type().Shape()
	if len(axes) == 0 {
		for i := range shape {
			shape[i] = 1
		}
	}
	for _, a := range x.axes("reduce", axes) {
		shape[a] = 1
	}
	return y.Reshape(shape...)
}

// Variance returns the mean of |x−mean|² over the given axes (all if none),
// times n/(n−1) if unbiased; it is real.
func (x Value) Variance(unbiased bool, axes ...int) Value {
	v := x.Sub(x.MeanKeep(axes...)).Abs2().Mean(axes...)
	if n := x.count(axes); unbiased {
		return v.Scale(n / (n - 1))
	}
	return v
}

// ReduceMax returns the largest element of a real x over the given axes (all
// if none); NaN passes, and the gradient is shared equally among ties.
func (x Value) ReduceMax(axes ...int) Value {
	if x.tape.kinked(x) && x.trailing(axes) {
		return x.tape.kinks.largest(x, axes)
	}
	return x.reduce(opReduceMax, false, axes)
}

// ReduceMin returns the smallest element of a real x over the given axes (all
// if none); NaN passes, and the gradient is shared equally among ties.
func (x Value) ReduceMin(axes ...int) Value {
	if x.tape.kinked(x) && x.trailing(axes) {
		return x.Neg().ReduceMax(axes...).Neg()
	}
	return x.reduce(opReduceMin, false, axes)
}

// Prod returns the product of a real x over the given axes (all if none).
func (x Value) Prod(axes ...int) Value { return x.reduce(opProd, false, axes) }

// LogSumExp returns ln Σeˣ of a real x over the given axes (all if none).
func (x Value) LogSumExp(axes ...int) Value { return x.reduce(opLogSumExp, false, axes) }

// ---- cast

func init() {
	opCast = define(&Op{
		Name: "cast", Doc: "argument rounded or widened to another precision", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			return in[0].With(attr.(tensor.DType)), wantArgs(in, 1)
		},
		VJP:     func(n Node, g Value) []Value { return []Value{g.Cast(n.In[0].Type().DType)} },
		Eval:    func(_ any, out tensor.Tensor, in []tensor.Tensor) { tensor.Copy(out, in[0]) },
		CPU:     bindCast,
		Parts:   EachPart,
		Samples: []Sample{{Attr: tensor.Float64, In: types(f64(2, 3))}},
	})
}

// Cast returns x with the element type d. Going from complex to real takes the
// real part; from real to complex, the imaginary part is zero.
func (x Value) Cast(d tensor.DType) Value {
	from := x.Type().DType
	switch {
	case from == d:
		return x
	case from.IsComplex() && !d.IsComplex():
		return x.Real().Cast(d)
	case !from.IsComplex() && d.IsComplex():
		return x.Cast(d.Real()).Complex()
	}
	if c, ok := x.constant(); ok {
		return x.tape.Full(x.Type().With(d), c)
	}
	return x.tape.Apply(opCast, d, x)
}
