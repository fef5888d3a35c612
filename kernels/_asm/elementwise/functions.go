package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
)

// functions lists the kernels of transcendental functions. Every one keeps NaN,
// infinities, the sign of zero and denormals as the definition does. sin, cos,
// cexp and cpolar are for angles up to phaseLimit.
var functions = []kernel{
	{"exp", "r=r", 0, 4, real1((*isa).exp)},
	{"expm1", "r=r", 0, 1, real1((*isa).expm1)},
	{"log", "r=r", 0, 1, real1((*isa).log)},
	{"log1p", "r=r", 0, 1, real1((*isa).log1p)},
	{"sin", "r=r", 0, 1, real1(func(k *isa, a V) V { s, _ := k.sincos(a); return s })},
	{"cos", "r=r", 0, 1, real1(func(k *isa, a V) V { _, c := k.sincos(a); return c })},
	{"tanh", "r=r", 0, 1, real1((*isa).tanh)},
	{"sigmoid", "r=r", 0, 1, real1((*isa).sigmoid)},
	{"softplus", "r=r", 0, 1, real1((*isa).softplus)},
	{"erf", "r=r", 0, 1, real1((*isa).erf)},
	{"atan2", "r=rr", 0, 1, real2((*isa).atan2)},
	{"pow", "r=rr", 0, 1, real2((*isa).pow)},
	{"powc", "r=r", 1, 1, real3(func(k *isa, x in) V { return k.pow(x.a, x.s) })},
	{"cangle", "r=c", 0, 1, func(k *isa, x in) (V, V) { return k.atan2(x.ai, x.a), nil }},
	{"cexp", "c=c", 0, 1, func(k *isa, x in) (V, V) {
		s, c := k.sincos(x.ai)
		e := k.exp(x.a)
		return k.mul(c, e), k.mul(s, e)
	}},
	{"cpolar", "c=rr", 0, 1, func(k *isa, x in) (V, V) {
		s, c := k.sincos(x.b)
		return k.mul(c, x.a), k.mul(s, x.a)
	}},
}

// A limit is a bound that depends on the precision.
type limit struct{ single, double float64 }

func (k *isa) limit(l limit) Op { return k.c2(l.single, l.double) }

// π/2 and ln 2 in parts: products of the first with the integers that occur are
// exact, or are by a fused multiply-add.
var (
	halfPi1 = limit{1.5707963705062866, 1.5707963267948966}
	halfPi2 = limit{-4.371138828673793e-08, 6.123233995736766e-17}
	halfPi3 = limit{-1.7151245100058e-15, -1.4973849048591833e-33}
	ln2High = limit{0.693145751953125, 0.693147180369123816490}
	ln2Low  = limit{1.428606820309417e-06, 1.90821492927058770002e-10}
)

// toInteger returns n, the nearest integer to x·c, and t, whose lowest bits are
// that integer, for |n| below 2 to the mantissa less one bit.
func (k *isa) toInteger(x V, c float64) (t, n V) {
	t = k.fma(x, k.c(c), k.magic())
	return t, k.sub(t, k.magic())
}

// magic is the number whose ulp is 1 in the middle of a binade.
func (k *isa) magic() Op { return k.c(math.Ldexp(1.5, k.mantissa())) }

// power2 returns 2ⁿ in the normal range; t is of toInteger.
func (k *isa) power2(t V) V { return k.addInt(k.shl(t, k.mantissa()), k.c(1)) }

// A reduced argument of the exponential: x = n·ln 2 + r, without its rounding
// error rest if that is nil, and q with eʳ = 1 + r + r²·q.
type reduced struct{ t, n, r, rest, r2, q V }

func (k *isa) reduce(x V, exact bool) (e reduced) {
	e.t, e.n = k.toInteger(x, math.Log2E)
	head := k.fnma(e.n, k.limit(ln2High), x)
	e.r = k.fnma(e.n, k.limit(ln2Low), head)
	if exact {
		e.rest = k.fnma(e.n, k.limit(ln2Low), k.sub(head, e.r))
	}
	e.r2 = k.mul(e.r, e.r)
	e.q = k.poly(e.r, e.r2, k.coefficients(exp32, exp64)...)
	return e
}

// high returns p with e^(r + rest) = 1 + p.
func (k *isa) high(e reduced) V {
	if e.rest == nil {
		return k.fma(e.r2, e.q, e.r)
	}
	return k.add(k.fma(e.r2, e.q, e.rest), e.r)
}

func (k *isa) coefficients(single, double []float64) []float64 {
	if k.double() {
		return double
	}
	return single
}

