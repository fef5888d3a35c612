package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sumLanes is the number of running results of a reduction, in float64 for both
// precisions.
const sumLanes = 32

// A reduction takes values into lanes with acc and folds lanes with join. start
// is what joins without effect.
type reduction struct {
	name  string
	two   bool // reads a and b
	start float64
	acc   func(k *isa, lane, a, b V) V
	join  func(k *isa, x, y V) V
}

var reductions = []reduction{
	{"sum", false, 0, func(k *isa, lane, a, _ V) V { return k.add(lane, a) }, plus},
	{"abssum", false, 0, func(k *isa, lane, a, _ V) V { return k.add(lane, k.abs(a)) }, plus},
	{"sumsq", false, 0, func(k *isa, lane, a, _ V) V { return k.add(lane, k.mul(a, a)) }, plus},
	{"dot", true, 0, func(k *isa, lane, a, b V) V { return k.add(lane, k.mul(a, b)) }, plus},
	{"prod", false, 1, func(k *isa, lane, a, _ V) V { return k.mul(lane, a) }, times},
	{"max", false, math.Inf(-1), func(k *isa, lane, a, _ V) V { return larger(k, lane, a) }, larger},
	{"min", false, math.Inf(1), func(k *isa, lane, a, _ V) V { return smaller(k, lane, a) }, smaller},
}

func plus(k *isa, x, y V) V  { return k.add(x, y) }
func times(k *isa, x, y V) V { return k.mul(x, y) }

// larger and smaller pass NaN, and y where they are equal.
func larger(k *isa, x, y V) V  { return k.sel(k.cmp(un, x, x), x, k.max(x, y)) }
func smaller(k *isa, x, y V) V { return k.sel(k.cmp(un, x, x), x, k.min(x, y)) }

// function returns what the name of the assembly function starts with.
func (r reduction) function() string { return "block" + strings.ToUpper(r.name[:1]) + r.name[1:] }

// declare starts a function.
func (k *isa) declare(name, signature string) {
	k.Function(name + k.suffix())
	k.Attributes(attr.NOSPLIT)
	k.Pragma("noescape")
	k.SignatureExpr(signature)
}

// emitReduction writes func(a, b *T, n int) (even, odd float64): a block but for
// the last fold.
func (k *isa) emitReduction(r reduction) {
	k.declare(r.function(), fmt.Sprintf("func(a, b *%s, n int) (even, odd float64)", k.goType()))
	ptrs := []reg.Register{k.Load(k.Param("a"), k.GP64())}
	if r.two {
		ptrs = append(ptrs, k.Load(k.Param("b"), k.GP64()))
	}
	n := k.Load(k.Param("n"), k.GP64())
	d := k.at(64, k.width)
	sums := make([]V, sumLanes/d.lanes())
	for i := range sums {
		sums[i] = d.load(d.c(r.start))
	}
	k.Label("whole")
	k.CMPQ(n, U32(sumLanes))
	k.JL(LabelRef("last"))
	for j, s := range sums {
		d.VMOVAPS(r.acc(d, s, k.widened(ptrs[0], j), k.widenedOf(ptrs, 1, j)), s)
	}
	for _, p := range ptrs {
		k.ADDQ(U32(uint32(sumLanes*k.size())), p)
	}
	k.SUBQ(U32(sumLanes), n)
	k.JMP(LabelRef("whole"))
	k.Label("last")
	k.TESTQ(n, n)
	k.JZ(LabelRef("fold"))
	k.lastValues(r, ptrs, n, sums)
	k.Label("fold")
	k.fold(r, sums)
	k.VZEROUPPER()
	k.RET()
}

// narrow returns the isa of as many elements of this precision as a vector holds
// float64.
func (k *isa) narrow() *isa { return k.at(k.bits, k.width*k.bits/64) }

// widened loads vector j from p, as float64.
func (k *isa) widened(p reg.Register, j int) V {
	return k.toDouble(Mem{Base: p, Disp: j * k.narrow().width})
}

// widenedOf does so from the i-th pointer, if there is one.
func (k *isa) widenedOf(ptrs []reg.Register, i, j int) V {
	if i >= len(ptrs) {
		return nil
	}
	return k.widened(ptrs[i], j)
}

// toDouble converts a narrow vector, in memory or a register.
func (k *isa) toDouble(from Op) V {
	r := k.vec()
	if k.double() {
		k.VMOVUPD(from, r)
	} else {
		k.VCVTPS2PD(from, r)
	}
	return r
}

// lastValues takes in the last n < sumLanes values; the lanes beyond get start.
func (k *isa) lastValues(r reduction, ptrs []reg.Register, n reg.Register, sums []V) {
	nk, d := k.narrow(), k.at(64, k.width)
	next := nk.window(n)
	for j, s := range sums {
		m := next(j)
		var vs [2]V
		for i, p := range ptrs {
			v := nk.vec()
			nk.loadMasked(Mem{Base: p, Disp: j * nk.width}, m, v)
			if r.start != 0 {
				v = nk.sel(m, v, nk.load(nk.c(r.start)))
			}
			vs[i] = k.toDouble(v)
		}
		d.VMOVAPS(r.acc(d, s, vs[0], vs[1]), s)
	}
}

// fold joins halves until two lanes are left, and returns them.
func (k *isa) fold(r reduction, sums []V) {
	x := k.foldVectors(r, sums)
	odd := k.at(64, 16).vec()
	k.VPERMILPD(Imm(1), x, odd)
	k.storeFirst(x, "even")
	k.storeFirst(odd, "odd")
}

