package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// A mirrored half is symmetric, but for the turn, and Fold is the adjoint of Mirror.
func TestMirror(t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {2, 2}, {3, 5}, {4, 16}, {7, 41}, {16, 64}} {
		for _, l := range Levels() {
			t.Run(fmt.Sprintf("%v/%v", s, l), func(t *testing.T) {
				for turns := range 4 {
					testMirror[float32](t, s[0], s[1], turns, l)
					testMirror[float64](t, s[0], s[1], turns, l)
				}
			})
		}
	}
}

func testMirror[T Float](t *testing.T, h, w, turns int, l Level) {
	r := rand.New(rand.NewPCG(3, uint64(w)))
	half, g := make([]T, 2*h*(w/2+1)), make([]T, 2*h*w)
	fillNormal(r, half)
	fillNormal(r, g)
	full, folded := newGuarded[T](2*h*w, 1), newGuarded[T](len(half), 3)
	m := NewMirroring[T](h, w, turns, l)
	for _, rows := range [][2]int{{0, h / 3}, {h / 3, h}} {
		m.Mirror(full.values, half, rows[0], rows[1])
		m.Fold(folded.values, g, rows[0], rows[1])
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
			a, b := want[0], im*want[1]
			for range turns {
				a, b = -b, a
			}
			if got := full.values[2*(y*w+x):]; got[0] != a || got[1] != b {
				t.Fatalf("%T: frequency %d, %d, %d turns, is %v, want %v", T(0), y, x, turns, got[:2], []T{a, b})
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
