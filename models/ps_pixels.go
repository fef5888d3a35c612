package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// pixelMoments is how many moments opPixels gives.
const pixelMoments = 4

var opPixels, opPixelsAdjoint *autograd.Op

func init() {
	sample := autograd.Sample{In: []tensor.Type{tensor.MakeType(tensor.Float64, 2, 1, 3, 5)}}
	opPixels = &autograd.Op{
		Name: "pixel-moments", Doc: "mean and second to fourth central moments (N, C, 4) of images x (N, C, h, w)",
		Type: pixelsType,
		Lower: func(_ any, in []autograd.Value) autograd.Value {
			x := in[0]
			mean := x.Mean(2, 3)
			d := x.Sub(x.KeepAxes(mean, 2, 3))
			d2 := d.Square()
			return autograd.Stack(2, mean, d2.Mean(2, 3), d2.Mul(d).Mean(2, 3), d2.Square().Mean(2, 3))
		},
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Tape().Apply(opPixelsAdjoint, nil, n.In[0], n.Out, g)}
		},
		CPU:     bindPixels,
		Samples: []autograd.Sample{sample},
	}
	opPixelsAdjoint = &autograd.Op{
		Name: "pixel-moments-adjoint", Doc: "adjoint of pixel-moments at x, with the result y, applied to g", Linear: 4,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			y, err := pixelsType(attr, in[:1])
			if err == nil && (in[1] != y || in[2] != y) {
				err = fmt.Errorf("a result and a cotangent of type %v expected", y)
			}
			return in[0], err
		},
		Lower: func(_ any, in []autograd.Value) autograd.Value { return pixelsAdjoint(in[0], in[1], in[2]) },
		CPU:   bindPixels,
	}
	y, _ := pixelsType(nil, sample.In)
	sample.In = []tensor.Type{sample.In[0], y, y}
	opPixelsAdjoint.Samples = []autograd.Sample{sample}
}

func pixelsType(_ any, in []tensor.Type) (tensor.Type, error) {
	t := in[0]
	if t.Rank != 4 || t.DType.IsComplex() {
		return t, fmt.Errorf("real images (N, C, h, w) expected")
	}
	return tensor.MakeType(t.DType, t.Dim[0], t.Dim[1], pixelMoments), nil
}

// pixelsAdjoint is the composition that defines opPixelsAdjoint. The mean moves
// with every pixel; that takes the moment below from each power.
func pixelsAdjoint(x, y, g autograd.Value) autograd.Value {
	d := x.Type().Dim
	at := func(v autograd.Value, i int) autograd.Value { return v.Crop(2, i, i+1).Reshape(d[0], d[1], 1, 1) }
	c := x.Sub(at(y, 0))
	c2 := c.Square()
	sum := autograd.Sum(
		c.Mul(at(g, 1).Scale(2)),
		c2.Sub(at(y, 1)).Mul(at(g, 2).Scale(3)),
		c2.Mul(c).Sub(at(y, 2)).Mul(at(g, 3).Scale(4)))
	return sum.Add(at(g, 0)).Scale(1 / float64(d[2]*d[3]))
}

// pixels is a bound opPixels or its adjoint.
type pixels[T kernels.Float] struct {
	x, y, g, dx []T
	images, n   int
	work        []T

	square, shift, affine, mul kernels.Elementwise[T]
	sum, dot, sumSquares       kernels.Reduction[T]
}

func bindPixels(b *autograd.Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return newPixels[float32](b)
	}
	return newPixels[float64](b)
}

func newPixels[T kernels.Float](b *autograd.Bind) func() {
	x := b.Contiguous(0)
	p := &pixels[T]{x: tensor.Span[T](x), images: x.Dim[0] * x.Dim[1], n: x.Dim[2] * x.Dim[3], work: make([]T, 2*pixelStrip*b.Pool.Threads()),
		square: kernels.Lookup[T]("square", b.Level), shift: kernels.Lookup[T]("shift", b.Level),
		affine: kernels.Lookup[T]("affine", b.Level), mul: kernels.Lookup[T]("mul", b.Level),
		sum: kernels.LookupReduction[T]("sum", b.Level), dot: kernels.LookupReduction[T]("dot", b.Level), sumSquares: kernels.LookupReduction[T]("sumsq", b.Level)}
	image := p.forward
	if len(b.In) == 1 {
		p.y = tensor.Span[T](b.Out)
	} else {
		p.y, p.g, p.dx = tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Contiguous(2)), tensor.Span[T](b.Out)
		image = p.backward
	}
	run := func(worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			image(p.work[2*pixelStrip*worker:][:2*pixelStrip], i)
		}
	}
	return func() { b.Pool.For(p.images, 1, run) }
}

// pixelStrip is how many pixels are worked on at a time.
const pixelStrip = 1024

func (p *pixels[T]) forward(work []T, i int) {
	x := p.x[i*p.n:][:p.n]
	mean := p.sum(x, nil) / float64(p.n)
	var m2, m3, m4 float64
	for at := 0; at < p.n; at += pixelStrip {
		v := x[at:min(at+pixelStrip, p.n)]
		d, d2 := work[:len(v)], work[pixelStrip:][:len(v)]
		p.shift(d, v, nil, nil, T(-mean), 0)
		p.square(d2, d, nil, nil, 0, 0)
		m2 += p.sum(d2, nil)
		m3 += p.dot(d2, d)
		m4 += p.sumSquares(d2, nil)
	}
	for j, m := range [pixelMoments]float64{mean * float64(p.n), m2, m3, m4} {
		p.y[i*pixelMoments+j] = T(m / float64(p.n))
	}
}

func (p *pixels[T]) backward(work []T, i int) {
	x, dx := p.x[i*p.n:][:p.n], p.dx[i*p.n:][:p.n]
	y, g := p.y[i*pixelMoments:][:pixelMoments], p.g[i*pixelMoments:][:pixelMoments]
	n := T(p.n)
	c := [4]T{(g[0] - 3*g[2]*y[1] - 4*g[3]*y[2]) / n, 2 * g[1] / n, 3 * g[2] / n, 4 * g[3] / n}
	for at := 0; at < p.n; at += pixelStrip {
		v := x[at:min(at+pixelStrip, p.n)]
		d, f := work[:len(v)], work[pixelStrip:][:len(v)]
		p.shift(d, v, nil, nil, -y[0], 0)
		p.affine(f, d, nil, nil, c[3], c[2])
		p.mul(f, f, d, nil, 0, 0)
		p.shift(f, f, nil, nil, c[1], 0)
		p.mul(f, f, d, nil, 0, 0)
		p.shift(dx[at:][:len(v)], f, nil, nil, c[0], 0)
	}
}
