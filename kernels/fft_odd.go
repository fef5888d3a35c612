package kernels

// Stages of odd radix r = 2h+1. With s_i = x_i + x_{r-i} and d_i = x_i - x_{r-i},
// y_k and y_{r-k} are x_0 + Σ cos(2πik/r) s_i ∓ i Σ sin(2πik/r) d_i, 0 < i, k ≤ h.

// fftOddCoefficients returns the cosine and the sine of 2π(i+1)(k+1)/r at place
// i·h + k.
func fftOddCoefficients[T Float](r int) []T {
	var coef []T
	for i := 1; i <= r/2; i++ {
		for k := 1; k <= r/2; k++ {
			re, im := fftTwiddle(i*k, r)
			coef = append(coef, T(re), T(-im))
		}
	}
	return coef
}

// fftStageOddGo is a stage of radix 2·half+1 on one block. Its sums take as many
// spare rows as the radix.
func fftStageOddGo[T Float](tile, spare, coef, tw []T, half, q, lanes int) {
	row, radix := 2*lanes, 2*half+1
	for j := range q {
		w := tw[2*(radix-1)*j:][:2*(radix-1)]
		for re := range lanes {
			fftButterflyOdd(tile[j*row:], spare, coef, w, half, q*row, re, re+lanes)
		}
	}
}

// fftButterflyOdd works on the complex numbers at x[re+t·step], x[im+t·step].
func fftButterflyOdd[T Float](x, spare, coef, w []T, half, step, re, im int) {
	radix := 2*half + 1
	spare = spare[:4*half]
	x0r, x0i := x[re], x[im]
	y0r, y0i := x0r, x0i
	for i := range half {
		lo, hi := (i+1)*step, (radix-1-i)*step
		s := spare[4*i:][:4]
		s[0], s[1] = x[lo+re]+x[hi+re], x[lo+im]+x[hi+im]
		s[2], s[3] = x[lo+re]-x[hi+re], x[lo+im]-x[hi+im]
		y0r, y0i = y0r+s[0], y0i+s[1]
	}
	x[re], x[im] = y0r, y0i
	for k := range half {
		ar, ai, br, bi := x0r, x0i, T(0), T(0)
		for i := range half {
			cos, sin, s := coef[2*(i*half+k)], coef[2*(i*half+k)+1], spare[4*i:][:4]
			ar, ai = ar+cos*s[0], ai+cos*s[1]
			br, bi = br+sin*s[2], bi+sin*s[3]
		}
		lo, hi := k+1, radix-1-k
		turn(x, lo*step+re, lo*step+im, ar+bi, ai-br, w[2*lo-2], w[2*lo-1])
		turn(x, hi*step+re, hi*step+im, ar-bi, ai+br, w[2*hi-2], w[2*hi-1])
	}
}

// turn stores (yr + i yi)(wr + i wi).
func turn[T Float](x []T, re, im int, yr, yi, wr, wi T) {
	x[re], x[im] = wr*yr-wi*yi, wr*yi+wi*yr
}

// fftRealOddGo is the first stage of reals, of radix 2·half+1: the rows of src are
// of lanes reals. Of its outputs, blocks of q complex rows of tile, only those from
// 0 to half are made, of which the others are the conjugates; tw has the factors
// of these, without that of 0.
func fftRealOddGo[T Float](tile, src, spare, coef, tw []T, half, q, lanes int) {
	row, radix := 2*lanes, 2*half+1
	spare = spare[:2*half]
	for j := range q {
		w := tw[2*half*j:][:2*half]
		for re := range lanes {
			x := src[j*lanes+re:]
			sum := x[0]
			for i := range half {
				lo, hi := x[(i+1)*q*lanes], x[(radix-1-i)*q*lanes]
				spare[2*i], spare[2*i+1] = lo+hi, lo-hi
				sum += lo + hi
			}
			y := tile[j*row+re:]
			y[0], y[lanes] = sum, 0
			for k := range half {
				a, b := x[0], T(0)
				for i := range half {
					a += coef[2*(i*half+k)] * spare[2*i]
					b -= coef[2*(i*half+k)+1] * spare[2*i+1]
				}
				at := (k + 1) * q * row
				turn(y, at, at+lanes, a, b, w[2*k], w[2*k+1])
			}
		}
	}
}

// fftRealOddInverseGo is the inverse of fftRealOddGo, times the radix: from rows
// of complex numbers, q = len(pos), at pos in each of the half+1 blocks of q rows of
// re and im, to 2·half+1 blocks of q rows of reals, in order; only the real part of
// block 0 counts.
func fftRealOddInverseGo[T Float](dst, re, im []T, pos []int, spare, coef, tw []T, half, lanes int) {
	q, radix := len(pos), 2*half+1
	spare = spare[:2*half]
	for j, o := range pos {
		w := tw[2*half*j:][:2*half]
		for l := range lanes {
			first := re[o+l]
			sum := first
			for i := range half {
				at := o + l + (i+1)*q*2*lanes
				x, y := re[at], im[at]
				spare[2*i], spare[2*i+1] = 2*(w[2*i]*x+w[2*i+1]*y), 2*(w[2*i]*y-w[2*i+1]*x)
				sum += spare[2*i]
			}
			dst[j*lanes+l] = sum
			for k := range half {
				a, b := first, T(0)
				for i := range half {
					a += coef[2*(i*half+k)] * spare[2*i]
					b -= coef[2*(i*half+k)+1] * spare[2*i+1]
				}
				dst[(j+(k+1)*q)*lanes+l], dst[(j+(radix-1-k)*q)*lanes+l] = a+b, a-b
			}
		}
	}
}

