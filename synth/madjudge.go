package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// What a MAD image must reach to count as matched.
const (
	MatchedDrift   = 1e-6 // most that the metric held may be off its level, relatively
	MatchedDrift32 = 1e-4 // the same in float32
	MatchedKKT     = 1e-3 // most of the driven metric's gradient that may be left in the tangent space
	MatchedGap     = 1e-5 // or, where that metric is to be least: most of its distance from its least value
)

// identityPart is the most of a distance at the start that may remain for
// identical images: distances may be bounded below, as roots with a guard are.
const identityPart = .5

// A MADOutcome judges a result of MAD competition.
type MADOutcome struct {
	Matched   bool // the criteria hold
	StoppedBy StopReason
	Start     int     // from which of the starts it is
	Level     float64 // what the metric held is to be
	Held      float64 // what it is
	Drift     float64 // its relative difference from the level
	Driven    float64 // the other metric
	AtStart   float64 // and what that was in the first row of the history
	Least     float64 // and what it is for identical images
	// Gap is how far, relatively to the start, the driven metric is from Least: at
	// most MatchedGap, no image can be much better, whatever its gradient. It is 1
	// or more where the metric grew.
	Gap float64
	// KKT is the norm of the driven metric's gradient, projected on the tangent
	// space of the level set, over that of the gradient: of the pixels that are
	// free to move (see optim.TangentFloor). 0 means that no small step improves
	// the image.
	KKT float64
	// Subgradient is the same with the best derivatives at kinks (see KinkProblem),
	// sought where a constrained search left a KKT that is not small enough: at the
	// optimum of a metric with kinks no gradient vanishes, but this does. Elsewhere it
	// is KKT.
	Subgradient float64
	Free        int     // pixels that are not held at a bound
	Moved       float64 // root mean square change of pixels from the start
	FromImage   float64 // root mean square distance of pixels to the original
	Clipped     int     // pixels outside the bounds, or [0, 1]
}

// madJudge evaluates both metrics and their gradients, for a batch like that of
// the results, in float64 whatever the images are in.
type madJudge struct {
	tape *autograd.Tape
	x    autograd.Value
	prog *autograd.Program
}

// madJudgement is what it finds: the metrics (results) and their gradients
// (results × pixels).
type madJudgement struct{ optimized, reference, dOptimized, dReference []float64 }

func (s *MAD) judged() (*madJudge, error) {
	if s.judge != nil {
		return s.judge, nil
	}
	dev := s.device
	if s.Synthesis != nil {
		dev = s.backend
	}
	j := &madJudge{tape: autograd.New(dev)}
	images := wide(pick(s.images, s.imagesOf(s.firsts())))
	var outs []autograd.Value
	err := autograd.Try(func() {
		j.x = j.tape.Var("image", images)
		a, b := s.metrics(j.tape.Const(images), j.x)
		outs = []autograd.Value{a, b, autograd.Grad(a, j.x)[0], autograd.Grad(b, j.x)[0]}
	})
	if err == nil {
		j.prog, err = j.tape.Compile(outs, autograd.Value{})
	}
	if err != nil {
		j.tape.Close()
		return nil, err
	}
	s.judge = j
	return j, nil
}

// firsts returns the problem of each result's first start.
func (s *MAD) firsts() []int {
	list := upTo(s.results())
	for i := range list {
		list[i] *= s.options.Starts
	}
	return list
}

// wide returns x in float64.
func wide(x tensor.Tensor) tensor.Tensor {
	if x.DType == tensor.Float64 {
		return x
	}
	y := tensor.New(tensor.Float64, x.Shape()...)
	tensor.Copy(y, x)
	return y
}

func (j *madJudge) evaluate(x tensor.Tensor) (f madJudgement, err error) {
	if err := j.tape.Set(j.x, wide(x)); err != nil {
		return f, err
	}
	if err := j.prog.Run(); err != nil {
		return f, err
	}
	for i, to := range []*[]float64{&f.optimized, &f.reference, &f.dOptimized, &f.dReference} {
		out, err := j.prog.Out(i)
		if err != nil {
			return f, err
		}
		v := tensor.New(tensor.Float64, out.Shape()...)
		tensor.Copy(v, out)
		*to = tensor.Slice[float64](v)
	}
	return f, nil
}

// roles returns what is driven and what is held of result i.
func (f *madJudgement) roles(g Goal, i int) (driven, held float64, dDriven, dHeld []float64) {
	size := len(f.dOptimized) / len(f.optimized)
	a, b := f.dOptimized[i*size:(i+1)*size], f.dReference[i*size:(i+1)*size]
	if g.Swapped {
		return f.reference[i], f.optimized[i], b, a
	}
	return f.optimized[i], f.reference[i], a, b
}

