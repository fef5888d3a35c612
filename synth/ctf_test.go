package synth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// stagedTrajectory is a coarse-to-fine run of the reference.
type stagedTrajectory struct {
	trajectory
	StageLosses []float64        `json:"scales_loss"`
	Timing      map[string][]int `json:"scales_timing"`
}

func readStaged(t *testing.T, name string) stagedTrajectory {
	t.Helper()
	b, err := os.ReadFile("testdata/metamer.json")
	require.NoError(t, err)
	var all map[string]stagedTrajectory
	require.NoError(t, json.Unmarshal(b, &all))
	require.Contains(t, all, name)
	return all[name]
}

// faint returns .2x + .4.
func faint(x tensor.Tensor) tensor.Tensor {
	for i := range x.Len() {
		x.StoreReal(i, .2*x.LoadReal(i)+.4)
	}
	return x
}

func TestCoarseToFineIsTheReferences(t *testing.T) {
	m, err := models.NewPortillaSimoncelli(64, 64, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 4})
	require.NoError(t, err)
	for _, order := range []synth.CoarseToFine{synth.Together, synth.Separate} {
		t.Run(string(order), func(t *testing.T) {
			want := readStaged(t, "metamerctf_ps64_2_3_4_"+string(order))
			s := newMetamer(t, texture(64, 64, 1), m, synth.MetamerOptions{Loss: synth.L2{}, Init: faint(texture(64, 64, 0)), Reference: true,
				CoarseToFine: order, ChangeTolerance: new(math.Inf(1)), ChangeWindow: 3})
			for range len(want.Losses) - 1 {
				require.NoError(t, s.Step())
			}
			requireTrajectory(t, want.trajectory, s, len(want.Losses)-1, 1e-6)
			requireFinal(t, want.Final, s, 1e-6)
			var losses []float64
			for _, r := range s.History(0)[:len(want.StageLosses)] {
				_, loss := s.StageOf(r)
				losses = append(losses, loss)
			}
			near(t, want.StageLosses, losses, 1e-6, "stage loss")
			stages := s.Stages(0)
			require.Len(t, stages, len(want.Timing))
			for i, st := range stages {
				timing := []int{st.Start, st.Stop}
				if i == len(stages)-1 {
					timing = timing[:1]
				}
				require.Equal(t, want.Timing[st.Name], timing, st.Name)
			}
		})
	}
}

// TestStageChangesAreTheReferences follows the rate, which begins anew in every
// stage, and L-BFGS, whose history the reference keeps.
func TestStageChangesAreTheReferences(t *testing.T) {
	m, err := models.NewPortillaSimoncelli(64, 64, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 4})
	require.NoError(t, err)
	for _, c := range []struct {
		name      string
		optimizer optim.Optimizer
		scheduler optim.Scheduler
		window    int
		last      int
		tol       float64
	}{
		{"metamerctf_ps64_2_3_4_together_adam_steplr3_.5", optim.Adam{}, optim.StepDecay{Size: 3, Gamma: new(.5)}, 4, 11, 1e-6},
		{"metamerctf_ps64_2_3_4_together_lbfgs", optim.LBFGS{TwoLoop: true, Float64History: true}, nil, 2, 4, 1e-4},
	} {
		want := readStaged(t, c.name)
		s := newMetamer(t, texture(64, 64, 1), m, synth.MetamerOptions{Loss: synth.L2{}, Init: faint(texture(64, 64, 0)), Reference: true,
			Optimizer: c.optimizer, Scheduler: c.scheduler, CoarseToFine: synth.Together, ChangeTolerance: new(math.Inf(1)), ChangeWindow: c.window})
		for range len(want.StageLosses) {
			require.NoError(t, s.Step())
		}
		var losses, stageLosses []float64
		for _, r := range s.History(0) {
			_, loss := s.StageOf(r)
			losses, stageLosses = append(losses, r.Loss), append(stageLosses, loss)
		}
		near(t, want.Losses[:c.last+1], losses, c.tol, c.name)
		near(t, want.StageLosses[:c.last+1], stageLosses, c.tol, c.name)
		for _, st := range s.Stages(0) {
			if timing := want.Timing[st.Name]; len(timing) > 0 {
				require.Equal(t, timing[0], st.Start, st.Name)
			}
		}
	}
}

// scaled is a small model with scales: energies of blocks of three sizes.
type scaled struct{}

var scaledBlocks = map[string]int{"coarse": 8, "middle": 4, "fine": 2}

func (scaled) Scales() []string { return []string{"coarse", "middle", "fine"} }

