package kernels

import "unsafe"

// An FFTBands cuts bands out of a spectrum, and puts them together: band k is
// the inverse transform of the spectrum (h, w) times mask k, and the adjoint of
// that adds the masked transforms of all bands. Masks, scaled as the transforms
// are to be, multiply while numbers are loaded and stored, and columns where
// they vanish are skipped. One goroutine at a time may use it.
type FFTBands[T Float] struct {
	*FFTMasks[T]
	ld             int     // reals from row to row of the workspace
	inverse, rows  *FFT[T] // of rows, from and to the workspace
	work           [][]T   // of each thread
	wide           []T     // a spectrum with rows as far apart as those of work
	tiles          [][]T
	plain          *fftPlainBands[T]
	dst, src       []T // the Run in progress
	band           int
	cutBands       func(worker, lo, hi int)
	joinRows, join func(worker, lo, hi int)
}

// fftPadding is what a row of the workspace is longer by than a power of two may
// be, in reals, so that the elements of a column do not share cache sets.
const fftPadding = 32

// NewFFTBands returns the bands of the masks, for up to that many threads. It does
// not panic.
func NewFFTBands[T Float](masks *FFTMasks[T], threads int) *FFTBands[T] {
	h, w, level := masks.h, masks.w, masks.level
	p := &FFTBands[T]{FFTMasks: masks, ld: 2*w + fftPadding}
	if !p.fused() {
		p.setPlain()
		return p
	}
	row := FFTSpec{Kind: FFTInverse, Shape: []int{h, w}, Axes: []int{1}, DstStride: []int{w, 1}, SrcStride: []int{p.ld / 2, 1}}
	p.inverse = NewFFT[T](row, level, 1)
	row.Kind, row.DstStride, row.SrcStride = FFTForward, row.SrcStride, row.DstStride
	p.rows = NewFFT[T](row, level, 1)
	p.setMemory(max(threads, 1))
	return p
}

func (p *FFTBands[T]) setMemory(threads int) {
	longest := 0
	for _, l := range []*fftLine[T]{p.columns, p.inverse.passes[0].line, p.rows.passes[0].line} {
		longest = max(longest, l.rows())
	}
	size := p.h * p.ld
	memory := fftAligned[T]((threads + 1) * size)
	p.wide = memory[threads*size:]
	for i := range threads {
		p.work = append(p.work, memory[i*size:(i+1)*size])
		p.tiles = append(p.tiles, fftAligned[T](longest*2*p.body.lanes))
	}
	p.cutBands = func(worker, lo, hi int) {
		for k := lo; k < hi; k++ {
			p.cut(worker, k)
		}
	}
	p.joinRows = func(worker, lo, hi int) { p.transformRows(worker, p.src, lo, hi) }
	p.join = func(worker, lo, hi int) { p.addColumns(worker, p.band, lo, hi) }
}

func (p *FFTBands[T]) image(x []T, i, k int) []T {
	n := 2 * p.h * p.w
	return x[(i*p.bands+k)*n:][:n]
}

func (p *FFTBands[T]) spectrum(x []T, i int) []T {
	n := 2 * p.h * p.w
	return x[i*n:][:n]
}

// Cut sets dst (images, bands, h, w) to the bands of the spectra src (images, h, w),
// all complex and contiguous, on the threads of pool. It panics if a slice is too
// short.
func (p *FFTBands[T]) Cut(dst, src []T, images int, pool *Pool) {
	p.dst, p.src = dst, src
	if p.plain != nil {
		p.plain.cut(p, images)
		return
	}
	for i := range images {
		p.dst, p.src = dst[i*p.bands*2*p.h*p.w:], p.spectrum(src, i)
		for y := range p.h {
			copy(p.wide[y*p.ld:], p.src[y*2*p.w:][:2*p.w])
		}
		pool.For(p.bands, 1, p.cutBands)
	}
	p.dst, p.src = nil, nil
}

