package models

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// opDoublePhase is |x|·e^{2iθ} for x = |x|·e^{iθ}: how a coarse band is made
// comparable with the next finer one (Portilla and Simoncelli 2000, §2.2).
// Turning x by dθ turns the result by 2dθ, so in the frame of the result the
// adjoint keeps the radial part of the cotangent and doubles the tangential one.
var opDoublePhase = &autograd.Op{
	Name: "double-phase", Doc: "complex number of the same modulus and twice the phase",
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) { return in[0], nil },
	Lower: func(_ any, in []autograd.Value) autograd.Value {
		return in[0].Mul(in[0].Unit())
	},
	VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
		u := n.In[0].Unit()
		w := g.Mul(u.Square().Conj())
		return []autograd.Value{u.Mul(w.Scale(1.5).Sub(w.Conj().Scale(.5)))}
	},
	Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 3)}, Lo: .2, Hi: 1}},
}

// doublePhase returns x with its phase doubled; its gradient is 0 at 0.
func doublePhase(x autograd.Value) autograd.Value { return x.Tape().Apply(opDoublePhase, nil, x) }
