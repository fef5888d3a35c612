package autograd

import (
	"fmt"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// An Op is all that the engine knows of an operation. One literal defines it;
// Ops lists those of the engine, and a user's own Op is given to Tape.Apply.
//
// Exactly one of Eval and Lower is set. Eval is the definition in plain Go:
// documentation, fallback and oracle of every faster body. Lower is the
// composition from other ops that defines a fused op: oracle, derivatives, and
// what runs where a backend has no kernel for it.
type Op struct {
	// Name identifies the op in dumps, errors and kernel files.
	Name string
	// Doc says in one line what the op computes.
	Doc string
	// Type gives the type of the result or says why the arguments do not fit.
	Type func(attr any, in []tensor.Type) (tensor.Type, error)
	// VJP writes the adjoint of the op's differential under ⟨a,b⟩ = Re Σ āb
	// with other ops: one Value per argument, the zero Value for none. A nil VJP
	// means that the op has no gradient (comparisons, sign). An op with Lower
	// may leave it nil: its derivative is that of the composition.
	VJP func(n Node, g Value) []Value
	// Eval sets out, which is contiguous, from in, which may have any strides.
	// It must not allocate more than a few small values.
	Eval func(attr any, out tensor.Tensor, in []tensor.Tensor)
	// Lower records the op as a composition of others.
	Lower func(attr any, in []Value) Value

	// Scalar names the kernels.Scalar that computes one element, given the
	// types: the op is elementwise, its arguments have the shape of the result,
	// and Compile fuses it. Its parameters s and t are the attribute's, if that
	// is a Scalars.
	Scalar func(out tensor.Type, in []tensor.Type) string
	// View makes the op a view: it returns how the result lies in its argument's
	// memory, or false where that needs a copy.
	View func(attr any, in tensor.Tensor) (tensor.Tensor, bool)
	// CPU binds a fast body to memory, or returns nil where Eval must serve.
	CPU func(b *Bind) func()
	// CUDA is the scalar expression of an elementwise op in C, in x, y, z, s, t.
	CUDA string

	// InPlace says that Eval and every faster body may be given the memory of
	// the first argument, which is contiguous, for a result of the same type.
	InPlace bool
	// RowAxis, where it is not 0, says that the result is the first argument but for
	// one row along this axis for each image. Written over the argument, as InPlace
	// allows, nothing but that row is touched.
	RowAxis int
	// Parts lets the op run in a Loop: part k of the result, of so many equal parts along
	// axis 0, is what the op makes of part k of every argument, except for those whose bit
	// is set in whole, which it needs as they are. It returns the attribute of the op on a
	// part, or false where this does not hold. Elementwise ops do without. Bodies, and Eval,
	// then run for several parts at the same time, each on what it was bound to.
	Parts func(attr any, in []tensor.Type, parts int) (part any, whole uint64, ok bool)
	// Linear has bit i set if the op is real-linear in argument i.
	Linear uint64
	// FLOPs counts the operations; nil counts those of what Lower records, or one per
	// element of the result where there is no Lower either.
	FLOPs func(attr any, out tensor.Type, in []tensor.Type) int64
	// Room says in about how many bytes the CPU's body works beside its arguments and
	// its result, with so many threads; nil means few.
	Room func(attr any, in []tensor.Type, threads int) int64
	// Samples says on what tests run the op. There is at least one.
	Samples []Sample
}

// Scalars is the attribute of an elementwise op with numeric parameters.
type Scalars struct{ S, T float64 }

// A Sample is one set of arguments on which an op is tested: types (their
// precision is varied by the tests), the attribute, and the range from which
// real values are drawn, uniformly; complex ones have parts from that range.
type Sample struct {
	Attr   any
	In     []tensor.Type
	Lo, Hi float64 // both 0 mean -1 and 1
	// Values, if set, makes the arguments for ops that need more than a range
	// (distinct values, indices, masks). It must return tensors of In's types.
	Values func(in []tensor.Type, random func() float64) []tensor.Tensor
	// Smooth is false where the op is not differentiable almost everywhere
	// near the sample, with the reason.
	NotSmooth string
}

// A Node is what a VJP rule sees.
type Node struct {
	Out  Value
	In   []Value
	Attr any
}

// A Bind is what a CPU body is bound to: a step and the means to run it.
type Bind struct {
	Attr  any
	Out   tensor.Tensor // contiguous
	In    []tensor.Tensor
	Pool  *kernels.Pool
	Level kernels.Level
	BLAS  BLAS
	pre   []func() // copies that make arguments contiguous

	args []int32 // the nodes of In
	kept map[keptKey]any
}

// keptKey names what one step leaves for another: the node it is about, and what it is.
type keptKey struct {
	node int32
	what any
}

// Kept returns what make made for the first step of the program that asked for the
// same thing about the same Value, its argument i: memory in which it leaves what
// later ones need. They must be able to do without, as they may be bound alone. Steps
// that have an argument in common do not run at the same time.
func (b *Bind) Kept(i int, what any, make func() any) any {
	if i >= len(b.args) {
		return make()
	}
	key := keptKey{b.args[i], what}
	if _, ok := b.kept[key]; !ok {
		b.kept[key] = make()
	}
	return b.kept[key]
}

// Contiguous returns argument i with its elements in C order: the argument
// itself, or a copy that is made before every run of the body.
func (b *Bind) Contiguous(i int) tensor.Tensor {
	t := b.In[i]
	if t.IsContiguous() {
		return t
	}
	c := tensor.New(t.DType, t.Shape()...)
	b.pre = append(b.pre, bindCopy(c, t, b.Pool, b.Level))
	b.In[i] = c
	return c
}

// Ops lists the ops of the engine. Tests, documentation, coverage and
// fallbacks range over it.
var Ops []*Op

// define adds an op to Ops; it is called by package-level variables only.
func define(o *Op) *Op {
	Ops = append(Ops, o)
	return o
}

// linearAll is Op.Linear of an op that is linear in every argument.
const linearAll = ^uint64(0)

func wantArgs(in []tensor.Type, n int) error {
	if len(in) != n {
		return fmt.Errorf("%d arguments given, %d expected", len(in), n)
	}
	return nil
}
