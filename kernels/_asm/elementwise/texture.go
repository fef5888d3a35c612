package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The kernels of texture statistics work on four rows at a time, ld elements
// apart. n is a multiple of the lanes of a vector.

// quad is how many rows they work on.
const quad = 4

// emitTexture writes them and returns their names.
func (k *isa) emitTexture() []string {
	k.emitGram()
	k.emitMoments()
	k.emitMix()
	k.emitModulus()
	k.emitModulusAdjoint()
	k.emitDouble()
	k.emitDoubleAdjoint()
	k.emitLags()
	k.emitLagsAdjoint()
	k.emitMirror()
	return []string{"mirror", "mirrorAdd", "mirrorSub", "gram", "moments", "mix", "modulus", "modulusAdjoint", "double", "doubleAdjoint", "lags", "lagsAdjoint"}
}

// rowsOf returns the addresses of the four rows at a pointer, from a moving base.
func (k *isa) rowsOf(base, ld reg.Register) [quad]Mem {
	far := k.GP64()
	k.LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, far)
	return [quad]Mem{{Base: base}, {Base: base, Index: ld, Scale: 1}, {Base: base, Index: ld, Scale: 2}, {Base: base, Index: far, Scale: 1}}
}

func (k *isa) pointer(name string) reg.Register { return k.Load(k.Param(name), k.GP64()) }

// stride loads a number of elements, in bytes.
func (k *isa) stride(name string) reg.Register {
	r := k.pointer(name)
	k.IMUL3Q(U32(uint32(k.size())), r, r)
	return r
}

// eachVector repeats body for the n elements at the pointers, which it moves.
func (k *isa) eachVector(label string, n reg.Register, pointers []reg.Register, body func()) {
	k.Label(label)
	body()
	for _, p := range pointers {
		k.ADDQ(U32(uint32(k.width)), p)
	}
	k.SUBQ(U32(uint32(k.lanes())), n)
	k.JG(LabelRef(label))
}

// eachComplex emits body(u) for the vectors of n complex numbers, two of them at a
// time where there are so many, an instruction of each in turn. It moves the pointers to
// real and to complex numbers; body finds vector u that far behind them.
func (k *isa) eachComplex(n reg.Register, reals, complexes []reg.Register, body func(u int)) {
	advance := func(count int) {
		for _, p := range reals {
			k.ADDQ(U32(uint32(count*k.width)), p)
		}
		for _, p := range complexes {
			k.ADDQ(U32(uint32(2*count*k.width)), p)
		}
	}
	pair := U32(uint32(2 * k.lanes()))
	k.SUBQ(pair, n)
	k.JL(LabelRef("rest"))
	k.Label("pair")
	k.interleave(2, body)
	advance(2)
	k.SUBQ(pair, n)
	k.JGE(LabelRef("pair"))
	k.Label("rest")
	k.ADDQ(pair, n)
	k.JZ(LabelRef("done"))
	k.Label("one")
	body(0)
	advance(1)
	k.SUBQ(U32(uint32(k.lanes())), n)
	k.JG(LabelRef("one"))
	k.Label("done")
}

// passes returns how many rows fit into registers at a time.
func (k *isa) passes() (count, rows int) {
	if k.wide() {
		return 1, quad
	}
	return 2, 2
}

