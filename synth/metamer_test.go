package synth_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// energies is a small model with a curved objective: local means and local
// energies of the image, (N, C, 2, H/4, W/4).
func energies(x autograd.Value) autograd.Value {
	d := x.Type().Dim
	blocks := func(v autograd.Value) autograd.Value {
		return v.Reshape(d[0], d[1], d[2]/4, 4, d[3]/4, 4).Mean(3, 5)
	}
	return autograd.Stack(2, blocks(x), blocks(x.AddScalar(.2).Square()))
}

// batch returns n different targets (n, 1, h, w).
func batch(n, h, w int) tensor.Tensor {
	x := tensor.New(tensor.Float64, n, 1, h, w)
	for k := range n {
		tensor.Copy(x.Crop(0, k, k+1, 1), texture(h, w, k))
	}
	return x
}

var optimizers = map[string]optim.Optimizer{
	"adam": optim.Adam{}, "adamw": optim.AdamW{}, "nadam": optim.NAdam{}, "rmsprop": optim.RMSProp{}, "sgd": optim.SGD{Rate: .5, Momentum: .5},
	"lbfgs": optim.LBFGS{MaxIterations: 4, MaxEvaluations: 4, History: 5, Float64History: true}, "two-loop": optim.LBFGS{TwoLoop: true, History: 5},
	"plain": optim.LBFGS{NoLineSearch: true, Rate: .2, MaxIterations: 3}, "float32 history": optim.LBFGS{History: 5},
}

func newMetamer(t *testing.T, target tensor.Tensor, m synth.Model, o synth.MetamerOptions) *synth.Metamer {
	t.Helper()
	s, err := synth.NewMetamer(nil, target, m, o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func run(t *testing.T, s *synth.Metamer, stop synth.Stop) synth.Result {
	t.Helper()
	r, err := s.Run(context.Background(), stop)
	require.NoError(t, err)
	return r
}

func imageOf(t *testing.T, s *synth.Metamer) []float64 {
	t.Helper()
	x, err := s.Image()
	require.NoError(t, err)
	return tensor.Floats(x)
}

// requireSame compares all that two syntheses of n images know, but for time.
func requireSame(t *testing.T, want, got *synth.Metamer, n int, what string) {
	t.Helper()
	require.Equal(t, imageOf(t, want), imageOf(t, got), what)
	for k := range n {
		w, g := want.History(k), got.History(k)
		require.Len(t, g, len(w), what)
		for i := range w {
			w[i].Seconds, g[i].Seconds = 0, 0
			if i == len(w)-1 {
				require.True(t, math.IsNaN(w[i].PixelChange) && math.IsNaN(g[i].PixelChange))
				w[i].PixelChange, g[i].PixelChange = 0, 0
			}
			require.Equal(t, w[i], g[i], "%s, image %d, row %d", what, k, i)
		}
		require.Equal(t, len(want.Frames(k)), len(got.Frames(k)), what)
		for i, f := range want.Frames(k) {
			require.Equal(t, f.Iteration, got.Frames(k)[i].Iteration)
			require.Equal(t, tensor.Floats(f.Image), tensor.Floats(got.Frames(k)[i].Image), what)
		}
	}
}

// TestResumeIsBitIdentical interrupts after every evaluation, in the middle of
// line searches too, and continues from the checkpoint in a new synthesis.
func TestResumeIsBitIdentical(t *testing.T) {
	target := batch(2, 8, 8)
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			options := synth.MetamerOptions{Optimizer: o, Scheduler: optim.ExponentialDecay{Gamma: new(.97)}, StoreEvery: 3, Seed: 7}
			whole := newMetamer(t, target, synth.ModelFunc(energies), options)
			run(t, whole, synth.Stop{Iterations: 6})
			for evaluations := 1; evaluations <= 13; evaluations += 2 {
				first := newMetamer(t, target, synth.ModelFunc(energies), options)
				run(t, first, synth.Stop{Iterations: 6, Evaluations: evaluations})
				var file bytes.Buffer
				require.NoError(t, first.Save(&file))
				second := newMetamer(t, target, synth.ModelFunc(energies), options)
				require.NoError(t, second.Load(&file))
				require.Equal(t, imageOf(t, first), imageOf(t, second))
				run(t, second, synth.Stop{Iterations: 6})
				requireSame(t, whole, second, 2, fmt.Sprintf("after %d evaluations", evaluations))
			}
		})
	}
}

