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

// DotRows sets dst[i] to the inner product of b and of row i of a, which begins at
// i·lda. s is memory. It panics if a is too short, and does not allocate.
type DotRows[T Float] func(s *RowSums, dst []float64, a []T, lda int, b []T)

// RowSums are what DotRows works with.
type RowSums [dotRowsAtOnce][dotLanes]float64

// dotRowsAtOnce is how many rows the assembly takes at a time, and dotRowsRun the most
// elements of them.
const (
	dotRowsAtOnce = 8
	dotRowsRun    = 1024
)

// LookupDotRows returns the body at or below level l (Auto: the best of this CPU).
// Sums are those of the reduction dot but for their order; with float32, up to
// dotRowsRun/16 products are summed in float32 before they are added to a sum in
// float64. All levels but PureGo give the same bits. It does not panic.
func LookupDotRows[T Float](l Level) DotRows[T] {
	dot, several := LookupReduction[T]("dot", l), asmOf[T](l.Resolve()).rowDots
	return func(s *RowSums, dst []float64, a []T, lda int, b []T) {
		whole := len(b) / DotLeast * DotLeast
		if several == nil {
			whole = 0
		}
		if whole == 0 || len(dst) < dotRowsAtOnce {
			for i := range dst {
				dst[i] = dot(a[i*lda:][:len(b)], b)
			}
			return
		}
		for at := 0; at < len(dst); at += dotRowsAtOnce {
			i := min(at, len(dst)-dotRowsAtOnce) // the last may overlap those before
			*s = RowSums{}
			rows := a[i*lda:][:(dotRowsAtOnce-1)*lda+len(b)]
			for k := 0; k < whole; k += dotRowsRun {
				several(&s[0][0], &rows[k], &b[k], lda, 0, min(dotRowsRun, whole-k))
			}
			for j := range s {
				dst[i+j] = foldDot(&s[j])
				if whole < len(b) {
					dst[i+j] += dot(rows[j*lda+whole:][:len(b)-whole], b[whole:])
				}
			}
		}
	}
}
