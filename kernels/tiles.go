package kernels

import (
	"sync"
	"unsafe"
)

// The tiled matrix product (Goto and van de Geijn, "Anatomy of high-performance
// matrix multiplication", 2008): b is packed into strips as wide as a tile, in
// panels some hundred rows deep; of a, a block of rows; then tiles of dst, which stay
// in registers, are passed over. An element is one chain of fused multiply-adds
// in index order, whatever the tile, the block or the thread. Threads meet when
// what fits packedSize is packed and when it is used up; between, at every panel
// that is work enough, so that each finds that panel in its second-level cache.

const (
	packedSize    = 1 << 20                // values of b packed at a time
	packedColumns = 1024                   // columns of b packed at a time
	blockRows     = 72                     // rows of a in a block, at most: it fits the second-level cache
	blockSize     = blockRows * (512 + 16) // of a, in values, at most
	threadWork    = 1 << 16                // multiplications below which threads do not pay
	panelWork     = 1 << 21                // multiplications for which they may wait for each other
)

// A tiled is a product in progress, and its memory, which is kept.
type tiled[T Float] struct {
	dst, a, b      []T
	ldd, lda, ldb  int
	m, n           int
	transA, transB bool
	asm            *asmTable[T]

	at, deep      int // rows of b that are packed
	panel, panels int // those of them that are multiplied
	from, columns int // columns
	strips, units int // of the columns; of the rows, each a block
	packed        []T
	threads       []tiledThread[T]

	packStrips, multiplyUnits func(worker, lo, hi int)
}

// A tiledThread is the memory of one thread.
type tiledThread[T Float] struct{ block, edge []T }

// A tiledStore keeps products for the next call: as many as ever ran at once.
type tiledStore[T Float] struct {
	mu   sync.Mutex
	free []*tiled[T]
}

var (
	tiled32 tiledStore[float32]
	tiled64 tiledStore[float64]
)

func storeOf[T Float]() *tiledStore[T] {
	var s any = &tiled64
	if unsafe.Sizeof(T(0)) == 4 {
		s = &tiled32
	}
	return s.(*tiledStore[T])
}

// take returns a product with memory for so many threads.
func (s *tiledStore[T]) take(threads int) *tiled[T] {
	s.mu.Lock()
	var t *tiled[T]
	if n := len(s.free); n > 0 {
		t, s.free = s.free[n-1], s.free[:n-1]
	}
	s.mu.Unlock()
	if t == nil {
		t = &tiled[T]{}
		t.packStrips, t.multiplyUnits = t.packB, t.multiply
	}
	for len(t.threads) < threads {
		t.threads = append(t.threads, tiledThread[T]{make([]T, blockSize), make([]T, 12*32)})
	}
	return t
}

func (s *tiledStore[T]) give(t *tiled[T]) {
	t.dst, t.a, t.b = nil, nil, nil
	s.mu.Lock()
	s.free = append(s.free, t)
	s.mu.Unlock()
}

// worthTiles reports whether packing pays: not for few rows, for which b is read
// once or twice as it is, nor for a few rows of b, a strip of which stays in the
// first-level cache unpacked.
func worthTiles(m, n, k int, transB bool) bool {
	return m >= 4 && m*n*k >= 1<<12 && (transB || k > 16)
}

