package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

// A Kink is an amplitude |y|, or the largest of several elements, in a computation
// that Soften or Subgradient records.
//
// In place of |y|, Soften puts
//
//	h(y) = max over |t| ≤ 1 of ty − (w/2)(t−T)²,
//
// which is smooth, and |y| where T is 0 and y more than w from the kink, but for a
// constant that vanishes with w. Where y is 0 and t is T, it is |y| as well: by moving T
// after t (the method of multipliers; Bertsekas 1975, Mathematical Programming Study
// 3:1–25) a minimum of the smooth computation becomes one of the computation itself
// while w stays as it is. The gradient of the smooth computation is that of the
// computation with t as the derivative of |y|, which at a kink may be any number from
// −1 to 1. For the largest of several elements, t is one weight for each of them; they
// are not negative and have sum 1.
//
// Subgradient leaves values as they are, and puts T for t.
type Kink struct {
	Multiplier Value // T, a Var (N, P), starting at 0
	Width      Value // w, a Var (N,) float64; 0 at the start, which stands for the mean |y|, or deviation
	Size       int   // of how many elements the largest is taken; 0: amplitudes
	Y          Value // y, of Multiplier's type
	Value      Value // h, or |y|: (N, P), or (N, P/Size)
	At         Value // t at the point that is evaluated
	Used       Value // w that was used
	Short      Value // by how much Value is less than the true one
	Off        Value // (N,): the most that y is from a kink where t is not that of one of its sides
}

// kinks is what a Tape does while Soften or Subgradient records.
type kinks struct {
	x       Value
	images  int
	depends []bool // by node: on x
	found   []Kink
	inside  bool // a kink is being recorded
	smooth  bool
}

// Soften calls record, and records in place of every real Abs, Relu, Min, Max and
// Clamp, and of every ReduceMax and ReduceMin over last axes, of what depends on x
// (N, …) something that has no kink: see Kink. Their arguments must have N images along
// axis 0, one after the other; others, and what an op computes inside, in its Lower,
// are left as they are.
func Soften(x Value, record func()) []Kink { return x.recordKinks(true, record) }

// Subgradient calls record, as Soften does, and records the derivatives at kinks as
// Vars.
func Subgradient(x Value, record func()) []Kink { return x.recordKinks(false, record) }

func (x Value) recordKinks(smooth bool, record func()) []Kink {
	t := x.tape
	outer := t.kinks
	s := &kinks{x: x, images: x.Type().Dim[0], smooth: smooth}
	t.kinks = s
	defer func() { t.kinks = outer }()
	record()
	return s.found
}

// kinked reports whether a kink in y is to be recorded as Soften and Subgradient do.
func (t *Tape) kinked(y ...Value) bool {
	s := t.kinks
	if s == nil || s.inside || t.at != nil {
		return false
	}
	reach := false
	typ := y[0].Type()
	for _, v := range y {
		if reach = reach || s.reaches(v.id); v.Type().DType.IsComplex() {
			return false
		}
		if v.Type().Rank > typ.Rank {
			typ = v.Type()
		}
	}
	return reach && typ.Rank > 0 && typ.Dim[0]%s.images == 0
}

// reaches reports whether a node depends on x.
func (s *kinks) reaches(id int32) bool {
	nodes := s.x.tape.nodes
	for i := len(s.depends); i <= int(id); i++ {
		on := int32(i) == s.x.id
		for _, a := range nodes[i].args {
			on = on || s.depends[a]
		}
		s.depends = append(s.depends, on)
	}
	return s.depends[id]
}

// kink makes a Kink of y (N, C, P): its Vars, and w, (N, 1, 1).
func (s *kinks) kink(y Value, deviation Value) (k Kink, w Value) {
	t, typ := y.tape, y.Type()
	name := fmt.Sprintf("kink.%d", len(s.found))
	k.Multiplier = t.Var(name, tensor.New(typ.DType, s.images, typ.Len()/s.images))
	k.Y = y.Reshape(s.images, -1).Pin()
	if !s.smooth {
		return k, w
	}
	k.Width = t.Var(name+".width", tensor.New(tensor.Float64, s.images))
	zero := t.Scalar(tensor.Float64, 0)
	k.Used = Where(k.Width.Gt(zero), k.Width, deviation.Abs().MeanWide(1, 2))
	w = Where(k.Used.Gt(zero), k.Used, t.Scalar(tensor.Float64, 1))
	return k, w.Cast(typ.DType).Reshape(s.images, 1, 1)
}

