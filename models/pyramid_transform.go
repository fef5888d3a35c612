package models

import (
	"fmt"
	"strconv"

	"github.com/percept-go/percept/autograd"
)

// Coefficients are those of a steerable pyramid. A part that was not asked for
// is the zero Value.
type Coefficients struct {
	Highpass autograd.Value   // (N, C, h, w)
	Bands    []autograd.Value // of each level, the finest first: (N, C, K, hₛ, wₛ), complex in a complex pyramid
	Lowpass  autograd.Value   // (N, C, h_N, w_N)
}

// list returns the parts that are there, from fine to coarse.
func (c *Coefficients) list() []autograd.Value {
	var l []autograd.Value
	for _, v := range append(append([]autograd.Value{c.Highpass}, c.Bands...), c.Lowpass) {
		if v.Valid() {
			l = append(l, v)
		}
	}
	return l
}

// chosen returns which of the scales are named, all if none is.
func (p *SteerablePyramid) chosen(x autograd.Value, scales []string) map[string]bool {
	if len(scales) == 0 {
		scales = p.Scales()
	}
	want := map[string]bool{}
	for _, s := range p.Scales() {
		want[s] = false
	}
	for _, s := range scales {
		if _, ok := want[s]; !ok {
			fail("steerable-pyramid", x, "there is no scale %q; the scales are %v", s, p.Scales())
		}
		want[s] = true
	}
	return want
}

// Coefficients records the coefficients of real images x (N, C, h, w) at the
// given scales, all if none is given. It panics with *autograd.Error if x has
// another size or a scale does not exist.
func (p *SteerablePyramid) Coefficients(x autograd.Value, scales ...string) *Coefficients {
	if t := x.Type(); t.Rank != 4 || t.Dim[2] != p.h || t.Dim[3] != p.w || t.DType.IsComplex() {
		fail("steerable-pyramid", x, "real images (N, C, %d, %d) expected", p.h, p.w)
	}
	want := p.chosen(x, scales)
	half := x.RFFT(p.norm, 2, 3)
	c := &Coefficients{Bands: make([]autograd.Value, p.height)}
	if want[ResidualHighpass] {
		c.Highpass = p.analyseResidual(half, p.high)
	}
	turned := turn(half, 1-p.k)
	if p.o.Complex {
		turned = wholeSpectrum(half, p.w, 1-p.k)
	}
	for s, l := range p.level {
		if want[strconv.Itoa(s)] {
			c.Bands[s] = p.analyse(turned, l)
		}
	}
	if want[ResidualLowpass] {
		c.Lowpass = p.analyseResidual(half, p.low)
	}
	return c
}

// transform returns the spectrum of x over its last two axes, half of it where
// bands are real.
func (p *SteerablePyramid) transform(x autograd.Value) autograd.Value {
	if p.o.Complex {
		return x.FFT(p.norm, -2, -1)
	}
	return x.RFFT(p.norm, -2, -1)
}

func (p *SteerablePyramid) analyse(turned autograd.Value, l pyramidLevel) autograd.Value {
	grid := cropSpectrum(turned, l.h, l.w, !p.o.Complex)
	if p.o.Complex && p.norm == autograd.Backward {
		return grid.Tape().Apply(opCutBands, l.bands, grid)
	}
	n, c := grid.Type().Dim[0], grid.Type().Dim[1]
	z := grid.Reshape(n, c, 1, l.h, p.columns(l.w)).Mul(l.analysis.on(turned))
	if p.o.Complex {
		return z.IFFT(p.norm, 3, 4)
	}
	return z.IRFFT(p.norm, l.w, 3, 4)
}

func (p *SteerablePyramid) analyseResidual(half autograd.Value, r residual) autograd.Value {
	z := cropSpectrum(half, r.h, r.w, true).Mul(r.analysis.on(half))
	return z.IRFFT(p.norm, r.w, 2, 3)
}