// Arguments beyond these overflow or vanish. The constant is the first operand
// of min and max, so that NaN, the second, passes.
var (
	expMost  = limit{89.5, 710.5}
	expLeast = limit{-104.5, -746}
)

// exp is 2ⁿ·eʳ. With AVX-512, n counts sixteenths, so that r is small, and their
// power comes from a table in registers.
func (k *isa) exp(x V) V {
	if k.wide() {
		return k.expTable(x)
	}
	x = k.min(k.load(k.limit(expMost)), x)
	x = k.max(k.load(k.limit(expLeast)), x)
	e := k.reduce(x, false)
	return k.scale(k.add(k.high(e), k.c(1)), e)
}

// expTable bounds r instead of x: with n alone infinite, scaling by it gives 0 or
// infinity, and NaN where n is.
func (k *isa) expTable(x V) V {
	magic := k.c(math.Ldexp(1.5, k.mantissa()-4))
	t := k.fma(x, k.c(math.Log2E), magic)
	n := k.sub(t, magic)
	r := k.fnma(n, k.limit(ln2High), x)
	r = k.fnma(n, k.limit(ln2Low), r)
	r = k.within(r, k.c(.022))
	power := k.powers16(t)
	q := k.horner(r, append([]float64{1}, k.coefficients(expSmall32, expSmall64)...)...)
	return k.scaleBy(k.fma(k.mul(power, r), q, power), n)
}

// powers16 returns the powers of 2 by sixteenths, their number the last four bits
// of t.
func (k *isa) powers16(t V) V {
	power := func(i int) uint64 { return k.bitsOf(math.Exp2(float64(i) / 16)) }
	if !k.double() {
		r := k.vec()
		k.VPERMPS(k.load(k.share(k.table("powers16", 16, power))), t, r)
		return r
	}
	low := k.share(k.table("powers16low", 8, power))
	high := k.share(k.table("powers16high", 8, func(i int) uint64 { return power(8 + i) }))
	r := k.copy(t)
	k.VPERMI2PD(k.load(high), k.load(low), r)
	return r
}

// within returns r with its size bounded, and the bound for NaN.
func (k *isa) within(r V, bound Op) V {
	y := k.vec()
	k.by(k.VRANGEPS, k.VRANGEPD)(Imm(2), bound, r, y)
	return y
}

// scaleBy returns a·2ⁿ for n rounded down.
func (k *isa) scaleBy(a, n V) V {
	r := k.vec()
	k.by(k.VSCALEFPS, k.VSCALEFPD)(n, a, r)
	return r
}

// scale returns a·2ⁿ, rounded once where it is denormal and infinite where it is
// too large; by halves of n, taken from the lowest bits of t, where no instruction
// does so.
func (k *isa) scale(a V, e reduced) V {
	if k.wide() {
		return k.scaleBy(a, e.n)
	}
	half := k.shr(e.t, 1)
	return k.mul(k.mul(a, k.power2(half)), k.power2(k.subInt(e.t, half)))
}

// expm1 adds 2ⁿ·(r + …) and 2ⁿ - 1 with the rounding error of the first sum put
// back; both halved, since 2¹²⁸ does not exist.
func (k *isa) expm1(x V) V {
	y := k.min(k.load(k.limit(limit{88.9, 709.9})), x)
	y = k.max(k.load(k.c(-60)), y)
	e := k.reduce(y, true)
	s := k.power2(k.sub(e.t, k.c(1)))
	one := k.sub(s, k.c(0.5))
	sum := k.fma(e.r, s, one)
	rest := k.fma(e.r, s, k.sub(one, sum))
	w := k.fma(e.r2, e.q, e.rest)
	h := k.add(sum, k.fma(w, s, rest))
	tiny := k.cmp(lt, k.abs(x), k.limit(limit{0x1p-26, 0x1p-55}))
	return k.sel(tiny, x, k.add(h, h))
}

func (k *isa) log(x V) V { return k.logSpecial(x, k.logPlus(x, nil)) }

// logSpecial returns the logarithm of an x that is not positive and finite, else
// r.
func (k *isa) logSpecial(x, r V) V {
	r = k.sel(k.cmp(eq, x, k.c(0)), k.c(math.Inf(-1)), r)
	r = k.sel(k.cmp(lt, x, k.c(0)), k.nan(), r)
	return k.sel(k.cmp(notLess, x, k.inf()), x, r)
}

