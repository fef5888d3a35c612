package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// V is a vector register before allocation, R a general one.
type (
	V = reg.VecVirtual
	R = reg.GPVirtual
)

// C is one complex number for each lane.
type C struct{ re, im V }

// An isa emits the instructions of one feature level and one precision, so that
// the body of a kernel is written once.
type isa struct {
	*build.Context
	level     string
	bits      int // of an element: 32 or 64
	bytes     int // of a vector
	registers int
	table     []string
	shared    []string // what AVX-512 may use, too
	consts    map[string]Mem
}

func (k *isa) double() bool { return k.bits == 64 }
func (k *isa) size() int    { return k.bits / 8 }
func (k *isa) lanes() int   { return k.bytes / k.size() }

// rowBytes returns the size of a row of a tile.
func (k *isa) rowBytes() int { return 2 * k.bytes }

func (k *isa) goType() string { return fmt.Sprintf("float%d", k.bits) }
func (k *isa) suffix() string { return fmt.Sprintf("%sF%d", k.level, k.bits) }

// radices returns the radices of the stages that are generated.
func (k *isa) radices() []int {
	if k.registers == 32 {
		return []int{2, 3, 4, 5, 7, 8}
	}
	return []int{2, 3, 4, 5, 7}
}

// fused returns the radices of the stages that are done while loading and
// storing lines of a layout; 1 is none.
func (k *isa) fused(layout int) []int {
	switch {
	case layout == rows:
		return []int{1}
	case layout == columns && k.registers == 32:
		return []int{1, 2, 4, 8}
	case layout == columns:
		return []int{1, 2, 4}
	case k.registers == 32:
		return []int{1, 4, 8}
	}
	return []int{1, 4}
}

func (k *isa) vec() V {
	if k.bytes == 64 {
		return k.ZMM()
	}
	return k.YMM()
}

type instruction = func(ops ...Op)

// by picks the single or the double precision form.
func (k *isa) by(single, double instruction) instruction {
	if k.double() {
		return double
	}
	return single
}

func (k *isa) add(a V, b Op) V { r := k.vec(); k.by(k.VADDPS, k.VADDPD)(b, a, r); return r }
func (k *isa) sub(a V, b Op) V { r := k.vec(); k.by(k.VSUBPS, k.VSUBPD)(b, a, r); return r }
func (k *isa) mul(a V, b Op) V { r := k.vec(); k.by(k.VMULPS, k.VMULPD)(b, a, r); return r }

// fma adds a·b to acc, fnma subtracts it, fms makes acc a·b - acc.
func (k *isa) fma(acc, a V, b Op)  { k.by(k.VFMADD231PS, k.VFMADD231PD)(b, a, acc) }
func (k *isa) fnma(acc, a V, b Op) { k.by(k.VFNMADD231PS, k.VFNMADD231PD)(b, a, acc) }
func (k *isa) fms(acc, a V, b Op)  { k.by(k.VFMSUB231PS, k.VFMSUB231PD)(b, a, acc) }

func (k *isa) load1(m Mem) V { r := k.vec(); k.by(k.VMOVUPS, k.VMOVUPD)(m, r); return r }
func (k *isa) save1(v V, m Mem) {
	k.by(k.VMOVUPS, k.VMOVUPD)(v, m)
}

func (k *isa) broadcast(m Mem) V {
	r := k.vec()
	k.by(k.VBROADCASTSS, k.VBROADCASTSD)(m, r)
	return r
}

// disp returns m moved by a constant.
func disp(m Mem, bytes int) Mem {
	m.Disp += bytes
	return m
}

// loadRow loads the row of a tile at m, saveRow stores it.
func (k *isa) loadRow(m Mem) C { return C{k.load1(m), k.load1(disp(m, k.bytes))} }
func (k *isa) saveRow(c C, m Mem) {
	k.save1(c.re, m)
	k.save1(c.im, disp(m, k.bytes))
}

// constant returns x as read-only data, a vector of equal elements.
func (k *isa) constant(x float64) Mem {
	word := math.Float64bits(x)
	if !k.double() {
		word = uint64(math.Float32bits(float32(x)))
	}
	return k.alternating(word, word)
}

