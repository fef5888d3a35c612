package models

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
)

// SteerablePyramidOptions shapes a steerable pyramid. The zero value is the
// default.
type SteerablePyramidOptions struct {
	Height          *int // number of levels, from 0; nil: MaxScales of the image size
	Order           *int // angular order, 0 to 15: order+1 orientations per level; nil: 3
	Complex         bool // bands are analytic signals: the real pyramid's with their quadrature partners
	NoDownsample    bool // all levels have the size of the image
	TightFrame      bool // the squares of the coefficients sum to those of the pixels
	TransitionWidth int  // width of the transition between levels in octaves; 0: 1
}

// SteerablePyramid splits images into levels of spatial frequency, one octave
// each, and orientations, and what lies above and below (Simoncelli and
// Freeman, The steerable pyramid: a flexible architecture for multi-scale
// derivative computation, ICIP 1995). It works on the discrete Fourier
// transform and treats images as periodic.
//
// The masks are the reference's tables in single precision, so that a
// reconstruction differs from the image by some 10⁻⁵ at even sizes, and by
// some 10⁻² where a size is odd.
//
// Unless TightFrame is set, the amplitude of bands of downsampled levels grows
// fourfold from each level to the next coarser one.
type SteerablePyramid struct {
	h, w      int
	height, k int
	o         SteerablePyramidOptions
	norm      autograd.Norm
	level     []pyramidLevel
	high, low residual
}

// pyramidLevel is the grid of one level and its masks, one per orientation,
// which multiply the image's spectrum.
type pyramidLevel struct {
	h, w                int
	analysis, synthesis constant
	bands               *bandSet // analysis again, of complex bands
}

// residual is the same for a residual, whose coefficients are always real:
// analysis multiplies half the spectrum.
type residual struct {
	h, w                int
	analysis, synthesis constant
}

// The names of the residuals among the scales.
const (
	ResidualHighpass = "residual_highpass"
	ResidualLowpass  = "residual_lowpass"
)

