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

// backward returns what runs opSpectrumMomentsAdjoint for an image. It leaves the
// cotangents of the halved bands in their place.
func (p *bandMoments[T]) backward(pool *kernels.Pool) func(image int) {
	p.coefficients = make([]T, mixes*p.groups*p.groups*gramSize)
	p.spread, p.shifts = kernels.NewTextureRows[T](p.k, p.workers[0].auto.SpreadLen()), make([]T, p.k)
	image := 0
	findCentre, own := p.findCentre, p.ownSpectra
	spread := func(worker, lo, hi int) { p.spreadRows(worker, image, lo, hi) }
	return func(i int) {
		image = i
		p.begin(image, pool)
		if !p.halved.full[image] {
			pool.For(p.k, 1, findCentre)
			pool.For(p.h, momentBlock, own)
			p.wrap()
		}
		p.halved.full[image] = false
		p.prepare(image)
		pool.For(p.h, momentBlock, spread)
		p.bands.JoinHalved(p.spectrum(p.dx, image), p.z, pool)
	}
}

// ownSpectra makes the spectra of the rows [lo, hi) of the magnitudes of the bands
// without parents.
func (p *bandMoments[T]) ownSpectra(worker, lo, hi int) {
	w := &p.workers[worker]
	for y := lo; y < hi; y += p.few {
		n := min(p.few, hi-y)
		for k := range p.k {
			z, m := p.line(w, k, 0, n*p.w), p.magnitude(w, k, 0, n*p.w)
			p.rows(worker, z, k, y, n)
			p.moduli(w, m, z, p.centre[k])
			p.rowSpectra(w, p.spectra(k, y), m, n)
		}
	}
}

// spreadRows computes the rows [lo, hi) of the adjoint.
func (p *bandMoments[T]) spreadRows(worker, image, lo, hi int) {
	p.fetch(worker, lo-p.halo, lo+momentBlock+p.halo)
	for y := lo; y < hi; y += momentBlock {
		n := min(momentBlock, hi-y)
		p.fetch(worker, y+momentBlock+p.halo, y+2*momentBlock+p.halo)
		for k := range p.k {
			p.spreadLags(&p.workers[worker], k, y, n)
		}
		for row := 0; row < n; row += p.few {
			p.spreadSome(worker, image, y, row, min(p.few, n-row))
		}
	}
}

// fetch has the spectra of the rows [lo, hi) brought near.
func (p *bandMoments[T]) fetch(worker, lo, hi int) {
	hi = min(hi, p.h+p.halo)
	for k := range p.k {
		p.workers[worker].auto.Fetch(p.spectra(k, min(lo, hi)), hi-lo)
	}
}

// spreadLags sets the cotangents of n rows of magnitudes of band k that their
// autocorrelation gives, but for shifts.
func (p *bandMoments[T]) spreadLags(w *momentWorker[T], k, y, n int) {
	size := w.auto.SpreadLen()
	m, c := p.spectra(k, y-p.halo), p.spread[k*size:][:size]
	if p.tiled {
		w.auto.SpreadTiles(p.magnitude(w, k, 0, n*p.w), w.tile, w.work, m, c, n)
	} else {
		w.auto.Spread(p.magnitude(w, k, 0, n*p.w), w.work, m, c, n)
	}
}

// prepare sets the coefficients of an image.
func (p *bandMoments[T]) prepare(image int) {
	y, g, k, n := p.image(p.y, image), p.image(p.g, image), p.k, 1/T(p.pixels)
	auto := p.workers[0].auto
	for i := range k {
		c := p.spread[i*auto.SpreadLen():][:auto.SpreadLen()]
		auto.SetSpread(c, g[p.auto+i*p.width*p.width:][:p.width*p.width])
		p.shifts[i] = n*g[p.mean+i] - (y[p.mean+i]-p.centre[i])*auto.SpreadOfOne(c)
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
	for k := range p.all() {
		p.rows(worker, p.line(w, k, 0, n*p.w), k, y+row, n)
	}
	for at := 0; at < n*p.w; at += p.strip {
		p.spreadStrip(w, image, row*p.w, at, min(p.strip, n*p.w-at))
	}
	for k := range p.all() {
		p.setRows(worker, p.line(w, k, 0, n*p.w), k, y+row, n)
	}
}

// spreadStrip computes n pixels from at on of the rows in progress, which begin at
// pixel row of the block.
func (p *bandMoments[T]) spreadStrip(w *momentWorker[T], image, row, at, n int) {
	y := p.image(p.y, image)
	for k := range p.k {
		p.tex.Modulus(p.row(w.m, k, n), p.row(w.re, k, n), p.line(w, k, at, n), y[p.mean+k])
		p.shift(p.row(w.dm, k, n), p.magnitude(w, k, row+at, n), nil, nil, p.shifts[k], 0)
		if p.parents {
			p.tex.Double(p.row(w.q, k, n), p.row(w.dr, k, n), p.row(w.di, k, n), p.line(w, p.k+k, at, n), y[p.parentMean+k])
		}
	}
	p.mix(w, n)
	p.finish(w, image, at, n)
}

// mix makes the cotangents of rows out of rows.
func (p *bandMoments[T]) mix(w *momentWorker[T], n int) {
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
func (p *bandMoments[T]) finish(w *momentWorker[T], image, at, n int) {
	y, g := p.image(p.y, image), p.image(p.g, image)
	f := 1 / T(p.pixels)
	for k := range p.k {
		z := p.line(w, k, at, n)
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
