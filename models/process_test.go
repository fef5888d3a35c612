package models

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// flat returns x (1, 1, h, w) as (h, w).
func flat(x tensor.Tensor) tensor.Tensor {
	y, _ := x.Reshape(x.Dim[2], x.Dim[3])
	return y
}

// Filter is one sum over taps, however it is computed.
func TestFilterWays(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := autograd.Concat(1, tape.Const(texture(21, 24, 0)), tape.Const(texture(21, 24, 1)))
	product, err := CircularGaussian(9, 11, 2)
	require.NoError(t, err)
	for name, f := range map[string]tensor.Tensor{
		"product": flat(product), "large": flat(texture(9, 11, 0)), "even": flat(texture(8, 10, 2)),
		"small": flat(texture(3, 5, 0)), "row": flat(texture(1, 15, 0)), "zero": tensor.New(tensor.Float64, 9, 9),
	} {
		for _, mode := range []autograd.PadMode{autograd.PadConstant, autograd.PadReflect, autograd.PadReplicate, autograd.PadCircular} {
			padded := SamePadding(x, [2]int{f.Dim[0], f.Dim[1]}, ones, ones, mode)
			want := correlate(padded, tape.Const(f).Reshape(1, 1, f.Dim[0], f.Dim[1]), ones)
			got := Filter(x, f, mode)
			require.Equal(t, x.Type(), got.Type())
			for i, z := range evaluate(t, want.Sub(got)) {
				requireNear(t, 0, z, 1e-13, 10, name+" "+mode.String()+" "+string(rune('0'+i%10)))
			}
			half := evaluate(t, CorrelateDownsample(x, f, mode))
			all := evaluate(t, got)
			require.Len(t, half, 2*11*12)
			requireNear(t, all[2*24+4], half[12+2], 1e-13, 10, name)
		}
	}
	_, _, ok := separated(flat(texture(9, 11, 0)))
	require.False(t, ok)
	_, _, ok = separated(flat(product))
	require.True(t, ok)
}

func TestTransformLength(t *testing.T) {
	for n, want := range map[int]int{1: 2, 7: 8, 23: 24, 31: 32, 34: 36, 61: 64, 267: 270, 286: 288} {
		require.Equal(t, want, transformLength(n), n)
	}
}

// Bands are treated one by one, and norm and direction make up the argument.
func TestGainControlOfBands(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	a, b := tape.Const(texture(9, 10, 0)), tape.Const(texture(9, 10, 1))
	bands := autograd.Concat(1, a, b).Reshape(1, 1, 2, 9, 10)
	o := GainOptions{Epsilon: 1e-3}
	norm, direction := LocalGainControl(bands, o)
	require.Equal(t, []int{1, 1, 2, 5, 5}, norm.Type().Shape())
	one, _ := LocalGainControl(b, o)
	for i, z := range evaluate(t, one) {
		requireNear(t, z, evaluate(t, norm)[25+i], 1e-15, 1, "second band")
	}
	for _, z := range evaluate(t, LocalGainRelease(norm, direction, o).Sub(bands)) {
		requireNear(t, 0, z, 1e-14, 1, "released")
	}
	require.ErrorContains(t, autograd.Try(func() { LocalGainControl(a.Reshape(90), o) }), "(N, C, K, h, w) expected")
}

func TestGainControlOfAnEmptyImage(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Var("x", tensor.New(tensor.Float64, 1, 1, 8, 8))
	norm, direction := LocalGainControl(x, GainOptions{})
	for _, z := range append(evaluate(t, norm), evaluate(t, direction)...) {
		require.Zero(t, z)
	}
	for _, z := range evaluate(t, autograd.Grad(norm.Sum().Add(direction.Square().Sum()), x)[0]) {
		require.Zero(t, z)
	}
}

func TestGainAndPolarOfPyramids(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(32, 40, 0))
	for _, cplx := range []bool{false, true} {
		p, err := NewSteerablePyramid(32, 40, SteerablePyramidOptions{Complex: cplx, Height: new(2)})
		require.NoError(t, err)
		c := p.Coefficients(x, "1", ResidualLowpass) // the first level is missing
		var first, second, back *Coefficients
		if cplx {
			first, second = c.Polar()
			back = first.Rectangular(second)
			require.False(t, first.Bands[1].Type().DType.IsComplex())
		} else {
			first, second = c.GainControl(GainOptions{})
			back = first.GainRelease(second, GainOptions{})
		}
		require.False(t, first.Bands[0].Valid())
		require.False(t, back.Highpass.Valid())
		require.False(t, second.Lowpass.Valid())
		require.Equal(t, c.Lowpass, back.Lowpass)
		for _, z := range evaluate(t, back.Bands[1].Sub(c.Bands[1])) {
			requireNear(t, 0, z, 1e-13, 1, "level 1")
		}
	}
	require.ErrorContains(t, autograd.Try(func() { RectangularToPolar(x) }), "complex")
}

