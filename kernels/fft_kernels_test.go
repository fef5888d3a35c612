package kernels

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// The kernels of every body one by one, against definitions in complex128.
// Slices start off the alignment and are followed by guard words.

func TestFFTKernels(t *testing.T) {
	forBodiesRun(t, fftKernels[float32], fftKernels[float64])
}

func fftKernels[T Float](t *testing.T, level Level) {
	b := fftBodyOf[T](level)
	for radix := 1; radix <= fftMaxRadix; radix++ {
		for lay := range fftLayouts {
			for swap := range 2 {
				name := fmt.Sprintf("layout %d, radix %d, swap %d", lay, radix, swap)
				if f := b.load[lay][radix][swap]; f != nil {
					t.Run("load "+name, func(t *testing.T) { fftKernelLoad(t, b, f, lay, radix, swap) })
				}
				if f := b.store[lay][radix][swap]; f != nil {
					t.Run("store "+name, func(t *testing.T) { fftKernelStore(t, b, f, lay, radix, swap) })
				}
			}
		}
		if f := b.stage[radix]; f != nil {
			t.Run(fmt.Sprintf("stage %d", radix), func(t *testing.T) { fftKernelStage(t, b, f, radix) })
		}
	}
	for _, radix := range []int{3, 5, 7, 9, 11, 13, 17, 23} {
		t.Run(fmt.Sprintf("odd stage %d", radix), func(t *testing.T) { fftKernelStageOdd(t, b, radix) })
		t.Run(fmt.Sprintf("odd stage %d of reals", radix), func(t *testing.T) { fftKernelRealOdd(t, b, radix) })
		t.Run(fmt.Sprintf("inverse odd stage %d of reals", radix), func(t *testing.T) { fftKernelRealOddInverse(t, b, radix) })
	}
	t.Run("arrange", func(t *testing.T) { fftKernelArrange(t, b) })
	t.Run("negate", func(t *testing.T) { fftKernelNegate(t, b) })
	t.Run("tangle", func(t *testing.T) { fftKernelTangle(t, b) })
	t.Run("product", func(t *testing.T) { fftKernelProduct(t, b) })
	for kind := range b.short {
		for n := range b.short[kind] {
			if b.short[kind][n] != nil {
				t.Run(fmt.Sprintf("short %s %d", fftKindNames[kind], n), func(t *testing.T) { fftKernelShort(t, b, FFTKind(kind), n) })
			}
		}
	}
}

// fftGuarded returns n random numbers, unaligned, and what follows them.
func fftGuarded[T Float](n int) (x, after []T) {
	all := fftRandom[T](n + 20)[3:]
	for i := range all[n:] {
		all[n+i] = fftGuard
	}
	return all[:n:n], all[n:]
}

func requireGuards[T Float](t *testing.T, after []T) {
	t.Helper()
	for _, x := range after {
		require.True(t, x == fftGuard, "written beyond the end")
	}
}

// rowsOf returns the lanes of each row of a tile, in order.
func rowsOf[T Float](b *fftBody[T], tile []T) [][]complex128 {
	var rows [][]complex128
	for o := 0; o+2*b.lanes <= len(tile); o += 2 * b.lanes {
		row := make([]complex128, b.lanes)
		for i, s := range b.slot {
			row[i] = complex(float64(tile[o+s]), float64(tile[o+b.lanes+s]))
		}
		rows = append(rows, row)
	}
	return rows
}

// fftOffsets returns the offsets of lanes lines of n elements.
func fftOffsets(lay fftLayout, lanes, n int) (off []int, stride, size int) {
	for i := range lanes {
		switch lay {
		case fftColumns:
			off = append(off, 6+2*i)
		case fftPairs:
			off = append(off, 6+i)
		case fftRows:
			off = append(off, (lanes-1-i)*(2*n+4))
		default:
			off = append(off, (i*7%lanes)*(6*n+2))
		}
	}
	switch lay {
	case fftColumns, fftPairs:
		return off, 2*lanes + 6, 6 + n*(2*lanes+6)
	case fftRows:
		return off, 2, lanes * (2*n + 4)
	}
	return off, 6, lanes * (6*n + 2)
}

// fftPart returns how far the parts of an element are from each other.
func fftPart(lay fftLayout, stride, lanes int) int {
	switch lay {
	case fftTiles:
		return lanes
	case fftPairs:
		return stride / 2
	}
	return 1
}

func exchange(x complex128, swap int) complex128 {
	if swap == 1 {
		return complex(imag(x), real(x))
	}
	return x
}

// stageOf does the stage (len(x), q) at j by the definition.
func stageOf(x []complex128, j, q int) []complex128 {
	r := len(x)
	y := make([]complex128, r)
	for t := range y {
		for s := range x {
			y[t] += x[s] * cmplx.Rect(1, -2*math.Pi*float64(s*t%r)/float64(r))
		}
		y[t] *= cmplx.Rect(1, -2*math.Pi*float64(j*t)/float64(r*q))
	}
	return y
}

