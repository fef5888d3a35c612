package autograd

import (
	"runtime"
	"time"

	"github.com/percept-go/percept/kernels"
)

// LoopThreads returns the number of threads. It does not panic.
func (c CPU) LoopThreads() int {
	if c.Threads <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return c.Threads
}

// cpuLoop is the replay of a Loop on the CPU: the threads take the next part when they
// are done with one, and share each of the parts that are too few to go round.
type cpuLoop struct {
	parts, rest int
	each        [][]func(k int) // the steps for part k, of each thread
	together    []func(k int)   // those that all threads share
	pool        *kernels.Pool
	work        func(worker, lo, hi int)
}

func (c CPU) bindLoop(l *Loop, pool *kernels.Pool) *cpuLoop {
	b := &cpuLoop{parts: l.Parts, rest: l.Parts % len(l.Steps), pool: pool}
	for _, steps := range l.Steps {
		b.each = append(b.each, c.bindParts(steps, nil))
	}
	if b.rest > 0 {
		b.together = c.bindParts(l.Steps[0], pool)
	}
	b.work = func(worker, lo, hi int) {
		for k := lo; k < hi; k++ {
			runPart(b.each[worker], k)
		}
	}
	return b
}

func runPart(steps []func(k int), k int) {
	for _, f := range steps {
		f(k)
	}
}

// bindParts chooses the bodies of the steps of a Loop for one thread, or for all of a pool.
func (c CPU) bindParts(steps []Step, pool *kernels.Pool) []func(k int) {
	run, kept, level := make([]func(k int), len(steps)), map[keptKey]any{}, c.Level.Resolve()
	for i := range steps {
		s := &steps[i]
		switch s.Op {
		case opTake, opPut:
		case nil:
			run[i] = bindGroupParts(s, pool, level)
			continue
		default:
			f := c.bindStep(s, pool, kept)
			run[i] = func(int) { f() }
			continue
		}
		copies := make([]func(), s.Parts)
		for k := range copies {
			if s.Op == opTake {
				copies[k] = bindCopy(s.Out[0], part(s.In[0], s.Parts, k), pool, level)
			} else {
				copies[k] = bindCopy(part(s.Out[0], s.Parts, k), s.In[0], pool, level)
			}
		}
		run[i] = func(k int) { copies[k]() }
	}
	return run
}

func (b *cpuLoop) run() {
	b.pool.For(b.parts-b.rest, 1, b.work)
	for k := b.parts - b.rest; k < b.parts; k++ {
		runPart(b.together, k)
	}
}

// profile runs the parts as run does and sets the time on the clock that each step took
// for all of them, as if the threads had always worked side by side.
func (b *cpuLoop) profile(took []time.Duration) {
	took = took[:len(b.each[0])]
	clear(took)
	timed := func(sum []time.Duration, steps []func(k int), k int) {
		for i, f := range steps {
			start := time.Now()
			f(k)
			sum[i] += time.Since(start)
		}
	}
	of := make([][]time.Duration, len(b.each))
	for i := range of {
		of[i] = make([]time.Duration, len(took))
	}
	b.pool.For(b.parts-b.rest, 1, func(worker, lo, hi int) {
		for k := lo; k < hi; k++ {
			timed(of[worker], b.each[worker], k)
		}
	})
	for _, sum := range of {
		for i, d := range sum {
			took[i] += d / time.Duration(len(of))
		}
	}
	for k := b.parts - b.rest; k < b.parts; k++ {
		timed(took, b.together, k)
	}
}
