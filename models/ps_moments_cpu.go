package models

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// momentChunk is how many pixels a thread takes at a time; sums over chunks are
// added in order, in float64. momentChunks is into how many parts of its rows an image
// is divided at least, but for the smallest.
const (
	momentChunk  = 16 << 10
	momentChunks = 16
)

// momentParts is into how many parts the rows are divided for autocorrelations.
const momentParts = 4

// momentBlock is how many rows of magnitudes are transformed at a time.
const momentBlock = 16

// textureRows is a group of workspace rows, one per band, in fours; those beyond
// the bands stay zero.
type textureRows[T kernels.Float] []T

// bandMoments is a bound opSpectrumMoments or its adjoint. It takes the rows of the
// bands as they are needed, from their halved transforms.
type bandMoments[T kernels.Float] struct {
	momentLayout
	x, y, g, dx    []T
	images, groups int // groups of four bands
	strip          int
	bands          *kernels.FFTBands[T]
	halved         *halvedBands[T]
	z, m, centre   []T // of halved, of the image in progress
	tex            *kernels.Texture[T]
	shift          kernels.Elementwise[T]
	sum            kernels.Reduction[T]
	workers        []momentWorker[T]
	chunk, chunks  int       // rows of a chunk, and how many
	totals         []float64 // of each chunk: the accumulators
	products       []float64 // of each of momentParts of the rows and each band: the sums of autocorrelations
	windows        []float64 // of each band: its autocorrelation
	coefficients   []T       // of an image: the matrices of the adjoint
	spread, shifts []T       // the coefficients of the autocorrelations, and what the cotangents of all magnitudes of a band have in common
	halo           int
	few            int  // rows of all bands that are worked on at a time
	tiled          bool // such rows are tiles of FFTBands, the pixels of one column next to each other
}

// halvedBands is what opSpectrumMoments leaves for its adjoint, of each image.
type halvedBands[T kernels.Float] struct {
	z      []T
	m      []T // spectra of the rows of the magnitudes of bands without parents, with Halo rows before and after
	centre []T // near the means of the magnitudes, which those of m are without
	full   []bool
}

// momentWorker is the memory of one thread.
type momentWorker[T kernels.Float] struct {
	m, q, re, dr, di      textureRows[T] // centred magnitudes, parts
	dm, dq, dre, ddr, ddi textureRows[T] // their cotangents
	acc                   []T
	factors               [4]T
	auto                  *kernels.AutocorrelationRows[T]
	lines                 []T // of each band: rows in progress
	pairs                 []T // rows that are no tile
	tile                  []T
	magnitudes            []T // of each band without parents: rows in progress, or the cotangents of a block
	work                  []T
}

func bindMoments(b *autograd.Bind) func()        { return bindBandMoments(b, false) }
func bindMomentsAdjoint(b *autograd.Bind) func() { return bindBandMoments(b, true) }

func bindBandMoments(b *autograd.Bind, adjoint bool) func() {
	masks := b.Attr.(spectrumAttr).bands
	if b.Out.DType.Real() == tensor.Float32 {
		return runMoments[float32](b, masks.f32, adjoint)
	}
	return runMoments[float64](b, masks.f64, adjoint)
}

// sharesImages reports whether threads share images rather than the rows of each: they
// need not meet then. Small images leave little to do between two such points; of larger
// ones all threads should have as many.
func sharesImages(images, pixels, threads int) bool {
	return threads > 1 && images >= 2*threads && (pixels <= 128*128 || images%threads == 0 || images >= 8*threads)
}

// runMoments returns what runs opSpectrumMoments or its adjoint.
func runMoments[T kernels.Float](b *autograd.Bind, masks tensor.Tensor, adjoint bool) func() {
	x, pool := b.Contiguous(0), b.Pool
	images := x.Dim[0] * x.Dim[1]
	bind := func(pool *kernels.Pool) func(image int) {
		p := newBandMoments[T](b, masks, adjoint, pool.Threads())
		if adjoint {
			return p.backward(pool)
		}
		return p.forward(pool, b.Level)
	}
	if !sharesImages(images, x.Dim[2]*x.Dim[3], pool.Threads()) {
		run := bind(pool)
		return func() {
			for i := range images {
				run(i)
			}
		}
	}
	runs := make([]func(image int), pool.Threads())
	for i := range runs {
		runs[i] = bind(nil)
	}
	share := func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			runs[worker](i)
		}
	}
	return func() { pool.For(images, 1, share) }
}

