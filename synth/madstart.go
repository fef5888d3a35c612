package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// validatorDraws is how many images of noise the reference draws to validate two
// metrics.
const validatorDraws = 2 * 21

// starts returns what each problem starts from, and uniform noise (N, C, H, W)
// for the automatic trade-off.
func (s *MAD) starts() (start, noise tensor.Tensor, err error) {
	o := &s.options
	n, goals := s.images.Dim[0], len(o.Goals)
	shape := s.images.Shape()
	noise = tensor.New(s.images.DType, shape...)
	begins := make([]tensor.Tensor, o.Starts) // (N, C, H, W) each
	for k := range begins {
		begins[k] = tensor.New(s.images.DType, shape...)
	}
	for i := range n {
		g, one := rng.New(s.seed(i)), noise.Crop(0, i, i+1, 1)
		if o.Reference {
			for range validatorDraws {
				draw(g, one)
			}
		}
		if o.Tradeoff == Automatic {
			draw(g, one)
		}
		for _, b := range begins {
			s.disturb(g, b.Crop(0, i, i+1, 1), s.images.Crop(0, i, i+1, 1), s.meanSquare(i))
		}
	}
	if o.Init.Mem != nil {
		tensor.Copy(begins[0], o.Init)
	}
	shape[0] = n * goals * o.Starts
	start = tensor.New(s.images.DType, shape...)
	for k := range shape[0] {
		i := k / o.Starts / goals
		tensor.Copy(start.Crop(0, k, k+1, 1), begins[k%o.Starts].Crop(0, i, i+1, 1))
	}
	s.bound(start)
	return start, noise, s.checkStarts(start)
}

// seed returns that of image i.
func (s *MAD) seed(i int) uint64 {
	if s.options.Seeds != nil {
		return s.options.Seeds[i]
	}
	return s.options.Seed + uint64(i)
}

// meanSquare returns the mean square that the noise of image i must have, or 0
// where its standard deviation says enough. Further starts beside a given one are
// as far from the image as that.
func (s *MAD) meanSquare(i int) float64 {
	if s.options.Init.Mem == nil {
		return s.options.NoiseMSE
	}
	d := rmsDistance(tensor.Floats(s.images.Crop(0, i, i+1, 1)), tensor.Floats(s.options.Init.Crop(0, i, i+1, 1)))
	return d * d
}

// disturb sets dst to images with noise; square is the mean square of that, or 0.
func (s *MAD) disturb(g *rng.Generator, dst, images tensor.Tensor, square float64) {
	size := float64(dst.Len())
	if dst.DType == tensor.Float32 {
		v := tensor.Slice[float32](dst)
		rng.Normal(g, v)
		addNoise(v, tensor.Slice[float32](images), s.options.Noise, square, size)
		return
	}
	v := tensor.Slice[float64](dst)
	rng.Normal(g, v)
	addNoise(v, tensor.Slice[float64](images), s.options.Noise, square, size)
}

func addNoise[T float32 | float64](v, images []T, deviation, square, size float64) {
	if square > 0 {
		sum := 0.
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		deviation = math.Sqrt(square / sum * size)
	}
	for i := range v {
		v[i] = images[i] + T(deviation)*v[i]
	}
}

// bound moves the starts of a constrained search into its bounds.
func (s *MAD) bound(x tensor.Tensor) {
	r, ok := s.options.Penalty.(Range)
	if !ok || s.options.Tradeoff != Constrained {
		return
	}
	r = r.withDefaults()
	for i := range x.Len() {
		x.StoreReal(i, min(max(x.LoadReal(i), r.Low), r.High))
	}
}

// checkStarts refuses starts that are the image.
func (s *MAD) checkStarts(start tensor.Tensor) error {
	of := s.imagesOf(upTo(start.Dim[0]))
	for k, i := range of {
		if rmsDistance(tensor.Floats(start.Crop(0, k, k+1, 1)), tensor.Floats(s.images.Crop(0, i, i+1, 1))) == 0 {
			return fmt.Errorf("synth: the start of image %d is the image itself: no metric tells them apart; start from a different image, or with noise", i)
		}
	}
	return nil
}
