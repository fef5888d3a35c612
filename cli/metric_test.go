package cli

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

// ramps writes two images (1, C, h, w) whose pixels are 0.2 apart and returns
// their paths.
func ramps(t *testing.T, c, h, w int) (ref, image string) {
	t.Helper()
	dir := t.TempDir()
	for i, name := range []string{"ref.npy", "image.npy"} {
		x := tensor.New(tensor.Float64, 1, c, h, w)
		for j := range x.Len() {
			x.StoreReal(j, .2*float64(i)+.7*math.Mod(float64(j)*.37, 1))
		}
		f, err := os.Create(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, tensor.WriteNPY(f, x))
		require.NoError(t, f.Close())
	}
	return filepath.Join(dir, "ref.npy"), filepath.Join(dir, "image.npy")
}

func TestMetricCommand(t *testing.T) {
	ref, image := ramps(t, 3, 20, 24)
	gradient := filepath.Join(t.TempDir(), "g.npy")
	code, out, stderr := percept("metric", "mse", ref, image, ref, "--color", "rgb", "--json", "--gradient", gradient)
	require.Equal(t, ExitOK, code, stderr)
	var got struct {
		Metric string
		Value  [][]float64
	}
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&got))
	assert.Equal(t, "mse", got.Metric)
	require.Len(t, got.Value, 2)
	for c := range 3 {
		assert.InDelta(t, .04, got.Value[0][c], 1e-12)
		assert.Zero(t, got.Value[1][c])
	}
	g := readNPY(t, filepath.Dir(gradient), "g.npy")
	require.Equal(t, []int{2, 3, 20, 24}, g.Shape())
	for i, v := range tensor.Floats(g) {
		want := 2 * .2 / (20 * 24)
		if i >= 3*20*24 {
			want = 0
		}
		require.InDelta(t, want, v, 1e-12)
	}
}

// A model that needs a multiple of 4 sees the middle; the pixels around it have
// no influence, and a gradient of 0.
func TestMetricOfAModelCrops(t *testing.T) {
	ref, image := ramps(t, 1, 38, 33)
	gradient := filepath.Join(t.TempDir(), "g.npy")
	name := "model:portilla-simoncelli:scales=2,orientations=2,correlation-width=3"
	code, out, stderr := percept("metric", name, ref, image, "--json", "--gradient", gradient)
	require.Equal(t, ExitOK, code, stderr)
	assert.Contains(t, stderr, "the central 36×32")
	assert.Contains(t, out, `"metric": "`+name+`"`)
	g := readNPY(t, filepath.Dir(gradient), "g.npy")
	require.Equal(t, []int{1, 1, 38, 33}, g.Shape())
	v := tensor.Floats(g)
	assert.Zero(t, v[5])
	assert.NotZero(t, v[3*33+5])
	assert.Zero(t, v[len(v)-1])
	code, out, _ = percept("metric", name, ref, image)
	assert.Equal(t, ExitOK, code)
	assert.Regexp(t, `^\S+image.npy\t[0-9.e-]+\n$`, out)
}

func TestWrongUsageOfMetric(t *testing.T) {
	ref, image := ramps(t, 1, 20, 24)
	small, _ := ramps(t, 1, 20, 22)
	for _, c := range []struct{ args, want string }{
		{"metric", "requires at least 3 arg"},
		{"metric psnr a b", `there is no metric "psnr"; the names are mse, ssim`},
		{"metric ssim:pad=zero a b", "one of none, constant, reflect, replicate, circular expected"},
		{"metric model:gabor " + ref + " " + image, `there is no model "gabor"`},
		{"metric model: a b", `a SPEC is missing after "model:"`},
		{"metric nlpd " + ref + " " + image, "has room for at most"},
		{"metric mse " + ref + " " + small, "images of one size are needed"},
		{"metric ms-ssim:power-factors=-1 a b", "numbers joined by + ≥ 0 expected"},
	} {
		code, out, err := percept(strings.Fields(c.args)...)
		assert.Equal(t, ExitUsage, code, c.args)
		assert.Empty(t, out, c.args)
		assert.Contains(t, err, c.want, c.args)
	}
	_, out, _ := percept("list", "metrics")
	for _, want := range []string{"mse", "dms-ssim", "model:SPEC", "epsilon=1e-10", "weighted=false", "pad=none", "power-factors="} {
		assert.Contains(t, out, want)
	}
}

func TestFrontEndsWithoutPretraining(t *testing.T) {
	out := filepath.Join(t.TempDir(), "r.npz")
	for spec, want := range map[string]string{
		"on-off:pretrained=false,kernel-size=7":   "[1 2 20 24]",
		"center-surround:off-center=both":         "[1 2 20 24]",
		"linear:default-filters=false,seed=3":     "[1 2 20 24]",
		"luminance-gain-control:pretrained=false": "[1 1 20 24]",
	} {
		code, stdout, stderr := percept("represent", "example:bark", "--size", "20x24", "--model", spec, "-o", out)
		assert.Equal(t, ExitOK, code, stderr)
		assert.Contains(t, stdout, want)
	}
	for spec, want := range map[string]string{
		"gaussian:kernel-size=41+7": "at least 21×4 pixels", "linear:kernel-size=3+3+3": "one number, or height+width", "linear:seed=3": "the default filters are not random", "gaussian:kernel-size=2.5": "whole numbers joined by + from 1 to 1023 expected",
	} {
		code, _, stderr := percept("represent", "example:bark", "--size", "20x24", "--model", spec, "-o", out)
		assert.Equal(t, ExitUsage, code, spec)
		assert.Contains(t, stderr, want)
	}
	gray := tensor.New(tensor.Float64, 32, 32)
	code, _, stderr := percept("represent", writeArray(t, gray), "--model", "portilla-simoncelli:scales=1,correlation-width=5", "-o", out)
	assert.Equal(t, ExitOK, code)
	assert.Regexp(t, `\d+ of \d+ numbers are not finite: statistics that divide by a variance`, stderr)
	code, _, stderr = percept("represent", "example:bark", "--size", "12x24", "--model", "on-off", "-o", out)
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, stderr, "at least 16×16 pixels, not 12×24")
}

func TestSmallWindowsAreSaid(t *testing.T) {
	ref, image := ramps(t, 1, 20, 10)
	for spec, want := range map[string]string{
		"ssim": "images of 20×10 pixels are seen through a window of 10×10 pixels, not 11×11", "dms-ssim:power-factors=1+1": "at scale 2 of 2, images of 10×5 pixels", "mse": "",
	} {
		code, _, stderr := percept("metric", spec, ref, image)
		assert.Equal(t, ExitOK, code)
		if want == "" {
			assert.Empty(t, stderr)
		}
		assert.Contains(t, stderr, want)
	}
}
