package models

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// FrontEndOptions are those of the four front-end models. The zero value is
// the default: the parameters fitted to human judgements.
type FrontEndOptions struct {
	Kernel         [2]int                                // taps of all filters along each axis; zero: 31×31
	Parameters     *FrontEndParameters                   // nil: fitted ones, which need 31×31 taps
	OffCenter      bool                                  // negative centre; OnOff has both
	AmplitudeRatio float64                               // of the centre-surround filters, at least 1; 0: 1.25
	Pad            *autograd.PadMode                     // nil: reflect
	Activation     func(x autograd.Value) autograd.Value // nil: softplus
	Mask           bool                                  // OnOff only: multiply by a disk that fades towards the borders
}

// FrontEndParameters holds one value per channel: for OnOff two, on before off,
// or one for both. Deviations are in pixels. A stage that a model does
// not have is not used.
type FrontEndParameters struct {
	CenterStd, SurroundStd        []float64
	LuminanceStd, LuminanceScalar []float64
	ContrastStd, ContrastScalar   []float64
}

// fitted are the parameters of Berardino, Ballé, Laparra and Simoncelli,
// Eigen-distortions of hierarchical representations, NIPS 2017, fitted to TID2008.
var fitted = map[string]FrontEndParameters{
	"linear-nonlinear":                {CenterStd: []float64{.5339}, SurroundStd: []float64{6.148}},
	"luminance-gain-control":          {[]float64{1.962}, []float64{4.235}, []float64{4.235}, []float64{14.95}, nil, nil},
	"luminance-contrast-gain-control": {[]float64{.7363}, []float64{48.37}, []float64{170.99}, []float64{2.94}, []float64{2.658}, []float64{34.03}},
	"on-off": {[]float64{1.237, .3233}, []float64{30.12, 2.184}, []float64{76.4, 2.184}, []float64{3.2637, 14.3961},
		[]float64{7.49, 2.43}, []float64{7.3405, 16.7423}},
}

// FrontEnd is a model of the early visual system: centre-surround filters,
// divided by local luminance and then by local contrast where the model has
// these stages, and a nonlinearity.
type FrontEnd struct {
	name       string
	o          FrontEndOptions
	p          FrontEndParameters
	filters    CenterSurround
	kernel     [2]int
	mode       autograd.PadMode
	luminance  bool
	contrast   bool
	activation func(x autograd.Value) autograd.Value
}

// contrastGuard is added to local contrast, as when the parameters were fitted.
const contrastGuard = 1e-6

// NewLinearNonlinear returns the model without gain control. Errors are those
// of NewCenterSurround, and fitted parameters with a kernel that is not 31×31.
func NewLinearNonlinear(o FrontEndOptions) (*FrontEnd, error) {
	return newFrontEnd("linear-nonlinear", o, false, false)
}

// NewLuminanceGainControl returns the model that divides by local luminance. It
// errs as NewLinearNonlinear does.
func NewLuminanceGainControl(o FrontEndOptions) (*FrontEnd, error) {
	return newFrontEnd("luminance-gain-control", o, true, false)
}

// NewLuminanceContrastGainControl returns the model that divides by local
// luminance, then by local contrast. It errs as NewLinearNonlinear does.
func NewLuminanceContrastGainControl(o FrontEndOptions) (*FrontEnd, error) {
	return newFrontEnd("luminance-contrast-gain-control", o, true, true)
}

// NewOnOff returns the model with an on- and an off-centre channel, each with
// its own luminance and contrast gain control. It errs as NewLinearNonlinear does.
func NewOnOff(o FrontEndOptions) (*FrontEnd, error) {
	return newFrontEnd("on-off", o, true, true)
}

func newFrontEnd(name string, o FrontEndOptions, luminance, contrast bool) (*FrontEnd, error) {
	f := &FrontEnd{name: name, o: o, luminance: luminance, contrast: contrast, activation: o.Activation}
	if f.activation == nil {
		f.activation = autograd.Value.Softplus
	}
	if err := f.setParameters(); err != nil {
		return nil, err
	}
	off := []bool{o.OffCenter}
	if name == "on-off" {
		off = []bool{false, true}
	}
	var err error
	f.filters, err = NewCenterSurround(CenterSurroundOptions{Kernel: o.Kernel, OffCenter: off, AmplitudeRatio: o.AmplitudeRatio,
		CenterStd: f.p.CenterStd, SurroundStd: f.p.SurroundStd, Pad: o.Pad})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.kernel, f.mode = f.filters.kernel, f.filters.mode
	return f, nil
}

