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
	*AutocorrelationRows[T]
	rows, back   *FFT[T]
	m, dm        []T // row spectra and their cotangents
	acc          []T
	coefficients []T

	first                     int // the lag of the loop in progress
	lagColumns, spreadColumns func(worker, lo, hi int)
}

// NewAutocorrelation returns the autocorrelation of h×w maps in a window of
// width×width lags -⌊width/2⌋…, with the bodies of level for up to that many
// threads. Of an odd w the frequencies are those of w - 1. It does not panic.
func NewAutocorrelation[T Float](h, w, width int, level Level, threads int) *Autocorrelation[T] {
	p := &Autocorrelation[T]{AutocorrelationRows: NewAutocorrelationRows[T](h, w, width, level)}
	p.m, p.dm = fftAligned[T]((h+2*p.halo)*p.ld), fftAligned[T](h*p.ld)
	spec := FFTSpec{Kind: FFTReal, Shape: []int{h, w}, Axes: []int{1}, SrcStride: []int{w, 1}, DstStride: []int{p.ld / 2, 1}}
	p.rows = NewFFT[T](spec, level, threads)
	spec.Kind, spec.SrcStride, spec.DstStride = FFTRealInverse, spec.DstStride, spec.SrcStride
	p.back = NewFFT[T](spec, level, threads)
	p.acc = fftAligned[T](2 * lagGroup * p.n)
	p.coefficients = fftAligned[T]((1 + 2*lagSpread) * p.n)
	p.lagColumns = func(_, lo, hi int) {
		m := p.m[p.halo*p.ld:]
		p.lags(p.acc[lo:], m[lo:], m[p.first*p.ld+lo:], p.ld, p.h, hi-lo, p.n)
	}
	p.spreadColumns = func(_, lo, hi int) {
		p.adjoint(p.dm[lo:], p.m[lo:], p.coefficients[lo:], p.ld, p.h, hi-lo, p.n, p.first, p.first > 1)
	}
	return p
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
	for first := 0; first <= p.most; first += lagGroup {
		p.first = first
		pool.For(p.n, p.grain(), p.lagColumns)
		p.window(out, p.acc, first)
	}
}

// Adjoint sets dx, of h·w elements, to the adjoint of the differential of Window at
// x, applied to g, of width² elements, on the threads of pool. dx may be x. It
// panics if a slice is too short.
func (p *Autocorrelation[T]) Adjoint(dx, x, g []T, pool *Pool) {
	p.transform(x, pool)
	for first := 1; first == 1 || first <= p.most; first += lagSpread {
		p.setCoefficients(p.coefficients, g, first)
		p.first = first
		pool.For(p.n, p.grain(), p.spreadColumns)
	}
	p.back.Run(dx, p.dm, pool)
}

// grain is how many columns are worth a thread.
func (p *Autocorrelation[T]) grain() int { return roundUp(max(1, 1<<13/p.h), TexturePad) }

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
