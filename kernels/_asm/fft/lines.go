package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
)

// Layouts of the lines of a tile, as in package kernels.
const (
	anyhow  = iota // each line at its own offset
	columns        // side by side
	rows           // contiguous, each at its own offset
	tiles          // as in a tile, the parts apart
	pairs          // of reals, side by side
	layouts
)

var layoutFields = [...]string{"fftAny", "fftColumns", "fftRows", "fftTiles", "fftPairs"}

// names returns the entry of the table and the name of a load or store.
func names(kind string, layout, radix int, swap bool) (field, name string) {
	i, s := 0, ""
	if swap {
		i, s = 1, "Swap"
	}
	return fmt.Sprintf("%s[%s][%d][%d]", kind, layoutFields[layout], radix, i),
		fmt.Sprintf("%s%s%d%s", map[string]string{"load": "Load", "store": "Store"}[kind], layoutFields[layout][3:], radix, s)
}

func swapped(c C, swap bool) C {
	if swap {
		return C{c.im, c.re}
	}
	return c
}

// load is an fftLoad of package kernels.
func (k *isa) load(layout, radix int, swap bool) {
	field, name := names("load", layout, radix, swap)
	k.function(field, name, "func(tile, src []T, off []int, stride int, tw []T, q int)")
	tile, src := k.slice("tile"), k.slice("src")
	off, stride := k.slice("off"), k.argBytes("stride")
	tw, q := k.slice("tw"), k.arg("q")
	to := k.strided(tile, k.times(q, k.rowBytes()), radix)
	between := k.GP64()
	k.MOVQ(q, between)
	k.IMULQ(stride, between)
	from := k.origin(src, between, radix)
	var odd *strided
	var lane func(i int) R
	switch layout {
	case columns:
		from = from.from(k.offset(off, 0))
	case rows:
		k.SHRQ(Imm(map[int]uint64{2: 1, 4: 2, 8: 3}[k.lanes()/2]), q)
		lane = k.lane(off)
	case pairs:
		from = from.from(k.offset(off, 0))
		odd = from.from(k.half(stride))
	}
	k.loop("row", q, func() {
		var x [][]C // for each row of the loop, one of each of its radix parts
		switch layout {
		case columns:
			x = [][]C{k.loadColumns(from, radix)}
		case pairs:
			x = [][]C{k.loadPairs(from, odd, radix)}
			odd.advance(stride)
		case anyhow:
			x = [][]C{k.loadLanes(from, off, radix)}
		case rows:
			x = k.loadRows(from.base, lane)
		}
		for j := range x {
			for t := range x[j] {
				x[j][t] = swapped(x[j][t], swap)
			}
			k.saveTurned(k.butterfly(x[j]), tw, to)
			if radix > 1 {
				k.ADDQ(U32(uint32(2*k.size()*(radix-1))), tw)
			}
			to.advance(U32(uint32(k.rowBytes())))
		}
		if layout == rows {
			from.advance(U32(uint32(k.bytes)))
		} else {
			from.advance(stride)
		}
	})
	k.end()
}

// offset loads the offset of a lane, in bytes.
func (k *isa) offset(off R, lane int) R {
	o := k.GP64()
	k.MOVQ(Mem{Base: off, Disp: 8 * lane}, o)
	k.SHLQ(U8(map[int]int{4: 2, 8: 3}[k.size()]), o)
	return o
}

// half returns half of a.
func (k *isa) half(a R) R {
	h := k.GP64()
	k.MOVQ(a, h)
	k.SHRQ(Imm(1), h)
	return h
}

func (k *isa) loadColumns(from *strided, radix int) []C {
	x := make([]C, radix)
	for t := range x {
		m := from.at(t)
		x[t] = k.split(k.load1(m), k.load1(disp(m, k.bytes)))
	}
	return x
}

// loadPairs loads a row of reals from each of even and odd.
func (k *isa) loadPairs(even, odd *strided, radix int) []C {
	x := make([]C, radix)
	for t := range x {
		x[t] = C{k.toSlots(even.at(t)), k.toSlots(odd.at(t))}
	}
	return x
}

// loadLanes loads one complex number of each lane and part, lane by lane.
func (k *isa) loadLanes(from *strided, off R, radix int) []C {
	vectors := make([][2]V, radix)
	for half := range 2 {
		for g := range k.groups() {
			group := make([]V, radix)
			for i := range k.perGroup() {
				lane := from.from(k.offset(off, half*k.lanes()/2+g*k.perGroup()+i))
				for t := range group {
					group[t] = k.loadInto(group[t], i, lane.at(t))
				}
			}
			for t := range vectors {
				v := &vectors[t][half]
				if g == 0 {
					*v = k.widen(group[t])
				} else {
					*v = k.insert(*v, group[t], g)
				}
			}
		}
	}
	x := make([]C, radix)
	for t, v := range vectors {
		x[t] = k.split(v[0], v[1])
	}
	return x
}

// widen returns the vector whose first group is x.
func (k *isa) widen(x V) V {
	if k.bytes == 64 {
		return x.AsZ().(V)
	}
	return x.AsY().(V)
}

