// Package blas gives gonum the matrix products of percept's kernels:
//
//	blas64.Use(blas.Implementation{})
//	blas32.Use(blas.Implementation{})
//
// makes the dense products of gonum's mat, and what is built on them, run on
// AVX2 or AVX-512. Everything but Gemm and Syrk is gonum's own.
package blas

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/percept-go/percept/kernels"
)

// An Implementation is gonum's, with Sgemm, Dgemm, Ssyrk and Dsyrk on this
// module's kernels. The zero value works on the thread that calls it, at the best
// level of the CPU, and may be used by several goroutines.
type Implementation struct {
	gonum.Implementation
	Level kernels.Level
	Pool  *kernels.Pool // whose threads share a product; then one goroutine may call at a time
}

var (
	_ blas.Float32 = Implementation{}
	_ blas.Float64 = Implementation{}
)

// fewProducts is up to how many multiplications gonum's loops are as good.
const fewProducts = 1 << 10

// blockSize is how many elements of a product are held before they are added to
// what is there.
const blockSize = 1 << 16

// Dgemm sets c to alpha·a·b + beta·c, where tA and tB say which of a and b are
// stored turned over. It panics as gonum's does on arguments that do not fit.
func (i Implementation) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	if alpha == 0 || m*n*k <= fewProducts {
		i.Implementation.Dgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	i.Implementation.Dgemm(tA, tB, m, n, k, 0, a, lda, b, ldb, beta, c, ldc) // checks, and scales c
	gemm(i, tA != blas.NoTrans, tB != blas.NoTrans, m, n, k, alpha, a, lda, b, ldb, beta == 0, c, ldc)
}

// Sgemm is Dgemm in single precision. It panics as gonum's does on arguments that
// do not fit.
func (i Implementation) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha == 0 || m*n*k <= fewProducts {
		i.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	i.Implementation.Sgemm(tA, tB, m, n, k, 0, a, lda, b, ldb, beta, c, ldc)
	gemm(i, tA != blas.NoTrans, tB != blas.NoTrans, m, n, k, alpha, a, lda, b, ldb, beta == 0, c, ldc)
}

// Dsyrk sets the triangle ul of c, n×n, to that of alpha·a·aᵀ + beta·c, or of
// alpha·aᵀ·a + beta·c if tA is a transposition. It panics as gonum's does on
// arguments that do not fit.
func (i Implementation) Dsyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, beta float64, c []float64, ldc int) {
	if alpha == 0 || n*n*k <= fewProducts {
		i.Implementation.Dsyrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	i.Implementation.Dsyrk(ul, tA, n, k, 0, a, lda, beta, c, ldc)
	syrk(i, ul == blas.Upper, tA != blas.NoTrans, n, k, alpha, a, lda, c, ldc)
}

// Ssyrk is Dsyrk in single precision. It panics as gonum's does on arguments that
// do not fit.
func (i Implementation) Ssyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, beta float32, c []float32, ldc int) {
	if alpha == 0 || n*n*k <= fewProducts {
		i.Implementation.Ssyrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	i.Implementation.Ssyrk(ul, tA, n, k, 0, a, lda, beta, c, ldc)
	syrk(i, ul == blas.Upper, tA != blas.NoTrans, n, k, alpha, a, lda, c, ldc)
}

// gemm adds alpha·a·b to c, which is known to be 0 if empty.
func gemm[T kernels.Float](i Implementation, transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, empty bool, c []T, ldc int) {
	if empty && alpha == 1 {
		kernels.Gemm(c, ldc, a, lda, b, ldb, m, n, k, transA, transB, i.Level, i.Pool)
		return
	}
	rows := blockRows(m, n)
	block := make([]T, rows*n)
	for r := 0; r < m; r += rows {
		high := min(rows, m-r)
		kernels.Gemm(block, n, a[start(r, lda, transA):], lda, b, ldb, high, n, k, transA, transB, i.Level, i.Pool)
		for j := range high {
			addScaled(c[(r+j)*ldc:][:n], alpha, block[j*n:])
		}
	}
}

// syrk adds a triangle of alpha·a·aᵀ, or alpha·aᵀ·a if trans, to c: block by block
// of rows, of which only the columns from or up to the diagonal are computed.
func syrk[T kernels.Float](i Implementation, upper, trans bool, n, k int, alpha T, a []T, lda int, c []T, ldc int) {
	rows := min(blockRows(n, n), max(n/8, 48))
	block := make([]T, rows*n)
	for r := 0; r < n; r += rows {
		high, from, to := min(rows, n-r), 0, n
		if upper {
			from = r
		} else {
			to = r + high
		}
		width := to - from
		kernels.Gemm(block, width, a[start(r, lda, trans):], lda, a[start(from, lda, trans):], lda, high, width, k, trans, !trans, i.Level, i.Pool)
		for j := range high {
			row, product := c[(r+j)*ldc:], block[j*width:]
			if upper {
				addScaled(row[r+j:n], alpha, product[j:])
			} else {
				addScaled(row[:r+j+1], alpha, product)
			}
		}
	}
}

// blockRows returns how many of m rows of n elements are computed at a time.
func blockRows(m, n int) int { return min(m, max(blockSize/n, 48)) }

// start returns where row r of a matrix begins, stored turned over if trans.
func start(r, ld int, trans bool) int {
	if trans {
		return r
	}
	return r * ld
}

// addScaled adds alpha·x to dst.
func addScaled[T kernels.Float](dst []T, alpha T, x []T) {
	for j, v := range x[:len(dst)] {
		dst[j] += T(alpha * v)
	}
}
