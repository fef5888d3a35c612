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
	if f := bindReduceLeading[T](b, name); f != nil {
		return f
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

// bindReduceLeading sums over leading axes of a contiguous array without
// moving it: rows are accumulated in float64. It returns nil for other cases.
func bindReduceLeading[T kernels.Float](b *Bind, name string) func() {
	a, x := b.Attr.(reduceAttr), b.In[0]
	lead := 0
	for lead < int(x.Rank) && a.has(lead) {
		lead++
	}
	if name != "sum" || !x.IsContiguous() || lead == 0 || int(a.axes) != 1<<lead-1 || b.Out.Len() < 16 || x.DType.IsComplex() {
		return nil
	}
	n := b.Out.Len()
	src, rows := tensor.Span[T](x), x.Len()/n
	acc := make([]float64, n)
	out, level := b.Out, b.Level
	return func() {
		clear(acc)
		for r := range rows {
			kernels.Accumulate(acc, src[r*n:(r+1)*n], level)
		}
		if out.DType == tensor.Float64 {
			copy(tensor.Slice[float64](out), acc)
		} else {
			kernels.Convert32(tensor.Slice[float32](out), acc, level)
		}
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
	x := b.splitContiguous()
	src, rows, out, level := tensor.Span[T](x), b.Out.Len(), b.Out, b.Level
	if rows == 0 {
		return func() {}
	}
	n := 2 * x.Len() / rows
	work := func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			re, im := kernels.SumComplex(src[i*n:(i+1)*n], level)
			out.Store(i, complex(re, im))
		}
	}
	pool := b.Pool
	return func() { pool.For(rows, max(1, 1<<14/max(n, 1)), work) }
}
