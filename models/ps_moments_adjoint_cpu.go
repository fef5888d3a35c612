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

// backward returns what runs opMomentsAdjoint, image by image.
func (p *bandMoments[T]) backward(pool *kernels.Pool) func() {
	p.coefficients = make([]T, mixes*p.groups*p.groups*gramSize)
	image := 0
	correlate := func(worker, lo, hi int) {
		for k := lo; k < hi; k++ {
			p.correlateAdjoint(&p.workers[worker], image, k)
		}
	}
	spread := func(worker, lo, hi int) {
		for c := lo; c < hi; c++ {
			p.spread(&p.workers[worker], image, c)
		}
	}
	return func() {
		for image = range p.images {
			p.prepare(image)
			pool.For(p.k, 1, correlate)
			pool.For(p.chunks, 1, spread)
		}
	}
}

// correlateAdjoint sets the cotangents of the magnitudes of band k that their
// autocorrelation gives.
func (p *bandMoments[T]) correlateAdjoint(w *momentWorker[T], image, k int) {
	m := p.magnitude(k, 0, p.pixels)
	re := p.row(w.re, 0, p.strip)
	for at := 0; at < p.pixels; at += p.strip {
		n := min(p.strip, p.pixels-at)
		p.tex.Modulus(m[at:][:n], re[:n], p.band(p.x, image, k, at, n), 0)
	}
	w.auto.Adjoint(m, m, p.image(p.g, image)[p.auto+k*len(w.window):][:len(w.window)], nil)
}

// prepare sets the matrices of an image.
func (p *bandMoments[T]) prepare(image int) {
	g, k, n := p.image(p.g, image), p.k, 1/T(p.pixels)
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

// spread computes a chunk of the adjoint.
func (p *bandMoments[T]) spread(w *momentWorker[T], image, chunk int) {
	y, g := p.image(p.y, image), p.image(p.g, image)
	end := min((chunk+1)*momentChunk, p.pixels)
	for at := chunk * momentChunk; at < end; at += p.strip {
		n := min(p.strip, end-at)
		p.near(image, at+n, min(p.strip, end-at-n))
		for k := range p.k {
			p.tex.Modulus(p.row(w.m, k, n), p.row(w.re, k, n), p.band(p.x, image, k, at, n), y[p.mean+k])
			p.shift(p.row(w.dm, k, n), p.magnitude(k, at, n), nil, nil, g[p.mean+k]/T(p.pixels), 0)
			if p.parents {
				p.tex.Double(p.row(w.q, k, n), p.row(w.dr, k, n), p.row(w.di, k, n), p.band(p.x, image, p.k+k, at, n), y[p.parentMean+k])
			}
		}
		p.mix(w, image, n)
		p.finish(w, image, at, n)
	}
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

// finish writes the adjoint of a strip.
func (p *bandMoments[T]) finish(w *momentWorker[T], image, at, n int) {
	y, g := p.image(p.y, image), p.image(p.g, image)
	f := 1 / T(p.pixels)
	for k := range p.k {
		z, dz := p.band(p.x, image, k, at, n), p.band(p.dx, image, k, at, n)
		dre := p.row(w.dre, k, n) // zeros without parents
		if !p.parents {
			p.tex.ModulusAdjoint(dz, z, p.row(w.dm, k, n), dre, 0)
			continue
		}
		p.tex.ModulusAdjoint(dz, z, p.row(w.dm, k, n), dre, 2*f*g[p.realSquare+k])
		dq := p.row(w.dq, k, n)
		if c := g[p.parentMean+k]; c != 0 {
			p.shift(dq, dq, nil, nil, f*c, 0)
		}
		w.factors = [4]T{y[p.parentMean+k], 2 * f * g[p.square+k], 2 * f * g[p.doubleds+k], 2 * f * g[p.doubleds+p.k+k]}
		p.tex.DoubleAdjoint(p.band(p.dx, image, p.k+k, at, n), p.band(p.x, image, p.k+k, at, n), dq,
			p.row(w.ddr, k, n), p.row(w.ddi, k, n), &w.factors)
	}
}
