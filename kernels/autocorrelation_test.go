package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The window against the sum itself, and the adjoint against ⟨g, dW(v)⟩, at every
// level.
func TestAutocorrelation(t *testing.T) {
	for _, s := range [][3]int{{16, 16, 7}, {16, 32, 9}, {8, 6, 4}, {5, 8, 5}, {64, 48, 11}, {4, 2, 1}, {20, 20, 2}} {
		for _, l := range Levels() {
			t.Run(fmt.Sprintf("%v/%v", s, l), func(t *testing.T) {
				testAutocorrelation[float32](t, s[0], s[1], s[2], l, 2e-6)
				testAutocorrelation[float64](t, s[0], s[1], s[2], l, 1e-13)
			})
		}
	}
}

func testAutocorrelation[T Float](t *testing.T, h, w, width int, l Level, bound float64) {
	r := rand.New(rand.NewPCG(9, uint64(h)))
	x, v, g := make([]T, h*w), make([]T, h*w), make([]T, width*width)
	fillNormal(r, x)
	fillNormal(r, v)
	fillNormal(r, g)
	mean := 0.0
	for i := range x {
		x[i] += 3
		mean += float64(x[i]) / float64(h*w)
	}
	p := NewAutocorrelationRows[T](h, w, width, l)
	got, want := make([]float64, width*width), make([]float64, width*width)
	m := paddedSpectra(p, x, true)
	sums, work := make([]float64, p.SumsLen()), make([]T, max(p.SumsLen(), h*p.Stride()))
	for y := 0; y < h; y += 7 { // in blocks
		p.AddProducts(sums, work, m[(p.Halo()+y)*p.Stride():], min(7, h-y))
	}
	p.Window(got, sums)
	at := func(y, x int) int { return (y%h+h)%h*w + (x%w+w)%w }
	adjoint := make([]T, h*w)
	for a := range width {
		for b := range width {
			for i := range x {
				y, c := i/w, i%w
				plus, minus := at(y+a-width/2, c+b-width/2), at(y-a+width/2, c-b+width/2)
				want[a*width+b] += (float64(x[i]) - mean) * (float64(x[plus]) - mean) / float64(h*w)
				adjoint[i] += T(float64(g[a*width+b]) * (float64(x[plus]) + float64(x[minus]) - 2*mean) / float64(h*w))
			}
		}
	}
	if d := relativeError(got, want); !(d <= 10*bound) {
		t.Errorf("%T: window: relative error %.2g", T(0), d)
	}
	dx := newGuarded[T](h*w, 1)
	c := make([]T, p.SpreadLen())
	p.SetSpread(c, g)
	for y := 0; y < h; y += 7 {
		n := min(7, h-y)
		p.Spread(dx.values[y*w:(y+n)*w], work, m[y*p.Stride():], c, n)
	}
	dx.check(t)
	if d := relativeError(dx.values, adjoint); !(d <= 10*bound) {
		t.Errorf("%T: adjoint: relative error %.2g", T(0), d)
	}
	ones, of := make([]T, h*w), make([]T, h*w)
	for i := range ones {
		ones[i], of[i] = 1, p.SpreadOfOne(c)
	}
	p.Spread(dx.values, work, paddedSpectra(p, ones, false), c, h)
	if d := relativeError(dx.values, of); !(d <= 100*bound) {
		t.Errorf("%T: adjoint of one: relative error %.2g", T(0), d)
	}
}

// paddedSpectra returns the spectra of the rows of x, if centred less its mean, and of
// those around them.
func paddedSpectra[T Float](p *AutocorrelationRows[T], x []T, centred bool) []T {
	halo, ld := p.Halo(), p.Stride()
	m := make([]T, (p.h+2*halo)*ld)
	rows := m[halo*ld:]
	p.Spectra(rows, x, p.h)
	sum := 0.
	for y := range p.h {
		sum += float64(rows[y*ld]) / float64(p.h)
	}
	for y := 0; y < p.h && centred; y++ {
		rows[y*ld] -= T(sum)
	}
	for j := range halo {
		copy(m[(halo+p.h+j)*ld:][:ld], rows[j%p.h*ld:])
		copy(m[(halo-1-j)*ld:][:ld], rows[(p.h-1-j%p.h)*ld:])
	}
	return m
}

// Rows and tiles of them have the same spectra, and the maps of spectra are the rows
// times their length.
func TestAutocorrelationOfTiles(t *testing.T) {
	for _, l := range Levels() {
		testAutocorrelationOfTiles[float32](t, l, 1e-6)
		testAutocorrelationOfTiles[float64](t, l, 1e-15)
	}
}

func testAutocorrelationOfTiles[T Float](t *testing.T, l Level, bound float64) {
	const w = 32
	p := NewAutocorrelationRows[T](16, w, 5, l)
	lanes := p.Lanes()
	if lanes == 0 {
		return
	}
	x, tile, m := make([]T, lanes*w), make([]T, lanes*w), make([]T, lanes*p.Stride())
	fillNormal(rand.New(rand.NewPCG(3, 4)), x)
	p.Spectra(m, x, lanes)
	rows, scaled := make([]T, lanes*w), make([]T, lanes*w)
	p.Maps(rows, m, lanes)
	for i, v := range x {
		scaled[i] = w * v
	}
	if d := relativeError(rows, scaled); !(d <= bound) {
		t.Errorf("%T, %v: maps of rows: relative error %.2g", T(0), l, d)
	}
	p.TileOfMaps(tile, make([]T, lanes*w), m)
	for i := range tile {
		tile[i] /= w
	}
	again := make([]T, len(m))
	p.SpectraOfTile(again, tile)
	if d := relativeError(again, m); !(d <= bound) {
		t.Errorf("%T, %v: spectra of a tile of maps: relative error %.2g", T(0), l, d)
	}
}

func BenchmarkAutocorrelation(b *testing.B) {
	for _, n := range []int{256, 64} {
		b.Run(fmt.Sprintf("f32/%d", n), func(b *testing.B) { benchAutocorrelation[float32](b, n) })
		b.Run(fmt.Sprintf("f64/%d", n), func(b *testing.B) { benchAutocorrelation[float64](b, n) })
	}
}

func benchAutocorrelation[T Float](b *testing.B, n int) {
	p := NewAutocorrelationRows[T](n, n, 9, Auto)
	m := paddedSpectra(p, make([]T, n*n), true)
	sums, work, c := make([]float64, p.SumsLen()), make([]T, max(p.SumsLen(), n*p.Stride())), make([]T, p.SpreadLen())
	b.Run("products", func(b *testing.B) {
		for b.Loop() {
			p.AddProducts(sums, work, m[p.Halo()*p.Stride():], n)
		}
	})
	b.Run("adjoint", func(b *testing.B) {
		for b.Loop() {
			p.SpreadSpectra(work, m, c, n)
		}
	})
}
