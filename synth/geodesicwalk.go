package synth

import (
	"math"
	"unsafe"

	"github.com/percept-go/percept/optim"
)

// The programs of a conditional search, in the order in which they are preferred.
const (
	phaseMove = iota
	phaseTrial
	phaseProduct
	phases
)

const (
	// slack is how far above its least value the path energy may be.
	slack = 1e-3
	// floorOfEnergy is the part of the straight line's path energy below which an
	// energy counts as none.
	floorOfEnergy = 1e-6
	// flatness is the part of the loss that a Gauss–Newton step must promise to
	// remove; restored is how far above the least a loss may remain after a step in
	// the image domain.
	flatness, restored = 1e-3 * slack, .5 * slack
	// hidden is how much of the slack a projected step may use up.
	hidden = .25
	// projectedEnough is the part of the image energy's gradient that remains at
	// a conditional geodesic when it is projected.
	projectedEnough = 1e-3
	// armijo is the part of the decrease that a model predicts which must come
	// true.
	armijo = 1e-4
	// Conjugate gradient iterations end when one adds less than average by the
	// factor lateGain, or after so many.
	lateGain                        = .1
	newtonProducts, projectProducts = 60, 200
	// leastProducts of a projection are made in any case: few frames of few pixels
	// need no more to be exact.
	leastProducts = 20
	// How often a step is divided by 4 (2 in the image domain) before it is given
	// up, and how many Gauss–Newton steps may follow one in the image domain.
	newtonTries, imageTries, repairs = 8, 12, 20
)

// The columns of a walk that programs read.
const (
	orderPhase    = iota // the program that the problem takes part in
	orderStep            // of a trial
	orderBound           // the most loss that a trial may have
	orderSolution        // 1: the trial goes along the solution
	orderProject         // 1: along the straight line minus base, projected
	orderAgain           // 1: along the last of those; with all three 0, where the last trial went
	orderFollow          // 1: the path follows base
	orderFirst           // 1: the product makes the system of a projection
	orderSquare          // residual times its preconditioned self
	orderKeep            // 1: base becomes the path; 0: it returns to it
)

// walk is one row of the search's state, in the order of the columns above
// first. All numbers are float64, so that a Var holds them.
type walk struct {
	Phase, Step, Bound, Solution, Project, Again, Follow, First, Square, Keep float64

	Next       float64 // the phase to come
	Started    float64 // 1: the start has been evaluated
	Over       float64 // 1: converged, 2: not finite
	Walking    float64 // 1: steps in the image domain have begun
	Projecting float64 // 1: the products are those of a projection
	Iterations float64
	Spent      float64 // programs run that evaluate the model
	Counted    float64 // those of ended iterations

	Path, Base place   // the path as it is; where the model is linear
	Least      float64 // loss
	LeastPath  float64 // path energy
	Products   float64 // of this system
	Promise    float64 // what its solution would gain
	Begun      float64 // the residual square at its begin
	Hidden     float64 // of a projection: what is left of half dᵀHd
	Full, Left float64 // squared norms: of the image energy's step, and of what H does not see
	Tries      float64 // of this Gauss–Newton step
	Repairs    float64 // Gauss–Newton steps since the step in the image domain
	Halvings   float64 // of this step in the image domain
	Stride     float64 // part of the projected step that is tried next
	Mark       float64 // image energy at the begin of the window
	MarkedAt   float64 // evaluations made then

	Ended  float64 // 1: an iteration ended in this tick
	Before place   // at its begin
	Change float64 // L2 norm of what it added
}

// place is what a trial finds.
type place struct{ Loss, Penalty, Energy, Image, Gradient, Square float64 }

const walkColumns = int(unsafe.Sizeof(walk{}) / unsafe.Sizeof(float64(0)))

// asRow returns w as the row it is stored in.
func (w *walk) asRow() []float64 { return (*[walkColumns]float64)(unsafe.Pointer(w))[:] }

// walkRule is what ends a walk.
type walkRule struct {
	tolerance float64 // change of the image energy, in units of the straight line's
	window    int     // evaluations that must pass between two looks
}