// setParameters takes the given parameters or the fitted ones, in single
// precision as they were stored.
func (f *FrontEnd) setParameters() error {
	channels := len(fitted[f.name].CenterStd)
	if f.o.Parameters == nil {
		if k := f.o.Kernel; k != [2]int{} && k != [2]int{31, 31} {
			return fmt.Errorf("models: %s: the fitted parameters need kernels of 31×31 taps, not %d×%d", f.name, k[0], k[1])
		}
		f.p = fitted[f.name]
		for _, list := range f.lists() {
			for i := range *list.v {
				(*list.v)[i] = round32((*list.v)[i])
			}
		}
		return nil
	}
	f.p = *f.o.Parameters
	for _, list := range f.lists() {
		if len(*list.v) == 1 && channels == 2 {
			*list.v = append(*list.v, (*list.v)[0])
		}
		if len(*list.v) != channels {
			return fmt.Errorf("models: %s: %d values of %s given, %d expected", f.name, len(*list.v), list.name, channels)
		}
		if list.std {
			if err := checkGaussian(1, 1, *list.v); err != nil {
				return fmt.Errorf("%s, %s: %w", f.name, list.name, err)
			}
		}
	}
	return nil
}

type parameterList struct {
	name string
	v    *[]float64
	std  bool
}

// lists returns the parameters that the model uses, copied so that they can be
// changed.
func (f *FrontEnd) lists() []parameterList {
	l := []parameterList{{"CenterStd", &f.p.CenterStd, true}, {"SurroundStd", &f.p.SurroundStd, true}}
	if f.luminance {
		l = append(l, parameterList{"LuminanceStd", &f.p.LuminanceStd, true}, parameterList{"LuminanceScalar", &f.p.LuminanceScalar, false})
	}
	if f.contrast {
		l = append(l, parameterList{"ContrastStd", &f.p.ContrastStd, true}, parameterList{"ContrastScalar", &f.p.ContrastScalar, false})
	}
	for _, p := range l {
		*p.v = append([]float64(nil), *p.v...)
	}
	return l
}

// Forward returns the responses (N, C·K, h, w) to images x (N, C, h, w): for each
// channel one, or on and off. It panics with *autograd.Error if x has not four
// axes, is complex or too small for the padding.
func (f *FrontEnd) Forward(x autograd.Value) autograd.Value {
	f.filters.demand(f.name, x)
	x, c := splitChannels(f.name, x)
	var out []autograd.Value
	for i := range f.p.CenterStd {
		out = append(out, f.channel(x, i))
	}
	y := autograd.Concat(1, out...)
	if f.o.Mask && f.name == "on-off" {
		h, w := lastTwo(f.name, x)
		y = y.Mul(y.Tape().Const(disk(h, w)).Cast(y.Type().DType))
	}
	return joinChannels(y, c)
}

// channel returns channel i of the responses to x (N, 1, h, w).
func (f *FrontEnd) channel(x autograd.Value, i int) autograd.Value {
	y := f.filters.one(x, i)
	if f.luminance {
		light := f.filters.gaussian(x, f.p.LuminanceStd[i])
		y = y.Div(light.Scale(f.p.LuminanceScalar[i]).AddScalar(1))
	}
	if f.contrast {
		contrast := guardedRoot(f.filters.gaussian(y.Square(), f.p.ContrastStd[i])).AddScalar(contrastGuard)
		y = y.Div(contrast.Scale(f.p.ContrastScalar[i]).AddScalar(1))
	}
	return f.activation(y)
}

// CheckSize errs if images of h×w pixels are too small for the filters and what
// stands beyond the borders.
func (f *FrontEnd) CheckSize(h, w int) error {
	if err := f.filters.CheckSize(h, w); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

// Filters returns the model's filters, to be looked at: of the centre-surround
// stage, and of the pools of local luminance and contrast where it has them.
func (f *FrontEnd) Filters() []NamedTaps {
	list := []NamedTaps{{"center-surround", f.filters.Filter()}}
	pool := func(name string, std []float64) {
		taps, err := CircularGaussian(f.kernel[0], f.kernel[1], std...)
		if err != nil {
			panic(err) // the constructor has checked them
		}
		list = append(list, NamedTaps{name, taps})
	}
	if f.luminance {
		pool("luminance", f.p.LuminanceStd)
	}
	if f.contrast {
		pool("contrast", f.p.ContrastStd)
	}
	return list
}

// NamedTaps are the filters (K, 1, h, w) of one stage of a model, one for each
// channel.
type NamedTaps struct {
	Name string
	Taps tensor.Tensor
}

// disk returns an (h, w) mask, in single precision: 1 up to half the largest
// radius that fits, then falling with a raised cosine to 0.
func disk(h, w int) tensor.Tensor {
	outer := float64(min(h, w)-1) / 2
	inner := outer / 2
	m := tensor.New(tensor.Float64, h, w)
	for i := range h {
		for j := range w {
			r := math.Hypot(float64(i)-float64(h-1)/2, float64(j)-float64(w-1)/2)
			v := 1.0
			switch {
			case r > outer:
				v = 0
			case r >= inner && outer > inner:
				v = (1 + math.Cos(math.Pi*(r-inner)/(outer-inner))) / 2
			}
			m.StoreReal(i*w+j, round32(v))
		}
	}
	return m
}