func TestAddNoise(t *testing.T) {
	x := tensor.New(tensor.Float64, 1, 2, 16, 20)
	for i := range x.Len() {
		x.StoreReal(i, .5)
	}
	y, err := AddNoise(x, 3, .01, .25, 0)
	require.NoError(t, err)
	require.Equal(t, []int{3, 2, 16, 20}, y.Shape())
	v := tensor.Floats(y)
	for k, want := range []float64{.01, .01, .25, .25, 0, 0} {
		sum := 0.0
		for _, p := range v[k*320:][:320] {
			sum += (p - .5) * (p - .5)
		}
		require.InDelta(t, want, sum/320, 1e-14)
	}
	require.NotEqual(t, v[0], v[320], "noise differs between channels")
	// From plenoptic 2.1.1, seed 3, mean squares .01 and .25: the same draws in
	// single precision, less their mean.
	two, err := AddNoise(x, 3, .01, .25)
	require.NoError(t, err)
	for i, want := range map[int]float64{0: 0.4945247612995362, 1: 0.5383332273795974, 500: 0.531032533763931, 700: 0.1269806451064835, 1279: 0.5710697042305188} {
		require.InDelta(t, want, tensor.Floats(two)[i], 1e-7)
	}
	again, err := AddNoise(x, 3, .01, .25, 0)
	require.NoError(t, err)
	require.Equal(t, v, tensor.Floats(again))
	for want, f := range map[string]func() error{
		"not a float64":              func() error { _, err := AddNoise(tensor.New(tensor.Float64, 4, 4), 0, 1); return err },
		"2 mean squares":             func() error { _, err := AddNoise(tensor.New(tensor.Float64, 3, 1, 4, 4), 0, 1, 1); return err },
		"0 mean squares":             func() error { _, err := AddNoise(x, 0); return err },
		"noise of mean square -1":    func() error { _, err := AddNoise(x, 0, -1); return err },
		"noise of mean square +Inf;": func() error { _, err := AddNoise(x, 0, math.Inf(1)); return err },
	} {
		require.ErrorContains(t, f(), want)
	}
}

// The filters that a model shows are those that it applies: its response to an
// impulse is the mirrored filter.
func TestFiltersToLookAt(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	impulse := tensor.New(tensor.Float64, 1, 1, 15, 15)
	impulse.StoreReal(7*15+7, 1)
	m, err := NewCenterSurround(CenterSurroundOptions{Kernel: [2]int{5, 7}, CenterStd: []float64{.8}, OffCenter: []bool{false, true}})
	require.NoError(t, err)
	f := m.Filter()
	require.Equal(t, []int{2, 1, 5, 7}, f.Shape())
	got := evaluate(t, m.Forward(tape.Const(impulse)))
	for i, v := range tensor.Floats(f) {
		k, y, x := i/35, i/7%5, i%7
		requireNear(t, complex(v, 0), got[k*225+(7+2-y)*15+7+3-x], 1e-14, 1, "tap")
	}
	for name, want := range map[string]func(FrontEndOptions) (*FrontEnd, error){
		"LN_center_filt": NewLinearNonlinear, "LG_center_filt": NewLuminanceGainControl, "LGG_center_filt": NewLuminanceContrastGainControl, "OnOff_center_filt": NewOnOff,
	} {
		m, err := want(FrontEndOptions{})
		require.NoError(t, err)
		list := m.Filters()
		requireGolden(t, frontEndGolden(t, name, ""), tape.Const(list[0].Taps), 1e-12, name)
		require.Equal(t, map[string]int{"LN_center_filt": 1, "LG_center_filt": 2, "LGG_center_filt": 3, "OnOff_center_filt": 3}[name], len(list))
	}
}

// Front ends have a finite gradient where there is no contrast, and say which
// size would do where an image is too small.
func TestFrontEndsOfFlatImages(t *testing.T) {
	for name, f := range map[string]func(FrontEndOptions) (*FrontEnd, error){
		"linear-nonlinear": NewLinearNonlinear, "luminance": NewLuminanceGainControl, "contrast": NewLuminanceContrastGainControl, "on-off": NewOnOff,
	} {
		m, err := f(FrontEndOptions{})
		require.NoError(t, err)
		for _, level := range []float64{0, .5, 1} {
			for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
				tape := autograd.New(nil)
				image := tensor.New(d, 1, 1, 20, 24)
				for i := range image.Len() {
					image.StoreReal(i, level)
				}
				x := tape.Var("x", image)
				y := m.Forward(x)
				for _, z := range evaluate(t, y) {
					require.InDelta(t, math.Ln2, real(z), 1e-6, name) // softplus of 0
				}
				for _, z := range evaluate(t, autograd.Grad(y.Square().Sum(), x)[0]) {
					require.False(t, math.IsNaN(real(z)) || math.IsInf(real(z), 0), name)
				}
				tape.Close()
			}
		}
		require.ErrorContains(t, m.CheckSize(15, 40), "at least 16×16 pixels, not 15×40")
		require.NoError(t, m.CheckSize(16, 16))
	}
}
