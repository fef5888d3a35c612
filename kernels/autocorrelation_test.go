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
	pool := NewPool(3)
	defer pool.Close()
	p := NewAutocorrelation[T](h, w, width, l, 3)
	got, want := make([]float64, width*width), make([]float64, width*width)
	p.Window(got, x, pool)
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
	p.Adjoint(dx.values, x, g, pool)
	dx.check(t)
	if d := relativeError(dx.values, adjoint); !(d <= 10*bound) {
		t.Errorf("%T: adjoint: relative error %.2g", T(0), d)
	}
}

func BenchmarkAutocorrelation(b *testing.B) {
	for _, n := range []int{256, 64} {
		b.Run(fmt.Sprintf("f32/%d", n), func(b *testing.B) { benchAutocorrelation[float32](b, n) })
		b.Run(fmt.Sprintf("f64/%d", n), func(b *testing.B) { benchAutocorrelation[float64](b, n) })
	}
}

func benchAutocorrelation[T Float](b *testing.B, n int) {
	x, dx, out, g := make([]T, n*n), make([]T, n*n), make([]float64, 81), make([]T, 81)
	p := NewAutocorrelation[T](n, n, 9, Auto, 1)
	b.Run("window", func(b *testing.B) {
		for b.Loop() {
			p.Window(out, x, nil)
		}
	})
	b.Run("adjoint", func(b *testing.B) {
		for b.Loop() {
			p.Adjoint(dx, x, g, nil)
		}
	})
}
