package main

import (
	"fmt"
	"math"
	"math/cmplx"

	. "github.com/mmcloughlin/avo/operand"
)

// Kernels for short contiguous lines, each a whole transform: fftShort of package
// kernels. These have as many lines side by side in a tile as a vector has
// elements, and their code has no loop but over tiles. Those for lengths that are
// larger powers of two are in line.go.

// shortRadices are the radices of the stages by length.
var shortRadices = map[int][]int{
	1: {}, 2: {2}, 3: {3}, 4: {4}, 5: {5}, 6: {2, 3}, 7: {7}, 8: {2, 4}, 9: {3, 3}, 10: {2, 5}, 12: {4, 3}, 14: {2, 7}, 15: {3, 5},
}

const (
	shortReal = 16 // the longest lines of reals here
	shortLine = 15 // and of complex numbers
)

// emitShort emits the kernels for short lines.
func (k *isa) emitShort() {
	for n := 2; n <= shortLine; n++ {
		if shortRadices[n] != nil {
			k.shortComplex(n, false)
			k.shortComplex(n, true)
		}
	}
	for n := 2; n <= shortReal; n++ {
		k.shortReal(n)
		k.shortRealInverse(n)
	}
}

// A shortTile is where a short kernel has its lines: their addresses and the rows
// of the tile.
type shortTile struct {
	*isa
	tile  R
	scale V
}

// row returns where row i of the tile is.
func (t *shortTile) row(i int) Mem { return Mem{Base: t.tile, Disp: i * t.rowBytes()} }

// part returns where the reals of a half of row i are.
func (t *shortTile) part(i int) Mem { return disp(t.row(i/2), i%2*t.bytes) }

// shortKernel emits a kernel for the kind of transform and the length that does
// body for each tile.
func (k *isa) shortKernel(kind string, n int, body func(t *shortTile, dst, to, src, from R)) {
	k.function(fmt.Sprintf("short[%s][%d]", kind, n), fmt.Sprintf("Short%s%d", kind[3:], n), shortSignature)
	dst, src, to, from := k.slice("dst"), k.slice("src"), k.slice("to"), k.slice("from")
	t := &shortTile{isa: k, tile: k.slice("tile")}
	tiles := k.Load(k.Param("to").Len(), k.GP64()).(R)
	k.SHRQ(U8(uint8(math.Log2(float64(k.lanes())))), tiles)
	k.loop("tile", tiles, func() {
		body(t, dst, to, src, from)
		k.ADDQ(U32(uint32(8*k.lanes())), to)
		k.ADDQ(U32(uint32(8*k.lanes())), from)
	})
	k.end()
}

const shortSignature = "func(dst, src, tile []T, to, from []int, tw []T, scale T)"

// shortComplex is the transform of n complex numbers.
func (k *isa) shortComplex(n int, swap bool) {
	k.shortKernel(map[bool]string{false: "FFTForward", true: "FFTInverse"}[swap], n, func(t *shortTile, dst, to, src, from R) {
		if x := make([]C, n); n == 2 || n == 4 {
			t.load(src, from, 2*n, func(a int, c C) { x[a/2] = swapped(c, swap) })
			y := k.butterfly(x)
			t.scale = k.argScalar("scale")
			t.save(dst, to, 2*n, func(a int) C { return swapped(t.scaled(y[a/2]), swap) })
			return
		}
		t.load(src, from, 2*n, func(a int, c C) { k.saveRow(swapped(c, swap), t.row(a/2)) })
		pos := t.stages(n)
		t.scale = k.argScalar("scale")
		t.save(dst, to, 2*n, func(a int) C { return swapped(t.scaledRow(pos[a/2]), swap) })
	})
}

func (t *shortTile) scaled(c C) C { return C{t.mul(t.scale, c.re), t.mul(t.scale, c.im)} }

// starts returns where blocks of size of n elements begin, the last one where it
// ends with them.
func starts(n, size int) (at []int) {
	for i := 0; i+size <= n; i += size {
		at = append(at, i)
	}
	if n%size > 0 {
		at = append(at, n-size)
	}
	return at
}

// load calls emit for the pairs of reals of lines of n reals with the index of
// their first: a line that is no multiple of a vector begins or ends with others,
// too, an odd one with pairs that begin with odd indices.
func (t *shortTile) load(src, off R, n int, emit func(a int, c C)) {
	if n < t.lanes() {
		for _, a := range starts(n, 2) {
			emit(a, t.gather(src, off, a))
		}
		return
	}
	for _, a := range starts(n, t.lanes()) {
		var lines []V
		for l := range t.lanes() {
			lines = append(lines, t.load1(disp(t.lane(src, off, l), a*t.size())))
		}
		for j, c := range t.columns(lines) {
			emit(a+2*j, c)
		}
	}
}

// lane returns the address of a line of the tile.
func (t *shortTile) lane(base, off R, lane int) Mem {
	o := t.GP64()
	t.MOVQ(Mem{Base: off, Disp: 8 * lane}, o)
	return t.element(base, o)
}

