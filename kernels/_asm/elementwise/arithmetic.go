package main

// arithmetic lists the kernels that give the same bits as their definitions.
// Products and sums are not contracted.
var arithmetic = []kernel{
	{"add", "r=rr", 0, 4, real2(func(k *isa, a, b V) V { return k.add(a, b) })},
	{"sub", "r=rr", 0, 4, real2(func(k *isa, a, b V) V { return k.sub(a, b) })},
	{"mul", "r=rr", 0, 4, real2(func(k *isa, a, b V) V { return k.mul(a, b) })},
	{"div", "r=rr", 0, 1, real2(func(k *isa, a, b V) V { return k.div(a, b) })},
	{"min", "r=rr", 0, 2, real2(func(k *isa, a, b V) V { return k.sel(k.cmp(un, a, a), a, k.min(a, b)) })},
	{"max", "r=rr", 0, 2, real2(func(k *isa, a, b V) V { return k.sel(k.cmp(un, a, a), a, k.max(a, b)) })},
	{"eq", "r=rr", 0, 2, real2(func(k *isa, a, b V) V { return k.only(k.cmp(eq, a, b), k.c(1)) })},
	{"ne", "r=rr", 0, 2, real2(func(k *isa, a, b V) V { return k.only(k.cmp(ne, a, b), k.c(1)) })},
	{"lt", "r=rr", 0, 2, real2(func(k *isa, a, b V) V { return k.only(k.cmp(lt, a, b), k.c(1)) })},
	{"le", "r=rr", 0, 2, real2(func(k *isa, a, b V) V { return k.only(k.cmp(le, a, b), k.c(1)) })},

	{"neg", "r=r", 0, 4, real1((*isa).neg)},
	{"abs", "r=r", 0, 4, real1((*isa).abs)},
	{"sign", "r=r", 0, 2, real1(func(k *isa, a V) V {
		nonzero := k.cmp(neOrdered, a, k.c(0))
		return k.sel(nonzero, k.or(k.sign(a), k.c(1)), a)
	})},
	{"sqrt", "r=r", 0, 1, real1((*isa).sqrt)},
	{"square", "r=r", 0, 4, real1(func(k *isa, a V) V { return k.mul(a, a) })},
	{"recip", "r=r", 0, 1, real1(func(k *isa, a V) V { return k.div(k.load(k.c(1)), a) })},
	{"relu", "r=r", 0, 4, real1(func(k *isa, a V) V { return k.max(k.zero(), a) })},
	{"step", "r=r", 0, 2, real1(func(k *isa, a V) V { return k.only(k.cmp(gt, a, k.c(0)), k.c(1)) })},

	{"where", "r=rrr", 0, 2, real3(func(k *isa, x in) V { return k.sel(k.cmp(ne, x.a, k.c(0)), x.b, x.c) })},
	{"fma", "r=rrr", 0, 2, real3(func(k *isa, x in) V { return k.fma(x.a, x.b, x.c) })},

	{"fill", "r=", 1, 4, real3(func(k *isa, x in) V { return x.s })},
	{"scale", "r=r", 1, 4, real3(func(k *isa, x in) V { return k.mul(x.s, x.a) })},
	{"shift", "r=r", 1, 4, real3(func(k *isa, x in) V { return k.add(x.a, x.s) })},
	{"affine", "r=r", 2, 4, real3(func(k *isa, x in) V { return k.add(k.mul(x.s, x.a), x.t) })},
	{"clamp", "r=r", 2, 2, real3(func(k *isa, x in) V {
		return k.sel(k.cmp(un, x.s, x.t), k.nan(), k.min(x.t, k.max(x.s, x.a)))
	})},

	{"conj", "c=c", 0, 2, func(k *isa, x in) (V, V) { return x.a, k.neg(x.ai) }},
	{"ctimesi", "c=c", 0, 2, func(k *isa, x in) (V, V) { return k.neg(x.ai), x.a }},
	{"csquare", "c=c", 0, 2, func(k *isa, x in) (V, V) {
		p := k.mul(x.a, x.ai)
		return k.sub(k.mul(x.a, x.a), k.mul(x.ai, x.ai)), k.add(p, p)
	}},
	{"cunit", "c=c", 0, 1, func(k *isa, x in) (V, V) {
		r := k.modulus(x)
		zero := k.cmp(eq, r, k.c(0))
		return k.sel(zero, k.c(0), k.div(x.a, r)), k.sel(zero, k.c(0), k.div(x.ai, r))
	}},
	{"cmul", "c=cc", 0, 2, func(k *isa, x in) (V, V) {
		return k.sub(k.mul(x.a, x.b), k.mul(x.ai, x.bi)), k.add(k.mul(x.a, x.bi), k.mul(x.ai, x.b))
	}},
	{"cmulc", "c=cc", 0, 2, func(k *isa, x in) (V, V) {
		return k.dot(x), k.sub(k.mul(x.a, x.bi), k.mul(x.ai, x.b))
	}},
	{"cdiv", "c=cc", 0, 1, func(k *isa, x in) (V, V) {
		d := k.add(k.mul(x.b, x.b), k.mul(x.bi, x.bi))
		return k.div(k.dot(x), d), k.div(k.sub(k.mul(x.ai, x.b), k.mul(x.a, x.bi)), d)
	}},
	{"cmulr", "c=cr", 0, 2, func(k *isa, x in) (V, V) { return k.mul(x.a, x.b), k.mul(x.ai, x.b) }},
	{"creal", "r=c", 0, 2, func(k *isa, x in) (V, V) { return x.a, nil }},
	{"cimag", "r=c", 0, 2, func(k *isa, x in) (V, V) { return x.ai, nil }},
	{"cabs", "r=c", 0, 1, func(k *isa, x in) (V, V) { return k.modulus(x), nil }},
	{"cabs2", "r=c", 0, 2, func(k *isa, x in) (V, V) { return k.modulus2(x), nil }},
	{"cdot", "r=cc", 0, 2, func(k *isa, x in) (V, V) { return k.dot(x), nil }},
	{"cmake", "c=rr", 0, 2, func(k *isa, x in) (V, V) { return x.a, x.b }},
}

// modulus2 returns |a|².
func (k *isa) modulus2(x in) V { return k.add(k.mul(x.a, x.a), k.mul(x.ai, x.ai)) }

func (k *isa) modulus(x in) V { return k.sqrt(k.modulus2(x)) }

// dot returns Re(ā·b).
func (k *isa) dot(x in) V { return k.add(k.mul(x.a, x.b), k.mul(x.ai, x.bi)) }
