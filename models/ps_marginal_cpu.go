package models

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// A map is divided into marginalChunks ranges of rows, or into fewer with at least
// marginalChunk pixels each; sums over ranges are added in order, in float64.
const (
	marginalChunks = 4
	marginalChunk  = 4 << 10
)

// marginal is a bound opMarginal or its adjoint.
type marginal[T kernels.Float] struct {
	x, y, dx            []T // y is the result or its cotangent
	images, h, w, width int
	rows                *rowSpectra[T]
	columns, back       *kernels.FFT[T]
	workers             []marginalWorker[T]
	chunk, chunks, halo int       // rows of a range, and how many
	ld                  int       // reals from row to row of spectra
	tile                int       // rows at a time that lie in tiles, or 0
	totals              []float64 // of each range: the sums of autocorrelations, and two of powers
	spread, cotangents  []T       // of each image: coefficients of the adjoint; of all: its row spectra
	affine, square      kernels.Elementwise[T]
	mul, add            kernels.Elementwise[T]
	addWide             kernels.Elementwise[float64]
	dot, sumSquares     kernels.Reduction[T]
}

// rowSpectra is what opMarginal leaves for its adjoint: the transforms of the rows of
// maps without their mean, with as many rows before and after as autocorrelations need.
type rowSpectra[T kernels.Float] struct {
	m    []T
	mean []T // of each map
	full bool
}

// marginalWorker is the memory of one thread.
type marginalWorker[T kernels.Float] struct {
	auto       *kernels.AutocorrelationRows[T]
	work       []T
	window     []float64
	maps, tile []T // a block of rows
	powers     []T
	g          []T
}

func bindMarginal(b *autograd.Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return newMarginal[float32](b)
	}
	return newMarginal[float64](b)
}

func newMarginal[T kernels.Float](b *autograd.Bind) func() {
	x, attr := b.Contiguous(0), b.Attr.(marginalAttr)
	m := &marginal[T]{x: tensor.Span[T](x), images: x.Dim[0] * x.Dim[1], h: x.Dim[2], w: attr.w, width: attr.width,
		affine: kernels.Lookup[T]("affine", b.Level), square: kernels.Lookup[T]("square", b.Level),
		mul: kernels.Lookup[T]("mul", b.Level), add: kernels.Lookup[T]("add", b.Level), addWide: kernels.Lookup[float64]("add", b.Level),
		dot: kernels.LookupReduction[T]("dot", b.Level), sumSquares: kernels.LookupReduction[T]("sumsq", b.Level)}
	for range b.Pool.Threads() {
		m.workers = append(m.workers, m.newWorker(b.Level))
	}
	auto := m.workers[0].auto
	m.halo, m.ld = auto.Halo(), auto.Stride()
	if lanes := auto.Lanes(); lanes > 0 && lanes <= momentBlock && m.h%momentBlock == 0 {
		m.tile = lanes
	}
	m.chunk = wholeBlocks(max(marginalChunk/m.w, (m.h+marginalChunks-1)/marginalChunks))
	m.chunks = (m.h + m.chunk - 1) / m.chunk
	m.rows = b.Kept(0, attr, func() any {
		return &rowSpectra[T]{m: kernels.NewTextureRows[T](m.images*(m.h+2*m.halo), m.ld), mean: make([]T, m.images)}
	}).(*rowSpectra[T])
	half, strides := m.w/2+1, func(rows, ld int) []int { return []int{rows * ld, ld, 1} }
	spec := kernels.FFTSpec{Kind: kernels.FFTInverse, Shape: []int{m.images, m.h, half}, Axes: []int{1},
		SrcStride: strides(m.h, half), DstStride: strides(m.h+2*m.halo, m.ld/2), Scale: 1 / float64(m.h)}
	m.columns = kernels.NewFFT[T](spec, b.Level, b.Pool.Threads())
	if len(b.In) == 1 {
		m.y = tensor.Span[T](b.Out)
		return m.forward(b.Pool)
	}
	m.y, m.dx = tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Out)
	spec.Kind, spec.SrcStride, spec.DstStride, spec.Scale = kernels.FFTForward, strides(m.h, m.ld/2), strides(m.h, half), 1
	m.back = kernels.NewFFT[T](spec, b.Level, b.Pool.Threads())
	return m.backward(b.Pool)
}

