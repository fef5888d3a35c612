package kernels

// FFTMasks holds the masks of bands for an FFTBands, in the order of its kernels.
// Several may share one.
type FFTMasks[T Float] struct {
	level       Level
	body        *fftBody[T]
	h, w, bands int
	columns     *fftLine[T]
	first, last *fftStage[T]
	loads       [][][]T // of each band and tile of columns, for loading; nil where it vanishes
	adds        [][][]T // for adding
	natural     []T     // as given, where there are no kernels
}

// NewFFTMasks returns the masks (bands, h, w), zero frequency first, for the
// bodies of level. It panics if masks is too short.
func NewFFTMasks[T Float](masks []T, bands, h, w int, level Level) *FFTMasks[T] {
	body := fftBodyOf[T](level.Resolve())
	p := &FFTMasks[T]{level: level, body: body, h: h, w: w, bands: bands, columns: newFFTBandsLine(body, h)}
	if !p.fused() {
		p.natural = masks[:bands*h*w]
		return p
	}
	stages := p.columns.stages
	p.first, p.last = &stages[0], &stages[len(stages)-1]
	p.setMasks(masks)
	return p
}

// newFFTBandsLine returns a line of length n whose first and last stage have the
// same radix where that is possible, so that they read masks in the same order.
func newFFTBandsLine[T Float](body *fftBody[T], n int) *fftLine[T] {
	l := newFFTLine(body, n)
	count := len(l.stages)
	if count < 3 || l.tail != nil || l.stages[0].radix == l.stages[count-1].radix {
		return l
	}
	var radices []int
	for _, s := range l.stages {
		radices = append(radices, s.radix)
	}
	for i := count - 2; i > 0; i-- {
		if r := radices[i]; r == radices[count-1] && body.loadMasked[r] != nil {
			radices[0], radices[i] = radices[i], radices[0]
			l.setStages(radices, 1)
			return l
		}
		if r := radices[i]; r == radices[0] && body.addMasked[r] != nil {
			radices[count-1], radices[i] = radices[i], radices[count-1]
			l.setStages(radices, 1)
			return l
		}
	}
	return l
}

// fused reports whether the body has kernels for these sizes.
func (p *FFTMasks[T]) fused() bool {
	s := p.columns.stages
	return len(s) > 1 && p.columns.tail == nil && p.w%p.body.lanes == 0 && p.body.loadMasked[s[0].radix] != nil && p.body.addMasked[s[len(s)-1].radix] != nil
}

// setMasks brings the masks into the order of the kernels.
func (p *FFTMasks[T]) setMasks(masks []T) {
	for k := range p.bands {
		m := masks[k*p.h*p.w:][:p.h*p.w]
		var load, add [][]T
		for x := 0; x < p.w; x += p.body.lanes {
			load = append(load, p.tileMask(m, x, p.first.radix))
			if p.first.radix == p.last.radix {
				add = load
			} else {
				add = append(add, p.tileMask(m, x, p.last.radix))
			}
		}
		p.loads, p.adds = append(p.loads, load), append(p.adds, add)
	}
}

// tileMask returns the mask of the columns from x on, or nil if it vanishes.
func (p *FFTMasks[T]) tileMask(m []T, x, radix int) []T {
	q, zero := p.h/radix, true
	out := fftAligned[T](p.h * p.body.lanes)
	for j := range q {
		for t := range radix {
			for i, slot := range p.body.slot {
				v := m[(j+t*q)*p.w+x+i]
				out[(j*radix+t)*p.body.lanes+slot] = v
				zero = zero && v == 0
			}
		}
	}
	if zero {
		return nil
	}
	return out
}
