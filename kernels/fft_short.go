package kernels

import "unsafe"

// fftShortMost is the longest line that a kernel transforms as a whole.
const fftShortMost = 1024

// An fftShort transforms contiguous lines, those from from[i] on in src to those
// from to[i] on in dst, in reals; there are a multiple of the lanes of a tile of
// them, or of the 128-bit groups of a vector if tw is not nil, and tile has room for
// as many rows as fftShortRows says. A line that is there more than once in to is so
// in from. The transform is times the scale, that of an even number of reals times
// twice the scale. See fftShortTurns for tw.
type fftShort[T Float] func(dst, src, tile []T, to, from []int, tw []T, scale T)

// fftShortRows is how many rows of a tile the transform of lines of n needs at most.
func fftShortRows(n int) int { return 2 * n }

// fftShortChunk is the most elements that one call transforms: the runtime cannot
// stop a goroutine in it.
const fftShortChunk = asmChunk

// fftHalvesNear is how many bytes of halves of real lines stay in the first-level cache
// beside the lines until they are tangled. Where that is but one line, the factors do
// not stay there either, and are read once for all lines of a tile.
const fftHalvesNear = 8 << 10

// setShort sets short if there is a kernel for the lines, and half if there is one
// for half of an even length; it reports whether there is.
func (s *fftPass[T]) setShort() bool {
	srcStep, dstStep := 2, 2
	switch s.kind {
	case FFTReal:
		srcStep = 1
	case FFTRealInverse:
		dstStep = 1
	}
	if s.n > 2*fftShortMost || s.srcStep != srcStep || s.dstStep != dstStep || s.nyquist != 0 {
		return false
	}
	body := s.line.body
	if s.n <= fftShortMost && !s.packed {
		s.short = body.short[s.kind][s.n]
	}
	if s.short == nil && s.u != nil && s.line.n%16 == 0 && body.tangleLines != nil {
		s.half = body.short[s.kind-FFTReal][s.line.n]
	}
	switch {
	case s.short != nil && s.kind < FFTReal:
		s.shortTurns = fftShortTurns(body, s.n, s.scale)
	case s.half != nil:
		s.shortTurns = fftShortTurns(body, s.line.n, s.scale)
		s.uLines = fftLineTangles(s.u, body.lanes)
		for i := range body.lanes {
			s.halfOff = append(s.halfOff, 2*i*s.line.n)
		}
	}
	if s.shortTurns != nil {
		s.shortLines = body.lanes / body.shortWide
		switch {
		case body.joins(s.line.n):
			s.shortLines = 1
		case body.wide(s.line.n):
			s.shortLines = max(1, body.wideRows*body.lanes/s.line.n)
		}
	} else { // those of AVX2 serve all levels, but for 8 numbers; lines of one vector are read before they are written
		s.shortLines = 32 / int(unsafe.Sizeof(*new(T)))
	}
	if s.half != nil {
		s.halfLines = body.lanes
		if near := fftHalvesNear / (2 * s.line.n * int(unsafe.Sizeof(*new(T)))); near > 1 {
			s.halfLines = max(s.shortLines, near/s.shortLines*s.shortLines)
		}
	}
	return s.short != nil || s.half != nil
}

// joins reports whether the kernel for lines of n has parts side by side: up to 16 vectors
// of them, in squares.
func (b *fftBody[T]) joins(n int) bool { return n >= b.joined*b.joined && n <= 16*b.joined }

// wide reports whether the kernel for lines of n has them along vectors.
func (b *fftBody[T]) wide(n int) bool { return b.wideRows > 0 && n >= 2*b.lanes }

// fftShortTurns returns the factors of a kernel for lines of n, a multiple of 16; nil
// for others.
func fftShortTurns[T Float](body *fftBody[T], n int, scale T) []T {
	switch {
	case n%16 != 0:
		return nil
	case body.joins(n):
		return fftJoinedTurns(body, n, scale)
	case body.wide(n):
		return fftWideTurns(body, n, scale)
	}
	return fftGroupTurns(body, n, scale)
}

