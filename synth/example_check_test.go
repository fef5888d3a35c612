package synth_test

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
)

// A model that subtracts the mean of the batch mixes its images.
func ExampleCheck() {
	centred := synth.ModelFunc(func(x autograd.Value) autograd.Value {
		return x.Sub(x.MeanKeep(0).Scale(.5))
	})
	verdict, err := synth.Check(centred, synth.CheckOptions{Height: 8, Width: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range verdict {
		if f.Severity != synth.Passed {
			fmt.Printf("%s %v: %s\n", f.Name, f.Severity, f.Advice)
		}
	}
	// Output:
	// batch failed: reduce and normalise over the axes 1, 2 and 3 only; or give images one by one, or as one problem with Joint
}
