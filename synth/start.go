package synth

import (
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// NoiseStart returns white noise of the given type, uniform and then rescaled so
// that the smallest value is exactly 0 and the largest exactly 1. Image k is
// drawn and rescaled by itself, from the generator with seed + k. It panics if
// typ is complex.
func NoiseStart(typ tensor.Type, seed uint64) tensor.Tensor {
	x := tensor.New(typ.DType, typ.Shape()...)
	for k := range typ.Dim[0] {
		image := x.Crop(0, k, k+1, 1)
		draw(rng.New(seed+uint64(k)), image)
		rescale(image)
	}
	return x
}

// referenceStart returns the reference's white noise: the batch is one array,
// drawn after as many blocks of the same size as its validators draw, and others
// that they draw in single precision.
func referenceStart(typ tensor.Type, seed uint64, validators, single int) tensor.Tensor {
	x := tensor.New(typ.DType, typ.Shape()...)
	g := rng.New(seed)
	for range validators {
		draw(g, x)
	}
	for range single {
		draw(g, tensor.New(tensor.Float32, typ.Shape()...))
	}
	draw(g, x)
	rescale(x)
	return x
}

// draw fills a contiguous x with uniform numbers.
func draw(g *rng.Generator, x tensor.Tensor) {
	if x.DType == tensor.Float32 {
		rng.Uniform(g, tensor.Slice[float32](x))
		return
	}
	rng.Uniform(g, tensor.Slice[float64](x))
}

// rescale maps the range of a contiguous x to [0, 1]; a constant becomes 0.
func rescale(x tensor.Tensor) {
	if x.DType == tensor.Float32 {
		rescaleSlice(tensor.Slice[float32](x))
		return
	}
	rescaleSlice(tensor.Slice[float64](x))
}

func rescaleSlice[T float32 | float64](x []T) {
	lo, hi := x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	for i, v := range x {
		if hi > lo {
			x[i] = (v - lo) / (hi - lo)
		} else {
			x[i] = 0
		}
	}
}
