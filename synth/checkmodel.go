package synth

import (
	"errors"
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Check judges a model by running it on small images of noise: whether its
// representation and gradient exist, are finite, the same every time, of the
// images' precision, and for image k depend on image k alone; whether its groups
// and scales are what they promise. Its error is that of the backend; what is
// wrong with the model is in the verdict.
func Check(m Model, o CheckOptions) (Verdict, error) {
	c := &modelCheck{model: m, o: o.withDefaults()}
	if !c.forward() {
		return c.verdict, nil
	}
	for _, step := range []func() error{c.determinism, c.independence, c.finite, c.gradient, c.tangent, c.groups, c.scales} {
		if err := step(); err != nil {
			return c.verdict, err
		}
	}
	return c.verdict, nil
}

// modelCheck is one call of Check.
type modelCheck struct {
	model   Model
	o       CheckOptions
	rep     tensor.Type // of one image in float64
	verdict Verdict
}

// probe compiles outs of n images in float64.
func (c *modelCheck) probe(n int, outs func(x autograd.Value) []autograd.Value) (*probe, error) {
	return newProbe(c.o.Backend, c.o.images(tensor.Float64, n), outs)
}

// representation is the one out that most checks look at.
func (c *modelCheck) representation(x autograd.Value) []autograd.Value {
	return []autograd.Value{c.model.Forward(x)}
}

// forward checks that one image can be recorded and what type comes out.
func (c *modelCheck) forward() bool {
	for _, d := range []tensor.DType{tensor.Float64, tensor.Float32} {
		p, err := newProbe(c.o.Backend, c.o.images(d, 1), c.representation)
		if err != nil {
			advice := "the line above says where; correct the model, or check it with images that suit it"
			if d == tensor.Float32 {
				advice = "cast constants to the image's type: x.Type().DType; until then use --dtype float64"
			}
			c.verdict.add("forward", Failed, advice, "for %v images: %v", d, err)
			return false
		}
		p.close()
		t := p.outs[0].Type()
		if t.DType.Real() != d {
			c.verdict.add("precision", Failed, "cast constants to the image's type, x.Type().DType, and leave casts out", "%v images give a representation of %v", d, t)
			return false
		}
		if d == tensor.Float64 {
			c.rep = t
		}
	}
	c.verdict.add("forward", Passed, "", "%v images give %v", c.o.images(tensor.Float64, 1), c.rep)
	c.verdict.add("precision", Passed, "", "the representation has the precision of the images")
	if c.rep.DType.IsComplex() {
		c.verdict.add("complex", Warning, "return real and imaginary parts, stacked, for eigendistortions, groups and pictures", "the representation is complex: losses and metrics take the modulus of differences")
	}
	return c.output()
}

// output checks that axis 0 counts images.
func (c *modelCheck) output() bool {
	const advice = "reduce over the axes 1, 2 and 3 only, so that the representation of N images is (N, …)"
	if c.rep.Rank == 0 || c.rep.Dim[0] != 1 || c.rep.Len() == 0 {
		c.verdict.add("output", Failed, advice, "one image gives %v", c.rep)
		return false
	}
	p, err := c.probe(3, c.representation)
	if err != nil {
		c.verdict.add("output", Failed, "take sizes from x.Type() and keep axis 0 in Reshape; until then give images one by one", "three images at once: %v", err)
		return false
	}
	p.close()
	want := c.rep
	want.Dim[0] = 3
	if p.outs[0].Type() != want {
		c.verdict.add("output", Failed, advice, "one image gives %v and three %v", c.rep, p.outs[0].Type())
		return false
	}
	c.verdict.add("output", Passed, "", "axis 0 counts images")
	return true
}

// determinism records and runs the model twice.
func (c *modelCheck) determinism() error {
	p, err := c.probe(1, func(x autograd.Value) []autograd.Value {
		return []autograd.Value{c.model.Forward(x), c.model.Forward(x)}
	})
	if err != nil {
		return err
	}
	defer p.close()
	x := uniform(c.o.images(tensor.Float64, 1), c.o.Seed, 0, 1)
	first, err := p.at(x)
	if err != nil {
		return err
	}
	again, err := p.at(x)
	if err != nil {
		return err
	}
	const advice = "draw random numbers once, where the model is made, and keep them in a Const; leave state out of Forward"
	switch {
	case !same(first[0], again[0]):
		c.verdict.add("determinism", Failed, advice, "two runs on one image differ by up to %.3g", largestDifference(first[0], again[0]))
	case !same(first[0], first[1]):
		c.verdict.add("determinism", Failed, advice, "two calls of Forward record computations whose results differ by up to %.3g", largestDifference(first[0], first[1]))
	case p.outs[0] != p.outs[1]:
		c.verdict.add("determinism", Warning, "make tensors of constants once, where the model is made: each call of Forward adds others to the tape", "two calls of Forward record two computations, of one result")
	default:
		c.verdict.add("determinism", Passed, "", "every run gives the same bits")
	}
	return nil
}

// independence changes one image of a batch.
func (c *modelCheck) independence() error {
	p, err := c.probe(3, c.representation)
	if err != nil {
		return err
	}
	defer p.close()
	typ := c.o.images(tensor.Float64, 3)
	x, other := uniform(typ, c.o.Seed, 0, 1), uniform(typ, c.o.Seed+1, 0, 1)
	before, err := p.at(x)
	if err != nil {
		return err
	}
	each := len(before[0]) / 3
	for k := range 3 {
		after, err := p.at(withImage(x, k, other))
		if err != nil {
			return err
		}
		for i := range 3 {
			b, a := before[0][i*each:][:each], after[0][i*each:][:each]
			if i != k && !same(a, b) {
				c.verdict.add("batch", Failed, "reduce and normalise over the axes 1, 2 and 3 only; or give images one by one, or as one problem with Joint",
					"when image %d changes, the representation of image %d moves by up to %.3g", k, i, largestDifference(a, b))
				return nil
			}
			if i == k && same(a, b) {
				c.verdict.add("batch", Failed, "the output must be computed from the argument of Forward", "when image %d changes, its own representation does not", k)
				return nil
			}
		}
	}
	c.verdict.add("batch", Passed, "", "the representation of an image depends on that image alone")
	return nil
}

// finite looks for NaN and infinities in values and gradients of noise, and of
// flat images, where quotients and roots of variances are 0/0.
func (c *modelCheck) finite() error {
	p, err := c.probe(1, func(x autograd.Value) []autograd.Value {
		y := c.model.Forward(x)
		return []autograd.Value{y, autograd.Grad(weighed(y), x)[0]}
	})
	if err != nil {
		c.verdict.add("gradient", Failed, "use operations that have a derivative", "%v", err)
		return nil
	}
	defer p.close()
	typ := c.o.images(tensor.Float64, 1)
	level, found := Passed, ""
	for _, image := range []struct {
		name  string
		x     tensor.Tensor
		level Severity
	}{{"noise", uniform(typ, c.o.Seed, 0, 1), Failed}, {"a black image", flat(typ, 0), Warning}, {"a gray image", flat(typ, .5), Warning}, {"a white image", flat(typ, 1), Warning}} {
		out, err := p.at(image.x)
		if err != nil {
			return err
		}
		for i, what := range []string{"representation", "gradient"} {
			if n := countNonFinite(out[i]); n > 0 && level < image.level {
				level, found = image.level, fmt.Sprintf("of %s, %d of %d numbers of the %s are not finite", image.name, n, len(out[i]), what)
			}
		}
	}
	if level == Passed {
		c.verdict.add("finite", Passed, "", "values and gradients of noise and of flat images are finite")
		return nil
	}
	c.verdict.add("finite", level, "guard the argument of a root, logarithm or quotient, not its result: Where(v > 0, √(Where(v > 0, v, 1)), 0); FindNaN names the line", "%s", found)
	return nil
}

// gradient compares the gradient with differences, and looks for pixels that it
// leaves out.
func (c *modelCheck) gradient() error {
	p, err := c.probe(1, func(x autograd.Value) []autograd.Value {
		y := weighed(c.model.Forward(x))
		return []autograd.Value{y, autograd.Grad(y, x)[0]}
	})
	if err != nil {
		return nil // finite has said so
	}
	defer p.close()
	typ := c.o.images(tensor.Float64, 1)
	x, direction := uniform(typ, c.o.Seed, 0, 1), uniform(typ, c.o.Seed+2, -1, 1)
	out, err := p.at(x)
	if err != nil {
		return err
	}
	zeros := 0
	slope, size := 0.0, 0.0
	for i, g := range out[1] {
		if g == 0 {
			zeros++
		}
		slope += g * direction.LoadReal(i)
		size += g * g / 3 // a direction's elements have the mean square 1/3
	}
	switch {
	case zeros == len(out[1]):
		c.verdict.add("gradient", Failed, "comparisons, rounding and StopGradient have no gradient; Forward must use its argument by operations that have one", "the gradient vanishes at every pixel")
		return nil
	case zeros*2 > len(out[1]):
		c.verdict.add("gradient", Warning, "synthesis will leave those pixels as they start", "the gradient vanishes at %d of %d pixels", zeros, len(out[1]))
	default:
		c.verdict.add("gradient", Passed, "", "the gradient does not vanish")
	}
	return c.difference(p, x, direction, slope, math.Sqrt(size))
}

// difference compares a slope with those between points at several distances.
func (c *modelCheck) difference(p *probe, x, direction tensor.Tensor, slope, size float64) error {
	best, nearest := math.Inf(1), math.NaN()
	for _, e := range []float64{1e-3, 1e-4, 1e-5, 1e-6} {
		var y [2]float64
		for i, sign := range []float64{1, -1} {
			moved := tensor.New(tensor.Float64, x.Shape()...)
			for j := range moved.Len() {
				moved.StoreReal(j, x.LoadReal(j)+sign*e*direction.LoadReal(j))
			}
			out, err := p.at(moved)
			if err != nil {
				return err
			}
			y[i] = out[0][0]
		}
		if d := (y[0] - y[1]) / (2 * e); math.Abs(d-slope) < best {
			best, nearest = math.Abs(d-slope), d
		}
	}
	if best > 1e-2*math.Max(size, math.Abs(slope)) {
		c.verdict.add("derivative", Failed, "look for values that are rounded or compared, and at custom gradients; optest.Run tests an op of your own", "along a random direction the gradient says %.6g, differences of values %.6g", slope, nearest)
		return nil
	}
	c.verdict.add("derivative", Passed, "", "the gradient is that of the values")
	return nil
}

// tangent checks that eigendistortions and geodesics can be computed.
func (c *modelCheck) tangent() error {
	p, err := c.probe(1, func(x autograd.Value) []autograd.Value {
		return []autograd.Value{autograd.JVP(c.model.Forward(x), x, x)}
	})
	if err == nil {
		p.close()
		c.verdict.add("tangent", Passed, "", "forward derivatives exist")
		return nil
	}
	if errors.Is(err, autograd.ErrMemory) {
		return err
	}
	c.verdict.add("tangent", Warning, "metamers and MAD competition work; for eigendistortions the VJP of every op must be linear in its cotangent and written with ops", "forward derivatives: %v", err)
	return nil
}

// weighed returns a sum of the parts of y, each with a weight of its own.
func weighed(y autograd.Value) autograd.Value {
	if y.Type().DType.IsComplex() {
		return weighed(y.Real()).Add(weighed(y.Imag()))
	}
	n := y.Type().Len()
	w := make([]float64, n)
	for i := range w {
		w[i] = math.Sin(float64(i) + 1)
	}
	c := tensor.New(y.Type().DType, y.Type().Shape()...)
	tensor.Copy(c, tensor.Of(w, y.Type().Shape()...))
	return y.Mul(y.Tape().Const(c)).SumWide()
}

func countNonFinite(x []float64) (n int) {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			n++
		}
	}
	return n
}

func largestDifference(x, y []float64) float64 {
	d := 0.0
	for i := range x {
		d = math.Max(d, math.Abs(x[i]-y[i]))
	}
	return d
}
