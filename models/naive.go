package models

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// Identity returns x: its pixels are the representation.
type Identity struct{}

// Forward returns x.
func (Identity) Forward(x autograd.Value) autograd.Value { return x }

// blurred is amplitude times a normalised Gaussian filter.
type blurred struct{ amplitude, std float64 }

// filterBank filters every channel of an image with the same sums of Gaussians,
// or with given filters in their place.
type filterBank struct {
	name   string
	kernel [2]int
	mode   autograd.PadMode
	filter [][]blurred
	given  []tensor.Tensor // (h, w) each
}

// newFilterBank returns the bank with its defaults filled in: 31×31 taps and,
// if mode is nil, the given padding. It errs as CircularGaussian does.
func newFilterBank(name string, kernel [2]int, mode *autograd.PadMode, otherwise autograd.PadMode, filter [][]blurred) (*filterBank, error) {
	if kernel == [2]int{} {
		kernel = [2]int{31, 31}
	}
	b := &filterBank{name: name, kernel: kernel, mode: otherwise, filter: filter}
	if mode != nil {
		b.mode = *mode
	}
	var stds []float64
	for _, f := range filter {
		for _, g := range f {
			stds = append(stds, g.std)
		}
	}
	return b, checkGaussian(kernel[0], kernel[1], stds)
}

// Forward returns the filtered images (N, C·F, h, w) of x (N, C, h, w), for each
// channel one per filter. It panics with *autograd.Error if x has not four axes,
// is complex or too small for the padding.
func (b *filterBank) Forward(x autograd.Value) autograd.Value {
	b.demand(b.name, x)
	x, c := splitChannels(b.name, x)
	var out []autograd.Value
	for i := range b.filter {
		out = append(out, b.one(x, i))
	}
	for _, f := range b.given {
		out = append(out, Filter(x, f, b.mode))
	}
	return joinChannels(autograd.Concat(1, out...), c)
}

// CheckSize errs if images of h×w pixels are too small for the filters and what
// stands beyond the borders.
func (b *filterBank) CheckSize(h, w int) error {
	least := [2]int{1, 1}
	for i, k := range b.kernel {
		switch b.mode {
		case autograd.PadReflect:
			least[i] = k/2 + 1
		case autograd.PadCircular:
			least[i] = max(k/2, 1)
		}
	}
	if h < least[0] || w < least[1] {
		return fmt.Errorf("models: filters of %d×%d taps with %v borders need images of at least %d×%d pixels, not %d×%d; take a smaller kernel, or replicate or constant borders",
			b.kernel[0], b.kernel[1], b.mode, least[0], least[1], h, w)
	}
	return nil
}

// demand panics with *autograd.Error if x does not suit the filters.
func (b *filterBank) demand(op string, x autograd.Value) {
	splitChannels(op, x)
	if err := b.CheckSize(lastTwo(op, x)); err != nil {
		fail(op, x, "%w", err)
	}
}

// Filter returns the filters (F, 1, h, w), to be looked at.
func (b *filterBank) Filter() tensor.Tensor {
	h, w := b.kernel[0], b.kernel[1]
	taps := tensor.New(tensor.Float64, len(b.filter)+len(b.given), 1, h, w)
	for f, one := range b.given {
		row, _ := taps.Crop(0, f, f+1, 1).Reshape(h, w)
		tensor.Copy(row, one)
	}
	for f, terms := range b.filter {
		for _, g := range terms {
			column, row := gaussian(h, g.std), gaussian(w, g.std)
			for i := range h * w {
				at := f*h*w + i
				taps.StoreReal(at, taps.LoadReal(at)+g.amplitude*column[i/w]*row[i%w])
			}
		}
	}
	return taps
}

// one returns x filtered with filter i.
func (b *filterBank) one(x autograd.Value, i int) autograd.Value {
	var terms []autograd.Value
	for _, g := range b.filter[i] {
		terms = append(terms, b.gaussian(x, g.std).Scale(g.amplitude))
	}
	return autograd.Sum(terms...)
}

func (b *filterBank) gaussian(x autograd.Value, std float64) autograd.Value {
	return blur(x, gaussian(b.kernel[0], std), gaussian(b.kernel[1], std), 1, b.mode)
}

// splitChannels returns images (N, C, h, w) as (N·C, 1, h, w), and C.
func splitChannels(op string, x autograd.Value) (autograd.Value, int) {
	t := x.Type()
	if t.Rank != 4 || t.DType.IsComplex() {
		fail(op, x, "real images (N, C, h, w) expected")
	}
	return x.Reshape(t.Dim[0]*t.Dim[1], 1, t.Dim[2], t.Dim[3]), t.Dim[1]
}

// joinChannels returns (N·C, F, h, w) as (N, C·F, h, w).
func joinChannels(x autograd.Value, c int) autograd.Value {
	t := x.Type()
	return x.Reshape(t.Dim[0]/max(c, 1), c*t.Dim[1], t.Dim[2], t.Dim[3])
}

