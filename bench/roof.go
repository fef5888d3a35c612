package bench

import (
	"sync"
	"time"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// A Roof is what this machine can do, measured: no kernel moves or computes
// more.
type Roof struct {
	Threads   int
	MemoryGBs float64            // read and written by a copy of 64 MiB per thread
	CacheGBs  float64            // the same of 128 KiB per thread, which stays in the second-level cache
	GFLOPs    map[string]float64 // of a product of matrices of side 512, for float32 and float64
}

const (
	roofRounds = 20 // the best of which counts
	memorySize = 64 << 20
	cacheSize  = 128 << 10
)

// MeasureRoof measures with the given number of threads. It errs if the backend
// fails.
func MeasureRoof(threads int, level kernels.Level) (Roof, error) {
	r := Roof{Threads: threads, GFLOPs: map[string]float64{}, MemoryGBs: copyRate(memorySize, threads), CacheGBs: copyRate(cacheSize, threads)}
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		t, err := New(Case{"matmul", 512, 1}, d, threads, level)
		if err != nil {
			return r, err
		}
		took, err := t.Time(roofRounds)
		t.Close()
		if err != nil {
			return r, err
		}
		r.GFLOPs[d.String()] = 2 * 512 * 512 * 512 / least(took).Seconds() / 1e9
	}
	return r, nil
}

// copyRate returns the GB/s of copies of size bytes in each thread, the best of
// several.
func copyRate(size, threads int) float64 {
	repeat := max(1, memorySize/size/4)
	best := 0.
	from, to := make([][]byte, threads), make([][]byte, threads)
	for i := range threads {
		from[i], to[i] = make([]byte, size), make([]byte, size)
		copy(to[i], from[i]) // its pages exist
	}
	for range roofRounds {
		var wait sync.WaitGroup
		begin := time.Now()
		for i := range threads {
			wait.Go(func() {
				for range repeat {
					copy(to[i], from[i])
				}
			})
		}
		wait.Wait()
		best = max(best, 2*float64(size)*float64(repeat)*float64(threads)/time.Since(begin).Seconds()/1e9)
	}
	return best
}

// Bandwidth returns the GB/s that a run over so many bytes could reach: the
// cache's if they fit into it.
func (r Roof) Bandwidth(bytes int64) float64 {
	if bytes <= int64(2*cacheSize*r.Threads) {
		return r.CacheGBs
	}
	return r.MemoryGBs
}

// least returns the shortest of some times.
func least(took []time.Duration) time.Duration {
	best := took[0]
	for _, d := range took {
		best = min(best, d)
	}
	return best
}
