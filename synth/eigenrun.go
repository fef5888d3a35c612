package synth

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/dense"
	"github.com/percept-go/percept/internal/rng"
)

// Close frees the memory of the synthesis. A second call does nothing.
func (s *Eigendistortion) Close() { s.dismiss() }

// To moves the synthesis to another backend. It errs, changing nothing, if its
// memory does not suffice.
func (s *Eigendistortion) To(dev autograd.Backend) error {
	if dev == nil {
		dev = autograd.CPU{}
	}
	if s.jac != nil {
		if err := s.jac.tape.To(dev); err != nil {
			return err
		}
	}
	s.device = dev
	return nil
}

// Done reports whether every image is finished.
func (s *Eigendistortion) Done() bool {
	return !slices.ContainsFunc(s.runs, func(r *eigenRun) bool { return r.Stage != eigenDone })
}

// Step makes one step of the first image that is not finished: of EigenLanczos
// and EigenPower one iteration, of the others all. It errs, changing nothing, if
// the backend fails.
func (s *Eigendistortion) Step() error {
	k := slices.IndexFunc(s.runs, func(r *eigenRun) bool { return r.Stage != eigenDone })
	if k < 0 {
		return nil
	}
	return s.step(k, func() error { return nil })
}

// step makes one step of image k.
func (s *Eigendistortion) step(k int, more func() error) error {
	begin := time.Now()
	if err := s.look(k); err != nil {
		return err
	}
	next := *s.runs[k]
	next.rows = maps.Clone(next.rows)
	next.j, next.g, next.more = s.jac, new(rng.Generator), more
	if err := next.g.UnmarshalBinary(next.Generator); err != nil {
		return err
	}
	before := s.jac.products
	if err := eigenMethods[s.options.Method](&next); err != nil {
		return err
	}
	next.Generator, _ = next.g.MarshalBinary() // never errs
	next.Products += s.jac.products - before
	next.Seconds += time.Since(begin).Seconds()
	if told := next.told; told != nil {
		next.Steps++
		told.Iteration, told.Evaluations, told.Seconds = next.Steps, next.Products, next.Seconds
		next.rows["history"] = next.rows["history"].Clone().Append(dense.Rows{N: recordColumns, V: told.row()})
	}
	if next.Missed && next.unfinished == nil {
		next.unfinished, next.RanOut = s.unfinishedAt(k), s.options.maxSteps()
	}
	next.j, next.g, next.more, next.told = nil, nil, nil, nil
	*s.runs[k] = next
	return nil
}

// unfinishedAt returns where the search for image k, of which a step ended a stage
// for want of steps, goes on with more: before that step, or, if it was at the top of
// EigenLanczos, at the start. That basis would take its memory for as long as the
// bottom is searched; to make it again takes one product a step, where the bottom,
// which has to be searched again in any case, takes hundreds.
func (s *Eigendistortion) unfinishedAt(k int) *eigenRun {
	was := *s.runs[k]
	if s.options.Method == EigenLanczos && (was.Stage == "" || was.Stage == "top") {
		start := s.newRun(s.start(k))
		start.Probe = was.Probe
		return start
	}
	return &was
}

// tell counts a step that found an eigenvalue and what its convergence is
// measured by.
func (r *eigenRun) tell(bottom bool, eigenvalue, measure float64) {
	r.told = &Record{Loss: measure, Penalty: math.NaN(), GradientNorm: math.NaN(), PixelChange: math.NaN(), Aside: [2]float64{eigenvalue}}
	if bottom {
		r.told.Aside[1] = 1
	}
	r.Step++
}

// History returns a row for each step of image k: how many were made, the
// products with F and the seconds spent until then, and in Loss what convergence
// is measured by: of EigenLanczos the largest residual of the wanted pairs, over
// the largest eigenvalue; of EigenPower the change of the eigenvalues. Aside holds
// the largest eigenvalue at the top, the smallest at the bottom, and 1 for the
// bottom. It panics if there is no such image.
func (s *Eigendistortion) History(k int) []Record {
	h := s.runs[k].rows["history"]
	list := make([]Record, h.Len())
	for i := range list {
		list[i] = recordOf(h.At(i))
	}
	return list
}

// Run steps until every image is finished or has made stop.Iterations steps in
// all, where that is not 0. When ctx ends or stop.Time is over it stops within a
// step, whose work is lost, and returns ctx's error in the first case; Run can be
// called again. It also errs if the backend fails. stop.Evaluations is not used.
func (s *Eigendistortion) Run(ctx context.Context, stop Stop) (Result, error) {
	begin := time.Now()
	more := func() error {
		if ctx.Err() == nil && stop.Time > 0 && time.Since(begin) >= stop.Time {
			return errLate
		}
		return ctx.Err()
	}
	open := func(r *eigenRun) bool {
		return r.Stage != eigenDone && (stop.Iterations == 0 || r.Steps < stop.Iterations)
	}
	reason := StopIterations
	var err error
	for err == nil {
		k := slices.IndexFunc(s.runs, open)
		if k < 0 {
			break
		}
		if err = more(); err == nil {
			err = s.step(k, more)
		}
	}
	switch {
	case errors.Is(err, errLate):
		reason, err = StopTime, nil
	case err != nil:
		reason = StopSignal
	}
	for _, r := range s.runs {
		if r.Stage != eigenDone {
			r.Stopped = reason
		}
	}
	return s.result(), err
}

// errLate says that the time is over.
var errLate = errors.New("synth: the time is over")

func (s *Eigendistortion) result() (res Result) {
	for k, r := range s.runs {
		measure := math.NaN()
		if h := s.History(k); len(h) > 0 {
			measure = h[len(h)-1].Loss
		}
		res.StoppedBy, res.Iterations = append(res.StoppedBy, r.Stopped), append(res.Iterations, r.Steps)
		res.Evaluations, res.Loss = append(res.Evaluations, r.Products), append(res.Loss, measure)
		res.Seconds += r.Seconds
	}
	return res
}
