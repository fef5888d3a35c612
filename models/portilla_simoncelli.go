package models

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// PortillaSimoncelliOptions sizes the texture model. Zero fields mean the
// defaults: 4 scales, 4 orientations, correlation windows of 7×7.
type PortillaSimoncelliOptions struct {
	Scales           int // levels of the steerable pyramid
	Orientations     int // bands per level, at least 2
	CorrelationWidth int // side of the window of autocorrelations, in pixels of each level

	Covariance     bool // covariances, as in the paper, in place of correlations
	MagnitudeMeans bool // another group, last: the mean magnitude of each band, as in the paper
}

// PortillaSimoncelli is the texture model of Portilla and Simoncelli (2000, A
// parametric texture model based on joint statistics of complex wavelet
// coefficients, IJCV 40:49–70), with correlations in place of covariances, unless
// asked for these, and without the entries that symmetry makes redundant.
//
// It measures, for every image and channel: pixel statistics; of the bands of
// a complex steerable pyramid, the autocorrelation of magnitudes, their
// correlations across orientations and scales, and the correlation of real
// parts with the phase-doubled next coarser scale; of partial reconstructions,
// skew, kurtosis, autocorrelation and standard deviation; and the variance of
// the high-pass residual. Statistics treat the image as periodic.
type PortillaSimoncelli struct {
	h, w   int
	o      PortillaSimoncelliOptions
	levels []psLevel
	high   constant // weights of the squared half spectrum: variance of the high-pass residual
	groups []psGroup
	labels []string // of each entry of the representation: its scale
}

// psLevel is one scale, from the finest; the last is the low-pass residual,
// which has no bands.
type psLevel struct {
	h, w  int
	bands *bandSet // (K or 2K, h, w): masks of the bands, then those of the next coarser scale on this grid
	recon constant // (h, w/2+1): mask of the reconstruction of this scale and the coarser ones
}

// NewPortillaSimoncelli returns the model for images of h×w pixels. It errs if
// a size is not divisible by 2 as often as there are scales, if the pyramid
// has no room for the scales or the coarsest level none for the window.
func NewPortillaSimoncelli(h, w int, o PortillaSimoncelliOptions) (*PortillaSimoncelli, error) {
	o = o.withDefaults()
	if err := o.check(h, w); err != nil {
		return nil, err
	}
	p := &PortillaSimoncelli{h: h, w: w, o: o}
	m := newPyramidMasks(h, w, o.Scales, o.Orientations-1, 1, true, true)
	p.high = highVariance(m)
	gain := gains(m)
	recon := reconstructions(m, gain)
	for s := 0; s <= o.Scales; s++ {
		l := psLevel{recon: recon[s].constant}
		l.h, l.w = recon[s].h, recon[s].w
		if s < o.Scales {
			l.bands = newBandSet(bandMasks(m, gain, s))
		}
		p.levels = append(p.levels, l)
	}
	p.groups = p.makeGroups()
	for _, g := range p.groups {
		for _, e := range g.kept {
			p.labels = append(p.labels, g.label[e])
		}
	}
	return p, nil
}

func (o PortillaSimoncelliOptions) withDefaults() PortillaSimoncelliOptions {
	for _, f := range []struct {
		v *int
		d int
	}{{&o.Scales, 4}, {&o.Orientations, 4}, {&o.CorrelationWidth, 7}} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	return o
}

func (o PortillaSimoncelliOptions) check(h, w int) error {
	if o.Scales < 1 || o.Orientations < 2 || o.Orientations > 16 || o.CorrelationWidth < 1 {
		return fmt.Errorf("models: Portilla–Simoncelli with %d scales, %d orientations, width %d: at least 1 scale, 2 to 16 orientations and width 1 are needed",
			o.Scales, o.Orientations, o.CorrelationWidth)
	}
	if most := MaxScales(h, w); o.Scales > most {
		return fmt.Errorf("models: Portilla–Simoncelli: a %d×%d image has room for at most %d scales, not %d", h, w, most, o.Scales)
	}
	if f := 1 << o.Scales; h%f != 0 || w%f != 0 {
		return fmt.Errorf("models: Portilla–Simoncelli with %d scales needs sizes that can be divided by %d; %d×%d could be cropped to %d×%d",
			o.Scales, f, h, w, h/f*f, w/f*f)
	}
	lh, lw := h>>o.Scales, w>>o.Scales
	if room := min(lh, lw/2*2); o.CorrelationWidth > room {
		return fmt.Errorf("models: Portilla–Simoncelli: the coarsest level of a %d×%d image with %d scales is %d×%d; the correlation width %d must be at most %d",
			h, w, o.Scales, lh, lw, o.CorrelationWidth, room)
	}
	return nil
}

