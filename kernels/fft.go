package kernels

import "unsafe"

//go:generate go -C _asm run ./fft

// An FFTKind is a kind of discrete Fourier transform. Real and complex arrays
// have the same element type; a complex element is an interleaved pair.
type FFTKind uint8

// The kinds of transform. None is scaled but by FFTSpec.Scale.
const (
	FFTForward     FFTKind = iota // complex to complex, X[k] = Σ x[j] e^{-2πi jk/n}
	FFTInverse                    // complex to complex, x[j] = Σ X[k] e^{+2πi jk/n}
	FFTReal                       // real to the n/2+1 first frequencies of FFTForward
	FFTRealInverse                // those to real; ignores Im of frequencies 0 and, for even n, n/2 of the halved axis once the other axes are inverted
)

// An FFTSpec says what an FFT computes.
type FFTSpec struct {
	Kind FFTKind
	// Shape holds the sizes of the array, of the real one for the real kinds;
	// at most 8. Axes that are not transformed are batch.
	Shape []int
	// Axes are the transformed axes, distinct and at least one. For the real
	// kinds the last one is halved: n real elements are n/2+1 complex ones.
	Axes []int
	// DstStride and SrcStride are in elements of the respective array, where a
	// complex element counts 1; not negative; 0 only in src, which then repeats.
	DstStride, SrcStride []int
	// Scale multiplies the result; 0 stands for 1.
	Scale float64
}

// An FFT is a transform of arrays of one shape and layout, with its tables and
// its workspace. One goroutine at a time may Run it.
//
// It is a chain of passes, one per axis. A pass takes its lines, that is the
// one-dimensional transforms, a few at a time into a tile: row j of the tile
// holds element j of all its lines side by side, real parts before imaginary
// ones, so that every butterfly is made of vertical vector operations. What
// happens to a line does not depend on the lines beside it, nor on threads. Up to a
// length of 1,024 the relative error (L2) of a line is below 3·10⁻⁷ in float32,
// 10⁻¹⁵·log₂ n in float64.
type FFT[T Float] struct {
	body   *fftBody[T]
	passes []fftPass[T]
	fold   *fftFold // separates two columns after the last pass; nil if none
	blocks int      // the batch in cache-sized pieces; every pass has so many
	grain  int      // tiles worth a thread
	work   []T      // between the passes of FFTRealInverse, unless dst serves
	tiles  [][]T    // one per thread

	dstLen, srcLen int // that the strides reach

	// The Run in progress.
	dst, src []T
	current  int
	runTiles func(worker, lo, hi int)
	runBlock func(worker, lo, hi int)
}

// NewFFT returns the transform s with the bodies of level, for up to that many
// threads. Its cost is some hundred nanoseconds per line plus the tables. It
// checks nothing; it may panic with an index out of range if s is wrong.
func NewFFT[T Float](s FFTSpec, level Level, threads int) *FFT[T] {
	p := &FFT[T]{body: fftBodyOf[T](level.Resolve())}
	p.plan(s)
	size := 0
	for i := range p.passes {
		size = max(size, p.passes[i].rows()*2*p.body.lanes)
	}
	p.tiles = make([][]T, max(threads, 1))
	for i := range p.tiles {
		p.tiles[i] = fftAligned[T](size)
	}
	p.runTiles = func(worker, lo, hi int) { p.tileRange(worker, p.current, lo, hi) }
	p.runBlock = func(worker, lo, hi int) {
		for b := lo; b < hi; b++ {
			p.block(worker, b)
		}
	}
	return p
}

// Run transforms src into dst, on the threads of pool, which may be nil and
// must not have more of them than NewFFT was told. dst may be src if the
// transform is complex and the strides are equal; else src is only read and
// they must not overlap. Only the elements that the strides address are
// written. It allocates nothing. It panics if dst or src is too short.
func (p *FFT[T]) Run(dst, src []T, pool *Pool) {
	p.dst, p.src = dst[:p.dstLen:len(dst)], src[:p.srcLen:len(src)]
	threads := pool.Threads()
	if threads == 1 || p.blocks%threads == 0 || p.blocks >= 4*threads {
		pool.For(p.blocks, p.blockGrain(), p.runBlock)
	} else {
		for i := range p.passes {
			p.current = i
			pool.For(p.passes[i].tiles(), p.tileGrain(i), p.runTiles)
		}
		for b := range p.blocks {
			p.separate(b)
		}
	}
	p.dst, p.src = nil, nil
}

// tileGrain is how many tiles of a pass that threads share are worth a thread.
func (p *FFT[T]) tileGrain(pass int) int {
	if len(p.passes) == 1 {
		return p.grain
	}
	number := int(2 * unsafe.Sizeof(*new(T))) // bytes of a complex number
	return max(p.grain, fftSharedBytes/(p.passes[pass].rows()*p.body.lanes*number))
}

// blockGrain is how many blocks are worth a thread.
func (p *FFT[T]) blockGrain() int {
	if len(p.passes) == 0 {
		return 1
	}
	tiles := 0
	for i := range p.passes {
		tiles += p.passes[i].tiles()
	}
	return max(1, p.grain*p.blocks/max(tiles, 1))
}

// block runs all passes of block b.
func (p *FFT[T]) block(worker, b int) {
	for i := range p.passes {
		s := &p.passes[i]
		p.tileRange(worker, i, s.firstTile[b], s.firstTile[b+1])
	}
	p.separate(b)
}

func (p *FFT[T]) tileRange(worker, pass, lo, hi int) {
	s := &p.passes[pass]
	dst, src := p.array(s.to), p.array(s.from)
	if s.short != nil {
		s.doShort(p.tiles[worker], dst, src, lo, hi)
		return
	}
	for t := lo; t < hi; t++ {
		s.do(s, p.tiles[worker], dst, src, t)
	}
}

func (p *FFT[T]) separate(b int) {
	if p.fold != nil {
		fftSeparate(p.dst, p.fold, b)
	}
}

// An fftArray names one of the arrays of a Run.
type fftArray uint8

const (
	fftSrc fftArray = iota
	fftDst
	fftWork
)

func (p *FFT[T]) array(a fftArray) []T {
	switch a {
	case fftSrc:
		return p.src
	case fftDst:
		return p.dst
	}
	return p.work
}
