package synth

import (
	"context"
	"io"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// usableLevel is how far, relatively, the metric held may be from its level for
// a start to count.
const usableLevel = 1e-3

// retractions is how many Newton steps back to the level are made at most.
const retractions = 30

// Best returns from which start result i is: the one with the best metric driven
// among those that hold the other, as they are now. It panics if there is no
// result i.
func (s *MAD) Best(i int) int {
	best, least := 0, math.Inf(1)
	for k := range s.options.Starts {
		t := &s.tracks[i*s.options.Starts+k]
		off := s.options.Tradeoff == Constrained && !(math.Abs(t.now.Aside[0]-s.level[i]) <= usableLevel*s.level[i])
		if t.ended != StopNaN && !off && t.now.Loss < least {
			best, least = k, t.now.Loss
		}
	}
	return best
}

// problem returns the problem that result i is taken from.
func (s *MAD) problem(i int) int { return i*s.options.Starts + s.Best(i) }

// problems returns all problems of the given results, or of all.
func (s *MAD) problems(results []int) []int {
	if len(results) == 0 {
		results = upTo(s.results())
	}
	var list []int
	for _, i := range results {
		for k := range s.options.Starts {
			list = append(list, i*s.options.Starts+k)
		}
	}
	return list
}

// chosen returns the problem of each result.
func (s *MAD) chosen() []int {
	list := make([]int, s.results())
	for i := range list {
		list[i] = s.problem(i)
	}
	return list
}

// Image returns the results as they are, (results, C, H, W), in host memory. It
// errs if the backend fails.
func (s *MAD) Image() (tensor.Tensor, error) {
	if err := s.settle(); err != nil {
		return tensor.Tensor{}, err
	}
	x, err := s.shapedImage()
	if err != nil {
		return x, err
	}
	x = pick(x, s.chosen())
	return x, s.retract(x)
}

// retract moves results of a constrained search back to the level of the metric held,
// by Newton steps along its gradient. They are there already but where the search was
// ended before that metric's kinks were sharp.
func (s *MAD) retract(x tensor.Tensor) error {
	if s.options.Tradeoff != Constrained {
		return nil
	}
	within := optim.TangentLevel(x.DType)
	off := false
	for i, k := range s.chosen() {
		off = off || math.Abs(s.tracks[k].now.Aside[0]-s.level[i]) > 2*within*s.level[i]
	}
	low, high := s.bounds()
	for n := 0; off && n < retractions; n++ {
		j, err := s.judged()
		if err != nil {
			return err
		}
		f, err := j.evaluate(x)
		if err != nil {
			return err
		}
		off = false
		for i := range s.results() {
			_, held, _, c := f.roles(s.goal(s.problem(i)), i)
			if away := held - s.level[i]; math.Abs(away) > within*s.level[i] {
				off = true
				row := x.Crop(0, i, i+1, 1)
				v := tensor.Floats(row)
				size := 0.
				for k := range v {
					if toBound := away*c[k] > 0 && v[k] <= low || away*c[k] < 0 && v[k] >= high; !toBound {
						size += c[k] * c[k]
					}
				}
				for k := range v {
					v[k] = min(max(v[k]-away*c[k]/size, low), high)
				}
				tensor.Copy(row, castRow(v, x))
			}
		}
	}
	return nil
}

// castRow returns v as an image of x, of its type.
func castRow(v []float64, x tensor.Tensor) tensor.Tensor {
	row := tensor.New(x.DType, append([]int{1}, x.Shape()[1:]...)...)
	for i, p := range v {
		row.StoreReal(i, p)
	}
	return row
}

// Start returns what the results were begun from, (results, C, H, W).
func (s *MAD) Start() tensor.Tensor { return pick(s.start, s.chosen()) }

// History returns the rows of result i, whose Aside has the metric held and the
// metric driven. Row k is the state before iteration k, the last row the image as
// it is. In a constrained search the gradient is the projected one. It panics if
// there is no result i.
func (s *MAD) History(i int) []Record {
	_ = s.settle() // History says so by NaN
	return s.Synthesis.History(s.problem(i))
}

// Losses returns the losses of the rows of History(i). It panics if there is no
// result i.
func (s *MAD) Losses(i int) []float64 { return s.Synthesis.Losses(s.problem(i)) }

// Frames returns the stored states of result i, the first being its start. It
// panics if there is no result i.
func (s *MAD) Frames(i int) []Frame { return s.Synthesis.Frames(s.problem(i)) }

// Run is that of Synthesis, for each result. Iterations and evaluations are those
// of the start that the result is taken from.
func (s *MAD) Run(ctx context.Context, stop Stop) (Result, error) {
	all, err := s.Synthesis.Run(ctx, stop)
	r := Result{Seconds: all.Seconds}
	for _, k := range s.chosen() {
		r.StoppedBy, r.Iterations = append(r.StoppedBy, all.StoppedBy[k]), append(r.Iterations, all.Iterations[k])
		r.Evaluations, r.Loss = append(r.Evaluations, all.Evaluations[k]), append(r.Loss, all.Loss[k])
	}
	return r, err
}

// Save writes a checkpoint of the given results, or of all where none is given.
// From it Load continues as if nothing had happened: to the same bits on the
// same backend. It errs if w or the backend does, and panics if there is no such
// result.
func (s *MAD) Save(w io.Writer, results ...int) error {
	return s.Synthesis.Save(w, s.problems(results)...)
}

// To moves the synthesis to another backend. It errs, changing nothing, if its
// memory does not suffice.
func (s *MAD) To(dev autograd.Backend) error {
	s.dismiss()
	return s.Synthesis.To(dev)
}

// dismiss frees the judge; it is made again when needed.
func (s *MAD) dismiss() {
	if s.judge != nil {
		s.judge.tape.Close()
		s.judge = nil
	}
}

// Close frees the memory of the synthesis. A second call does nothing.
func (s *MAD) Close() {
	s.dismiss()
	s.Synthesis.Close()
}
