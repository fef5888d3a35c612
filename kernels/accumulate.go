package kernels

// Accumulate adds a[i] to dst[i], for every element of dst: one row of a
// reduction over an axis that is not the last. It panics if a is shorter than
// dst.
func Accumulate[T Float](dst []float64, a []T, l Level) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] += float64(x)
	}
}
