package models

import (
	"github.com/percept-go/percept/autograd"
)

// GainOptions are those of local gain control. The zero value is the default.
type GainOptions struct {
	Epsilon float64 // what keeps the quotient finite; 0: 1e-8
}

func (o GainOptions) epsilon() float64 {
	if o.Epsilon == 0 {
		return 1e-8
	}
	return o.Epsilon
}

// LocalGainControl splits images x (N, C, h, w), or oriented bands (N, C, K, h,
// w), into the local norm, the root of the blurred square at half the size, and
// the direction, x over that norm at its own size plus epsilon. The gradient of
// the norm where it is 0 is 0. It panics with *autograd.Error as BlurDownsample
// does.
func LocalGainControl(x autograd.Value, o GainOptions) (norm, direction autograd.Value) {
	flat, back := flatOrientations("local-gain-control", x)
	norm = guardedRoot(BlurDownsample(flat.Square(), BlurOptions{}))
	return back(norm), back(flat.Div(gainOf(norm, flat, o)))
}

// LocalGainRelease is the inverse of LocalGainControl with the same options. It
// panics with *autograd.Error if the norm is not half the direction's size.
func LocalGainRelease(norm, direction autograd.Value, o GainOptions) autograd.Value {
	n, _ := flatOrientations("local-gain-release", norm)
	d, back := flatOrientations("local-gain-release", direction)
	return back(d.Mul(gainOf(n, d, o)))
}

func gainOf(norm, x autograd.Value, o GainOptions) autograd.Value {
	h, w := lastTwo("local-gain", x)
	return UpsampleBlur(norm, [2]int{h % 2, w % 2}, BlurOptions{}).AddScalar(o.epsilon())
}

// flatOrientations returns x (N, C, h, w), or (N, C, K, h, w) as (N, C·K, h, w),
// and what gives results of that form the axes of x.
func flatOrientations(op string, x autograd.Value) (flat autograd.Value, back func(autograd.Value) autograd.Value) {
	t := x.Type()
	if (t.Rank != 4 && t.Rank != 5) || t.DType.IsComplex() {
		fail(op, x, "real images (N, C, h, w) or bands (N, C, K, h, w) expected")
	}
	if t.Rank == 4 {
		return x, func(y autograd.Value) autograd.Value { return y }
	}
	return x.Reshape(t.Dim[0], t.Dim[1]*t.Dim[2], t.Dim[3], t.Dim[4]), func(y autograd.Value) autograd.Value {
		h, w := lastTwo(op, y)
		return y.Reshape(t.Dim[0], t.Dim[1], t.Dim[2], h, w)
	}
}

// guardedRoot returns √x for x ≥ 0, with gradient 0 at 0.
func guardedRoot(x autograd.Value) autograd.Value {
	t := x.Tape()
	zero, one := t.Scalar(x.Type().DType, 0), t.Scalar(x.Type().DType, 1)
	at0 := x.Eq(zero)
	return autograd.Where(at0, zero, autograd.Where(at0, one, x).Sqrt())
}

// RectangularToPolar returns the modulus and the angle, in (−π, π], of complex
// z; both have gradient 0 at 0. It panics with *autograd.Error if z is real.
func RectangularToPolar(z autograd.Value) (amplitude, phase autograd.Value) {
	if !z.Type().DType.IsComplex() {
		fail("rectangular-to-polar", z, "a complex argument expected")
	}
	return z.Abs(), z.Angle()
}

// PolarToRectangular returns the complex numbers of the given modulus and angle.
// A negative modulus is one turned by π. It panics with *autograd.Error if they
// are complex or differ in type.
func PolarToRectangular(amplitude, phase autograd.Value) autograd.Value {
	return amplitude.Polar(phase)
}

// eachBand applies f to the bands that are there; the residuals go to the first
// result.
func (c *Coefficients) eachBand(f func(b autograd.Value) (first, second autograd.Value)) (first, second *Coefficients) {
	first = &Coefficients{Highpass: c.Highpass, Lowpass: c.Lowpass, Bands: make([]autograd.Value, len(c.Bands))}
	second = &Coefficients{Bands: make([]autograd.Value, len(c.Bands))}
	for s, b := range c.Bands {
		if b.Valid() {
			first.Bands[s], second.Bands[s] = f(b)
		}
	}
	return first, second
}

// join puts what eachBand took apart together again.
func (c *Coefficients) join(second *Coefficients, f func(a, b autograd.Value) autograd.Value) *Coefficients {
	joined := &Coefficients{Highpass: c.Highpass, Lowpass: c.Lowpass, Bands: make([]autograd.Value, len(c.Bands))}
	for s, b := range c.Bands {
		if b.Valid() {
			joined.Bands[s] = f(b, second.Bands[s])
		}
	}
	return joined
}

// Polar returns moduli and angles of the bands of a complex pyramid; the residuals
// go with the moduli. It panics with *autograd.Error if a band is real.
func (c *Coefficients) Polar() (amplitude, phase *Coefficients) {
	return c.eachBand(RectangularToPolar)
}

// Rectangular is the inverse of Polar, called on the moduli. It panics with
// *autograd.Error if the types do not match.
func (c *Coefficients) Rectangular(phase *Coefficients) *Coefficients {
	return c.join(phase, PolarToRectangular)
}

// GainControl applies LocalGainControl to the bands of a real pyramid; the
// residuals go with the norms. It panics with *autograd.Error if a band is complex
// or too small to blur.
func (c *Coefficients) GainControl(o GainOptions) (norm, direction *Coefficients) {
	return c.eachBand(func(b autograd.Value) (norm, direction autograd.Value) { return LocalGainControl(b, o) })
}

// GainRelease is the inverse of GainControl with the same options, called on the
// norms. It panics with *autograd.Error if the sizes do not match.
func (c *Coefficients) GainRelease(direction *Coefficients, o GainOptions) *Coefficients {
	return c.join(direction, func(n, d autograd.Value) autograd.Value { return LocalGainRelease(n, d, o) })
}
