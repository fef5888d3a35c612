package optim

import (
	"math"
	"unsafe"
)

// search is where one image stands in L-BFGS: in the line search, in the step
// that the reference calls an iteration, and in all. It is a row of the Var
// "lbfgs.search"; all of it is float64.
type search struct {
	Phase        float64
	T            float64 // the next trial is x + T·d
	Slot         float64 // where the gradient at the next trial goes
	Written      float64 // where that of this tick goes, or −1
	At           float64 // slot of the gradient at x
	Origin       float64 // slot of the gradient at x when d was made
	Before       float64 // the Origin before that
	Active       float64 // 1: this tick makes a new d
	Move         float64 // this tick adds Move·d to x
	Taken        float64 // the last Move along d
	Known        float64 // 1: F is the loss at x
	F            float64 // loss at x
	F0           float64 // loss at x when d was made
	Tries        float64 // steps of the line search
	Low          float64 // which end of the bracket has the smaller loss
	Slow         float64 // 1: the last trial was near an end
	Bracket      [2]point
	Slots        [gradientSlots]facts
	Last         float64 // slot of the last gradient that was evaluated in this iteration
	Total        float64 // directions made
	Inner        float64 // directions made in this iteration
	InnerEvs     float64 // evaluations counted in this iteration
	Evs          float64 // evaluations counted
	Done         float64 // iterations ended
	DoneEvs      float64 // evaluations counted for them
	Began        float64 // 1: this tick began an iteration
	Begin        record  // what that found
	Now          record  // what is known of x
	Ended        float64 // 1: this tick ended one
	End          record  // what that one had found
	LastGradient float64 // and the norm of the gradient that its last evaluation found
}

// point is a trial.
type point struct{ T, F, Slope, Slot float64 }

// facts is what is known of a gradient besides its elements.
type facts struct{ Penalty, Aside1, Aside2, Norm1, Max, Square float64 }

// record is a row of the history.
type record struct{ Loss, Penalty, Gradient, Aside1, Aside2 float64 }

// gradientSlots is how many gradients a line search needs: at its start, at the
// ends of the bracket, and at the next trial.
const gradientSlots = 4

const searchColumns = int(unsafe.Sizeof(search{}) / 8)

// The phases of a search.
const (
	phaseStart   = iota // x itself is evaluated
	phaseBracket        // the step grows until it brackets a minimum
	phaseZoom           // the bracket shrinks
	phasePlain          // there is no line search
	phaseIdle           // the gradient is too small: iterations end at once
)

// Constants of the search: sufficient decrease, curvature, and most steps
// (Nocedal and Wright 2006, Numerical Optimization, algorithms 3.5 and 3.6).
const (
	armijo    = 1e-4
	curvature = .9
	mostTries = 25
)

// evaluated is what a tick knows of its trial.
type evaluated struct {
	F, Penalty, Aside1, Aside2, Go float64 // Go is 0 where the tick does not count
	Slope0                         float64 // gradient at x times d
	Rate, Next                     float64 // the rate now, and after this iteration
	Stage                          float64 // iterations after which the loss changes
	Slope                          float64 // gradient at the trial times d
	Norm1, Max, Square, Width      float64 // Σ|g|, max|g|, Σg², max|d|
}

// wolfe is the attribute of the op: the limits of a step.
type wolfe struct {
	MaxIterations, MaxEvaluations  float64
	ToleranceGrad, ToleranceChange float64
	NoLineSearch, KeepHistory      bool
}

// tick is the transition of one image.
func (w *wolfe) tick(s *search, e *evaluated) {
	s.Active, s.Move, s.Began, s.Ended, s.Written = 0, 0, 0, 0, -1
	if e.Go == 0 {
		return
	}
	s.Written = s.Slot
	*s.fact(s.Slot) = facts{e.Penalty, e.Aside1, e.Aside2, e.Norm1, e.Max, e.Square}
	trial := point{s.T, e.F, e.Slope, s.Slot}
	switch {
	case s.Phase == phaseStart:
		s.F, s.At, s.Known = e.F, s.Slot, 1
		w.begin(s, e.Rate)
	case s.Phase == phaseIdle || e.Slope0 > -w.ToleranceChange:
		// Nothing more can be done from x. The evaluation of this tick is not
		// counted: the reference makes none.
		w.end(s, e)
	case s.Phase == phasePlain:
		if s.Inner < w.MaxIterations {
			s.count()
		} // else it is the first evaluation of the next iteration
		w.accept(s, e, trial)
	case s.Phase == phaseBracket:
		s.count()
		w.bracket(s, e, trial)
	default:
		s.count()
		w.zoom(s, e, trial)
	}
	s.Now = s.record(s.At)
}

