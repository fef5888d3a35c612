package models

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

var (
	_ [6]synth.Metric  = [...]synth.Metric{MSE{}, SSIM{}, MSSSIM{}, Dissimilarity{}, NLPD{}, ModelMetric{}}
	_ [2]synth.Similar = [...]synth.Similar{SSIM{}, MSSSIM{}}
)

func padding(m autograd.PadMode) *autograd.PadMode { return &m }

// goldenMetrics are the metrics of the reference file, and how near they come to
// it: the reference rounds the taps of its window to single precision.
var goldenMetrics = map[string]struct {
	metric ChannelMetric
	tol    float64
}{
	"mse":              {MSE{}, 1e-14},
	"ssim":             {SSIM{}, 1e-9},
	"ssim_w":           {SSIM{Weighted: true}, 1e-9},
	"ssim_w_constant":  {SSIM{Weighted: true, Pad: padding(autograd.PadConstant)}, 1e-9},
	"ssim_w_reflect":   {SSIM{Weighted: true, Pad: padding(autograd.PadReflect)}, 1e-9},
	"ssim_w_replicate": {SSIM{Weighted: true, Pad: padding(autograd.PadReplicate)}, 1e-9},
	"ssim_w_circular":  {SSIM{Weighted: true, Pad: padding(autograd.PadCircular)}, 1e-9},
	"ms_ssim":          {MSSSIM{}, 1e-7},
	"ms_ssim_2":        {MSSSIM{PowerFactors: []float64{.3, .7}}, 1e-7},
	"nlpd":             {NLPD{}, 1e-12},
}

func TestMetricsAgainstReference(t *testing.T) {
	var all map[string]json.RawMessage
	readGolden(t, "metrics", &all)
	tape := autograd.New(nil)
	defer tape.Close()
	for name, pair := range map[string][2]tensor.Tensor{
		"TS":  {texture(64, 64, 0), gratings(64, 64, 0)},
		"TT1": {texture(64, 64, 0), texture(64, 64, 1)},
		"SS":  {gratings(64, 64, 0), gratings(64, 64, .2)},
	} {
		var want map[string]float64
		require.NoError(t, json.Unmarshal(all[name], &want))
		for key, value := range want {
			m := goldenMetrics[key]
			require.NotNil(t, m.metric, key)
			scale := 0.0
			if _, similar := m.metric.(synth.Similar); similar {
				scale = 1 // similarities of 0 are sums of terms of that size
			}
			inBoth(tape, pair[1], m.tol, func(x autograd.Value, tol float64) {
				got := evaluate(t, m.metric.Channels(tape.Const(pair[0]).Cast(x.Type().DType), x))
				requireNear(t, complex(value, 0), got[0], tol, scale, name+" "+key)
			})
		}
	}
	var small float64
	require.NoError(t, json.Unmarshal(all["ssim_small_8x9"], &small))
	got := evaluate(t, SSIM{}.Channels(tape.Const(texture(8, 9, 0)), tape.Const(texture(8, 9, 1))))
	require.InDelta(t, small, real(got[0]), 1e-7)
}

func TestMapsAgainstReference(t *testing.T) {
	var all struct {
		Map golden   `json:"ssim_map_TS"`
		NLP []golden `json:"nlp_T64"`
	}
	readGolden(t, "metrics", &all)
	tape := autograd.New(nil)
	defer tape.Close()
	inBoth(tape, texture(64, 64, 0), 1e-7, func(x autograd.Value, tol float64) {
		requireGolden(t, all.Map, SSIMMap(x, tape.Const(gratings(64, 64, 0)).Cast(x.Type().DType)), tol, "map")
	})
	inBoth(tape, texture(64, 64, 0), 1e-11, func(x autograd.Value, tol float64) {
		levels := NormalizedLaplacianPyramid(x)
		require.Len(t, levels, len(all.NLP))
		for k, want := range all.NLP {
			requireGolden(t, want, levels[k], tol, "level")
		}
	})
}

