package autograd

import (
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// filterSums is a bound correlate-filter: every filter element is the scalar
// product of a shifted image with a result, summed in float64.
type filterSums[T kernels.Float] struct {
	x, g, dst []T
	a         corrAttr
	s         corrShape
	dot       kernels.Reduction[T]
	acc       [][]float64 // of each thread: the elements of a row of a filter
	row       [][]T       // of each thread: a row of an image, its phases apart
	phase     int         // elements of a phase of a row
}

func bindCorrelateFilter(b *Bind) func() {
	if b.Out.DType == tensor.Float32 {
		return filterOf[float32](b)
	}
	return filterOf[float64](b)
}

func filterOf[T kernels.Float](b *Bind) func() {
	if b.Out.Len() == 0 {
		return func() {}
	}
	a := b.Attr.(corrAttr)
	s, _ := a.shape(b.In[0].Type, b.Out.Type)
	f := &filterSums[T]{x: tensor.Span[T](b.Contiguous(0)), g: tensor.Span[T](b.Contiguous(1)), dst: tensor.Span[T](b.Out), a: a, s: s,
		dot: kernels.LookupReduction[T]("dot", b.Level), phase: (s.size[1] + a.stride[1] - 1) / a.stride[1]}
	for range b.Pool.Threads() {
		f.acc = append(f.acc, make([]float64, s.kernel[1]))
		f.row = append(f.row, make([]T, f.phase*a.stride[1]))
	}
	pool, units := b.Pool, s.o*s.cg*s.kernel[0]
	grain := max(1, 1<<15/(s.n*s.out[0]*s.out[1]*s.kernel[1]+1))
	work := f.units
	return func() { pool.For(units, grain, work) }
}

// units computes rows lo up to hi of the filters, counted over all of them.
func (f *filterSums[T]) units(worker, lo, hi int) {
	s, acc := &f.s, f.acc[worker]
	for u := lo; u < hi; u++ {
		o, c, r := u/(s.cg*s.kernel[0]), u/s.kernel[0]%s.cg, u%s.kernel[0]
		clear(acc)
		for n := range s.n {
			plane := f.x[(n*s.c+o/s.og*s.cg+c)*s.size[0]*s.size[1]:]
			g := f.g[(n*s.o+o)*s.out[0]*s.out[1]:]
			for i := range s.out[0] {
				at := (i*f.a.stride[0] + r*f.a.dilation[0]) * s.size[1]
				f.addRow(acc, f.split(f.row[worker], plane[at:at+s.size[1]]), g[i*s.out[1]:][:s.out[1]])
			}
		}
		for v, sum := range acc {
			f.dst[u*s.kernel[1]+v] = T(sum)
		}
	}
}

// addRow adds the products of a row of results with the image elements that
// each element of a filter's row meets.
func (f *filterSums[T]) addRow(acc []float64, x, g []T) {
	for v := range acc {
		j := v * f.a.dilation[1]
		acc[v] += f.dot(g, x[j%f.a.stride[1]*f.phase+j/f.a.stride[1]:][:len(g)])
	}
}

// split returns a row with its phases one after the other.
func (f *filterSums[T]) split(dst, x []T) []T {
	step := f.a.stride[1]
	if step == 1 {
		return x
	}
	for p := range step {
		for i, j := p*f.phase, p; j < len(x); i, j = i+1, j+step {
			dst[i] = x[j]
		}
	}
	return dst
}
