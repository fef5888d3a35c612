package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

var opFill, opExpand, opReshape, opPermute, opFlip, opCrop, opAssemble *Op

// fillAttr is the attribute of the leaf that repeats one number.
type fillAttr struct {
	typ   tensor.Type
	value float64
}

func init() {
	opFill = define(&Op{
		Name: "fill", Doc: "a constant number",
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) { return attr.(fillAttr).typ, wantArgs(in, 0) },
		Eval: func(attr any, out tensor.Tensor, _ []tensor.Tensor) {
			for i := range out.Len() {
				out.StoreReal(i, attr.(fillAttr).value)
			}
		},
		Samples: []Sample{{Attr: fillAttr{f64(3), 1.5}, NotSmooth: "has no arguments"}},
	})
}

// evalView is the Eval of a movement op: its view, copied.
func evalView(view func(any, tensor.Tensor) (tensor.Tensor, bool)) func(any, tensor.Tensor, []tensor.Tensor) {
	return func(attr any, out tensor.Tensor, in []tensor.Tensor) {
		x := in[0]
		v, ok := view(attr, x)
		if !ok { // only Reshape needs a copy first
			v, _ = view(attr, tensor.Contiguous(x))
		}
		tensor.Copy(out, v)
	}
}

// noFLOPs is the FLOPs of ops that move elements only.
func noFLOPs(any, tensor.Type, []tensor.Type) int64 { return 0 }

// movement defines an op that moves elements without arithmetic. Its type is
// that of the view of a contiguous argument.
func movement(o Op, view func(attr any, in tensor.Tensor) (tensor.Tensor, bool)) *Op {
	op := &o
	op.Linear, op.View, op.Eval = 1, view, evalView(view)
	op.FLOPs = noFLOPs
	if op.Type == nil {
		op.Type = func(attr any, in []tensor.Type) (t tensor.Type, err error) {
			if err := wantArgs(in, 1); err != nil {
				return t, err
			}
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("%v", r)
				}
			}()
			v, _ := view(attr, tensor.Wrap(nil, in[0], 0))
			return v.Type, nil
		}
	}
	return define(op)
}

// ---- expand, reshape, permute, flip

func init() {
	opExpand = movement(Op{
		Name: "expand", Doc: "argument repeated along axes that are missing or of size 1",
		VJP: func(n Node, g Value) []Value {
			in, out := n.In[0].Type(), n.Out.Type()
			var axes []int
			for i := range int(out.Rank) {
				if j := i - int(out.Rank-in.Rank); j < 0 || in.Dim[j] != out.Dim[i] {
					axes = append(axes, i)
				}
			}
			return []Value{g.sumAxes(axes).Reshape(in.Shape()...)}
		},
		Samples: []Sample{{Attr: f64(2, 3, 4), In: types(f64(3, 1))}, {Attr: f64(2, 5), In: types(c128(5))}},
	}, func(attr any, in tensor.Tensor) (tensor.Tensor, bool) {
		return in.Expand(attr.(tensor.Type).Shape()...), true
	})
}

// Expand returns x repeated to the given shape along axes that are missing in
// front or of size 1.
func (x Value) Expand(shape ...int) Value {
	to := tensor.MakeType(tensor.Float64, shape...)
	if x.Type().SameShape(to) {
		return x
	}
	if n := x.node(); n.op == opExpand {
		return Value{x.tape, n.args[0]}.Expand(shape...)
	}
	return x.tape.Apply(opExpand, to, x)
}

func init() {
	opReshape = movement(Op{
		Name: "reshape", Doc: "the same elements in C order in another shape",
		VJP: func(n Node, g Value) []Value { return []Value{g.Reshape(n.In[0].Type().Shape()...)} },
		Parts: func(attr any, _ []tensor.Type, parts int) (any, uint64, bool) {
			return partType(attr.(tensor.Type), parts), 0, true
		},
		Samples: []Sample{{Attr: f64(3, 4), In: types(f64(2, 6))}, {Attr: f64(6), In: types(c128(2, 3))}, {Attr: f64(4, 3), In: types(f64(2, 6))}},
	}, func(attr any, in tensor.Tensor) (tensor.Tensor, bool) {
		r, ok := in.Reshape(attr.(tensor.Type).Shape()...)
		if !ok {
			r = tensor.Wrap(in.Mem, attr.(tensor.Type).With(in.DType), 0)
		}
		return r, ok
	})
}

