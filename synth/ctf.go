package synth

import (
	"fmt"
	"math"
	"slices"

	"github.com/percept-go/percept/autograd"
)

// CoarseToFine is the order in which a synthesis matches the scales of a Scaled
// model. What is coarse is found first, where it is cheap and not yet hidden by
// what is fine.
type CoarseToFine string

// The orders. The last stage of each matches the whole representation.
const (
	AllAtOnce CoarseToFine = ""         // one stage
	Together  CoarseToFine = "together" // the coarsest scale, then each finer one beside those before
	Separate  CoarseToFine = "separate" // each scale by itself, the coarsest first
)

// wholeStage is the name of the last stage.
const wholeStage = "all"

// weighsGroups is a Loss with weights that belong to a whole representation. In a
// stage it gets one whose other entries are the target's.
type weighsGroups interface{ weighsGroups() }

func (Groupwise) weighsGroups()          {}
func (PortillaSimoncelli) weighsGroups() {}

// stagesOf returns the stages that the options of s ask for.
func (s *Metamer) stagesOf() (p stages, err error) {
	o := s.options
	switch o.CoarseToFine {
	case AllAtOnce:
		return p, nil
	case Together, Separate:
	default:
		return p, fmt.Errorf("synth: coarse to fine %q; %q or %q expected", o.CoarseToFine, Together, Separate)
	}
	m, ok := s.model.(Scaled)
	if !ok {
		return p, fmt.Errorf("synth: coarse to fine: the model has no scales: a method Scales and a method ForwardScales")
	}
	scales := m.Scales()
	if err := distinct(scales); err != nil {
		return p, err
	}
	p.tolerance, p.window = or(o.ChangeTolerance, .01), o.ChangeWindow
	if p.window == 0 {
		p.window = 50
	}
	if !(p.tolerance > *o.Tolerance) || p.window < 1 {
		return p, fmt.Errorf("synth: coarse to fine: stages end when the loss changes by less than %v over %d iterations; more than the tolerance, %v, and at least 1 are expected",
			p.tolerance, p.window, *o.Tolerance)
	}
	p.names = o.CoarseToFine.Stages(scales)
	p.record = func(x autograd.Value, images []int, stage int) objective {
		x = s.kept(x, images)
		among := scales[:stage+1]
		if o.CoarseToFine == Separate {
			among = scales[stage : stage+1]
		}
		return s.objectiveOf(s.stageLoss(x, images, among), x, images)
	}
	return p, nil
}

// Stages returns the names of the stages for a model with the given scales,
// coarsest first: the scale that each adds, and "all". It does not panic.
func (c CoarseToFine) Stages(scales []string) []string {
	switch {
	case c == Separate:
		return append(slices.Clone(scales), wholeStage)
	case c == Together && len(scales) > 0:
		return append(slices.Clone(scales[:len(scales)-1]), wholeStage)
	}
	return []string{wholeStage}
}

// distinct errs if scales are no names of two stages or more.
func distinct(scales []string) error {
	if len(scales) < 2 {
		return fmt.Errorf("synth: coarse to fine: the model's scales are %q; at least two are needed", scales)
	}
	for i, n := range scales {
		if n == wholeStage || slices.Contains(scales[:i], n) {
			return fmt.Errorf("synth: coarse to fine: among the model's scales %q, %q is not unique", scales, n)
		}
	}
	return nil
}

func or(p *float64, d float64) float64 {
	if p == nil {
		return d
	}
	return *p
}

// forward records a representation, or a part of it.
type forward func(m Model, x autograd.Value) autograd.Value

func whole(m Model, x autograd.Value) autograd.Value { return m.Forward(x) }

// only records the entries of some scales.
func only(scales []string) forward {
	return func(m Model, x autograd.Value) autograd.Value {
		return m.(Scaled).ForwardScales(x, scales)
	}
}

// stageLoss records the loss of the given scales, without scale.
func (s *Metamer) stageLoss(x autograd.Value, problems []int, scales []string) autograd.Value {
	part := s.represent(x, only(scales))
	all := s.targetOf(x.Tape(), problems, whole)
	if part.Type() == all.Type() {
		fail("coarse to fine", fmt.Errorf("the scales %q alone have a representation of the type of the whole, %v", scales, all.Type()))
	}
	if _, ok := s.options.Loss.(weighsGroups); ok {
		return s.options.Loss.Loss(s.amongTarget(part, all, scales), all, s.groups())
	}
	return s.options.Loss.Loss(part, s.targetOf(x.Tape(), problems, only(scales)), nil)
}

// amongTarget returns a whole representation with the entries of the given scales
// from part and all others from target.
func (s *Metamer) amongTarget(part, target autograd.Value, scales []string) autograd.Value {
	const op = "coarse to fine"
	m, ok := s.model.(Labelled)
	if !ok {
		fail(op, fmt.Errorf("the loss weighs groups, and the model does not say to which scale an entry belongs: it has no method EntryScales"))
	}
	axis, entry, index := int(part.Type().Rank)-1, 0, make([]int, lastAxis(target))
	for i, scale := range m.EntryScales() {
		if i >= len(index) {
			break
		}
		if index[i] = lastAxis(part) + i; slices.Contains(scales, scale) {
			index[i] = entry
			entry++
		}
	}
	if entry != lastAxis(part) || len(m.EntryScales()) != len(index) {
		fail(op, fmt.Errorf("EntryScales names %d entries, %d of them of the scales %q; the representation has %d, and %d", len(m.EntryScales()), entry, scales, len(index), lastAxis(part)))
	}
	return autograd.Concat(axis, part, target).Gather(axis, index)
}

// A Stage is a part of a coarse-to-fine synthesis.
type Stage struct {
	Name  string // of the scale that it adds; the last is "all"
	Start int    // iterations done when it began; −1: it has not
	Stop  int    // the last iteration before the next stage; −1: there is none
}

// Stages returns the stages of image n, none if there is only one. It panics if
// there is no image n.
func (s *Synthesis) Stages(n int) []Stage {
	t := &s.tracks[n]
	var list []Stage
	for i, name := range s.stages.names {
		st := Stage{name, -1, -1}
		switch {
		case i == 0:
			st.Start = 0
		case i <= t.Stage:
			st.Start = t.Starts[i-1]
		}
		if i < t.Stage {
			st.Stop = t.Starts[i] - 1
		}
		list = append(list, st)
	}
	return list
}

// StageOf returns in which stage a row of the history was made, and the loss that
// was minimized in it; "" and NaN if there is only one.
func (s *Synthesis) StageOf(r Record) (name string, loss float64) {
	if !s.stages.any() {
		return "", math.NaN()
	}
	return s.stages.names[int(r.Aside[asideStage])], r.Aside[asideStageLoss]
}
