package kernels

import "math/big"

// Elementary functions of high precision, by series: what bodies are judged by.

// digits is the precision in bits. Arguments reach 2³⁰ and series cancel 60 bits.
const digits = 320

func bigOf(x float64) *big.Float { return new(big.Float).SetPrec(digits).SetFloat64(x) }

func bigNew() *big.Float { return new(big.Float).SetPrec(digits) }

func bigAdd(x, y *big.Float) *big.Float { return bigNew().Add(x, y) }
func bigSub(x, y *big.Float) *big.Float { return bigNew().Sub(x, y) }
func bigMul(x, y *big.Float) *big.Float { return bigNew().Mul(x, y) }
func bigDiv(x, y *big.Float) *big.Float { return bigNew().Quo(x, y) }

// bigSum adds term(0), term(1), … until they do not matter.
func bigSum(term func(n int) *big.Float) *big.Float {
	s := bigNew()
	for n := 0; ; n++ {
		t := term(n)
		if t.Sign() == 0 || n > 0 && s.Sign() != 0 && t.MantExp(nil) < s.MantExp(nil)-digits {
			return s
		}
		s.Add(s, t)
	}
}

// bigExpm1 halves x until the series is short, and doubles: e²ʸ-1 = m·(m+2).
func bigExpm1(x *big.Float) *big.Float {
	k := max(0, x.MantExp(nil)+4)
	y := bigNew().SetMantExp(x, -k)
	t := bigOf(1)
	m := bigSum(func(n int) *big.Float {
		t = bigDiv(bigMul(t, y), bigOf(float64(n+1)))
		return t
	})
	for range k {
		m = bigMul(m, bigAdd(m, bigOf(2)))
	}
	return m
}

func bigExp(x *big.Float) *big.Float {
	e := bigAdd(bigExpm1(bigNew().Abs(x)), bigOf(1))
	if x.Sign() < 0 {
		return bigDiv(bigOf(1), e)
	}
	return e
}

// bigArtanh2 returns 2·artanh t.
func bigArtanh2(t *big.Float) *big.Float {
	p, t2 := bigMul(t, bigOf(2)), bigMul(t, t)
	return bigSum(func(n int) *big.Float {
		r := bigDiv(p, bigOf(float64(2*n+1)))
		p = bigMul(p, t2)
		return r
	})
}

var bigLn2 = bigArtanh2(bigDiv(bigOf(1), bigOf(3)))

// bigLog takes x = 2ᵉ·m with m in [2/3, 4/3).
func bigLog(x *big.Float) *big.Float {
	m := bigNew()
	e := x.MantExp(m)
	if m.Cmp(bigDiv(bigOf(2), bigOf(3))) < 0 {
		m.SetMantExp(m, 1)
		e--
	}
	l := bigArtanh2(bigDiv(bigSub(m, bigOf(1)), bigAdd(m, bigOf(1))))
	return bigAdd(l, bigMul(bigLn2, bigOf(float64(e))))
}

func bigLog1p(x *big.Float) *big.Float {
	if x.MantExp(nil) > -3 {
		return bigLog(bigAdd(x, bigOf(1)))
	}
	return bigArtanh2(bigDiv(x, bigAdd(x, bigOf(2))))
}

func bigTanh(x *big.Float) *big.Float {
	m := bigExpm1(bigMul(x, bigOf(2)))
	return bigDiv(m, bigAdd(m, bigOf(2)))
}

// bigArtan halves the angle six times first.
func bigArtan(t *big.Float) *big.Float {
	for range 6 {
		r := bigNew().Sqrt(bigAdd(bigMul(t, t), bigOf(1)))
		t = bigDiv(t, bigAdd(r, bigOf(1)))
	}
	p, t2 := t, bigMul(t, t)
	t2.Neg(t2)
	s := bigSum(func(n int) *big.Float {
		r := bigDiv(p, bigOf(float64(2*n+1)))
		p = bigMul(p, t2)
		return r
	})
	return bigMul(s, bigOf(64))
}

var bigPi = bigMul(bigArtan(bigOf(1)), bigOf(4))

func bigAtan2(y, x *big.Float) *big.Float {
	if x.Sign() == 0 {
		return bigMul(bigPi, bigOf(0.5*float64(y.Sign())))
	}
	a := bigArtan(bigDiv(y, x))
	switch {
	case x.Sign() > 0:
		return a
	case y.Sign() < 0:
		return bigSub(a, bigPi)
	}
	return bigAdd(a, bigPi)
}

// bigSin reduces by multiples of π.
func bigSin(x *big.Float) *big.Float {
	n, _ := bigAdd(bigDiv(x, bigPi), bigOf(float64(x.Sign())/2)).Int64()
	r := bigSub(x, bigMul(bigPi, bigOf(float64(n))))
	p, r2 := r, bigMul(r, r)
	s := bigSum(func(n int) *big.Float {
		t := p
		p = bigDiv(bigMul(p, r2), bigOf(-float64((2*n+2)*(2*n+3))))
		return t
	})
	if n%2 != 0 {
		s.Neg(s)
	}
	return s
}

func bigCos(x *big.Float) *big.Float { return bigSin(bigAdd(x, bigMul(bigPi, bigOf(0.5)))) }

func bigErf(x *big.Float) *big.Float {
	p, x2 := x, bigMul(x, x)
	s := bigSum(func(n int) *big.Float {
		t := bigDiv(p, bigOf(float64(2*n+1)))
		p = bigDiv(bigMul(p, x2), bigOf(-float64(n+1)))
		return t
	})
	return bigDiv(bigMul(s, bigOf(2)), bigNew().Sqrt(bigPi))
}

func bigSigmoid(x *big.Float) *big.Float {
	e := bigExp(x)
	return bigDiv(e, bigAdd(e, bigOf(1)))
}

func bigSoftplus(x *big.Float) *big.Float { return bigLog1p(bigExp(x)) }

func bigPow(x, y *big.Float) *big.Float { return bigExp(bigMul(y, bigLog(x))) }
