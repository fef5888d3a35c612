package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

// An Update stores Value in Var at the end of each Run; until then every read
// of Var sees the old value.
//
// With a Slot, Value goes into one row of Var and nothing else is touched: a
// scalar Slot counts along axis 0 of Var (M, …) for a Value (…); a Slot (N,)
// counts, for each image, along axis 1 of Var (N, M, …) for a Value (N, …).
// Slots are float64; one outside 0…M−1 stores nothing.
type Update struct {
	Var   Value
	Slot  Value // the zero Value: all of Var
	Value Value
	// Unguarded stores Value whatever the guard of Compile says: Value leaves by
	// itself what must stay.
	Unguarded bool
}

// Becomes returns the Update that stores y in the Var x.
func (x Value) Becomes(y Value) Update { return Update{Var: x, Value: y} }

// WrittenOver returns the Update that stores y, the result of an op that may write
// over its first argument x, and minds the guard of Compile by itself. Where
// nothing else reads x by then, it is not copied.
func (x Value) WrittenOver(y Value) Update { return Update{Var: x, Value: y, Unguarded: true} }

// RowBecomes returns the Update that stores y in row slot of the Var x.
func (x Value) RowBecomes(slot, y Value) Update { return Update{Var: x, Slot: slot, Value: y} }

// rowType returns the type of one row of x, given the type of the slot.
func rowType(x, slot tensor.Type) (tensor.Type, error) {
	if slot.DType != tensor.Float64 || slot.Rank > 1 {
		return x, fmt.Errorf("the slot is a %v; float64[] or float64[N] expected", slot)
	}
	axis := int(slot.Rank)
	if int(x.Rank) <= axis || axis == 1 && x.Dim[0] != slot.Dim[0] {
		return x, fmt.Errorf("%v has no rows for a slot of type %v", x, slot)
	}
	shape := x.Shape()
	return tensor.MakeType(x.DType, append(shape[:axis:axis], shape[axis+1:]...)...), nil
}

// rowOf returns row i (for image n, if slot is per image) of x; false if there
// is none.
func rowOf(x tensor.Tensor, slot *tensor.Tensor, n int) (tensor.Tensor, bool) {
	axis := int(slot.Rank)
	off := 0
	if axis == 1 {
		x = x.Crop(0, n, n+1, 1)
		off = n * slot.Stride[0]
	}
	f := slot.LoadReal(off)
	i := int(f)
	if !(f >= 0) || i >= x.Dim[axis] {
		return x, false
	}
	x = x.Crop(axis, i, i+1, 1)
	for a := axis; a < int(x.Rank)-1; a++ { // drop the axis
		x.Dim[a], x.Stride[a] = x.Dim[a+1], x.Stride[a+1]
	}
	x.Rank--
	x.Dim[x.Rank], x.Stride[x.Rank] = 0, 0
	return x, true
}

// images returns how many rows a slot of this type selects.
func images(slot tensor.Type) int {
	if slot.Rank == 0 {
		return 1
	}
	return slot.Dim[0]
}

func imageOf(x tensor.Tensor, slot tensor.Type, n int) tensor.Tensor {
	if slot.Rank == 0 {
		return x
	}
	return x.Crop(0, n, n+1, 1)
}

var opRow, opPlaceRow, opStoreRow, opCopy *Op

// slotted draws arguments of which the second counts rows.
func slotted(in []tensor.Type, random func() float64) []tensor.Tensor {
	ts := drawAll(in, random)
	for i := range ts[1].Len() {
		ts[1].StoreReal(i, float64((i+1)%3))
	}
	return ts
}

func init() {
	opRow = define(&Op{
		Name: "row", Doc: "one row of the first argument, chosen at run time by the second", Linear: 1,
		Type: func(_ any, in []tensor.Type) (tensor.Type, error) {
			if err := wantArgs(in, 2); err != nil {
				return tensor.Type{}, err
			}
			return rowType(in[0], in[1])
		},
		VJP: func(n Node, g Value) []Value {
			return []Value{g.tape.Apply(opPlaceRow, n.In[0].Type(), g, n.In[1])}
		},
		Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
			for n := range images(in[1].Type) {
				if r, ok := rowOf(in[0], &in[1], n); ok {
					tensor.Copy(imageOf(out, in[1].Type, n), r)
				}
			}
		},
		Samples: []Sample{{In: types(f64(3, 4), f64()), Values: slotted}, {In: types(f64(2, 3, 4), f64(2)), Values: slotted}},
	})
}