func newBandMoments[T kernels.Float](b *autograd.Bind, masks tensor.Tensor, adjoint bool, threads int) *bandMoments[T] {
	x, attr := b.Contiguous(0), b.Attr.(spectrumAttr)
	p := &bandMoments[T]{momentLayout: attr.layout(x.Type), x: tensor.Span[T](x),
		images: x.Dim[0] * x.Dim[1], strip: kernels.TextureStrip[T]()}
	p.tex = kernels.TextureFor[T](p.w, b.Level)
	if adjoint {
		p.y, p.g, p.dx = tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Contiguous(2)), tensor.Span[T](b.Out)
	} else {
		p.y = tensor.Span[T](b.Out)
	}
	p.bands = kernels.NewFFTBands(masksOf[T](attr.bands, masks, b.Level), threads)
	p.groups = (p.k + kernels.TextureRows - 1) / kernels.TextureRows
	p.shift = kernels.Lookup[T]("shift", b.Level)
	p.sum = kernels.LookupReduction[T]("sum", b.Level)
	p.workers = make([]momentWorker[T], threads)
	for i := range p.workers {
		p.workers[i] = p.newWorker(adjoint, b.Level)
	}
	auto := p.workers[0].auto
	p.halo, p.few = auto.Halo(), min(p.bands.RowsAtOnce(), momentBlock)
	p.halved = b.Kept(0, attr, func() any {
		return &halvedBands[T]{z: p.bands.NewHalved(p.images), m: kernels.NewTextureRows[T](p.images, p.spectraLen()),
			centre: make([]T, p.images*2*p.k), full: make([]bool, p.images)}
	}).(*halvedBands[T])
	if lanes := p.bands.Lanes(); lanes > 0 && lanes == auto.Lanes() && lanes == p.tex.Lanes {
		p.few, p.tiled = lanes, true
	}
	return p
}

func (p *bandMoments[T]) newWorker(adjoint bool, level kernels.Level) momentWorker[T] {
	rows := func() textureRows[T] {
		return kernels.NewTextureRows[T](p.groups*kernels.TextureRows, p.strip)
	}
	w := momentWorker[T]{m: rows(), re: rows(), q: rows(), dr: rows(), di: rows()}
	w.auto = kernels.NewAutocorrelationRows[T](p.h, p.w, p.width, level)
	w.lines = kernels.NewTextureRows[T](2*p.k, 2*momentBlock*p.w)
	w.pairs, w.tile = kernels.NewTextureRows[T](2, momentBlock*p.w), kernels.NewTextureRows[T](2, momentBlock*p.w)
	w.magnitudes = kernels.NewTextureRows[T](p.k, momentBlock*p.w)
	if adjoint {
		w.dm, w.dq, w.dre, w.ddr, w.ddi = rows(), rows(), rows(), rows(), rows()
		w.work = kernels.NewTextureRows[T](momentBlock, w.auto.Stride())
	} else {
		w.acc = kernels.NewTextureRows[T](p.accumulators(), p.tex.Lanes)
		w.work = kernels.NewTextureRows[T](1, w.auto.SumsLen())
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

// line returns the rows in progress of a band, n pixels from pixel at on.
func (p *bandMoments[T]) line(w *momentWorker[T], k, at, n int) []T {
	return w.lines[2*(k*momentBlock*p.w+at):][:2*n]
}

// image returns the result, or a cotangent, of an image.
func (p *bandMoments[T]) image(y []T, i int) []T { return y[i*p.size:][:p.size] }

// spectrum returns the spectrum of an image, or its cotangent.
func (p *bandMoments[T]) spectrum(x []T, i int) []T { return x[2*i*p.pixels:][:2*p.pixels] }

// begin takes an image up, and makes its halved bands if they are not there.
func (p *bandMoments[T]) begin(image int, pool *kernels.Pool) {
	n := p.bands.HalvedLen()
	p.z = p.halved.z[image*n:][:n]
	p.m = p.halved.m[image*p.spectraLen():][:p.spectraLen()]
	p.centre = p.halved.centre[image*2*p.k:][:2*p.k]
	if !p.halved.full[image] {
		p.bands.Halve(p.z, p.spectrum(p.x, image), pool)
	}
}

// forward returns what runs opSpectrumMoments for an image.
func (p *bandMoments[T]) forward(pool *kernels.Pool, level kernels.Level) func(image int) {
	p.chunk = wholeBlocks(min(momentChunk/p.w, (p.h+momentChunks-1)/momentChunks))
	p.chunks = (p.h + p.chunk - 1) / p.chunk
	p.totals, p.windows = make([]float64, p.chunks*p.accumulators()), make([]float64, p.k*p.width*p.width)
	p.products = make([]float64, momentParts*p.k*p.workers[0].auto.SumsLen())
	add := kernels.Lookup[float64]("add", level)
	findCentre := p.findCentre
	measure := func(worker, lo, hi int) {
		for c := lo; c < hi; c++ {
			p.measure(worker, c)
		}
	}
	correlate := func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			p.correlate(&p.workers[worker], i/p.k, i%p.k)
		}
	}
	join := func(worker, lo, hi int) {
		for k := lo; k < hi; k++ {
			all := p.productsOf(0, k)
			for part := 1; part < momentParts; part++ {
				add(all, all, p.productsOf(part, k), nil, 0, 0)
			}
			p.workers[worker].auto.Window(p.windowOf(k), all)
		}
	}
	return func(image int) {
		p.halved.full[image] = false
		p.begin(image, pool)
		pool.For(p.all(), 1, findCentre)
		pool.For(p.chunks, 1, measure)
		p.wrap()
		pool.For(momentParts*p.k, 1, correlate)
		pool.For(p.k, 1, join)
		p.join(image)
		p.halved.full[image] = true
	}
}

