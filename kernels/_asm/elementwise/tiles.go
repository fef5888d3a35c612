package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The matrix product keeps a tile of dst in registers: rows × vectors, of which
// there are a full and a half size each way.

// tileRows are the rows of the full tile: as many as registers hold beside two
// vectors of b and one factor.
var tileRows = map[string]int{"AVX2": 6, "AVX512": 12}

// tileDepth is how many elements of packed rows are combined at a time.
func (k *isa) tileDepth() int {
	if k.level == "AVX512" {
		return 2048 / k.size()
	}
	return 256
}

// tileStride is the distance of rows in packed a, in elements: no power of two,
// so that rows do not share cache sets.
func (k *isa) tileStride() int { return k.tileDepth() + 64/k.size() }

// emitTiles writes tile00, tile01, tile10, tile11: full or half rows, two or one
// vectors.
func (k *isa) emitTiles() []string {
	var names []string
	for i, rows := range []int{tileRows[k.level], tileRows[k.level] / 2} {
		for j, vectors := range []int{2, 1} {
			name := fmt.Sprintf("tile%d%d", i, j)
			k.emitTile(name, rows, vectors)
			names = append(names, name+k.suffix())
		}
	}
	return names
}

// emitTile writes func(a, b, c, next, ahead *T, tiles, k, ldc, lda, more int): so many
// tiles of c, one below another, become the products of rows of packed a and k rows of
// packed b, added to c if more is not 0, every element by fused multiply-adds in order.
// The tile at next and, for each tile, k elements at ahead, lda apart, are brought near.
func (k *isa) emitTile(name string, rows, vectors int) {
	k.declare(name, fmt.Sprintf("func(a, b, c, next, ahead *%s, tiles, k, ldc, lda, more int)", k.goType()))
	t := k.tileRegisters(rows)
	sums := make([][]V, rows)
	for i := range sums {
		for range vectors {
			sums[i] = append(sums[i], k.vec())
		}
	}
	k.Label("tile")
	k.prefetchNext(t, rows, vectors)
	k.tileStart(t, sums)
	const unroll = 4
	k.Label("four")
	k.CMPQ(t.depth, Imm(unroll))
	k.JL(LabelRef("one"))
	k.PREFETCHT1(Mem{Base: t.ahead})
	for o := range unroll {
		k.tileStep(t.a, t.b, o, sums)
	}
	k.tileAdvance(t, unroll)
	k.JMP(LabelRef("four"))
	k.Label("one")
	k.TESTQ(t.depth, t.depth)
	k.JZ(LabelRef("store"))
	k.tileStep(t.a, t.b, 0, sums)
	k.tileAdvance(t, 1)
	k.JMP(LabelRef("one"))
	k.Label("store")
	k.eachRow(t, sums, func(m Mem, r V) { k.VMOVUPS(r, m) })
	k.ADDQ(t.ldc, t.c)
	k.nextTile(t, rows)
	k.DECQ(t.tiles)
	k.JNZ(LabelRef("tile"))
	k.VZEROUPPER()
	k.RET()
}

// tileRegisters are where a tile is at: c is the row at hand.
type tileRegisters struct{ a, b, c, ahead, tiles, depth, ldc, below reg.GPVirtual }

func (k *isa) tileRegisters(rows int) tileRegisters {
	load := func(name string) reg.GPVirtual { return k.Load(k.Param(name), k.GP64()).(reg.GPVirtual) }
	t := tileRegisters{load("a"), load("b"), load("c"), load("ahead"), load("tiles"), load("k"), load("ldc"), k.GP64()}
	k.IMUL3Q(U32(uint32(k.size())), t.ldc, t.ldc)
	k.IMUL3Q(U32(uint32(rows)), t.ldc, t.below)
	return t
}

// nextTile goes to the rows below of a and ahead, and to the first rows of b.
func (k *isa) nextTile(t tileRegisters, rows int) {
	bytes, width := k.GP64(), k.GP64()
	k.Load(k.Param("k"), t.depth)
	k.MOVQ(t.depth, bytes)
	k.SHLQ(Imm(uint64(bits.TrailingZeros(uint(k.size())))), bytes)
	k.SUBQ(bytes, t.a)
	k.ADDQ(U32(uint32(rows*k.tileStride()*k.size())), t.a)
	k.SUBQ(bytes, t.ahead)
	k.Load(k.Param("lda"), width)
	k.SHLQ(Imm(uint64(bits.TrailingZeros(uint(k.size())))), width)
	k.ADDQ(width, t.ahead)
	k.Load(k.Param("b"), t.b)
}

// tileStart sets the sums to c, or to 0.
func (k *isa) tileStart(t tileRegisters, sums [][]V) {
	more := k.Load(k.Param("more"), k.GP64())
	k.TESTQ(more, more)
	k.JZ(LabelRef("clear"))
	k.eachRow(t, sums, func(m Mem, r V) { k.VMOVUPS(m, r) })
	k.SUBQ(t.below, t.c)
	k.ADDQ(t.ldc, t.c)
	k.JMP(LabelRef("four"))
	k.Label("clear")
	for _, row := range sums {
		for _, r := range row {
			k.clear(r)
		}
	}
}

// prefetchNext brings the next tile of c near: the one below, in the end that at next.
func (k *isa) prefetchNext(t tileRegisters, rows, vectors int) {
	c := k.GP64()
	k.MOVQ(t.c, c)
	k.ADDQ(t.below, c)
	k.CMPQ(t.tiles, Imm(1))
	k.JNE(LabelRef("near"))
	k.Load(k.Param("next"), c)
	k.Label("near")
	for i := range rows {
		for line := 0; line < vectors*k.width; line += 64 {
			k.PREFETCHT0(Mem{Base: c, Disp: line})
		}
		if i+1 < rows {
			k.ADDQ(t.ldc, c)
		}
	}
}

