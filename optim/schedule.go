package optim

import (
	"math"

	"github.com/percept-go/percept/autograd"
)

// A Scheduler changes the rate after every iteration. Its zero value has the
// documented defaults.
type Scheduler interface {
	// Start makes the Vars of a schedule for n images that begins with rate. It
	// panics with *autograd.Error if Vars of the same names exist.
	Start(t *autograd.Tape, rate float64, n int) Schedule
}

// A Schedule is a Scheduler at work.
type Schedule struct {
	Rate autograd.Value // the Var (N,) of the rates in use
	// Next returns the Updates, among them that of Rate, that follow an iteration
	// whose losses (N,) are given. nil: the rate never changes.
	Next func(loss autograd.Value) []autograd.Update
}

// newRate makes the Var of rates.
func newRate(t *autograd.Tape, rate float64, n int) autograd.Value {
	return t.Var("optim.rate", filled(rate, n))
}

// constant is the Scheduler that changes nothing.
type constant struct{}

func (constant) Start(t *autograd.Tape, rate float64, n int) Schedule {
	return Schedule{Rate: newRate(t, rate, n)}
}

// StepDecay multiplies the rate by Gamma after every Size iterations.
type StepDecay struct {
	Size  int      // 0 means 1000
	Gamma *float64 // nil means 0.1
}

// Start implements Scheduler. It panics with *autograd.Error if Vars of the same
// names exist.
func (s StepDecay) Start(t *autograd.Tape, rate float64, n int) Schedule {
	r, count := newRate(t, rate, n), t.Var("schedule.count", filled(0, n))
	return Schedule{r, func(autograd.Value) []autograd.Update {
		c := count.AddScalar(1)
		due := c.Ge(scalarOf(t, float64(positive(s.Size, 1000))))
		return []autograd.Update{
			r.Becomes(autograd.Where(due, r.Scale(or(s.Gamma, .1)), r)),
			count.Becomes(autograd.Where(due, scalarOf(t, 0), c)),
		}
	}}
}

// ExponentialDecay multiplies the rate by Gamma after every iteration.
type ExponentialDecay struct {
	Gamma *float64 // nil means 0.999
}

// Start implements Scheduler. It panics with *autograd.Error if Vars of the same
// names exist.
func (s ExponentialDecay) Start(t *autograd.Tape, rate float64, n int) Schedule {
	r := newRate(t, rate, n)
	return Schedule{r, func(autograd.Value) []autograd.Update {
		return []autograd.Update{r.Becomes(r.Scale(or(s.Gamma, .999)))}
	}}
}

// CosineDecay lowers the rate to 0 along half a cosine over Iterations, and
// raises it again after (Loshchilov and Hutter 2017, SGDR, ICLR, equation 5). It
// changes the rate by a factor, as PyTorch does, so that one that was set
// otherwise falls and rises likewise.
type CosineDecay struct {
	Iterations int // 0 means 3000
}

// Start implements Scheduler. It panics with *autograd.Error if Vars of the same
// names exist.
func (s CosineDecay) Start(t *autograd.Tape, rate float64, n int) Schedule {
	r, count := newRate(t, rate, n), t.Var("schedule.count", filled(0, n))
	n = positive(s.Iterations, 3000)
	height := func(count autograd.Value) autograd.Value { return count.Scale(math.Pi / float64(n)).Cos().AddScalar(1) }
	return Schedule{r, func(autograd.Value) []autograd.Update {
		c := count.AddScalar(1)
		bottom := count.Eq(scalarOf(t, float64(n)))
		up := scalarOf(t, rate*(1-math.Cos(math.Pi/float64(n)))/2)
		return []autograd.Update{
			r.Becomes(autograd.Where(bottom, up, r.Mul(height(c).Div(height(count))))),
			count.Becomes(autograd.Where(c.Ge(scalarOf(t, float64(2*n))), scalarOf(t, 0), c)),
		}
	}}
}

// PlateauDecay multiplies the rate by Factor when the loss has not fallen by one
// part in 10,000 for more than Patience iterations.
type PlateauDecay struct {
	Factor   *float64 // nil means 0.1
	Patience int      // 0 means 10
}

// Start implements Scheduler. It panics with *autograd.Error if Vars of the same
// names exist.
func (s PlateauDecay) Start(t *autograd.Tape, rate float64, n int) Schedule {
	r := newRate(t, rate, n)
	best, bad := t.Var("schedule.best", filled(math.MaxFloat64, n)), t.Var("schedule.bad", filled(0, n))
	return Schedule{r, func(loss autograd.Value) []autograd.Update {
		better := loss.Lt(best.Scale(1 - 1e-4))
		count := autograd.Where(better, scalarOf(t, 0), bad.AddScalar(1))
		due := count.Gt(scalarOf(t, float64(positive(s.Patience, 10))))
		return []autograd.Update{
			r.Becomes(autograd.Where(due, r.Scale(or(s.Factor, .1)), r)),
			best.Becomes(autograd.Where(better, loss, best)),
			bad.Becomes(autograd.Where(due, scalarOf(t, 0), count)),
		}
	}}
}