// data returns words as read-only data.
func (k *isa) data(words []uint64) Mem {
	name := fmt.Sprintf("fft%sWords", k.suffix())
	for _, w := range words {
		name += fmt.Sprintf("x%x", w)
	}
	if m, ok := k.consts[name]; ok {
		return m
	}
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, w := range words {
		k.AddDatum(i*8, U64(w))
	}
	k.consts[name] = m
	return m
}

// alternating returns read-only data, a vector of a and b in turn.
func (k *isa) alternating(a, b uint64) Mem {
	name := fmt.Sprintf("fft%s%x", k.suffix(), a)
	if a != b {
		name += fmt.Sprintf("x%x", b)
	}
	if m, ok := k.consts[name]; ok {
		return m
	}
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range k.lanes() {
		word := a
		if i%2 == 1 {
			word = b
		}
		if k.double() {
			k.AddDatum(i*8, U64(word))
		} else {
			k.AddDatum(i*4, U32(uint32(word)))
		}
	}
	k.consts[name] = m
	return m
}

// turned returns where x and −x are in turn: what swapped parts are times to be
// multiplied by −ix.
func (k *isa) turned(x float64) Mem {
	if k.double() {
		return k.alternating(math.Float64bits(x), math.Float64bits(-x))
	}
	return k.alternating(uint64(math.Float32bits(float32(x))), uint64(math.Float32bits(float32(-x))))
}

// General registers.

func (k *isa) slice(name string) R { return k.Load(k.Param(name).Base(), k.GP64()).(R) }
func (k *isa) arg(name string) R   { return k.Load(k.Param(name), k.GP64()).(R) }

// lineAt returns the address of line l of those at hand, whose offsets are at off, in the
// array called base.
func (k *isa) lineAt(base string, off R, l int) R {
	o := k.GP64()
	k.MOVQ(Mem{Base: off, Disp: 8 * l}, o)
	k.LEAQ(k.element(k.slice(base), o), o)
	return o
}

// argBytes loads a number of elements, in bytes.
func (k *isa) argBytes(name string) R {
	r := k.arg(name)
	k.SHLQ(U8(map[int]int{4: 2, 8: 3}[k.size()]), r)
	return r
}

// argScalar loads an element into all lanes.
func (k *isa) argScalar(name string) V {
	m, err := k.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return k.broadcast(m.Addr)
}

// times returns n·a for a constant n.
func (k *isa) times(a R, n int) R {
	r := k.GP64()
	k.IMUL3Q(U32(uint32(n)), a, r)
	return r
}

// loop repeats body n times, at least once.
func (k *isa) loop(label string, n R, body func()) {
	k.Label(label)
	body()
	k.DECQ(n)
	k.JNZ(LabelRef(label))
}

// A strided is a set of up to 8 equidistant addresses from a moving base.
type strided struct {
	k           *isa
	count       int
	base, far   R // far is 4 steps from base; nil if it is not needed
	step, step3 R
}

// strided returns the addresses base + t·step for t < count.
func (k *isa) strided(base, step R, count int) *strided {
	return k.origin(base, step, count).settle()
}

// origin returns a strided that is only good for from and advance.
func (k *isa) origin(base, step R, count int) *strided {
	s := &strided{k: k, count: count, base: base, step: step}
	if count > 3 {
		s.step3 = k.GP64()
		k.LEAQ(Mem{Base: step, Index: step, Scale: 2}, s.step3)
	}
	return s
}

func (s *strided) settle() *strided {
	if s.count > 4 {
		s.far = s.k.GP64()
		s.k.LEAQ(Mem{Base: s.base, Index: s.step, Scale: 4}, s.far)
	}
	return s
}

// from returns the same addresses relative to base + offset.
func (s *strided) from(offset R) *strided {
	r := *s
	r.base = s.k.GP64()
	s.k.LEAQ(Mem{Base: s.base, Index: offset, Scale: 1}, r.base)
	return r.settle()
}

// at returns the address t steps from base.
func (s *strided) at(t int) Mem {
	b := s.base
	if t >= 4 {
		b, t = s.far, t-4
	}
	switch t {
	case 0:
		return Mem{Base: b}
	case 3:
		return Mem{Base: b, Index: s.step3, Scale: 1}
	}
	return Mem{Base: b, Index: s.step, Scale: uint8(t)}
}

// advance moves the base.
func (s *strided) advance(by Op) {
	s.k.ADDQ(by, s.base)
	if s.far != nil {
		s.k.ADDQ(by, s.far)
	}
}