func TestStepsAreARun(t *testing.T) {
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			options := synth.MetamerOptions{Optimizer: o, StoreEvery: 2}
			a, b := newMetamer(t, batch(2, 8, 8), synth.ModelFunc(energies), options), newMetamer(t, batch(2, 8, 8), synth.ModelFunc(energies), options)
			run(t, a, synth.Stop{Iterations: 5})
			for range 5 {
				require.NoError(t, b.Step())
				require.Len(t, b.Losses(1), len(b.History(0)))
			}
			requireSame(t, a, b, 2, name)
			require.Len(t, a.Frames(0), 3)
		})
	}
}

func TestCheckpointsOfOthersAreRefused(t *testing.T) {
	options := synth.MetamerOptions{Optimizer: optim.LBFGS{History: 5}, Seed: 1}
	s := newMetamer(t, batch(1, 8, 8), synth.ModelFunc(energies), options)
	run(t, s, synth.Stop{Iterations: 3})
	var file bytes.Buffer
	require.NoError(t, s.Save(&file))
	half := synth.ModelFunc(func(x autograd.Value) autograd.Value { return energies(x).Scale(.5) })
	for what, c := range map[string]struct {
		s     *synth.Metamer
		reads string
	}{
		"target":    {newMetamer(t, texture(8, 8, 3), synth.ModelFunc(energies), options), "another target"},
		"seed":      {newMetamer(t, batch(1, 8, 8), synth.ModelFunc(energies), synth.MetamerOptions{Optimizer: optim.LBFGS{History: 5}, Seed: 2}), "options differ"},
		"optimizer": {newMetamer(t, batch(1, 8, 8), synth.ModelFunc(energies), synth.MetamerOptions{Optimizer: optim.LBFGS{History: 6}, Seed: 1}), "options differ"},
		"model":     {newMetamer(t, batch(1, 8, 8), half, options), "the model differs"},
	} {
		before := imageOf(t, c.s)
		err := c.s.Load(bytes.NewReader(file.Bytes()))
		require.ErrorIs(t, err, synth.ErrCheckpoint, what)
		require.ErrorContains(t, err, c.reads, what)
		require.Equal(t, before, imageOf(t, c.s))
		require.NoError(t, c.s.Step(), "it goes on as it was")
	}
	old := bytes.Replace(file.Bytes(), []byte(`\"version\":2`), []byte(`\"version\":9`), 1)
	require.ErrorContains(t, s.Load(bytes.NewReader(old)), "version 9")
	require.Error(t, s.Load(bytes.NewReader(file.Bytes()[:file.Len()/2])))
	longer := newMetamer(t, batch(1, 8, 8), synth.ModelFunc(energies), synth.MetamerOptions{Optimizer: optim.LBFGS{History: 5}, Seed: 1, Tolerance: new(0.)})
	require.NoError(t, longer.Load(bytes.NewReader(file.Bytes())), "the budget may change")
}

// requireLoadsApart interrupts a batch, and continues it from a checkpoint of
// each image: all of them together, and one alone.
func requireLoadsApart(t *testing.T, target tensor.Tensor, options synth.MetamerOptions) {
	whole := newMetamer(t, target, synth.ModelFunc(energies), options)
	run(t, whole, synth.Stop{Iterations: 400, Evaluations: 40})
	n := target.Dim[0]
	files, readers := make([]bytes.Buffer, n), make([]io.Reader, n)
	for k := range n {
		require.NoError(t, whole.Save(&files[k], k))
		readers[k] = bytes.NewReader(files[k].Bytes())
	}
	together := newMetamer(t, target, synth.ModelFunc(energies), options)
	require.NoError(t, together.Load(readers...))
	requireSame(t, whole, together, n, "loaded one by one")
	run(t, whole, synth.Stop{Iterations: 400})
	run(t, together, synth.Stop{Iterations: 400})
	requireSame(t, whole, together, n, "continued together")
	for k := range n {
		options.Seed = 3 + uint64(k)
		alone := newMetamer(t, tensor.Contiguous(target.Crop(0, k, k+1, 1)), synth.ModelFunc(energies), options)
		require.NoError(t, alone.Load(&files[k]))
		run(t, alone, synth.Stop{Iterations: 400})
		require.Equal(t, imageOf(t, alone), imageOf(t, whole)[k*64:(k+1)*64])
	}
}

