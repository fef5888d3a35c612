package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// spectrumAttr is the attribute of opSpectrumMoments: that of opCutBands and that of
// opMoments.
type spectrumAttr struct {
	bands *bandSet
	momentAttr
}

// layout returns where opSpectrumMoments of x leaves what.
func (a spectrumAttr) layout(x tensor.Type) momentLayout {
	return newMomentLayout(a.momentAttr, tensor.MakeType(x.DType, x.Dim[0], x.Dim[1], a.bands.n, a.bands.h, a.bands.w))
}

// opSpectrumMoments is opMoments of the bands that opCutBands cuts out of a spectrum,
// which it never has in memory as a whole.
var opSpectrumMoments = &autograd.Op{
	Name: "spectrum-moments", Doc: "joint moments (N, C, …) of the bands that masks cut out of a spectrum x (N, C, h, w)",
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		return spectrumMomentsType(attr.(spectrumAttr), in[0])
	},
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		a := attr.(spectrumAttr)
		return in[0].Tape().Apply(opMoments, a.momentAttr, in[0].Tape().Apply(opCutBands, a.bands, in[0]))
	},
	VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
		return []autograd.Value{g.Tape().Apply(opSpectrumMomentsAdjoint, n.Attr, n.In[0], n.Out, g)}
	},
	CPU:     bindMoments,
	Parts:   autograd.EachPart,
	Room:    func(attr any, in []tensor.Type, threads int) int64 { return momentsRoom(attr, in, threads, true) },
	Samples: spectrumSamples(false),
}

// momentsRoom returns the bytes of rows of each band that every thread works in, and of
// what forward keeps for backward: half bands and the spectra of magnitudes.
func momentsRoom(attr any, in []tensor.Type, threads int, keeps bool) int64 {
	a, t := attr.(spectrumAttr), in[0]
	b := a.bands
	numbers := threads * 55 * b.n * b.w
	if keeps {
		numbers += t.Dim[0] * t.Dim[1] * (b.n + a.k) * b.h * b.w
	}
	return int64(numbers * t.DType.Real().Size())
}

func spectrumMomentsType(a spectrumAttr, t tensor.Type) (tensor.Type, error) {
	bands, err := opCutBands.Type(a.bands, []tensor.Type{t})
	if err != nil {
		return t, err
	}
	return momentsType(a.momentAttr, []tensor.Type{bands})
}

// opSpectrumMomentsAdjoint is the adjoint of opSpectrumMoments at x, applied to g.
// It takes the means from y, which opSpectrumMoments has computed.
var opSpectrumMomentsAdjoint = &autograd.Op{
	Name: "spectrum-moments-adjoint", Doc: "adjoint of spectrum-moments at x, with the result y, applied to g", Linear: 4,
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		y, err := spectrumMomentsType(attr.(spectrumAttr), in[0])
		if err == nil && (in[1] != y || in[2] != y) {
			err = fmt.Errorf("a result and a cotangent of type %v expected", y)
		}
		return in[0], err
	},
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		a, tape := attr.(spectrumAttr), in[0].Tape()
		bands := tape.Apply(opCutBands, a.bands, in[0])
		return tape.Apply(opJoinBands, a.bands, tape.Apply(opMomentsAdjoint, a.momentAttr, bands, in[1], in[2]))
	},
	CPU:     bindMomentsAdjoint,
	Parts:   autograd.EachPart,
	Room:    func(attr any, in []tensor.Type, threads int) int64 { return momentsRoom(attr, in, threads, false) },
	Samples: spectrumSamples(true),
}

// spectrumSamples are spectra with masks that vanish in places, with a result and a
// cotangent for the adjoint.
func spectrumSamples(adjoint bool) []autograd.Sample {
	var samples []autograd.Sample
	for _, s := range []struct{ h, w, bands, k, width int }{{16, 16, 4, 2, 5}, {10, 16, 4, 2, 2}, {5, 6, 3, 3, 2}} {
		bands := newBandSet(newConstant(sampleMasks(s.bands, s.h, s.w), s.bands, s.h, s.w))
		attr := spectrumAttr{bands, momentAttr{s.k, s.width}}
		x := tensor.MakeType(tensor.Complex128, 2, 1, s.h, s.w)
		in := []tensor.Type{x}
		if adjoint {
			y := tensor.MakeType(tensor.Float64, 2, 1, attr.layout(x).size)
			in = append(in, y, y)
		}
		samples = append(samples, autograd.Sample{Attr: attr, In: in, Values: func(in []tensor.Type, random func() float64) []tensor.Tensor {
			return strongFrequency(attr, in, random)
		}})
	}
	return samples
}

// strongFrequency returns a spectrum in which one frequency is so strong that no
// pixel of a band is near zero, where its modulus has no derivative; for the adjoint
// also a result with such mean moduli, and a cotangent.
func strongFrequency(a spectrumAttr, in []tensor.Type, random func() float64) []tensor.Tensor {
	var out []tensor.Tensor
	for _, t := range in {
		x := tensor.New(t.DType, t.Shape()...)
		for i := range x.Len() {
			x.Store(i, complex(random(), random()))
		}
		out = append(out, x)
	}
	n, mask := a.bands.h*a.bands.w, tensor.Span[float64](a.bands.f64)
	at, best := 0, 0.
	for i := range n {
		least := mask[i]
		for k := range a.bands.n {
			least = min(least, mask[k*n+i])
		}
		if least > best {
			at, best = i, least
		}
	}
	const modulus = 2
	for i := at; i < out[0].Len(); i += n {
		out[0].Store(i, complex(float64(modulus*n), 0))
	}
	if len(in) == 1 {
		return out
	}
	for l, y := a.layout(in[0]), 0; y < out[1].Len(); y += l.size {
		for k := range l.k {
			out[1].Store(y+l.mean+k, complex(modulus*mask[k*n+at], 0))
			if l.parents {
				out[1].Store(y+l.parentMean+k, complex(modulus*mask[(l.k+k)*n+at], 0))
			}
		}
	}
	return out
}
