package models

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
)

// Every model is sound, of images that are neither square nor even where it takes
// them, with several channels.
func TestModelsAreSound(t *testing.T) {
	const h, w = 36, 45
	must := func(m synth.Model, err error) synth.Model {
		require.NoError(t, err)
		return m
	}
	front := func(f func(FrontEndOptions) (*FrontEnd, error)) synth.Model {
		m, err := f(FrontEndOptions{})
		return must(m, err)
	}
	pyramid := func(o SteerablePyramidOptions) synth.Model {
		m, err := NewSteerablePyramid(h, w, o)
		return must(m, err)
	}
	laplacian, err := NewLaplacianPyramid(h, w, LaplacianPyramidOptions{})
	gaussian, errG := NewGaussian(GaussianOptions{Std: []float64{1, 3}})
	surround, errS := NewCenterSurround(CenterSurroundOptions{OffCenter: []bool{false, true}})
	linear, errL := NewLinear(LinearOptions{})
	for name, m := range map[string]synth.Model{
		"linear-nonlinear": front(NewLinearNonlinear), "luminance": front(NewLuminanceGainControl), "contrast": front(NewLuminanceContrastGainControl), "on-off": front(NewOnOff),
		"laplacian": must(laplacian, err), "real": pyramid(SteerablePyramidOptions{}), "complex": pyramid(SteerablePyramidOptions{Complex: true}),
		"gaussian": must(gaussian, errG), "surround": must(surround, errS), "linear": must(linear, errL), "identity": Identity{},
	} {
		v, err := synth.Check(m, synth.CheckOptions{Channels: 2, Height: h, Width: w})
		require.NoError(t, err)
		require.Equal(t, synth.Passed, v.Severity(), "%s: %+v", name, v)
	}
	ps, err := NewPortillaSimoncelli(32, 48, PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 5})
	v, errC := synth.Check(must(ps, err), synth.CheckOptions{Height: 32, Width: 48})
	require.NoError(t, errC)
	require.NoError(t, v.Err())
	require.Equal(t, synth.Warning, v.Severity(), "statistics of flat images do not exist: %+v", v)
}

func TestMetricsAreSound(t *testing.T) {
	pad := autograd.PadReflect
	for name, m := range map[string]synth.Metric{
		"mse": MSE{}, "dssim": Dissimilarity{SSIM{}}, "weighted": Dissimilarity{SSIM{Weighted: true, Pad: &pad}}, "dms-ssim": Dissimilarity{MSSSIM{PowerFactors: []float64{.5, .5}}},
		"nlpd": NLPD{Epsilon: new(1e-20)}, "ssim": SSIM{}, "nlpd as it is": NLPD{}, "model": ModelMetric{Identity{}},
	} {
		v, err := synth.CheckMetric(m, synth.CheckOptions{Channels: 2, Height: 41, Width: 48})
		require.NoError(t, err)
		want := synth.Passed
		if name == "ssim" || name == "nlpd as it is" || name == "model" {
			want = synth.Warning
		}
		require.Equal(t, want, v.Severity(), "%s: %+v", name, v)
	}
}
