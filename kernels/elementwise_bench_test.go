package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchLength fits two or three operands into the second-level cache.
const benchLength = 1 << 14

// BenchmarkElementwise gives GB/s moved; compare with copy. Run one operation
// as -bench 'Elementwise/exp$'.
func BenchmarkElementwise(b *testing.B) {
	for _, s := range Scalars() {
		b.Run(s.Name, func(b *testing.B) {
			benchScalar[float32](b, s)
			benchScalar[float64](b, s)
		})
	}
}

func benchScalar[T Float](b *testing.B, s Scalar) {
	r := rand.New(rand.NewPCG(1, 2))
	words := s.words()
	var x [4][]T
	bytes := int64(0)
	for i := range x {
		x[i] = make([]T, benchLength*words[i])
		for j := range x[i] {
			x[i][j] = T(r.Float64() + 0.5)
		}
		bytes += int64(len(x[i])) * int64(sizeOf[T]())
	}
	for _, l := range Levels() {
		f := body[T](s.Name, l)
		if f == nil {
			continue
		}
		b.Run(fmt.Sprintf("%T/%v", T(0), l), func(b *testing.B) {
			b.SetBytes(bytes)
			for b.Loop() {
				f(x[0], x[1], x[2], x[3], 1.5, 2.5)
			}
			b.ReportMetric(float64(b.N)*benchLength/b.Elapsed().Seconds()/1e9, "Gel/s")
		})
	}
}

func sizeOf[T Float]() int {
	if isFloat32[T]() {
		return 4
	}
	return 8
}
