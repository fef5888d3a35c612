package optest

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// manyElements reaches past a strip of a fused group; mostOperations keeps plain
// Go from taking long.
const (
	manyElements   = 1500
	mostOperations = 60000
)

// enlarged runs the op on longer axes, where its attribute allows that, so
// that whole vectors and strips occur.
func (c *checker) enlarged(s *autograd.Sample) {
	in, ok := enlarge(c.op, s, manyElements)
	if !ok {
		return
	}
	if n, narrower := narrow(c.op, s.Attr, in); narrower && c.draw.rng.IntN(2) == 0 {
		in = n
	}
	r, err := newReference(c.op, s.Attr, in)
	must(err)
	defer r.tape.Close()
	x := newDraws(c.op.Name, 11, s.Lo, s.Hi).arguments(s, in)
	exact := make([]tensor.Tensor, len(x))
	for i := range x {
		exact[i] = convert(x[i], x[i].DType|1)
	}
	want := r.value(exact)
	if !finite(want) {
		return
	}
	for _, p := range []*pattern{&contiguous, &patterns[6]} {
		tape := c.newTape()
		places, args := make([]place, len(x)), make([]autograd.Value, len(x))
		for i := range x {
			places[i] = p.put(tape, numbered("x", i), x[i])
			args[i] = places[i].arg
		}
		c.value(tape, tape.Apply(c.op, s.Attr, args...), want, places)
		tape.Close()
	}
}

// enlarge returns the sample's types with every axis longer than 1 scaled so
// that the largest argument has about the given number of elements.
func enlarge(op *autograd.Op, s *autograd.Sample, elements int) ([]tensor.Type, bool) {
	if len(s.In) == 0 {
		return nil, false
	}
	for factor := 200; factor > 1; factor-- {
		in := make([]tensor.Type, len(s.In))
		most := 0
		for i, t := range s.In {
			for a := range int(t.Rank) {
				if t.Dim[a] > 1 {
					t.Dim[a] = t.Dim[a]*factor - 1
				}
			}
			in[i] = t
			most = max(most, t.Len())
		}
		if most > elements {
			continue
		}
		out, err := op.Type(s.Attr, in)
		if err == nil && op.FLOPs != nil && op.FLOPs(s.Attr, out, in) > mostOperations {
			continue
		}
		return in, err == nil
	}
	return nil, false
}