// lane returns what gives the offset of a lane, in elements: from registers, if there
// are enough of them.
func (k *isa) lane(off R) func(i int) R {
	get := func(i int) R {
		o := k.GP64().(R)
		k.MOVQ(Mem{Base: off, Disp: 8 * i}, o)
		return o
	}
	if k.lanes() > 8 {
		return get
	}
	var all []R
	for i := range k.lanes() {
		all = append(all, get(i))
	}
	return func(i int) R { return all[i] }
}

// loadRows loads a vector of each lane, at these offsets from base.
func (k *isa) loadRows(base R, lane func(i int) R) [][]C {
	var lanes []V
	for i := range k.lanes() {
		lanes = append(lanes, k.load1(k.element(base, lane(i))))
	}
	var x [][]C
	for _, c := range k.columns(lanes) {
		x = append(x, []C{c})
	}
	return x
}

// store is an fftStore of package kernels.
func (k *isa) store(layout, radix int, swap bool) {
	field, name := names("store", layout, radix, swap)
	k.function(field, name, "func(dst []T, off []int, stride int, tile []T, heads []int, q int, scale T)")
	dst, off, stride := k.slice("dst"), k.slice("off"), k.argBytes("stride")
	tile, heads, q := k.slice("tile"), k.slice("heads"), k.arg("q")
	scale := k.argScalar("scale")
	between := k.GP64()
	k.MOVQ(q, between)
	k.IMULQ(stride, between)
	to := k.origin(dst, between, radix)
	var next, odd *strided
	var lane func(i int) R
	switch layout {
	case columns:
		to = to.from(k.offset(off, 0))
		next = to.from(stride)
	case tiles:
		to = to.from(k.offset(off, 0))
	case rows:
		k.SHRQ(Imm(map[int]uint64{2: 1, 4: 2, 8: 3}[k.lanes()/2]), q)
		lane = k.lane(off)
	case pairs:
		to = to.from(k.offset(off, 0))
		odd = to.from(k.half(stride))
	}
	k.loop("row", q, func() {
		switch layout {
		case pairs:
			for t, y := range k.last(tile, heads, 0, radix, swap, scale) {
				k.save1(k.fromSlots(y.re), to.at(t))
				k.save1(k.fromSlots(y.im), odd.at(t))
			}
			odd.advance(stride)
		case columns:
			k.fetchRows(next)
			next.advance(stride)
			k.saveColumns(k.last(tile, heads, 0, radix, swap, scale), to)
		case anyhow:
			k.saveLanes(k.last(tile, heads, 0, radix, swap, scale), to, off)
		case rows:
			k.saveRows(tile, heads, swap, scale, to.base, lane)
		case tiles:
			for t, y := range k.last(tile, heads, 0, radix, swap, scale) {
				k.saveRow(y, to.at(t))
			}
		}
		if layout == rows {
			k.ADDQ(U32(uint32(8*k.lanes()/2)), heads)
			to.advance(U32(uint32(k.bytes)))
		} else {
			k.ADDQ(Imm(8), heads)
			to.advance(stride)
		}
	})
	k.end()
}

// last returns the outputs of the last stage on the rows at heads[i].
func (k *isa) last(tile, heads R, i, radix int, swap bool, scale V) []C {
	h := k.GP64()
	k.MOVQ(Mem{Base: heads, Disp: 8 * i}, h)
	m := k.element(tile, h)
	x := make([]C, radix)
	for t := range x {
		x[t] = k.loadRow(disp(m, t*k.rowBytes()))
	}
	y := k.butterfly(x)
	for t := range y {
		y[t] = swapped(C{k.mul(y[t].re, scale), k.mul(y[t].im, scale)}, swap)
	}
	return y
}

// fetchRows has rows brought into the first-level cache before they are stored to:
// otherwise stores wait for them one after the other. They need not begin on a
// cache line.
func (k *isa) fetchRows(to *strided) {
	for t := range to.count {
		for line := 0; line < k.rowBytes(); line += 64 {
			k.PREFETCHT0(disp(to.at(t), line))
		}
		k.PREFETCHT0(disp(to.at(t), k.rowBytes()-1))
	}
}

func (k *isa) saveColumns(y []C, to *strided) {
	for t := range y {
		a, b := k.join(y[t])
		m := to.at(t)
		k.save1(a, m)
		k.save1(b, disp(m, k.bytes))
	}
}

func (k *isa) saveLanes(y []C, to *strided, off R) {
	var vectors [][2]V
	for t := range y {
		a, b := k.join(y[t])
		vectors = append(vectors, [2]V{a, b})
	}
	per := k.perGroup()
	for half := range 2 {
		for g := range k.groups() {
			var lanes []*strided
			for i := range per {
				lanes = append(lanes, to.from(k.offset(off, half*k.lanes()/2+g*per+i)))
			}
			for t := range vectors {
				var m []Mem
				for _, l := range lanes {
					m = append(m, l.at(t))
				}
				k.saveGroup(vectors[t][half], g, m)
			}
		}
	}
}