// MaxScales returns the largest number of scales of a steerable pyramid of an
// h×w image: ⌊log₂ min(h, w)⌋ − 2, at least 0.
func MaxScales(h, w int) int {
	n := 0
	for m := min(h, w); m >= 8; m /= 2 {
		n++
	}
	return n
}

// Scales returns the labels for coarse-to-fine synthesis, coarsest first.
func (p *PortillaSimoncelli) Scales() []string {
	s := []string{"pixel_statistics", "residual_lowpass"}
	for i := p.o.Scales - 1; i >= 0; i-- {
		s = append(s, strconv.Itoa(i))
	}
	return append(s, "residual_highpass")
}

// EntryScales returns the scale of each statistic in the order of Forward. It
// does not panic.
func (p *PortillaSimoncelli) EntryScales() []string { return slices.Clone(p.labels) }

// Len returns the number of statistics of one image and channel.
func (p *PortillaSimoncelli) Len() int { return len(p.labels) }

// Forward returns the statistics (N, C, S) of images x (N, C, h, w). It panics
// with *autograd.Error if x has another size.
func (p *PortillaSimoncelli) Forward(x autograd.Value) autograd.Value {
	return p.ForwardScales(x, p.Scales())
}

// ForwardScales returns the statistics (N, C, S) of x that belong to the given
// scales, in the order of Forward. It panics with *autograd.Error if x has
// another size or a scale does not exist.
func (p *PortillaSimoncelli) ForwardScales(x autograd.Value, scales []string) autograd.Value {
	want := map[string]bool{}
	for _, s := range p.Scales() {
		want[s] = false
	}
	for _, s := range scales {
		if _, ok := want[s]; !ok {
			fail("portilla-simoncelli", x, "there is no scale %q; the scales are %v", s, p.Scales())
		}
		want[s] = true
	}
	if t := x.Type(); t.Rank != 4 || t.Dim[2] != p.h || t.Dim[3] != p.w || t.DType.IsComplex() {
		fail("portilla-simoncelli", x, "real images (N, C, %d, %d) expected", p.h, p.w)
	}
	return p.pack(p.measure(x), want)
}

// psStats holds the statistics under the names of their groups, one Value per
// scale, each (N, C, …).
type psStats map[string][]autograd.Value

// The groups of statistics, in the order of the representation.
const (
	psPixels         = "pixel_statistics"
	psMagAuto        = "auto_correlation_magnitude"
	psSkew           = "skew_reconstructed"
	psKurtosis       = "kurtosis_reconstructed"
	psReconAuto      = "auto_correlation_reconstructed"
	psReconStd       = "std_reconstructed"
	psCrossOri       = "cross_orientation_correlation_magnitude"
	psMagStd         = "magnitude_std"
	psCrossScale     = "cross_scale_correlation_magnitude"
	psCrossScaleReal = "cross_scale_correlation_real"
	psHighVariance   = "var_highpass_residual"
	psMagMean        = "magnitude_means"
)

// measure records all statistics of x (N, C, h, w).
func (p *PortillaSimoncelli) measure(x autograd.Value) psStats {
	st := psStats{}
	v := p.pixels(x, st)
	half := x.RFFT(autograd.Backward, 2, 3)
	turned := wholeSpectrum(half, p.w, 1-p.o.Orientations) // bands carry (−i)^order, order = K−1
	st[psHighVariance] = []autograd.Value{half.Abs2().Mul(p.high.on(x)).Sum(2, 3).Reshape(append(lead(x), 1)...)}
	for s, l := range p.levels {
		p.reconstruction(half, v, l, st)
		if s < p.o.Scales {
			p.bands(turned, l, s, st)
		}
	}
	return st
}

// lead returns the sizes of the batch and channel axes of x.
func lead(x autograd.Value) []int { return x.Type().Shape()[:2] }

// pixels records the marginal statistics of x and returns its unbiased
// variance (N, C).
func (p *PortillaSimoncelli) pixels(x autograd.Value, st psStats) autograd.Value {
	n := float64(p.h * p.w)
	y := x.Tape().Apply(opPixels, nil, x)
	moment := func(i int) autograd.Value { return y.Crop(2, i, i+1).Reshape(lead(x)...) }
	mean, v := moment(0), moment(1).Scale(n/(n-1))
	skew := moment(2).Div(v.PowScalar(1.5))
	kurtosis := moment(3).Div(v.Square())
	st[psPixels] = []autograd.Value{autograd.Stack(2, mean, v, skew, kurtosis, x.ReduceMin(2, 3), x.ReduceMax(2, 3))}
	return v
}

