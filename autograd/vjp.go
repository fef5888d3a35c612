package autograd

import (
	"fmt"
	"slices"

	"github.com/percept-go/percept/tensor"
)

var opStop, opCustom, opPin *Op

// VJP adds to the tape the nodes of the vector-Jacobian products uᵀ·∂y/∂xᵢ, the
// adjoint of y's differential applied to the cotangent u, and returns one
// Value of xᵢ's type for each xᵢ; where y does not depend on xᵢ it is zero. It
// panics with *Error if u is not of y's type.
func VJP(y, u Value, x ...Value) []Value { return vjp([]Value{y}, []Value{u}, x) }

// Grad returns ∂(Σy)/∂xᵢ for each xᵢ, y being real: the gradient of a scalar
// loss, or of the independent losses (N,) of a batch. It panics with *Error if
// y is complex.
func Grad(y Value, x ...Value) []Value {
	if y.Type().DType.IsComplex() {
		panic(&Error{Op: "grad", In: []tensor.Type{y.Type()}, Pos: caller().String(),
			Err: fmt.Errorf("only a real value has a gradient; take Real, Imag or Abs of it")})
	}
	return VJP(y, y.tape.Full(y.Type(), 1), x...)
}

// JVP returns the tangent ∂y/∂x·v, v being of x's type. It is the VJP of the VJP
// with respect to its cotangent, a hole; Compile errs with ErrHole if an op on
// the way has a VJP that is not linear in its cotangent. It panics as VJP does.
func JVP(y, x, v Value) Value {
	t := y.tape
	u, at := t.hole(y.Type())
	d := VJP(y, u, x)[0]
	at.second = int32(len(t.nodes))
	return VJP(d, v, u)[0]
}

// holeAttr says from which node on the second VJP was recorded: what there
// still depends on the hole is of a rule that is not linear. Every hole is its
// own node.
type holeAttr struct{ second int32 }

// hole returns a new Value that stands for any of the given type.
func (t *Tape) hole(typ tensor.Type) (Value, *holeAttr) {
	at := &holeAttr{}
	return t.record(opHole, at, typ), at
}

// HVP returns the product of the Hessian ∂²y/∂x² with v, for a real y (of a
// batch: of Σy). It panics as Grad does.
func HVP(y, x, v Value) Value { return VJP(Grad(y, x)[0], v, x)[0] }

// FVP returns the product JᵀJ·v, J = ∂y/∂x: the Fisher information matrix of y
// with unit Gaussian noise, applied to v. Where x is a Const the forward pass
// is hoisted, and a product is one tangent and one adjoint sweep.
func FVP(y, x, v Value) Value { return VJP(y, JVP(y, x, v), x)[0] }

// vjp walks the tape backwards once from the ys.
func vjp(ys, us, xs []Value) []Value {
	t := ys[0].tape
	if t.at == nil {
		at := caller()
		at.backward = true
		t.at = &at
		defer func() { t.at = nil }()
	}
	last := int32(0)
	for i, y := range ys {
		if us[i].Type() != y.Type() {
			panic(&Error{Op: "vjp", In: []tensor.Type{y.Type(), us[i].Type()}, Pos: caller().String(),
				Err: fmt.Errorf("the cotangent must have the type of y")})
		}
		last = max(last, y.id)
	}
	for _, x := range xs {
		for _, y := range ys {
			t.mustReach(y, x)
		}
	}
	need := t.dependents(xs, last)
	adj := make(map[int32][]Value)
	for i, y := range ys {
		adj[y.id] = append(adj[y.id], us[i])
	}
	wanted := map[int32]bool{}
	for _, x := range xs {
		wanted[x.id] = true
	}
	for id := last; id >= 0; id-- {
		parts := adj[id]
		if len(parts) == 0 || !need[id] || t.nodes[id].leaf() {
			continue
		}
		if g := t.sum(parts); wanted[id] {
			adj[id] = []Value{g}
			t.pull(id, g, need, adj)
		} else {
			delete(adj, id)
			t.pull(id, g, need, adj)
		}
	}
	out := make([]Value, len(xs))
	for i, x := range xs {
		if parts := adj[x.id]; len(parts) > 0 && x.id <= last {
			out[i] = t.sum(parts)
			adj[x.id] = []Value{out[i]}
		} else {
			out[i] = t.Zeros(x.Type())
		}
	}
	return out
}

