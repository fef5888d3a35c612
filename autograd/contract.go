package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

var opContract *Op

// contractAttr says whether the result is float64 whatever the arguments.
type contractAttr struct{ wide bool }

func contractType(attr any, in []tensor.Type) (t tensor.Type, err error) {
	if err := wantArgs(in, 2); err != nil {
		return t, err
	}
	a, b := in[0], in[1]
	if a.DType.IsComplex() || a.DType != b.DType {
		return t, fmt.Errorf("real arguments of equal precision expected")
	}
	if a.Rank != 3 || b.Rank != 3 || a.Dim[0] != b.Dim[0] || a.Dim[2] != b.Dim[1] {
		return t, fmt.Errorf("shapes (batch, m, k) and (batch, k, n) expected")
	}
	d := a.DType
	if attr.(contractAttr).wide {
		d = tensor.Float64
	}
	return tensor.MakeType(d, a.Dim[0], a.Dim[1], b.Dim[2]), nil
}

func init() {
	opContract = define(&Op{
		Name: "contract", Doc: "matrix products of a batch of matrices (batch, m, k) with another (batch, k, n)", Linear: linearAll,
		Type: contractType,
		VJP: func(n Node, g Value) []Value {
			a, b := n.In[0], n.In[1]
			g = g.Cast(a.Type().DType)
			return []Value{rowProduct(g, b.Permute(0, 2, 1)), rowProduct(a.Permute(0, 2, 1), g)}
		},
		Eval:  evalContract,
		CPU:   bindContract,
		Parts: EachPart,
		FLOPs: func(_ any, out tensor.Type, in []tensor.Type) int64 {
			return 2 * int64(out.Len()) * int64(in[0].Dim[2])
		},
		Samples: []Sample{
			{Attr: contractAttr{}, In: types(f64(2, 3, 4), f64(2, 4, 5))},
			{Attr: contractAttr{}, In: types(f64(1, 2, 70), f64(1, 70, 3))},
			{Attr: contractAttr{}, In: types(f64(3, 4, 1), f64(3, 1, 1))},
			{Attr: contractAttr{wide: true}, In: types(f64(2, 3, 4), f64(2, 4, 2))}},
	})
}

func evalContract(_ any, out tensor.Tensor, in []tensor.Tensor) {
	a, b := &in[0], &in[1]
	for i := range out.Dim[0] {
		for r := range out.Dim[1] {
			for c := range out.Dim[2] {
				sum := 0.0
				for k := range a.Dim[2] {
					x := a.LoadReal(i*a.Stride[0] + r*a.Stride[1] + k*a.Stride[2])
					sum += x * b.LoadReal(i*b.Stride[0]+k*b.Stride[1]+c*b.Stride[2])
				}
				out.StoreReal(i*out.Stride[0]+r*out.Stride[1]+c*out.Stride[2], sum)
			}
		}
	}
}

// contract returns the matrix products of (batch, m, k) with (batch, k, n), real
// or complex; in float64 if wide. A complex product is two or four real ones.
func contract(a, b Value, wide bool) Value {
	wide = wide && a.Type().DType.Real() != tensor.Float64
	product := func(x, y Value) Value { return x.tape.Apply(opContract, contractAttr{wide}, x, y) }
	p, q := a.Type().DType.IsComplex(), b.Type().DType.IsComplex()
	switch {
	case p && q:
		ar, ai, br, bi := a.Real(), a.Imag(), b.Real(), b.Imag()
		return MakeComplex(product(ar, br).Sub(product(ai, bi)), product(ar, bi).Add(product(ai, br)))
	case p:
		return MakeComplex(product(a.Real(), b), product(a.Imag(), b))
	case q:
		return MakeComplex(product(a, b.Real()), product(a, b.Imag()))
	}
	return product(a, b)
}

// rowProduct is the product a·b (batch, m, n) computed with the longer of m and
// n along the rows: a product with few columns is the transposed product.
func rowProduct(a, b Value) Value {
	if a.Type().Dim[1] <= b.Type().Dim[2] {
		return contract(a, b, false)
	}
	return contract(b.Permute(0, 2, 1), a.Permute(0, 2, 1), false).Permute(0, 2, 1)
}
