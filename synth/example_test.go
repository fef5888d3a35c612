package synth_test

import (
	"context"
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// blurred is a model in one line: what is left of an image when it is blurred.
var blurred = synth.ModelFunc(func(x autograd.Value) autograd.Value {
	return models.BlurDownsample(x, models.BlurOptions{Scales: 2})
})

// pebbles is an image (1, 1, 32, 32).
func pebbles() tensor.Tensor {
	x, _ := images.Example("pebbles", 32, 32, 0)
	x, _ = x.Reshape(1, 1, 32, 32)
	return x
}

func ExampleNewMetamer() {
	m, err := synth.NewMetamer(nil, pebbles(), blurred, synth.MetamerOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	if _, err := m.Run(context.Background(), synth.Stop{}); err != nil {
		fmt.Println(err)
	}
	o, _ := m.Outcome()
	fmt.Println("matched:", o[0].Matched, "another image:", o[0].FromTarget > .1)
	// Output: matched: true another image: true
}

// robust is a loss of one's own: large differences count less than their squares.
type robust struct{ Scale float64 }

func (l robust) Loss(rep, target autograd.Value, _ []synth.Group) autograd.Value {
	d := rep.Sub(target).Scale(1 / l.Scale).Abs2()
	return d.AddScalar(1).Sqrt().AddScalar(-1).Reshape(d.Type().Dim[0], -1).MeanWide(1)
}

// A loss is anything that makes one number for each image of two representations.
func ExampleNewMetamer_loss() {
	m, err := synth.NewMetamer(nil, pebbles(), blurred, synth.MetamerOptions{Loss: robust{.1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	m.Run(context.Background(), synth.Stop{Iterations: 20})
	first, last := m.Losses(0)[0], m.Losses(0)[len(m.Losses(0))-1]
	fmt.Println("a thousandth is left:", last < first/1000)
	// Output: a thousandth is left: true
}

// The start can be any image: a metamer that begins at another photograph keeps
// what the model does not see of it.
func ExampleNewMetamer_start() {
	start, _ := images.Example("weave", 32, 32, 0)
	start, _ = start.Reshape(1, 1, 32, 32)
	m, err := synth.NewMetamer(nil, pebbles(), blurred, synth.MetamerOptions{Init: start})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	m.Run(context.Background(), synth.Stop{})
	o, _ := m.Outcome()
	fmt.Println("matched:", o[0].Matched)
	// Output: matched: true
}

// MostExciting is a method of one's own: images that excite one unit of a model
// as much as pixels between 0 and 1 can.
type MostExciting struct{ *synth.Synthesis }

// NewMostExciting starts from images (N, C, H, W); unit counts the entries of the
// model's output for one of them.
func NewMostExciting(dev autograd.Backend, start tensor.Tensor, m synth.Model, unit int) (*MostExciting, error) {
	s, err := synth.New(dev, synth.Problem{
		Name:     "most-exciting",
		Start:    start,
		Penalty:  synth.Range{Weight: 10},
		Settings: []any{m, unit},
		Loss: func(x autograd.Value, images []int) autograd.Value {
			return m.Forward(x).Reshape(len(images), -1).Crop(1, unit, unit+1).SumWide(1).Neg()
		},
	})
	return &MostExciting{s}, err
}

// A fifth method, with history, checkpoints, batches, devices and L-BFGS, is a
// loss of its own: MostExciting. What excites a centre-surround filter most is a
// bright disk in a dark ring.
func ExampleNew() {
	filter, err := models.NewCenterSurround(models.CenterSurroundOptions{Kernel: [2]int{9, 9}, CenterStd: []float64{1}, SurroundStd: []float64{2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	grey := tensor.New(tensor.Float64, 1, 1, 11, 11)
	for i := range grey.Len() {
		grey.StoreReal(i, .5)
	}
	s, err := NewMostExciting(nil, grey, filter, 5*11+5) // the unit in the middle
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	s.Run(context.Background(), synth.Stop{Iterations: 50})
	x, _ := s.Image()
	for i := 2; i < 9; i++ {
		fmt.Print(" ", math.Round(x.LoadReal(5*11+i)) > 0)
	}
	fmt.Println()
	start, _, _ := s.Objective(grey)
	fmt.Printf("response %.2f instead of %.2f\n", -s.Losses(0)[len(s.Losses(0))-1], math.Abs(start[0]))
	// Output:
	// false false true true true false false
	// response 0.58 instead of 0.00
}
