package models

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// The gradient of Σ sin(i)·representation[i], along a direction, is the central
// difference of that sum.
func TestModelGradients(t *testing.T) {
	must := func(m synth.Model, err error) synth.Model {
		require.NoError(t, err)
		return m
	}
	pyramid := func(o SteerablePyramidOptions) synth.Model {
		p, err := NewSteerablePyramid(15, 20, o)
		return must(p, err)
	}
	laplacian, err := NewLaplacianPyramid(15, 20, LaplacianPyramidOptions{Scales: 3})
	onOff, errOnOff := NewOnOff(FrontEndOptions{Mask: true})
	linear, errLinear := NewLinear(LinearOptions{})
	for name, m := range map[string]synth.Model{
		"real pyramid":    pyramid(SteerablePyramidOptions{}),
		"complex pyramid": pyramid(SteerablePyramidOptions{Complex: true, Order: new(2)}),
		"full-size tight": pyramid(SteerablePyramidOptions{Complex: true, NoDownsample: true, TightFrame: true}),
		"laplacian":       must(laplacian, err),
		"on-off":          must(onOff, errOnOff),
		"linear":          must(linear, errLinear),
		"local gain":      synth.ModelFunc(func(x autograd.Value) autograd.Value { n, _ := LocalGainControl(x, GainOptions{}); return n }),
		"phase": synth.ModelFunc(func(x autograd.Value) autograd.Value {
			return ModulatePhase(x.FFT(autograd.Ortho, 2, 3), 2).Real()
		}),
	} {
		t.Run(name, func(t *testing.T) { checkGradient(t, m, 20, 20) })
	}
}

func checkGradient(t *testing.T, m synth.Model, h, w int) {
	t.Helper()
	if _, pyramid := m.(synth.Grouped); pyramid {
		h = 15
	}
	if m, ok := m.(*FrontEnd); ok && m.mode == autograd.PadReflect {
		h, w = 18, 20 // the padding needs more than 15
	}
	tape := autograd.New(nil)
	defer tape.Close()
	direction := make([]float64, h*w)
	for i := range direction {
		direction[i] = math.Cos(float64(3*i*i + 1))
	}
	v := tape.Const(tensor.Of(direction, 1, 1, h, w))
	step := tape.Var("step", tensor.Scalar(0))
	x := tape.Const(texture(h, w, 0)).Add(v.Mul(step))
	rep := m.Forward(x)
	weights := make([]float64, rep.Type().Len())
	for i := range weights {
		weights[i] = math.Sin(float64(i))
	}
	loss := rep.Mul(tape.Const(tensor.Of(weights, rep.Type().Shape()...))).Sum()
	slope := real(evaluate(t, autograd.Grad(loss, step)[0])[0])
	at := func(e float64) float64 {
		require.NoError(t, tape.Set(step, tensor.Scalar(e)))
		return real(evaluate(t, loss)[0])
	}
	const e = 1e-5
	want := (at(e) - at(-e)) / (2 * e)
	require.InDelta(t, want, slope, 1e-6*math.Max(math.Abs(want), 1))
	require.Greater(t, math.Abs(slope), 1e-3, "the test must be able to fail")
}
