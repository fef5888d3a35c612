package kernels

import (
	"math/bits"
	"slices"
)

// An fftLayout says how the lines of a tile lie in an array.
type fftLayout uint8

const (
	fftAny     fftLayout = iota // each at its own offset
	fftColumns                  // side by side, without gaps
	fftRows                     // each contiguous, at its own offset
	fftTiles                    // as in a tile, the parts apart: for storing only
	fftPairs                    // of reals, side by side: see fftLoad
	fftLayouts
)

// fftMaxRadix is the largest radix that has kernels of its own.
const fftMaxRadix = 8

// fftMaxOdd is the largest prime that is a radix; from some such size on a
// convolution is faster.
const fftMaxOdd = 61

// An fftLoad fills a tile of radix·q rows with complex lines of src, then does
// the stage (radix, q, tw) on it, unless the radix is 1. Lane i is at off[i],
// its element j at off[i] + j·stride; both count reals. The parts of an element are
// two reals that follow each other, in fftPairs half a stride apart.
type fftLoad[T Float] func(tile, src []T, off []int, stride int, tw []T, q int)

// An fftStore does the last stage on the radix rows at each heads[k], k < q,
// and writes frequency k + tq of lane i, times scale, to dst at
// off[i] + (k+tq)·stride, as fftLoad reads it; fftTiles has the parts a vector apart.
type fftStore[T Float] func(dst []T, off []int, stride int, tile []T, heads []int, q int, scale T)

// An fftLoadMasked is an fftLoad of side by side lines from src on that takes
// each number times the mask, and exchanges the parts.
type fftLoadMasked[T Float] func(tile, src []T, stride int, tw []T, q int, mask []T)

// An fftAddMasked is an fftStore that adds, times the mask, to side by side lines
// from dst on.
type fftAddMasked[T Float] func(dst []T, stride int, tile []T, heads []int, q int, mask []T)

// An fftBody is a set of kernels for tiles of the same number of lanes. In a
// tile, row j is the 2·lanes elements from j·2·lanes on.
type fftBody[T Float] struct {
	lanes int
	slot  []int // slot[i] is where in a row lane i is
	// rowBlock divides the number of rows of a tile that is loaded or stored
	// with the fftRows kernels; 0 if there are none.
	rowBlock int
	// load and store by layout, radix (1 is without a stage; nil if the body
	// has no such kernel) and whether real and imaginary parts are exchanged.
	load  [fftLayouts][fftMaxOdd + 1][2]fftLoad[T]
	store [fftLayouts][fftMaxOdd + 1][2]fftStore[T]
	// loadMasked and addMasked by radix, see FFTBands; nil if the body has none.
	loadMasked [fftMaxOdd + 1]fftLoadMasked[T]
	addMasked  [fftMaxOdd + 1]fftAddMasked[T]
	// prefetch has rows of a tile, 2·lanes reals, brought near: in each of rows rows count of
	// them, which lie stride apart, and the rows next; or nil.
	prefetch func(src []T, stride, count, next, rows int)
	// pieces copies a row of a tile, 2·lanes reals, for each of rows rows and of tiles
	// tiles, which lie so far apart; or nil.
	pieces func(dst, src []T, dstRow, srcRow, dstNext, srcNext, rows, tiles int)
	// stage does an inner stage on blocks blocks.
	stage [fftMaxOdd + 1]func(tile, tw []T, q, blocks int)
	// stageOdd, realOdd, realOddInverse, arrange and negate, see the functions called
	// fft…Go.
	stageOdd       func(tile, spare, coef, tw []T, half, q int)
	realOdd        func(tile, src, spare, coef, tw []T, half, q int)
	realOddInverse func(dst, re, im []T, pos []int, spare, coef, tw []T, half int)
	arrange        func(dst, src []T, pos []int, w []T)
	negate         func(part []T, rows []int)
	// cross does the last stage of a line that has the tile for itself, see
	// fftCross; nil if the body has none.
	cross [2]func(dst, tile []T, pos []int, tw []T, q int)
	// short has kernels by kind and length; shortWide is how many numbers of a line
	// those for multiples of 16 have in 128 bits; wideRows, if not 0, how many vectors of
	// such numbers of lines, twice the lanes long or longer, are done at a time instead;
	// joined, if not 0, how many numbers are in a vector of those that joins reports.
	short                       [FFTRealInverse + 1][fftShortMost + 1]fftShort[T]
	shortWide, wideRows, joined int
	// tangleLines is fftTangleGo, but for number 0, from contiguous lines of n numbers, a
	// multiple of 16, those from from[i] on in x, to those from to[i] on in y, which may be
	// the same; at least one. See fftLineTangles for tw. Nil if the body has none.
	tangleLines func(y []T, to []int, x []T, from []int, n int, tw []T)
	// tangle, see fftTangleGo, and product: dst row k, k < n, is the row of src at
	// pos[k] times w[k], with real and imaginary parts exchanged.
	tangle  func(re, im []T, pos []int, u []T)
	product func(dst, src []T, pos []int, w []T, n int)
}

