package images

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/tensor"
)

// A Grid is a coordinate system on a picture of H×W pixels. Rows and columns
// count from 1, as in the formulas below.
type Grid struct {
	H, W int
	// Origin holds the row and the column of the point 0; nil means the
	// centre, (H+1)/2 and (W+1)/2.
	Origin *[2]float64
}

func (g Grid) origin() (y, x float64) {
	if g.Origin != nil {
		return g.Origin[0], g.Origin[1]
	}
	return float64(g.H+1) / 2, float64(g.W+1) / 2
}

// fill returns the H×W picture of a function of the row and the column.
func (g Grid) fill(value func(row, column float64) float64) tensor.Tensor {
	v := make([]float64, g.H*g.W)
	for i := range v {
		v[i] = value(float64(i/g.W+1), float64(i%g.W+1))
	}
	return tensor.Of(v, g.H, g.W)
}

// Radius returns (x²+y²)^(exponent/2) at each pixel, of shape H×W, and 0 at
// the origin if the exponent is not positive. It panics if a size is negative.
func (g Grid) Radius(exponent float64) tensor.Tensor {
	y0, x0 := g.origin()
	return g.fill(func(row, column float64) float64 {
		r2 := (row-y0)*(row-y0) + (column-x0)*(column-x0)
		if r2 == 0 && exponent <= 0 {
			return 0
		}
		return math.Pow(r2, exponent/2)
	})
}

// A Turn is the sense in which angles grow.
type Turn uint8

// Clockwise is the sense of atan2 on a picture, whose rows count downwards.
const (
	Clockwise Turn = iota
	CounterClockwise
)

// Angle returns the angle less phase, in [-π, π), at each pixel, of shape H×W.
// It is 0 to the right of the origin if phase is. CounterClockwise reverses
// the order of the row coordinates. It panics if a size is negative.
func (g Grid) Angle(phase float64, turn Turn) tensor.Tensor {
	y0, x0 := g.origin()
	return g.fill(func(row, column float64) float64 {
		if turn == CounterClockwise {
			row = float64(g.H+1) - row
		}
		a := math.Mod(math.Atan2(row-y0, column-x0)+math.Pi-phase, 2*math.Pi)
		if a < 0 {
			a += 2 * math.Pi
		}
		return a - math.Pi
	})
}

// Disk returns an h×w picture that is 1 within the inner radius, 0 beyond the
// outer one, and a raised cosine between them, around the centre. The radii
// are outer and inner; without them outer is (min(h, w)-1)/2, and inner is
// half of outer. It panics if a size is negative or there are more than two
// radii.
func Disk(h, w int, radii ...float64) tensor.Tensor {
	if len(radii) > 2 {
		panic(fmt.Sprintf("images: Disk with radii %v: outer and inner expected", radii))
	}
	outer := float64(min(h, w)-1) / 2
	if len(radii) > 0 {
		outer = radii[0]
	}
	inner := outer / 2
	if len(radii) > 1 {
		inner = radii[1]
	}
	g := Grid{H: h, W: w}
	y0, x0 := g.origin()
	return g.fill(func(row, column float64) float64 {
		return edge(math.Hypot(row-y0, column-x0), inner, outer)
	})
}

// edge falls from 1 at inner to 0 at outer as a raised cosine.
func edge(r, inner, outer float64) float64 {
	switch {
	case r < inner:
		return 1
	case r > outer:
		return 0
	case inner == outer:
		return 0.5
	}
	return (1 + math.Cos(math.Pi*(r-inner)/(outer-inner))) / 2
}
