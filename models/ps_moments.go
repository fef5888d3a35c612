package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A momentLayout says where opMoments leaves what, for one image and channel.
type momentLayout struct {
	momentAttr
	h, w, pixels int
	parents      bool

	auto, mean, gram           int // of magnitudes
	parentMean, cross, square  int // of magnitudes of parents, and with those of bands
	real, realSquare, doubleds int // of real parts and of parents with their phase doubled
	size                       int
}

// momentAttr is the attribute of opMoments: the number of bands, and the side of
// the window of autocorrelations.
type momentAttr struct{ k, width int }

func newMomentLayout(attr any, t tensor.Type) momentLayout {
	l := momentLayout{momentAttr: attr.(momentAttr), h: t.Dim[3], w: t.Dim[4]}
	l.pixels, l.parents = l.h*l.w, t.Dim[2] > l.k
	k := l.k
	take := func(n int) int {
		at := l.size
		l.size += n
		return at
	}
	l.auto = take(k * l.width * l.width)
	l.mean, l.gram = take(k), take(k*k)
	if l.parents {
		l.parentMean, l.cross, l.square = take(k), take(k*k), take(k)
		l.real, l.realSquare, l.doubleds = take(2*k*k), take(k), take(2*k)
	}
	return l
}

// part returns n elements of a result from at on, shaped.
func (l *momentLayout) part(y autograd.Value, at int, shape ...int) autograd.Value {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return y.Crop(2, at, at+n).Reshape(append(lead(y), shape...)...)
}

// opMoments is what the statistics of the bands of a level are made of: of the
// magnitudes of K bands, the central autocorrelations (without the mean), means
// and covariances, and, if there are 2K bands, with the K parents that follow:
// their magnitudes' means, variances and covariances with those of the bands,
// the mean products of the bands' real parts with the parts of the parents of
// doubled phase, and the mean squares of both. See momentLayout for the order.
var opMoments = &autograd.Op{
	Name: "band-moments", Doc: "joint moments (N, C, …) of bands x (N, C, K or 2K, h, w)",
	Type: momentsType,
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		return momentsOf(newMomentLayout(attr, in[0].Type()), in[0])
	},
	VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
		return []autograd.Value{g.Tape().Apply(opMomentsAdjoint, n.Attr, n.In[0], n.Out, g)}
	},
	Samples: momentSamples,
}

func momentsType(attr any, in []tensor.Type) (tensor.Type, error) {
	k, t := attr.(momentAttr).k, in[0]
	if t.Rank != 5 || !t.DType.IsComplex() || t.Dim[2] != k && t.Dim[2] != 2*k {
		return t, fmt.Errorf("complex bands (N, C, %d or %d, h, w) expected", k, 2*k)
	}
	return tensor.MakeType(t.DType.Real(), t.Dim[0], t.Dim[1], newMomentLayout(attr, t).size), nil
}

var momentSamples = []autograd.Sample{
	{Attr: momentAttr{2, 2}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 1, 4, 2, 6)}, Lo: .2, Hi: 1},
	{Attr: momentAttr{3, 1}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 1, 2, 3, 3, 2)}, Lo: .2, Hi: 1},
	{Attr: momentAttr{5, 3}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 1, 1, 10, 7, 5)}, Lo: .2, Hi: 1},
}

// momentsOf is the composition that defines opMoments.
func momentsOf(l momentLayout, x autograd.Value) autograd.Value {
	window := windowOf(x.Crop(2, 0, l.k).Abs(), l.width)
	return autograd.Concat(2, window.Reshape(append(lead(x), -1)...), x.Tape().Apply(opProducts, l.momentAttr, x))
}

// opMomentsAdjoint is the adjoint of opMoments at x, applied to g. It takes
// the means from y, which opMoments has computed.
var opMomentsAdjoint = &autograd.Op{
	Name: "band-moments-adjoint", Doc: "adjoint of band-moments at x, with the result y, applied to g", Linear: 4,
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		y, err := momentsType(attr, in[:1])
		if err == nil && (in[1] != y || in[2] != y) {
			err = fmt.Errorf("a result and a cotangent of type %v expected", y)
		}
		return in[0], err
	},
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		l := newMomentLayout(attr, in[0].Type())
		return l.adjoint(in[0], in[1], in[2])
	},
	Samples: adjointSamples(),
}

// adjointSamples adds a result and a cotangent to those of opMoments.
func adjointSamples() []autograd.Sample {
	var samples []autograd.Sample
	for _, s := range momentSamples {
		x := s.In[0]
		y := tensor.MakeType(tensor.Float64, x.Dim[0], x.Dim[1], newMomentLayout(s.Attr, x).size)
		s.In = []tensor.Type{x, y, y}
		samples = append(samples, s)
	}
	return samples
}

// adjoint is the composition that defines opMomentsAdjoint.
func (l *momentLayout) adjoint(x, y, g autograd.Value) autograd.Value {
	m := x.Crop(2, 0, l.k).Abs()
	window := windowAdjoint(m, l.part(y, l.mean, l.k, 1, 1), l.width, l.part(g, l.auto, l.k, l.width, l.width))
	return x.Tape().Apply(opProductsAdjoint, l.momentAttr, x, y.Crop(2, l.mean, l.size), g.Crop(2, l.mean, l.size), window)
}
