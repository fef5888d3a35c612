package models

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

var _, _, _, _, _ synth.Model = (*FrontEnd)(nil), Gaussian{}, CenterSurround{}, Linear{}, Identity{}

func frontEndGolden(t *testing.T, name, key string) (g golden) {
	t.Helper()
	var all map[string]json.RawMessage
	readGolden(t, "frontend", &all)
	require.Contains(t, all, name)
	if key == "" {
		require.NoError(t, json.Unmarshal(all[name], &g))
		return g
	}
	var parts map[string]golden
	require.NoError(t, json.Unmarshal(all[name], &parts))
	return parts[key]
}

func TestFrontEnds(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	image := texture(64, 64, 0)
	for name, c := range map[string]struct {
		make func(FrontEndOptions) (*FrontEnd, error)
		o    FrontEndOptions
	}{
		"LN_T64": {NewLinearNonlinear, FrontEndOptions{}}, "LG_T64": {NewLuminanceGainControl, FrontEndOptions{}},
		"LGG_T64": {NewLuminanceContrastGainControl, FrontEndOptions{Kernel: [2]int{31, 31}}}, "OnOff_T64": {NewOnOff, FrontEndOptions{}},
		"OnOff_mask_T64": {NewOnOff, FrontEndOptions{Mask: true}},
	} {
		m, err := c.make(c.o)
		require.NoError(t, err)
		inBoth(tape, image, 1e-11, func(x autograd.Value, tol float64) {
			requireGolden(t, frontEndGolden(t, name, ""), m.Forward(x), tol, name)
		})
	}
}

func TestNaiveModels(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	k7 := [2]int{7, 7}
	g, err := NewGaussian(GaussianOptions{Kernel: k7})
	require.NoError(t, err)
	cs, err := NewCenterSurround(CenterSurroundOptions{Kernel: k7})
	require.NoError(t, err)
	both, err := NewCenterSurround(CenterSurroundOptions{Kernel: k7, OffCenter: []bool{false, true}})
	require.NoError(t, err)
	inBoth(tape, texture(64, 64, 0), 1e-12, func(x autograd.Value, tol float64) {
		requireGolden(t, frontEndGolden(t, "Gaussian7_std3", "T64"), g.Forward(x), tol, "Gaussian")
		requireGolden(t, frontEndGolden(t, "CS7", "T64"), cs.Forward(x), tol, "centre-surround")
		requireGolden(t, frontEndGolden(t, "CS7_onoff", "T64"), both.Forward(x), tol, "on and off")
		require.Equal(t, x, Identity{}.Forward(x))
	})
}

// The reference's filter is in single precision, and its second one is
// divided by rounding noise: the first channel is compared.
func TestLinear(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(64, 64, 0))
	for name, k := range map[string]int{"Linear3": 3, "Linear5": 5} {
		m, err := NewLinear(LinearOptions{Kernel: [2]int{k, k}})
		require.NoError(t, err)
		y := m.Forward(x)
		require.Equal(t, []int{1, 2, 64, 64}, y.Type().Shape())
		want := frontEndGolden(t, name, "T64")
		got := evaluate(t, y)
		for i, at := range want.Idx {
			if at < 4096 {
				requireNear(t, complex(want.At[i], 0), got[at], 1e-6, .5, name)
			}
		}
		var sum complex128
		for _, z := range got[4096:] {
			sum += z
		}
		requireNear(t, 0, sum, 1e-10, 1, "the second filter has sum 0")
	}
}

// The random filters, which PyTorch draws in single precision, and what they make
// of an image, are the reference's.
func TestLinearRandomFilters(t *testing.T) {
	var want map[string]struct{ Filt, T20x24 golden }
	readGolden(t, "linear_random", &want)
	tape := autograd.New(nil)
	defer tape.Close()
	reflect := autograd.PadReflect
	for name, o := range map[string]LinearOptions{
		"3 seed 0 circular":  {Random: true},
		"5x4 seed 7 reflect": {Random: true, Seed: 7, Kernel: [2]int{5, 4}, Pad: &reflect},
		"9 seed 3 circular":  {Random: true, Seed: 3, Kernel: [2]int{9, 9}},
	} {
		m, err := NewLinear(o)
		require.NoError(t, err)
		require.Contains(t, want, name)
		require.Equal(t, want[name].Filt.V, tensor.Floats(m.Filter()), name)
		inBoth(tape, texture(20, 24, 0), 1e-12, func(x autograd.Value, tol float64) {
			requireGolden(t, want[name].T20x24, m.Forward(x), tol, name)
		})
	}
}

