//go:build cuda && cgo

package cuda_test

import (
	"bytes"
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/cuda"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

func never() *float64 { return new(float64) }

// statistics returns a small texture model for images of 32×32 pixels.
func statistics(t testing.TB) synth.Model {
	m, err := models.NewPortillaSimoncelli(32, 32, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 2, CorrelationWidth: 5})
	require.NoError(t, err)
	return m
}

// metamer runs a metamer of texture for some iterations.
func metamer(t *testing.T, dev autograd.Backend, target tensor.Tensor, m synth.Model, iterations int, o synth.MetamerOptions) *synth.Metamer {
	t.Helper()
	o.Tolerance = never()
	s, err := synth.NewMetamer(dev, target, m, o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.Run(context.Background(), synth.Stop{Iterations: iterations})
	require.NoError(t, err)
	return s
}

// requireLosses compares the first losses of two runs.
func requireLosses(t *testing.T, want, got []float64, n int, tol float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range n {
		require.InDelta(t, want[i], got[i], tol*math.Abs(want[i]), "iteration %d", i)
	}
}

// Metamers by every kind of optimizer take the steps that they take on the CPU.
func TestMetamersAgreeWithCPU(t *testing.T) {
	dev := open(t)
	for _, c := range []struct {
		name     string
		opt      optim.Optimizer
		n        int
		schedule optim.Scheduler
	}{
		{"adam", optim.Adam{}, 6, nil}, {"nadam", optim.NAdam{}, 3, nil}, {"rmsprop", optim.RMSProp{}, 3, nil}, {"sgd", optim.SGD{Rate: 1e-3, Momentum: .9}, 3, nil},
		{"lbfgs", optim.LBFGS{}, 3, nil}, {"lbfgs two-loop", optim.LBFGS{TwoLoop: true, Float64History: true}, 3, nil}, {"lbfgs, short history", optim.LBFGS{History: 4}, 4, nil},
		{"a rate by the loss", optim.Adam{Rate: .1}, 8, optim.PlateauDecay{Patience: 1}}, // .1 overshoots
	} {
		t.Run(c.name, func(t *testing.T) {
			o := synth.MetamerOptions{Optimizer: c.opt, Scheduler: c.schedule, Seed: 3}
			cpu := metamer(t, nil, texture(32, 32, 0), statistics(t), c.n, o)
			gpu := metamer(t, dev, texture(32, 32, 0), statistics(t), c.n, o)
			requireLosses(t, cpu.Losses(0), gpu.Losses(0), c.n, 1e-4)
			require.Less(t, gpu.Losses(0)[c.n-1], gpu.Losses(0)[0])
		})
	}
}

func TestMetamerInSinglePrecision(t *testing.T) {
	dev := open(t)
	s := metamer(t, dev, converted(texture(32, 32, 0), tensor.Float32), statistics(t), 4, synth.MetamerOptions{})
	l := s.Losses(0)
	require.Less(t, l[len(l)-1], .05*l[0])
}

// An image in a batch takes the steps that it takes alone, on the device too.
func TestBatch(t *testing.T) {
	dev := open(t)
	batch := tensor.New(tensor.Float64, 3, 1, 32, 32)
	for k := range 3 {
		tensor.Copy(batch.Crop(0, k, k+1, 1), texture(32, 32, k))
	}
	many := metamer(t, dev, batch, statistics(t), 3, synth.MetamerOptions{Seed: 5})
	one := metamer(t, dev, converted(batch.Crop(0, 1, 2, 1), tensor.Float64), statistics(t), 3, synth.MetamerOptions{Seed: 6})
	requireLosses(t, one.Losses(0), many.Losses(1), 3, 1e-9)
}

// One image takes the same steps alone and in a batch of 64: losses differ by less
// than 1e-9 of themselves.
func TestBatchOf64(t *testing.T) {
	dev := open(t)
	m, err := models.NewPortillaSimoncelli(16, 16, models.PortillaSimoncelliOptions{Scales: 1, Orientations: 2, CorrelationWidth: 3})
	require.NoError(t, err)
	batch := tensor.New(tensor.Float64, 64, 1, 16, 16)
	for k := range 64 {
		tensor.Copy(batch.Crop(0, k, k+1, 1), texture(16, 16, k))
	}
	many := metamer(t, dev, batch, m, 2, synth.MetamerOptions{Seed: 5})
	for _, k := range []int{0, 17, 63} {
		one := metamer(t, dev, texture(16, 16, k), m, 2, synth.MetamerOptions{Seed: 5 + uint64(k)})
		requireLosses(t, one.Losses(0), many.Losses(k), len(one.Losses(0)), 1e-9)
		a, b := one.History(0), many.History(k)
		require.Equal(t, a[len(a)-1].Evaluations, b[len(b)-1].Evaluations)
	}
}

// The plans for one and two images say how many fit: that many take no more memory
// than there is, and most of it.
func TestFits(t *testing.T) {
	dev := open(t)
	const free, tables = 32 << 20, 4 << 20 // tables do not grow with the batch
	start := func(b autograd.Backend, n int) (*synth.Metamer, error) {
		target := tensor.New(tensor.Float32, n, 1, 32, 32)
		for k := range n {
			tensor.Copy(target.Crop(0, k, k+1, 1), converted(texture(32, 32, k), tensor.Float32))
		}
		return synth.NewMetamer(b, target, statistics(t), synth.MetamerOptions{})
	}
	n, _, _, err := autograd.Fits(dev, free-tables, math.MaxInt, func(b autograd.Backend, n int) error {
		s, err := start(b, n)
		if err == nil {
			s.Close()
		}
		return err
	})
	require.NoError(t, err)
	require.Greater(t, n, 10)
	before := dev.Info().Free
	s, err := start(dev, n)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Step())
	took := before - dev.Info().Free
	t.Logf("%d images take %.1f MB of %.1f", n, float64(took)/1e6, free/1e6)
	require.LessOrEqual(t, took, int64(free))
	require.Greater(t, took, int64(free/2))
}

