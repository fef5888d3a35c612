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
		Parts:   autograd.EachPart,
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
		Parts: autograd.EachPart,
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
	chunks      int          // ranges of an image that threads take
	totals      [][4]float64 // of each range: the sum, then those of powers of what is left of the mean
	work        []T

	square, shift, affine, mul kernels.Elementwise[T]
	sum, dot, sumSquares       kernels.Reduction[T]
}

// pixelStrip is how many pixels are worked on at a time, pixelChunk how many a thread
// takes; sums over such ranges are added in order.
const (
	pixelStrip = 1024
	pixelChunk = 16 * pixelStrip
)

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
	p.chunks = (p.n + pixelChunk - 1) / pixelChunk
	if len(b.In) == 1 {
		p.y = tensor.Span[T](b.Out)
		return p.forward(b.Pool)
	}
	p.y, p.g, p.dx = tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Contiguous(2)), tensor.Span[T](b.Out)
	spread := p.each(p.backward)
	return func() { b.Pool.For(p.images*p.chunks, 1, spread) }
}

// each calls f for ranges of images, with what a thread works in.
func (p *pixels[T]) each(f func(work []T, c int)) func(worker, lo, hi int) {
	return func(worker, lo, hi int) {
		for c := lo; c < hi; c++ {
			f(p.work[2*pixelStrip*worker:][:2*pixelStrip], c)
		}
	}
}

// bounds returns the image of range c and where in it the range lies.
func (p *pixels[T]) bounds(c int) (image, lo, hi int) {
	lo = c % p.chunks * pixelChunk
	return c / p.chunks, lo, min(lo+pixelChunk, p.n)
}

// forward returns what runs opPixels.
func (p *pixels[T]) forward(pool *kernels.Pool) func() {
	p.totals = make([][4]float64, p.images*p.chunks)
	total, powers := p.each(p.total), p.each(p.powers)
	return func() {
		pool.For(len(p.totals), 1, total)
		for i := range p.images {
			p.join(i, 0)
		}
		pool.For(len(p.totals), 1, powers)
		for i := range p.images {
			for j := 1; j < pixelMoments; j++ {
				p.join(i, j)
			}
		}
	}
}

// total sums the pixels of a range.
func (p *pixels[T]) total(_ []T, c int) {
	i, lo, hi := p.bounds(c)
	p.totals[c][0] = p.sum(p.x[i*p.n+lo:i*p.n+hi], nil)
}

// join adds what the ranges of an image have of a moment, in order; the first of them
// keeps the mean.
func (p *pixels[T]) join(image, moment int) {
	ranges := p.totals[image*p.chunks:][:p.chunks]
	t := &ranges[0][moment]
	for _, r := range ranges[1:] {
		*t += r[moment]
	}
	*t /= float64(p.n)
	p.y[image*pixelMoments+moment] = T(*t)
}

// powers sums the powers of what the mean leaves of the pixels of a range.
func (p *pixels[T]) powers(work []T, c int) {
	i, lo, hi := p.bounds(c)
	x, mean := p.x[i*p.n:][:p.n], T(-p.totals[i*p.chunks][0])
	var m2, m3, m4 float64
	for at := lo; at < hi; at += pixelStrip {
		v := x[at:min(at+pixelStrip, hi)]
		d, d2 := work[:len(v)], work[pixelStrip:][:len(v)]
		p.shift(d, v, nil, nil, mean, 0)
		p.square(d2, d, nil, nil, 0, 0)
		m2 += p.sum(d2, nil)
		m3 += p.dot(d2, d)
		m4 += p.sumSquares(d2, nil)
	}
	p.totals[c] = [4]float64{p.totals[c][0], m2, m3, m4}
}

// backward computes a range of an image of the adjoint.
func (p *pixels[T]) backward(work []T, c int) {
	i, lo, hi := p.bounds(c)
	x, dx := p.x[i*p.n:][:p.n], p.dx[i*p.n:][:p.n]
	y, g := p.y[i*pixelMoments:][:pixelMoments], p.g[i*pixelMoments:][:pixelMoments]
	n := T(p.n)
	k := [4]T{(g[0] - 3*g[2]*y[1] - 4*g[3]*y[2]) / n, 2 * g[1] / n, 3 * g[2] / n, 4 * g[3] / n}
	for at := lo; at < hi; at += pixelStrip {
		v := x[at:min(at+pixelStrip, hi)]
		d, f := work[:len(v)], work[pixelStrip:][:len(v)]
		p.shift(d, v, nil, nil, -y[0], 0)
		p.affine(f, d, nil, nil, k[3], k[2])
		p.mul(f, f, d, nil, 0, 0)
		p.shift(f, f, nil, nil, k[1], 0)
		p.mul(f, f, d, nil, 0, 0)
		p.shift(dx[at:][:len(v)], f, nil, nil, k[0], 0)
	}
}