// logPlus returns ln x + small for positive finite x; small may be nil. x = 2ᵉ·m
// with m in [√½, √2).
func (k *isa) logPlus(x, small V) V {
	e, m := k.exponent(x)
	f := k.sub(m, k.c(1))
	low := k.mul(e, k.limit(ln2Low))
	if small != nil {
		low = k.add(low, small)
	}
	f2 := k.mul(f, f)
	if !k.double() {
		// f - f²/2 + f³·q(f)
		q := k.poly(f, f2, log32...)
		r := k.fma(k.mul(f2, f), q, low)
		r = k.fma(f2, k.c(-0.5), r)
		return k.fma(e, k.limit(ln2High), k.add(r, f))
	}
	// s = f/(2+f): ln m = f - f²/2 + s·(f²/2 + s²·q(s²)), from 2 artanh s.
	s := k.div(f, k.add(f, k.c(2)))
	z := k.mul(s, s)
	q := k.poly(z, k.mul(z, z), log64...)
	half := k.mul(f2, k.c(0.5))
	w := k.fma(s, k.fma(z, q, half), low)
	return k.fma(e, k.limit(ln2High), k.sub(f, k.sub(half, w)))
}

// exponent splits a positive finite x into 2ᵉ·m, m in [√½, √2).
func (k *isa) exponent(x V) (e, m V) {
	up := math.Ldexp(1, k.mantissa())
	bias := float64(int(1)<<(k.bits-k.mantissa()-2) - 1)
	denormal := k.cmp(lt, x, k.c(math.Ldexp(1, int(1-bias))))
	x = k.sel(denormal, k.mul(x, k.c(up)), x)
	root := k.bitsOf(math.Sqrt(0.5))
	u := k.addInt(x, k.splat(k.bitsOf(1)-root))
	e = k.or(k.shr(u, k.mantissa()), k.c(up)) // up + bias + e
	e = k.sub(e, k.sel(denormal, k.c(up+bias+float64(k.mantissa())), k.load(k.c(up+bias))))
	m = k.addInt(k.and(u, k.splat(1<<k.mantissa()-1)), k.splat(root))
	return e, m
}

// log1p takes the logarithm of u, 1 + x rounded, and puts back what was rounded
// off, divided by u.
func (k *isa) log1p(x V) V {
	u := k.add(x, k.c(1))
	b := k.sub(u, k.c(1))
	off := k.add(k.sub(x, b), k.sub(k.load(k.c(1)), k.sub(u, b)))
	r := k.logSpecial(u, k.logPlus(u, k.div(off, u)))
	return k.sel(k.cmp(eq, x, k.c(0)), x, r)
}

// tanh is odd in x below 0.625 and 1 - 2/(e²ˣ + 1) above.
func (k *isa) tanh(x V) V {
	a, z := k.abs(x), k.mul(x, x)
	q := k.poly(z, k.mul(z, z), k.coefficients(tanh32, tanh64)...)
	small := k.fma(k.mul(q, z), x, x)
	e := k.reduce(k.min(k.load(k.limit(limit{20, 40})), k.add(a, a)), false)
	y := k.mul(k.add(k.high(e), k.c(1)), k.power2(e.t))
	large := k.sub(k.load(k.c(1)), k.div(k.load(k.c(2)), k.add(y, k.c(1))))
	return k.or(k.sel(k.cmp(lt, a, k.c(0.625)), small, large), k.sign(x))
}

// expNegative returns e^-|x| as the sum of two numbers.
func (k *isa) expNegative(x V) (high, low V) {
	y := k.max(k.load(k.limit(expLeast)), k.neg(k.abs(x)))
	e := k.reduce(y, true)
	p := k.high(e)
	h := k.add(p, k.c(1))
	return k.scale(h, e), k.scale(k.sub(p, k.sub(h, k.c(1))), e)
}

// sigmoid is 1/(1+e) or e/(1+e), e = e^-|x|, with the rounding of 1+e and of the
// quotient put right by one step of division.
func (k *isa) sigmoid(x V) V {
	e, low := k.expNegative(x)
	d := k.add(e, k.c(1))
	dLow := k.add(k.sub(e, k.sub(d, k.c(1))), low)
	negative := k.cmp(lt, x, k.c(0))
	n := k.sel(negative, e, k.load(k.c(1)))
	nLow := k.sel(negative, low, k.zero())
	inv := k.div(k.load(k.c(1)), d)
	y := k.mul(n, inv)
	rest := k.add(k.fnma(y, d, n), nLow)
	return k.fma(k.fnma(y, dLow, rest), inv, y)
}

