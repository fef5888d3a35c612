package synth

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// A StopReason says what ended the synthesis of an image.
type StopReason string

// What ends a synthesis. The empty StopReason means that it has not ended.
const (
	StopTolerance   StopReason = "tolerance"
	StopIterations  StopReason = "iterations"
	StopEvaluations StopReason = "evaluations"
	StopTime        StopReason = "time"
	StopSignal      StopReason = "signal"
	StopNaN         StopReason = "nan"
)

// ErrNaN says that the loss or its gradient became infinite or NaN. The images
// are those of the step before.
var ErrNaN = errors.New("the loss or its gradient is not finite")

// Stop says when Run ends, beside convergence.
type Stop struct {
	Iterations  int           // in all, of each image; 0 means the optimizer's default, in each stage
	Evaluations int           // in all, of each image; 0 means no limit
	Time        time.Duration // of this Run; 0 means no limit
}

// A Record is one row of an image's history: its state before iteration
// Iteration, and what that iteration did. Unknown numbers are NaN.
type Record struct {
	Iteration    int
	Evaluations  int                   // made before
	Seconds      float64               // spent before
	Loss         float64               // the objective: loss and weighted penalty
	Penalty      float64               // without its weight
	GradientNorm float64               // L2
	PixelChange  float64               // L2 norm of the iteration's change; NaN in the last row
	Aside        [optim.Asides]float64 // what the method reports besides
}

// A Frame is an image as it was before an iteration.
type Frame struct {
	Iteration int
	Image     tensor.Tensor // (C, H, W)
}

// problem is what a method synthesizes.
type problem struct {
	start     tensor.Tensor // (N, …)
	optimizer optim.Optimizer
	control   optim.Control
	tolerance float64
	reference bool // the gradient of a record is that of its last evaluation
	every     int  // iterations between frames; 0 means none
	// record records what is minimized for the images with the given numbers at
	// x, which holds them in that order.
	record func(x autograd.Value, images []int) objective
	stages stages // where other losses come first
	name   identity
	// machine, where given, makes what runs in place of an optimizer's program.
	machine func(t *autograd.Tape, images []int) (machine, error)
}

// An objective is what an optimizer minimizes, and what is reported with it.
type objective struct {
	loss    autograd.Value // (N,) float64, weighted penalty and all
	penalty autograd.Value // (N,) float64, without weight
	aside   [optim.Asides]autograd.Value
	// What optim.Tangent holds, its gradient and its level, and what loss is enough;
	// the gradient of the loss where it is known.
	held, heldGrad, level, enough, grad autograd.Value
	// The kinks of both, and the loss with them.
	kinks []optim.Kink
	exact autograd.Value
}

// evaluation is o at x as an optimizer takes it.
func (o objective) evaluation(x autograd.Value) optim.Evaluation {
	if !o.grad.Valid() {
		o.grad = autograd.Grad(o.loss, x)[0]
	}
	return optim.Evaluation{Loss: o.loss, Penalty: o.penalty, Grad: o.grad, Aside: o.aside, Held: o.held, HeldGrad: o.heldGrad, Level: o.level, Enough: o.enough, Kinks: o.kinks, Exact: o.exact}
}

// track is what the host knows of one image.
type track struct {
	records    []Record
	frames     []Frame
	iterations int
	target     int     // iterations after which Step returns
	spent      int     // evaluations
	mark       float64 // seconds at the start of this iteration
	now        Record  // the row of the image as it is
	known      bool    // whether now is up to date
	ended      StopReason
	where      string // what made a NaN
	standing
}

