package models

import (
	"math"

	"github.com/percept-go/percept/autograd"
)

// The functions below act on the last two axes of images and are written as
// their definitions; models that need speed merge them with what surrounds them.

// Autocorrelation returns the circular autocorrelation of real images, with
// lag zero, where it is the mean square, at index ⌊n/2⌋ of each axis. No mean
// is subtracted. An odd width loses one column, and the values are then those
// of another signal, as in the reference. It panics with *autograd.Error if x
// is complex or has less than two axes or columns.
func Autocorrelation(x autograd.Value) autograd.Value {
	h, w := lastTwo("autocorrelation", x)
	if x.Type().DType.IsComplex() || w < 2 {
		fail("autocorrelation", x, "real images at least 2 pixels wide expected")
	}
	even := w / 2 * 2
	power := x.RFFT(autograd.Backward, -2, -1).Abs2()
	a := power.IRFFT(autograd.Backward, even, -2, -1).Scale(1 / float64(h*w))
	return a.Roll([]int{h / 2, even / 2}, -2, -1)
}

// lastTwo returns the sizes of the last two axes. It panics with
// *autograd.Error if x has fewer.
func lastTwo(op string, x autograd.Value) (h, w int) {
	t := x.Type()
	if t.Rank < 2 {
		fail(op, x, "at least two axes expected")
	}
	return t.Dim[t.Rank-2], t.Dim[t.Rank-1]
}

// CenterCrop returns the size×size pixels in the middle of x: rows and columns
// from ⌊n/2⌋ − ⌊size/2⌋. It panics with *autograd.Error if size is below 1 or
// above a size of the image.
func CenterCrop(x autograd.Value, size int) autograd.Value {
	h, w := lastTwo("center-crop", x)
	if size < 1 || size > h || size > w {
		fail("center-crop", x, "a crop of %d×%d pixels; 1 to %d expected", size, size, min(h, w))
	}
	y, c := h/2-size/2, w/2-size/2
	return x.Crop(-2, y, y+size).Crop(-1, c, c+size)
}

// resized returns n·factor, or n/factor if down, for both axes. It panics with
// *autograd.Error unless these are whole numbers and two or more away.
func resized(op string, x autograd.Value, factor float64, down bool) (n, m [2]int) {
	n[0], n[1] = lastTwo(op, x)
	for i, d := range n {
		size, change := float64(d)*factor, 1
		if down {
			size, change = float64(d)/factor, -1
		}
		m[i] = int(math.Round(size))
		if !(factor > 1) || math.Abs(size-float64(m[i])) > 1e-9*size || (m[i]-d)*change < 2 || min(m[i], d) < 2 {
			fail(op, x, "factor %v; one above 1 that makes whole sizes, at least 2 pixels apart, of %d×%d expected", factor, n[0], n[1])
		}
	}
	return n, m
}

// window returns the rows of a shifted spectrum of big points that one of
// small points has, without its first: from lo up to hi. Its first row stands
// for both lo−1 and hi.
func window(big, small int) (lo, hi int) {
	return (big + 2 - small + 1) / 2, (big + small + 1) / 2
}

// shiftedFFT returns the spectrum of x with zero frequency at index ⌊n/2⌋.
func shiftedFFT(x autograd.Value, n [2]int) autograd.Value {
	return x.FFT(autograd.Backward, -2, -1).Roll([]int{n[0] / 2, n[1] / 2}, -2, -1)
}

// fromShifted is the inverse of shiftedFFT, real if x is.
func fromShifted(f, x autograd.Value, n [2]int) autograd.Value {
	y := f.Roll([]int{-(n[0] / 2), -(n[1] / 2)}, -2, -1).IFFT(autograd.Backward, -2, -1)
	if x.Type().DType.IsComplex() {
		return y
	}
	return y.Real()
}

// Expand returns x interpolated to factor times its size by zeros in the
// spectrum, which preserves values. The first row and column of the spectrum,
// at the highest frequency, are split between both ends; the far half is
// mirrored but not conjugated, as in the reference, so that it is exact for
// images without energy there. It panics with *autograd.Error if factor is not
// above 1 or a size times factor is no whole number.
func Expand(x autograd.Value, factor float64) autograd.Value {
	n, m := resized("expand", x, factor, false)
	f := shiftedFFT(x, n).Scale(factor * factor)
	rank := int(f.Type().Rank)
	y1, y2 := window(m[0], n[0])
	x1, x2 := window(m[1], n[1])
	var pieces []autograd.Value
	var places []autograd.Place
	put := func(v autograd.Value, y, c int) {
		var at autograd.Place
		at.Lo[rank-2], at.Lo[rank-1] = y, c
		pieces, places = append(pieces, v), append(places, at)
	}
	row := f.Crop(-2, 0, 1).Crop(-1, 1, n[1]).Scale(.5)
	column := f.Crop(-2, 1, n[0]).Crop(-1, 0, 1).Scale(.5)
	corner := f.Crop(-2, 0, 1).Crop(-1, 0, 1).Scale(.25)
	put(f.Crop(-2, 1, n[0]).Crop(-1, 1, n[1]), y1, x1)
	put(row, y1-1, x1)
	put(row.Flip(-1), y2, x1)
	put(column, y1, x1-1)
	put(column.Flip(-2), y1, x2)
	for _, y := range []int{y1 - 1, y2} {
		put(corner, y, x1-1)
		put(corner, y, x2)
	}
	shape := f.Type().Shape()
	shape[rank-2], shape[rank-1] = m[0], m[1]
	return fromShifted(autograd.Assemble(shape, places, pieces...), x, m)
}