// Reshape returns x in another shape with as many elements in the same C
// order; one size may be -1, which stands for what fits.
func (x Value) Reshape(shape ...int) Value {
	shape = append([]int(nil), shape...)
	known, open := 1, -1
	for i, d := range shape {
		if d == -1 && open < 0 {
			open = i
		} else {
			known *= d
		}
	}
	if open >= 0 && known > 0 {
		shape[open] = x.Type().Len() / known
	}
	to := tensor.MakeType(tensor.Float64, shape...)
	if x.Type().SameShape(to) {
		return x
	}
	if n := x.node(); n.op == opReshape {
		return Value{x.tape, n.args[0]}.Reshape(shape...)
	}
	return x.tape.Apply(opReshape, to, x)
}

// axesAttr is a short list of axes.
type axesAttr struct {
	n    int8
	axis [tensor.MaxRank]int8
}

func makeAxes(axes []int) (a axesAttr) {
	for _, x := range axes {
		a.axis[a.n] = int8(x)
		a.n++
	}
	return a
}

func (a axesAttr) slice() []int {
	s := make([]int, a.n)
	for i := range s {
		s[i] = int(a.axis[i])
	}
	return s
}

// axes returns the given axes of x counted from the front, each once. It
// panics with *Error if one is out of range.
func (x Value) axes(op string, axes []int) []int {
	rank := int(x.Type().Rank)
	out := make([]int, len(axes))
	for i, a := range axes {
		out[i] = a
		if a < 0 {
			out[i] = a + rank
		}
		bad := out[i] < 0 || out[i] >= rank
		for _, b := range out[:i] {
			bad = bad || b == out[i]
		}
		if bad {
			panic(&Error{Op: op, In: types(x.Type()), Pos: caller().String(),
				Err: fmt.Errorf("axes %v: each axis once, from %d to %d expected", axes, -rank, rank-1)})
		}
	}
	return out
}

func init() {
	opPermute = movement(Op{
		Name: "permute", Doc: "argument with its axes in another order",
		VJP: func(n Node, g Value) []Value {
			p := n.Attr.(axesAttr).slice()
			inverse := make([]int, len(p))
			for i, a := range p {
				inverse[a] = i
			}
			return []Value{g.Permute(inverse...)}
		},
		Samples: []Sample{{Attr: makeAxes([]int{2, 0, 1}), In: types(f64(2, 3, 4))}, {Attr: makeAxes([]int{1, 0}), In: types(c128(2, 3))}},
	}, func(attr any, in tensor.Tensor) (tensor.Tensor, bool) {
		return in.Permute(attr.(axesAttr).slice()...), true
	})
}

// Permute returns x with its axes in the given order.
func (x Value) Permute(axes ...int) Value {
	axes = x.axes("permute", axes)
	if n := x.node(); n.op == opPermute {
		inner := n.attr.(axesAttr).slice()
		for i, a := range axes {
			axes[i] = inner[a]
		}
		return Value{x.tape, n.args[0]}.Permute(axes...)
	}
	same := len(axes) == int(x.Type().Rank)
	for i, a := range axes {
		same = same && i == a
	}
	if same {
		return x
	}
	return x.tape.Apply(opPermute, makeAxes(axes), x)
}

func init() {
	opFlip = movement(Op{
		Name: "flip", Doc: "argument with the order along some axes reversed",
		VJP:     func(n Node, g Value) []Value { return []Value{g.Flip(n.Attr.(axesAttr).slice()...)} },
		Samples: []Sample{{Attr: makeAxes([]int{1}), In: types(f64(2, 3))}, {Attr: makeAxes([]int{0, 1}), In: types(c128(2, 3))}},
	}, func(attr any, in tensor.Tensor) (tensor.Tensor, bool) {
		return in.Flip(attr.(axesAttr).slice()...), true
	})
}