// A Synthesis changes images until a loss is small. Metamer and MAD are
// syntheses of their own losses. Its methods are for one goroutine.
type Synthesis struct {
	problem
	backend autograd.Backend
	tape    *autograd.Tape
	state   optim.State       // nil where a machine runs
	running machine           // nil where an optimizer does
	losses  []program         // of the stages
	whole   *autograd.Program // the objective of the images as they are, where stages come first
	rate    float64           // the optimizer's at the start
	report  tensor.Tensor     // (rows, optim.ReportColumns)
	reports []float64         // its elements, and those of later ticks of a burst
	limits  tensor.Tensor     // (rows, optim.LimitColumns)
	limited []float64         // the last that the optimizer got; nil: it has others
	budget  budget
	rows    []int         // numbers of the images that the program holds
	retired tensor.Tensor // images that it no longer holds, in their places
	tracks  []track
	seconds float64
}

// newSynthesis records and compiles p for all its images. It errs if that fails.
func newSynthesis(dev autograd.Backend, p problem) (*Synthesis, error) {
	n := p.start.Dim[0]
	s := &Synthesis{problem: p, backend: dev, tracks: make([]track, n), retired: tensor.New(p.start.DType, p.start.Shape()...)}
	tensor.Copy(s.retired, p.start)
	if err := s.build(upTo(n)); err != nil {
		return nil, err
	}
	return s, s.addFrames(func(*track) bool { return true })
}

// build records the programs for the given images, from their starts, and
// compiles that of the last stage.
func (s *Synthesis) build(images []int) (err error) {
	tape := autograd.New(s.backend)
	defer func() {
		if err != nil {
			tape.Close()
		}
	}()
	if s.machine != nil {
		return s.buildMachine(tape, images)
	}
	var losses []program
	var state optim.State
	if err := autograd.Try(func() {
		state = s.optimizer.Start(tape, pick(s.start, images), s.control)
		x := state.At()
		for stage := range s.stages.last() + 1 {
			e := s.objective(x, images, stage).evaluation(x)
			losses = append(losses, program{tick: state.Finish(e)})
		}
	}); err != nil {
		return err
	}
	rate, err := tape.Get(state.Rate())
	if err != nil {
		return err
	}
	if err := losses[len(losses)-1].compile(tape); err != nil {
		return err
	}
	s.tape, s.state, s.losses, s.whole, s.rows, s.rate = tape, state, losses, nil, images, rate.LoadReal(0)
	s.makeReports(len(images))
	return nil
}

// makeReports makes room for what programs of n images report.
func (s *Synthesis) makeReports(n int) {
	s.reports = make([]float64, burstTicks*n*optim.ReportColumns)
	s.report = tensor.Of(s.reports[:n*optim.ReportColumns], n, optim.ReportColumns)
	s.limits, s.limited = tensor.New(tensor.Float64, n, optim.LimitColumns), nil
}

// pick returns the given rows of axis 0 of x, copied.
func pick(x tensor.Tensor, rows []int) tensor.Tensor {
	shape := x.Shape()
	shape[0] = len(rows)
	y := tensor.New(x.DType, shape...)
	for i, r := range rows {
		tensor.Copy(y.Crop(0, i, i+1, 1), x.Crop(0, r, r+1, 1))
	}
	return y
}

// done reports whether the image will never change again.
func (t *track) done() bool { return t.ended == StopTolerance || t.ended == StopNaN }

// addFrames appends the images for which due says so.
func (s *Synthesis) addFrames(due func(t *track) bool) error {
	if s.every <= 0 {
		return nil
	}
	x, err := s.shapedImage()
	if err != nil {
		return err
	}
	for k := range s.tracks {
		t := &s.tracks[k]
		if due(t) && (len(t.frames) == 0 || t.frames[len(t.frames)-1].Iteration < t.iterations) {
			t.frames = append(t.frames, Frame{t.iterations, imageOf(x, k)})
		}
	}
	return nil
}

// imageOf returns image k of x (N, …) without axis 0, copied.
func imageOf(x tensor.Tensor, k int) tensor.Tensor {
	y := tensor.New(x.DType, x.Shape()[1:]...)
	one, _ := x.Crop(0, k, k+1, 1).Reshape(y.Shape()...)
	tensor.Copy(y, one)
	return y
}