// dependents reports, for each node up to last, whether it is or depends on one of xs.
func (t *Tape) dependents(xs []Value, last int32) []bool {
	need := make([]bool, last+1)
	for _, x := range xs {
		if x.id <= last {
			need[x.id] = true
		}
	}
	for id := range need {
		for _, a := range t.nodes[id].args {
			need[id] = need[id] || need[a]
		}
	}
	return need
}

// pull adds the adjoints of node id's arguments, given its own adjoint g.
func (t *Tape) pull(id int32, g Value, need []bool, adj map[int32][]Value) {
	n := t.nodes[id]
	node := Node{Out: Value{t, id}, Attr: n.attr, In: make([]Value, len(n.args))}
	for i, a := range n.args {
		node.In[i] = Value{t, a}
	}
	outer, at := t.at, n.pos
	if !at.backward {
		at.backward, at.rule = true, n.op
	}
	t.at = &at
	defer func() { t.at = outer }()
	var d []Value
	switch {
	case n.op.VJP != nil:
		d = n.op.VJP(node, g)
	case n.op.Lower != nil:
		in := t.isolate(node.In)
		d = vjp([]Value{n.op.Lower(n.attr, in)}, []Value{g}, in)
	}
	for i, v := range d {
		if a := n.args[i]; v.tape != nil && need[a] {
			adj[a] = append(adj[a], t.project(v, t.nodes[a].typ))
		}
	}
}

// folds reports whether constructors look through x, so that what is computed
// from x need not depend on x itself.
func (x Value) folds() bool {
	op := x.node().op
	for _, f := range [...]*Op{opFill, opExpand, opReshape, opPermute, opCrop, opNeg, opConj, opMakeComplex} {
		if op == f {
			return true
		}
	}
	return false
}

// Pin returns x as a Value that constructors do not look through: a derivative
// with respect to x.Pin() is that with respect to x, whatever x is. It costs
// nothing at run time.
func (x Value) Pin() Value {
	if !x.folds() {
		return x
	}
	return x.tape.Apply(opPin, nil, x)
}

// pin pins each x.
func (t *Tape) pin(x []Value) []Value {
	pins := make([]Value, len(x))
	for i := range x {
		pins[i] = x[i].Pin()
	}
	return pins
}

// isolate pins each x, so that a derivative with respect to one of several does
// not go by way of another that was computed from it, or is it.
func (t *Tape) isolate(x []Value) []Value {
	if len(x) < 2 {
		return t.pin(x)
	}
	pins := make([]Value, len(x))
	for i := range x {
		pins[i] = t.Apply(opPin, i, x[i]) // equal Values differ in their attribute
	}
	return pins
}

// mustReach panics if y was computed from what x is made of, past x: the
// derivative with respect to x would silently be incomplete.
func (t *Tape) mustReach(y, x Value) {
	n := x.node()
	if !x.folds() || n.op == opFill || y.id <= x.id {
		return
	}
	past := make([]bool, y.id+1)
	for _, a := range n.args {
		past[a] = true
	}
	for id := range past {
		for _, a := range t.nodes[id].args {
			past[id] = past[id] || past[a]
		}
		past[id] = past[id] && int32(id) != x.id
	}
	if past[y.id] {
		panic(&Error{Op: "vjp", In: []tensor.Type{x.Type()}, Pos: caller().String(),
			Err: fmt.Errorf("y depends on the argument of this %s (recorded at %v) other than through it, and may have been computed past it; use its Pin() in its place, here and where y is computed", n.op.Name, n.pos)})
	}
}

// project makes the adjoint of a real argument real and checks its type.
func (t *Tape) project(v Value, typ tensor.Type) Value {
	if !typ.DType.IsComplex() && v.Type().DType.IsComplex() {
		v = v.Real()
	} else if typ.DType.IsComplex() && !v.Type().DType.IsComplex() {
		v = v.Complex()
	}
	if v.Type() != typ {
		panic(&Error{Op: "vjp", In: []tensor.Type{v.Type()}, Pos: t.at.String(),
			Err: fmt.Errorf("the VJP rule gave this type for an argument of type %v", typ)})
	}
	return v
}

