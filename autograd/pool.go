package autograd

import "math"

// PoolOptions says how a window moves over images. Only Size must be set.
type PoolOptions struct {
	Size    [2]int    // of the window: rows, columns
	Stride  [2]int    // from one window to the next; 0 means Size: windows side by side
	Pad     [2][2]int // above and below, left and right
	PadMode PadMode   // of AvgPool; the zero value is zeros, which count
}

// check returns o with its stride. It panics if o does not fit x.
func (o PoolOptions) check(op string, x Value) PoolOptions {
	t := x.Type()
	if t.Rank < 2 {
		fail(op, []Value{x}, "images with at least two axes expected")
	}
	for i := range 2 {
		if o.Stride[i] == 0 {
			o.Stride[i] = o.Size[i]
		}
		n := t.Dim[int(t.Rank)-2+i] + o.Pad[i][0] + o.Pad[i][1]
		if o.Size[i] < 1 || o.Stride[i] < 1 || o.Size[i] > n {
			fail(op, []Value{x}, "a window of %d, stride %d, over %d padded elements along axis %d; positive, and at most as many elements, expected", o.Size[i], o.Stride[i], n, int(t.Rank)-2+i)
		}
	}
	return o
}

// windows returns, for each element of the window, what lies under it: x from
// that element on, in steps of the stride.
func (o PoolOptions) windows(x Value) []Value {
	rank := int(x.Type().Rank)
	var vs []Value
	for i := range o.Size[0] {
		rows := o.along(x, rank-2, 0, i)
		for j := range o.Size[1] {
			vs = append(vs, o.along(rows, rank-1, 1, j))
		}
	}
	return vs
}

// along returns what lies under element k of a window along one axis.
func (o PoolOptions) along(x Value, axis, i, k int) Value {
	n, s := x.Type().Dim[axis], o.Stride[i]
	count := (n-o.Size[i])/s + 1
	return x.CropStep(axis, k, k+(count-1)*s+1, s)
}

// manyElements is the size of a window from which its two axes are summed one
// after the other.
const manyElements = 10

// AvgPool returns the averages of x over windows of its last two axes. It
// panics with *Error if a window does not fit into the padded image.
func AvgPool(x Value, o PoolOptions) Value {
	o = o.check("avg-pool", x)
	x = x.Pad(o.PadMode, o.Pad[:]...)
	area := o.Size[0] * o.Size[1]
	if area < manyElements {
		return Sum(o.windows(x)...).Scale(1 / float64(area))
	}
	return o.sums(o.sums(x, 0), 1).Scale(1 / float64(area))
}

// sums returns the sums over windows along axis i of the last two.
func (o PoolOptions) sums(x Value, i int) Value {
	axis := int(x.Type().Rank) - 2 + i
	if o.Size[i] == x.Type().Dim[axis] {
		return x.KeepAxes(x.Sum(axis), axis)
	}
	parts := make([]Value, o.Size[i])
	for k := range parts {
		parts[k] = o.along(x, axis, i, k)
	}
	return Sum(parts...)
}

// MaxPool returns the largest elements of a real x in windows of its last two
// axes; padding never wins, and NaN passes. The gradient is shared equally among
// the elements of a window that are largest. It panics with *Error if x is
// complex, if a window does not fit into the padded image, or if the padding is as wide
// as a window.
func MaxPool(x Value, o PoolOptions) Value {
	o = o.check("max-pool", x)
	for i := range 2 {
		if max(o.Pad[i][0], o.Pad[i][1]) >= o.Size[i] {
			fail("max-pool", []Value{x}, "padding %v, at least as wide as the window %v; less expected", o.Pad, o.Size)
		}
	}
	if x.Type().DType.IsComplex() {
		fail("max-pool", []Value{x}, "a real argument expected; take Abs of a complex one")
	}
	padded := x.PadWith(math.Inf(-1), o.Pad[:]...)
	vs := o.windows(padded)
	y := vs[0]
	for _, v := range vs[1:] {
		y = y.Max(v)
	}
	return CustomGradient(y, []Value{padded}, func(g Value) []Value { return []Value{o.share(padded, y, g)} })
}

// share is the adjoint of MaxPool at y: g, divided among the largest elements
// of each window of x.
func (o PoolOptions) share(x, y, g Value) Value {
	ties := o.windows(x)
	for i, v := range ties {
		ties[i] = v.Eq(y)
	}
	g = g.Div(Sum(ties...))
	where := make([]Place, len(ties))
	rank := int(x.Type().Rank)
	for i := range ties {
		ties[i] = ties[i].Mul(g)
		where[i].Lo[rank-2], where[i].Lo[rank-1] = i/o.Size[1], i%o.Size[1]
		where[i].Step[rank-2], where[i].Step[rank-1] = o.Stride[0], o.Stride[1]
	}
	return Assemble(x.Type().Shape(), where, ties...)
}