func (m scaled) Forward(x autograd.Value) autograd.Value { return m.ForwardScales(x, m.Scales()) }

func (m scaled) ForwardScales(x autograd.Value, scales []string) autograd.Value {
	d := x.Type().Dim
	var parts []autograd.Value
	for _, s := range m.Scales() {
		if b := scaledBlocks[s]; slices.Contains(scales, s) {
			y := x.AddScalar(.2).Square().Reshape(d[0], d[1], d[2]/b, b, d[3]/b, b).Mean(3, 5)
			parts = append(parts, y.Reshape(d[0], d[1], -1))
		}
	}
	return autograd.Concat(2, parts...)
}

// EntryScales is that for images of 8×8 pixels.
func (m scaled) EntryScales() []string {
	var list []string
	for _, s := range m.Scales() {
		for range 64 / (scaledBlocks[s] * scaledBlocks[s]) {
			list = append(list, s)
		}
	}
	return list
}

// Groups are the scales, with a name of their own.
func (m scaled) Groups() []synth.Group {
	at := map[string]*synth.Group{}
	var list []*synth.Group
	for i, s := range m.EntryScales() {
		if at[s] == nil {
			at[s] = &synth.Group{Name: "energy_" + s}
			list = append(list, at[s])
		}
		at[s].From = append(at[s].From, i)
		at[s].Shape = []int{len(at[s].From)}
	}
	return []synth.Group{*list[0], *list[1], *list[2]}
}

// staged are options with which images change stages often, each when it likes.
func staged(o optim.Optimizer) synth.MetamerOptions {
	return synth.MetamerOptions{Optimizer: o, Scheduler: optim.ExponentialDecay{Gamma: new(.97)}, StoreEvery: 3, Seed: 7,
		CoarseToFine: synth.Together, ChangeTolerance: new(.03), ChangeWindow: 2, Tolerance: new(1e-3), Window: 3}
}

func TestResumeAcrossStagesIsBitIdentical(t *testing.T) {
	target := batch(2, 8, 8)
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			whole := newMetamer(t, target, scaled{}, staged(o))
			run(t, whole, synth.Stop{Iterations: 12})
			for evaluations := 1; evaluations <= 25; evaluations += 4 {
				first := newMetamer(t, target, scaled{}, staged(o))
				run(t, first, synth.Stop{Iterations: 12, Evaluations: evaluations})
				var file bytes.Buffer
				require.NoError(t, first.Save(&file))
				second := newMetamer(t, target, scaled{}, staged(o))
				require.NoError(t, second.Load(&file))
				requireSame(t, first, second, 2, "as loaded")
				run(t, second, synth.Stop{Iterations: 12})
				what := fmt.Sprintf("after %d evaluations", evaluations)
				requireSame(t, whole, second, 2, what)
				for k := range 2 {
					require.Equal(t, whole.Stages(k), second.Stages(k), what)
				}
			}
		})
	}
}

func TestImagesOfABatchChangeStagesByThemselves(t *testing.T) {
	const n = 4
	target := batch(n, 8, 8)
	for i := range target.Len() { // of different contrast
		target.StoreReal(i, target.LoadReal(i)/float64(1+i/64))
	}
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			options := staged(o)
			options.Loss = synth.MSE{}
			options.ChangeTolerance, options.Tolerance = new(3e-3), new(1e-5)
			all := newMetamer(t, target, scaled{}, options)
			r := run(t, all, synth.Stop{Iterations: 300})
			different := false
			for k := range n {
				different = different || !slices.Equal(all.Stages(k), all.Stages(0))
				options.Seed = 7 + uint64(k)
				alone := newMetamer(t, tensor.Contiguous(target.Crop(0, k, k+1, 1)), scaled{}, options)
				one := run(t, alone, synth.Stop{Iterations: 300})
				require.Equal(t, one.StoppedBy[0], r.StoppedBy[k], "image %d", k)
				require.Equal(t, one.Iterations[0], r.Iterations[k], "image %d", k)
				require.Equal(t, one.Evaluations[0], r.Evaluations[k])
				require.Equal(t, alone.Stages(0), all.Stages(k))
				require.Equal(t, imageOf(t, alone), imageOf(t, all)[k*64:(k+1)*64])
				w, g := alone.History(0), all.History(k)
				for i := range w {
					require.Equal(t, w[i].Loss, g[i].Loss)
					require.Equal(t, w[i].Aside, g[i].Aside)
				}
			}
			require.True(t, different, "all changed at once")
		})
	}
}

