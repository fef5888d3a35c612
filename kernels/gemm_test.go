package kernels

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
)

// TestGemm compares every level with the sums themselves, in float64, for
// sizes around the kernels' blocks and all transpositions.
func TestGemm(t *testing.T) {
	for _, l := range Levels() {
		t.Run(fmt.Sprintf("%v/float32", l), func(t *testing.T) { testGemm[float32](t, l, 1e-5) })
		t.Run(fmt.Sprintf("%v/float64", l), func(t *testing.T) { testGemm[float64](t, l, 1e-14) })
	}
}

func testGemm[T Float](t *testing.T, l Level, tol float64) {
	r := rand.New(rand.NewSource(1))
	for _, s := range [][3]int{{1, 1, 1}, {4, 1031, 4}, {3, 64, 8}, {17, 33, 5}, {2, 95, 300}, {33, 7, 2}, {5, 513, 0}} {
		m, n, k := s[0], s[1], s[2]
		for trans := range 4 {
			ta, tb := trans&1 != 0, trans&2 != 0
			lda, ldb, ldd := k+1, n+2, n+3
			ra, rb := m, k
			if ta {
				lda, ra = m+1, k
			}
			if tb {
				ldb, rb = k+2, n
			}
			a, b := randomSlice[T](r, ra*lda), randomSlice[T](r, rb*ldb)
			dst := make([]T, m*ldd)
			for i := range dst {
				dst[i] = T(math.NaN())
			}
			Gemm(dst, ldd, a, lda, b, ldb, m, n, k, ta, tb, l, nil)
			for i := range m {
				for j := range ldd {
					got := float64(dst[i*ldd+j])
					if j >= n {
						if got == got {
							t.Fatalf("%v: wrote beyond row %d", s, i)
						}
						continue
					}
					want := 0.0
					for p := range k {
						x, y := a[i*lda*b2i(!ta)+p*b2i(!ta)+b2i(ta)*(p*lda+i)], b[b2i(!tb)*(p*ldb+j)+b2i(tb)*(j*ldb+p)]
						want += float64(x) * float64(y)
					}
					if !(math.Abs(got-want) <= tol*float64(k+1)) {
						t.Fatalf("%v transposed %v %v: element %d,%d is %v, want %v", s, ta, tb, i, j, got, want)
					}
				}
			}
		}
	}
}

func TestGemmDoesNotAllocate(t *testing.T) {
	a, b, dst := make([]float64, 16), make([]float64, 4*100), make([]float64, 4*100)
	if n := testing.AllocsPerRun(10, func() { Gemm(dst, 100, a, 4, b, 100, 4, 100, 4, false, false, Auto, nil) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func randomSlice[T Float](r *rand.Rand, n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(2*r.Float64() - 1)
	}
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
