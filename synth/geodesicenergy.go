package synth

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// pathOptimizer is an optimizer that ends by the reference's rule for geodesics:
// when Window iterations in a row have changed the frames by less than a norm.
type pathOptimizer struct {
	optim.Optimizer
	Least  []float64 // the norm, for each problem
	Window int
}

// Iterations returns the reference's 1000. It does not panic.
func (pathOptimizer) Iterations() int { return 1000 }

// Start implements optim.Optimizer. It panics with *autograd.Error if Vars of
// the same names exist.
func (o pathOptimizer) Start(t *autograd.Tape, x0 tensor.Tensor, c optim.Control) optim.State {
	n := x0.Dim[0]
	s := pathState{State: o.Optimizer.Start(t, x0, c), window: float64(o.Window)}
	s.still = t.Var("geodesic.still", tensor.New(tensor.Float64, n))
	least := tensor.New(tensor.Float64, n)
	if len(o.Least) == n { // else they are restored, as all Vars are
		copy(tensor.Slice[float64](least), o.Least)
	}
	s.least = t.Var("geodesic.least", least)
	return s
}

// pathState counts how long the frames have been still.
type pathState struct {
	optim.State
	still  autograd.Value // (N,): iterations in a row
	least  autograd.Value // (N,): below which change they count
	window float64
}

// Finish implements optim.State. It panics with *autograd.Error if the types of e
// do not fit.
func (s pathState) Finish(e optim.Evaluation) optim.Tick {
	tick := s.State.Finish(e)
	column := func(i int) autograd.Value { return tick.Report.Crop(1, i, i+1).Reshape(-1) }
	number := func(v float64) autograd.Value { return e.Loss.Tape().Scalar(tensor.Float64, v) }
	ended := column(optim.Ended)
	small := column(optim.Change).Lt(s.least)
	still := autograd.Where(ended, autograd.Where(small, s.still.AddScalar(1), number(0)), s.still)
	over := ended.Mul(still.Ge(number(s.window))).Mul(column(optim.Iterations).Gt(number(s.window)))
	tick.Updates = append(tick.Updates, s.still.Becomes(still))
	for i, u := range tick.Updates {
		if u.Var.Name() == "optim.stopped" {
			tick.Updates[i].Value = u.Value.Max(over)
		}
	}
	stopped := column(optim.Stopped).Max(over).Reshape(-1, 1)
	tick.Report = autograd.Concat(1, tick.Report.Crop(1, 0, optim.Stopped), stopped, tick.Report.Crop(1, optim.Stopped+1, optim.ReportColumns))
	return tick
}
