// Package autograd records computations on tensors, differentiates them by
// recording more, compiles them once and replays them without allocating.
//
// A Tape records; a Value is a handle to what will be computed and has a type
// but no data. VJP, JVP and Grad add nodes to the same Tape. Compile prunes,
// hoists what depends on constants only, fuses, plans memory and binds
// kernels; Program.Run replays.
//
// Adjoints follow ⟨a,b⟩ = Re Σ āb: the gradient of a real loss with respect to
// a complex z is ∂L/∂Re z + i ∂L/∂Im z, as in PyTorch.
package autograd

import (
	"fmt"
	"sync/atomic"

	"github.com/percept-go/percept/tensor"
)

// A Tape records operations for one Backend. Recording computes nothing.
//
// A Tape, its Values and its Programs belong to one goroutine at a time; use
// by two at once panics with ErrConcurrent.
type Tape struct {
	backend Backend
	nodes   []node
	memo    map[nodeKey]int32
	at      *position // overrides the caller's position while a VJP rule records
	kinks   *kinks    // not nil while Soften or Subgradient records
	busy    atomic.Bool
	epoch   int // counts moves and arena growth; Programs bind again when it changes
	moves   int // counts moves; Programs lower again when it changes

	vars     []int32 // ids of the Vars, in order of creation
	byName   map[string]int32
	resident map[int32]tensor.Tensor // memory of Vars, Consts and hoisted values on the backend
	arena    tensor.Memory
	retired  []tensor.Memory // arenas that were too small; outputs are read from them until the next Run
	programs map[*Program]struct{}
	contents map[string]tensor.Tensor // constants that the engine makes, by content
	closed   bool
}

// node is one recorded operation or leaf.
type node struct {
	op   *Op
	attr any
	args []int32
	typ  tensor.Type
	pos  position
}

// nodeKey identifies a node: equal keys are the same Value. copy tells apart
// recordings of the same operation that must be computed twice.
type nodeKey struct {
	op   *Op
	attr any
	args string
	copy int
}

// A Value is a handle to one node of a Tape. It has a type and no data. The
// zero Value stands for none.
type Value struct {
	tape *Tape
	id   int32
}

// New returns an empty Tape for b; nil stands for the CPU with all threads.
func New(b Backend) *Tape {
	if b == nil {
		b = CPU{}
	}
	return &Tape{backend: b, memo: map[nodeKey]int32{}, byName: map[string]int32{},
		resident: map[int32]tensor.Tensor{}, programs: map[*Program]struct{}{}}
}

// enter marks t as in use and returns what ends that. It panics if t is in
// use already or closed.
func (t *Tape) enter(what string) func() {
	if !t.busy.CompareAndSwap(false, true) {
		panic(&Error{Op: what, Pos: caller().String(), Err: ErrConcurrent})
	}
	if t.closed {
		t.busy.Store(false)
		panic(&Error{Op: what, Pos: caller().String(), Err: fmt.Errorf("the Tape is %w", ErrClosed)})
	}
	return func() { t.busy.Store(false) }
}

// Backend returns the Backend that t is recorded for.
func (t *Tape) Backend() Backend { return t.backend }

// leaf ops: their attribute says what they are.
var (
	opConst = &Op{Name: "const", Doc: "a tensor that never changes"}
	opVar   = &Op{Name: "var", Doc: "a named tensor that persists between runs"}
	opHole  = &Op{Name: "hole", Doc: "a cotangent without memory, for JVP"}
)

func (n *node) leaf() bool { return n.op == opConst || n.op == opVar || n.op == opHole }

// record returns the node with this op, attribute and arguments, adding it if
// it is new.
func (t *Tape) record(op *Op, attr any, typ tensor.Type, args ...int32) Value {
	key := nodeKey{op: op, attr: attr, args: packIDs(args), copy: 0}
	if id, ok := t.memo[key]; ok {
		return Value{t, id}
	}
	n := node{op: op, attr: attr, args: append([]int32(nil), args...), typ: typ}
	if t.at != nil {
		n.pos = *t.at
	} else {
		n.pos = caller()
	}
	id := int32(len(t.nodes))
	t.nodes = append(t.nodes, n)
	t.memo[key] = id
	return Value{t, id}
}

func packIDs(ids []int32) string {
	b := make([]byte, 0, 4*len(ids))
	for _, i := range ids {
		b = append(b, byte(i), byte(i>>8), byte(i>>16), byte(i>>24))
	}
	return string(b)
}

