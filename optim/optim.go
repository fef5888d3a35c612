// Package optim has the optimizers of synthesis. An optimizer records its rule
// on a Tape, one tick at a time: a tick evaluates a loss and its gradient once
// and updates the optimizer's Vars. Nothing of it lives on the host.
//
// Axis 0 of what is optimized counts images. Each is a problem of its own: all
// scalars (rate, step, counters, flags) are float64 of shape (N,), and an image
// that is done no longer changes.
package optim

import (
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// An Optimizer minimizes the losses (N,) of images (N, …). Its zero value has
// the documented defaults.
type Optimizer interface {
	// Start makes the optimizer's Vars for images that begin at x0. It panics
	// with *autograd.Error if Vars of the same names exist.
	Start(t *autograd.Tape, x0 tensor.Tensor, c Control) State
	// Iterations returns after how many iterations a run ends by default. It
	// does not panic.
	Iterations() int
}

// A State is an optimizer at work.
type State interface {
	// X returns the Var of the images. It does not panic.
	X() autograd.Value
	// At returns the images at which the loss must be evaluated. It does not panic.
	At() autograd.Value
	// Limits returns a Var (N, LimitColumns): what ends the run of each image. It
	// does not panic.
	Limits() autograd.Value
	// Rate returns the Var (N,) of the rates that the Scheduler changes. It does
	// not panic.
	Rate() autograd.Value
	// Finish records the rest of a tick. It makes no Vars, so that one State can
	// serve several losses in turn. It panics with *autograd.Error if the types
	// of e do not fit.
	Finish(e Evaluation) Tick
}

// Control is what all optimizers need to know besides their own options.
type Control struct {
	Scheduler Scheduler // nil: the rate stays as it is
	// Window is the number of recorded losses, one per iteration, whose first and
	// last must differ by less than a limit for an image to stop; 0 means 50.
	Window int
	// KeepHistory keeps the history of L-BFGS where the loss changes (see
	// LimitStage), as the reference does, though it is of another loss.
	KeepHistory bool
	// Fixed broadcasts against an image and is not 0 where elements stay as they
	// are, the gradient being 0 there; its zero value fixes none.
	Fixed tensor.Tensor
}

// An Evaluation is the loss at State.At.
type Evaluation struct {
	Loss    autograd.Value // (N,) float64
	Penalty autograd.Value // (N,) float64, the part of it that is reported by itself
	Grad    autograd.Value // of the images' type
	// Aside are other numbers (N,), float64, that are reported with the loss; the
	// zero Value stands for 0.
	Aside [Asides]autograd.Value
	// For Tangent: the function that is held (N,), float64, its gradient, and the
	// value (N,) that it must keep.
	Held, HeldGrad, Level autograd.Value
	// Enough (N,) is a loss at which Tangent stops, if it is given.
	Enough autograd.Value
	// Kinks are those that autograd.Soften found in the loss and in the function that
	// is held. Tangent makes them sharp as it goes. Exact (N,), float64, is then the
	// loss with all its kinks, which is reported and compared with Enough.
	Kinks []Kink
	Exact autograd.Value
}

// A Kink is a place where the loss or the function that is held has a kink, with the
// derivatives of both by its Value.
type Kink struct {
	autograd.Kink
	Loss, Held autograd.Value
}

// Asides is how many numbers are reported beside loss and penalty.
const Asides = 2

// aside returns e.Aside with zeros for what is not given.
func (b *base) aside(e Evaluation) (v [Asides]autograd.Value) {
	for i, x := range e.Aside {
		if v[i] = x; !x.Valid() {
			v[i] = b.number(0).Expand(b.n)
		}
	}
	return v
}

// A Tick is what one run of the program computes and stores.
type Tick struct {
	Guard   autograd.Value // (N,), 1 where the Updates take place
	Updates []autograd.Update
	Report  autograd.Value // (N, ReportColumns) float64
}

// The columns of State.Limits.
const (
	LimitIterations  = iota // no further tick after as many iterations
	LimitEvaluations        // nor after as many evaluations
	LimitTolerance          // stop when losses differ by less, over Control.Window of them
	// LimitStage is the number of iterations after which the loss changes: the
	// iteration that follows evaluates the images anew where it would else repeat
	// what the last one found.
	LimitStage
	LimitColumns
)

// The columns of Tick.Report. Those from EndedLoss on belong to the iteration
// that ended, whose number is Iterations − 1: the loss is that of the images
// before it.
const (
	Committed   = iota // 1 if the guard let the Updates of this tick pass
	Finite             // 1 if loss and gradient were finite
	Stopped            // 1 if the loss has converged, after this tick
	Iterations         // that have ended, after this tick
	Spent              // evaluations made for them
	NowKnown           // 1 if the next three belong to the images as they are now
	NowLoss            // loss
	NowPenalty         // its penalty
	NowGradient        // L2 norm of its gradient
	NowAside           // what was reported aside, Asides columns
	_
	Ended // 1 if an iteration ended in this tick
	EndedLoss
	EndedPenalty
	EndedGradient
	EndedAside // Asides columns
	_
	LastGradient // the norm at the last point that the iteration evaluated
	Change       // L2 norm of what the iteration added to the images
	ReportColumns
)

// base is what all States share.
type base struct {
	tape     *autograd.Tape
	n        int // images
	x        autograd.Value
	movable  autograd.Value // (1, P): 1 where elements may change; the zero Value: everywhere
	limits   autograd.Value
	stopped  autograd.Value // 1: the loss has converged
	losses   autograd.Value // (N, window): those recorded last
	slot     autograd.Value // where the next goes
	recorded autograd.Value // how many there were
	window   int
	schedule Schedule
}

func newBase(t *autograd.Tape, x0 tensor.Tensor, rate float64, c Control) base {
	b := base{tape: t, n: x0.Dim[0], window: c.Window}
	if b.window == 0 {
		b.window = 50
	}
	b.x = t.Var("x", x0)
	b.movable = movable(t, x0, c.Fixed)
	b.limits = t.Var("optim.limits", filled(math.MaxFloat64, b.n, LimitColumns))
	b.stopped = b.scalar("optim.stopped", 0)
	b.losses = t.Var("optim.losses", zeros(tensor.Float64, b.n, b.window))
	b.slot = b.scalar("optim.slot", 0)
	b.recorded = b.scalar("optim.recorded", 0)
	s := c.Scheduler
	if s == nil {
		s = constant{}
	}
	b.schedule = s.Start(t, rate, b.n)
	return b
}

// movable returns 1 where an image of x0 may change and else 0, (1, P), or the zero
// Value where all of it may.
func movable(t *autograd.Tape, x0, fixed tensor.Tensor) autograd.Value {
	if fixed.Mem == nil {
		return autograd.Value{}
	}
	v := tensor.Floats(fixed.Expand(x0.Shape()[1:]...))
	f := tensor.New(x0.DType, 1, len(v))
	for i, x := range v {
		if x == 0 {
			f.StoreReal(i, 1)
		}
	}
	return t.Const(f)
}

func (b *base) X() autograd.Value      { return b.x }
func (b *base) Limits() autograd.Value { return b.limits }
func (b *base) Rate() autograd.Value   { return b.schedule.Rate }

// scalar makes a Var (N,) that starts at v.
func (b *base) scalar(name string, v float64) autograd.Value {
	return b.tape.Var(name, filled(v, b.n))
}

// filled returns a float64 tensor whose elements are v.
func filled(v float64, shape ...int) tensor.Tensor { return tensor.Scalar(v).Expand(shape...) }

// zeros returns a tensor of zeros that takes no memory.
func zeros(d tensor.DType, shape ...int) tensor.Tensor { return tensor.New(d).Expand(shape...) }

// number returns v as a Const to compare or select with scalars.
func (b *base) number(v float64) autograd.Value { return b.tape.Scalar(tensor.Float64, v) }

func not(x autograd.Value) autograd.Value { return x.Eq(x.Tape().Scalar(tensor.Float64, 0)) }

// column returns column i of x (N, M) as (N,).
func column(x autograd.Value, i int) autograd.Value {
	return x.Crop(1, i, i+1).Reshape(x.Type().Dim[0])
}

// columns is the inverse: it makes (N, M) of M values (N,).
func columns(v ...autograd.Value) autograd.Value { return autograd.Stack(1, v...) }

// per shapes a scalar (N,) so that it multiplies x (N, …).
func per(s, x autograd.Value) autograd.Value {
	shape := x.Type().Shape()
	for i := range shape[1:] {
		shape[i+1] = 1
	}
	return s.Cast(x.Type().DType).Reshape(shape...)
}

// flat returns x (N, …) as (N, P).
func flat(x autograd.Value) autograd.Value { return x.Reshape(x.Type().Dim[0], -1) }

// finite returns 1 where x is neither infinite nor NaN.
func finite(x autograd.Value) autograd.Value {
	return x.Abs().Le(x.Tape().Scalar(tensor.Float64, math.MaxFloat64))
}

// running returns 1 for the images that may take part in this tick.
func (b *base) running(iterations, evaluations autograd.Value) autograd.Value {
	return not(b.stopped).
		Mul(iterations.Lt(column(b.limits, LimitIterations))).
		Mul(evaluations.Lt(column(b.limits, LimitEvaluations)))
}

// record keeps the loss of the images where when is 1. It returns 1 where the
// losses recorded have converged: there are more than window, and the last
// differs from the one window−1 before by less than the limit.
func (b *base) record(loss, when autograd.Value) (converged autograd.Value, up []autograd.Update) {
	next := autograd.Where(b.slot.Ge(b.number(float64(b.window-1))), b.number(0), b.slot.AddScalar(1))
	old := b.losses.Row(next)
	if b.window == 1 {
		old = loss
	}
	count := b.recorded.Add(when)
	converged = when.Mul(count.Gt(b.number(float64(b.window)))).
		Mul(loss.Sub(old).Abs().Lt(column(b.limits, LimitTolerance)))
	return converged, []autograd.Update{
		b.losses.RowBecomes(autograd.Where(when, b.slot, b.number(-1)), loss),
		b.slot.Becomes(autograd.Where(when, next, b.slot)),
		b.recorded.Becomes(count),
	}
}

// reschedule returns the rates after an iteration with the given losses, and the
// Updates that bring them about.
func (b *base) reschedule(loss autograd.Value) (next autograd.Value, up []autograd.Update) {
	next = b.schedule.Rate
	if b.schedule.Next == nil {
		return next, nil
	}
	up = b.schedule.Next(loss)
	for _, u := range up {
		if u.Var == b.schedule.Rate {
			next = u.Value
		}
	}
	return next, up
}

// where restricts Updates of scalars to the images where when is 1.
func where(when autograd.Value, up []autograd.Update) []autograd.Update {
	for i, u := range up {
		up[i].Value = autograd.Where(when, u.Value, u.Var)
	}
	return up
}

// or returns the default d where the option p is not given.
func or(p *float64, d float64) float64 {
	if p == nil {
		return d
	}
	return *p
}

// positive returns v, or the default d where v is 0.
func positive[T int | float64](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}
