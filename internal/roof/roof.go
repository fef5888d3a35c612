// Package roof measures what a machine can do, so that a speed can be told
// beside what is possible.
package roof

import (
	"sync"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// A Roof is what this machine can do, measured: no kernel moves or computes
// more.
type Roof struct {
	Threads   int                `json:"threads"`
	MemoryGBs float64            `json:"memory_gbs"` // read and written by a copy of 64 MiB per thread
	CacheGBs  float64            `json:"cache_gbs"`  // the same of 128 KiB per thread, which stays in the second-level cache
	GFLOPs    map[string]float64 `json:"gflops"`     // of a product of matrices of side 512, for float32 and float64
}

const (
	rounds     = 20 // the best of which counts
	side       = 512
	memorySize = 64 << 20
	cacheSize  = 128 << 10
)

// Measure measures with the given number of threads. It errs if the backend
// fails.
func Measure(threads int, level kernels.Level) (Roof, error) {
	r := Roof{Threads: threads, GFLOPs: map[string]float64{}, MemoryGBs: copyRate(memorySize, threads), CacheGBs: copyRate(cacheSize, threads)}
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		rate, err := productRate(d, threads, level)
		if err != nil {
			return r, err
		}
		r.GFLOPs[d.String()] = rate
	}
	return r, nil
}

// productRate returns the GFLOP/s of a matrix product, the best of several.
func productRate(d tensor.DType, threads int, level kernels.Level) (float64, error) {
	t := autograd.New(autograd.CPU{Threads: threads, Level: level})
	defer t.Close()
	x := tensor.New(d, side, side)
	for i := range x.Len() {
		x.StoreReal(i, float64(i%13)-6)
	}
	p, err := t.Compile([]autograd.Value{autograd.Einsum("ij,jk->ik", t.Var("x", x), t.Var("y", x))}, autograd.Value{})
	if err != nil {
		return 0, err
	}
	best := time.Hour
	for range rounds {
		begin := time.Now()
		if err := p.Run(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(begin))
	}
	return 2 * side * side * side / best.Seconds() / 1e9, nil
}

// copyRate returns the GB/s of copies of size bytes in each thread, the best of
// several.
func copyRate(size, threads int) float64 {
	repeat := max(1, memorySize/size/4)
	best := 0.
	from, to := make([][]byte, threads), make([][]byte, threads)
	for i := range threads {
		from[i], to[i] = make([]byte, size), make([]byte, size)
		for k := range from[i] {
			from[i][k] = byte(k) // or all its pages were one, of zeros
		}
		copy(to[i], from[i]) // its pages exist
	}
	for range rounds {
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