// emitGram writes func(acc, a, b *T, ld, n int): vector 4i + j of acc gets the
// products of row i of a with row j of b, lane by lane.
func (k *isa) emitGram() {
	k.declare("gram", fmt.Sprintf("func(acc, a, b *%s, ld, n int)", k.goType()))
	count, rows := k.passes()
	for pass := range count {
		acc, a, b, ld, n := k.pointer("acc"), k.pointer("a"), k.pointer("b"), k.stride("ld"), k.pointer("n")
		as, bs := k.rowsOf(a, ld), k.rowsOf(b, ld)
		at := func(i, j int) Mem { return Mem{Base: acc, Disp: (quad*(pass*rows+i) + j) * k.width} }
		var sums [quad][quad]V
		for i := range rows {
			for j := range quad {
				sums[i][j] = k.load(at(i, j))
			}
		}
		k.eachVector(fmt.Sprintf("turn%d", pass), n, []reg.Register{a, b}, func() {
			var x [quad]V
			for i := range rows {
				x[i] = k.load(as[pass*rows+i])
			}
			for j := range quad {
				y := k.load(bs[j])
				for i := range rows {
					k.by(k.VFMADD231PS, k.VFMADD231PD)(y, x[i], sums[i][j])
				}
			}
		})
		for i := range rows {
			for j := range quad {
				k.VMOVUPS(sums[i][j], at(i, j))
			}
		}
	}
	k.VZEROUPPER()
	k.RET()
}

// emitMoments writes func(acc, a *T, ld, n int): vectors i and 4 + i of acc get
// the elements of row i of a, and their squares, lane by lane.
func (k *isa) emitMoments() {
	k.declare("moments", fmt.Sprintf("func(acc, a *%s, ld, n int)", k.goType()))
	acc, a, ld, n := k.pointer("acc"), k.pointer("a"), k.stride("ld"), k.pointer("n")
	as := k.rowsOf(a, ld)
	var sums [2 * quad]V
	for i := range sums {
		sums[i] = k.load(Mem{Base: acc, Disp: i * k.width})
	}
	k.eachVector("turn", n, []reg.Register{a}, func() {
		for i := range quad {
			x := k.load(as[i])
			k.by(k.VADDPS, k.VADDPD)(x, sums[i], sums[i])
			k.by(k.VFMADD231PS, k.VFMADD231PD)(x, x, sums[quad+i])
		}
	})
	for i, s := range sums {
		k.VMOVUPS(s, Mem{Base: acc, Disp: i * k.width})
	}
	k.VZEROUPPER()
	k.RET()
}

// emitMix writes func(dst, c, x *T, ld, n, more int): row i of dst becomes the sum
// of the rows j of x times c[4i+j], added to row i if more is not 0.
func (k *isa) emitMix() {
	k.declare("mix", fmt.Sprintf("func(dst, c, x *%s, ld, n, more int)", k.goType()))
	count, rows := k.passes()
	for pass := range count {
		dst, c, x, ld, n := k.pointer("dst"), k.pointer("c"), k.pointer("x"), k.stride("ld"), k.pointer("n")
		more := k.pointer("more")
		ds, xs := k.rowsOf(dst, ld), k.rowsOf(x, ld)
		var f [quad][quad]V
		for i := range rows {
			for j := range quad {
				f[i][j] = k.vec()
				k.by(k.VBROADCASTSS, k.VBROADCASTSD)(Mem{Base: c, Disp: (quad*(pass*rows+i) + j) * k.size()}, f[i][j])
			}
		}
		k.TESTQ(more, more)
		k.JNZ(LabelRef(fmt.Sprintf("add%d", pass)))
		for _, add := range []bool{false, true} {
			label := fmt.Sprintf("set%d", pass)
			if add {
				label = fmt.Sprintf("add%d", pass)
			}
			k.eachVector(label, n, []reg.Register{dst, x}, func() {
				var y [quad]V
				for j := range quad {
					v := k.load(xs[j])
					for i := range rows {
						switch {
						case j > 0:
							k.by(k.VFMADD231PS, k.VFMADD231PD)(v, f[i][j], y[i])
						case add:
							y[i] = k.load(ds[pass*rows+i])
							k.by(k.VFMADD231PS, k.VFMADD231PD)(v, f[i][j], y[i])
						default:
							y[i] = k.mul(v, f[i][j])
						}
					}
				}
				for i := range rows {
					k.VMOVUPS(y[i], ds[pass*rows+i])
				}
			})
			if !add {
				k.JMP(LabelRef(fmt.Sprintf("done%d", pass)))
			}
		}
		k.Label(fmt.Sprintf("done%d", pass))
	}
	k.VZEROUPPER()
	k.RET()
}

