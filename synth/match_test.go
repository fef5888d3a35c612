package synth_test

import (
	"maps"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// moments is a model whose representation does not depend on the size of images:
// means of powers.
func moments(x autograd.Value) autograd.Value {
	var m []autograd.Value
	for i, p := 0, x; i < 4; i, p = i+1, p.Mul(x) {
		m = append(m, p.Mean(2, 3))
	}
	return autograd.Stack(2, m...)
}

func momentsOf(t *testing.T, x tensor.Tensor) []float64 {
	tape := autograd.New(nil)
	defer tape.Close()
	v, err := autograd.Eval(moments(tape.Const(x)))
	require.NoError(t, err)
	return tensor.Floats(v)
}

// TestMixturesAreMatched matches the mean of two images of other sizes than that
// of the result, for a batch of starts.
func TestMixturesAreMatched(t *testing.T) {
	a, b := texture(16, 8, 0), texture(12, 12, 1)
	for i := range b.Len() {
		b.StoreReal(i, b.LoadReal(i)*b.LoadReal(i))
	}
	result := tensor.Tensor{Type: tensor.MakeType(tensor.Float64, 3, 1, 8, 8)}
	o := synth.MetamerOptions{Match: []synth.Source{{Image: a}, {Image: b, Model: synth.ModelFunc(moments)}}, Tolerance: new(0.)}
	s := newMetamer(t, result, synth.ModelFunc(moments), o)
	run(t, s, synth.Stop{Iterations: 20})
	x, err := s.Image()
	require.NoError(t, err)
	ma, mb := momentsOf(t, a), momentsOf(t, b)
	for k := range 3 {
		for i, v := range momentsOf(t, x.Crop(0, k, k+1, 1)) {
			require.InDelta(t, (ma[i]+mb[i])/2, v, 1e-5)
		}
	}
	outcomes, err := s.Outcome()
	require.NoError(t, err)
	for _, one := range outcomes {
		require.True(t, one.Matched, "%+v", one)
		require.True(t, math.IsNaN(one.FromTarget))
	}
	for _, c := range []struct {
		sources []synth.Source
		reads   string
	}{
		{[]synth.Source{{Image: tensor.New(tensor.Float64, 1, 1, 8, 8)}}, "source 0: synth: all elements"},
		{[]synth.Source{{Image: a}, {Image: batch(2, 8, 8)}}, "source 1 is a float64[2 1 8 8]"},
		{[]synth.Source{{Image: a}, {Image: b, Model: synth.ModelFunc(energies)}}, "image 1 has a representation of type"},
		{[]synth.Source{{Image: b, Model: synth.ModelFunc(energies)}}, "depends on the size of images"},
	} {
		o.Match = c.sources
		_, err := synth.NewMetamer(nil, result, synth.ModelFunc(moments), o)
		require.ErrorContains(t, err, c.reads)
	}
	_, err = synth.NewMetamer(nil, result, synth.ModelFunc(moments), synth.MetamerOptions{})
	require.ErrorContains(t, err, "the target is a")
}

// TestMatchedWithinBounds: what counts is the weighted penalty beside the objective
// at the start, however little is left of the loss.
func TestMatchedWithinBounds(t *testing.T) {
	target := texture(8, 8, 1)
	s := newMetamer(t, target, synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Crop(2, 0, 4) }),
		synth.MetamerOptions{Init: texture(8, 8, 3), Loss: synth.MSE{ScaleStart: true}})
	for beyond, want := range map[float64]bool{.3: true, .32: false} { // .1·.3² = .009 of 1
		x := tensor.New(tensor.Float64, 1, 1, 8, 8)
		tensor.Copy(x, target)
		x.StoreReal(63, 1+beyond)
		list, err := s.Judge(x)
		require.NoError(t, err)
		require.InDelta(t, .1*beyond*beyond, list[0].PenaltyShare, 1e-12)
		require.Equal(t, want, list[0].Matched, "%+v", list[0])
		require.Equal(t, 1, list[0].Clipped)
	}
}

// TestKeptPixelsStay also with optimizers that shrink pixels, and in resumed runs.
func TestKeptPixelsStay(t *testing.T) {
	keep := tensor.New(tensor.Float64, 8, 8)
	for i := range 64 {
		if i%8 < 3 {
			keep.StoreReal(i, .5)
		}
	}
	start := texture(8, 8, 3)
	all := maps.Clone(optimizers)
	all["spectral"] = optim.LBFGS{Spectral: true}
	for name, o := range all {
		s := newMetamer(t, texture(8, 8, 1), synth.ModelFunc(energies), synth.MetamerOptions{Optimizer: o, Init: start, Keep: keep, Tolerance: new(0.), StoreEvery: 9})
		run(t, s, synth.Stop{Iterations: 10})
		frame := s.Frames(0)[1].Image
		require.Equal(t, start.LoadReal(9), frame.LoadReal(9), name)
		x := imageOf(t, s)
		moved := 0.
		for i, v := range x {
			if i%8 < 3 {
				require.Equal(t, start.LoadReal(i), v, name)
			} else {
				moved += math.Abs(v - start.LoadReal(i))
			}
		}
		require.Positive(t, moved, name)
	}
	for _, c := range []struct {
		keep  tensor.Tensor
		reads string
	}{
		{tensor.New(tensor.Float64, 8, 7), "8×8 pixels"},
		{tensor.Scalar(1.).Expand(8, 8), "every pixel"},
	} {
		_, err := synth.NewMetamer(nil, texture(8, 8, 1), synth.ModelFunc(energies), synth.MetamerOptions{Keep: c.keep})
		require.ErrorContains(t, err, c.reads)
	}
}