func fftClose[T Float](t *testing.T, want, got complex128, format string, args ...any) {
	t.Helper()
	bound := 1e-14
	if unsafe.Sizeof(T(0)) == 4 {
		bound = 5e-6
	}
	if !(cmplx.Abs(want-got) <= bound) {
		require.Fail(t, fmt.Sprintf("want %v, got %v", want, got), append([]any{format}, args...)...)
	}
}

func fftKernelLoad[T Float](t *testing.T, b *fftBody[T], f fftLoad[T], lay fftLayout, radix, swap int) {
	for _, q := range []int{1, 2, 3, 8, 16} {
		n := radix * q
		if lay == fftRows && q%b.rowBlock != 0 {
			continue
		}
		off, stride, size := fftOffsets(lay, b.lanes, n)
		src := fftRandom[T](size + 1)[1:]
		tile, after := fftGuarded[T](n * 2 * b.lanes)
		f(tile, src, off, stride, newFFTStage[T](radix, q, 1).tw, q)
		requireGuards(t, after)
		rows := rowsOf(b, tile)
		for i, o := range off {
			for j := range q {
				x := make([]complex128, radix)
				for s := range x {
					at := o + (j+s*q)*stride
					x[s] = exchange(complex(float64(src[at]), float64(src[at+fftPart(lay, stride, b.lanes)])), swap)
				}
				for s, y := range stageOf(x, j, q) {
					fftClose[T](t, y, rows[j+s*q][i], "q %d, lane %d, row %d", q, i, j+s*q)
				}
			}
		}
	}
}

func fftKernelStore[T Float](t *testing.T, b *fftBody[T], f fftStore[T], lay fftLayout, radix, swap int) {
	for _, q := range []int{1, 2, 3, 8, 16} {
		n := radix * q
		if lay == fftRows && q%b.rowBlock != 0 {
			continue
		}
		tile := fftRandom[T](n*2*b.lanes + 1)[1:]
		rows := rowsOf(b, tile)
		off, stride, size := fftOffsets(lay, b.lanes, n)
		if lay == fftTiles {
			off, stride, size = []int{6}, 2*b.lanes+6, 6+n*(2*b.lanes+6)
			for _, s := range b.slot[1:] {
				off = append(off, 6+s)
			}
		}
		dst, after := fftGuarded[T](size)
		heads := make([]int, q)
		for k := range heads {
			heads[k] = (q - 1 - k) * radix * 2 * b.lanes
		}
		f(dst, off, stride, tile, heads, q, .5)
		requireGuards(t, after)
		for i, o := range off {
			for k := range q {
				x := make([]complex128, radix)
				for s := range x {
					x[s] = rows[(q-1-k)*radix+s][i]
				}
				for s, y := range stageOf(x, 0, 1) {
					at := o + (k+s*q)*stride
					got := complex(float64(dst[at]), float64(dst[at+fftPart(lay, stride, b.lanes)]))
					fftClose[T](t, exchange(y/2, swap), got, "q %d, lane %d, frequency %d", q, i, k+s*q)
				}
			}
		}
	}
}

func fftKernelStage[T Float](t *testing.T, b *fftBody[T], f func(tile, tw []T, q, blocks int), radix int) {
	size := complex(max(1, math.Sqrt(float64(radix)/fftMaxRadix)), 0) // of the sums
	for _, c := range [][2]int{{1, 1}, {1, 5}, {2, 3}, {7, 1}, {16, 2}} {
		q, blocks := c[0], c[1]
		tile, after := fftGuarded[T](radix * q * blocks * 2 * b.lanes)
		before := rowsOf(b, tile)
		f(tile, newFFTStage[T](radix, q, 1).tw, q, blocks)
		requireGuards(t, after)
		got := rowsOf(b, tile)
		for i := range b.lanes {
			for j := range q * blocks {
				first := j/q*radix*q + j%q
				x := make([]complex128, radix)
				for s := range x {
					x[s] = before[first+s*q][i]
				}
				for s, y := range stageOf(x, j%q, q) {
					fftClose[T](t, y/size, got[first+s*q][i]/size, "q %d, lane %d, row %d", q, i, first+s*q)
				}
			}
		}
	}
}

func fftKernelStageOdd[T Float](t *testing.T, b *fftBody[T], radix int) {
	spare, beyond := fftGuarded[T](radix * 2 * b.lanes)
	stage := func(tile, tw []T, q, blocks int) {
		size := radix * q * 2 * b.lanes
		for i := range blocks {
			b.stageOdd(tile[i*size:(i+1)*size], spare, fftOddCoefficients[T](radix), tw, radix/2, q)
		}
	}
	fftKernelStage(t, b, stage, radix)
	requireGuards(t, beyond)
}

