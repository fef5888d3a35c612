package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// A Goal says which metric MAD competition drives, and where to.
type Goal struct {
	Max     bool // it grows
	Swapped bool // the reference metric is driven and the optimized one held
}

// AllGoals are the four images of MAD competition.
func AllGoals() []Goal { return []Goal{{}, {Max: true}, {Swapped: true}, {Max: true, Swapped: true}} }

// Name names the image of g, such as "min-dssim-fix-mse", given the metrics'
// names. It does not panic.
func (g Goal) Name(optimized, reference string) string {
	if g.Swapped {
		optimized, reference = reference, optimized
	}
	if g.Max {
		return "max-" + optimized + "-fix-" + reference
	}
	return "min-" + optimized + "-fix-" + reference
}

// sign is what the driven metric is multiplied by to be minimized.
func (g Goal) sign() float64 {
	if g.Max {
		return -1
	}
	return 1
}

// A Tradeoff says how a metric is held.
type Tradeoff int

const (
	// Constrained moves on the level set of the metric that is held.
	Constrained Tradeoff = iota
	// Automatic adds the squared distance from the level to the objective, with a
	// power of ten as weight: the ratio of the metrics for uniform noise, rounded.
	Automatic
	// Weighted does so with the weight MADOptions.Lambda.
	Weighted
)

// MADStarts is from how many noises a Constrained search is made by default.
const MADStarts = 2

// MADOptions has a useful zero value.
type MADOptions struct {
	Goals []Goal // of every image; nil means AllGoals()
	// Each is the only goal of each image instead. The same image may be there for
	// several.
	Each     []Goal
	Tradeoff Tradeoff
	Lambda   float64 // for Weighted
	// Penalty keeps pixels within bounds; nil means Range{}. A Constrained search
	// takes its bounds from a Range and has none with NoPenalty.
	Penalty Penalty
	// Optimizer is optim.Tangent where Constrained. Otherwise nil means
	// optim.LBFGS{}; with Reference, optim.Adam{}.
	Optimizer optim.Optimizer
	Scheduler optim.Scheduler // nil means a constant rate
	// Noise is the standard deviation of the white noise that is added to the
	// images to start from; 0 means 0.1. NoiseMSE is instead its mean square,
	// which it then has exactly.
	Noise, NoiseMSE float64
	// Init is what to start from instead, of the images' type.
	Init tensor.Tensor
	// Starts is from how many noises each image is made; the best result counts.
	// 0 means MADStarts where Constrained and noise is the start, otherwise 1.
	Starts int
	// Seed is that of the first image, Seed+1 that of the second, unless Seeds has
	// those of all.
	Seed  uint64
	Seeds []uint64
	// Reference draws the noise as the reference does, the draws of its validators
	// included. It cannot be Constrained: that means Automatic.
	Reference  bool
	StoreEvery int // keep the image before every such iteration; 0 means never
	// Tolerance ends the synthesis of an image. Constrained: when the projected
	// gradient is at most this part of the gradient, or the metric driven has come
	// as near to its least value as MatchedGap; nil means MatchedKKT.
	// Otherwise when the first and the last of Window recorded losses differ by
	// less; nil means 1e-4. 0 never stops.
	Tolerance *float64
	Window    int // 0 means 50
}

func (o MADOptions) withDefaults(images tensor.DType) (MADOptions, error) {
	if o.Goals == nil {
		o.Goals = AllGoals()
	}
	if o.Each != nil {
		o.Goals = []Goal{{}} // as many for each
	}
	if o.Penalty == nil {
		o.Penalty = Range{}
	}
	if o.Noise == 0 {
		o.Noise = .1
	}
	if o.Reference && o.Tradeoff == Constrained {
		o.Tradeoff = Automatic
	}
	if o.Starts == 0 {
		if o.Starts = 1; o.Tradeoff == Constrained && o.Init.Mem == nil {
			o.Starts = MADStarts
		}
	}
	var err error
	tolerance := 1e-4
	switch {
	case o.Tradeoff == Constrained:
		tolerance = MatchedKKT
		o.Optimizer, err = o.tangent(images)
	case o.Optimizer == nil && o.Reference:
		o.Optimizer = optim.Adam{}
	case o.Optimizer == nil:
		o.Optimizer = optim.LBFGS{}
	}
	if o.Tolerance == nil {
		o.Tolerance = &tolerance
	}
	switch {
	case err != nil:
	case o.Noise < 0 || o.NoiseMSE < 0:
		err = fmt.Errorf("synth: a noise of standard deviation %v or mean square %v; positive numbers are expected", o.Noise, o.NoiseMSE)
	case o.Tradeoff == Weighted && !(o.Lambda > 0):
		err = fmt.Errorf("synth: a trade-off weight of %v; a positive number is expected", o.Lambda)
	case o.Starts > 1 && o.Reference:
		err = fmt.Errorf("synth: %d starts; the reference has one", o.Starts)
	case len(o.Goals) == 0 || o.Starts < 1:
		err = fmt.Errorf("synth: %d goals from %d starts; at least one of each is expected", len(o.Goals), o.Starts)
	}
	return o, err
}

