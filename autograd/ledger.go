package autograd

import (
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/percept-go/percept/internal/heap"
	"github.com/percept-go/percept/tensor"
)

// A Ledger is a Backend that computes nothing and has no memory: it keeps account
// of what a Tape would allocate on another Backend, whose kernels it claims to
// have. Of the CPU it also counts what kernels work in, and what the heap has grown by
// since the Ledger was made when something is compiled: the Tapes themselves. What is
// read from it is 1, which passes for a loss.
type Ledger struct {
	of         Backend
	live, peak int64
	heap       int64 // as it was
	seen       int64 // as it was last looked at
}

// NewLedger returns a Ledger for of, nil standing for the CPU.
func NewLedger(of Backend) *Ledger {
	if of == nil {
		of = CPU{}
	}
	h := heap.InUse()
	return &Ledger{of: of, heap: h, seen: h}
}

// Peak returns the most bytes that were allocated at a time. It does not panic.
func (l *Ledger) Peak() int64 { return l.peak }

// Backend returns the Backend that l stands for. It does not panic.
func (l *Ledger) Backend() Backend { return l.of }

// Name returns the name of the Backend that l stands for.
func (l *Ledger) Name() string { return l.of.Name() }

// Has reports whether the Backend that l stands for has a kernel for op.
func (l *Ledger) Has(op *Op) bool {
	b, ok := l.of.(lowers)
	return ok && b.Has(op)
}

// Masks reports whether the Backend that l stands for has a kernel of op that does.
func (l *Ledger) Masks(op *Op) bool {
	b, ok := l.of.(masks)
	return ok && b.Masks(op)
}

// LoopThreads returns that of the Backend that l stands for, 0 if it runs no Loops.
func (l *Ledger) LoopThreads() int {
	if b, ok := l.of.(loops); ok {
		return b.LoopThreads()
	}
	return 0
}

// entry is memory that is only counted.
type entry struct {
	l     *Ledger
	bytes int
}

func (e *entry) Bytes() int { return e.bytes }
func (e *entry) Free()      { e.l.live, e.l = e.l.live-int64(e.bytes), &Ledger{} }

// Alloc counts. It does not err.
func (l *Ledger) Alloc(bytes int) (tensor.Memory, error) {
	l.live += int64(bytes)
	l.peak = max(l.peak, l.live)
	return &entry{l, bytes}, nil
}

// Copy fills dst with ones if it is on the host. It errs if the types differ.
func (l *Ledger) Copy(dst, src tensor.Tensor) error {
	if dst.Type != src.Type {
		return fmt.Errorf("autograd: Copy of a %v to a %v", src.Type, dst.Type)
	}
	if _, host := dst.Mem.(*tensor.Host); host {
		one := tensor.New(dst.DType)
		one.Store(0, 1)
		tensor.Copy(dst, one.Expand(dst.Shape()...))
	}
	return nil
}

// Bind returns a Bound that does nothing, and counts what bodies of the CPU work in.
// It does not err.
func (l *Ledger) Bind(steps []Step) (Bound, error) {
	c, cpu := l.of.(CPU)
	if !cpu {
		return unbound{}, nil
	}
	m, err := l.Alloc(int(roomOf(steps, c.LoopThreads())))
	l.look()
	return unbound{m}, err
}

// roomOf returns in about how many bytes so many threads work for the steps.
func roomOf(steps []Step, threads int) (total int64) {
	for i := range steps {
		s := &steps[i]
		switch {
		case s.Loop != nil:
			for _, list := range s.Loop.Steps {
				total += roomOf(list, 1)
			}
			if s.Loop.Parts%len(s.Loop.Steps) != 0 {
				total += roomOf(s.Loop.Steps[0], threads)
			}
		case s.Op != nil && s.Op.Room != nil:
			in := make([]tensor.Type, len(s.In))
			for i := range in {
				in[i] = s.In[i].Type
			}
			total += s.Op.Room(s.Attr, in, threads)
		}
	}
	return total
}

// look counts what the heap holds beside what was allocated. It collects garbage only
// where the heap may have grown by what matters.
func (l *Ledger) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if grown := int64(m.HeapAlloc) - l.seen; grown > 2<<20+l.peak/64 {
		l.seen = heap.InUse()
	} else {
		l.seen += min(grown, 0)
	}
	l.peak = max(l.peak, l.live+l.seen-l.heap)
}

// Close does nothing.
func (l *Ledger) Close() error { return nil }

type unbound struct{ room tensor.Memory }

func (unbound) Run() error                    { return nil }
func (unbound) Profile([]time.Duration) error { return nil }

func (u unbound) Close() {
	if u.room != nil {
		u.room.Free()
	}
}

// Fits returns how many images of a kind, at most most, one Program can be for in free
// bytes of b, and how many bytes the first and every further image takes, from the plans
// for one and for two. Of a Backend that runs Loops, an image takes the less the more
// there are, and it plans for as many as there are threads, twice and four times as many,
// and one more than threads, which all of them share. make records and compiles all for n
// images on the Backend it is given, a Ledger, and closes it. A sixteenth is left for what
// a backend keeps for itself. It errs as make does.
func Fits(b Backend, free int64, most int, make func(b Backend, n int) error) (n int, first, further int64, err error) {
	peak := func(n int) (bytes int64) {
		if err == nil {
			l := NewLedger(b)
			err = make(l, n)
			bytes = l.Peak()
		}
		return bytes
	}
	free -= free / 16
	counts, threads, rest := []int{2}, NewLedger(b).LoopThreads(), int64(0)
	if threads > 0 {
		few := max(2, threads)
		counts = []int{few, 2 * few, 4 * few}
	}
	first, further = peak(1), 1
	last := first
	n = 1
	for i, count := range counts {
		if count = min(count, most); count <= n || last > free {
			break
		}
		p := peak(count)
		further = max((p-last)/int64(count-n), 1)
		if p > free {
			break
		}
		n, last = count, p
		if i == 0 && threads > 1 && most > n {
			rest = max(peak(n+1)-last-further, 0)
		}
	}
	switch {
	case err != nil:
		return 0, 0, 0, err
	case free < first:
		return 0, first, further, nil
	}
	return min(most, n+int(min(max(free-last-rest, 0)/further, math.MaxInt32))), first, further, nil
}