func (m *marginal[T]) newWorker(level kernels.Level) marginalWorker[T] {
	w := marginalWorker[T]{auto: kernels.NewAutocorrelationRows[T](m.h, m.w, m.width, level), window: make([]float64, m.width*m.width)}
	ld := w.auto.Stride()
	w.work = kernels.NewTextureRows[T](1, max(w.auto.SumsLen(), momentBlock*ld))
	w.maps, w.tile = kernels.NewTextureRows[T](momentBlock, m.w), kernels.NewTextureRows[T](momentBlock, m.w)
	w.powers, w.g = make([]T, kernels.Block), make([]T, m.width*m.width)
	return w
}

// forward returns what runs opMarginal.
func (m *marginal[T]) forward(pool *kernels.Pool) func() {
	m.totals = make([]float64, m.images*m.chunks*m.totalsLen())
	transform := m.transform(pool)
	measure := func(worker, lo, hi int) {
		for c := lo; c < hi; c++ {
			m.measure(&m.workers[worker], c)
		}
	}
	join := func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			m.join(&m.workers[worker], i)
		}
	}
	return func() {
		transform()
		m.rows.full = true
		pool.For(m.images*m.chunks, 1, measure)
		pool.For(m.images, 1, join)
	}
}

// totalsLen is how many sums a range has.
func (m *marginal[T]) totalsLen() int { return m.workers[0].auto.SumsLen() + 2 }

// totalsOf returns the sums of range c, counted over all maps: of autocorrelations, and of
// third and fourth powers.
func (m *marginal[T]) totalsOf(c int) (products, powers []float64) {
	n := m.totalsLen()
	t := m.totals[c*n:][:n]
	return t[:n-2], t[n-2:]
}

// transform returns what makes the row spectra of all maps.
func (m *marginal[T]) transform(pool *kernels.Pool) func() {
	finish := func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			m.finishRows(i)
		}
	}
	return func() {
		m.columns.Run(m.rows.m[m.halo*m.ld:], m.x, pool)
		pool.For(m.images, 1, finish)
	}
}

// finishRows takes the mean from the row spectra of a map, whose first and last
// frequencies are real, and copies those around it.
func (m *marginal[T]) finishRows(i int) {
	padded := m.rowsOf(i)
	rows := padded[m.halo*m.ld:]
	sum := m.x[2*i*m.h*(m.w/2+1)] / T(m.h)
	m.rows.mean[i] = sum / T(m.w)
	for y := range m.h {
		r := rows[y*m.ld:]
		r[0], r[1] = r[0]-sum, 0
		if m.w%2 == 0 {
			r[m.w+1] = 0
		}
	}
	for j := range m.halo {
		copy(padded[(m.halo+m.h+j)*m.ld:][:m.ld], rows[j%m.h*m.ld:])
		copy(padded[(m.halo-1-j)*m.ld:][:m.ld], rows[(m.h-1-j%m.h)*m.ld:])
	}
}

// rowsOf returns the row spectra of a map, from Halo rows before it on.
func (m *marginal[T]) rowsOf(i int) []T {
	n := (m.h + 2*m.halo) * m.ld
	return m.rows.m[i*n:][:n]
}

// maps returns a block of n rows of a map, from its row spectra.
func (m *marginal[T]) maps(w *marginalWorker[T], i int, spectra []T, n int) []T {
	if m.tile == 0 {
		w.auto.Maps(w.maps, spectra, n)
	}
	for y := 0; y < n && m.tile > 0; y += m.tile {
		w.auto.TileOfMaps(w.maps[y*m.w:], w.tile, spectra[y*m.ld:])
	}
	x := w.maps[:n*m.w]
	m.affine(x, x, nil, nil, 1/T(m.w), m.rows.mean[i])
	return x
}

// measure adds up what a range of rows gives.
func (m *marginal[T]) measure(w *marginalWorker[T], c int) {
	products, powers := m.totalsOf(c)
	clear(products)
	clear(powers)
	i, lo := c/m.chunks, c%m.chunks*m.chunk
	for y, hi := lo, min(lo+m.chunk, m.h); y < hi; y += momentBlock {
		rows := min(momentBlock, hi-y)
		spectra := m.rowsOf(i)[(m.halo+y)*m.ld:]
		w.auto.AddProducts(products, w.work, spectra, rows)
		x := m.maps(w, i, spectra, rows)
		for at := 0; at < len(x); at += kernels.Block {
			v := x[at:min(at+kernels.Block, len(x))]
			v2 := w.powers[:len(v)]
			m.square(v2, v, nil, nil, 0, 0)
			powers[0] += m.dot(v2, v)
			powers[1] += m.sumSquares(v2, nil)
		}
	}
}

