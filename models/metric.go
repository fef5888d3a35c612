package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A ChannelMetric compares images channel by channel.
type ChannelMetric interface {
	// Channels returns the value (N, C), float64, for each channel of images
	// (N, C, h, w) and of references of that shape, or with one image or one
	// channel for all. It panics with *autograd.Error if they do not fit.
	Channels(reference, image autograd.Value) autograd.Value
}

// overChannels returns the mean over channels (N,) of values (N, C).
func overChannels(v autograd.Value) autograd.Value { return v.Mean(1) }

// pair returns both arguments of a metric in one shape, (N, C, h, w). It panics
// with *autograd.Error if they are not real images of one size and precision.
func pair(op string, reference, image autograd.Value) (r, x autograd.Value) {
	a, b := reference.Type(), image.Type()
	fits := a.Rank == 4 && b.Rank == 4 && a.DType == b.DType && !a.DType.IsComplex() && a.Len() > 0 && b.Len() > 0
	for i := 0; fits && i < 4; i++ {
		fits = a.Dim[i] == b.Dim[i] || i < 2 && (a.Dim[i] == 1 || b.Dim[i] == 1)
	}
	if !fits {
		panic(&autograd.Error{Op: op, In: []tensor.Type{a, b}, Err: fmt.Errorf(
			"a reference and images, real, (N, C, h, w), of one precision and size expected; where batch or channels differ, one must be 1")})
	}
	shape := []int{max(a.Dim[0], b.Dim[0]), max(a.Dim[1], b.Dim[1]), a.Dim[2], a.Dim[3]}
	return reference.Expand(shape...), image.Expand(shape...)
}

// MSE is the mean squared difference of pixels.
type MSE struct{}

// Channels implements ChannelMetric.
func (MSE) Channels(reference, image autograd.Value) autograd.Value {
	r, x := pair("mse", reference, image)
	return x.Sub(r).Square().MeanWide(2, 3)
}

// Metric returns the mean over channels (N,) of Channels. It panics as Channels
// does.
func (m MSE) Metric(reference, image autograd.Value) autograd.Value {
	return overChannels(m.Channels(reference, image))
}

// Dissimilarity is one minus a similarity: 0 for equal images, never negative
// where the similarity is at most 1.
type Dissimilarity struct{ Of ChannelMetric }

// Channels implements ChannelMetric.
func (d Dissimilarity) Channels(reference, image autograd.Value) autograd.Value {
	s := d.Of.Channels(reference, image)
	return s.Neg().AddScalar(1)
}

// Metric returns the mean over channels (N,) of Channels. It panics as Channels
// does.
func (d Dissimilarity) Metric(reference, image autograd.Value) autograd.Value {
	return overChannels(d.Channels(reference, image))
}

// modelGuard is added under the root of ModelMetric.
const modelGuard = 1e-10

// ModelMetric is the root mean square difference of what a model makes of two
// images; the mean square is increased by 1e-10, so that equal images are 1e-5
// apart and the gradient there is 0.
type ModelMetric struct{ Model synth.Model }

// Channels returns the value (N, 1): a model sees all channels of an image. It
// panics as Metric does.
func (m ModelMetric) Channels(reference, image autograd.Value) autograd.Value {
	d := m.Model.Forward(image).Sub(m.Model.Forward(reference))
	return rootMeanSquare(d.Reshape(d.Type().Dim[0], 1, -1), modelGuard, 2)
}

// Metric returns the value (N,) of each image. It panics with *autograd.Error if
// the model cannot serve one of them.
func (m ModelMetric) Metric(reference, image autograd.Value) autograd.Value {
	return overChannels(m.Channels(reference, image))
}

// rootMeanSquare returns √(mean |x|² + epsilon) over axes, in float64; its
// gradient where that is 0 is 0.
func rootMeanSquare(x autograd.Value, epsilon float64, axes ...int) autograd.Value {
	s := x.Abs2().MeanWide(axes...).AddScalar(epsilon)
	if epsilon > 0 {
		return s.Sqrt()
	}
	t := s.Tape()
	zero, one := t.Scalar(tensor.Float64, 0), t.Scalar(tensor.Float64, 1)
	at0 := s.Eq(zero)
	return autograd.Where(at0, zero, autograd.Where(at0, one, s).Sqrt())
}
