package main

import (
	"fmt"
	"math"
	"math/cmplx"

	. "github.com/mmcloughlin/avo/operand"
)

// Kernels of AVX-512 for lines whose parts stay side by side, as they lie: of a vector
// for each of up to joinedMost rows of n/m numbers. To multiply by i is to swap the
// parts, which is one instruction more; but nothing is taken apart and joined again.

// joinedMost is the most vectors of a line: half of the registers.
const joinedMost = 16

// joined returns how many numbers are in a vector; 0 if there are no such kernels.
func (k *isa) joined() int {
	if k.registers < 32 {
		return 0
	}
	return k.lanes() / 2
}

// joins reports whether such a kernel does lines of n numbers, a power of two, one at a
// time: m rows of them are as many squares.
func (k *isa) joins(n int) bool {
	side := k.joined()
	return side > 0 && n >= side*side && n <= joinedMost*side
}

// A joinedLine is what such a kernel works with.
type joinedLine struct {
	*isa
	inverse bool
	signs   V // 1 and −1 in turn
	scale   V
}

// joinedKernel emits a kernel for the kind of transform and length n that does body for
// each of so many lines, after before, which may be nil.
func (k *isa) joinedKernel(kind string, n, lines int, before func(s *joinedLine), body func(s *joinedLine, to, from R)) {
	k.function(fmt.Sprintf("short[%s][%d]", kind, n), fmt.Sprintf("Short%s%d", kind[3:], n), shortSignature)
	s := &joinedLine{isa: k, inverse: kind == "FFTInverse"}
	s.signs, s.scale = k.load1(k.turned(1)), k.argScalar("scale")
	if before != nil {
		before(s)
	}
	to, from := k.slice("to"), k.slice("from")
	count := k.Load(k.Param("to").Len(), k.GP64()).(R)
	if lines > 1 {
		k.SHRQ(U8(uint8(math.Log2(float64(lines)))), count)
	}
	k.loop("lines", count, func() {
		body(s, to, from)
		k.ADDQ(U32(uint32(8*lines)), to)
		k.ADDQ(U32(uint32(8*lines)), from)
	})
	k.end()
}

// joinedLine emits the kernel for lines of n = side·m numbers, in the way of wide lines:
// a transform between m rows, whose outputs are turned, a transpose of each square,
// another transform between its rows, whose results are stored as they are. Of each k1
// but the first, tw has the real parts of the factors for the c twice each, times the
// scale, and the imaginary parts with either sign.
func (k *isa) joinedLine(n int, kind string) {
	side := k.joined()
	m := n / side
	k.joinedKernel(kind, n, 1, nil, func(s *joinedLine, to, from R) {
		tw := k.slice("tw")
		src, dst := s.lineAt("src", from, 0), s.lineAt("dst", to, 0)
		x := make([]V, m)
		for r := range x {
			x[r] = k.load1(Mem{Base: src, Disp: r * k.bytes})
		}
		x = s.transform(x)
		x[0] = k.mul(s.scale, x[0])
		for k1 := 1; k1 < m; k1++ {
			x[k1] = s.turn(x[k1], Mem{Base: tw, Disp: 2 * (k1 - 1) * k.bytes})
		}
		for k1 := 0; k1 < m; k1 += side {
			for k2, y := range s.transform(s.transpose(x[k1 : k1+side])) {
				k.save1(y, Mem{Base: dst, Disp: (k2*m + k1) * 2 * k.size()})
			}
		}
	})
}

// joinedEight emits the kernel for lines of 8 numbers, as many of them as a vector has
// numbers: transposed, transformed between vectors and transposed again.
func (k *isa) joinedEight(kind string) {
	k.joinedKernel(kind, 8, k.joined(), nil, func(s *joinedLine, to, from R) {
		x := s.transform(s.eightAcross(from))
		for i := range x {
			x[i] = k.mul(s.scale, x[i])
		}
		s.saveAcross(x, s.eachLine("dst", to))
	})
}

