package synth_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// trajectory is a run of the reference.
type trajectory struct {
	Losses      []float64 `json:"_losses"`
	Penalties   []float64
	Gradient    []float64 `json:"gradient_norm"`
	PixelChange []float64 `json:"pixel_change_norm"`
	Final       summary
}

// summary is what is known of an array of the reference.
type summary struct {
	Shape      []int
	Idx        []int
	At         []float64
	Sum, SumSq float64
}

func readTrajectory(t *testing.T, name string) trajectory {
	t.Helper()
	b, err := os.ReadFile("testdata/metamer.json")
	require.NoError(t, err)
	var all map[string]trajectory
	require.NoError(t, json.Unmarshal(b, &all))
	require.Contains(t, all, name)
	return all[name]
}

// texture is the reference's test image T(h, w, s), (1, 1, h, w).
func texture(h, w, s int) tensor.Tensor {
	v := make([]float64, 0, h*w)
	for i := range h {
		for j := range w {
			k := 7*i*i + 13*i*j + 31*j + 17*(i*j%29) + s*(5*i+3*j*j)
			v = append(v, float64(k%256)/255)
		}
	}
	return tensor.Of(v, 1, 1, h, w)
}

// gratings is the reference's test image S(h, w).
func gratings(h, w int) tensor.Tensor {
	v := make([]float64, 0, h*w)
	for i := range h {
		for j := range w {
			y, x := 2*math.Pi*float64(i)/float64(h), 2*math.Pi*float64(j)/float64(w)
			v = append(v, .5+.2*math.Sin(3*y+2*x)+.15*math.Cos(5*x)+.1*math.Sin(7*y-4*x))
		}
	}
	return tensor.Of(v, 1, 1, h, w)
}

// gaussian blurs with a normalized 7×7 Gaussian of standard deviation 2, the
// border reflected: the reference's model Gaussian(7, std=2).
func gaussian(x autograd.Value) autograd.Value {
	const size, std = 7, 2
	var w [size]float64
	sum := 0.
	for i := range w {
		d := float64(i - size/2)
		w[i] = math.Exp(-d * d / (2 * std * std))
		sum += w[i]
	}
	shape := x.Type().Dim
	y := x.Pad(autograd.PadReflect, [2]int{3, 3}, [2]int{3, 3})
	for axis := 2; axis < 4; axis++ {
		var parts []autograd.Value
		for i := range w {
			parts = append(parts, y.Crop(axis, i, i+shape[axis]).Scale(w[i]/sum))
		}
		y = autograd.Sum(parts...)
	}
	return y
}

// near compares with the reference: within tol of the larger of the value's
// size and the root mean square of all.
func near(t *testing.T, want, got []float64, tol float64, what string) {
	t.Helper()
	require.GreaterOrEqual(t, len(got), len(want), what)
	rms := 0.
	for _, v := range want {
		rms += v * v
	}
	rms = math.Sqrt(rms / float64(len(want)))
	for i, v := range want {
		limit := tol * math.Max(math.Abs(v), rms)
		require.LessOrEqual(t, math.Abs(v-got[i]), limit, "%s[%d]: %v, the reference has %v", what, i, got[i], v)
	}
}

// requireTrajectory compares iterations 0 to last of image 0 with the reference.
func requireTrajectory(t *testing.T, want trajectory, s *synth.Metamer, last int, tol float64) {
	t.Helper()
	var losses, penalties, gradient, change []float64
	for _, r := range s.History(0) {
		losses, penalties = append(losses, r.Loss), append(penalties, r.Penalty)
		gradient, change = append(gradient, r.GradientNorm), append(change, r.PixelChange)
	}
	require.Len(t, losses, len(want.Losses))
	near(t, want.Losses[:last+1], losses, tol, "loss")
	near(t, want.Penalties[:min(last+1, len(want.Penalties))], penalties, tol, "penalty")
	near(t, want.Gradient[:last], gradient, tol, "gradient norm")
	near(t, want.PixelChange[:last], change, tol, "pixel change")
}

