package models

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// SSIMWindow is the side in pixels of the window of structural similarity.
const SSIMWindow = 11

// The constants of structural similarity for pixels in [0, 1] (Wang, Bovik,
// Sheikh and Simoncelli, Image quality assessment: from error visibility to
// structural similarity, 2004): the window, and what keeps quotients finite.
const (
	ssimStd       = 1.5
	ssimLuminance = .01 * .01
	ssimContrast  = .03 * .03
	ssimGuard     = 1e-12 // added to weights
)

// SSIM is the structural similarity of images with pixels in [0, 1]: 1 for
// equal ones. Its zero value is the published one.
type SSIM struct {
	// Weighted weighs every place by its local information content (Wang and
	// Simoncelli 2008) instead of equally.
	Weighted bool
	// Pad says what stands beyond the borders; nil: windows lie inside the image.
	Pad *autograd.PadMode
}

// Channels implements ChannelMetric. An image of less than 11 pixels along one
// side is seen through a window of that side.
func (s SSIM) Channels(reference, image autograd.Value) autograd.Value {
	x, y := s.padded(pair("ssim", reference, image))
	l := newSSIMLocal(x, y)
	if !s.Weighted {
		return l.similarity().MeanWide(2, 3)
	}
	return weightedMean(l.similarity(), l.information())
}

// Metric returns the mean over channels (N,) of Channels. It panics as Channels
// does.
func (s SSIM) Metric(reference, image autograd.Value) autograd.Value {
	return overChannels(s.Channels(reference, image))
}

// Similarity implements synth.Similar: it grows as images become alike.
func (SSIM) Similarity() bool { return true }

// padded returns both images with what stands beyond their borders.
func (s SSIM) padded(x, y autograd.Value) (px, py autograd.Value) {
	if s.Pad == nil {
		return x, y
	}
	k := [2]int{ssimSide(x), ssimSide(x)}
	return SamePadding(x, k, ones, ones, *s.Pad), SamePadding(y, k, ones, ones, *s.Pad)
}

// SSIMMap returns the structural similarity (N, C, h−10, w−10) of every place of
// images (N, C, h, w) with that of the reference. It panics with *autograd.Error
// if they do not fit.
func SSIMMap(reference, image autograd.Value) autograd.Value {
	return newSSIMLocal(pair("ssim-map", reference, image)).similarity()
}

// ssimSide returns the side of the window for images like x.
func ssimSide(x autograd.Value) int {
	h, w := lastTwo("ssim", x)
	return min(SSIMWindow, h, w)
}

// ssimSum is the sum of the published window of 11×11 taps in single precision,
// in which the reference holds it. Its taps are separable but for rounding; the
// sum alone shows in the result, as an offset of local variances.
const ssimSum = 1.0000000348018148

// ssimTaps returns the window of the given side along one axis.
func ssimTaps(side int) []float64 {
	g := gaussian(side, ssimStd)
	if side == SSIMWindow {
		g = scaled(g, math.Sqrt(ssimSum))
	}
	return g
}

// ssimLocal holds the local statistics of two images under a Gaussian window:
// means, variances and covariance.
type ssimLocal struct{ mx, my, vx, vy, vxy autograd.Value }

// newSSIMLocal sums powers of what pixels differ from middle gray, which are a
// quarter as large: variances in single precision lose less. What that changes is
// put back, since the window's sum is not quite 1.
func newSSIMLocal(x, y autograd.Value) ssimLocal {
	g := ssimTaps(ssimSide(x))
	mean := func(v autograd.Value) autograd.Value {
		return correlateSeparable(v, g, g, ones)
	}
	const middle = .5
	sum := 1.
	if len(g) == SSIMWindow {
		sum = ssimSum
	}
	dx, dy := x.AddScalar(-middle), y.AddScalar(-middle)
	ex, ey := mean(dx), mean(dy)
	moment := func(a, b, ea, eb autograd.Value) autograd.Value {
		excess := ea.Add(eb).AddScalar(middle * sum).Scale(middle * (1 - sum))
		return mean(a.Mul(b)).Sub(ea.Mul(eb)).Add(excess)
	}
	return ssimLocal{mx: ex.AddScalar(middle * sum), my: ey.AddScalar(middle * sum),
		vx: moment(dx, dx, ex, ex), vy: moment(dy, dy, ey, ey), vxy: moment(dx, dy, ex, ey)}
}

