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
// with each other, for j ≤ i. dotRuns and ownDotRuns, of float32, sum the products of
// every 2·dotLanes-th element in float32, and add these sums to the lanes at the end.
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
	lanes := func(i, j int) Mem { return Mem{Base: acc, Disp: ((first+i)*dotRows + j) * dotLanes * 8} }
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
				sums[i] = append(sums[i], d.load(lanes(i, j).Offset(from*8)))
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
				d.VMOVUPD(s, lanes(i, j).Offset(from*8))
			} else {
				d.addToLanes(s, lanes(i, j), from)
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
	r := k.vec()
	if k.wide() {
		part := k.YMM()
		k.VEXTRACTF64X4(U8(uint8(half)), v, part)
		k.VCVTPS2PD(part, r)
	} else {
		part := k.XMM()
		k.VEXTRACTF128(U8(uint8(half)), v, part)
		k.VCVTPS2PD(part, r)
	}
	return r
}

// rowDots is how many rows emitRowDots takes at a time.
const rowDots = 8

// emitRowDots writes func(acc *float64, a, b *T, lda, ldb, n int): to the lanes i of acc,
// dotLanes each, the products of row i of a and of b, n elements, a multiple of
// dotLeast, in the precision of a, whose sums are added at the end. ldb is not read.
// The rows that lie after these are fetched on the way.
func (k *isa) emitRowDots() {
	k.declare("rowDots", fmt.Sprintf("func(acc *float64, a, b *%s, lda, ldb, n int)", k.goType()))
	rows, step := rowDots, 64/k.size()
	if !k.wide() {
		rows /= 2 // of two vectors each
	}
	lda := k.Load(k.Param("lda"), k.GP64())
	k.SHLQ(U8(uint8(k.size()/4+1)), lda) // elements to bytes: 4 or 8
	for first := 0; first < rowDots; first += rows {
		k.dotsOfRows(lda, step, first, rows)
	}
	k.VZEROUPPER()
	k.RET()
}

// dotsOfRows is the loop over some of the rows.
func (k *isa) dotsOfRows(lda reg.Register, step, first, rows int) {
	acc, b, n := k.Load(k.Param("acc"), k.GP64()), k.Load(k.Param("b"), k.GP64()), k.Load(k.Param("n"), k.GP64())
	row := make([]reg.Register, rows)
	sums := make([][]V, rows)
	for i := range row {
		row[i] = k.GP64()
		switch {
		case i > 0:
			k.LEAQ(Mem{Base: row[i-1], Index: lda, Scale: 1}, row[i])
		case first > 0:
			k.Load(k.Param("a"), row[0])
			k.LEAQ(Mem{Base: row[0], Index: lda, Scale: uint8(first)}, row[0])
		default:
			k.Load(k.Param("a"), row[0])
		}
		for range step / k.lanes() {
			sums[i] = append(sums[i], k.zero())
		}
	}
	label := fmt.Sprintf("row%d", first)
	k.Label(label)
	for at := 0; at < dotUnroll*step; at += step {
		for _, r := range row {
			k.PREFETCHT0(Mem{Base: r, Index: lda, Scale: rowDots, Disp: at * k.size()})
		}
		for j := range sums[0] {
			d := (at + j*k.lanes()) * k.size()
			v := k.load(Mem{Base: b, Disp: d})
			for i, r := range row {
				k.by(k.VFMADD231PS, k.VFMADD231PD)(Mem{Base: r, Disp: d}, v, sums[i][j])
			}
		}
	}
	for _, p := range append(row, b) {
		k.ADDQ(U32(uint32(dotUnroll*step*k.size())), p)
	}
	k.SUBQ(U32(uint32(dotUnroll*step)), n)
	k.JNZ(LabelRef(label))
	for i := range sums {
		for j, s := range sums[i] {
			k.addToLanes(s, Mem{Base: acc, Disp: (first + i) * dotLanes * 8}, j*k.lanes())
		}
	}
}

// addToLanes adds a vector, whose first lane has the given number, to lanes in
// float64.
func (k *isa) addToLanes(s V, lanes Mem, from int) {
	d := k.at(64, k.width)
	if k.double() {
		to := lanes.Offset(from % dotLanes * 8)
		d.VMOVUPD(d.add(s, to), to)
		return
	}
	for half := range 2 {
		to := lanes.Offset((from + half*d.lanes()) % dotLanes * 8)
		d.VMOVUPD(d.add(k.halfToDouble(s, half), to), to)
	}
}