// gather loads the pair of reals that begins at a of each line.
func (t *shortTile) gather(src, off R, a int) C {
	var v [2]V
	for half := range v {
		for g := range t.groups() {
			var group V
			for i := range t.perGroup() {
				group = t.loadInto(group, i, disp(t.lane(src, off, half*t.lanes()/2+g*t.perGroup()+i), a*t.size()))
			}
			if g == 0 {
				v[half] = t.widen(group)
			} else {
				v[half] = t.insert(v[half], group, g)
			}
		}
	}
	return t.split(v[0], v[1])
}

// save stores lines of n reals, of which get returns pairs by the index of their
// first, as load does.
func (t *shortTile) save(dst, off R, n int, get func(a int) C) {
	if n < t.lanes() {
		for _, a := range starts(n, 2) {
			t.scatter(dst, off, a, get(a))
		}
		return
	}
	for _, a := range starts(n, t.lanes()) {
		var x []C
		for j := range t.lanes() / 2 {
			x = append(x, get(a+2*j))
		}
		for l, v := range t.lines(x) {
			t.save1(v, disp(t.lane(dst, off, l), a*t.size()))
		}
	}
}

// scatter stores a pair of reals to a of each line.
func (t *shortTile) scatter(dst, off R, a int, c C) {
	lo, hi := t.join(c)
	for half, v := range []V{lo, hi} {
		for g := range t.groups() {
			var m []Mem
			for i := range t.perGroup() {
				m = append(m, disp(t.lane(dst, off, half*t.lanes()/2+g*t.perGroup()+i), a*t.size()))
			}
			t.saveGroup(v, g, m)
		}
	}
}

// stages transforms the first n rows of the tile and returns where each frequency is.
func (t *shortTile) stages(n int) []int {
	radices, q := shortRadices[n], n
	pos := []int{0}
	for _, r := range radices {
		q /= r
		for b := 0; b < n; b += r * q {
			for j := range q {
				t.stageAt(r, r*q, j, func(i int) Mem { return t.row(b + j + i*q) })
			}
		}
		var next []int // frequencies in order, each the block that has it
		for i := range r {
			for _, p := range pos {
				next = append(next, p+i*q)
			}
		}
		pos = next
	}
	return pos
}

// stageAt is the butterfly j of a stage on blocks of size rows.
func (t *shortTile) stageAt(radix, size, j int, at func(i int) Mem) {
	w := func(i int) complex128 { return twiddle(i*j, size) }
	switch {
	case radix%2 == 0:
		x := make([]C, radix)
		for i := range x {
			x[i] = t.loadRow(at(i))
		}
		for i, y := range t.butterfly(x) {
			t.saveRow(t.turnByConstant(y, w(i)), at(i))
		}
	case j == 0:
		t.butterflyOdd(at, radix, func(i, part int, v V) { t.save1(v, disp(at(i), part*t.bytes)) })
	default:
		y := make([]C, radix)
		t.butterflyOdd(at, radix, func(i, part int, v V) {
			if part == 0 {
				y[i].re = v
			} else {
				y[i].im = v
			}
		})
		for i := range y {
			t.saveRow(t.turnByConstant(y[i], w(i)), at(i))
		}
	}
}

// twiddle returns e^{-2πi k/n}.
func twiddle(k, n int) complex128 {
	k %= n
	switch 8 * k {
	case 0:
		return 1
	case 2 * n:
		return -1i
	case 4 * n:
		return -1
	case 6 * n:
		return 1i
	}
	return cmplx.Exp(complex(0, -2*math.Pi*float64(k)/float64(n)))
}

// turnByConstant returns x times w.
func (k *isa) turnByConstant(x C, w complex128) C {
	if w == 1 {
		return x
	}
	re, im := k.mul(x.im, k.constant(imag(w))), k.mul(x.re, k.constant(imag(w)))
	k.fms(re, x.re, k.constant(real(w)))
	k.fma(im, x.im, k.constant(real(w)))
	return C{re, im}
}

// shortReal is the transform of n reals.
func (k *isa) shortReal(n int) {
	k.shortKernel("FFTReal", n, func(t *shortTile, dst, to, src, from R) {
		if n%2 == 1 {
			t.oddReal(n, src, from)
		} else {
			t.load(src, from, n, func(a int, c C) { k.saveRow(c, t.row(a/2)) })
			t.tangle(n, t.stages(n/2), n/2, -1i)
		}
		t.scale = k.argScalar("scale")
		t.save(dst, to, n/2*2+2, func(a int) C {
			m := t.row(n/2 + a/2)
			if a == 0 || a == n {
				return C{k.mul(t.scale, m), k.zero()}
			}
			return t.scaled(k.loadRow(m))
		})
	})
}

func (t *shortTile) scaledRow(i int) C { return t.scaled(t.loadRow(t.row(i))) }