// A polar is a vector of complex numbers, of which only what is asked for is computed.
type polar struct {
	*isa
	re, im, square V
	inv, series    V // AVX-512: near the inverse modulus, and what it lacks, relative to it
	r              V // the modulus
}

// polar loads vector u of the complex numbers at z. AVX-512 approximates the inverse
// root to 14 bits, of which a series makes the full precision; that is faster than root
// and quotient.
func (k *isa) polar(z reg.Register, u int) *polar {
	x := &polar{isa: k, re: k.load(Mem{Base: z, Disp: 2 * u * k.width}), im: k.load(Mem{Base: z, Disp: (2*u + 1) * k.width})}
	x.square = k.fma(x.re, x.re, k.mul(x.im, x.im))
	if !k.wide() {
		x.r = k.sqrt(x.square)
		return x
	}
	x.inv = k.vec()
	m := k.cmp(ne, x.square, k.zero())
	k.by(pad3(k.VRSQRT14PS_Z), pad3(k.VRSQRT14PD_Z))(x.square, m.r, x.inv)
	// With h = 1 - square·inv², 1/√(1-h) is 1 + h/2 + 3h²/8 + 5h³/16 + …
	r := k.mul(x.square, x.inv)
	h := k.fnma(r, x.inv, k.c(1))
	x.series = k.mul(h, k.c(.5))
	if k.double() {
		x.series = k.mul(h, k.fma(h, k.fma(h, k.load(k.c(5./16)), k.c(3./8)), k.c(.5)))
	}
	x.r = k.fma(x.series, r, r)
	return x
}

// direction returns the quotients of the numbers by their moduli, 0 for 0.
func (x *polar) direction() (re, im V) {
	var inv V
	if x.wide() {
		inv = x.fma(x.series, x.inv, x.inv)
	} else {
		inv = x.div(x.load(x.c(1)), x.max(x.load(x.c2(1e-30, 1e-200)), x.r)) // roots are 0 or larger
	}
	return x.mul(x.re, inv), x.mul(x.im, inv)
}

// emitModulus writes func(m, re, z *T, n int, mean T): the modulus of complex
// numbers without the mean, and their real parts.
func (k *isa) emitModulus() {
	k.declare("modulus", fmt.Sprintf("func(m, re, z *%s, n int, mean %[1]s)", k.goType()))
	m, re, z, n := k.pointer("m"), k.pointer("re"), k.pointer("z"), k.pointer("n")
	mean := k.broadcast("mean")
	k.eachComplex(n, []reg.Register{m, re}, []reg.Register{z}, func(u int) {
		x := k.polar(z, u)
		k.VMOVUPS(k.sub(x.r, mean), Mem{Base: m, Disp: u * k.width})
		k.VMOVUPS(x.re, Mem{Base: re, Disp: u * k.width})
	})
	k.VZEROUPPER()
	k.RET()
}

// emitModulusAdjoint writes func(dz, z, m, re *T, n int, f T): the adjoint of modulus
// at z applied to the cotangents m and re + f Re z.
func (k *isa) emitModulusAdjoint() {
	k.declare("modulusAdjoint", fmt.Sprintf("func(dz, z, m, re *%s, n int, f %[1]s)", k.goType()))
	dz, z, m, re, n := k.pointer("dz"), k.pointer("z"), k.pointer("m"), k.pointer("re"), k.pointer("n")
	f := k.broadcast("f")
	k.eachComplex(n, []reg.Register{m, re}, []reg.Register{z, dz}, func(u int) {
		x := k.polar(z, u)
		ur, ui := x.direction()
		get := func(r reg.Register) V { return k.load(Mem{Base: r, Disp: u * k.width}) }
		dm := get(m)
		for j, v := range []V{k.fma(ur, dm, k.fma(x.re, f, get(re))), k.mul(ui, dm)} {
			k.VMOVUPS(v, Mem{Base: dz, Disp: (2*u + j) * k.width})
		}
	})
	k.VZEROUPPER()
	k.RET()
}