func fftKernelRealOdd[T Float](t *testing.T, b *fftBody[T], radix int) {
	half, size := radix/2, complex(max(1, math.Sqrt(float64(radix)/fftMaxRadix)), 0)
	for _, q := range []int{1, 2, 7} {
		var tw []T
		for j := range q {
			tw = append(tw, newFFTStage[T](radix, q, 1).tw[2*(radix-1)*j:][:2*half]...)
		}
		src := fftRandom[T](radix*q*b.lanes + 1)[1:]
		spare, beyond := fftGuarded[T](radix * b.lanes)
		tile, after := fftGuarded[T]((half + 1) * q * 2 * b.lanes)
		b.realOdd(tile, src, spare, fftOddCoefficients[T](radix), tw, half, q)
		requireGuards(t, beyond)
		requireGuards(t, after)
		got := rowsOf(b, tile)
		for i, slot := range b.slot {
			for j := range q {
				x := make([]complex128, radix)
				for s := range x {
					x[s] = complex(float64(src[(j+s*q)*b.lanes+slot]), 0)
				}
				for s, y := range stageOf(x, j, q)[:half+1] {
					fftClose[T](t, y/size, got[j+s*q][i]/size, "q %d, lane %d, row %d", q, i, j+s*q)
				}
			}
		}
	}
}

// The stage of reals and back is the radix, and what it is made of is rows in any
// order.
func fftKernelRealOddInverse[T Float](t *testing.T, b *fftBody[T], radix int) {
	half := radix / 2
	coef := fftOddCoefficients[T](radix)
	for _, q := range []int{1, 2, 7} {
		var tw []T
		for j := range q {
			tw = append(tw, newFFTStage[T](radix, q, 1).tw[2*(radix-1)*j:][:2*half]...)
		}
		src := fftRandom[T](radix*q*b.lanes + 1)[1:]
		spare, beyond := fftGuarded[T](radix * b.lanes)
		tile, mixed := make([]T, (half+1)*q*2*b.lanes), make([]T, (half+1)*q*2*b.lanes)
		fftRealOddGo(tile, src, make([]T, radix), coef, tw, half, q, b.lanes)
		pos := reversedRows(q, b.lanes)
		for t := range half + 1 {
			for j, o := range pos {
				row := 2 * b.lanes
				copy(mixed[t*q*row+o:][:row], tile[(t*q+j)*row:])
			}
		}
		dst, after := fftGuarded[T](radix * q * b.lanes)
		b.realOddInverse(dst, mixed, mixed[b.lanes:], pos, spare, coef, tw, half)
		requireGuards(t, beyond)
		requireGuards(t, after)
		for i, x := range src {
			fftClose[T](t, complex(float64(x), 0), complex(float64(dst[i])/float64(radix), 0), "q %d, element %d", q, i)
		}
	}
}

func fftKernelArrange[T Float](t *testing.T, b *fftBody[T]) {
	for _, n := range []int{1, 2, 5} {
		src, w := fftRandom[T](n*2*b.lanes), fftRandom[T](2*n)
		dst, after := fftGuarded[T](n * 2 * b.lanes)
		want := make([]T, len(dst))
		fftArrangeGo(want, src, reversedRows(n, b.lanes), w, b.lanes)
		b.arrange(dst, src, reversedRows(n, b.lanes), w)
		requireGuards(t, after)
		require.Equal(t, want, dst)
	}
}

func fftKernelNegate[T Float](t *testing.T, b *fftBody[T]) {
	for _, n := range []int{1, 2, 5} {
		tile, after := fftGuarded[T](n * 2 * b.lanes)
		want := append([]T(nil), tile...)
		rows := reversedRows(n, b.lanes)[n/2:]
		fftNegateGo(want[b.lanes:], rows, b.lanes)
		b.negate(tile[b.lanes:], rows)
		requireGuards(t, after)
		require.Equal(t, want, tile)
	}
}

// reversedRows returns the rows of a tile in falling order.
func reversedRows(n, lanes int) []int {
	pos := make([]int, n)
	for k := range pos {
		pos[k] = (n - 1 - k) * 2 * lanes
	}
	return pos
}

func fftKernelTangle[T Float](t *testing.T, b *fftBody[T]) {
	for _, inverse := range []bool{false, true} {
		for _, h := range []int{1, 2, 3, 4, 5, 8, 31, 64} {
			pos := reversedRows(h, b.lanes)
			tile, after := fftGuarded[T](h * 2 * b.lanes)
			want := append([]T(nil), tile...)
			u := fftTangles[T](2*h, inverse)
			fftTangleGo(want, want[b.lanes:], pos, u, b.lanes)
			b.tangle(tile, tile[b.lanes:], pos, u)
			requireGuards(t, after)
			for j, row := range rowsOf(b, want) {
				for i, x := range row {
					fftClose[T](t, x, rowsOf(b, tile)[j][i], "h %d, row %d, lane %d", h, j, i)
				}
			}
			if b.tangleLines != nil && h%16 == 0 {
				fftKernelTangleLines(t, b, h, u)
			}
		}
	}
}

