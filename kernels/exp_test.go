package kernels

import (
	"math"
	"testing"
)

// Float32 numbers of every size, negative ones too, are within the bound of the
// exponential in float64, and infinite or 0 where that is.
func TestExpOfEverySize(t *testing.T) {
	const stride, chunk = 4093, 1 << 12
	bound := scalarCalled("exp").ULP
	for _, l := range Levels() {
		f := Lookup[float32]("exp", l)
		x, got := make([]float32, chunk), make([]float32, chunk)
		for from := uint64(0); from < 1<<32; from += stride * chunk {
			for i := range x {
				x[i] = math.Float32frombits(uint32(from + uint64(i)*stride))
			}
			f(got, x, nil, nil, 0, 0)
			for i, g := range got {
				exact := exp(float64(x[i]))
				if w := float32(exact); w != w || w-w != 0 || w == 0 {
					if !agrees(g, w, 0) && !(w == 0 && g == 0x1p-149) {
						t.Fatalf("%v: exp(%g) is %g, want %g", l, x[i], g, w)
					}
				} else if !(math.Abs(float64(g)-exact) <= bound*ulpOf[float32](exact)) {
					t.Fatalf("%v: exp(%g) is %g, want %g", l, x[i], g, exact)
				}
			}
		}
	}
}

// Arguments halfway between sixteenths of ln 2, where the reduced argument is
// largest, from where results vanish to where they overflow.
func TestExpBetweenPowers(t *testing.T) {
	var x []float64
	for k := -1075*16 + 7; k < 1024*16; k += 37 {
		h := (float64(k) + .5) / 16 * math.Ln2
		x = append(x, math.Nextafter(h, -1000), h, math.Nextafter(h, 1000))
	}
	errors := errorsOf(accuracies[0], x, x)
	got := make([]float64, len(x))
	for _, l := range Levels()[1:] {
		Lookup[float64]("exp", l)(got, x, nil, nil, 0, 0)
		worst := 0.
		for i, g := range got {
			worst = max(worst, errors(i, g))
		}
		t.Logf("%v: %.2f ulp", l, worst)
		if !(worst <= scalarCalled("exp").ULP) {
			t.Errorf("%v: %.2f ulp off", l, worst)
		}
	}
	huge := []float64{-math.MaxFloat64, -1e200, -1e80, -1e60, -1e20, -1e15, -746, 710, 1e15, 1e20, 1e60, 1e80, 1e200, math.MaxFloat64}
	for _, l := range Levels() {
		Lookup[float64]("exp", l)(got[:len(huge)], huge, nil, nil, 0, 0)
		for i, h := range huge {
			if want := (1 + math.Copysign(1, h)) * math.Inf(1); got[i] != want && !(h < 0 && got[i] == 0) {
				t.Errorf("%v: exp(%g) is %g", l, h, got[i])
			}
		}
	}
}
