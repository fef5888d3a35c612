package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A Rounding says which kept state stands for an iteration between two.
type Rounding int

// The roundings of Progress.
const (
	Nearest Rounding = iota // of two equally near ones that with the even number
	Before
	After
)

// roundings are what they do to a number of frames.
var roundings = map[Rounding]func(float64) float64{Nearest: math.RoundToEven, Before: math.Floor, After: math.Ceil}

// A Progress is what is known of one iteration of one image.
type Progress struct {
	Record
	// Frame is the state that was kept nearest to it, of the iteration that it
	// says; without memory where none are kept.
	Frame Frame
}

// Progress returns what is known of iteration i of image n: the row of the
// history and a state that was kept. Negative i count from the image as it is,
// which is −1 and always kept if any is. It errs if there is no such iteration, or
// if the backend fails, and panics if there is no image n.
func (s *Synthesis) Progress(n, i int, r Rounding) (Progress, error) {
	h := s.History(n)
	k := i
	if i < 0 {
		k += len(h)
	}
	if k < 0 || k >= len(h) {
		return Progress{}, fmt.Errorf("synth: there is no iteration %d: image %d has made %d iterations", i, n, len(h)-1)
	}
	p := Progress{Record: h[k]}
	if s.every == 0 {
		return p, nil
	}
	number := int(roundings[r](float64(k) / float64(s.every)))
	frames := s.Frames(n)
	if i == -1 || number >= len(frames) {
		x, err := s.shapedImage()
		if err != nil {
			return p, err
		}
		p.Frame = Frame{len(h) - 1, imageOf(x, n)}
		return p, nil
	}
	p.Frame = frames[number]
	return p, nil
}

// Image returns the images as they are, (N, …), in host memory. It errs if the
// backend fails.
func (s *Synthesis) Image() (tensor.Tensor, error) { return s.shapedImage() }

// Objective returns what is minimized, weighted penalty and all, and the penalty
// without weight, for other images of the start's type. It errs if x is of
// another type or the backend fails.
func (s *Synthesis) Objective(x tensor.Tensor) (objective, penalty []float64, err error) {
	if x.Type != s.start.Type {
		return nil, nil, fmt.Errorf("synth: the images are a %v; %v expected", x.Type, s.start.Type)
	}
	tape := autograd.New(s.backend)
	defer tape.Close()
	var out []autograd.Value
	if err := autograd.Try(func() {
		o := s.record(tape.Var("image", x), upTo(x.Dim[0]))
		out = []autograd.Value{o.loss, o.penalty}
	}); err != nil {
		return nil, nil, err
	}
	prog, err := tape.Compile(out, autograd.Value{})
	if err == nil {
		err = prog.Run()
	}
	for i, to := range []*[]float64{&objective, &penalty} {
		var v tensor.Tensor
		if err == nil {
			v, err = prog.Out(i)
		}
		if err == nil {
			*to = tensor.Floats(v)
		}
	}
	return objective, penalty, err
}
