package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// TestEntriesKnowTheirScale compares what a model computes for a scale alone with
// the entries of the whole that belong to it.
func TestEntriesKnowTheirScale(t *testing.T) {
	ps, err := models.NewPortillaSimoncelli(32, 32, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 4})
	require.NoError(t, err)
	pyramid, err := models.NewSteerablePyramid(32, 32, models.SteerablePyramidOptions{Complex: true})
	require.NoError(t, err)
	laplacian, err := models.NewLaplacianPyramid(32, 32, models.LaplacianPyramidOptions{Scales: 3})
	require.NoError(t, err)
	x := tensor.New(tensor.Float64, 1, 1, 32, 32)
	for i := range x.Len() {
		x.StoreReal(i, float64(i*i%97)/97)
	}
	for name, m := range map[string]synth.Model{"portilla-simoncelli": ps, "steerable-pyramid": pyramid, "laplacian-pyramid": laplacian} {
		l, ok := m.(synth.Labelled)
		require.True(t, ok, name)
		tape := autograd.New(nil)
		whole, err := autograd.Eval(m.Forward(tape.Const(x)))
		require.NoError(t, err)
		entries, labels := tensor.Floats(whole), l.EntryScales()
		require.Len(t, labels, len(entries), name)
		count := 0
		for _, scale := range l.Scales() {
			part, err := autograd.Eval(l.ForwardScales(tape.Const(x), []string{scale}))
			require.NoError(t, err)
			var want []float64
			for i, s := range labels {
				if s == scale {
					want = append(want, entries[i])
				}
			}
			require.InDeltaSlice(t, want, tensor.Floats(part), 1e-12, "%s %s", name, scale)
			count += len(want)
		}
		require.Equal(t, len(entries), count, name)
		tape.Close()
	}
}