// structure returns the similarity of local contrast and structure.
func (l ssimLocal) structure() autograd.Value {
	return l.vxy.Scale(2).AddScalar(ssimContrast).Div(l.vx.Add(l.vy).AddScalar(ssimContrast))
}

// similarity returns that of luminance, contrast and structure.
func (l ssimLocal) similarity() autograd.Value {
	luminance := l.mx.Mul(l.my).Scale(2).AddScalar(ssimLuminance).Div(l.mx.Square().Add(l.my.Square()).AddScalar(ssimLuminance))
	return luminance.Mul(l.structure())
}

// information returns the weights of SSIM.Weighted. Two flat images have none
// anywhere, but for a guard which makes all places equal.
func (l ssimLocal) information() autograd.Value {
	gain := func(v autograd.Value) autograd.Value { return v.Relu().Scale(1 / ssimContrast).AddScalar(1) }
	return gain(l.vx).Mul(gain(l.vy)).Log().AddScalar(ssimGuard)
}

// weightedMean returns the mean (N, C) of v (N, C, h, w) with weights w. Deviations
// from it are summed, so that rounding does not show in the gradient where v is
// constant; the mean they are taken from has no influence on the result.
func weightedMean(v, w autograd.Value) autograd.Value {
	sum := w.SumWide(2, 3)
	mean := func(v autograd.Value) autograd.Value { return v.Mul(w).SumWide(2, 3).Div(sum) }
	m := mean(v).StopGradient()
	return mean(v.Sub(v.KeepAxes(m.Cast(v.Type().DType), 2, 3))).Add(m)
}

// msssimPowers are those of Wang, Simoncelli and Bovik, Multiscale structural
// similarity for image quality assessment, 2003.
var msssimPowers = []float64{.0448, .2856, .3001, .2363, .1333}

// MSSSIM is the structural similarity over several scales, of images with pixels
// in [0, 1]: contrast and structure of all scales, and the luminance of the last,
// each to a power. A negative factor counts as 0, so that very different images
// have similarity 0 and gradient 0.
type MSSSIM struct {
	PowerFactors []float64 // one for each scale, the finest first; nil: the published five
}

// Channels implements ChannelMetric. It also panics if a power is negative.
func (m MSSSIM) Channels(reference, image autograd.Value) autograd.Value {
	x, y := pair("ms-ssim", reference, image)
	powers := m.PowerFactors
	if len(powers) == 0 {
		powers = msssimPowers
	}
	var product autograd.Value
	for i, p := range powers {
		if !(p >= 0) {
			panic(&autograd.Error{Op: "ms-ssim", Err: fmt.Errorf("the power %v of scale %d; numbers from 0 expected", p, i)})
		}
		l := newSSIMLocal(x, y)
		local := l.similarity()
		if i < len(powers)-1 {
			local = l.structure()
			x, y = halved(x), halved(y)
		}
		factor := positivePower(local.MeanWide(2, 3), p)
		if i > 0 {
			factor = product.Mul(factor)
		}
		product = factor
	}
	return product
}

// Metric returns the mean over channels (N,) of Channels. It panics as Channels
// does.
func (m MSSSIM) Metric(reference, image autograd.Value) autograd.Value {
	return overChannels(m.Channels(reference, image))
}

// Similarity implements synth.Similar: it grows as images become alike.
func (MSSSIM) Similarity() bool { return true }

// positivePower returns max(v, 0)ᵖ, with gradient 0 where v ≤ 0.
func positivePower(v autograd.Value, p float64) autograd.Value {
	t := v.Tape()
	zero, one := t.Scalar(tensor.Float64, 0), t.Scalar(tensor.Float64, 1)
	positive := v.Gt(zero)
	return autograd.Where(positive, autograd.Where(positive, v, one).PowScalar(p), zero)
}

// halved returns the means of 2×2 pixels; an odd last row or column counts twice.
func halved(x autograd.Value) autograd.Value {
	h, w := lastTwo("ms-ssim", x)
	x = x.Pad(autograd.PadReplicate, [2]int{0, h % 2}, [2]int{0, w % 2})
	half := numbers(x, []float64{.25, .25, .25, .25}, 1, 1, 2, 2)
	return correlate(x, half, [2]int{2, 2})
}
