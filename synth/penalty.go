package synth

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A Penalty keeps images within bounds: the objective is the loss plus the
// weight times the penalty.
type Penalty interface {
	// Penalty returns the penalty (N,), float64, of images (N, …) and its weight.
	// It panics with *autograd.Error if it cannot serve them.
	Penalty(x autograd.Value) (penalty autograd.Value, weight float64)
}

// Range is the sum of squared distances of pixels to [Low, High].
type Range struct {
	Weight    float64 // 0 means 0.1; for no penalty take NoPenalty
	Low, High float64 // both 0 mean 0 and 1
}

func (p Range) withDefaults() Range {
	if p.Weight == 0 {
		p.Weight = .1
	}
	if p.Low == 0 && p.High == 0 {
		p.High = 1
	}
	return p
}

// Penalty implements Penalty. It panics with *autograd.Error if x is complex.
func (p Range) Penalty(x autograd.Value) (autograd.Value, float64) {
	p = p.withDefaults()
	out := x.Sub(x.Clamp(p.Low, p.High))
	return squares(out).SumWide(1), p.Weight
}

// NoPenalty is a penalty of 0.
type NoPenalty struct{}

// Penalty implements Penalty. It does not panic.
func (NoPenalty) Penalty(x autograd.Value) (autograd.Value, float64) {
	return x.Tape().Zeros(tensor.MakeType(tensor.Float64, x.Type().Dim[0])), 0
}
