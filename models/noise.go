package models

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// AddNoise returns images x (N, C, h, w) plus Gaussian noise, drawn from seed,
// whose mean square in every channel is exactly that given: one number for all
// images, one for each, or several for one image, which is then repeated. The sum
// is not clipped. It errs if x has not four axes or is complex, if the numbers do
// not match the images, or if one is negative.
func AddNoise(x tensor.Tensor, seed uint64, meanSquare ...float64) (tensor.Tensor, error) {
	if x.Rank != 4 || x.DType.IsComplex() || x.Len() == 0 {
		return tensor.Tensor{}, fmt.Errorf("models: noise is added to real images (N, C, h, w), not a %v", x.Type)
	}
	n := max(x.Dim[0], len(meanSquare))
	if k := len(meanSquare); k == 0 || k != n && k != 1 || x.Dim[0] != n && x.Dim[0] != 1 {
		return tensor.Tensor{}, fmt.Errorf("models: %d mean squares of noise for %d images; one for all, one for each, or several for one image are needed", k, x.Dim[0])
	}
	for _, m := range meanSquare {
		if !(m >= 0) || math.IsInf(m, 1) {
			return tensor.Tensor{}, fmt.Errorf("models: noise of mean square %v; numbers from 0 are needed", m)
		}
	}
	noise := centredNormal(seed, n*x.Dim[1]*x.Dim[2]*x.Dim[3])
	y := tensor.New(x.DType, n, x.Dim[1], x.Dim[2], x.Dim[3])
	pixels := tensor.Floats(tensor.Contiguous(x))
	plane := x.Dim[2] * x.Dim[3]
	for from := 0; from < len(noise); from += plane {
		part, sum := noise[from:from+plane], 0.0
		for _, v := range part {
			sum += v * v
		}
		image := from / (plane * x.Dim[1])
		gain := 0.0
		if m := meanSquare[image%len(meanSquare)]; m > 0 {
			gain = math.Sqrt(m * float64(plane) / sum)
		}
		for i, v := range part {
			y.StoreReal(from+i, pixels[(from+i)%len(pixels)]+gain*v)
		}
	}
	return y, nil
}

// centredNormal returns n normal numbers less their mean. They are drawn in
// single precision, whatever the images have, as the reference does.
func centredNormal(seed uint64, n int) []float64 {
	single := make([]float32, n)
	rng.Normal(rng.New(seed), single)
	v, mean := make([]float64, n), 0.0
	for i, s := range single {
		v[i] = float64(s)
		mean += v[i] / float64(n)
	}
	for i := range v {
		v[i] -= mean
	}
	return v
}
