package models

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

func TestConvolutions(t *testing.T) {
	all := goldens(t, "conv")
	tape := autograd.New(nil)
	defer tape.Close()
	x, y, z := tape.Const(texture(9, 10, 0)), tape.Const(texture(8, 8, 0)), tape.Const(texture(16, 16, 0))
	f23 := tensor.Of([]float64{1. / 21, 2. / 21, 3. / 21, 4. / 21, 5. / 21, 6. / 21}, 2, 3)
	got := map[string]autograd.Value{
		"blur_down_9x10":         BlurDownsample(x, BlurOptions{}),
		"blur_down_9x10_noscale": BlurDownsample(x, BlurOptions{NoScale: true}),
		"blur_down_8x8_qmf8":     BlurDownsample(y, BlurOptions{Filter: "qmf8"}),
		"blur_down_16_n2":        BlurDownsample(z, BlurOptions{Scales: 2}),
		"up_blur_8_00":           UpsampleBlur(y, [2]int{0, 0}, BlurOptions{}),
		"up_blur_8_01":           UpsampleBlur(y, [2]int{0, 1}, BlurOptions{}),
		"up_blur_8_11":           UpsampleBlur(y, [2]int{1, 1}, BlurOptions{}),
		"up_blur_8_binom4":       UpsampleBlur(y, [2]int{0, 0}, BlurOptions{Filter: "binom4"}),
		"same_pad_5_4_circ_9x10": SamePadding(x, [2]int{5, 4}, ones, ones, autograd.PadCircular),
	}
	for _, mode := range []autograd.PadMode{autograd.PadReflect, autograd.PadConstant, autograd.PadReplicate, autograd.PadCircular} {
		got["corr_down_"+mode.String()] = CorrelateDownsample(x, f23, mode)
		got["up_conv_"+mode.String()] = UpsampleConvolve(y, [2]int{0, 1}, f23, mode)
	}
	for name, v := range got {
		require.Contains(t, all, name)
		requireGolden(t, all[name], v, 1e-13, name)
	}
	require.Len(t, all, len(got)+1, "all but the filter itself are compared")
}

func TestSamePaddingWithStrideAndDilation(t *testing.T) {
	var want struct {
		Shape []int `json:"same_pad_s2d2"`
	}
	readGolden(t, "conv", &want)
	tape := autograd.New(nil)
	defer tape.Close()
	v := SamePadding(tape.Const(texture(9, 10, 0)), [2]int{5, 4}, [2]int{2, 2}, [2]int{2, 2}, autograd.PadConstant)
	require.Equal(t, want.Shape, v.Type().Shape())
}

// One filter along each axis is the same as their product.
func TestUpsampleBlurEqualsUpsampleConvolve(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(6, 7, 0))
	for _, name := range []string{"binom5", "binom4", "binom2", "binom3", "qmf9", "daub3", "qmf8"} {
		f, err := NamedFilter(name)
		require.NoError(t, err)
		outer := tensor.New(tensor.Float64, len(f), len(f))
		for i, a := range f {
			for j, b := range f {
				outer.StoreReal(i*len(f)+j, 2*a*b)
			}
		}
		for _, odd := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
			want := UpsampleConvolve(x, odd, outer, autograd.PadReflect)
			got := UpsampleBlur(x, odd, BlurOptions{Filter: name})
			require.Equal(t, []int{1, 1, 12 - odd[0], 14 - odd[1]}, got.Type().Shape())
			for _, z := range evaluate(t, got.Sub(want)) {
				requireNear(t, 0, z, 1e-14, 1, name)
			}
		}
	}
}

func TestNamedFilters(t *testing.T) {
	lengths := map[string]int{"binom5": 5, "haar": 2, "gauss3": 3, "gauss5": 5, "qmf5": 5, "qmf8": 8, "qmf9": 9, "qmf12": 12,
		"qmf13": 13, "qmf16": 16, "daub2": 4, "daub3": 6, "daub4": 8}
	for name, n := range lengths {
		f, err := NamedFilter(name)
		require.NoError(t, err)
		require.Len(t, f, n, name)
		sum := 0.0
		for i, v := range f {
			sum += v
			if name[:4] != "daub" {
				require.Equal(t, v, f[n-1-i], name)
			}
		}
		require.InDelta(t, math.Sqrt2, sum, 6e-3, name) // the published taps are rounded
	}
	for _, name := range []string{"", "binom1", "binom", "qmf7", "gauss4"} {
		_, err := NamedFilter(name)
		require.ErrorContains(t, err, "there is no filter")
	}
}

func TestLocalGainControl(t *testing.T) {
	all := goldens(t, "signal")
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(9, 10, 0))
	norm, direction := LocalGainControl(x, GainOptions{})
	requireGolden(t, all["lgc_norm"], norm, 1e-12, "norm")
	requireGolden(t, all["lgc_dir"], direction, 1e-12, "direction")
	requireGolden(t, all["lgr"], LocalGainRelease(norm, direction, GainOptions{}), 1e-12, "released")
}

func TestGaussianFilters(t *testing.T) {
	var all map[string]json.RawMessage
	readGolden(t, "frontend", &all)
	for name, c := range map[string]struct {
		h, w int
		std  float64
	}{"gauss_5_1": {5, 5, 1}, "gauss_4x3_2": {4, 3, 2}} {
		var g golden
		require.NoError(t, json.Unmarshal(all[name], &g))
		f, err := CircularGaussian(c.h, c.w, c.std)
		require.NoError(t, err)
		require.Equal(t, g.Shape, f.Shape())
		require.InDeltaSlice(t, g.V, tensor.Floats(f), 1e-15)
	}
	for want, f := range map[string]func() (tensor.Tensor, error){
		"sizes of at least 1":          func() (tensor.Tensor, error) { return CircularGaussian(0, 3, 1) },
		"standard deviation 0":         func() (tensor.Tensor, error) { return CircularGaussian(3, 3, 1, 0) },
		"without a standard deviation": func() (tensor.Tensor, error) { return CircularGaussian(3, 3) },
	} {
		_, err := f()
		require.ErrorContains(t, err, want)
	}
}

func TestConvolutionErrors(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(8, 8, 0))
	flat := x.Reshape(8, 8)
	f := tensor.New(tensor.Float64, 3, 3)
	for want, g := range map[string]func(){
		"a real filter with two axes": func() { CorrelateDownsample(flat, f, autograd.PadReflect) },
		"not float64[9]":              func() { UpsampleConvolve(x, [2]int{}, tensor.New(tensor.Float64, 9), autograd.PadReflect) },
		"odd is [2 0]":                func() { UpsampleConvolve(x, [2]int{2, 0}, f, autograd.PadReflect) },
		"there is no filter":          func() { BlurDownsample(x, BlurOptions{Filter: "box"}) },
		"at least one scale":          func() { UpsampleBlur(x, [2]int{}, BlurOptions{Scales: -1}) },
		"numbers from 1":              func() { SamePadding(x, [2]int{0, 1}, ones, ones, autograd.PadReflect) },
		"at least two axes":           func() { SamePadding(x.Reshape(64), ones, ones, ones, autograd.PadReflect) },
	} {
		require.ErrorContains(t, autograd.Try(g), want)
	}
}
