package kernels

// A Hartley makes the Hartley transforms of real images of halves of their spectra
// (Bracewell 1983): at each frequency the real less the imaginary part, which at the
// opposite one is their sum.
type Hartley[T Float] struct {
	h, w              int
	forward, backward func(dst, src []T)
}

// NewHartley returns that of images of h×w, with the bodies of level. It does not panic.
func NewHartley[T Float](h, w int, level Level) *Hartley[T] {
	asm := asmOf[T](level.Resolve())
	return &Hartley[T]{h: h, w: w, forward: partsBy(asm.hartley, asm.tileColumns/2, false), backward: partsBy(asm.hartleyMirror, asm.tileColumns/2, true)}
}

// Rows sets what rows [lo, hi) of half, the first w/2+1 columns of a spectrum, determine
// of dst (h, w). It panics if a slice is too short.
func (k *Hartley[T]) Rows(dst, half []T, lo, hi int) {
	columns := k.w/2 + 1
	for y := lo; y < hi; y++ {
		z, opposite := half[2*columns*y:][:2*columns], dst[(k.h-y)%k.h*k.w:][:k.w]
		k.forward(dst[y*k.w:][:columns], z)
		k.backward(opposite[columns:], z[2:2*(k.w-columns+1)])
	}
}

// partsBy returns what sets dst to the differences of the parts of the complex numbers of
// src, or to their sums in reverse order, with f for a multiple of per numbers, or nil.
func partsBy[T Float](f func(dst, src *T, n int), per int, sums bool) func(dst, src []T) {
	return func(dst, src []T) {
		done := 0
		if f != nil {
			done = len(dst) / per * per
		}
		rest := dst[done:]
		if sums {
			rest = dst[:len(dst)-done]
		}
		if done > 0 {
			to := dst
			if sums {
				to = dst[len(rest):]
			}
			f(&to[0], &src[0], done)
		}
		src = src[2*done:]
		for i := range rest {
			if re, im := src[2*i], src[2*i+1]; sums {
				rest[len(rest)-1-i] = re + im
			} else {
				rest[i] = re - im
			}
		}
	}
}
