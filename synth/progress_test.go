package synth_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

func TestProgressRoundsAsTheReference(t *testing.T) {
	s, err := synth.NewMetamer(nil, gratings(32, 32), synth.ModelFunc(gaussian), synth.MetamerOptions{Optimizer: optim.Adam{}, StoreEvery: 2})
	require.NoError(t, err)
	defer s.Close()
	for range 7 {
		require.NoError(t, s.Step())
	}
	for _, c := range []struct {
		iteration int
		rounding  synth.Rounding
		kept      int
	}{
		{5, synth.Nearest, 4}, {3, synth.Nearest, 4}, {1, synth.Nearest, 0}, {3, synth.Before, 2}, {5, synth.After, 6}, {4, synth.After, 4},
		{7, synth.After, 7}, {7, synth.Before, 6}, {-1, synth.Before, 7}, {-2, synth.Nearest, 6},
	} {
		p, err := s.Progress(0, c.iteration, c.rounding)
		require.NoError(t, err)
		require.Equal(t, c.kept, p.Frame.Iteration, "%+v", c)
		want := c.iteration
		if want < 0 {
			want += 8
		}
		require.Equal(t, want, p.Iteration)
		require.Equal(t, s.Losses(0)[want], p.Loss)
		// What was kept is what the history speaks of.
		x, _ := p.Frame.Image.Reshape(1, 1, 32, 32)
		loss, penalty, err := s.Objective(x)
		require.NoError(t, err)
		require.InEpsilon(t, s.Losses(0)[p.Frame.Iteration], loss[0]+.1*penalty[0], 1e-12)
	}
	for _, i := range []int{8, -9} {
		_, err := s.Progress(0, i, synth.Nearest)
		require.ErrorContains(t, err, "has made 7 iterations")
	}
}

func TestProblemOfOnesOwn(t *testing.T) {
	start := tensor.Of([]float64{3, 1, -2, 5}, 2, 2)
	to := tensor.Of([]float64{.25, .5, .75, 1}, 2, 2)
	problem := synth.Problem{Name: "fit", Start: start, StoreEvery: 1, Inputs: []tensor.Tensor{to}, Loss: func(x autograd.Value, images []int) autograd.Value {
		rows := make([]autograd.Value, len(images))
		for i, k := range images {
			rows[i] = x.Tape().Const(to).Crop(0, k, k+1)
		}
		return x.Sub(autograd.Concat(0, rows...)).Square().SumWide(1)
	}}
	s, err := synth.New(nil, problem)
	require.NoError(t, err)
	defer s.Close()
	loss, penalty, err := s.Objective(start)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{4, 4 + 16}, penalty, 1e-12)
	require.InDeltaSlice(t, []float64{sq(2.75) + sq(.5) + .4, sq(2.75) + 16 + 2}, loss, 1e-12)
	require.NoError(t, s.Step())
	var file bytes.Buffer
	require.NoError(t, s.Save(&file))
	require.NoError(t, s.Step())
	want, err := s.Image()
	require.NoError(t, err)

	again, err := synth.New(nil, problem)
	require.NoError(t, err)
	defer again.Close()
	require.NoError(t, again.Load(bytes.NewReader(file.Bytes())))
	require.NoError(t, again.Step())
	x, err := again.Image()
	require.NoError(t, err)
	require.Equal(t, tensor.Floats(want), tensor.Floats(x))
	require.InDeltaSlice(t, tensor.Floats(to), tensor.Floats(x), 1e-4)

	problem.Name = "other"
	other, err := synth.New(nil, problem)
	require.NoError(t, err)
	defer other.Close()
	require.ErrorIs(t, other.Load(bytes.NewReader(file.Bytes())), synth.ErrCheckpoint)

	problem.Loss = func(x autograd.Value, _ []int) autograd.Value { return x.Sum() }
	_, err = synth.New(nil, problem)
	require.ErrorContains(t, err, "one number for each problem")
}
