package models

import (
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/percept-go/percept/autograd"
)

// SteeringWeights returns weights[n][i] with which the bands n of k
// orientations sum to the band at angles[i], in radians: the harmonics that a
// band has, evaluated at the angle and projected on the bands. For bands that
// are odd functions of the angle's distance evenPhase is false. It panics if k < 1.
//
// Freeman and Adelson, The design and use of steerable filters, PAMI 1991,
// eq. 15; the system is orthogonal for equally spaced bands, so its inverse is
// its transpose but for factors.
func SteeringWeights(k int, angles []float64, evenPhase bool) [][]float64 {
	if k < 1 {
		panic("models: SteeringWeights for " + strconv.Itoa(k) + " bands; at least 1 expected")
	}
	weights := make([][]float64, k)
	for n := range weights {
		theta := math.Pi * float64(n) / float64(k)
		for _, phi := range angles {
			weights[n] = append(weights[n], steeringWeight(k, theta-phi, evenPhase))
		}
	}
	return weights
}

func steeringWeight(k int, distance float64, evenPhase bool) float64 {
	sum := 0.0
	for h := 1 - k%2; h < k; h += 2 {
		switch {
		case h == 0:
			sum++
		case evenPhase:
			sum += 2 * math.Cos(float64(h)*distance)
		default:
			sum += 2 * math.Sin(float64(h)*distance)
		}
	}
	return sum / float64(k)
}

// Steer records, for each level of c, the bands (N, C, len(angles), hₛ, wₛ) that
// the pyramid would have at the given angles, in radians; a level that c lacks
// is the zero Value. It panics with *autograd.Error if there are no angles, the
// bands are complex or not those of this pyramid.
func (p *SteerablePyramid) Steer(c *Coefficients, angles []float64, evenPhase bool) []autograd.Value {
	steered := make([]autograd.Value, len(c.Bands))
	for s, b := range c.Bands {
		if !b.Valid() {
			continue
		}
		t := b.Type()
		if t.DType.IsComplex() || t.Rank != 5 || t.Dim[2] != p.k || len(angles) == 0 {
			fail("steer", b, "steering is implemented for real coefficients, here (N, C, %d, h, w), and at least one angle", p.k)
		}
		weights := numbers(b, slices.Concat(SteeringWeights(p.k, angles, evenPhase)...), p.k, len(angles), 1, 1)
		bands := b.Reshape(t.Dim[0], t.Dim[1], p.k, 1, t.Dim[3], t.Dim[4])
		steered[s] = bands.Mul(weights).Sum(2)
	}
	return steered
}

// ToTensor records the coefficients as maps of one size (N, C·m, h, w), for
// every channel those that c has in the order of Groups. Complex bands make all
// maps complex, or, if split, two real maps each, the real part before the
// imaginary one. It panics with *autograd.Error if the pyramid downsamples, if
// c has no parts, or if split is set for real bands.
func (p *SteerablePyramid) ToTensor(c *Coefficients, split bool) autograd.Value {
	parts := c.list()
	if len(parts) == 0 {
		panic(&autograd.Error{Op: "pyramid-tensor", Err: errNoParts})
	}
	p.checkMaps(parts[0], split)
	var maps []autograd.Value
	for _, v := range parts {
		t := v.Type()
		switch {
		case t.Rank == 4:
			v = v.Reshape(t.Dim[0], t.Dim[1], 1, p.h, p.w)
		case split:
			v = autograd.Stack(3, v.Real(), v.Imag()).Reshape(t.Dim[0], t.Dim[1], 2*p.k, p.h, p.w)
		}
		maps = append(maps, v)
	}
	all := autograd.Concat(2, maps...)
	t := all.Type()
	return all.Reshape(t.Dim[0], t.Dim[1]*t.Dim[2], p.h, p.w)
}

func (p *SteerablePyramid) checkMaps(x autograd.Value, split bool) {
	if !p.o.NoDownsample && p.height > 0 {
		fail("pyramid-tensor", x, "the maps of a pyramid that downsamples have different sizes; NoDownsample makes them equal")
	}
	if split && !p.o.Complex {
		fail("pyramid-tensor", x, "only complex bands can be split into real and imaginary part")
	}
}

// FromTensor is the inverse of ToTensor for coefficients of the given scales,
// all if none is given. It panics with *autograd.Error if x has another number
// of maps than these scales, or as ToTensor does.
func (p *SteerablePyramid) FromTensor(x autograd.Value, split bool, scales ...string) *Coefficients {
	p.checkMaps(x, split)
	want := p.chosen(x, scales)
	perLevel := p.k
	if split {
		perLevel *= 2
	}
	m := 0
	for name, wanted := range want {
		switch {
		case !wanted:
		case name == ResidualHighpass || name == ResidualLowpass:
			m++
		default:
			m += perLevel
		}
	}
	t := x.Type()
	if t.Rank != 4 || t.Dim[1]%m != 0 || t.Dim[2] != p.h || t.Dim[3] != p.w || t.DType.IsComplex() != (p.o.Complex && !split) {
		fail("pyramid-tensor", x, "maps (N, C·%d, %d, %d) expected, complex for a complex pyramid unless split", m, p.h, p.w)
	}
	maps := x.Reshape(t.Dim[0], t.Dim[1]/m, m, p.h, p.w)
	at := 0
	take := func(name string, n int) (v autograd.Value) {
		if want[name] {
			v = maps.Crop(2, at, at+n)
			at += n
		}
		return v
	}
	c := &Coefficients{Highpass: p.single(take(ResidualHighpass, 1)), Bands: make([]autograd.Value, p.height)}
	for s := range c.Bands {
		c.Bands[s] = p.joined(take(strconv.Itoa(s), perLevel), split)
	}
	c.Lowpass = p.single(take(ResidualLowpass, 1))
	return c
}

// single returns a residual from its map.
func (p *SteerablePyramid) single(v autograd.Value) autograd.Value {
	if !v.Valid() {
		return v
	}
	t := v.Type()
	return v.Real().Reshape(t.Dim[0], t.Dim[1], p.h, p.w)
}

// joined returns the bands of a level from their maps.
func (p *SteerablePyramid) joined(v autograd.Value, split bool) autograd.Value {
	if !v.Valid() || !split {
		return v
	}
	n := v.Type().Dim[2]
	return autograd.MakeComplex(v.CropStep(2, 0, n, 2), v.CropStep(2, 1, n, 2))
}

var errNoParts = errors.New("coefficients with at least one part expected")
