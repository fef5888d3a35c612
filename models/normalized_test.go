package models_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

func TestMomentsAreThoseOfTheFormula(t *testing.T) {
	rows := [][]float64{{1, 5, 1e9}, {2, 5, 1e9 + 1}, {4, 5, 1e9 + 2}, {9, 5, 1e9 + 3}}
	var m models.Moments
	require.NoError(t, m.Add(tensor.Of(slices.Concat(rows[0], rows[1]), 2, 3)))
	require.NoError(t, m.Add(tensor.Of(rows[2], 1, 3)))
	require.NoError(t, m.Add(tensor.Of(rows[3], 1, 3)))
	s, err := m.Statistics()
	require.NoError(t, err)
	require.Equal(t, 4, s.Count)
	require.InDeltaSlice(t, []float64{4, 5, 1e9 + 1.5}, tensor.Floats(s.Mean), 1e-6)
	require.InDeltaSlice(t, []float64{math.Sqrt(38. / 3), 0, math.Sqrt(5. / 3)}, tensor.Floats(s.Std), 1e-9)

	require.ErrorContains(t, m.Add(tensor.Of([]float64{1}, 1, 1)), "those before")
	require.ErrorContains(t, m.Add(tensor.Of([]float64{1, 2, math.NaN()}, 1, 3)), "entry 2")
	var one models.Moments
	require.NoError(t, one.Add(tensor.Of(rows[0], 1, 3)))
	_, err = one.Statistics()
	require.ErrorContains(t, err, "two or more")
}

func TestComplexMoments(t *testing.T) {
	var m models.Moments
	require.NoError(t, m.Add(tensor.Of([]complex128{1 + 2i, 3 - 2i}, 2, 1)))
	s, err := m.Statistics()
	require.NoError(t, err)
	require.Equal(t, complex(2, 0), s.Mean.Load(0))
	require.InDelta(t, math.Sqrt(2*(1+4)), s.Std.LoadReal(0), 1e-12)
}

// twoGroups returns its pixels as entries of two groups.
type twoGroups struct{ models.Identity }

func (twoGroups) Groups() []synth.Group {
	return []synth.Group{{Name: "a", Shape: []int{2}, From: []int{0, 1}}, {Name: "b", Shape: []int{2}, From: []int{2, -1}}}
}

func TestEntriesThatHardlyVaryGetNoWeight(t *testing.T) {
	s := models.Statistics{Count: 2, Mean: tensor.Of([]float64{1, 2, 3, 4}, 1, 1, 4), Std: tensor.Of([]float64{2, 1e-9, 1e-9, 0}, 1, 1, 4)}
	m, flat, err := models.Normalize(twoGroups{}, s)
	require.NoError(t, err)
	require.Equal(t, map[string][]int{"a": {1}, "all": {3}}, flat, "in b it is the largest")
	require.Len(t, m.(synth.Grouped).Groups(), 2)
	tape := autograd.New(nil)
	defer tape.Close()
	y, err := autograd.Eval(m.Forward(tape.Const(tensor.Of([]float64{2, 3, 4, 5}, 1, 1, 1, 4))))
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{.5, 0, 1e9, 0}, tensor.Floats(y), 1e-3)
	err = autograd.Try(func() { m.Forward(tape.Const(tensor.New(tensor.Float64, 1, 1, 2, 2))) })
	require.ErrorContains(t, err, "another model or another size")
}

func TestNormalizedTextureModelKeepsItsScales(t *testing.T) {
	m, err := models.NewPortillaSimoncelli(32, 32, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 2, CorrelationWidth: 4})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	var moments models.Moments
	for seed := range uint64(3) {
		y, err := autograd.Eval(m.Forward(tape.Const(synth.NoiseStart(tensor.MakeType(tensor.Float64, 1, 1, 32, 32), seed))))
		require.NoError(t, err)
		require.NoError(t, moments.Add(y))
	}
	s, err := moments.Statistics()
	require.NoError(t, err)
	n, _, err := models.Normalize(m, s)
	require.NoError(t, err)
	l := n.(synth.Labelled)
	x := tape.Const(synth.NoiseStart(tensor.MakeType(tensor.Float64, 1, 1, 32, 32), 9))
	whole, err := autograd.Eval(n.Forward(x))
	require.NoError(t, err)
	part, err := autograd.Eval(l.ForwardScales(x, l.Scales()[:2]))
	require.NoError(t, err)
	var want []float64
	for i, scale := range l.EntryScales() {
		if scale == l.Scales()[0] || scale == l.Scales()[1] {
			want = append(want, whole.LoadReal(i))
		}
	}
	require.InDeltaSlice(t, want, tensor.Floats(part), 1e-9)
}

func TestNormalizedByTarget(t *testing.T) {
	m, err := models.NormalizeByTarget(twoGroups{}, tensor.Of([]float64{3, 4, -2, 0}, 1, 1, 1, 4))
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(tensor.Of([]float64{5, 10, 4, 7}, 1, 1, 1, 4))
	y, err := autograd.Eval(m.Forward(x))
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{1, 2, 2, 7}, tensor.Floats(y), 1e-12)
	g, err := autograd.Eval(autograd.Grad(m.Forward(x).Sum(), x)[0])
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{.2, .2, .5, 1}, tensor.Floats(g), 1e-12, "the target's values are constant")
	_, err = models.NormalizeByTarget(twoGroups{}, tensor.New(tensor.Float64, 2, 4))
	require.ErrorContains(t, err, "one image")
}
