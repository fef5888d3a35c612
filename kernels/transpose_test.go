package kernels

import "testing"

func TestTranspose(t *testing.T) {
	testTranspose[float32](t)
	testTranspose[float64](t)
}

func testTranspose[T Float](t *testing.T) {
	for _, l := range Levels() {
		for _, size := range [][2]int{{1, 1}, {3, 5}, {4, 4}, {8, 8}, {9, 17}, {16, 3}, {33, 40}} {
			for words, f := range map[int]func(dst []T, ldd int, src []T, lds, m, n int, l Level){1: Transpose[T], 2: TransposePairs[T]} {
				m, n := size[0], size[1]
				ldd, lds := m+1, n+2
				src, dst := make([]T, ((m-1)*lds+n)*words), make([]T, ((n-1)*ldd+m)*words)
				for i := range src {
					src[i] = T(i + 1)
				}
				f(dst, ldd, src, lds, m, n, l)
				for at, got := range dst {
					want := T(0) // between the rows
					if j, i := at/words/ldd, at/words%ldd; i < m {
						want = src[(i*lds+j)*words+at%words]
					}
					if got != want {
						t.Fatalf("%T, %v, %d×%d, %d numbers an element: element %d is %v, want %v", want, l, m, n, words, at, got, want)
					}
				}
			}
		}
	}
}