func (s *search) fact(slot float64) *facts { return &s.Slots[slotNumber(slot)] }

// slotNumber makes an index of a slot; what is none becomes one.
func slotNumber(slot float64) int { return int(slot) & (gradientSlots - 1) }

// count counts the evaluation of this tick.
func (s *search) count() {
	s.InnerEvs++
	s.Evs++
	s.Last = s.Slot
}

// record returns the row of the history for the gradient in slot.
func (s *search) record(slot float64) record {
	f := s.fact(slot)
	return record{s.F, f.Penalty, math.Sqrt(f.Square), f.Aside1, f.Aside2}
}

// begin begins an iteration at x. Its first evaluation is that of the last
// accepted trial, so it is counted but not made again.
func (w *wolfe) begin(s *search, rate float64) {
	s.Began, s.Begin = 1, s.record(s.At)
	s.Inner, s.InnerEvs = 0, 1
	s.Evs++
	s.Last = s.At
	if s.fact(s.At).Max <= w.ToleranceGrad {
		s.Phase, s.T, s.Slot = phaseIdle, 0, s.free()
		return
	}
	w.direct(s, rate)
}

// end ends an iteration and begins the next, if only by asking for the value of
// a new loss at x.
func (w *wolfe) end(s *search, e *evaluated) {
	s.Ended, s.End, s.LastGradient = 1, s.Begin, s.record(s.Last).Gradient
	s.Done++
	s.DoneEvs = s.Evs
	if s.Done != e.Stage {
		w.begin(s, e.Next)
		return
	}
	s.Phase, s.T, s.Known = phaseStart, 0, 0
	s.Slot = s.free()
	if !w.KeepHistory {
		s.Total = 0
	}
}

// direct asks for a new direction at x and the first trial along it.
func (w *wolfe) direct(s *search, rate float64) {
	s.Active = 1
	s.Total++
	s.Inner++
	s.Before, s.Origin, s.F0 = s.Origin, s.At, s.F
	s.T = rate
	if s.Total == 1 {
		s.T *= math.Min(1, 1/s.fact(s.At).Norm1)
	}
	s.Tries = 0
	s.Bracket = [2]point{{0, s.F, 0, s.At}, {0, s.F, 0, s.At}}
	s.Phase, s.Slot = phaseBracket, s.free()
	if w.NoLineSearch {
		s.Phase = phasePlain
	}
}

// free returns a slot whose gradient nobody needs.
func (s *search) free() float64 {
	for i := float64(0); i < gradientSlots; i++ {
		if i != s.At && i != s.Origin && i != s.Bracket[0].Slot && i != s.Bracket[1].Slot {
			return i
		}
	}
	return gradientSlots - 1
}

// try makes x + t·d the next trial.
func (s *search) try(t float64) { s.T, s.Slot = t, s.free() }

// accept moves x to the point p of d and goes on from there.
func (w *wolfe) accept(s *search, e *evaluated, p point) {
	s.Move, s.Taken = p.T, p.T
	s.F, s.At = p.F, p.Slot
	s.Bracket[0].Slot, s.Bracket[1].Slot = p.Slot, p.Slot
	if s.Inner == w.MaxIterations || s.InnerEvs >= w.MaxEvaluations || s.fact(p.Slot).Max <= w.ToleranceGrad ||
		math.Abs(p.T)*e.Width <= w.ToleranceChange || math.Abs(p.F-s.F0) < w.ToleranceChange {
		w.end(s, e)
		return
	}
	w.direct(s, e.Rate)
}

