package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestRowsLevelsAgree compares the bodies of DotRows with the reduction dot of each
// row, and those of AddRows with a chain of fused multiply-adds; memory between the
// rows and around them holds NaN.
func TestRowsLevelsAgree(t *testing.T) {
	for _, l := range Levels() {
		t.Run(fmt.Sprint(l), func(t *testing.T) {
			checkRows[float32](t, l)
			checkRows[float64](t, l)
		})
	}
}

func checkRows[T Float](t *testing.T, l Level) {
	r := rand.New(rand.NewPCG(7, 8))
	dots, twin := LookupDotRows[T](l), LookupReduction[T]("dot", PureGo)
	for _, n := range []int{0, 1, 31, 32, 33, 96, 100, 1000, Block, Block + 32} {
		for _, rows := range []int{0, 1, 3, 4, 5, 17, 33} {
			lda := n + r.IntN(3)
			a, b, x := make([]T, rows*lda+2), make([]T, n), make([]T, rows)
			for i := range a {
				a[i] = T(math.NaN())
			}
			for i := range rows {
				fillMixed(r, a[1+i*lda:][:n])
			}
			fillNormal(r, b)
			fillNormal(r, x)
			got := make([]float64, rows+1)
			got[rows] = 7
			dots(got[:rows], a[1:], lda, b)
			for i := range rows {
				if want := twin(a[1+i*lda:][:n], b); !agrees(got[i], want, 0) {
					t.Fatalf("%T, %d rows of %d: product %d is %v, want %v", T(0), rows, n, i, got[i], want)
				}
			}
			if got[rows] != 7 {
				t.Fatalf("%d rows of %d: written beyond", rows, n)
			}
			for i := range rows {
				fillNormal(r, a[1+i*lda:][:n])
			}
			checkAdded(t, l, a[1:], lda, b, x)
		}
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
