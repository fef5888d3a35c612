package models

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// momentChunk is how many pixels a thread takes at a time; sums over chunks are
// added in order, in float64.
const momentChunk = 4096

// textureRows is a group of workspace rows, one per band, in fours; those beyond
// the bands stay zero.
type textureRows[T kernels.Float] []T

// bandMoments is a bound opMoments or its adjoint.
type bandMoments[T kernels.Float] struct {
	momentLayout
	x, y, g, dx    []T
	images, groups int // groups of four bands
	strip, chunks  int
	tex            *kernels.Texture[T]
	shift          kernels.Elementwise[T]
	sum            kernels.Reduction[T]
	workers        []momentWorker[T]
	magnitudes     []T       // of the image in progress, then their cotangents
	totals         []float64 // of each chunk: the accumulators
	coefficients   []T       // of each image: the matrices of the adjoint
}

// momentWorker is the memory of one thread.
type momentWorker[T kernels.Float] struct {
	m, q, re, dr, di      textureRows[T] // centred magnitudes, parts
	dm, dq, dre, ddr, ddi textureRows[T] // their cotangents
	acc                   []T
	centre                []T // near the means of the magnitudes
	factors               [4]T
	auto                  *kernels.Autocorrelation[T]
	window                []float64
}

func bindMoments(b *autograd.Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return newBandMoments[float32](b, false).forward(b.Pool)
	}
	return newBandMoments[float64](b, false).forward(b.Pool)
}

func bindMomentsAdjoint(b *autograd.Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return newBandMoments[float32](b, true).backward(b.Pool)
	}
	return newBandMoments[float64](b, true).backward(b.Pool)
}

func newBandMoments[T kernels.Float](b *autograd.Bind, adjoint bool) *bandMoments[T] {
	x := b.Contiguous(0)
	p := &bandMoments[T]{momentLayout: newMomentLayout(b.Attr, x.Type), x: tensor.Span[T](x),
		images: x.Dim[0] * x.Dim[1], tex: kernels.TextureOf[T](b.Level), strip: kernels.TextureStrip[T]()}
	if adjoint {
		p.y, p.g, p.dx = tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Contiguous(2)), tensor.Span[T](b.Out)
	} else {
		p.y = tensor.Span[T](b.Out)
	}
	p.groups = (p.k + kernels.TextureRows - 1) / kernels.TextureRows
	p.chunks = (p.pixels + momentChunk - 1) / momentChunk
	p.shift = kernels.Lookup[T]("shift", b.Level)
	p.sum = kernels.LookupReduction[T]("sum", b.Level)
	p.magnitudes = kernels.NewTextureRows[T](p.k, p.pixels)
	p.workers = make([]momentWorker[T], b.Pool.Threads())
	for i := range p.workers {
		p.workers[i] = p.newWorker(adjoint)
		p.workers[i].auto = kernels.NewAutocorrelation[T](p.h, p.w, p.width, b.Level, 1)
	}
	return p
}

func (p *bandMoments[T]) newWorker(adjoint bool) momentWorker[T] {
	rows := func() textureRows[T] {
		return kernels.NewTextureRows[T](p.groups*kernels.TextureRows, p.strip)
	}
	w := momentWorker[T]{m: rows(), re: rows(), q: rows(), dr: rows(), di: rows(), centre: make([]T, 2*p.k), window: make([]float64, p.width*p.width)}
	if adjoint {
		w.dm, w.dq, w.dre, w.ddr, w.ddi = rows(), rows(), rows(), rows(), rows()
	} else {
		w.acc = kernels.NewTextureRows[T](p.accumulators(), p.tex.Lanes)
	}
	return w
}

// The accumulators of a chunk: for every pair of groups the products of four
// kinds, then for every group the moments of five.
const (
	accGram = iota
	accCross
	accReal
	accImag
	accPairs
)

const (
	accM = iota
	accQ
	accRe
	accDr
	accDi
	accSingles
)

const (
	gramSize    = kernels.TextureRows * kernels.TextureRows
	momentsSize = 2 * kernels.TextureRows
)

func (p *bandMoments[T]) accumulators() int {
	return p.groups*p.groups*accPairs*gramSize + p.groups*accSingles*momentsSize
}

