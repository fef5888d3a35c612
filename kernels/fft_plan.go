package kernels

import (
	"cmp"
	"slices"
	"unsafe"
)

// fftBlockBytes is how much of the batch is taken through all passes at once.
const fftBlockBytes = 128 << 10

// fftTileWork is how many elements of tiles are worth a thread.
const fftTileWork = 4096

// fftSharedBytes is the same where threads share a transform, in bytes: half of
// what one of two reads in the next pass, and writes in the next Run, is in the
// other's cache.
const fftSharedBytes = 1 << 18

// An fftGrid is the index space of a transform, for counting its lines.
type fftGrid struct {
	lanes    int
	size     []int // of the arrays between the passes
	batch    []int // axes, the one with the largest step in dst first
	axes     []int // transformed axes
	items    int   // transforms in the batch
	perBlock int   // of them
	halved   int   // the halved axis, or -1
	packed   bool  // column 0 holds the columns 0 and n/2 of the halved axis
}

// plan sets the passes of s.
func (p *FFT[T]) plan(s FFTSpec) {
	if slices.Contains(s.Shape, 0) {
		return
	}
	if s.Scale == 0 {
		s.Scale = 1
	}
	p.setLengths(s)
	g := newFFTGrid[T](s, p.body.lanes)
	p.blocks = (g.items + g.perBlock - 1) / g.perBlock
	switch s.Kind {
	case FFTReal:
		p.planReal(s, g)
	case FFTRealInverse:
		p.planRealInverse(s, g)
	default:
		p.planComplex(s, g, fftSrc, steps(s.SrcStride, 2), s.Axes)
	}
	longest := 0
	for i := range p.passes {
		longest = max(longest, p.passes[i].rows())
	}
	p.grain = max(1, fftTileWork/(longest*g.lanes))
	last := &p.passes[len(p.passes)-1]
	last.scale *= T(s.Scale)
	for i := range p.passes {
		if pass := &p.passes[i]; !pass.setShort() {
			pass.setCross(p)
		}
	}
}

// setLengths sets the lengths of dst and src.
func (p *FFT[T]) setLengths(s FFTSpec) {
	p.dstLen, p.srcLen = 2, 2
	for a, n := range s.Shape {
		dst, src := n-1, n-1
		if a == s.Axes[len(s.Axes)-1] {
			switch s.Kind {
			case FFTReal:
				dst = n / 2
			case FFTRealInverse:
				src = n / 2
			}
		}
		p.dstLen += 2 * dst * s.DstStride[a]
		p.srcLen += 2 * src * s.SrcStride[a]
	}
	switch s.Kind {
	case FFTReal:
		p.srcLen /= 2
	case FFTRealInverse:
		p.dstLen /= 2
	}
}

func newFFTGrid[T Float](s FFTSpec, lanes int) *fftGrid {
	g := &fftGrid{lanes: lanes, size: slices.Clone(s.Shape), axes: s.Axes, items: 1, halved: -1}
	bytes := int(unsafe.Sizeof(T(0))) * 2
	for a, n := range s.Shape {
		if slices.Contains(s.Axes, a) {
			bytes *= n
			continue
		}
		g.batch = append(g.batch, a)
		g.items *= n
	}
	slices.SortStableFunc(g.batch, func(a, b int) int { return cmp.Compare(s.DstStride[b], s.DstStride[a]) })
	g.perBlock = max(1, fftBlockBytes/bytes)
	if b := len(g.batch); b > 0 && s.DstStride[g.batch[b-1]] == 1 {
		g.perBlock = (g.perBlock + lanes - 1) / lanes * lanes // lines side by side
	}
	if len(s.Axes) == 1 {
		g.perBlock = g.items
	}
	if s.Kind == FFTReal || s.Kind == FFTRealInverse {
		g.halve(s.Axes[len(s.Axes)-1])
	}
	return g
}

// halve makes a the halved axis. Reals have a real transform at frequencies 0
// and n/2, so that the transforms of these two columns along the other axes
// can be had from one of the complex column 0 + i·column n/2.
func (g *fftGrid) halve(a int) {
	n := g.size[a]
	g.halved = a
	g.packed = n%2 == 0 && len(g.axes) > 1
	g.size[a] = n/2 + 1
	if g.packed {
		g.size[a] = n / 2
	}
}

// steps returns strides in reals.
func steps(stride []int, reals int) []int {
	s := slices.Clone(stride)
	for i := range s {
		s[i] *= reals
	}
	return s
}

// planComplex appends complex passes along axes, the last one first; the first
// pass reads the array from.
func (p *FFT[T]) planComplex(s FFTSpec, g *fftGrid, from fftArray, fromStep []int, axes []int) {
	to, toStep := fftDst, steps(s.DstStride, 2)
	if s.Kind == FFTRealInverse {
		to, toStep = p.between(s, g)
	}
	kind := FFTForward
	if s.Kind == FFTInverse || s.Kind == FFTRealInverse {
		kind = FFTInverse
	}
	for i := len(axes) - 1; i >= 0; i-- {
		a := axes[i]
		pass := fftPass[T]{
			kind: kind, n: s.Shape[a], line: p.lineOf(s.Shape[a]), scale: 1, do: (*fftPass[T]).complex,
			swap: kind == FFTInverse,
			from: from, to: to, srcStep: fromStep[a], dstStep: toStep[a],
		}
		if s.Kind == FFTRealInverse && g.packed && from == fftSrc {
			pass.nyquist = g.size[g.halved] * fromStep[g.halved]
		}
		pass.setLines(g, g.lines(a, fromStep, toStep))
		p.passes = append(p.passes, pass)
		from, fromStep = to, toStep
	}
}

