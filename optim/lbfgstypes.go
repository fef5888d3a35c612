package optim

import (
	"fmt"
	"strconv"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// decides is why no op of this package has a gradient.
const decides = "it is part of an optimizer's decisions"

// rowOp completes an op whose result and arguments have the given shapes. It is
// tested with N = 2, P = 5, R = 4, and rows of the history in two blocks of 3.
func rowOp(o autograd.Op, attr any, out rowType, want ...rowType) *autograd.Op {
	in := make([]tensor.Type, len(want))
	for i, w := range want {
		in[i] = w.with(tensor.Float64, map[byte]int{'N': 2, 'P': 5, 'R': 4, 'M': 2, 'B': 3})
	}
	if o.Type == nil {
		o.Type = result(out, want)
	}
	o.Samples = []autograd.Sample{{Attr: attr, In: in, Values: sampleValues, NotSmooth: decides}}
	return &o
}

// sampleValues draws arguments; searches and rings are such as occur.
func sampleValues(in []tensor.Type, random func() float64) []tensor.Tensor {
	xs := make([]tensor.Tensor, len(in))
	for k, typ := range in {
		xs[k] = tensor.New(typ.DType, typ.Shape()...)
		for i := range typ.Len() {
			xs[k].StoreReal(i, random())
		}
		for n := 0; typ.Rank == 2 && n < typ.Dim[0]; n++ {
			switch row := vectorOf(&xs[k], n); typ.Dim[1] {
			case searchColumns:
				row.store(sampleSearch(n).asRow())
			case ringColumns:
				row.store((&ring{Slot: 1, Count: float64(3 - n), Gamma: .7, Pair: float64(-n), Tau: .5, Curvature: .8}).asRow())
			}
		}
	}
	return xs
}

// sampleSearch returns a search in the phase of bracketing or zooming. No field
// is 0: tests also run rows that repeat one number.
func sampleSearch(n int) *search {
	s := &search{}
	for i := range s.asRow() {
		s.asRow()[i] = 1
	}
	s.Origin, s.Before, s.F, s.F0, s.Total, s.Evs = 2, 3, 2, 2, 5, 7
	if n > 0 {
		s.At, s.Phase = 2, phaseZoom
		s.Bracket = [2]point{{.25, 2, -1, 3}, {1, 1.5, .3, 3}}
	}
	return s
}

// rowType is the argument's shape of an op: "N4P", preceded by what its element
// type is: '=' float64, 'x' that of images, 'h' that of the history.
type rowType string

var (
	searchRow = rowType("=N" + strconv.Itoa(searchColumns))
	ringRow   = rowType("=N" + strconv.Itoa(ringColumns))
	slotsRow  = rowType("xN" + strconv.Itoa(gradientSlots) + "P")
	pairsRow  = rowType("hNMRB")
)

// sizes checks the arguments of an op and returns the sizes of their axes and
// the element types.
func sizes(in []tensor.Type, want []rowType) (axis map[byte]int, dtype map[byte]tensor.DType, err error) {
	axis, dtype = map[byte]int{}, map[byte]tensor.DType{'=': tensor.Float64}
	if len(in) != len(want) {
		return nil, nil, fmt.Errorf("%d arguments given, %d expected", len(in), len(want))
	}
	for i, w := range want {
		w.learn(in[i], axis)
		if d, seen := dtype[w[0]]; !seen {
			dtype[w[0]] = in[i].DType.Real()
		} else if d != in[i].DType {
			return nil, nil, fmt.Errorf("argument %d is a %v; %v expected", i, in[i], d)
		}
		if need := w.with(dtype[w[0]], axis); in[i] != need {
			return nil, nil, fmt.Errorf("argument %d is a %v; %v expected", i, in[i], need)
		}
	}
	return axis, dtype, nil
}

// learn notes the sizes of the axes of t that w names and that are new. Numbers
// in w have one digit where a name follows.
func (w rowType) learn(t tensor.Type, axis map[byte]int) {
	for i := 1; i < len(w) && i <= int(t.Rank); i++ {
		if _, seen := axis[w[i]]; !seen && w[i] >= 'A' {
			axis[w[i]] = t.Dim[i-1]
		}
	}
}

// result makes the type rule of an op from the shapes of its result and of its
// arguments. The element type 'a' is the op's attribute.
func result(out rowType, want []rowType) func(any, []tensor.Type) (tensor.Type, error) {
	return func(attr any, in []tensor.Type) (tensor.Type, error) {
		axis, dtype, err := sizes(in, want)
		if err != nil {
			return tensor.Type{}, err
		}
		if d, ok := attr.(tensor.DType); ok {
			dtype['a'] = d
		}
		if x, ok := dtype['x']; ok && max(dtype['h'], dtype['a']) > x {
			return tensor.Type{}, fmt.Errorf("the history is more precise than the images")
		}
		return out.with(dtype[out[0]], axis), nil
	}
}

// with returns the type that w is, given its element type and the sizes of axes.
func (w rowType) with(d tensor.DType, axis map[byte]int) tensor.Type {
	var shape []int
	for i := 1; i < len(w); {
		j := i + 1
		n, ok := axis[w[i]]
		if !ok {
			for j < len(w) && w[j] < 'A' {
				j++
			}
			n, _ = strconv.Atoi(string(w[i:j]))
		}
		shape, i = append(shape, n), j
	}
	return tensor.MakeType(d, shape...)
}