// fill reports w in the columns of optim.Tick.
func (w *walk) fill(r []float64) {
	for i := range r {
		r[i] = 0
	}
	r[optim.Finite], r[optim.NowKnown] = 1, w.Started
	if w.Over == 2 {
		r[optim.Finite] = 0
	}
	if w.Over == 1 {
		r[optim.Stopped] = 1
	}
	r[optim.Iterations], r[optim.Spent], r[optim.Ended] = w.Iterations, w.Counted, w.Ended
	for _, c := range []struct {
		p                              place
		loss, penalty, gradient, aside int
	}{{w.Path, optim.NowLoss, optim.NowPenalty, optim.NowGradient, optim.NowAside},
		{w.Before, optim.EndedLoss, optim.EndedPenalty, optim.EndedGradient, optim.EndedAside}} {
		r[c.loss], r[c.penalty], r[c.gradient] = c.p.Loss, c.p.Penalty, c.p.Gradient
		r[c.aside], r[c.aside+1] = c.p.Energy, c.p.Image
	}
	r[optim.LastGradient], r[optim.Change] = w.Before.Gradient, w.Change
}

// after lets w go on from what the program of its phase found.
func (w *walk) after(found []float64, rule walkRule, floor, line float64) {
	w.Ended = 0
	switch int(w.Phase) {
	case phaseMove:
		w.afterMove(found[0], rule, line)
	case phaseTrial:
		w.Spent++
		w.afterTrial(found[0] != 0, found[1] != 0, place{found[2], found[3], found[4], found[5], found[6], found[7]}, found[8], floor)
	case phaseProduct:
		w.Spent++
		w.afterProduct(found[0], found[1] != 0, found[2], found[3], found[4], floor)
	}
}

// end ends an iteration that changed the frames by change and began at before.
func (w *walk) end(before place, change float64) {
	w.Ended, w.Before, w.Change = 1, before, change
	w.Iterations++
	w.Counted = w.Spent
}

// converge ends the walk.
func (w *walk) converge() { w.Over = 1 }

// newton begins a Gauss–Newton step at base, where res and con are ready.
func (w *walk) newton() {
	w.Projecting, w.First, w.Products, w.Promise, w.Tries = 0, 0, 0, 0, 0
	w.Square, w.Begun = w.Base.Square, w.Base.Square
	w.Next = phaseProduct
	if w.Square == 0 {
		w.settled()
	}
}

// try orders a trial of the solution, or of the same direction again.
func (w *walk) try(solution float64) {
	w.Solution, w.Project, w.Again = solution, 0, 0
	w.Bound = w.Base.Loss - 2*armijo*w.Step*w.Promise
	w.Follow = 1 - w.Walking
	w.Next = phaseTrial
}

func (w *walk) afterTrial(fine, goes bool, p place, change, floor float64) {
	switch {
	case w.Started == 0:
		w.Started, w.Path, w.Base = 1, p, p
		if !fine {
			w.Over = 2
			return
		}
		w.newton()
	case w.Walking == 1 && w.Projecting == 1:
		w.afterImageTrial(fine, p, floor)
	case !goes:
		if w.Tries++; w.Tries > newtonTries {
			w.settled() // rounding: there is nothing to gain
			return
		}
		w.Step /= 4
		w.try(0)
	default:
		w.afterStep(p, change, floor)
	}
}

// afterStep goes on from a Gauss–Newton step that was taken.
func (w *walk) afterStep(p place, change, floor float64) {
	gain := w.Base.Loss - p.Loss
	before := w.Base
	w.Base = p
	if w.Walking == 0 {
		w.Path = p
		w.end(before, change)
		if gain <= flatness*math.Max(p.Loss, floor) || p.Loss <= floor {
			w.settled()
			return
		}
		w.newton()
		return
	}
	if w.Repairs++; w.Repairs >= repairs || p.Loss <= math.Max(w.Least, floor)*(1+restored) || gain <= flatness*math.Max(w.Least, floor) {
		w.judge(floor)
		return
	}
	w.newton()
}

func (w *walk) afterProduct(curvature float64, positive bool, square, full, left, floor float64) {
	switch {
	case w.First == 1:
		w.First, w.Square, w.Begun = 0, square, square
		w.Full, w.Left, w.Hidden, w.Products = full, left, curvature/2, 0
		w.projected(floor, !positive)
	case !positive && w.Projecting == 1:
		w.projected(floor, true)
	case !positive:
		w.solved(floor)
	default:
		gain := w.Square * w.Square / curvature / 2
		w.Products++
		w.Square = square
		if w.Projecting == 1 {
			w.Hidden, w.Left = w.Hidden-gain, left
			w.projected(floor, w.Products >= projectProducts)
			return
		}
		w.Promise += gain
		late := w.Products*gain < lateGain*w.Promise
		if late || w.Products >= newtonProducts || square <= 1e-20*w.Begun {
			w.solved(floor)
		}
	}
}

