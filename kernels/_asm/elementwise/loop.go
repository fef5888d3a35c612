package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A kernel is one elementwise operation.
type kernel struct {
	name   string
	types  string // of dst and of the arguments, real or complex: "r=rr", "c=cr"
	params int    // how many of s and t it reads
	unroll int    // vectors in a turn of the main loop; 1: no separate main loop
	body   func(k *isa, x in) (re, im V)
}

// in holds the values of one vector's worth of elements: real parts in a, b, c,
// imaginary parts in ai, bi.
type in struct{ a, b, c, ai, bi, s, t V }

// real1, real2 and real3 make the body of a real kernel.
func real1(f func(*isa, V) V) func(*isa, in) (V, V) {
	return func(k *isa, x in) (V, V) { return f(k, x.a), nil }
}
func real2(f func(k *isa, a, b V) V) func(*isa, in) (V, V) {
	return func(k *isa, x in) (V, V) { return f(k, x.a, x.b), nil }
}
func real3(f func(k *isa, x in) V) func(*isa, in) (V, V) {
	return func(k *isa, x in) (V, V) { return f(k, x), nil }
}

// A stream is one operand in memory: element i at ptr + i·size, twice that if
// complex. It is loaded as raw vectors, which the body gets in parts.
type stream struct {
	complex bool
	ptr     reg.Register
	raw     []V
}

// A loop is a kernel being emitted.
type loop struct {
	*isa
	*kernel
	dst   stream
	args  []stream
	mixed bool         // some operands are real and some complex
	at, n reg.Register // bytes (of real elements) done, elements left
	x     in
}

// emit writes the function of a kernel, turn being what emits the vectors of a turn:
//
//	main: while n ≥ unroll·lanes: that many vectors
//	one:  while n ≥ lanes: one vector, by way of body
//	last: the rest, masked, by way of body too
func (k *isa) emit(kn kernel, turn func(*loop)) {
	l := k.begin(kn)
	if kn.unroll > 1 {
		k.Label("main")
		k.CMPQ(l.n, U32(uint32(kn.unroll*k.lanes())))
		k.JL(LabelRef("one"))
		turn(l)
		k.ADDQ(U32(uint32(kn.unroll*k.width)), l.at)
		k.SUBQ(U32(uint32(kn.unroll*k.lanes())), l.n)
		k.JMP(LabelRef("main"))
	}
	k.Label("one")
	k.SUBQ(U32(uint32(k.lanes())), l.n) // negative from here on in the last turn
	k.JL(LabelRef("last"))
	l.loadAll(0)
	k.Label("body")
	out := l.run()
	k.TESTQ(l.n, l.n)
	k.JL(LabelRef("lastStore"))
	l.storeResult(0, out)
	k.ADDQ(U32(uint32(k.width)), l.at)
	k.JMP(LabelRef("one"))
	k.Label("last")
	k.CMPQ(l.n, I32(int32(-k.lanes())))
	k.JE(LabelRef("done"))
	l.loadLast()
	k.JMP(LabelRef("body"))
	k.Label("lastStore")
	l.storeLast(out)
	k.Label("done")
	k.VZEROUPPER()
	k.RET()
}

func (l *loop) inOrder() {
	for u := range l.unroll {
		l.loadAll(u)
		l.storeResult(u, l.run())
	}
}

func (l *loop) interleaved() {
	l.interleave(l.unroll, func(u int) {
		for i := range l.args {
			l.args[i].newRegisters(l.isa)
		}
		l.loadAll(u)
		l.storeResult(u, l.run())
	})
}

