package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
)

// Kernels for contiguous lines of 4·q numbers, each a whole transform (Cooley and
// Tukey 1965, n = q·n1 + n2, k = k1 + 4·k2): as many lines at a time as a vector
// has groups of 128 bits, each in a group of its own. A row holds w numbers of
// each line that follow each other, as many as a group has elements. The stage
// over n1 is between rows of four places of the lines; its outputs are turned and
// transposed, so that a row holds one n2 and w of the k1; all further stages are
// those of q rows, of which each makes numbers that follow each other in the
// result.

// emitLines emits the kernels for lines: up to what fits the first-level cache.
func (k *isa) emitLines() {
	for n := 16; n*k.size() <= 4096; n *= 2 {
		for _, swap := range []bool{false, true} {
			switch {
			case k.joins(n):
				k.joinedLine(n, map[bool]string{false: "FFTForward", true: "FFTInverse"}[swap])
			case k.wideRows() > 0 && n >= 2*k.lanes():
				k.wideLine(n, swap)
			default:
				k.line(n, swap)
			}
		}
	}
}

// A lineTile is what a line kernel works on.
type lineTile struct {
	*isa
	n, q   int
	inner  int // stages of radix 4 in place
	radix  int // of the last stage
	chunks int // of the k1, w of them each
	tile   R
	swap   bool
}

// wide returns how many numbers of a line a row holds.
func (k *isa) wide() int { return k.lanes() / k.groups() }

// row returns where the row of an n2 and a chunk of the k1 is, from tile on.
func (t *lineTile) row(n2, chunk int) Mem {
	return Mem{Base: t.tile, Disp: (n2*t.chunks + chunk) * t.rowBytes()}
}

// line emits the kernel for length n. At tw it has, for each row of n2, three rows
// of factors, times the scale, and then the factors of the stage in place.
func (k *isa) line(n int, swap bool) {
	kind := map[bool]string{false: "FFTForward", true: "FFTInverse"}[swap]
	k.function(fmt.Sprintf("short[%s][%d]", kind, n), fmt.Sprintf("Short%s%d", kind[3:], n), shortSignature)
	t := &lineTile{isa: k, n: n, q: n / 4, chunks: 4 / k.wide(), swap: swap}
	for t.radix = t.q; t.radix > 8; t.radix /= 4 {
		t.inner++
	}
	to, from := k.slice("to"), k.slice("from")
	count := k.Load(k.Param("to").Len(), k.GP64()).(R)
	k.SHRQ(U8(map[int]uint8{2: 1, 4: 2}[k.groups()]), count)
	k.loop("lines", count, func() {
		tw := k.slice("tw")
		t.firstStage(from, tw)
		for i := range t.inner {
			t.innerStage(i, tw)
		}
		t.lastStage(to)
		k.ADDQ(U32(uint32(8*k.groups())), to)
		k.ADDQ(U32(uint32(8*k.groups())), from)
	})
	k.end()
}

// lineAddresses returns where the lines of a vector are in the array called base.
func (t *lineTile) lineAddresses(base string, off R) []R {
	array := t.slice(base)
	var at []R
	for g := range t.groups() {
		o := t.GP64()
		t.MOVQ(Mem{Base: off, Disp: 8 * g}, o)
		t.LEAQ(t.element(array, o), o)
		at = append(at, o)
	}
	return at
}

// loadPart loads 128 bits of each line.
func (t *lineTile) loadPart(at []R, bytes int) V {
	x := t.XMM()
	t.VMOVUPD(Mem{Base: at[0], Disp: bytes}, x)
	v := t.widen(x)
	for g, line := range at[1:] {
		v = t.insert(v, Mem{Base: line, Disp: bytes}, g+1)
	}
	return v
}

// firstStage does the stage over n1 and leaves tw after its factors.
func (t *lineTile) firstStage(from, tw R) {
	at := t.lineAddresses("src", from)
	t.tile = t.slice("tile")
	scale := t.argScalar("scale")
	w := t.wide()
	rows := t.GP64()
	t.MOVQ(U32(uint32(t.q/w)), rows)
	t.loop("first", rows, func() {
		var x []C
		for n1 := range 4 {
			o := n1 * t.q * 2 * t.size()
			x = append(x, swapped(t.split(t.loadPart(at, o), t.loadPart(at, o+16)), t.swap))
		}
		y := t.butterfly(x)
		y[0] = C{t.mul(scale, y[0].re), t.mul(scale, y[0].im)}
		for k1 := 1; k1 < 4; k1++ {
			y[k1] = t.turnBy(y[k1], t.loadRow(Mem{Base: tw, Disp: (k1 - 1) * t.rowBytes()}))
		}
		for chunk := range t.chunks {
			var re, im []V
			for _, c := range y[chunk*w:][:w] {
				re, im = append(re, c.re), append(im, c.im)
			}
			re, im = t.turned(re), t.turned(im)
			for i := range re {
				t.saveRow(C{re[i], im[i]}, t.row(i, chunk))
			}
		}
		for _, line := range at {
			t.ADDQ(U32(32), line)
		}
		t.ADDQ(U32(uint32(3*t.rowBytes())), tw)
		t.ADDQ(U32(uint32(w*t.chunks*t.rowBytes())), t.tile)
	})
}

