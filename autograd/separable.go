package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

var opSeparable, opSeparableAdjoint *Op

// separableAttr is the attribute of opSeparable and its adjoint: the steps, and for
// the adjoint the size of the images.
type separableAttr struct{ stride, size [2]int }

// Steps returns the steps down and right.
func (a separableAttr) Steps() [2]int { return a.stride }

// CorrelateSeparable returns the cross-correlation of every channel of real images x
// (N, C, H, W) with the filter whose element (u, v) is column[u]·row[v]:
//
//	y[n, c, i, j] = Σ column[u] · row[v] · x[n, c, i·stride+u, j·stride+v]
//
// rows first. It panics with *Error if x has not four axes or a filter not one, if
// their types differ, if a step is below 1 or if the filter covers more than the image.
func CorrelateSeparable(x, column, row Value, stride [2]int) Value {
	return x.tape.Apply(opSeparable, separableAttr{stride: stride}, x, column, row)
}

// results returns the type of the result for images x.
func (a separableAttr) results(x tensor.Type, taps []tensor.Type) (tensor.Type, error) {
	if x.Rank != 4 || x.DType.IsComplex() {
		return x, fmt.Errorf("real images (N, C, h, w) expected")
	}
	for i, t := range taps {
		if t.Rank != 1 || t.DType != x.DType || t.Dim[0] < 1 || a.stride[i] < 1 || t.Dim[0] > x.Dim[2+i] {
			return x, fmt.Errorf("filters of one axis and type %v, no longer than the image, and steps from 1 expected", x.DType)
		}
		x.Dim[2+i] = (x.Dim[2+i]-t.Dim[0])/a.stride[i] + 1
	}
	return x, nil
}

// images returns the type of the images for results y.
func (a separableAttr) images(y tensor.Type) tensor.Type {
	y.Dim[2], y.Dim[3] = a.size[0], a.size[1]
	return y
}

// passes returns the filters and options of the correlations of rows and of columns.
func (a separableAttr) passes(column, row Value) (f [2]Value, o [2]CorrelateOptions) {
	f = [2]Value{row.Reshape(1, 1, 1, row.Type().Dim[0]), column.Reshape(1, 1, column.Type().Dim[0], 1)}
	o = [2]CorrelateOptions{{Stride: [2]int{1, a.stride[1]}}, {Stride: [2]int{a.stride[0], 1}}}
	return f, o
}

// eachChannel applies f to images (N·C, 1, h, w).
func eachChannel(x Value, f func(x Value) Value) Value {
	d := x.Type().Dim
	y := f(x.Reshape(d[0]*d[1], 1, d[2], d[3]))
	return y.Reshape(d[0], d[1], y.Type().Dim[2], y.Type().Dim[3])
}

// correlate is the composition that defines opSeparable.
func (a separableAttr) correlate(x, column, row Value) Value {
	f, o := a.passes(column, row)
	return eachChannel(x, func(x Value) Value { return Correlate(Correlate(x, f[0], o[0]), f[1], o[1]) })
}

func init() {
	sizes := []struct {
		x            [4]int
		column, row  int
		stride, size [2]int
	}{{[4]int{2, 2, 6, 7}, 3, 2, [2]int{1, 1}, [2]int{6, 7}}, {[4]int{1, 2, 7, 9}, 2, 4, [2]int{2, 3}, [2]int{7, 9}}, {[4]int{1, 1, 5, 6}, 5, 1, [2]int{1, 2}, [2]int{5, 6}}}
	opSeparable = &Op{
		Name: "correlate-separable", Doc: "cross-correlation of each channel of images (N, C, H, W) with the product of a column and a row", Linear: linearAll,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			if err := wantArgs(in, 3); err != nil {
				return tensor.Type{}, err
			}
			return attr.(separableAttr).results(in[0], in[1:])
		},
		Lower: func(attr any, in []Value) Value { return attr.(separableAttr).correlate(in[0], in[1], in[2]) },
		VJP: func(n Node, g Value) []Value {
			a, x := n.Attr.(separableAttr), n.In[0]
			a.size = [2]int{x.Type().Dim[2], x.Type().Dim[3]}
			of := VJP(a.correlate(x, n.In[1], n.In[2]), g, n.In[1], n.In[2])
			return []Value{g.tape.Apply(opSeparableAdjoint, a, g, n.In[1], n.In[2]), of[0], of[1]}
		},
		FLOPs: func(_ any, out tensor.Type, in []tensor.Type) int64 {
			return 2 * (int64(out.Len())*int64(in[1].Dim[0]) + int64(out.Len()/max(out.Dim[2], 1)*in[0].Dim[2])*int64(in[2].Dim[0]))
		},
	}
	opSeparableAdjoint = &Op{
		Name: "correlate-separable-adjoint", Doc: "adjoint of correlate-separable in the images: results (N, C, …) spread by a column and a row", Linear: linearAll,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			if err := wantArgs(in, 3); err != nil {
				return tensor.Type{}, err
			}
			a := attr.(separableAttr)
			x := a.images(in[0])
			y, err := a.results(x, in[1:])
			if err == nil && y != in[0] {
				err = fmt.Errorf("a %v expected", y)
			}
			return x, err
		},
		Lower: func(attr any, in []Value) Value {
			a := attr.(separableAttr)
			f, o := a.passes(in[1], in[2])
			return eachChannel(in[0], func(g Value) Value {
				columns := CorrelateAdjoint(g, f[1], a.size[0], g.Type().Dim[3], o[1])
				return CorrelateAdjoint(columns, f[0], a.size[0], a.size[1], o[0])
			})
		},
		FLOPs: func(_ any, out tensor.Type, in []tensor.Type) int64 {
			return 2 * (int64(in[0].Len())*int64(in[1].Dim[0]) + int64(in[0].Len()/max(in[0].Dim[2], 1)*out.Dim[2])*int64(in[2].Dim[0]))
		},
	}
	for _, s := range sizes {
		a := separableAttr{s.stride, s.size}
		x, column, row := f64(s.x[:]...), f64(s.column), f64(s.row)
		y, err := a.results(x, types(column, row))
		if err != nil {
			panic(err)
		}
		opSeparableAdjoint.Samples = append(opSeparableAdjoint.Samples, Sample{Attr: a, In: types(y, column, row)})
		a.size = [2]int{}
		opSeparable.Samples = append(opSeparable.Samples, Sample{Attr: a, In: types(x, column, row)})
	}
	define(opSeparable)
	define(opSeparableAdjoint)
}