// distances are the metrics on which gradients are tested.
var distances = map[string]ChannelMetric{
	"mse": MSE{}, "ssim": SSIM{}, "weighted": SSIM{Weighted: true, Pad: padding(autograd.PadReflect)}, "ms-ssim": MSSSIM{PowerFactors: []float64{.3, .7}},
	"dssim": Dissimilarity{SSIM{}}, "nlpd": NLPD{}, "nlpd 0": NLPD{Epsilon: new(float64)}, "model": ModelMetric{synth.ModelFunc(SquareSum)},
}

// SquareSum is a nonlinear model with a short representation.
func SquareSum(x autograd.Value) autograd.Value { return x.Square().Sum(3) }

// The gradient along a direction is the central difference; both images are
// 2-channel batches, and the reference has a gradient too.
func TestMetricGradients(t *testing.T) {
	const h, w = 41, 44
	stack := func(a, b tensor.Tensor) tensor.Tensor {
		both := tensor.New(tensor.Float64, 1, 2, h, w)
		tensor.Copy(both.Crop(1, 0, 1, 1), a)
		tensor.Copy(both.Crop(1, 1, 2, 1), b)
		return both
	}
	for name, m := range distances {
		t.Run(name, func(t *testing.T) {
			tape := autograd.New(nil)
			defer tape.Close()
			step := tape.Var("step", tensor.Scalar(0))
			x := tape.Const(stack(gratings(h, w, .3), texture(h, w, 1)))
			r := tape.Const(stack(gratings(h, w, 0), texture(h, w, 0)))
			direction := tape.Const(texture(h, w, 3)).AddScalar(-.4).Mul(step)
			values := m.Channels(r.Add(direction.Scale(.7)), x.Add(direction))
			loss := values.Mul(tape.Const(tensor.Of([]float64{1, 1.5}, 1, 2))).Sum()
			if values.Type().Dim[1] == 1 {
				loss = values.Sum()
			}
			slope := autograd.Grad(loss, step)[0]
			curvature := autograd.Grad(slope, step)[0]
			at := func(v autograd.Value, e float64) float64 {
				require.NoError(t, tape.Set(step, tensor.Scalar(e)))
				return real(evaluate(t, v)[0])
			}
			const e = 1e-5
			want := (at(loss, e) - at(loss, -e)) / (2 * e)
			got := at(slope, 0)
			require.InDelta(t, want, got, 1e-6*math.Max(math.Abs(want), 1e-3))
			require.Greater(t, math.Abs(got), 1e-4, "the test must be able to fail")
			if _, kinks := m.(NLPD); !kinks {
				want = (at(slope, e) - at(slope, -e)) / (2 * e)
				require.InDelta(t, want, at(curvature, 0), 1e-5*math.Max(math.Abs(want), 1e-2))
			}
		})
	}
}

// Equal images, flat ones, black and white ones: values are right and gradients
// finite; those of distances at equal images are 0.
func TestMetricsOfDegenerateImages(t *testing.T) {
	const h, w = 48, 40
	flat := func(v float64) tensor.Tensor {
		p := make([]float64, h*w)
		for i := range p {
			p[i] = v
		}
		return tensor.Of(p, 1, 1, h, w)
	}
	images := map[string]tensor.Tensor{"texture": texture(h, w, 0), "black": flat(0), "gray": flat(.5), "white": flat(1)}
	for name, m := range distances {
		for a, x := range images {
			for b, y := range images {
				for _, d := range []tensor.DType{tensor.Float64, tensor.Float32} {
					t.Run(name+"/"+a+"/"+b+"/"+d.String(), func(t *testing.T) { checkDegenerate(t, m, x, y, d, a == b) })
				}
			}
		}
	}
}

