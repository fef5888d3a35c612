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
	nc, n := lead(x), 1/float64(l.pixels)
	flat := func(v autograd.Value) autograd.Value { return v.Reshape(append(nc, -1)...) }
	product := func(a, b autograd.Value) autograd.Value {
		return autograd.Einsum("ncihw,ncjhw->ncij", a, b).Scale(n)
	}
	energy := func(a autograd.Value) autograd.Value { return apply(opEnergy, a).Scale(n) }
	own := x.Crop(2, 0, l.k)
	m := own.Abs()
	mean := m.Mean(3, 4)
	centred := m.Sub(m.KeepAxes(mean, 3, 4))
	parts := []autograd.Value{flat(windowOf(centred, l.width)), flat(mean), flat(apply(opGram, centred).Scale(n))}
	if l.parents {
		parent := x.Crop(2, l.k, 2*l.k)
		q := parent.Abs()
		doubled := apply(opDoublePhase, parent)
		qmean := q.Mean(3, 4)
		q = q.Sub(q.KeepAxes(qmean, 3, 4))
		re, dr, di := own.Real(), doubled.Real(), doubled.Imag()
		parts = append(parts, flat(qmean), flat(product(centred, q)), flat(energy(q)),
			flat(product(re, dr)), flat(product(re, di)), flat(energy(re)), flat(energy(dr)), flat(energy(di)))
	}
	return autograd.Concat(2, parts...)
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
	k, n := l.k, 1/float64(l.pixels)
	keep := func(v autograd.Value, at int) autograd.Value { return l.part(v, at, k, 1, 1) }
	mul := func(m, v autograd.Value, expr string) autograd.Value { return autograd.Einsum(expr, m, v) }
	const rows, columns = "ncij,ncjhw->ncihw", "ncji,ncjhw->ncihw"
	own := x.Crop(2, 0, k)
	m := own.Abs()
	m = m.Sub(keep(y, l.mean))
	window := l.part(g, l.auto, k, l.width, l.width)
	auto := autograd.VJP(centredWindowOf(m, l.width), window, m)[0]
	gram := l.part(g, l.gram, k, k)
	dm := mul(gram.Add(gram.Permute(0, 1, 3, 2)), m, rows)
	if !l.parents {
		return own.Unit().Mul(auto.Add(dm.Add(keep(g, l.mean)).Scale(n)))
	}
	parent := x.Crop(2, k, 2*k)
	q := parent.Abs().Sub(keep(y, l.parentMean))
	doubled := apply(opDoublePhase, parent)
	re, dr, di := own.Real(), doubled.Real(), doubled.Imag()
	cross := l.part(g, l.cross, k, k)
	dm = dm.Add(mul(cross, q, rows)).Add(keep(g, l.mean)).Scale(n).Add(auto)
	dq := mul(cross, m, columns).Add(q.Mul(keep(g, l.square).Scale(2))).Add(keep(g, l.parentMean)).Scale(n)
	gr, gi := l.part(g, l.real, k, k), l.part(g, l.real+k*k, k, k)
	dre := mul(gr, dr, rows).Add(mul(gi, di, rows)).Add(re.Mul(keep(g, l.realSquare).Scale(2))).Scale(n)
	ddr := mul(gr, re, columns).Add(dr.Mul(keep(g, l.doubleds).Scale(2))).Scale(n)
	ddi := mul(gi, re, columns).Add(di.Mul(keep(g, l.doubleds+k).Scale(2))).Scale(n)
	return autograd.Concat(2, own.Unit().Mul(dm).Add(dre.Complex()),
		parent.Unit().Mul(dq).Add(doubledAdjoint(parent, autograd.MakeComplex(ddr, ddi))))
}
