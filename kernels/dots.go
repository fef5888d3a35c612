package kernels

// DotTileRows is how many rows of each argument a DotTile takes.
const DotTileRows = 4

// DotLeast is the fewest elements for which a DotTile is worth while.
const DotLeast = 32

// dotRun32 and dotRun64 are DotRun. In float64, where sums are kept as they are from one
// run to the next, a shorter one stays in the first-level cache, of whose sets rows a
// power of two apart have few.
const dotRun32, dotRun64 = 512, 128

// DotRun returns the most elements of a DotTile, some rows of which stay in the
// first-level cache.
func DotRun[T Float]() int {
	var z T
	if _, single := any(z).(float32); single {
		return dotRun32
	}
	return dotRun64
}

// A DotTile adds to the sum i, j of s the product of row i of a and row j of b: rows of
// n elements, at most DotRun, lda and ldb apart. If b is a, sums with j > i mean
// nothing. It panics if a slice is too short. It does not allocate.
type DotTile[T Float] func(s *DotSums, a, b []T, lda, ldb, n int)

// DotSums are sums of the products of rows.
type DotSums [DotTileRows * DotTileRows][dotLanes]float64

// dotLanes is the number of running results of each product, whose sum it is.
const dotLanes = 8

// Sum returns sum i, j.
func (s *DotSums) Sum(i, j int) float64 { return foldDot(&s[DotTileRows*i+j]) }

func foldDot(l *[dotLanes]float64) float64 {
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

// DotTileOf returns the body of level l, or the best below it. Sums are those of the
// reduction dot but for their order: every product is exact in float64, or fused with
// its sum. With float32, if not wide, up to dotRun32/16 products are summed in float32
// before they are added to a sum in float64, which takes half as long. All levels but
// PureGo give the same bits. It does not panic.
func DotTileOf[T Float](l Level, wide bool) DotTile[T] {
	asm, dot := asmOf[T](l.Resolve()), LookupReduction[T]("dot", l)
	tile, own := asm.dots, asm.ownDots
	if asm.dotRuns != nil && !wide {
		tile, own = asm.dotRuns, asm.ownDotRuns
	}
	return func(s *DotSums, a, b []T, lda, ldb, n int) {
		a, b = a[:(DotTileRows-1)*lda+n], b[:(DotTileRows-1)*ldb+n]
		whole := 0
		if tile != nil {
			whole = n / DotLeast * DotLeast
		}
		switch {
		case whole == 0:
		case &a[0] == &b[0] && lda == ldb:
			own(&s[0][0], &a[0], &a[0], lda, lda, whole)
		default:
			tile(&s[0][0], &a[0], &b[0], lda, ldb, whole)
		}
		if whole == n {
			return
		}
		for i := range s {
			s[i][0] += dot(a[i/DotTileRows*lda+whole:][:n-whole], b[i%DotTileRows*ldb+whole:][:n-whole])
		}
	}
}
