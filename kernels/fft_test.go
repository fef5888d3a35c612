package kernels

import (
	"fmt"
	"math"
	"math/bits"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// A fftDense is an N-dimensional complex array in row-major order.
type fftDense struct {
	shape []int
	x     []complex128
}

func newFFTDense(shape []int) fftDense {
	return fftDense{shape, make([]complex128, fftSize(shape))}
}

func fftSize(shape []int) int {
	n := 1
	for _, m := range shape {
		n *= m
	}
	return n
}

// fftStrides returns row-major strides.
func fftStrides(shape []int) []int {
	s := make([]int, len(shape))
	step := 1
	for a := len(shape) - 1; a >= 0; a-- {
		s[a] = step
		step *= shape[a]
	}
	return s
}

// fftEach calls f with the row-major index of every element and its offset in an
// array with the given strides.
func fftEach(shape, stride []int, f func(i, off int)) {
	index := make([]int, len(shape))
	for i := range fftSize(shape) {
		off := 0
		for a, j := range index {
			off += j * stride[a]
		}
		f(i, off)
		for a := len(shape) - 1; a >= 0; a-- {
			if index[a]++; index[a] < shape[a] {
				break
			}
			index[a] = 0
		}
	}
}

// naive transforms d along axis a by the definition, with exponent sign.
func (d fftDense) naive(a int, sign float64) fftDense {
	n, step := d.shape[a], fftStrides(d.shape)[a]
	w := make([]complex128, n)
	for k := range w {
		w[k] = cmplx.Rect(1, sign*2*math.Pi*float64(k)/float64(n))
	}
	out := newFFTDense(d.shape)
	for i := range d.x {
		j := i / step % n
		base := i - j*step
		var sum complex128
		for k := range n {
			sum += d.x[base+k*step] * w[j*k%n]
		}
		out.x[i] = sum
	}
	return out
}

// cut returns the first m elements along axis a.
func (d fftDense) cut(a, m int) fftDense {
	shape := slices.Clone(d.shape)
	shape[a] = m
	out := newFFTDense(shape)
	fftEach(shape, fftStrides(d.shape), func(i, off int) { out.x[i] = d.x[off] })
	return out
}

// mirror is the inverse of cut for a half spectrum: it returns the n elements
// along axis a whose transform is real if the imaginary parts of elements 0
// and n/2 are 0, and sets these to 0.
func (d fftDense) mirror(a, n int) fftDense {
	shape := slices.Clone(d.shape)
	shape[a] = n
	out := newFFTDense(shape)
	step := fftStrides(shape)[a]
	fftEach(d.shape, fftStrides(shape), func(i, off int) {
		x := d.x[i]
		k := off / step % n
		if k == 0 || 2*k == n {
			x = complex(real(x), 0)
		}
		out.x[off] = x
		out.x[off+((n-k)%n-k)*step] = cmplx.Conj(x)
	})
	return out
}

// naiveFFT is the definition of s, without strides.
func naiveFFT(s FFTSpec, src fftDense) fftDense {
	last := len(s.Axes) - 1
	d := src
	for i, a := range s.Axes {
		sign := -1.
		if s.Kind == FFTInverse || s.Kind == FFTRealInverse {
			sign = 1
		}
		if s.Kind == FFTRealInverse && i == last {
			d = d.mirror(a, s.Shape[a])
		}
		d = d.naive(a, sign)
	}
	if a := s.Axes[last]; s.Kind == FFTReal {
		d = d.cut(a, s.Shape[a]/2+1)
	}
	if s.Scale != 0 {
		for i := range d.x {
			d.x[i] *= complex(s.Scale, 0)
		}
	}
	return d
}

// shapes returns the shapes of dst and src, and how many reals their elements have.
func (s FFTSpec) shapes() (dst, src []int, dstReals, srcReals int) {
	dst, src = slices.Clone(s.Shape), slices.Clone(s.Shape)
	a := s.Axes[len(s.Axes)-1]
	switch s.Kind {
	case FFTReal:
		dst[a] = dst[a]/2 + 1
		return dst, src, 2, 1
	case FFTRealInverse:
		src[a] = src[a]/2 + 1
		return dst, src, 1, 2
	}
	return dst, src, 2, 2
}

func fftExtent(shape, stride []int, reals int) int {
	n := 1
	for a, m := range shape {
		n += max(m-1, 0) * stride[a]
	}
	return n * reals
}

const fftGuard = 12345

// checkFFT compares a transform with its definition, for all that is random.
func checkFFT[T Float](t *testing.T, s FFTSpec, level Level, threads int) {
	t.Helper()
	dstShape, srcShape, dstReals, srcReals := s.shapes()
	if s.DstStride == nil {
		s.DstStride = fftStrides(dstShape)
	}
	if s.SrcStride == nil {
		s.SrcStride = fftStrides(srcShape)
	}
	rnd := rand.New(rand.NewPCG(1, uint64(fftSize(s.Shape))))
	src := make([]T, fftExtent(srcShape, s.SrcStride, srcReals)+1)[1:]
	for i := range src {
		src[i] = T(rnd.NormFloat64())
	}
	dense := newFFTDense(srcShape)
	fftEach(srcShape, s.SrcStride, func(i, off int) {
		im := 0.
		if srcReals == 2 {
			im = float64(src[2*off+1])
		}
		dense.x[i] = complex(float64(src[srcReals*off]), im)
	})
	want := naiveFFT(s, dense)

	before := slices.Clone(src)
	const margin = 35
	all := make([]T, fftExtent(dstShape, s.DstStride, dstReals)+2*margin)
	for i := range all {
		all[i] = fftGuard
	}
	dst := all[margin : len(all)-margin]
	pool := NewPool(threads)
	defer pool.Close()
	NewFFT[T](s, level, threads).Run(dst, src, pool)
	require.Equal(t, before, src, "src was written: %+v", s)

	var diff, norm float64
	fftEach(dstShape, s.DstStride, func(i, off int) {
		im := 0.
		if dstReals == 2 {
			im = float64(dst[2*off+1])
			dst[2*off+1] = fftGuard
		}
		got := complex(float64(dst[dstReals*off]), im)
		dst[dstReals*off] = fftGuard
		diff += fftSquare(cmplx.Abs(got - want.x[i]))
		norm += fftSquare(cmplx.Abs(want.x[i]))
	})
	for i, x := range all {
		require.True(t, x == fftGuard, "%+v: element %d is outside and was written", s, i-margin)
	}
	require.LessOrEqual(t, math.Sqrt(diff), fftBound[T](s)*math.Sqrt(norm), "%+v %v", s, level)
}

func fftSquare(x float64) float64 { return x * x }

// fftBound is the promised relative error, and that of the naive sums.
func fftBound[T Float](s FFTSpec) float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 3e-7
	}
	n := 1
	for _, a := range s.Axes {
		n *= s.Shape[a]
	}
	return 1e-15 * float64(max(1, bits.Len(uint(n-1))))
}