// saveRows stores as many columns of the tile as a vector holds, each lane at its offset
// from base.
func (k *isa) saveRows(tile, heads R, swap bool, scale V, base R, lane func(i int) R) {
	var x []C
	for j := range k.lanes() / 2 {
		x = append(x, k.last(tile, heads, j, 1, swap, scale)[0])
	}
	for i, v := range k.lines(x) {
		m := k.element(base, lane(i))
		k.save1(v, m)
		k.PREFETCHT0(disp(m, 2*k.bytes)) // see fetchRows
	}
}

// cross is an fftCross kernel of package kernels: the stage across the lanes of a
// tile that holds one line. Blocks of as many rows as lanes are transposed.
func (k *isa) cross(swap bool) {
	i, suffix := 0, ""
	if swap {
		i, suffix = 1, "Swap"
	}
	k.function(fmt.Sprintf("cross[%d]", i), "Cross"+suffix, "func(dst, tile []T, pos []int, tw []T, q int)")
	dst, tile, pos, tw, q := k.slice("dst"), k.slice("tile"), k.slice("pos"), k.slice("tw"), k.arg("q")
	to := k.strided(dst, k.times(q, k.lanes()*2*k.size()), k.lanes())
	k.loop("block", q, func() {
		n := k.lanes()
		re, im := make([]V, n), make([]V, n)
		for i, slot := range k.slots() {
			o := k.GP64()
			k.MOVQ(Mem{Base: pos, Disp: 8 * i}, o)
			w := Mem{Base: tw, Disp: k.rowBytes() * i}
			x := k.turnBy(k.loadRow(k.element(tile, o)), k.loadRow(w))
			re[slot], im[slot] = x.re, x.im
		}
		re, im = k.transpose(re), k.transpose(im)
		x := make([]C, n)
		for i, slot := range k.slots() {
			x[i] = C{re[slot], im[slot]}
		}
		for t, y := range k.butterfly(x) {
			a, b := k.join(swapped(y, swap))
			k.save1(a, to.at(t))
			k.save1(b, disp(to.at(t), k.bytes))
		}
		k.ADDQ(U32(uint32(8*n)), pos)
		k.ADDQ(U32(uint32(n*k.rowBytes())), tw)
		to.advance(U32(uint32(k.rowBytes())))
	})
	k.end()
}

// tangleLines is fftTangleGo from contiguous lines of n numbers of x to those of y, but
// for number 0. A vector of numbers meets the reversed vector from the other end; the
// last two overlap in the number in the middle, which both set to the same value. At tw
// it has the factors of each vector in turn, see fftLineTangles.
func (k *isa) tangleLines() {
	k.function("tangleLines", "TangleLines", "func(y []T, to []int, x []T, from []int, n int, tw []T)")
	to, from := k.slice("to"), k.slice("from")
	lines := k.Load(k.Param("to").Len(), k.GP64()).(R)
	x, y, n, lo, hi, tw := k.GP64(), k.GP64(), k.GP64(), k.GP64(), k.GP64(), k.GP64()
	one, conj := k.load1(k.constant(1)), k.load1(k.turned(1))
	at := func(base, o R) Mem { return Mem{Base: base, Index: o, Scale: 1} }
	k.Label("line")
	k.Load(k.Param("x").Base(), x)
	k.Load(k.Param("y").Base(), y)
	for _, l := range [][2]R{{x, from}, {y, to}} {
		k.MOVQ(Mem{Base: l[1]}, lo)
		k.LEAQ(k.element(l[0], lo), l[0])
		k.ADDQ(Imm(8), l[1])
	}
	k.Load(k.Param("n"), n)
	k.Load(k.Param("tw").Base(), tw)
	k.MOVQ(U32(uint32(2*k.size())), lo)
	k.IMUL3Q(U32(uint32(2*k.size())), n, hi)
	k.SUBQ(U32(uint32(k.bytes)), hi)
	k.SHRQ(Imm(map[int]uint64{4: 2, 8: 3, 16: 4}[k.lanes()]), n) // pairs of vectors
	k.loop("pair", n, func() {
		a, b := k.load1(at(x, lo)), k.reverse(k.load1(at(x, hi)))
		s, d := k.copy(a), k.copy(a)
		k.by(k.VFMSUBADD213PS, k.VFMSUBADD213PD)(b, one, s)
		k.by(k.VFMADDSUB213PS, k.VFMADDSUB213PD)(b, one, d)
		e := k.mul(d, Mem{Base: tw})
		k.fma(e, k.swapParts(d), Mem{Base: tw, Disp: k.bytes})
		k.save1(k.add(s, e), at(y, lo))
		k.by(k.VFMADDSUB213PS, k.VFMADDSUB213PD)(e, conj, s) // the conjugate of s − e
		k.save1(k.reverse(s), at(y, hi))
		k.ADDQ(U32(uint32(2*k.bytes)), tw)
		k.ADDQ(U32(uint32(k.bytes)), lo)
		k.SUBQ(U32(uint32(k.bytes)), hi)
	})
	k.DECQ(lines)
	k.JNZ(LabelRef("line"))
	k.end()
}
