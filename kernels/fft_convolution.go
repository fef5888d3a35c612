package kernels

import "slices"

// An fftConvolution is the transform of a length n without butterflies as a
// circular convolution of another length m, which has them: for a prime n of
// length n-1 (Rader 1968), with x[gʲ] and w[g⁻ʲ] for a primitive root g, if that
// length suits; else of a length m ≥ 2n-1 (Bluestein 1970): with c[k] = e^{-πi
// k²/n}, X[k] = c[k] Σ_j x[j] c[j] conj(c[k-j]).
type fftConvolution[T Float] struct {
	n        int
	line     *fftLine[T] // of length m
	skip     int         // rows before those that are convolved: 1 by Rader
	in, out  []int       // where what is convolved comes from, and what comes of it
	factors  []T         // of both: c, or ones
	spectrum []T         // see setSpectrum
}

func newFFTConvolution[T Float](body *fftBody[T], n int) *fftConvolution[T] {
	if g := primitiveRoot(n); g > 0 {
		if _, rest := body.factor(n - 1); rest == 1 {
			return newFFTRader(body, n, g)
		}
	}
	return newFFTChirp(body, n, n, n)
}

// newFFTChirp is for the first in of n elements, of which the others are 0, and the
// first out frequencies; one of them is n.
func newFFTChirp[T Float](body *fftBody[T], n, in, out int) *fftConvolution[T] {
	m := body.convolutionLength(in + out - 1)
	c := &fftConvolution[T]{n: n, line: newFFTLine(body, m)}
	c.in, c.out = c.line.rowsInOrder(in), c.line.pos[:out]
	h := make([]float64, 2*m)
	for k := range n {
		re, im := fftTwiddle(k*k%(2*n), 2*n)
		c.factors = append(c.factors, T(re), T(im))
		if k < out {
			h[2*k], h[2*k+1] = re, -im
		}
		if k > 0 && k < in {
			h[2*(m-k)], h[2*(m-k)+1] = re, -im
		}
	}
	c.setSpectrum(h)
	return c
}

// newFFTRader is for a prime n with primitive root g.
func newFFTRader[T Float](body *fftBody[T], n, g int) *fftConvolution[T] {
	m := n - 1
	c := &fftConvolution[T]{n: n, line: newFFTLine(body, m), skip: 1, in: make([]int, m), out: make([]int, m)}
	h := make([]float64, 2*m)
	power := 1
	for j := range m {
		c.in[j] = power * 2 * body.lanes
		at := (m - j) % m // g to this power is the inverse
		h[2*at], h[2*at+1] = fftTwiddle(power, n)
		c.out[power-1] = c.line.pos[at]
		c.factors = append(c.factors, 1, 0)
		power = power * g % n
	}
	c.setSpectrum(h)
	return c
}

// setSpectrum sets the spectrum of what is convolved with, h. Products exchange
// the parts of their result: with W the exchange, W(x·conj(y)) = W(x)·y, and the
// transform after W is the conjugate one. The first product and transform so give
// W of Σ x e^{+…}, the second product, by the conjugate of Σ h e^{+…}/m, removes
// W, and the second transform returns the convolution.
func (c *fftConvolution[T]) setSpectrum(h []float64) {
	m := len(h) / 2
	NewFFT[float64](FFTSpec{
		Kind: FFTInverse, Shape: []int{m}, Axes: []int{0},
		DstStride: []int{1}, SrcStride: []int{1}, Scale: 1 / float64(m),
	}, PureGo, 1).Run(h, slices.Clone(h), nil)
	for k := range m {
		c.spectrum = append(c.spectrum, T(h[2*k]), T(-h[2*k+1]))
	}
}

// rows is how many spare rows the transform needs.
func (c *fftConvolution[T]) rows() int { return 2*c.line.n + c.line.spare() }

// transform replaces n rows by their transform, in order of frequency, real and
// imaginary parts exchanged.
func (c *fftConvolution[T]) transform(rows, spare []T) {
	l, body := c.line, c.line.body
	row := 2 * body.lanes
	size := l.n * row
	a, b, spare := spare[:size], spare[size:2*size], spare[2*size:]
	body.product(a, rows, c.in, c.factors, len(c.in))
	clear(a[len(c.in)*row:])
	l.blocks(a, spare, 0, len(l.stages), 1)
	body.product(b, a, l.pos, c.spectrum, l.n)
	if c.skip > 0 {
		c.addFirst(rows[:row], a[l.pos[0]:], b)
	}
	l.blocks(b, spare, 0, len(l.stages), 1)
	body.product(rows[c.skip*row:], b, c.out, c.factors, len(c.out))
}

// addFirst adds row 0 to all others, by frequency 0 of their convolution, b, and
// sets it to the sum of all rows, of which sum has the others, parts exchanged.
func (c *fftConvolution[T]) addFirst(first, sum, b []T) {
	lanes := c.line.body.lanes
	re, im := first[:lanes], first[lanes:][:lanes]
	for i, x := range re {
		y := im[i]
		b[i], b[lanes+i] = b[i]+x, b[lanes+i]+y
		re[i], im[i] = y+sum[i], x+sum[lanes+i]
	}
}

// primitiveRoot returns a number whose powers are all of 1, …, p-1 modulo p, or 0
// if p is no prime.
func primitiveRoot(p int) int {
	for f := 2; f*f <= p; f++ {
		if p%f == 0 {
			return 0
		}
	}
	for g := 2; ; g++ {
		order, power := 1, g
		for power != 1 {
			order, power = order+1, power*g%p
		}
		if order == p-1 {
			return g
		}
	}
}
