package kernels

import (
	"math"
	"slices"
	"unsafe"
)

// An fftLine is the forward transform of length n of the lines of a tile:
// decimation in frequency, in place, one stage per factor of n, the last of which
// may be a convolution. The inverse is the same with real and imaginary parts
// exchanged on the way in and out.
type fftLine[T Float] struct {
	body   *fftBody[T]
	n      int
	stages []fftStage[T]
	pos    []int // where in the tile frequency k ends up, in elements
	// heads[k] is where the last stage finds the rows that it turns into the
	// frequencies k, k+q, k+2q, …, for k < q = n/radix; nil before a convolution.
	heads []int
	// tail is the last stage if n has a factor without a butterfly; nil else. It
	// leaves the parts exchanged.
	tail *fftConvolution[T]
}

// An fftStage replaces blocks of radix·q rows by radix blocks of q rows.
type fftStage[T Float] struct {
	radix, q, blocks int
	tw               []T // e^{-2πi jt/(radix·q)} for j < q, 0 < t < radix
	coef             []T // of fftOddCoefficients; nil if there is a kernel for the radix
}

func newFFTLine[T Float](body *fftBody[T], n int) *fftLine[T] {
	l := &fftLine[T]{body: body, n: n}
	radices, rest := body.factor(n)
	l.setStages(radices, rest)
	return l
}

// setStages sets the stages of the given radices, and a convolution of length
// rest unless that is 1.
func (l *fftLine[T]) setStages(radices []int, rest int) {
	l.stages = nil
	q := l.n
	for _, r := range radices {
		q /= r
		s := newFFTStage[T](r, q, l.n/(r*q))
		if r > fftMaxRadix {
			s.coef = fftOddCoefficients[T](r)
		}
		l.stages = append(l.stages, s)
	}
	if rest > 1 {
		l.pos = l.digitReversed(append(slices.Clone(radices), rest))
		l.tail = newFFTConvolution(l.body, rest)
		return
	}
	l.pos = l.digitReversed(radices)
	if len(radices) > 0 {
		l.heads = l.pos[:l.n/radices[len(radices)-1]]
	}
}

func newFFTStage[T Float](radix, q, blocks int) fftStage[T] {
	s := fftStage[T]{radix: radix, q: q, blocks: blocks}
	for j := range q {
		for t := 1; t < radix; t++ {
			re, im := fftTwiddle(j*t, radix*q)
			s.tw = append(s.tw, T(re), T(im))
		}
	}
	return s
}

// fftTwiddle returns e^{-2πi k/n}. Reduction to the first octant is exact, so
// that the result is as good as math.Sincos on [0, π/4].
func fftTwiddle(k, n int) (re, im float64) {
	a := 8 * (k % n) // the angle in units of a turn / 8n
	octant, a := a/n, a%n
	if octant%2 == 1 {
		a = n - a
	}
	s, c := math.Sincos(math.Pi / 4 * (float64(a) / float64(n)))
	if (octant+1)/2%2 == 1 {
		s, c = c, s
	}
	if octant >= 2 && octant < 6 {
		c = -c
	}
	if octant < 4 {
		s = -s
	}
	return c, s
}

// rows is how many rows of a tile the transform needs: its own, and others after
// them that it works with.
func (l *fftLine[T]) rows() int { return l.n + l.spare() }

func (l *fftLine[T]) spare() int {
	n := 0
	for i := range l.stages {
		if l.stages[i].coef != nil {
			n = max(n, l.stages[i].radix)
		}
	}
	if l.tail != nil {
		n = max(n, l.tail.rows())
	}
	return n
}

// rowsInOrder returns where the first n rows of a tile are.
func (l *fftLine[T]) rowsInOrder(n int) []int {
	pos := make([]int, n)
	for k := range pos {
		pos[k] = k * 2 * l.body.lanes
	}
	return pos
}

// digitReversed returns where each frequency ends up: the first stage's output
// t holds the frequencies k with k mod radix = t, and so on.
func (l *fftLine[T]) digitReversed(radices []int) []int {
	pos := make([]int, l.n)
	for row := range l.n {
		k, weight, rest, size := 0, 1, row, l.n
		for _, r := range radices {
			size /= r
			k += rest / size * weight
			rest %= size
			weight *= r
		}
		pos[k] = row * 2 * l.body.lanes
	}
	return pos
}

