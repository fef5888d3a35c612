package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

// A PadMode says what stands outside the edges of an array.
type PadMode uint8

// The four modes, shown for the row a b c d.
const (
	PadConstant  PadMode = iota // 0 0 | a b c d | 0 0
	PadReflect                  // c b | a b c d | c b: mirrored, the edge not repeated
	PadReplicate                // a a | a b c d | d d
	PadCircular                 // c d | a b c d | a b
)

var padModes = [...]string{"constant", "reflect", "replicate", "circular"}

// String returns the name of m, as ParsePadMode reads it.
func (m PadMode) String() string { return padModes[m] }

// ParsePadMode returns the PadMode called name: constant, reflect, replicate
// or circular. It errs if there is none.
func ParsePadMode(name string) (PadMode, error) {
	for i, n := range padModes {
		if n == name {
			return PadMode(i), nil
		}
	}
	return 0, fmt.Errorf("autograd: unknown padding %q; the modes are %v", name, padModes)
}

// fail panics with the *Error that recording op on these arguments gives.
func fail(op string, in []Value, format string, args ...any) {
	panic(&Error{Op: op, In: typesOf(in), Pos: caller().String(), Err: fmt.Errorf(format, args...)})
}

// Pad returns x with elements added before and after its last axes, of which
// amounts[i][0] stand before and amounts[i][1] after; the last of the amounts is
// the last axis's. It panics with *Error if an amount is negative, if there are
// more amounts than axes, and if an axis is too short: reflect takes less than
// its size, circular at most its size, replicate at least one element.
func (x Value) Pad(mode PadMode, amounts ...[2]int) Value {
	if mode == PadConstant {
		return x.PadWith(0, amounts...)
	}
	first := x.checkPad(mode, amounts)
	runs, same := x.wholeRuns(), true
	for i, p := range amounts {
		if a := first + i; p != [2]int{} {
			runs[a], same = mode.runs(x.Type().Dim[a], p), false
		}
	}
	if same {
		return x
	}
	return x.joinRuns(runs)
}

// PadWith returns x with copies of v before and after its last axes, in the
// amounts that Pad takes. It panics with *Error as Pad does.
func (x Value) PadWith(v float64, amounts ...[2]int) Value {
	first := x.checkPad(PadConstant, amounts)
	typ, at := x.Type(), Place{}
	inner := typ
	for i, p := range amounts {
		typ.Dim[first+i] += p[0] + p[1]
		at.Lo[first+i] = p[0]
	}
	if typ == inner {
		return x
	}
	if inner.Len() == 0 {
		return x.tape.Full(typ, v)
	}
	pieces, where := []Value{x}, []Place{at}
	if v != 0 {
		pieces, where = x.frame(v, at, typ)
	}
	return Assemble(typ.Shape(), where, pieces...)
}

// frame returns x and, around it, slabs of v that fill the rest of an array of
// the given type: for each axis those before and after x, as wide as x along
// the axes before and as the array along those after.
func (x Value) frame(v float64, at Place, typ tensor.Type) ([]Value, []Place) {
	pieces, where := []Value{x}, []Place{at}
	slab, place := typ, Place{}
	for a := range int(typ.Rank) {
		n, lo := x.Type().Dim[a], at.Lo[a]
		for _, r := range [2][2]int{{0, lo}, {lo + n, typ.Dim[a]}} {
			if place.Lo[a], slab.Dim[a] = r[0], r[1]-r[0]; slab.Len() > 0 {
				pieces, where = append(pieces, x.tape.Full(slab, v)), append(where, place)
			}
		}
		place.Lo[a], slab.Dim[a] = lo, n
	}
	return pieces, where
}

// checkPad returns the first axis that is padded.
func (x Value) checkPad(mode PadMode, amounts [][2]int) int {
	t := x.Type()
	first := int(t.Rank) - len(amounts)
	if first < 0 {
		fail("pad", []Value{x}, "amounts for %d axes given; at most %d expected", len(amounts), t.Rank)
	}
	for i, p := range amounts {
		a := first + i
		if p[0] < 0 || p[1] < 0 {
			fail("pad", []Value{x}, "amounts %v for axis %d; 0 or more expected (Crop removes elements)", p, a)
		}
		if n, most := t.Dim[a], mode.most(t.Dim[a]); max(p[0], p[1]) > most {
			fail("pad", []Value{x}, "%v padding by %v of axis %d, which has %d elements; at most %d expected", mode, p, a, n, most)
		}
	}
	return first
}

// most returns how much an axis of n elements can be padded on one side.
func (m PadMode) most(n int) int {
	switch {
	case m == PadReflect:
		return max(n-1, 0)
	case m == PadCircular || m == PadReplicate && n == 0:
		return n
	}
	return 1 << 40
}

// runs returns what a padded axis of n elements consists of.
func (m PadMode) runs(n int, p [2]int) []run {
	whole := run{0, n, 1}
	switch m {
	case PadReflect:
		return []run{{p[0], p[0], -1}, whole, {n - 2, p[1], -1}}
	case PadReplicate:
		return []run{{0, p[0], 0}, whole, {n - 1, p[1], 0}}
	}
	return []run{{n - p[0], p[0], 1}, whole, {0, p[1], 1}}
}

// A run is a part of an axis: n elements from lo on, backwards if step is -1,
// the same one if it is 0.
type run struct{ lo, n, step int }

// wholeRuns returns, for each axis, all of it as one run.
func (x Value) wholeRuns() [][]run {
	runs := make([][]run, x.Type().Rank)
	for a := range runs {
		runs[a] = []run{{0, x.Type().Dim[a], 1}}
	}
	return runs
}

// joinRuns returns the array along whose axes stand, one after the other, the
// given runs of x's.
func (x Value) joinRuns(runs [][]run) Value {
	total, shape := 1, make([]int, len(runs))
	for a, rs := range runs {
		total *= len(rs)
		for _, r := range rs {
			shape[a] += r.n
		}
	}
	var pieces []Value
	var where []Place
	for k := range total {
		some := make([]run, len(runs))
		at, empty := Place{}, false
		for a := len(runs) - 1; a >= 0; a-- {
			i := k % len(runs[a])
			k /= len(runs[a])
			for _, r := range runs[a][:i] {
				at.Lo[a] += r.n
			}
			some[a] = runs[a][i]
			empty = empty || some[a].n == 0
		}
		if !empty {
			pieces, where = append(pieces, x.crossRuns(some)), append(where, at)
		}
	}
	if len(pieces) == 0 {
		return x.tape.Zeros(tensor.MakeType(x.Type().DType, shape...))
	}
	return Assemble(shape, where, pieces...)
}

// crossRuns returns the part of x that one run of each axis covers: a crop,
// then a flip, then an expand, so that the adjoints of many meet in x.
func (x Value) crossRuns(runs []run) Value {
	shape := make([]int, len(runs))
	var flip []int
	for a, r := range runs {
		shape[a] = r.n
		switch r.step {
		case 0:
			r.n = 1
		case -1:
			r.lo -= r.n - 1
			flip = append(flip, a)
		}
		x = x.Crop(a, r.lo, r.lo+r.n)
	}
	if len(flip) > 0 {
		x = x.Flip(flip...)
	}
	return x.Expand(shape...)
}