// pair returns the first accumulator of groups i and j.
func (p *bandMoments[T]) pair(kind, i, j int) int { return ((kind*p.groups+i)*p.groups + j) * gramSize }

// single returns the first accumulator of group i.
func (p *bandMoments[T]) single(kind, i int) int {
	return p.groups*p.groups*accPairs*gramSize + (kind*p.groups+i)*momentsSize
}

// row returns the first n elements of row k.
func (p *bandMoments[T]) row(rows textureRows[T], k, n int) []T { return rows[k*p.strip:][:n] }

// group returns the rows of group i.
func (p *bandMoments[T]) group(rows textureRows[T], i int) []T {
	return rows[i*kernels.TextureRows*p.strip:]
}

// band returns n pixels of band k of an image, from pixel at on.
func (p *bandMoments[T]) band(x []T, image, k, at, n int) []T {
	bands := p.k
	if p.parents {
		bands *= 2
	}
	return x[2*((image*bands+k)*p.pixels+at):][:2*n]
}

// image returns the result, or a cotangent, of an image.
func (p *bandMoments[T]) image(y []T, i int) []T { return y[i*p.size:][:p.size] }

// forward returns what runs opMoments, image by image.
func (p *bandMoments[T]) forward(pool *kernels.Pool) func() {
	p.totals = make([]float64, p.chunks*p.accumulators())
	image := 0
	measure := func(worker, lo, hi int) {
		for c := lo; c < hi; c++ {
			p.measure(&p.workers[worker], image, c)
		}
	}
	correlate := func(worker, lo, hi int) {
		for k := lo; k < hi; k++ {
			p.correlate(&p.workers[worker], image, k)
		}
	}
	return func() {
		for image = range p.images {
			pool.For(p.chunks, 1, measure)
			pool.For(p.k, 1, correlate)
			p.join(image)
		}
	}
}

// magnitude returns n magnitudes of band k of the image in progress, less a
// constant.
func (p *bandMoments[T]) magnitude(k, at, n int) []T { return p.magnitudes[k*p.pixels+at:][:n] }

// correlate computes the autocorrelation of the magnitudes of band k.
func (p *bandMoments[T]) correlate(w *momentWorker[T], image, k int) {
	w.auto.Window(w.window, p.magnitude(k, 0, p.pixels), nil)
	y := p.image(p.y, image)[p.auto+k*len(w.window):]
	for i, v := range w.window {
		y[i] = T(v)
	}
}

// measure writes the magnitudes of a chunk and adds up its moments.
func (p *bandMoments[T]) measure(w *momentWorker[T], image, chunk int) {
	p.findCentre(w, image)
	clear(w.acc)
	end := min((chunk+1)*momentChunk, p.pixels)
	for at := chunk * momentChunk; at < end; at += p.strip {
		n := min(p.strip, end-at)
		p.near(image, at+n, min(p.strip, end-at-n))
		for k := range p.k {
			m := p.row(w.m, k, n)
			p.tex.Modulus(m, p.row(w.re, k, n), p.band(p.x, image, k, at, n), w.centre[k])
			copy(p.magnitude(k, at, n), m)
			if p.parents {
				p.tex.Double(p.row(w.q, k, n), p.row(w.dr, k, n), p.row(w.di, k, n), p.band(p.x, image, p.k+k, at, n), w.centre[p.k+k])
			}
			p.pad(w, k, n)
		}
		p.accumulate(w, n)
	}
	totals := p.totals[chunk*p.accumulators():][:p.accumulators()]
	for i := range totals {
		totals[i] = p.tex.Total(w.acc, i)
	}
}

// near has n pixels of all bands brought near, which are in as many places.
func (p *bandMoments[T]) near(image, at, n int) {
	bands := p.k
	if p.parents {
		bands *= 2
	}
	for k := range bands {
		p.tex.Near(p.band(p.x, image, k, at, n))
	}
}

// findCentre sets values near the mean magnitudes, so that sums of squares do
// not cancel: the means of the first pixels.
func (p *bandMoments[T]) findCentre(w *momentWorker[T], image int) {
	n := min(p.strip, p.pixels)
	for k := range p.k {
		m, re := p.row(w.m, 0, n), p.row(w.re, 0, n)
		p.tex.Modulus(m, re, p.band(p.x, image, k, 0, n), 0)
		w.centre[k] = T(p.sum(m, nil) / float64(n))
		if p.parents {
			p.tex.Modulus(m, re, p.band(p.x, image, p.k+k, 0, n), 0)
			w.centre[p.k+k] = T(p.sum(m, nil) / float64(n))
		}
	}
}

