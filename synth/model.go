// Package synth makes images that tell what a model sees: metamers,
// MAD-competition images, eigendistortions and geodesics.
package synth

import "github.com/percept-go/percept/autograd"

// A Model maps images (N, C, H, W) to a representation whose axis 0 is the
// same N: image k's representation depends on image k only. Forward records on
// x's Tape; it may be called several times and must record the same each time.
// It panics with *autograd.Error if x does not fit.
type Model interface {
	Forward(x autograd.Value) autograd.Value
}

// ModelFunc is a function that serves as a Model.
type ModelFunc func(x autograd.Value) autograd.Value

// Forward returns f(x).
func (f ModelFunc) Forward(x autograd.Value) autograd.Value { return f(x) }

// A Group is one named part of a representation (N, C, S), for dictionaries,
// certificates and pictures.
type Group struct {
	Name  string
	Shape []int // per image and channel
	From  []int // for each element of Shape in C order its index in the representation's last axis, or -1 where left out
}

// Grouped is a Model whose representation has named parts.
type Grouped interface {
	Groups() []Group
}

// Scaled is a Model that can compute parts of its representation alone, for
// coarse-to-fine synthesis.
type Scaled interface {
	// Scales returns the names of the parts, coarsest first.
	Scales() []string
	// ForwardScales returns the entries of Forward(x) that belong to the given
	// scales, in the order of Forward. It panics with *autograd.Error if a scale
	// is unknown.
	ForwardScales(x autograd.Value, scales []string) autograd.Value
}

// Labelled is a Scaled model that knows of each entry of its representation's
// last axis to which scale it belongs. Losses that weigh groups need it for
// coarse-to-fine synthesis.
type Labelled interface {
	Scaled
	// EntryScales returns the scales in the order of the entries. It does not panic.
	EntryScales() []string
}
