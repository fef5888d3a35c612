package synth_test

import (
	"context"
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
)

// upper is a metric of one's own: it sees the upper half of an image only.
func upper(reference, image autograd.Value) autograd.Value {
	return image.Sub(reference).Crop(2, 0, 16).Square().MeanWide(1, 2, 3)
}

// A metric is any function that makes one number for each image. Of the images
// with one mean squared error, those are found that this one likes best and worst.
func ExampleNewMAD() {
	m, err := synth.NewMAD(nil, pebbles(), synth.MetricFunc(upper), models.MSE{},
		synth.MADOptions{Goals: []synth.Goal{{}, {Max: true}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	if _, err := m.Run(context.Background(), synth.Stop{}); err != nil {
		fmt.Println(err)
	}
	list, _ := m.Outcome()
	for _, o := range list {
		fmt.Printf("matched: %v, held: %v, %.3f times the error\n", o.Matched, math.Abs(o.Drift) <= synth.MatchedDrift, o.Driven/o.Held)
	}
	// Output:
	// matched: true, held: true, 0.000 times the error
	// matched: true, held: true, 2.000 times the error
}