// planReal sets the passes of FFTReal: the halved axis, then the others.
func (p *FFT[T]) planReal(s FFTSpec, g *fftGrid) {
	from, to := steps(s.SrcStride, 1), steps(s.DstStride, 2)
	pass := p.halfPass(s.Shape[g.halved], false)
	pass.packed = g.packed
	pass.from, pass.to, pass.srcStep, pass.dstStep = fftSrc, fftDst, from[g.halved], to[g.halved]
	pass.setLines(g, g.lines(g.halved, from, to))
	p.passes = append(p.passes, pass)
	p.planComplex(s, g, fftDst, to, s.Axes[:len(s.Axes)-1])
	if g.packed {
		p.fold = newFFTFold(g, to, s.Shape[g.halved]/2*to[g.halved])
	}
}

// planRealInverse sets the passes of FFTRealInverse: the halved axis comes last.
func (p *FFT[T]) planRealInverse(s FFTSpec, g *fftGrid) {
	from, fromStep := fftSrc, steps(s.SrcStride, 2)
	if len(s.Axes) > 1 {
		p.planComplex(s, g, from, fromStep, s.Axes[:len(s.Axes)-1])
		from, fromStep = p.between(s, g)
	}
	to := steps(s.DstStride, 1)
	pass := p.halfPass(s.Shape[g.halved], true)
	pass.packed = g.packed
	pass.from, pass.to, pass.srcStep, pass.dstStep = from, fftDst, fromStep[g.halved], to[g.halved]
	pass.setLines(g, g.lines(g.halved, fromStep, to))
	p.passes = append(p.passes, pass)
}

// lineOf returns the line of length n, one for all passes.
func (p *FFT[T]) lineOf(n int) *fftLine[T] {
	for i := range p.passes {
		if l := p.passes[i].line; l.n == n {
			return l
		}
	}
	return newFFTLine(p.body, n)
}

// between returns the array between the passes of FFTRealInverse and its steps:
// dst if its rows have room for n/2 complex elements, else a workspace.
func (p *FFT[T]) between(s FFTSpec, g *fftGrid) (fftArray, []int) {
	step := steps(s.DstStride, 1)
	if g.packed && step[g.halved] == 1 {
		step[g.halved] = 2
		return fftDst, step
	}
	size := 2
	for a := len(g.size) - 1; a >= 0; a-- {
		step[a] = size
		size *= g.size[a]
	}
	if p.work == nil {
		p.work = fftAligned[T](size)
	}
	return fftWork, step
}

// An fftSpan is one line of a pass: where it starts in its two arrays and, in
// column 0 of a packed array, where the line of the negated frequencies does;
// the partner of other lines is -1.
type fftSpan struct{ src, dst, partner int }

// lines returns the lines along axis a, block by block.
func (g *fftGrid) lines(a int, srcStep, dstStep []int) [][]fftSpan {
	var across, column []int
	for _, x := range g.axes {
		switch {
		case x == a:
		case x == g.halved:
			column = []int{x}
		default:
			across = append(across, x)
		}
	}
	src, dst := g.offsets(across, srcStep), g.offsets(across, dstStep)
	negated := g.negated(across, srcStep)
	srcColumn, dstColumn := g.offsets(column, srcStep), g.offsets(column, dstStep)
	srcItem, dstItem := g.offsets(g.batch, srcStep), g.offsets(g.batch, dstStep)
	var blocks [][]fftSpan
	for lo := 0; lo < g.items; lo += g.perBlock {
		var b []fftSpan
		for i := lo; i < min(lo+g.perBlock, g.items); i++ {
			for c := range srcColumn {
				for j := range src {
					l := fftSpan{srcItem[i] + srcColumn[c] + src[j], dstItem[i] + dstColumn[c] + dst[j], -1}
					if c == 0 {
						l.partner = srcItem[i] + negated[j]
					}
					b = append(b, l)
				}
			}
		}
		slices.SortFunc(b, func(x, y fftSpan) int { return cmp.Compare(x.dst, y.dst) })
		blocks = append(blocks, b)
	}
	return blocks
}

// offsets returns the offsets of all indices of the axes, the last axis fastest.
func (g *fftGrid) offsets(axes, step []int) []int {
	return g.span(axes, func(a, i int) int { return i * step[a] })
}

// negated returns the offsets of the negated indices, modulo the sizes.
func (g *fftGrid) negated(axes, step []int) []int {
	return g.span(axes, func(a, i int) int { return (g.size[a] - i) % g.size[a] * step[a] })
}

func (g *fftGrid) span(axes []int, offset func(axis, index int) int) []int {
	out := []int{0}
	for _, a := range axes {
		var next []int
		for _, o := range out {
			for i := range g.size[a] {
				next = append(next, o+offset(a, i))
			}
		}
		out = next
	}
	return out
}
