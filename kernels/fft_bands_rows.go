package kernels

// Rows sets dst to the n rows from y on of band k, contiguous, given the halved bands z.
// It has as many rows after them brought near. It panics if a slice is too short.
func (p *FFTBands[T]) Rows(worker int, dst, z []T, k, y, n int) {
	w := &p.workers[worker]
	if p.plain != nil {
		w.inverse.run(dst, z[2*(k*p.h+y)*p.w:], n)
		return
	}
	for most := w.inverse.most(); n > 0; n, y = n-most, y+most {
		some := min(n, most)
		switch {
		case w.cross != nil && len(p.runs[k]) == 1 && p.runs[k][0].n*p.body.lanes == p.w:
			w.cross.pieces(w.tile, dst, z[p.piece(k, 0, y):], 2*p.body.lanes, true)
		case some == p.body.lanes && w.cross == nil:
			p.rowsTogether(w, dst, z, k, y)
		default:
			p.collect(w, z, k, y, some)
			w.inverse.run(dst, w.row, some)
		}
		p.nextRows(z, k, y+some, some)
		dst = dst[2*p.w*some:]
	}
}

// piece returns where row y of a run of tiles of a band is.
func (p *FFTBands[T]) piece(k, run, y int) int {
	return p.starts[k] + y*p.rowLen[k] + p.runs[k][run].ordinal*2*p.body.lanes
}

// rowsTogether makes as many rows as there are lanes, straight from the tiles.
func (p *FFTBands[T]) rowsTogether(w *fftBandsWorker[T], dst, z []T, k, y int) {
	p.gather(w.tile, z, k, y)
	p.rows.finish(w.tile, dst, p.off, 2, fftRows, true, 0, p.w, 1)
}

// collect sets n rows of the workspace to halved rows, with zeros.
func (p *FFTBands[T]) collect(w *fftBandsWorker[T], z []T, k, y, n int) {
	width, at := 2*p.body.lanes, 0
	for i, r := range p.runs[k] {
		p.clear(w.row, at, r.tile, n)
		p.body.pieces(w.row[r.tile*width:], z[p.piece(k, i, y):], 2*p.w, p.rowLen[k], width, width, n, r.n)
		at = r.tile + r.n
	}
	p.clear(w.row, at, p.w/p.body.lanes, n)
}

// clear clears the tiles [from, to) of n rows.
func (p *FFTBands[T]) clear(rows []T, from, to, n int) {
	if from < to {
		for y := range n {
			clear(rows[2*(y*p.w+from*p.body.lanes) : 2*(y*p.w+to*p.body.lanes)])
		}
	}
}

// nextRows has n rows from y on brought near, if they are far.
func (p *FFTBands[T]) nextRows(z []T, k, y, n int) {
	if n = min(n, p.h-y); !p.far || n <= 0 {
		return
	}
	for i, r := range p.runs[k] {
		p.body.prefetch(z[p.piece(k, i, y):], 2*p.body.lanes, r.n, p.rowLen[k], n)
	}
}

// HalveRows sets the n rows from y on of the halved band k in z to the adjoint of Rows
// applied to src. It panics if a slice is too short.
func (p *FFTBands[T]) HalveRows(worker int, z, src []T, k, y, n int) {
	w := &p.workers[worker]
	if p.plain != nil {
		w.forward.run(z[2*(k*p.h+y)*p.w:], src, n)
		return
	}
	width := 2 * p.body.lanes
	for most := w.forward.most(); n > 0; n, y = n-most, y+most {
		some := min(n, most)
		if some == p.body.lanes && w.cross == nil {
			p.halveTogether(w, z, src, k, y)
		} else {
			w.forward.run(w.row, src, some)
			for i, r := range p.runs[k] {
				p.body.pieces(z[p.piece(k, i, y):], w.row[r.tile*width:], p.rowLen[k], 2*p.w, width, width, some, r.n)
			}
		}
		src = src[2*p.w*some:]
	}
}

// halveTogether is HalveRows of as many rows as there are lanes.
func (p *FFTBands[T]) halveTogether(w *fftBandsWorker[T], z, src []T, k, y int) {
	l := p.rows
	done := l.load(w.tile, src, p.off, 2, fftRows, false, true)
	l.transform(w.tile, done, len(l.stages))
	p.scatter(z, w.tile, k, y)
}
