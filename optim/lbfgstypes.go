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
// tested with N = 2, P = 5 and R = 4.
func rowOp(o autograd.Op, attr any, out rowType, want ...rowType) *autograd.Op {
	in := make([]tensor.Type, len(want))
	for i, w := range want {
		in[i] = w.with(tensor.Float64, map[byte]int{'N': 2, 'P': 5, 'R': 4})
	}
	o.Type = result(out, want)
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
		if typ.Rank != 2 {
			continue
		}
		for n := range typ.Dim[0] {
			var row []float64
			switch typ.Dim[1] {
			case searchColumns:
				s := search{Phase: phaseBracket, T: 1, Slot: 1, At: 1, Written: 1, Origin: 2, Before: 3, Active: 1, Move: .5,
					Taken: .5, F: 2, F0: 2, Total: 5, Inner: 2, Evs: 7, Known: 1, Ended: 1}
				if n > 0 {
					s.At, s.Phase, s.Slow, s.Tries = 0, phaseZoom, 1, 2
					s.Bracket = [2]point{{0, 2, -1, 0}, {1, 1.5, .3, 3}}
				}
				row = s.asRow()
			case ringColumns:
				r := ring{Slot: 1, Count: 3, Gamma: .7, Pair: 0, Tau: .5, Curvature: .8}
				if n > 0 {
					r.Count, r.Pair = 2, -1
				}
				row = r.asRow()
			default:
				continue
			}
			for i, v := range row {
				xs[k].StoreReal(n*len(row)+i, v)
			}
		}
	}
	return xs
}

// rowType is the argument's shape of an op: "N4P", preceded by what its element
// type is: '=' float64, 'x' that of images, 'h' that of the history.
type rowType string

var (
	searchRow = rowType("=N" + strconv.Itoa(searchColumns))
	ringRow   = rowType("=N" + strconv.Itoa(ringColumns))
	slotsRow  = rowType("xN" + strconv.Itoa(gradientSlots) + "P")
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
	if x, ok := dtype['x']; ok && dtype['h'] > x {
		return nil, nil, fmt.Errorf("the history is more precise than the images")
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