// tangle is fftTangleGo with the factors turn·e^{±2πi k/n}, of the sign of turn's
// imaginary part, from the rows at pos to those from to on. Row 0 becomes the row 0
// and the real part of row n/2.
func (t *shortTile) tangle(n int, pos []int, to int, turn complex128) {
	h := n / 2
	a := t.loadRow(t.row(pos[0]))
	s, d := t.add(a.re, a.im), t.sub(a.re, a.im)
	t.save1(t.add(s, s), t.row(to))
	t.save1(t.add(d, d), t.row(to+h))
	for k := 1; 2*k <= h; k++ {
		a, b := t.loadRow(t.row(pos[k])), t.loadRow(t.row(pos[h-k]))
		x, y := t.tangled(a, b, turn*twiddle(k, n))
		t.saveRow(x, t.row(to+k))
		t.saveRow(y, t.row(to+h-k))
	}
}

// tangled returns s + du and conj(s - du), where s, d = a ± conj(b).
func (t *shortTile) tangled(a, b C, u complex128) (x, y C) {
	s := C{t.add(a.re, b.re), t.sub(a.im, b.im)}
	d := t.turnByConstant(C{t.sub(a.re, b.re), t.add(a.im, b.im)}, u)
	return t.cadd(s, d), C{t.sub(s.re, d.re), t.sub(d.im, s.im)}
}

// oddReal makes the frequencies of an odd number n of reals, in rows from n/2 on,
// by the definition.
func (t *shortTile) oddReal(n int, src, off R) {
	h := n / 2
	element := func(i int) Mem { return t.part(2*n + i) } // beyond the result
	t.load(src, off, n, func(a int, c C) {
		t.save1(c.re, element(a))
		t.save1(c.im, element(a+1))
	})
	sum := t.load1(element(0))
	for i := 1; i <= h; i++ { // sums and differences of opposite elements
		a := t.load1(element(i))
		s, d := t.add(a, element(n-i)), t.sub(a, element(n-i))
		t.save1(s, element(i))
		t.save1(d, element(n-i))
		sum = t.add(sum, s)
	}
	t.save1(sum, t.row(h))
	for k := 1; k <= h; k++ {
		re, im := t.load1(element(0)), V(nil)
		for i := 1; i <= h; i++ {
			w := twiddle(i*k, n)
			t.fma(re, t.load1(element(i)), t.constant(real(w)))
			d := t.load1(element(n - i))
			if i == 1 {
				im = t.mul(d, t.constant(imag(w)))
			} else {
				t.fma(im, d, t.constant(imag(w)))
			}
		}
		t.saveRow(C{re, im}, t.row(h+k))
	}
}

// shortRealInverse is the inverse transform to n reals.
func (k *isa) shortRealInverse(n int) {
	k.shortKernel("FFTRealInverse", n, func(t *shortTile, dst, to, src, from R) {
		h := n / 2
		t.load(src, from, 2*h+2, func(a int, c C) { k.saveRow(c, t.row(h+1+a/2)) })
		if n%2 == 1 {
			t.oddRealInverse(n)
			t.scale = k.argScalar("scale")
			t.save(dst, to, n, func(a int) C { return C{k.mul(t.scale, t.part(a)), k.mul(t.scale, t.part(a+1))} })
			return
		}
		t.untangle(n)
		pos := t.stages(h)
		t.scale = k.argScalar("scale")
		t.save(dst, to, n, func(a int) C { return swapped(t.scaledRow(pos[a/2]), true) })
	})
}

// untangle makes the rows whose inverse transform are the reals in pairs, with the
// parts exchanged, of the n/2+1 frequencies after as many rows.
func (t *shortTile) untangle(n int) {
	h := n / 2
	x := func(i int) Mem { return t.row(h + 1 + i) }
	a, b := t.load1(x(0)), x(h)
	t.saveRow(C{t.sub(a, b), t.add(a, b)}, t.row(0))
	for k := 1; 2*k <= h; k++ {
		x, y := t.tangled(t.loadRow(x(k)), t.loadRow(x(h-k)), 1i*cmplx.Conj(twiddle(k, n)))
		t.saveRow(swapped(x, true), t.row(k))
		t.saveRow(swapped(y, true), t.row(h-k))
	}
}

// oddRealInverse makes an odd number n of reals, in halves of rows, of the n/2+1
// frequencies after as many rows, by the definition.
func (t *shortTile) oddRealInverse(n int) {
	h := n / 2
	x := func(i, part int) Mem { return disp(t.row(h+1+i), part*t.bytes) }
	sum := t.load1(x(0, 0))
	for i := 1; i <= h; i++ {
		re, im := t.load1(x(i, 0)), t.load1(x(i, 1))
		re, im = t.add(re, re), t.add(im, im)
		t.save1(re, x(i, 0))
		t.save1(im, x(i, 1))
		sum = t.add(sum, re)
	}
	t.save1(sum, t.part(0))
	for j := 1; j <= h; j++ {
		a, b := t.load1(x(0, 0)), V(nil)
		for i := 1; i <= h; i++ {
			w := twiddle(i*j, n)
			t.fma(a, t.load1(x(i, 0)), t.constant(real(w)))
			if im := t.load1(x(i, 1)); i == 1 {
				b = t.mul(im, t.constant(imag(w)))
			} else {
				t.fma(b, im, t.constant(imag(w)))
			}
		}
		t.save1(t.add(a, b), t.part(j))
		t.save1(t.sub(a, b), t.part(n-j))
	}
}
