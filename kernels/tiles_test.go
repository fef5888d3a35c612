package kernels

import (
	"math/rand/v2"
	"testing"
)

// Sizes around tiles, blocks and panels: every element is one chain of fused
// multiply-adds, to the bit, whatever the threads.
func TestGemmTiles(t *testing.T) {
	testGemmTiles[float32](t)
	testGemmTiles[float64](t)
}

func testGemmTiles[T Float](t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	r := rand.New(rand.NewPCG(19, 20))
	sizes := [][3]int{{4, 40, 40}, {5, 17, 256}, {6, 16, 257}, {7, 33, 300}, {12, 32, 512}, {13, 31, 64}, {97, 49, 40}, {200, 8, 30}, {24, 700, 19}, {60, 70, 700}, {4, 1040, 1030}, {200, 40, 530}, {4, 3100, 20}, {3100, 5, 20}}
	for _, l := range Levels() {
		if asmOf[T](l).tileRows == 0 {
			continue
		}
		for _, s := range sizes {
			for trans := range 4 {
				checkTiles[T](t, r, s, trans&1 != 0, trans&2 != 0, l, pool)
			}
		}
	}
}

func checkTiles[T Float](t *testing.T, r *rand.Rand, s [3]int, transA, transB bool, l Level, pool *Pool) {
	t.Helper()
	m, n, k := s[0], s[1], s[2]
	if !worthTiles(m, n, k, true) {
		t.Fatalf("%v does not go by tiles", s)
	}
	a, rowA, columnA := randomMatrix[T](r, m, k, transA)
	b, rowB, columnB := randomMatrix[T](r, k, n, transB)
	ldd := n + 3
	one, many := newGuarded[T](m*ldd, 0), newGuarded[T](m*ldd, 0)
	Gemm(one.values, ldd, a, max(rowA, columnA), b, max(rowB, columnB), m, n, k, transA, transB, l, nil)
	Gemm(many.values, ldd, a, max(rowA, columnA), b, max(rowB, columnB), m, n, k, transA, transB, l, pool)
	one.check(t)
	if !sameBits(one.whole, many.whole) {
		t.Fatalf("%T, %v, %v, transposed %v %v: threads matter", T(0), l, s, transA, transB)
	}
	for i := range m {
		for j := range ldd {
			got := one.values[i*ldd+j]
			want := guardWord[T](one.offset + i*ldd + j)
			if j < n {
				want = 0
				for p := range k {
					want = fusedMultiplyAdd(a[i*rowA+p*columnA], b[p*rowB+j*columnB], want)
				}
			}
			if got != want {
				t.Fatalf("%T, %v, %v, transposed %v %v: element %d, %d is %v, want %v", T(0), l, s, transA, transB, i, j, got, want)
			}
		}
	}
}

// randomMatrix returns an m×n matrix, stored turned over if trans, and the
// distances of its rows and columns in memory.
func randomMatrix[T Float](r *rand.Rand, m, n int, trans bool) (a []T, row, column int) {
	row, column = n+2, 1
	if trans {
		row, column = 1, m+2
	}
	a = make([]T, (m-1)*row+(n-1)*column+1)
	fillNormal(r, a)
	return a, row, column
}

func TestGemmTiledDoesNotAllocate(t *testing.T) {
	if Best() == PureGo {
		t.Skip("plain Go has no tiles")
	}
	pool := NewPool(2)
	defer pool.Close()
	a, dst := make([]float32, 64*64), make([]float32, 64*64)
	f := func() { Gemm(dst, 64, a, 64, a, 64, 64, 64, 64, false, false, Auto, pool) }
	f()
	if n := testing.AllocsPerRun(20, f); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGemm(b *testing.B) {
	const n = 512
	a, c := make([]float32, n*n), make([]float32, n*n)
	for _, l := range Levels() {
		b.Run(l.String(), func(b *testing.B) {
			for b.Loop() {
				Gemm(c, n, a, n, a, n, n, n, n, false, false, l, nil)
			}
			b.ReportMetric(2*n*n*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
