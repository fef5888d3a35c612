package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotRows is how many rows of each argument a tile of dot products has.
const dotRows = 4

// dotLanes is the number of running results of a product of a tile, in float64, and
// dotLeast what the number of elements must be a multiple of.
const (
	dotLanes  = 8
	dotLeast  = 32
	dotUnroll = 2 // rounds of a loop
)

// emitDots writes func(acc *float64, a, b *T, lda, ldb, n int): to the lanes 4i+j of
// acc, dotLanes each, the products of row i of a and row j of b, n elements, a
// multiple of dotLeast. The lanes are taken a vector at a time, so that the sums of
// a tile, or of half of it, stay in registers. ownDots are those of the rows of a
// with each other, for j ≤ i; others may be added as well. runs and ownRuns, of
// float32, sum the products of every 2·dotLanes-th element in float32, and add these
// sums to the lanes at the end.
func (k *isa) emitDots() (names []string) {
	emit := func(name string, d *isa, own bool) {
		k.declare(name, fmt.Sprintf("func(acc *float64, a, b *%s, lda, ldb, n int)", k.goType()))
		k.dotsOfTile(d, own)
		names = append(names, name)
	}
	emit("dots", k.at(64, k.width), false)
	emit("ownDots", k.at(64, k.width), true)
	if !k.double() {
		emit("dotRuns", k, false)
		emit("ownDotRuns", k, true)
	}
	return names
}

// dotsOfTile is the body, which sums in the precision of d.
func (k *isa) dotsOfTile(d *isa, own bool) {
	rows, step := dotRows, 64/d.size()
	if !k.wide() {
		rows = dotRows / 2
	}
	lda, lda3 := k.rowSteps("lda")
	ldb, ldb3 := k.rowSteps("ldb")
	for first := 0; first < dotRows; first += rows {
		for at := 0; at < step; at += d.lanes() {
			k.dotsOfLanes(d, own, at, step, first, rows, [2][2]reg.Register{{lda, lda3}, {ldb, ldb3}})
		}
	}
	k.VZEROUPPER()
	k.RET()
}

// rowSteps returns the distance of rows in bytes, and three times that.
func (k *isa) rowSteps(param string) (one, three reg.Register) {
	one, three = k.Load(k.Param(param), k.GP64()), k.GP64()
	k.IMUL3Q(U32(uint32(k.size())), one, one)
	k.LEAQ(Mem{Base: one, Index: one, Scale: 2}, three)
	return one, three
}

// rowAt returns where row i begins.
func rowAt(base reg.Register, step [2]reg.Register, i int) Mem {
	switch i {
	case 0:
		return Mem{Base: base}
	case 3:
		return Mem{Base: base, Index: step[1], Scale: 1}
	}
	return Mem{Base: base, Index: step[0], Scale: uint8(i)}
}

// dotsOfLanes sums the elements that begin at every step-th from the given one on,
// as many as there are lanes of d, of some rows of a and of all of b, or of all before.
func (k *isa) dotsOfLanes(d *isa, own bool, from, step, first, rows int, steps [2][2]reg.Register) {
	acc, n := k.Load(k.Param("acc"), k.GP64()), k.Load(k.Param("n"), k.GP64())
	a, b := k.Load(k.Param("a"), k.GP64()), k.Load(k.Param("b"), k.GP64())
	if from > 0 {
		k.ADDQ(U32(uint32(from*k.size())), a)
		k.ADDQ(U32(uint32(from*k.size())), b)
	}
	lanes := func(i, j, from int) Mem {
		return Mem{Base: acc, Disp: (((first+i)*dotRows+j)*dotLanes + from%dotLanes) * 8}
	}
	sums := make([][]V, rows)
	columns := func(i int) int {
		if own {
			return first + i + 1
		}
		return dotRows
	}
	for i := range sums {
		for j := range columns(i) {
			if d.double() {
				sums[i] = append(sums[i], d.load(lanes(i, j, from)))
			} else {
				sums[i] = append(sums[i], d.zero())
			}
		}
	}
	label := fmt.Sprintf("row%dlane%d", first, from)
	k.Label(label)
	for at := 0; at < dotUnroll*step; at += step {
		x := make([]V, rows)
		for i := range x {
			x[i] = k.lanesFrom(d, rowAt(a, steps[0], first+i).Offset(at*k.size()))
		}
		for j := range columns(rows - 1) {
			y := k.lanesFrom(d, rowAt(b, steps[1], j).Offset(at*k.size()))
			for i, v := range x {
				if j < columns(i) {
					d.by(d.VFMADD231PS, d.VFMADD231PD)(v, y, sums[i][j])
				}
			}
		}
	}
	k.ADDQ(U32(uint32(dotUnroll*step*k.size())), a)
	k.ADDQ(U32(uint32(dotUnroll*step*k.size())), b)
	k.SUBQ(U32(uint32(dotUnroll*step)), n)
	k.JNZ(LabelRef(label))
	for i := range sums {
		for j, s := range sums[i] {
			if d.double() {
				d.VMOVUPD(s, lanes(i, j, from))
				continue
			}
			w := d.at(64, d.width)
			for half := range 2 {
				to := lanes(i, j, from+half*w.lanes())
				w.VMOVUPD(w.add(d.halfToDouble(s, half), to), to)
			}
		}
	}
}

// lanesFrom loads elements as lanes of the precision of d.
func (k *isa) lanesFrom(d *isa, m Mem) V {
	if d.double() {
		return k.toDouble(m)
	}
	return k.load(m)
}

// halfToDouble converts half of a vector.
func (k *isa) halfToDouble(v V, half int) V {
	part, r := reg.VecVirtual(k.XMM()), k.vec()
	if k.wide() {
		part = k.YMM()
	}
	if k.wide() {
		k.VEXTRACTF64X4(U8(uint8(half)), v, part)
	} else {
		k.VEXTRACTF128(U8(uint8(half)), v, part)
	}
	k.VCVTPS2PD(part, r)
	return r
}
