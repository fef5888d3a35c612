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
	ld, rows, n := k.stride("ld"), k.pointer("rows"), k.pointer("n")
	near, more := k.pointer("first"), k.pointer("more")
	k.IMULQ(ld, near) // from y to y + first
	length := k.stride("stride")
	x, up, down, z := k.GP64(), k.GP64(), k.GP64(), k.GP64()
	var f [1 + 2*lagSpread]V
	if k.wide() {
		for j := range f {
			f[j] = k.vec()
		}
	}
	k.downColumns(n, rows, func() {
		k.MOVQ(c, x)
		if k.wide() {
			for _, v := range f {
				k.VMOVUPS(Mem{Base: x}, v)
				k.ADDQ(length, x)
			}
		}
		k.MOVQ(m, x)
		k.MOVQ(dst, z)
	}, func() {
		at := k.GP64()
		if !k.wide() {
			k.MOVQ(c, at)
		}
		factor := func(j int) Op {
			if k.wide() {
				return f[j]
			}
			if j > 0 {
				k.ADDQ(length, at)
			}
			return Mem{Base: at}
		}
		re := k.mul(k.load(Mem{Base: x}), factor(0))
		im := k.zero()
		k.MOVQ(x, up)
		k.ADDQ(near, up)
		k.MOVQ(x, down)
		k.SUBQ(near, down)
		var dif [lagSpread]V
		for j := range lagSpread {
			p, q := k.load(Mem{Base: up}), k.load(Mem{Base: down})
			k.by(k.VFMADD231PS, k.VFMADD231PD)(factor(1+j), k.add(p, q), re)
			dif[j] = k.sub(p, q)
			if j+1 < lagSpread {
				k.ADDQ(ld, up)
				k.SUBQ(ld, down)
			}
		}
		for j, d := range dif {
			k.by(k.VFMADD231PS, k.VFMADD231PD)(factor(1+lagSpread+j), d, im)
		}
		y := k.add(re, k.swapParts(im))
		k.TESTQ(more, more)
		k.JZ(LabelRef("store"))
		k.by(k.VADDPS, k.VADDPD)(Mem{Base: z}, y, y)
		k.Label("store")
		k.VMOVUPS(y, Mem{Base: z})
		k.ADDQ(ld, x)
		k.ADDQ(ld, z)
	}, func() {
		for _, p := range []reg.Register{dst, m, c} {
			k.ADDQ(U32(uint32(k.width)), p)
		}
	})
	k.VZEROUPPER()
	k.RET()
}