// GaussianOptions are those of NewGaussian. The zero value is the default.
type GaussianOptions struct {
	Kernel [2]int            // taps along each axis; zero: 31×31
	Std    []float64         // standard deviation of each output channel in pixels; nil: 3
	Pad    *autograd.PadMode // nil: reflect
}

// Gaussian blurs images.
type Gaussian struct{ *filterBank }

// NewGaussian returns the model. It errs if a kernel size is below 1 or a
// standard deviation is not positive.
func NewGaussian(o GaussianOptions) (Gaussian, error) {
	if o.Std == nil {
		o.Std = []float64{3}
	}
	var filters [][]blurred
	for _, s := range o.Std {
		filters = append(filters, []blurred{{1, s}})
	}
	b, err := newFilterBank("gaussian", o.Kernel, o.Pad, autograd.PadReflect, filters)
	return Gaussian{b}, err
}

// CenterSurroundOptions are those of NewCenterSurround. The zero value is the
// default. Lists hold one entry per output channel, or one for all.
type CenterSurroundOptions struct {
	Kernel         [2]int            // taps along each axis; zero: 31×31
	OffCenter      []bool            // whether the centre is negative; nil: positive
	AmplitudeRatio float64           // amplitude of the filter, at least 1; 0: 1.25
	CenterStd      []float64         // nil: 1
	SurroundStd    []float64         // nil: 4
	Pad            *autograd.PadMode // nil: reflect
}

// CenterSurround filters images with differences of two Gaussians, which have
// sum 0.
type CenterSurround struct{ *filterBank }

// NewCenterSurround returns the model. It errs if a kernel size is below 1, a
// standard deviation is not positive, the lists differ in length, or the
// amplitude ratio is below 1.
func NewCenterSurround(o CenterSurroundOptions) (CenterSurround, error) {
	if o.CenterStd == nil {
		o.CenterStd = []float64{1}
	}
	if o.SurroundStd == nil {
		o.SurroundStd = []float64{4}
	}
	if o.OffCenter == nil {
		o.OffCenter = []bool{false}
	}
	if o.AmplitudeRatio == 0 {
		o.AmplitudeRatio = 1.25
	}
	if !(o.AmplitudeRatio >= 1) {
		return CenterSurround{}, fmt.Errorf("models: center-surround filter with an amplitude ratio of %v: at least 1 is needed", o.AmplitudeRatio)
	}
	n := max(len(o.OffCenter), len(o.CenterStd), len(o.SurroundStd))
	for name, have := range map[string]int{"off-center flags": len(o.OffCenter), "center deviations": len(o.CenterStd), "surround deviations": len(o.SurroundStd)} {
		if have != 1 && have != n {
			return CenterSurround{}, fmt.Errorf("models: center-surround filters for %d channels with %d %s: one for each channel, or one for all, is needed", n, have, name)
		}
	}
	var filters [][]blurred
	for i := range n {
		a := o.AmplitudeRatio
		if o.OffCenter[i%len(o.OffCenter)] {
			a = -a
		}
		filters = append(filters, []blurred{{a, o.CenterStd[i%len(o.CenterStd)]}, {-a, o.SurroundStd[i%len(o.SurroundStd)]}})
	}
	b, err := newFilterBank("center-surround", o.Kernel, o.Pad, autograd.PadReflect, filters)
	return CenterSurround{b}, err
}

// LinearOptions are those of NewLinear. The zero value is the default.
type LinearOptions struct {
	Kernel [2]int            // taps along each axis; zero: 3×3
	Pad    *autograd.PadMode // nil: circular
	Random bool              // two filters of random taps in place of the fixed ones
	Seed   uint64            // of these
}

// Linear filters images with two filters: a Gaussian of variance 3, and the
// difference between one of variance 1 and it. The reference divides the second
// by its sum, which is rounding noise around 0; this does not. The random filters
// are the reference's for the same seed: uniform within ±1/√(taps), in single
// precision.
type Linear struct{ *filterBank }

// NewLinear returns the model. It errs if a kernel size is below 1.
func NewLinear(o LinearOptions) (Linear, error) {
	if o.Kernel == [2]int{} {
		o.Kernel = [2]int{3, 3}
	}
	wide := math.Sqrt(3)
	filters := [][]blurred{{{1, wide}}, {{1, 1}, {-1, wide}}}
	b, err := newFilterBank("linear", o.Kernel, o.Pad, autograd.PadCircular, filters)
	if err == nil && o.Random {
		b.filter, b.given = nil, randomFilters(len(filters), o.Kernel, o.Seed)
	}
	return Linear{b}, err
}

// randomFilters returns n filters as PyTorch draws those of a convolution.
func randomFilters(n int, kernel [2]int, seed uint64) []tensor.Tensor {
	g := rng.New(seed)
	bound := 1 / math.Sqrt(float64(kernel[0]*kernel[1]))
	list := make([]tensor.Tensor, n)
	for i := range list {
		list[i] = tensor.New(tensor.Float32, kernel[0], kernel[1])
		taps := tensor.Slice[float32](list[i])
		rng.Uniform(g, taps)
		for k, u := range taps {
			taps[k] = float32(float64(u)*float64(float32(2*bound)) - float64(float32(bound))) // rounded once
		}
	}
	return list
}
