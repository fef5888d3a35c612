package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// A mirrored half is symmetric, and Fold is the adjoint of Mirror.
func TestMirror(t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {2, 2}, {3, 5}, {4, 16}, {7, 41}, {16, 64}} {
		for _, l := range Levels() {
			t.Run(fmt.Sprintf("%v/%v", s, l), func(t *testing.T) {
				testMirror[float32](t, s[0], s[1], l)
				testMirror[float64](t, s[0], s[1], l)
			})
		}
	}
}

func testMirror[T Float](t *testing.T, h, w int, l Level) {
	r := rand.New(rand.NewPCG(3, uint64(w)))
	half, g := make([]T, 2*h*(w/2+1)), make([]T, 2*h*w)
	fillNormal(r, half)
	fillNormal(r, g)
	full, folded := newGuarded[T](2*h*w, 1), newGuarded[T](len(half), 3)
	for _, rows := range [][2]int{{0, h / 3}, {h / 3, h}} {
		Mirror(full.values, half, h, w, rows[0], rows[1], l)
		Fold(folded.values, g, h, w, rows[0], rows[1], l)
	}
	full.check(t)
	folded.check(t)
	for y := range h {
		for x := range w {
			want := half[2*(y*(w/2+1)+min(x, w/2)):]
			im := T(1)
			if x > w/2 {
				want, im = half[2*((h-y)%h*(w/2+1)+w-x):], -1
			}
			if got := full.values[2*(y*w+x):]; got[0] != want[0] || got[1] != im*want[1] {
				t.Fatalf("%T: frequency %d, %d is %v, want %v", T(0), y, x, got[:2], want[:2])
			}
		}
	}
	a, b := 0., 0.
	for i, v := range full.values {
		a += float64(v) * float64(g[i])
	}
	for i, v := range folded.values {
		b += float64(v) * float64(half[i])
	}
	if d := a - b; d*d > 1e-8*(a*a+1) {
		t.Errorf("%T: ⟨g, mirror(x)⟩ = %v, ⟨fold(g), x⟩ = %v", T(0), a, b)
	}
}
