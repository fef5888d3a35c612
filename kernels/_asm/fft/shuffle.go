package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

// A vector is groups of 128 bits, each with one complex number of double or two
// of single precision when parts are interleaved. Half of the lanes of a row, in
// order, make one interleaved vector, the others a second one; group g of the
// real parts holds those of group g of the first vector, then of the second.

func (k *isa) groups() int   { return k.bytes / 16 }
func (k *isa) perGroup() int { return 16 / (2 * k.size()) } // complex numbers

// slots returns where in a row each lane is.
func (k *isa) slots() []int {
	half, per := k.lanes()/2, k.perGroup()
	slot := make([]int, k.lanes())
	for i := range half {
		slot[i] = i/per*2*per + i%per
		slot[half+i] = slot[i] + per
	}
	return slot
}

// toSlots loads a vector of reals, one for each lane, to their slots; fromSlots is
// its inverse.
func (k *isa) toSlots(m Mem) V { return k.permute(m, k.slotPairs()) }

func (k *isa) fromSlots(v V) V {
	inverse := make([]int, k.bytes/8)
	for i, from := range k.slotPairs() {
		inverse[from] = i
	}
	return k.permute(v, inverse)
}

// slotPairs returns for each 64 bits of a row's half which of those of the lanes in
// order they are.
func (k *isa) slotPairs() []int {
	from, per := make([]int, k.bytes/8), k.perGroup()
	for i, slot := range k.slots() {
		from[slot/per] = i / per
	}
	return from
}

// permute returns the vector whose 64 bits i are those of x from from[i] on.
func (k *isa) permute(x Op, from []int) V {
	r := k.vec()
	if k.bytes == 32 {
		sel := 0
		for i, f := range from {
			sel |= f << (2 * i)
		}
		k.VPERMPD(Imm(uint64(sel)), x, r)
		return r
	}
	words := make([]uint64, len(from))
	for i, f := range from {
		words[i] = uint64(f)
	}
	k.VPERMPD(x, k.load1(k.data(words)), r)
	return r
}

// split takes two interleaved vectors apart.
func (k *isa) split(a, b V) C {
	re, im := k.vec(), k.vec()
	if k.double() {
		k.VUNPCKLPD(b, a, re)
		k.VUNPCKHPD(b, a, im)
	} else {
		k.VSHUFPS(Imm(0x88), b, a, re)
		k.VSHUFPS(Imm(0xdd), b, a, im)
	}
	return C{re, im}
}

// join is the inverse of split.
func (k *isa) join(c C) (a, b V) {
	a, b = k.vec(), k.vec()
	k.by(k.VUNPCKLPS, k.VUNPCKLPD)(c.im, c.re, a)
	k.by(k.VUNPCKHPS, k.VUNPCKHPD)(c.im, c.re, b)
	return a, b
}

// transposeGroups transposes a square matrix of 128-bit groups: group j of
// vector i becomes group i of vector j.
func (k *isa) transposeGroups(r []V) []V {
	if len(r) == 2 {
		a, b := k.YMM(), k.YMM()
		k.VPERM2F128(Imm(0x20), r[1], r[0], a)
		k.VPERM2F128(Imm(0x31), r[1], r[0], b)
		return []V{a, b}
	}
	shuffle := func(x, y V, sel uint64) V {
		z := k.ZMM()
		k.by(k.VSHUFF32X4, k.VSHUFF64X2)(Imm(sel), y, x, z)
		return z
	}
	a, b := shuffle(r[0], r[1], 0x44), shuffle(r[2], r[3], 0x44) // groups 0, 1 of each
	c, d := shuffle(r[0], r[1], 0xee), shuffle(r[2], r[3], 0xee) // groups 2, 3
	return []V{shuffle(a, b, 0x88), shuffle(a, b, 0xdd), shuffle(c, d, 0x88), shuffle(c, d, 0xdd)}
}

// transposeWithin transposes a 4×4 matrix of single precision in each group.
func (k *isa) transposeWithin(r []V) []V {
	op := func(f instruction, x, y V) V {
		z := k.vec()
		f(y, x, z)
		return z
	}
	a, b := op(k.VUNPCKLPS, r[0], r[1]), op(k.VUNPCKHPS, r[0], r[1])
	c, d := op(k.VUNPCKLPS, r[2], r[3]), op(k.VUNPCKHPS, r[2], r[3])
	return []V{op(k.VUNPCKLPD, a, c), op(k.VUNPCKHPD, a, c), op(k.VUNPCKLPD, b, d), op(k.VUNPCKHPD, b, d)}
}

// transpose transposes a square matrix of double precision.
func (k *isa) transpose(r []V) []V {
	var even, odd []V
	for i := 0; i < len(r); i += 2 {
		c := k.split(r[i], r[i+1])
		even, odd = append(even, c.re), append(odd, c.im)
	}
	even, odd = k.transposeGroups(even), k.transposeGroups(odd)
	out := make([]V, len(r))
	for i := range even {
		out[2*i], out[2*i+1] = even[i], odd[i]
	}
	return out
}