// joinedReal emits the kernel for lines of 16 reals, which it transforms as 8 numbers and
// tangles (see fftTangleGo): of the sum s and the difference d of a number and the
// conjugate of its partner, they become s + ud and the conjugate of s − ud, where u for
// number i is −ie^{-2πi i/16}, that is −sin(1 + i cot) of the angle.
func (k *isa) joinedReal() {
	var conj V      // the scale and its negative in turn
	var sin [4][2]V // −sin times either
	before := func(s *joinedLine) {
		conj = k.mul(s.signs, s.scale)
		for i := 1; i < 4; i++ {
			c := k.constant(-math.Sin(math.Pi * float64(i) / 8))
			sin[i] = [2]V{k.mul(s.scale, c), k.mul(conj, c)}
		}
	}
	k.joinedKernel("FFTReal", 16, k.joined(), before, func(s *joinedLine, to, from R) {
		x := s.transform(s.eightAcross(from))
		for i := 1; i < 4; i++ {
			x[i], x[8-i] = s.tangled(x[i], x[8-i], i, conj, sin[i])
		}
		x[4] = k.mul(conj, x[4])
		x[4] = k.add(x[4], x[4])
		x[0] = k.mul(s.scale, x[0])
		x[0] = k.add(x[0], x[0])
		y := s.swapParts(x[0])
		reals, last := k.load1(k.alternating(1<<k.bits-1, 0)), k.sub(x[0], y)
		x[0] = k.add(x[0], y)
		k.VANDPD(reals, x[0], x[0])
		k.VANDPD(reals, last, last)
		at := s.eachLine("dst", to)
		s.saveAcross(x, at)
		for g := range k.groups() {
			var m []Mem
			for l := range k.perGroup() {
				m = append(m, Mem{Base: at[g*k.perGroup()+l], Disp: 16 * k.size()})
			}
			k.saveGroup(last, g, m)
		}
	})
}

// tangled returns numbers i and 8 − i of 16 reals.
func (s *joinedLine) tangled(x, partner V, i int, conj V, sin [2]V) (a, b V) {
	sum, d := s.copy(x), x
	one := s.constant(1)
	s.by(s.VFMSUBADD132PS, s.VFMSUBADD132PD)(one, partner, sum)
	s.by(s.VFMADDSUB132PS, s.VFMADDSUB132PD)(one, partner, d)
	s.lean(d, -1/math.Tan(math.Pi*float64(i)/8))
	a, b = s.mul(sum, s.scale), s.mul(sum, conj)
	s.fma(a, d, sin[0])
	s.fnma(b, d, sin[1])
	return a, b
}

// eachLine returns the addresses of the lines at hand in the array called base.
func (s *joinedLine) eachLine(base string, off R) (at []R) {
	for l := range s.joined() {
		at = append(at, s.lineAt(base, off, l))
	}
	return at
}

// eightAcross returns number i of each line of 8 as vector i.
func (s *joinedLine) eightAcross(from R) (x []V) {
	at := s.eachLine("src", from)
	for part := range 8 / s.joined() {
		var lines []V
		for _, l := range at {
			lines = append(lines, s.load1(Mem{Base: l, Disp: part * s.bytes}))
		}
		x = append(x, s.transpose(lines)...)
	}
	return x
}

// saveAcross stores number i of each line from vector i.
func (s *joinedLine) saveAcross(x []V, at []R) {
	for i := 0; i < len(x); i += s.joined() {
		for l, v := range s.transpose(x[i : i+s.joined()]) {
			s.save1(v, Mem{Base: at[l], Disp: i * 2 * s.size()})
		}
	}
}

// plus returns x + y·w and x − y·w.
func (s *joinedLine) plus(x, y V, w Op) (more, less V) {
	more, less = s.copy(x), x
	s.fma(more, y, w)
	s.fnma(less, y, w)
	return more, less
}

// quarter returns x − icy and x + icy, for c and −c in turn at w; of an inverse
// transform the other way round.
func (s *joinedLine) quarter(x, y V, w Op) (less, more V) {
	less, more = s.plus(x, s.swapParts(y), w)
	if s.inverse {
		return more, less
	}
	return less, more
}

// lean multiplies x by 1 − it; of an inverse transform by 1 + it.
func (s *joinedLine) lean(x V, t float64) {
	var w Op = s.signs
	if a := math.Abs(t); a != 1 {
		w = s.turned(a)
	}
	if y := s.swapParts(x); t > 0 != s.inverse {
		s.fma(x, y, w)
	} else {
		s.fnma(x, y, w)
	}
}

