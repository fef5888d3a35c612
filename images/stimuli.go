package images

import (
	"math"
	"math/cmplx"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/percept-go/percept/tensor"
)

// point returns the stimulus of a function of the distances from the centre,
// in pixels, which lies between pixels if the size is even.
func point(value func(f field, y, x float64) float64) func(*rand.Rand, int, int) field {
	return func(_ *rand.Rand, h, w int) field {
		f := newField(h, w)
		return f.fill(func(y, x float64) float64 {
			return value(f, y-float64(h-1)/2, x-float64(w-1)/2)
		})
	}
}

// side returns the shorter side.
func (f field) side() float64 { return float64(min(f.h, f.w)) }

func impulse(_ *rand.Rand, h, w int) field {
	f := newField(h, w)
	f.v[h/2*w+w/2] = 1
	return f
}

func stepEdge(_ field, _, x float64) float64 {
	switch {
	case x < 0:
		return 0
	case x > 0:
		return 1
	}
	return 0.5
}

func ramp(_ field, y, _ float64) float64 { return y }

func bar(_ *rand.Rand, h, w int) field {
	f := newField(h, w)
	for y := h/2 - h/10; y < h/2+max(h/10, 1); y++ {
		for x := max(w/2-1, 0); x < min(w/2+1, w); x++ {
			f.v[y*w+x] = 1
		}
	}
	return f
}

func curvedEdge(f field, y, x float64) float64 {
	r := math.Hypot(y+float64(f.h-1)/2, x+float64(f.w-1)/2)
	return edge(r, f.side()/1.2-1, f.side()/1.2+1)
}

func window(f field, y, x float64) float64 {
	s := f.side() / 6
	return math.Exp(-(y*y + x*x) / (2 * s * s))
}

func sineGrating(f field, y, x float64) float64 {
	return window(f, y, x) * math.Sin(2*math.Pi*10*x/f.side())
}

func squareGrating(f field, y, x float64) float64 {
	s := math.Sin(2*math.Pi*7*(x+y)/f.side() + 2*math.Pi/3)
	return window(f, y, x) * math.Copysign(1, s)
}

func polarAngle(_ *rand.Rand, h, w int) field {
	return field{h, w, tensor.Slice[float64](Grid{H: h, W: w}.Angle(0, Clockwise))}
}

func angularSine(_ field, y, x float64) float64 { return math.Sin(6 * math.Atan2(y, x)) }

func zonePlate(f field, y, x float64) float64 { return math.Cos(math.Pi / f.side() * (y*y + x*x)) }

// pinkNoise has the amplitude spectrum f^(D-5/2), where D = 0.8 is the fractal
// dimension of a profile (Mandelbrot & Van Ness 1968, doi:10.1137/1010093).
func pinkNoise(rng *rand.Rand, h, w int) field {
	z := make([]complex128, h*w)
	for i := range z {
		z[i] = complex(rng.NormFloat64(), 0)
	}
	fft2(z, h, w)
	for i := range z {
		y, x := frequency(i/w, h), frequency(i%w, w)
		if r := math.Hypot(y, x); r > 0 {
			z[i] *= complex(math.Pow(r, 0.8-2.5), 0)
		}
	}
	z[0] = 0
	for i := range z { // the forward transform of the conjugate is the inverse one, conjugated
		z[i] = cmplx.Conj(z[i])
	}
	fft2(z, h, w)
	f := newField(h, w)
	for i := range z {
		f.v[i] = real(z[i])
	}
	return f
}

// frequency returns the cycles per pixel of coefficient k of n.
func frequency(k, n int) float64 {
	if 2*k > n {
		k -= n
	}
	return float64(k) / float64(n)
}

// fft2 transforms the h×w values of z in place.
func fft2(z []complex128, h, w int) {
	rows, columns := fourier.NewCmplxFFT(w), fourier.NewCmplxFFT(h)
	for y := range h {
		rows.Coefficients(z[y*w:(y+1)*w], z[y*w:(y+1)*w])
	}
	column := make([]complex128, h)
	for x := range w {
		for y := range column {
			column[y] = z[y*w+x]
		}
		columns.Coefficients(column, column)
		for y := range column {
			z[y*w+x] = column[y]
		}
	}
}

// rescale maps the smallest value to 0 and the largest to 1.
func (f field) rescale() field {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range f.v {
		lo, hi = min(lo, v), max(hi, v)
	}
	for i, v := range f.v {
		if hi > lo {
			f.v[i] = (v - lo) / (hi - lo)
		} else {
			f.v[i] = 0
		}
	}
	return f
}
