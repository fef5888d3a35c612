package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// MetamerOptions has a useful zero value.
type MetamerOptions struct {
	Loss      Loss            // nil means MSE{ScaleStart: true}; with Reference, MSE{}
	Penalty   Penalty         // nil means Range{}
	Optimizer optim.Optimizer // nil means optim.LBFGS{Spectral: true}; with Reference, optim.Adam{}
	Scheduler optim.Scheduler // nil means a constant rate
	// Init is the start, of the target's type; its zero value means white noise
	// from Seed (see NoiseStart).
	Init tensor.Tensor
	Seed uint64
	// Keep, (H, W), is not 0 where pixels stay as they are at the start; its zero
	// value keeps none.
	Keep tensor.Tensor
	// Match, if there are any, are what is matched in place of the target: the mean
	// of their representations. They may be of any size. The target then may be a
	// Type without memory and says of what type the result is.
	Match []Source
	// CoarseToFine is the order in which the scales of a Scaled model are matched.
	// An image goes on to the next stage after ChangeWindow iterations (0 means 50)
	// or more, when the loss of its stage has changed by less than ChangeTolerance
	// over as many (nil means 0.01; infinity does not wait for that). Then the rate
	// is again that of the start, and L-BFGS forgets its history, but with
	// Reference.
	CoarseToFine    CoarseToFine
	ChangeTolerance *float64
	ChangeWindow    int
	// Joint makes the batch one problem with one loss, as the reference does; the
	// images are then no longer independent of each other.
	Joint bool
	// Reference draws the start as the reference does, the draws of its
	// validators included, and records norms of gradients as it does: those of the
	// last evaluation of an iteration.
	Reference  bool
	StoreEvery int // keep the image before every such iteration; 0 means never
	// Tolerance stops an image when the first and the last of Window recorded
	// losses differ by less. nil means 1e-4; 0 never stops.
	Tolerance *float64
	Window    int // 0 means 50
}

// A Source is an image with the model that sees it.
type Source struct {
	Image tensor.Tensor // (1, C, H, W)
	Model Model         // nil means that of the metamer
}

func (o MetamerOptions) withDefaults() MetamerOptions {
	if o.Loss == nil {
		o.Loss = MSE{ScaleStart: !o.Reference}
	}
	if o.Penalty == nil {
		o.Penalty = Range{}
	}
	if o.Optimizer == nil {
		o.Optimizer = optim.LBFGS{Spectral: true}
		if o.Reference {
			o.Optimizer = optim.Adam{}
		}
	}
	if o.Tolerance == nil {
		o.Tolerance = new(1e-4)
	}
	if o.Window == 0 {
		o.Window = 50
	}
	return o
}

// A Metamer is an image that a model cannot tell from a target (Portilla and
// Simoncelli 2000, IJCV 40:49–70; Freeman and Simoncelli 2011, Nature
// Neuroscience 14:1195–1201): it minimizes the distance of their
// representations.
type Metamer struct {
	*Synthesis
	model   Model
	options MetamerOptions
	target  tensor.Tensor // (N, C, H, W); without memory where others are matched
	matched []Source      // these
	batch   []int         // the shape of the images
	begin   tensor.Tensor // the start, shaped as problems
	keep    tensor.Tensor // (H, W), 1 where pixels stay; without memory: nowhere
	scale   []float64     // of the loss, for each problem
	atStart judgement
	device  autograd.Backend // where the judge is made first
	judge   *judge           // nil until it is needed
}

// NewMetamer records the synthesis of images that look to m as the target
// (N, C, H, W) does, and compiles it once. nil stands for the CPU. It errs if
// the target or the start are not finite or do not fit, if an image of the
// target has no variance, if the model does not take such images or if it mixes
// images of a batch, and if memory does not suffice.
func NewMetamer(dev autograd.Backend, target tensor.Tensor, m Model, o MetamerOptions) (*Metamer, error) {
	s, p, err := newMetamer(dev, target, m, o)
	if err != nil {
		return nil, err
	}
	losses, err := s.checkModel()
	if err != nil {
		return nil, err
	}
	s.scale = s.scaleOf(losses)
	p.name = s.identity(p.stages, losses)
	s.dismiss() // its memory is better used by the synthesis
	s.Synthesis, err = newSynthesis(dev, p)
	return s, err
}