// NewSteerablePyramid returns the pyramid for images of h×w pixels. It errs if
// the sizes are below 4, if Height is negative or above MaxScales, if Order is
// not from 0 to 15 or is 0 for complex bands, or if TransitionWidth is negative.
func NewSteerablePyramid(h, w int, o SteerablePyramidOptions) (*SteerablePyramid, error) {
	p := &SteerablePyramid{h: h, w: w, o: o, height: MaxScales(h, w), k: 4}
	if o.Height != nil {
		p.height = *o.Height
	}
	if o.Order != nil {
		p.k = *o.Order + 1
	}
	if p.o.TransitionWidth == 0 {
		p.o.TransitionWidth = 1
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if o.TightFrame {
		p.norm = autograd.Ortho
	}
	p.makeMasks()
	return p, nil
}

func (p *SteerablePyramid) check() error {
	switch most := MaxScales(p.h, p.w); {
	case min(p.h, p.w) < 4:
		return fmt.Errorf("models: steerable pyramid of a %d×%d image: sizes of at least 4 are needed", p.h, p.w)
	case p.height < 0 || p.height > most:
		return fmt.Errorf("models: cannot build a steerable pyramid of height %d: a %d×%d image has room for 0 to %d levels", p.height, p.h, p.w, most)
	case p.k < 1 || p.k > 16:
		return fmt.Errorf("models: steerable pyramid of order %d: an order from 0 to 15 is needed", p.k-1)
	case p.k == 1 && p.o.Complex:
		return fmt.Errorf("models: complex steerable pyramid of order 0: complex bands need an order from 1 to 15")
	case p.o.TransitionWidth < 0:
		return fmt.Errorf("models: steerable pyramid with a transition width of %d octaves: at least 1 is needed", p.o.TransitionWidth)
	}
	return nil
}

// makeMasks multiplies the masks on the way to each level into one per band.
func (p *SteerablePyramid) makeMasks() {
	m := newPyramidMasks(p.h, p.w, p.height, p.k-1, p.o.TransitionWidth, p.o.Complex, !p.o.NoDownsample)
	gain := gains(m)
	double := 1.0 // per level, what the reference multiplies in analysis and divides by in synthesis
	if p.o.NoDownsample && !p.o.TightFrame {
		double = 2
	}
	band := 1.0
	if p.o.Complex && p.o.TightFrame {
		band = 1 / math.Sqrt2
	}
	up := 1.0
	for s, l := range m.level {
		lev := pyramidLevel{h: l.h, w: l.w}
		lev.analysis = p.bandMask(l, gain[s], l.angle, up*band)
		if p.o.Complex {
			lev.bands = newBandSet(lev.analysis)
		}
		lev.synthesis = p.bandMask(l, gain[s], l.angleRec, 1/(up*band))
		p.level = append(p.level, lev)
		up *= double
	}
	lh, lw := p.h, p.w
	if n := len(m.level); n > 0 {
		lh, lw = m.level[n-1].lh, m.level[n-1].lw
	}
	p.high = p.residualMasks(m.hi0, p.h, p.w, 1)
	p.low = p.residualMasks(gain[p.height], lh, lw, up)
}

// bandMask returns factor · gain · angle · hi for each orientation.
func (p *SteerablePyramid) bandMask(l maskLevel, gain []float64, angle [][]float64, factor float64) constant {
	parity := 1.0
	if p.k%2 == 0 {
		parity = -1 // (−i)^order is imaginary
	}
	var all []float64
	for _, a := range angle {
		mask := make([]float64, l.h*l.w)
		for i := range mask {
			mask[i] = factor * gain[i] * round32(a[i]*l.hi[i])
		}
		all = append(all, spectrumMask(mask, l.h, l.w, parity, !p.o.Complex)...)
	}
	return newConstant(all, p.k, l.h, p.columns(l.w))
}

func (p *SteerablePyramid) residualMasks(mask []float64, h, w int, up float64) residual {
	scaled := make([]float64, len(mask))
	for i, v := range mask {
		scaled[i] = up * v
	}
	r := residual{h: h, w: w, analysis: newConstant(spectrumMask(scaled, h, w, 1, true), h, w/2+1)}
	for i, v := range mask {
		scaled[i] = v / up
	}
	r.synthesis = newConstant(spectrumMask(scaled, h, w, 1, !p.o.Complex), h, p.columns(w))
	return r
}

// columns returns how many columns of the spectrum of an image of width w the
// pyramid works on: real bands need half of it.
func (p *SteerablePyramid) columns(w int) int {
	if p.o.Complex {
		return w
	}
	return w/2 + 1
}

// spectrumMask returns a mask with zero frequency first. For half a spectrum,
// which stands for a real result, it takes the part of the mask that acts on
// the real part: that of the given parity.
func spectrumMask(mask []float64, h, w int, parity float64, half bool) []float64 {
	m := slices.Clone(mask)
	unshift(m, h, w)
	if !half {
		return m
	}
	out := make([]float64, 0, h*(w/2+1))
	for y := range h {
		for x := range w/2 + 1 {
			opposite := m[(h-y)%h*w+(w-x)%w]
			out = append(out, (m[y*w+x]+parity*opposite)/2)
		}
	}
	return out
}

// Height returns the number of levels.
func (p *SteerablePyramid) Height() int { return p.height }

// Orientations returns the number of bands per level, the order plus 1.
func (p *SteerablePyramid) Orientations() int { return p.k }

// Scales returns the names of the scales, coarsest first: "residual_lowpass",
// the levels from the coarsest to "0", "residual_highpass".
func (p *SteerablePyramid) Scales() []string {
	s := []string{ResidualLowpass}
	for i := p.height - 1; i >= 0; i-- {
		s = append(s, strconv.Itoa(i))
	}
	return append(s, ResidualHighpass)
}

// Forward returns the coefficients of images x (N, C, h, w) as one real vector
// (N, C, S): those of the parts that Groups lists, in its order. It panics
// with *autograd.Error if x has another size.
func (p *SteerablePyramid) Forward(x autograd.Value) autograd.Value {
	return flatten(p.Coefficients(x).list())
}

// ForwardScales returns the entries of Forward that belong to the given
// scales. It panics with *autograd.Error if x has another size, if there are
// no scales or one does not exist.
func (p *SteerablePyramid) ForwardScales(x autograd.Value, scales []string) autograd.Value {
	if len(scales) == 0 {
		fail("steerable-pyramid", x, "no scales given; the scales are %v", p.Scales())
	}
	return flatten(p.Coefficients(x, scales...).list())
}

// EntryScales returns the scale of each entry in the order of Forward. It does
// not panic.
func (p *SteerablePyramid) EntryScales() []string { return groupOfEntries(p.Groups()) }

// Groups returns the parts of the representation: "residual_highpass" (h, w),
// the levels "0", "1", … (K, h, w), complex ones (2, K, h, w) with the real
// parts before the imaginary ones, and "residual_lowpass" (h, w).
func (p *SteerablePyramid) Groups() []synth.Group {
	var g groupList
	g.add(ResidualHighpass, p.h, p.w)
	for s, l := range p.level {
		shape := []int{p.k, l.h, l.w}
		if p.o.Complex {
			shape = append([]int{2}, shape...)
		}
		g.add(strconv.Itoa(s), shape...)
	}
	g.add(ResidualLowpass, p.low.h, p.low.w)
	return g.groups
}
