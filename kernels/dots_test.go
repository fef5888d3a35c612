package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestDotTile(t *testing.T) {
	testDotTile[float32](t)
	testDotTile[float64](t)
}

// testDotTile compares with exact sums, and the levels that have assembly with each
// other, to the bit.
func testDotTile[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for _, wide := range []bool{false, true} {
		for _, n := range []int{0, 1, 15, 16, 17, 33, 64, 480, 500, dotRun32} {
			lda, ldb := n+r.IntN(4), n+r.IntN(4)
			a, b := make([]T, 3*lda+n+1)[1:], make([]T, 3*ldb+n)
			fillNormal(r, a)
			fillNormal(r, b)
			compareDotTile(t, wide, a, b, lda, ldb, n, false)
			compareDotTile(t, wide, a, a, lda, lda, n, true)
		}
	}
}

// compareDotTile takes every level; own says that sums with j > i mean nothing.
func compareDotTile[T Float](t *testing.T, wide bool, a, b []T, lda, ldb, n int, own bool) {
	bound := 0x1p-52 * float64(n)
	if unsafe.Sizeof(T(0)) == 4 && !wide { // sums of n/16 terms in float32
		bound = 0x1p-24 * float64(n/16+2)
	}
	var best *DotSums
	for _, l := range Levels() {
		got := new(DotSums)
		for i := range got {
			got[i][3] = float64(i) // is added to
		}
		DotTileOf[T](l, wide)(got, a, b, lda, ldb, n)
		for i := range DotTileRows {
			for j := range DotTileRows {
				if own && j > i {
					got[DotTileRows*i+j] = [dotLanes]float64{}
					continue
				}
				want, size := exactDot(a[i*lda:][:n], b[j*ldb:][:n])
				want += float64(DotTileRows*i + j)
				if g := got.Sum(i, j); !(math.Abs(g-want) <= bound*(size+15)) {
					t.Errorf("%T, wide %v, own %v, %v, n %d, sum %d, %d: got %v, want %v", T(0), wide, own, l, n, i, j, g, want)
				}
			}
		}
		if l == PureGo {
			continue
		}
		if best != nil && *best != *got {
			t.Errorf("%T, wide %v, own %v, n %d: other bits with %v", T(0), wide, own, n, l)
		}
		best = got
	}
}

// exactDot returns the inner product of x and y, summed in twice the digits of float64
// (Ogita, Rump and Oishi 2005, SIAM J. Sci. Comput. 26:1955–1988), and that of their
// absolute values.
func exactDot[T Float](x, y []T) (sum, size float64) {
	rest := 0.0
	for i := range x {
		a, b := float64(x[i]), float64(y[i])
		p := a * b
		rest += math.FMA(a, b, -p)
		next := sum + p
		back := next - sum
		rest += (sum - (next - back)) + (p - back)
		sum, size = next, size+math.Abs(p)
	}
	return sum + rest, size
}

func TestDotTileDoesNotAllocate(t *testing.T) {
	a, tile, dst := make([]float32, 4*dotRun32), DotTileOf[float32](Auto, false), new(DotSums)
	if n := testing.AllocsPerRun(10, func() { tile(dst, a, a, dotRun32, dotRun32, dotRun32) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
