package kernels

// An fftRowSet transforms any number of rows.
type fftRowSet[T Float] struct {
	dst, src int       // reals from row to row
	of       []*FFT[T] // of 1, 2, 4, … rows at a time
}

// newFFTRowSet returns the transforms of rows of w elements that start ldd and lds
// elements apart. Long rows go one by one, short ones as many at a time as a vector
// has lanes.
func newFFTRowSet[T Float](kind FFTKind, w, ldd, lds int, level Level) *fftRowSet[T] {
	r := &fftRowSet[T]{dst: 2 * ldd, src: 2 * lds}
	switch kind {
	case FFTReal:
		r.src = lds
	case FFTRealInverse:
		r.dst = ldd
	}
	for n := 1; ; n *= 2 {
		p := NewFFT[T](FFTSpec{Kind: kind, Shape: []int{n, w}, Axes: []int{1}, DstStride: []int{ldd, 1}, SrcStride: []int{lds, 1}}, level, 1)
		r.of = append(r.of, p)
		if pass := &p.passes[0]; n >= p.body.lanes || pass.cross != nil && pass.line.n >= fftCrossLength {
			return r
		}
	}
}

// most is how many rows it transforms at a time.
func (r *fftRowSet[T]) most() int { return 1 << (len(r.of) - 1) }

// run transforms n rows.
func (r *fftRowSet[T]) run(dst, src []T, n int) {
	for i := len(r.of) - 1; n > 0; {
		if n < 1<<i {
			i--
			continue
		}
		r.of[i].Run(dst, src, nil)
		if n -= 1 << i; n > 0 {
			dst, src = dst[r.dst<<i:], src[r.src<<i:]
		}
	}
}
