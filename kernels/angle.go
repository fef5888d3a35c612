package kernels

import (
	"math"
	"math/bits"
)

// π/2 in parts.
const (
	halfPi1 = 1.5707963267948966
	halfPi2 = 6.123233995736766e-17
	halfPi3 = -1.4973849048591833e-33
)

// sincos takes the power series of the angle less n·π/2, the remainder as two
// numbers: near the zeros of large angles package math is off by hundreds of ulp.
func sincos(x float64) (sin, cos float64) {
	switch {
	case x == 0:
		return x, 1
	case x-x != 0:
		return math.NaN(), math.NaN()
	}
	n, r, rest := reduceAngle(x)
	z := r * r
	p, q := 1.0, 1.0
	for _, f := range sincosSteps {
		p = math.FMA(p, -z*f[0], 1) // 1 - z/(4·5) + z²/(4·5·6·7) - …
		q = math.FMA(q, -z*f[1], 1) // 1 - z/(5·6) + …
	}
	half := z / 2
	w := 1 - half
	s := r + math.FMA(-z/6*p, r, rest)
	c := w + (math.FMA(z*z/24, q, (1-w)-half) - r*rest)
	switch n & 3 {
	case 1:
		s, c = c, -s
	case 2:
		s, c = -s, -c
	case 3:
		s, c = -c, s
	}
	return s, c
}

// sincosSteps are the quotients of the coefficients of the series of the sine and
// of the cosine, after the first and the second.
var sincosSteps = [...][2]float64{
	{1. / (18 * 19), 1. / (19 * 20)}, {1. / (16 * 17), 1. / (17 * 18)}, {1. / (14 * 15), 1. / (15 * 16)}, {1. / (12 * 13), 1. / (13 * 14)},
	{1. / (10 * 11), 1. / (11 * 12)}, {1. / (8 * 9), 1. / (9 * 10)}, {1. / (6 * 7), 1. / (7 * 8)}, {1. / (4 * 5), 1. / (5 * 6)},
}

// reduceAngle returns the nearest multiple n of π/2 to x, modulo 4, and x - n·π/2
// = r + rest.
func reduceAngle(x float64) (n int64, r, rest float64) {
	switch {
	case math.Abs(x) <= math.Pi/4:
		return 0, x, 0
	case x >= 1<<30:
		return reduceLarge(x)
	case x <= -1<<30:
		n, r, rest = reduceLarge(-x)
		return -n, -r, -rest
	}
	m := math.RoundToEven(x * (2 / math.Pi))
	head := math.FMA(-m, halfPi1, x)
	r = math.FMA(-m, halfPi2, head)
	return int64(m), r, math.FMA(-m, halfPi3, math.FMA(-m, halfPi2, head-r))
}

// reduceLarge is reduceAngle for x ≥ 2³⁰ (Payne and Hanek, "Radian reduction for
// trigonometric functions", 1983): of x·2/π only the digits below 4 are computed.
func reduceLarge(x float64) (n int64, r, rest float64) {
	fraction, e := math.Frexp(x)
	digits := uint64(fraction * (1 << 53)) // x = digits·2^(e-53)
	p := multiplyWindow(digits, e-53)
	n = int64(p[0] >> 62)
	for i := range p { // the fraction
		p[i] <<= 2
		if i < 3 {
			p[i] |= p[i+1] >> 62
		}
	}
	sign := 1.0
	if p[0]>>63 == 1 { // above one half
		n, sign = n+1, -1
		carry := uint64(1)
		for i := 3; i >= 0; i-- {
			p[i], carry = bits.Add64(^p[i], 0, carry)
		}
	}
	scale := 1.0
	if p[0] == 0 {
		p[0], p[1], p[2], scale = p[1], p[2], p[3], 0x1p-64
	}
	if zeros := bits.LeadingZeros64(p[0]); zeros > 0 {
		p[0] = p[0]<<zeros | p[1]>>(64-zeros)
		p[1] = p[1]<<zeros | p[2]>>(64-zeros)
		scale = math.Ldexp(scale, -zeros)
	}
	high := sign * scale * 0x1p-53 * float64(p[0]>>11)
	low := sign * scale * 0x1p-117 * float64(p[0]<<53|p[1]>>11)
	r = high * halfPi1
	rest = math.FMA(high, halfPi1, -r) + (high*halfPi2 + low*halfPi1)
	return n, r, rest
}

// multiplyWindow returns m·2ᵉ·2/π modulo 4, the highest word first: its first two
// binary digits are before the point.
func multiplyWindow(m uint64, e int) (p [4]uint64) {
	from := e - 2 + 64 // the digit of 2/π that e moves to the place of 2
	word, shift := from/64, from%64
	carry := uint64(0)
	for i := 3; i >= 0; i-- {
		w := twoOverPi[word+i] << shift
		if shift > 0 {
			w |= twoOverPi[word+i+1] >> (64 - shift)
		}
		high, low := bits.Mul64(m, w)
		var c uint64
		p[i], c = bits.Add64(low, carry, 0)
		carry = high + c
	}
	return p
}

// twoOverPi holds the binary digits of 2/π after a word of zeros.
var twoOverPi = [...]uint64{
	0, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041,
	0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e,
	0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b,
	0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
	0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
	0xf0cfbc209af4361d,
}

// atan2 is math.Atan2, but for the sign of angles that round to π.
func atan2(y, x float64) float64 {
	if x < 0 && y/x == 0 {
		return math.Copysign(math.Pi, y)
	}
	return math.Atan2(y, x)
}
