package synth

import (
	"slices"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// program is a loss ready to be minimized.
type program struct {
	tick optim.Tick
	prog *autograd.Program // nil: not compiled yet, or no longer
	ring *autograd.Ring    // of reports; nil where they are read one by one
}

func (p *program) compile(t *autograd.Tape) (err error) {
	if p.prog == nil {
		p.prog, err = t.Compile([]autograd.Value{p.tick.Report}, p.tick.Guard, p.tick.Updates...)
	}
	return err
}

// close frees the program of a loss that nobody minimizes any more.
func (p *program) close() {
	if p.prog != nil {
		p.prog.Close()
		p.prog, p.ring = nil, nil
	}
}

// budget is what each image may spend.
type budget struct {
	iterations  func(t *track) int
	evaluations int
}

// limit lets the images of a stage run as long as the budget allows, and those
// of others not at all.
func (s *Synthesis) limit(stage int) error {
	v := tensor.Slice[float64](s.limits)
	for i, k := range s.rows {
		t, l := &s.tracks[k], v[i*optim.LimitColumns:][:optim.LimitColumns]
		l[optim.LimitIterations] = 0
		if t.Stage == stage && !t.done() {
			l[optim.LimitIterations] = float64(s.budget.iterations(t))
		}
		l[optim.LimitEvaluations] = float64(s.budget.evaluations)
		l[optim.LimitTolerance] = s.tolerance
		if s.stages.any() {
			l[optim.LimitTolerance] = 0 // see converged
		}
		l[optim.LimitStage] = float64(t.Until)
	}
	if s.running != nil { // which is given them
		return nil
	}
	if slices.Equal(v, s.limited) { // a backend need not wait for what it has
		return nil
	}
	if err := s.tape.Set(s.state.Limits(), s.limits); err != nil {
		return err
	}
	s.limited = append(s.limited[:0], v...)
	return nil
}

// tick runs the programs of all images that need it once and reads what they
// report.
func (s *Synthesis) tick(needs func(t *track) bool) error {
	ended := false
	// From the last on: an image that enters a stage has had its tick.
	for stage := len(s.losses) - 1; stage >= 0; stage-- {
		if !s.anyIn(stage, needs) {
			continue
		}
		e, err := s.tickStage(stage)
		if err != nil {
			return err
		}
		ended = ended || e
	}
	if ended && s.every > 0 {
		return s.addFrames(func(t *track) bool { return t.iterations%s.every == 0 })
	}
	return nil
}

// tickStage runs the program of a stage and reports whether an iteration ended.
func (s *Synthesis) tickStage(stage int) (ended bool, err error) {
	begin := time.Now()
	p, ticks := &s.losses[stage], 1
	for _, do := range []func() error{
		func() error { return p.compile(s.tape) },
		func() error { return s.measure(stage) },
		func() error { return s.limit(stage) },
		func() (err error) { ticks, err = s.burst(p); return err },
	} {
		if err := do(); err != nil {
			return false, err
		}
	}
	s.seconds += time.Since(begin).Seconds()
	for j := range ticks {
		reports := s.reports[j*len(s.rows)*optim.ReportColumns:]
		for i, k := range s.rows {
			t, r := &s.tracks[k], reports[i*optim.ReportColumns:][:optim.ReportColumns]
			switch {
			case t.Stage != stage:
				continue
			case j > 0 && (t.ended != "" || t.iterations >= s.budget.iterations(t)): // the device went on for others
				t.see(r)
				continue
			}
			e := t.absorb(r, s.seconds, s.reference)
			if t.ended == StopNaN && t.where == "" {
				t.where = nanLine(p.prog)
			}
			if s.stages.any() {
				if err := s.follow(i, e); err != nil {
					return e, err
				}
			}
			ended = ended || e
		}
	}
	return ended, nil
}

// absorb takes one row of a report and reports whether an iteration ended.
func (t *track) absorb(r []float64, seconds float64, reference bool) bool {
	ended := r[optim.Ended] != 0
	if ended {
		rec := Record{Iteration: t.iterations, Evaluations: t.spent, Seconds: t.mark, Loss: r[optim.EndedLoss],
			Penalty: r[optim.EndedPenalty], GradientNorm: r[optim.EndedGradient], PixelChange: r[optim.Change], Aside: asideOf(r[optim.EndedAside:])}
		if reference {
			rec.GradientNorm = r[optim.LastGradient]
		}
		t.records = append(t.records, rec)
		t.iterations, t.spent, t.mark = int(r[optim.Iterations]), int(r[optim.Spent]), seconds
	}
	t.see(r)
	switch {
	case r[optim.Finite] == 0:
		t.ended = StopNaN
	case r[optim.Stopped] != 0:
		t.ended = StopTolerance
	case r[optim.Committed] == 0 && t.ended == "":
		t.ended = StopEvaluations // for advance, which knows better
	}
	return ended
}

// see takes what a report says of the image as it is.
func (t *track) see(r []float64) {
	if t.known = r[optim.NowKnown] != 0; t.known {
		t.now = Record{Loss: r[optim.NowLoss], Penalty: r[optim.NowPenalty], GradientNorm: r[optim.NowGradient], Aside: asideOf(r[optim.NowAside:])}
	}
}

// asideOf returns the first columns of r.
func asideOf(r []float64) (a [optim.Asides]float64) {
	copy(a[:], r)
	return a
}
