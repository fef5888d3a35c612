package synth_test

import (
	"context"
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A model that sees only how far a pair of pixels is from black is blind to the
// angle. The pixel fade takes a short cut through darker pairs, which it sees; the
// geodesic goes along the circle, evenly, since that is also the shortest way in
// the image that keeps the radius.
func ExampleNewGeodesic() {
	radius := synth.ModelFunc(func(x autograd.Value) autograd.Value {
		return x.Reshape(x.Type().Dim[0], 2).Square().Sum(1).Sqrt().Reshape(-1, 1)
	})
	a := tensor.Of([]float64{.8, 0}, 1, 1, 1, 2)
	b := tensor.Of([]float64{0, .8}, 1, 1, 1, 2)
	s, err := synth.NewGeodesic(nil, a, b, radius, synth.GeodesicOptions{Steps: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	if _, err := s.Run(context.Background(), synth.Stop{}); err != nil {
		fmt.Println(err)
		return
	}
	paths, err := s.Paths()
	if err != nil {
		fmt.Println(err)
		return
	}
	best := paths.Crop(0, s.Best(0), s.Best(0)+1, 1)
	for i := range 4 {
		p := tensor.Floats(best.Crop(1, i, i+1, 1))
		fmt.Printf("radius %.2f, angle %.0f°\n", math.Hypot(p[0], p[1]), math.Atan2(p[1], p[0])*180/math.Pi)
	}
	// Output:
	// radius 0.80, angle 0°
	// radius 0.80, angle 30°
	// radius 0.80, angle 60°
	// radius 0.80, angle 90°
}
