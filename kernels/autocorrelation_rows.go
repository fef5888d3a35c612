package kernels

// An AutocorrelationRows computes the central window of circular autocorrelations of
// real maps without their mean, and the adjoint of its differential, a few rows at a
// time. Maps are transformed along their rows only; products of rows then are
// autocorrelations down the columns, of which few are wanted. The caller keeps the
// spectra of some rows, Stride reals apart, and adds up what blocks of them give. One
// goroutine at a time may use it.
type AutocorrelationRows[T Float] struct {
	h, w, width   int
	most          int // the largest lag
	n, ld         int // reals of a padded row, and between rows
	halo          int // rows before and after a block that go into it
	few, fewBack  *fftRowSet[T]
	body          *fftBody[T]
	line          *fftLine[T] // of half rows side by side, see SpectraOfTile; or nil
	u, uBack      []T         // for tangle
	inOrder, off  []int
	level         Level
	dot           Reduction[float64]
	texture       *Texture[T]
	lags          func(acc, a, b []T, ld, rows, n, stride int)
	adjoint       func(dst, m, c []T, ld, rows, n, stride, first int, more bool)
	cos, sin      []float64 // of each lag along rows: weights of the products
	cosT, sinT    []T       // the same for the adjoint, in groups of four rows
	mixed, matrix []T
}

// NewAutocorrelationRows returns that of maps of h×w, in a window of width×width lags,
// with the bodies of level. Of an odd w the frequencies are those of w - 1. It does
// not panic.
func NewAutocorrelationRows[T Float](h, w, width int, level Level) *AutocorrelationRows[T] {
	p := &AutocorrelationRows[T]{h: h, w: w, width: width, most: width / 2}
	p.n = roundUp(2*(w/2+1), TexturePad)
	p.ld = p.n
	if p.ld*h%512 == 0 { // rows must not share cache sets
		p.ld += TexturePad
	}
	p.halo = max(roundUp(p.most+1, lagGroup)-1, roundUp(p.most, lagSpread))
	p.few, p.fewBack = newFFTRowSet[T](FFTReal, w, p.ld/2, w, level), newFFTRowSet[T](FFTRealInverse, w, w, p.ld/2, level)
	p.level, p.dot, p.texture = level, LookupReduction[float64]("dot", level), TextureOf[T](level)
	p.mixed, p.matrix = fftAligned[T](TextureRows*p.n), make([]T, 16)
	p.setKernels(level)
	p.setTables()
	p.body = fftBodyOf[T](level.Resolve())
	p.setTile()
	return p
}

// setTile prepares SpectraOfTile, for rows of whole tiles.
func (p *AutocorrelationRows[T]) setTile() {
	body := p.body
	if p.w%body.lanes > 0 || body.storer(fftTiles, 1, true, 1) == nil {
		return
	}
	l := newFFTLine(body, p.w/2)
	if p.w%2 > 0 || !l.inPlace() {
		return
	}
	p.line, p.u, p.uBack, p.inOrder = l, fftTangles[T](p.w, false), fftTangles[T](p.w, true), l.rowsInOrder(l.n)
	for i := range body.lanes {
		p.off = append(p.off, i*p.ld)
	}
}

// Lanes is how many rows SpectraOfTile and Spread of tiles take; 0 if they cannot for
// these sizes.
func (p *AutocorrelationRows[T]) Lanes() int {
	if p.line == nil {
		return 0
	}
	return p.line.body.lanes
}

// SpectraOfTile is Spectra of Lanes rows in x, which holds the pixels of one column next
// to each other and which it overwrites.
func (p *AutocorrelationRows[T]) SpectraOfTile(m, x []T) {
	l := p.line
	lanes := l.body.lanes
	l.transform(x, 0, len(l.stages))
	re, im := x, x[lanes:]
	l.body.tangle(re, im, l.pos, p.u)
	l.store(x, m, p.off, 2, fftRows, false, l.n, .5)
	for i, slot := range l.body.slot { // row 0 holds the real frequencies 0 and n/2
		y := m[p.off[i]:]
		y[1], y[p.w], y[p.w+1] = 0, .5*im[slot], 0
	}
}

// TileOfMaps sets x to a tile as SpectraOfTile reads it: w times the Lanes rows whose
// spectra m are. The imaginary parts of the first frequency and of the last do not
// count. tile is room for one tile, and may not be x.
func (p *AutocorrelationRows[T]) TileOfMaps(x, tile, m []T) {
	l := p.line
	lanes := l.body.lanes
	l.load(tile, m, p.off, 2, fftRows, true, false)
	re, im := tile[lanes:], tile // as loaded, exchanged
	for i, slot := range l.body.slot {
		im[slot] = m[p.off[i]+p.w]
	}
	l.body.tangle(re, im, p.inOrder, p.uBack)
	l.finish(tile, x, fftAtStart, 2*lanes, fftTiles, true, 0, l.n, 1)
}