// reconstruction records the statistics of the partial reconstruction at one
// scale, whose spectrum is that of the image times one mask. v is the variance
// of the pixels (N, C).
func (p *PortillaSimoncelli) reconstruction(half, v autograd.Value, l psLevel, st psStats) {
	z := cropSpectrum(half, l.h, l.w, true).Mul(l.recon.on(half))
	width := p.o.CorrelationWidth
	y := z.Tape().Apply(opMarginal, marginalAttr{l.w, width}, z)
	auto := y.Crop(2, 0, width*width)
	middle := width/2*width + width/2
	center, third, fourth := y.Crop(2, middle, middle+1), y.Crop(2, width*width, width*width+1), y.Crop(2, width*width+1, width*width+2)
	if !p.o.Covariance {
		auto = auto.Div(center)
	}
	center, third, fourth = center.Reshape(lead(v)...), third.Reshape(lead(v)...), fourth.Reshape(lead(v)...)
	skew := third.Div(center.PowScalar(1.5))
	kurtosis := fourth.Div(center.Square())
	// Where next to nothing is left at a scale, its moments are those of noise.
	eps := 1e-15
	if v.Type().DType == tensor.Float32 {
		eps = 1e-6
	}
	tape := v.Tape()
	empty := center.Div(v).Lt(tape.Scalar(v.Type().DType, eps))
	st[psSkew] = append(st[psSkew], autograd.Where(empty, tape.Scalar(v.Type().DType, 0), skew))
	st[psKurtosis] = append(st[psKurtosis], autograd.Where(empty, tape.Scalar(v.Type().DType, 3), kurtosis))
	st[psReconAuto] = append(st[psReconAuto], auto)
	st[psReconStd] = append(st[psReconStd], center.Sqrt())
}

// windowOf returns the central window (…, width, width) of the circular
// autocorrelations of maps (…, h, w) without their mean, divided by h·w. An odd w
// loses a column, as in the reference.
func windowOf(maps autograd.Value, width int) autograd.Value {
	one := maps.Tape().Scalar(maps.Type().DType, 1)
	return powerWindow(maps, halfSpectrum(maps).Mul(one.Sub(origin(maps))), width)
}

// windowAdjoint is the adjoint of windowOf at maps whose means (…, 1, 1) are given,
// applied to g.
func windowAdjoint(maps, mean autograd.Value, width int, g autograd.Value) autograd.Value {
	t, whole := maps.Type(), halfSpectrum(maps)
	shift := mean.Scale(float64(t.Dim[t.Rank-2] * t.Dim[t.Rank-1])).Mul(origin(maps))
	spectrum := whole.Sub(shift.Complex())
	return autograd.VJP(whole, autograd.VJP(powerWindow(maps, spectrum, width), g, spectrum)[0], maps)[0]
}

func halfSpectrum(maps autograd.Value) autograd.Value { return maps.RFFT(autograd.Backward, -2, -1) }

// origin returns half spectra (h, w/2+1) of maps (…, h, w) that are 1 at the
// frequency of the mean and 0 elsewhere.
func origin(maps autograd.Value) autograd.Value {
	t := maps.Type()
	one := maps.Tape().Full(tensor.MakeType(t.DType, 1, 1), 1)
	return one.Pad(autograd.PadConstant, [2]int{0, t.Dim[t.Rank-2] - 1}, [2]int{0, t.Dim[t.Rank-1] / 2})
}

// powerWindow is windowOf for the half spectra of maps without their mean.
func powerWindow(maps, spectrum autograd.Value, width int) autograd.Value {
	t := maps.Type()
	ay, ax := int(t.Rank)-2, int(t.Rank)-1
	rows := wrapped(spectrum.Abs2().Complex().IFFT(autograd.Backward, ay), ay, width)
	a := wrapped(rows.IRFFT(autograd.Backward, t.Dim[ax]/2*2, ax), ax, width)
	return a.Scale(1 / float64(t.Dim[ay]*t.Dim[ax]))
}

