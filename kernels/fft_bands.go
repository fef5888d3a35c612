package kernels

// An FFTBands cuts bands out of a spectrum, and puts them together: band k is
// the inverse transform of the spectrum (h, w) times mask k, and the adjoint of
// that adds the masked transforms of all bands. Masks, scaled as the transforms
// are to be, multiply while numbers are loaded and stored, and columns where
// they vanish are skipped. One goroutine at a time may use it.
type FFTBands[T Float] struct {
	body           *fftBody[T]
	h, w, bands    int
	ld             int // reals from row to row of the workspace
	columns        *fftLine[T]
	inverse, rows  *FFT[T] // of rows, from and to the workspace
	first, last    *fftStage[T]
	masks          [][][]T // of each band and tile of columns, for loading; nil where it vanishes
	adds           [][][]T // for adding
	work           [][]T   // of each thread
	tiles          [][]T
	plain          *fftPlainBands[T]
	dst, src       []T // the Run in progress
	band           int
	cutUnits       func(worker, lo, hi int)
	joinImages     func(worker, lo, hi int)
	joinRows, join func(worker, lo, hi int)
}

// fftPadding is what a row of the workspace is longer by than a power of two may
// be, in reals, so that the elements of a column do not share cache sets.
const fftPadding = 32

// NewFFTBands returns the bands of the masks (bands, h, w), zero frequency
// first, with the bodies of level for up to that many threads. It panics if masks
// is too short.
func NewFFTBands[T Float](masks []T, bands, h, w int, level Level, threads int) *FFTBands[T] {
	body := fftBodyOf[T](level.Resolve())
	p := &FFTBands[T]{body: body, h: h, w: w, bands: bands, ld: 2*w + fftPadding}
	p.columns = newFFTLine(body, h)
	if !p.fused() {
		p.setPlain(masks, level, max(threads, 1))
		return p
	}
	stages := p.columns.stages
	p.first, p.last = &stages[0], &stages[len(stages)-1]
	row := FFTSpec{Kind: FFTInverse, Shape: []int{h, w}, Axes: []int{1}, DstStride: []int{w, 1}, SrcStride: []int{p.ld / 2, 1}}
	p.inverse = NewFFT[T](row, level, 1)
	row.Kind, row.DstStride, row.SrcStride = FFTForward, row.SrcStride, row.DstStride
	p.rows = NewFFT[T](row, level, 1)
	p.setMasks(masks)
	p.setMemory(max(threads, 1))
	return p
}

// fused reports whether the body has kernels for these sizes.
func (p *FFTBands[T]) fused() bool {
	s := p.columns.stages
	return len(s) > 1 && p.w%p.body.lanes == 0 && p.body.loadMasked[s[0].radix] != nil && p.body.addMasked[s[len(s)-1].radix] != nil
}

func (p *FFTBands[T]) setMemory(threads int) {
	longest := 0
	for _, l := range []*fftLine[T]{p.columns, p.inverse.passes[0].line, p.rows.passes[0].line} {
		longest = max(longest, l.rows())
	}
	for range threads {
		p.work = append(p.work, fftAligned[T](p.h*p.ld))
		p.tiles = append(p.tiles, fftAligned[T](longest*2*p.body.lanes))
	}
	p.cutUnits = func(worker, lo, hi int) {
		for u := lo; u < hi; u++ {
			p.cut(worker, u/p.bands, u%p.bands)
		}
	}
	p.joinImages = func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			clear(p.spectrum(p.dst, i))
			for k := range p.bands {
				p.transformRows(worker, p.work[worker], p.image(p.src, i, k), 0, p.rows.passes[0].tiles())
				p.addColumns(worker, p.spectrum(p.dst, i), p.work[worker], k, 0, p.w/p.body.lanes)
			}
		}
	}
	p.joinRows = func(worker, lo, hi int) { p.transformRows(worker, p.work[0], p.src, lo, hi) }
	p.join = func(worker, lo, hi int) { p.addColumns(worker, p.dst, p.work[0], p.band, lo, hi) }
}

// setMasks brings the masks into the order of the kernels.
func (p *FFTBands[T]) setMasks(masks []T) {
	for k := range p.bands {
		m := masks[k*p.h*p.w:][:p.h*p.w]
		var load, add [][]T
		for x := 0; x < p.w; x += p.body.lanes {
			load, add = append(load, p.tileMask(m, x, p.first.radix)), append(add, p.tileMask(m, x, p.last.radix))
		}
		p.masks, p.adds = append(p.masks, load), append(p.adds, add)
	}
}

// tileMask returns the mask of the columns from x on, or nil if it vanishes.
func (p *FFTBands[T]) tileMask(m []T, x, radix int) []T {
	q, zero := p.h/radix, true
	out := fftAligned[T](p.h * p.body.lanes)
	for j := range q {
		for t := range radix {
			for i, slot := range p.body.slot {
				v := m[(j+t*q)*p.w+x+i]
				out[(j*radix+t)*p.body.lanes+slot] = v
				zero = zero && v == 0
			}
		}
	}
	if zero {
		return nil
	}
	return out
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
	pool.For(images*p.bands, 1, p.cutUnits)
	p.dst, p.src = nil, nil
}

// cut makes band k of image i.
func (p *FFTBands[T]) cut(worker, i, k int) {
	src, work, tile := p.spectrum(p.src, i), p.work[worker], p.tiles[worker]
	l, width := p.columns, 2*p.body.lanes
	for t, mask := range p.masks[k] {
		at := t * width
		if mask == nil {
			for y := range p.h {
				clear(work[y*p.ld+at:][:width])
			}
			continue
		}
		p.body.loadMasked[p.first.radix](tile, src[at:], 2*p.w, p.first.tw, p.first.q, mask)
		l.finish(tile, work[at:], fftAtStart, p.ld, fftColumns, true, 1, l.n, 1)
	}
	dst, pass := p.image(p.dst, i, k), &p.inverse.passes[0]
	for t := range pass.tiles() {
		pass.do(pass, tile, dst, work, t)
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
	if threads := pool.Threads(); threads == 1 || images%threads == 0 || images >= 4*threads {
		p.dst, p.src = dst, src
		pool.For(images, 1, p.joinImages)
		p.dst, p.src = nil, nil
		return
	}
	for i := range images {
		p.dst = p.spectrum(dst, i)
		clear(p.dst)
		for k := range p.bands {
			p.src, p.band = p.image(src, i, k), k
			pool.For(p.rows.passes[0].tiles(), 1, p.joinRows)
			pool.For(p.w/p.body.lanes, 1, p.join)
		}
	}
	p.dst, p.src = nil, nil
}

// transformRows transforms tiles of rows of a band into the workspace.
func (p *FFTBands[T]) transformRows(worker int, work, src []T, lo, hi int) {
	pass := &p.rows.passes[0]
	for t := lo; t < hi; t++ {
		pass.do(pass, p.tiles[worker], work, src, t)
	}
}

// addColumns transforms tiles of columns of the workspace and adds them, masked.
func (p *FFTBands[T]) addColumns(worker int, dst, work []T, k, lo, hi int) {
	l, tile, width := p.columns, p.tiles[worker], 2*p.body.lanes
	last := len(l.stages) - 1
	for t := lo; t < hi; t++ {
		mask := p.adds[k][t]
		if mask == nil {
			continue
		}
		done := l.load(tile, work[t*width:], fftAtStart, p.ld, fftColumns, false, true)
		l.transform(tile, done, last)
		p.body.addMasked[p.last.radix](dst[t*width:], 2*p.w, tile, l.heads, l.n/p.last.radix, mask)
	}
}
