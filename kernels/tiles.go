package kernels

import (
	"sync"
	"unsafe"
)

// The tiled matrix product (Goto and van de Geijn, "Anatomy of high-performance
// matrix multiplication", 2008): a panel of b, some hundred rows deep, is packed into
// strips as wide as a tile; of a, a block of rows; then tiles of dst, which stay in
// registers, are passed over. An element is one chain of fused multiply-adds in index
// order, whatever the tile, the block or the thread. Threads share the columns or the
// rows of dst, whichever are more, and each packs what it needs of the other: that costs
// less than to fetch what another has packed, and nobody waits.

const (
	packedColumns = 1024                   // columns of b packed at a time
	blockRows     = 48                     // rows of a in a block, at most: it fits the second-level cache
	blockSize     = blockRows * (512 + 16) // of a, in values, at most
	threadWork    = 1 << 16                // multiplications below which threads do not pay
	partSize      = 512                    // rows or columns of a part beyond one for each thread, at least
)

// A tiled is a product in progress, and its memory, which is kept.
type tiled[T Float] struct {
	dst, a, b      []T
	ldd, lda, ldb  int
	m, n, k        int
	transA, transB bool
	asm            *asmTable[T]

	byRows  bool // how threads share dst
	part    int  // that many rows or columns at a time
	threads []tiledThread[T]
	run     func(worker, lo, hi int)
}

// A tiledThread is the memory of one thread, and the panel it has packed.
type tiledThread[T Float] struct {
	packed, block, edge   []T
	from, columns, strips int // of b
	at, depth             int // rows of b
}

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
		t.run = t.parts
	}
	for len(t.threads) < threads {
		t.threads = append(t.threads, tiledThread[T]{block: make([]T, blockSize), edge: make([]T, 12*32)})
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
	t.m, t.n, t.k, t.transA, t.transB = m, n, k, transA, transB
	size, tile := n, asm.tileColumns
	if t.byRows = m > n; t.byRows {
		size, tile = m, asm.tileRows
	}
	parts := pool.Threads()
	for parts > 1 && parts < pool.Threads()*chunksPerThread && size >= 2*parts*partSize {
		parts *= 2
	}
	t.part = (size + parts*tile - 1) / (parts * tile) * tile
	pool.For((size+t.part-1)/t.part, 1, t.run)
	storeOf[T]().give(t)
}

// parts computes parts lo up to hi of dst.
func (t *tiled[T]) parts(worker, lo, hi int) {
	top, bottom, left, right := 0, t.m, lo*t.part, min(hi*t.part, t.n)
	if t.byRows {
		top, bottom, left, right = lo*t.part, min(hi*t.part, t.m), 0, t.n
	}
	th, step := &t.threads[worker], t.asm.tileRows
	tiles := (bottom - top + step - 1) / step
	blocks := (tiles*step + blockRows - 1) / (blockRows / step * step)
	for th.from = left; th.from < right; th.from += packedColumns {
		th.columns = min(packedColumns, right-th.from)
		th.strips = (th.columns + t.asm.tileColumns - 1) / t.asm.tileColumns
		for th.at = 0; th.at < t.k; th.at += t.asm.tileDepth {
			th.depth = min(t.asm.tileDepth, t.k-th.at)
			t.packB(th)
			for i := range blocks {
				t.block(th, top+i*tiles/blocks*step, min(top+(i+1)*tiles/blocks*step, bottom))
			}
		}
	}
}

// strip returns strip s of the panel: rows of tileColumns.
func (t *tiled[T]) strip(th *tiledThread[T], s int) []T {
	size := th.depth * t.asm.tileColumns
	return th.packed[s*size : (s+1)*size]
}

