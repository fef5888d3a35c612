package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Bands at every level, with masks that vanish in places, are those of plain Go;
// threads do not matter.
func TestFFTBands(t *testing.T) {
	for _, size := range [][2]int{{16, 32}, {32, 16}, {64, 48}, {96, 64}, {256, 32}, {8, 16}, {20, 12}, {33, 7}} {
		for _, l := range Levels() {
			t.Run(fmt.Sprintf("%dx%d/%v", size[0], size[1], l), func(t *testing.T) {
				testFFTBands[float32](t, size[0], size[1], l, 2e-6)
				testFFTBands[float64](t, size[0], size[1], l, 1e-14)
			})
		}
	}
}

func testFFTBands[T Float](t *testing.T, h, w int, l Level, bound float64) {
	const bands, images = 3, 3
	r := rand.New(rand.NewPCG(5, 6))
	masks, spectra, cotangents := make([]T, bands*h*w), make([]T, 2*images*h*w), make([]T, 2*images*bands*h*w)
	fillNormal(r, masks)
	fillNormal(r, spectra)
	fillNormal(r, cotangents)
	for k := range bands {
		for i := range h * w {
			if x := i % w; x < w*k/bands {
				masks[k*h*w+i] = 0
			}
		}
	}
	pool := NewPool(2)
	defer pool.Close()
	shared := NewFFTMasks(masks, bands, h, w, l)
	want, one, two := NewFFTBands(NewFFTMasks(masks, bands, h, w, PureGo), 1), NewFFTBands(shared, 1), NewFFTBands(shared, 2)
	check := func(what string, f func(p *FFTBands[T], dst []T, pool *Pool), n int) {
		t.Helper()
		exact, a, b := make([]T, n), newGuarded[T](n, 0), newGuarded[T](n, 0)
		f(want, exact, nil)
		f(one, a.values, nil)
		f(two, b.values, pool)
		a.check(t)
		b.check(t)
		if !sameBits(a.values, b.values) {
			t.Errorf("%s: threads matter", what)
		}
		if d := relativeError(a.values, exact); !(d <= bound) {
			t.Errorf("%T, %s: relative error %.2g, at most %.2g expected", T(0), what, d, bound)
		}
	}
	check("cut", func(p *FFTBands[T], dst []T, pool *Pool) { p.Cut(dst, spectra, images, pool) }, len(cotangents))
	check("join", func(p *FFTBands[T], dst []T, pool *Pool) { p.Join(dst, cotangents, images, pool) }, len(spectra))
}

// relativeError returns ‖a − b‖/‖b‖.
func relativeError[T Float](a, b []T) float64 {
	d, n := 0., 0.
	for i := range b {
		x, y := float64(a[i]), float64(b[i])
		d, n = d+(x-y)*(x-y), n+y*y
	}
	if d == 0 {
		return 0
	}
	return math.Sqrt(d / n)
}
