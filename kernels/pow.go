package kernels

import "math"

// ln 2 in two parts; the product of the first with an exponent is exact.
const (
	ln2High = 0.693147180369123816490
	ln2Low  = 1.90821492927058770002e-10
)

// exp is eˣ: the assembly of math.Exp is off by 1.3 ulp, and infinite from 709.4
// on.
func exp(x float64) float64 {
	high, _ := expPair(x)
	return high
}

// expSteps are the quotients of the coefficients of (eʳ - 1 - r)/(r²/2).
var expSteps = [...]float64{1. / 14, 1. / 13, 1. / 12, 1. / 11, 1. / 10, 1. / 9, 1. / 8, 1. / 7, 1. / 6, 1. / 5, 1. / 4, 1. / 3}

// expPair returns eˣ as the sum of two numbers, 2ⁿ·eʳ by the power series of eʳ, r =
// x - n·ln 2 as two numbers.
func expPair(x float64) (high, low float64) {
	switch {
	case x > 709.8:
		return math.Inf(1), 0
	case x < -745.2:
		return 0, 0
	case x != x:
		return x, 0
	}
	n := math.RoundToEven(x * math.Log2E)
	head := math.FMA(-n, ln2High, x)
	r := math.FMA(-n, ln2Low, head)
	rest := math.FMA(-n, ln2Low, head-r)
	q := 1.0
	for _, f := range expSteps { // 1 + r/3 + r²/12 + …
		q = math.FMA(q, r*f, 1)
	}
	high, low = twoSum(1, r+math.FMA(r*r, q/2, rest))
	return math.Ldexp(high, int(n)), math.Ldexp(low, int(n))
}

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
