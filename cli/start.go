package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// noiseDeviation is the standard deviation of the noise of target+noise.
const noiseDeviation = 0.1

// startRemarks say which starts know more of the target than the model tells.
var startRemarks = map[string]string{
	"spectrum":     "the start has the target's amplitude spectrum, so that the result is no fair sample of the metamers",
	"target+noise": "the start is close to the target, so that the result is no fair sample of the metamers",
}

// drawStart returns the image that a synthesis of target begins with, or a zero
// Tensor where synth draws it. o says how a file is read.
func (f *startFlags) drawStart(target tensor.Tensor, seed uint64, o images.Options) (tensor.Tensor, error) {
	drawn := target.Type
	if f.initDType.value != "auto" {
		drawn = target.Type.With(map[string]tensor.DType{"float32": tensor.Float32, "float64": tensor.Float64}[f.initDType.value])
	}
	switch f.init {
	case "auto", "noise":
		if drawn == target.Type {
			return tensor.Tensor{}, nil
		}
		return cast(synth.NoiseStart(drawn, seed), target.DType), nil
	case "spectrum":
		return spectrumStart(target, synth.NoiseStart(drawn, seed))
	case "target+noise":
		return noisyTarget(target, drawn, seed), nil
	}
	return f.startFile(target, o)
}

// spectrumStart returns an image with the amplitude spectrum of target and the
// phases of noise.
func spectrumStart(target, noise tensor.Tensor) (x tensor.Tensor, err error) {
	t := autograd.New(nil)
	defer t.Close()
	var y autograd.Value
	if err := autograd.Try(func() {
		want := t.Const(cast(target, tensor.Float64)).FFT(autograd.Backward, 2, 3)
		have := t.Const(cast(noise, tensor.Float64)).FFT(autograd.Backward, 2, 3)
		y = want.Abs().Polar(have.Angle()).IFFT(autograd.Backward, 2, 3).Real()
	}); err != nil {
		return x, err
	}
	if x, err = autograd.Eval(y); err != nil {
		return x, err
	}
	return cast(x, target.DType), nil
}

// noisyTarget returns target plus Gaussian noise that is drawn as type drawn.
func noisyTarget(target tensor.Tensor, drawn tensor.Type, seed uint64) tensor.Tensor {
	noise := tensor.New(drawn.DType, drawn.Shape()...)
	if g := rng.New(seed); drawn.DType == tensor.Float32 {
		rng.Normal(g, tensor.Slice[float32](noise))
	} else {
		rng.Normal(g, tensor.Slice[float64](noise))
	}
	x := tensor.New(target.DType, target.Shape()...)
	tensor.Copy(x, target)
	for i := range x.Len() {
		x.StoreReal(i, x.LoadReal(i)+noiseDeviation*noise.LoadReal(i))
	}
	return x
}

// startFile returns the image in the file of --init: as it is if its size is
// the target's, else cropped and resampled as the target was. An array of
// floats, such as an earlier result, may lie outside [0, 1].
func (f *startFlags) startFile(target tensor.Tensor, o images.Options) (x tensor.Tensor, err error) {
	if strings.HasSuffix(f.init, ".npy") {
		if x, ok, err := floatArray(f.init, target); ok || err != nil {
			return x, err
		}
	}
	plain := o
	plain.Crop, plain.Size = images.Rect{}, images.Size{}
	for _, o := range []images.Options{plain, o} {
		if x, _, err = images.Load(f.init, o); err != nil {
			return x, fmt.Errorf("--init: %w", err)
		}
		if x.Dim[0] == 1 && x.SameShape(target.Type) {
			return cast(x, target.DType), nil
		}
	}
	return x, usage("--init %s has the shape %v, the target %v", f.init, x.Shape(), target.Shape())
}

// floatArray returns the array of floats in a .npy file; ok is false if it is
// one of integers.
func floatArray(path string, target tensor.Tensor) (x tensor.Tensor, ok bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return x, false, fmt.Errorf("--init: %w", err)
	}
	defer file.Close()
	a, err := tensor.ReadNPY(file)
	if err != nil {
		return x, false, fmt.Errorf("--init: %s: %w", path, err)
	}
	if !strings.HasPrefix(a.Kind, "float") {
		return x, false, nil
	}
	shape := a.Shape()
	for len(shape) < 4 {
		shape = append([]int{1}, shape...)
	}
	if !slices.Equal(shape, target.Shape()) {
		return x, false, usage("--init %s has the shape %v, the target %v", path, a.Shape(), target.Shape())
	}
	x, _ = a.Tensor.Reshape(shape...) // the array is contiguous
	return cast(x, target.DType), true, nil
}
