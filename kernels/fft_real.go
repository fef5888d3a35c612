package kernels

// Real transforms of even length n are complex ones of length h = n/2 of
// x[2j] + i x[2j+1], before or after which fftTangleGo goes between the two
// spectra (Sorensen, Jones, Heideman, Burrus 1987). Odd lengths are complex
// transforms with imaginary part 0.

// halfPass returns a pass along the halved axis, of length n.
func (p *FFT[T]) halfPass(n int, inverse bool) fftPass[T] {
	s := fftPass[T]{kind: FFTReal, n: n, scale: 1, swap: inverse}
	if inverse {
		s.kind = FFTRealInverse
	}
	if n%2 == 1 {
		p.oddPass(&s, n)
		return s
	}
	s.line = p.lineOf(n / 2)
	s.inOrder = s.line.rowsInOrder(n / 2)
	s.u = fftTangles[T](n, inverse)
	s.do, s.scale = (*fftPass[T]).evenReal, .5 // of 2X
	if inverse {
		s.do, s.scale = (*fftPass[T]).evenInverse, 1
	}
	return s
}

// oddPass sets a pass along the halved axis, of odd length n.
func (p *FFT[T]) oddPass(s *fftPass[T], n int) {
	s.odd = newFFTOddReal(p.body, n)
	switch {
	case s.odd != nil && s.swap:
		s.odd.setInverse()
		s.inOrder = s.odd.line.rowsInOrder(n / 2)
		s.line, s.do = s.odd.line, (*fftPass[T]).oddRealInverse
	case s.odd != nil:
		s.line, s.do = s.odd.line, (*fftPass[T]).oddReal
	case s.swap:
		s.line, s.do = newFFTRealLine(p.body, n, n/2+1, n), (*fftPass[T]).oddInverse
		s.inOrder, s.doubles = s.line.rowsInOrder(n), make([]T, n+1)
		for i := range s.doubles {
			s.doubles[i] = 2
		}
		s.doubles[0], s.doubles[1] = 1, 1
	default:
		s.line, s.do = newFFTRealLine(p.body, n, n, n/2+1), (*fftPass[T]).wholeReal
	}
}

// newFFTRealLine returns the line of length n of which the first in elements are not
// 0, and the first out frequencies are wanted.
func newFFTRealLine[T Float](body *fftBody[T], n, in, out int) *fftLine[T] {
	l := newFFTLine(body, n)
	if l.tail != nil && l.tail.skip == 0 && len(l.stages) == 0 {
		l.tail = newFFTChirp(body, n, in, out)
	}
	return l
}

// parts returns where real and imaginary parts of a transformed tile start.
func (l *fftLine[T]) parts(tile []T, swap bool) (re, im []T) {
	if swap != (l.tail != nil) {
		return tile[l.body.lanes:], tile
	}
	return tile, tile[l.body.lanes:]
}

// evenReal is FFTReal of even length.
func (s *fftPass[T]) evenReal(tile, dst, src []T, t int) {
	to, from := s.offsets(t)
	l, b := s.line, s.line.body
	if s.cross != nil && s.dstLay[t] == fftRows || s.half != nil {
		s.evenRealRows(tile, dst, src, to, from)
		return
	}
	done := 0
	if s.srcLay[t] == fftAny {
		fftLoadGo(tile, src, from, 2*s.srcStep, s.srcStep, l.n, b.slot, 0)
	} else {
		done = l.load(tile, src, from, 2*s.srcStep, s.srcLay[t], false, true)
	}
	l.transform(tile, done, len(l.stages))
	re, im := l.parts(tile, false)
	b.tangle(re, im, l.pos, s.u)
	l.store(tile, dst, to, s.dstStep, s.dstLay[t], false, l.n, s.scale)
	if s.packed {
		return
	}
	for i, slot := range b.slot { // row 0 holds the real frequencies 0 and n/2
		dst[to[i]+1] = 0
		y := dst[to[i]+l.n*s.dstStep:][:2]
		y[0], y[1] = s.scale*im[slot], 0
	}
}

// evenInverse is FFTRealInverse of even length.
func (s *fftPass[T]) evenInverse(tile, dst, src []T, t int) {
	to, from := s.offsets(t)
	l, b := s.line, s.line.body
	if s.cross != nil && s.srcLay[t] == fftRows || s.half != nil {
		s.evenInverseRows(tile, dst, src, to, from)
		return
	}
	l.load(tile, src, from, s.srcStep, s.srcLay[t], true, false)
	re, im := tile[b.lanes:], tile // as loaded, exchanged
	if !s.packed {
		for i, slot := range b.slot {
			im[slot] = src[from[i]+l.n*s.srcStep]
		}
	}
	b.tangle(re, im, s.inOrder, s.u)
	if s.dstLay[t] != fftAny {
		l.finish(tile, dst, to, 2*s.dstStep, s.dstLay[t], true, 0, l.n, s.scale)
		return
	}
	l.transform(tile, 0, len(l.stages))
	fftStoreGo(dst, to, 2*s.dstStep, s.dstStep, tile, l.pos, l.n, s.scale, b.slot, fftSwap(l.tail == nil))
}

