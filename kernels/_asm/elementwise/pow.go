package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
)

// A pair is the unevaluated sum of two numbers, low below half an ulp of high or
// nearly so.
type pair struct{ high, low V }

// twoProduct returns a·b exactly.
func (k *isa) twoProduct(a V, b Op) pair {
	h := k.mul(a, b)
	return pair{h, k.fms(a, b, h)}
}

// twoSum returns a + b exactly, for |a| ≥ |b| or a = 0.
func (k *isa) twoSum(a, b V) pair {
	h := k.add(a, b)
	return pair{h, k.add(k.sub(a, h), b)}
}

// pow computes in float64 for both precisions.
func (k *isa) pow(x, y V) V {
	if k.double() {
		return k.pow64(x, y, true)
	}
	d := k.at(64, k.width)
	var half [2]V
	for i := range half {
		half[i] = d.pow64(d.widenHalf(x, i), d.widenHalf(y, i), false)
	}
	return d.narrowHalves(half)
}

// widenHalf converts half a vector of float32.
func (k *isa) widenHalf(x V, i int) V {
	r, h := k.vec(), k.at(32, k.width/2).vec()
	switch {
	case i == 0 && k.wide():
		k.VCVTPS2PD(x.AsY(), r)
		return r
	case i == 0:
		k.VCVTPS2PD(x.AsX(), r)
		return r
	case k.wide():
		k.VEXTRACTF64X4(Imm(1), x, h)
	default:
		k.VEXTRACTF128(Imm(1), x, h)
	}
	k.VCVTPS2PD(h, r)
	return r
}

// narrowHalves is its inverse.
func (k *isa) narrowHalves(half [2]V) V {
	r, n := k.zero(), k.at(32, k.width/2)
	low, high := n.vec(), n.vec()
	if k.wide() {
		k.VCVTPD2PS(half[0], low)
		k.VCVTPD2PS(half[1], high)
		k.VINSERTF64X4(Imm(0), low, r, r)
		k.VINSERTF64X4(Imm(1), high, r, r)
	} else {
		k.VCVTPD2PSY(half[0], low)
		k.VCVTPD2PSY(half[1], high)
		k.VINSERTF128(Imm(0), low, r, r)
		k.VINSERTF128(Imm(1), high, r, r)
	}
	return r
}

// pow64 is exp(y·ln|x|) with the sign of an odd integer power of a negative x;
// exact: with a logarithm and a product of two numbers each.
func (k *isa) pow64(x, y V, exact bool) V {
	ax := k.abs(x)
	var l pair
	if exact {
		l = k.logPair(ax)
		l.high = k.logSpecial(ax, l.high)
	} else {
		l.high = k.logSpecial(ax, k.logPlus(ax, nil))
	}
	p := pair{high: k.mul(l.high, y)}
	if exact {
		p.low = k.fma(y, l.low, k.fms(l.high, y, p.high))
		p.low = k.onlyV(k.cmp(lt, k.abs(p.high), k.c(1000)), p.low)
	}
	return k.powSigns(x, y, k.expPair(p))
}

// expPair returns e^(high + low); low may be nil.
func (k *isa) expPair(p pair) V {
	x := k.min(k.load(k.limit(expMost)), p.high)
	x = k.max(k.load(k.limit(expLeast)), x)
	e := k.reduce(x, p.low != nil)
	h := k.high(e)
	if p.low != nil {
		h = k.add(h, k.fma(p.low, h, p.low))
	}
	return k.scale(k.add(h, k.c(1)), e)
}

// powSigns returns r with the sign of xʸ, or NaN; 1 where x = 1 or y = 0,
// whatever the other is, and where x = -1 and y is infinite.
func (k *isa) powSigns(x, y, r V) V {
	half := k.mul(y, k.c(0.5))
	integer, even := k.cmp(eq, k.round(y), y), k.cmp(eq, k.round(half), half)
	odd := k.and(k.sign(x), k.sel(integer, k.sel(even, k.c(0), k.load(k.signBit())), k.zero()))
	finite := k.both(k.cmp(lt, x, k.c(0)), k.cmp(gt, x, k.c(math.Inf(-1))))
	r = k.sel(finite, k.sel(integer, r, k.load(k.nan())), r)
	r = k.xor(r, odd)
	one := k.sel(k.cmp(eq, k.abs(y), k.inf()), k.abs(x), x)
	r = k.sel(k.cmp(eq, one, k.c(1)), k.c(1), r)
	return k.sel(k.cmp(eq, y, k.c(0)), k.c(1), r)
}

// logPair returns ln x of a positive finite x with an error of about 2⁻⁶⁸: the
// first two terms of 2 artanh s in pairs, s = (m-1)/(m+1), the others plain.
func (k *isa) logPair(x V) pair {
	e, m := k.exponent(x)
	s := k.artanhArgument(m)
	z := k.twoProduct(s.high, s.high)
	z.low = k.fma(k.add(s.high, s.high), s.low, z.low)
	cube := k.twoProduct(s.high, z.high)
	cube.low = k.add(cube.low, k.fma(s.high, z.low, k.mul(s.low, z.high)))
	rest := k.mul(k.mul(cube.high, z.high), k.horner(z.high, pow64...))
	const third = 2.0 / 3
	const thirdLow = 3.700743415417188e-17 // 2/3 - third
	t := k.twoProduct(cube.high, k.c(third))
	rest = k.add(rest, k.add(t.low, k.fma(cube.low, k.c(third), k.mul(cube.high, k.c(thirdLow)))))
	low := k.fma(e, k.limit(ln2Low), k.add(rest, k.add(s.low, s.low)))
	a := k.twoSum(k.mul(e, k.limit(ln2High)), k.add(s.high, s.high))
	b := k.twoSum(a.high, t.high)
	return k.twoSum(b.high, k.add(low, k.add(a.low, b.low)))
}

// artanhArgument returns (m-1)/(m+1).
func (k *isa) artanhArgument(m V) pair {
	f, d := k.sub(m, k.c(1)), k.add(m, k.c(1))
	dLow := k.sub(m, k.sub(d, k.c(1)))
	inv := k.div(k.load(k.c(1)), d)
	s := k.mul(f, inv)
	rest := k.fnma(s, dLow, k.fnma(s, d, f))
	return pair{s, k.mul(rest, inv)}
}