// TestImagesOfABatchAreIndependent runs until images converge one after the
// other, so that the batch is made smaller, and compares each with itself alone.
func TestImagesOfABatchAreIndependent(t *testing.T) {
	const n = 5
	target := batch(n, 8, 8)
	for i := range target.Len() { // of different contrast
		target.StoreReal(i, target.LoadReal(i)/float64(1+i/64))
	}
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			options := synth.MetamerOptions{Loss: synth.MSE{}, Optimizer: o, Seed: 3, Tolerance: new(1e-5), Window: 3, StoreEvery: 5}
			all := newMetamer(t, target, synth.ModelFunc(energies), options)
			r := run(t, all, synth.Stop{Iterations: 400})
			different := false
			for k := range n {
				require.Equal(t, synth.StopTolerance, r.StoppedBy[k])
				different = different || r.Iterations[k] != r.Iterations[0]
				options.Seed = 3 + uint64(k)
				alone := newMetamer(t, tensor.Contiguous(target.Crop(0, k, k+1, 1)), synth.ModelFunc(energies), options)
				one := run(t, alone, synth.Stop{Iterations: 400})
				require.Equal(t, one.Iterations[0], r.Iterations[k], "image %d", k)
				require.Equal(t, one.Evaluations[0], r.Evaluations[k])
				require.Equal(t, imageOf(t, alone), imageOf(t, all)[k*64:(k+1)*64])
				w, g := alone.History(0), all.History(k)
				for i := range w {
					require.Equal(t, w[i].Loss, g[i].Loss)
				}
				require.Equal(t, len(alone.Frames(0)), len(all.Frames(k)))
			}
			require.True(t, different, "all stopped at once")
			var file bytes.Buffer
			require.NoError(t, all.Save(&file))
			options.Seed = 3
			again := newMetamer(t, target, synth.ModelFunc(energies), options)
			require.NoError(t, again.Load(&file))
			requireSame(t, all, again, n, "after loading")
			requireLoadsApart(t, target, options)
		})
	}
}

func TestMovingThereAndBack(t *testing.T) {
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			options := synth.MetamerOptions{Optimizer: o}
			a, b := newMetamer(t, batch(1, 8, 8), synth.ModelFunc(energies), options), newMetamer(t, batch(1, 8, 8), synth.ModelFunc(energies), options)
			run(t, a, synth.Stop{Iterations: 3})
			run(t, b, synth.Stop{Iterations: 1})
			require.NoError(t, b.To(&optest.Device{}))
			require.NoError(t, b.To(autograd.CPU{Threads: 1}))
			run(t, b, synth.Stop{Iterations: 3})
			requireSame(t, a, b, 1, "moved")
			require.NoError(t, b.To(&optest.Device{}))
			require.NoError(t, a.Step())
			require.NoError(t, b.Step())
			near(t, imageOf(t, a), imageOf(t, b), 1e-6, "a step on another device")
			_, err := b.Outcome()
			require.NoError(t, err)
			require.Error(t, b.To(&optest.Device{Limit: 100}))
			require.NoError(t, b.Step(), "it stays where it was")
		})
	}
}