// Shrink returns x reduced to 1/factor of its size by cropping the spectrum,
// whose first row and column are the means of those at both ends. It panics
// with *autograd.Error if factor is not above 1 or a size over factor is no
// whole number.
func Shrink(x autograd.Value, factor float64) autograd.Value {
	n, m := resized("shrink", x, factor, true)
	f := shiftedFFT(x, n).Scale(1 / (factor * factor))
	y1, y2 := window(n[0], m[0])
	x1, x2 := window(n[1], m[1])
	part := func(ylo, yhi, xlo, xhi int) autograd.Value { return f.Crop(-2, ylo, yhi).Crop(-1, xlo, xhi) }
	mean := func(v ...autograd.Value) autograd.Value { return autograd.Sum(v...).Scale(1 / float64(len(v))) }
	inner := part(y1, y2, x1, x2)
	row := mean(part(y1-1, y1, x1, x2), part(y2, y2+1, x1, x2))
	column := mean(part(y1, y2, x1-1, x1), part(y1, y2, x2, x2+1))
	corner := mean(part(y1-1, y1, x1-1, x1), part(y1-1, y1, x2, x2+1), part(y2, y2+1, x1-1, x1), part(y2, y2+1, x2, x2+1))
	top := autograd.Concat(-1, corner, row)
	return fromShifted(autograd.Concat(-2, top, autograd.Concat(-1, column, inner)), x, m)
}

// ModulatePhase returns a complex x with its phase, in (−π, π], multiplied by
// factor. It panics with *autograd.Error if x is real.
func ModulatePhase(x autograd.Value, factor float64) autograd.Value {
	if !x.Type().DType.IsComplex() {
		fail("modulate-phase", x, "a complex argument expected")
	}
	return x.Abs().Polar(x.Angle().Scale(factor))
}

// Rescale returns x scaled and shifted so that its smallest element, of all
// axes, becomes a and its largest b; a constant x becomes a.
func Rescale(x autograd.Value, a, b float64) autograd.Value {
	low := x.ReduceMin()
	span := x.ReduceMax().Sub(low)
	zero := x.Tape().Scalar(x.Type().DType, 0)
	span = autograd.Where(span.Eq(zero), zero.AddScalar(1), span)
	return x.Sub(low).Div(span).Scale(b - a).AddScalar(a)
}

// orMean returns mean, or that of x if it is the zero Value, with the reduced
// axes put back to broadcast.
func orMean(x, mean autograd.Value, axes []int) autograd.Value {
	if !mean.Valid() {
		mean = x.Mean(axes...)
	}
	return x.KeepAxes(mean, axes...)
}

// Variance returns the mean over axes (all if none) of (x−mean)²; mean, of the
// reduced shape, is estimated if it is the zero Value.
func Variance(x, mean autograd.Value, axes ...int) autograd.Value {
	return x.Sub(orMean(x, mean, axes)).Square().Mean(axes...)
}

// Skew returns the mean over axes (all if none) of (x−mean)³, over the variance
// to the power 3/2. mean and variance, of the reduced shape, are estimated if
// they are the zero Value.
func Skew(x, mean, variance autograd.Value, axes ...int) autograd.Value {
	if !variance.Valid() {
		variance = Variance(x, mean, axes...)
	}
	d := x.Sub(orMean(x, mean, axes))
	return d.Square().Mul(d).Mean(axes...).Div(variance.PowScalar(1.5))
}

// Kurtosis returns the mean over axes (all if none) of (x−mean)⁴, over the
// squared variance: 3 for a normal distribution. mean and variance, of the
// reduced shape, are estimated if they are the zero Value.
func Kurtosis(x, mean, variance autograd.Value, axes ...int) autograd.Value {
	if !variance.Valid() {
		variance = Variance(x, mean, axes...)
	}
	d := x.Sub(orMean(x, mean, axes))
	return d.Square().Square().Mean(axes...).Div(variance.Square())
}