// tangent returns the optimizer of the constrained search. Metrics are computed in
// float64 whatever the images are in.
func (o *MADOptions) tangent(images tensor.DType) (optim.Optimizer, error) {
	t, ok := o.Optimizer.(optim.Tangent)
	if o.Optimizer != nil && !ok {
		return nil, fmt.Errorf("synth: the constrained search has an optimizer of its own, not a %T; with a weight for the trade-off any serves", o.Optimizer)
	}
	if o.Scheduler != nil {
		return nil, fmt.Errorf("synth: the constrained search has no rate for a scheduler to change")
	}
	if images == tensor.Float32 && t.Rounding == 0 {
		t.Rounding = 1e-9
	}
	switch p := o.Penalty.(type) {
	case NoPenalty:
		t.Bounds = nil
	case Range:
		p = p.withDefaults()
		t.Bounds = &[2]float64{p.Low, p.High}
	default:
		return nil, fmt.Errorf("synth: the constrained search takes bounds from a range penalty; it knows no %T", o.Penalty)
	}
	return t, nil
}

// A MAD is maximum differentiation competition (Wang and Simoncelli 2008, Journal
// of Vision 8(12):8): from a noisy image it makes images that one metric holds to
// be equally far from the original, and that are the best or the worst for
// another.
//
// There is a result for every image and goal: result i is that of image
// i/len(goals) and goal i%len(goals).
type MAD struct {
	*Synthesis
	optimized, reference Metric
	options              MADOptions
	images               tensor.Tensor // (N, C, H, W)
	lambda               []float64     // of each result
	level                []float64     // of each result: what the metric held keeps
	least                []float64     // of each result: the metric driven, for identical images
	startLoss            []float64     // of each problem: the metric driven
	startNorm            []float64     // and the norm of its gradient
	device               autograd.Backend
	judge                *madJudge // nil until it is needed
}

// NewMAD records MAD competition from images (N, C, H, W) and compiles it once.
// nil stands for the CPU. It errs if an image, a start or an option does not fit,
// if a metric is not a distance of each image by itself, negative or without
// gradient at the start, and if memory does not suffice.
func NewMAD(dev autograd.Backend, images tensor.Tensor, optimized, reference Metric, o MADOptions) (*MAD, error) {
	s, start, err := prepareMAD(dev, images, optimized, reference, o)
	if err != nil {
		return nil, err
	}
	o = s.options
	s.Synthesis, err = newSynthesis(dev, problem{start: start, optimizer: o.Optimizer,
		control: optim.Control{Scheduler: o.Scheduler, Window: o.Window}, tolerance: *o.Tolerance, reference: o.Reference,
		every: o.StoreEvery, record: s.record,
		name: identity{method: "mad", options: []any{optimized, reference, o.Penalty, o.Tradeoff, o.Starts},
			inputs: []tensor.Tensor{pick(s.images, s.imagesOf(upTo(start.Dim[0]))), s.goalNumbers(start.Dim[0])}, atStart: s.startLoss}})
	return s, err
}

// CheckMAD errs where NewMAD does, but for want of memory: it evaluates the metrics at
// the start and at the images, and makes no synthesis.
func CheckMAD(dev autograd.Backend, images tensor.Tensor, optimized, reference Metric, o MADOptions) error {
	_, _, err := prepareMAD(dev, images, optimized, reference, o)
	return err
}

