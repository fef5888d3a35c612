package models

import "github.com/percept-go/percept/kernels"

// The matrices that mix rows in the adjoint, 4×4 for every pair of groups.
const (
	mixGram = iota
	mixCross
	mixCrossBack
	mixReal
	mixRealBack
	mixImag
	mixImagBack
	mixes
)

// matrix returns where the matrix that makes group i of group j of the image in
// progress is.
func (p *bandMoments[T]) matrix(kind, i, j int) []T {
	return p.coefficients[((kind*p.groups+i)*p.groups+j)*gramSize:]
}

// backward returns what runs opSpectrumMomentsAdjoint, image by image. It leaves the
// cotangents of the halved bands in their place.
func (p *bandMoments[T]) backward(pool *kernels.Pool) func() {
	p.coefficients = make([]T, mixes*p.groups*p.groups*gramSize)
	p.spread = kernels.NewTextureRows[T](p.k, p.workers[0].auto.SpreadLen())
	p.chunk = p.h
	if t := pool.Threads(); t > 1 {
		p.chunk = wholeBlocks((p.h + 2*t - 1) / (2 * t))
	}
	p.chunks = (p.h + p.chunk - 1) / p.chunk
	p.edges = kernels.NewTextureRows[T](p.chunks*p.k, 2*p.halo*p.workers[0].auto.Stride())
	image := 0
	save := func(worker, lo, hi int) {
		for c := lo; c < hi; c++ {
			p.setEdges(worker, image, c)
		}
	}
	spread := func(worker, lo, hi int) { p.spreadRows(worker, image, lo, hi) }
	return func() {
		for image = range p.images {
			p.halve(image, pool)
			p.halved.full[image] = false
			p.prepare(image)
			pool.For(p.chunks, 1, save)
			pool.For(p.h, p.chunk, spread)
			p.bands.JoinHalved(p.spectrum(p.dx, image), p.z, pool)
		}
	}
}

// edge returns the spectra of the magnitudes of band k around the beginning of chunk c,
// from Halo rows before it to Halo rows after.
func (p *bandMoments[T]) edge(c, k int) []T {
	n := 2 * p.halo * p.workers[0].auto.Stride()
	return p.edges[(c%p.chunks*p.k+k)*n:][:n]
}

// setEdges sets those of a chunk, which two threads need and one changes.
func (p *bandMoments[T]) setEdges(worker, image, c int) {
	w := &p.workers[worker]
	ld, y, start := w.auto.Stride(), c*p.chunk, -p.halo
	if at, n := y-p.halo, p.whole(2*p.halo); at < 0 || at+n > p.h || n > momentBlock {
		start = -p.whole(p.halo) // where no tile goes beyond the last row
	}
	for k := range p.k {
		edge := p.edge(c, k)
		for i := start; i < p.halo; {
			at := ((y+i)%p.h + p.h) % p.h
			n := min(p.whole(p.halo-i), p.h-at, momentBlock)
			m := p.spectra(w, k)
			p.ownSpectra(worker, image, m, p.line(w, k, 0, n*p.w), k, at, n)
			if lo, hi := max(i, -p.halo), min(i+n, p.halo); lo < hi {
				copy(edge[(p.halo+lo)*ld:(p.halo+hi)*ld], m[(lo-i)*ld:])
			}
			i += n
		}
	}
}

// ownSpectra sets z to n rows of band k, which has no parents, and m to the spectra of
// their magnitudes.
func (p *bandMoments[T]) ownSpectra(worker, image int, m, z []T, k, y, n int) {
	w := &p.workers[worker]
	p.rows(worker, z, k, y, n)
	magnitudes := w.lines[2*p.k*momentBlock*p.w:][:n*p.w]
	p.moduli(w, magnitudes, z[:2*n*p.w], p.image(p.y, image)[p.mean+k])
	p.rowSpectra(w, m, magnitudes, n)
}

