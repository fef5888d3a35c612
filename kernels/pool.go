package kernels

import (
	"runtime"
	"sync/atomic"
	"time"
)

// spinTime is how long an idle worker polls before it parks: longer than what one
// thread does alone between two loops of a step. Waking a parked thread costs tens of
// microseconds, so a step's next kernel finds it awake.
const spinTime = 200 * time.Microsecond

// pollsPerYield is how many polls pass between two runtime.Gosched: a poll takes
// half a nanosecond, and in the hundred of the other a worker sees no loop begin.
const pollsPerYield = 512

// chunksPerThread is how many ranges For makes for each thread, so that a
// thread that another program delays leaves its share to the others.
const chunksPerThread = 8

// A Pool runs loops on a fixed number of threads: the caller and workers that
// spin for a short while after each loop and then sleep. One goroutine at a
// time may call For; several Pools may exist. A nil Pool is one thread.
type Pool struct {
	workers []poolWorker // all threads but the caller
	closed  atomic.Bool

	turns poolTurns

	aside func() // see Aside

	// The loop in progress; written by For only while no chunk is claimed.
	f        func(worker, lo, hi int)
	n, chunk int

	_ [64]byte // the words that threads contend for, on lines of their own
	// unclaimed packs the chunks nobody has started: first<<32 | end. The caller
	// takes the first and workers the last, so that with two threads each one
	// finds the same elements in its cache from loop to loop.
	unclaimed  atomic.Uint64
	asideState atomic.Int32 // polled with it
	_          [52]byte
	unfinished atomic.Int64
	_          [56]byte
}

type poolWorker struct {
	parked atomic.Bool
	wake   chan struct{}
	_      [48]byte
}

// NewPool returns a Pool of that many threads, the caller included; runtime's
// GOMAXPROCS if threads is 0 or less. Close ends its workers. It does not panic.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{workers: make([]poolWorker, threads-1)}
	for i := range p.workers {
		p.workers[i].wake = make(chan struct{}, 1)
		go p.work(i)
	}
	return p
}

// Threads returns the number of threads that For uses; 1 for a nil Pool. It
// does not panic.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return len(p.workers) + 1
}

// For calls f on ranges that cover [0, n), each a multiple of grain long but
// for the last, at the same time on up to Threads threads; worker < Threads
// tells them apart. It returns when all are done. A nil Pool, or n ≤ grain, is
// the one call f(0, 0, n), and so is For in some turns, see Turn. It allocates
// nothing. f must not panic, nor call For on the same Pool.
func (p *Pool) For(n, grain int, f func(worker, lo, hi int)) {
	grain = max(grain, 1)
	switch {
	case n <= 0:
		return
	case n <= grain || p.Threads() == 1 || p.turns.alone:
		f(0, 0, n)
		return
	}
	grains := (n + grain - 1) / grain
	per := (grains + p.Threads()*chunksPerThread - 1) / (p.Threads() * chunksPerThread)
	chunks := (grains + per - 1) / per
	p.f, p.n, p.chunk = f, n, per*grain
	p.unfinished.Store(int64(chunks))
	p.unclaimed.Store(uint64(chunks))
	p.wakeUp(chunks - 1)
	for p.runFirst() {
	}
	for polls := 1; p.unfinished.Load() != 0; polls++ {
		if polls%pollsPerYield == 0 {
			runtime.Gosched()
		}
	}
	p.f = nil
}

// The states of the call that Aside asks for.
const (
	asideNone = iota
	asideWaits
	asideRuns
)

// Aside has a worker call f while the caller goes on, which may call For meanwhile and
// must call Wait before it calls Aside again. A nil Pool calls f at once, and so does
// one in some turns, see Turn. It allocates nothing. f must not panic, nor use the Pool.
func (p *Pool) Aside(f func()) {
	if p.Threads() == 1 || p.turns.alone {
		f()
		return
	}
	p.aside = f
	p.asideState.Store(asideWaits)
	p.wakeUp(1)
}

// Wait returns when what Aside was given has ended; if no worker has begun it, the
// caller calls it. A nil Pool is legal. It allocates nothing and does not panic.
func (p *Pool) Wait() {
	if p == nil || p.runAside() {
		return
	}
	for polls := 1; p.asideState.Load() != asideNone; polls++ {
		if polls%pollsPerYield == 0 {
			runtime.Gosched()
		}
	}
}

// runAside calls what waits to be called aside and reports whether there was such.
func (p *Pool) runAside() bool {
	if p.asideState.Load() != asideWaits || !p.asideState.CompareAndSwap(asideWaits, asideRuns) {
		return false
	}
	p.aside()
	p.asideState.Store(asideNone)
	return true
}

// Close ends the workers; a later For runs on its caller alone. A nil Pool is
// legal. It does not panic.
func (p *Pool) Close() {
	if p == nil || p.closed.Swap(true) {
		return
	}
	p.wakeUp(len(p.workers))
}

// wakeUp wakes up to n parked workers.
func (p *Pool) wakeUp(n int) {
	for i := range p.workers[:min(n, len(p.workers))] {
		w := &p.workers[i]
		if !w.parked.Load() {
			continue
		}
		select {
		case w.wake <- struct{}{}:
		default: // already woken
		}
	}
}

// runFirst runs the first unclaimed chunk and reports whether there was one.
func (p *Pool) runFirst() bool {
	for {
		u := p.unclaimed.Load()
		first, end := u>>32, u&0xffffffff
		if first == end {
			return false
		}
		if p.unclaimed.CompareAndSwap(u, u+1<<32) {
			p.run(0, int(first))
			return true
		}
	}
}

// runLast runs the last unclaimed chunk and reports whether there was one.
func (p *Pool) runLast(worker int) bool {
	for {
		u := p.unclaimed.Load()
		first, end := u>>32, u&0xffffffff
		if first == end {
			return false
		}
		if p.unclaimed.CompareAndSwap(u, u-1) {
			p.run(worker, int(end-1))
			return true
		}
	}
}

// run runs a chunk that this thread has claimed. The loop cannot end before
// that, so f, n and chunk are those of the claimed loop.
func (p *Pool) run(worker, chunk int) {
	lo := chunk * p.chunk
	p.f(worker, lo, min(lo+p.chunk, p.n))
	p.unfinished.Add(-1)
}

// work is the life of worker i.
func (p *Pool) work(i int) {
	w := &p.workers[i]
	for !p.closed.Load() {
		if p.runAside() || p.runLast(i+1) {
			continue
		}
		if p.spin() {
			continue
		}
		w.parked.Store(true)
		// For stores unclaimed, then reads parked; here the other way round:
		// one of the two sees the other.
		if !p.pending() && !p.closed.Load() {
			<-w.wake
		}
		w.parked.Store(false)
	}
}

// spin polls for spinTime and reports whether a chunk appeared.
func (p *Pool) spin() bool {
	start := time.Now()
	for {
		for range pollsPerYield {
			if p.pending() {
				return true
			}
		}
		if p.closed.Load() || time.Since(start) > spinTime {
			return false
		}
		runtime.Gosched()
	}
}

// pending reports whether a chunk waits to be claimed, or a call aside.
func (p *Pool) pending() bool {
	u := p.unclaimed.Load()
	return u>>32 != u&0xffffffff || p.asideState.Load() == asideWaits
}
