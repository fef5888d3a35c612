package autograd

import (
	"math"

	"github.com/percept-go/percept/tensor"
)

// ResizeOptions says how images are resampled. Its zero value is bilinear
// interpolation between pixels that are squares: their centres lie at half
// integers, and the borders of the image stay where they are.
type ResizeOptions struct {
	AlignCorners bool // the centres of the corner pixels stay where they are
	Nearest      bool // no interpolation: element ⌊i·old/new⌋
}

// Resize returns x with its last two axes resampled to height×width elements,
// as PyTorch's interpolate does: without a low-pass filter, so that images much
// larger than the result should be blurred first. It is linear in x. It panics
// with *Error if x has less than two axes or one of them no elements, if a size
// is not positive, or if both options are set.
func Resize(x Value, height, width int, o ResizeOptions) Value {
	t := x.Type()
	rank := int(t.Rank)
	if rank < 2 || t.Dim[rank-2] == 0 || t.Dim[rank-1] == 0 {
		fail("resize", []Value{x}, "images whose last two axes have elements expected")
	}
	if height < 1 || width < 1 {
		fail("resize", []Value{x}, "a size of %d×%d; at least 1×1 expected", height, width)
	}
	if o.Nearest && o.AlignCorners {
		fail("resize", []Value{x}, "both Nearest and AlignCorners are set; one of them expected")
	}
	if height*t.Dim[rank-1] <= width*t.Dim[rank-2] { // the axis that shrinks more goes first
		return o.axis(o.axis(x, rank-2, height), rank-1, width)
	}
	return o.axis(o.axis(x, rank-1, width), rank-2, height)
}

// axis resamples one axis to n elements.
func (o ResizeOptions) axis(x Value, axis, n int) Value {
	old := x.Type().Dim[axis]
	if old == n {
		return x
	}
	first, second := make([]int, n), make([]int, n)
	weights := make([]float64, n)
	for i := range n {
		at := o.source(i, old, n)
		first[i] = min(int(at), old-1)
		second[i] = min(first[i]+1, old-1)
		weights[i] = at - float64(first[i])
	}
	a := x.Gather(axis, first)
	if o.Nearest {
		return a
	}
	shape := make([]int, int(x.Type().Rank)-axis)
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = n
	w := x.tape.shared(tensor.Of(weights, shape...)).Cast(x.Type().DType.Real())
	return a.Mul(w.one().Sub(w)).Add(x.Gather(axis, second).Mul(w))
}

// source returns where element i of n lies among old ones.
func (o ResizeOptions) source(i, old, n int) float64 {
	switch {
	case o.Nearest:
		return math.Floor(float64(i*old) / float64(n))
	case o.AlignCorners && n == 1:
		return 0
	case o.AlignCorners:
		return float64(i) * float64(old-1) / float64(n-1)
	}
	return max((float64(i)+.5)*float64(old)/float64(n)-.5, 0)
}