func TestStarts(t *testing.T) {
	target := batch(2, 8, 8)
	uniform := func(seed uint64, skip, n int) []float64 {
		g := rng.New(seed)
		x := make([]float64, skip+n)
		rng.Uniform(g, x)
		x = x[skip:]
		lo, hi := x[0], x[0]
		for _, v := range x {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
		for i := range x {
			x[i] = (x[i] - lo) / (hi - lo)
		}
		return x
	}
	s := newMetamer(t, target, synth.ModelFunc(energies), synth.MetamerOptions{Seed: 5})
	require.Equal(t, append(uniform(5, 0, 64), uniform(6, 0, 64)...), imageOf(t, s))
	s = newMetamer(t, target, synth.ModelFunc(energies), synth.MetamerOptions{Seed: 5, Reference: true, Joint: true})
	require.Equal(t, uniform(5, 128, 128), imageOf(t, s), "the validator draws once")
}

// TestJointIsOneProblem compares a batch of images with one image that holds
// them side by side, for a model that knows no neighbours.
func TestJointIsOneProblem(t *testing.T) {
	pixels := synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Square().Add(x) })
	wide := tensor.New(tensor.Float64, 1, 1, 8, 16)
	pair, start := batch(2, 8, 8), tensor.New(tensor.Float64, 2, 1, 8, 8)
	begin := tensor.New(tensor.Float64, 1, 1, 8, 16)
	for k := range 2 {
		tensor.Copy(wide.Crop(3, 8*k, 8*k+8, 1), pair.Crop(0, k, k+1, 1))
		tensor.Copy(start.Crop(0, k, k+1, 1), texture(8, 8, 5+k))
		tensor.Copy(begin.Crop(3, 8*k, 8*k+8, 1), start.Crop(0, k, k+1, 1))
	}
	a := newMetamer(t, pair, pixels, synth.MetamerOptions{Joint: true, Init: start, Optimizer: optim.LBFGS{}})
	b := newMetamer(t, wide, pixels, synth.MetamerOptions{Init: begin, Optimizer: optim.LBFGS{}})
	run(t, a, synth.Stop{Iterations: 3})
	run(t, b, synth.Stop{Iterations: 3})
	near(t, b.Losses(0), a.Losses(0), 1e-9, "loss")
	o, err := a.Outcome()
	require.NoError(t, err)
	require.Len(t, o, 2)
}

func TestUselessArgumentsAreRefused(t *testing.T) {
	flat := tensor.New(tensor.Float64, 1, 1, 8, 8)
	hole := texture(8, 8, 0)
	hole.StoreReal(9, math.NaN())
	mixing := func(x autograd.Value) autograd.Value { return x.Sub(x.MeanKeep(0)) }
	fixed := func(x autograd.Value) autograd.Value { return x.Scale(0).Add(x.Tape().Scalar(tensor.Float64, 1)) }
	turned := func(x autograd.Value) autograd.Value { return x.Permute(1, 0, 2, 3) }
	unknown := synth.Groupwise{Weights: synth.Weights{"nothing": {1}}}
	for _, c := range []struct {
		target tensor.Tensor
		m      func(autograd.Value) autograd.Value
		o      synth.MetamerOptions
		reads  string
	}{
		{flat, energies, synth.MetamerOptions{}, "without variance"},
		{hole, energies, synth.MetamerOptions{}, "element 9 of target 0 is NaN"},
		{tensor.New(tensor.Float64, 8, 8), energies, synth.MetamerOptions{}, "(N, C, H, W)"},
		{texture(8, 8, 0), energies, synth.MetamerOptions{Init: texture(8, 4, 0)}, "float64[1 1 8 8], is expected"},
		{texture(8, 8, 0), energies, synth.MetamerOptions{Init: hole}, "element 9 of the start is NaN"},
		{batch(3, 8, 8), mixing, synth.MetamerOptions{}, "mixes images"},
		{batch(2, 8, 8), turned, synth.MetamerOptions{}, "for 2 images"},
		{texture(8, 8, 0), fixed, synth.MetamerOptions{}, "does not depend on the image"},
		{texture(8, 8, 0), energies, synth.MetamerOptions{Loss: unknown}, "names no groups"},
		{texture(8, 7, 0), energies, synth.MetamerOptions{}, "metamer_test.go:"},
	} {
		_, err := synth.NewMetamer(nil, c.target, synth.ModelFunc(c.m), c.o)
		require.ErrorContains(t, err, c.reads)
	}
	_, err := synth.NewMetamer(nil, batch(3, 8, 8), synth.ModelFunc(mixing), synth.MetamerOptions{Joint: true})
	require.NoError(t, err, "Joint allows it")
}

