package autograd

import (
	"fmt"
	"slices"
	"time"

	"github.com/percept-go/percept/tensor"
)

// A Backend owns memory and turns steps into something that runs. It does not
// grow when an op is added.
type Backend interface {
	// Name identifies the backend: "cpu", "cuda:0".
	Name() string
	// Alloc returns zeroed memory, or an error that wraps ErrMemory and says
	// how much was needed and free.
	Alloc(bytes int) (tensor.Memory, error)
	// Copy copies between tensors of one type, each on the host or in memory of
	// this backend, either with any strides. It is ordered after what Run
	// enqueued, and waits where dst is on the host.
	Copy(dst, src tensor.Tensor) error
	// Bind resolves the kernel of every step once and returns their replay. It
	// errs if a step has no kernel here and its op no Lower.
	Bind(steps []Step) (Bound, error)
	// Close frees the backend.
	Close() error
}

// A Bound replays the steps it was bound to.
type Bound interface {
	// Run enqueues the steps in order. It does not allocate.
	Run() error
	// Profile runs the steps once, waiting after each, and sets the time that
	// each took.
	Profile(took []time.Duration) error
	// Close frees what Bind allocated.
	Close()
}

// A Step is one kernel call: an op, or a fused elementwise group; or a Loop of such.
type Step struct {
	Op    *Op // nil for a group and a Loop
	Attr  any
	Out   []tensor.Tensor // one for an op (but see masks); for a group, the results that others read
	In    []tensor.Tensor
	Body  []Instr // of a group
	Level int     // steps of one level do not depend on each other
	Pos   string  // where it was recorded
	Loop  *Loop   // only where the backend runs Loops
	Parts int     // of a Loop whose step it is: how often it runs; else 0
	Moves []int   // of a group of a Loop: by how many elements each of In and Out is further on for the next part

	args []int32 // of an op, the nodes of In
}

// An Instr is one elementwise op of a fused group. Its arguments are numbered:
// the group's inputs first, then the results of its instructions.
type Instr struct {
	Op   *Op
	Attr any
	Type tensor.Type
	Args []int
	Out  int // where in Step.Out the result goes, or -1
}

// Name returns the op's name, or those of a group's ops.
func (s *Step) Name() string {
	if s.Op != nil {
		return s.Op.Name
	}
	name := ""
	for i, in := range s.Body {
		if i > 0 {
			name += "+"
		}
		if i == 8 && len(s.Body) > 9 {
			return name + fmt.Sprintf("…(%d ops)", len(s.Body))
		}
		name += in.Op.Name
	}
	return name
}

// Bytes returns how many bytes s reads and writes, repeated elements once.
func (s *Step) Bytes() (read, written int64) {
	for _, t := range s.In {
		read += int64(uniqueBytes(t))
	}
	for i, t := range s.Out {
		n := int64(uniqueBytes(t))
		switch {
		case s.Op == opStoreRow && i == 0:
			n = int64(uniqueBytes(s.In[0]))
		case s.Op != nil && s.Op.RowAxis > 0 && t == s.In[0]:
			n /= int64(t.Dim[s.Op.RowAxis])
		}
		written += n
	}
	n := int64(max(s.Parts, 1))
	switch s.Op {
	case opTake: // the argument is whole
		return read, n * written
	case opPut:
		return n * read, written
	}
	return n * read, n * written
}

func uniqueBytes(t tensor.Tensor) int {
	n := t.DType.Size()
	for i, d := range t.Dim[:t.Rank] {
		if t.Stride[i] != 0 {
			n *= d
		}
	}
	return n
}

// FLOPs returns the floating-point operations of s.
func (s *Step) FLOPs() int64 {
	times := int64(max(s.Parts, 1))
	if s.Op == nil {
		var n int64
		for _, in := range s.Body {
			n += int64(in.Type.Len())
		}
		return n * times
	}
	in := make([]tensor.Type, len(s.In))
	for i, t := range s.In {
		in[i] = t.Type
	}
	return s.Op.flops(s.Attr, s.Out[0].Type, in) * times
}

// flops counts the operations of op: where it does not say, those of what it lowers
// to, without what of that is constant, else one per element of the result.
func (op *Op) flops(attr any, out tensor.Type, in []tensor.Type) int64 {
	switch {
	case op.FLOPs != nil:
		return op.FLOPs(attr, out, in)
	case op.Lower == nil:
		return int64(out.Len())
	}
	t := New(nil)
	args := make([]Value, len(in))
	for i, typ := range in {
		args[i] = t.record(opHole, i, typ)
	}
	result := op.Lower(attr, args).id
	varies := make([]bool, len(t.nodes))
	for id, n := range t.nodes {
		varies[id] = n.op == opHole || slices.ContainsFunc(n.args, func(a int32) bool { return varies[a] })
	}
	var sum int64
	seen := map[int32]bool{}
	for todo := []int32{result}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n := &t.nodes[id]
		if seen[id] || !varies[id] || n.leaf() {
			continue
		}
		seen[id] = true
		types := make([]tensor.Type, len(n.args))
		for i, a := range n.args {
			types[i] = t.nodes[a].typ
		}
		sum += n.op.flops(n.attr, n.typ, types)
		todo = append(todo, n.args...)
	}
	return sum
}
