package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/dense"
	"github.com/percept-go/percept/tensor"
)

// A FiniteChange says what distortions of a finite size do. Eigenvalues say it
// for small ones only.
type FiniteChange struct {
	Amplitude float64 // L2 norm of the distortions
	// Change is, for each pair of the Spectrum, the L2 norm of the change of the
	// representation, the mean of that along the vector and against it.
	Change []float64
	// Predicted is what the eigenvalues say: amplitude·√λ.
	Predicted []float64
	// Survives says that the ranking holds: no pair changes the representation
	// more than one with a larger eigenvalue does, null pairs and pairs of one
	// cluster aside.
	Survives bool
}

// Amplitudes measures what the pairs of Spectrum(k) do to the representation of
// image k at the given L2 norms. It errs if an amplitude is not positive or the
// backend fails, and panics if there is no such image.
func (s *Eigendistortion) Amplitudes(k int, amplitudes ...float64) ([]FiniteChange, error) {
	for _, a := range amplitudes {
		if !(a > 0) || math.IsInf(a, 0) {
			return nil, fmt.Errorf("synth: the amplitude %v is not a positive number", a)
		}
	}
	represent, closed, err := s.represent(k)
	if err != nil {
		return nil, err
	}
	defer closed()
	pairs := s.Spectrum(k).Pairs
	at := tensor.Floats(pick(s.images, []int{k}))
	still, err := represent(at)
	if err != nil {
		return nil, err
	}
	var all []FiniteChange
	for _, a := range amplitudes {
		c := FiniteChange{Amplitude: a}
		for _, p := range pairs {
			sum := 0.
			for _, sign := range []float64{1, -1} {
				x := append([]float64(nil), at...)
				dense.AddScaled(x, sign*a, tensor.Slice[float64](p.Vector))
				moved, err := represent(x)
				if err != nil {
					return nil, err
				}
				dense.AddScaled(moved, -1, still)
				sum += dense.Norm(moved) / 2
			}
			c.Change, c.Predicted = append(c.Change, sum), append(c.Predicted, a*math.Sqrt(p.Value))
		}
		c.Survives = ranked(pairs, c.Change)
		all = append(all, c)
	}
	return all, nil
}

// ranked reports whether the changes have the order of the eigenvalues.
func ranked(pairs []Eigenpair, change []float64) bool {
	for i, p := range pairs {
		for j, q := range pairs {
			tied := p.Null && q.Null || p.Cluster != 0 && p.Cluster == q.Cluster
			if p.Value > q.Value && !tied && !(change[i] >= change[j]) {
				return false
			}
		}
	}
	return true
}

// represent returns the model as a function of an image of the shape of image k,
// and what frees it.
func (s *Eigendistortion) represent(k int) (f func(x []float64) ([]float64, error), closed func(), err error) {
	tape := autograd.New(s.device)
	image := pick(s.images, []int{k})
	var x, rep autograd.Value
	err = autograd.Try(func() {
		x = tape.Var("image", image)
		rep = s.model.Forward(x)
	})
	var prog *autograd.Program
	if err == nil {
		prog, err = tape.Compile([]autograd.Value{rep}, autograd.Value{})
	}
	if err != nil {
		tape.Close()
		return nil, nil, err
	}
	out := tensor.New(rep.Type().DType, rep.Type().Shape()...)
	return func(v []float64) ([]float64, error) {
		if err := tape.Set(x, tensor.Of(v, image.Shape()...)); err != nil {
			return nil, err
		}
		if err := prog.Run(); err != nil {
			return nil, err
		}
		err := prog.Read(0, out)
		return append([]float64(nil), tensor.Span[float64](out)...), err
	}, tape.Close, nil
}