// Const returns the Value of x, which never changes: what depends on Consts
// alone is computed once per Tape. x's memory must not be written afterwards.
// A Const of an equal Tensor is the same Value.
func (t *Tape) Const(x tensor.Tensor) Value {
	defer t.enter("const")()
	return t.record(opConst, x, x.Type)
}

// Scalar returns the Const v of rank 0 and the given real type.
func (t *Tape) Scalar(d tensor.DType, v float64) Value {
	defer t.enter("const")()
	return t.record(opFill, fillAttr{tensor.MakeType(d), v}, tensor.MakeType(d))
}

// Full returns the Const of the given type whose elements are all v.
func (t *Tape) Full(typ tensor.Type, v float64) Value {
	s := t.Scalar(typ.DType, v)
	return s.Expand(typ.Shape()...)
}

// Zeros returns the Const zero of the given type.
func (t *Tape) Zeros(typ tensor.Type) Value { return t.Full(typ, 0) }

// Var returns a tensor that persists from run to run, starting as a copy of
// init, and that Updates change. It panics if name is empty or taken.
func (t *Tape) Var(name string, init tensor.Tensor) Value {
	leave := t.enter("var")
	defer leave()
	if _, taken := t.byName[name]; taken || name == "" {
		panic(&Error{Op: "var", Pos: caller().String(), Err: fmt.Errorf("the name %q is empty or taken; every Var has a name of its own", name)})
	}
	x, err := t.stored(init)
	if err != nil {
		panic(&Error{Op: "var", In: []tensor.Type{init.Type}, Pos: caller().String(), Err: err})
	}
	v := t.record(opVar, name, init.Type)
	t.byName[name] = v.id
	t.vars = append(t.vars, v.id)
	t.resident[v.id] = x
	return v
}

// stored returns a contiguous copy of x in memory of t's backend.
func (t *Tape) stored(x tensor.Tensor) (tensor.Tensor, error) {
	mem, err := t.backend.Alloc(x.Bytes())
	if err != nil {
		return tensor.Tensor{}, err
	}
	dst := tensor.Wrap(mem, x.Type, 0)
	if err := t.backend.Copy(dst, x); err != nil {
		mem.Free()
		return tensor.Tensor{}, err
	}
	return dst, nil
}

// Vars returns the Vars of t in the order in which they were made.
func (t *Tape) Vars() []Value {
	vs := make([]Value, len(t.vars))
	for i, id := range t.vars {
		vs[i] = Value{t, id}
	}
	return vs
}

// Lookup returns the Var called name, and whether there is one.
func (t *Tape) Lookup(name string) (Value, bool) {
	id, ok := t.byName[name]
	return Value{t, id}, ok
}

// Name returns the name of a Var, and "" for other Values.
func (x Value) Name() string {
	name, _ := x.node().attr.(string)
	if x.node().op != opVar {
		return ""
	}
	return name
}

// Set copies x into the Var v. It errs if v is not a Var of x's type.
func (t *Tape) Set(v Value, x tensor.Tensor) error {
	defer t.enter("set")()
	dst, err := t.varMemory(v)
	if err != nil {
		return err
	}
	if dst.Type != x.Type {
		return fmt.Errorf("autograd: Set of the Var %q, a %v, to a %v", t.nodes[v.id].attr, dst.Type, x.Type)
	}
	return t.backend.Copy(dst, x)
}

// Get returns a copy of the Var v in host memory. It errs if v is not a Var.
func (t *Tape) Get(v Value) (tensor.Tensor, error) {
	defer t.enter("get")()
	src, err := t.varMemory(v)
	if err != nil {
		return tensor.Tensor{}, err
	}
	dst := tensor.New(src.DType, src.Shape()...)
	return dst, t.backend.Copy(dst, src)
}

// View returns the contents of the Var v to read: on the CPU as they are, until
// the next Run or Set changes them; from a device as a copy. It errs if v is not a
// Var or the copy fails.
func (t *Tape) View(v Value) (tensor.Tensor, error) {
	defer t.enter("view")()
	src, err := t.varMemory(v)
	if _, host := src.Mem.(*tensor.Host); err != nil || host {
		return src, err
	}
	dst := tensor.New(src.DType, src.Shape()...)
	return dst, t.backend.Copy(dst, src)
}

func (t *Tape) varMemory(v Value) (tensor.Tensor, error) {
	if v.tape != t || t.nodes[v.id].op != opVar {
		return tensor.Tensor{}, fmt.Errorf("autograd: the Value is not a Var of this Tape")
	}
	return t.resident[v.id], nil
}