// check evaluates the starts, finds levels and weights, and refuses metrics that
// do not serve; where memory is only counted all do.
func (s *MAD) check(start, noise tensor.Tensor) error {
	j, err := s.judged()
	if err != nil {
		return err
	}
	s.level, s.lambda = make([]float64, s.results()), make([]float64, s.results())
	s.startLoss, s.startNorm = make([]float64, start.Dim[0]), make([]float64, start.Dim[0])
	for k := range s.options.Starts {
		rows := s.firsts()
		for i := range rows {
			rows[i] += k
		}
		x := pick(start, rows)
		f, err := j.evaluate(x)
		if err != nil {
			return err
		}
		if err := s.checkStart(f); err != nil {
			return err
		}
		for i, row := range rows {
			driven, held, d, _ := f.roles(s.goal(row), i)
			s.startLoss[row], s.startNorm[row] = driven, normOf(d)
			if k == 0 {
				s.level[i] = held
			}
		}
		if k > 0 {
			continue
		}
		if err := s.checkIdentity(j, f); err != nil {
			return err
		}
		if err := s.checkMixing(j, x, f); err != nil {
			return err
		}
	}
	return s.weigh(j, noise)
}

// names are what the errors call the metrics.
func (f *madJudgement) each(visit func(what string, v, d []float64) error) error {
	if err := visit("optimized", f.optimized, f.dOptimized); err != nil {
		return err
	}
	return visit("reference", f.reference, f.dReference)
}

// checkStart refuses metrics that are no distances or have no gradient at the
// start.
func (s *MAD) checkStart(f madJudgement) error {
	return f.each(func(what string, v, d []float64) error {
		size := len(d) / len(v)
		for i, x := range v {
			image := i / len(s.options.Goals)
			switch {
			case math.IsNaN(x) || math.IsInf(x, 0):
				return fmt.Errorf("synth: the %s metric is %v at the start of image %d; a finite number is expected: does it take such images?", what, x, image)
			case x < 0:
				return fmt.Errorf("synth: the %s metric is %v at the start of image %d; a distance is expected, which is not negative: add a constant, or take one minus a similarity", what, x, image)
			case x == 0:
				return fmt.Errorf("synth: the %s metric is 0 at the start of image %d: it does not see how the start differs; start with more noise, or from another image", what, image)
			}
			if zeroSlice(d[i*size : (i+1)*size]) {
				return fmt.Errorf("synth: the %s metric has no gradient at the start of image %d (its value is %v): there is no direction to go; start with other noise, or from another image", what, image, x)
			}
			for _, v := range d[i*size : (i+1)*size] {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return fmt.Errorf("synth: the %s metric has a gradient that is not finite at the start of image %d: guard the argument of its roots and quotients", what, image)
				}
			}
		}
		return nil
	})
}