// pad clears what the kernels read beyond n.
func (p *bandMoments[T]) pad(w *momentWorker[T], k, n int) {
	if n%kernels.TexturePad == 0 {
		return
	}
	for _, rows := range [...]textureRows[T]{w.m, w.q, w.re, w.dr, w.di} {
		clear(rows[k*p.strip:][n : (n+kernels.TexturePad-1)/kernels.TexturePad*kernels.TexturePad])
	}
}

// accumulate adds the moments of a strip.
func (p *bandMoments[T]) accumulate(w *momentWorker[T], n int) {
	at := func(i int) []T { return w.acc[i*p.tex.Lanes:] }
	for i := range p.groups {
		p.tex.Moments(at(p.single(accM, i)), p.group(w.m, i), p.strip, n)
		for j := range p.groups {
			p.tex.Gram(at(p.pair(accGram, i, j)), p.group(w.m, i), p.group(w.m, j), p.strip, n)
		}
		if !p.parents {
			continue
		}
		p.tex.Moments(at(p.single(accQ, i)), p.group(w.q, i), p.strip, n)
		p.tex.Moments(at(p.single(accRe, i)), p.group(w.re, i), p.strip, n)
		p.tex.Moments(at(p.single(accDr, i)), p.group(w.dr, i), p.strip, n)
		p.tex.Moments(at(p.single(accDi, i)), p.group(w.di, i), p.strip, n)
		for j := range p.groups {
			p.tex.Gram(at(p.pair(accCross, i, j)), p.group(w.m, i), p.group(w.q, j), p.strip, n)
			p.tex.Gram(at(p.pair(accReal, i, j)), p.group(w.re, i), p.group(w.dr, j), p.strip, n)
			p.tex.Gram(at(p.pair(accImag, i, j)), p.group(w.re, i), p.group(w.di, j), p.strip, n)
		}
	}
}

// join adds the chunks of an image in order and writes its moments.
func (p *bandMoments[T]) join(image int) {
	n := p.accumulators()
	t := p.totals[:n]
	for c := 1; c < p.chunks; c++ {
		for i, v := range p.totals[c*n:][:n] {
			t[i] += v
		}
	}
	p.findCentre(&p.workers[0], image)
	centre := p.workers[0].centre
	mean := func(kind, k int) float64 { return t[p.moment(kind, k)] / float64(p.pixels) }
	product := func(kind, i, j int) float64 { return t[p.product(kind, i, j)] / float64(p.pixels) }
	y := p.image(p.y, image)
	for i := range p.k {
		y[p.mean+i] = T(float64(centre[i]) + mean(accM, i))
		for j := range p.k {
			y[p.gram+i*p.k+j] = T(product(accGram, i, j) - mean(accM, i)*mean(accM, j))
		}
		if !p.parents {
			continue
		}
		square := func(kind int) float64 { return t[p.moment(kind, i)+kernels.TextureRows] / float64(p.pixels) }
		q := mean(accQ, i)
		y[p.parentMean+i] = T(float64(centre[p.k+i]) + q)
		y[p.square+i] = T(square(accQ) - q*q)
		y[p.realSquare+i] = T(square(accRe))
		y[p.doubleds+i], y[p.doubleds+p.k+i] = T(square(accDr)), T(square(accDi))
		for j := range p.k {
			y[p.cross+i*p.k+j] = T(product(accCross, i, j) - mean(accM, i)*mean(accQ, j))
			y[p.real+i*p.k+j] = T(product(accReal, i, j))
			y[p.real+(p.k+i)*p.k+j] = T(product(accImag, i, j))
		}
	}
}

func (p *bandMoments[T]) moment(kind, k int) int {
	return p.single(kind, k/kernels.TextureRows) + k%kernels.TextureRows
}

func (p *bandMoments[T]) product(kind, i, j int) int {
	const r = kernels.TextureRows
	return p.pair(kind, i/r, j/r) + i%r*r + j%r
}