// To moves t to another backend: Vars and Consts are copied, hoisted values
// computed again, Programs bound again at their next Run. Values and Programs
// stay valid. If it errs, t is unchanged.
func (t *Tape) To(b Backend) error {
	defer t.enter("to")()
	moved := map[int32]tensor.Tensor{}
	for _, id := range t.vars {
		dst, err := transfer(b, t.backend, t.resident[id])
		if err != nil {
			for _, x := range moved {
				x.Mem.Free()
			}
			return err
		}
		moved[id] = dst
	}
	for p := range t.programs {
		p.unbind()
		p.out = nil
	}
	t.freeResident()
	t.backend, t.resident = b, moved
	t.epoch++
	t.moves++
	return nil
}

// transfer copies x from one backend to memory of another, through the host.
func transfer(to, from Backend, x tensor.Tensor) (tensor.Tensor, error) {
	host := tensor.New(x.DType, x.Shape()...)
	if err := from.Copy(host, x); err != nil {
		return tensor.Tensor{}, err
	}
	mem, err := to.Alloc(x.Bytes())
	if err != nil {
		return tensor.Tensor{}, err
	}
	dst := tensor.Wrap(mem, x.Type, 0)
	if err := to.Copy(dst, host); err != nil {
		mem.Free()
		return tensor.Tensor{}, err
	}
	return dst, nil
}

// freeResident frees the memory that t owns on its backend.
func (t *Tape) freeResident() {
	freed := map[tensor.Memory]bool{}
	for id, x := range t.resident {
		if n := &t.nodes[id]; n.op == opConst && n.attr.(tensor.Tensor).Mem == x.Mem || freed[x.Mem] {
			continue // the caller's own memory
		}
		freed[x.Mem] = true
		x.Mem.Free()
	}
	if t.arena != nil {
		t.arena.Free()
		t.arena = nil
	}
	t.freeRetired()
}

// Trim frees the arenas that turned out too small for Programs compiled later, as
// the next Run would. Outputs of Programs that have run in them cannot be read any
// more. It panics if t is in use by another goroutine.
func (t *Tape) Trim() {
	defer t.enter("trim")()
	t.freeRetired()
}

func (t *Tape) freeRetired() {
	for p := range t.programs {
		if p.epoch != t.epoch { // its outputs lie there
			p.out = nil
		}
	}
	for _, m := range t.retired {
		m.Free()
	}
	t.retired = t.retired[:0]
}

// Close frees the memory of t and its Programs. The Backend stays open. A
// second call does nothing.
func (t *Tape) Close() {
	if t.closed {
		return
	}
	defer t.enter("close")()
	for p := range t.programs {
		p.unbind()
		p.freeRings()
		p.out = nil
	}
	t.freeResident()
	t.closed = true
}

// Type returns the type of x.
func (x Value) Type() tensor.Type { return x.tape.nodes[x.id].typ }

// Tape returns the Tape that x is recorded on; nil for the zero Value.
func (x Value) Tape() *Tape { return x.tape }

// Pos returns the file:line that recorded x, marked "(backward)" for a node
// that a VJP added.
func (x Value) Pos() string { return x.node().pos.String() }

// Valid reports whether x is a Value of a Tape, not the zero Value.
func (x Value) Valid() bool { return x.tape != nil }

func (x Value) node() *node { return &x.tape.nodes[x.id] }

// Apply records op on the given arguments and returns its result. It panics
// with *Error if they do not fit. For ops of the engine, call the methods of
// Value; Apply serves a user's own Op.
func (t *Tape) Apply(op *Op, attr any, in ...Value) Value {
	defer t.enter(op.Name)()
	return t.apply(op, attr, in...)
}

func (t *Tape) apply(op *Op, attr any, in ...Value) Value {
	types := make([]tensor.Type, len(in))
	ids := make([]int32, len(in))
	for i, v := range in {
		if v.tape != t {
			panic(&Error{Op: op.Name, Pos: caller().String(), Err: fmt.Errorf("argument %d is not a Value of this Tape", i)})
		}
		types[i], ids[i] = v.Type(), v.id
	}
	typ, err := op.Type(attr, types)
	if err != nil {
		panic(&Error{Op: op.Name, In: types, Pos: caller().String(), Err: err})
	}
	return t.record(op, attr, typ, ids...)
}
