//go:build cuda && cgo

package cuda

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// The codes that are no scalar operation.
const (
	codeLoad = iota
	codeStore
	codeFill
)

// madeAhead returns the kernel that was compiled for a group like s.
func madeAhead(s *autograd.Step) (string, bool) {
	if s.Body[0].Type.Len() < aheadElements {
		return "", false
	}
	name, ok := groups[canonical(s)]
	return name, ok
}

// The structs of elementwise.cu.
type (
	operand struct {
		at           uint64
		stride       [tensor.MaxRank]int64
		complex, how int32
	}
	instr struct {
		code, dst, a, b, c int16
		_                  [3]int16
		s, t               float64
	}
	elementwise struct {
		first, blocks int32
		rank, ninstr  int32
		n             int64
		dim           [tensor.MaxRank]int32
		in, out, code uint64
	}
	convert struct {
		first, blocks int32
		rank, words   int32
		n             int64
		dim           [tensor.MaxRank]int32
		in            view
		out           uint64
	}
	view struct {
		at     uint64
		stride [tensor.MaxRank]int64
	}
)

// How an operand's elements are found.
const (
	flat = iota
	one
	strided
)

// axes are the axes that operands of one shape share, merged where all of them
// allow.
type axes struct {
	rank   int
	dim    [tensor.MaxRank]int32
	stride [][tensor.MaxRank]int64
}

func mergeAxes(ts ...tensor.Tensor) axes {
	a := axes{stride: make([][tensor.MaxRank]int64, len(ts))}
	for i, d := range ts[0].Shape() {
		if d == 1 {
			continue
		}
		k := a.rank - 1
		merge := k >= 0
		for j, t := range ts {
			merge = merge && a.stride[j][k] == int64(t.Stride[i]*d)
		}
		if !merge {
			k, a.rank = a.rank, a.rank+1
			a.dim[k] = 1
		}
		a.dim[k] *= int32(d)
		for j, t := range ts {
			a.stride[j][k] = int64(t.Stride[i])
		}
	}
	return a
}

// how returns how operand j lies.
func (a *axes) how(j int) int32 {
	plain, repeated, n := true, true, int64(1)
	for k := a.rank - 1; k >= 0; k-- {
		plain = plain && a.stride[j][k] == n
		repeated = repeated && a.stride[j][k] == 0
		n *= int64(a.dim[k])
	}
	switch {
	case plain:
		return flat
	case repeated:
		return one
	}
	return strided
}

func (b *binder) operands(ts []tensor.Tensor, a *axes, from int) (uint64, error) {
	ops := make([]operand, len(ts))
	for i, t := range ts {
		ops[i] = operand{at: address(t), stride: a.stride[from+i], how: a.how(from + i)}
		if t.DType.IsComplex() {
			ops[i].complex = 1
		}
	}
	return putSlice(b.arena, ops)
}

// suffix names the precision of a kernel.
func suffix(d tensor.DType) string {
	if d.Real() == tensor.Float32 {
		return "f32"
	}
	return "f64"
}

// bindGroup binds a fused elementwise group.
func (b *binder) bindGroup(s *autograd.Step) error {
	typ := s.Body[0].Type
	if typ.Len() == 0 {
		return nil
	}
	a := mergeAxes(append(append([]tensor.Tensor(nil), s.In...), s.Out...)...)
	p := elementwise{rank: int32(a.rank), dim: a.dim, n: int64(typ.Len())}
	var err error
	if p.in, err = b.operands(s.In, &a, 0); err != nil {
		return err
	}
	if p.out, err = b.operands(s.Out, &a, len(s.In)); err != nil {
		return err
	}
	code, slots, err := compile(s)
	if err != nil {
		return err
	}
	kernel := suffix(typ.DType)
	t, each, shared := slotLayout(slots, typ.DType.Real().Size(), typ.Len())
	if shared > b.dev.info.SharedOptIn {
		return fmt.Errorf("cuda: an elementwise group needs %d values at once, too many for the interpreter", slots)
	}
	q := p
	q.ninstr = int32(len(code))
	if q.code, err = putSlice(b.arena, code); err != nil {
		return err
	}
	r := newRequest(b, b.phase, fmt.Sprintf("ew_%s_%d", kernel, each), blocksOf(typ.Len(), t*each), t, shared, q)
	if name, ok := madeAhead(s); ok && !b.interpret {
		if p.code, err = putSlice(b.arena, numbersOf(s)); err != nil {
			return err
		}
		ahead := newRequest(b, b.phase, name+"_"+kernel, blocksOf(typ.Len(), 4*threads), threads, 0, p)
		r.ahead = &ahead
	}
	b.asked = append(b.asked, r)
	return nil
}

// numbersOf returns the numeric parameters of the instructions of a group.
func numbersOf(s *autograd.Step) []instr {
	code := make([]instr, len(s.Body))
	for i, in := range s.Body {
		code[i].s, code[i].t = parameters(in.Attr)
	}
	return code
}

// threads is how many a block has, but for two-loop and groups of many values.
const threads = 128

// slotLayout chooses threads and elements of a thread so that the slots fit into
// shared memory and enough blocks of them onto a processor; what one block can do
// is done by one.
func slotLayout(slots, size, n int) (block, each, shared int) {
	const plenty = 24 << 10
	block, each = threads, 4
	if n > 4*threads && n < 1<<15 || slots*block*each*size > plenty {
		each = 1
	}
	if slots*block*each*size > 48<<10 {
		block = 32
	}
	return block, each, slots * block * each * size
}

