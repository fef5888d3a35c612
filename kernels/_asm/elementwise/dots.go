package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotRows is how many rows of each argument a tile of dot products has.
const dotRows = 4

// emitDots writes func(acc *float64, a, b *T, lda, ldb, n int): to the lanes 4i+j of
// acc, sumLanes each, the products of row i of a and row j of b, n elements, a
// multiple of sumLanes. The lanes are taken a vector at a time, so that the sums of
// a tile, or of half of it, stay in registers.
func (k *isa) emitDots() {
	k.declare("dots", fmt.Sprintf("func(acc *float64, a, b *%s, lda, ldb, n int)", k.goType()))
	rows := dotRows
	if !k.wide() {
		rows = dotRows / 2
	}
	lda, lda3 := k.rowSteps("lda")
	ldb, ldb3 := k.rowSteps("ldb")
	slots := sumLanes * 8 / k.width
	for first := 0; first < dotRows; first += rows {
		for slot := range slots {
			k.dotsOfSlot(slot, first, rows, [2][2]reg.Register{{lda, lda3}, {ldb, ldb3}})
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

func (k *isa) dotsOfSlot(slot, first, rows int, steps [2][2]reg.Register) {
	d := k.at(64, k.width)
	acc, n := k.Load(k.Param("acc"), k.GP64()), k.Load(k.Param("n"), k.GP64())
	a, b := k.Load(k.Param("a"), k.GP64()), k.Load(k.Param("b"), k.GP64())
	if skip := slot * k.narrow().width; skip > 0 {
		k.ADDQ(U32(uint32(skip)), a)
		k.ADDQ(U32(uint32(skip)), b)
	}
	at := func(i, j int) Mem {
		return Mem{Base: acc, Disp: ((first+i)*dotRows+j)*sumLanes*8 + slot*k.width}
	}
	sums := make([][]V, rows)
	for i := range sums {
		for j := range dotRows {
			sums[i] = append(sums[i], d.load(at(i, j)))
		}
	}
	label := fmt.Sprintf("rows%dslot%d", first, slot)
	k.Label(label)
	x := make([]V, rows)
	for i := range x {
		x[i] = k.toDouble(rowAt(a, steps[0], first+i))
	}
	for j := range dotRows {
		y := k.toDouble(rowAt(b, steps[1], j))
		for i, v := range x {
			if k.double() {
				d.VADDPD(d.mul(v, y), sums[i][j], sums[i][j])
			} else { // the product is exact
				d.VFMADD231PD(v, y, sums[i][j])
			}
		}
	}
	k.ADDQ(U32(uint32(sumLanes*k.size())), a)
	k.ADDQ(U32(uint32(sumLanes*k.size())), b)
	k.SUBQ(U32(sumLanes), n)
	k.JNZ(LabelRef(label))
	for i := range sums {
		for j, s := range sums[i] {
			d.VMOVUPD(s, at(i, j))
		}
	}
}

// emitFoldDots writes func(dst, acc *float64): the even and the odd lanes of each
// sum of a tile.
func (k *isa) emitFoldDots() {
	k.declare("foldDots", "func(dst, acc *float64)")
	d := k.at(64, k.width)
	dst, acc := k.Load(k.Param("dst"), k.GP64()), k.Load(k.Param("acc"), k.GP64())
	n := k.GP64()
	k.MOVQ(U32(dotRows*dotRows), n)
	k.Label("sum")
	var sums []V
	for slot := range sumLanes * 8 / k.width {
		sums = append(sums, d.load(Mem{Base: acc, Disp: slot * k.width}))
	}
	k.VMOVUPD(k.foldVectors(reductions[0], sums), Mem{Base: dst})
	k.ADDQ(U32(16), dst)
	k.ADDQ(U32(sumLanes*8), acc)
	k.DECQ(n)
	k.JNZ(LabelRef("sum"))
	k.VZEROUPPER()
	k.RET()
}