// eachRow calls f for every vector of the tile with its place in c, whose last row is
// at hand then.
func (k *isa) eachRow(t tileRegisters, sums [][]V, f func(m Mem, r V)) {
	for i, row := range sums {
		for j, r := range row {
			f(Mem{Base: t.c, Disp: j * k.width}, r)
		}
		if i+1 < len(sums) {
			k.ADDQ(t.ldc, t.c)
		}
	}
}

// tileStep adds the product of a column of a and a row of b, o steps ahead.
func (k *isa) tileStep(a, b reg.Register, o int, sums [][]V) {
	var row []V
	for j := range sums[0] {
		row = append(row, k.load(Mem{Base: b, Disp: (2*o + j) * k.width}))
	}
	for i := range sums {
		x := k.vec()
		k.by(k.VBROADCASTSS, k.VBROADCASTSD)(Mem{Base: a, Disp: (i*k.tileStride() + o) * k.size()}, x)
		for j, r := range sums[i] {
			k.by(k.VFMADD231PS, k.VFMADD231PD)(row[j], x, r)
		}
	}
}

func (k *isa) tileAdvance(t tileRegisters, steps int) {
	k.ADDQ(U32(uint32(steps*k.size())), t.a)
	k.ADDQ(U32(uint32(steps*k.size())), t.ahead)
	k.ADDQ(U32(uint32(steps*2*k.width)), t.b)
	k.SUBQ(U32(uint32(steps)), t.depth)
}

// emitPack writes func(dst, src *T, lds, n int): n rows of a strip as wide as a
// tile, one after another.
func (k *isa) emitPack() {
	k.declare("pack", fmt.Sprintf("func(dst, src *%s, lds, n int)", k.goType()))
	dst, src := k.Load(k.Param("dst"), k.GP64()), k.Load(k.Param("src"), k.GP64())
	lds, n := k.Load(k.Param("lds"), k.GP64()), k.Load(k.Param("n"), k.GP64())
	k.IMUL3Q(U32(uint32(k.size())), lds, lds)
	ahead := k.GP64()
	k.LEAQ(Mem{Base: src, Index: lds, Scale: 8}, ahead)
	k.Label("row")
	for line := 0; line < 2*k.width; line += 64 {
		k.PREFETCHT0(Mem{Base: ahead, Disp: line})
	}
	for j := range 2 {
		k.VMOVUPS(k.load(Mem{Base: src, Disp: j * k.width}), Mem{Base: dst, Disp: j * k.width})
	}
	k.ADDQ(U32(uint32(2*k.width)), dst)
	k.ADDQ(lds, src)
	k.ADDQ(lds, ahead)
	k.DECQ(n)
	k.JNZ(LabelRef("row"))
	k.VZEROUPPER()
	k.RET()
}

// emitTranspose writes func(dst, src *T, ldd, lds, n int): the columns of g rows of
// src, n a multiple of g, become rows of g in dst; g is as many elements as a
// vector has.
func (k *isa) emitTranspose() {
	k.declare("transpose", fmt.Sprintf("func(dst, src *%s, ldd, lds, n int)", k.goType()))
	dst, src := k.Load(k.Param("dst"), k.GP64()), k.Load(k.Param("src"), k.GP64())
	ldd, lds := k.Load(k.Param("ldd"), k.GP64()), k.Load(k.Param("lds"), k.GP64())
	n := k.Load(k.Param("n"), k.GP64())
	k.IMUL3Q(U32(uint32(k.size())), ldd, ldd)
	k.IMUL3Q(U32(uint32(k.size())), lds, lds)
	from := k.GP64()
	k.Label("turn")
	k.CMPQ(n, U32(uint32(k.lanes())))
	k.JL(LabelRef("done"))
	k.MOVQ(src, from)
	var rows []V
	for range k.lanes() {
		rows = append(rows, k.load(Mem{Base: from}))
		k.ADDQ(lds, from)
	}
	for _, r := range k.transposed(rows) {
		k.VMOVUPS(r, Mem{Base: dst})
		k.ADDQ(ldd, dst)
	}
	k.ADDQ(U32(uint32(k.width)), src)
	k.SUBQ(U32(uint32(k.lanes())), n)
	k.JMP(LabelRef("turn"))
	k.Label("done")
	k.VZEROUPPER()
	k.RET()
}

// transposed exchanges rows and columns of 256-bit vectors: within pairs, within
// 128 bits, across.
func (k *isa) transposed(r []V) []V {
	two := func(op instruction, a, b V) V { v := k.vec(); op(b, a, v); return v }
	low, high := k.by(k.VUNPCKLPS, k.VUNPCKLPD), k.by(k.VUNPCKHPS, k.VUNPCKHPD)
	n := len(r)
	var t []V // pairs of rows interleaved
	for i := 0; i < n; i += 2 {
		t = append(t, two(low, r[i], r[i+1]), two(high, r[i], r[i+1]))
	}
	if !k.double() { // fours of rows
		var u []V
		for i := 0; i < n; i += 4 {
			u = append(u, two(k.VUNPCKLPD, t[i], t[i+2]), two(k.VUNPCKHPD, t[i], t[i+2]),
				two(k.VUNPCKLPD, t[i+1], t[i+3]), two(k.VUNPCKHPD, t[i+1], t[i+3]))
		}
		t = u
	}
	out := make([]V, n)
	for i := range n / 2 {
		out[i], out[i+n/2] = k.vec(), k.vec()
		k.VPERM2F128(Imm(0x20), t[i+n/2], t[i], out[i])
		k.VPERM2F128(Imm(0x31), t[i+n/2], t[i], out[i+n/2])
	}
	return out
}