// newMetamer returns what NewMetamer makes before anything is computed.
func newMetamer(dev autograd.Backend, target tensor.Tensor, m Model, o MetamerOptions) (s *Metamer, p problem, err error) {
	o = o.withDefaults()
	s = &Metamer{model: m, options: o, target: target, batch: target.Shape(), device: dev}
	if err := s.checkMatched(); err != nil {
		return nil, p, err
	}
	start, err := o.start(target.Type)
	if err != nil {
		return nil, p, err
	}
	if s.keep, err = o.keep(target.Type); err != nil {
		return nil, p, err
	}
	s.begin = s.problems(start)
	p = problem{start: s.begin, optimizer: o.Optimizer,
		control:   optim.Control{Scheduler: o.Scheduler, Window: o.Window, KeepHistory: o.Reference, Fixed: s.keep},
		tolerance: *o.Tolerance, reference: o.Reference, every: o.StoreEvery, record: s.record}
	p.stages, err = s.stagesOf()
	return s, p, err
}

// Rehearse records what NewMetamer would, without computing it. It errs if model,
// loss, penalty and options do not go together.
func Rehearse(target tensor.Tensor, m Model, o MetamerOptions) error {
	s, p, err := newMetamer(nil, target, m, o)
	if err != nil {
		return err
	}
	t := autograd.New(nil)
	defer t.Close()
	return autograd.Try(func() {
		x, images := t.Var("image", s.begin), upTo(s.begin.Dim[0])
		s.scale = make([]float64, len(images))
		for stage := range p.stages.last() + 1 {
			p.objective(x, images, stage)
		}
	})
}

// dismiss frees the judge; it is made again when needed.
func (s *Metamer) dismiss() {
	if s.judge != nil {
		s.judge.tape.Close()
		s.judge = nil
	}
}

// Close frees the memory of the synthesis. A second call does nothing.
func (s *Metamer) Close() {
	s.dismiss()
	s.Synthesis.Close()
}

// To moves the synthesis to another backend. It errs, changing nothing, if its
// memory does not suffice.
func (s *Metamer) To(dev autograd.Backend) error {
	s.dismiss()
	return s.Synthesis.To(dev)
}

// identity returns what tells checkpoints of s from others.
func (s *Metamer) identity(p stages, atStart []float64) identity {
	o := s.options
	id := identity{method: "metamer", options: []any{s.model, o.Loss, o.Penalty, o.Joint}, atStart: atStart}
	if p.any() {
		id.options = append(id.options, o.CoarseToFine, fmt.Sprint(p.tolerance), p.window)
	}
	n := s.begin.Dim[0]
	each := func(x tensor.Tensor) { // of all images
		id.inputs = append(id.inputs, x.Expand(append([]int{n}, x.Shape()...)...))
	}
	if s.target.Mem != nil {
		id.inputs = append(id.inputs, s.problems(s.target))
	}
	for _, m := range s.matched {
		id.options = append(id.options, m.Model)
		each(m.Image)
	}
	if s.keep.Mem != nil {
		each(s.keep)
	}
	return id
}

// checkMatched says what makes the images that are matched useless.
func (s *Metamer) checkMatched() error {
	if s.target.Mem != nil {
		s.target = tensor.Contiguous(s.target)
	}
	if len(s.options.Match) == 0 {
		return checkTarget(s.target)
	}
	t := s.target
	if t.Rank != 4 || t.DType.IsComplex() || t.Type.Len() == 0 {
		return fmt.Errorf("synth: the result is to be a %v; real images (N, C, H, W) are expected", t.Type)
	}
	if s.options.Joint {
		return fmt.Errorf("synth: one representation cannot be matched by several images as one problem")
	}
	for i, m := range s.options.Match {
		if m.Model == nil {
			m.Model = s.model
		}
		if err := checkTarget(m.Image); err != nil {
			return fmt.Errorf("source %d: %w", i, err)
		}
		if m.Image.Dim[0] != 1 || m.Image.Dim[1] != t.Dim[1] || m.Image.DType != t.DType {
			return fmt.Errorf("synth: source %d is a %v; one image of %d channels in %v is expected", i, m.Image.Type, t.Dim[1], t.DType)
		}
		m.Image = tensor.Contiguous(m.Image)
		s.matched = append(s.matched, m)
	}
	return nil
}

