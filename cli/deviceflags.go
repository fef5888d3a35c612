package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/pflag"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/cuda"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// deviceFlags say what computes, and in which precision.
type deviceFlags struct {
	dtype   *choice
	device  *deviceName
	level   *choice
	threads natural
}

func (f *deviceFlags) register(fs *pflag.FlagSet) {
	f.dtype = newChoice("float64", "float32")
	f.device = newDeviceName()
	f.level = newChoice("auto", "purego", "avx2", "avx512")
	fs.Var(f.dtype, "dtype", "precision of images and model")
	fs.Var(f.device, "device", "what computes: the CPU, or an NVIDIA GPU (percept list devices)")
	fs.Var(f.level, "cpu-level", "CPU instructions; one level gives the same bits on every machine")
	fs.Var(&f.threads, "threads", "threads at most, 0 for all; they do not change the result")
}

// element returns the DType of images.
func (f *deviceFlags) element() tensor.DType {
	if f.dtype.value == "float32" {
		return tensor.Float32
	}
	return tensor.Float64
}

// backend returns what computes. It errs if this CPU does not have the level, or
// there is no such GPU.
func (f *deviceFlags) backend() (autograd.Backend, error) {
	level, err := kernels.ParseLevel(f.level.value)
	if err != nil {
		return nil, usage("--cpu-level: %w", err)
	}
	if f.device.gpu >= 0 {
		dev, err := cuda.Open(f.device.gpu)
		if err != nil {
			return nil, fmt.Errorf("--device %s: %w", f.device.value, err)
		}
		return dev, nil
	}
	return autograd.CPU{Threads: f.threads.n, Level: level}, nil
}

// threadCount is what --threads comes to.
func (f *deviceFlags) threadCount() int {
	if f.threads.n > 0 {
		return f.threads.n
	}
	return runtime.GOMAXPROCS(0)
}

// cast returns x with the element type d.
func cast(x tensor.Tensor, d tensor.DType) tensor.Tensor {
	if x.DType == d {
		return x
	}
	y := tensor.New(d, x.Shape()...)
	tensor.Copy(y, x)
	return y
}

// bytesText returns n as a person reads it.
func bytesText(n int64) string {
	switch {
	case n < 1e9:
		return fmt.Sprintf("%.3g MB", float64(n)/1e6)
	case n < 1e12:
		return fmt.Sprintf("%.3g GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.3g TB", float64(n)/1e12)
}