// gemmTiled is Gemm by tiles, for k > 0.
func gemmTiled[T Float](asm *asmTable[T], dst []T, ldd int, a []T, lda int, b []T, ldb int, m, n, k int, transA, transB bool, pool *Pool) {
	if m*n*k < threadWork {
		pool = nil
	}
	t := storeOf[T]().take(pool.Threads())
	t.asm, t.dst, t.a, t.b, t.ldd, t.lda, t.ldb = asm, dst, a, b, ldd, lda, ldb
	t.m, t.n, t.transA, t.transB = m, n, transA, transB
	t.setUnits(pool.Threads())
	for t.from = 0; t.from < n; t.from += packedColumns {
		t.columns = min(packedColumns, n-t.from)
		t.strips = (t.columns + asm.tileColumns - 1) / asm.tileColumns
		width := t.strips * asm.tileColumns
		deep := packedSize / width / asm.tileDepth * asm.tileDepth
		t.reserve(width * min(deep, k))
		for t.at = 0; t.at < k; t.at += deep {
			t.deep = min(deep, k-t.at)
			pool.For((t.deep+asm.tileDepth-1)/asm.tileDepth*t.strips, 4, t.packStrips)
			panels := t.deep
			if m*t.columns*asm.tileDepth >= panelWork {
				panels = asm.tileDepth
			}
			for t.panel = 0; t.panel < t.deep; t.panel += panels {
				t.panels = min(panels, t.deep-t.panel)
				pool.For(t.units, 1, t.multiplyUnits)
			}
		}
	}
	storeOf[T]().give(t)
}

// setUnits divides the rows into units of about as many tiles, blockRows at most.
func (t *tiled[T]) setUnits(threads int) {
	tiles := (t.m + t.asm.tileRows - 1) / t.asm.tileRows
	most := blockRows / t.asm.tileRows
	t.units = (tiles + most - 1) / most
	if chunks := threads * chunksPerThread; threads > 1 {
		t.units = min(tiles, (t.units+chunks-1)/chunks*chunks)
	}
}

// reserve makes packed at least n long.
func (t *tiled[T]) reserve(n int) {
	if len(t.packed) < n {
		t.packed = make([]T, n)
	}
}

// strip returns strip s of the panel that begins p rows into what is packed, and
// how many rows that panel has.
func (t *tiled[T]) strip(p, s int) (strip []T, depth int) {
	width, depth := t.asm.tileColumns, min(t.asm.tileDepth, t.deep-p)
	at := (p*t.strips + s*depth) * width
	return t.packed[at : at+width*depth], depth
}

// packB packs strips lo up to hi, counted over the panels: rows of tileColumns.
func (t *tiled[T]) packB(_, lo, hi int) {
	width := t.asm.tileColumns
	for u := lo; u < hi; u++ {
		p, s := u/t.strips*t.asm.tileDepth, u%t.strips
		strip, depth := t.strip(p, s)
		at, j := t.at+p, t.from+s*width
		columns := min(width, t.from+t.columns-j)
		if columns < width {
			clear(strip)
		}
		if t.transB {
			t.transpose(strip, width, t.b[j*t.ldb+at:], t.ldb, columns, depth)
			continue
		}
		if columns == width {
			_ = t.b[(at+depth-1)*t.ldb+j+width-1]
			t.asm.pack(&strip[0], &t.b[at*t.ldb+j], t.ldb, depth)
			continue
		}
		for q := range depth {
			copy(strip[q*width:q*width+columns], t.b[(at+q)*t.ldb+j:])
		}
	}
}

// packA packs rows lo up to hi of a, tileStride apart, columns at up to at+depth.
func (t *tiled[T]) packA(block []T, lo, hi, at, depth int) {
	stride := t.asm.tileStride
	if t.transA {
		t.transpose(block, stride, t.a[at*t.lda+lo:], t.lda, depth, hi-lo)
		return
	}
	for i := lo; i < hi; i++ {
		copy(block[(i-lo)*stride:(i-lo)*stride+depth], t.a[i*t.lda+at:])
	}
}

// transpose copies src, m×n, to dst, n×m, turned over.
func (t *tiled[T]) transpose(dst []T, ldd int, src []T, lds, m, n int) {
	g := 32 / int(unsafe.Sizeof(T(0)))
	wholeM, wholeN := m/g*g, n/g*g
	for i := 0; i < wholeM && wholeN > 0; i += g {
		t.asm.transpose(&dst[i], &src[i*lds], ldd, lds, wholeN)
	}
	for i := range m {
		start := wholeN
		if i >= wholeM {
			start = 0
		}
		for j := start; j < n; j++ {
			dst[j*ldd+i] = src[i*lds+j]
		}
	}
}