// sum adds adjoints of one value: those that are assembled from crops become
// one assemble, written over another one that is no elementwise result, those made of
// real and imaginary parts one complex number, the rest one n-ary add.
func (t *Tape) sum(parts []Value) Value {
	if len(parts) == 1 {
		return parts[0]
	}
	var rest, pieces, re, im []Value
	var where []Place
	for _, p := range parts {
		switch n := p.node(); n.op {
		case opAssemble:
			where = append(where, n.attr.(assembleAttr).places()...)
			for _, a := range n.args {
				pieces = append(pieces, Value{t, a})
			}
		case opMakeComplex:
			re, im = append(re, Value{t, n.args[0]}), append(im, Value{t, n.args[1]})
		default:
			rest = append(rest, p)
		}
	}
	if len(re) > 0 {
		rest = append(rest, MakeComplex(Sum(re...), Sum(im...)))
	}
	if len(pieces) > 0 {
		if i := slices.IndexFunc(rest, func(v Value) bool { return v.node().op.Scalar == nil }); i >= 0 {
			pieces, where = append([]Value{rest[i]}, pieces...), append([]Place{{}}, where...)
			rest = slices.Delete(rest, i, i+1)
		}
		rest = append(rest, Assemble(parts[0].Type().Shape(), where, pieces...))
	}
	return Sum(rest...)
}

// StopGradient returns x, through which no gradient flows.
func (x Value) StopGradient() Value { return x.tape.Apply(opStop, nil, x) }

func init() {
	opStop = define(&Op{
		Name: "stop-gradient", Doc: "its argument, through which no gradient flows", Linear: linearAll,
		Type:    func(_ any, in []tensor.Type) (tensor.Type, error) { return in[0], wantArgs(in, 1) },
		View:    func(_ any, in tensor.Tensor) (tensor.Tensor, bool) { return in, true },
		Eval:    func(_ any, out tensor.Tensor, in []tensor.Tensor) { tensor.Copy(out, in[0]) },
		Samples: []Sample{{In: types(f64(2, 3)), NotSmooth: "its derivative is defined to be zero"}},
	})
}

func init() {
	opPin = define(&Op{
		Name: "pin", Doc: "its argument, as a Value that constructors do not look through", Linear: 1,
		Type:    func(_ any, in []tensor.Type) (tensor.Type, error) { return in[0], wantArgs(in, 1) },
		VJP:     func(_ Node, g Value) []Value { return []Value{g} },
		View:    func(_ any, in tensor.Tensor) (tensor.Tensor, bool) { return in, true },
		Eval:    func(_ any, out tensor.Tensor, in []tensor.Tensor) { tensor.Copy(out, in[0]) },
		Samples: []Sample{{In: types(f64(2, 3))}, {In: types(c128(3))}},
	})
}

// customAttr is compared by address: every custom gradient is its own node.
type customAttr struct{ vjp func(g Value) []Value }

// CustomGradient returns y with the gradient that vjp defines: given the
// cotangent of y, it returns that of each x. What y was composed of costs
// nothing more, and its own derivatives are not used. vjp must record ops only.
func CustomGradient(y Value, x []Value, vjp func(g Value) []Value) Value {
	return y.tape.Apply(opCustom, &customAttr{vjp}, append([]Value{y}, x...)...)
}

func init() {
	opCustom = define(&Op{
		Name: "custom-gradient", Doc: "its first argument, with a gradient of the user's", Linear: 1,
		Type: func(_ any, in []tensor.Type) (tensor.Type, error) { return in[0], nil },
		VJP: func(n Node, g Value) []Value {
			if n.Attr == nil {
				return []Value{g}
			}
			return append([]Value{{}}, n.Attr.(*customAttr).vjp(g)...)
		},
		View:    func(_ any, in tensor.Tensor) (tensor.Tensor, bool) { return in, true },
		Eval:    func(_ any, out tensor.Tensor, in []tensor.Tensor) { tensor.Copy(out, in[0]) },
		Samples: []Sample{{In: types(f64(2, 3))}},
	})
}

// types and f64, c128 make sample types.
func types(t ...tensor.Type) []tensor.Type { return t }

func f64(shape ...int) tensor.Type  { return tensor.MakeType(tensor.Float64, shape...) }
func c128(shape ...int) tensor.Type { return tensor.MakeType(tensor.Complex128, shape...) }