// bands records the statistics of the bands of one scale, and those that join
// them with the next coarser one.
func (p *PortillaSimoncelli) bands(turned autograd.Value, l psLevel, s int, st psStats) {
	k := p.o.Orientations
	grid := cropSpectrum(turned, l.h, l.w, false)
	width := p.o.CorrelationWidth
	attr := spectrumAttr{l.bands, momentAttr{k, width}}
	y, at := grid.Tape().Apply(opSpectrumMoments, attr, grid), attr.layout(grid.Type())
	auto := at.part(y, at.auto, k, width, width)
	if !p.o.Covariance {
		auto = auto.Div(auto.Crop(3, width/2, width/2+1).Crop(4, width/2, width/2+1))
	}
	gram := at.part(y, at.gram, k, k)
	v := at.part(y, at.gram, k*k).CropStep(2, 0, k*k, k+1)
	st[psMagAuto] = append(st[psMagAuto], auto)
	st[psMagStd] = append(st[psMagStd], v.Sqrt())
	st[psMagMean] = append(st[psMagMean], at.part(y, at.mean, k))
	st[psCrossOri] = append(st[psCrossOri], p.correlation(gram, v, v))
	if s+1 == p.o.Scales {
		return
	}
	st[psCrossScale] = append(st[psCrossScale], p.correlation(at.part(y, at.cross, k, k), v, at.part(y, at.square, k)))
	vre := at.part(y, at.realSquare, k)
	var columns []autograd.Value
	for i := range 2 {
		columns = append(columns, p.correlation(at.part(y, at.real+i*k*k, k, k), vre, at.part(y, at.doubleds+i*k, k)))
	}
	st[psCrossScaleReal] = append(st[psCrossScaleReal], autograd.Concat(3, columns...))
}

// correlation returns c_ij/√(va_i vb_j), given the covariances c (N, C, I, J) and
// the variances va (N, C, I) and vb (N, C, J); or c itself.
func (p *PortillaSimoncelli) correlation(c, va, vb autograd.Value) autograd.Value {
	if p.o.Covariance {
		return c
	}
	d := c.Type().Dim
	return c.Div(va.Reshape(d[0], d[1], d[2], 1).Mul(vb.Reshape(d[0], d[1], 1, d[3])).Sqrt())
}

// cropSpectrum returns the part of an unshifted spectrum (…, H, W) that an
// image of h×w pixels has: frequencies −⌊h/2⌋…⌈h/2⌉−1, and columns likewise or,
// if half, 0…⌊w/2⌋.
func cropSpectrum(f autograd.Value, h, w int, half bool) autograd.Value {
	t := f.Type()
	rank := int(t.Rank)
	rows := quadrants(rank-2, t.Dim[rank-2], h)
	cols := quadrants(rank-1, t.Dim[rank-1], w)
	if half {
		w = w/2 + 1
		cols = []span{{axis: rank - 1, from: 0, to: w}}
	}
	if len(rows)*len(cols) == 1 {
		return rows[0].of(cols[0].of(f))
	}
	var pieces []autograd.Value
	var places []autograd.Place
	for _, r := range rows {
		for _, c := range cols {
			var at autograd.Place
			at.Lo[r.axis], at.Lo[c.axis] = r.at, c.at
			pieces, places = append(pieces, r.of(c.of(f))), append(places, at)
		}
	}
	shape := t.Shape()
	shape[rank-2], shape[rank-1] = h, w
	return autograd.Assemble(shape, places, pieces...)
}

// span is a range of an axis and where it goes.
type span struct{ axis, from, to, at int }

func (s span) of(x autograd.Value) autograd.Value { return x.Crop(s.axis, s.from, s.to) }

// quadrants splits the axis of a spectrum of n points into the low frequencies
// of m points: those from zero up, and the negative ones.
func quadrants(axis, n, m int) []span {
	if n == m {
		return []span{{axis, 0, n, 0}}
	}
	up := (m + 1) / 2
	return []span{{axis, 0, up, 0}, {axis, n - m/2, n, up}}
}

// wrapped returns the w elements around the origin of a periodic axis: lags
// −⌊w/2⌋…⌈w/2⌉−1.
func wrapped(a autograd.Value, axis, w int) autograd.Value {
	n, below := a.Type().Dim[axis], w/2
	above := a.Crop(axis, 0, w-below)
	if below == 0 {
		return above
	}
	return autograd.Concat(axis, a.Crop(axis, n-below, n), above)
}

// fail panics with an *autograd.Error about a model's argument.
func fail(model string, x autograd.Value, format string, args ...any) {
	panic(&autograd.Error{Op: model, In: []tensor.Type{x.Type()}, Err: fmt.Errorf(format, args...)})
}
