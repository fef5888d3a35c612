//go:build cuda && cgo

package cuda_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

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

// converted returns x with the element type d.
func converted(x tensor.Tensor, d tensor.DType) tensor.Tensor {
	y := tensor.New(d, x.Shape()...)
	tensor.Copy(y, x)
	return y
}

// shipped lists the models for images of 48×64 pixels.
func shipped(t testing.TB) map[string]synth.Model {
	const h, w = 48, 64
	all := map[string]synth.Model{}
	add := func(name string, m synth.Model, err error) {
		require.NoError(t, err, name)
		all[name] = m
	}
	ps, err := models.NewPortillaSimoncelli(h, w, models.PortillaSimoncelliOptions{Scales: 3, CorrelationWidth: 5})
	add("portilla-simoncelli", ps, err)
	sp, err := models.NewSteerablePyramid(h, w, models.SteerablePyramidOptions{Complex: true})
	add("steerable-pyramid", sp, err)
	lp, err := models.NewLaplacianPyramid(h, w, models.LaplacianPyramidOptions{Scales: 4})
	add("laplacian-pyramid", lp, err)
	ln, err := models.NewLinearNonlinear(models.FrontEndOptions{})
	add("linear-nonlinear", ln, err)
	lg, err := models.NewLuminanceContrastGainControl(models.FrontEndOptions{})
	add("luminance-contrast-gain-control", lg, err)
	oo, err := models.NewOnOff(models.FrontEndOptions{})
	add("on-off", oo, err)
	ga, err := models.NewGaussian(models.GaussianOptions{})
	add("gaussian", ga, err)
	return all
}

// metrics lists the metrics, for images of at least 176 pixels where said.
var metrics = map[string]synth.Metric{"ssim": models.SSIM{}, "nlpd": models.NLPD{}, "mse": models.MSE{}}

// outcome is a function's value and gradient at an image.
type outcome struct{ value, gradient tensor.Tensor }

// evaluate runs f and the gradient of its squares on a backend.
func evaluate(t *testing.T, b autograd.Backend, x tensor.Tensor, f func(x autograd.Value) autograd.Value) (o outcome) {
	t.Helper()
	tape := autograd.New(b)
	defer tape.Close()
	v := tape.Var("x", x)
	y := f(v)
	g := autograd.Grad(y.Abs2().SumWide(), v)[0]
	p, err := tape.Compile([]autograd.Value{y, g}, autograd.Value{})
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	require.NoError(t, p.Run(), "the second run")
	for i, to := range []*tensor.Tensor{&o.value, &o.gradient} {
		out, err := p.Out(i)
		require.NoError(t, err)
		*to = converted(out, out.DType)
	}
	return o
}

// requireClose compares arrays relative to the root mean square of what is wanted.
func requireClose(t *testing.T, want, got tensor.Tensor, tol float64, what string) {
	t.Helper()
	require.Equal(t, want.Type, got.Type, what)
	sum, worst := 0., 0.
	for i := range want.Len() {
		a, b := want.Load(i), got.Load(i)
		d := math.Hypot(real(a-b), imag(a-b))
		require.False(t, math.IsNaN(d), "%s: element %d is %v, not %v", what, i, b, a)
		sum, worst = sum+real(a)*real(a)+imag(a)*imag(a), max(worst, d)
	}
	rms := math.Sqrt(sum / float64(max(want.Len(), 1)))
	require.LessOrEqual(t, worst, tol*rms, what)
}

// The bounds between CPU and GPU, relative to the root mean square.
var bounds = map[tensor.DType]float64{tensor.Float64: 1e-9, tensor.Float32: 2e-3}

func TestModelsAgreeWithCPU(t *testing.T) {
	dev := open(t)
	for name, m := range shipped(t) {
		for d, bound := range bounds {
			t.Run(name+"/"+d.String(), func(t *testing.T) {
				x := converted(texture(48, 64, 0), d)
				cpu, gpu := evaluate(t, nil, x, m.Forward), evaluate(t, dev, x, m.Forward)
				requireClose(t, cpu.value, gpu.value, bound, "representation")
				requireClose(t, cpu.gradient, gpu.gradient, bound, "gradient")
			})
		}
	}
}

func TestMetricsAgreeWithCPU(t *testing.T) {
	dev := open(t)
	for name, m := range metrics {
		t.Run(name, func(t *testing.T) {
			f := func(x autograd.Value) autograd.Value { return m.Metric(x.Tape().Const(texture(48, 64, 1)), x) }
			cpu, gpu := evaluate(t, nil, texture(48, 64, 0), f), evaluate(t, dev, texture(48, 64, 0), f)
			requireClose(t, cpu.value, gpu.value, 1e-9, "distance")
			requireClose(t, cpu.gradient, gpu.gradient, 1e-9, "gradient")
		})
	}
}

// The statistics of Portilla and Simoncelli on the device, against the reference.
func TestPortillaSimoncelliGolden(t *testing.T) {
	dev := open(t)
	b, err := os.ReadFile("../models/testdata/portilla_simoncelli.json")
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(b, &all))
	var g struct {
		Scales       int `json:"n_scales"`
		Orientations int `json:"n_orientations"`
		Width        int
		Rep          []float64
	}
	require.NoError(t, json.Unmarshal(all["T64_3_4_7"], &g))
	m, err := models.NewPortillaSimoncelli(64, 64, models.PortillaSimoncelliOptions{Scales: g.Scales, Orientations: g.Orientations, CorrelationWidth: g.Width})
	require.NoError(t, err)
	got := evaluate(t, dev, texture(64, 64, 0), m.Forward).value
	require.Equal(t, len(g.Rep), got.Len())
	for i, v := range g.Rep { // the reference rounds some groups to single precision on the way
		require.InDelta(t, v, got.LoadReal(i), 2e-7*max(1, math.Abs(v)), "statistic %d", i)
	}
}

// The same bits each run, and kernel by kernel; in a batch the same numbers.
func TestDeterministic(t *testing.T) {
	dev := open(t)
	m, err := models.NewPortillaSimoncelli(32, 32, models.PortillaSimoncelliOptions{Scales: 2, CorrelationWidth: 5})
	require.NoError(t, err)
	x := texture(32, 32, 0)
	one := evaluate(t, dev, x, m.Forward)
	again := evaluate(t, dev, x, m.Forward)
	require.Equal(t, tensor.Floats(one.value), tensor.Floats(again.value))
	require.Equal(t, tensor.Floats(one.gradient), tensor.Floats(again.gradient))
	dev.Uncaptured = true
	again = evaluate(t, dev, x, m.Forward)
	require.Equal(t, tensor.Floats(one.value), tensor.Floats(again.value))
	require.Equal(t, tensor.Floats(one.gradient), tensor.Floats(again.gradient))
	dev.Uncaptured = false
	batch := tensor.New(x.DType, 3, 1, 32, 32)
	for k := range 3 {
		tensor.Copy(batch.Crop(0, k, k+1, 1), texture(32, 32, []int{4, 0, 7}[k]))
	}
	many := evaluate(t, dev, batch, m.Forward)
	requireClose(t, one.value, converted(many.value.Crop(0, 1, 2, 1), x.DType), 1e-12, "in a batch")
	requireClose(t, one.gradient, converted(many.gradient.Crop(0, 1, 2, 1), x.DType), 1e-12, "in a batch")
}
