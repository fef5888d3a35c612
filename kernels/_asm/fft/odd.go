package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
)

// Butterflies of any odd radix, 2·half+1. What is kept in spare: x[0], then for
// 0 < i ≤ half the sum and the difference of x[i] and x[radix-i]. Outputs come in
// pairs, as many at a time as there are registers for: coef holds the cosine and
// the sine of 2π(i+1)(k+1)/radix at place i·half + k.

// oddGroups returns how many pairs of outputs are made at a time, of as many
// running sums each.
func (k *isa) oddGroups(sums int) []int {
	if k.registers == 32 || sums == 2 {
		return []int{4, 2, 1}
	}
	return []int{2, 1}
}

// An oddSum is the pair of outputs a ∓ ib; parts that are known to vanish are nil.
type oddSum struct{ a, b C }

// stageOdd is fftStageOdd of package kernels: one block.
func (k *isa) stageOdd() {
	k.function("stageOdd", "StageOdd", "func(tile, spare, coef, tw []T, half, q int)")
	row, tw, j := k.slice("tile"), k.slice("tw"), k.arg("q")
	step := k.times(j, k.rowBytes())
	k.loop("row", j, func() {
		lo, hi := k.ends(row, step)
		k.oddSums(row, lo, hi, step, 2)
		k.MOVQ(row, lo)
		k.ADDQ(step, lo)
		k.SUBQ(step, hi) // from one beyond
		twHi := k.GP64()
		k.MOVQ(k.arg("half"), twHi)
		k.SHLQ(Imm(k.log2(4*k.size())), twHi)
		k.ADDQ(tw, twHi)
		next := k.GP64()
		k.MOVQ(twHi, next)
		k.SUBQ(U32(uint32(2*k.size())), twHi)
		k.oddOutputs(4, func(s oddSum) {
			k.saveRow(k.turn(k.subI(s.a, s.b), tw, 0), Mem{Base: lo})
			k.saveRow(k.turn(k.addI(s.a, s.b), twHi, 0), Mem{Base: hi})
			k.ADDQ(step, lo)
			k.SUBQ(step, hi)
			k.ADDQ(U32(uint32(2*k.size())), tw)
			k.SUBQ(U32(uint32(2*k.size())), twHi)
		})
		k.MOVQ(next, tw)
		k.ADDQ(U32(uint32(k.rowBytes())), row)
	})
	k.end()
}

// realOdd is fftRealOdd of package kernels: rows of reals, and half of the outputs.
func (k *isa) realOdd() {
	k.function("realOdd", "RealOdd", "func(tile, src, spare, coef, tw []T, half, q int)")
	row, src, tw, j := k.slice("tile"), k.slice("src"), k.slice("tw"), k.arg("q")
	step, from := k.times(j, k.rowBytes()), k.times(j, k.bytes)
	k.loop("row", j, func() {
		lo, hi := k.ends(src, from)
		y := k.oddSums(src, lo, hi, from, 1)
		k.saveRow(C{y.re, k.zero()}, Mem{Base: row})
		to := k.GP64()
		k.MOVQ(row, to)
		k.oddOutputs(2, func(s oddSum) {
			k.ADDQ(step, to)
			k.saveRow(k.turn(C{s.a.re, s.b.re}, tw, 0), Mem{Base: to})
			k.ADDQ(U32(uint32(2*k.size())), tw)
		})
		k.ADDQ(U32(uint32(k.rowBytes())), row)
		k.ADDQ(U32(uint32(k.bytes)), src)
	})
	k.end()
}

