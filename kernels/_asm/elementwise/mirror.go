package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reversed exchanges the order of the complex numbers of a vector.
func (k *isa) reversed(v V) V {
	r := k.vec()
	switch {
	case k.double() && k.width == 64:
		k.VSHUFF64X2(Imm(0x1b), v, v, r)
	case k.double():
		k.VPERM2F128(Imm(1), v, v, r)
	case k.width == 32:
		k.VPERMPD(Imm(0x1b), v, r)
	default:
		order := k.at(64, k.width).table("reversed", 8, func(i int) uint64 { return uint64(7 - i) })
		k.VPERMPD(v, k.load(order), r)
	}
	return r
}

// emitMirror writes func(dst, src *T, n int): the conjugates of n complex numbers in
// reverse order, or, added to dst or taken from it, mirrorAdd and mirrorSub. n is a
// multiple of half the lanes.
func (k *isa) emitMirror() {
	for _, name := range []string{"mirror", "mirrorAdd", "mirrorSub"} {
		k.declare(name, fmt.Sprintf("func(dst, src *%s, n int)", k.goType()))
		dst, src, n := k.pointer("dst"), k.pointer("src"), k.pointer("n")
		from := k.GP64()
		k.MOVQ(n, from)
		k.IMUL3Q(U32(uint32(2*k.size())), from, from)
		k.ADDQ(src, from)
		k.ADDQ(n, n) // reals
		sign := k.load(k.conjugation())
		k.eachVector("turn", n, []reg.Register{dst}, func() {
			k.SUBQ(U32(uint32(k.width)), from)
			v := k.xor(k.reversed(k.load(Mem{Base: from})), sign)
			switch name {
			case "mirrorAdd":
				v = k.add(v, Mem{Base: dst})
			case "mirrorSub":
				v = k.sub(k.load(Mem{Base: dst}), v)
			}
			k.VMOVUPS(v, Mem{Base: dst})
		})
		k.VZEROUPPER()
		k.RET()
	}
}

// conjugation returns the signs of imaginary parts.
func (k *isa) conjugation() Mem {
	return k.table(fmt.Sprintf("conjugation%d", k.bits), k.lanes(), func(i int) uint64 { return uint64(i%2) << (k.bits - 1) })
}
