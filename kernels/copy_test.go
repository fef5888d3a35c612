package kernels

import (
	"math/rand/v2"
	"testing"
)

func TestConvert(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, l := range Levels() {
		for _, n := range append(seq(0, 99), 1000, asmChunk+50) {
			d, s := make([]float64, n), make([]float32, n)
			fillMixed(r, d)
			fillMixed(r, s)
			to32, to64 := newGuarded[float32](n, r.IntN(5)), newGuarded[float64](n, r.IntN(5))
			Convert32(to32.values, d, l)
			Convert64(to64.values, s, l)
			to32.check(t)
			to64.check(t)
			for i := range n {
				if g, w := to32.values[i], float32(d[i]); !agrees(g, w, 0) {
					t.Fatalf("Convert32, %v, n %d, element %d: got %v, want %v", l, n, i, g, w)
				}
				if g, w := to64.values[i], float64(s[i]); !agrees(g, w, 0) {
					t.Fatalf("Convert64, %v, n %d, element %d: got %v, want %v", l, n, i, g, w)
				}
			}
		}
	}
}

func TestCopyStrided(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for words := 1; words <= 2; words++ {
		for _, n := range []int{0, 1, 2, 7, 33} {
			for dstStride := 1; dstStride <= 3; dstStride++ {
				for aStride := range 4 {
					checkCopy(t, r, words, n, dstStride, aStride)
				}
			}
		}
	}
}

// checkCopy also finds words between and around the elements that were written.
func checkCopy(t *testing.T, r *rand.Rand, words, n, dstStride, aStride int) {
	t.Helper()
	a := make([]float32, (max(n-1, 0)*aStride+1)*words)
	fillNormal(r, a)
	dst := newGuarded[float32](n*dstStride*words+1, 0)
	want := dst.clone()
	for i := range n {
		for w := range words {
			want.values[i*dstStride*words+w] = a[i*aStride*words+w]
		}
	}
	CopyStrided(dst.values, dstStride, a, aStride, n, words)
	if !sameBits(dst.whole, want.whole) {
		t.Fatalf("words %d, n %d, strides %d, %d: got %v, want %v", words, n, dstStride, aStride, dst.values, want.values)
	}
}