// Flip returns x with the order along the given axes reversed.
func (x Value) Flip(axes ...int) Value {
	return x.tape.Apply(opFlip, makeAxes(x.axes("flip", axes)), x)
}

// ---- crop and assemble

// cropAttr says which part of each axis is kept.
type cropAttr struct{ lo, hi, step [tensor.MaxRank]int }

func init() {
	opCrop = movement(Op{
		Name: "crop", Doc: "part of the argument: from lo up to hi in steps, along each axis",
		VJP: func(n Node, g Value) []Value {
			a := n.Attr.(cropAttr)
			return []Value{Assemble(n.In[0].Type().Shape(), []Place{{Lo: a.lo, Step: a.step}}, g)}
		},
		Samples: []Sample{
			{Attr: cropAttr{lo: [8]int{0, 1}, hi: [8]int{3, 6}, step: [8]int{1, 2}}, In: types(f64(3, 6))},
			{Attr: cropAttr{lo: [8]int{1}, hi: [8]int{3}, step: [8]int{1}}, In: types(c128(4))}},
	}, func(attr any, in tensor.Tensor) (tensor.Tensor, bool) {
		a := attr.(cropAttr)
		for i := range int(in.Rank) {
			in = in.Crop(i, a.lo[i], a.hi[i], a.step[i])
		}
		return in, true
	})
}

// Crop returns x from lo up to and without hi along axis.
func (x Value) Crop(axis, lo, hi int) Value { return x.CropStep(axis, lo, hi, 1) }

// CropStep returns each step-th element of x from lo up to and without hi
// along axis.
func (x Value) CropStep(axis, lo, hi, step int) Value {
	axis = x.axes("crop", []int{axis})[0]
	t := x.Type()
	if lo == 0 && hi == t.Dim[axis] && step == 1 {
		return x
	}
	var a cropAttr
	for i := range int(t.Rank) {
		a.hi[i], a.step[i] = t.Dim[i], 1
	}
	a.lo[axis], a.hi[axis], a.step[axis] = lo, hi, step
	if _, err := opCrop.Type(a, types(t)); err != nil {
		panic(&Error{Op: "crop", In: types(t), Pos: caller().String(), Err: err})
	}
	if n := x.node(); n.op == opCrop { // one crop of the whole, so that adjoints meet in one assemble
		in := n.attr.(cropAttr)
		for i := range int(t.Rank) {
			lo, count := in.lo[i]+a.lo[i]*in.step[i], (a.hi[i]-a.lo[i]+a.step[i]-1)/a.step[i]
			step := in.step[i] * a.step[i]
			a.lo[i], a.step[i], a.hi[i] = lo, step, max(lo+(count-1)*step+1, lo)
		}
		x = Value{x.tape, n.args[0]}
	}
	return x.tape.Apply(opCrop, a, x)
}

// A Place says where Assemble puts a piece: its element i along axis a goes to
// Lo[a] + i·Step[a]; a Step of 0 means 1.
type Place struct{ Lo, Step [tensor.MaxRank]int }

// assembleAttr holds the shape of the result and the places, packed so that
// attributes can be compared.
type assembleAttr struct {
	shape  tensor.Type
	packed string
}

func packPlaces(ps []Place) string {
	var b []byte
	for _, p := range ps {
		for i := range tensor.MaxRank {
			for _, v := range [2]int{p.Lo[i], max(p.Step[i], 1)} {
				b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40))
			}
		}
	}
	return string(b)
}

const placeBytes = 12 * tensor.MaxRank

func (a assembleAttr) place(i int) (p Place) {
	s := a.packed[i*placeBytes:]
	for j := range tensor.MaxRank {
		p.Lo[j], p.Step[j] = unpack6(s[12*j:]), unpack6(s[12*j+6:])
	}
	return p
}

func (a assembleAttr) places() []Place {
	ps := make([]Place, len(a.packed)/placeBytes)
	for i := range ps {
		ps[i] = a.place(i)
	}
	return ps
}

func unpack6(s string) int {
	return int(s[0]) | int(s[1])<<8 | int(s[2])<<16 | int(s[3])<<24 | int(s[4])<<32 | int(s[5])<<40
}