// fftBodyOf returns the body of a level, which all transforms share.
func fftBodyOf[T Float](level Level) *fftBody[T] {
	var z T
	if _, ok := any(z).(float32); ok {
		return any(fftBodies32[level]()).(*fftBody[T])
	}
	return any(fftBodies64[level]()).(*fftBody[T])
}

// fftSwap returns the index of the kernels that exchange the parts, or do not.
func fftSwap(b bool) int {
	if b {
		return 1
	}
	return 0
}

// loader returns the kernel that loads radix·q rows, or nil.
func (b *fftBody[T]) loader(lay fftLayout, radix int, swap bool, q int) fftLoad[T] {
	return b.load[b.suited(lay, radix*q)][radix][fftSwap(swap)]
}

// storer returns the kernel that stores radix·q rows, or nil.
func (b *fftBody[T]) storer(lay fftLayout, radix int, swap bool, q int) fftStore[T] {
	return b.store[b.suited(lay, radix*q)][radix][fftSwap(swap)]
}

// suited returns lay, or fftAny if there are no kernels for so many rows.
func (b *fftBody[T]) suited(lay fftLayout, rows int) fftLayout {
	if lay == fftRows && (b.rowBlock == 0 || rows%b.rowBlock != 0) {
		return fftAny
	}
	return lay
}

// loadRows fills n rows without a stage: those of whole blocks first.
func (b *fftBody[T]) loadRows(tile, src []T, off []int, stride int, lay fftLayout, swap bool, n int) {
	if whole := b.wholeBlocks(lay, n); whole > 0 {
		b.loader(lay, 1, swap, whole)(tile, src, off, stride, nil, whole)
		tile, src, n = tile[whole*2*b.lanes:], src[whole*stride:], n-whole
	}
	b.loader(lay, 1, swap, n)(tile, src, off, stride, nil, n)
}

// storeRows writes the rows at pos.
func (b *fftBody[T]) storeRows(dst []T, off []int, stride int, tile []T, lay fftLayout, swap bool, pos []int, scale T) {
	if whole := b.wholeBlocks(lay, len(pos)); whole > 0 {
		b.storer(lay, 1, swap, whole)(dst, off, stride, tile, pos, whole, scale)
		dst, pos = dst[whole*stride:], pos[whole:]
	}
	b.storer(lay, 1, swap, len(pos))(dst, off, stride, tile, pos, len(pos), scale)
}

// wholeBlocks returns how many of n rows come before a rest that needs another
// kernel; 0 if there is none.
func (b *fftBody[T]) wholeBlocks(lay fftLayout, n int) int {
	if lay != fftRows || b.rowBlock == 0 || n%b.rowBlock == 0 {
		return 0
	}
	return n / b.rowBlock * b.rowBlock
}

// factor splits n into radices of stages, in their order, and a rest that has
// none. Powers of two are outermost, where loads and stores can do them.
func (b *fftBody[T]) factor(n int) (radices []int, rest int) {
	inner, n := fftOddFactors(n)
	twos := bits.TrailingZeros(uint(n))
	rest = n >> twos
	outer := b.powerRadices(twos)
	if k := len(outer); k > 1 && rest == 1 {
		radices = append(radices, outer[0])
		radices = append(radices, inner...)
		return append(radices, outer[1:]...), 1
	}
	if rest > 1 {
		return append(outer, inner...), rest
	}
	return append(inner, outer...), 1
}

// fftOddFactors returns the odd prime factors of n that are radices, in falling
// order, and what is left.
func fftOddFactors(n int) (factors []int, rest int) {
	for r := 3; r <= fftMaxOdd; r += 2 {
		for n%r == 0 {
			factors = append(factors, r)
			n /= r
		}
	}
	slices.Reverse(factors)
	return factors, n
}

// powerRadices splits 2^twos into 8s, if the body has them, 4s and at most one 2.
func (b *fftBody[T]) powerRadices(twos int) []int {
	var eights, fours int
	if b.stage[8] != nil {
		eights = twos / 3
		if twos%3 == 1 && eights > 0 {
			eights-- // 8·2 is 4·4
		}
	}
	fours = (twos - 3*eights) / 2
	var rs []int
	for range fours {
		rs = append(rs, 4)
	}
	if (twos-3*eights)%2 == 1 {
		at := min(1, len(rs))
		rs = append(rs[:at], append([]int{2}, rs[at:]...)...)
	}
	for range eights {
		rs = append(rs, 8)
	}
	return rs
}

// convolutionLength returns a length ≥ least that is fast.
func (b *fftBody[T]) convolutionLength(least int) int {
	best := 1 << bits.Len(uint(least-1))
	for _, odd := range []int{3, 5, 9, 15} {
		m := odd
		for m < least {
			m *= 2
		}
		if m < best && m%4 == 0 {
			best = m
		}
	}
	return best
}
