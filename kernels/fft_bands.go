package kernels

import "unsafe"

// An FFTBands cuts bands out of a spectrum, and puts them together: band k is
// the inverse transform of the spectrum (h, w) times mask k, and the adjoint of
// that adds the masked transforms of all bands. Both go by way of halved bands,
// whose columns are transformed and whose rows are not yet, so that what is done
// to the rows of all bands can be done while they are near. Masks, scaled as the
// transforms are to be, multiply while numbers are loaded and stored.
//
// Halved bands lie row by row, band after band, without the tiles of columns where the
// mask vanishes: rows are read and written in one go, more often than columns are. One
// goroutine at a time may use it, but for the methods that take a worker.
type FFTBands[T Float] struct {
	*FFTMasks[T]
	starts  []int      // where each halved band begins, then where they end
	rowLen  []int      // of each band: reals from row to row
	runs    [][]fftRun // of each band
	ordinal [][]int    // of each band and tile, which of those kept it is
	far     bool       // halved bands leave the near caches: see fftFar
	workers []fftBandsWorker[T]
	plain   *fftPlainBands[T]
	rows    *fftLine[T] // of short rows, as many at a time as there are lanes; or nil
	off     []int       // of rows of a band
	offs    [][]int     // of rows of each halved band
	x, z    []T         // the loop in progress
	image   []T         // of Cut or Join
	halved  []T

	cutTiles, joinTiles, finishRows, startRows func(worker, lo, hi int)
}

// An fftRun is a number of tiles of columns that are kept: the first, and which of those
// of its band it is.
type fftRun struct{ tile, ordinal, n int }

// fftBandsWorker is the memory of one thread.
type fftBandsWorker[T Float] struct {
	column, tile     []T // columns of the spectrum, and of a band
	row              []T // rows of a halved band, with zeros
	inverse, forward *fftRowSet[T]
	cross            *fftCross[T] // of long rows, or nil
}

// fftFar is from how many bytes on halved bands are brought near before they are
// needed.
const fftFar = 512 << 10

// NewFFTBands returns the bands of the masks, for up to that many threads. It does
// not panic.
func NewFFTBands[T Float](masks *FFTMasks[T], threads int) *FFTBands[T] {
	p := &FFTBands[T]{FFTMasks: masks}
	if p.fused() {
		p.setTiles()
	} else {
		p.setPlain()
	}
	p.far = p.HalvedLen()*int(unsafe.Sizeof(T(0))) >= fftFar
	for range max(threads, 1) {
		w := fftBandsWorker[T]{inverse: newFFTRowSet[T](FFTInverse, p.w, p.w, p.w, p.level), forward: newFFTRowSet[T](FFTForward, p.w, p.w, p.w, p.level)}
		if p.plain == nil {
			w.row = fftAligned[T](w.inverse.most() * 2 * p.w)
			w.column, w.tile = fftAligned[T](2*p.h*p.body.lanes), fftAligned[T](2*max(p.columns.rows(), p.rows.rows())*p.body.lanes)
			w.cross = w.inverse.of[len(w.inverse.of)-1].passes[0].cross
		}
		p.workers = append(p.workers, w)
	}
	p.cutTiles, p.joinTiles = p.cutColumns, p.joinColumns
	p.finishRows, p.startRows = p.cutRows, p.joinRows
	return p
}

// setTiles says where the tiles are that are kept. Rows are an odd number of tiles
// apart, so that those of a column do not share cache sets.
func (p *FFTBands[T]) setTiles() {
	width := 2 * p.body.lanes
	p.rows = newFFTLine(p.body, p.w)
	for i := range p.body.lanes {
		p.off = append(p.off, 2*i*p.w)
	}
	end := 0
	for k := range p.bands {
		var runs []fftRun
		var ordinal, off []int
		kept := 0
		for t, mask := range p.loads[k] {
			ordinal = append(ordinal, kept)
			if mask == nil {
				continue
			}
			if last := len(runs) - 1; last >= 0 && runs[last].tile+runs[last].n == t {
				runs[last].n++
			} else {
				runs = append(runs, fftRun{t, kept, 1})
			}
			kept++
		}
		rowLen := (kept | 1) * width
		for i := range p.body.lanes {
			off = append(off, i*rowLen)
		}
		p.starts, p.rowLen = append(p.starts, end), append(p.rowLen, rowLen)
		p.runs, p.ordinal, p.offs = append(p.runs, runs), append(p.ordinal, ordinal), append(p.offs, off)
		end += p.h * rowLen
	}
	p.starts = append(p.starts, end)
}

// Cut sets dst (images, bands, h, w) to the bands of the spectra src (images, h, w),
// all complex and contiguous, on the threads of pool. It panics if a slice is too
// short.
func (p *FFTBands[T]) Cut(dst, src []T, images int, pool *Pool) {
	n := 2 * p.h * p.w
	p.setHalved()
	for i := range images {
		p.Halve(p.halved, src[i*n:], pool)
		p.image = dst[i*p.bands*n:]
		pool.For(p.bands*p.h, fftBandRows, p.finishRows)
	}
	p.image = nil
}

// Join sets dst (images, h, w) to the adjoint of Cut applied to src (images, bands,
// h, w), on the threads of pool. It panics if a slice is too short.
func (p *FFTBands[T]) Join(dst, src []T, images int, pool *Pool) {
	n := 2 * p.h * p.w
	p.setHalved()
	for i := range images {
		p.image = src[i*p.bands*n:]
		pool.For(p.bands*p.h, fftBandRows, p.startRows)
		p.JoinHalved(dst[i*n:], p.halved, pool)
	}
	p.image = nil
}