// Halo is how many rows before and after a block have to be at hand.
func (p *AutocorrelationRows[T]) Halo() int { return p.halo }

// Stride is how many reals lie from row to row of spectra.
func (p *AutocorrelationRows[T]) Stride() int { return p.ld }

// SumsLen is how many elements the sums of products take.
func (p *AutocorrelationRows[T]) SumsLen() int { return (p.most/lagGroup + 1) * 2 * lagGroup * p.n }

// Spectra sets n rows of m to the spectra of as many rows of x, w elements each.
func (p *AutocorrelationRows[T]) Spectra(m, x []T, n int) { p.few.run(m, x, n) }

// Maps sets n rows of x to w times the maps whose spectra m are, as TileOfMaps does
// for a tile.
func (p *AutocorrelationRows[T]) Maps(x, m []T, n int) { p.fewBack.run(x, m, n) }

// Fetch has n rows of spectra brought near.
func (p *AutocorrelationRows[T]) Fetch(m []T, n int) {
	if p.body.prefetch != nil && n > 0 {
		step := 2 * p.body.lanes
		p.body.prefetch(m[:n*p.ld], step, n*p.ld/step, 0, 1)
	}
}

// AddProducts adds to the sums those of n rows from m on with themselves and the rows
// after them, Halo rows beyond n. work is of the length of sums.
func (p *AutocorrelationRows[T]) AddProducts(sums []float64, work, m []T, n int) {
	size := 2 * lagGroup * p.n
	for first := 0; first <= p.most; first += lagGroup {
		p.lags(work, m, m[first*p.ld:], p.ld, n, p.n, p.n)
		Accumulate(sums[:size], work, p.level)
		sums = sums[size:]
	}
}

// Window sets out, width² elements, to what sums of all rows are of the autocorrelation:
// of lags -⌊width/2⌋…, divided by the number of elements, h·w, of maps as they are: whoever
// wants it of maps without their mean makes the spectra of such.
func (p *AutocorrelationRows[T]) Window(out, sums []float64) {
	for first := 0; first <= p.most; first += lagGroup {
		p.window(out, sums[first*2*p.n:], first)
	}
}

// Constant is the window, all its lags, of a map that is 1.
func (p *AutocorrelationRows[T]) Constant() float64 { return float64(p.w) / float64(p.w/2*2) }

// SpreadLen is how many elements the coefficients of the adjoint take.
func (p *AutocorrelationRows[T]) SpreadLen() int {
	return max(1, (p.most+lagSpread-1)/lagSpread) * (1 + 2*lagSpread) * p.n
}

// SetSpread sets the coefficients that the adjoint has for the cotangent g of the window.
func (p *AutocorrelationRows[T]) SetSpread(c, g []T) {
	for first := 1; first == 1 || first <= p.most; first += lagSpread {
		p.setCoefficients(c[(first-1)/lagSpread*(1+2*lagSpread)*p.n:], g, first)
	}
}

// SpreadOfOne returns what Spread with the coefficients c gives, everywhere, of a map
// that is 1.
func (p *AutocorrelationRows[T]) SpreadOfOne(c []T) T {
	sum := c[0]
	for first := 1; first == 1 || first <= p.most; first += lagSpread {
		group := c[(first-1)/lagSpread*(1+2*lagSpread)*p.n:]
		for j := range lagSpread {
			sum += 2 * group[(1+j)*p.n]
		}
	}
	return T(p.w) * sum
}

// Spread sets n rows of dx to the adjoint, with the coefficients c, of a map whose
// spectra m has from Halo rows before them to Halo rows after. The map has no mean.
// work is room for n rows of spectra.
func (p *AutocorrelationRows[T]) Spread(dx, work, m, c []T, n int) {
	p.SpreadSpectra(work, m, c, n)
	p.Maps(dx, work, n)
}

// SpreadTiles is Spread where dx has n rows in tiles as SpectraOfTile reads them.
// tile is room for one.
func (p *AutocorrelationRows[T]) SpreadTiles(dx, tile, work, m, c []T, n int) {
	p.SpreadSpectra(work, m, c, n)
	for lanes := p.Lanes(); n > 0; n -= lanes {
		p.TileOfMaps(dx, tile, work)
		if n > lanes {
			dx, work = dx[lanes*p.w:], work[lanes*p.ld:]
		}
	}
}

