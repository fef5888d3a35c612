package autograd

import (
	"gonum.org/v1/gonum/blas"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// matrices is an argument of a contraction as kernels see it: a batch of
// matrices whose rows, or columns if trans, are contiguous.
type matrices[T kernels.Float] struct {
	data  []T
	batch int // from one matrix to the next
	ld    int // from one row (column) to the next
	trans bool
}

// of returns what begins with matrix i.
func (m *matrices[T]) of(i int) []T { return m.data[i*m.batch:] }

// matricesOf returns argument i, copied where neither the rows nor the columns
// of its matrices are contiguous.
func matricesOf[T kernels.Float](b *Bind, i int) matrices[T] {
	t := b.In[i]
	ld, trans, ok := leading(t.Dim[1], t.Dim[2], t.Stride[1], t.Stride[2])
	if !ok || t.Stride[0] < 0 {
		t = b.Contiguous(i)
		ld, trans = max(t.Dim[2], 1), false
	}
	return matrices[T]{tensor.Span[T](t), t.Stride[0], ld, trans}
}

// leading returns the distance between the rows of a rows×cols matrix with
// these strides, or between its columns if trans; false if neither are
// contiguous and apart.
func leading(rows, cols, row, col int) (ld int, trans, ok bool) {
	switch {
	case (col == 1 || cols <= 1) && rows <= 1:
		return max(cols, 1), false, true
	case (col == 1 || cols <= 1) && row >= max(cols, 1):
		return row, false, true
	case (row == 1 || rows <= 1) && col >= max(rows, 1):
		return col, true, true
	}
	return 0, false, false
}

// product is a bound contraction.
type product[T kernels.Float] struct {
	dst            []T
	a, b           matrices[T]
	batch, m, n, k int
	level          kernels.Level
	pool           *kernels.Pool
	down, across   int // tiles of a matrix
}

func bindContract(b *Bind) func() {
	if b.Out.Len() == 0 {
		return func() {}
	}
	if b.In[0].DType == tensor.Float64 {
		return contractOf[float64](b)
	}
	return contractOf[float32](b)
}

func contractOf[T kernels.Float](b *Bind) func() {
	p := &product[T]{batch: b.Out.Dim[0], m: b.Out.Dim[1], n: b.Out.Dim[2], k: b.In[0].Dim[2], level: b.Level, pool: b.Pool}
	wide := b.Out.DType != b.In[0].DType
	switch {
	case p.k == 0:
		return bindClear(b.Out, b.Pool)
	case p.skinny() && b.canAlignK(0) && b.canAlignK(1) && (b.BLAS == nil || wide):
		return newDots[T](b)
	case wide:
		return bindWidened(b)
	}
	p.dst = tensor.Span[T](b.Out)
	if b.BLAS != nil {
		p.a, p.b = matricesOf[T](b, 0), matricesOf[T](b, 1)
		return p.blas(b.BLAS)
	}
	return p.gemm(b)
}

// bindWidened copies float32 arguments to float64 and multiplies those.
func bindWidened(b *Bind) func() {
	for i := range b.In {
		src := b.Contiguous(i)
		wide := tensor.New(tensor.Float64, src.Shape()...)
		to, from, level := tensor.Span[float64](wide), tensor.Span[float32](src), b.Level
		b.pre = append(b.pre, func() { kernels.Convert64(to, from, level) })
		b.In[i] = wide
	}
	return contractOf[float64](b)
}

// Where kernels.Gemm does not pack, a unit of work is a tile of one matrix of the
// batch; with fewCols columns or more, kernels.Gemm computes it.
const (
	tileRows = 32
	tileCols = 1024
	fewCols  = 16
)

// threadWork is how many multiplications pay for a matrix's being shared between
// threads, rather than the batch.
const threadWork = 1 << 18

// gemm multiplies by kernels.Gemm: matrix by matrix, or tile by tile. Where that
// does not pack, it wants rows of the second argument, of which every row of the
// result is a sum.
func (p *product[T]) gemm(b *Bind) func() {
	if p.n == 1 && p.m > 1 { // a column is a row of the transposed product
		b.In[0], b.In[1] = b.In[1].Permute(0, 2, 1), b.In[0].Permute(0, 2, 1)
		p.m, p.n = p.n, p.m
	}
	p.a, p.b = matricesOf[T](b, 0), matricesOf[T](b, 1)
	if kernels.GemmPacks[T](p.m, p.n, p.k, p.level) {
		return p.packed()
	}
	if p.b.trans {
		b.Contiguous(1)
		p.b = matricesOf[T](b, 1)
	}
	if p.n < fewCols {
		work, grain := p.narrow, max(1, 1<<15/(p.n*p.k))
		return func() { p.pool.For(p.batch*p.m, grain, work) }
	}
	p.down, p.across = (p.m+tileRows-1)/tileRows, (p.n+tileCols-1)/tileCols
	units := p.batch * p.down * p.across
	grain := max(1, 1<<17/(2*min(p.m, tileRows)*min(p.n, tileCols)*p.k))
	work := p.tiles
	return func() { p.pool.For(units, grain, work) }
}

// packed multiplies by a kernels.Gemm that packs: by one for each matrix, which
// packs the second argument once. Threads share the batch if it is long.
func (p *product[T]) packed() func() {
	work := p.m * p.n * p.k
	if work >= threadWork && p.batch < 4*p.pool.Threads() {
		return func() {
			for i := range p.batch {
				p.whole(i, p.pool)
			}
		}
	}
	grain, each := max(1, 1<<16/work), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			p.whole(i, nil)
		}
	}
	return func() { p.pool.For(p.batch, grain, each) }
}

