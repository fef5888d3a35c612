package autograd

import (
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// dots is a contraction by scalar products of rows, summed in float64: for few
// rows of many elements, which it reads once at the speed of memory.
type dots[T kernels.Float] struct {
	rows, cols     vectors[T] // rows are the more
	batch, m, n, k int
	flipped        bool // rows are those of the second argument
	symmetric      bool // both are the same: half of the products suffice
	dot            kernels.Reduction[T]
	tile           kernels.DotTile[T]
	sums           []kernels.DotSums // of each thread
	chunk, chunks  int               // parts of k that units of their own sum
	part           []float64         // sums of each chunk, where there are several
	narrow         []T               // the result …
	wide           []float64         // … or the result in float64
	pool           *kernels.Pool
	work, join     func(worker, lo, hi int)
}

const (
	dotRows  = kernels.DotTileRows // of a unit
	dotCols  = 16                  // the most columns
	longDot  = 256                 // from this length on, more than dotRows columns are worth it
	fewUnits = 32                  // below, k is split into chunks
)

// skinny reports whether p is for scalar products.
func (p *product[T]) skinny() bool {
	return min(p.m, p.n) <= dotRows || min(p.m, p.n) <= dotCols && p.k >= longDot
}

// vectors is an argument of scalar products: vectors of contiguous elements.
type vectors[T kernels.Float] struct {
	data      []T
	batch, ld int // from one matrix, one vector to the next
}

func (v *vectors[T]) of(i int) []T { return v.data[i*v.batch:] }

// alongK returns argument i with k as its last axis.
func (b *Bind) alongK(i int) tensor.Tensor {
	if i == 0 {
		return b.In[0]
	}
	return b.In[1].Permute(0, 2, 1)
}

// alignedK reports whether argument i is contiguous along k.
func (b *Bind) alignedK(i int) bool {
	t := b.alongK(i)
	lo, _ := t.Bounds()
	return lo == 0 && (t.Stride[2] == 1 || t.Dim[2] == 1)
}

// canAlignK reports whether argument i is contiguous along k or small enough to
// be copied.
func (b *Bind) canAlignK(i int) bool { return b.alignedK(i) || b.alongK(i).Dim[1] <= dotCols }

// vectorsOf returns argument i, copied where it is not contiguous along k.
func vectorsOf[T kernels.Float](b *Bind, i int) vectors[T] {
	t := b.alongK(i)
	if !b.alignedK(i) {
		b.In[i] = t
		t = b.Contiguous(i)
	}
	return vectors[T]{tensor.Span[T](t), t.Stride[0], t.Stride[1]}
}

func newDots[T kernels.Float](b *Bind) func() {
	out := b.Out
	d := &dots[T]{batch: out.Dim[0], m: out.Dim[1], n: out.Dim[2], k: b.In[0].Dim[2], pool: b.Pool, dot: kernels.LookupReduction[T]("dot", b.Level), tile: kernels.DotTileOf[T](b.Level)}
	d.rows, d.cols = vectorsOf[T](b, 0), vectorsOf[T](b, 1)
	d.symmetric = d.m == d.n && d.rows.ld == d.cols.ld && d.rows.batch == d.cols.batch && &d.rows.data[0] == &d.cols.data[0]
	if d.n > d.m {
		d.flipped = true
		d.rows, d.cols, d.m, d.n = d.cols, d.rows, d.n, d.m
	}
	if out.DType == tensor.DTypeOf[T]() {
		d.narrow = tensor.Span[T](out)
	} else {
		d.wide = tensor.Span[float64](out)
	}
	units := d.batch * ((d.m + dotRows - 1) / dotRows)
	d.chunk, d.chunks = d.k, 1
	if units < fewUnits && d.k > kernels.Block {
		d.chunk, d.chunks = kernels.Block, (d.k+kernels.Block-1)/kernels.Block
		d.part = make([]float64, d.chunks*d.batch*d.m*d.n)
	}
	d.sums = make([]kernels.DotSums, d.pool.Threads())
	d.work, d.join = d.units, d.sum
	grain := max(1, 1<<14/(dotRows*d.n*d.chunk))
	return func() {
		d.pool.For(units*d.chunks, grain, d.work)
		if d.part != nil {
			d.pool.For(d.batch*d.m*d.n, 1<<12, d.join)
		}
	}
}

// units computes units lo up to hi: dotRows rows by all columns by one chunk. Those
// of a chunk follow each other, so that it is read from memory once.
func (d *dots[T]) units(worker, lo, hi int) {
	tiles := (d.m + dotRows - 1) / dotRows
	for u := lo; u < hi; u++ {
		c, i, r := u/tiles%d.chunks, u/tiles/d.chunks, u%tiles*dotRows
		d.unit(&d.sums[worker], c, i, r, min(dotRows, d.m-r))
	}
}

// unit multiplies rows r to r+count of matrix i with all columns, block by
// block, so that a block of each is read from memory once.
func (d *dots[T]) unit(sums *kernels.DotSums, c, i, r, count int) {
	var acc [dotRows][dotCols]float64
	rows, cols := d.rows.of(i), d.cols.of(i)
	end := min((c+1)*d.chunk, d.k)
	for from := c * d.chunk; from < end; from += kernels.Block {
		d.block(&acc, sums, rows[r*d.rows.ld+from:], cols[from:], r, count, min(kernels.Block, end-from))
	}
	for x := range count {
		for y := range d.columns(r + x) {
			d.store(c, i, r+x, y, acc[x][y])
		}
	}
}

// block adds the products of n elements of count rows from row r on with all
// columns: tile by tile where there are rows and columns enough.
func (d *dots[T]) block(acc *[dotRows][dotCols]float64, sums *kernels.DotSums, rows, cols []T, r, count, n int) {
	whole := 0
	if count == dotRows {
		for columns := d.columns(r + count - 1); whole+dotRows <= columns; whole += dotRows {
			d.tile(sums, rows, cols[whole*d.cols.ld:], d.rows.ld, d.cols.ld, n)
			for i, v := range sums.Sum {
				acc[i/dotRows][whole+i%dotRows] += v
			}
		}
	}
	for x := range count {
		for y := whole; y < d.columns(r+x); y++ {
			acc[x][y] += d.dot(rows[x*d.rows.ld:][:n], cols[y*d.cols.ld:][:n])
		}
	}
}

// columns returns how many products row r needs.
func (d *dots[T]) columns(r int) int {
	if d.symmetric {
		return r + 1
	}
	return d.n
}

// store sets one element, and the one opposite if the result is symmetric.
func (d *dots[T]) store(c, i, r, y int, v float64) {
	at := i * d.m * d.n
	to, opposite := at+r*d.n+y, at+y*d.n+r
	if d.flipped {
		to = at + y*d.m + r
	}
	if d.part != nil {
		shift := c * d.batch * d.m * d.n
		d.part[shift+to] = v
		if d.symmetric {
			d.part[shift+opposite] = v
		}
		return
	}
	d.put(to, v)
	if d.symmetric {
		d.put(opposite, v)
	}
}

func (d *dots[T]) put(at int, v float64) {
	if d.wide != nil {
		d.wide[at] = v
		return
	}
	d.narrow[at] = T(v)
}

// sum adds the chunks of elements lo up to hi in order.
func (d *dots[T]) sum(_, lo, hi int) {
	n := d.batch * d.m * d.n
	for at := lo; at < hi; at++ {
		v := 0.0
		for c := range d.chunks {
			v += d.part[c*n+at]
		}
		d.put(at, v)
	}
}
