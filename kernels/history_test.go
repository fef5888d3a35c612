package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// TestRowsLevelsAgree compares the bodies of DotRows with exact sums, and with each
// other, and those of AddRows with a chain of fused multiply-adds; memory between the
// rows and around them holds NaN.
func TestRowsLevelsAgree(t *testing.T) {
	checkRows[float32](t)
	checkRows[float64](t)
}

func checkRows[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{0, 1, 31, 32, 33, 96, 100, 1000, 1024, 1056, Block, Block + 32} {
		for _, rows := range []int{0, 1, 7, 8, 9, 16, 17, 33} {
			lda := n + r.IntN(3)
			a, b, x := make([]T, rows*lda+2), make([]T, n), make([]T, rows)
			for i := range a {
				a[i] = T(math.NaN())
			}
			for i := range rows {
				fillNormal(r, a[1+i*lda:][:n])
			}
			fillNormal(r, b)
			fillNormal(r, x)
			if n > 0 && rows > 2 {
				a[1+2*lda+r.IntN(n)] = T(math.Inf(1))
			}
			checkDotRows(t, a[1:], lda, b, rows)
			for _, l := range Levels() {
				checkAdded(t, l, a[1:], lda, b, x)
			}
		}
	}
}

func checkDotRows[T Float](t *testing.T, a []T, lda int, b []T, rows int) {
	bound := 0x1p-52 * float64(len(b))
	if unsafe.Sizeof(T(0)) == 4 {
		bound = 0x1p-24 * (dotRowsRun/16 + 2)
	}
	var best []float64
	for _, l := range Levels() {
		got := make([]float64, rows+1)
		got[rows] = 7
		LookupDotRows[T](l)(new(RowSums), got[:rows], a, lda, b)
		for i := range rows {
			row := a[i*lda:][:len(b)]
			if i == 2 && len(b) > 0 { // has an infinity
				if !math.IsInf(got[i], 0) {
					t.Fatalf("%T, %v, %d rows of %d: product %d is %v", T(0), l, rows, len(b), i, got[i])
				}
				continue
			}
			if want, size := exactDot(row, b); !(math.Abs(got[i]-want) <= bound*size) {
				t.Fatalf("%T, %v, %d rows of %d: product %d is %v, want %v", T(0), l, rows, len(b), i, got[i], want)
			}
		}
		if got[rows] != 7 {
			t.Fatalf("%d rows of %d: written beyond", rows, len(b))
		}
		if l == PureGo {
			continue
		}
		if best != nil && !slices.Equal(best, got) {
			t.Fatalf("%T, %d rows of %d: other bits with %v", T(0), rows, len(b), l)
		}
		best = got
	}
}

func checkAdded[T Float](t *testing.T, l Level, a []T, lda int, b, x []T) {
	dst := append([]T(nil), b...)
	AddRows(dst, a, lda, x, l)
	for j, want := range b {
		for i, f := range x {
			if l == PureGo {
				want += T(f * a[i*lda+j])
			} else {
				want = fusedMultiplyAdd(f, a[i*lda+j], want)
			}
		}
		if dst[j] != want {
			t.Fatalf("%T, %d rows of %d: element %d is %v, want %v", T(0), len(x), len(b), j, dst[j], want)
		}
	}
}
