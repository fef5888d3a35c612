package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// V is a vector register before allocation.
type V = reg.VecVirtual

// An isa emits the instructions of one feature level and one precision, so that
// the body of a kernel is written once.
type isa struct {
	*build.Context
	level  string // AVX2 or AVX512
	bits   int    // of an element: 32 or 64
	width  int    // bytes of a vector
	consts map[string]Mem
	// shared holds the constants that the vectors of one turn of a loop have in
	// registers; nil outside of such loops. See interleave.
	shared map[string]V
}

// widths are the bytes of the largest vectors.
var widths = map[string]int{"AVX2": 32, "AVX512": 64}

func (k *isa) wide() bool   { return k.level == "AVX512" }
func (k *isa) double() bool { return k.bits == 64 }
func (k *isa) size() int    { return k.bits / 8 }

// lanes returns the number of elements of a vector.
func (k *isa) lanes() int { return k.width / k.size() }

// goType returns the name of the element type.
func (k *isa) goType() string { return fmt.Sprintf("float%d", k.bits) }

// suffix ends the names of the functions of this level and precision.
func (k *isa) suffix() string { return fmt.Sprintf("%sF%d", k.level, k.bits) }

// at returns the same level for elements and vectors of another size, in the same
// file.
func (k *isa) at(bits, width int) *isa {
	return &isa{Context: k.Context, level: k.level, bits: bits, width: width, consts: k.consts}
}

func (k *isa) vec() V {
	switch k.width {
	case 64:
		return k.ZMM()
	case 32:
		return k.YMM()
	}
	return k.XMM()
}

type instruction = func(ops ...Op)

// by picks the single or the double precision form.
func (k *isa) by(single, double instruction) instruction {
	if k.double() {
		return double
	}
	return single
}

// scalarPrefix starts the names of constants for instructions that broadcast.
const scalarPrefix = "scalar"

// splat returns a read-only vector of equal words, an operand of any instruction
// for elements of this size. For AVX-512 it is one word, see broadcastScalars: the
// linker does not align to 64 bytes.
func (k *isa) splat(word uint64) Op {
	if k.wide() {
		return k.share(k.table(fmt.Sprintf("%sx%0*x", scalarPrefix, k.bits/4, word), 1, func(int) uint64 { return word }))
	}
	return k.share(k.table(fmt.Sprintf("splat%dx%0*x", k.width*8, k.bits/4, word), k.lanes(), func(int) uint64 { return word }))
}

// share returns the register that holds the constant, where there is one.
func (k *isa) share(m Mem) Op {
	if k.shared == nil {
		return m
	}
	if _, ok := k.shared[m.Symbol.Name]; !ok {
		k.shared[m.Symbol.Name] = k.load(m)
	}
	return k.shared[m.Symbol.Name]
}

// table returns read-only data of n words.
func (k *isa) table(name string, n int, word func(i int) uint64) Mem {
	if m, ok := k.consts[name]; ok {
		return m
	}
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range n {
		if k.double() {
			k.AddDatum(i*8, U64(word(i)))
		} else {
			k.AddDatum(i*4, U32(uint32(word(i))))
		}
	}
	k.consts[name] = m
	return m
}

// bitsOf returns the representation of x.
func (k *isa) bitsOf(x float64) uint64 {
	if k.double() {
		return math.Float64bits(x)
	}
	return uint64(math.Float32bits(float32(x)))
}

// c returns the constant x, rounded to the precision.
func (k *isa) c(x float64) Op { return k.splat(k.bitsOf(x)) }

// one of two constants, by precision.
func (k *isa) c2(single, double float64) Op {
	if k.double() {
		return k.c(double)
	}
	return k.c(single)
}

// mantissa returns the number of mantissa bits stored.
func (k *isa) mantissa() int {
	if k.double() {
		return 52
	}
	return 23
}

func (k *isa) signBit() Op { return k.splat(1 << (k.bits - 1)) }
func (k *isa) nan() Op     { return k.c(math.NaN()) }
func (k *isa) inf() Op     { return k.c(math.Inf(1)) }

// Arithmetic: new register = a op b.

func (k *isa) add(a V, b Op) V { r := k.vec(); k.by(k.VADDPS, k.VADDPD)(b, a, r); return r }
func (k *isa) sub(a V, b Op) V { r := k.vec(); k.by(k.VSUBPS, k.VSUBPD)(b, a, r); return r }
func (k *isa) mul(a V, b Op) V { r := k.vec(); k.by(k.VMULPS, k.VMULPD)(b, a, r); return r }
func (k *isa) div(a V, b Op) V { r := k.vec(); k.by(k.VDIVPS, k.VDIVPD)(b, a, r); return r }
func (k *isa) sqrt(a V) V      { r := k.vec(); k.by(k.VSQRTPS, k.VSQRTPD)(a, r); return r }

// min returns a if a < b, else b: also where either is NaN, or both are zero.
func (k *isa) min(a V, b Op) V { r := k.vec(); k.by(k.VMINPS, k.VMINPD)(b, a, r); return r }

// max returns a if a > b, else b: also where either is NaN, or both are zero.
func (k *isa) max(a V, b Op) V { r := k.vec(); k.by(k.VMAXPS, k.VMAXPD)(b, a, r); return r }

// load returns the register that holds m.
func (k *isa) load(m Op) V {
	if r, ok := m.(V); ok {
		return r
	}
	r := k.vec()
	k.by(k.VMOVUPS, k.VMOVUPD)(m, r)
	return r
}

// copy returns a copy that an instruction may overwrite. See coalesce.
func (k *isa) copy(a Op) V {
	if _, constant := a.(Mem); constant {
		return k.load(a)
	}
	r := k.vec()
	k.VMOVAPS(a, r)
	return r
}

