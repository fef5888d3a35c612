package models

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// constant is an array that a model multiplies with, in each precision it was
// used in, so that every use on a Tape is the same Const.
type constant struct{ f32, f64 tensor.Tensor }

func newConstant(data []float64, shape ...int) constant {
	c := constant{f64: tensor.Of(data, shape...)}
	c.f32 = tensor.New(tensor.Float32, shape...)
	tensor.Copy(c.f32, c.f64)
	return c
}

// on returns c on x's Tape in x's real precision.
func (c constant) on(x autograd.Value) autograd.Value {
	if x.Type().DType.Real() == tensor.Float32 {
		return x.Tape().Const(c.f32)
	}
	return x.Tape().Const(c.f64)
}

// gains returns, for each level, what the low-pass masks on the way to it
// multiply the spectrum by, on the level's grid; the last is the low-pass
// residual's.
func gains(m *pyramidMasks) [][]float64 {
	g := [][]float64{m.lo0}
	for _, l := range m.level {
		prev := g[len(g)-1]
		next := make([]float64, l.lh*l.lw)
		for y := range l.lh {
			for x := range l.lw {
				next[y*l.lw+x] = prev[(y+l.y0)*l.w+x+l.x0] * l.lo[y*l.lw+x]
			}
		}
		g = append(g, next)
	}
	return g
}

// bandMasks returns the masks, zero frequency first, that cut the bands of
// level s out of the spectrum on its grid, followed, unless it is the coarsest,
// by those of level s+1 on the same grid: their inverse transform is the
// coarser band, interpolated to twice its size (spec: expand, without loss
// because the masks vanish at the coarser grid's Nyquist frequency).
func bandMasks(m *pyramidMasks, gain [][]float64, s int) constant {
	l := m.level[s]
	k := len(l.angle)
	n := k
	if s+1 < len(m.level) {
		n = 2 * k
	}
	out := make([]float64, n*l.h*l.w)
	for b := range k {
		dst := out[b*l.h*l.w:][:l.h*l.w]
		for i, a := range l.angle[b] {
			dst[i] = gain[s][i] * round32(a*l.hi[i])
		}
		unshift(dst, l.h, l.w)
		if n == k {
			continue
		}
		c := m.level[s+1]
		wide := out[(k+b)*l.h*l.w:][:l.h*l.w]
		for y := range c.h {
			for x := range c.w {
				i := y*c.w + x
				wide[(y+l.y0)*l.w+x+l.x0] = gain[s+1][i] * round32(c.angle[b][i]*c.hi[i])
			}
		}
		unshift(wide, l.h, l.w)
	}
	return newConstant(out, n, l.h, l.w)
}

// unshift moves zero frequency from index ⌊n/2⌋ to index 0 along both axes.
func unshift(a []float64, h, w int) {
	b := append([]float64(nil), a...)
	for y := range h {
		for x := range w {
			a[y*w+x] = b[(y+h/2)%h*w+(x+w/2)%w]
		}
	}
}

type reconMask struct {
	constant
	h, w int
}

// reconstructions returns, for each scale and the low-pass residual, the mask
// that takes the half spectrum of the image to that of the reconstruction from
// this scale and the coarser ones (without the mean), shrunk to the scale's size.
func reconstructions(m *pyramidMasks, gain [][]float64) []reconMask {
	n := len(m.level)
	last := m.level[n-1]
	h, w := last.lh, last.lw
	acc := make([]float64, h*w) // on the grid of the current level, zero frequency in the middle
	for i, g := range gain[n] {
		acc[i] = g * g
	}
	acc[h/2*w+w/2] = 0
	masks := make([]reconMask, n+1)
	masks[n] = shrunk(acc, h, w, n > 0)
	for s := n - 1; s >= 0; s-- {
		l := m.level[s]
		full := make([]float64, l.h*l.w)
		for y := range h {
			copy(full[(y+l.y0)*l.w+l.x0:][:w], acc[y*w:][:w])
		}
		for b := range l.angle {
			for i := range full {
				full[i] += gain[s][i] * gain[s][i] * round32(l.angle[b][i]*l.hi[i]) * round32(l.angleRec[b][i]*l.hi[i])
			}
		}
		acc, h, w = full, l.h, l.w
		masks[s] = shrunk(acc, h, w, s > 0)
	}
	return masks
}

// shrunk makes the half-spectrum mask of a reconstruction from its mask on the
// scale's own grid. Taking the real part makes the mask even. Shrinking, in the
// reference, averages the first row and column of the shifted spectrum with
// the ones beyond the grid's other end, where these masks vanish.
func shrunk(acc []float64, h, w int, shrink bool) reconMask {
	a := append([]float64(nil), acc...)
	if shrink {
		evenPart(a, h, w, true)
		for x := range w {
			a[x] /= 2
		}
		for y := range h {
			a[y*w] /= 2
		}
	}
	evenPart(a, h, w, false)
	unshift(a, h, w)
	half := make([]float64, 0, h*(w/2+1))
	for y := range h {
		half = append(half, a[y*w:][:w/2+1]...)
	}
	return reconMask{newConstant(half, h, w/2+1), h, w}
}

// evenPart replaces the mask by the mean of its values at opposite
// frequencies. With inside set, a frequency whose opposite lies outside the
// grid (the first row and column of an even size) has opposite value zero, as
// on a larger grid on which the mask vanishes there.
func evenPart(a []float64, h, w int, inside bool) {
	b := append([]float64(nil), a...)
	opposite := func(i, n int) (int, bool) {
		j := 2*(n/2) - i
		return (j + n) % n, j < n
	}
	for y := range h {
		yy, oky := opposite(y, h)
		for x := range w {
			xx, okx := opposite(x, w)
			v := b[yy*w+xx]
			if inside && !(oky && okx) {
				v = 0
			}
			a[y*w+x] = (b[y*w+x] + v) / 2
		}
	}
}

// highVariance returns the weights of the squared half spectrum whose sum is
// the mean square of the high-pass residual (Parseval).
func highVariance(m *pyramidMasks) constant {
	hi := append([]float64(nil), m.hi0...)
	unshift(hi, m.h, m.w)
	n := float64(m.h*m.w) * float64(m.h*m.w)
	half := m.w/2 + 1
	out := make([]float64, m.h*half)
	for y := range m.h {
		for x := range half {
			weight := 2.0
			if x == 0 || 2*x == m.w {
				weight = 1
			}
			v := hi[y*m.w+x]
			out[y*half+x] = weight * v * v / n
		}
	}
	return newConstant(out, m.h, half)
}
