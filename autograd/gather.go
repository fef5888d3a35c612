package autograd

import (
	"encoding/binary"
	"fmt"

	"github.com/percept-go/percept/tensor"
)

var opGather, opScatterAdd *Op

// gatherAttr is a static list of indices along an axis of n elements, packed so
// that attributes can be compared.
type gatherAttr struct {
	axis, n int
	packed  string
}

const indexBytes = 8

func makeGather(axis, n int, index []int) gatherAttr {
	b := make([]byte, 0, indexBytes*len(index))
	for _, i := range index {
		b = binary.LittleEndian.AppendUint64(b, uint64(i))
	}
	return gatherAttr{axis, n, string(b)}
}

// count returns how many indices there are.
func (a gatherAttr) count() int { return len(a.packed) / indexBytes }

// at returns index j.
func (a gatherAttr) at(j int) (i int) {
	s := a.packed[j*indexBytes : (j+1)*indexBytes]
	for k := indexBytes - 1; k >= 0; k-- {
		i = i<<8 | int(s[k])
	}
	return i
}

// resized is the type rule of gather and scatter-add: axis goes from one size
// to another.
func (a gatherAttr) resized(in []tensor.Type, from, to int) (t tensor.Type, err error) {
	if err := wantArgs(in, 1); err != nil {
		return t, err
	}
	t = in[0]
	if a.axis < 0 || a.axis >= int(t.Rank) || t.Dim[a.axis] != from {
		return t, fmt.Errorf("an argument with %d elements along axis %d expected", from, a.axis)
	}
	for j := range a.count() {
		if i := a.at(j); i < 0 || i >= a.n {
			return t, fmt.Errorf("index %d, at place %d, is out of range; 0 to %d expected", i, j, a.n-1)
		}
	}
	t.Dim[a.axis] = to
	return t, nil
}

// gatherParts is the Parts of gather and scatter-add along another axis than the first.
func gatherParts(attr any, _ []tensor.Type, _ int) (any, uint64, bool) {
	return attr, 0, attr.(gatherAttr).axis != 0
}

// each calls f with the offsets of every pair that the index joins: of an
// element of the long tensor, of n along the axis, and of the gathered one.
func (a gatherAttr) each(long, gathered *tensor.Tensor, f func(l, g int)) {
	for k := range gathered.Len() {
		i, l, g := k, 0, 0
		for ax := int(gathered.Rank) - 1; ax >= 0; ax-- {
			at := i % gathered.Dim[ax]
			i /= gathered.Dim[ax]
			g += at * gathered.Stride[ax]
			if ax == a.axis {
				at = a.at(at)
			}
			l += at * long.Stride[ax]
		}
		f(l, g)
	}
}

func init() {
	index := []int{2, 0, 0, 4, 2, 2}
	opGather = define(&Op{
		Name: "gather", Doc: "elements of the argument at a static list of indices along one axis", Linear: 1, FLOPs: noFLOPs,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			a := attr.(gatherAttr)
			return a.resized(in, a.n, a.count())
		},
		VJP: func(n Node, g Value) []Value { return []Value{g.tape.Apply(opScatterAdd, n.Attr, g)} },
		Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
			attr.(gatherAttr).each(&in[0], &out, func(l, g int) { out.Store(g, in[0].Load(l)) })
		},
		CPU: bindGather, Parts: gatherParts,
		Samples: []Sample{
			{Attr: makeGather(1, 5, index), In: types(f64(2, 5))},
			{Attr: makeGather(0, 5, index), In: types(f64(5, 3))},
			{Attr: makeGather(1, 5, index), In: types(c128(2, 5, 3))}},
	})
	opScatterAdd = define(&Op{
		Name: "scatter-add", Doc: "zeros, to which the elements along one axis are added at a static list of indices: the adjoint of gather", Linear: 1,
		FLOPs: func(_ any, _ tensor.Type, in []tensor.Type) int64 { return int64(in[0].Len()) },
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			a := attr.(gatherAttr)
			return a.resized(in, a.count(), a.n)
		},
		VJP: func(n Node, g Value) []Value { return []Value{g.tape.Apply(opGather, n.Attr, g)} },
		Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
			for i := range out.Len() {
				out.Store(i, 0)
			}
			attr.(gatherAttr).each(&out, &in[0], func(l, g int) { out.Store(l, out.Load(l)+in[0].Load(g)) })
		},
		CPU: bindScatterAdd, Parts: gatherParts,
		Samples: []Sample{
			{Attr: makeGather(1, 5, index), In: types(f64(2, 6))},
			{Attr: makeGather(0, 5, index), In: types(f64(6, 3))},
			{Attr: makeGather(1, 5, index), In: types(c128(2, 6, 3))}},
	})
}

// Gather returns the elements of x at the given indices along axis, which
// counts from the end if negative: result[…, j, …] = x[…, index[j], …]. An
// index may occur any number of times. The adjoint adds by a table that is
// built when the graph is compiled. It panics with *Error if axis or an index is
// out of range.
func (x Value) Gather(axis int, index []int) Value {
	axis = x.axes("gather", []int{axis})[0]
	return x.tape.Apply(opGather, makeGather(axis, x.Type().Dim[axis], index), x)
}