// realOddInverse is fftRealOddInverse of package kernels. What it keeps in spare is
// as if the sums were twice the real parts and the differences the imaginary ones.
func (k *isa) realOddInverse() {
	k.function("realOddInverse", "RealOddInverse", "func(dst, re, im []T, pos []int, spare, coef, tw []T, half int)")
	pos, tw := k.slice("pos"), k.slice("tw")
	j := k.Load(k.Param("pos").Len(), k.GP64()).(R)
	block, step := k.times(j, k.rowBytes()), k.times(j, k.bytes)
	row := k.slice("dst")
	k.loop("row", j, func() {
		re, im, o := k.slice("re"), k.slice("im"), k.GP64()
		k.MOVQ(Mem{Base: pos}, o)
		k.LEAQ(k.element(re, o), re)
		k.LEAQ(k.element(im, o), im)
		spare, i := k.slice("spare"), k.arg("half")
		sum := k.load1(Mem{Base: re})
		k.save1(sum, Mem{Base: spare})
		k.loop("sums", i, func() {
			k.ADDQ(block, re)
			k.ADDQ(block, im)
			c := k.turn(C{k.load1(Mem{Base: im}), k.load1(Mem{Base: re})}, tw, 0) // exchanged
			s := k.add(c.im, c.im)
			k.save1(s, Mem{Base: spare, Disp: k.bytes})
			k.save1(k.add(c.re, c.re), Mem{Base: spare, Disp: 2 * k.bytes})
			k.by(k.VADDPS, k.VADDPD)(s, sum, sum)
			k.ADDQ(U32(uint32(2*k.size())), tw)
			k.ADDQ(U32(uint32(2*k.bytes)), spare)
		})
		k.save1(sum, Mem{Base: row})
		lo, hi := k.ends(row, step)
		k.oddOutputs(2, func(s oddSum) {
			k.ADDQ(step, lo)
			k.SUBQ(step, hi)
			k.save1(k.add(s.a.re, s.b.re), Mem{Base: lo})
			k.save1(k.sub(s.a.re, s.b.re), Mem{Base: hi})
		})
		k.ADDQ(Imm(8), pos)
		k.ADDQ(U32(uint32(k.bytes)), row)
	})
	k.end()
}

// arrange is fftArrangeGo of package kernels.
func (k *isa) arrange() {
	k.function("arrange", "Arrange", "func(dst, src []T, pos []int, w []T)")
	dst, src, pos, w := k.slice("dst"), k.slice("src"), k.slice("pos"), k.slice("w")
	n := k.Load(k.Param("pos").Len(), k.GP64()).(R)
	k.loop("row", n, func() {
		o := k.GP64()
		k.MOVQ(Mem{Base: pos}, o)
		x := k.loadRow(k.element(src, o))
		re, im := k.broadcast(Mem{Base: w}), k.broadcast(Mem{Base: w, Disp: k.size()})
		k.saveRow(C{k.mul(x.re, re), k.mul(x.im, im)}, Mem{Base: dst})
		k.ADDQ(Imm(8), pos)
		k.ADDQ(U32(uint32(2*k.size())), w)
		k.ADDQ(U32(uint32(k.rowBytes())), dst)
	})
	k.end()
}

// negate is fftNegateGo of package kernels.
func (k *isa) negate() {
	k.function("negate", "Negate", "func(part []T, rows []int)")
	part, rows := k.slice("part"), k.slice("rows")
	n := k.Load(k.Param("rows").Len(), k.GP64()).(R)
	sign := k.load1(k.alternating(1<<(k.bits-1), 1<<(k.bits-1)))
	k.loop("row", n, func() {
		o := k.GP64()
		k.MOVQ(Mem{Base: rows}, o)
		m := k.element(part, o)
		x := k.vec()
		k.by(k.VXORPS, k.VXORPD)(m, sign, x)
		k.save1(x, m)
		k.ADDQ(Imm(8), rows)
	})
	k.end()
}

// ends returns the addresses of x[0] and x[radix] = x[0] + (2·half+1)·step.
func (k *isa) ends(x, step R) (lo, hi R) {
	lo, hi = k.GP64(), k.arg("half")
	k.MOVQ(x, lo)
	k.LEAQ(Mem{Base: hi, Index: hi, Scale: 1, Disp: 1}, hi)
	k.IMULQ(step, hi)
	k.ADDQ(x, hi)
	return lo, hi
}

