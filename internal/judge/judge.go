// Package judge says from the files of a run whether it succeeded.
//
// It measures again what a run claims: it runs the model on the images that the
// files hold, and compares what remains of each group's error with what other
// images of the same kind show. Neither the total loss nor an error relative to
// the norm of a representation decides: two crops of one texture differ in them
// as much as a texture differs from noise.
package judge

import (
	"fmt"
	"iter"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A Verdict is what can be said of a run.
type Verdict struct {
	Good     bool
	Sentence string   // one, for people
	Reasons  []string // why it is not good
	Notes    []string // what a person may not expect
	Rows     []Row    // the table
	Advice   []Advice // what to try, the most promising first
	Facts    []Fact   // measured numbers, for machines
}

// A Row is a line of the table.
type Row struct {
	Name  string
	Cells []string
	Good  bool
}

// A Fact is a measured number.
type Fact struct {
	Name  string
	Value float64
}

// Advice is something to try.
type Advice struct {
	Why  string
	Args []string // of the command percept
}

func (v *Verdict) fact(name string, value float64) { v.Facts = append(v.Facts, Fact{name, value}) }

// fail adds a reason; the run is then not good.
func (v *Verdict) fail(format string, args ...any) {
	v.Good = false
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
}

func (v *Verdict) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

// A Func records something of images (1, C, H, W).
type Func func(x autograd.Value) []autograd.Value

// Images are made one by one, as they are ranged over: of many large ones few are in
// memory at a time. An error ends them.
type Images = iter.Seq2[tensor.Tensor, error]

// ImagesOf returns the images x.
func ImagesOf(x ...tensor.Tensor) Images {
	return func(yield func(tensor.Tensor, error) bool) {
		for _, one := range x {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// evaluate returns what f records of each image, as real numbers: the parts of
// complex ones side by side.
func evaluate(f Func, x ...tensor.Tensor) (all [][][]float64, err error) {
	err = evaluateEach(f, ImagesOf(x...), func(y [][]float64) error {
		all = append(all, y)
		return nil
	})
	return all, err
}

// evaluateEach calls use with what evaluate returns of each of images, in order.
func evaluateEach(f Func, images Images, use func(y [][]float64) error) error {
	t := autograd.New(nil)
	defer t.Close()
	var in autograd.Value
	var prog *autograd.Program
	var outs []autograd.Value
	for x, err := range images {
		if err != nil {
			return err
		}
		if prog == nil {
			if err := autograd.Try(func() {
				in = t.Var("image", x)
				outs = f(in)
			}); err != nil {
				return err
			}
			if prog, err = t.Compile(outs, autograd.Value{}); err != nil {
				return err
			}
		} else if err := t.Set(in, x); err != nil {
			return fmt.Errorf("an image of the shape %v: %w", x.Shape(), err)
		}
		if err := prog.Run(); err != nil {
			return err
		}
		ys := make([][]float64, len(outs))
		for k := range outs {
			y, err := prog.Out(k)
			if err != nil {
				return err
			}
			ys[k] = realParts(y)
		}
		if err := use(ys); err != nil {
			return err
		}
	}
	return nil
}

func realParts(y tensor.Tensor) []float64 {
	if !y.DType.IsComplex() {
		return tensor.Floats(y)
	}
	z := tensor.New(tensor.Complex128, y.Shape()...)
	tensor.Copy(z, y)
	return tensor.Span[float64](z)
}

// distance returns the L2 norm of x − y over the given entries, all if they are
// nil.
func distance(x, y []float64, entries []int) float64 {
	sum := 0.
	if entries == nil {
		for i := range x {
			sum += (x[i] - y[i]) * (x[i] - y[i])
		}
	}
	for _, i := range entries {
		sum += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Sqrt(sum)
}

func norm(x []float64, entries []int) float64 { return distance(x, make([]float64, len(x)), entries) }

// rms returns the root mean square of x − y.
func rms(x, y []float64) float64 { return distance(x, y, nil) / math.Sqrt(float64(len(x))) }

// deviation returns the standard deviation of x.
func deviation(x []float64) float64 {
	mean := 0.
	for _, v := range x {
		mean += v / float64(len(x))
	}
	sum := 0.
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)))
}

// Percent writes a ratio as a person reads it.
func Percent(ratio float64) string {
	switch {
	case math.IsNaN(ratio):
		return "?"
	case ratio >= 0.1:
		return fmt.Sprintf("%.0f %%", 100*ratio)
	}
	return fmt.Sprintf("%.2g %%", 100*ratio)
}