// packB packs the panel.
func (t *tiled[T]) packB(th *tiledThread[T]) {
	width := t.asm.tileColumns
	if n := th.strips * width * th.depth; len(th.packed) < n {
		th.packed = make([]T, n)
	}
	for s := range th.strips {
		strip, j := t.strip(th, s), th.from+s*width
		columns := min(width, th.from+th.columns-j)
		if columns < width {
			clear(strip)
		}
		if t.transB {
			transpose(strip, width, t.b[j*t.ldb+th.at:], t.ldb, columns, th.depth, t.asm)
			continue
		}
		if columns == width {
			_ = t.b[(th.at+th.depth-1)*t.ldb+j+width-1]
			t.asm.pack(&strip[0], &t.b[th.at*t.ldb+j], t.ldb, th.depth)
			continue
		}
		for q := range th.depth {
			copy(strip[q*width:q*width+columns], t.b[(th.at+q)*t.ldb+j:])
		}
	}
}

// packA packs rows lo up to hi of a, tileStride apart, as deep as the panel.
func (t *tiled[T]) packA(th *tiledThread[T], lo, hi int) {
	stride := t.asm.tileStride
	if t.transA {
		transpose(th.block, stride, t.a[th.at*t.lda+lo:], t.lda, th.depth, hi-lo, t.asm)
		return
	}
	for i := lo; i < hi; i++ {
		copy(th.block[(i-lo)*stride:(i-lo)*stride+th.depth], t.a[i*t.lda+th.at:])
	}
}

// block computes rows lo up to hi of dst, as far as the panel goes. Meanwhile the rows
// of a of the next block, as far as there are so many strips, are brought near.
func (t *tiled[T]) block(th *tiledThread[T], lo, hi int) {
	step, width := t.asm.tileRows, t.asm.tileColumns
	t.packA(th, lo, hi)
	whole := (hi - lo) / step
	for s := range th.strips {
		done := 0
		if whole > 0 && (s+1)*width <= th.columns {
			t.column(th, s, lo, whole, t.ahead(hi, whole*s, th.at))
			done = whole * step
		}
		for r := lo + done; r < hi; r += step {
			t.tile(th, th.block[(r-lo)*t.asm.tileStride:], s, r, min(step, hi-r))
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

// column computes so many whole tiles of dst from row r down, in strip s. It brings as
// many rows of a near as there are tiles, from ahead on; if that is nil, what is near
// already.
func (t *tiled[T]) column(th *tiledThread[T], s, r, tiles int, ahead *T) {
	at, width := r*t.ldd+th.from+s*t.asm.tileColumns, t.asm.tileColumns
	c, next, lda := &t.dst[at], &t.dst[at], t.lda
	if (s+2)*width <= th.columns {
		next = &t.dst[at+width]
	}
	if ahead == nil {
		ahead, lda = &th.block[0], 0
	}
	t.asm.tiles[0][0](&th.block[0], &t.strip(th, s)[0], c, next, ahead, tiles, th.depth, t.ldd, lda, min(th.at, 1))
}

// tile computes the tile of dst at row r in strip s, rows high, from the packed rows of
// a. What is less than a tile goes by way of edge.
func (t *tiled[T]) tile(th *tiledThread[T], a []T, s, r, rows int) {
	width := t.asm.tileColumns
	j := s * width
	columns := min(width, th.columns-j)
	high, wide := t.asm.tileRows, width
	var half, narrow int
	if rows <= high/2 {
		half, high = 1, high/2
	}
	if columns <= width/2 {
		narrow, wide = 1, width/2
	}
	f, b := t.asm.tiles[half][narrow], t.strip(th, s)
	dst, more := t.dst[r*t.ldd+th.from+j:], min(th.at, 1)
	if rows == high && columns == wide {
		f(&a[0], &b[0], &dst[0], &dst[0], &a[0], 1, th.depth, t.ldd, 0, more)
		return
	}
	for i := range rows {
		copy(th.edge[i*width:i*width+columns], dst[i*t.ldd:])
	}
	f(&a[0], &b[0], &th.edge[0], &th.edge[0], &a[0], 1, th.depth, width, 0, more)
	for i := range rows {
		copy(dst[i*t.ldd:i*t.ldd+columns], th.edge[i*width:])
	}
}
