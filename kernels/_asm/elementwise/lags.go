package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The kernels of autocorrelations work on rows of complex numbers, ld reals
// apart, a vector of columns at a time down all rows. n counts reals and is a
// multiple of the lanes of a vector.

const (
	lagGroup  = 5 // lags at a time
	lagSpread = 4 // in the adjoint, beside lag 0
)

// swapParts exchanges real and imaginary parts.
func (k *isa) swapParts(v V) V {
	r := k.vec()
	if k.double() {
		k.VPERMILPD(Imm(0x55), v, r)
	} else {
		k.VPERMILPS(Imm(0xb1), v, r)
	}
	return r
}

// downColumns calls body for a vector of columns of all rows, with start before and
// end after; all of them move the pointers from base themselves.
func (k *isa) downColumns(n, rows reg.Register, start, row, end func()) {
	k.Label("column")
	start()
	y := k.GP64()
	k.MOVQ(rows, y)
	k.Label("row")
	row()
	k.DECQ(y)
	k.JNZ(LabelRef("row"))
	end()
	k.SUBQ(U32(uint32(k.lanes())), n)
	k.JG(LabelRef("column"))
}

// emitLags writes func(acc, a, b *T, ld, rows, n, stride int): row j of acc, stride apart, becomes
// the products of the reals of each row y of a with those of row y + j of b, summed
// over y, and row 5 + j those with the parts of b exchanged.
func (k *isa) emitLags() {
	k.declare("lags", fmt.Sprintf("func(acc, a, b *%s, ld, rows, n, stride int)", k.goType()))
	acc, a, b := k.pointer("acc"), k.pointer("a"), k.pointer("b")
	ld, rows, n := k.stride("ld"), k.pointer("rows"), k.pointer("n")
	length := k.stride("stride")
	x, y := k.GP64(), k.GP64()
	far := k.GP64()
	k.LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, far)
	bs := [lagGroup]Mem{{Base: y}, {Base: y, Index: ld, Scale: 1}, {Base: y, Index: ld, Scale: 2}, {Base: y, Index: far, Scale: 1}, {Base: y, Index: ld, Scale: 4}}
	var re, im [lagGroup]V
	for j := range re {
		re[j], im[j] = k.vec(), k.vec()
	}
	k.downColumns(n, rows, func() {
		k.MOVQ(a, x)
		k.MOVQ(b, y)
		for j := range re {
			k.clear(re[j])
			k.clear(im[j])
		}
	}, func() {
		v := k.load(Mem{Base: x})
		for j, m := range bs {
			w := k.load(m)
			k.by(k.VFMADD231PS, k.VFMADD231PD)(w, v, re[j])
			k.by(k.VFMADD231PS, k.VFMADD231PD)(k.swapParts(w), v, im[j])
		}
		k.ADDQ(ld, x)
		k.ADDQ(ld, y)
	}, func() {
		k.MOVQ(acc, x)
		for _, v := range append(re[:], im[:]...) {
			k.VMOVUPS(v, Mem{Base: x})
			k.ADDQ(length, x)
		}
		for _, p := range []reg.Register{acc, a, b} {
			k.ADDQ(U32(uint32(k.width)), p)
		}
	})
	k.VZEROUPPER()
	k.RET()
}

// emitLagsAdjoint writes func(dst, m, c *T, ld, rows, n, stride, first, more int): with the rows
// c[0…8], stride apart, row y of dst becomes, or gets added, c[0]·m(y) and, for j = 1…4 and
// the row d = first + j - 1, c[j]·(m(y+d) + m(y-d)) and the exchanged parts of
// c[4+j]·(m(y+d) - m(y-d)).
func (k *isa) emitLagsAdjoint() {
	k.declare("lagsAdjoint", fmt.Sprintf("func(dst, m, c *%s, ld, rows, n, stride, first, more int)", k.goType()))
	dst, m, c := k.pointer("dst"), k.pointer("m"), k.pointer("c")
	ld, rows, n := k.stride("ld"), k.param("rows"), k.param("n")
	near := k.AllocLocal(8) // from y to y + first
	first := k.pointer("first")
	k.IMULQ(ld, first)
	k.MOVQ(first, near)
	a := &lagsAdjoint{isa: k, ld: ld, more: k.param("more"), length: k.stride("stride"), far: k.GP64(), x: k.GP64(), up: k.GP64(), down: k.GP64(), z: k.GP64(), c: c}
	k.LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, a.far)
	k.Label("column")
	a.start(near, m, dst)
	y := k.GP64()
	k.MOVQ(rows, y)
	k.SUBQ(Imm(2), y)
	k.JL(LabelRef("odd"))
	k.Label("pair")
	a.rows(2)
	k.SUBQ(Imm(2), y)
	k.JGE(LabelRef("pair"))
	k.Label("odd")
	k.ADDQ(Imm(2), y)
	k.JZ(LabelRef("done"))
	a.rows(1)
	k.Label("done")
	for _, p := range []reg.Register{dst, m, c} {
		k.ADDQ(U32(uint32(k.width)), p)
	}
	k.SUBQ(U32(uint32(k.lanes())), n)
	k.JG(LabelRef("column"))
	k.VZEROUPPER()
	k.RET()
}

