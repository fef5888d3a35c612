package kernels

import "unsafe"

// TextureRows is how many rows the kernels of a Texture work on at a time.
const TextureRows = 4

// A Texture holds the kernels of one level for the joint statistics of complex
// bands. Rows are of real values, ld apart and n long, padded with zeros to a
// multiple of TexturePad, which is how far the kernels read and write. Complex
// numbers lie in blocks of Lanes, real parts before imaginary ones, of which there
// are whole ones only; Pack makes them. They panic if a slice is too short.
type Texture[T Float] struct {
	// Lanes is how many partial sums an accumulator has, which Total adds, and how
	// many complex numbers a block.
	Lanes int
	// Gram adds the products of the rows i of a with the rows j of b to the
	// accumulator 4i + j.
	Gram func(acc, a, b []T, ld, n int)
	// Moments adds the elements of row i of a to the accumulator i and their
	// squares to the accumulator 4 + i.
	Moments func(acc, a []T, ld, n int)
	// Mix sets row i of dst to the sum of the rows j of x times c[4i+j], or adds
	// that sum to it.
	Mix func(dst, c, x []T, ld, n int, more bool)
	// Modulus sets m to |z| - mean and re to Re z, of the complex numbers z.
	Modulus func(m, re, z []T, mean T)
	// ModulusAdjoint sets dz to the adjoint of Modulus at z, applied to the
	// cotangents m and re + f Re z.
	ModulusAdjoint func(dz, z, m, re []T, f T)
	// Double sets q to |z| - mean, and dr and di to the parts of z²/|z|, 0 for 0,
	// of the complex numbers z.
	Double func(q, dr, di, z []T, mean T)
	// DoubleAdjoint sets dz to the adjoint of Double at z, applied to the
	// cotangents q + p[1](|z| - p[0]), dr + p[2] Re z²/|z|, di + p[3] Im z²/|z|.
	DoubleAdjoint func(dz, z, q, dr, di []T, p *[4]T)
}

// TexturePad divides the padded length of rows.
const TexturePad = 16

// Total returns accumulator i of acc.
func (t *Texture[T]) Total(acc []T, i int) float64 {
	sum := 0.0
	for _, v := range acc[i*t.Lanes : (i+1)*t.Lanes] {
		sum += float64(v)
	}
	return sum
}

// TextureOf returns the kernels of level l, or the best below it. It does not
// panic.
func TextureOf[T Float](l Level) *Texture[T] {
	asm := asmOf[T](l.Resolve())
	if asm.gram == nil {
		return &Texture[T]{1, gramGo[T], momentsGo[T], mixGo[T], modulusGo[T], modulusAdjointGo[T], doubleGo[T], doubleAdjointGo[T]}
	}
	t := &Texture[T]{Lanes: asm.tileColumns / 2}
	pad := func(n int) int { return (n + t.Lanes - 1) / t.Lanes * t.Lanes }
	reach := func(rows []T, ld, n int) *T { return &rows[:(TextureRows-1)*ld+n][0] }
	t.Gram = func(acc, a, b []T, ld, n int) {
		n = pad(n)
		asm.gram(&acc[:16*t.Lanes][0], reach(a, ld, n), reach(b, ld, n), ld, n)
	}
	t.Moments = func(acc, a []T, ld, n int) {
		n = pad(n)
		asm.moments(&acc[:8*t.Lanes][0], reach(a, ld, n), ld, n)
	}
	t.Mix = func(dst, c, x []T, ld, n int, more bool) {
		n = pad(n)
		add := 0
		if more {
			add = 1
		}
		asm.mix(reach(dst, ld, n), &c[:16][0], reach(x, ld, n), ld, n, add)
	}
	t.Modulus = func(m, re, z []T, mean T) {
		n := len(z) / 2
		m, re = m[:n], re[:n]
		asm.modulus(&m[0], &re[0], &z[0], n, mean)
	}
	t.ModulusAdjoint = func(dz, z, m, re []T, f T) {
		n := len(z) / 2
		dz, m, re = dz[:2*n], m[:n], re[:n]
		asm.modulusAdjoint(&dz[0], &z[0], &m[0], &re[0], n, f)
	}
	t.Double = func(q, dr, di, z []T, mean T) {
		n := len(z) / 2
		q, dr, di = q[:n], dr[:n], di[:n]
		asm.double(&q[0], &dr[0], &di[0], &z[0], n, mean)
	}
	t.DoubleAdjoint = func(dz, z, q, dr, di []T, p *[4]T) {
		n := len(z) / 2
		dz, q, dr, di = dz[:2*n], q[:n], dr[:n], di[:n]
		asm.doubleAdjoint(&dz[0], &z[0], &q[0], &dr[0], &di[0], n, p)
	}
	return t
}

