package kernels

import "unsafe"

// Transpose copies src, m×n, to dst, n×m, with rows lds and ldd apart. It panics if a
// slice is too short.
func Transpose[T Float](dst []T, ldd int, src []T, lds, m, n int, l Level) {
	transpose(dst, ldd, src, lds, m, n, asmOf[T](l.Resolve()))
}

// TransposePairs is Transpose of matrices of pairs of numbers, with rows lds and ldd pairs
// apart.
func TransposePairs[T Float](dst []T, ldd int, src []T, lds, m, n int, l Level) {
	if unsafe.Sizeof(T(0)) == 4 { // a pair of float32 moves like a float64
		Transpose(pairsOf(dst), ldd, pairsOf(src), lds, m, n, l)
		return
	}
	for i := range m {
		row := src[2*i*lds:][:2*n]
		for j := range n {
			to := dst[2*(j*ldd+i):][:2]
			to[0], to[1] = row[2*j], row[2*j+1]
		}
	}
}

// pairsOf returns pairs of float32 as the float64 of the same bits.
func pairsOf[T Float](x []T) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(x))), len(x)/2)
}

func transpose[T Float](dst []T, ldd int, src []T, lds, m, n int, asm *asmTable[T]) {
	g := 32 / int(unsafe.Sizeof(T(0)))
	wholeM, wholeN := m/g*g, n/g*g
	if asm.transpose == nil {
		wholeN = 0
	}
	if wholeM > 0 && wholeN > 0 {
		_, _ = dst[(wholeN-1)*ldd+wholeM-1], src[(wholeM-1)*lds+wholeN-1]
		for i := 0; i < wholeM; i += g {
			asm.transpose(&dst[i], &src[i*lds], ldd, lds, wholeN)
		}
	}
	for i := range m {
		start := wholeN
		if i >= wholeM {
			start = 0
		}
		for j := start; j < n; j++ {
			dst[j*ldd+i] = src[i*lds+j]
		}
	}
}