// swapParts swaps real and imaginary parts.
func (k *isa) swapParts(x V) V {
	y := k.vec()
	if k.double() {
		k.VPERMILPD(Imm(0x55), x, y)
	} else {
		k.VPERMILPS(Imm(0xb1), x, y)
	}
	return y
}

// reverse reverses the order of complex numbers.
func (k *isa) reverse(v V) V {
	r := k.vec()
	switch {
	case k.bytes == 64 && k.double():
		k.VSHUFF64X2(Imm(0x1b), v, v, r)
	case k.bytes == 64:
		t := k.vec()
		k.VSHUFF64X2(Imm(0x4e), v, v, t)
		k.VPERMPD(Imm(0x1b), t, r)
	case k.double():
		k.VPERM2F128(Imm(1), v, v, r)
	default:
		k.VPERMPD(Imm(0x1b), v, r)
	}
	return r
}

// columns makes rows of a tile of one vector of each lane.
func (k *isa) columns(lane []V) []C {
	half := k.lanes() / 2
	out := make([]C, half)
	if k.double() {
		var re, im []V
		for i := range half {
			c := k.split(lane[i], lane[half+i])
			re, im = append(re, c.re), append(im, c.im)
		}
		re, im = k.transposeGroups(re), k.transposeGroups(im)
		for j := range out {
			out[j] = C{re[j], im[j]}
		}
		return out
	}
	var part [4][]V // re, im of even columns, re, im of odd ones
	for g := range k.groups() {
		t := k.transposeWithin([]V{lane[2*g], lane[2*g+1], lane[half+2*g], lane[half+2*g+1]})
		for i := range part {
			part[i] = append(part[i], t[i])
		}
	}
	for i := range part {
		part[i] = k.transposeGroups(part[i])
	}
	for j := range out {
		out[j] = C{part[j%2*2][j/2], part[j%2*2+1][j/2]}
	}
	return out
}

// lines is the inverse of columns.
func (k *isa) lines(row []C) []V {
	half := k.lanes() / 2
	lane := make([]V, k.lanes())
	if k.double() {
		var re, im []V
		for _, c := range row {
			re, im = append(re, c.re), append(im, c.im)
		}
		re, im = k.transposeGroups(re), k.transposeGroups(im)
		for i := range half {
			lane[i], lane[half+i] = k.join(C{re[i], im[i]})
		}
		return lane
	}
	var part [4][]V
	for j, c := range row {
		part[j%2*2], part[j%2*2+1] = append(part[j%2*2], c.re), append(part[j%2*2+1], c.im)
	}
	for i := range part {
		part[i] = k.transposeGroups(part[i])
	}
	for g := range k.groups() {
		t := k.transposeWithin([]V{part[0][g], part[1][g], part[2][g], part[3][g]})
		lane[2*g], lane[2*g+1], lane[half+2*g], lane[half+2*g+1] = t[0], t[1], t[2], t[3]
	}
	return lane
}

// A group of 128 bits, and how it gets into and out of vectors.

// loadInto returns the group v with its i-th complex number loaded from m.
func (k *isa) loadInto(v V, i int, m Mem) V {
	x := k.XMM()
	switch {
	case k.double():
		k.VMOVUPD(m, x)
	case i == 0:
		k.VMOVSD(m, x)
	default:
		k.VMOVHPS(m, v, x)
	}
	return x
}

// insert returns v with its group g replaced by x.
func (k *isa) insert(v V, x Op, g int) V {
	r := k.vec()
	switch {
	case k.bytes == 32:
		k.VINSERTF128(Imm(uint64(g)), x, v, r)
	case k.double():
		k.VINSERTF64X2(Imm(uint64(g)), x, v, r)
	default:
		k.VINSERTF32X4(Imm(uint64(g)), x, v, r)
	}
	return r
}

// saveGroup stores the complex numbers of group g of v to the addresses in m.
func (k *isa) saveGroup(v V, g int, m []Mem) {
	if k.double() {
		k.extract(v, g, m[0])
		return
	}
	x := v.AsX()
	if g > 0 {
		t := k.XMM()
		k.extract(v, g, t)
		x = t
	}
	k.VMOVLPS(x, m[0])
	k.VMOVHPS(x, m[1])
}

// extract moves group g of v to a register or to memory.
func (k *isa) extract(v V, g int, to Op) {
	switch {
	case g == 0:
		k.VMOVUPD(v.AsX(), to)
	case k.bytes == 32:
		k.VEXTRACTF128(Imm(uint64(g)), v, to)
	case k.double():
		k.VEXTRACTF64X2(Imm(uint64(g)), v, to)
	default:
		k.VEXTRACTF32X4(Imm(uint64(g)), v, to)
	}
}
