package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/operand"
)

// Kernels for contiguous lines of n = L·m numbers, L lanes of AVX-512, each a whole
// transform (Cooley and Tukey 1965, n = L·r + c, k = k1 + m·k2). A row holds the L
// numbers c of one r, so lines are read as they lie. The transform over r is between
// rows; its outputs are turned, and some rows of k1 that follow each other transposed:
// then the transform over c is between rows too, and makes numbers that follow each
// other in the result. Where m is less than those rows, several lines have them.

// wideRows returns how many rows are transposed at a time; 0 if there are no such
// kernels. Eight of double precision hold all c. Those of single precision would not
// leave registers for anything else, so it is four of them, first groups of four c,
// then the c of a group.
func (k *isa) wideRows() int {
	switch {
	case k.registers < 32:
		return 0
	case k.double():
		return 8
	}
	return 4
}

// A wideLine is what such a kernel works on.
type wideLine struct {
	*isa
	n, m, lines int
	first, last int // radices over r; first is 1 where last does it all
	swap        bool
	even, odd   V // orders of numbers: see loadWide
	low, high   V // see saveWide
	area1       R // of the tile, m rows
	area2       R // likewise
}

// wideLine emits the kernel for length n. At tw it has the factors of the first stage
// over r, if there are two, in whole vectors, and then for each k1, as they are made, a
// row of factors for the c, times the scale.
func (k *isa) wideLine(n int, swap bool) {
	kind := map[bool]string{false: "FFTForward", true: "FFTInverse"}[swap]
	k.function(fmt.Sprintf("short[%s][%d]", kind, n), fmt.Sprintf("Short%s%d", kind[3:], n), shortSignature)
	t := &wideLine{isa: k, n: n, m: n / k.lanes(), swap: swap, first: 1}
	t.lines = max(1, k.wideRows()/t.m)
	switch t.last = t.m; {
	case t.m == 64:
		t.first, t.last = 8, 8
	case t.m > 8:
		t.first, t.last = 4, t.m/4
	}
	t.setOrders()
	t.area1 = k.slice("tile")
	t.area2 = k.GP64()
	k.LEAQ(Mem{Base: t.area1, Disp: t.m * k.rowBytes()}, t.area2)
	to, from := k.slice("to"), k.slice("from")
	count := k.Load(k.Param("to").Len(), k.GP64()).(R)
	k.SHRQ(U8(uint8(math.Log2(float64(t.lines)))), count)
	k.loop("lines", count, func() {
		switch {
		case t.first > 1:
			t.twoStages(from)
			t.across(to)
		case t.m > k.wideRows():
			t.oneStage(from, func(k1 int, y C) { t.saveRow(y, Mem{Base: t.area2, Disp: k1 * t.rowBytes()}) })
			t.across(to)
		default:
			var rows []C
			t.oneStage(from, func(_ int, y C) { rows = append(rows, y) })
			t.block(rows, t.targets(to))
		}
		k.ADDQ(U32(uint32(8*t.lines)), to)
		k.ADDQ(U32(uint32(8*t.lines)), from)
	})
	k.end()
}

// setOrders loads the orders of numbers.
func (t *wideLine) setOrders() {
	n := t.lanes()
	order := func(f func(i int) int) V {
		words := make([]uint64, 8)
		for i := range n {
			words[i*8/n] |= uint64(f(i)) << (32 * (i % (n / 8)))
		}
		return t.load1(t.data(words))
	}
	t.even = order(func(i int) int { return 2 * i })
	t.odd = order(func(i int) int { return 2*i + 1 })
	// The i-th part of two vectors of numbers in order is of lane from(i/2).
	from := func(p int) int { return p }
	if !t.double() {
		// Frequency t of the c of a group and row r are at 4·r + t; lines of r first, then t.
		rows := min(t.m, 4)
		from = func(p int) int { return 4*(p/(4*rows)*rows+p%rows) + p/rows%4 }
	}
	both := func(i int) int { return from(i/2) + i%2*n }
	t.low = order(both)
	t.high = order(func(i int) int { return both(i + n) })
}

// pick makes x the elements of x and y, as if one were behind the other, in an order.
func (t *wideLine) pick(x V, y Op, order V) V {
	t.by(t.VPERMT2PS, t.VPERMT2PD)(y, order, x)
	return x
}

// loadWide loads L numbers.
func (t *wideLine) loadWide(m Mem) C {
	y := t.load1(disp(m, t.bytes))
	return swapped(C{t.pick(t.load1(m), y, t.even), t.pick(t.load1(m), y, t.odd)}, t.swap)
}

// oneStage is the transform over r by one butterfly for each line. It gives rows to
// emit in order.
func (t *wideLine) oneStage(from R, emit func(i int, y C)) {
	tw := t.slice("tw")
	scale := t.argScalar("scale")
	for l := range t.lines {
		at := t.lineAt("src", from, l)
		x := make([]C, t.m)
		for r := range x {
			x[r] = t.loadWide(Mem{Base: at, Disp: r * t.rowBytes()})
		}
		for k1, y := range t.butterfly(x) {
			if k1 == 0 {
				y = C{t.mul(scale, y.re), t.mul(scale, y.im)}
			} else {
				y = t.turnBy(y, t.loadRow(Mem{Base: tw, Disp: k1 * t.rowBytes()}))
			}
			emit(l*t.m+k1, y)
		}
	}
}