// SpreadSpectra sets n rows of work to what Spread transforms back.
func (p *AutocorrelationRows[T]) SpreadSpectra(work, m, c []T, n int) {
	m = m[:(n+2*p.halo)*p.ld]
	for first := 1; first == 1 || first <= p.most; first += lagSpread {
		p.adjoint(work, m, c[(first-1)/lagSpread*(1+2*lagSpread)*p.n:], p.ld, n, p.n, p.n, first, first > 1)
	}
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func (p *AutocorrelationRows[T]) setKernels(level Level) {
	p.lags, p.adjoint = lagsGo[T], lagsAdjointGo[T]
	asm := asmOf[T](level.Resolve())
	if asm.lags == nil {
		return
	}
	p.lags = func(acc, a, b []T, ld, rows, n, stride int) {
		asm.lags(&acc[0], &a[0], &b[0], ld, rows, n, stride)
	}
	p.adjoint = func(dst, m, c []T, ld, rows, n, stride, first int, more bool) {
		add := 0
		if more {
			add = 1
		}
		asm.lagsAdjoint(&dst[0], &m[p.halo*ld], &c[0], ld, rows, n, stride, first, add)
	}
}

// setTables sets what turns products into lags along rows: real and imaginary
// parts side by side. All frequencies but the first and the last stand for their
// conjugates too; so they do in the transform back.
func (p *AutocorrelationRows[T]) setTables() {
	even := p.w / 2 * 2
	fours := roundUp(p.most+1, TextureRows)
	p.cos, p.sin = fftAligned[float64](fours*p.n), fftAligned[float64](fours*p.n)
	p.cosT, p.sinT = fftAligned[T](fours*p.n), fftAligned[T](fours*p.n)
	scale := 1 / (float64(even) * float64(p.h) * float64(p.w))
	for d := range p.most + 1 {
		for k := range p.w/2 + 1 {
			c, s := fftTwiddle(k*d%max(even, 1), max(even, 1))
			s = -s
			weight, back := 2., 2.
			if k == 0 || 2*k == even {
				weight = 1
			}
			if k == 0 || 2*k == p.w {
				back = 1
			}
			at := d*p.n + 2*k
			p.cos[at], p.cos[at+1] = weight*scale*c, weight*scale*c
			p.sin[at], p.sin[at+1] = -weight*scale*s, weight*scale*s
			weight *= scale / back
			p.cosT[at], p.cosT[at+1] = T(weight*c), T(weight*c)
			p.sinT[at], p.sinT[at+1] = T(weight*s), T(-weight*s)
		}
	}
}

// window makes the lags from first on of acc.
func (p *AutocorrelationRows[T]) window(out, acc []float64, first int) {
	low := p.width / 2
	for j := range min(lagGroup, p.most+1-first) {
		d := first + j
		re, im := acc[j*p.n:][:p.n], acc[(lagGroup+j)*p.n:][:p.n]
		for e := range p.most + 1 {
			c, s := p.dot(re, p.cos[e*p.n:][:p.n]), p.dot(im, p.sin[e*p.n:][:p.n])
			p.put(out, low, d, e, c+s)
			p.put(out, low, d, -e, c-s)
		}
	}
}

// put stores the autocorrelation at a lag and its opposite.
func (p *AutocorrelationRows[T]) put(out []float64, low, d, e int, v float64) {
	for range 2 {
		if y, x := low+d, low+e; y < p.width && x < p.width && y >= 0 && x >= 0 {
			out[y*p.width+x] = v
		}
		d, e = -d, -e
	}
}

// at returns the cotangent of a lag, 0 outside the window.
func (p *AutocorrelationRows[T]) at(g []T, d, e int) T {
	y, x := p.width/2+d, p.width/2+e
	if y < 0 || x < 0 || y >= p.width || x >= p.width {
		return 0
	}
	return g[y*p.width+x]
}

// setCoefficients sets those of the lags down columns from first on, and of lag 0
// with the first.
func (p *AutocorrelationRows[T]) setCoefficients(c, g []T, first int) {
	even := func(d, e int) T { // of cos: the lags (d, ±e) and their opposites
		v := p.at(g, d, e) + p.at(g, -d, -e)
		if e != 0 {
			v += p.at(g, d, -e) + p.at(g, -d, e)
		}
		return v
	}
	odd := func(d, e int) T {
		return p.at(g, d, e) + p.at(g, -d, -e) - p.at(g, d, -e) - p.at(g, -d, e)
	}
	p.mixLags(c[p.n:], p.cosT, first, even)
	p.mixLags(c[(1+lagSpread)*p.n:], p.sinT, first, odd)
	clear(c[:p.n])
	if first == 1 {
		p.mixLags(p.mixed, p.cosT, 0, even)
		copy(c[:p.n], p.mixed)
	}
}

// mixLags sets four rows of dst to the sums of the rows of a table times f.
func (p *AutocorrelationRows[T]) mixLags(dst, table []T, first int, f func(d, e int) T) {
	for e := 0; e <= p.most; e += TextureRows {
		for i := range TextureRows {
			for j := range TextureRows {
				p.matrix[i*TextureRows+j] = 0
				if first+i <= p.most && e+j <= p.most {
					p.matrix[i*TextureRows+j] = f(first+i, e+j)
				}
			}
		}
		p.texture.Mix(dst, p.matrix, table[e*p.n:], p.n, p.n, e > 0)
	}
}
