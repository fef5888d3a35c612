package kernels

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestPoolCoversRangeOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := NewPool(threads)
		defer p.Close()
		for _, n := range []int{0, 1, 7, 8, 9, 64, 1000, 100003} {
			for _, grain := range []int{0, 1, 8, 4096} {
				checkCover(t, p, n, grain)
			}
		}
	}
	checkCover(t, nil, 1000, 8)
}

func checkCover(t *testing.T, p *Pool, n, grain int) {
	t.Helper()
	seen := make([]int32, n)
	p.For(n, grain, func(worker, lo, hi int) {
		if worker < 0 || worker >= p.Threads() {
			t.Errorf("worker %d of %d", worker, p.Threads())
		}
		if lo%max(grain, 1) != 0 || hi != n && hi%max(grain, 1) != 0 || lo >= hi {
			t.Errorf("n %d, grain %d: range [%d, %d)", n, grain, lo, hi)
		}
		for i := lo; i < hi; i++ {
			atomic.AddInt32(&seen[i], 1)
		}
	})
	for i, k := range seen {
		if k != 1 {
			t.Fatalf("threads %d, n %d, grain %d: element %d was done %d times", p.Threads(), n, grain, i, k)
		}
	}
}

// Short loops one after another: a worker that is late for one must not touch
// the next one's ranges with the old function.
func TestPoolManyShortLoops(t *testing.T) {
	p := NewPool(4)
	defer p.Close()
	for round := range 20000 {
		var sum atomic.Int64
		p.For(32, 1, func(_, lo, hi int) { sum.Add(int64((hi - lo) * (round + 1))) })
		if got, want := sum.Load(), int64(32*(round+1)); got != want {
			t.Fatalf("round %d: %d, want %d", round, got, want)
		}
	}
}

func TestPoolUsesEveryThread(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for _, pause := range []time.Duration{0, 5 * time.Millisecond} { // awake, and parked
		time.Sleep(pause)
		var used [3]atomic.Bool
		all := func() bool { return used[0].Load() && used[1].Load() && used[2].Load() }
		p.For(3, 1, func(worker, _, _ int) {
			used[worker].Store(true)
			for start := time.Now(); !all() && time.Since(start) < 5*time.Second; {
				time.Sleep(time.Millisecond)
			}
		})
		if !all() {
			t.Errorf("after a pause of %v not every thread took a range", pause)
		}
	}
}

func TestPoolWorkersPark(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	p.For(100, 1, func(_, _, _ int) {})
	for range 5000 {
		if p.workers[0].parked.Load() && p.workers[1].parked.Load() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("idle workers did not park")
}

func TestPoolAfterClose(t *testing.T) {
	p := NewPool(3)
	p.Close()
	p.Close()
	checkCover(t, p, 1000, 1)
	(*Pool)(nil).Close()
}

func TestPoolForDoesNotAllocate(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	f := func(_, _, _ int) {}
	if n := testing.AllocsPerRun(100, func() { p.For(1000, 1, f) }); n != 0 {
		t.Errorf("For allocates %v times", n)
	}
}

func BenchmarkPoolEmpty(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	f := func(_, _, _ int) {}
	for b.Loop() {
		p.For(16, 1, f)
	}
}

// A call aside runs once, beside loops or, where no worker takes it, in Wait.
func TestPoolAside(t *testing.T) {
	for _, threads := range []int{1, 2, 3} {
		p := NewPool(threads)
		var calls, sum int64 // calls is read after Wait only
		aside := func() { calls++ }
		work := func(_, lo, hi int) { atomic.AddInt64(&sum, int64(hi-lo)) }
		for i := range 2000 {
			p.turns.alone = i%7 == 6
			p.Aside(aside)
			if i%3 > 0 {
				p.For(100, 1, work)
			}
			p.Wait()
			if calls != int64(i+1) {
				t.Fatalf("%d threads: %d calls after %d", threads, calls, i+1)
			}
		}
		if sum != 133300 {
			t.Fatalf("%d threads: the loops did %d", threads, sum)
		}
		if n := testing.AllocsPerRun(10, func() { p.Aside(aside); p.Wait() }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		p.Close()
	}
	var none *Pool
	called := false
	none.Aside(func() { called = true })
	none.Wait()
	if !called {
		t.Error("a nil Pool does not call what it is to call aside")
	}
}
