package models

import (
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// SamePadding pads the last two axes so that a filter of kernel taps, dilation
// apart, applied at every stride-th pixel, gives ⌈size/stride⌉ results; an odd
// amount puts the larger half at the end. It panics with *autograd.Error if x
// has fewer than two axes, if a number is below 1, or as Pad does.
func SamePadding(x autograd.Value, kernel, stride, dilation [2]int, mode autograd.PadMode) autograd.Value {
	var n [2]int
	var amounts [2][2]int
	n[0], n[1] = lastTwo("same-padding", x)
	for i := range amounts {
		k, s, d := kernel[i], stride[i], dilation[i]
		if k < 1 || s < 1 || d < 1 {
			fail("same-padding", x, "kernel %v, stride %v, dilation %v; numbers from 1 expected", kernel, stride, dilation)
		}
		amounts[i] = autograd.SamePadding(n[i], k, s, d)
	}
	return x.Pad(mode, amounts[0], amounts[1])
}

var ones = [2]int{1, 1}

// numbers returns a few constants in x's precision and the given shape. Unlike
// a Const of new memory, equal ones are the same Value.
func numbers(x autograd.Value, v []float64, shape ...int) autograd.Value {
	var each []autograd.Value
	for _, n := range v {
		each = append(each, x.Tape().Scalar(x.Type().DType.Real(), n))
	}
	return autograd.Stack(0, each...).Reshape(shape...)
}

// correlate returns the correlation of every channel of x (N, C, h, w) with a
// filter (1, 1, fh, fw).
func correlate(x, filter autograd.Value, stride [2]int) autograd.Value {
	x, c := splitChannels("correlate", x)
	return joinChannels(autograd.Correlate(x, filter, autograd.CorrelateOptions{Stride: stride}), c)
}

// correlateSeparable correlates the rows and columns of x (N, C, h, w) with fy and fx.
func correlateSeparable(x autograd.Value, fy, fx []float64, stride [2]int) autograd.Value {
	return autograd.CorrelateSeparable(x, numbers(x, fy, len(fy)), numbers(x, fx, len(fx)), stride)
}

// blur correlates the rows and columns of x (N, C, h, w) with fy and fx, padded
// to keep the size, at every stride-th pixel.
func blur(x autograd.Value, fy, fx []float64, stride int, mode autograd.PadMode) autograd.Value {
	x = SamePadding(x, [2]int{len(fy), len(fx)}, ones, ones, mode)
	return correlateSeparable(x, fy, fx, [2]int{stride, stride})
}

// givenFilter returns a filter (fh, fw) as a Const (1, 1, fh, fw). It panics with
// *autograd.Error if x has not four axes or filter not two.
func givenFilter(op string, x autograd.Value, filter tensor.Tensor) autograd.Value {
	if x.Type().Rank != 4 || filter.Rank != 2 || filter.DType.IsComplex() || filter.Len() == 0 {
		fail(op, x, "images (N, C, h, w) and a real filter with two axes expected, not %v", filter.Type)
	}
	return x.Tape().Const(filter).Cast(x.Type().DType.Real()).Reshape(1, 1, filter.Dim[0], filter.Dim[1])
}

// Filter correlates images x (N, C, h, w), padded to keep their size, with a
// filter (fh, fw): by rows and columns where the filter is a product of the two,
// by Fourier transforms where it is large, else directly. It panics with
// *autograd.Error if their axes are others, or as Pad does.
func Filter(x autograd.Value, filter tensor.Tensor, mode autograd.PadMode) autograd.Value {
	return filtered("filter", x, filter, mode, ones)
}

// CorrelateDownsample returns every second pixel, from the first, of Filter. It
// panics as Filter does.
func CorrelateDownsample(x autograd.Value, filter tensor.Tensor, mode autograd.PadMode) autograd.Value {
	return filtered("correlate-downsample", x, filter, mode, [2]int{2, 2})
}

// spectralTaps is the number of filter elements from which on Fourier
// transforms take less time than as many products of every pixel.
const spectralTaps = 64

func filtered(op string, x autograd.Value, filter tensor.Tensor, mode autograd.PadMode, stride [2]int) autograd.Value {
	f := givenFilter(op, x, filter)
	fh, fw := filter.Dim[0], filter.Dim[1]
	x = SamePadding(x, [2]int{fh, fw}, ones, ones, mode)
	column, row, ok := separated(filter)
	switch {
	case ok && min(fh, fw) > 1:
		return correlateSeparable(x, column, row, stride)
	case min(fh, fw) > 1 && fh*fw >= spectralTaps:
		y := correlateSpectra(x, f)
		h, w := lastTwo(op, y)
		return y.CropStep(-2, 0, h, stride[0]).CropStep(-1, 0, w, stride[1])
	}
	return correlate(x, f, stride)
}

// separated returns the column and row of which a filter is the product, and
// whether it is one to within rounding.
func separated(filter tensor.Tensor) (column, row []float64, ok bool) {
	h, w := filter.Dim[0], filter.Dim[1]
	f := tensor.Floats(tensor.Contiguous(filter))
	top := 0
	for i, v := range f {
		if math.Abs(v) > math.Abs(f[top]) {
			top = i
		}
	}
	if f[top] == 0 || math.IsNaN(f[top]) || math.IsInf(f[top], 0) {
		return nil, nil, false
	}
	for i := range h {
		column = append(column, f[i*w+top%w]/f[top])
	}
	row = f[top/w*w:][:w]
	for i, v := range f {
		if !(math.Abs(v-column[i/w]*row[i%w]) <= 1e-15*math.Abs(f[top])) {
			return nil, nil, false
		}
	}
	return column, row, true
}

// correlateSpectra returns what correlate does: where a filter lies inside the
// image, its circular correlation is the plain one.
func correlateSpectra(x, filter autograd.Value) autograd.Value {
	h, w := lastTwo("filter", x)
	fh, fw := lastTwo("filter", filter)
	th, tw := transformLength(h), transformLength(w)
	spectrum := func(v autograd.Value) autograd.Value {
		rows, columns := lastTwo("filter", v)
		return v.PadWith(0, [2]int{0, th - rows}, [2]int{0, tw - columns}).RFFT(autograd.Backward, -2, -1)
	}
	y := spectrum(x).Mul(spectrum(filter).Conj()).IRFFT(autograd.Backward, tw, -2, -1)
	return y.Crop(-2, 0, h-fh+1).Crop(-1, 0, w-fw+1)
}

// transformLength returns the smallest even number from n on without a prime
// factor above 5: a length whose transform is fast.
func transformLength(n int) int {
	for n += n % 2; ; n += 2 {
		rest := n
		for _, p := range []int{2, 3, 5} {
			for rest%p == 0 {
				rest /= p
			}
		}
		if rest == 1 {
			return n
		}
	}
}

// UpsampleConvolve returns images of 2·size − odd pixels, for odd of 0 or 1 per
// axis: x with zeros between its pixels, convolved with a filter (fh, fw) of at
// least 2×2 taps. But for the borders it is the adjoint of CorrelateDownsample
// with the same filter. It panics with *autograd.Error if x has not four axes,
// the filter not two or too few taps, odd is another number, or as Pad does.
func UpsampleConvolve(x autograd.Value, odd [2]int, filter tensor.Tensor, mode autograd.PadMode) autograd.Value {
	f := givenFilter("upsample-convolve", x, filter)
	y := newUpsampling(x, odd, filter.Dim[0], 0)
	c := newUpsampling(x, odd, filter.Dim[1], 1)
	return upsample(x.Pad(mode, y.pad, c.pad), f, [2]upsampling{y, c})
}

// upsampling is the geometry of UpsampleConvolve along one axis.
type upsampling struct {
	stride int    // 2; 1 leaves the axis as it is
	pad    [2]int // around the small image
	beyond [2]int // how far the filter reaches beyond the large image
}

func newUpsampling(x autograd.Value, odd [2]int, kernel, i int) upsampling {
	if odd[i] != 0 && odd[i] != 1 || kernel < 2 {
		fail("upsample", x, "odd is %v and the filter has %d taps; 0 or 1 for each axis, and at least 2 taps expected", odd, kernel)
	}
	before := kernel / 2
	after := kernel - odd[i] - before
	return upsampling{2, [2]int{before / 2, after / 2}, [2]int{kernel - 1 - before%2, kernel - 1 - after%2}}
}

// size returns how many pixels n become.
func (u upsampling) size(n, kernel int) int {
	return (n-1)*u.stride + kernel - u.beyond[0] - u.beyond[1]
}

// upsample puts a filter (1, 1, fh, fw) times each pixel of x, padded, at every
// second pixel of a large image and adds: the adjoint of correlating that image.
func upsample(x, filter autograd.Value, u [2]upsampling) autograd.Value {
	x, c := splitChannels("upsample", x)
	t, f := x.Type(), filter.Type()
	h, w := u[0].size(t.Dim[2], f.Dim[2]), u[1].size(t.Dim[3], f.Dim[3])
	o := autograd.CorrelateOptions{Stride: [2]int{u[0].stride, u[1].stride}, Pad: [2][2]int{u[0].beyond, u[1].beyond}}
	return joinChannels(autograd.CorrelateAdjoint(x, filter, h, w, o), c)
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
	fx := f
	if !o.NoScale {
		fx = scaled(f, 2)
	}
	y, c := newUpsampling(x, odd, len(f), 0), newUpsampling(x, odd, len(f), 1)
	same := upsampling{stride: 1}
	for range n {
		x = x.Pad(autograd.PadReflect, y.pad, c.pad)
		x = upsample(x, numbers(x, fx, 1, 1, 1, len(f)), [2]upsampling{same, c})
		x = upsample(x, numbers(x, f, 1, 1, len(f), 1), [2]upsampling{y, same})
	}
	return x
}
