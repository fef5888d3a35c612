package kernels

// An fftPass transforms all lines along one axis. Offsets and steps count reals.
type fftPass[T Float] struct {
	kind             FFTKind // along the axis
	n                int     // elements of a line, of the real one for the real kinds
	line             *fftLine[T]
	cross            *fftCross[T]                                   // for tiles of contiguous lines; or nil
	short, half      fftShort[T]                                    // for all lines, or their halves of the halved axis; or nil
	shortTurns       []T                                            // of either
	shortLines       int                                            // that either does at a time
	halfOff          []int                                          // of the halves in a tile
	halfLines        int                                            // that are halved and tangled at a time
	do               func(s *fftPass[T], tile, dst, src []T, t int) // transforms tile t
	swap             bool                                           // inverse
	scale            T
	from, to         fftArray
	srcStep, dstStep int // along the axis

	lines          int         // in all
	firstTile      []int       // of each block, and the number of tiles
	srcOff, dstOff []int       // of each lane of each tile
	srcLay, dstLay []fftLayout // of each tile

	// The halved axis.
	packed  bool
	odd     *fftOddReal[T] // for odd lengths of reals; or nil
	u       []T            // for the kernel tangle
	uLines  []T            // for tangleLines
	inOrder []int          // rows of a tile
	doubles []T            // factors of rows, for arrange

	// The first pass of an inverse in packed columns.
	patches    []fftPatch
	firstPatch []int // of each tile, and their number
	nyquist    int   // from frequency 0 to n/2 of the halved axis; else 0
}

// An fftPatch is a lane that is column 0 of a packed array.
type fftPatch struct{ slot, line, partner int }

// rows is how many rows of a tile the pass needs.
func (s *fftPass[T]) rows() int {
	if s.short != nil || s.half != nil {
		return fftShortRows(s.n)
	}
	if s.odd != nil {
		return s.odd.rows()
	}
	return s.line.rows()
}

func (s *fftPass[T]) tiles() int { return len(s.srcLay) }

func (s *fftPass[T]) offsets(t int) (dst, src []int) {
	lanes := s.line.body.lanes
	return s.dstOff[t*lanes:][:lanes], s.srcOff[t*lanes:][:lanes]
}

// setLines deals the lines of each block to tiles: whole tiles of lines that
// lie side by side first, then what is left over. A tile that is not full
// repeats its last line, in load and store alike.
func (s *fftPass[T]) setLines(g *fftGrid, blocks [][]fftSpan) {
	src, dst := fftSide{s.srcStep, 2, fftColumns}, fftSide{s.dstStep, 2, fftColumns}
	switch s.kind {
	case FFTReal:
		src = fftSide{s.srcStep, 1, fftPairs}
	case FFTRealInverse:
		dst = fftSide{s.dstStep, 1, fftPairs}
	}
	for _, b := range blocks {
		s.lines += len(b)
		s.firstTile = append(s.firstTile, s.tiles())
		var rest []fftSpan
		for len(b) > 0 {
			inSrc, inDst := sideBySide(b, g.lanes, src.size, dst.size)
			if !inSrc && !inDst {
				rest = append(rest, b[0])
				b = b[1:]
				continue
			}
			s.addTile(g, b[:g.lanes], src.layout(inSrc), dst.layout(inDst))
			b = b[g.lanes:]
		}
		for len(rest) > 0 {
			k := min(len(rest), g.lanes)
			s.addTile(g, rest[:k], src.layout(false), dst.layout(false))
			rest = rest[k:]
		}
	}
	s.firstTile = append(s.firstTile, s.tiles())
}

// sideBySide says in which arrays, of elements of so many reals, the next lanes
// lines follow each other.
func sideBySide(b []fftSpan, lanes, srcSize, dstSize int) (src, dst bool) {
	if len(b) < lanes {
		return false, false
	}
	src, dst = true, true
	for i := 1; i < lanes; i++ {
		src = src && b[i].src == b[0].src+srcSize*i
		dst = dst && b[i].dst == b[0].dst+dstSize*i
	}
	return src, dst
}

// An fftSide is what the layouts of tiles in one of the arrays depend on: the step
// along lines, the size of an element, and the layout of lines side by side.
type fftSide struct {
	step, size int
	abreast    fftLayout
}

func (s fftSide) layout(sideBySide bool) fftLayout {
	switch {
	case sideBySide:
		return s.abreast
	case s.step == s.size:
		return fftRows
	}
	return fftAny
}

func (s *fftPass[T]) addTile(g *fftGrid, lines []fftSpan, srcLay, dstLay fftLayout) {
	if s.firstPatch == nil {
		s.firstPatch = []int{0}
	}
	for i := range g.lanes {
		l := lines[min(i, len(lines)-1)]
		s.srcOff = append(s.srcOff, l.src)
		s.dstOff = append(s.dstOff, l.dst)
		if s.nyquist != 0 && l.partner >= 0 {
			s.patches = append(s.patches, fftPatch{s.line.body.slot[i], l.src, l.partner})
		}
	}
	s.firstPatch = append(s.firstPatch, len(s.patches))
	s.srcLay = append(s.srcLay, srcLay)
	s.dstLay = append(s.dstLay, dstLay)
}

// complex is the transform of complex lines.
func (s *fftPass[T]) complex(tile, dst, src []T, t int) {
	to, from := s.offsets(t)
	patches := s.patches[s.firstPatch[t]:s.firstPatch[t+1]]
	l := s.line
	if s.cross != nil && s.srcLay[t] == fftRows && s.dstLay[t] == fftRows && len(patches) == 0 {
		s.complexRows(tile, dst, src, to, from)
		return
	}
	done := l.load(tile, src, from, s.srcStep, s.srcLay[t], s.swap, len(patches) == 0)
	for _, c := range patches {
		s.patch(tile, src, c)
	}
	l.finish(tile, dst, to, s.dstStep, s.dstLay[t], s.swap, done, l.n, s.scale)
}

// complexRows is the transform of contiguous lines, one at a time.
func (s *fftPass[T]) complexRows(tile, dst, src []T, to, from []int) {
	for i := range to {
		if i > 0 && to[i] == to[i-1] {
			return // the tile is not full
		}
		s.cross.transform(tile, dst, src, to[i], from[i], s.swap)
	}
}

// setCross sets cross if the lines are contiguous.
func (s *fftPass[T]) setCross(p *FFT[T]) {
	steps := [2]int{s.srcStep, s.dstStep}
	want := [2]int{2, 2}
	switch {
	case s.u != nil && s.swap:
		want[1] = 1
	case s.u != nil:
		want[0] = 1
	}
	if steps == want {
		s.cross = newFFTCross(p, s.line.n, s.lines, s.scale)
	}
	if s.cross != nil && s.u != nil {
		s.uLines = fftLineTangles(s.u, p.body.lanes)
	}
}