// Reconstruct records the images (N, C, h, w) that the given levels and bands
// of c make up; levels are scale names, and none of either means all. It
// panics with *autograd.Error if c lacks a level or one does not exist.
//
// The reference rounds an intermediate result to single precision; this does
// not.
func (p *SteerablePyramid) Reconstruct(c *Coefficients, levels []string, bands []int) autograd.Value {
	parts := c.list()
	if len(parts) == 0 || len(c.Bands) != p.height {
		panic(&autograd.Error{Op: "steerable-pyramid reconstruction", Err: fmt.Errorf("coefficients of %d levels expected", p.height)})
	}
	ref := parts[0]
	want := p.chosen(ref, levels)
	for _, b := range bands {
		if b < 0 || b >= p.k {
			fail("steerable-pyramid", ref, "there is no band %d; the bands of a level are 0 to %d", b, p.k-1)
		}
	}
	var sum spectrumSum
	for s, l := range p.level {
		if want[strconv.Itoa(s)] {
			p.need(ref, c.Bands[s], strconv.Itoa(s))
			p.addLevel(&sum, c.Bands[s], l, bands)
		}
	}
	sum.turn(p.k - 1)
	for _, r := range []struct {
		name string
		x    autograd.Value
		residual
	}{{ResidualHighpass, c.Highpass, p.high}, {ResidualLowpass, c.Lowpass, p.low}} {
		if want[r.name] {
			p.need(ref, r.x, r.name)
			sum.add(p.transform(r.x).Mul(r.synthesis.on(ref)), r.h, r.w)
		}
	}
	total := sum.total(p.h, p.w, p.columns(p.w), !p.o.Complex)
	if p.o.Complex {
		return total.IFFT(p.norm, 2, 3).Real()
	}
	return total.IRFFT(p.norm, p.w, 2, 3)
}

func (p *SteerablePyramid) need(ref, v autograd.Value, name string) {
	if !v.Valid() {
		fail("steerable-pyramid", ref, "the coefficients lack the scale %q, which is to be reconstructed", name)
	}
}

// addLevel adds the chosen bands of a level to sum.
func (p *SteerablePyramid) addLevel(sum *spectrumSum, x autograd.Value, l pyramidLevel, bands []int) {
	if len(bands) == 0 {
		z := p.transform(x).Mul(l.synthesis.on(x))
		sum.add(z.Sum(2), l.h, l.w)
		return
	}
	mask := l.synthesis.on(x)
	for _, b := range bands {
		z := p.transform(x.Crop(2, b, b+1)).Mul(mask.Crop(0, b, b+1))
		sum.add(z.Sum(2), l.h, l.w)
	}
}

// spectrumSum is a sum of spectra on grids of several sizes.
type spectrumSum struct {
	part []autograd.Value
	h, w []int
}

func (s *spectrumSum) add(x autograd.Value, h, w int) {
	s.part, s.h, s.w = append(s.part, x), append(s.h, h), append(s.w, w)
}

// turn multiplies what was added so far by iⁿ.
func (s *spectrumSum) turn(n int) {
	for i := range s.part {
		s.part[i] = turn(s.part[i], n)
	}
}

// total returns the sum on a grid of h×w frequencies, of which columns are kept.
func (s *spectrumSum) total(h, w, columns int, half bool) autograd.Value {
	var pieces []autograd.Value
	var places []autograd.Place
	for i, x := range s.part {
		cols := quadrants(3, w, s.w[i])
		if half {
			cols = []span{{axis: 3, from: 0, to: s.w[i]/2 + 1}}
		}
		for _, r := range quadrants(2, h, s.h[i]) {
			for _, c := range cols {
				var at autograd.Place
				at.Lo[2], at.Lo[3] = r.from, c.from
				r, c := r.swapped(), c.swapped()
				pieces, places = append(pieces, r.of(c.of(x))), append(places, at)
			}
		}
	}
	t := s.part[0].Type()
	return autograd.Assemble([]int{t.Dim[0], t.Dim[1], h, columns}, places, pieces...)
}

// swapped returns the span with its two places exchanged.
func (s span) swapped() span {
	return span{s.axis, s.at, s.at + s.to - s.from, s.from}
}
