package synth

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWalkAcceptsWithinTheSlack: a step in the image domain is taken if the path
// energy stays within a thousandth of the least and the image energy falls.
func TestWalkAcceptsWithinTheSlack(t *testing.T) {
	for _, c := range []struct {
		loss, energy, image, floor float64
		taken                      bool
	}{
		{1.0009, 1.0009, 4, 0, true}, {1.0011, 1, 4, 0, false}, {1, 1.0011, 4, 0, false}, {1, 1, 5, 0, false},
		{1.9, 1.9, 4, 2, true}, // below the floor, an energy counts as none
	} {
		w := walk{Walking: 1, Stride: 1, Least: 1, LeastPath: 1, Path: place{Image: 5}, Base: place{Loss: c.loss, Energy: c.energy, Image: c.image}}
		w.judge(c.floor)
		require.Equal(t, float64(phaseMove), w.Next)
		if require.Equal(t, c.taken, w.Keep == 1, "%+v", c); !c.taken {
			require.Equal(t, .5, w.Stride)
		}
	}
	w := walk{Walking: 1, Halvings: imageTries, Path: place{Image: 5}, Base: place{Loss: 9}}
	w.judge(0)
	require.Equal(t, 1., w.Over, "no step is short enough")
}

// TestWalkEndsWhenTheImageEnergyIsStill looks once in as many evaluations as the
// window has.
func TestWalkEndsWhenTheImageEnergyIsStill(t *testing.T) {
	rule := walkRule{tolerance: .01, window: 50}
	for _, c := range []struct {
		image, spent float64
		over         float64
	}{{4.5, 60, 0}, {4.999, 49, 0}, {4.999, 50, 1}, {4.98, 50, 0}} {
		w := walk{Walking: 1, Keep: 1, Spent: c.spent, Mark: 5, Path: place{Image: 5}, Base: place{Image: c.image}}
		w.afterMove(.1, rule, 1)
		require.Equal(t, c.over, w.Over, "%+v", c)
		require.Equal(t, c.image, w.Path.Image)
		require.Equal(t, 1., w.Ended)
	}
}

// TestWalkTriesShorterStepsFromTheSamePlace follows a Gauss–Newton step that does
// not lead down.
func TestWalkTriesShorterStepsFromTheSamePlace(t *testing.T) {
	w := walk{Started: 1, Step: 1, Promise: .5, Base: place{Loss: 1}, Next: phaseTrial, Phase: phaseTrial}
	for i, step := range []float64{.25, .0625} {
		w.after([]float64{1, 0, 3, 0, 3, 0, 0, 0, 0}, walkRule{}, 0, 1)
		require.Equal(t, step, w.Step, i)
		require.InDelta(t, 1-2*armijo*step*.5, w.Bound, 1e-15)
		require.Zero(t, w.Solution, "the direction stays")
	}
	for range newtonTries {
		w.after([]float64{1, 0, 3, 0, 3, 0, 0, 0, 0}, walkRule{}, 0, 1)
	}
	require.Equal(t, 1., w.Walking, "nothing to gain: this is the representational geodesic")
}