// param returns where an argument is, for want of registers.
func (k *isa) param(name string) Mem {
	c, err := k.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return c.Addr
}

// lagsAdjoint emits rows of a vector of columns.
type lagsAdjoint struct {
	*isa
	ld, far, length reg.Register // of a row, of three rows, of a row of c
	x, up, down, z  reg.Register // the row y of m, y + first, y - first - 3; of dst
	c               reg.Register
	more            Mem
	f               [1 + 2*lagSpread]V // AVX-512 has registers for the factors
}

// start goes to the first row.
func (a *lagsAdjoint) start(near Mem, m, dst reg.Register) {
	a.MOVQ(m, a.x)
	a.MOVQ(m, a.up)
	a.ADDQ(near, a.up)
	a.MOVQ(m, a.down)
	a.SUBQ(near, a.down)
	a.SUBQ(a.far, a.down)
	a.MOVQ(dst, a.z)
	if a.wide() {
		at := a.GP64()
		a.MOVQ(a.c, at)
		for j := range a.f {
			a.f[j] = a.load(Mem{Base: at})
			a.ADDQ(a.length, at)
		}
	}
}

// rows computes one row or two, which share the rows that they read and the factors.
func (a *lagsAdjoint) rows(count int) {
	near := func(base reg.Register) [lagSpread + 1]Mem { // up to four rows further
		return [...]Mem{{Base: base}, {Base: base, Index: a.ld, Scale: 1}, {Base: base, Index: a.ld, Scale: 2}, {Base: base, Index: a.far, Scale: 1}, {Base: base, Index: a.ld, Scale: 4}}
	}
	xs, ups, downs, zs := near(a.x), near(a.up), near(a.down), near(a.z)
	at := a.GP64()
	if !a.wide() {
		a.MOVQ(a.c, at)
	}
	factor := func(j int) V {
		if a.wide() {
			return a.f[j]
		}
		v := a.load(Mem{Base: at})
		if j < 2*lagSpread {
			a.ADDQ(a.length, at)
		}
		return v
	}
	var re, im [2]V
	f := factor(0)
	for i := range count {
		re[i] = a.mul(f, xs[i])
	}
	// Row i takes, of lag j, rows up[i+j] and down[i+3-j].
	var up, down [lagSpread + 1]V
	get := func(rows *[lagSpread + 1]V, from [lagSpread + 1]Mem, i int) V {
		if rows[i] == nil {
			rows[i] = a.load(from[i])
		}
		return rows[i]
	}
	var dif [2][lagSpread]V
	for j := range lagSpread {
		f := factor(1 + j)
		for i := range count {
			p, q := get(&up, ups, i+j), get(&down, downs, i+lagSpread-1-j)
			re[i] = a.fma(f, a.add(p, q), re[i])
			dif[i][j] = a.sub(p, q)
		}
	}
	for j := range lagSpread {
		f := factor(1 + lagSpread + j)
		for i := range count {
			if j == 0 {
				im[i] = a.mul(f, dif[i][j])
			} else {
				im[i] = a.fma(f, dif[i][j], im[i])
			}
		}
	}
	for i := range count {
		y, store := a.add(re[i], a.swapParts(im[i])), fmt.Sprintf("store%d%d", count, i)
		a.CMPQ(a.more, Imm(0))
		a.JE(LabelRef(store))
		a.by(a.VADDPS, a.VADDPD)(zs[i], y, y)
		a.Label(store)
		a.VMOVUPS(y, zs[i])
	}
	for _, p := range []reg.Register{a.x, a.up, a.down, a.z} {
		for range count {
			a.ADDQ(a.ld, p)
		}
	}
}