// wholeBlocks rounds a number of rows up to whole blocks.
func wholeBlocks(n int) int { return max(1, (n+momentBlock-1)/momentBlock) * momentBlock }

// chunkTotals returns the sums of a chunk.
func (p *bandMoments[T]) chunkTotals(chunk int) []float64 {
	return p.totals[chunk*p.accumulators():][:p.accumulators()]
}

// productsOf returns the sums of the autocorrelation of band k in a part of the rows.
func (p *bandMoments[T]) productsOf(part, k int) []float64 {
	n := p.workers[0].auto.SumsLen()
	return p.products[(part*p.k+k)*n:][:n]
}

// windowOf returns the autocorrelation of band k as it is summed up, see joinWindow.
func (p *bandMoments[T]) windowOf(k int) []float64 {
	n := p.width * p.width
	return p.windows[k*n:][:n]
}

// bounds returns the rows of a chunk.
func (p *bandMoments[T]) bounds(chunk int) (lo, hi int) {
	return chunk * p.chunk, min((chunk+1)*p.chunk, p.h)
}

// measure adds up the moments of a chunk of rows and makes the spectra of their
// magnitudes.
func (p *bandMoments[T]) measure(worker, chunk int) {
	w, totals := &p.workers[worker], p.chunkTotals(chunk)
	clear(w.acc)
	for y, hi := p.bounds(chunk); y < hi; y += p.few {
		n := min(p.few, hi-y)
		for k := range p.all() {
			p.rows(worker, p.line(w, k, 0, n*p.w), k, y, n)
		}
		p.measureStrips(w, n*p.w)
		for k := range p.k {
			p.rowSpectra(w, p.spectra(k, y), p.magnitude(w, k, 0, n*p.w), n)
		}
	}
	for i := range totals {
		totals[i] = p.tex.Total(w.acc, i)
	}
}

// correlate adds up the autocorrelation of band k in a part of the rows.
func (p *bandMoments[T]) correlate(w *momentWorker[T], part, k int) {
	sums, rows := p.productsOf(part, k), wholeBlocks((p.h+momentParts-1)/momentParts)
	clear(sums)
	for y, hi := part*rows, min((part+1)*rows, p.h); y < hi; y += momentBlock {
		w.auto.AddProducts(sums, w.work, p.spectra(k, y), min(momentBlock, hi-y))
	}
}

// spectraLen is how many elements the spectra of the magnitudes of an image take.
func (p *bandMoments[T]) spectraLen() int { return p.k * (p.h + 2*p.halo) * p.workers[0].auto.Stride() }