// advance runs until every image has done as many iterations as it may, has
// ended otherwise, or more says no.
func (s *Synthesis) advance(iterations func(t *track) int, evaluations int, more func() bool) error {
	s.budget = budget{iterations, evaluations}
	for _, k := range s.rows {
		if t := &s.tracks[k]; t.ended != StopTolerance {
			t.ended = ""
		}
	}
	for {
		running := 0
		for _, k := range s.rows {
			t := &s.tracks[k]
			if t.ended == "" && t.iterations >= iterations(t) {
				t.ended = StopIterations
			}
			if t.ended == "" {
				running++
			}
		}
		if running == 0 || !more() {
			return nil
		}
		if err := s.shrink(); err != nil {
			return err
		}
		if err := s.tick(func(t *track) bool { return t.ended == "" }); err != nil {
			return err
		}
	}
}

// shrink builds a program for the images that go on, when they are fewer than
// half of those it holds.
func (s *Synthesis) shrink() error {
	done := 0
	for _, k := range s.rows {
		if s.tracks[k].done() {
			done++
		}
	}
	if 2*done <= len(s.rows) || s.running != nil { // what a machine knows is not given up
		return nil
	}
	var alive, from []int
	for i, k := range s.rows {
		if !s.tracks[k].done() {
			alive, from = append(alive, k), append(from, i)
		}
	}
	if err := s.settle(); err != nil {
		return err
	}
	x, err := s.shapedImage()
	if err != nil {
		return err
	}
	state := map[string]tensor.Tensor{"retired": x}
	for _, v := range s.tape.Vars() {
		t, err := s.tape.Get(v)
		if err != nil {
			return err
		}
		state[v.Name()] = pick(t, from)
	}
	return s.restore(alive, state)
}

// unlimited is more evaluations than anyone makes.
const unlimited = math.MaxInt64

// Step runs one more iteration of every image that has not converged. It errs
// if the backend fails, or with ErrNaN if an image cannot be continued.
func (s *Synthesis) Step() error {
	for k := range s.tracks {
		s.tracks[k].target = s.tracks[k].iterations + 1
	}
	if err := s.advance(func(t *track) int { return t.target }, unlimited, func() bool { return true }); err != nil {
		return err
	}
	return s.nanError()
}

// nanError says which image became NaN, if one did.
func (s *Synthesis) nanError() error {
	for k := range s.tracks {
		if t := &s.tracks[k]; t.ended == StopNaN {
			return fmt.Errorf("synth: image %d, iteration %d: %w%s", k, t.iterations, ErrNaN, t.where)
		}
	}
	return nil
}

// nanLine names the line of the model that made a NaN in p, if it can be found.
func nanLine(p *autograd.Program) string {
	where, err := p.FindNaN()
	if err != nil || where == nil {
		return ""
	}
	return ": " + where.String()
}

// Run runs until every image has converged or stop says so. When ctx ends it
// stops between two evaluations and returns ctx's error; nothing is lost, and
// Run can be called again. It also errs if the backend fails, or with ErrNaN if
// an image could not be continued.
func (s *Synthesis) Run(ctx context.Context, stop Stop) (Result, error) {
	if stop.Iterations == 0 {
		stop.Iterations = s.Iterations()
	}
	if stop.Evaluations == 0 {
		stop.Evaluations = unlimited
	}
	begin := time.Now()
	late := func() bool { return stop.Time > 0 && time.Since(begin) >= stop.Time }
	err := s.advance(func(*track) int { return stop.Iterations }, stop.Evaluations, func() bool {
		return ctx.Err() == nil && !late()
	})
	reason := StopSignal
	if ctx.Err() == nil {
		reason = StopTime
	}
	for k := range s.tracks {
		if t := &s.tracks[k]; t.ended == "" {
			t.ended = reason
		}
	}
	if err == nil {
		err = s.settle()
	}
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil {
		err = s.nanError()
	}
	return s.result(), err
}