// A synthesis moves to the device and back, its optimizer's state with it.
func TestMove(t *testing.T) {
	dev := open(t)
	stay := metamer(t, nil, texture(32, 32, 0), statistics(t), 4, synth.MetamerOptions{})
	s, err := synth.NewMetamer(nil, texture(32, 32, 0), statistics(t), synth.MetamerOptions{Tolerance: never()})
	require.NoError(t, err)
	defer s.Close()
	for n, to := range []autograd.Backend{dev, dev, autograd.CPU{}, dev} {
		require.NoError(t, s.To(to))
		_, err = s.Run(context.Background(), synth.Stop{Iterations: n + 1})
		require.NoError(t, err)
	}
	requireLosses(t, stay.Losses(0), s.Losses(0), 4, 1e-4)
}

// A checkpoint made on the device continues there and on the CPU.
func TestCheckpoint(t *testing.T) {
	dev := open(t)
	a := metamer(t, dev, texture(32, 32, 0), statistics(t), 2, synth.MetamerOptions{})
	var file bytes.Buffer
	require.NoError(t, a.Save(&file))
	_, err := a.Run(context.Background(), synth.Stop{Iterations: 4})
	require.NoError(t, err)
	for _, b := range []autograd.Backend{dev, nil} {
		s, err := synth.NewMetamer(b, texture(32, 32, 0), statistics(t), synth.MetamerOptions{Tolerance: never()})
		require.NoError(t, err)
		defer s.Close()
		require.NoError(t, s.Load(bytes.NewReader(file.Bytes())))
		_, err = s.Run(context.Background(), synth.Stop{Iterations: 4})
		require.NoError(t, err)
		requireLosses(t, a.Losses(0), s.Losses(0), 4, 1e-4)
	}
}

func TestEigendistortion(t *testing.T) {
	dev := open(t)
	m, err := models.NewLuminanceGainControl(models.FrontEndOptions{})
	require.NoError(t, err)
	var values [2][]float64
	for i, b := range []autograd.Backend{nil, dev} {
		e, err := synth.NewEigendistortion(b, texture(32, 32, 0), m, synth.EigendistortionOptions{})
		require.NoError(t, err)
		_, err = e.Run(context.Background(), synth.Stop{})
		require.NoError(t, err)
		for _, p := range e.Spectrum(0).Pairs {
			values[i] = append(values[i], p.Value)
		}
	}
	require.Len(t, values[1], len(values[0]))
	for k, v := range values[0] {
		require.InDelta(t, v, values[1][k], 1e-6*values[0][0], "eigenvalue %d", k)
	}
}

func TestGeodesic(t *testing.T) {
	dev := open(t)
	m, err := models.NewGaussian(models.GaussianOptions{Kernel: [2]int{5, 5}})
	require.NoError(t, err)
	for _, method := range []synth.GeodesicMethod{synth.Conditional, synth.Energy} {
		t.Run(string(method), func(t *testing.T) {
			var losses [2][]float64
			for i, b := range []autograd.Backend{nil, dev} {
				g, err := synth.NewGeodesic(b, texture(16, 16, 0), texture(16, 16, 3), m, synth.GeodesicOptions{Method: method, Steps: 4, Starts: 1, Init: synth.Bridge})
				require.NoError(t, err)
				defer g.Close()
				_, err = g.Run(context.Background(), synth.Stop{Iterations: 3})
				require.NoError(t, err)
				losses[i] = g.Losses(0)
			}
			requireLosses(t, losses[0], losses[1], len(losses[0]), 1e-3) // Newton's steps are solved iteratively
		})
	}
}