// fftBandRows is how many rows of bands are worth a thread.
const fftBandRows = 32

func (p *FFTBands[T]) setHalved() {
	if p.halved == nil {
		p.halved = p.NewHalved(1)
	}
}

func (p *FFTBands[T]) cutRows(worker, lo, hi int) {
	p.eachBand(lo, hi, func(k, y, n int) {
		p.Rows(worker, p.image[2*(k*p.h+y)*p.w:], p.halved, k, y, n)
	})
}

func (p *FFTBands[T]) joinRows(worker, lo, hi int) {
	p.eachBand(lo, hi, func(k, y, n int) {
		p.HalveRows(worker, p.halved, p.image[2*(k*p.h+y)*p.w:], k, y, n)
	})
}

// eachBand calls f for the rows [lo, hi) of all bands, band by band.
func (p *FFTBands[T]) eachBand(lo, hi int, f func(k, y, n int)) {
	for lo < hi {
		k, y := lo/p.h, lo%p.h
		n := min(p.h-y, hi-lo)
		f(k, y, n)
		lo += n
	}
}

// NewHalved returns memory for the halved bands of that many images.
func (p *FFTBands[T]) NewHalved(images int) []T { return fftAligned[T](images * p.HalvedLen()) }

// HalvedLen is how many reals the halved bands of an image take.
func (p *FFTBands[T]) HalvedLen() int {
	if p.plain != nil {
		return p.bands * 2 * p.h * p.w
	}
	return p.starts[p.bands]
}

// RowsAtOnce is how many rows, at least, Rows and HalveRows had better be given.
func (p *FFTBands[T]) RowsAtOnce() int { return p.workers[0].inverse.most() }

// Halve sets z, HalvedLen elements, to the halved bands of the spectrum x (h, w), on
// the threads of pool. It panics if a slice is too short.
func (p *FFTBands[T]) Halve(z, x []T, pool *Pool) {
	p.x, p.z = x[:2*p.h*p.w], z[:p.HalvedLen()]
	if p.plain != nil {
		p.plain.halve(p)
	} else {
		pool.For(p.w/p.body.lanes, 1, p.cutTiles)
	}
	p.x, p.z = nil, nil
}

// tile returns tile t of band k: its rows are rowLen apart.
func (p *FFTBands[T]) tile(k, t int) []T {
	return p.z[p.starts[k]+p.ordinal[k][t]*2*p.body.lanes : p.starts[k+1]]
}

// cutColumns makes tiles of columns of all bands.
func (p *FFTBands[T]) cutColumns(worker, lo, hi int) {
	w, l, width := &p.workers[worker], p.columns, 2*p.body.lanes
	for t := lo; t < hi; t++ {
		p.body.pieces(w.column, p.x[t*width:], width, 2*p.w, 0, 0, p.h, 1)
		p.nextColumns(t + 1)
		for k := range p.bands {
			if mask := p.loads[k][t]; mask != nil {
				p.body.loadMasked[p.first.radix](w.tile, w.column, width, p.first.tw, p.first.q, mask)
				l.finish(w.tile, p.tile(k, t), fftAtStart, p.rowLen[k], fftColumns, true, 1, l.n, 1)
			}
		}
	}
}

// nextColumns has tile t of the columns of the spectrum brought near.
func (p *FFTBands[T]) nextColumns(t int) {
	if p.far && t*p.body.lanes < p.w {
		p.body.prefetch(p.x[2*t*p.body.lanes:], 2*p.w, p.h, 0, 1)
	}
}

// nextHalved has the first tile that JoinHalved reads from tile t of band k on brought near.
func (p *FFTBands[T]) nextHalved(k, t int) {
	if !p.far {
		return
	}
	for ; t < p.w/p.body.lanes; k, t = 0, t+1 {
		for ; k < p.bands; k++ {
			if p.adds[k][t] != nil {
				p.body.prefetch(p.tile(k, t), p.rowLen[k], p.h, 0, 1)
				return
			}
		}
	}
}

// JoinHalved sets the spectrum x (h, w) to the adjoint of Halve applied to z, on the
// threads of pool. It panics if a slice is too short.
func (p *FFTBands[T]) JoinHalved(x, z []T, pool *Pool) {
	p.x, p.z = x[:2*p.h*p.w], z[:p.HalvedLen()]
	if p.plain != nil {
		p.plain.join(p)
	} else {
		pool.For(p.w/p.body.lanes, 1, p.joinTiles)
	}
	p.x, p.z = nil, nil
}

// joinColumns adds up tiles of columns of all bands, masked.
func (p *FFTBands[T]) joinColumns(worker, lo, hi int) {
	w, l, width := &p.workers[worker], p.columns, 2*p.body.lanes
	last := len(l.stages) - 1
	for t := lo; t < hi; t++ {
		clear(w.column)
		p.nextColumns(t)
		for k := range p.bands {
			if mask := p.adds[k][t]; mask != nil {
				p.nextHalved(k+1, t)
				done := l.load(w.tile, p.tile(k, t), fftAtStart, p.rowLen[k], fftColumns, false, true)
				l.transform(w.tile, done, last)
				p.body.addMasked[p.last.radix](w.column, width, w.tile, l.heads, l.n/p.last.radix, mask)
			}
		}
		p.body.pieces(p.x[t*width:], w.column, 2*p.w, width, 0, 0, p.h, 1)
	}
}