// load fills the tile with lines of src and returns how many stages it has done
// on the way: 1 if mayStart and the body can, else 0.
func (l *fftLine[T]) load(tile, src []T, off []int, stride int, lay fftLayout, swap, mayStart bool) int {
	if mayStart && (len(l.stages) > 1 || l.tail != nil && len(l.stages) > 0) {
		s := &l.stages[0]
		if f := l.body.loader(lay, s.radix, swap, s.q); f != nil {
			f(tile, src, off, stride, s.tw, s.q)
			return 1
		}
	}
	l.body.loadRows(tile, src, off, stride, lay, swap, l.n)
	return 0
}

// finish does the stages from the given one on and writes the first count
// frequencies of the tile's lines to dst.
func (l *fftLine[T]) finish(tile, dst []T, off []int, stride int, lay fftLayout, swap bool, from, count int, scale T) {
	last := len(l.stages) - 1
	if count == l.n && last >= from && l.tail == nil {
		s := &l.stages[last]
		if f := l.body.storer(lay, s.radix, swap, l.n/s.radix); f != nil {
			l.transform(tile, from, last)
			f(dst, off, stride, tile, l.heads, l.n/s.radix, scale)
			return
		}
	}
	l.transform(tile, from, len(l.stages))
	l.store(tile, dst, off, stride, lay, swap, count, scale)
}

// store writes the first count frequencies of a transformed tile to dst.
func (l *fftLine[T]) store(tile, dst []T, off []int, stride int, lay fftLayout, swap bool, count int, scale T) {
	swap = swap != (l.tail != nil)
	l.body.storeRows(dst, off, stride, tile, lay, swap, l.pos[:count], scale)
}

// transform does the stages [from, to) on a tile, and the convolution after all.
func (l *fftLine[T]) transform(tile []T, from, to int) {
	size := l.n * 2 * l.body.lanes
	l.blocks(tile[:size], tile[size:], from, to, 1)
}

// blocks is transform of so many blocks of n rows, with its spare rows apart.
func (l *fftLine[T]) blocks(tile, spare []T, from, to, count int) {
	if from < to {
		l.descend(tile, spare, from, to, count*l.stages[from].blocks)
	}
	if l.tail != nil && to == len(l.stages) {
		size := l.tail.n * 2 * l.body.lanes
		for o := 0; o < len(tile); o += size {
			l.tail.transform(tile[o:o+size], spare)
		}
	}
}

// fftTileCache is how many bytes of a tile are taken through all stages at once.
const fftTileCache = 24 << 10

// descend does the stages [from, to) on consecutive blocks: all of them on one
// block before the next if the blocks together would not stay in the cache.
func (l *fftLine[T]) descend(tile, spare []T, from, to, blocks int) {
	s := &l.stages[from]
	size := s.radix * s.q * 2 * l.body.lanes
	if from+1 < to && blocks > 1 && blocks*size*int(unsafe.Sizeof(tile[0])) > fftTileCache {
		for b := range blocks {
			l.descend(tile[b*size:(b+1)*size], spare, from, to, 1)
		}
		return
	}
	if s.coef == nil {
		l.body.stage[s.radix](tile, s.tw, s.q, blocks)
	} else {
		for b := range blocks {
			l.body.stageOdd(tile[b*size:(b+1)*size], spare, s.coef, s.tw, s.radix/2, s.q)
		}
	}
	if from+1 < to {
		l.descend(tile, spare, from+1, to, blocks*s.radix)
	}
}

// fftAligned returns n zeros that start on a cache line, and many of them on a
// large page.
func fftAligned[T Float](n int) []T {
	line, size := 64, int(unsafe.Sizeof(T(0)))
	if hugePage > 0 && n*size >= hugePage {
		line = hugePage
	}
	x := make([]T, n+line/size)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(x)))&uintptr(line-1)) / size
	x = x[skip : skip+n : skip+n]
	adviseHuge(unsafe.Pointer(unsafe.SliceData(x)), n*size)
	return x
}