// amplitude records what stands for |y|.
func (s *kinks) amplitude(y Value) Value {
	s.inside = true
	defer func() { s.inside = false }()
	v := y.Reshape(s.images, 1, -1)
	still := v.StopGradient()
	k, w := s.kink(v, still)
	multiplier := k.Multiplier.Reshape(v.Type().Shape()...)
	var h, at Value
	if s.smooth {
		at = multiplier.Add(still.Div(w)).Clamp(-1, 1)
		h = at.Mul(v).Sub(at.Sub(multiplier).Square().Mul(w.Scale(.5)))
	} else {
		at = multiplier
		h = still.Abs().Add(at.Mul(v.Sub(still)))
	}
	k.At, k.Value = at.Reshape(s.images, -1), h.Reshape(s.images, -1).Pin()
	size := still.Abs().Reshape(s.images, -1)
	k.Short = size.Sub(k.Value.StopGradient())
	k.Off = size.Mul(k.At.Abs().Lt(k.At.one())).ReduceMax(1).Cast(tensor.Float64)
	s.found = append(s.found, k)
	return k.Value.Reshape(y.Type().Shape()...)
}

// trailing reports whether the axes are the last ones of x, but not all.
func (x Value) trailing(axes []int) bool {
	rank := int(x.Type().Rank)
	list := x.axes("reduce", axes)
	for _, a := range list {
		if a < rank-len(list) {
			return false
		}
	}
	return len(list) > 0 && len(list) < rank
}

// largest records what stands for the largest element over axes, the last ones.
func (s *kinks) largest(x Value, axes []int) Value {
	s.inside = true
	defer func() { s.inside = false }()
	result := x.reduce(opReduceMax, false, axes).Type()
	v := x.Reshape(s.images, result.Len()/s.images, x.Type().Len()/result.Len())
	still := v.StopGradient()
	k, w := s.kink(v, still.Sub(still.MeanKeep(2)))
	multiplier := k.Multiplier.Reshape(v.Type().Shape()...)
	var h, at Value
	if s.smooth {
		at = onSimplex(multiplier.Add(still.Div(w)))
		h = at.Mul(v).Sub(at.Sub(multiplier).Square().Mul(w.Scale(.5))).Sum(2)
	} else {
		at = multiplier
		h = still.ReduceMax(2).Add(at.Mul(v.Sub(still)).Sum(2))
	}
	k.Size, k.At, k.Value = v.Type().Dim[2], at.Reshape(s.images, -1), h.Pin()
	most := still.ReduceMax(2)
	k.Short = most.Sub(h.StopGradient())
	below := still.KeepAxes(most, 2).Sub(still).Mul(at.Gt(at.Scale(0)))
	k.Off = below.ReduceMax(1, 2).Cast(tensor.Float64)
	s.found = append(s.found, k)
	return k.Value.Reshape(result.Shape()...)
}

// onSimplex returns the nearest point to each row of v (N, C, P) whose elements are not
// negative and have sum 1 (Held, Wolfe and Crowder 1974, Mathematical Programming
// 6:62–88): Newton steps of the threshold, from below.
func onSimplex(v Value) Value {
	one := v.one()
	threshold := v.ReduceMax(2).AddScalar(-1)
	for range simplexRounds {
		over := v.Gt(v.KeepAxes(threshold, 2))
		sum, count := over.Mul(v).Sum(2), over.Sum(2)
		threshold = sum.Sub(one).Div(count).Max(threshold)
	}
	return v.Sub(v.KeepAxes(threshold, 2)).Relu()
}

// simplexRounds is how many Newton steps are made; they grow from below.
const simplexRounds = 16
