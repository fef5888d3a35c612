package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// Limits of eigendistortions, in terms of the largest eigenvalue.
const (
	eigenValue = 1e-6  // of a recorded eigenvalue from vᵀFv
	unitNorm   = 1e-6  // of ‖v‖ from 1, and of products of two vectors from 0
	nullValue  = 1e-10 // of an eigenvalue that counts as zero
	// Power iteration from other starts must find no direction that is better by
	// this part.
	better      = 1e-2
	powerSteps  = 30
	powerStarts = 2
)

// Eigendistortions is what eigendistortions are judged by.
type Eigendistortions struct {
	Model     synth.Model
	Image     tensor.Tensor // (1, C, H, W)
	Vectors   tensor.Tensor // (K, C, H, W)
	Values    []float64     // recorded
	Index     []int         // which of all; 0 is the largest
	Amplitude float64       // at which the ranking should hold
}

// Judge judges e. It errs if the model does not take the image.
func (e *Eigendistortions) Judge() (v Verdict, err error) {
	v.Good = true
	k := e.Vectors.Dim[0]
	if e.Vectors.Len() == 0 || e.Vectors.Len()/k != e.Image.Len() || len(e.Values) != k || len(e.Index) != k {
		return v, fmt.Errorf("%d eigenvalues and %d indices for vectors %v of an image %v", len(e.Values), len(e.Index), e.Vectors.Shape(), e.Image.Shape())
	}
	f, err := e.product()
	if err != nil {
		return v, err
	}
	defer f.tape.Close()
	vectors := make([][]float64, k)
	for i := range k {
		vectors[i] = tensor.Floats(e.Vectors.Crop(0, i, i+1, 1))
	}
	largest := 0.
	for _, x := range e.Values {
		largest = math.Max(largest, x)
	}
	worst := 0.
	for i, x := range vectors {
		y, err := f.of(x)
		if err != nil {
			return v, err
		}
		value := dot(x, y)
		for p := range y {
			y[p] -= value * x[p]
		}
		residual := math.Sqrt(dot(y, y)) / largest
		worst = math.Max(worst, residual)
		off, null := math.Abs(value-e.Values[i])/largest, math.Abs(value) <= nullValue*largest
		good := residual <= synth.SolvedResidual && off <= eigenValue && math.Abs(math.Sqrt(dot(x, x))-1) <= unitNorm
		word := ""
		if null {
			word = "zero within rounding"
		}
		v.Rows = append(v.Rows, Row{Name: fmt.Sprint(e.Index[i]), Good: good, Cells: []string{fmt.Sprintf("%.6g", e.Values[i]), fmt.Sprintf("%.2g", residual), fmt.Sprintf("%.6g", math.Sqrt(dot(x, x))), word}})
		if !good {
			v.fail("vector %d is no eigenvector: residual %.2g of the largest eigenvalue, vᵀFv off by %.2g of it, norm %.6g", e.Index[i], residual, off, math.Sqrt(dot(x, x)))
		}
		for j := range i {
			if d := math.Abs(dot(x, vectors[j])); d > unitNorm {
				v.fail("vectors %d and %d are not orthogonal: %.2g", e.Index[i], e.Index[j], d)
			}
		}
	}
	v.fact("residual", worst)
	if err := e.extremes(&v, f, largest); err != nil {
		return v, err
	}
	if err := e.amplitudes(&v, vectors); err != nil {
		return v, err
	}
	e.sentence(&v, worst)
	return v, nil
}

// extremes looks for a direction above the largest eigenvalue.
func (e *Eigendistortions) extremes(v *Verdict, f *fisher, largest float64) error {
	if e.Index[0] != 0 {
		return nil
	}
	rng := rand.New(rand.NewPCG(3, 4))
	found := 0.
	for range powerStarts {
		x := make([]float64, e.Image.Len())
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		for range powerSteps {
			scale := math.Sqrt(dot(x, x))
			if scale == 0 {
				break
			}
			for i := range x {
				x[i] /= scale
			}
			y, err := f.of(x)
			if err != nil {
				return err
			}
			found = math.Max(found, dot(x, y))
			x = y
		}
	}
	v.fact("largest_found", found)
	if found > largest*(1+better) {
		v.fail("there is a larger eigenvalue: %.4g, above %.4g", found, largest)
	}
	return nil
}

// amplitudes compares what distortions of finite size do with what they are
// ranked by.
func (e *Eigendistortions) amplitudes(v *Verdict, vectors [][]float64) error {
	if e.Amplitude <= 0 || len(vectors) < 2 {
		return nil
	}
	base := tensor.Floats(e.Image)
	images := []tensor.Tensor{e.Image}
	for _, x := range vectors {
		y := make([]float64, len(base))
		for i := range y {
			y[i] = base[i] + e.Amplitude*x[i]
		}
		images = append(images, tensor.Of(y, e.Image.Shape()...))
	}
	reps, err := evaluate(func(x autograd.Value) []autograd.Value { return []autograd.Value{e.Model.Forward(x)} }, images...)
	if err != nil {
		return err
	}
	top, bottom := 0, 0
	for i := range e.Index {
		if e.Values[i] > e.Values[top] {
			top = i
		}
		if e.Values[i] < e.Values[bottom] {
			bottom = i
		}
	}
	high, low := distance(reps[top+1][0], reps[0][0], nil), distance(reps[bottom+1][0], reps[0][0], nil)
	v.fact("ratio_at_amplitude", high/low)
	if predicted := math.Sqrt(e.Values[top] / math.Max(e.Values[bottom], 1e-300)); top != bottom {
		v.note("with L2 norm %g, the most noticeable one changes the model's output %.3g times as much as the least; infinitely small ones, %.3g times", e.Amplitude, high/low, predicted)
		if high <= low {
			v.note("at that size the ranking is reversed: show smaller ones")
		}
	}
	return nil
}

func (e *Eigendistortions) sentence(v *Verdict, worst float64) {
	if !v.Good {
		v.Sentence = "Not eigendistortions: " + strings.Join(v.Reasons, "; ") + "."
		return
	}
	v.Sentence = fmt.Sprintf("Eigendistortions: all %d vectors solve the eigenproblem (residual at most %.2g of the largest eigenvalue), and no direction was found that is noticed more.", len(e.Values), worst)
}

// A fisher computes products with the Fisher information matrix.
type fisher struct {
	tape  *autograd.Tape
	v     autograd.Value
	prog  *autograd.Program
	shape []int
}

func (e *Eigendistortions) product() (*fisher, error) {
	f := &fisher{tape: autograd.New(nil), shape: e.Image.Shape()}
	var out autograd.Value
	err := autograd.Try(func() {
		x := f.tape.Const(e.Image)
		f.v = f.tape.Var("v", tensor.New(tensor.Float64, f.shape...))
		out = autograd.FVP(e.Model.Forward(x), x, f.v)
	})
	if err == nil {
		f.prog, err = f.tape.Compile([]autograd.Value{out}, autograd.Value{})
	}
	if err != nil {
		f.tape.Close()
		return nil, err
	}
	return f, nil
}

// of returns F·v.
func (f *fisher) of(v []float64) ([]float64, error) {
	if err := f.tape.Set(f.v, tensor.Of(v, f.shape...)); err != nil {
		return nil, err
	}
	if err := f.prog.Run(); err != nil {
		return nil, err
	}
	y, err := f.prog.Out(0)
	if err != nil {
		return nil, err
	}
	return tensor.Floats(y), nil
}

func dot(x, y []float64) float64 {
	s := 0.
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}
