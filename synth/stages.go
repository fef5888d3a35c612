package synth

import (
	"math"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// stages is how a problem is solved in stages: each image minimizes one loss
// after another, the last being the objective of the problem. Its zero value has
// the last stage only.
type stages struct {
	names []string // of all; the last is the whole
	// An image goes on to the next stage after window iterations or more, when its
	// loss has changed by less than tolerance over the last window.
	tolerance float64
	window    int
	// record records the loss of a stage that is not the last, for the images with
	// the given numbers at x.
	record func(x autograd.Value, images []int, stage int) objective
}

func (p *stages) any() bool { return len(p.names) > 0 }

func (p *stages) last() int { return max(0, len(p.names)-1) }

// standing is where an image stands in the stages.
type standing struct {
	Stage   int     `json:"stage"`
	Starts  []int   `json:"starts"`  // iterations done when the second and the following stages began
	Until   int     `json:"until"`   // iterations after which the stage ends; 0: not the one in work
	Decided bool    `json:"decided"` // Until holds for the iteration in work
	Whole   float64 `json:"whole"`   // the objective at the start of that
	Found   bool    `json:"found"`   // Whole is known
	settled bool    // the row of the image as it is has its objective
}

// start returns the iteration at which the image's stage began.
func (t *standing) start() int {
	if len(t.Starts) == 0 {
		return 0
	}
	return t.Starts[len(t.Starts)-1]
}

// fits reports whether an image can stand so after the given iterations.
func (t *standing) fits(p *stages, iterations int) bool {
	sorted := slices.IsSorted(append(append([]int{0}, t.Starts...), iterations))
	return t.Stage >= 0 && t.Stage <= p.last() && len(t.Starts) == t.Stage && sorted
}

// The columns of Record.Aside of a synthesis in stages.
const (
	asideStage     = iota // number of the stage
	asideStageLoss        // the loss of that stage
)

// objective records the loss of a stage.
func (p *problem) objective(x autograd.Value, images []int, stage int) objective {
	if stage < p.stages.last() {
		return p.stages.record(x, images, stage)
	}
	return p.record(x, images)
}

// Iterations returns after how many iterations Run ends by default: as many as
// the optimizer says, for each stage.
func (p *problem) Iterations() int {
	if p.machine != nil {
		return machineIterations
	}
	return p.optimizer.Iterations() * (p.stages.last() + 1)
}

// anyIn reports whether an image that needs it is in a stage.
func (s *Synthesis) anyIn(stage int, needs func(t *track) bool) bool {
	return slices.ContainsFunc(s.rows, func(k int) bool { return s.tracks[k].Stage == stage && needs(&s.tracks[k]) })
}

// evaluateWhole returns the objectives of the images of the program as they are.
func (s *Synthesis) evaluateWhole() ([]float64, error) {
	if s.whole == nil {
		var loss autograd.Value
		if err := autograd.Try(func() { loss = s.record(s.state.X(), s.rows).loss }); err != nil {
			return nil, err
		}
		p, err := s.tape.Compile([]autograd.Value{loss}, autograd.Value{})
		if err != nil {
			return nil, err
		}
		s.whole = p
	}
	v := make([]float64, len(s.rows))
	err := s.whole.Run()
	if err == nil {
		err = s.whole.Read(0, tensor.Of(v))
	}
	return v, err
}

// measure finds the objectives at the start of an iteration, for the images of a
// stage that minimizes something else. It does so before the image moves.
func (s *Synthesis) measure(stage int) error {
	if stage == s.stages.last() || !s.anyIn(stage, func(t *track) bool { return !t.Found && !t.done() }) {
		return nil
	}
	v, err := s.evaluateWhole()
	if err != nil {
		return err
	}
	for i, k := range s.rows {
		t := &s.tracks[k]
		if t.Stage != stage || t.Found || t.done() {
			continue
		}
		if t.Whole, t.Found = v[i], true; math.IsNaN(v[i]) || math.IsInf(v[i], 0) {
			t.Whole, t.Found, t.ended, t.where = 0, false, StopNaN, nanLine(s.whole)
		}
	}
	return nil
}

// settleWhole completes the rows of the images as they are.
func (s *Synthesis) settleWhole() error {
	unknown := func(t *track) bool { return t.Stage < s.stages.last() && !t.settled }
	if !slices.ContainsFunc(s.rows, func(k int) bool { return unknown(&s.tracks[k]) }) {
		return nil
	}
	v, err := s.evaluateWhole()
	if err != nil {
		return err
	}
	for i, k := range s.rows {
		if t := &s.tracks[k]; unknown(t) {
			t.now.Loss, t.settled = v[i], true
		}
	}
	return nil
}

// follow keeps the books of row i after a tick of its stage: it completes the
// rows of the history, and sees whether the image has converged or goes on to the
// next stage.
func (s *Synthesis) follow(i int, ended bool) error {
	t := &s.tracks[s.rows[i]]
	if ended {
		rec := &t.records[len(t.records)-1]
		s.stages.complete(t, rec, t.Whole)
		t.Found = false
		if !t.Decided { // by optimizers that tell a loss only when the iteration is over
			s.stages.decide(t, t.iterations-1, rec.Aside[asideStageLoss])
		}
		t.Decided = false
		if s.converged(t) {
			t.ended = StopTolerance
		}
		if t.Until == t.iterations {
			return s.enter(i)
		}
	}
	if t.known {
		s.stages.complete(t, &t.now, math.NaN())
		t.settled = false
		if !t.Decided && t.ended != StopNaN {
			s.stages.decide(t, t.iterations, t.now.Aside[asideStageLoss])
			t.Decided = true
		}
	}
	return nil
}

// complete moves the loss of a stage where it belongs and puts the objective in
// its place.
func (p *stages) complete(t *track, r *Record, whole float64) {
	r.Aside = [optim.Asides]float64{asideStage: float64(t.Stage), asideStageLoss: r.Loss}
	if t.Stage < p.last() {
		r.Loss = whole
	}
}

// decide finds out whether the stage of an image ends with iteration i, which
// began with the given loss.
func (p *stages) decide(t *track, i int, loss float64) {
	t.Until = 0
	done := i + 1
	if t.Stage == p.last() || done-t.start() < p.window {
		return
	}
	before := loss
	if at := done - p.window; at < i {
		before = t.records[at].Aside[asideStageLoss]
	}
	if math.Abs(loss-before) < p.tolerance {
		t.Until = done
	}
}

// converged reports whether the objective of an image in the last stage has
// converged, after an iteration. The optimizer knows of losses of other stages
// too and cannot tell.
func (s *Synthesis) converged(t *track) bool {
	n, window := len(t.records), s.control.Window
	return t.Stage == s.stages.last() && n > window && t.iterations-1-t.start() > s.stages.window &&
		math.Abs(t.records[n-window].Loss-t.records[n-1].Loss) < s.tolerance
}

// enter begins the next stage of row i: with the rate of the start, and for
// L-BFGS by an evaluation at the image as it is.
func (s *Synthesis) enter(i int) error {
	t := &s.tracks[s.rows[i]]
	t.Stage++
	t.Starts = append(t.Starts, t.iterations)
	t.Until, t.known, t.settled = 0, false, false
	rates, err := s.tape.Get(s.state.Rate())
	if err != nil {
		return err
	}
	rates.StoreReal(i, s.rate)
	for stage := range t.Stage {
		if !s.anyIn(stage, func(*track) bool { return true }) {
			s.losses[stage].close()
		}
	}
	return s.tape.Set(s.state.Rate(), rates)
}
