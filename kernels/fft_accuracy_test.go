package kernels

import (
	"math"
	"slices"
	"testing"
	"unsafe"
)

// Every length up to 1024 is within the promised error of the definition, whose
// sums are in float64 for float32, and of twice that precision for float64.
func TestFFTAccuracy(t *testing.T) {
	hard := []int{2, 3, 11, 13, 59, 61, 67, 97, 121, 127, 128, 169, 209, 243, 251, 254, 343, 480, 499, 509, 512, 625, 671, 729, 758, 899, 961, 997, 1000, 1007, 1009, 1018, 1019, 1021, 1022, 1023, 1024}
	for n := 2; n <= 1024; n++ {
		x := fftRandom[float64](2 * n)
		for i := range x {
			x[i] = float64(float32(x[i]))
		}
		z, reals := slices.Clone(x), slices.Clone(x)
		for i := 1; i < len(x); i += 2 {
			reals[i] = 0
		}
		dft := plainDFT
		if double := slices.Contains(hard, n); double {
			dft = doubledDFT
			checkFFTError[float64](t, n, z, dft(z), reals, dft(reals))
		}
		if testing.Short() && n%7 > 0 {
			continue
		}
		checkFFTError[float32](t, n, z, dft(z), reals, dft(reals))
	}
}

// checkFFTError transforms the complex numbers z and the real parts of reals, and
// compares with their transforms.
func checkFFTError[T Float](t *testing.T, n int, z, wantZ, reals, wantReals []float64) {
	t.Helper()
	for _, l := range Levels() {
		s := FFTSpec{Kind: FFTForward, Shape: []int{n}, Axes: []int{0}, DstStride: []int{1}, SrcStride: []int{1}}
		got := make([]T, 2*n)
		NewFFT[T](s, l, 1).Run(got, fftRounded[T](z, 1), nil)
		requireFFTError(t, n, l, s.Kind, got, wantZ)
		s.Kind, s.Scale = FFTInverse, 1/float64(n)
		NewFFT[T](s, l, 1).Run(got, fftRounded[T](wantZ, 1), nil)
		requireFFTError(t, n, l, s.Kind, got, z)
		s.Kind, s.Scale = FFTReal, 0
		got = got[:2*(n/2+1)]
		NewFFT[T](s, l, 1).Run(got, fftRounded[T](reals, 2), nil)
		requireFFTError(t, n, l, s.Kind, got, wantReals[:len(got)])
		s.Kind, s.Scale = FFTRealInverse, 1/float64(n)
		back := make([]T, n)
		NewFFT[T](s, l, 1).Run(back, fftRounded[T](wantReals[:len(got)], 1), nil)
		requireFFTError(t, n, l, s.Kind, back, fftRounded[float64](reals, 2))
	}
}

// fftRounded returns every step-th element of x.
func fftRounded[T Float](x []float64, step int) []T {
	var y []T
	for i := 0; i < len(x); i += step {
		y = append(y, T(x[i]))
	}
	return y
}

func requireFFTError[T Float](t *testing.T, n int, l Level, kind FFTKind, got []T, want []float64) {
	t.Helper()
	var diff, norm float64
	for i, w := range want {
		d := float64(got[i]) - w
		diff, norm = diff+d*d, norm+w*w
	}
	bound := 3e-7
	if unsafe.Sizeof(T(0)) == 8 {
		bound = 1e-15 * max(1, math.Log2(float64(n)))
	}
	if e := math.Sqrt(diff / norm); !(e <= bound) {
		t.Errorf("%T, %v, kind %d, length %d: the error is %.2g, more than %.2g", T(0), l, kind, n, e, bound)
	}
}

// plainDFT is the definition.
func plainDFT(x []float64) []float64 {
	n := len(x) / 2
	w, y := fftCircle(n), make([]float64, 2*n)
	for k := range n {
		var re, im float64
		for j, at := 0, 0; j < n; j++ {
			xr, xi, wr, wi := x[2*j], x[2*j+1], w[2*at], w[2*at+1]
			re, im = re+(xr*wr-xi*wi), im+(xr*wi+xi*wr)
			if at += k; at >= n {
				at -= n
			}
		}
		y[2*k], y[2*k+1] = re, im
	}
	return y
}

func fftCircle(n int) (w []float64) {
	for k := range n {
		re, im := fftTwiddle(k, n)
		w = append(w, re, im)
	}
	return w
}

// doubledDFT sums exact products with the rounding errors of the sums (Ogita,
// Rump and Oishi, "Accurate sum and dot product", 2005).
func doubledDFT(x []float64) []float64 {
	n := len(x) / 2
	w, y := fftCircle(n), make([]float64, 2*n)
	for k := range n {
		var re, im doubled
		for j, at := 0, 0; j < n; j++ {
			xr, xi, wr, wi := x[2*j], x[2*j+1], w[2*at], w[2*at+1]
			re.add(xr, wr)
			re.add(-xi, wi)
			im.add(xr, wi)
			im.add(xi, wr)
			if at += k; at >= n {
				at -= n
			}
		}
		y[2*k], y[2*k+1] = re.sum+re.rest, im.sum+im.rest
	}
	return y
}

// A doubled is a sum and what its rounding lost.
type doubled struct{ sum, rest float64 }

func (d *doubled) add(x, y float64) {
	p := x * y
	s := d.sum + p
	b := s - d.sum
	d.rest += (d.sum - (s - b)) + (p - b) + math.FMA(x, y, -p)
	d.sum = s
}

// A convolution that is not asked for must not be made: all primes up to
// fftMaxOdd are radices, and longer ones are Rader's where that is possible.
func TestFFTConvolutions(t *testing.T) {
	body := fftBodyOf[float64](PureGo)
	for n, want := range map[int]int{61: 0, 2 * 61 * 59: 0, 67: 66, 5 * 127: 126, 509: 1024, 1021: 1020} {
		got := 0
		if tail := newFFTLine(body, n).tail; tail != nil {
			got = tail.line.n
		}
		if got != want {
			t.Errorf("length %d: a convolution of length %d, want %d", n, got, want)
		}
	}
}