// forBodies runs f for every level and both element types.
func forBodies(t *testing.T, f func(t *testing.T, level Level, check func(s FFTSpec, threads int))) {
	for _, level := range Levels() {
		t.Run(fmt.Sprint(level, "/float32"), func(t *testing.T) {
			f(t, level, func(s FFTSpec, threads int) { checkFFT[float32](t, s, level, threads) })
		})
		t.Run(fmt.Sprint(level, "/float64"), func(t *testing.T) {
			f(t, level, func(s FFTSpec, threads int) { checkFFT[float64](t, s, level, threads) })
		})
	}
}

var fftKinds = []FFTKind{FFTForward, FFTInverse, FFTReal, FFTRealInverse}

func TestFFTLengths(t *testing.T) {
	lengths := []int{192, 240, 256, 300, 451, 512, 521, 1024}
	for n := 1; n <= 128; n++ {
		lengths = append(lengths, n)
	}
	forBodies(t, func(t *testing.T, _ Level, check func(FFTSpec, int)) {
		for _, n := range lengths {
			for _, kind := range fftKinds {
				check(FFTSpec{Kind: kind, Shape: []int{3, n}, Axes: []int{1}}, 1)
				if n%16 == 0 {
					check(FFTSpec{Kind: kind, Shape: []int{n}, Axes: []int{0}}, 1)
				}
			}
		}
	})
}