// prepareMAD returns a MAD without Synthesis, and what its problems start from.
func prepareMAD(dev autograd.Backend, images tensor.Tensor, optimized, reference Metric, o MADOptions) (s *MAD, start tensor.Tensor, err error) {
	if o, err = o.withDefaults(images.DType); err != nil {
		return nil, start, err
	}
	if err := checkMADInput(images, optimized, reference, o); err != nil {
		return nil, start, err
	}
	s = &MAD{optimized: optimized, reference: reference, options: o, images: tensor.Contiguous(images), device: dev}
	defer s.dismiss() // its memory is better used by the synthesis
	start, noise, err := s.starts()
	if err != nil {
		return nil, start, err
	}
	first := pick(s.images, []int{0})
	for _, m := range []struct {
		name string
		Metric
	}{{"optimized metric", optimized}, {"reference metric", reference}} {
		of := func(x autograd.Value) autograd.Value { return m.Metric.Metric(x.Tape().Const(first), x) }
		if err := checkSteady(dev, m.name, start, of); err != nil {
			return nil, start, err
		}
	}
	return s, start, s.check(start, noise)
}

func checkMADInput(images tensor.Tensor, optimized, reference Metric, o MADOptions) error {
	if images.Rank != 4 || images.DType.IsComplex() || images.Len() == 0 {
		return fmt.Errorf("synth: the images are a %v; real images (N, C, H, W) are expected", images.Type)
	}
	if n := images.Dim[0]; o.Each != nil && len(o.Each) != n || o.Seeds != nil && len(o.Seeds) != n {
		return fmt.Errorf("synth: %d goals and %d seeds for %d images; one of each, or none, is expected", len(o.Each), len(o.Seeds), n)
	}
	if o.Init.Mem != nil && o.Init.Type != images.Type {
		return fmt.Errorf("synth: the start is a %v; the images' type, %v, is expected", o.Init.Type, images.Type)
	}
	for _, x := range []struct {
		what string
		x    tensor.Tensor
	}{{"the images", images}, {"the start", o.Init}} {
		if x.x.Mem == nil {
			continue
		}
		for i, p := range tensor.Floats(x.x) {
			if math.IsNaN(p) || math.IsInf(p, 0) {
				return fmt.Errorf("synth: element %d of %s is %v; finite values are expected", i, x.what, p)
			}
		}
	}
	for _, m := range []struct {
		what string
		m    Metric
	}{{"optimized", optimized}, {"reference", reference}} {
		if s, ok := m.m.(Similar); ok && s.Similarity() {
			return fmt.Errorf("synth: the %s metric is a similarity, which grows as images become alike; a distance is expected, "+
				"such as one minus it: dssim in place of ssim, dms-ssim in place of ms-ssim", m.what)
		}
	}
	return nil
}

// results returns how many results there are.
func (s *MAD) results() int { return s.images.Dim[0] * len(s.options.Goals) }

// imagesOf returns the number of the image of each problem.
func (s *MAD) imagesOf(problems []int) []int {
	of := make([]int, len(problems))
	for i, k := range problems {
		of[i] = k / s.options.Starts / len(s.options.Goals)
	}
	return of
}

// goal returns the goal of a problem.
func (s *MAD) goal(problem int) Goal {
	if s.options.Each != nil {
		return s.options.Each[problem/s.options.Starts]
	}
	return s.options.Goals[problem/s.options.Starts%len(s.options.Goals)]
}

// goalNumbers tells goals apart: a row for each problem.
func (s *MAD) goalNumbers(problems int) tensor.Tensor {
	x := tensor.New(tensor.Float64, problems, 2)
	for k := range problems {
		g := s.goal(k)
		x.StoreReal(2*k, g.sign())
		if g.Swapped {
			x.StoreReal(2*k+1, 1)
		}
	}
	return x
}

// metrics records both metrics of x, which must be (N,) float64.
func (s *MAD) metrics(image, x autograd.Value) (optimized, reference autograd.Value) {
	n := x.Type().Dim[0]
	measure := func(what string, m Metric) autograd.Value {
		v := m.Metric(image, x)
		if want := tensor.MakeType(tensor.Float64, n); v.Type() != want {
			fail(what+" metric", fmt.Errorf("it is a %v for %d images; %v is expected: one number for each image; take the mean over channels", v.Type(), n, want), x.Type())
		}
		return v
	}
	return measure("optimized", s.optimized), measure("reference", s.reference)
}

