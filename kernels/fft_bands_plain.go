package kernels

// fftPlainBands halves bands by products and transforms: the definition.
type fftPlainBands[T Float] struct {
	inverse, forward *FFT[T] // of the columns of a halved band
	work             []T
}

func (p *FFTBands[T]) setPlain() {
	s := FFTSpec{Kind: FFTInverse, Shape: []int{p.h, p.w}, Axes: []int{0}, DstStride: []int{p.w, 1}, SrcStride: []int{p.w, 1}}
	q := &fftPlainBands[T]{work: fftAligned[T](2 * p.h * p.w)}
	q.inverse = NewFFT[T](s, p.level, 1)
	s.Kind = FFTForward
	q.forward = NewFFT[T](s, p.level, 1)
	p.plain = q
}

func (p *FFTBands[T]) mask(k int) []T { return p.natural[k*p.h*p.w:][:p.h*p.w] }

func (q *fftPlainBands[T]) halve(p *FFTBands[T]) {
	for k := range p.bands {
		for j, m := range p.mask(k) {
			q.work[2*j], q.work[2*j+1] = T(m*p.x[2*j]), T(m*p.x[2*j+1])
		}
		q.inverse.Run(p.z[2*k*p.h*p.w:], q.work, nil)
	}
}

func (q *fftPlainBands[T]) join(p *FFTBands[T]) {
	clear(p.x)
	for k := range p.bands {
		q.forward.Run(q.work, p.z[2*k*p.h*p.w:], nil)
		for j, m := range p.mask(k) {
			p.x[2*j] += T(m * q.work[2*j])
			p.x[2*j+1] += T(m * q.work[2*j+1])
		}
	}
}
