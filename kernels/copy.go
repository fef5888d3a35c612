package kernels

// Convert32 sets dst[i] to a[i] rounded to float32, for every element of dst. It
// panics if a is shorter than dst.
func Convert32(dst []float32, a []float64, l Level) {
	a = a[:len(dst)]
	if f := asm32[l.Resolve()].fromFloat64; f != nil {
		n := inStretches(f, dst, a)
		dst, a = dst[n:], a[n:]
	}
	for i, x := range a {
		dst[i] = float32(x)
	}
}

// Convert64 sets dst[i] to a[i], for every element of dst. It panics if a is
// shorter than dst.
func Convert64(dst []float64, a []float32, l Level) {
	a = a[:len(dst)]
	if f := asm32[l.Resolve()].toFloat64; f != nil {
		n := inStretches(f, dst, a)
		dst, a = dst[n:], a[n:]
	}
	for i, x := range a {
		dst[i] = float64(x)
	}
}

// CopyStrided copies n elements of words (1 real, 2 complex) values each:
// element i from a at i·aStride to dst at i·dstStride, strides counted in
// elements; a stride of 0 repeats or overwrites one element. Strides must not be
// negative. It panics if a slice is too short.
func CopyStrided[T Float](dst []T, dstStride int, a []T, aStride int, n, words int) {
	switch {
	case n <= 0:
	case dstStride == 1 && aStride == 1:
		copy(dst[:n*words], a[:n*words])
	case words == 1:
		copyStrided1(dst, dstStride, a, aStride, n)
	default:
		copyStrided2(dst, 2*dstStride, a, 2*aStride, n)
	}
}

func copyStrided1[T Float](dst []T, dstStride int, a []T, aStride int, n int) {
	switch {
	case aStride == 0:
		x := a[0]
		for i := range n {
			dst[i*dstStride] = x
		}
	case dstStride == 1:
		dst = dst[:n]
		for i, j := 0, 0; i < len(dst); i, j = i+1, j+aStride {
			dst[i] = a[j]
		}
	default:
		for i, j, k := 0, 0, 0; i < n; i, j, k = i+1, j+dstStride, k+aStride {
			dst[j] = a[k]
		}
	}
}

// copyStrided2 takes strides in values.
func copyStrided2[T Float](dst []T, dstStride int, a []T, aStride int, n int) {
	for i, j, k := 0, 0, 0; i < n; i, j, k = i+1, j+dstStride, k+aStride {
		d, s := dst[j:j+2:j+2], a[k:k+2:k+2]
		d[0], d[1] = s[0], s[1]
	}
}
