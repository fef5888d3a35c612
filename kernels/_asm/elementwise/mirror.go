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

// emitHartley writes func(dst, src *T, n int): the real less the imaginary parts of n
// complex numbers, or, of hartleyMirror, their sums in reverse order. n is a multiple of
// the lanes.
func (k *isa) emitHartley() {
	for _, mirror := range []bool{false, true} {
		name := "hartley"
		if mirror {
			name += "Mirror"
		}
		k.declare(name, fmt.Sprintf("func(dst, src *%s, n int)", k.goType()))
		dst, src, n := k.pointer("dst"), k.pointer("src"), k.pointer("n")
		if mirror {
			end := k.GP64()
			k.MOVQ(n, end)
			k.IMUL3Q(U32(uint32(k.size())), end, end)
			k.ADDQ(end, dst)
		}
		k.eachVector("numbers", n, []reg.Register{src, src}, func() {
			v := k.partsJoined(src, mirror)
			if mirror {
				k.SUBQ(U32(uint32(k.width)), dst)
			}
			k.VMOVUPS(v, Mem{Base: dst})
			if !mirror {
				k.ADDQ(U32(uint32(k.width)), dst)
			}
		})
		k.VZEROUPPER()
		k.RET()
	}
}

// partsJoined returns the sums of the parts of a vector's lanes of complex numbers in
// reverse order, or their differences.
func (k *isa) partsJoined(src reg.Register, sums bool) V {
	a, b := Mem{Base: src}, Mem{Base: src, Disp: k.width}
	if k.wide() {
		parts := [2]V{}
		for part := range parts {
			order := k.table(fmt.Sprintf("parts%dof%d%v", part, k.bits, sums), k.lanes(), func(i int) uint64 {
				if sums {
					i = k.lanes() - 1 - i
				}
				return uint64(2*i + part)
			})
			v := k.vec()
			k.VMOVUPS(a, v)
			k.by(k.VPERMT2PS, k.VPERMT2PD)(b, k.load(order), v)
			parts[part] = v
		}
		if sums {
			return k.add(parts[0], parts[1])
		}
		return k.sub(parts[0], parts[1])
	}
	x, y := k.load(a), k.vec()
	switch { // the halves have numbers of a, then of b
	case k.double() && sums:
		k.VHADDPD(b, x, y)
		k.VPERMPD(Imm(0x27), y, y)
	case sums:
		k.VHADDPS(b, x, y)
		order := k.table("hartleyBack", 8, func(i int) uint64 { return []uint64{7, 6, 3, 2, 5, 4, 1, 0}[i] })
		k.VPERMPS(y, k.load(order), y)
	case k.double():
		k.VHSUBPD(b, x, y)
		k.VPERMPD(Imm(0xd8), y, y)
	default:
		k.VHSUBPS(b, x, y)
		k.VPERMPD(Imm(0xd8), y, y)
	}
	return y
}
