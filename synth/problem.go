package synth

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// A Problem is a method of your own: what is to become small, and from where.
// Only Start and Loss must be given.
type Problem struct {
	Name  string        // of the method: a checkpoint of another is refused
	Start tensor.Tensor // (N, …): one row for each of N problems
	// Loss records the loss (len(images),), float64, of the problems with the given
	// numbers at x, which holds them in that order; problem k's depends on its own
	// row only. What a target is made into should be recorded from a Const: it is
	// then computed once. Loss panics with *autograd.Error if something does not fit.
	Loss      func(x autograd.Value, images []int) autograd.Value
	Penalty   Penalty         // nil means Range{}; NoPenalty{} for none
	Optimizer optim.Optimizer // nil means optim.LBFGS{}
	Scheduler optim.Scheduler // nil means a constant rate
	// Tolerance ends a problem when the first and the last of Window recorded losses
	// differ by less. nil means 1e-4; 0 never does.
	Tolerance  *float64
	Window     int // 0 means 50
	StoreEvery int // keep the images before every such iteration; 0 means never
	// Inputs (N, …) and Settings are what a checkpoint must agree in, beside the
	// start.
	Inputs   []tensor.Tensor
	Settings []any
}

// New records the synthesis of a Problem and compiles it once. nil stands for the
// CPU. It errs if the start is no real array, if Loss returns anything but one
// number for each problem, and if memory does not suffice.
func New(dev autograd.Backend, p Problem) (*Synthesis, error) {
	if p.Start.Rank < 1 || p.Start.Len() == 0 || p.Start.DType.IsComplex() {
		return nil, fmt.Errorf("synth: the start is a %v; real rows (N, …) are expected", p.Start.Type)
	}
	if p.Penalty == nil {
		p.Penalty = Range{}
	}
	if p.Optimizer == nil {
		p.Optimizer = optim.LBFGS{}
	}
	s, err := newSynthesis(dev, problem{start: tensor.Contiguous(p.Start), optimizer: p.Optimizer, control: optim.Control{Scheduler: p.Scheduler, Window: p.Window},
		tolerance: valueOr(p.Tolerance, 1e-4), every: p.StoreEvery, record: p.record,
		name: identity{method: p.Name, inputs: p.Inputs, options: append([]any{p.Penalty}, p.Settings...)}})
	if err != nil {
		return nil, err
	}
	if s.name.atStart, _, err = s.Objective(s.start); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// record records the objective of p.
func (p *Problem) record(x autograd.Value, images []int) (o objective) {
	loss := p.Loss(x, images)
	if want := tensor.MakeType(tensor.Float64, len(images)); loss.Type() != want {
		fail("loss", fmt.Errorf("it is a %v; %v is expected, one number for each problem", loss.Type(), want), x.Type())
	}
	penalty, weight := p.Penalty.Penalty(x)
	return objective{loss: loss.Add(penalty.Scale(weight)), penalty: penalty}
}
