package autograd

import (
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// indexed moves blocks between a long array (outer, n, block) and a gathered
// one (outer, len(index), block), both contiguous; a block is a number of words.
type indexed[T kernels.Float] struct {
	dst, src []T
	rows     int   // along the axis, of dst
	other    int   // along the axis, of src
	block    int   // words
	first    []int // scatter: where the sources of row i begin in from
	from     []int // gather: the source of each row; scatter: the sources, row by row
	acc      [][]float64
	level    kernels.Level
}

func newIndexed[T kernels.Float](b *Bind, a gatherAttr) *indexed[T] {
	x := b.Contiguous(0)
	g := &indexed[T]{dst: tensor.Span[T](b.Out), src: tensor.Span[T](x), rows: b.Out.Dim[a.axis], other: x.Dim[a.axis], block: words(x.DType), level: b.Level}
	for ax := a.axis + 1; ax < int(x.Rank); ax++ {
		g.block *= x.Dim[ax]
	}
	return g
}

// all returns what runs f on all rows of dst, shared between threads.
func (g *indexed[T]) all(pool *kernels.Pool, f func(worker, lo, hi int)) func() {
	if len(g.dst) == 0 {
		return func() {}
	}
	rows, grain := len(g.dst)/g.block, max(1, 1<<14/g.block)
	return func() { pool.For(rows, grain, f) }
}

func bindGather(b *Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return gatherOf[float32](b)
	}
	return gatherOf[float64](b)
}

func gatherOf[T kernels.Float](b *Bind) func() {
	a := b.Attr.(gatherAttr)
	g := newIndexed[T](b, a)
	g.from = make([]int, a.count())
	for j := range g.from {
		g.from[j] = a.at(j)
	}
	if g.block == 1 {
		return g.all(b.Pool, g.gatherWords)
	}
	return g.all(b.Pool, g.gatherBlocks)
}

// gatherBlocks copies rows lo up to hi, counted over all of dst.
func (g *indexed[T]) gatherBlocks(_, lo, hi int) {
	for r := lo; r < hi; r++ {
		s := (r/g.rows*g.other + g.from[r%g.rows]) * g.block
		copy(g.dst[r*g.block:(r+1)*g.block], g.src[s:])
	}
}

func (g *indexed[T]) gatherWords(_, lo, hi int) {
	for r := lo; r < hi; {
		o, j := r/g.rows, r%g.rows
		end := min(hi, r+g.rows-j)
		src := g.src[o*g.other:][:g.other]
		dst := g.dst[r:end]
		for k, i := range g.from[j : j+len(dst)] {
			dst[k] = src[i]
		}
		r = end
	}
}

// scatterTile is how many words of a block are summed at a time.
const scatterTile = 512

func bindScatterAdd(b *Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return scatterOf[float32](b)
	}
	return scatterOf[float64](b)
}

// scatterOf inverts the index: each row of the result is the sum, in float64,
// of those gathered from it, in order.
func scatterOf[T kernels.Float](b *Bind) func() {
	a := b.Attr.(gatherAttr)
	g := newIndexed[T](b, a)
	g.first, g.from = a.inverse()
	if g.block == 1 {
		return g.all(b.Pool, g.addWords)
	}
	g.acc = make([][]float64, b.Pool.Threads())
	for w := range g.acc {
		g.acc[w] = make([]float64, min(g.block, scatterTile)+8)
	}
	return g.all(b.Pool, g.addBlocks)
}

// inverse returns the places at which each i occurs, in order: those of i are
// from[first[i]:first[i+1]].
func (a gatherAttr) inverse() (first, from []int) {
	first = make([]int, a.n+1)
	for j := range a.count() {
		first[a.at(j)+1]++
	}
	for i := range a.n {
		first[i+1] += first[i]
	}
	next := append([]int(nil), first...)
	from = make([]int, a.count())
	for j := range from {
		i := a.at(j)
		from[next[i]] = j
		next[i]++
	}
	return first, from
}

func (g *indexed[T]) addWords(_, lo, hi int) {
	for r := lo; r < hi; {
		o, i := r/g.rows, r%g.rows
		end := min(hi, r+g.rows-i)
		src := g.src[o*g.other:][:g.other]
		first := g.first[i : i+end-r+1]
		for k := range g.dst[r:end] {
			sum := 0.0
			for _, j := range g.from[first[k]:first[k+1]] {
				sum += float64(src[j])
			}
			g.dst[r+k] = T(sum)
		}
		r = end
	}
}

func (g *indexed[T]) addBlocks(worker, lo, hi int) {
	for r := lo; r < hi; r++ {
		i, src := r%g.rows, g.src[r/g.rows*g.other*g.block:]
		dst, from := g.dst[r*g.block:(r+1)*g.block], g.from[g.first[i]:g.first[i+1]]
		switch len(from) {
		case 0:
			clear(dst)
		case 1:
			copy(dst, src[from[0]*g.block:])
		default:
			g.sumBlocks(g.acc[worker], dst, src, from)
		}
	}
}

func (g *indexed[T]) sumBlocks(acc []float64, dst, src []T, from []int) {
	for at := 0; at < len(dst); at += scatterTile {
		part := dst[at:min(at+scatterTile, len(dst))]
		sum := acc[:len(part)]
		clear(sum)
		for _, j := range from {
			kernels.Accumulate(sum, src[j*g.block+at:][:len(part)], g.level)
		}
		for k, v := range sum {
			part[k] = T(v)
		}
	}
}
