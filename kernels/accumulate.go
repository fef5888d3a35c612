package kernels

// Accumulate adds a[i] to dst[i], for every element of dst: one row of a
// reduction over an axis that is not the last. It panics if a is shorter than
// dst.
func Accumulate[T Float](dst []float64, a []T, l Level) {
	a = a[:len(dst)]
	if f := asmOf[T](l.Resolve()).accumulate; f != nil {
		n := inStretches(f, dst, a)
		dst, a = dst[n:], a[n:]
	}
	for i, x := range a {
		dst[i] += float64(x)
	}
}

// inStretches runs an assembly function on the multiple of asmStretch elements
// that there are, and returns their number.
func inStretches[D, A Float](f func(dst *D, a *A, n int), dst []D, a []A) int {
	whole := len(dst) &^ (asmStretch - 1)
	for i := 0; i < whole; i += asmChunk {
		f(&dst[i], &a[i], min(whole-i, asmChunk))
	}
	return whole
}