// evenRealRows is evenReal of contiguous lines, each transformed on its own.
func (s *fftPass[T]) evenRealRows(tile, dst, src []T, to, from []int) {
	if s.half == nil {
		to = distinct(to)
		for i, o := range to {
			s.cross.transform(tile, dst, src, o, from[i], false)
		}
		s.tangle(dst, to)
		return
	}
	to = s.unrepeated(to)
	for len(to) > 0 {
		n := min(s.halfLines, len(to))
		s.half(dst, src, tile, to[:n], from[:n], s.shortTurns, s.scale)
		s.tangle(dst, distinct(to[:n]))
		to, from = to[n:], from[n:]
	}
}

// tangle makes the spectra of contiguous lines from those of their halves.
func (s *fftPass[T]) tangle(dst []T, to []int) {
	h := 2 * s.line.n
	s.line.body.tangleLines(dst, to, dst, to, s.line.n, s.uLines)
	for _, o := range to {
		y := dst[o:]
		first, last := 2*(y[0]+y[1]), 2*(y[0]-y[1])
		if y[0], y[1] = first, last; !s.packed {
			y[1], y[h], y[h+1] = 0, last, 0
		}
	}
}

// distinct returns the lines of a tile, of which the last one is repeated where it is
// not full.
func distinct(lines []int) []int {
	n := len(lines)
	for n > 1 && lines[n-1] == lines[n-2] {
		n--
	}
	return lines[:n]
}

// evenInverseRows is evenInverse of contiguous lines, each transformed on its own.
func (s *fftPass[T]) evenInverseRows(tile, dst, src []T, to, from []int) {
	h := 2 * s.line.n
	if s.half == nil {
		for i, o := range distinct(to) {
			s.tangleInverse(tile, src, fftAtStart, from[i:][:1])
			s.cross.transform(tile[h:], dst, tile, o, 0, true)
		}
		return
	}
	to = s.unrepeated(to)
	spare := tile[len(s.halfOff)*h:]
	for len(to) > 0 {
		n := min(s.halfLines, len(to))
		s.tangleInverse(tile, src, s.halfOff[:n], from[:n])
		s.half(dst, tile, spare, to[:n], s.halfOff[:n], s.shortTurns, s.scale)
		to, from = to[n:], from[n:]
	}
}

// tangleInverse makes the halves of contiguous lines that remain to be transformed.
func (s *fftPass[T]) tangleInverse(y, x []T, to, from []int) {
	h := 2 * s.line.n
	s.line.body.tangleLines(y, to, x, from, s.line.n, s.uLines)
	for i, o := range to {
		x, y := x[from[i]:], y[o:]
		last := x[1]
		if !s.packed {
			last = x[h]
		}
		y[0], y[1] = x[0]+last, x[0]-last
	}
}

// oddReal is FFTReal of odd length with a factor that is a radix.
func (s *fftPass[T]) oddReal(tile, dst, src []T, t int) {
	to, from := s.offsets(t)
	out, in := s.odd.split(tile)
	s.loadReals(in, src, from, s.srcLay[t], s.odd.n)
	s.odd.transform(out, in)
	s.line.body.storeRows(dst, to, s.dstStep, out, s.dstLay[t], s.line.tail != nil, s.odd.pos, s.scale)
}

// oddRealInverse is FFTRealInverse of such a length.
func (s *fftPass[T]) oddRealInverse(tile, dst, src []T, t int) {
	to, from := s.offsets(t)
	out, in := s.odd.split(tile)
	s.line.body.loadRows(in, src, from, s.srcStep, s.srcLay[t], s.line.tail == nil, s.n/2+1)
	s.odd.inverse(out, in)
	s.storeReals(in, dst, to, s.dstLay[t], s.n)
}

// storeReals stores n rows of reals, see loadReals.
func (s *fftPass[T]) storeReals(out, dst []T, off []int, lay fftLayout, n int) {
	b, pairs := s.line.body, 0
	if lay != fftAny && n > 1 {
		pairs = n / 2
		b.storeRows(dst, off, 2*s.dstStep, out, lay, false, s.inOrder[:pairs], s.scale)
	}
	for j := 2 * pairs; j < n; j++ {
		y, from := dst[j*s.dstStep:], out[j*b.lanes:][:b.lanes]
		for i, slot := range b.slot {
			y[off[i]] = s.scale * from[slot]
		}
	}
}

