package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Bands returns how many bands there are, without their parents.
func (a momentAttr) Bands() int { return a.k }

// products returns where opProducts leaves what: as opMoments does after the
// autocorrelations.
func (l momentLayout) products() momentLayout {
	for _, at := range []*int{&l.gram, &l.parentMean, &l.cross, &l.square, &l.real, &l.realSquare, &l.doubleds, &l.size} {
		*at -= l.mean
	}
	l.mean = 0
	return l
}

// opProducts is opMoments but for the autocorrelations: all means of bands and of
// products of two of them.
var opProducts = &autograd.Op{
	Name: "band-products", Doc: "means and mean products (N, C, …) of bands x (N, C, K or 2K, h, w), of their moduli and of parents with doubled phase",
	Type: productsType,
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		return productsOf(newMomentLayout(attr, in[0].Type()), in[0])
	},
	FLOPs: func(_ any, out tensor.Type, in []tensor.Type) int64 {
		return 2 * int64(out.Dim[2]) * int64(in[0].Len()/in[0].Dim[2])
	},
	Samples: momentSamples,
}

func productsType(attr any, in []tensor.Type) (tensor.Type, error) {
	t, err := momentsType(attr, in)
	if err == nil {
		t.Dim[2] = newMomentLayout(attr, in[0]).products().size
	}
	return t, err
}

// productsOf is the composition that defines opProducts.
func productsOf(l momentLayout, x autograd.Value) autograd.Value {
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
	parts := []autograd.Value{flat(mean), flat(apply(opGram, centred).Scale(n))}
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

// opProductsAdjoint is the adjoint of opProducts at x, with the result y, applied to
// g, and of the modulus of the bands, applied to m. It takes the means from y.
var opProductsAdjoint = &autograd.Op{
	Name: "band-products-adjoint", Doc: "adjoint of band-products at x, with the result y, applied to g, plus that of the bands' moduli, applied to m (N, C, K, h, w)",
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		if len(in) != 4 {
			return in[0], fmt.Errorf("%d arguments; 4 expected", len(in))
		}
		y, err := productsType(attr, in[:1])
		m := in[0].With(in[0].DType.Real())
		m.Dim[2] = attr.(momentAttr).k
		if err == nil && (in[1] != y || in[2] != y || in[3] != m) {
			err = fmt.Errorf("a result and a cotangent of type %v and moduli of type %v expected", y, m)
		}
		return in[0], err
	},
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		l := newMomentLayout(attr, in[0].Type()).products()
		return l.productsAdjoint(in[0], in[1], in[2], in[3])
	},
	FLOPs: func(_ any, _ tensor.Type, in []tensor.Type) int64 {
		return 4 * int64(in[1].Dim[2]) * int64(in[0].Len()/in[0].Dim[2])
	},
	Samples: productsAdjointSamples(),
}

// productsAdjointSamples adds a result, a cotangent and one of the moduli to the
// samples of opProducts.
func productsAdjointSamples() []autograd.Sample {
	var samples []autograd.Sample
	for _, s := range momentSamples {
		x := s.In[0]
		y := tensor.MakeType(tensor.Float64, x.Dim[0], x.Dim[1], newMomentLayout(s.Attr, x).products().size)
		m := tensor.MakeType(tensor.Float64, x.Dim[0], x.Dim[1], s.Attr.(momentAttr).k, x.Dim[3], x.Dim[4])
		s.In = []tensor.Type{x, y, y, m}
		samples = append(samples, s)
	}
	return samples
}

// productsAdjoint is the composition that defines opProductsAdjoint.
func (l *momentLayout) productsAdjoint(x, y, g, moduli autograd.Value) autograd.Value {
	k, n := l.k, 1/float64(l.pixels)
	keep := func(v autograd.Value, at int) autograd.Value { return l.part(v, at, k, 1, 1) }
	mul := func(m, v autograd.Value, expr string) autograd.Value { return autograd.Einsum(expr, m, v) }
	const rows, columns = "ncij,ncjhw->ncihw", "ncji,ncjhw->ncihw"
	own := x.Crop(2, 0, k)
	m := own.Abs().Sub(keep(y, l.mean))
	gram := l.part(g, l.gram, k, k)
	dm := mul(gram.Add(gram.Permute(0, 1, 3, 2)), m, rows).Add(keep(g, l.mean))
	if !l.parents {
		return own.Unit().Mul(moduli.Add(dm.Scale(n)))
	}
	parent := x.Crop(2, k, 2*k)
	q := parent.Abs().Sub(keep(y, l.parentMean))
	doubled := apply(opDoublePhase, parent)
	re, dr, di := own.Real(), doubled.Real(), doubled.Imag()
	cross := l.part(g, l.cross, k, k)
	dm = dm.Add(mul(cross, q, rows)).Scale(n).Add(moduli)
	dq := mul(cross, m, columns).Add(q.Mul(keep(g, l.square).Scale(2))).Add(keep(g, l.parentMean)).Scale(n)
	gr, gi := l.part(g, l.real, k, k), l.part(g, l.real+k*k, k, k)
	dre := mul(gr, dr, rows).Add(mul(gi, di, rows)).Add(re.Mul(keep(g, l.realSquare).Scale(2))).Scale(n)
	ddr := mul(gr, re, columns).Add(dr.Mul(keep(g, l.doubleds).Scale(2))).Scale(n)
	ddi := mul(gi, re, columns).Add(di.Mul(keep(g, l.doubleds+k).Scale(2))).Scale(n)
	return autograd.Concat(2, own.Unit().Mul(dm).Add(dre.Complex()),
		parent.Unit().Mul(dq).Add(doubledAdjoint(parent, autograd.MakeComplex(ddr, ddi))))
}
