package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

var opMarginal, opMarginalAdjoint *autograd.Op

func init() {
	samples := []autograd.Sample{
		{Attr: 3, In: []tensor.Type{tensor.MakeType(tensor.Float64, 2, 1, 4, 6)}},
		{Attr: 2, In: []tensor.Type{tensor.MakeType(tensor.Float64, 1, 2, 3, 5)}},
	}
	opMarginal = &autograd.Op{
		Name: "marginal", Doc: "of maps x (N, C, h, w): the window of their autocorrelations without the mean, and the means of their third and fourth powers, (N, C, width² + 2)",
		Type:  marginalType,
		Lower: func(attr any, in []autograd.Value) autograd.Value { return marginalOf(attr.(int), in[0]) },
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Tape().Apply(opMarginalAdjoint, n.Attr, n.In[0], g)}
		},
		CPU:     bindMarginal,
		Samples: samples,
	}
	opMarginalAdjoint = &autograd.Op{
		Name: "marginal-adjoint", Doc: "adjoint of marginal at x, applied to g", Linear: 2,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			y, err := marginalType(attr, in[:1])
			if err == nil && in[1] != y {
				err = fmt.Errorf("a cotangent of type %v expected", y)
			}
			return in[0], err
		},
		Lower: func(attr any, in []autograd.Value) autograd.Value {
			return autograd.VJP(marginalOf(attr.(int), in[0]), in[1], in[0])[0]
		},
		CPU: bindMarginal,
	}
	for _, s := range samples {
		y, _ := marginalType(s.Attr, s.In)
		s.In = []tensor.Type{s.In[0], y}
		opMarginalAdjoint.Samples = append(opMarginalAdjoint.Samples, s)
	}
}

// marginalType is the type rule; the attribute is the width of the window.
func marginalType(attr any, in []tensor.Type) (tensor.Type, error) {
	width, t := attr.(int), in[0]
	if t.Rank != 4 || t.DType.IsComplex() {
		return t, fmt.Errorf("real maps (N, C, h, w) expected")
	}
	return tensor.MakeType(t.DType, t.Dim[0], t.Dim[1], width*width+2), nil
}

// marginalOf is the composition that defines opMarginal.
func marginalOf(width int, x autograd.Value) autograd.Value {
	x2 := x.Square()
	flat := func(v autograd.Value) autograd.Value { return v.Reshape(append(lead(x), -1)...) }
	return autograd.Concat(2, flat(windowOf(x, width)), flat(x2.Mul(x).Mean(2, 3)), flat(x2.Square().Mean(2, 3)))
}

// marginal is a bound opMarginal or its adjoint.
type marginal[T kernels.Float] struct {
	x, y, dx      []T // y is the result or its cotangent
	images        int
	pixels, width int
	workers       []marginalWorker[T]
	pool, inner   *kernels.Pool // of images, and of what is done to one: one of them

	square, affine, mul, fma kernels.Elementwise[T]
	dot, sumSquares          kernels.Reduction[T]
}

// marginalWorker is the memory of one thread.
type marginalWorker[T kernels.Float] struct {
	auto   *kernels.Autocorrelation[T]
	window []float64
	work   []T
}

func bindMarginal(b *autograd.Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return newMarginal[float32](b)
	}
	return newMarginal[float64](b)
}

func newMarginal[T kernels.Float](b *autograd.Bind) func() {
	x := b.Contiguous(0)
	m := &marginal[T]{x: tensor.Span[T](x), images: x.Dim[0] * x.Dim[1], pixels: x.Dim[2] * x.Dim[3], width: b.Attr.(int), pool: b.Pool,
		square: kernels.Lookup[T]("square", b.Level), affine: kernels.Lookup[T]("affine", b.Level),
		mul: kernels.Lookup[T]("mul", b.Level), fma: kernels.Lookup[T]("fma", b.Level),
		dot: kernels.LookupReduction[T]("dot", b.Level), sumSquares: kernels.LookupReduction[T]("sumsq", b.Level)}
	count, threads := b.Pool.Threads(), 1
	if m.images < count { // threads share each image
		count, threads, m.pool, m.inner = 1, count, nil, b.Pool
	}
	for range count {
		m.workers = append(m.workers, marginalWorker[T]{kernels.NewAutocorrelation[T](x.Dim[2], x.Dim[3], m.width, b.Level, threads),
			make([]float64, m.width*m.width), make([]T, kernels.Block)})
	}
	image := m.forward
	if len(b.In) == 1 {
		m.y = tensor.Span[T](b.Out)
	} else {
		m.y, m.dx = tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Out)
		image = m.backward
	}
	work := func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			image(&m.workers[worker], i)
		}
	}
	return func() { m.pool.For(m.images, 1, work) }
}

// of returns an image and its results.
func (m *marginal[T]) of(i int) (x, y []T) {
	n := m.width*m.width + 2
	return m.x[i*m.pixels:][:m.pixels], m.y[i*n:][:n]
}

func (m *marginal[T]) forward(w *marginalWorker[T], i int) {
	x, y := m.of(i)
	w.auto.Window(w.window, x, m.inner)
	for j, v := range w.window {
		y[j] = T(v)
	}
	third, fourth := 0., 0.
	for at := 0; at < m.pixels; at += kernels.Block {
		v := x[at:min(at+kernels.Block, m.pixels)]
		v2 := w.work[:len(v)]
		m.square(v2, v, nil, nil, 0, 0)
		third += m.dot(v2, v)
		fourth += m.sumSquares(v2, nil)
	}
	n := len(w.window)
	y[n], y[n+1] = T(third/float64(m.pixels)), T(fourth/float64(m.pixels))
}

func (m *marginal[T]) backward(w *marginalWorker[T], i int) {
	x, g := m.of(i)
	n := len(w.window)
	dx := m.dx[i*m.pixels:][:m.pixels]
	w.auto.Adjoint(dx, x, g[:n], m.inner)
	a, b := 3*g[n]/T(m.pixels), 4*g[n+1]/T(m.pixels)
	for at := 0; at < m.pixels; at += kernels.Block {
		v := x[at:min(at+kernels.Block, m.pixels)]
		f, d := w.work[:len(v)], dx[at:][:len(v)]
		m.affine(f, v, nil, nil, b, a)
		m.mul(f, f, v, nil, 0, 0)
		m.fma(d, f, v, d, 0, 0)
	}
}