// turn returns x times the factors at w.
func (s *joinedLine) turn(x V, w Mem) V {
	y := s.mul(x, w)
	if w = disp(w, s.bytes); s.inverse {
		s.fnma(y, s.swapParts(x), w)
	} else {
		s.fma(y, s.swapParts(x), w)
	}
	return y
}

// transform returns the transform of x, of length 4, 8 or 16.
func (s *joinedLine) transform(x []V) []V {
	switch len(x) {
	case 4:
		return s.fourth(x)
	case 8:
		return s.eighth(x)
	}
	return s.sixteenth(x)
}

func (s *joinedLine) fourth(x []V) []V {
	a, b := s.add(x[0], x[2]), s.add(x[1], x[3])
	y := make([]V, 4)
	y[0], y[2] = s.add(a, b), s.sub(a, b)
	y[1], y[3] = s.quarter(s.sub(x[0], x[2]), s.sub(x[1], x[3]), s.signs)
	return y
}

func (s *joinedLine) eighth(x []V) []V {
	var a, b [4]V // the even outputs are those of the sums
	for i := range a {
		a[i], b[i] = s.add(x[i], x[i+4]), s.sub(x[i], x[i+4])
	}
	y := make([]V, 8)
	even := s.fourth(a[:])
	half := s.constant(math.Sqrt(.5))
	u0, u1 := s.quarter(b[0], b[2], s.signs)
	p0, p1 := s.quarter(b[1], b[3], s.signs)
	s.lean(p0, 1)
	s.lean(p1, -1)
	y[1], y[5] = s.plus(u0, p0, half)
	y[7], y[3] = s.plus(u1, p1, half)
	for i, v := range even {
		y[2*i] = v
	}
	return y
}

// sixteenth is two stages of radix 4. A factor between them, c(1 − it), is 1 − it at
// first; the second stage multiplies by the c, which takes no instruction more (Linzer
// and Feig 1993).
func (s *joinedLine) sixteenth(x []V) []V {
	var z [4][]V
	for j := range z {
		z[j] = s.fourth([]V{x[j], x[j+4], x[j+8], x[j+12]})
	}
	y := make([]V, 16)
	for a := range 4 {
		var v []V
		if in := []V{z[0][a], z[1][a], z[2][a], z[3][a]}; a == 0 {
			v = s.fourth(in)
		} else {
			v = s.turnedFourth(in, a)
		}
		for b := range v {
			y[a+4*b] = v[b]
		}
	}
	return y
}

// turnedFourth is fourth of x[j]·e^{-2πi ja/16}, 0 < a < 4.
func (s *joinedLine) turnedFourth(x []V, a int) []V {
	var c [4]float64
	for j := 1; j < 4; j++ {
		w := cmplx.Exp(complex(0, -2*math.Pi*float64(j*a)/16))
		if c[j] = real(w); j*a != 4 {
			s.lean(x[j], -imag(w)/real(w))
		}
	}
	var even, odd V
	if a == 2 {
		even, odd = s.quarter(x[0], x[2], s.signs)
	} else {
		even, odd = s.plus(x[0], x[2], s.constant(c[2]))
	}
	p, q := s.plus(x[1], x[3], s.constant(c[3]/c[1]))
	y := make([]V, 4)
	y[0], y[2] = s.plus(even, p, s.constant(c[1]))
	y[1], y[3] = s.quarter(odd, q, s.turned(c[1]))
	return y
}

// transpose transposes a square of numbers.
func (s *joinedLine) transpose(r []V) []V {
	if s.double() {
		return s.transposeGroups(r)
	}
	var even, odd []V
	for i := 0; i < len(r); i += 2 {
		low, high := s.vec(), s.vec()
		s.VUNPCKLPD(r[i+1], r[i], low)
		s.VUNPCKHPD(r[i+1], r[i], high)
		even, odd = append(even, low), append(odd, high)
	}
	var out []V
	even, odd = s.transposeGroups(even), s.transposeGroups(odd)
	for i := range even {
		out = append(out, even[i], odd[i])
	}
	return out
}
