package models

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Ops lists the ops of the models. Tests range over it.
func Ops() []*autograd.Op {
	return []*autograd.Op{opDoublePhase, opGram, opEnergy, opSpread, opMoments, opMomentsAdjoint, opProducts, opProductsAdjoint,
		opSpectrumMoments, opSpectrumMomentsAdjoint, opCutBands, opJoinBands, opMarginal, opMarginalAdjoint, opPowers, opMirror, opFold, opPixels, opPixelsAdjoint}
}

// opDoublePhase is |x|·e^{2iθ} for x = |x|·e^{iθ}: how a coarse band is made
// comparable with the next finer one (Portilla and Simoncelli 2000, §2.2); its
// gradient is 0 at 0.
// Turning x by dθ turns the result by 2dθ, so in the frame of the result the
// adjoint keeps the radial part of the cotangent and doubles the tangential one.
var opDoublePhase = &autograd.Op{
	Name: "double-phase", Doc: "complex number of the same modulus and twice the phase",
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) { return in[0], nil },
	Lower: func(_ any, in []autograd.Value) autograd.Value {
		return in[0].Mul(in[0].Unit())
	},
	VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
		return []autograd.Value{doubledAdjoint(n.In[0], g)}
	},
	Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 3)}, Lo: .2, Hi: 1}},
}

// doubledAdjoint returns the adjoint of opDoublePhase at x, applied to g.
func doubledAdjoint(x, g autograd.Value) autograd.Value {
	u := x.Unit()
	w := g.Mul(u.Square().Conj())
	return u.Mul(autograd.MakeComplex(w.Real(), w.Imag().Scale(2)))
}

// opGram is the inner products of the bands of an array with each other. Its
// adjoint is one product with the symmetric part of the cotangent.
var opGram = &autograd.Op{
	Name: "band-gram", Doc: "inner products (N, C, K, K) of the bands of x (N, C, K, h, w)",
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) {
		d := in[0].Dim
		return tensor.MakeType(in[0].DType, d[0], d[1], d[2], d[2]), nil
	},
	Lower: func(_ any, in []autograd.Value) autograd.Value {
		return autograd.Einsum("ncihw,ncjhw->ncij", in[0], in[0])
	},
	VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
		return []autograd.Value{autograd.Einsum("ncij,ncjhw->ncihw", g.Add(g.Permute(0, 1, 3, 2)), n.In[0])}
	},
	Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Float64, 2, 1, 3, 2, 4)}}},
}

// opEnergy is the sum of squares of each band.
var opEnergy = &autograd.Op{
	Name: "band-energy", Doc: "sums of squares (N, C, K) of the bands of x (N, C, K, h, w)",
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) {
		d := in[0].Dim
		return tensor.MakeType(in[0].DType, d[0], d[1], d[2]), nil
	},
	Lower: func(_ any, in []autograd.Value) autograd.Value {
		return autograd.Einsum("nckhw,nckhw->nck", in[0], in[0])
	},
	VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
		return []autograd.Value{n.In[0].Mul(n.In[0].KeepAxes(g, 3, 4).Scale(2))}
	},
	Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Float64, 2, 1, 3, 2, 4)}}},
}

// opSpread multiplies a spectrum by each of several masks. Its adjoint adds the
// masked cotangents in one pass.
var opSpread = &autograd.Op{
	Name: "spread", Doc: "products (N, C, K, h, w) of x (N, C, h, w) with masks (K, h, w)", Linear: 3,
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) {
		d := in[0].Dim
		return tensor.MakeType(in[0].DType, d[0], d[1], in[1].Dim[0], d[2], d[3]), nil
	},
	Lower: func(_ any, in []autograd.Value) autograd.Value {
		d := in[0].Type().Dim
		return in[0].Reshape(d[0], d[1], 1, d[2], d[3]).Mul(in[1])
	},
	VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
		d := n.In[0].Type().Dim
		var parts []autograd.Value
		for k := range n.In[1].Type().Dim[0] {
			mask := n.In[1].Crop(0, k, k+1).Reshape(d[2], d[3])
			parts = append(parts, g.Crop(2, k, k+1).Reshape(d[:4]...).Mul(mask))
		}
		x := n.In[0].Reshape(d[0], d[1], 1, d[2], d[3])
		return []autograd.Value{autograd.Sum(parts...), x.RealDot(g).Sum(0, 1)}
	},
	Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 2, 3, 4), tensor.MakeType(tensor.Float64, 3, 3, 4)}}},
}

// apply records one of the ops above.
func apply(op *autograd.Op, x ...autograd.Value) autograd.Value {
	return x[0].Tape().Apply(op, nil, x...)
}
