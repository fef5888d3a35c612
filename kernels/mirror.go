package kernels

// A Mirroring sets whole spectra of real images, times a power of i, from the halves that
// determine them, and does the adjoint. Spectra are complex and contiguous.
type Mirroring[T Float] struct {
	h, w, columns  int
	turns          int
	turn, neg      Elementwise[T]
	set, add, take func(dst, src []T)
}

// NewMirroring returns that of spectra of h×w times i to the power of turns, with the
// bodies of level. It does not panic.
func NewMirroring[T Float](h, w, turns int, level Level) *Mirroring[T] {
	asm := asmOf[T](level.Resolve())
	return &Mirroring[T]{h: h, w: w, columns: w/2 + 1, turns: turns & 3,
		turn: Lookup[T]("ctimesi", level), neg: Lookup[T]("neg", level),
		set:  mirrorBy(asm.mirror, asm.tileColumns/4, func(_, v T) T { return v }),
		add:  mirrorBy(asm.mirrorAdd, asm.tileColumns/4, func(d, v T) T { return d + v }),
		take: mirrorBy(asm.mirrorSub, asm.tileColumns/4, func(d, v T) T { return d - v })}
}

// Mirror sets the rows [lo, hi) of dst (h, w) to those of the whole spectrum of which half
// (h, w/2+1) holds the first columns, turned. It panics if a slice is too short.
func (m *Mirroring[T]) Mirror(dst, half []T, lo, hi int) {
	for y := lo; y < hi; y++ {
		row := dst[2*m.w*y:][:2*m.w]
		copy(row, half[2*m.columns*y:][:2*m.columns])
		other := half[2*m.columns*((m.h-y)%m.h):]
		m.set(row[2*m.columns:], other[2:2*(m.w-m.columns+1)])
		m.turnBy(row, m.turns)
	}
}

// Fold sets the rows [lo, hi) of half (h, w/2+1) to those of the adjoint of Mirror applied
// to g (h, w). It panics if a slice is too short.
func (m *Mirroring[T]) Fold(half, g []T, lo, hi int) {
	meet := m.add // conj(-i·z) is -(-i)·conj(z)
	if m.turns&1 != 0 {
		meet = m.take
	}
	for y := lo; y < hi; y++ {
		row := half[2*m.columns*y:][:2*m.columns]
		copy(row, g[2*m.w*y:])
		other := g[2*m.w*((m.h-y)%m.h):][:2*m.w]
		meet(row[2:2*(m.w-m.columns+1)], other[2*m.columns:])
		m.turnBy(row, -m.turns)
	}
}

// turnBy multiplies x by i to the power of n.
func (m *Mirroring[T]) turnBy(x []T, n int) {
	if n&2 != 0 {
		m.neg(x, x, nil, nil, 0, 0)
	}
	if n&1 != 0 {
		m.turn(x, x, nil, nil, 0, 0)
	}
}

// mirrorBy returns what combines the numbers of dst with the conjugates of the complex
// numbers of src in reverse order: f for a multiple of per numbers, or nil, and op.
func mirrorBy[T Float](f func(dst, src *T, n int), per int, op func(d, v T) T) func(dst, src []T) {
	return func(dst, src []T) {
		n, done := len(src)/2, 0
		if f != nil {
			if done = n / per * per; done > 0 {
				f(&dst[0], &src[2*(n-done)], done)
			}
		}
		for i := done; i < n; i++ {
			dst[2*i] = op(dst[2*i], src[2*(n-1-i)])
			dst[2*i+1] = op(dst[2*i+1], -src[2*(n-1-i)+1])
		}
	}
}