// begin declares the function and loads its arguments.
func (k *isa) begin(kn kernel) *loop {
	t := k.goType()
	k.Function(kn.name + k.suffix())
	k.Attributes(attr.NOSPLIT)
	k.Pragma("noescape")
	k.SignatureExpr(fmt.Sprintf("func(dst, a, b, c *%s, n int, s, t %s)", t, t))
	out, args, _ := strings.Cut(kn.types, "=")
	l := &loop{isa: k, kernel: &kn, mixed: strings.Contains(kn.types, "c") && strings.Contains(kn.types, "r")}
	l.dst = k.stream("dst", out == "c")
	for i, t := range args {
		l.args = append(l.args, k.stream("abc"[i:i+1], t == 'c'))
	}
	l.n = k.Load(k.Param("n"), k.GP64())
	for i := range kn.params {
		*[]*V{&l.x.s, &l.x.t}[i] = k.broadcast("st"[i : i+1])
	}
	l.at = k.GP64()
	k.XORQ(l.at, l.at)
	return l
}

func (k *isa) stream(name string, complex bool) stream {
	s := stream{complex: complex, ptr: k.Load(k.Param(name), k.GP64())}
	s.newRegisters(k)
	return s
}

func (s *stream) newRegisters(k *isa) {
	s.raw = []V{k.vec()}
	if s.complex {
		s.raw = append(s.raw, k.vec())
	}
}

// broadcast fills a vector with a scalar argument.
func (k *isa) broadcast(param string) V {
	p, err := k.Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	r := k.vec()
	k.by(k.VBROADCASTSS, k.VBROADCASTSD)(p.Addr, r)
	return r
}

// mem returns where vector j of the stream is, u turns ahead.
func (l *loop) mem(s stream, u, j int) Mem {
	m := Mem{Base: s.ptr, Index: l.at, Scale: uint8(len(s.raw))}
	return m.Offset((u*len(s.raw) + j) * l.width)
}

func (l *loop) loadAll(u int) {
	for _, s := range l.args {
		for j, r := range s.raw {
			l.VMOVUPS(l.mem(s, u, j), r)
		}
	}
}

func (l *loop) loadLast() {
	for _, s := range l.args {
		for j, m := range l.lastMasks(s) {
			l.loadMasked(l.mem(s, 0, j), m, s.raw[j])
		}
	}
}

// storeResult stores the raw vectors of a result.
func (l *loop) storeResult(u int, out []V) {
	for j, r := range out {
		l.VMOVUPS(r, l.mem(l.dst, u, j))
	}
}

func (l *loop) storeLast(out []V) {
	for j, m := range l.lastMasks(l.dst) {
		l.storeMasked(out[j], m, l.mem(l.dst, 0, j))
	}
}

// lastMasks returns the masks of the raw vectors of a stream that hold the last
// elements, n + lanes of them.
func (l *loop) lastMasks(s stream) []mask {
	words := l.GP64()
	l.LEAQ(Mem{Base: l.n, Disp: l.lanes()}, words)
	if s.complex {
		l.ADDQ(words, words)
	}
	return l.firstWords(words, len(s.raw))
}

// firstWords returns the masks of the first so many words of n vectors.
func (k *isa) firstWords(words reg.Register, n int) (ms []mask) {
	w := k.window(words)
	for j := range n {
		ms = append(ms, w(j))
	}
	return ms
}

// window returns what emits the masks of the first so many words of vectors 0, 1,
// …, to be called in that order. It overwrites words.
func (k *isa) window(words reg.Register) func(j int) mask {
	if k.wide() {
		ones := k.GP64()
		k.MOVQ(I32(-1), ones)
		k.BZHIQ(words, ones, ones)
		return func(int) mask {
			m := k.K()
			k.KMOVQ(ones, m)
			k.SHRQ(Imm(uint64(k.lanes())), ones)
			return mask{m}
		}
	}
	// A window on a table of ones, then zeros, that starts words before the zeros.
	const half = 32
	t := k.table(fmt.Sprintf("window%d", k.bits), 2*half, func(i int) uint64 {
		if i < half {
			return 1<<k.bits - 1
		}
		return 0
	})
	base := k.GP64()
	k.LEAQ(t, base)
	k.NEGQ(words)
	return func(j int) mask {
		m := k.vec()
		k.VMOVUPS(Mem{Base: base, Index: words, Scale: uint8(k.size()), Disp: half*k.size() + j*k.width}, m)
		return mask{m}
	}
}