// fma returns a·b + c.
func (k *isa) fma(a V, b, c Op) V {
	r := k.copy(c)
	k.by(k.VFMADD231PS, k.VFMADD231PD)(b, a, r)
	return r
}

// fnma returns c - a·b.
func (k *isa) fnma(a V, b, c Op) V {
	r := k.copy(c)
	k.by(k.VFNMADD231PS, k.VFNMADD231PD)(b, a, r)
	return r
}

// fms returns a·b - c.
func (k *isa) fms(a V, b, c Op) V {
	r := k.copy(c)
	k.by(k.VFMSUB231PS, k.VFMSUB231PD)(b, a, r)
	return r
}

// round returns the nearest integer, even in a tie.
func (k *isa) round(a V) V {
	r := k.vec()
	if k.wide() {
		k.by(k.VRNDSCALEPS, k.VRNDSCALEPD)(Imm(8), a, r)
	} else {
		k.by(pad3(k.VROUNDPS), pad3(k.VROUNDPD))(Imm(8), a, r)
	}
	return r
}

// horner returns c[0] + x·(c[1] + x·(…)).
func (k *isa) horner(x V, c ...float64) V {
	r := k.copy(k.c(c[len(c)-1]))
	for i := len(c) - 2; i >= 0; i-- {
		k.by(k.VFMADD213PS, k.VFMADD213PD)(k.c(c[i]), x, r)
	}
	return r
}

// poly returns the same as horner from two chains in x², which a superscalar
// processor runs side by side. x2 is x².
func (k *isa) poly(x, x2 V, c ...float64) V {
	if len(c) < 6 {
		return k.horner(x, c...)
	}
	var even, odd []float64
	for i, v := range c {
		if i%2 == 0 {
			even = append(even, v)
		} else {
			odd = append(odd, v)
		}
	}
	return k.fma(k.horner(x2, odd...), x, k.horner(x2, even...))
}

// Bits.

func (k *isa) and(a V, b Op) V { r := k.vec(); k.by(k.VANDPS, k.VANDPD)(b, a, r); return r }
func (k *isa) or(a V, b Op) V  { r := k.vec(); k.by(k.VORPS, k.VORPD)(b, a, r); return r }
func (k *isa) xor(a V, b Op) V { r := k.vec(); k.by(k.VXORPS, k.VXORPD)(b, a, r); return r }
func (k *isa) abs(a V) V       { return k.and(a, k.splat(1<<(k.bits-1)-1)) }
func (k *isa) neg(a V) V       { return k.xor(a, k.signBit()) }
func (k *isa) sign(a V) V      { return k.and(a, k.signBit()) }
func (k *isa) zero() V         { r := k.vec(); k.clear(r); return r }

// clear sets a register to 0.
func (k *isa) clear(r V) {
	if k.wide() {
		k.VPXORD(r, r, r)
	} else {
		k.VXORPS(r, r, r)
	}
}

func (k *isa) addInt(a V, b Op) V { r := k.vec(); k.by(k.VPADDD, k.VPADDQ)(b, a, r); return r }
func (k *isa) subInt(a V, b Op) V { r := k.vec(); k.by(k.VPSUBD, k.VPSUBQ)(b, a, r); return r }
func (k *isa) shl(a V, n int) V {
	r := k.vec()
	k.by(k.VPSLLD, k.VPSLLQ)(Imm(uint64(n)), a, r)
	return r
}
func (k *isa) shr(a V, n int) V {
	r := k.vec()
	k.by(k.VPSRLD, k.VPSRLQ)(Imm(uint64(n)), a, r)
	return r
}

// A mask is the result of a comparison: a k register or a vector.
type mask struct{ r reg.Register }

// Predicates of cmp. Where an argument is NaN, ne, un and notLess hold, and the
// others do not.
const (
	eq        = 0x00
	un        = 0x03
	ne        = 0x04
	notLess   = 0x15
	lt        = 0x11
	le        = 0x12
	gt        = 0x1e
	neOrdered = 0x0c
)

// cmp compares a with b.
func (k *isa) cmp(predicate uint64, a V, b Op) mask {
	var r reg.Register = k.vec()
	if k.wide() {
		r = k.K()
	}
	k.by(k.VCMPPS, k.VCMPPD)(Imm(predicate), b, a, r)
	return mask{r}
}

// negative tells by the sign bit, of zeros and NaN too.
func (k *isa) negative(a V) mask {
	if !k.wide() {
		return mask{a}
	}
	m := k.K()
	k.by(pad2(k.VPMOVD2M), pad2(k.VPMOVQ2M))(a, m)
	return mask{m}
}

// sel returns a where m holds, else b.
func (k *isa) sel(m mask, a Op, b V) V {
	r := k.vec()
	if k.wide() {
		k.by(k.VBLENDMPS, k.VBLENDMPD)(a, b, m.r, r)
		return r
	}
	k.by(pad4(k.VBLENDVPS), pad4(k.VBLENDVPD))(m.r, a, b, r)
	return r
}

// onlyV returns a where m holds, else 0.
func (k *isa) onlyV(m mask, a V) V {
	if k.wide() {
		return k.sel(m, a, k.zero())
	}
	return k.and(m.r.(V), a)
}

// both returns where a and b hold.
func (k *isa) both(a, b mask) mask {
	if !k.wide() {
		return mask{k.and(a.r.(V), b.r)}
	}
	r := k.K()
	k.KANDQ(a.r, b.r, r)
	return mask{r}
}

// only returns a where m holds, else 0.
func (k *isa) only(m mask, a Op) V {
	if !k.wide() {
		return k.and(m.r.(V), a)
	}
	r := k.vec()
	k.by(pad3(k.VMOVUPS_Z), pad3(k.VMOVUPD_Z))(a, m.r, r)
	return r
}