// The lines of these lie in memory in every way that has a kernel of its own.
func TestFFTLayouts(t *testing.T) {
	specs := []FFTSpec{
		{Shape: []int{32, 32}, Axes: []int{0, 1}},
		{Shape: []int{16, 64}, Axes: []int{1, 0}, Scale: .125},
		{Shape: []int{5, 8, 8}, Axes: []int{1, 2}},
		{Shape: []int{5, 16, 16}, Axes: []int{1, 2}},
		{Shape: []int{3, 4, 4}, Axes: []int{1, 2}},
		{Shape: []int{2, 9, 14}, Axes: []int{1, 2}, Scale: 3},
		{Shape: []int{2, 7, 11}, Axes: []int{1, 2}},
		{Shape: []int{2, 12, 3, 10}, Axes: []int{1, 3}},
		{Shape: []int{4, 16, 20}, Axes: []int{1}},
		{Shape: []int{16, 37}, Axes: []int{0}},
		{Shape: []int{17, 3, 21}, Axes: []int{0, 1}, Scale: -2},
		{Shape: []int{6, 8, 10}, Axes: []int{2, 0, 1}},
		{Shape: []int{1, 1, 1, 2, 2, 2, 2, 2}, Axes: []int{3, 6, 7}},
		{Shape: []int{4, 0, 4}, Axes: []int{0}},
		{Shape: []int{32, 16}, Axes: []int{0, 1}, SrcStride: []int{1, 33}},
		{Shape: []int{32, 16}, Axes: []int{0, 1}, DstStride: []int{1, 40}},
		{Shape: []int{8, 16, 16}, Axes: []int{1, 2}, SrcStride: []int{0, 19, 1}},
		{Shape: []int{16, 16, 9}, Axes: []int{0, 1}, SrcStride: []int{16, 1, 256}},
		{Shape: []int{3, 16, 32}, Axes: []int{1, 2}, SrcStride: []int{1, 300, 7}, DstStride: []int{1200, 70, 2}},
		{Shape: []int{64, 64}, Axes: []int{0, 1}, DstStride: []int{67, 1}},
	}
	forBodies(t, func(t *testing.T, _ Level, check func(FFTSpec, int)) {
		for _, s := range specs {
			for _, s.Kind = range fftKinds {
				check(s, 1)
				check(s, 2)
			}
		}
	})
}

func TestFFTInPlace(t *testing.T) {
	forBodiesRun(t, fftInPlace[float32], fftInPlace[float64])
}

func forBodiesRun(t *testing.T, f32, f64 func(*testing.T, Level)) {
	for _, level := range Levels() {
		t.Run(fmt.Sprint(level, "/float32"), func(t *testing.T) { f32(t, level) })
		t.Run(fmt.Sprint(level, "/float64"), func(t *testing.T) { f64(t, level) })
	}
}

func fftRandom[T Float](n int) []T {
	rnd := rand.New(rand.NewPCG(2, uint64(n)))
	x := make([]T, n)
	for i := range x {
		x[i] = T(rnd.NormFloat64())
	}
	return x
}

func fftInPlace[T Float](t *testing.T, level Level) {
	for _, shape := range [][]int{{16, 16}, {3, 12, 10}, {64, 48}, {2, 11, 8}} {
		for _, kind := range fftKinds[:2] {
			stride := fftStrides(shape)
			p := NewFFT[T](FFTSpec{
				Kind: kind, Shape: shape, Axes: []int{len(shape) - 2, len(shape) - 1},
				DstStride: stride, SrcStride: stride,
			}, level, 1)
			src := fftRandom[T](2 * fftSize(shape))
			dst := make([]T, len(src))
			p.Run(dst, src, nil)
			p.Run(src, src, nil)
			require.Equal(t, dst, src, "%v", shape)
		}
	}
}

func TestFFTRoundTrip(t *testing.T) {
	forBodiesRun(t, fftRoundTrip[float32], fftRoundTrip[float64])
}

func fftRoundTrip[T Float](t *testing.T, level Level) {
	for _, shape := range [][]int{{256, 256}, {2, 128, 64}, {33, 30}, {100, 17}} {
		axes := []int{len(shape) - 2, len(shape) - 1}
		half := slices.Clone(shape)
		half[axes[1]] = half[axes[1]]/2 + 1
		s := FFTSpec{Kind: FFTReal, Shape: shape, Axes: axes, DstStride: fftStrides(half), SrcStride: fftStrides(shape)}
		there := NewFFT[T](s, level, 1)
		s.Kind, s.DstStride, s.SrcStride = FFTRealInverse, s.SrcStride, s.DstStride
		s.Scale = 1 / float64(shape[axes[0]]*shape[axes[1]])
		back := NewFFT[T](s, level, 1)
		x := fftRandom[T](fftSize(shape))
		y, z := make([]T, 2*fftSize(half)), make([]T, len(x))
		there.Run(y, x, nil)
		back.Run(z, y, nil)
		var diff, norm float64
		for i := range x {
			diff += fftSquare(float64(x[i] - z[i]))
			norm += fftSquare(float64(x[i]))
		}
		require.LessOrEqual(t, math.Sqrt(diff/norm), 2*fftBound[T](s), "%v", shape)
	}
}

