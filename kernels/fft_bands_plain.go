package kernels

// fftPlainBands is FFTBands as products and transforms: the definition.
type fftPlainBands[T Float] struct {
	cutter, joint *FFT[T]
	work          []T
}

func (p *FFTBands[T]) setPlain() {
	s := FFTSpec{Kind: FFTInverse, Shape: []int{p.h, p.w}, Axes: []int{0, 1}, DstStride: []int{p.w, 1}, SrcStride: []int{p.w, 1}}
	q := &fftPlainBands[T]{work: fftAligned[T](2 * p.h * p.w)}
	q.cutter = NewFFT[T](s, p.level, 1)
	s.Kind = FFTForward
	q.joint = NewFFT[T](s, p.level, 1)
	p.plain = q
}

func (p *FFTBands[T]) mask(k int) []T { return p.natural[k*p.h*p.w:][:p.h*p.w] }

func (q *fftPlainBands[T]) cut(p *FFTBands[T], images int) {
	for i := range images {
		src := p.spectrum(p.src, i)
		for k := range p.bands {
			for j, m := range p.mask(k) {
				q.work[2*j], q.work[2*j+1] = T(m*src[2*j]), T(m*src[2*j+1])
			}
			q.cutter.Run(p.image(p.dst, i, k), q.work, nil)
		}
	}
}

func (q *fftPlainBands[T]) join(p *FFTBands[T], images int) {
	for i := range images {
		dst := p.spectrum(p.dst, i)
		clear(dst)
		for k := range p.bands {
			q.joint.Run(q.work, p.image(p.src, i, k), nil)
			for j, m := range p.mask(k) {
				dst[2*j] += T(m * q.work[2*j])
				dst[2*j+1] += T(m * q.work[2*j+1])
			}
		}
	}
}