// bracket takes a trial of the first phase; Bracket[0] is the one before.
func (w *wolfe) bracket(s *search, e *evaluated, trial point) {
	if s.Tries == 0 {
		s.Bracket[0].Slope = e.Slope0
	}
	last := s.Bracket[0]
	switch {
	case s.Tries >= mostTries:
		s.Bracket[0] = point{0, s.F0, e.Slope0, s.At}
		w.close(s, e, trial)
	case trial.F > s.F0+armijo*trial.T*e.Slope0 || s.Tries > 1 && trial.F >= last.F:
		w.close(s, e, trial)
	case math.Abs(trial.Slope) <= -curvature*e.Slope0:
		w.accept(s, e, trial)
	case trial.Slope >= 0:
		w.close(s, e, trial)
	default:
		s.Bracket[0] = trial
		s.Tries++
		s.try(cubicMinimum(last, trial, trial.T+.01*(trial.T-last.T), 10*trial.T))
	}
}

// close makes trial the other end of the bracket.
func (w *wolfe) close(s *search, e *evaluated, trial point) {
	s.Bracket[1] = trial
	s.Phase, s.Slow = phaseZoom, 0
	s.sort()
	w.shrink(s, e)
}

// sort finds the lower end of the bracket.
func (s *search) sort() {
	s.Low = 0
	if !(s.Bracket[0].F <= s.Bracket[1].F) {
		s.Low = 1
	}
}

func (s *search) ends() (low, high *point) {
	i := int(s.Low) & 1
	return &s.Bracket[i], &s.Bracket[1-i]
}

// shrink finds the next trial within the bracket or accepts its lower end.
func (w *wolfe) shrink(s *search, e *evaluated) {
	a, b := s.Bracket[0], s.Bracket[1]
	low, _ := s.ends()
	if s.Tries >= mostTries || math.Abs(b.T-a.T)*e.Width < w.ToleranceChange {
		w.accept(s, e, *low)
		return
	}
	lo, hi := math.Min(a.T, b.T), math.Max(a.T, b.T)
	t := cubicMinimum(a, b, lo, hi)
	margin := .1 * (hi - lo)
	switch near := math.Min(hi-t, t-lo) < margin; {
	case near && (s.Slow != 0 || t >= hi || t <= lo):
		if math.Abs(t-hi) < math.Abs(t-lo) {
			t = hi - margin
		} else {
			t = lo + margin
		}
		s.Slow = 0
	case near:
		s.Slow = 1
	default:
		s.Slow = 0
	}
	s.try(t)
}

// zoom takes a trial within the bracket.
func (w *wolfe) zoom(s *search, e *evaluated, trial point) {
	s.Tries++
	low, high := s.ends()
	if trial.F > s.F0+armijo*trial.T*e.Slope0 || trial.F >= low.F {
		*high = trial
		s.sort()
		w.shrink(s, e)
		return
	}
	done := math.Abs(trial.Slope) <= -curvature*e.Slope0
	if !done && trial.Slope*(high.T-low.T) >= 0 {
		*high = *low
	}
	*low = trial
	if done {
		w.accept(s, e, trial)
		return
	}
	w.shrink(s, e)
}

// cubicMinimum returns the minimizer in [lo, hi] of the cubic through two points
// with their slopes, or the middle if there is none (Nocedal and Wright,
// equation 3.59).
func cubicMinimum(a, b point, lo, hi float64) float64 {
	d1 := a.Slope + b.Slope - 3*(a.F-b.F)/(a.T-b.T)
	square := d1*d1 - a.Slope*b.Slope
	if !(square >= 0) {
		return (lo + hi) / 2
	}
	d2 := math.Sqrt(square)
	var t float64
	if a.T <= b.T {
		t = b.T - (b.T-a.T)*((b.Slope+d2-d1)/(b.Slope-a.Slope+2*d2))
	} else {
		t = a.T - (a.T-b.T)*((a.Slope+d2-d1)/(a.Slope-b.Slope+2*d2))
	}
	return math.Min(math.Max(t, lo), hi)
}

// Limits returns w's numbers for a kernel: most iterations and evaluations, the
// tolerances of gradient and change, then 1 if there is no line search and 1 if
// the history outlasts a stage.
func (w wolfe) Limits() [6]float64 {
	l := [6]float64{w.MaxIterations, w.MaxEvaluations, w.ToleranceGrad, w.ToleranceChange}
	for i, on := range []bool{w.NoLineSearch, w.KeepHistory} {
		if on {
			l[4+i] = 1
		}
	}
	return l
}