// fftArrangeGo sets row k of dst to the row of src at pos[k], the parts times w[2k]
// and w[2k+1].
func fftArrangeGo[T Float](dst, src []T, pos []int, w []T, lanes int) {
	for k, o := range pos {
		x, y := src[o:][:2*lanes], dst[2*lanes*k:][:2*lanes]
		for l := range lanes {
			y[l], y[lanes+l] = w[2*k]*x[l], w[2*k+1]*x[lanes+l]
		}
	}
}

// fftNegateGo negates the reals of a part of the given rows.
func fftNegateGo[T Float](part []T, rows []int, lanes int) {
	for _, o := range rows {
		for i, x := range part[o:][:lanes] {
			part[o+i] = -x
		}
	}
}

// An fftOddReal is the transform of n real numbers, n with an odd factor r that is
// a radix: a stage of radix r, that factor or 9, whose output t < r has the frequencies k with
// k mod r = t, of which those of t ≤ r/2 suffice. The inverse has the stage last.
type fftOddReal[T Float] struct {
	n, half  int
	line     *fftLine[T] // of length n/r
	coef, tw []T
	pos      []int // where frequencies 0 to n/2 are
	conj     []int // the rows that hold the conjugate of one

	// For the inverse: the row of each frequency of the blocks, and its signs.
	order []int
	signs []T
}

// newFFTOddReal returns the transform of an odd length n, or nil if that has no
// factor that is a radix.
func newFFTOddReal[T Float](body *fftBody[T], n int) *fftOddReal[T] {
	factors, _ := fftOddFactors(n)
	if len(factors) == 0 {
		return nil
	}
	r := factors[0]
	if r < 9 && n%9 == 0 {
		r = 9 // of whose outputs 5 suffice, of 3 that is 6 of 9
	}
	p := &fftOddReal[T]{n: n, half: r / 2, line: newFFTLine(body, n/r), coef: fftOddCoefficients[T](r)}
	for j := range n / r {
		for t := 1; t <= r/2; t++ {
			re, im := fftTwiddle(j*t, n)
			p.tw = append(p.tw, T(re), T(im))
		}
	}
	block := n / r * 2 * body.lanes
	for k := range n/2 + 1 {
		t, at := k%r, k/r
		if t > r/2 { // n-k = r·(n/r-1-at) + r-t
			t, at = r-t, n/r-1-at
			p.conj = append(p.conj, t*block+p.line.pos[at])
		}
		p.pos = append(p.pos, t*block+p.line.pos[at])
	}
	return p
}

// setInverse sets what the inverse needs, of rows whose parts are exchanged. If the
// line ends with a convolution, which exchanges them, they are not, and frequencies
// are negated.
func (p *fftOddReal[T]) setInverse() {
	m := p.line.n
	r := p.n / m
	for t := range p.half + 1 {
		for a := range m {
			sign := [2]T{1, 1}
			if p.line.tail != nil {
				a = (m - a) % m
			}
			k := r*a + t
			if k > p.n/2 {
				k = p.n - k
				sign[fftSwap(p.line.tail != nil)] = -1
			}
			p.order = append(p.order, k*2*p.line.body.lanes)
			p.signs = append(p.signs, sign[:]...)
		}
	}
}

// inverse transforms the rows in of frequencies to rows of reals at the same place.
func (p *fftOddReal[T]) inverse(out, in []T) {
	l, b := p.line, p.line.body
	b.arrange(out, in, p.order, p.signs)
	im := 0
	if l.tail != nil {
		im = b.lanes
	}
	clear(out[im:][:b.lanes]) // of frequency 0
	l.blocks(out, in, 0, len(l.stages), p.half+1)
	b.realOddInverse(in, out[b.lanes:], out, l.pos, in[p.n*b.lanes:], p.coef, p.tw, p.half)
}

// rowsOut is how many rows the complex numbers take.
func (p *fftOddReal[T]) rowsOut() int { return (p.half + 1) * p.line.n }

// rows is how many rows of a tile the transform needs.
func (p *fftOddReal[T]) rows() int {
	return p.rowsOut() + max((p.n+1)/2+2*p.half+1, p.line.spare())
}

// split returns the parts of a tile: for the result, and for the real rows, which
// others may use after them.
func (p *fftOddReal[T]) split(tile []T) (out, in []T) {
	size := p.rowsOut() * 2 * p.line.body.lanes
	return tile[:size], tile[size:]
}

// transform transforms the real rows in.
func (p *fftOddReal[T]) transform(out, in []T) {
	l, b := p.line, p.line.body
	b.realOdd(out, in, in[p.n*b.lanes:], p.coef, p.tw, p.half, l.n)
	l.blocks(out, in, 0, len(l.stages), p.half+1)
	if len(p.conj) > 0 {
		_, im := l.parts(out, false)
		b.negate(im, p.conj)
	}
}