func TestMovingBetweenStages(t *testing.T) {
	a, b := newMetamer(t, batch(1, 8, 8), scaled{}, staged(nil)), newMetamer(t, batch(1, 8, 8), scaled{}, staged(nil))
	run(t, a, synth.Stop{Iterations: 12})
	for i := 1; i <= 12; i++ {
		require.NoError(t, b.To(&optest.Device{}))
		require.NoError(t, b.To(autograd.CPU{}))
		require.NoError(t, b.Step())
	}
	requireSame(t, a, b, 1, "moved")
	require.Equal(t, 3, len(a.Stages(0)))
	require.Positive(t, a.Stages(0)[2].Start)
}

// TestWeightsBelongToTheWhole compares the loss of each stage with one made by
// hand, whose weights come from the whole target.
func TestWeightsBelongToTheWhole(t *testing.T) {
	target, start := texture(8, 8, 1), texture(8, 8, 0)
	rep := func(x tensor.Tensor) []float64 {
		tape := autograd.New(nil)
		defer tape.Close()
		v, err := autograd.Eval(scaled{}.Forward(tape.Const(x)))
		require.NoError(t, err)
		return tensor.Floats(v)
	}
	want, have, scales := rep(target), rep(start), scaled{}.EntryScales()
	weights := map[string]float64{"coarse": 2, "middle": 3, "fine": 1}
	byHand := func(among ...string) float64 {
		sum := 0.
		for i, s := range scales {
			norm := 0.
			for j, other := range scales {
				if other == s {
					norm += want[j] * want[j]
				}
			}
			if d := (have[i] - want[i]) * weights[s]; slices.Contains(among, s) {
				sum += d * d / norm
			}
		}
		return math.Sqrt(sum)
	}
	loss := synth.Groupwise{Weights: synth.Weights{"energy_coarse": {2}, "energy_middle": {3}}}
	for order, among := range map[synth.CoarseToFine][][]string{
		synth.Together: {{"coarse"}, {"coarse", "middle"}},
		synth.Separate: {{"coarse"}, {"middle"}, {"fine"}},
	} {
		s := newMetamer(t, target, scaled{}, synth.MetamerOptions{Loss: loss, Init: start, Optimizer: optim.SGD{Rate: 1e-300}, CoarseToFine: order,
			Penalty: synth.NoPenalty{}, ChangeTolerance: new(math.Inf(1)), ChangeWindow: 1})
		for i := range among {
			require.NoError(t, s.Step())
			name, got := s.StageOf(s.History(0)[i])
			require.Equal(t, among[i][len(among[i])-1], name)
			require.InEpsilon(t, byHand(among[i]...), got, 1e-12, "%s %v", order, among[i])
			require.InEpsilon(t, byHand("coarse", "middle", "fine"), s.History(0)[i].Loss, 1e-12)
		}
	}
}

// unlabelled hides the scales of entries, and same has one representation for all
// scales.
type (
	unlabelled struct{ m scaled }
	same       struct{ unlabelled }
	once       struct{ unlabelled }
)

func (u unlabelled) Scales() []string                        { return u.m.Scales() }
func (u unlabelled) Forward(x autograd.Value) autograd.Value { return u.m.Forward(x) }
func (u unlabelled) Groups() []synth.Group                   { return u.m.Groups() }
func (u unlabelled) ForwardScales(x autograd.Value, s []string) autograd.Value {
	return u.m.ForwardScales(x, s)
}
func (u same) ForwardScales(x autograd.Value, _ []string) autograd.Value { return u.m.Forward(x) }
func (once) Scales() []string                                            { return []string{"coarse", "coarse"} }

func TestScalesAreChecked(t *testing.T) {
	for _, c := range []struct {
		m     synth.Model
		o     synth.MetamerOptions
		reads string
	}{
		{synth.ModelFunc(energies), synth.MetamerOptions{CoarseToFine: synth.Together}, "has no scales"},
		{scaled{}, synth.MetamerOptions{CoarseToFine: "both"}, `"together" or "separate"`},
		{scaled{}, synth.MetamerOptions{CoarseToFine: synth.Separate, ChangeTolerance: new(1e-5)}, "more than the tolerance"},
		{scaled{}, synth.MetamerOptions{CoarseToFine: synth.Separate, ChangeWindow: -1}, "at least 1"},
		{same{}, synth.MetamerOptions{CoarseToFine: synth.Together}, "of the type of the whole"},
		{once{}, synth.MetamerOptions{CoarseToFine: synth.Together}, `"coarse" is not unique`},
		{unlabelled{}, synth.MetamerOptions{CoarseToFine: synth.Together, Loss: synth.Groupwise{}}, "EntryScales"},
	} {
		_, err := synth.NewMetamer(nil, texture(8, 8, 0), c.m, c.o)
		require.ErrorContains(t, err, c.reads)
	}
	s := newMetamer(t, texture(8, 8, 0), unlabelled{}, synth.MetamerOptions{CoarseToFine: synth.Together})
	require.NoError(t, s.Step())
}

