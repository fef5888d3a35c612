package kernels

// rowsAtOnce is how many rows AddRows reads side by side.
const rowsAtOnce = 16

// AddRows adds to dst the rows of b times x: row i begins at i·ldb. Every element
// is a chain over the rows in their order, of fused multiply-adds where the level
// has them. Rows that lie one after the other are read as memory likes it: a few
// at a time. It panics if a slice is too short.
func AddRows[T Float](dst, b []T, ldb int, x []T, l Level) {
	l = l.Resolve()
	for i := 0; i < len(x) && len(dst) > 0; i += rowsAtOnce {
		combineRows(dst, b[i*ldb:], ldb, x[i:min(i+rowsAtOnce, len(x))], l)
	}
}

// DotRows sets dst[i] to what the Reduction dot makes of b and of row i of a, which
// begins at i·lda. It panics if a is too short.
type DotRows[T Float] func(dst []float64, a []T, lda int, b []T)

// dotRowsAtOnce is how many rows the assembly takes at a time.
const dotRowsAtOnce = 4

// LookupDotRows returns the body at or below level l (Auto: the best of this CPU).
// All levels give the same bits. It does not panic.
func LookupDotRows[T Float](l Level) DotRows[T] {
	dot, several := LookupReduction[T]("dot", l), asmOf[T](l.Resolve()).dotRows
	return func(dst []float64, a []T, lda int, b []T) {
		i := 0
		if several != nil && len(b) > 0 && len(b) <= Block && len(b)%asmStretch == 0 {
			for ; i+dotRowsAtOnce <= len(dst); i += dotRowsAtOnce {
				_ = a[(i+dotRowsAtOnce-1)*lda:][:len(b)]
				several(&dst[i], &a[i*lda], &b[0], lda, len(b))
			}
		}
		for ; i < len(dst); i++ {
			dst[i] = dot(a[i*lda:][:len(b)], b)
		}
	}
}
