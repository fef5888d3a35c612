package kernels

import (
	"sync"
	"unsafe"
)

// The tiled matrix product (Goto and van de Geijn, "Anatomy of high-performance
// matrix multiplication", 2008): a panel of b, tileDepth rows deep, is packed into
// strips as wide as a tile; of a, a block of rows; then tiles of dst, which stay
// in registers, are passed over. An element is one chain of fused multiply-adds
// in index order, whatever the tile, the block or the thread.

const (
	tileDepth = 256     // rows of b in a panel: a strip fits the first-level cache
	panelSize = 1 << 17 // values of b in a panel
	blockRows = 96      // rows of a in a block: it fits the second-level cache
)

// tileStride is the distance of rows in a packed block.
func tileStride[T Float]() int { return tileDepth + 64/int(unsafe.Sizeof(T(0))) }

// A tiled is a product in progress, and its memory, which is kept.
type tiled[T Float] struct {
	dst, a, b      []T
	ldd, lda, ldb  int
	m, n           int
	transA, transB bool
	asm            *asmTable[T]

	at, depth     int // rows of b in the panel
	from, columns int // columns
	panel         []T
	threads       []tiledThread[T]

	packStrips, multiplyRows func(worker, lo, hi int)
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
		t = &tiled[T]{panel: make([]T, panelSize)}
		t.packStrips, t.multiplyRows = t.packB, t.multiply
	}
	for len(t.threads) < threads {
		t.threads = append(t.threads, tiledThread[T]{make([]T, blockRows*tileStride[T]()), make([]T, 12*32)})
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
	t := storeOf[T]().take(pool.Threads())
	t.asm, t.dst, t.a, t.b, t.ldd, t.lda, t.ldb = asm, dst, a, b, ldd, lda, ldb
	t.m, t.n, t.transA, t.transB = m, n, transA, transB
	width := panelSize / tileDepth / asm.tileColumns * asm.tileColumns
	for t.from = 0; t.from < n; t.from += width {
		t.columns = min(width, n-t.from)
		for t.at = 0; t.at < k; t.at += tileDepth {
			t.depth = min(tileDepth, k-t.at)
			pool.For((t.columns+asm.tileColumns-1)/asm.tileColumns, 4, t.packStrips)
			pool.For(m, asm.tileRows, t.multiplyRows)
		}
	}
	storeOf[T]().give(t)
}

// packB packs strips lo up to hi of the panel: depth rows of tileColumns.
func (t *tiled[T]) packB(_, lo, hi int) {
	width := t.asm.tileColumns
	for s := lo; s < hi; s++ {
		strip := t.panel[s*width*t.depth : (s+1)*width*t.depth]
		j := t.from + s*width
		columns := min(width, t.from+t.columns-j)
		if columns < width {
			clear(strip)
		}
		if t.transB {
			t.transpose(strip, width, t.b[j*t.ldb+t.at:], t.ldb, columns, t.depth)
			continue
		}
		for p := range t.depth {
			copy(strip[p*width:p*width+columns], t.b[(t.at+p)*t.ldb+j:])
		}
	}
}

// packA packs rows lo up to hi of a, tileStride apart.
func (t *tiled[T]) packA(block []T, lo, hi int) {
	stride := tileStride[T]()
	if t.transA {
		t.transpose(block, stride, t.a[t.at*t.lda+lo:], t.lda, t.depth, hi-lo)
		return
	}
	for i := lo; i < hi; i++ {
		copy(block[(i-lo)*stride:(i-lo)*stride+t.depth], t.a[i*t.lda+t.at:])
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

// multiply computes rows lo up to hi of dst, as far as the panel goes.
func (t *tiled[T]) multiply(worker, lo, hi int) {
	th, step := &t.threads[worker], t.asm.tileRows
	rows := blockRows / step * step
	for i := lo; i < hi; i += rows {
		end := min(i+rows, hi)
		t.packA(th.block, i, end)
		for j := 0; j < t.columns; j += t.asm.tileColumns {
			for r := i; r < end; r += step {
				t.tile(th, th.block[(r-i)*tileStride[T]():], r, min(step, end-r), j)
			}
		}
	}
}

// tile computes the tile of dst at row r and at column j of the panel, rows high,
// from the packed rows of a. What is less than a tile goes by way of edge.
func (t *tiled[T]) tile(th *tiledThread[T], a []T, r, rows, j int) {
	width, more := t.asm.tileColumns, 0
	if t.at > 0 {
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
	f, b := t.asm.tiles[half][narrow], &t.panel[j*t.depth]
	dst := t.dst[r*t.ldd+t.from+j:]
	if rows == high && columns == wide {
		f(&a[0], b, &dst[0], t.depth, t.ldd, more)
		return
	}
	for i := range rows {
		copy(th.edge[i*width:i*width+columns], dst[i*t.ldd:])
	}
	f(&a[0], b, &th.edge[0], t.depth, width, more)
	for i := range rows {
		copy(dst[i*t.ldd:i*t.ldd+columns], th.edge[i*width:])
	}
}