// solved tries the solution of a Gauss–Newton step, if it promises anything.
func (w *walk) solved(floor float64) {
	least := flatness * math.Max(w.Base.Loss, floor)
	if w.Walking == 1 {
		least = flatness * math.Max(w.Least, floor)
	}
	if w.Promise <= least {
		w.settledAt(floor)
		return
	}
	w.Step = 1
	w.try(1)
}

// settled ends a minimization of the path energy.
func (w *walk) settled() { w.settledAt(0) }

func (w *walk) settledAt(floor float64) {
	if w.Walking == 1 {
		w.judge(floor)
		return
	}
	w.Walking, w.Stride = 1, 1
	w.Least, w.LeastPath = w.Path.Loss, w.Path.Energy
	w.Mark, w.MarkedAt = w.Path.Image, w.Spent
	w.Keep, w.Next = 0, phaseMove
}

// project begins the projection of the image energy's step at the path.
func (w *walk) project() {
	w.Projecting, w.First, w.Halvings, w.Next = 1, 1, 0, phaseProduct
}

// shortcut orders a trial of the projected step: a new one, or the last again.
func (w *walk) shortcut(again float64) {
	w.Projecting, w.Step, w.Bound, w.Follow = 1, w.Stride, math.MaxFloat64, 0
	w.Solution, w.Project, w.Again, w.Next = 0, 1-again, again, phaseTrial
}

// refuse returns to the path and tries a smaller step, or gives up.
func (w *walk) refuse() {
	if w.Halvings++; w.Halvings > imageTries {
		w.converge()
		return
	}
	w.Stride /= 2
	w.Keep, w.Next = 0, phaseMove
}

// afterMove goes on from a new path, or with a smaller step from the old one.
func (w *walk) afterMove(change float64, rule walkRule, line float64) {
	if w.Keep == 0 {
		w.Base = w.Path
		if w.Halvings > 0 {
			w.shortcut(1)
		} else {
			w.project()
		}
		return
	}
	before := w.Path
	w.Path = w.Base
	w.end(before, change)
	w.Least, w.LeastPath = math.Min(w.Least, w.Path.Loss), math.Min(w.LeastPath, w.Path.Energy)
	w.Stride = math.Min(1, 2*w.Stride)
	if w.Spent-w.MarkedAt >= float64(rule.window) {
		if math.Abs(w.Mark-w.Path.Image) < rule.tolerance*line {
			w.converge()
			return
		}
		w.Mark, w.MarkedAt = w.Path.Image, w.Spent
	}
	w.project()
}

// projected goes on with a projection, or tries what it found when H sees little
// of it or it must end.
func (w *walk) projected(floor float64, end bool) {
	enough := w.Hidden <= hidden*slack*math.Max(w.LeastPath, floor) && w.Products >= leastProducts
	if w.Full == 0 || math.Sqrt(w.Left) <= projectedEnough*math.Sqrt(w.Full) {
		w.converge()
		return
	}
	if !enough && !end && w.Square > 1e-24*w.Begun {
		w.Next = phaseProduct
		return
	}
	w.shortcut(0)
}

// afterImageTrial minimizes the path energy again after a step in the image
// domain.
func (w *walk) afterImageTrial(fine bool, p place, floor float64) {
	w.Repairs = 0
	if !fine {
		w.refuse()
		return
	}
	w.Base = p
	w.Projecting = 0
	if p.Loss <= math.Max(w.Least, floor)*(1+restored) {
		w.judge(floor)
		return
	}
	w.newton()
}

// judge accepts base as the path, or returns to the path.
func (w *walk) judge(floor float64) {
	fits := w.Base.Loss <= (1+slack)*math.Max(w.Least, floor) && w.Base.Energy <= (1+slack)*math.Max(w.LeastPath, floor)
	if fits && w.Base.Image < w.Path.Image {
		w.Keep, w.Next = 1, phaseMove
		return
	}
	w.refuse()
}
