package autograd

import (
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// reducer folds the rows of a contiguous array, one result each.
type reducer[T kernels.Float] struct {
	src     []T
	rows, n int // rows of n words
	reduce  kernels.Reduction[T]
	combine func(x, y float64) float64
	part    []float64 // of one long row: a result per block
	store   func(row int, v float64)
	pool    *kernels.Pool
	work    func(worker, lo, hi int)
}

// run reduces several rows at once, or the blocks of a single long row, whose
// results are combined in order.
func (r *reducer[T]) run() {
	if r.part == nil {
		r.pool.For(r.rows, max(1, 1<<14/max(r.n, 1)), r.work)
		return
	}
	r.pool.For(len(r.part), 4, r.work)
	for row := range r.rows {
		per := len(r.part) / r.rows
		acc := r.part[row*per]
		for _, v := range r.part[row*per+1 : (row+1)*per] {
			acc = r.combine(acc, v)
		}
		r.store(row, acc)
	}
}

// bindReduceReal binds a reduction of real values by the named kernel.
func bindReduceReal(name string) func(b *Bind) func() {
	return func(b *Bind) func() {
		if b.In[0].DType == tensor.Float32 {
			return bindReducer[float32](b, name)
		}
		return bindReducer[float64](b, name)
	}
}

// splitContiguous replaces argument 0 by its elements with kept axes first.
func (b *Bind) splitContiguous() tensor.Tensor {
	b.In[0] = b.Attr.(reduceAttr).split(b.In[0])
	return b.Contiguous(0)
}

func bindReducer[T kernels.Float](b *Bind, name string) func() {
	if name == "sum" {
		if f := bindRowSum[T](b); f != nil {
			return f
		}
	}
	x := b.splitContiguous()
	r := &reducer[T]{src: tensor.Span[T](x), rows: b.Out.Len(), reduce: kernels.LookupReduction[T](name, b.Level), pool: b.Pool}
	if r.rows == 0 {
		return func() {}
	}
	r.n = x.Len() / r.rows
	out := b.Out
	r.store = func(row int, v float64) { out.StoreReal(row, v) }
	r.combine = kernels.Combine(name)
	if blocks := (r.n + kernels.Block - 1) / kernels.Block; blocks > 8 && r.rows < 4*b.Pool.Threads() {
		r.part = make([]float64, blocks*r.rows)
		r.work = func(_, lo, hi int) {
			for i := lo; i < hi; i++ {
				row, k := i/blocks, i%blocks
				r.part[i] = r.reduce(r.src[row*r.n+k*kernels.Block:row*r.n+min((k+1)*kernels.Block, r.n)], nil)
			}
		}
		return r.run
	}
	r.work = func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			r.store(i, r.reduce(r.src[i*r.n:(i+1)*r.n], nil))
		}
	}
	return r.run
}

// rowSum sums over axes that lie between kept ones in a contiguous array:
// rows are accumulated in float64, a chunk of the row at a time.
type rowSum[T kernels.Float] struct {
	wide   []float64 // where the result is, in one of the precisions
	narrow []float32
	src    []T
	n      int // words of a row
	reduce int // rows that are summed
	chunks int // of a row
	acc    [][]float64
	level  kernels.Level
	pool   *kernels.Pool
	work   func(worker, lo, hi int)
	units  int
}

const rowSumChunk = 2048

// bindRowSum binds a sum whose reduced axes are consecutive and not the last,
// in rows of at least 16 words. It returns nil for other cases.
func bindRowSum[T kernels.Float](b *Bind) func() {
	a, x := b.Attr.(reduceAttr), b.In[0]
	first, end := 0, int(x.Rank)
	for first < end && !a.has(first) {
		first++
	}
	for end > first && !a.has(end-1) {
		end--
	}
	r := &rowSum[T]{n: words(x.DType), reduce: 1, level: b.Level, pool: b.Pool, units: 1}
	for i := range int(x.Rank) {
		switch d := x.Dim[i]; {
		case i < first:
			r.units *= d
		case i >= end:
			r.n *= d
		case !a.has(i):
			return nil
		default:
			r.reduce *= d
		}
	}
	if !x.IsContiguous() || first == end || r.n < 16 || x.Len() == 0 {
		return nil
	}
	r.src = tensor.Span[T](x)
	if b.Out.DType.Real() == tensor.Float64 {
		r.wide = tensor.Span[float64](b.Out)
	} else {
		r.narrow = tensor.Span[float32](b.Out)
	}
	r.chunks = (r.n + rowSumChunk - 1) / rowSumChunk
	r.units *= r.chunks
	for range b.Pool.Threads() {
		r.acc = append(r.acc, make([]float64, min(r.n, rowSumChunk)))
	}
	r.work = func(worker, lo, hi int) {
		for u := lo; u < hi; u++ {
			r.unit(u, r.acc[worker])
		}
	}
	return func() { r.pool.For(r.units, max(1, 1<<14/(r.reduce*min(r.n, rowSumChunk))), r.work) }
}

// unit sums one chunk of one result row.
func (r *rowSum[T]) unit(u int, acc []float64) {
	outer, from := u/r.chunks, u%r.chunks*rowSumChunk
	acc = acc[:min(rowSumChunk, r.n-from)]
	clear(acc)
	for k := range r.reduce {
		at := (outer*r.reduce+k)*r.n + from
		kernels.Accumulate(acc, r.src[at:at+len(acc)], r.level)
	}
	at := outer*r.n + from
	if r.wide != nil {
		copy(r.wide[at:], acc)
	} else {
		kernels.Convert32(r.narrow[at:at+len(acc)], acc, r.level)
	}
}

// bindSum binds the sum of real or complex values.
func bindSum(b *Bind) func() {
	if !b.In[0].DType.IsComplex() {
		return bindReduceReal("sum")(b)
	}
	if b.In[0].DType == tensor.Complex64 {
		return bindSumComplex[float32](b)
	}
	return bindSumComplex[float64](b)
}

func bindSumComplex[T kernels.Float](b *Bind) func() {
	if f := bindRowSum[T](b); f != nil {
		return f
	}
	x := b.splitContiguous()
	src, rows, out := tensor.Span[T](x), b.Out.Len(), b.Out
	if rows == 0 {
		return func() {}
	}
	n, sum := 2*x.Len()/rows, kernels.ComplexSum[T](b.Level)
	work := func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			re, im := sum(src[i*n : (i+1)*n])
			out.Store(i, complex(re, im))
		}
	}
	pool := b.Pool
	return func() { pool.For(rows, max(1, 1<<14/max(n, 1)), work) }
}