// twoStages is the transform over r = j + q·i, k1 = a + first·b, in two: over i to
// area1, over j to area2.
func (t *wideLine) twoStages(from R) {
	tw, at, to := t.slice("tw"), t.lineAt("src", from, 0), t.GP64()
	q := t.last
	t.MOVQ(t.area1, to)
	j := t.GP64()
	t.MOVQ(U32(uint32(q)), j)
	t.loop("first", j, func() {
		x := make([]C, t.first)
		for i := range x {
			x[i] = t.loadWide(Mem{Base: at, Disp: i * q * t.rowBytes()})
		}
		for a, y := range t.butterfly(x) {
			if a > 0 {
				y = t.turn(y, tw, a-1)
			}
			t.saveRow(y, Mem{Base: to, Disp: a * q * t.rowBytes()})
		}
		t.ADDQ(U32(uint32((t.first-1)*2*t.size())), tw)
		t.ADDQ(U32(uint32(t.rowBytes())), at)
		t.ADDQ(U32(uint32(t.rowBytes())), to)
	})
	if over := (t.first - 1) * q * 2 * t.size() % t.bytes; over > 0 {
		t.ADDQ(U32(uint32(t.bytes-over)), tw)
	}
	a, rows := t.GP64(), t.GP64()
	t.MOVQ(U32(uint32(t.first)), a)
	t.MOVQ(t.area1, rows)
	t.MOVQ(t.area2, to)
	t.loop("second", a, func() {
		x := make([]C, q)
		for j := range x {
			x[j] = t.loadRow(Mem{Base: rows, Disp: j * t.rowBytes()})
		}
		for b, y := range t.butterfly(x) {
			y = t.turnBy(y, t.loadRow(Mem{Base: tw, Disp: b * t.rowBytes()}))
			t.saveRow(y, Mem{Base: to, Disp: t.first * b * t.rowBytes()})
		}
		t.ADDQ(U32(uint32(q*t.rowBytes())), tw)
		t.ADDQ(U32(uint32(q*t.rowBytes())), rows)
		t.ADDQ(U32(uint32(t.rowBytes())), to)
	})
}

// targets returns the addresses of the lines in dst.
func (t *wideLine) targets(to R) (at []R) {
	for l := range t.lines {
		at = append(at, t.lineAt("dst", to, l))
	}
	return at
}

// across is the transform over c from the rows of area2 to one line.
func (t *wideLine) across(to R) {
	at, b, area := t.targets(to), t.GP64(), t.GP64()
	t.MOVQ(U32(uint32(t.m/t.wideRows())), b)
	t.MOVQ(t.area2, area)
	t.loop("block", b, func() {
		var rows []C
		for i := range t.wideRows() {
			rows = append(rows, t.loadRow(Mem{Base: area, Disp: i * t.rowBytes()}))
		}
		t.block(rows, at)
		t.ADDQ(U32(uint32(t.wideRows()*t.rowBytes())), area)
		t.ADDQ(U32(uint32(t.wideRows()*2*t.size())), at[0])
	})
}

// block is the transform over c of some rows.
func (t *wideLine) block(rows []C, at []R) {
	if t.double() {
		for k2, y := range t.butterfly(t.apart(rows, t.transpose)) {
			t.saveWide(y, k2, at)
		}
		return
	}
	x := t.butterfly(t.apart(rows, t.transposeGroups))
	for i := 1; i < 4; i++ {
		x[i] = t.turnBy(x[i], t.loadRow(t.sixteenths(i)))
	}
	for u, y := range t.butterfly(t.apart(x, t.transposeWithin)) {
		t.saveWide(y, u, at)
	}
}

// apart applies f to the real parts of rows, and to the imaginary ones.
func (t *wideLine) apart(rows []C, f func([]V) []V) []C {
	var re, im []V
	for _, c := range rows {
		re, im = append(re, c.re), append(im, c.im)
	}
	re, im = f(re), f(im)
	out := make([]C, len(rows))
	for i := range out {
		out[i] = C{re[i], im[i]}
	}
	return out
}

// sixteenths returns where e^{-2πi jt/16} is for each j of a group: a row.
func (t *wideLine) sixteenths(i int) Mem {
	words := make([]uint64, 16)
	for lane := range 16 {
		w := twiddle(i*(lane%4), 16)
		for part, x := range []float64{real(w), imag(w)} {
			words[8*part+lane/2] |= uint64(math.Float32bits(float32(x))) << (32 * (lane % 2))
		}
	}
	return t.data(words)
}

// saveWide stores the u-th row of results.
func (t *wideLine) saveWide(y C, u int, at []R) {
	y = swapped(y, t.swap)
	a := t.pick(t.copy(y.re), y.im, t.low)
	b := t.pick(y.re, y.im, t.high)
	switch p := t.pieces(u, at); len(p) {
	case 1:
		t.save1(a, p[0])
		t.save1(b, disp(p[0], t.bytes))
	case 2:
		t.save1(a, p[0])
		t.save1(b, p[1])
	default:
		for i, v := range []V{a, b} {
			t.VMOVUPD(v.AsY(), p[2*i])
			t.VEXTRACTF64X4(Imm(1), v, p[2*i+1])
		}
	}
}

// pieces returns the places of the u-th row of results: of double precision one k2, of
// single precision four, for the k1 and lines at hand.
func (t *wideLine) pieces(u int, at []R) (p []Mem) {
	step := t.m * 2 * t.size() // from one k2 to the next
	many := 1
	if !t.double() {
		many = 4
	}
	if many > 1 && t.m > many {
		for i := range many {
			p = append(p, Mem{Base: at[0], Disp: (many*u + i) * step})
		}
		return p
	}
	for _, line := range at {
		p = append(p, Mem{Base: line, Disp: many * u * step})
	}
	return p
}