// A Result says how a Run ended, for each image.
type Result struct {
	StoppedBy   []StopReason
	Iterations  []int // in all
	Evaluations []int // in all
	Loss        []float64
	Seconds     float64 // in all
}

func (s *Synthesis) result() Result {
	r := Result{Seconds: s.seconds}
	for k := range s.tracks {
		t := &s.tracks[k]
		r.StoppedBy = append(r.StoppedBy, t.ended)
		r.Iterations = append(r.Iterations, t.iterations)
		r.Evaluations = append(r.Evaluations, t.spent)
		r.Loss = append(r.Loss, t.now.Loss)
	}
	return r
}

// settle finds the losses of the images as they are: it evaluates once without
// changing them, where the last tick did not tell.
func (s *Synthesis) settle() error {
	known := true
	for _, k := range s.rows {
		known = known && s.tracks[k].known
	}
	if known {
		return s.settleWhole()
	}
	ended := make([]StopReason, len(s.rows))
	for i, k := range s.rows {
		ended[i] = s.tracks[k].ended
	}
	before := s.budget
	s.budget = budget{iterations: func(*track) int { return 0 }}
	err := s.tick(func(t *track) bool { return !t.known })
	if s.budget = before; err != nil {
		return err
	}
	for i, k := range s.rows {
		if s.tracks[k].ended != StopNaN {
			s.tracks[k].ended = ended[i]
		}
	}
	return s.settleWhole()
}

// shapedImage returns the images as they are, (N, …), in host memory.
func (s *Synthesis) shapedImage() (tensor.Tensor, error) {
	x, err := s.tape.Get(s.imagesVar())
	if err != nil {
		return x, err
	}
	for i, k := range s.rows {
		tensor.Copy(s.retired.Crop(0, k, k+1, 1), x.Crop(0, i, i+1, 1))
	}
	y := tensor.New(x.DType, s.retired.Shape()...)
	tensor.Copy(y, s.retired)
	return y, nil
}

// History returns the rows of image n: row k is its state before iteration k,
// the last row the image as it is. Where the loss of that is not known yet, it
// is evaluated; if the backend fails, it is NaN. It panics if there is no image n.
func (s *Synthesis) History(n int) []Record {
	t := &s.tracks[n]
	last := t.now
	if err := s.settle(); err != nil {
		last = unknownRecord()
	} else {
		last = t.now
	}
	last.Iteration, last.Evaluations, last.Seconds, last.PixelChange = t.iterations, t.spent, s.seconds, math.NaN()
	return append(t.records[:len(t.records):len(t.records)], last)
}

// unknownRecord is the row of an image that cannot be evaluated.
func unknownRecord() Record {
	r := Record{Loss: math.NaN(), Penalty: math.NaN(), GradientNorm: math.NaN()}
	for i := range r.Aside {
		r.Aside[i] = math.NaN()
	}
	return r
}

// Losses returns the losses of the rows of History(n). It panics if there is no
// image n.
func (s *Synthesis) Losses(n int) []float64 {
	h := s.History(n)
	l := make([]float64, len(h))
	for i := range h {
		l[i] = h[i].Loss
	}
	return l
}

// Frames returns the stored states of image n, the first being its start. It
// panics if there is no image n.
func (s *Synthesis) Frames(n int) []Frame { return s.tracks[n].frames }

// To moves the synthesis to another backend. It errs, changing nothing, if its
// memory does not suffice.
func (s *Synthesis) To(dev autograd.Backend) error {
	if dev == nil {
		dev = autograd.CPU{}
	}
	if err := s.tape.To(dev); err != nil {
		return err
	}
	s.backend = dev
	return nil
}

// Close frees the memory of the synthesis. A second call does nothing.
func (s *Synthesis) Close() { s.tape.Close() }