// fftWideTurns are those for n = lanes·m numbers that begin with a transform of m rows
// of them: if that is in two stages, of radices r and m/r, the factors of the first, in
// whole vectors, and then e^{-2πi kc/n} times the scale, a row for each k, as they are
// made.
func fftWideTurns[T Float](body *fftBody[T], n int, scale T) []T {
	m, r := n/body.lanes, 1
	switch {
	case m == 64:
		r = 8
	case m > 8:
		r = 4
	}
	var first []T
	if r > 1 {
		first = newFFTStage[T](r, m/r, 1).tw
	}
	whole := (len(first) + body.lanes - 1) / body.lanes * body.lanes
	tw := fftAligned[T](whole + 2*n)
	copy(tw, first)
	row := tw[whole:]
	for a := range r {
		for b := range m / r {
			for c := range body.lanes {
				re, im := fftTwiddle((a+r*b)*c, n)
				row[c], row[body.lanes+c] = T(re)*scale, T(im)*scale
			}
			row = row[2*body.lanes:]
		}
	}
	return tw
}

// fftJoinedTurns are those for n = m·side numbers, side in a vector: e^{-2πi kc/n} times the
// scale, for each 0 < k < m a vector of the real parts for the c, each twice, and one
// of the imaginary parts, each with the sign − and +.
func fftJoinedTurns[T Float](body *fftBody[T], n int, scale T) []T {
	side := body.joined
	m := n / side
	tw := fftAligned[T]((m - 1) * 4 * side)
	for k := 1; k < m; k++ {
		row := tw[(k-1)*4*side:][:4*side]
		for c := range side {
			re, im := fftTwiddle(k*c, n)
			row[2*c], row[2*c+1] = T(re)*scale, T(re)*scale
			row[2*side+2*c], row[2*side+2*c+1] = -T(im)*scale, T(im)*scale
		}
	}
	return tw
}

// fftGroupTurns are those for n = 4q numbers with a kernel that begins with a stage of
// radix 4, as its tile has them: in each group of 128 bits as many numbers of the line
// as fit. They are e^{-2πi jt/n} for j < q, 0 < t < 4, times
// the scale, a group's j in turn, then those of stages of radix 4 of a transform of
// length q, down to one of length 4 or 8.
func fftGroupTurns[T Float](body *fftBody[T], n int, scale T) []T {
	q, wide := n/4, body.shortWide
	var tw []T
	for j := 0; j < q; j += wide {
		for t := 1; t < 4; t++ {
			row := make([]T, 2*body.lanes)
			for i := range body.lanes {
				re, im := fftTwiddle((j+i%wide)*t, n)
				row[i], row[body.lanes+i] = T(re)*scale, T(im)*scale
			}
			tw = append(tw, row...)
		}
	}
	for ; q > 8; q /= 4 {
		tw = append(tw, newFFTStage[T](4, q/4, 1).tw...)
	}
	return tw
}

// doShort transforms the tiles from lo up to hi.
func (s *fftPass[T]) doShort(tile, dst, src []T, lo, hi int) {
	lanes := s.line.body.lanes
	most := max(1, fftShortChunk/(lanes*s.n))
	for ; lo < hi; lo += most {
		end := min(lo+most, hi)
		to := s.unrepeated(s.dstOff[lo*lanes : end*lanes])
		s.short(dst, src, tile, to, s.srcOff[lo*lanes:], s.shortTurns, s.scale)
	}
}

// unrepeated returns the lines up to the last one that a kernel has to do.
func (s *fftPass[T]) unrepeated(to []int) []int {
	for n := len(to) - s.shortLines; n > 0 && to[n-1] == to[len(to)-1]; n -= s.shortLines {
		to = to[:n]
	}
	return to
}