// wholeReal is FFTReal of another odd length: of complex numbers.
func (s *fftPass[T]) wholeReal(tile, dst, src []T, t int) {
	to, from := s.offsets(t)
	l, lanes := s.line, s.line.body.lanes
	if l.tail == nil { // one number
		s.loadReals(tile, src, from, s.srcLay[t], l.n)
		clear(tile[lanes:])
	} else {
		in := tile[l.n*2*lanes:]
		s.loadReals(in, src, from, s.srcLay[t], l.n)
		for j := range l.n {
			copy(tile[2*j*lanes:], in[j*lanes:][:lanes])
			clear(tile[(2*j+1)*lanes:][:lanes])
		}
	}
	l.transform(tile, 0, len(l.stages))
	l.store(tile, dst, to, s.dstStep, s.dstLay[t], false, l.n/2+1, s.scale)
}

// loadReals fills n rows of reals: where lay allows as complex numbers, of which
// the last is left over.
func (s *fftPass[T]) loadReals(in, src []T, off []int, lay fftLayout, n int) {
	b, pairs := s.line.body, 0
	if lay != fftAny && n > 1 {
		pairs = n / 2
		b.loadRows(in, src, off, 2*s.srcStep, lay, false, pairs)
	}
	for j := 2 * pairs; j < n; j++ {
		x, to := src[j*s.srcStep:], in[j*b.lanes:][:b.lanes]
		for i, slot := range b.slot {
			to[slot] = x[off[i]]
		}
	}
}

// oddInverse is FFTRealInverse of another odd length: the real part of the transform
// of frequency 0 and twice those up to n/2.
func (s *fftPass[T]) oddInverse(tile, dst, src []T, t int) {
	to, from := s.offsets(t)
	l, b := s.line, s.line.body
	half := l.n/2 + 1
	b.loadRows(tile, src, from, s.srcStep, s.srcLay[t], true, half)
	b.arrange(tile, tile, s.inOrder[:half], s.doubles)
	clear(tile[:b.lanes]) // the imaginary part, as exchanged
	clear(tile[half*2*b.lanes : l.n*2*b.lanes])
	l.transform(tile, 0, len(l.stages))
	re, _ := l.parts(tile, true)
	for j, row := range l.pos {
		copy(tile[j*b.lanes:][:b.lanes], re[row:])
	}
	s.storeReals(tile, dst, to, s.dstLay[t], l.n)
}

// patch sets the lane c of a loaded tile to A + iB, where A and B are the
// columns 0 and n/2 of src without the part whose transform is imaginary.
func (s *fftPass[T]) patch(tile, src []T, c fftPatch) {
	n, lanes := s.line.n, s.line.body.lanes
	re, im := tile[lanes+c.slot:], tile[c.slot:] // as loaded, exchanged
	for k := range n {
		x := src[c.line+k*s.srcStep:]
		y := src[c.partner+(n-k)%n*s.srcStep:]
		ar, ai := (x[0]+y[0])/2, (x[1]-y[1])/2
		x, y = x[s.nyquist:], y[s.nyquist:]
		br, bi := (x[0]+y[0])/2, (x[1]-y[1])/2
		re[2*lanes*k], im[2*lanes*k] = ar-bi, ai+br
	}
}

// An fftFold says where the pairs of opposite frequencies in column 0 of a
// packed array are.
type fftFold struct {
	pairs   [][2]int
	first   []int // of each block, and their number
	nyquist int   // from frequency 0 to n/2 of the halved axis
}

func newFFTFold(g *fftGrid, step []int, nyquist int) *fftFold {
	var across []int
	for _, a := range g.axes {
		if a != g.halved {
			across = append(across, a)
		}
	}
	f := &fftFold{nyquist: nyquist}
	item, at, negated := g.offsets(g.batch, step), g.offsets(across, step), g.negated(across, step)
	for i, o := range item {
		if i%g.perBlock == 0 {
			f.first = append(f.first, len(f.pairs))
		}
		for j := range at {
			if at[j] <= negated[j] {
				f.pairs = append(f.pairs, [2]int{o + at[j], o + negated[j]})
			}
		}
	}
	f.first = append(f.first, len(f.pairs))
	return f
}

// fftSeparate makes the columns 0 and n/2 of block b out of column 0, which
// holds the transform of the one plus i times the other, both of reals.
func fftSeparate[T Float](dst []T, f *fftFold, b int) {
	for _, p := range f.pairs[f.first[b]:f.first[b+1]] {
		x, y := dst[p[0]:], dst[p[1]:]
		ar, ai := (x[0]+y[0])/2, (x[1]-y[1])/2
		br, bi := (x[1]+y[1])/2, (y[0]-x[0])/2
		x[0], x[1], y[0], y[1] = ar, ai, ar, -ai
		x, y = x[f.nyquist:], y[f.nyquist:]
		x[0], x[1], y[0], y[1] = br, bi, br, -bi
	}
}
