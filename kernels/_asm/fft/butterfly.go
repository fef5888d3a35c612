package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/operand"
)

func (k *isa) cadd(a, b C) C { return C{k.add(a.re, b.re), k.add(a.im, b.im)} }
func (k *isa) csub(a, b C) C { return C{k.sub(a.re, b.re), k.sub(a.im, b.im)} }

// subI returns a - ib, addI a + ib.
func (k *isa) subI(a, b C) C { return C{k.add(a.re, b.im), k.sub(a.im, b.re)} }
func (k *isa) addI(a, b C) C { return C{k.sub(a.re, b.im), k.add(a.im, b.re)} }

// turn returns x times the i-th complex number at tw.
func (k *isa) turn(x C, tw R, i int) C {
	w := Mem{Base: tw, Disp: 2 * k.size() * i}
	return k.turnBy(x, C{k.broadcast(w), k.broadcast(disp(w, k.size()))})
}

// turnBy returns xw.
func (k *isa) turnBy(x, w C) C {
	re, im := k.mul(x.im, w.im), k.mul(x.re, w.im)
	k.fms(re, x.re, w.re)
	k.fma(im, x.im, w.re)
	return C{re, im}
}

// butterfly returns the transform of x, of length 1, 2, 4 or 8.
func (k *isa) butterfly(x []C) []C {
	switch len(x) {
	case 1:
		return x
	case 2:
		return []C{k.cadd(x[0], x[1]), k.csub(x[0], x[1])}
	case 4:
		return k.butterfly4(x)
	}
	return k.butterfly8(x)
}

func (k *isa) butterfly4(x []C) []C {
	a, b := k.cadd(x[0], x[2]), k.csub(x[0], x[2])
	c, d := k.cadd(x[1], x[3]), k.csub(x[1], x[3])
	return []C{k.cadd(a, c), k.subI(b, d), k.csub(a, c), k.addI(b, d)}
}

// butterfly8 makes the even outputs of x[t] + x[t+4] and the odd ones of
// x[t] - x[t+4].
func (k *isa) butterfly8(x []C) []C {
	var sum, dif [4]C
	for t := range 4 {
		sum[t], dif[t] = k.cadd(x[t], x[t+4]), k.csub(x[t], x[t+4])
	}
	even, odd := k.butterfly4(sum[:]), k.odd8(dif[:])
	return []C{even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]}
}

// odd8 returns the transform of dif[t] e^{-πi t/4}. The factor √½ is in its last
// sums.
func (k *isa) odd8(dif []C) []C {
	// √2 e^{-πi/4} dif[1] and √2 e^{-3πi/4} dif[3].
	u := C{k.add(dif[1].re, dif[1].im), k.sub(dif[1].im, dif[1].re)}
	v := C{k.sub(dif[3].im, dif[3].re), k.add(dif[3].re, dif[3].im)} // im negated
	a, b := k.subI(dif[0], dif[2]), k.addI(dif[0], dif[2])
	p := C{k.add(u.re, v.re), k.sub(u.im, v.im)} // u + v
	q := C{k.sub(u.re, v.re), k.add(u.im, v.im)} // u - v
	r := k.load1(k.constant(math.Sqrt(.5)))
	y1, y5 := k.addSub(a, p, r)
	// y3, y7 = b ∓ i√½ q
	y3, y7 := k.addSub(b, C{q.im, q.re}, r)
	return []C{y1, {y3.re, y7.im}, y5, {y7.re, y3.im}}
}

// addSub returns a + rb and a - rb, the parts on their own.
func (k *isa) addSub(a, b C, r V) (sum, dif C) {
	sum = C{k.copy(a.re), k.copy(a.im)}
	k.fma(sum.re, b.re, r)
	k.fma(sum.im, b.im, r)
	k.fnma(a.re, b.re, r)
	k.fnma(a.im, b.im, r)
	return sum, a
}

func (k *isa) copy(a V) V { r := k.vec(); k.by(k.VMOVAPS, k.VMOVAPD)(a, r); return r }

// butterflyOdd is fftOdd.butterfly of package kernels. It gives the parts of
// output t to emit one by one; the inputs at at(t) are loaded and stay as they are
// until the last two calls, those for output 0.
func (k *isa) butterflyOdd(at func(t int) Mem, radix int, emit func(t, part int, v V)) {
	half := radix / 2
	s, d := make([]C, half), make([]C, half)
	for i := range s {
		a, b := k.loadRow(at(i+1)), k.loadRow(at(radix-1-i))
		s[i], d[i] = k.cadd(a, b), k.csub(a, b)
	}
	for part := range 2 {
		// y_j and y_{r-j} are a ∓ ib: a.re ± b.im, a.im ∓ b.re.
		for j := 1; j <= half; j++ {
			a := k.load1(disp(at(0), part*k.bytes))
			var b V
			for i := range s {
				sin, cos := math.Sincos(2 * math.Pi * float64((i+1)*j%radix) / float64(radix))
				k.fma(a, s[i].part(part), k.constant(cos))
				if i == 0 {
					b = k.mul(d[i].part(1-part), k.constant(sin))
					continue
				}
				k.fma(b, d[i].part(1-part), k.constant(sin))
			}
			sum, dif := k.add(a, b), k.sub(a, b)
			if part == 1 {
				sum, dif = dif, sum
			}
			emit(j, part, sum)
			emit(radix-j, part, dif)
		}
	}
	for part := range 2 {
		y := s[0].part(part)
		for _, t := range s[1:] {
			y = k.add(y, t.part(part))
		}
		emit(0, part, k.add(y, disp(at(0), part*k.bytes)))
	}
}

