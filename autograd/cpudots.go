package autograd

import (
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// dots is a contraction by scalar products of rows: for few rows of many elements,
// which it reads once.
type dots[T kernels.Float] struct {
	rows, cols     vectors[T] // rows are the more
	batch, m, n, k int
	flipped        bool // rows are those of the second argument
	symmetric      bool // both are the same: half of the products suffice
	dot            kernels.Reduction[T]
	tile           kernels.DotTile[T]
	sums           []dotSums // of each thread
	chunk, chunks  int       // parts of k that units of their own sum
	part           []float64 // sums of each chunk, where there are several
	narrow         []T       // the result …
	wide           []float64 // … or the result in float64
	pool           *kernels.Pool
	work, join     func(worker, lo, hi int)
}

// dotSums are the products of the whole tiles of a unit.
type dotSums [dotRows / dotStep][dotCols / dotStep]kernels.DotSums

const (
	dotStep  = kernels.DotTileRows
	dotRows  = 16  // of a unit
	dotCols  = 16  // the most columns
	longDot  = 256 // from this length on, more than dotStep columns are worth it
	fewUnits = 32  // below, k is split into chunks
)

// skinny reports whether p is for scalar products.
func (p *product[T]) skinny() bool {
	return min(p.m, p.n) <= dotStep || min(p.m, p.n) <= dotCols && p.k >= longDot
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
	d := &dots[T]{batch: out.Dim[0], m: out.Dim[1], n: out.Dim[2], k: b.In[0].Dim[2], pool: b.Pool, dot: kernels.LookupReduction[T]("dot", b.Level), tile: kernels.DotTileOf[T](b.Level, out.DType != tensor.DTypeOf[T]())}
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
	d.sums = make([]dotSums, d.pool.Threads())
	d.work, d.join = d.units, d.sum
	grain := max(1, 1<<14/(min(dotRows, d.m)*d.n*d.chunk))
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
	groups := (d.m + dotRows - 1) / dotRows
	for u := lo; u < hi; u++ {
		c, i, r := u/groups%d.chunks, u/groups/d.chunks, u%groups*dotRows
		d.unit(&d.sums[worker], c, i, r, min(dotRows, d.m-r))
	}
}

// unit multiplies rows r to r+count of matrix i with all columns: tile by tile where
// there are rows and columns enough, and the others one by one.
func (d *dots[T]) unit(sums *dotSums, c, i, r, count int) {
	rows, cols := d.rows.of(i)[r*d.rows.ld:], d.cols.of(i)
	from, end := c*d.chunk, min((c+1)*d.chunk, d.k)
	down, across := count/dotStep, d.n/dotStep
	if end-from < kernels.DotLeast {
		down = 0
	}
	for x := range down {
		clear(sums[x][:across])
	}
	run := kernels.DotRun[T]()
	for at := from; at < end; at += run {
		n := min(run, end-at)
		for x := range down {
			for y := range d.tiles(r, x, across) {
				d.tile(&sums[x][y], rows[x*dotStep*d.rows.ld+at:], cols[y*dotStep*d.cols.ld+at:], d.rows.ld, d.cols.ld, n)
			}
		}
	}
	for x := range count {
		whole := 0
		if x < down*dotStep {
			whole = d.tiles(r, x/dotStep, across) * dotStep
		}
		for y := range d.columns(r + x) {
			if y < whole {
				d.store(c, i, r+x, y, sums[x/dotStep][y/dotStep].Sum(x%dotStep, y%dotStep))
			} else {
				d.store(c, i, r+x, y, d.product(rows[x*d.rows.ld:][from:end], cols[y*d.cols.ld:][from:end]))
			}
		}
	}
}

// tiles returns how many tiles the rows of tile x of the unit that begins with row r
// need.
func (d *dots[T]) tiles(r, x, across int) int {
	if d.symmetric {
		return min(r/dotStep+x+1, across)
	}
	return across
}

// product is the sum of products of one row and one column.
func (d *dots[T]) product(x, y []T) float64 {
	total := 0.0
	for from := 0; from < len(x); from += kernels.Block {
		to := min(from+kernels.Block, len(x))
		total += d.dot(x[from:to], y[from:to])
	}
	return total
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
