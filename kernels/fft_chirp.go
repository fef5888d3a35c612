package kernels

// An fftChirp is the transform of any length n as a circular convolution of a
// length m ≥ 2n-1 that has small factors only (Bluestein 1970):
// with c[k] = e^{-πi k²/n}, X[k] = c[k] Σ_j x[j] c[j] conj(c[k-j]).
type fftChirp[T Float] struct {
	n        int
	line     *fftLine[T] // of length m
	chirp    []T         // c
	spectrum []T         // see newFFTChirp
	inOrder  []int
}

func newFFTChirp[T Float](body *fftBody[T], n int) *fftChirp[T] {
	m := body.convolutionLength(2*n - 1)
	c := &fftChirp[T]{n: n, line: newFFTLine(body, m)}
	c.inOrder = c.line.rowsInOrder(n)
	chirp := make([]float64, 2*n)
	for k := range n {
		chirp[2*k], chirp[2*k+1] = fftTwiddle(k*k%(2*n), 2*n)
	}
	// Products exchange the parts of their result: with W the exchange,
	// W(x·conj(y)) = W(x)·y, and the transform after W is the conjugate one. The
	// first product and transform so give W of Σ xc e^{+…}, the second product,
	// by the conjugate of Σ conj(c) e^{+…}/m, removes W, and the second
	// transform returns the convolution.
	h := make([]float64, 2*m)
	for k := range n {
		h[2*k], h[2*k+1] = chirp[2*k], -chirp[2*k+1]
		if k > 0 {
			h[2*(m-k)], h[2*(m-k)+1] = chirp[2*k], -chirp[2*k+1]
		}
	}
	NewFFT[float64](FFTSpec{
		Kind: FFTInverse, Shape: []int{m}, Axes: []int{0},
		DstStride: []int{1}, SrcStride: []int{1}, Scale: 1 / float64(m),
	}, PureGo, 1).Run(h, h, nil)
	for k := range m {
		c.spectrum = append(c.spectrum, T(h[2*k]), T(-h[2*k+1]))
	}
	for _, x := range chirp {
		c.chirp = append(c.chirp, T(x))
	}
	return c
}

// transform replaces the first n rows of a tile by their transform, in order of
// frequency, real and imaginary parts exchanged.
func (c *fftChirp[T]) transform(tile []T) {
	l, body := c.line, c.line.body
	size := l.n * 2 * body.lanes
	a, b := tile[:size], tile[size:2*size]
	body.product(b, a, c.inOrder, c.chirp, c.n)
	clear(b[c.n*2*body.lanes:])
	l.transform(b, 0, len(l.stages))
	body.product(a, b, l.pos, c.spectrum, l.n)
	l.transform(a, 0, len(l.stages))
	body.product(b, a, l.pos, c.chirp, c.n)
	copy(a, b[:c.n*2*body.lanes])
}