// spreadRows computes the rows [lo, hi) of the adjoint.
func (p *bandMoments[T]) spreadRows(worker, image, lo, hi int) {
	w, ld := &p.workers[worker], p.workers[worker].auto.Stride()
	var state = aheadOf{lo: lo, hi: hi, top: lo - p.halo}
	for y := lo; y < hi; {
		n := min(momentBlock, hi-y)
		p.advance(worker, image, &state, y, y+n+p.halo)
		for k := range p.k {
			p.spreadLags(w, k, n)
		}
		for row := 0; row < n; row += p.few {
			p.spreadSome(worker, image, y, row, min(p.few, n-row))
		}
		for k := range p.k {
			own, m := p.ownRow(w, k, 0), p.spectra(w, k)
			p.setRows(worker, own, k, y, n)
			copy(own, own[2*n*p.w:2*(state.top-y)*p.w])
			copy(m, m[n*ld:(state.top-y+p.halo)*ld])
		}
		y += n
	}
}

// spreadLags sets the cotangents of n rows of magnitudes of band k that their
// autocorrelation gives.
func (p *bandMoments[T]) spreadLags(w *momentWorker[T], k, n int) {
	size := w.auto.SpreadLen()
	m, c := p.spectra(w, k), p.spread[k*size:][:size]
	if p.tiled {
		w.auto.SpreadTiles(p.magnitude(w, k, 0, n*p.w), w.tile, w.work, m, c, n)
	} else {
		w.auto.Spread(p.magnitude(w, k, 0, n*p.w), w.work, m, c, n)
	}
}

// aheadOf says how far the bands without parents are known: rows below top. Spectra of
// rows outside of [lo, hi) are edges.
type aheadOf struct{ lo, hi, top int }

// advance makes the rows of the bands without parents, and the spectra of their
// magnitudes, up to a row or a little further. Of those bands the first is row y, of
// the spectra Halo rows before.
func (p *bandMoments[T]) advance(worker, image int, s *aheadOf, y, end int) {
	w, ld := &p.workers[worker], p.workers[worker].auto.Stride()
	for s.top < end {
		n := end - s.top
		if s.top < s.lo {
			n = min(n, s.lo-s.top)
		} else if s.top < s.hi {
			n = min((n+p.few-1)/p.few*p.few, s.hi-s.top, momentBlock)
		}
		for k := range p.k {
			m := p.spectra(w, k)[(s.top-y+p.halo)*ld:]
			switch {
			case s.top < s.lo:
				copy(m[:n*ld], p.edge(s.lo/p.chunk, k)[(s.top-s.lo+p.halo)*ld:])
			case s.top >= s.hi:
				copy(m[:n*ld], p.edge((s.hi+p.chunk-1)/p.chunk, k)[(p.halo+s.top-s.hi)*ld:])
			default:
				p.ownSpectra(worker, image, m, p.ownRow(w, k, s.top-y), k, s.top, n)
			}
		}
		s.top += n
	}
}

// ownRow returns the rows of a band without parents, from the i-th after the first.
func (p *bandMoments[T]) ownRow(w *momentWorker[T], k, i int) []T {
	n := len(w.own) / p.k
	return w.own[k*n:][2*i*p.w : n]
}

// prepare sets the matrices of an image.
func (p *bandMoments[T]) prepare(image int) {
	g, k, n := p.image(p.g, image), p.k, 1/T(p.pixels)
	for i := range k {
		auto := p.workers[0].auto
		auto.SetSpread(p.spread[i*auto.SpreadLen():], g[p.auto+i*p.width*p.width:][:p.width*p.width])
	}
	set := func(kind, i, j int, v T) {
		const r = kernels.TextureRows
		p.matrix(kind, i/r, j/r)[i%r*r+j%r] = v * n
	}
	for i := range k {
		for j := range k {
			set(mixGram, i, j, g[p.gram+i*k+j]+g[p.gram+j*k+i])
			if !p.parents {
				continue
			}
			c, re, im := g[p.cross+i*k+j], g[p.real+i*k+j], g[p.real+(k+i)*k+j]
			set(mixCross, i, j, c)
			set(mixCrossBack, j, i, c)
			set(mixReal, i, j, re)
			set(mixRealBack, j, i, re)
			set(mixImag, i, j, im)
			set(mixImagBack, j, i, im)
		}
	}
}

