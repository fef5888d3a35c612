package synth

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// checkSteady errs if two recordings of f, which is called what, have different
// results for the first of the images. That costs no more than recording where they
// are one Value. What else is wrong with f shows elsewhere.
func checkSteady(dev autograd.Backend, what string, images tensor.Tensor, f func(x autograd.Value) autograd.Value) error {
	image := pick(images, []int{0})
	twice := func(x autograd.Value) []autograd.Value { return []autograd.Value{f(x), f(x)} }
	t := autograd.New(dev)
	defer t.Close()
	var outs []autograd.Value
	if err := autograd.Try(func() { outs = twice(t.Const(image)) }); err != nil || outs[0] == outs[1] {
		return nil
	}
	p, err := newProbe(dev, image.Type, twice)
	if err != nil {
		return err
	}
	defer p.close()
	values, err := p.at(image)
	if err != nil || same(values[0], values[1]) {
		return err
	}
	return fmt.Errorf("synth: the %s is not deterministic: for one image, two recordings of it differ by up to %.3g; draw random numbers once, where it is made, and keep them in a Const; leave state out of it",
		what, largestDifference(values[0], values[1]))
}
