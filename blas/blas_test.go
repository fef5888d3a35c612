package blas

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/blas/testblas"
	"gonum.org/v1/gonum/floats/scalar"

	"github.com/percept-go/percept/kernels"
)

func TestConformance(t *testing.T) {
	for _, l := range kernels.Levels() {
		testblas.TestDgemm(t, Implementation{Level: l})
		testblas.DsyrkTest(t, Implementation{Level: l})
	}
}

// TestAgainstGonum is at sizes at which the kernels do the work: gonum's cases are
// too small for them.
func TestAgainstGonum(t *testing.T) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	for _, i := range []Implementation{{}, {Pool: pool}, {Level: kernels.PureGo}} {
		for _, size := range [][3]int{{1, 64, 40}, {30, 7, 9}, {70, 130, 41}, {130, 1200, 3}, {12, 12, 12}} {
			for trans := range 4 {
				for _, scale := range [][2]float64{{1, 0}, {1, 1}, {-1.5, .25}, {2, 0}} {
					testGemm(t, i, size, trans&1 != 0, trans&2 != 0, scale[0], scale[1])
					testSyrk(t, i, size, trans&1 != 0, trans&2 != 0, scale[0], scale[1])
				}
			}
		}
	}
}

var transposes = map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}

func testGemm(t *testing.T, i Implementation, size [3]int, transA, transB bool, alpha, beta float64) {
	t.Helper()
	m, n, k := size[0], size[1], size[2]
	a, lda := matrix(m, k, transA)
	b, ldb := matrix(k, n, transB)
	want, ldc := matrix(m, n, false)
	got, single := append([]float64(nil), want...), singles(want)
	gonum.Implementation{}.Dgemm(transposes[transA], transposes[transB], m, n, k, alpha, a, lda, b, ldb, beta, want, ldc)
	i.Dgemm(transposes[transA], transposes[transB], m, n, k, alpha, a, lda, b, ldb, beta, got, ldc)
	i.Sgemm(transposes[transA], transposes[transB], m, n, k, float32(alpha), singles(a), lda, singles(b), ldb, float32(beta), single, ldc)
	requireClose(t, got, single, want)
}

func testSyrk(t *testing.T, i Implementation, size [3]int, upper, trans bool, alpha, beta float64) {
	t.Helper()
	n, k, ul := size[1], size[2], blas.Lower
	if upper {
		ul = blas.Upper
	}
	a, lda := matrix(n, k, trans)
	want, ldc := matrix(n, n, false)
	got, single := append([]float64(nil), want...), singles(want)
	gonum.Implementation{}.Dsyrk(ul, transposes[trans], n, k, alpha, a, lda, beta, want, ldc)
	i.Dsyrk(ul, transposes[trans], n, k, alpha, a, lda, beta, got, ldc)
	i.Ssyrk(ul, transposes[trans], n, k, float32(alpha), singles(a), lda, float32(beta), single, ldc)
	requireClose(t, got, single, want)
}

// requireClose compares whole matrices, with what lies between their rows and in
// the other triangle.
func requireClose(t *testing.T, got []float64, single []float32, want []float64) {
	t.Helper()
	for j, w := range want {
		if !scalar.EqualWithinAbs(got[j], w, 1e-13) {
			t.Fatalf("float64: element %d is %v, want %v", j, got[j], w)
		}
		if !scalar.EqualWithinAbs(float64(single[j]), w, 1e-4) {
			t.Fatalf("float32: element %d is %v, want %v", j, single[j], w)
		}
	}
}

// matrix returns a random matrix, stored turned over if trans, and the distance
// of its rows in memory.
func matrix(m, n int, trans bool) ([]float64, int) {
	if trans {
		m, n = n, m
	}
	r := rand.New(rand.NewPCG(uint64(m), uint64(n)))
	a := make([]float64, (m-1)*(n+2)+n)
	for j := range a {
		a[j] = 2*r.Float64() - 1
	}
	return a, n + 2
}

func singles(x []float64) []float32 {
	s := make([]float32, len(x))
	for j, v := range x {
		s[j] = float32(v)
	}
	return s
}

func TestArgumentsThatDoNotFit(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a short matrix was taken")
		}
	}()
	a, c := make([]float64, 20*20-1), make([]float64, 20*20)
	Implementation{}.Dgemm(blas.NoTrans, blas.NoTrans, 20, 20, 20, 1, a, 20, c, 20, 0, c, 20)
}
