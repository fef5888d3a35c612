package models

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
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

// Five images at once give what each gives alone, and in single precision the
// same but for its rounding.
func TestModelsOfBatches(t *testing.T) {
	const h, w = 48, 40
	batch := tensor.New(tensor.Float64, 5, 3, h, w)
	for k := range 5 {
		for c := range 3 {
			tensor.Copy(batch.Crop(0, k, k+1, 1).Crop(1, c, c+1, 1), texture(h, w, 3*k+c))
		}
	}
	ps, err := NewPortillaSimoncelli(h, w, PortillaSimoncelliOptions{Scales: 2, CorrelationWidth: 5})
	require.NoError(t, err)
	pyramid, err := NewSteerablePyramid(h, w, SteerablePyramidOptions{Complex: true})
	require.NoError(t, err)
	laplacian, err := NewLaplacianPyramid(h, w, LaplacianPyramidOptions{})
	require.NoError(t, err)
	onOff, err := NewOnOff(FrontEndOptions{})
	require.NoError(t, err)
	lgg, err := NewLuminanceContrastGainControl(FrontEndOptions{})
	require.NoError(t, err)
	for name, m := range map[string]synth.Model{"ps": ps, "pyramid": pyramid, "laplacian": laplacian, "on-off": onOff, "lgg": lgg} {
		tape := autograd.New(nil)
		x := tape.Const(batch)
		all, single := evaluate(t, m.Forward(x)), evaluate(t, m.Forward(x.Cast(tensor.Float32)))
		one := evaluate(t, m.Forward(x.Crop(0, 3, 4)))
		size := 0.0
		for _, z := range one {
			size = math.Max(size, cmplx.Abs(z))
		}
		for i, z := range one {
			requireNear(t, z, all[3*len(one)+i], 1e-12, size, name)
		}
		for i, z := range all {
			requireNear(t, z, single[i], 2e-5, size, name+" in single precision")
		}
		tape.Close()
	}
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