// oddSums fills spare from rows of that many parts and returns output 0, which it
// stores at x if there are two parts. hi ends where it began.
func (k *isa) oddSums(x, lo, hi, step R, parts int) C {
	spare, i, end := k.slice("spare"), k.arg("half"), k.GP64()
	k.MOVQ(hi, end)
	var y []V
	for p := range parts {
		v := k.load1(Mem{Base: x, Disp: p * k.bytes})
		k.save1(v, Mem{Base: spare, Disp: p * k.bytes})
		y = append(y, v)
	}
	k.ADDQ(U32(uint32(parts*k.bytes)), spare)
	k.loop("sums", i, func() {
		k.ADDQ(step, lo)
		k.SUBQ(step, hi)
		for p := range parts {
			a, b := k.load1(Mem{Base: lo, Disp: p * k.bytes}), k.load1(Mem{Base: hi, Disp: p * k.bytes})
			s, d := k.add(a, b), k.sub(a, b)
			k.save1(s, Mem{Base: spare, Disp: p * k.bytes})
			k.save1(d, Mem{Base: spare, Disp: (parts + p) * k.bytes})
			k.by(k.VADDPS, k.VADDPD)(s, y[p], y[p])
		}
		k.ADDQ(U32(uint32(2*parts*k.bytes)), spare)
	})
	k.MOVQ(end, hi)
	if parts == 1 {
		return C{re: y[0]}
	}
	k.saveRow(C{y[0], y[1]}, Mem{Base: x})
	return C{y[0], y[1]}
}

// oddOutputs calls emit for each pair of outputs, of so many sums: 4, or 2 of
// reals, where b is the imaginary part of a - ib.
func (k *isa) oddOutputs(sums int, emit func(s oddSum)) {
	left, first := k.arg("half"), k.slice("coef")
	groups := k.oddGroups(sums)
	for _, g := range groups {
		label, next := fmt.Sprintf("group%d", g), fmt.Sprintf("after%d", g)
		k.Label(label)
		k.CMPQ(left, Imm(uint64(g)))
		k.JL(LabelRef(next))
		for _, s := range k.oddGroup(g, sums, label, first) {
			emit(s)
		}
		k.ADDQ(U32(uint32(2*g*k.size())), first)
		k.SUBQ(Imm(uint64(g)), left)
		k.JMP(LabelRef(label))
		k.Label(next)
	}
}

// oddGroup makes the sums of g pairs of outputs whose coefficients begin at first.
func (k *isa) oddGroup(g, sums int, label string, first R) []oddSum {
	parts := sums / 2
	spare, i, coef := k.slice("spare"), k.arg("half"), k.GP64()
	k.MOVQ(first, coef)
	stride := k.arg("half")
	k.SHLQ(Imm(k.log2(2*k.size())), stride)
	out := make([]oddSum, g)
	for o := range out {
		out[o] = oddSum{C{re: k.load1(Mem{Base: spare})}, C{re: k.zero()}}
		if parts == 2 {
			out[o].a.im, out[o].b.im = k.load1(Mem{Base: spare, Disp: k.bytes}), k.zero()
		}
	}
	k.ADDQ(U32(uint32(parts*k.bytes)), spare)
	k.loop(label+"sum", i, func() {
		s, d := make([]V, parts), make([]V, parts)
		for p := range parts {
			s[p], d[p] = k.load1(Mem{Base: spare, Disp: p * k.bytes}), k.load1(Mem{Base: spare, Disp: (parts + p) * k.bytes})
		}
		for o := range out {
			cos := k.broadcast(Mem{Base: coef, Disp: 2 * o * k.size()})
			sin := k.broadcast(Mem{Base: coef, Disp: (2*o + 1) * k.size()})
			k.fma(out[o].a.re, cos, s[0])
			if parts == 2 {
				k.fma(out[o].a.im, cos, s[1])
				k.fma(out[o].b.re, sin, d[0])
				k.fma(out[o].b.im, sin, d[1])
			} else {
				k.fnma(out[o].b.re, sin, d[0])
			}
		}
		k.ADDQ(U32(uint32(2*parts*k.bytes)), spare)
		k.ADDQ(stride, coef)
	})
	return out
}

func (k *isa) zero() V {
	r := k.vec()
	if k.bytes == 64 {
		k.VPXORQ(r, r, r)
	} else {
		k.VXORPS(r, r, r)
	}
	return r
}

// log2 returns the logarithm of a power of two.
func (k *isa) log2(n int) uint64 {
	l := uint64(0)
	for ; n > 1; n /= 2 {
		l++
	}
	return l
}