// Every channel is filtered on its own, and becomes as many as there are filters.
func TestFrontEndOfChannels(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	m, err := NewOnOff(FrontEndOptions{})
	require.NoError(t, err)
	a, b := tape.Const(texture(32, 32, 0)), tape.Const(texture(32, 32, 1))
	both := m.Forward(autograd.Concat(1, a, b))
	require.Equal(t, []int{1, 4, 32, 32}, both.Type().Shape())
	want := append(evaluate(t, m.Forward(a)), evaluate(t, m.Forward(b))...)
	for i, z := range evaluate(t, both) {
		requireNear(t, want[i], z, 1e-13, 1, "channels")
	}
}

func TestFrontEndParameters(t *testing.T) {
	p := fitted["linear-nonlinear"]
	given, err := NewLinearNonlinear(FrontEndOptions{Kernel: [2]int{9, 9}, Parameters: &p, AmplitudeRatio: 2})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(16, 16, 0))
	off, err := NewLinearNonlinear(FrontEndOptions{Kernel: [2]int{9, 9}, Parameters: &p, AmplitudeRatio: 2, OffCenter: true,
		Activation: func(x autograd.Value) autograd.Value { return x.Neg().Softplus() }})
	require.NoError(t, err)
	want := evaluate(t, given.Forward(x))
	for i, z := range evaluate(t, off.Forward(x)) {
		requireNear(t, want[i], z, 1e-14, 1, "an off centre and a negated activation")
	}
	require.Equal(t, .5339, fitted["linear-nonlinear"].CenterStd[0], "the table is not changed")
}

func TestFrontEndErrors(t *testing.T) {
	one := []float64{1}
	for want, f := range map[string]func() error{
		"31×31 taps, not 7×7": func() error { _, err := NewOnOff(FrontEndOptions{Kernel: [2]int{7, 7}}); return err },
		"3 values of CenterStd given, 2 expected": func() error {
			_, err := NewOnOff(FrontEndOptions{Parameters: &FrontEndParameters{CenterStd: []float64{1, 2, 3}}})
			return err
		},
		"0 values of LuminanceScalar": func() error {
			_, err := NewLuminanceGainControl(FrontEndOptions{Parameters: &FrontEndParameters{CenterStd: one, SurroundStd: one, LuminanceStd: one}})
			return err
		},
		"standard deviation -1": func() error {
			_, err := NewLinearNonlinear(FrontEndOptions{Parameters: &FrontEndParameters{CenterStd: one, SurroundStd: []float64{-1}}})
			return err
		},
		"amplitude ratio of 0.5": func() error { _, err := NewLinearNonlinear(FrontEndOptions{AmplitudeRatio: .5}); return err },
		"standard deviation 0":   func() error { _, err := NewGaussian(GaussianOptions{Std: []float64{0}}); return err },
		"2 center deviations": func() error {
			_, err := NewCenterSurround(CenterSurroundOptions{OffCenter: []bool{true, true, false}, CenterStd: []float64{1, 2}})
			return err
		},
		"sizes of at least 1": func() error { _, err := NewLinear(LinearOptions{Kernel: [2]int{3, -1}}); return err },
	} {
		require.ErrorContains(t, f(), want)
	}
	tape := autograd.New(nil)
	defer tape.Close()
	m, err := NewOnOff(FrontEndOptions{})
	require.NoError(t, err)
	require.ErrorContains(t, autograd.Try(func() { m.Forward(tape.Const(tensor.New(tensor.Float64, 64, 64))) }), "(N, C, h, w) expected")
	require.Error(t, autograd.Try(func() { m.Forward(tape.Const(texture(8, 8, 0))) }))
}