// multiply computes units lo up to hi of the rows of dst, by the panels at hand.
func (t *tiled[T]) multiply(worker, lo, hi int) {
	step := t.asm.tileRows
	tiles := (t.m + step - 1) / step
	for p := t.panel; p < t.panel+t.panels; p += t.asm.tileDepth {
		for u := lo; u < hi; u++ {
			t.multiplyBlock(&t.threads[worker], u*tiles/t.units*step, min((u+1)*tiles/t.units*step, t.m), p)
		}
	}
}

// multiplyBlock computes rows lo up to hi of dst, as far as the panel goes that
// begins p rows into what is packed. Meanwhile the rows of a of the next block, as far
// as there are so many strips, are brought near.
func (t *tiled[T]) multiplyBlock(th *tiledThread[T], lo, hi, p int) {
	step, stride := t.asm.tileRows, t.asm.tileStride
	depth, sum := min(t.asm.tileDepth, t.deep-p), t.at+p > 0
	t.packA(th.block, lo, hi, t.at+p, depth)
	whole := (hi - lo) / step
	for s := range t.strips {
		b, _ := t.strip(p, s)
		j := s * t.asm.tileColumns
		done := 0
		if whole > 0 && t.columns-j >= t.asm.tileColumns {
			t.column(th.block, b, lo, whole, j, depth, sum, t.ahead(hi, whole*s, t.at+p))
			done = whole * step
		}
		for r := lo + done; r < hi; r += step {
			t.tile(th, th.block[(r-lo)*stride:], b, r, min(step, hi-r), j, depth, sum)
		}
	}
}

// ahead returns where row lo+i of a has its part from column at on; nil where there is
// none, or it is not in one piece.
func (t *tiled[T]) ahead(lo, i, at int) *T {
	if t.transA || i >= blockRows || lo+i >= t.m {
		return nil
	}
	return &t.a[(lo+i)*t.lda+at]
}

// column computes so many whole tiles of dst, from row r and column j of those packed
// down. It brings as many rows of a near as there are tiles, from ahead on; if that is
// nil, what is near already.
func (t *tiled[T]) column(a, b []T, r, tiles, j, depth int, sum bool, ahead *T) {
	c := &t.dst[r*t.ldd+t.from+j]
	next, lda, more := c, t.lda, 0
	if j+2*t.asm.tileColumns <= t.columns {
		next = &t.dst[r*t.ldd+t.from+j+t.asm.tileColumns]
	}
	if ahead == nil {
		ahead, lda = &a[0], 0
	}
	if sum {
		more = 1
	}
	t.asm.tiles[0][0](&a[0], &b[0], c, next, ahead, tiles, depth, t.ldd, lda, more)
}

// tile computes the tile of dst at row r and at column j of those packed, rows
// high, from the packed rows of a and the strip b; it adds to what is there if
// sum. What is less than a tile goes by way of edge.
func (t *tiled[T]) tile(th *tiledThread[T], a, b []T, r, rows, j, depth int, sum bool) {
	width, more := t.asm.tileColumns, 0
	if sum {
		more = 1
	}
	columns := min(width, t.columns-j)
	high, wide := t.asm.tileRows, width
	var half, narrow int
	if rows <= high/2 {
		half, high = 1, high/2
	}
	if columns <= width/2 {
		narrow, wide = 1, width/2
	}
	f := t.asm.tiles[half][narrow]
	dst := t.dst[r*t.ldd+t.from+j:]
	if rows == high && columns == wide {
		f(&a[0], &b[0], &dst[0], &dst[0], &a[0], 1, depth, t.ldd, 0, more)
		return
	}
	for i := range rows {
		copy(th.edge[i*width:i*width+columns], dst[i*t.ldd:])
	}
	f(&a[0], &b[0], &th.edge[0], &th.edge[0], &a[0], 1, depth, width, 0, more)
	for i := range rows {
		copy(dst[i*t.ldd:i*t.ldd+columns], th.edge[i*width:])
	}
}