// window returns the part of out that piece i of the given type covers.
func (a assembleAttr) window(out tensor.Tensor, i int, piece tensor.Type) tensor.Tensor {
	p := a.place(i)
	for ax := range int(out.Rank) {
		if n := piece.Dim[ax]; n == 0 {
			out = out.Crop(ax, 0, 0, 1)
		} else {
			out = out.Crop(ax, p.Lo[ax], p.Lo[ax]+(n-1)*p.Step[ax]+1, p.Step[ax])
		}
	}
	return out
}

func init() {
	opAssemble = define(&Op{
		Name: "assemble", Doc: "zeros, to which each argument is added at its place: the adjoint of crops", Linear: linearAll, InPlace: true,
		Type: func(attr any, in []tensor.Type) (t tensor.Type, err error) {
			a := attr.(assembleAttr)
			if len(in) == 0 || len(a.packed) != len(in)*placeBytes {
				return t, fmt.Errorf("%d pieces and %d places given; one place per piece expected", len(in), len(a.packed)/placeBytes)
			}
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("a piece does not fit: %v", r)
				}
			}()
			for i, p := range in {
				if p.DType != in[0].DType || p.Rank != a.shape.Rank {
					return t, fmt.Errorf("pieces of one type and of rank %d expected", a.shape.Rank)
				}
				a.window(tensor.Wrap(nil, a.shape, 0), i, p)
			}
			return a.shape.With(in[0].DType), nil
		},
		VJP: func(n Node, g Value) []Value {
			a := n.Attr.(assembleAttr)
			d := make([]Value, len(n.In))
			for i, x := range n.In {
				p, v := a.place(i), g
				for ax := range int(a.shape.Rank) {
					v = v.CropStep(ax, p.Lo[ax], p.Lo[ax]+max((x.Type().Dim[ax]-1)*p.Step[ax]+1, 0), p.Step[ax])
				}
				d[i] = v
			}
			return d
		},
		Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
			a := attr.(assembleAttr)
			whole := in[0].SameShape(out.Type)
			for i := range out.Len() {
				if !whole {
					out.Store(i, 0)
				}
			}
			for i := range in {
				if i == 0 && whole {
					tensor.Copy(out, in[0]) // which may be the same memory
					continue
				}
				w := a.window(out, i, in[i].Type)
				for j := range w.Len() {
					o := offsetOf(&w, j)
					w.Store(o, w.Load(o)+in[i].Load(offsetOf(&in[i], j)))
				}
			}
		},
		CPU:   bindAssemble,
		Parts: assembleParts,
		Samples: []Sample{
			{Attr: assembleAttr{f64(4, 5), packPlaces([]Place{{Lo: [8]int{1, 0}, Step: [8]int{1, 2}}, {}})}, In: types(f64(2, 3), f64(4, 5))},
			{Attr: assembleAttr{f64(4, 6), packPlaces([]Place{{Lo: [8]int{0, 1}}, {Lo: [8]int{0, 4}}})}, In: types(f64(4, 3), f64(4, 2))},
			{Attr: assembleAttr{f64(6), packPlaces([]Place{{Lo: [8]int{1}}, {Lo: [8]int{4}}})}, In: types(c128(3), c128(2))}},
	})
}

// assembleParts is the Parts of assemble where all pieces have all of axis 0.
func assembleParts(attr any, in []tensor.Type, parts int) (any, uint64, bool) {
	a := attr.(assembleAttr)
	for _, t := range in {
		if t.Dim[0] != a.shape.Dim[0] {
			return nil, 0, false
		}
	}
	a.shape = partType(a.shape, parts)
	return a, 0, true
}

// Assemble returns an array of the given shape, zero but for the pieces, each
// added at its place. It panics with *Error if they do not fit.
func Assemble(shape []int, where []Place, pieces ...Value) Value {
	a := assembleAttr{tensor.MakeType(tensor.Float64, shape...), packPlaces(where)}
	if len(pieces) == 1 && pieces[0].Type().SameShape(a.shape) {
		return pieces[0]
	}
	return pieces[0].tape.Apply(opAssemble, a, pieces...)
}
