package optest

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A pattern makes arguments that lie in memory in some way: as a view of a
// larger or differently ordered base.
type pattern struct {
	name string
	// base returns the type of the base for an argument of type t, or false if
	// the pattern does not apply.
	base func(t tensor.Type) ([]int, bool)
	// view and record make the argument from the base.
	view   func(base tensor.Tensor, t tensor.Type) tensor.Tensor
	record func(base autograd.Value, t tensor.Type) autograd.Value
}

func same(t tensor.Type) ([]int, bool) { return t.Shape(), true }

// permuted lays the axes out in another order; axes gives it for a rank.
func permuted(name string, rank int, axes func(n int) []int) pattern {
	return pattern{name,
		func(t tensor.Type) ([]int, bool) {
			if int(t.Rank) < rank {
				return nil, false
			}
			shape := make([]int, t.Rank)
			for i, a := range axes(int(t.Rank)) {
				shape[a] = t.Dim[i]
			}
			return shape, true
		},
		func(b tensor.Tensor, t tensor.Type) tensor.Tensor { return b.Permute(axes(int(t.Rank))...) },
		func(b autograd.Value, t tensor.Type) autograd.Value { return b.Permute(axes(int(t.Rank))...) },
	}
}

// cropped takes a part of a larger base along every axis; a scalar is one
// element of a vector.
func cropped(name string, lo, step int) pattern {
	return pattern{name,
		func(t tensor.Type) ([]int, bool) {
			if t.Rank == 0 {
				return []int{3}, true
			}
			shape := t.Shape()
			for i, d := range shape {
				shape[i] = lo + step*d + 1
			}
			return shape, true
		},
		func(b tensor.Tensor, t tensor.Type) tensor.Tensor {
			if t.Rank == 0 {
				b, _ = b.Crop(0, 1, 2, 1).Reshape()
				return b
			}
			for i, d := range t.Shape() {
				b = b.Crop(i, lo, max(lo, lo+step*(d-1)+1), step)
			}
			return b
		},
		func(b autograd.Value, t tensor.Type) autograd.Value {
			if t.Rank == 0 {
				return b.Crop(0, 1, 2).Reshape()
			}
			for i, d := range t.Shape() {
				b = b.CropStep(i, lo, max(lo, lo+step*(d-1)+1), step)
			}
			return b
		},
	}
}

// expanded repeats the base along the first (or last) axis longer than 1.
func expanded(name string, last bool) pattern {
	return pattern{name,
		func(t tensor.Type) ([]int, bool) {
			shape := t.Shape()
			for i := range shape {
				j := i
				if last {
					j = len(shape) - 1 - i
				}
				if shape[j] > 1 {
					shape[j] = 1
					return shape, true
				}
			}
			return nil, false
		},
		func(b tensor.Tensor, t tensor.Type) tensor.Tensor { return b.Expand(t.Shape()...) },
		func(b autograd.Value, t tensor.Type) autograd.Value { return b.Expand(t.Shape()...) },
	}
}

var contiguous = pattern{"contiguous", same,
	func(b tensor.Tensor, _ tensor.Type) tensor.Tensor { return b },
	func(b autograd.Value, _ tensor.Type) autograd.Value { return b }}

var flipped = pattern{"flipped", func(t tensor.Type) ([]int, bool) { return t.Shape(), t.Rank > 0 },
	func(b tensor.Tensor, t tensor.Type) tensor.Tensor { return b.Flip(upTo(int(t.Rank))...) },
	func(b autograd.Value, t tensor.Type) autograd.Value { return b.Flip(upTo(int(t.Rank))...) }}

// patterns lists how arguments lie in memory.
var patterns = []pattern{
	contiguous,
	permuted("transposed", 2, func(n int) []int {
		axes := upTo(n)
		for i := range axes {
			axes[i] = n - 1 - i
		}
		return axes
	}),
	permuted("rotated", 3, func(n int) []int { return append(upTo(n)[1:], 0) }),
	expanded("expanded", false),
	expanded("expanded along the last axis", true),
	cropped("cropped with steps", 1, 2),
	cropped("cropped", 2, 1),
	flipped,
}

func upTo(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// place is one argument on a Tape: the Var that is its base, and its Value.
type place struct {
	base, arg autograd.Value
	init      tensor.Tensor // what the base holds
	value     tensor.Tensor // the argument's elements, contiguous
}

// put makes a Var that holds x as p says, NaN wherever x is not.
func (p *pattern) put(tape *autograd.Tape, name string, x tensor.Tensor) place {
	shape, ok := p.base(x.Type)
	if !ok {
		p = &contiguous
		shape = x.Shape()
	}
	b := tensor.New(x.DType, shape...)
	fillGuard(b)
	view := p.view(b, x.Type)
	tensor.Copy(view, x)
	v := tape.Var(name, b)
	return place{v, p.record(v, x.Type), b, convert(view, x.DType)}
}

// fillGuard sets every word of contiguous x to a NaN.
func fillGuard(x tensor.Tensor) {
	if h, ok := x.Mem.(*tensor.Host); ok {
		w := words(h)
		for i := range w {
			w[i] = guardWord
		}
	}
}

// applies reports whether p changes how some argument lies.
func (p *pattern) applies(in []tensor.Type) bool {
	if p.name == contiguous.name {
		return true
	}
	for _, t := range in {
		if _, ok := p.base(t); ok {
			return true
		}
	}
	return false
}
