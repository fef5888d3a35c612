package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
)

// The mask of a tile of columns has a vector of lanes, in the order of a row of
// the tile, for every row: the radix rows of a turn of the loop one after the
// other.

// maskRadices are those of the stages that are done while loading and storing
// masked columns.
func (k *isa) maskRadices() []int {
	if k.registers == 32 {
		return []int{4, 8}
	}
	return []int{4}
}

// maskedBy multiplies both parts of the i-th number by the mask.
func (k *isa) maskedBy(c C, mask R, i int) C {
	m := k.load1(Mem{Base: mask, Disp: i * k.bytes})
	return C{k.mul(c.re, m), k.mul(c.im, m)}
}

// loadMasked is an fftLoadMasked of package kernels: the first stage of an
// inverse transform.
func (k *isa) loadMasked(radix int) {
	k.function(fmt.Sprintf("loadMasked[%d]", radix), fmt.Sprintf("LoadMasked%d", radix), "func(tile, src []T, stride int, tw []T, q int, mask []T)")
	tile, src, stride := k.slice("tile"), k.slice("src"), k.argBytes("stride")
	tw, q, mask := k.slice("tw"), k.arg("q"), k.slice("mask")
	to := k.strided(tile, k.times(q, k.rowBytes()), radix)
	between := k.GP64()
	k.MOVQ(q, between)
	k.IMULQ(stride, between)
	from := k.strided(src, between, radix)
	k.loop("row", q, func() {
		x := k.loadColumns(from, radix)
		for t := range x {
			x[t] = swapped(k.maskedBy(x[t], mask, t), true)
		}
		k.saveTurned(k.butterfly(x), tw, to)
		k.ADDQ(U32(uint32(2*k.size()*(radix-1))), tw)
		k.ADDQ(U32(uint32(k.bytes*radix)), mask)
		to.advance(U32(uint32(k.rowBytes())))
		from.advance(stride)
	})
	k.end()
}

// addMasked is an fftAddMasked of package kernels: the last stage of a forward
// transform.
func (k *isa) addMasked(radix int) {
	k.function(fmt.Sprintf("addMasked[%d]", radix), fmt.Sprintf("AddMasked%d", radix), "func(dst []T, stride int, tile []T, heads []int, q int, mask []T)")
	dst, stride := k.slice("dst"), k.argBytes("stride")
	tile, heads, q, mask := k.slice("tile"), k.slice("heads"), k.arg("q"), k.slice("mask")
	between := k.GP64()
	k.MOVQ(q, between)
	k.IMULQ(stride, between)
	to := k.strided(dst, between, radix)
	k.loop("row", q, func() {
		h := k.GP64()
		k.MOVQ(Mem{Base: heads}, h)
		m := k.element(tile, h)
		x := make([]C, radix)
		for t := range x {
			x[t] = k.loadRow(disp(m, t*k.rowBytes()))
		}
		for t, y := range k.butterfly(x) {
			a, b := k.join(k.maskedBy(y, mask, t))
			at := to.at(t)
			k.save1(k.add(a, at), at)
			k.save1(k.add(b, disp(at, k.bytes)), disp(at, k.bytes))
		}
		k.ADDQ(Imm(8), heads)
		k.ADDQ(U32(uint32(k.bytes*radix)), mask)
		to.advance(stride)
	})
	k.end()
}

// prefetch is an fftBody.prefetch of package kernels.
func (k *isa) prefetch() {
	k.function("prefetch", "Prefetch", "func(src []T, stride, count, next, rows int)")
	src, stride, count := k.slice("src"), k.argBytes("stride"), k.arg("count")
	next, rows := k.argBytes("next"), k.arg("rows")
	k.loop("row", rows, func() {
		at, n := k.GP64(), k.GP64()
		k.MOVQ(src, at)
		k.MOVQ(count, n)
		k.loop("piece", n, func() {
			for line := 0; line < k.rowBytes(); line += 64 {
				k.PREFETCHT1(Mem{Base: at, Disp: line})
			}
			k.ADDQ(stride, at)
		})
		k.ADDQ(next, src)
	})
	k.end()
}

// pieces is an fftBody.pieces of package kernels.
func (k *isa) pieces() {
	k.function("pieces", "Pieces", "func(dst, src []T, dstRow, srcRow, dstNext, srcNext, rows, tiles int)")
	dst, src := k.slice("dst"), k.slice("src")
	dstRow, srcRow, dstNext, srcNext := k.argBytes("dstRow"), k.argBytes("srcRow"), k.argBytes("dstNext"), k.argBytes("srcNext")
	rows, tiles := k.arg("rows"), k.arg("tiles")
	k.loop("tile", tiles, func() {
		to, from, n := k.GP64(), k.GP64(), k.GP64()
		k.MOVQ(dst, to)
		k.MOVQ(src, from)
		k.MOVQ(rows, n)
		k.loop("row", n, func() {
			k.saveRow(k.loadRow(Mem{Base: from}), Mem{Base: to})
			k.ADDQ(srcRow, from)
			k.ADDQ(dstRow, to)
		})
		k.ADDQ(srcNext, src)
		k.ADDQ(dstNext, dst)
	})
	k.end()
}
