package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/tensor"
)

// What a path must reach to count as a good geodesic.
const (
	GoodGain      = 1e-3 // most that one step along the gradient may still remove
	GoodEvenness  = .1   // most that the represented steps may vary, relative to their mean
	GoodSpread    = .05  // most that the starts' path energies may differ, relative to the least
	GoodPenalty   = .01  // most of the objective that may be weighted penalty
	GoodProjected = .05  // see GeodesicOutcome.Projected; of Conditional
)

// A GeodesicOutcome judges the best path of one pair.
type GeodesicOutcome struct {
	Good      bool // the criteria hold
	StoppedBy StopReason
	Start     int // the best start, counted from 0
	PathMeasure
	Pixelfade PathMeasure // of the straight line
	// Bound is the least energy that any path of representations could have, the
	// straight line's between the ends' representations, over Energy. It is 1 for a
	// path that cannot be better; below 1, images may not be able to follow that
	// line, so that it is a bound and no gap.
	Bound     float64
	Evenness  float64 // standard deviation of the represented steps' lengths over their mean
	Deviation float64 // largest distance of a representation from the straight line, over its length
	// Spread is how much the starts' path energies differ, relative to the least;
	// 0 for one start.
	Spread       float64
	PenaltyShare float64 // of the objective
	// Projected is, for Conditional, the norm of the image energy's gradient
	// projected off the range of the Gauss–Newton matrix, over that of the gradient
	// itself, when it was last computed; NaN before.
	Projected float64
	Clipped   int // pixels of all frames outside the penalty's range, or [0, 1]
}

// Outcome judges the paths as they are: one outcome for each pair, of its best
// start. It errs if the backend fails.
func (s *Geodesic) Outcome() ([]GeodesicOutcome, error) {
	paths, err := s.Paths()
	if err != nil {
		return nil, err
	}
	return s.Judge(paths)
}

// Judge judges paths (N·Starts, Steps+1, C, H, W) as Outcome does those of s, for
// example those that a file holds. It errs if they are of another type or the
// backend fails.
func (s *Geodesic) Judge(paths tensor.Tensor) ([]GeodesicOutcome, error) {
	all, err := s.Measure(paths)
	if err != nil {
		return nil, err
	}
	projected, err := s.projected()
	if err != nil {
		return nil, err
	}
	weight := s.judge.weight
	out := make([]GeodesicOutcome, s.pairs())
	for k := range out {
		first := k * s.options.Starts
		best := first + s.best(all[first:first+s.options.Starts], weight)
		o := GeodesicOutcome{StoppedBy: s.tracks[best].ended, Start: best - first, PathMeasure: all[best], Pixelfade: s.fade[best], Projected: projected[best]}
		o.compare(weight, all[first:first+s.options.Starts])
		o.Clipped = clipped(s.options.Penalty, row(paths, best))
		o.Good = o.good(s.options.Method)
		out[k] = o
	}
	return out, nil
}

// best returns the start whose path is best: the one of least objective, or of
// those within the slack of that the one whose frames take the shortest way.
func (s *Geodesic) best(m []PathMeasure, weight float64) int {
	least := math.Inf(1)
	for _, p := range m {
		least = math.Min(least, p.Energy+weight*p.Penalty)
	}
	least = math.Max(least, floorOfEnergy*s.fade[0].Energy)
	best := -1
	for i, p := range m {
		if p.Energy+weight*p.Penalty <= (1+slack)*least && (best < 0 || p.ImageEnergy < m[best].ImageEnergy) {
			best = i
		}
	}
	return max(best, 0)
}