// turned transposes a square matrix in each group.
func (t *lineTile) turned(r []V) []V {
	if t.double() {
		c := t.split(r[0], r[1])
		return []V{c.re, c.im}
	}
	return t.transposeWithin(r)
}

// innerStage is the i-th stage over n2 in place, with factors at tw.
func (t *lineTile) innerStage(i int, tw R) {
	t.tile = t.slice("tile")
	size := t.q >> (2 * i) // of a block
	q := size / 4
	blocks := t.GP64()
	t.MOVQ(U32(uint32(t.q/size)), blocks)
	t.loop(fmt.Sprintf("block%d", i), blocks, func() {
		rows, factors := t.GP64(), t.GP64()
		t.MOVQ(U32(uint32(q)), rows)
		t.MOVQ(tw, factors)
		t.loop(fmt.Sprintf("inner%d", i), rows, func() {
			for chunk := range t.chunks {
				x := make([]C, 4)
				for i := range x {
					x[i] = t.loadRow(t.row(i*q, chunk))
				}
				y := t.butterfly(x)
				t.saveRow(y[0], t.row(0, chunk))
				for i := 1; i < 4; i++ {
					t.saveRow(t.turn(y[i], factors, i-1), t.row(i*q, chunk))
				}
			}
			t.ADDQ(U32(uint32(3*2*t.size())), factors)
			t.ADDQ(U32(uint32(t.chunks*t.rowBytes())), t.tile)
		})
		t.ADDQ(U32(uint32(3*q*t.chunks*t.rowBytes())), t.tile)
	})
	t.ADDQ(U32(uint32(q*3*2*t.size())), tw)
}

// lastStage does the last stage and stores the lines.
func (t *lineTile) lastStage(to R) {
	at := t.lineAddresses("dst", to)
	t.tile = t.slice("tile")
	t.lastBlocks(0, 1, at)
}

// lastBlocks does the last stage on the blocks that the inner stages from i on make
// of one, whose frequencies are step apart.
func (t *lineTile) lastBlocks(i, step int, at []R) {
	if i < t.inner {
		move := func(numbers int) {
			for _, line := range at {
				t.ADDQ(I32(int32(4*numbers*2*t.size())), line)
			}
		}
		blocks := t.GP64()
		t.MOVQ(U32(4), blocks)
		t.loop(fmt.Sprintf("last%d", i), blocks, func() {
			t.lastBlocks(i+1, 4*step, at)
			move(step)
		})
		move(-4 * step)
		return
	}
	for chunk := range t.chunks {
		t.outputs8(t.radix, func(i int) Mem { return t.row(i, chunk) }, func(i int, y C) {
			a, b := t.join(swapped(y, t.swap))
			o := (4*i*step + chunk*t.wide()) * 2 * t.size()
			for g, line := range at {
				t.extract(a, g, Mem{Base: line, Disp: o})
				t.extract(b, g, Mem{Base: line, Disp: o + 16})
			}
		})
	}
	t.ADDQ(U32(uint32(t.radix*t.chunks*t.rowBytes())), t.tile)
}

// outputs8 gives the outputs of a butterfly of radix 4 or 8 on the rows at at to
// emit. Where registers do not suffice it makes the even ones first.
func (k *isa) outputs8(radix int, at func(i int) Mem, emit func(i int, y C)) {
	x := make([]C, radix)
	if radix == 4 || k.registers == 32 {
		for i := range x {
			x[i] = k.loadRow(at(i))
		}
		for i, y := range k.butterfly(x) {
			emit(i, y)
		}
		return
	}
	pair := func(op func(a V, b Op) V) []C {
		for i := range 4 {
			a, m := k.loadRow(at(i)), at(i+4)
			x[i] = C{op(a.re, m), op(a.im, disp(m, k.bytes))}
		}
		return x[:4]
	}
	for i, y := range k.butterfly4(pair(k.add)) {
		emit(2*i, y)
	}
	for i, y := range k.odd8(pair(k.sub)) {
		emit(2*i+1, y)
	}
}
