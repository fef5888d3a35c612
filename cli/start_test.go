package cli

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

func exampleImage(t *testing.T, name string, h, w int) tensor.Tensor {
	x, err := images.Example(name, h, w, 0)
	require.NoError(t, err)
	return x
}

func flagsWith(t *testing.T, init string) *metamerFlags {
	f := newApp(os.Stdout, os.Stderr).newMetamerFlags()
	f.init = init
	return f
}

// amplitudes returns the amplitude spectrum of x.
func amplitudes(t *testing.T, x tensor.Tensor) []float64 {
	tape := autograd.New(nil)
	defer tape.Close()
	y, err := autograd.Eval(tape.Const(x).FFT(autograd.Backward, 2, 3).Abs())
	require.NoError(t, err)
	return tensor.Floats(y)
}

func TestSpectrumStart(t *testing.T) {
	target := exampleImage(t, "pebbles", 32, 48)
	x, err := flagsWith(t, "spectrum").drawStart(target, 3, images.Options{})
	require.NoError(t, err)
	want := amplitudes(t, target)
	for i, v := range amplitudes(t, x) {
		require.InDelta(t, want[i], v, 1e-9)
	}
	assert.Less(t, math.Abs(correlation(target, x)), 0.3, "phases are those of noise")
}

func TestNoisyTarget(t *testing.T) {
	target := exampleImage(t, "pebbles", 64, 64)
	x, err := flagsWith(t, "target+noise").drawStart(target, 3, images.Options{})
	require.NoError(t, err)
	sum := 0.0
	for i := range x.Len() {
		d := x.LoadReal(i) - target.LoadReal(i)
		sum += d * d
	}
	assert.InDelta(t, noiseDeviation, math.Sqrt(sum/float64(x.Len())), 0.005)
}

func TestNoiseStartInAnotherPrecision(t *testing.T) {
	target := exampleImage(t, "pebbles", 16, 16)
	f := flagsWith(t, "noise")
	x, err := f.drawStart(target, 1, images.Options{})
	require.NoError(t, err)
	assert.Nil(t, x.Mem, "synth draws it")
	require.NoError(t, f.initDType.Set("float32"))
	x, err = f.drawStart(target, 1, images.Options{})
	require.NoError(t, err)
	assert.Equal(t, target.Type, x.Type)
	want := synth.NoiseStart(target.Type.With(tensor.Float32), 1)
	assert.Equal(t, tensor.Floats(want), tensor.Floats(x))
}

func TestStartFile(t *testing.T) {
	dir := runfolder.Folder{Dir: t.TempDir()}
	target := exampleImage(t, "pebbles", 16, 24)
	wild := tensor.New(tensor.Float64, 1, 1, 16, 24)
	wild.StoreReal(5, -0.25)
	require.NoError(t, dir.WriteNPY("wild.npy", wild))
	x, err := flagsWith(t, dir.Path("wild.npy")).drawStart(target, 0, images.Options{})
	require.NoError(t, err)
	assert.Equal(t, tensor.Floats(wild), tensor.Floats(x), "an earlier result may lie outside [0, 1]")

	_, err = images.Save(dir.Path("big.png"), exampleImage(t, "skin", 40, 40), images.SaveOptions{})
	require.NoError(t, err)
	f := flagsWith(t, dir.Path("big.png"))
	_, err = f.drawStart(target, 0, images.Options{})
	assert.ErrorContains(t, err, "[1 1 40 40]")
	_, err = f.drawStart(target, 0, images.Options{Size: images.Size{H: 16, W: 24}})
	assert.NoError(t, err, "resampled as the target was")

	require.NoError(t, dir.WriteNPY("turned.npy", tensor.New(tensor.Float64, 24, 16)))
	require.NoError(t, os.WriteFile(dir.Path("cut.npy"), []byte("\x93NUMPY"), 0o600))
	for name, want := range map[string]string{
		"turned.npy":                      "has the shape [24 16], the target [1 1 16 24]",
		"cut.npy":                         "cut.npy",
		"missing.png":                     "no such file",
		filepath.Join("none", "none.npy"): "no such file",
	} {
		_, err := flagsWith(t, dir.Path(name)).drawStart(target, 0, images.Options{})
		assert.ErrorContains(t, err, want, name)
	}
}