// loadMasked loads the masked words and zeros the others.
func (k *isa) loadMasked(from Mem, m mask, r V) {
	if k.wide() {
		k.by(pad3(k.VMOVUPS_Z), pad3(k.VMOVUPD_Z))(from, m.r, r)
		return
	}
	k.by(pad3(k.VMASKMOVPS), pad3(k.VMASKMOVPD))(from, m.r, r)
}

// storeMasked stores the masked words.
func (k *isa) storeMasked(r V, m mask, to Mem) {
	if k.wide() {
		k.by(k.VMOVUPS, k.VMOVUPD)(r, m.r, to)
		return
	}
	k.by(pad3(k.VMASKMOVPS), pad3(k.VMASKMOVPD))(r, m.r, to)
}

// pad2, pad3 and pad4 give instructions of fixed arity the common type.
func pad2(f func(a, b Op)) instruction       { return func(o ...Op) { f(o[0], o[1]) } }
func pad3(f func(a, b, c Op)) instruction    { return func(o ...Op) { f(o[0], o[1], o[2]) } }
func pad4(f func(a, b, c, d Op)) instruction { return func(o ...Op) { f(o[0], o[1], o[2], o[3]) } }

// run emits the body on the loaded vectors and returns the raw vectors of the
// result.
func (l *loop) run() []V {
	x := l.x
	re, im := []*V{&x.a, &x.b, &x.c}, []*V{&x.ai, &x.bi}
	for i, s := range l.args {
		switch {
		case s.complex:
			*re[i], *im[i] = l.split(s.raw[0], s.raw[1])
		case l.mixed:
			*re[i] = l.toSplitOrder(s.raw[0])
		default:
			*re[i] = s.raw[0]
		}
	}
	r, i := l.body(l.isa, x)
	switch {
	case l.dst.complex:
		return l.join(r, i)
	case l.mixed:
		return []V{l.fromSplitOrder(r)}
	}
	return []V{r}
}

// split separates pairs into real and imaginary parts, in the order that
// shuffles within 128 bits leave; join is its inverse.
func (k *isa) split(v0, v1 V) (re, im V) {
	re, im = k.vec(), k.vec()
	if k.double() {
		k.VUNPCKLPD(v1, v0, re)
		k.VUNPCKHPD(v1, v0, im)
		return re, im
	}
	k.VSHUFPS(Imm(0x88), v1, v0, re)
	k.VSHUFPS(Imm(0xdd), v1, v0, im)
	return re, im
}

func (k *isa) join(re, im V) []V {
	v0, v1 := k.vec(), k.vec()
	k.by(k.VUNPCKLPS, k.VUNPCKLPD)(im, re, v0)
	k.by(k.VUNPCKHPS, k.VUNPCKHPD)(im, re, v1)
	return []V{v0, v1}
}

// toSplitOrder brings real elements into the order of split.
func (k *isa) toSplitOrder(v V) V { return k.permute(v, "toSplit", 0, 4, 1, 5, 2, 6, 3, 7) }

// fromSplitOrder is its inverse.
func (k *isa) fromSplitOrder(v V) V { return k.permute(v, "fromSplit", 0, 2, 4, 6, 1, 3, 5, 7) }

// permute moves 64-bit words of 512 bits as said; of 256 bits, it swaps the
// middle ones, its own inverse.
func (k *isa) permute(v V, name string, order ...uint64) V {
	r := k.vec()
	if k.width == 32 {
		k.VPERMPD(Imm(0xd8), v, r)
		return r
	}
	t := k.at(64, k.width).table(name, 8, func(i int) uint64 { return order[i] })
	k.VPERMPD(v, k.load(t), r)
	return r
}
