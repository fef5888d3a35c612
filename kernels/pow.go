package kernels

import "math"

// pow is math.Pow with an error of about an ulp, where that has up to hundreds:
// exp(y·ln x), the logarithm and the product each as the sum of two numbers.
func pow(x, y float64) float64 {
	l := math.Abs(x)
	if !(l > 0) || l > math.MaxFloat64 || math.Abs(y) > 0x1p100 || x == 1 {
		return math.Pow(x, y)
	}
	sign := 1.0
	if x < 0 {
		if y != math.Trunc(y) {
			return math.NaN()
		}
		if math.Mod(y, 2) != 0 {
			sign = -1
		}
	}
	high, low := logPair(l)
	p := y * high
	e := exp(p)
	if math.IsInf(e, 0) || e == 0 {
		return sign * e
	}
	return sign * math.FMA(e, math.FMA(y, high, -p)+y*low, e)
}

// logPair returns ln x of a positive finite x as the sum of two numbers, with an
// error of about 2⁻⁶⁸: e·ln 2 + 2 artanh s for x = 2ᵉ·m, s = (m-1)/(m+1), the
// first two terms of the series in pairs.
func logPair(x float64) (high, low float64) {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	const (
		ln2High  = 0.693147180369123816490 // its product with an exponent is exact
		ln2Low   = 1.90821492927058770002e-10
		third    = 2.0 / 3
		thirdLow = 3.700743415417188e-17
	)
	s, sLow := artanhArgument(m)
	z := s * s
	zLow := math.FMA(s, s, -z) + 2*s*sLow
	c := s * z
	cLow := math.FMA(s, z, -c) + (s*zLow + sLow*z)
	t := c * third
	tLow := math.FMA(c, third, -t) + (cLow*third + c*thirdLow)
	rest := c * z * artanhRest(z)
	a, aLow := twoSum(float64(e)*ln2High, 2*s)
	b, bLow := twoSum(a, t)
	return twoSum(b, float64(e)*ln2Low+(rest+tLow+2*sLow)+(aLow+bLow))
}

// artanhArgument returns (m-1)/(m+1).
func artanhArgument(m float64) (high, low float64) {
	f, d := m-1, m+1
	dLow := m - (d - 1)
	s := f / d
	return s, (math.FMA(-s, d, f) - s*dLow) / d
}

// artanhRest returns 2/5 + 2z/7 + 2z²/9 + …, z ≤ 0.0295.
func artanhRest(z float64) float64 {
	r := 0.0
	for k := 23; k >= 5; k -= 2 {
		r = r*z + 2/float64(k)
	}
	return r
}

// twoSum returns a + b exactly, for |a| ≥ |b| or a = 0.
func twoSum(a, b float64) (high, low float64) {
	h := a + b
	return h, (a - h) + b
}
