package images

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"github.com/percept-go/percept/tensor"
)

// An ExampleInfo describes an example picture.
type ExampleInfo struct {
	Name, Doc string
	// Texture says that the picture is a texture, whose lengths are in pixels
	// (a larger picture shows more of it) and whose opposite borders fit each
	// other. Otherwise it is a stimulus that grows with the picture.
	Texture bool
}

type example struct {
	name, doc string
	make      func(rng *rand.Rand, h, w int) field
}

var textures = []example{
	{"skin", "labyrinth of a reaction–diffusion pattern, lit like a hide", skin},
	{"pebbles", "rounded stones of many sizes in sand", pebbles},
	{"weave", "cloth of crossing threads", weave},
	{"grass", "overlapping curved blades", grass},
	{"bark", "upright ridges with deep cracks", bark},
	{"ripples", "wind ripples in sand", ripples},
	{"clouds", "soft noise at all scales", clouds},
	{"wood", "grain of planed wood", wood},
	{"glyphs", "lines of an invented script", glyphs},
}

// stimuli are those of plenoptic 1's make_synthetic_stimuli, by their
// descriptions; lengths are fractions of the shorter side s.
var stimuli = []example{
	{"impulse", "one bright pixel in the centre", impulse},
	{"step-edge", "dark left half, bright right half", point(stepEdge)},
	{"ramp", "brightness that grows downwards", point(ramp)},
	{"bar", "upright bar, 2 pixels wide and a fifth of the height", bar},
	{"curved-edge", "disk of radius s/1.2 around the upper left corner", point(curvedEdge)},
	{"sine-grating", "sine wave of 10 cycles per s under a Gaussian of s/6", point(sineGrating)},
	{"square-grating", "oblique square wave of 9.9 cycles per s under a Gaussian of s/6", point(squareGrating)},
	{"polar-angle", "angle around the centre, clockwise", polarAngle},
	{"angular-sine", "sine of 6 cycles around the centre", point(angularSine)},
	{"zone-plate", "rings whose frequency grows to 1/2 cycle per pixel at s/2 from the centre", point(zonePlate)},
	{"pink-noise", "Gaussian noise of amplitude spectrum f^-1.7 (fractal dimension 0.8)", pinkNoise},
}

// Examples lists the example pictures: the textures, then the stimuli, always
// in the same order.
func Examples() []ExampleInfo {
	var list []ExampleInfo
	for _, e := range textures {
		list = append(list, ExampleInfo{e.name, e.doc, true})
	}
	for _, e := range stimuli {
		list = append(list, ExampleInfo{e.name, e.doc, false})
	}
	return list
}

// ExampleFields is about how many float64 numbers Example works in for each pixel of a
// texture.
const ExampleFields = 6

// Example makes an example picture of shape 1×1×h×w with values in [0, 1],
// which the seed varies if it is a texture or noise. It errs if there is none
// of that name, or if the size is not positive or exceeds 2²⁸ pixels.
func Example(name string, h, w int, seed uint64) (tensor.Tensor, error) {
	if err := checkSize(h, w); err != nil {
		return tensor.Tensor{}, err
	}
	rng := exampleRNG(name, seed)
	for _, e := range textures {
		if e.name == name {
			return tensor.Of(e.make(rng, h, w).spread().v, 1, 1, h, w), nil
		}
	}
	for _, e := range stimuli {
		if e.name == name {
			return tensor.Of(e.make(rng, h, w).rescale().v, 1, 1, h, w), nil
		}
	}
	var names []string
	for _, e := range Examples() {
		names = append(names, e.Name)
	}
	return tensor.Tensor{}, fmt.Errorf("no example is called %q; there are %s", name, strings.Join(names, ", "))
}

// exampleRNG gives every example a generator of its own.
func exampleRNG(name string, seed uint64) *rand.Rand {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}
