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
	tile           int // columns of a unit
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
	p := &product[T]{a: matricesOf[T](b, 0), b: matricesOf[T](b, 1), batch: b.Out.Dim[0], m: b.Out.Dim[1], n: b.Out.Dim[2],
		k: b.In[0].Dim[2], level: b.Level, pool: b.Pool}
	wide := b.Out.DType != b.In[0].DType
	switch {
	case p.k == 0:
		return bindClear(b.Out, b.Pool)
	case p.dots() && (b.BLAS == nil || wide):
		return newDots(p, b.Out)
	case wide:
		return bindWidened(b)
	}
	p.dst = tensor.Span[T](b.Out)
	if b.BLAS != nil {
		return p.blas(b.BLAS)
	}
	return p.gemm()
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

// alongK reports whether both arguments are contiguous along k.
func (p *product[T]) alongK() bool {
	return (!p.a.trans || p.k == 1 || p.a.ld == 1) && (p.b.trans || p.k == 1 || p.b.ld == 1)
}

// gemm multiplies by kernels.Gemm. Who shares the work depends on the shape:
// the matrices of the batch, strips of columns, or the rows of each matrix.
func (p *product[T]) gemm() func() {
	if p.n == 1 && p.m > 1 { // a column is a row of the transposed product
		p.a, p.b, p.m, p.n = p.b, p.a, p.n, p.m
		p.a.trans, p.b.trans = !p.a.trans, !p.b.trans
	}
	work := 2 * p.m * p.n * p.k
	p.tile = p.n
	switch {
	case p.m <= 32 && p.n > 1024:
		p.tile = 1024
	case p.batch == 1 || work > 1<<20:
		return p.rows
	}
	tiles := p.batch * ((p.n + p.tile - 1) / p.tile)
	grain := max(1, 1<<17/max(2*p.m*p.tile*p.k, 1))
	return func() { p.pool.For(tiles, grain, p.tiles) }
}

// rows multiplies the matrices one after the other, each on all threads.
func (p *product[T]) rows() {
	for i := range p.batch {
		kernels.Gemm(p.dst[i*p.m*p.n:], p.n, p.a.of(i), p.a.ld, p.b.of(i), p.b.ld, p.m, p.n, p.k, p.a.trans, p.b.trans, p.level, p.pool)
	}
}

// tiles computes strips of columns, counted over the batch.
func (p *product[T]) tiles(_, lo, hi int) {
	per := (p.n + p.tile - 1) / p.tile
	for u := lo; u < hi; u++ {
		i, from := u/per, u%per*p.tile
		n := min(p.tile, p.n-from)
		b := p.b.of(i)[from:]
		if p.b.trans {
			b = p.b.of(i)[from*p.b.ld:]
		}
		kernels.Gemm(p.dst[i*p.m*p.n+from:], p.n, p.a.of(i), p.a.ld, b, p.b.ld, p.m, n, p.k, p.a.trans, p.b.trans, p.level, nil)
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