// cut makes band k.
func (p *FFTBands[T]) cut(worker, k int) {
	work, tile := p.work[worker], p.tiles[worker]
	l, width := p.columns, 2*p.body.lanes
	for t, mask := range p.loads[k] {
		at := t * width
		if mask == nil {
			for y := range p.h {
				clear(work[y*p.ld+at:][:width])
			}
			continue
		}
		p.prefetch(p.wide, p.loads[k], t+1)
		p.prefetch(work, p.loads[k], t)
		p.body.loadMasked[p.first.radix](tile, p.wide[at:], p.ld, p.first.tw, p.first.q, mask)
		l.finish(tile, work[at:], fftAtStart, p.ld, fftColumns, true, 1, l.n, 1)
	}
	dst, pass := p.image(p.dst, 0, k), &p.inverse.passes[0]
	for t := range pass.tiles() {
		p.prefetchRows(dst, t+1)
		pass.do(pass, tile, dst, work, t)
	}
}

// fftFar is from how many bytes on an array is prefetched by columns.
const fftFar = 512 << 10

// prefetch has tile t of the columns of a brought near, if it is far and needed.
func (p *FFTBands[T]) prefetch(a []T, masks [][]T, t int) {
	if p.body.prefetch != nil && t < len(masks) && masks[t] != nil && p.h*p.w*2*int(unsafe.Sizeof(T(0))) >= fftFar {
		p.body.prefetch(a[t*2*p.body.lanes:], p.ld, p.h)
	}
}

// prefetchRows has the rows of tile t of a band brought near: they come from, or
// go, far away.
func (p *FFTBands[T]) prefetchRows(a []T, t int) {
	n := 2 * p.w * p.body.lanes
	if end := (t + 1) * n; end <= len(a) {
		p.body.near(a[t*n : end])
	}
}

// Join sets dst (images, h, w) to the adjoint of Cut applied to src (images, bands,
// h, w), on the threads of pool. It panics if a slice is too short.
func (p *FFTBands[T]) Join(dst, src []T, images int, pool *Pool) {
	if p.plain != nil {
		p.dst, p.src = dst, src
		p.plain.join(p, images)
		return
	}
	for i := range images {
		clear(p.wide)
		for k := range p.bands {
			p.src, p.band = p.image(src, i, k), k
			pool.For(p.rows.passes[0].tiles(), 1, p.joinRows)
			pool.For(p.w/p.body.lanes, 1, p.join)
		}
		p.dst = p.spectrum(dst, i)
		for y := range p.h {
			copy(p.dst[y*2*p.w:][:2*p.w], p.wide[y*p.ld:])
		}
	}
	p.dst, p.src = nil, nil
}

// transformRows transforms tiles of rows of a band into the workspace.
func (p *FFTBands[T]) transformRows(worker int, src []T, lo, hi int) {
	pass := &p.rows.passes[0]
	for t := lo; t < hi; t++ {
		p.prefetchRows(src, t+1)
		pass.do(pass, p.tiles[worker], p.work[0], src, t)
	}
}

// addColumns transforms tiles of columns of the workspace and adds them, masked.
func (p *FFTBands[T]) addColumns(worker, k, lo, hi int) {
	work := p.work[0]
	l, tile, width := p.columns, p.tiles[worker], 2*p.body.lanes
	last := len(l.stages) - 1
	for t := lo; t < hi; t++ {
		mask := p.adds[k][t]
		if mask == nil {
			continue
		}
		p.prefetch(work, p.adds[k], t+1)
		p.prefetch(p.wide, p.adds[k], t+1)
		done := l.load(tile, work[t*width:], fftAtStart, p.ld, fftColumns, false, true)
		l.transform(tile, done, last)
		p.body.addMasked[p.last.radix](p.wide[t*width:], p.ld, tile, l.heads, l.n/p.last.radix, mask)
	}
}
