package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// marginalAttr is the attribute of opMarginal: the width of the maps, and that of the
// window of autocorrelations.
type marginalAttr struct{ w, width int }

// opMarginal is what the statistics of a partial reconstruction are made of. It takes
// the spectrum, whose transform down the columns is what the autocorrelation needs of
// a map.
var opMarginal = &autograd.Op{
	Name:  "marginal",
	Doc:   "of the real maps (N, C, h, w) with the half spectra x (N, C, h, w/2+1): the window of their autocorrelations without the mean, and the means of their third and fourth powers, (N, C, width² + 2)",
	Type:  marginalType,
	Lower: func(attr any, in []autograd.Value) autograd.Value { return marginalOf(attr.(marginalAttr), in[0]) },
	VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
		return []autograd.Value{g.Tape().Apply(opMarginalAdjoint, n.Attr, n.In[0], g)}
	},
	CPU:     bindMarginal,
	Parts:   autograd.EachPart,
	Room:    marginalRoom,
	Samples: marginalSamples(false),
}

// marginalRoom returns the bytes of the maps' rows, and of the blocks of rows that every
// thread works in.
func marginalRoom(attr any, in []tensor.Type, threads int) int64 {
	t := in[0]
	numbers := t.Dim[0]*t.Dim[1]*t.Dim[2]*attr.(marginalAttr).w + threads*270*attr.(marginalAttr).w
	return int64(numbers * t.DType.Real().Size())
}

// opMarginalAdjoint is the adjoint of opMarginal at x, applied to g.
var opMarginalAdjoint = &autograd.Op{
	Name: "marginal-adjoint", Doc: "adjoint of marginal at x, applied to g", Linear: 2,
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		y, err := marginalType(attr, in[:1])
		if err == nil && in[1] != y {
			err = fmt.Errorf("a cotangent of type %v expected", y)
		}
		return in[0], err
	},
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		return autograd.VJP(marginalOf(attr.(marginalAttr), in[0]), in[1], in[0])[0]
	},
	CPU:     bindMarginal,
	Parts:   autograd.EachPart,
	Room:    marginalRoom,
	Samples: marginalSamples(true),
}

func marginalType(attr any, in []tensor.Type) (tensor.Type, error) {
	a, t := attr.(marginalAttr), in[0]
	if t.Rank != 4 || !t.DType.IsComplex() || t.Dim[3] != a.w/2+1 {
		return t, fmt.Errorf("half spectra (N, C, h, %d) expected", a.w/2+1)
	}
	return tensor.MakeType(t.DType.Real(), t.Dim[0], t.Dim[1], a.width*a.width+2), nil
}

// marginalOf is the composition that defines opMarginal.
func marginalOf(a marginalAttr, z autograd.Value) autograd.Value {
	x := z.IRFFT(autograd.Backward, a.w, 2, 3)
	return autograd.Concat(2, windowOf(x, a.width).Reshape(append(lead(x), -1)...), apply(opPowers, x))
}

// opPowers is the part of opMarginal that needs no transform.
var opPowers = &autograd.Op{
	Name: "power-means", Doc: "means of the third and fourth powers (N, C, 2) of maps x (N, C, h, w)",
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) {
		t := in[0]
		if t.Rank != 4 || t.DType.IsComplex() {
			return t, fmt.Errorf("real maps (N, C, h, w) expected")
		}
		return tensor.MakeType(t.DType, t.Dim[0], t.Dim[1], 2), nil
	},
	Lower: func(_ any, in []autograd.Value) autograd.Value {
		x := in[0]
		x2 := x.Square()
		return autograd.Stack(2, x2.Mul(x).Mean(2, 3), x2.Square().Mean(2, 3))
	},
	FLOPs:   func(_ any, _ tensor.Type, in []tensor.Type) int64 { return 5 * int64(in[0].Len()) },
	Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Float64, 2, 1, 4, 6)}}},
}

// marginalSamples are spectra of an even and an odd number of columns, of fewer rows
// than a thread's share and of more, with a cotangent for the adjoint.
func marginalSamples(adjoint bool) []autograd.Sample {
	var samples []autograd.Sample
	for _, s := range []struct{ n, c, h, w, width int }{{2, 1, 4, 6, 3}, {1, 2, 3, 5, 2}, {1, 1, 50, 8, 5}} {
		attr := marginalAttr{s.w, s.width}
		in := []tensor.Type{tensor.MakeType(tensor.Complex128, s.n, s.c, s.h, s.w/2+1)}
		if adjoint {
			in = append(in, tensor.MakeType(tensor.Float64, s.n, s.c, s.width*s.width+2))
		}
		samples = append(samples, autograd.Sample{Attr: attr, In: in})
	}
	return samples
}
