package kernels

// DotTileRows is how many rows of each argument a DotTile takes.
const DotTileRows = 4

// A DotTile sets Sum[DotTileRows·i+j] of s to the reduction dot of row i of a and row j
// of b: rows of n elements, at most Block, lda and ldb apart. It panics if a slice
// is too short.
type DotTile[T Float] func(s *DotSums, a, b []T, lda, ldb, n int)

// DotSums are the results of a DotTile, and its memory.
type DotSums struct {
	Sum   [DotTileRows * DotTileRows]float64
	lanes [DotTileRows * DotTileRows * lanes]float64
	parts [2 * DotTileRows * DotTileRows]float64
}

// dotStretch is how many elements of all rows stay in the first-level cache.
const dotStretch = 512

// DotTileOf returns the body of level l, or the best below it. It gives the bits
// of the reduction. It does not panic.
func DotTileOf[T Float](l Level) DotTile[T] {
	asm, dot := asmOf[T](l.Resolve()), LookupReduction[T]("dot", l)
	return func(s *DotSums, a, b []T, lda, ldb, n int) {
		a, b = a[:(DotTileRows-1)*lda+n], b[:(DotTileRows-1)*ldb+n]
		if asm.dots == nil || n == 0 || n%lanes > 0 {
			for i := range s.Sum {
				s.Sum[i] = dot(a[i/DotTileRows*lda:][:n], b[i%DotTileRows*ldb:][:n])
			}
			return
		}
		clear(s.lanes[:])
		for at := 0; at < n; at += dotStretch {
			asm.dots(&s.lanes[0], &a[at], &b[at], lda, ldb, min(dotStretch, n-at))
		}
		asm.foldDots(&s.parts[0], &s.lanes[0])
		for i := range s.Sum {
			s.Sum[i] = 0 + (s.parts[2*i] + s.parts[2*i+1])
		}
	}
}