// TestNaNIsSurvived makes the gradient NaN once a pixel reaches a wall.
func TestNaNIsSurvived(t *testing.T) {
	wall := func(x autograd.Value) autograd.Value { return x.AddScalar(-.2).Log() }
	start := tensor.New(tensor.Float64, 1, 1, 8, 8)
	target := texture(8, 8, 0)
	for i := range 64 {
		start.StoreReal(i, .9)
		target.StoreReal(i, .3+.01*float64(i%7))
	}
	for name, o := range map[string]optim.Optimizer{"sgd": optim.SGD{Rate: 20}, "lbfgs": optim.LBFGS{Rate: 80, NoLineSearch: true}} {
		s := newMetamer(t, target, synth.ModelFunc(wall), synth.MetamerOptions{Optimizer: o, Init: start, Penalty: synth.NoPenalty{}})
		r, err := s.Run(context.Background(), synth.Stop{Iterations: 50})
		require.ErrorIs(t, err, synth.ErrNaN, name)
		require.ErrorContains(t, err, "metamer_test.go:", name)
		require.Equal(t, []synth.StopReason{synth.StopNaN}, r.StoppedBy)
		for _, v := range imageOf(t, s) {
			require.False(t, math.IsNaN(v))
		}
	}
}

func TestOutcome(t *testing.T) {
	s := newMetamer(t, batch(2, 8, 8), synth.ModelFunc(energies), synth.MetamerOptions{Tolerance: new(0.)})
	o, err := s.Outcome()
	require.NoError(t, err)
	require.False(t, o[0].Matched)
	require.InDelta(t, 1, o[1].Whole.Ratio, 1e-12)
	require.Zero(t, o[0].Moved)
	run(t, s, synth.Stop{Iterations: 40})
	o, err = s.Outcome()
	require.NoError(t, err)
	for k, one := range o {
		require.True(t, one.Matched, "%+v", one)
		require.Equal(t, synth.StopIterations, one.StoppedBy)
		require.Equal(t, 2*2*2, one.Whole.Entries)
		require.Greater(t, one.FromTarget, .05, "a metamer, not a copy, of image %d", k)
	}
	loss, penalty, err := s.Objective(batch(2, 8, 8))
	require.NoError(t, err)
	require.Equal(t, []float64{0, 0}, loss)
	require.Equal(t, []float64{0, 0}, penalty)
	_, err = s.Judge(texture(8, 8, 0))
	require.ErrorContains(t, err, "float64[2 1 8 8] expected")
}

func TestRunStops(t *testing.T) {
	s := newMetamer(t, batch(1, 8, 8), synth.ModelFunc(energies), synth.MetamerOptions{Optimizer: optim.Adam{}, Tolerance: new(0.)})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := s.Run(ctx, synth.Stop{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []synth.StopReason{synth.StopSignal}, r.StoppedBy)
	r = run(t, s, synth.Stop{Time: time.Nanosecond})
	require.Equal(t, []synth.StopReason{synth.StopTime}, r.StoppedBy)
	r = run(t, s, synth.Stop{Evaluations: 7})
	require.Equal(t, []synth.StopReason{synth.StopEvaluations}, r.StoppedBy)
	require.Equal(t, []int{7}, r.Evaluations)
	r = run(t, s, synth.Stop{Iterations: 9})
	require.Equal(t, []synth.StopReason{synth.StopIterations}, r.StoppedBy)
	require.Equal(t, []int{9}, r.Iterations)
}

// TestStepsLeaveLittleGarbage allows what a call of Step itself makes, and the
// growth of the history.
func TestStepsLeaveLittleGarbage(t *testing.T) {
	for name, o := range optimizers {
		s := newMetamer(t, batch(2, 8, 8), synth.ModelFunc(energies), synth.MetamerOptions{Loss: synth.MSE{}, Optimizer: o, Tolerance: new(0.)})
		require.LessOrEqual(t, testing.AllocsPerRun(40, func() {
			if err := s.Step(); err != nil {
				t.Fatal(err)
			}
		}), 5., name)
	}
}

var soak = flag.Int("soak", 300, "iterations over which memory must not grow")

// TestMemoryDoesNotGrow allows the rows of the histories, and nothing else that
// an iteration could leave behind.
func TestMemoryDoesNotGrow(t *testing.T) {
	for name, o := range optimizers {
		s := newMetamer(t, batch(2, 8, 8), synth.ModelFunc(energies), synth.MetamerOptions{Loss: synth.MSE{}, Optimizer: o, Tolerance: new(0.)})
		steps := func() (heap float64) {
			for range *soak {
				require.NoError(t, s.Step(), name)
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return float64(m.HeapAlloc)
		}
		before := steps()
		rows := float64(2 * *soak) // of two images
		require.Less(t, steps()-before, 1<<16+250*rows, name)
	}
}