// spreadSome computes n rows from row on of the block at y.
func (p *bandMoments[T]) spreadSome(worker, image, y, row, n int) {
	w := &p.workers[worker]
	if p.parents {
		for k := range p.k {
			p.rows(worker, p.line(w, p.k+k, 0, n*p.w), p.k+k, y+row, n)
		}
	}
	for at := 0; at < n*p.w; at += p.strip {
		p.spreadStrip(w, image, row*p.w, at, min(p.strip, n*p.w-at))
	}
	if p.parents {
		for k := range p.k {
			p.setRows(worker, p.line(w, p.k+k, 0, n*p.w), p.k+k, y+row, n)
		}
	}
}

// spreadStrip computes n pixels from at on of the rows in progress, which begin at
// pixel row of the block.
func (p *bandMoments[T]) spreadStrip(w *momentWorker[T], image, row, at, n int) {
	y, g := p.image(p.y, image), p.image(p.g, image)
	for k := range p.k {
		own := p.ownRow(w, k, 0)[2*(row+at):][:2*n]
		p.tex.Modulus(p.row(w.m, k, n), p.row(w.re, k, n), own, y[p.mean+k])
		p.shift(p.row(w.dm, k, n), p.magnitude(w, k, row+at, n), nil, nil, g[p.mean+k]/T(p.pixels), 0)
		if p.parents {
			p.tex.Double(p.row(w.q, k, n), p.row(w.dr, k, n), p.row(w.di, k, n), p.line(w, p.k+k, at, n), y[p.parentMean+k])
		}
	}
	p.mix(w, image, n)
	p.finish(w, image, row, at, n)
}

// mix makes the cotangents of rows out of rows.
func (p *bandMoments[T]) mix(w *momentWorker[T], image, n int) {
	mix := func(dst, x textureRows[T], kind int, more bool) {
		for i := range p.groups {
			for j := range p.groups {
				p.tex.Mix(p.group(dst, i), p.matrix(kind, i, j), p.group(x, j), p.strip, n, more || j > 0)
			}
		}
	}
	mix(w.dm, w.m, mixGram, true)
	if !p.parents {
		return
	}
	mix(w.dm, w.q, mixCross, true)
	mix(w.dq, w.m, mixCrossBack, false)
	mix(w.dre, w.dr, mixReal, false)
	mix(w.dre, w.di, mixImag, true)
	mix(w.ddr, w.re, mixRealBack, false)
	mix(w.ddi, w.re, mixImagBack, false)
}

// finish replaces the numbers of a strip by their adjoint.
func (p *bandMoments[T]) finish(w *momentWorker[T], image, row, at, n int) {
	y, g := p.image(p.y, image), p.image(p.g, image)
	f := 1 / T(p.pixels)
	for k := range p.k {
		z := p.ownRow(w, k, 0)[2*(row+at):][:2*n]
		dre := p.row(w.dre, k, n) // zeros without parents
		if !p.parents {
			p.tex.ModulusAdjoint(z, z, p.row(w.dm, k, n), dre, 0)
			continue
		}
		p.tex.ModulusAdjoint(z, z, p.row(w.dm, k, n), dre, 2*f*g[p.realSquare+k])
		dq := p.row(w.dq, k, n)
		if c := g[p.parentMean+k]; c != 0 {
			p.shift(dq, dq, nil, nil, f*c, 0)
		}
		w.factors = [4]T{y[p.parentMean+k], 2 * f * g[p.square+k], 2 * f * g[p.doubleds+k], 2 * f * g[p.doubleds+p.k+k]}
		parent := p.line(w, p.k+k, at, n)
		p.tex.DoubleAdjoint(parent, parent, dq, p.row(w.ddr, k, n), p.row(w.ddi, k, n), &w.factors)
	}
}