// TestCoarseToFineMatches runs all of it on textures.
func TestCoarseToFineMatches(t *testing.T) {
	m, err := models.NewPortillaSimoncelli(32, 32, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 2, CorrelationWidth: 5})
	require.NoError(t, err)
	target := tensor.New(tensor.Float64, 2, 1, 32, 32)
	for k, name := range []string{"pebbles", "weave"} {
		x, err := images.Example(name, 32, 32, 0)
		require.NoError(t, err)
		tensor.Copy(target.Crop(0, k, k+1, 1), x)
	}
	for _, order := range []synth.CoarseToFine{synth.Together, synth.Separate} {
		s := newMetamer(t, target, m, synth.MetamerOptions{Loss: synth.PortillaSimoncelli{}, CoarseToFine: order, ChangeWindow: 5, ChangeTolerance: new(.1)})
		run(t, s, synth.Stop{Iterations: 100})
		o, err := s.Outcome()
		require.NoError(t, err)
		for k, one := range o {
			require.True(t, one.Matched, "%s, image %d: %+v", order, k, one)
			stages := s.Stages(k)
			require.Positive(t, stages[len(stages)-1].Start)
		}
	}
}

// TestCoarseToFineStartIsTheReferences has numbers of plenoptic 2.1.1, seed 3: its
// validators draw twice, once in single precision.
func TestCoarseToFineStartIsTheReferences(t *testing.T) {
	m, err := models.NewPortillaSimoncelli(64, 64, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 4})
	require.NoError(t, err)
	at := []int{0, 1, 585, 4095}
	for d, want := range map[tensor.DType][]float64{
		tensor.Float64: {0.3585159329991612, 0.9182371457808413, 0.20189913908181017, 0.1538639391367668},
		tensor.Float32: {0.0304216630756855, 0.640049934387207, 0.908698320388794, 0.8560629487037659},
	} {
		target := tensor.New(d, 1, 1, 64, 64)
		tensor.Copy(target, texture(64, 64, 1))
		s := newMetamer(t, target, m, synth.MetamerOptions{Loss: synth.L2{}, Reference: true, Seed: 3, CoarseToFine: synth.Together})
		x := imageOf(t, s)
		for i, k := range at {
			require.Equal(t, want[i], x[k], "%v, pixel %d", d, k)
		}
	}
}

// walled has a fine scale that is NaN beyond a wall, which the coarse one does not
// see.
type walled struct{}

func (walled) Scales() []string                          { return []string{"coarse", "fine"} }
func (m walled) Forward(x autograd.Value) autograd.Value { return m.ForwardScales(x, m.Scales()) }
func (walled) ForwardScales(x autograd.Value, s []string) autograd.Value {
	n := x.Type().Dim[0]
	parts := map[string]autograd.Value{"coarse": x.Mean(1, 2, 3).Reshape(n, 1), "fine": x.AddScalar(-.2).Log().Reshape(n, -1)}
	if len(s) == 1 {
		return parts[s[0]]
	}
	return autograd.Concat(1, parts["coarse"], parts["fine"])
}

// TestNaNOfTheWholeEndsAStage also where the loss of the stage is finite.
func TestNaNOfTheWholeEndsAStage(t *testing.T) {
	start, target := tensor.New(tensor.Float64, 1, 1, 8, 8), texture(8, 8, 0)
	for i := range 64 {
		start.StoreReal(i, .9)
		target.StoreReal(i, .3+.01*float64(i%7))
	}
	for name, o := range map[string]optim.Optimizer{"sgd": optim.SGD{Rate: 60}, "lbfgs": optim.LBFGS{Rate: 1e4, NoLineSearch: true, MaxIterations: 1}} {
		s := newMetamer(t, target, walled{}, synth.MetamerOptions{Loss: synth.MSE{}, Optimizer: o, Init: start, Penalty: synth.NoPenalty{}, CoarseToFine: synth.Together})
		r, err := s.Run(context.Background(), synth.Stop{Iterations: 50})
		require.ErrorIs(t, err, synth.ErrNaN, name)
		require.ErrorContains(t, err, "ctf_test.go:", name)
		require.Equal(t, []synth.StopReason{synth.StopNaN}, r.StoppedBy)
		require.NotEmpty(t, s.History(0))
	}
}
