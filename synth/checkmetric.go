package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// mostAtIdentity is what the reference allows a metric to be of equal images.
const mostAtIdentity = 5e-7

// CheckMetric judges a metric: one finite number for each pair of images, that of
// pair k depending on it alone, the same every time; least for equal images and
// never negative, unless it is Similar; a gradient that is finite for equal images
// and does not vanish for others. Its error is that of the backend.
func CheckMetric(m Metric, o CheckOptions) (Verdict, error) {
	c := &numberCheck{o: o.withDefaults(), what: "metric",
		reference: uniform(o.withDefaults().images(tensor.Float64, 3), o.Seed, 0, 1)}
	c.record = func(x autograd.Value) autograd.Value {
		return m.Metric(x.Tape().Const(c.reference).Cast(x.Type().DType), x)
	}
	ok, err := c.common()
	if !ok || err != nil {
		return c.verdict, err
	}
	defer c.p.close()
	return c.verdict, c.distance(isSimilar(m))
}

func isSimilar(m Metric) bool {
	s, ok := m.(Similar)
	return ok && s.Similarity()
}

// CheckPenalty judges a penalty: one finite number for each image, that of image
// k depending on it alone, the same every time, with a finite gradient that does
// not vanish for images between -1 and 2. Its error is that of the backend.
func CheckPenalty(p Penalty, o CheckOptions) (Verdict, error) {
	c := &numberCheck{o: o.withDefaults(), what: "penalty", lo: -1, hi: 2}
	c.record = func(x autograd.Value) autograd.Value {
		v, _ := p.Penalty(x)
		return v
	}
	ok, err := c.common()
	if ok {
		c.p.close()
	}
	return c.verdict, err
}

// numberCheck checks a function that gives one number for each image.
type numberCheck struct {
	what      string
	o         CheckOptions
	record    func(x autograd.Value) autograd.Value
	reference tensor.Tensor // of a metric
	lo, hi    float64       // range of the test images; 0: [0, 1]
	p         *probe        // values and gradient of three images
	verdict   Verdict
}

// images returns three test images.
func (c *numberCheck) images(seed uint64) tensor.Tensor {
	lo, hi := c.lo, c.hi
	if lo == 0 && hi == 0 {
		hi = 1
	}
	return uniform(c.o.images(tensor.Float64, 3), c.o.Seed+seed, lo, hi)
}

// common makes the checks of metrics and penalties; ok says that c.p is there.
func (c *numberCheck) common() (ok bool, err error) {
	if !c.types() {
		return false, nil
	}
	x := c.images(1)
	first, err := c.p.at(x)
	if err != nil {
		c.p.close()
		return false, err
	}
	again, err := c.p.at(x)
	if err != nil {
		c.p.close()
		return false, err
	}
	c.judge(first, again)
	return true, c.mixing(x, first[0])
}

// types records c in both precisions.
func (c *numberCheck) types() bool {
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		p, err := newProbe(c.o.Backend, c.o.images(d, 3), func(x autograd.Value) []autograd.Value {
			v := c.record(x)
			if want := tensor.MakeType(tensor.Float64, 3); v.Type() != want {
				panic(fmt.Errorf("three images give %v; %v expected", v.Type(), want))
			}
			return []autograd.Value{v, autograd.Grad(v, x)[0], c.record(x)}
		})
		if err != nil {
			c.verdict.add("output", Failed, "reduce over the axes 1, 2 and 3, by SumWide or MeanWide, to one float64 number for each image", "for %v images: %v", d, err)
			return false
		}
		if c.p = p; d == tensor.Float32 {
			p.close()
		}
	}
	c.verdict.add("output", Passed, "", "one number for each image")
	return true
}

// judge looks at two runs on the same images.
func (c *numberCheck) judge(first, again [][]float64) {
	if same(first[0], again[0]) && same(first[0], first[2]) {
		c.verdict.add("determinism", Passed, "", "every run gives the same bits")
	} else {
		c.verdict.add("determinism", Failed, "draw random numbers once, where the "+c.what+" is made; leave state out of it", "two runs on the same images differ by up to %.3g",
			max(largestDifference(first[0], again[0]), largestDifference(first[0], first[2])))
	}
	if n := countNonFinite(first[0]) + countNonFinite(first[1]); n > 0 {
		c.verdict.add("finite", Failed, "guard the argument of a root, logarithm or quotient, not its result", "%d numbers of the %s and its gradient are not finite", n, c.what)
		return
	}
	c.verdict.add("finite", Passed, "", "values and gradients of noise are finite")
	if largest(first[1]) == 0 {
		c.verdict.add("gradient", Failed, "a constant, or a value that is compared or rounded, has no gradient", "the gradient vanishes at every pixel")
		return
	}
	c.verdict.add("gradient", Passed, "", "the gradient does not vanish")
}

// mixing changes one image of three.
func (c *numberCheck) mixing(x tensor.Tensor, before []float64) error {
	other := c.images(2)
	for k := range 3 {
		out, err := c.p.at(withImage(x, k, other))
		if err != nil {
			return err
		}
		for i := range 3 {
			if i != k && !same(before[i:i+1], out[0][i:i+1]) {
				c.verdict.add("batch", Failed, "reduce over the axes 1, 2 and 3 only", "when image %d changes, the %s of image %d moves by %.3g", k, c.what, i, math.Abs(before[i]-out[0][i]))
				return nil
			}
		}
	}
	c.verdict.add("batch", Passed, "", "the %s of an image depends on that image alone", c.what)
	return nil
}

// distance compares equal images with others.
func (c *numberCheck) distance(similar bool) error {
	equal, err := c.p.at(c.reference)
	if err != nil {
		return err
	}
	at := equal[0][0]
	if n := countNonFinite(equal[0]) + countNonFinite(equal[1]); n > 0 {
		c.verdict.add("identity", Failed, "guard the argument of a root or quotient, for example by adding 1e-20 to a mean square", "%d numbers of the metric of equal images and its gradient are not finite", n)
		return nil
	}
	least, lowest := math.Inf(1), math.Inf(1)
	for s := range uint64(7) {
		out, err := c.p.at(c.images(3 + s))
		if err != nil {
			return err
		}
		for _, v := range out[0] {
			lowest = math.Min(lowest, v)
			if similar {
				v = -v
			}
			least = math.Min(least, v)
		}
	}
	if similar {
		c.verdict.add("identity", Warning, "MAD competition needs a distance: take one minus it, such as dssim for ssim", "the metric is a similarity, %.6g for equal images", at)
		return nil
	}
	c.identity(at, least)
	if lowest < 0 {
		c.verdict.add("sign", Failed, "square differences, or take their absolute values", "the metric is negative, %.6g, for some images", lowest)
		return nil
	}
	c.verdict.add("sign", Passed, "", "the metric is not negative")
	return nil
}

// identity judges the value at equal images, given the least of others.
func (c *numberCheck) identity(at, least float64) {
	switch {
	case !(at < least):
		c.verdict.add("identity", Failed, "a metric must be least for equal images; of a similarity take one minus it", "equal images have %.6g and others %.6g", at, least)
	case at > mostAtIdentity:
		c.verdict.add("identity", Warning, "the reference accepts 5e-7: a smaller number under the root (nlpd:epsilon=1e-20) makes it smaller; synthesis works either way", "equal images have %.6g, not 0", at)
	default:
		c.verdict.add("identity", Passed, "", "equal images have %.3g, others %.3g and more", at, least)
	}
}

func largest(x []float64) float64 {
	m := 0.0
	for _, v := range x {
		m = math.Max(m, math.Abs(v))
	}
	return m
}
