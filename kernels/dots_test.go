package kernels

import (
	"math/rand/v2"
	"testing"
)

func TestDotTile(t *testing.T) {
	testDotTile[float32](t)
	testDotTile[float64](t)
}

// testDotTile compares with the reduction, to the bit.
func testDotTile[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for _, l := range Levels() {
		tile, dot := DotTileOf[T](l), LookupReduction[T]("dot", PureGo)
		for _, n := range []int{0, 1, 31, 32, 33, 64, 480, 512, 544, 1000, 1024, Block - 32, Block} {
			lda, ldb := n+r.IntN(4), n+r.IntN(4)
			a, b := make([]T, 3*lda+n+1)[1:], make([]T, 3*ldb+n)
			fillNormal(r, a)
			fillNormal(r, b)
			got := new(DotSums)
			tile(got, a, b, lda, ldb, n)
			for i, g := range got.Sum {
				if want := dot(a[i/DotTileRows*lda:][:n], b[i%DotTileRows*ldb:][:n]); g != want {
					t.Fatalf("%T, %v, n %d, product %d: got %v, want %v", T(0), l, n, i, g, want)
				}
			}
		}
	}
}

func TestDotTileDoesNotAllocate(t *testing.T) {
	a, tile, dst := make([]float32, 4*Block), DotTileOf[float32](Auto), new(DotSums)
	if n := testing.AllocsPerRun(10, func() { tile(dst, a, a, Block, Block, Block) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