// emitDouble writes func(q, dr, di, z *T, n int, mean T): of complex numbers z, the
// modulus without the mean, and real and imaginary part of z²/|z|.
func (k *isa) emitDouble() {
	k.declare("double", fmt.Sprintf("func(q, dr, di, z *%s, n int, mean %[1]s)", k.goType()))
	q, dr, di, z, n := k.pointer("q"), k.pointer("dr"), k.pointer("di"), k.pointer("z"), k.pointer("n")
	mean := k.broadcast("mean")
	k.eachComplex(n, []reg.Register{q, dr, di}, []reg.Register{z}, func(u int) {
		x := k.polar(z, u)
		ur, ui := x.direction()
		k.VMOVUPS(k.sub(x.r, mean), Mem{Base: q, Disp: u * k.width})
		k.VMOVUPS(k.fms(x.re, ur, k.mul(x.im, ui)), Mem{Base: dr, Disp: u * k.width})
		k.VMOVUPS(k.fma(x.re, ui, k.mul(x.im, ur)), Mem{Base: di, Disp: u * k.width})
	})
	k.VZEROUPPER()
	k.RET()
}

// factors returns the n numbers at p, each in all lanes: in registers, or in the frame
// where there are few of those.
func (k *isa) factors(p reg.Register, n int) []Op {
	f := make([]Op, n)
	var frame Mem
	if !k.wide() {
		frame = k.AllocLocal(n * k.width)
	}
	for i := range f {
		v := k.vec()
		k.by(k.VBROADCASTSS, k.VBROADCASTSD)(Mem{Base: p, Disp: i * k.size()}, v)
		f[i] = v
		if !k.wide() {
			f[i] = frame.Offset(i * k.width)
			k.VMOVUPS(v, f[i])
		}
	}
	return f
}

// emitDoubleAdjoint writes func(dz, z, q, dr, di *T, n int, p *[4]T): the adjoint of
// double at z applied to the cotangents q + p[1](|z| - p[0]), dr + p[2] Re z²/|z| and
// di + p[3] Im z²/|z|.
func (k *isa) emitDoubleAdjoint() {
	k.declare("doubleAdjoint", fmt.Sprintf("func(dz, z, q, dr, di *%s, n int, p *[4]%[1]s)", k.goType()))
	dz, z, q, dr, di, n := k.pointer("dz"), k.pointer("z"), k.pointer("q"), k.pointer("dr"), k.pointer("di"), k.pointer("n")
	f := k.factors(k.pointer("p"), 4)
	k.eachComplex(n, []reg.Register{q, dr, di}, []reg.Register{z, dz}, func(u int) {
		x := k.polar(z, u)
		ur, ui := x.direction()
		get := func(r reg.Register) V { return k.load(Mem{Base: r, Disp: u * k.width}) }
		// u² = sr + i si; where u is 0, so is the result.
		ui2 := k.add(ui, ui)
		sr, si := k.fnma(ui2, ui, k.c(1)), k.mul(ui2, ur)
		gr := k.fma(k.mul(x.r, f[2]), sr, get(dr))
		gi := k.fma(k.mul(x.r, f[3]), si, get(di))
		gq := k.fma(k.sub(x.r, f[0]), f[1], get(q))
		// In the frame of the result: w = (gr + i gi) conj(u²), the imaginary part twice.
		wr := k.fma(gr, sr, k.fma(gi, si, gq))
		wi := k.fms(gi, sr, k.mul(gr, si))
		wi = k.add(wi, wi)
		for j, v := range []V{k.fms(ur, wr, k.mul(ui, wi)), k.fma(ui, wr, k.mul(ur, wi))} {
			k.VMOVUPS(v, Mem{Base: dz, Disp: (2*u + j) * k.width})
		}
	})
	k.VZEROUPPER()
	k.RET()
}