// checkTarget says what makes x useless as a target.
func checkTarget(x tensor.Tensor) error {
	if x.Rank != 4 || x.DType.IsComplex() || x.Mem == nil || x.Len() == 0 {
		return fmt.Errorf("synth: the target is a %v; real images (N, C, H, W) are expected", x.Type)
	}
	for k := range x.Dim[0] {
		v := tensor.Floats(x.Crop(0, k, k+1, 1))
		for i, p := range v {
			if math.IsNaN(p) || math.IsInf(p, 0) {
				return fmt.Errorf("synth: element %d of target %d is %v; finite values are expected", i, k, p)
			}
		}
		if constantSlice(v) {
			return fmt.Errorf("synth: all elements of target %d are %v; an image without variance has nothing to match", k, v[0])
		}
	}
	return nil
}

func constantSlice(v []float64) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

// start returns the start image for a target of the given type.
func (o MetamerOptions) start(typ tensor.Type) (tensor.Tensor, error) {
	switch {
	case o.Init.Mem == nil && o.Reference:
		single := 0
		if o.CoarseToFine != AllAtOnce {
			single = 1
		}
		return referenceStart(typ, o.Seed, 1, single), nil
	case o.Init.Mem == nil && o.Joint:
		return referenceStart(typ, o.Seed, 0, 0), nil
	case o.Init.Mem == nil:
		return NoiseStart(typ, o.Seed), nil
	case o.Init.Type != typ:
		return o.Init, fmt.Errorf("synth: the start is a %v; the target's type, %v, is expected", o.Init.Type, typ)
	}
	for i, p := range tensor.Floats(o.Init) {
		if math.IsNaN(p) || math.IsInf(p, 0) {
			return o.Init, fmt.Errorf("synth: element %d of the start is %v; finite values are expected", i, p)
		}
	}
	return tensor.Contiguous(o.Init), nil
}

// problems shapes images (N, C, H, W) so that axis 0 counts problems.
func (s *Metamer) problems(x tensor.Tensor) tensor.Tensor {
	if s.options.Joint {
		x, _ = x.Reshape(1, s.batch[0]*s.batch[1], s.batch[2], s.batch[3])
	}
	return x
}

// keep returns where pixels stay, as zeros and ones of the type of the images.
func (o MetamerOptions) keep(typ tensor.Type) (tensor.Tensor, error) {
	k := o.Keep
	if k.Mem == nil {
		return k, nil
	}
	if k.Rank != 2 || k.Dim[0] != typ.Dim[2] || k.Dim[1] != typ.Dim[3] || k.DType.IsComplex() {
		return k, fmt.Errorf("synth: what to keep is a %v; one number for each of the %d×%d pixels is expected", k.Type, typ.Dim[2], typ.Dim[3])
	}
	mask := tensor.New(typ.DType, k.Shape()...)
	all := true
	for i, v := range tensor.Floats(k) {
		if v != 0 {
			mask.StoreReal(i, 1)
		} else {
			all = false
		}
	}
	if all {
		return k, fmt.Errorf("synth: every pixel is to stay as it is")
	}
	return mask, nil
}

// kept returns images x of problems, with the pixels that stay as they are at
// the start.
func (s *Metamer) kept(x autograd.Value, problems []int) autograd.Value {
	if s.keep.Mem == nil {
		return x
	}
	t := x.Tape()
	return autograd.Where(t.Const(s.keep), t.Const(pick(s.begin, problems)), x)
}