// TextureFor returns the kernels of level l, or of the best below it whose blocks fill
// rows of w numbers. It does not panic.
func TextureFor[T Float](w int, l Level) *Texture[T] {
	for l = l.Resolve(); ; l-- {
		if t := TextureOf[T](l); w%t.Lanes == 0 {
			return t
		}
	}
}

// Pack sets dst to the complex numbers of src, side by side in pairs, in blocks.
// Unpack is the reverse.
func (t *Texture[T]) Pack(dst, src []T) {
	for at := 0; at < len(src); at += 2 * t.Lanes {
		for i := range t.Lanes {
			dst[at+i], dst[at+t.Lanes+i] = src[at+2*i], src[at+2*i+1]
		}
	}
}

// Unpack sets dst to pairs, given blocks.
func (t *Texture[T]) Unpack(dst, src []T) {
	for at := 0; at < len(src); at += 2 * t.Lanes {
		for i := range t.Lanes {
			dst[at+2*i], dst[at+2*i+1] = src[at+i], src[at+t.Lanes+i]
		}
	}
}

// The definitions, for blocks of one number.

func gramGo[T Float](acc, a, b []T, ld, n int) {
	for i := range TextureRows {
		for j := range TextureRows {
			x, y := a[i*ld:][:n], b[j*ld:][:n]
			var sum T
			for p, v := range x {
				sum += T(v * y[p])
			}
			acc[TextureRows*i+j] += sum
		}
	}
}

func momentsGo[T Float](acc, a []T, ld, n int) {
	for i := range TextureRows {
		var sum, square T
		for _, v := range a[i*ld:][:n] {
			sum += v
			square += T(v * v)
		}
		acc[i] += sum
		acc[TextureRows+i] += square
	}
}

func mixGo[T Float](dst, c, x []T, ld, n int, more bool) {
	for i := range TextureRows {
		y := dst[i*ld:][:n]
		if !more {
			clear(y)
		}
		for j := range TextureRows {
			f := c[TextureRows*i+j]
			for p, v := range x[j*ld:][:n] {
				y[p] += T(f * v)
			}
		}
	}
}

// unit returns z/|z| and |z|, 0 for 0.
func unit[T Float](re, im T) (ur, ui, r T) {
	r = modulus(re, im)
	if r == 0 {
		return 0, 0, 0
	}
	inv := 1 / r
	return T(re * inv), T(im * inv), r
}

func modulusGo[T Float](m, re, z []T, mean T) {
	for i := range m {
		m[i], re[i] = modulus(z[2*i], z[2*i+1])-mean, z[2*i]
	}
}

func modulusAdjointGo[T Float](dz, z, m, re []T, f T) {
	for i := range m {
		ur, ui, _ := unit(z[2*i], z[2*i+1])
		dz[2*i], dz[2*i+1] = T(ur*m[i])+(T(f*z[2*i])+re[i]), T(ui*m[i])
	}
}

func doubleGo[T Float](q, dr, di, z []T, mean T) {
	for i := range q {
		re, im := z[2*i], z[2*i+1]
		ur, ui, r := unit(re, im)
		q[i], dr[i], di[i] = r-mean, T(re*ur)-T(im*ui), T(re*ui)+T(im*ur)
	}
}

func doubleAdjointGo[T Float](dz, z, q, dr, di []T, p *[4]T) {
	for i := range q {
		re, im := z[2*i], z[2*i+1]
		ur, ui, r := unit(re, im)
		gq := q[i] + T(p[1]*(r-p[0]))
		gr := dr[i] + T(p[2]*(T(re*ur)-T(im*ui)))
		gi := di[i] + T(p[3]*(T(re*ui)+T(im*ur)))
		// In the frame of the result: (gr + i gi) conj(u²).
		sr, si := T(ur*ur)-T(ui*ui), 2*T(ur*ui)
		wr, wi := T(gr*sr)+T(gi*si)+gq, 2*(T(gi*sr)-T(gr*si))
		dz[2*i], dz[2*i+1] = T(ur*wr)-T(ui*wi), T(ur*wi)+T(ui*wr)
	}
}

// NewTextureRows returns zeroed memory for count rows, ld apart, aligned for the
// kernels.
func NewTextureRows[T Float](count, ld int) []T { return fftAligned[T](count * ld) }

// TextureStrip is how many elements of a row are worked on at a time: few
// enough that all rows of the kernels stay in the first-level cache.
func TextureStrip[T Float]() int { return 1024 / int(unsafe.Sizeof(T(0))) }
