package kernels

// An fftCross is the transform of contiguous lines of length n = m·lanes, one
// at a time, in a tile of m rows: element j·lanes + i of the line is lane i of
// row j. After a transform of length m in each lane and a turn by
// e^{-2πi jk/n}, the last stage, of radix lanes, is across the lanes. Compared
// with lines side by side it saves a transposition; compared with few lines it
// fills the vectors.
type fftCross[T Float] struct {
	line  *fftLine[T]   // of length m
	first [2]fftLoad[T] // with the first stage
	last  [2]func(dst, tile []T, pos []int, tw []T, q int)
	tw    []T // rows like those of the tile, times the scale
}

// fftCrossLength is the length from which lines side by side overflow the
// first-level cache.
const fftCrossLength = 64

// newFFTCross returns nil if the body cannot do so many lines of length n so,
// or not faster.
func newFFTCross[T Float](p *FFT[T], n, lines int, scale T) *fftCross[T] {
	b := p.body
	m := n / b.lanes
	if b.cross[0] == nil || n%(b.lanes*b.lanes) != 0 || n < fftCrossLength && 2*lines > b.lanes {
		return nil
	}
	c := &fftCross[T]{line: p.lineOf(m), last: b.cross, tw: make([]T, 2*n)}
	if c.line.tail != nil {
		return nil
	}
	s := &c.line.stages[0]
	c.first = b.load[fftColumns][s.radix]
	for k := range m {
		for i, slot := range b.slot {
			re, im := fftTwiddle(i*k, n)
			row := c.tw[2*b.lanes*k:]
			row[slot], row[b.lanes+slot] = T(re)*scale, T(im)*scale
		}
	}
	return c
}

// transform transforms the line at src[from:] to dst[to:].
func (c *fftCross[T]) transform(tile, dst, src []T, to, from int, swap bool) {
	c.pieces(tile, dst[to:], src[from:], 2*c.line.body.lanes, swap)
}

// pieces transforms a line that lies in pieces of lanes elements, stride reals apart.
func (c *fftCross[T]) pieces(tile, dst, src []T, stride int, swap bool) {
	l, i := c.line, fftSwap(swap)
	s := &l.stages[0]
	if f := c.first[i]; f != nil {
		f(tile, src, fftAtStart, stride, s.tw, s.q)
		l.transform(tile, 1, len(l.stages))
	} else {
		l.body.load[fftColumns][1][i](tile, src, fftAtStart, stride, nil, l.n)
		l.transform(tile, 0, len(l.stages))
	}
	c.last[i](dst[:2*l.body.lanes*l.n], tile, l.pos, c.tw, l.n/l.body.lanes)
}

var fftAtStart = []int{0}
