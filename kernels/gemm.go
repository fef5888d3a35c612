package kernels

//go:generate go -C _asm run ./gemm -out ../zz_gemm_avx2_f32_amd64.s -stubs ../zz_gemm_avx2_f32_amd64.go -pkg kernels
//go:generate go -C _asm run ./gemm -f64 -out ../zz_gemm_avx2_f64_amd64.s -stubs ../zz_gemm_avx2_f64_amd64.go -pkg kernels
//go:generate go -C _asm run ./gemm -avx512 -out ../zz_gemm_avx512_f32_amd64.s -stubs ../zz_gemm_avx512_f32_amd64.go -pkg kernels
//go:generate go -C _asm run ./gemm -avx512 -f64 -out ../zz_gemm_avx512_f64_amd64.s -stubs ../zz_gemm_avx512_f64_amd64.go -pkg kernels

import "math"

// gemmColumns is how many columns of b are worked on at a time: so many that a
// few rows of them stay in the first-level cache.
const gemmColumns = 512

// gemmDepth is how many rows of b are combined at a time.
const gemmDepth = 256

// Gemm sets dst, m×n, to the matrix product a·b of a, m×k, and b, k×n, all by
// rows: row i of a matrix starts at i·ld. With transA, a is stored as its
// transpose, k×m, and transB likewise. Every element is the sum over k in index
// order, with fused multiply-adds where the level has them. Rows of dst are
// shared between the threads of pool. dst must not overlap a or b. It panics if
// a slice is too short.
func Gemm[T Float](dst []T, ldd int, a []T, lda int, b []T, ldb int, m, n, k int, transA, transB bool, l Level, pool *Pool) {
	const rows = 16 // that one chunk takes: b is read once for each
	if m == 0 || n == 0 {
		return
	}
	l = l.Resolve()
	if asm := asmOf[T](l); asm.tileRows > 0 && worthTiles(m, n, k, transB) {
		gemmTiled(asm, dst, ldd, a, lda, b, ldb, m, n, k, transA, transB, pool)
		return
	}
	if pool.Threads() == 1 || m <= rows {
		gemmRows(dst, ldd, a, lda, b, ldb, 0, m, n, k, transA, transB, l)
		return
	}
	pool.For(m, rows, func(_, lo, hi int) {
		gemmRows(dst, ldd, a, lda, b, ldb, lo, hi, n, k, transA, transB, l)
	})
}

// GemmPacks reports whether Gemm packs a b of these sizes at level l: a transposed b
// costs no more than another then. It does not panic.
func GemmPacks[T Float](m, n, k int, l Level) bool {
	return asmOf[T](l.Resolve()).tileRows > 0 && worthTiles(m, n, k, false)
}

// gemmRows computes rows lo up to hi of dst.
func gemmRows[T Float](dst []T, ldd int, a []T, lda int, b []T, ldb, lo, hi, n, k int, transA, transB bool, l Level) {
	if transB {
		for i := lo; i < hi; i++ {
			gemmDots(dst[i*ldd:i*ldd+n], i, a, lda, b, ldb, k, transA)
		}
		return
	}
	var x [gemmDepth]T
	for from := 0; from < n; from += gemmColumns {
		to := min(from+gemmColumns, n)
		for i := lo; i < hi; i++ {
			row := dst[i*ldd+from : i*ldd+to]
			clear(row)
			for p := 0; p < k; p += gemmDepth {
				depth := min(gemmDepth, k-p)
				for q := range depth {
					if transA {
						x[q] = a[(p+q)*lda+i]
					} else {
						x[q] = a[i*lda+p+q]
					}
				}
				combineRows(row, b[p*ldb+from:], ldb, x[:depth], l)
			}
		}
	}
}

// combineRows adds to dst the rows of b times x.
func combineRows[T Float](dst, b []T, ldb int, x []T, l Level) {
	block := rowBlock[T](l)
	if block == 0 {
		for p, f := range x {
			for j, y := range b[p*ldb : p*ldb+len(dst)] {
				dst[j] += T(f * y)
			}
		}
		return
	}
	_ = b[(len(x)-1)*ldb+len(dst)-1]
	done := len(dst) / block * block
	if done > 0 {
		rowProduct(l, &dst[0], &b[0], &x[0], done/block, ldb, len(x))
	}
	dst = dst[done:]
	for p, f := range x {
		for j, y := range b[p*ldb+done : p*ldb+done+len(dst)] {
			dst[j] = fusedMultiplyAdd(f, y, dst[j])
		}
	}
}

// fusedMultiplyAdd returns x·y + z, rounded once.
func fusedMultiplyAdd[T Float](x, y, z T) T {
	if v, ok := any(x).(float32); ok {
		return T(fma32(v, float32(y), float32(z)))
	}
	return T(math.FMA(float64(x), float64(y), float64(z)))
}

// gemmDots sets dst to the products of row i of a with the rows of b.
func gemmDots[T Float](dst []T, i int, a []T, lda int, b []T, ldb, k int, transA bool) {
	ai, step := i*lda, 1
	if transA {
		ai, step = i, lda
	}
	for j := range dst {
		var s T
		for p, x := range b[j*ldb : j*ldb+k] {
			s += T(a[ai+p*step] * x)
		}
		dst[j] = s
	}
}
