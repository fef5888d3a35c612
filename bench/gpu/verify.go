package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/cuda"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A verdict says whether one thing computes on the GPU what its definition does on
// the CPU.
type verdict struct {
	What  string
	Error string `json:",omitempty"`
}

// verify checks every op by the conformance suite and every model in both
// precisions, and returns how many fail.
func verify(dev *cuda.Device) (vs []verdict, failed int) {
	add := func(what string, err error) {
		v := verdict{What: what}
		if err != nil {
			v.Error = err.Error()
			failed++
			fmt.Printf("FAIL %s: %v\n", what, err)
		}
		vs = append(vs, v)
	}
	for _, op := range slices.Concat(autograd.Ops, optim.Ops, models.Ops()) {
		add("op "+op.Name, optest.CheckBackend(dev, op))
	}
	for _, n := range []int{7, 11, 16, 31, 61, 97, 128, 210, 243, 251, 625, 1000, 1021, 1024, 1050, 1536, 2048, 2187, 2310, 2503} {
		for _, d := range []tensor.DType{tensor.Complex64, tensor.Complex128} {
			add(fmt.Sprintf("fft of %d points, %v", n, d), checkFFT(dev, n, d))
		}
	}
	for _, m := range shipped() {
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
			add(fmt.Sprintf("%s, %v", m.name, d), checkModel(dev, m.make, d))
		}
	}
	return vs, failed
}

// checkFFT compares transforms along rows and columns with those of the CPU, whose
// kernels have tests of their own.
func checkFFT(dev *cuda.Device, n int, d tensor.DType) error {
	x := noise(d, 2, n, 3)
	f := func(b autograd.Backend) (tensor.Tensor, error) {
		tape := autograd.New(b)
		defer tape.Close()
		v := tape.Var("x", x)
		columns := v.FFT(autograd.Backward, 1)
		rows := v.Permute(2, 0, 1).IFFT(autograd.Ortho, 2).Permute(1, 2, 0)
		real := v.Real().Permute(2, 0, 1).RFFT(autograd.Backward, 2).IRFFT(autograd.Backward, n, 2).Permute(1, 2, 0)
		return autograd.Eval(autograd.Concat(1, columns, rows, real.Complex()))
	}
	return compare(dev, f, map[tensor.DType]float64{tensor.Complex64: 2e-6, tensor.Complex128: 1e-14}[d]*math.Log2(float64(n)))
}

// shippedModel makes a model for square images.
type shippedModel struct {
	name string
	make func(size int) (synth.Model, error)
}

func shipped() []shippedModel {
	return []shippedModel{
		{"portilla-simoncelli", func(n int) (synth.Model, error) {
			return models.NewPortillaSimoncelli(n, n, models.PortillaSimoncelliOptions{Scales: 3})
		}},
		{"steerable-pyramid", func(n int) (synth.Model, error) {
			return models.NewSteerablePyramid(n, n, models.SteerablePyramidOptions{Complex: true})
		}},
		{"laplacian-pyramid", func(n int) (synth.Model, error) {
			return models.NewLaplacianPyramid(n, n, models.LaplacianPyramidOptions{Scales: 4})
		}},
		{"luminance-contrast-gain-control", func(int) (synth.Model, error) {
			return models.NewLuminanceContrastGainControl(models.FrontEndOptions{})
		}},
		{"on-off", func(int) (synth.Model, error) { return models.NewOnOff(models.FrontEndOptions{}) }},
	}
}

// checkModel compares a representation and the gradient of its norm.
func checkModel(dev *cuda.Device, make func(int) (synth.Model, error), d tensor.DType) error {
	m, err := make(64)
	if err != nil {
		return err
	}
	x := noise(d, 2, 1, 64, 64)
	for _, gradient := range []bool{false, true} {
		f := func(b autograd.Backend) (tensor.Tensor, error) {
			tape := autograd.New(b)
			defer tape.Close()
			v := tape.Var("x", x)
			y := m.Forward(v)
			if gradient {
				y = autograd.Grad(y.Abs2().SumWide(), v)[0]
			}
			return autograd.Eval(y)
		}
		if err := compare(dev, f, map[tensor.DType]float64{tensor.Float32: 2e-3, tensor.Float64: 1e-9}[d]); err != nil {
			return err
		}
	}
	return nil
}

// compare errs where f on the device differs from f on the CPU by more than tol
// times the root mean square.
func compare(dev *cuda.Device, f func(autograd.Backend) (tensor.Tensor, error), tol float64) error {
	want, err := f(nil)
	if err != nil {
		return err
	}
	got, err := f(dev)
	if err != nil {
		return err
	}
	sum, worst := 0., 0.
	for i := range want.Len() {
		a, b := want.Load(i), got.Load(i)
		e := math.Hypot(real(a-b), imag(a-b))
		if math.IsNaN(e) {
			return fmt.Errorf("element %d is %v, on the CPU %v", i, b, a)
		}
		sum, worst = sum+real(a)*real(a)+imag(a)*imag(a), max(worst, e)
	}
	if rms := math.Sqrt(sum / float64(max(want.Len(), 1))); worst > tol*rms {
		return fmt.Errorf("differs from the CPU by %.2g of the root mean square; %.2g allowed", worst/rms, tol)
	}
	return nil
}

// noise returns numbers from 0 to 1 that look random.
func noise(d tensor.DType, shape ...int) tensor.Tensor {
	x := tensor.New(d, shape...)
	state := uint64(1)
	next := func() float64 {
		state = state*6364136223846793005 + 1442695040888963407
		return float64(state>>11) / (1 << 53)
	}
	for i := range x.Len() {
		x.Store(i, complex(next(), next()))
	}
	return x
}