// parameters returns s and t of an elementwise op's attribute.
func parameters(attr any) (s, t float64) {
	p, _ := attr.(autograd.Scalars)
	return p.S, p.T
}

// compile turns a group into instructions of the interpreter, and says how many
// slots they need. An input is loaded before its first use; slots are used again
// after the last.
func compile(s *autograd.Step) (code []instr, slots int, err error) {
	c := &compiler{s: s, last: map[int]int{}, slot: map[int]int16{}}
	for i, in := range s.Body {
		for _, a := range in.Args {
			c.last[a] = i
		}
	}
	for i := range s.Body {
		if err := c.one(i); err != nil {
			return nil, 0, err
		}
	}
	return c.code, c.slots, nil
}

type compiler struct {
	s     *autograd.Step
	code  []instr
	last  map[int]int   // instruction that reads a value last
	slot  map[int]int16 // of the values that are live
	free  [3][]int16    // by words
	slots int
}

func (c *compiler) words(v int) int {
	if valueType(c.s, v).DType.IsComplex() {
		return 2
	}
	return 1
}

// take gives value v a slot.
func (c *compiler) take(v int) int16 {
	w := c.words(v)
	if f := c.free[w]; len(f) > 0 {
		c.slot[v], c.free[w] = f[len(f)-1], f[:len(f)-1]
	} else {
		c.slot[v] = int16(c.slots)
		c.slots += w
	}
	return c.slot[v]
}

// done frees the slots of the values among vs that nobody reads after i.
func (c *compiler) done(vs []int, i int) {
	for _, v := range vs {
		if s, live := c.slot[v]; live && c.last[v] <= i {
			c.free[c.words(v)] = append(c.free[c.words(v)], s)
			delete(c.slot, v)
		}
	}
}

// one emits instruction i of the group.
func (c *compiler) one(i int) error {
	in := &c.s.Body[i]
	for _, a := range in.Args {
		if _, live := c.slot[a]; !live {
			c.code = append(c.code, instr{code: codeLoad, dst: c.take(a), a: int16(a)})
		}
	}
	v := len(c.s.In) + i
	types := make([]tensor.Type, len(in.Args))
	for k, a := range in.Args {
		types[k] = valueType(c.s, a)
	}
	key := keyOf(in.Op, in.Type, types)
	code, ok := scalarCode[key]
	if !ok {
		return fmt.Errorf("cuda: the interpreter has no case for the op %q: the expression %q of kinds %s", in.Op.Name, in.Op.CUDA, key.kinds)
	}
	dst := c.take(v)
	k := instr{code: int16(code), dst: dst}
	k.s, k.t = parameters(in.Attr)
	slots := make([]int16, len(in.Args))
	for j, a := range in.Args {
		slots[j] = c.slot[a]
	}
	for j, to := range []*int16{&k.a, &k.b, &k.c} {
		if j < min(len(slots), mostOperands(in.Op)) {
			*to = slots[j]
		}
	}
	c.code = append(c.code, k)
	for j := mostOperands(in.Op); j < len(slots); j++ { // a sum of many, in order
		c.code = append(c.code, instr{code: int16(code), dst: dst, a: dst, b: slots[j]})
	}
	if in.Out >= 0 {
		c.code = append(c.code, instr{code: codeStore, dst: int16(in.Out), a: dst})
	}
	c.done(in.Args, i)
	if _, read := c.last[v]; !read {
		c.last[v] = i
		c.done([]int{v}, i)
	}
	return nil
}

// bindFill sets a tensor to a number.
func bindFill(b *binder, s *autograd.Step) error {
	v := s.Attr.(interface{ Number() float64 }).Number()
	out := s.Out[0]
	if out.Len() == 0 {
		return nil
	}
	a := mergeAxes(out)
	p := elementwise{rank: int32(a.rank), dim: a.dim, n: int64(out.Len()), ninstr: 2}
	code := []instr{{code: codeFill, s: v}, {code: codeStore}}
	slots := 1
	if out.DType.IsComplex() {
		code = []instr{{code: codeFill, s: v}, {code: codeFill, dst: 1}, {code: codeStore}}
		p.ninstr, slots = 3, 2
	}
	var err error
	if p.out, err = b.operands(s.Out, &a, 0); err != nil {
		return err
	}
	if p.code, err = putSlice(b.arena, code); err != nil {
		return err
	}
	t, each, shared := slotLayout(slots, out.DType.Real().Size(), out.Len())
	ask(b, b.phase, fmt.Sprintf("ew_%s_%d", suffix(out.DType), each), blocksOf(out.Len(), t*each), t, shared, p)
	return nil
}

// bindCast converts to another precision.
func bindCast(b *binder, s *autograd.Step) error {
	in, out := s.In[0], s.Out[0]
	if in.DType == out.DType {
		return bindCopy(b, s)
	}
	a := mergeAxes(in)
	p := convert{rank: int32(a.rank), dim: a.dim, n: int64(out.Len()), words: 1, in: view{address(in), a.stride[0]}, out: address(out)}
	if out.DType.IsComplex() {
		p.words = 2
	}
	ask(b, b.phase, "cast_"+suffix(in.DType)+"_"+suffix(out.DType), blocksOf(out.Len(), threads), threads, 0, p)
	return nil
}
