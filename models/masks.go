package models

import "math"

// pyramidMasks holds the Fourier masks of a steerable pyramid (Simoncelli and
// Freeman 1995; Portilla and Simoncelli 2000, appendix A), real and rounded to
// single precision, with zero frequency at index ⌊n/2⌋ of each axis.
type pyramidMasks struct {
	h, w     int
	lo0, hi0 []float64
	level    []maskLevel
}

// maskLevel is one level, from the finest. Its grid is the crop window of the
// level before.
type maskLevel struct {
	h, w           int
	hi             []float64   // h·w
	angle          [][]float64 // per orientation, h·w: for analysis, to be multiplied with hi and rounded
	angleRec       [][]float64 // the same for synthesis
	y0, x0, lh, lw int         // the crop window that makes the next level's grid
	lo             []float64   // lh·lw
}

// round32 rounds x to single precision. The reference keeps its masks, and
// their products, in single precision whatever the images are; statistics in
// double precision depend on it from the eighth digit on.
func round32(x float64) float64 { return float64(float32(x)) }

// newPyramidMasks computes the masks of a pyramid with the given number of
// levels and order+1 orientations for h×w images.
func newPyramidMasks(h, w, height, order, twidth int, isComplex, downsample bool) *pyramidMasks {
	radius, angle := polarGrid(h, w)
	radial := newRadialTable(twidth)
	m := &pyramidMasks{h: h, w: w, lo0: radial.lo(radius), hi0: radial.hi(radius)}
	analysis, synthesis := angularTables(order, isComplex)
	cur := maskLevel{h: h, w: w}
	for b := range order + 1 {
		shift := math.Pi * float64(b) / float64(order+1)
		cur.angle = append(cur.angle, analysis.at(angle, shift))
		cur.angleRec = append(cur.angleRec, synthesis.at(angle, shift))
	}
	for range height {
		radial.shift(-1)
		cur.hi = radial.hi(radius)
		cur.setWindow(downsample)
		radius = cur.crop(radius)
		cur.lo = radial.lo(radius)
		m.level = append(m.level, cur)
		cur = cur.next()
	}
	return m
}

// setWindow sets the part of the level's grid that makes the next level's.
func (l *maskLevel) setWindow(downsample bool) {
	if !downsample {
		l.lh, l.lw = l.h, l.w
		return
	}
	l.lh, l.lw = (l.h+1)/2, (l.w+1)/2
	l.y0, l.x0 = l.h/2-l.lh/2, l.w/2-l.lw/2
}

// crop returns the part of a, an array on the level's grid, in the window.
func (l *maskLevel) crop(a []float64) []float64 {
	if l.lh == l.h && l.lw == l.w {
		return a
	}
	c := make([]float64, 0, l.lh*l.lw)
	for y := range l.lh {
		c = append(c, a[(y+l.y0)*l.w+l.x0:][:l.lw]...)
	}
	return c
}

// next returns the coarser level with its orientation masks, which are those
// of l where both have frequencies.
func (l *maskLevel) next() maskLevel {
	n := maskLevel{h: l.lh, w: l.lw}
	for b := range l.angle {
		n.angle = append(n.angle, l.crop(l.angle[b]))
		n.angleRec = append(n.angleRec, l.crop(l.angleRec[b]))
	}
	return n
}

// polarGrid returns log₂ of the radius, 1 at half the sampling rate, and the
// angle of each frequency. The radius at zero takes its left neighbour's value.
func polarGrid(h, w int) (radius, angle []float64) {
	radius, angle = make([]float64, h*w), make([]float64, h*w)
	for i := range h {
		v := -1 + 2*float64(i)/float64(h)
		for j := range w {
			u := -1 + 2*float64(j)/float64(w)
			angle[i*w+j] = math.Atan2(v, u)
			radius[i*w+j] = math.Log2(math.Sqrt(u*u + v*v))
		}
	}
	dc := h/2*w + w/2
	radius[dc] = radius[dc-1]
	return radius, angle
}

// A lookup is a piecewise linear function, constant beyond its nodes, which
// are equally spaced but for rounding.
type lookup struct{ x, y []float64 }

// at returns the function of each element of v with the nodes moved by shift,
// rounded to single precision.
func (t lookup) at(v []float64, shift float64) []float64 {
	x := make([]float64, len(t.x))
	for i := range x {
		x[i] = t.x[i] + shift
	}
	out := make([]float64, len(v))
	for i, p := range v {
		out[i] = round32(interpolate(x, t.y, p))
	}
	return out
}

func interpolate(x, y []float64, p float64) float64 {
	last := len(x) - 1
	if p <= x[0] {
		return y[0]
	}
	if p >= x[last] {
		return y[last]
	}
	j := min(int((p-x[0])/(x[last]-x[0])*float64(last)), last-1)
	for p < x[j] {
		j--
	}
	for p >= x[j+1] {
		j++
	}
	return (y[j+1]-y[j])/(x[j+1]-x[j])*(p-x[j]) + y[j]
}

// radialTable holds the raised-cosine transition from low to high pass on a
// log₂ radius axis, as square roots, so that the squares of both sum to 1.
type radialTable struct{ x, yHi, yLo []float64 }

const radialNodes = 259

func newRadialTable(twidth int) *radialTable {
	var t radialTable
	y := make([]float64, radialNodes)
	for i := range y {
		phase := math.Pi * float64(i-257) / 512
		c := math.Cos(phase)
		y[i] = c * c
		t.x = append(t.x, -float64(twidth)/2+2*float64(twidth)/math.Pi*(phase+math.Pi/4))
	}
	y[0], y[radialNodes-1] = y[1], y[radialNodes-2]
	for _, v := range y {
		hi := math.Sqrt(v)
		t.yHi = append(t.yHi, hi)
		t.yLo = append(t.yLo, math.Sqrt(1-hi*hi))
	}
	return &t
}

// shift moves the transition by d octaves.
func (t *radialTable) shift(d float64) {
	for i := range t.x {
		t.x[i] += d
	}
}

func (t *radialTable) hi(radius []float64) []float64 { return lookup{t.x, t.yHi}.at(radius, 0) }
func (t *radialTable) lo(radius []float64) []float64 { return lookup{t.x, t.yLo}.at(radius, 0) }

// angularTables returns the angular tuning of the band at angle 0, a power of
// the cosine. That of a complex pyramid covers half the plane in analysis, at
// twice the gain: its bands are analytic signals.
func angularTables(order int, isComplex bool) (analysis, synthesis lookup) {
	gain := math.Sqrt(angularGain(order))
	for k := -2049; k <= 1025; k++ {
		theta := math.Pi * float64(k) / 1024
		v := gain * math.Pow(math.Cos(theta), float64(order))
		synthesis.x = append(synthesis.x, theta)
		synthesis.y = append(synthesis.y, v)
		if isComplex {
			v *= 2
			// −2049…1025 wrapped to −1024…1023, in units of π/1024.
			if wrapped := (k+1024+4096)%2048 - 1024; wrapped <= -512 || wrapped >= 512 {
				v = 0
			}
		}
		analysis.y = append(analysis.y, v)
	}
	analysis.x = synthesis.x
	return analysis, synthesis
}

// angularGain is 2²ⁿ(n!)²/((n+1)(2n)!), which makes the squared masks of the
// n+1 orientations sum to 1.
func angularGain(order int) float64 {
	g := 1 / float64(order+1)
	for i := 1; i <= order; i++ {
		g *= 4 * float64(i*i) / float64((2*i-1)*2*i)
	}
	return g
}
