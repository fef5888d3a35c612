package models_test

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/tensor"
)

// The statistics of a texture, by group.
func ExampleNewPortillaSimoncelli() {
	m, err := models.NewPortillaSimoncelli(64, 64, models.PortillaSimoncelliOptions{Scales: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, _ := images.Example("pebbles", 64, 64, 0)
	tape := autograd.New(nil)
	defer tape.Close()
	rep, err := autograd.Eval(m.Forward(tape.Const(x)))
	fmt.Println(rep.Shape(), err)
	for _, g := range m.Groups()[:3] {
		fmt.Println(g.Name, g.Shape)
	}
	// Output:
	// [1 1 348] <nil>
	// pixel_statistics [6]
	// auto_correlation_magnitude [7 7 4 2]
	// skew_reconstructed [3]
}

func ExampleNewSteerablePyramid() {
	p, err := models.NewSteerablePyramid(32, 32, models.SteerablePyramidOptions{Height: new(2)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, g := range p.Groups() {
		fmt.Println(g.Name, g.Shape)
	}
	// Output:
	// residual_highpass [32 32]
	// 0 [4 32 32]
	// 1 [4 16 16]
	// residual_lowpass [8 8]
}

// A texture and a darker copy are similar, and the gradient says that a lighter
// copy would be more so.
func ExampleSSIM() {
	texture, err := images.Example("bark", 64, 64, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	tape := autograd.New(nil)
	defer tape.Close()
	reference := tape.Const(texture)
	image := reference.Scale(.8)
	similarity := models.SSIM{}.Metric(reference, image)
	gradient := autograd.Grad(similarity, image)[0].Sum()
	for _, v := range []autograd.Value{similarity, gradient} {
		x, err := autograd.Eval(v)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tensor.Floats(x)[0] > 0)
	}
	// Output:
	// true
	// true
}
