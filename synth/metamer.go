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
	Optimizer optim.Optimizer // nil means optim.LBFGS{}; with Reference, optim.Adam{}
	Scheduler optim.Scheduler // nil means a constant rate
	// Init is the start, of the target's type; its zero value means white noise
	// from Seed (see NoiseStart).
	Init tensor.Tensor
	Seed uint64
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

func (o MetamerOptions) withDefaults() MetamerOptions {
	if o.Loss == nil {
		o.Loss = MSE{ScaleStart: !o.Reference}
	}
	if o.Penalty == nil {
		o.Penalty = Range{}
	}
	if o.Optimizer == nil {
		o.Optimizer = optim.LBFGS{}
		if o.Reference {
			o.Optimizer = optim.Adam{}
		}
	}
	if o.Tolerance == nil {
		o.Tolerance = new(1e-4)
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
	target  tensor.Tensor // (N, C, H, W)
	batch   []int         // its shape
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
	o = o.withDefaults()
	if err := checkTarget(target); err != nil {
		return nil, err
	}
	start, err := o.start(target.Type)
	if err != nil {
		return nil, err
	}
	s := &Metamer{model: m, options: o, target: tensor.Contiguous(target), batch: target.Shape(), device: dev}
	p := problem{start: s.problems(start), optimizer: o.Optimizer, control: optim.Control{Scheduler: o.Scheduler, Window: o.Window},
		tolerance: *o.Tolerance, reference: o.Reference, every: o.StoreEvery, record: s.record}
	losses, err := s.checkModel(p.start)
	if err != nil {
		return nil, err
	}
	s.scale = s.scaleOf(losses)
	p.name = identity{method: "metamer", options: []any{m, o.Loss, o.Penalty, o.Joint}, inputs: []tensor.Tensor{s.problems(s.target)}, atStart: losses}
	s.dismiss() // its memory is better used by the synthesis
	s.Synthesis, err = newSynthesis(dev, p)
	return s, err
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

// checkTarget says what makes x useless as a target.
func checkTarget(x tensor.Tensor) error {
	if x.Rank != 4 || x.DType.IsComplex() || x.Len() == 0 {
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
		return referenceStart(typ, o.Seed, 1), nil
	case o.Init.Mem == nil && o.Joint:
		return referenceStart(typ, o.Seed, 0), nil
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

// represent returns the model's output for the images of problems x, with axis
// 0 counting problems.
func (s *Metamer) represent(x autograd.Value) autograd.Value {
	images := x
	if s.options.Joint {
		images = x.Reshape(s.batch...)
	}
	n := images.Type().Dim[0]
	rep := s.model.Forward(images)
	if t := rep.Type(); t.Rank < 2 || t.Dim[0] != n {
		fail("model", fmt.Errorf("its representation is a %v; (%d, …) is expected for %d images", t, n, n), images.Type())
	}
	if s.options.Joint {
		shape := rep.Type().Shape()
		rep = rep.Reshape(append([]int{1, shape[0] * shape[1]}, shape[2:]...)...)
	}
	return rep
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
	target := s.represent(x.Tape().Const(pick(s.problems(s.target), problems)))
	loss = s.options.Loss.Loss(s.represent(x), target, s.groups())
	penalty, weight = s.options.Penalty.Penalty(x)
	return loss, penalty, weight
}

// record records the objective for the given problems.
func (s *Metamer) record(x autograd.Value, problems []int) objective {
	loss, penalty, weight := s.distance(x, problems)
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
