package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Of a spectrum's half they are Σ x cas(2π(ui/h + vj/w)), cas t = cos t + sin t.
func TestHartley(t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {2, 2}, {3, 5}, {4, 16}, {5, 37}, {2, 66}, {3, 131}} {
		for _, l := range Levels() {
			t.Run(fmt.Sprintf("%v/%v", s, l), func(t *testing.T) {
				testHartley[float32](t, s[0], s[1], l)
				testHartley[float64](t, s[0], s[1], l)
			})
		}
	}
}

func testHartley[T Float](t *testing.T, h, w int, l Level) {
	x, half, got := make([]T, h*w), make([]T, 2*h*(w/2+1)), newGuarded[T](h*w, 1)
	fillNormal(rand.New(rand.NewPCG(5, uint64(w))), x)
	NewFFT[T](FFTSpec{Kind: FFTReal, Shape: []int{h, w}, Axes: []int{0, 1}, DstStride: []int{w/2 + 1, 1}, SrcStride: []int{w, 1}, Scale: 1}, l, 1).Run(half, x, nil)
	k := NewHartley[T](h, w, l)
	k.Rows(got.values, half, h/2, h)
	k.Rows(got.values, half, 0, h/2)
	got.check(t)
	tolerance := map[bool]float64{true: 1e-12, false: 1e-4}[T(1e-10)+1 != 1]
	for u := range h {
		for v := range w {
			want := 0.
			for i := range h {
				for j := range w {
					sin, cos := math.Sincos(2 * math.Pi * (float64(u*i%h)/float64(h) + float64(v*j%w)/float64(w)))
					want += float64(x[i*w+j]) * (cos + sin)
				}
			}
			if d := math.Abs(float64(got.values[u*w+v]) - want); !(d <= tolerance*math.Sqrt(float64(h*w))) {
				t.Fatalf("%T: at %d, %d: %v, want %v", T(0), u, v, got.values[u*w+v], want)
			}
		}
	}
}