// spectra returns those of band k, from row y on.
func (p *bandMoments[T]) spectra(k, y int) []T {
	n := p.spectraLen() / p.k
	return p.m[k*n:][:n][(p.halo+y)*p.workers[0].auto.Stride():]
}

// wrap copies the spectra of the last rows before the first, and the reverse.
func (p *bandMoments[T]) wrap() {
	ld := p.workers[0].auto.Stride()
	for k := range p.k {
		for i := range p.halo {
			copy(p.spectra(k, p.h+i)[:ld], p.spectra(k, i%p.h))
			copy(p.spectra(k, -1-i)[:ld], p.spectra(k, p.h-1-i%p.h))
		}
	}
}

// measureStrips does so for the rows in progress, strip by strip, and sets the
// magnitudes.
func (p *bandMoments[T]) measureStrips(w *momentWorker[T], pixels int) {
	for at := 0; at < pixels; at += p.strip {
		n := min(p.strip, pixels-at)
		for k := range p.k {
			m := p.row(w.m, k, n)
			p.tex.Modulus(m, p.row(w.re, k, n), p.line(w, k, at, n), p.centre[k])
			copy(p.magnitude(w, k, at, n), m)
			if p.parents {
				p.tex.Double(p.row(w.q, k, n), p.row(w.dr, k, n), p.row(w.di, k, n), p.line(w, p.k+k, at, n), p.centre[p.k+k])
			}
			p.pad(w, k, n)
		}
		p.accumulate(w, n)
	}
}

// all is how many bands there are, with parents.
func (p *bandMoments[T]) all() int {
	if p.parents {
		return 2 * p.k
	}
	return p.k
}

// magnitude returns n magnitudes of band k, less a constant, or their cotangents.
func (p *bandMoments[T]) magnitude(w *momentWorker[T], k, at, n int) []T {
	return w.magnitudes[k*momentBlock*p.w+at:][:n]
}

// moduli sets m to |z| - mean.
func (p *bandMoments[T]) moduli(w *momentWorker[T], m, z []T, mean T) {
	for at := 0; at < len(m); at += p.strip {
		n := min(p.strip, len(m)-at)
		p.tex.Modulus(m[at:][:n], p.row(w.re, 0, n), z[2*at:][:2*n], mean)
	}
}

// findCentre sets values near the mean magnitudes of the bands [lo, hi), so that sums of
// squares do not cancel: the means of a few rows, as many at a time as is no more work
// than one.
func (p *bandMoments[T]) findCentre(worker, lo, hi int) {
	w := &p.workers[worker]
	places, rows := max(1, min(4/p.few, p.h)), min(p.few, p.h)
	z, m := p.line(w, 0, 0, rows*p.w), p.magnitude(w, 0, 0, rows*p.w)
	for k := lo; k < hi; k++ {
		sum := 0.
		for i := range places {
			p.rows(worker, z, k, i*p.h/places/rows*rows, rows)
			p.moduli(w, m, z, 0)
			sum += p.sum(m, nil)
		}
		p.centre[k] = T(sum / float64(places*len(m)))
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
	t := p.chunkTotals(0)
	for c := 1; c < p.chunks; c++ {
		for i, v := range p.chunkTotals(c) {
			t[i] += v
		}
	}
	centre := p.centre
	mean := func(kind, k int) float64 { return t[p.moment(kind, k)] / float64(p.pixels) }
	product := func(kind, i, j int) float64 { return t[p.product(kind, i, j)] / float64(p.pixels) }
	y := p.image(p.y, image)
	for i := range p.k {
		p.joinWindow(y, i, mean(accM, i))
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

// joinWindow writes the autocorrelation of the magnitudes of band k. Their sums are
// those of magnitudes less the centre, whose mean has still to be taken away.
func (p *bandMoments[T]) joinWindow(y []T, k int, mean float64) {
	constant := mean * mean * p.workers[0].auto.Constant()
	window := p.windowOf(k)
	for i, v := range window {
		y[p.auto+k*len(window)+i] = T(v - constant)
	}
}

func (p *bandMoments[T]) moment(kind, k int) int {
	return p.single(kind, k/kernels.TextureRows) + k%kernels.TextureRows
}

func (p *bandMoments[T]) product(kind, i, j int) int {
	const r = kernels.TextureRows
	return p.pair(kind, i/r, j/r) + i%r*r + j%r
}
