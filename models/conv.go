package models

import (
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// SamePadding pads the last two axes so that a filter of kernel taps, dilation
// apart, applied at every stride-th pixel, gives ⌈size/stride⌉ results; an odd
// amount puts the larger half at the end. It panics with *autograd.Error if x
// has fewer than two axes, if a number is below 1, or as Pad does.
func SamePadding(x autograd.Value, kernel, stride, dilation [2]int, mode autograd.PadMode) autograd.Value {
	var n, amounts [2][2]int
	n[0][0], n[1][0] = lastTwo("same-padding", x)
	for i := range amounts {
		k, s, d := kernel[i], stride[i], dilation[i]
		if k < 1 || s < 1 || d < 1 {
			fail("same-padding", x, "kernel %v, stride %v, dilation %v; numbers from 1 expected", kernel, stride, dilation)
		}
		size := n[i][0]
		p := max(((size+s-1)/s-1)*s+(k-1)*d+1-size, 0)
		amounts[i] = [2]int{p / 2, p - p/2}
	}
	return x.Pad(mode, amounts[0], amounts[1])
}

var ones = [2]int{1, 1}

// correlateAxis returns Σ f[k]·x[…, j·stride+k, …] along axis, where the filter
// fits.
func correlateAxis(x autograd.Value, axis int, f []float64, stride int) autograd.Value {
	count := (x.Type().Dim[axis]-len(f))/stride + 1
	var terms []autograd.Value
	for k, v := range f {
		if v != 0 {
			terms = append(terms, x.CropStep(axis, k, k+(count-1)*stride+1, stride).Scale(v))
		}
	}
	return autograd.Sum(terms...)
}

// blur correlates the rows and columns of x (N, C, h, w) with fy and fx, padded
// to keep the size, at every stride-th pixel.
func blur(x autograd.Value, fy, fx []float64, stride int, mode autograd.PadMode) autograd.Value {
	x = SamePadding(x, [2]int{len(fy), len(fx)}, ones, ones, mode)
	return correlateAxis(correlateAxis(x, 3, fx, stride), 2, fy, stride)
}

// taps returns the rows of a filter. It panics with *autograd.Error if x has
// not four axes or filter not two.
func taps(op string, x autograd.Value, filter tensor.Tensor) [][]float64 {
	if x.Type().Rank != 4 || filter.Rank != 2 || filter.DType.IsComplex() || filter.Len() == 0 {
		fail(op, x, "images (N, C, h, w) and a real filter with two axes expected, not %v", filter.Type)
	}
	return slices.Collect(slices.Chunk(tensor.Floats(filter), filter.Dim[1]))
}

// correlate returns the correlation of x (N, C, h, w) with a filter at every
// stride-th pixel where the filter fits.
func correlate(x autograd.Value, rows [][]float64, stride int) autograd.Value {
	count := (x.Type().Dim[2]-len(rows))/stride + 1
	var terms []autograd.Value
	for k, row := range rows {
		terms = append(terms, correlateAxis(x.CropStep(2, k, k+(count-1)*stride+1, stride), 3, row, stride))
	}
	return autograd.Sum(terms...)
}

// CorrelateDownsample returns every second pixel, from the first, of the
// correlation of images x (N, C, h, w), padded to keep their size, with a filter
// (fh, fw). It panics with *autograd.Error if their axes are others, or as Pad does.
func CorrelateDownsample(x autograd.Value, filter tensor.Tensor, mode autograd.PadMode) autograd.Value {
	rows := taps("correlate-downsample", x, filter)
	x = SamePadding(x, [2]int{len(rows), len(rows[0])}, ones, ones, mode)
	return correlate(x, rows, 2)
}

// UpsampleConvolve returns images of 2·size − odd pixels, for odd of 0 or 1 per
// axis: x with zeros between its pixels, convolved with a filter (fh, fw). It
// has the geometry, and with the same filter is the adjoint but for the
// borders, of CorrelateDownsample. It panics with *autograd.Error if x has not
// four axes, the filter not two, odd is another number, or as Pad does.
func UpsampleConvolve(x autograd.Value, odd [2]int, filter tensor.Tensor, mode autograd.PadMode) autograd.Value {
	rows := taps("upsample-convolve", x, filter)
	slices.Reverse(rows)
	for _, r := range rows {
		slices.Reverse(r)
	}
	y := newUpsampling(x, odd, len(rows), 0)
	c := newUpsampling(x, odd, len(rows[0]), 1)
	x = x.Pad(mode, y.pad, c.pad)
	t := x.Type()
	var at autograd.Place
	at.Step[2], at.Step[3] = 2, 2
	x = autograd.Assemble([]int{t.Dim[0], t.Dim[1], 2*t.Dim[2] - 1, 2*t.Dim[3] - 1}, []autograd.Place{at}, x)
	return correlate(x.Pad(autograd.PadConstant, y.zeros, c.zeros), rows, 1)
}

// upsampling is the geometry of UpsampleConvolve along one axis: padding of the
// small image, and zeros around it once there are zeros between its pixels.
type upsampling struct{ pad, zeros [2]int }

func newUpsampling(x autograd.Value, odd [2]int, kernel, i int) upsampling {
	if odd[i] != 0 && odd[i] != 1 {
		fail("upsample", x, "odd is %v; 0 or 1 for each axis expected", odd)
	}
	before := kernel / 2
	after := kernel - odd[i] - before
	return upsampling{[2]int{before / 2, after / 2}, [2]int{before % 2, after % 2}}
}

// upsampleAxis is UpsampleConvolve along one axis of a padded image, for a
// filter already reversed. The zeros between pixels are not multiplied: even
// and odd results use every other tap.
func upsampleAxis(x autograd.Value, axis int, f []float64, u upsampling) autograd.Value {
	t := x.Type()
	size := u.zeros[0] + 2*t.Dim[axis] - 1 + u.zeros[1] - len(f) + 1
	var pieces []autograd.Value
	var places []autograd.Place
	for phase := range min(2, size) {
		count := (size - phase + 1) / 2
		var terms []autograd.Value
		for k, v := range f {
			if from := phase + k - u.zeros[0]; from%2 == 0 && v != 0 {
				terms = append(terms, x.Crop(axis, from/2, from/2+count).Scale(v))
			}
		}
		if len(terms) == 0 {
			continue
		}
		var at autograd.Place
		at.Lo[axis], at.Step[axis] = phase, 2
		pieces, places = append(pieces, autograd.Sum(terms...)), append(places, at)
	}
	shape := t.Shape()
	shape[axis] = size
	return autograd.Assemble(shape, places, pieces...)
}

// BlurOptions are those of BlurDownsample and UpsampleBlur. The zero value is
// the default.
type BlurOptions struct {
	Scales  int    // how often; 0: once
	Filter  string // name of the filter along each axis; empty: binom5
	NoScale bool   // leave the sum of the filter as it is; otherwise blurring preserves the mean
}

// filter returns the taps, and how often to apply them.
func (o BlurOptions) filter(op string, x autograd.Value) ([]float64, int) {
	if o.Scales == 0 {
		o.Scales = 1
	}
	if o.Filter == "" {
		o.Filter = "binom5"
	}
	if x.Type().Rank != 4 || o.Scales < 0 {
		fail(op, x, "images (N, C, h, w) and at least one scale expected")
	}
	f, err := NamedFilter(o.Filter)
	if err != nil {
		fail(op, x, "%w", err)
	}
	return f, o.Scales
}

func scaled(f []float64, by float64) []float64 {
	g := make([]float64, len(f))
	for i, v := range f {
		g[i] = v * by
	}
	return g
}

// BlurDownsample blurs images x (N, C, h, w) along both axes, reflected at the
// borders, and keeps every second pixel. The named filters sum to √2, so that
// without scaling each application doubles the mean. It panics with
// *autograd.Error if x has not four axes or is too small for the filter, or if
// an option does not exist.
func BlurDownsample(x autograd.Value, o BlurOptions) autograd.Value {
	f, n := o.filter("blur-downsample", x)
	fx := f
	if !o.NoScale {
		fx = scaled(f, .5)
	}
	for range n {
		x = blur(x, f, fx, 2, autograd.PadReflect)
	}
	return x
}

// UpsampleBlur returns images of 2·size − odd pixels: x with zeros between its
// pixels, blurred along both axes, and four times as much if scaled, which
// makes up for the zeros. The same odd is used for every scale. It panics with
// *autograd.Error as BlurDownsample does, and if odd is not 0 or 1 for each axis.
func UpsampleBlur(x autograd.Value, odd [2]int, o BlurOptions) autograd.Value {
	f, n := o.filter("upsample-blur", x)
	slices.Reverse(f)
	fx := f
	if !o.NoScale {
		fx = scaled(f, 2)
	}
	y, c := newUpsampling(x, odd, len(f), 0), newUpsampling(x, odd, len(f), 1)
	for range n {
		x = x.Pad(autograd.PadReflect, y.pad, c.pad)
		x = upsampleAxis(upsampleAxis(x, 3, fx, c), 2, f, y)
	}
	return x
}

// gainGuard keeps the quotient of LocalGainControl finite.
const gainGuard = 1e-8

// LocalGainControl splits images x (N, C, h, w) into the local norm, the root
// of the blurred square at half the size, and the direction, x over that norm.
// It panics with *autograd.Error as BlurDownsample does.
func LocalGainControl(x autograd.Value) (norm, direction autograd.Value) {
	norm = BlurDownsample(x.Square(), BlurOptions{}).Sqrt()
	return norm, x.Div(gainOf(norm, x))
}

// LocalGainRelease is the inverse of LocalGainControl. It panics with
// *autograd.Error if the norm is not half the direction's size.
func LocalGainRelease(norm, direction autograd.Value) autograd.Value {
	return direction.Mul(gainOf(norm, direction))
}

func gainOf(norm, x autograd.Value) autograd.Value {
	h, w := lastTwo("local-gain", x)
	return UpsampleBlur(norm, [2]int{h % 2, w % 2}, BlurOptions{}).AddScalar(gainGuard)
}