// requireMAD runs MAD competition of a texture for three iterations on the CPU and the
// device, and compares the losses of every result.
func requireMAD(t *testing.T, dev autograd.Backend, edge int, optimized synth.Metric, o synth.MADOptions) {
	t.Helper()
	var runs [2]*synth.MAD
	for i, b := range []autograd.Backend{nil, dev} {
		s, err := synth.NewMAD(b, texture(edge, edge, 0), optimized, models.MSE{}, o)
		require.NoError(t, err)
		defer s.Close()
		_, err = s.Run(context.Background(), synth.Stop{Iterations: 3})
		require.NoError(t, err)
		runs[i] = s
	}
	for k := range runs[0].Levels() {
		want := runs[0].Losses(k)
		require.NotEqual(t, want[0], want[len(want)-1])
		requireLosses(t, want, runs[1].Losses(k), len(want), 1e-4)
	}
}

func TestMAD(t *testing.T) {
	dev := open(t)
	for name, o := range map[string]synth.MADOptions{
		"constrained": {Goals: []synth.Goal{{}, {Max: true, Swapped: true}}},
		"weighted":    {Tradeoff: synth.Weighted, Lambda: 10},
		"automatic":   {Tradeoff: synth.Automatic, Optimizer: optim.Adam{}, Goals: []synth.Goal{{Max: true}}},
	} {
		t.Run(name, func(t *testing.T) { requireMAD(t, dev, 24, models.Dissimilarity{Of: models.SSIM{}}, o) })
	}
}

// MAD competition of metrics with kinks: NLPD is driven by the steps of the CPU, and the
// sum of amplitudes, at one mean square error, to where it is least: one pixel alone
// differs, and all others are at kinks, as the judge, on the device too, must find.
func TestMADAtKinks(t *testing.T) {
	dev := open(t)
	t.Run("nlpd", func(t *testing.T) {
		requireMAD(t, dev, 64, models.NLPD{}, synth.MADOptions{Goals: []synth.Goal{{}}, Starts: 1})
	})
	t.Run("amplitudes", func(t *testing.T) {
		const edge = 4
		sum := synth.MetricFunc(func(r, x autograd.Value) autograd.Value { return x.Sub(r).Abs().SumWide(1, 2, 3) })
		gray := tensor.New(tensor.Float64, 1, 1, edge, edge)
		for i := range gray.Len() {
			gray.StoreReal(i, .5)
		}
		s, err := synth.NewMAD(dev, gray, sum, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{}}, Noise: .02, Starts: 1})
		require.NoError(t, err)
		defer s.Close()
		_, err = s.Run(context.Background(), synth.Stop{})
		require.NoError(t, err)
		list, err := s.Outcome()
		require.NoError(t, err)
		require.True(t, list[0].Matched, "%+v", list[0])
		require.Greater(t, list[0].KKT, synth.MatchedKKT)
		require.InEpsilon(t, math.Sqrt(list[0].Level*edge*edge), list[0].Driven, 1e-6)
	})
}

// binds counts how often programs are bound.
type binds struct {
	*cuda.Device
	n int
}

func (b *binds) Bind(steps []autograd.Step) (autograd.Bound, error) {
	b.n++
	return b.Device.Bind(steps)
}

// A batch of which fewer than half go on becomes a smaller one, with a graph of its
// own, whose images go on as they would on the CPU.
func TestBatchShrinks(t *testing.T) {
	dev := &binds{Device: open(t)}
	const n, going = 4, 2
	targets := tensor.New(tensor.Float64, n, 1, 32, 32)
	for k := range n {
		tensor.Copy(targets.Crop(0, k, k+1, 1), texture(32, 32, k))
	}
	start := converted(targets, tensor.Float64)
	tensor.Copy(start.Crop(0, going, going+1, 1), texture(32, 32, 9)) // the others are where they should be
	var runs [2]*synth.Metamer
	for i, b := range []autograd.Backend{nil, dev} {
		s, err := synth.NewMetamer(b, targets, statistics(t), synth.MetamerOptions{Init: start, Optimizer: optim.Adam{}, Tolerance: new(1e-12), Window: 2})
		require.NoError(t, err)
		defer s.Close()
		require.NoError(t, s.Step())
		bound := dev.n
		_, err = s.Run(context.Background(), synth.Stop{Iterations: 20})
		require.NoError(t, err)
		if runs[i] = s; b != nil {
			require.Greater(t, dev.n, bound)
		}
	}
	for k := range n {
		want := runs[0].Losses(k)
		requireLosses(t, want, runs[1].Losses(k), len(want), 1e-4)
		require.Equal(t, k == going, len(want) == 21, "%d", k)
	}
}

// Coarse to fine: a stage's program is captured when it begins.
func TestCoarseToFine(t *testing.T) {
	dev := open(t)
	o := synth.MetamerOptions{CoarseToFine: synth.Together, ChangeTolerance: new(math.Inf(1)), ChangeWindow: 1, Optimizer: optim.Adam{}}
	cpu := metamer(t, nil, texture(32, 32, 0), statistics(t), 5, o)
	gpu := metamer(t, dev, texture(32, 32, 0), statistics(t), 5, o)
	requireLosses(t, cpu.Losses(0), gpu.Losses(0), 5, 1e-4)
}