// Two lines in place, and from others.
func fftKernelTangleLines[T Float](t *testing.T, b *fftBody[T], h int, u []T) {
	lines, after := fftGuarded[T](2 * 2 * h)
	x := append([]T{0}, lines...)
	want := append([]T(nil), lines...)
	pos := make([]int, h)
	for k := range pos {
		pos[k] = 2 * k
	}
	y := append([]T(nil), lines...)
	for _, o := range []int{0, 2 * h} {
		for _, z := range [][]T{lines, y} {
			fftTangleGo(z[o:], z[o+1:], pos[:1], u, 1) // number 0
		}
		fftTangleGo(want[o:], want[o+1:], pos, u, 1)
	}
	tw := fftLineTangles(u, b.lanes)
	b.tangleLines(lines, []int{2 * h, 0}, lines, []int{2 * h, 0}, h, tw)
	b.tangleLines(y, []int{0, 2 * h}, x, []int{1, 2*h + 1}, h, tw)
	requireGuards(t, after)
	for i := range lines {
		for _, z := range [][]T{lines, y} {
			fftClose[T](t, complex(float64(want[i]), 0), complex(float64(z[i]), 0), "h %d, element %d", h, i)
		}
	}
}

func fftKernelProduct[T Float](t *testing.T, b *fftBody[T]) {
	for _, n := range []int{1, 2, 5, 16} {
		pos := reversedRows(n, b.lanes)
		src := fftRandom[T](n*2*b.lanes + 1)[1:]
		w := fftRandom[T](2 * n)
		dst, after := fftGuarded[T](n * 2 * b.lanes)
		b.product(dst, src, pos, w, n)
		requireGuards(t, after)
		from, to := rowsOf(b, src), rowsOf(b, dst)
		for k := range n {
			for i := range b.lanes {
				x := from[n-1-k][i] * complex(float64(w[2*k]), float64(w[2*k+1]))
				fftClose[T](t, exchange(x, 1), to[k][i], "row %d, lane %d", k, i)
			}
		}
	}
}

// Lines in any order, the last one repeated, among guard words.
func fftKernelShort[T Float](t *testing.T, b *fftBody[T], kind FFTKind, n int) {
	srcLen, dstLen := 2*n, 2*n
	switch kind {
	case FFTReal:
		srcLen, dstLen = n, n/2*2+2
	case FFTRealInverse:
		srcLen, dstLen = n/2*2+2, n
	}
	lines, scale := 3*b.lanes-1, T(.75)
	src := fftRandom[T](lines*srcLen + 3)[3:]
	dst := make([]T, lines*(dstLen+5)+3)
	for i := range dst {
		dst[i] = fftGuard
	}
	to, from := make([]int, lines+1), make([]int, lines+1)
	for i := range to {
		l := min(i, lines-1) * 7 % lines // 7 and the numbers of lines have no common factor
		to[i], from[i] = 3+l*(dstLen+5), l*srcLen
	}
	tile := fftRandom[T](fftShortRows(n) * 2 * b.lanes)
	b.short[kind][n](dst, src, tile, to, from, fftShortTurns(b, n, scale), scale)
	s := FFTSpec{Kind: kind, Shape: []int{n}, Axes: []int{0}, Scale: float64(scale)}
	if kind == FFTReal && n%2 == 0 {
		s.Scale *= 2
	}
	for i := range to {
		x := newFFTDense([]int{srcLen})
		for j := range x.x {
			x.x[j] = complex(float64(src[from[i]+j]), 0)
		}
		if kind != FFTReal {
			x = newFFTDense([]int{srcLen / 2})
			for j := range x.x {
				x.x[j] = complex(float64(src[from[i]+2*j]), float64(src[from[i]+2*j+1]))
			}
		}
		want := naiveFFT(s, x).x
		for k := range dstLen {
			w := real(want[k/2])
			switch {
			case kind == FFTRealInverse:
				w = real(want[k])
			case k%2 == 1:
				w = imag(want[k/2])
			}
			fftClose[T](t, complex(w/float64(n), 0), complex(float64(dst[to[i]+k])/float64(n), 0), "line %d, real %d", i, k)
		}
	}
	for i := range to[:lines] {
		for k := range dstLen {
			dst[to[i]+k] = fftGuard
		}
	}
	requireGuards(t, dst)
}
