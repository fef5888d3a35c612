package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

// Concat returns its arguments one after the other along axis, which counts
// from the end if negative. Real ones become complex if one of them is. It
// panics with *Error if there is none, if the precisions or the sizes of other
// axes differ, or if axis is out of range.
func Concat(axis int, x ...Value) Value {
	if len(x) == 0 {
		panic(&Error{Op: "concat", Pos: caller().String(), Err: wantArgs(nil, 1)})
	}
	x = unifyComplex("concat", x)
	axis = x[0].axes("concat", []int{axis})[0]
	typ := x[0].Type()
	var pieces []Value
	var where []Place
	at := 0
	for i, v := range x {
		t := v.Type()
		n := t.Dim[axis]
		t.Dim[axis] = typ.Dim[axis]
		if t != typ {
			fail("concat", x, "argument %d is a %v; the type of the first expected, but for the size of axis %d", i, v.Type(), axis)
		}
		if v.Type().Len() > 0 {
			p := Place{}
			p.Lo[axis] = at
			pieces, where = append(pieces, v), append(where, p)
		}
		at += n
	}
	typ.Dim[axis] = at
	if len(pieces) == 0 {
		return x[0].tape.Zeros(typ)
	}
	return Assemble(typ.Shape(), where, pieces...)
}

// Stack returns its arguments, which have one shape, side by side along a new
// axis of the result, which counts from the end if negative. Real ones become
// complex if one of them is. It panics with *Error if there is none, if they
// differ in type, or if axis is out of range.
func Stack(axis int, x ...Value) Value {
	if len(x) == 0 {
		panic(&Error{Op: "stack", Pos: caller().String(), Err: wantArgs(nil, 1)})
	}
	x = unifyComplex("stack", x)
	rank := int(x[0].Type().Rank)
	if axis < -rank-1 || axis > rank || rank == tensor.MaxRank {
		fail("stack", x, "axis %d of the result; from %d to %d expected, and at most %d axes", axis, -rank-1, rank, tensor.MaxRank)
	}
	if axis < 0 {
		axis += rank + 1
	}
	layers := make([]Value, len(x))
	for i, v := range x {
		if v.Type() != x[0].Type() {
			fail("stack", x, "argument %d is a %v; the type of the first expected", i, v.Type())
		}
		layers[i] = v.insertAxis(axis)
	}
	return Concat(axis, layers...)
}

// insertAxis returns x with a new axis of size 1.
func (x Value) insertAxis(axis int) Value {
	shape := x.Type().Shape()
	shape = append(shape[:axis:axis], append([]int{1}, shape[axis:]...)...)
	return x.Reshape(shape...)
}

// unifyComplex returns the values, all complex if one of them is. It panics if
// one is not of the first one's Tape.
func unifyComplex(op string, x []Value) []Value {
	out := append([]Value(nil), x...)
	cplx := false
	for i, v := range x {
		if !v.Valid() || v.tape != x[0].tape {
			panic(&Error{Op: op, Pos: caller().String(), Err: fmt.Errorf("argument %d is not a Value of the same Tape", i)})
		}
		cplx = cplx || v.Type().DType.IsComplex()
	}
	if cplx {
		for i, v := range out {
			out[i] = v.Complex()
		}
	}
	return out
}