// join adds the ranges of map i in order and writes its result.
func (m *marginal[T]) join(w *marginalWorker[T], i int) {
	products, powers := m.totalsOf(i * m.chunks)
	for c := 1; c < m.chunks; c++ {
		more, p := m.totalsOf(i*m.chunks + c)
		m.addWide(products, products, more, nil, 0, 0)
		powers[0], powers[1] = powers[0]+p[0], powers[1]+p[1]
	}
	n := m.width * m.width
	y, window, pixels := m.y[i*(n+2):][:n+2], w.window, float64(m.h*m.w)
	w.auto.Window(window, products)
	for j, v := range window {
		y[j] = T(v)
	}
	y[n], y[n+1] = T(powers[0]/pixels), T(powers[1]/pixels)
}

// backward returns what runs opMarginalAdjoint.
func (m *marginal[T]) backward(pool *kernels.Pool) func() {
	size := m.workers[0].auto.SpreadLen()
	m.spread = kernels.NewTextureRows[T](m.images, size)
	m.cotangents = kernels.NewTextureRows[T](m.images*m.h, m.ld)
	transform := m.transform(pool)
	prepare := func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			m.prepare(&m.workers[worker], i, m.spread[i*size:][:size])
		}
	}
	spread := func(worker, lo, hi int) {
		for c := lo; c < hi; c++ {
			m.spreadRows(&m.workers[worker], c, m.spread[c/m.chunks*size:][:size])
		}
	}
	return func() {
		if !m.rows.full {
			transform()
		}
		m.rows.full = false
		pool.For(m.images, 1, prepare)
		pool.For(m.images*m.chunks, 1, spread)
		m.back.Run(m.dx, m.cotangents, pool)
	}
}

// scale is by how much a cotangent of the spectrum is larger than the transform of one
// of the map: each frequency, but for the first and the last, stands for two.
func (m *marginal[T]) scale() T { return 2 / T(m.h*m.w) }

// prepare sets the coefficients of the autocorrelation of a map.
func (m *marginal[T]) prepare(w *marginalWorker[T], i int, spread []T) {
	n := m.width * m.width
	m.affine(w.g, m.y[i*(n+2):][:n], nil, nil, T(m.w)*m.scale(), 0)
	w.auto.SetSpread(spread, w.g)
}

// spreadRows computes the row spectra of a range of rows of the adjoint.
func (m *marginal[T]) spreadRows(w *marginalWorker[T], c int, spread []T) {
	i, lo := c/m.chunks, c%m.chunks*m.chunk
	n, pixels := m.width*m.width, T(m.h*m.w)
	g := m.y[i*(n+2):][:n+2]
	third, fourth := m.scale()*3*g[n]/pixels, m.scale()*4*g[n+1]/pixels
	for y, hi := lo, min(lo+m.chunk, m.h); y < hi; y += momentBlock {
		rows := min(momentBlock, hi-y)
		out := m.cotangents[(i*m.h+y)*m.ld:][:rows*m.ld]
		around := m.rowsOf(i)[y*m.ld:]
		w.auto.SpreadSpectra(out, around, spread, rows)
		x := m.maps(w, i, around[m.halo*m.ld:], rows)
		for at := 0; at < len(x); at += kernels.Block {
			v := x[at:min(at+kernels.Block, len(x))]
			f := w.powers[:len(v)]
			m.affine(f, v, nil, nil, fourth, third)
			m.mul(f, f, v, nil, 0, 0)
			m.mul(v, f, v, nil, 0, 0)
		}
		m.addSpectra(w, out, rows)
	}
}

// addSpectra adds the spectra of n rows of maps to out, and makes of them what a half
// spectrum has.
func (m *marginal[T]) addSpectra(w *marginalWorker[T], out []T, n int) {
	if m.tile == 0 {
		w.auto.Spectra(w.work, w.maps, n)
	}
	for y := 0; y < n && m.tile > 0; y += m.tile {
		w.auto.SpectraOfTile(w.work[y*m.ld:], w.maps[y*m.w:])
	}
	m.add(out, out, w.work[:len(out)], nil, 0, 0)
	for y := range n {
		r := out[y*m.ld:]
		r[0], r[1] = r[0]/2, 0
		if m.w%2 == 0 {
			r[m.w], r[m.w+1] = r[m.w]/2, 0
		}
	}
}
