package kernels

// Mirror sets the rows [lo, hi) of dst (h, w) to those of the whole spectrum of which half
// (h, w/2+1) holds the first columns, both complex and contiguous: that of a real image.
// It panics if a slice is too short.
func Mirror[T Float](dst, half []T, h, w, lo, hi int, l Level) {
	columns := w/2 + 1
	for y := lo; y < hi; y++ {
		row := dst[2*w*y:][:2*w]
		copy(row, half[2*columns*y:][:2*columns])
		other := half[2*columns*((h-y)%h):]
		mirror(row[2*columns:], other[2:2*(w-columns+1)], l, false)
	}
}

// Fold sets the rows [lo, hi) of half (h, w/2+1) to those of the adjoint of Mirror applied
// to g (h, w). It panics if a slice is too short.
func Fold[T Float](half, g []T, h, w, lo, hi int, l Level) {
	columns := w/2 + 1
	for y := lo; y < hi; y++ {
		row := half[2*columns*y:][:2*columns]
		copy(row, g[2*w*y:])
		other := g[2*w*((h-y)%h):][:2*w]
		mirror(row[2:2*(w-columns+1)], other[2*columns:], l, true)
	}
}

// mirror sets dst to the conjugates of the complex numbers of src in reverse
// order, or adds them.
func mirror[T Float](dst, src []T, l Level, add bool) {
	asm := asmOf[T](l.Resolve())
	f, n, done := asm.mirror, len(src)/2, 0
	if add {
		f = asm.mirrorAdd
	}
	if f != nil {
		per := asm.tileColumns / 4
		if done = n / per * per; done > 0 {
			f(&dst[0], &src[2*(n-done)], done)
		}
	}
	for i := done; i < n; i++ {
		re, im := src[2*(n-1-i)], -src[2*(n-1-i)+1]
		if add {
			re, im = re+dst[2*i], im+dst[2*i+1]
		}
		dst[2*i], dst[2*i+1] = re, im
	}
}