// TestNLPDWithoutKinks: with rounding, the distance of an image with a coefficient
// moved across 0 has no kink there, and is that of the formula.
func TestNLPDWithoutKinks(t *testing.T) {
	const rounding = .01
	tape := autograd.New(nil)
	defer tape.Close()
	a, b := tape.Const(texture(48, 40, 0)), tape.Const(texture(48, 40, 1))
	p, err := NewLaplacianPyramid(48, 40, LaplacianPyramidOptions{Scales: nlpdScales, ScaleFilter: true})
	require.NoError(t, err)
	want := 0.
	for k := range nlpdScales {
		level := func(x autograd.Value) []float64 {
			y := p.Levels(x)[k]
			h, w := lastTwo("test", y)
			v := make([]float64, h*w)
			bands := evaluate(t, y)
			for i := range v {
				pool := nlpdLevels[k].sigma
				for _, n := range nlpdLevels[k].weights {
					if r, c := i/w+n.row-2, i%w+n.column-2; r >= 0 && r < h && c >= 0 && c < w {
						pool += n.weight * math.Hypot(real(bands[r*w+c]), rounding)
					}
				}
				v[i] = real(bands[i]) / pool
			}
			return v
		}
		x, y := level(a), level(b)
		sum := 0.
		for i := range x {
			sum += (x[i] - y[i]) * (x[i] - y[i])
		}
		want += math.Sqrt(sum/float64(len(x))+1e-10) / nlpdScales
	}
	got := evaluate(t, NLPD{Rounding: rounding}.Metric(a, b))[0]
	require.InEpsilon(t, want, real(got), 1e-9)
	require.ErrorContains(t, autograd.Try(func() { NLPD{Rounding: -1}.Metric(a, b) }), "numbers from 0 expected")
}

// Where images are flat but for rounding, local variances are noise of either
// sign; weights are not negative.
func TestWeightsOfNearlyFlatImages(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	nearly := func(level float64, s int) autograd.Value {
		return tape.Const(texture(40, 40, s)).Scale(2e-7).AddScalar(level).Cast(tensor.Float32)
	}
	x, y := nearly(.9, 0), nearly(.6, 1)
	for _, z := range evaluate(t, newSSIMLocal(x, y).information()) {
		require.Positive(t, real(z))
	}
}

func checkDegenerate(t *testing.T, m ChannelMetric, x, y tensor.Tensor, d tensor.DType, equal bool) {
	tape := autograd.New(nil)
	defer tape.Close()
	image := tape.Var("x", y).Cast(d)
	v := m.Channels(tape.Const(x).Cast(d), image)
	value := real(evaluate(t, v)[0])
	require.False(t, math.IsNaN(value) || math.IsInf(value, 0), value)
	largest := 0.0
	for _, g := range evaluate(t, autograd.Grad(v.Sum(), image)[0]) {
		require.False(t, math.IsNaN(real(g)) || math.IsInf(real(g), 0), g)
		largest = math.Max(largest, math.Abs(real(g)))
	}
	if !equal {
		return
	}
	want := 0.0
	switch m := m.(type) {
	case synth.Similar:
		want = 1
	case NLPD:
		if m.Epsilon == nil {
			want = 1e-5
		}
	case ModelMetric:
		want = 1e-5
	}
	require.InDelta(t, want, value, 1e-15)
	require.LessOrEqual(t, largest, map[tensor.DType]float64{tensor.Float64: 1e-13, tensor.Float32: 1e-5}[d])
}

// A reference serves a whole batch, channels are compared one by one, and what
// does not fit is refused.
func TestMetricShapes(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	batch := tensor.New(tensor.Float64, 2, 3, 40, 48)
	for i := range batch.Len() {
		batch.StoreReal(i, math.Mod(float64(i)*.37, 1))
	}
	x, r := tape.Const(batch), tape.Const(texture(40, 48, 0))
	for name, m := range distances {
		v := evaluate(t, m.Channels(r, x))
		if name == "model" {
			require.Len(t, v, 2)
			continue
		}
		require.Len(t, v, 6, name)
		one := evaluate(t, m.Channels(r, x.Crop(0, 1, 2).Crop(1, 2, 3)))
		require.InDelta(t, real(one[0]), real(v[5]), 1e-14, name)
		mean := evaluate(t, m.(synth.Metric).Metric(r, x))
		require.Len(t, mean, 2)
		require.InDelta(t, (real(v[3])+real(v[4])+real(v[5]))/3, real(mean[1]), 1e-14, name)
		require.Error(t, autograd.Try(func() { m.Channels(r.Crop(2, 0, 39), x) }), name)
		require.Error(t, autograd.Try(func() { m.Channels(r.Cast(tensor.Float32), x) }), name)
	}
	require.ErrorContains(t, autograd.Try(func() { NLPD{}.Metric(r.Crop(2, 0, 32), r.Crop(2, 0, 32)) }), "room for")
}
