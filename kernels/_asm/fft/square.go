package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/operand"
)

// squareSide is the side of the square that lines of squareSide² numbers of single
// precision are: 64 of them, eight in a vector of AVX-512, parts interleaved.
const squareSide = 8

// square returns how long lines are that have such kernels; 0 if none do.
func (k *isa) square() int {
	if k.registers < 32 || k.double() {
		return 0
	}
	return squareSide * squareSide
}

// squareLine emits the kernel for such lines, in the way of wide lines: a transform
// between rows, whose outputs are turned, a transpose, another transform between rows,
// whose results are stored as they are. Parts stay side by side: to multiply by i is to
// swap them, 17 times, which is less than to take them apart and to join them again. Of
// each k1 but the first, tw has the real parts of the factors for the c twice each, and
// the imaginary parts with either sign.
func (k *isa) squareLine(swap bool) {
	kind := map[bool]string{false: "FFTForward", true: "FFTInverse"}[swap]
	k.function(fmt.Sprintf("short[%s][%d]", kind, k.square()), fmt.Sprintf("Short%s%d", kind[3:], k.square()), shortSignature)
	s := &squareLine{wideLine: wideLine{isa: k}, inverse: swap}
	s.signs = k.load1(k.alternating(0x3f800000, 0xbf800000)) // 1, −1
	s.half = k.load1(k.constant(math.Sqrt(.5)))
	tw, scale := k.slice("tw"), k.argScalar("scale")
	to, from := k.slice("to"), k.slice("from")
	count := k.Load(k.Param("to").Len(), k.GP64()).(R)
	k.loop("lines", count, func() {
		src, dst := s.line("src", from, 0), s.line("dst", to, 0)
		x := make([]V, squareSide)
		for r := range x {
			x[r] = k.load1(Mem{Base: src, Disp: r * k.bytes})
		}
		x = s.eighths(x)
		x[0] = k.mul(scale, x[0])
		for k1 := 1; k1 < squareSide; k1++ {
			x[k1] = s.turn(x[k1], Mem{Base: tw, Disp: 2 * (k1 - 1) * k.bytes})
		}
		for k2, y := range s.eighths(s.transpose(x)) {
			k.save1(y, Mem{Base: dst, Disp: k2 * k.bytes})
		}
		k.ADDQ(U32(8), to)
		k.ADDQ(U32(8), from)
	})
	k.end()
}

// A squareLine is what such a kernel works with.
type squareLine struct {
	wideLine
	inverse     bool
	signs, half V
}

// swapParts swaps real and imaginary parts.
func (s *squareLine) swapParts(x V) V {
	y := s.vec()
	s.VPERMILPS(Imm(0xb1), x, y)
	return y
}

// quarter returns x − iy and x + iy; of an inverse transform the other way round.
func (s *squareLine) quarter(x, y V) (less, more V) {
	y = s.swapParts(y)
	less, more = s.copy(x), x
	s.fma(less, y, s.signs)
	s.fnma(more, y, s.signs)
	if s.inverse {
		return more, less
	}
	return less, more
}

// rotate multiplies x by 1 − i, if less, or by 1 + i; of an inverse transform by the
// other one.
func (s *squareLine) rotate(x V, less bool) {
	y := s.swapParts(x)
	if less != s.inverse {
		s.fma(x, y, s.signs)
	} else {
		s.fnma(x, y, s.signs)
	}
}

// turn returns x times the factors at w.
func (s *squareLine) turn(x V, w Mem) V {
	y := s.mul(x, w)
	if w = disp(w, s.bytes); s.inverse {
		s.fnma(y, s.swapParts(x), w)
	} else {
		s.fma(y, s.swapParts(x), w)
	}
	return y
}

// eighths returns the transform of x, of length 8.
func (s *squareLine) eighths(x []V) []V {
	var a, b [4]V // the even outputs are those of the sums
	for i := range a {
		a[i], b[i] = s.add(x[i], x[i+4]), s.sub(x[i], x[i+4])
	}
	y := make([]V, 8)
	even, odd := s.add(a[0], a[2]), s.add(a[1], a[3])
	y[0], y[4] = s.add(even, odd), s.sub(even, odd)
	y[2], y[6] = s.quarter(s.sub(a[0], a[2]), s.sub(a[1], a[3]))
	u0, u1 := s.quarter(b[0], b[2])
	p0, p1 := s.quarter(b[1], b[3])
	s.rotate(p0, true)
	s.rotate(p1, false)
	y[1], y[5] = s.copy(u0), u0
	s.fma(y[1], p0, s.half)
	s.fnma(y[5], p0, s.half)
	y[3], y[7] = u1, s.copy(u1)
	s.fnma(y[3], p1, s.half)
	s.fma(y[7], p1, s.half)
	return y
}

// transpose transposes the matrix.
func (s *squareLine) transpose(r []V) []V {
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
