package kernels

import "math/big"

// Elementary functions of high precision, by series: what bodies are judged by.

// digits is the precision in bits. Series cancel up to 120 bits.
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

// bigLimited returns x, or a number of its sign whose exponential is as good as
// infinite or 0.
func bigLimited(x *big.Float) *big.Float {
	if x.MantExp(nil) > 12 {
		return bigOf(float64(4096 * x.Sign()))
	}
	return x
}

// bigExpm1 halves x until the series is short, and doubles: e²ʸ-1 = m·(m+2).
func bigExpm1(x *big.Float) *big.Float {
	x = bigLimited(x)
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

// bigLog1p returns nil for what is no number.
func bigLog1p(x *big.Float) *big.Float {
	switch x.Cmp(bigOf(-1)) {
	case -1:
		return nil
	case 0:
		return bigNew().SetInf(true)
	}
	if x.MantExp(nil) > -3 {
		return bigLog(bigAdd(x, bigOf(1)))
	}
	return bigArtanh2(bigDiv(x, bigAdd(x, bigOf(2))))
}

func bigTanh(x *big.Float) *big.Float {
	m := bigExpm1(bigMul(bigLimited(x), bigOf(2)))
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

// bigPiLong is π to 1,600 bits, by Machin's formula.
var bigPiLong = func() *big.Float {
	const bits = 1600
	arccot := func(n int64) *big.Int {
		t := new(big.Int).Lsh(big.NewInt(1), bits+64)
		t.Quo(t, big.NewInt(n))
		sum := new(big.Int)
		for k := int64(0); t.Sign() != 0; k++ {
			term := new(big.Int).Quo(t, big.NewInt(2*k+1))
			if k%2 == 1 {
				term.Neg(term)
			}
			sum.Add(sum, term)
			t.Quo(t, big.NewInt(n*n))
		}
		return sum
	}
	pi := new(big.Int).Mul(arccot(5), big.NewInt(16))
	pi.Sub(pi, new(big.Int).Mul(arccot(239), big.NewInt(4)))
	return new(big.Float).SetPrec(bits).SetMantExp(new(big.Float).SetPrec(bits).SetInt(pi), -bits-64)
}()

// bigTurn returns the nearest multiple n of π to x, and x - nπ.
func bigTurn(x *big.Float) (n *big.Int, r *big.Float) {
	long := func() *big.Float { return new(big.Float).SetPrec(bigPiLong.Prec()) }
	q := long().Quo(x, bigPiLong)
	q.Add(q, long().SetFloat64(float64(x.Sign())/2))
	n, _ = q.Int(nil)
	return n, bigNew().Set(long().Sub(x, long().Mul(bigPiLong, long().SetInt(n))))
}

func bigSin(x *big.Float) *big.Float {
	n, r := bigTurn(x)
	s := bigSinSeries(r)
	if n.Bit(0) == 1 {
		s.Neg(s)
	}
	return s
}

// bigCos is the sine of half a π less |remainder|.
func bigCos(x *big.Float) *big.Float {
	n, r := bigTurn(x)
	s := bigSinSeries(bigSub(bigMul(bigPi, bigOf(0.5)), bigNew().Abs(r)))
	if n.Bit(0) == 1 {
		s.Neg(s)
	}
	return s
}

func bigSinSeries(r *big.Float) *big.Float {
	p, r2 := r, bigMul(r, r)
	s := bigSum(func(n int) *big.Float {
		t := p
		p = bigDiv(bigMul(p, r2), bigOf(-float64((2*n+2)*(2*n+3))))
		return t
	})
	return s
}

// bigErf is for |x| ≤ 9, beyond which it is 1 but for 10⁻³⁶.
func bigErf(x *big.Float) *big.Float {
	if x.MantExp(nil) > 3 && bigNew().Abs(x).Cmp(bigOf(9)) > 0 {
		x = bigOf(9 * float64(x.Sign()))
	}
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

// bigSoftplus is the argument itself above 20.
func bigSoftplus(x *big.Float) *big.Float {
	if x.Cmp(bigOf(20)) > 0 {
		return x
	}
	return bigLog1p(bigExp(x))
}

func bigPow(x, y *big.Float) *big.Float { return bigExp(bigMul(y, bigLog(x))) }