func init() {
	opPlaceRow = define(&Op{
		Name: "place-row", Doc: "zeros, with the first argument in the row chosen by the second: the adjoint of row", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			t := attr.(tensor.Type)
			r, err := rowType(t, in[1])
			if err == nil && !r.SameShape(in[0]) {
				err = fmt.Errorf("a row of type %v expected", r)
			}
			return t.With(in[0].DType), err
		},
		VJP: func(n Node, g Value) []Value { return []Value{g.Row(n.In[1]), {}} },
		Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
			for i := range out.Len() {
				out.Store(i, 0)
			}
			for n := range images(in[1].Type) {
				if r, ok := rowOf(out, &in[1], n); ok {
					tensor.Copy(r, imageOf(in[0], in[1].Type, n))
				}
			}
		},
		Samples: []Sample{
			{Attr: f64(3, 4), In: types(f64(4), f64()), Values: slotted},
			{Attr: f64(2, 3, 4), In: types(f64(2, 4), f64(2)), Values: slotted}},
	})
}

func init() {
	opCopy = ew(Op{Name: "copy", Doc: "its argument, in memory of its own", Linear: 1, CUDA: "x", Type: sameShape(1),
		VJP:     func(n Node, g Value) []Value { return []Value{g} },
		Samples: []Sample{{In: types(f64(2, 3))}, {In: types(c128(3))}}}, 1, named("copy"))
	// storeRow is a step that Compile emits for Updates with a Slot: it writes
	// part of its result and so is no op of the table.
	opStoreRow = &Op{
		Name: "store-row", Doc: "writes a row of a Var, where the guard is not zero",
		Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
			for n := range images(in[1].Type) {
				if len(in) > 2 && in[2].LoadReal(n*in[2].Stride[0]) == 0 {
					continue
				}
				if r, ok := rowOf(out, &in[1], n); ok {
					tensor.Copy(r, imageOf(in[0], in[1].Type, n))
				}
			}
		},
	}
}

// Row returns row slot of x, chosen at run time: for a scalar slot, x[slot]; for
// a slot (N,), x[n, slot[n]] for each image n. The slot must be in range.
func (x Value) Row(slot Value) Value { return x.tape.Apply(opRow, nil, x, slot) }

// prepared is an Update made ready: value is what the Var's memory (or row)
// becomes.
type prepared struct {
	v     int32
	value int32
	slot  int32 // -1: none
	guard int32 // -1: none, or already in value
	given int32 // the value before the guard had its say
}

// prepare checks the updates and records the selection by the guard.
func (t *Tape) prepare(guard Value, updates []Update) ([]prepared, error) {
	seen := map[int32]bool{}
	var out []prepared
	for _, u := range updates {
		if u.Var.tape != t || u.Var.node().op != opVar {
			return nil, fmt.Errorf("autograd: an Update of a Value that is not a Var of this Tape")
		}
		name, typ, want := u.Var.node().attr, u.Value.Type(), u.Var.Type()
		p := prepared{v: u.Var.id, slot: -1, guard: -1, given: u.Value.id}
		if u.Slot.Valid() {
			var err error
			if want, err = rowType(want, u.Slot.Type()); err != nil {
				return nil, fmt.Errorf("autograd: Update of Var %q: %w", name, err)
			}
			p.slot = u.Slot.id
		} else if seen[p.v] {
			return nil, fmt.Errorf("autograd: two Updates of the Var %q", name)
		}
		seen[p.v] = true
		if typ != want {
			return nil, fmt.Errorf("autograd: Update of Var %q with a %v; %v expected", name, typ, want)
		}
		value := u.Value
		switch {
		case p.slot >= 0:
			if guard.Valid() {
				p.guard = guard.id
			}
		case guard.Valid() && !u.Unguarded:
			value = Where(guardLike(guard, want), value, u.Var)
		}
		if n := value.node(); p.slot < 0 && (n.op.Scalar == nil && !n.overwrites(p.v) || value == u.Var) {
			value = t.apply(opCopy, nil, value)
		}
		p.value = value.id
		out = append(out, p)
	}
	return out, nil
}

// overwrites reports whether n may write over the Var v, its first argument.
func (n *node) overwrites(v int32) bool { return n.op.InPlace && len(n.args) > 0 && n.args[0] == v }

// guardLike shapes the guard (N,) so that it broadcasts against typ, whose
// axis 0 counts images.
func guardLike(guard Value, typ tensor.Type) Value {
	g := guard.Cast(typ.DType.Real())
	if typ.Rank == 0 {
		return g.Reshape()
	}
	shape := make([]int, typ.Rank)
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = guard.Type().Len()
	return g.Reshape(shape...)
}
