package synth

import (
	"errors"
	"fmt"
	"math"

	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// checkEnds says why a path of the given number of steps cannot lead from a to b.
func checkEnds(a, b tensor.Tensor, steps int) error {
	switch {
	case a.Rank == 0 || a.DType.IsComplex() || a.Len() == 0:
		return fmt.Errorf("synth: a path begins at a %v; a real image (C, H, W) is expected", a.Type)
	case a.Type != b.Type:
		return fmt.Errorf("synth: a path begins at a %v and ends at a %v; both ends must have one shape and type", a.Type, b.Type)
	case steps < 1:
		return fmt.Errorf("synth: a path has %d steps; at least 1 is expected", steps)
	}
	return nil
}

// StraightLine returns the steps+1 frames (steps+1, …) of the straight line from
// image a (…) to image b: frame i is (1−t)a + tb with t = i/steps. It errs if
// the images differ in type or there is no step.
func StraightLine(a, b tensor.Tensor, steps int) (tensor.Tensor, error) {
	if err := checkEnds(a, b, steps); err != nil {
		return tensor.Tensor{}, err
	}
	x, y := tensor.Floats(a), tensor.Floats(b)
	path := tensor.New(a.DType, append([]int{steps + 1}, a.Shape()...)...)
	for i := range steps + 1 {
		t := float64(i) / float64(steps)
		for p := range x {
			path.StoreReal(i*len(x)+p, (1-t)*x[p]+t*y[p])
		}
	}
	return path, nil
}

// BrownianBridge returns the steps+1 frames (steps+1, …) of a random walk from
// image a (…) that ends at image b, drawn from the generator with the given
// seed. maxNorm is half the expected L2 norm of how far a walk without end
// would get; the reference's default is 1. It errs if the images differ in
// type, there is no step, or maxNorm is negative or not finite.
func BrownianBridge(a, b tensor.Tensor, steps int, maxNorm float64, seed uint64) (tensor.Tensor, error) {
	if err := checkEnds(a, b, steps); err != nil {
		return tensor.Tensor{}, err
	}
	if !(maxNorm >= 0) || math.IsInf(maxNorm, 0) {
		return tensor.Tensor{}, fmt.Errorf("synth: the norm %v of a Brownian bridge is negative or not finite", maxNorm)
	}
	x, y := tensor.Floats(a), tensor.Floats(b)
	n := len(x)
	sigma := math.Sqrt(1/float64(steps)/float64(n)) * 2 * maxNorm
	walk := make([]float64, (steps+1)*n)
	rng.Normal(rng.New(seed), walk)
	for i := range walk {
		walk[i] *= sigma
	}
	copy(walk, x)
	for i := n; i < len(walk); i++ {
		walk[i] += walk[i-n]
	}
	path := tensor.New(a.DType, append([]int{steps + 1}, a.Shape()...)...)
	last := walk[steps*n:]
	for i := range steps + 1 {
		t := float64(i) / float64(steps)
		for p := range n {
			path.StoreReal(i*n+p, walk[i*n+p]-t*(last[p]-y[p]))
		}
	}
	return path, nil
}

// errLine says that a straight line has no direction.
var errLine = errors.New("synth: the first and the last frame are equal; there is no line to deviate from")

// DeviationFromLine projects the frames of a path (T, …), complex or real, on
// the straight line from its first to its last frame. It returns how far along
// the line and how far from it each frame is, in units of the line's length, or
// with absolute in those of the frames. It errs if the path has no two frames
// or its ends are equal.
func DeviationFromLine(path tensor.Tensor, absolute bool) (along, from []float64, err error) {
	if path.Rank == 0 || path.Dim[0] < 2 {
		return nil, nil, fmt.Errorf("synth: the path is a %v; at least two frames are expected", path.Type)
	}
	return deviate(framesOf(path), absolute)
}

// framesOf returns each frame of a path (T, …) as numbers, complex ones as pairs.
func framesOf(path tensor.Tensor) [][]float64 {
	d := tensor.Float64
	if path.DType.IsComplex() {
		d = tensor.Complex128
	}
	x := tensor.New(d, path.Shape()...)
	tensor.Copy(x, path)
	v := tensor.Span[float64](x)
	frames := make([][]float64, path.Dim[0])
	n := len(v) / len(frames)
	for i := range frames {
		frames[i] = v[i*n : (i+1)*n]
	}
	return frames
}

func deviate(frames [][]float64, absolute bool) (along, from []float64, err error) {
	first, last := frames[0], frames[len(frames)-1]
	length := distanceOf(first, last)
	if length == 0 {
		return nil, nil, errLine
	}
	unit := 1.
	if !absolute {
		unit = length
	}
	for _, f := range frames {
		a, d := 0., 0.
		for i, v := range f {
			a += (v - first[i]) * (last[i] - first[i]) / length
		}
		for i, v := range f {
			off := v - first[i] - a*(last[i]-first[i])/length
			d += off * off
		}
		along, from = append(along, a/unit), append(from, math.Sqrt(d)/unit)
	}
	return along, from, nil
}

// distanceOf returns ‖x − y‖₂.
func distanceOf(x, y []float64) float64 {
	sum := 0.
	for i := range x {
		sum += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Sqrt(sum)
}

// TranslationSequence returns steps+1 frames of an image (C, H, W): frame s is
// the image shifted s pixels to the right, around the edge. It errs if the image
// is no real image of that shape or there is no step.
func TranslationSequence(image tensor.Tensor, steps int) (tensor.Tensor, error) {
	if image.Rank != 3 || image.DType.IsComplex() || image.Len() == 0 || steps < 1 {
		return tensor.Tensor{}, fmt.Errorf("synth: %d translations of a %v; at least one of a real image (C, H, W) is expected", steps, image.Type)
	}
	w := image.Dim[2]
	path := tensor.New(image.DType, append([]int{steps + 1}, image.Shape()...)...)
	for s := range steps + 1 {
		frame := tensor.New(image.DType, image.Shape()...)
		at := s % w
		tensor.Copy(frame.Crop(2, at, w, 1), image.Crop(2, 0, w-at, 1))
		if at > 0 {
			tensor.Copy(frame.Crop(2, 0, at, 1), image.Crop(2, w-at, w, 1))
		}
		to, _ := path.Crop(0, s, s+1, 1).Reshape(image.Shape()...)
		tensor.Copy(to, frame)
	}
	return path, nil
}