// perProblem makes a Const (N,) of a number for each problem.
func perProblem(t *autograd.Tape, problems []int, of func(k int) float64) autograd.Value {
	v := make([]float64, len(problems))
	for i, k := range problems {
		v[i] = of(k)
	}
	return t.Const(tensor.Of(v))
}

// choose returns x for problems whose goal is as it is named, and y for swapped
// ones.
func (s *MAD) choose(problems []int, x, y autograd.Value) autograd.Value {
	swapped := 0
	for _, k := range problems {
		if s.goal(k).Swapped {
			swapped++
		}
	}
	switch swapped {
	case 0:
		return x
	case len(problems):
		return y
	}
	mask := perProblem(x.Tape(), problems, func(k int) float64 {
		if s.goal(k).Swapped {
			return 1
		}
		return 0
	})
	return autograd.Where(perImage(mask, x), y, x)
}

// perImage shapes a scalar (N,) so that it goes with x (N, …).
func perImage(v, x autograd.Value) autograd.Value {
	shape := x.Type().Shape()
	for i := range shape[1:] {
		shape[i+1] = 1
	}
	return v.Cast(x.Type().DType).Reshape(shape...)
}

// record records the objective of the given problems.
func (s *MAD) record(x autograd.Value, problems []int) objective {
	t, at := x.Tape(), x
	images := pick(s.images, s.imagesOf(problems))
	if s.options.Tradeoff == Constrained { // gradients cancel to a thousandth and less
		images, x = wide(images), x.Cast(tensor.Float64)
	}
	a, b := s.metrics(t.Const(images), x)
	driven, held := s.choose(problems, a, b), s.choose(problems, b, a)
	sign := perProblem(t, problems, func(k int) float64 { return s.goal(k).sign() })
	level := perProblem(t, problems, func(k int) float64 { return s.level[k/s.options.Starts] })
	o := objective{loss: driven.Mul(sign), aside: [optim.Asides]autograd.Value{held, driven}}
	if s.options.Tradeoff == Constrained {
		o.exact, o.level, o.enough, o.penalty = o.loss, level, perProblem(t, problems, s.enough), t.Zeros(o.loss.Type())
		s.constrain(&o, t.Const(images), at, x, problems, sign)
		return o
	}
	lambda := perProblem(t, problems, func(k int) float64 { return s.lambda[k/s.options.Starts] })
	penalty, weight := s.options.Penalty.Penalty(x)
	o.penalty = penalty
	o.loss = o.loss.Add(level.Sub(held).Square().Mul(lambda)).Add(penalty.Scale(weight))
	return o
}

// constrain records what is minimized and what is held, both without kinks, and their
// derivatives by at, which is x in the images' type.
func (s *MAD) constrain(o *objective, images, at, x autograd.Value, problems []int, sign autograd.Value) {
	var a, b autograd.Value
	kinks := autograd.Soften(x, func() { a, b = s.metrics(images, x) })
	by := []autograd.Value{at}
	for _, k := range kinks {
		by = append(by, k.Value)
	}
	da, db := autograd.Grad(a, by...), autograd.Grad(b, by...)
	slope := func(i int) (loss, held autograd.Value) {
		d := s.choose(problems, da[i], db[i])
		return d.Mul(perImage(sign, d)), s.choose(problems, db[i], da[i])
	}
	o.loss, o.held = s.choose(problems, a, b).Mul(sign), s.choose(problems, b, a)
	o.grad, o.heldGrad = slope(0)
	for i, k := range kinks {
		loss, held := slope(i + 1)
		o.kinks = append(o.kinks, optim.Kink{Kink: k, Loss: loss, Held: held})
	}
}

// enough returns the loss of a problem from which nobody gains anything.
func (s *MAD) enough(k int) float64 {
	if s.goal(k).Max {
		return math.Inf(-1)
	}
	least := s.least[k/s.options.Starts]
	return least + MatchedGap*(s.startLoss[k]-least)
}

// Weights returns the weight of the trade-off of each result: 0 where
// Constrained.
func (s *MAD) Weights() []float64 { return s.lambda }

// Levels returns for each result the value that the metric held is to keep.
func (s *MAD) Levels() []float64 { return s.level }
