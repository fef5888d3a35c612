package kernels

import (
	"fmt"
	"math"
	"testing"
	"unsafe"
)

var fftBenchShapes = [][]int{
	{1, 256, 256}, {1, 512, 512}, {4, 256, 256}, {4, 128, 128}, {4, 64, 64}, {4, 32, 32}, {4, 16, 16}, {1, 240, 300},
}

var fftKindNames = [...]string{"forward", "inverse", "real", "realinverse"}

// BenchmarkFFT measures two-dimensional transforms. GFLOP/s counts 5 N log2 N
// operations for a complex transform of N elements, half for a real one.
func BenchmarkFFT(b *testing.B) {
	for _, level := range Levels() {
		for _, shape := range fftBenchShapes {
			for kind := range fftKinds {
				name := fmt.Sprintf("%s/%dx%dx%d/%v", fftKindNames[kind], shape[0], shape[1], shape[2], level)
				for threads := 1; threads <= 2; threads++ {
					b.Run(fmt.Sprintf("%s/f32/threads=%d", name, threads), func(b *testing.B) {
						benchFFT[float32](b, FFTKind(kind), shape, []int{1, 2}, level, threads)
					})
					b.Run(fmt.Sprintf("%s/f64/threads=%d", name, threads), func(b *testing.B) {
						benchFFT[float64](b, FFTKind(kind), shape, []int{1, 2}, level, threads)
					})
				}
			}
		}
	}
}

// BenchmarkFFTLine measures a batch of 64 one-dimensional transforms.
func BenchmarkFFTLine(b *testing.B) {
	for _, level := range Levels() {
		for _, n := range []int{8, 16, 64, 240, 256, 251, 1000, 1024, 4096} {
			b.Run(fmt.Sprintf("%d/%v/f32", n, level), func(b *testing.B) {
				benchFFT[float32](b, FFTForward, []int{64, n}, []int{1}, level, 1)
			})
			b.Run(fmt.Sprintf("%d/%v/f64", n, level), func(b *testing.B) {
				benchFFT[float64](b, FFTForward, []int{64, n}, []int{1}, level, 1)
			})
		}
	}
}

func benchFFT[T Float](b *testing.B, kind FFTKind, shape, axes []int, level Level, threads int) {
	s := FFTSpec{Kind: kind, Shape: shape, Axes: axes}
	dstShape, srcShape, dstReals, srcReals := s.shapes()
	s.DstStride, s.SrcStride = fftStrides(dstShape), fftStrides(srcShape)
	src := fftAligned[T](srcReals * fftSize(srcShape))
	for i := range src {
		src[i] = T(i%17) - 8
	}
	dst := fftAligned[T](dstReals * fftSize(dstShape))
	pool := NewPool(threads)
	defer pool.Close()
	p := NewFFT[T](s, level, threads)
	n, flops := 1, 5.
	for _, a := range axes {
		n *= shape[a]
	}
	if kind >= FFTReal {
		flops = 2.5
	}
	flops *= float64(fftSize(shape)) * math.Log2(float64(n))
	b.SetBytes(int64(unsafe.Sizeof(T(0))) * int64(len(src)+len(dst)))
	for b.Loop() {
		p.Run(dst, src, pool)
	}
	b.ReportMetric(flops*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
}