// foldVectors joins halves until two lanes are left.
func (k *isa) foldVectors(r reduction, sums []V) V {
	d := k.at(64, k.width)
	for len(sums) > 1 {
		h := len(sums) / 2
		for i := range h {
			sums[i] = r.join(d, sums[i], sums[i+h])
		}
		sums = sums[:h]
	}
	x := sums[0]
	if d.width == 64 {
		d = d.at(64, 32)
		upper := d.vec()
		k.VEXTRACTF64X4(Imm(1), x, upper)
		x = r.join(d, x.AsY().(V), upper)
	}
	d = d.at(64, 16)
	upper := d.vec()
	if k.wide() { // reaches the upper 16 registers
		k.VEXTRACTF32X4(Imm(1), x, upper)
	} else {
		k.VEXTRACTF128(Imm(1), x, upper)
	}
	return r.join(d, x.AsX().(V), upper)
}

// storeFirst returns the first float64 of a register.
func (k *isa) storeFirst(x V, result string) {
	p, err := k.Return(result).Resolve()
	if err != nil {
		panic(err)
	}
	k.VMOVSD(x, p.Addr)
}

// emitWithin writes func(a *T, n int, limit T) bool: whether no |a[i]| is above
// the limit. NaN is not.
func (k *isa) emitWithin() {
	k.declare("within", fmt.Sprintf("func(a *%s, n int, limit %[1]s) bool", k.goType()))
	a, n := k.Load(k.Param("a"), k.GP64()), k.Load(k.Param("n"), k.GP64())
	most := k.broadcast("limit")
	above, v := k.zero(), k.vec()
	k.Label("whole")
	k.CMPQ(n, U32(uint32(k.lanes())))
	k.JL(LabelRef("last"))
	k.VMOVUPS(Mem{Base: a}, v)
	k.ADDQ(U32(uint32(k.width)), a)
	k.SUBQ(U32(uint32(k.lanes())), n)
	k.Label("take")
	// The largest |a| so far: max returns its second operand for NaN.
	k.VMOVAPS(k.max(k.abs(v), above), above)
	k.JMP(LabelRef("whole"))
	k.Label("last")
	k.TESTQ(n, n)
	k.JZ(LabelRef("test"))
	k.loadMasked(Mem{Base: a}, k.window(k.copyInt(n))(0), v)
	k.XORQ(n, n)
	k.JMP(LabelRef("take"))
	k.Label("test")
	k.Store(k.none(k.cmp(gt, above, most)), k.ReturnIndex(0))
	k.VZEROUPPER()
	k.RET()
}

func (k *isa) copyInt(n reg.Register) reg.Register {
	r := k.GP64()
	k.MOVQ(n, r)
	return r
}

// none returns the byte 1 if the mask is empty, else 0.
func (k *isa) none(m mask) reg.Register {
	if k.wide() {
		k.KORTESTQ(m.r, m.r)
	} else {
		k.VPTEST(m.r, m.r)
	}
	r := k.GP8()
	k.SETEQ(r)
	return r
}

// stretch is how many values the functions below do in a turn; n must be a
// multiple.
const stretch = 32

// emitStretches writes func(dst *D, a *A, n int), one part of a stretch being as
// many values as a vector holds float64.
func (k *isa) emitStretches(name, dstType, aType string, part func(dst, a reg.Register, j int), dstSize, aSize int) {
	k.declare(name, fmt.Sprintf("func(dst *%s, a *%s, n int)", dstType, aType))
	dst, a := k.Load(k.Param("dst"), k.GP64()), k.Load(k.Param("a"), k.GP64())
	n := k.Load(k.Param("n"), k.GP64())
	k.Label("turn")
	k.CMPQ(n, U32(stretch))
	k.JL(LabelRef("done"))
	for j := range stretch * 8 / k.width {
		part(dst, a, j)
	}
	k.ADDQ(U32(uint32(stretch*dstSize)), dst)
	k.ADDQ(U32(uint32(stretch*aSize)), a)
	k.SUBQ(U32(stretch), n)
	k.JMP(LabelRef("turn"))
	k.Label("done")
	k.VZEROUPPER()
	k.RET()
}

func (k *isa) emitAccumulate() {
	d := k.at(64, k.width)
	k.emitStretches("accumulate", "float64", k.goType(), func(dst, a reg.Register, j int) {
		m := Mem{Base: dst, Disp: j * k.width}
		k.VMOVUPD(d.add(k.widened(a, j), m), m)
	}, 8, k.size())
}

func (k *isa) emitToFloat64() {
	k.emitStretches("toFloat64", "float64", "float32", func(dst, a reg.Register, j int) {
		k.VMOVUPD(k.widened(a, j), Mem{Base: dst, Disp: j * k.width})
	}, 8, 4)
}

func (k *isa) emitFromFloat64() {
	nk := k.narrow()
	k.emitStretches("fromFloat64", "float32", "float64", func(dst, a reg.Register, j int) {
		r, from := nk.vec(), Mem{Base: a, Disp: j * k.width}
		if k.wide() {
			k.VCVTPD2PS(from, r)
		} else {
			k.VCVTPD2PSY(from, r)
		}
		k.VMOVUPS(r, Mem{Base: dst, Disp: j * nk.width})
	}, 4, 8)
}