// part returns the real part of c, or the imaginary one.
func (c C) part(i int) V {
	if i == 0 {
		return c.re
	}
	return c.im
}

// outputs returns the butterfly of the rows at x. Those of odd radix go by way
// of the tile if there are not registers enough.
func (k *isa) outputs(x *strided, radix int) []C {
	y := make([]C, radix)
	switch {
	case radix%2 == 0:
		for t := range y {
			y[t] = k.loadRow(x.at(t))
		}
		return k.butterfly(y)
	case 6*radix-2 > k.registers: // inputs, outputs, and some
		k.butterflyOdd(x.at, radix, func(t, part int, v V) { k.save1(v, disp(x.at(t), part*k.bytes)) })
		return nil
	}
	k.butterflyOdd(x.at, radix, func(t, i int, v V) {
		if i == 0 {
			y[t].re = v
		} else {
			y[t].im = v
		}
	})
	return y
}

// stage is a stage on the tile, in place.
func (k *isa) stage(radix int) {
	k.function(fmt.Sprintf("stage[%d]", radix), fmt.Sprintf("Stage%d", radix), "func(tile, tw []T, q, blocks int)")
	row := k.slice("tile")
	first := k.slice("tw")
	q := k.arg("q")
	blocks := k.arg("blocks")
	rows := k.strided(row, k.times(q, k.rowBytes()), radix)
	rest := k.times(q, (radix-1)*k.rowBytes())
	k.loop("block", blocks, func() {
		tw, j := k.GP64(), k.GP64()
		k.MOVQ(first, tw)
		k.MOVQ(q, j)
		k.loop("row", j, func() {
			if y := k.outputs(rows, radix); y != nil {
				k.saveTurned(y, tw, rows)
			} else {
				k.turnRows(rows, tw, radix)
			}
			k.ADDQ(U32(uint32(2*k.size()*(radix-1))), tw)
			rows.advance(U32(uint32(k.rowBytes())))
		})
		rows.advance(rest)
	})
	k.end()
}

// saveTurned stores the outputs of a butterfly times the twiddle factors at tw.
func (k *isa) saveTurned(y []C, tw R, to *strided) {
	k.saveRow(y[0], to.at(0))
	for t := 1; t < len(y); t++ {
		k.saveRow(k.turn(y[t], tw, t-1), to.at(t))
	}
}

// turnRows multiplies the rows at x, but for the first, by the twiddle factors.
func (k *isa) turnRows(x *strided, tw R, radix int) {
	for t := 1; t < radix; t++ {
		k.saveRow(k.turn(k.loadRow(x.at(t)), tw, t-1), x.at(t))
	}
}

// tangle is fftTangleGo. Its loop meets in the middle.
func (k *isa) tangle() {
	k.function("tangle", "Tangle", "func(re, im []T, pos []int, u []T)")
	re, im := k.slice("re"), k.slice("im")
	lo, u := k.slice("pos"), k.slice("u")
	n := k.Load(k.Param("pos").Len(), k.GP64()).(R)
	hi := k.GP64()
	k.LEAQ(Mem{Base: lo, Index: n, Scale: 8, Disp: -8}, hi)

	o := k.GP64()
	k.MOVQ(Mem{Base: lo}, o)
	a, b := k.element(re, o), k.element(im, o)
	f := k.broadcast(Mem{Base: u})
	x, y := k.load1(a), k.load1(b)
	k.save1(k.mul(k.add(x, y), f), a)
	k.save1(k.mul(k.sub(x, y), f), b)

	k.SHRQ(Imm(1), n)
	k.JZ(LabelRef("done"))
	k.loop("pair", n, func() {
		k.ADDQ(Imm(8), lo)
		k.ADDQ(U32(uint32(2*k.size())), u)
		o, p := k.GP64(), k.GP64()
		k.MOVQ(Mem{Base: lo}, o)
		k.MOVQ(Mem{Base: hi}, p)
		a := C{k.load1(k.element(re, o)), k.load1(k.element(im, o))}
		b := C{k.load1(k.element(re, p)), k.load1(k.element(im, p))}
		s := C{k.add(a.re, b.re), k.sub(a.im, b.im)}
		t := k.turn(C{k.sub(a.re, b.re), k.add(a.im, b.im)}, u, 0)
		k.save1(k.add(s.re, t.re), k.element(re, o))
		k.save1(k.add(s.im, t.im), k.element(im, o))
		k.save1(k.sub(s.re, t.re), k.element(re, p))
		k.save1(k.sub(t.im, s.im), k.element(im, p))
		k.SUBQ(Imm(8), hi)
	})
	k.Label("done")
	k.end()
}

// element returns the address of element i of the slice at base.
func (k *isa) element(base, i R) Mem { return Mem{Base: base, Index: i, Scale: uint8(k.size())} }

// product is fftProductGo.
func (k *isa) product() {
	k.function("product", "Product", "func(dst, src []T, pos []int, w []T, n int)")
	dst, src, pos, w := k.slice("dst"), k.slice("src"), k.slice("pos"), k.slice("w")
	n := k.arg("n")
	k.loop("row", n, func() {
		o := k.GP64()
		k.MOVQ(Mem{Base: pos}, o)
		y := k.turn(k.loadRow(k.element(src, o)), w, 0)
		k.saveRow(C{y.im, y.re}, Mem{Base: dst})
		k.ADDQ(Imm(8), pos)
		k.ADDQ(U32(uint32(2*k.size())), w)
		k.ADDQ(U32(uint32(k.rowBytes())), dst)
	})
	k.end()
}