// softplus is max(x, 0) + ln(1 + e^-|x|).
func (k *isa) softplus(x V) V {
	e, low := k.expNegative(x)
	u := k.add(e, k.c(1))
	off := k.add(k.sub(e, k.sub(u, k.c(1))), low)
	r := k.add(k.logPlus(u, k.div(off, u)), k.max(k.zero(), x))
	return k.sel(k.cmp(gt, x, k.c(20)), x, r)
}

// sincos reduces by multiples of π/2, kept in two parts, and swaps and negates by
// quadrant.
func (k *isa) sincos(x V) (sin, cos V) {
	t, n := k.toInteger(x, 2/math.Pi)
	head := k.fnma(n, k.limit(halfPi1), x)
	r := k.fnma(n, k.limit(halfPi2), head)
	rest := k.fnma(n, k.limit(halfPi2), k.sub(head, r))
	rest = k.fnma(n, k.limit(halfPi3), rest)
	z := k.mul(r, r)
	z2 := k.mul(z, z)
	q := k.poly(z, z2, k.coefficients(sin32, sin64)...)
	sin = k.add(r, k.fma(k.mul(z, q), r, rest))
	half := k.mul(z, k.c(0.5))
	w := k.sub(k.load(k.c(1)), half)
	off := k.sub(k.sub(k.load(k.c(1)), w), half)
	q = k.poly(z, z2, k.coefficients(cos32, cos64)...)
	cos = k.add(w, k.fma(z2, q, k.fnma(r, rest, off)))
	odd := k.negative(k.shl(t, k.bits-1))
	sinSign := k.sign(k.shl(t, k.bits-2))
	cosSign := k.sign(k.shl(k.addInt(t, k.splat(1)), k.bits-2))
	sin, cos = k.sel(odd, cos, sin), k.sel(odd, sin, cos)
	sin = k.sel(k.cmp(eq, x, k.c(0)), x, k.xor(sin, sinSign)) // the sign of zero
	return sin, k.xor(cos, cosSign)
}

// atan2 is ±(base ± artan t), t the smaller of |x| and |y| by the larger, base one
// of 0, π/2, π; t and base are added exactly, the rest once, with what the
// quotient t lacks.
func (k *isa) atan2(y, x V) V {
	ax, ay := k.abs(x), k.abs(y)
	least, most := k.min(ax, ay), k.max(ax, ay)
	t := k.div(least, most)
	off := k.div(k.fnma(t, most, least), most)
	off = k.onlyV(k.cmp(le, off, k.c(1)), off) // neither NaN nor infinite
	t = k.sel(k.cmp(eq, most, k.c(0)), k.c(0), t)
	t = k.sel(k.cmp(eq, least, k.inf()), k.c(1), t)
	z := k.mul(t, t)
	q := k.horner(z, k.coefficients(atan32, atan64)...) // the sums of poly would cancel
	off = k.fnma(off, k.mul(z, k.c(0.5)), off)          // times the slope, 1/(1+z)
	w := k.fma(k.mul(z, q), t, off)
	flip := k.cmp(lt, ax, ay)
	base := k.sel(k.negative(x), k.c2(2*halfPi1.single, 2*halfPi1.double), k.zero())
	base = k.sel(flip, k.limit(halfPi1), base)
	low := k.mul(base, k.c2(halfPi2.single/halfPi1.single, halfPi2.double/halfPi1.double))
	minus := k.xor(k.only(flip, k.signBit()), k.sign(x))
	t, w = k.xor(t, minus), k.xor(w, minus)
	h := k.add(base, t)
	rest := k.add(k.sub(base, h), t)
	r := k.add(h, k.add(rest, k.add(w, low)))
	return k.sel(k.cmp(un, x, y), k.nan(), k.or(r, k.sign(y)))
}

// erf is odd in x below 1; above, its complement is the exponential of a
// polynomial without constant term.
func (k *isa) erf(x V) V {
	a, z := k.abs(x), k.mul(x, x)
	small := k.fma(k.poly(z, k.mul(z, z), k.coefficients(erfSmall32, erfSmall64)...), x, x)
	b := k.min(k.load(k.limit(limit{4, 6})), a)
	l := k.mul(k.poly(b, k.mul(b, b), k.coefficients(erfLarge32, erfLarge64)...), b)
	e := k.reduce(l, false)
	large := k.fnma(k.add(k.high(e), k.c(1)), k.power2(e.t), k.c(1))
	return k.sel(k.cmp(lt, a, k.c(1)), small, k.or(large, k.sign(x)))
}
