package kernels

const (
	lagGroup  = 5 // lags that the kernel lags does at a time
	lagSpread = 4 // lags beside lag 0 that lagsAdjoint does at a time
)

// An Autocorrelation computes the central window of circular autocorrelations of
// real maps without their mean, and the adjoint of its differential. A map is
// transformed along its rows only; products of rows then are autocorrelations
// down the columns, of which few are wanted. One goroutine at a time may use it.
type Autocorrelation[T Float] struct {
	h, w, width   int
	most          int // the largest lag
	n, ld         int // reals of a padded row, and between rows
	halo          int // rows before and after the map that repeat it
	rows          *FFT[T]
	back          *FFT[T]
	dot           Reduction[T]
	texture       *Texture[T]
	lags          func(acc, a, b []T, ld, rows, n, stride int)
	adjoint       func(dst, m, c []T, ld, rows, n, stride, first int, more bool)
	m, dm         []T // row spectra and their cotangents
	acc           []T
	cos, sin      []T // of each lag along rows: weights of the products
	cosT, sinT    []T // the same for the adjoint, in groups of four rows
	coefficients  []T
	mixed, matrix []T

	first                     int // the lag of the loop in progress
	lagColumns, spreadColumns func(worker, lo, hi int)
}

// NewAutocorrelation returns the autocorrelation of h×w maps in a window of
// width×width lags -⌊width/2⌋…, with the bodies of level for up to that many
// threads. Of an odd w the frequencies are those of w - 1. It does not panic.
func NewAutocorrelation[T Float](h, w, width int, level Level, threads int) *Autocorrelation[T] {
	p := &Autocorrelation[T]{h: h, w: w, width: width, most: width / 2}
	p.n = roundUp(2*(w/2+1), TexturePad)
	p.ld = p.n
	if p.ld*h%512 == 0 { // rows must not share cache sets
		p.ld += TexturePad
	}
	p.halo = max(roundUp(p.most+1, lagGroup)-1, roundUp(p.most, lagSpread))
	p.m, p.dm = fftAligned[T]((h+2*p.halo)*p.ld), fftAligned[T](h*p.ld)
	spec := FFTSpec{Kind: FFTReal, Shape: []int{h, w}, Axes: []int{1}, SrcStride: []int{w, 1}, DstStride: []int{p.ld / 2, 1}}
	p.rows = NewFFT[T](spec, level, threads)
	spec.Kind, spec.SrcStride, spec.DstStride = FFTRealInverse, spec.DstStride, spec.SrcStride
	p.back = NewFFT[T](spec, level, threads)
	p.dot, p.texture = LookupReduction[T]("dot", level), TextureOf[T](level)
	p.acc = fftAligned[T](2 * lagGroup * p.n)
	p.coefficients = fftAligned[T]((1 + 2*lagSpread) * p.n)
	p.mixed, p.matrix = fftAligned[T](TextureRows*p.n), make([]T, 16)
	p.setKernels(level)
	p.setTables()
	p.lagColumns = func(_, lo, hi int) {
		m := p.m[p.halo*p.ld:]
		p.lags(p.acc[lo:], m[lo:], m[p.first*p.ld+lo:], p.ld, p.h, hi-lo, p.n)
	}
	p.spreadColumns = func(_, lo, hi int) {
		p.adjoint(p.dm[lo:], p.m[lo:], p.coefficients[lo:], p.ld, p.h, hi-lo, p.n, p.first, p.first > 1)
	}
	return p
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func (p *Autocorrelation[T]) setKernels(level Level) {
	p.lags, p.adjoint = lagsGo[T], lagsAdjointGo[T]
	asm := asmOf[T](level.Resolve())
	if asm.lags == nil {
		return
	}
	p.lags = func(acc, a, b []T, ld, rows, n, stride int) {
		asm.lags(&acc[0], &a[0], &b[0], ld, rows, n, stride)
	}
	p.adjoint = func(dst, m, c []T, ld, rows, n, stride, first int, more bool) {
		add := 0
		if more {
			add = 1
		}
		asm.lagsAdjoint(&dst[0], &m[p.halo*ld], &c[0], ld, rows, n, stride, first, add)
	}
}

// setTables sets what turns products into lags along rows: real and imaginary
// parts side by side. All frequencies but the first and the last stand for their
// conjugates too; so they do in the transform back.
func (p *Autocorrelation[T]) setTables() {
	even := p.w / 2 * 2
	fours := roundUp(p.most+1, TextureRows)
	p.cos, p.sin = fftAligned[T](fours*p.n), fftAligned[T](fours*p.n)
	p.cosT, p.sinT = fftAligned[T](fours*p.n), fftAligned[T](fours*p.n)
	scale := 1 / (float64(even) * float64(p.h) * float64(p.w))
	for d := range p.most + 1 {
		for k := range p.w/2 + 1 {
			c, s := fftTwiddle(k*d%max(even, 1), max(even, 1))
			s = -s
			weight, back := 2., 2.
			if k == 0 || 2*k == even {
				weight = 1
			}
			if k == 0 || 2*k == p.w {
				back = 1
			}
			at := d*p.n + 2*k
			p.cos[at], p.cos[at+1] = T(weight*scale*c), T(weight*scale*c)
			p.sin[at], p.sin[at+1] = T(-weight*scale*s), T(weight*scale*s)
			weight *= scale / back
			p.cosT[at], p.cosT[at+1] = T(weight*c), T(weight*c)
			p.sinT[at], p.sinT[at+1] = T(weight*s), T(-weight*s)
		}
	}
}

// transform sets m to the spectra of the rows of x less its mean, with halos.
func (p *Autocorrelation[T]) transform(x []T, pool *Pool) {
	m := p.m[p.halo*p.ld:]
	p.rows.Run(m, x, pool)
	sum := 0.0
	for y := range p.h {
		sum += float64(m[y*p.ld])
	}
	mean := T(sum / float64(p.h))
	for y := range p.h {
		m[y*p.ld] -= mean
	}
	for j := range p.halo {
		copy(p.m[(p.halo+p.h+j)*p.ld:][:p.ld], m[j%p.h*p.ld:])
		copy(p.m[(p.halo-1-j)*p.ld:][:p.ld], m[(p.h-1-j%p.h)*p.ld:])
	}
}

// Window sets the width² elements of out to the autocorrelation of x, h·w
// elements, divided by their number, on the threads of pool. It panics if a slice
// is too short.
func (p *Autocorrelation[T]) Window(out []float64, x []T, pool *Pool) {
	p.transform(x, pool)
	low := p.width / 2
	for first := 0; first <= p.most; first += lagGroup {
		p.first = first
		pool.For(p.n, p.grain(), p.lagColumns)
		for j := range min(lagGroup, p.most+1-first) {
			d := first + j
			re, im := p.acc[j*p.n:][:p.n], p.acc[(lagGroup+j)*p.n:][:p.n]
			for e := range p.most + 1 {
				c, s := p.dot(re, p.cos[e*p.n:][:p.n]), p.dot(im, p.sin[e*p.n:][:p.n])
				p.put(out, low, d, e, c+s)
				p.put(out, low, d, -e, c-s)
			}
		}
	}
}

// put stores the autocorrelation at a lag and its opposite.
func (p *Autocorrelation[T]) put(out []float64, low, d, e int, v float64) {
	for range 2 {
		if y, x := low+d, low+e; y < p.width && x < p.width && y >= 0 && x >= 0 {
			out[y*p.width+x] = v
		}
		d, e = -d, -e
	}
}

// Adjoint sets dx, of h·w elements, to the adjoint of the differential of Window at
// x, applied to g, of width² elements, on the threads of pool. dx may be x. It
// panics if a slice is too short.
func (p *Autocorrelation[T]) Adjoint(dx, x, g []T, pool *Pool) {
	p.transform(x, pool)
	for first := 1; first == 1 || first <= p.most; first += lagSpread {
		p.setCoefficients(g, first)
		p.first = first
		pool.For(p.n, p.grain(), p.spreadColumns)
	}
	p.back.Run(dx, p.dm, pool)
}

// grain is how many columns are worth a thread.
func (p *Autocorrelation[T]) grain() int { return roundUp(max(1, 1<<13/p.h), TexturePad) }

// at returns the cotangent of a lag, 0 outside the window.
func (p *Autocorrelation[T]) at(g []T, d, e int) T {
	y, x := p.width/2+d, p.width/2+e
	if y < 0 || x < 0 || y >= p.width || x >= p.width {
		return 0
	}
	return g[y*p.width+x]
}

// setCoefficients sets those of the lags down columns from first on, and of lag 0
// with the first.
func (p *Autocorrelation[T]) setCoefficients(g []T, first int) {
	even := func(d, e int) T { // of cos: the lags (d, ±e) and their opposites
		v := p.at(g, d, e) + p.at(g, -d, -e)
		if e != 0 {
			v += p.at(g, d, -e) + p.at(g, -d, e)
		}
		return v
	}
	odd := func(d, e int) T {
		return p.at(g, d, e) + p.at(g, -d, -e) - p.at(g, d, -e) - p.at(g, -d, e)
	}
	c := p.coefficients
	p.mixLags(c[p.n:], p.cosT, first, even)
	p.mixLags(c[(1+lagSpread)*p.n:], p.sinT, first, odd)
	clear(c[:p.n])
	if first == 1 {
		p.mixLags(p.mixed, p.cosT, 0, even)
		copy(c[:p.n], p.mixed)
	}
}

// mixLags sets four rows of dst to the sums of the rows of a table times f.
func (p *Autocorrelation[T]) mixLags(dst, table []T, first int, f func(d, e int) T) {
	for e := 0; e <= p.most; e += TextureRows {
		for i := range TextureRows {
			for j := range TextureRows {
				p.matrix[i*TextureRows+j] = 0
				if first+i <= p.most && e+j <= p.most {
					p.matrix[i*TextureRows+j] = f(first+i, e+j)
				}
			}
		}
		p.texture.Mix(dst, p.matrix, table[e*p.n:], p.n, p.n, e > 0)
	}
}

// The definitions of the kernels.

func lagsGo[T Float](acc, a, b []T, ld, rows, n, stride int) {
	for j := range 2 * lagGroup {
		clear(acc[j*stride:][:n])
	}
	for y := range rows {
		u := a[y*ld:][:n]
		for j := range lagGroup {
			v := b[(y+j)*ld:][:n]
			re, im := acc[j*stride:][:n], acc[(lagGroup+j)*stride:][:n]
			for i, x := range u {
				re[i] += T(x * v[i])
				im[i] += T(x * v[i^1])
			}
		}
	}
}

func lagsAdjointGo[T Float](dst, m, c []T, ld, rows, n, stride, first int, more bool) {
	halo := ((len(m)+ld-1)/ld - rows) / 2
	for y := range rows {
		out := dst[y*ld:][:n]
		x := m[(halo+y)*ld:][:n]
		for i := range out {
			re, im := T(c[i]*x[i]), T(0)
			for j := range lagSpread {
				up, down := m[(halo+y+first+j)*ld:], m[(halo+y-first-j)*ld:]
				re += T(c[(1+j)*stride+i] * (up[i] + down[i]))
				im += T(c[(1+lagSpread+j)*stride+i^1] * (up[i^1] - down[i^1]))
			}
			if more {
				re += out[i]
			}
			out[i] = re + im
		}
	}
}
