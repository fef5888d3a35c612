package figure_test

import (
	"fmt"

	"github.com/percept-go/percept/figure"
	"github.com/percept-go/percept/images"
)

// Shows an image beside a curve.
func Example() {
	x, err := images.Example("weave", 64, 64, 0)
	if err != nil {
		panic(err)
	}
	row, err := figure.Display{Zoom: 2, Titles: []string{"weave"}}.Images(x)
	if err != nil {
		panic(err)
	}
	loss := &figure.Curves{Title: "Loss", XLabel: "iteration", Log: true, Series: []figure.Series{{Y: []float64{1, .1, .02, .01}}}}
	f := &figure.Figure{Title: "An example", Rows: [][]figure.Panel{append(row, loss)}}
	fmt.Println(f.Size())
	// f.Save("example.png"), or .svg, or .pdf
	// Output: 602 374
}

func ExampleDeviationFromLine() {
	d := figure.DeviationFromLine("path", [][]float64{{0, 0}, {1, 2}, {4, 0}})
	fmt.Println(d.Along, d.Away)
	// Output: [0 0.25 1] [0 0.5 0]
}
