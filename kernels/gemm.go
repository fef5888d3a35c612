package kernels

// Gemm sets dst, m×n, to the matrix product a·b of a, m×k, and b, k×n, all by
// rows: row i of a matrix starts at i·ld. With transA, a is stored as its
// transpose, k×m, and transB likewise. Every element is the sum over k in index
// order. Rows of dst are shared between the threads of pool. dst must not
// overlap a or b. It panics if a slice is too short.
func Gemm[T Float](dst []T, ldd int, a []T, lda int, b []T, ldb int, m, n, k int, transA, transB bool, l Level, pool *Pool) {
	const rows = 16 // that one chunk takes: b is read once for each
	pool.For(m, rows, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row := dst[i*ldd : i*ldd+n]
			clear(row)
			gemmRow(row, i, a, lda, b, ldb, k, transA, transB)
		}
	})
}

// gemmRow adds row i of a·b to dst.
func gemmRow[T Float](dst []T, i int, a []T, lda int, b []T, ldb int, k int, transA, transB bool) {
	ai, step := i*lda, 1
	if transA {
		ai, step = i, lda
	}
	if transB {
		for j := range dst {
			var s T
			for p, x := range b[j*ldb : j*ldb+k] {
				s += T(a[ai+p*step] * x)
			}
			dst[j] = s
		}
		return
	}
	for p := range k {
		x := a[ai+p*step]
		for j, y := range b[p*ldb : p*ldb+len(dst)] {
			dst[j] += T(x * y)
		}
	}
}