func normOf(v []float64) float64 {
	sum := 0.
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

func zeroSlice(v []float64) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

// checkIdentity refuses metrics that do not tell an image from the start: their
// values for identical images must be below those, f.
func (s *MAD) checkIdentity(j *madJudge, f madJudgement) error {
	same, err := j.evaluate(pick(s.images, s.imagesOf(s.firsts())))
	if err != nil {
		return err
	}
	s.least = make([]float64, s.results())
	for i, row := range s.firsts() {
		s.least[i], _, _, _ = same.roles(s.goal(row), i)
	}
	if onlyCounts(s.device) {
		return nil
	}
	atStart := map[string][]float64{"optimized": f.optimized, "reference": f.reference}
	return same.each(func(what string, v, _ []float64) error {
		for i, x := range v {
			if from := atStart[what][i]; !(x <= identityPart*from) {
				return fmt.Errorf("synth: the %s metric is %v for identical images and %v at the start of image %d; a distance is expected, "+
					"which is least for identical images: start with more noise, or take one minus a similarity", what, x, from, i/len(s.options.Goals))
			}
		}
		return nil
	})
}

// checkMixing refuses metrics whose value for one image depends on another; x are
// the starts and f their metrics.
func (s *MAD) checkMixing(j *madJudge, x tensor.Tensor, f madJudgement) error {
	if s.results() == 1 {
		return nil
	}
	other := pick(x, upTo(s.results()))
	tensor.Copy(other.Crop(0, 0, 1, 1), x.Crop(0, 0, 1, 1).Flip(3))
	changed, err := j.evaluate(other)
	if err != nil {
		return err
	}
	before := map[string][]float64{"optimized": f.optimized, "reference": f.reference}
	return changed.each(func(what string, v, _ []float64) error {
		if !same(v[1:], before[what][1:]) {
			return fmt.Errorf("synth: the %s metric mixes images: when one image of a batch changes, so does its value for another; "+
				"a metric of each image by itself is expected, or one image and one goal at a time", what)
		}
		return nil
	})
}

// weigh finds the weights of the trade-off.
func (s *MAD) weigh(j *madJudge, noise tensor.Tensor) error {
	switch s.options.Tradeoff {
	case Weighted:
		for i := range s.lambda {
			s.lambda[i] = s.options.Lambda
		}
	case Automatic:
		f, err := j.evaluate(pick(noise, s.imagesOf(s.firsts())))
		if err != nil {
			return err
		}
		for i, row := range s.firsts() {
			driven, held, _, _ := f.roles(s.goal(row), i)
			s.lambda[i] = math.Pow(10, math.RoundToEven(math.Log10(driven/held)))
			if v := s.lambda[i]; !(v > 0) || math.IsInf(v, 0) {
				return fmt.Errorf("synth: the metrics of noise, %v and %v, give no weight for the trade-off; choose one", driven, held)
			}
		}
	}
	return nil
}

// Outcome judges the results as they are. It errs if the backend fails.
func (s *MAD) Outcome() ([]MADOutcome, error) {
	x, err := s.Image()
	if err != nil {
		return nil, err
	}
	return s.Judge(x)
}

// Judge judges images of the results' type as Outcome does the results, for
// example those that files hold. It errs if x is of another type or the backend
// fails.
func (s *MAD) Judge(x tensor.Tensor) ([]MADOutcome, error) {
	want := s.images.Type
	want.Dim[0] = s.results()
	if !x.Type.SameShape(want) || x.DType != want.DType {
		return nil, fmt.Errorf("synth: the images are a %v; %v expected", x.Type, want)
	}
	j, err := s.judged()
	if err != nil {
		return nil, err
	}
	x = tensor.Contiguous(x)
	f, err := j.evaluate(x)
	if err != nil {
		return nil, err
	}
	out := make([]MADOutcome, s.results())
	for i := range out {
		out[i] = s.outcome(f, x, i)
	}
	if err := s.kinks(x, out); err != nil {
		return nil, err
	}
	for i := range out {
		o := &out[i]
		o.Matched = s.holds(o) && o.optimal(s.goal(s.problem(i))) && o.Clipped == 0
	}
	return out, nil
}

// first returns the first row of the history.
func (t *track) first() Record {
	if len(t.records) > 0 {
		return t.records[0]
	}
	return t.now
}

func (s *MAD) outcome(f madJudgement, x tensor.Tensor, i int) MADOutcome {
	k := s.problem(i)
	g := s.goal(k)
	driven, held, d, c := f.roles(g, i)
	row := func(x tensor.Tensor, k int) []float64 { return tensor.Floats(x.Crop(0, k, k+1, 1)) }
	image := row(x, i)
	o := MADOutcome{StoppedBy: s.tracks[k].ended, Start: s.Best(i), Level: s.level[i], Held: held, Drift: held/s.level[i] - 1,
		Driven: driven, AtStart: s.tracks[k].first().Aside[1], Least: s.least[i], Moved: rmsDistance(image, row(s.start, k)),
		FromImage: rmsDistance(image, row(s.images, s.imagesOf([]int{k})[0]))}
	low, high := s.bounds()
	for _, v := range image {
		if v < low || v > high {
			o.Clipped++
		}
	}
	o.KKT, o.Free = tangentResidual(image, d, c, g.sign(), low, high, optim.TangentFloor*s.startNorm[k])
	o.Subgradient = o.KKT
	o.Gap = (o.Driven - o.Least) / (o.AtStart - o.Least)
	return o
}

// optimal reports whether nothing of account improves o, towards g.
func (o *MADOutcome) optimal(g Goal) bool {
	return o.Subgradient <= MatchedKKT || !g.Max && o.Gap <= MatchedGap
}

// holds reports whether the metric held has kept its level.
func (s *MAD) holds(o *MADOutcome) bool {
	if s.images.DType == tensor.Float32 {
		return math.Abs(o.Drift) <= MatchedDrift32
	}
	return math.Abs(o.Drift) <= MatchedDrift
}

// bounds returns what pixels keep to.
func (s *MAD) bounds() (low, high float64) {
	if r, ok := s.options.Penalty.(Range); ok {
		r = r.withDefaults()
		return r.Low, r.High
	}
	return math.Inf(-1), math.Inf(1)
}

// tangentResidual returns how far image x is from the optimality conditions of
// sign·f with the gradient d, where a function with the gradient c is held and
// pixels keep to [low, high], and how many pixels are free. Gradients of a norm
// below floor count as that.
func tangentResidual(x, d, c []float64, sign, low, high, floor float64) (residual float64, free int) {
	multiplier, held := tangentMultiplier(x, d, c, sign, low, high)
	var p2, d2 float64
	for i := range x {
		if !held[i] {
			free++
			p := sign*d[i] - multiplier*c[i]
			p2, d2 = p2+p*p, d2+d[i]*d[i]
		}
	}
	if p2 == 0 {
		return 0, free
	}
	return math.Sqrt(p2) / math.Max(math.Sqrt(d2), floor), free
}

// tangentMultiplier returns the multiplier of the gradient held, and which pixels
// are held at a bound.
func tangentMultiplier(x, d, c []float64, sign, low, high float64) (multiplier float64, held []bool) {
	held = make([]bool, len(x))
	for range 100 {
		changed := false
		var dc, cc float64
		for i := range x {
			p := sign*d[i] - multiplier*c[i]
			now := x[i] <= low && p > 0 || x[i] >= high && p < 0
			changed = changed || now != held[i]
			if held[i] = now; !now {
				dc, cc = dc+sign*d[i]*c[i], cc+c[i]*c[i]
			}
		}
		if before := multiplier; cc > 0 {
			multiplier = dc / cc
			changed = changed || multiplier != before
		}
		if !changed {
			break
		}
	}
	return multiplier, held
}