// represent returns the model's output, or a part of it, for the images of
// problems x, with axis 0 counting problems.
func (s *Metamer) represent(x autograd.Value, part forward) autograd.Value {
	images := x
	if s.options.Joint {
		images = x.Reshape(s.batch...)
	}
	n := images.Type().Dim[0]
	rep := part(s.model, images)
	if t := rep.Type(); t.Rank < 2 || t.Dim[0] != n {
		fail("model", fmt.Errorf("its representation is a %v; (%d, …) is expected for %d images", t, n, n), images.Type())
	}
	if s.options.Joint {
		shape := rep.Type().Shape()
		rep = rep.Reshape(append([]int{1, shape[0] * shape[1]}, shape[2:]...)...)
	}
	return rep
}

// targetOf returns the representation that the given problems are to have, or a
// part of it.
func (s *Metamer) targetOf(t *autograd.Tape, problems []int, part forward) autograd.Value {
	if s.matched == nil {
		return s.represent(t.Const(pick(s.problems(s.target), problems)), part)
	}
	var reps []autograd.Value
	for i, m := range s.matched {
		rep := part(m.Model, t.Const(m.Image))
		if i > 0 && rep.Type() != reps[0].Type() {
			fail("match", fmt.Errorf("image %d has a representation of type %v, image 0 one of %v", i, rep.Type(), reps[0].Type()))
		}
		reps = append(reps, rep)
	}
	mean := autograd.Sum(reps...).Scale(1 / float64(len(reps)))
	shape := mean.Type().Shape()
	shape[0] = len(problems)
	return mean.Expand(shape...)
}

// pair returns the representation of x, that which the given problems are to have,
// and their groups.
func (s *Metamer) pair(x autograd.Value, problems []int) (rep, target autograd.Value, groups []Group) {
	rep, target = s.represent(x, whole), s.targetOf(x.Tape(), problems, whole)
	if s.matched != nil && rep.Type() != target.Type() {
		fail("match", fmt.Errorf("the result has a representation of type %v, what is matched one of %v: the model's output depends on the size of images", rep.Type(), target.Type()))
	}
	return rep, target, s.groups()
}

func (s *Metamer) groups() []Group {
	if g, ok := s.model.(Grouped); ok {
		return g.Groups()
	}
	return nil
}

// distance records the loss of x against the targets of the given problems,
// without scale, and the penalty.
func (s *Metamer) distance(x autograd.Value, problems []int) (loss, penalty autograd.Value, weight float64) {
	loss = s.options.Loss.Loss(s.pair(x, problems))
	penalty, weight = s.options.Penalty.Penalty(x)
	return loss, penalty, weight
}

// record records the objective for the given problems.
func (s *Metamer) record(x autograd.Value, problems []int) objective {
	x = s.kept(x, problems)
	loss := s.options.Loss.Loss(s.pair(x, problems))
	return s.objectiveOf(loss, x, problems)
}

// objectiveOf scales a loss of images x and adds their weighted penalty.
func (s *Metamer) objectiveOf(loss, x autograd.Value, problems []int) objective {
	penalty, weight := s.options.Penalty.Penalty(x)
	scale := make([]float64, len(problems))
	for i, k := range problems {
		scale[i] = s.scale[k]
	}
	if s.scaled() {
		loss = loss.Div(x.Tape().Const(tensor.Of(scale)))
	}
	return objective{loss: loss.Add(penalty.Scale(weight)), penalty: penalty}
}

func (s *Metamer) scaled() bool {
	l, ok := s.options.Loss.(startScaled)
	return ok && l.scaledByStart()
}

// scaleOf returns what the losses are divided by: their values at the start, or
// 1.
func (s *Metamer) scaleOf(losses []float64) []float64 {
	scale := make([]float64, len(losses))
	for i, v := range losses {
		scale[i] = 1
		if s.scaled() && v > 0 && !math.IsInf(v, 0) {
			scale[i] = v
		}
	}
	return scale
}

// LossScale returns what the loss of each problem is divided by.
func (s *Metamer) LossScale() []float64 { return s.scale }

// Image returns the images as they are, (N, C, H, W), in host memory. It errs if
// the backend fails.
func (s *Metamer) Image() (tensor.Tensor, error) {
	x, err := s.shapedImage()
	if err != nil {
		return x, err
	}
	x, _ = x.Reshape(s.batch...)
	return x, nil
}