// whole computes matrix i of the batch.
func (p *product[T]) whole(i int, pool *kernels.Pool) {
	kernels.Gemm(p.dst[i*p.m*p.n:], p.n, p.a.of(i), p.a.ld, p.b.of(i), p.b.ld, p.m, p.n, p.k, p.a.trans, p.b.trans, p.level, pool)
}

// tiles computes tiles lo up to hi, counted over the batch.
func (p *product[T]) tiles(_, lo, hi int) {
	for u := lo; u < hi; u++ {
		i, row, col := u/(p.down*p.across), u/p.across%p.down*tileRows, u%p.across*tileCols
		m, n := min(tileRows, p.m-row), min(tileCols, p.n-col)
		a, b := p.a.of(i), p.b.of(i)[col:]
		if p.a.trans {
			a = a[row:]
		} else {
			a = a[row*p.a.ld:]
		}
		kernels.Gemm(p.dst[i*p.m*p.n+row*p.n+col:], p.n, a, p.a.ld, b, p.b.ld, m, n, p.k, p.a.trans, false, p.level, nil)
	}
}

// narrow computes rows lo up to hi, counted over the batch, of few columns.
func (p *product[T]) narrow(_, lo, hi int) {
	var sums [fewCols]T
	for u := lo; u < hi; u++ {
		i, row := u/p.m, u%p.m
		first, step := row*p.a.ld, 1
		if p.a.trans {
			first, step = row, p.a.ld
		}
		a, b, acc := p.a.of(i)[first:], p.b.of(i), sums[:p.n]
		clear(acc)
		for k := range p.k {
			x := a[k*step]
			for j, y := range b[k*p.b.ld:][:len(acc)] {
				acc[j] += x * y
			}
		}
		copy(p.dst[u*p.n:], acc)
	}
}

// blas multiplies by a plugged library.
func (p *product[T]) blas(lib BLAS) func() {
	ta, tb := blas.NoTrans, blas.NoTrans
	if p.a.trans {
		ta = blas.Trans
	}
	if p.b.trans {
		tb = blas.Trans
	}
	one := func(dst, a, b []T) {
		switch dst := any(dst).(type) {
		case []float32:
			lib.Sgemm(ta, tb, p.m, p.n, p.k, 1, any(a).([]float32), p.a.ld, any(b).([]float32), p.b.ld, 0, dst, p.n)
		case []float64:
			lib.Dgemm(ta, tb, p.m, p.n, p.k, 1, any(a).([]float64), p.a.ld, any(b).([]float64), p.b.ld, 0, dst, p.n)
		}
	}
	return func() {
		for i := range p.batch {
			one(p.dst[i*p.m*p.n:], p.a.of(i), p.b.of(i))
		}
	}
}