// compare fills in what o's numbers are relative to.
func (o *GeodesicOutcome) compare(weight float64, starts []PathMeasure) {
	n := float64(len(o.StepEnergy))
	mean, sum := 0., 0.
	if o.Bound = 1; o.Energy > 0 {
		o.Bound = o.Chord * o.Chord / n / n / o.Energy
	}
	for _, e := range o.StepEnergy {
		mean += math.Sqrt(e) / n
	}
	for _, e := range o.StepEnergy {
		sum += (math.Sqrt(e) - mean) * (math.Sqrt(e) - mean) / n
	}
	if mean > 0 {
		o.Evenness = math.Sqrt(sum) / mean
	}
	for _, d := range o.From {
		o.Deviation = math.Max(o.Deviation, d)
	}
	least, most := math.Inf(1), 0.
	for _, p := range starts {
		least, most = math.Min(least, p.Energy), math.Max(most, p.Energy)
	}
	if floor := math.Max(least, floorOfEnergy*o.Pixelfade.Energy); floor > 0 {
		o.Spread = (most - least) / floor
	}
	if objective := o.Energy + weight*o.Penalty; objective > 0 {
		o.PenaltyShare = weight * o.Penalty / objective
	}
}

// good reports whether o is a good geodesic.
func (o *GeodesicOutcome) good(method GeodesicMethod) bool {
	none := o.Energy <= floorOfEnergy*o.Pixelfade.Energy // the ends are represented alike, and so is the path
	even := none || o.Evenness <= GoodEvenness && o.Gain <= GoodGain && o.Spread <= GoodSpread
	shortest := method != Conditional || o.Projected <= GoodProjected || o.StoppedBy == StopTolerance
	return even && shortest && o.Energy <= o.Pixelfade.Energy*(1+slack) && o.PenaltyShare <= GoodPenalty
}

// clipped counts elements of x outside the range of a penalty, or [0, 1].
func clipped(p Penalty, x tensor.Tensor) (n int) {
	low, high := 0., 1.
	if r, ok := p.(Range); ok {
		low, high = r.withDefaults().Low, r.withDefaults().High
	}
	for _, v := range tensor.Floats(x) {
		if v < low || v > high {
			n++
		}
	}
	return n
}

// Best returns the start of pair k whose path is best at the moment, as Outcome
// chooses it, without a new evaluation where the losses are known. It panics if
// there is no pair k.
func (s *Geodesic) Best(k int) int {
	n := s.options.Starts
	m := make([]PathMeasure, n)
	for j := range m {
		h := s.History(k*n + j)
		last := h[len(h)-1]
		m[j] = PathMeasure{Energy: last.Loss, ImageEnergy: last.Aside[1]} // the loss has the penalty in it
	}
	return s.best(m, 0)
}

// Starts returns how many starts each pair has.
func (s *Geodesic) Starts() int { return s.options.Starts }

// Frames returns the stored states of the path of problem n, (Steps+1, C, H, W)
// each, the first being its start. It panics if there is no problem n.
func (s *Geodesic) Frames(n int) []Frame {
	var frames []Frame
	for _, f := range s.tracks[n].frames {
		frames = append(frames, s.wholeFrame(n, f))
	}
	return frames
}

// wholeFrame returns a state of problem n with the ends.
func (s *Geodesic) wholeFrame(n int, f Frame) Frame {
	path := row(s.line, n)
	tensor.Copy(path.Crop(0, 1, s.options.Steps, 1), f.Image)
	return Frame{f.Iteration, path}
}

// Progress returns what is known of iteration i of problem n, as that of
// Synthesis does; its frame is the whole path (Steps+1, C, H, W). It errs if there
// is no such iteration, or if the backend fails, and panics if there is no
// problem n.
func (s *Geodesic) Progress(n, i int, r Rounding) (Progress, error) {
	p, err := s.Synthesis.Progress(n, i, r)
	if err == nil && p.Frame.Image.Mem != nil {
		p.Frame = s.wholeFrame(n, p.Frame)
	}
	return p, err
}

// Objective returns the objective and the penalty without weight of other paths
// (N·Starts, Steps+1, C, H, W) between the same images. It errs if they are of
// another type or the backend fails.
func (s *Geodesic) Objective(paths tensor.Tensor) (objective, penalty []float64, err error) {
	if paths.Type != s.line.Type {
		return nil, nil, fmt.Errorf("synth: the paths are a %v; %v expected", paths.Type, s.line.Type)
	}
	return s.Synthesis.Objective(interior(paths))
}
