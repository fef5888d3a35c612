package autograd

import (
	"fmt"
	"time"

	"gonum.org/v1/gonum/blas"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// BLAS is a matrix product that einsum may use for real, contiguous operands
// in place of the engine's own. It voids the bit guarantee.
type BLAS interface {
	blas.Float32Level3
	blas.Float64Level3
}

// CPU is the Backend that runs on the host. Its zero value uses all threads
// and the best instructions of this CPU. It is safe for several Tapes at once.
type CPU struct {
	Threads int           // 0 means GOMAXPROCS
	Level   kernels.Level // kernels.Auto means the best
	BLAS    BLAS          // nil means the engine's own
}

// Name returns "cpu".
func (c CPU) Name() string { return "cpu" }

func (c CPU) onHost() {}

// Alloc returns zeroed host memory.
func (c CPU) Alloc(bytes int) (m tensor.Memory, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("autograd: %w: %d bytes of host memory cannot be had", ErrMemory, bytes)
		}
	}()
	return tensor.NewHost(bytes), nil
}

// Copy copies between tensors of one shape in host memory.
func (c CPU) Copy(dst, src tensor.Tensor) error {
	if !dst.SameShape(src.Type) {
		return fmt.Errorf("autograd: Copy of a %v to a %v", src.Type, dst.Type)
	}
	tensor.Copy(dst, src)
	return nil
}

// Close does nothing: a CPU holds no resources.
func (c CPU) Close() error { return nil }

// cpuBound is the replay of steps on the CPU.
type cpuBound struct {
	run  []func()
	all  func() // runs them
	pool *kernels.Pool
}

// Bind chooses the body of every step.
func (c CPU) Bind(steps []Step) (Bound, error) {
	p, kept := &cpuBound{pool: kernels.NewPool(c.Threads)}, map[keptKey]any{}
	for i := range steps {
		p.run = append(p.run, c.bindStep(&steps[i], p.pool, kept))
	}
	p.all = func() {
		for _, f := range p.run {
			f()
		}
	}
	return p, nil
}

func (p *cpuBound) Run() error {
	p.pool.Turn(p.all)
	return nil
}

func (p *cpuBound) Profile(took []time.Duration) error {
	for i, f := range p.run {
		start := time.Now()
		f()
		took[i] = time.Since(start)
	}
	return nil
}

func (p *cpuBound) Close() {
	p.pool.Close()
	p.run, p.pool = nil, nil
}

func (c CPU) bindStep(s *Step, pool *kernels.Pool, kept map[keptKey]any) func() {
	level := c.Level.Resolve()
	switch s.Op {
	case nil:
		return bindGroup(s, pool, level)
	case opAssign:
		return bindCopy(s.Out[0], s.In[0], pool, level)
	}
	b := &Bind{Attr: s.Attr, Out: s.Out[0], In: append([]tensor.Tensor(nil), s.In...), Pool: pool, Level: level, BLAS: c.BLAS, args: s.args, kept: kept}
	if s.Op.View != nil {
		return bindView(s, pool, level)
	}
	if s.Op.CPU != nil {
		if f := s.Op.CPU(b); f != nil {
			return b.withCopies(f)
		}
	}
	op, attr, out, in := s.Op, s.Attr, s.Out[0], s.In
	return func() { op.Eval(attr, out, in) }
}

// withCopies returns f preceded by the copies that Contiguous ordered.
func (b *Bind) withCopies(f func()) func() {
	if len(b.pre) == 0 {
		return f
	}
	pre := b.pre
	return func() {
		for _, c := range pre {
			c()
		}
		f()
	}
}

// bindView copies a movement op that is no view of its argument.
func bindView(s *Step, pool *kernels.Pool, level kernels.Level) func() {
	if v, ok := s.Op.View(s.Attr, s.In[0]); ok {
		return bindCopy(s.Out[0], v, pool, level)
	}
	// A reshape: the elements in C order are those of the argument.
	flat := s.Out[0]
	flat.Type, flat.Stride = s.In[0].Type, tensor.Wrap(nil, s.In[0].Type, 0).Stride
	return bindCopy(flat, s.In[0], pool, level)
}
