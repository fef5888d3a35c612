package autograd

import (
	"cmp"
	"fmt"
	"slices"
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
	run    []func()
	loops  map[int]*cpuLoop // by place in run
	levels []cpuLevel
	all    func() // runs them
	pool   *kernels.Pool
}

// A cpuLevel is the steps of a level, which do not depend on each other: one thread
// runs those aside while the others share each of the rest.
type cpuLevel struct {
	shared []func()
	aside  func() // or nil
}

// Bind chooses the body of every step.
func (c CPU) Bind(steps []Step) (Bound, error) {
	p, kept := &cpuBound{pool: kernels.NewPool(c.Threads), loops: map[int]*cpuLoop{}}, map[keptKey]any{}
	for first := 0; first < len(steps); {
		end := first
		for end < len(steps) && steps[end].Level == steps[first].Level {
			end++
		}
		var l cpuLevel
		var aside []func()
		apart := stepsApart(steps[first:end], p.pool.Threads())
		for i := range steps[first:end] {
			if s := &steps[first+i]; s.Loop != nil {
				f := c.bindLoop(s.Loop, p.pool)
				p.loops[len(p.run)] = f
				l.shared, p.run = append(l.shared, f.run), append(p.run, f.run)
				continue
			}
			pool, list := p.pool, &l.shared
			if apart[i] {
				pool, list = nil, &aside
			}
			f := c.bindStep(&steps[first+i], pool, kept)
			*list, p.run = append(*list, f), append(p.run, f)
		}
		if len(aside) > 0 {
			l.aside = func() { runAll(aside) }
		}
		p.levels = append(p.levels, l)
		first = end
	}
	p.all = p.once
	return p, nil
}

func runAll(run []func()) {
	for _, f := range run {
		f()
	}
}

// once runs all steps.
func (p *cpuBound) once() {
	for i := range p.levels {
		l := &p.levels[i]
		if l.aside == nil {
			runAll(l.shared)
			continue
		}
		p.pool.Aside(l.aside)
		runAll(l.shared)
		p.pool.Wait()
	}
}

// How long steps aside take, in nanoseconds: together at least leastAside, or it is not
// worth it, each at most mostAside, or threads share it well.
const (
	leastAside = 10000
	mostAside  = 500000
)

// stepsApart says which steps of a level one of so many threads runs by itself: as many
// as take its share of the time, of those that are not the longest, the longer ones
// first. What threads share costs them time to meet and to fetch what others made, the
// more the shorter it is.
func stepsApart(steps []Step, threads int) []bool {
	apart, took, order, all := make([]bool, len(steps)), make([]float64, len(steps)), make([]int, len(steps)), 0.
	for i := range steps {
		took[i], order[i] = steps[i].guess(), i
		all += took[i]
	}
	if threads < 2 || len(steps) < 2 || all < 2*leastAside {
		return apart
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(took[j], took[i]) })
	sum := 0.
	for _, i := range order[1:] {
		if took[i] <= mostAside && sum+took[i] <= all/float64(threads) && !sharesArgument(steps, i) {
			apart[i] = true
			sum += took[i]
		}
	}
	if sum < leastAside {
		clear(apart)
	}
	return apart
}

// sharesArgument reports whether another op of the level has an argument of step i: the
// two may work in memory of their own that belongs to it, see Bind.Kept.
func sharesArgument(steps []Step, i int) bool {
	for j := range steps {
		if j != i && slices.ContainsFunc(steps[i].args, func(a int32) bool { return slices.Contains(steps[j].args, a) }) {
			return true
		}
	}
	return false
}

// guess returns about how many nanoseconds a thread takes for s.
func (s *Step) guess() float64 {
	const flops, bytes = 30, 20 // a nanosecond
	read, written := s.Bytes()
	return float64(s.FLOPs())/flops + float64(read+written)/bytes
}

func (p *cpuBound) Run() error {
	p.pool.Turn(p.all)
	return nil
}

func (p *cpuBound) Profile(took []time.Duration) error {
	for i, f := range p.run {
		if l := p.loops[i]; l != nil {
			l.profile(took)
			took = took[len(l.each[0]):]
			continue
		}
		start := time.Now()
		f()
		took[0] = time.Since(start)
		took = took[1:]
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
