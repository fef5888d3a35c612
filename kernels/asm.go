package kernels

// An asmTable holds the generated functions of one level and precision. n is a
// number of elements; arguments that a kernel does not read may be nil.
type asmTable[T Float] struct {
	elementwise map[string]rawElementwise[T]
	blocks      map[string]rawBlock[T]
	within      func(a *T, n int, limit T) bool       // whether no |a[i]| > limit
	accumulate  func(dst *float64, a *T, n int)       // n a multiple of asmStretch
	toFloat64   func(dst *float64, a *float32, n int) // likewise
	fromFloat64 func(dst *float32, a *float64, n int) // likewise

	// Dot products of rows, see DotTile, and, for b = a, half of them. Runs are summed
	// in float32 at first. n is a multiple of DotLeast.
	dots, ownDots       rawDots[T]
	dotRuns, ownDotRuns rawDots[T] // of float32 only
	rowDots             rawDots[T] // of dotRowsAtOnce rows with b, in T at first

	// Texture statistics, see Texture. n is a multiple of the lanes of a vector.
	gram           func(acc, a, b *T, ld, n int)
	moments        func(acc, a *T, ld, n int)
	mix            func(dst, c, x *T, ld, n, more int)
	modulus        func(m, re, z *T, n int, mean T)
	modulusAdjoint func(dz, z, m, re *T, n int, f T)
	double         func(q, dr, di, z *T, n int, mean T)
	doubleAdjoint  func(dz, z, q, dr, di *T, n int, p *[4]T)

	// Spectra of reals, see Mirror. n is a multiple of half the lanes.
	mirror, mirrorAdd, mirrorSub func(dst, src *T, n int)

	// Hartley transforms, see Hartley. n is a multiple of the lanes.
	hartley, hartleyMirror func(dst, src *T, n int)

	// Autocorrelations, see Autocorrelation.
	lags        func(acc, a, b *T, ld, rows, n, stride int)
	lagsAdjoint func(dst, m, c *T, ld, rows, n, stride, first, more int)

	// The matrix product: tiles of tileRows × tileColumns of dst, or half of them
	// each way, up to tileDepth elements of rows of a, which are tileStride apart; and g
	// rows becoming columns, g = 32 bytes.
	tiles                 [2][2]rawTile[T]
	tileRows, tileColumns int
	tileDepth, tileStride int
	transpose             func(dst, src *T, ldd, lds, n int)
	pack                  func(dst, src *T, lds, n int) // n rows of tileColumns
}

type (
	rawElementwise[T Float] func(dst, a, b, c *T, n int, s, t T)
	rawBlock[T Float]       func(a, b *T, n int) (even, odd float64)
	rawDots[T Float]        func(acc *float64, a, b *T, lda, ldb, n int)
	rawTile[T Float]        func(a, b, c, next, ahead *T, tiles, k, ldc, lda, more int)
)

// asmChunk is the most elements that one call of assembly does: the runtime
// cannot stop a goroutine in it.
const asmChunk = 1 << 16

// asmStretch is what the length must be a multiple of for functions that leave
// the last elements to Go.
const asmStretch = 32

// The generated functions by level; empty where there are none.
var (
	asm32 = [AVX512 + 1]*asmTable[float32]{PureGo: {}, AVX2: &asmAVX2F32, AVX512: &asmAVX512F32}
	asm64 = [AVX512 + 1]*asmTable[float64]{PureGo: {}, AVX2: &asmAVX2F64, AVX512: &asmAVX512F64}
)

// asmOf returns the functions of exactly level l.
func asmOf[T Float](l Level) *asmTable[T] {
	var t any = asm64[l]
	var zero T
	if _, single := any(zero).(float32); single {
		t = asm32[l]
	}
	return t.(*asmTable[T])
}