func TestFFTBatchItemsAreIndependent(t *testing.T) {
	forBodiesRun(t, fftIndependent[float32], fftIndependent[float64])
}

// fftIndependent puts a NaN and then an infinity into one item of a batch.
func fftIndependent[T Float](t *testing.T, level Level) {
	for _, tail := range [][]int{{16}, {11}, {8, 8}, {16, 16}, {6, 9}} {
		for _, kind := range fftKinds {
			shape := append([]int{9}, tail...)
			axes := []int{1, 2}[:len(tail)]
			s := FFTSpec{Kind: kind, Shape: shape, Axes: axes}
			dstShape, srcShape, dstReals, srcReals := s.shapes()
			s.DstStride, s.SrcStride = fftStrides(dstShape), fftStrides(srcShape)
			p := NewFFT[T](s, level, 1)
			src := fftRandom[T](srcReals * fftSize(srcShape))
			want := make([]T, dstReals*fftSize(dstShape))
			got := make([]T, len(want))
			p.Run(want, src, nil)
			item, in := len(want)/9, len(src)/9
			for _, bad := range []float64{math.NaN(), math.Inf(1)} {
				src[4*in+2] = T(bad)
				p.Run(got, src, nil)
				require.Equal(t, want[:4*item], got[:4*item], "%+v", s)
				require.Equal(t, want[5*item:], got[5*item:], "%+v", s)
				require.True(t, got[4*item] != want[4*item], "%+v", s)
			}
		}
	}
}

func TestFFTShortSlices(t *testing.T) {
	for _, kind := range fftKinds {
		s := FFTSpec{Kind: kind, Shape: []int{3, 8, 9}, Axes: []int{1, 2}}
		dstShape, srcShape, dstReals, srcReals := s.shapes()
		s.DstStride, s.SrcStride = fftStrides(dstShape), fftStrides(srcShape)
		dst := make([]float64, dstReals*fftSize(dstShape))
		src := make([]float64, srcReals*fftSize(srcShape))
		p := NewFFT[float64](s, Auto, 1)
		p.Run(dst, src, nil)
		require.Panics(t, func() { p.Run(dst[:len(dst)-1], src, nil) })
		require.Panics(t, func() { p.Run(dst, src[:len(src)-1], nil) })
	}
}

func TestFFTThreads(t *testing.T) {
	forBodiesRun(t, fftThreads[float32], fftThreads[float64])
}

// fftThreads compares the bits for different numbers of threads.
func fftThreads[T Float](t *testing.T, level Level) {
	for _, shape := range [][]int{{1, 384, 256}, {3, 180, 128}, {50, 16, 16}, {1, 8192, 8}, {2, 37, 64}} {
		for _, kind := range fftKinds {
			s := FFTSpec{Kind: kind, Shape: shape, Axes: []int{1, 2}}
			dstShape, srcShape, dstReals, srcReals := s.shapes()
			s.DstStride, s.SrcStride = fftStrides(dstShape), fftStrides(srcShape)
			src := fftRandom[T](srcReals * fftSize(srcShape))
			var want []T
			for threads := 1; threads <= 3; threads++ {
				pool := NewPool(threads)
				got := make([]T, dstReals*fftSize(dstShape))
				NewFFT[T](s, level, threads).Run(got, src, pool)
				pool.Close()
				if want == nil {
					want = got
				}
				require.Equal(t, want, got, "%+v with %d threads", s, threads)
			}
		}
	}
}

func TestFFTDoesNotAllocate(t *testing.T) {
	for _, kind := range fftKinds {
		for _, n := range []int{64, 60, 67} {
			s := FFTSpec{Kind: kind, Shape: []int{3, n, n}, Axes: []int{1, 2}}
			dstShape, srcShape, dstReals, srcReals := s.shapes()
			s.DstStride, s.SrcStride = fftStrides(dstShape), fftStrides(srcShape)
			src := make([]float64, srcReals*fftSize(srcShape))
			dst := make([]float64, dstReals*fftSize(dstShape))
			pool := NewPool(2)
			p := NewFFT[float64](s, Auto, 2)
			require.Zero(t, testing.AllocsPerRun(3, func() { p.Run(dst, src, pool) }))
			pool.Close()
		}
	}
}

func TestFFTTwiddles(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 12, 360, 1021} {
		for k := range 2 * n {
			re, im := fftTwiddle(k, n)
			w := cmplx.Rect(1, -2*math.Pi*float64(k%n)/float64(n))
			require.InDelta(t, real(w), re, 2e-15)
			require.InDelta(t, imag(w), im, 2e-15)
		}
	}
}
