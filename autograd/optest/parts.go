package optest

import (
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// parts checks that the op makes of the parts of its arguments the parts of the result,
// where Op.Parts says so, by definition.
func (c *checker) parts() {
	if c.op.Parts == nil {
		return
	}
	held := false
	for i := range c.op.Samples {
		s := &c.op.Samples[i]
		c.context = "parts"
		c.protect(func() {
			held = c.cut(s, i, s.In) || held
			if s.Values == nil {
				held = c.cut(s, i, c.longer(s)) || held
			}
		})
	}
	if !held {
		c.fail("Parts holds for no sample: it is not tested")
	}
}

// longer returns the sample's types with twice as much of axis 0, but of arguments that
// every part needs whole.
func (c *checker) longer(s *autograd.Sample) []tensor.Type {
	in := slices.Clone(s.In)
	_, whole, _ := c.op.Parts(s.Attr, in, 1)
	for i := range in {
		if whole>>i&1 == 0 && in[i].Rank > 0 {
			in[i].Dim[0] *= 2
		}
	}
	return in
}

// cut checks the parts of the op on arguments of the given types and reports whether
// there are such.
func (c *checker) cut(s *autograd.Sample, i int, in []tensor.Type) bool {
	out, err := c.op.Type(s.Attr, in)
	if err != nil || out.Rank == 0 {
		return false
	}
	_, whole, _ := c.op.Parts(s.Attr, in, 1)
	parts := out.Dim[0]
	for k, t := range in {
		if whole>>k&1 == 0 && t.Rank > 0 {
			parts = divisor(parts, t.Dim[0])
		}
	}
	attr, whole, ok := c.op.Parts(s.Attr, in, parts)
	if parts < 2 || !ok {
		return false
	}
	of := slices.Clone(in)
	for k := range of {
		if whole>>k&1 == 0 {
			of[k].Dim[0] /= parts
		}
	}
	all, err := newReference(c.op, s.Attr, in)
	must(err)
	defer all.tape.Close()
	one, err := newReference(c.op, attr, of)
	must(err)
	defer one.tape.Close()
	x := newDraws(c.op.Name, 20+i, s.Lo, s.Hi).arguments(s, wideAll(in))
	y := all.value(x)
	for p := range parts {
		args := make([]tensor.Tensor, len(x))
		for k := range x {
			args[k] = x[k]
			if whole>>k&1 == 0 {
				args[k] = tensor.Contiguous(partOf(x[k], parts, p))
			}
		}
		want := tensor.Contiguous(partOf(y, parts, p))
		got := one.value(args)
		if got.Type != want.Type {
			c.fail("a part of sample %d is a %v; a %v expected", i, got.Type, want.Type)
			return true
		}
		c.compare("a part of the result", got, want, tolerance(valueRoundings, got.Type), 0)
	}
	return true
}

// partOf returns part p, along axis 0, of so many of x.
func partOf(x tensor.Tensor, parts, p int) tensor.Tensor {
	n := x.Dim[0] / parts
	return x.Crop(0, p*n, (p+1)*n, 1)
}

// divisor returns the greatest common divisor.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