func requireFinal(t *testing.T, want summary, s *synth.Metamer, tol float64) {
	t.Helper()
	x, err := s.Image()
	require.NoError(t, err)
	require.Equal(t, want.Shape, x.Shape())
	v := tensor.Floats(x)
	sum, sq := 0., 0.
	for _, p := range v {
		sum, sq = sum+p, sq+p*p
	}
	n := float64(len(v))
	rms := math.Sqrt(want.SumSq / n)
	require.InDelta(t, want.SumSq/n, sq/n, tol*rms*rms)
	require.InDelta(t, want.Sum/n, sum/n, tol*rms)
	for i, j := range want.Idx {
		require.InDelta(t, want.At[i], v[j], tol*math.Max(rms, math.Abs(want.At[i])), "final[%d]", j)
	}
}

func TestGaussianMetamersAreTheReferences(t *testing.T) {
	for _, c := range []struct {
		name       string
		optimizer  optim.Optimizer
		scheduler  optim.Scheduler
		iterations int
		tol        float64
	}{
		{"metamer_gauss_adam", optim.Adam{}, nil, 10, 1e-10},
		{"metamer_gauss_adam_noams_lr.05", optim.Adam{Rate: .05, NoAMSGrad: true}, nil, 10, 1e-10},
		{"metamer_gauss_sgd_lr1", optim.SGD{Rate: 1}, nil, 10, 1e-10},
		{"metamer_gauss_adam_steplr3_.5", optim.Adam{}, optim.StepDecay{Size: 3, Gamma: new(.5)}, 10, 1e-10},
		{"metamer_gauss_lbfgs_ps_opts", optim.LBFGS{Float64History: true}, nil, 8, 1e-5},
		{"metamer_gauss_lbfgs_ps_opts", optim.LBFGS{TwoLoop: true, Float64History: true}, nil, 8, 1e-5},
		{"metamer_gauss_lbfgs_default_lr.01", optim.LBFGS{Rate: .01, MaxIterations: 20, MaxEvaluations: 25, NoLineSearch: true, Float64History: true}, nil, 3, 1e-9},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := synth.NewMetamer(nil, gratings(32, 32), synth.ModelFunc(gaussian), synth.MetamerOptions{
				Loss: synth.MSE{}, Optimizer: c.optimizer, Scheduler: c.scheduler, Init: texture(32, 32, 0), Reference: true})
			require.NoError(t, err)
			defer s.Close()
			for range c.iterations {
				require.NoError(t, s.Step())
			}
			want := readTrajectory(t, c.name)
			if _, ok := c.optimizer.(optim.LBFGS); ok {
				// The version of the reference that made these kept the penalty of the
				// iteration's last evaluation.
				got := append([]float64(nil), want.Penalties...)
				got[c.iterations] = s.History(0)[c.iterations].Penalty
				near(t, want.Penalties, got, c.tol, "last penalty")
				want.Penalties = nil
			}
			requireTrajectory(t, want, s, c.iterations, c.tol)
			requireFinal(t, want.Final, s, c.tol)
		})
	}
}

// TestTextureMetamerIsTheReferences follows the schedule of tolerances for a
// line search, which amplifies rounding: tight at first, then within a factor 2.
func TestTextureMetamerIsTheReferences(t *testing.T) {
	m, err := models.NewPortillaSimoncelli(64, 64, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 4})
	require.NoError(t, err)
	start := texture(64, 64, 0)
	for i, v := range tensor.Slice[float64](start) {
		start.StoreReal(i, .2*v+.4)
	}
	for _, twoLoop := range []bool{true, false} {
		s, err := synth.NewMetamer(nil, texture(64, 64, 1), m, synth.MetamerOptions{
			Loss: synth.PortillaSimoncelli{}, Optimizer: optim.LBFGS{TwoLoop: twoLoop, Float64History: true}, Init: start, Reference: true})
		require.NoError(t, err)
		defer s.Close()
		for range 5 {
			require.NoError(t, s.Step())
		}
		want := readTrajectory(t, "metamer_ps64_2_3_4_lbfgs")
		got := s.Losses(0)
		near(t, want.Losses[:2], got, 1e-7, "loss")
		requireTrajectory(t, want, s, 4, 1e-4)
		require.InEpsilon(t, want.Losses[5], got[5], 1)
	}
}
