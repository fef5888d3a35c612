package cli

import (
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
)

// padKey is the key of models that filter: what stands beyond the borders.
func padKey(mode autograd.PadMode) spec.Key {
	return spec.Key{Name: "pad", Type: spec.Word, Default: mode.String(), Words: padWords, Doc: "what stands beyond the borders"}
}

var padWords = []string{autograd.PadConstant.String(), autograd.PadReflect.String(), autograd.PadReplicate.String(), autograd.PadCircular.String()}

// padMode returns the value of padKey.
func padMode(s spec.Spec) *autograd.PadMode {
	mode, err := autograd.ParsePadMode(s.Text("pad"))
	if err != nil {
		panic(err) // padKey lists the words
	}
	return &mode
}

func kernelKey(value string) spec.Key {
	return spec.Key{Name: "kernel-size", Type: spec.Ints, Default: value, Min: 1, Max: 1023, Unit: "pixels", Doc: "taps of a filter along each axis; one number for both, or height+width"}
}

// kernel returns the height and width of filters.
func kernel(s spec.Spec) (k [2]int, err error) {
	n := s.Ints("kernel-size")
	if len(n) > 2 {
		return k, usage("%s: kernel-size is one number, or height+width", s)
	}
	return [2]int{n[0], n[len(n)-1]}, nil
}

func deviations(name, value, doc string) spec.Key {
	return spec.Key{Name: name, Type: spec.Floats, Default: value, Unit: "pixels", Doc: doc}
}

// fittedKeys are the parameters that a pretrained front end has already.
var fittedKeys = []spec.Key{
	deviations("center-std", "", "standard deviation of the centre, 1 if not pretrained"),
	deviations("surround-std", "", "standard deviation of the surround, 4 if not pretrained"),
	deviations("luminance-std", "", "standard deviation of the pool of local luminance, 3 if not pretrained"),
	{Name: "luminance-scalar", Type: spec.Floats, Doc: "weight of local luminance, 5 if not pretrained"},
	deviations("contrast-std", "", "standard deviation of the pool of local contrast, 3 if not pretrained"),
	{Name: "contrast-scalar", Type: spec.Floats, Doc: "weight of local contrast, 5 if not pretrained"},
}

// unfitted are the values of fittedKeys without pretraining. The reference draws
// both weights from [0, 10); 5 is the mean.
var unfitted = []float64{1, 4, 3, 5, 3, 5}

// A frontEnd is one of the models of the early visual system. Of fittedKeys it
// has the first so many.
type frontEnd struct {
	name, doc  string
	parameters int
	construct  func(models.FrontEndOptions) (*models.FrontEnd, error)
}

var frontEnds = []frontEnd{
	{"linear-nonlinear", "centre-surround filter and softplus", 2, models.NewLinearNonlinear},
	{"luminance-gain-control", "the same, divided by local luminance", 4, models.NewLuminanceGainControl},
	{"luminance-contrast-gain-control", "the same, divided by local contrast too", 6, models.NewLuminanceContrastGainControl},
	{"on-off", "on- and off-centre channels with luminance and contrast gain control", 6, models.NewOnOff},
}

func (e frontEnd) entry() spec.Entry[modelKind] {
	keys := []spec.Key{
		{Name: "pretrained", Type: spec.Bool, Default: "true", Doc: "parameters fitted to human judgements (Berardino et al. 2017), which need kernel-size=31"},
		kernelKey("31"),
	}
	keys = append(keys, fittedKeys[:e.parameters]...)
	keys = append(keys, spec.Key{Name: "amplitude-ratio", Type: spec.Float, Default: "1.25", Min: 1, Max: infinity, Doc: "of centre and surround"}, padKey(autograd.PadReflect))
	if e.name == "on-off" {
		keys = append(keys, spec.Key{Name: "mask", Type: spec.Bool, Default: "false", Doc: "fade out towards the borders"})
	} else {
		keys = append(keys, spec.Key{Name: "off-center", Type: spec.Bool, Default: "false", Doc: "the centre is negative"})
	}
	return spec.Entry[modelKind]{Name: e.name, Doc: e.doc, Keys: keys, Make: modelKind{construct: e.make}}
}

// make returns the model with the fitted parameters, or those of s.
func (e frontEnd) make(s spec.Spec, h, w int) (synth.Model, error) {
	k, err := kernel(s)
	if err != nil {
		return nil, err
	}
	o := models.FrontEndOptions{Kernel: k, AmplitudeRatio: s.Float("amplitude-ratio"), Pad: padMode(s)}
	if e.name == "on-off" {
		o.Mask = s.Bool("mask")
	} else {
		o.OffCenter = s.Bool("off-center")
	}
	given := slices.ContainsFunc(fittedKeys[:e.parameters], func(k spec.Key) bool { return s.Given(k.Name) })
	switch {
	case s.Bool("pretrained") && given:
		return nil, usage("%s: the parameters of a pretrained model are fixed; to give others add pretrained=false", s)
	case !s.Bool("pretrained"):
		o.Parameters = &models.FrontEndParameters{}
		p := o.Parameters
		for i, v := range []*[]float64{&p.CenterStd, &p.SurroundStd, &p.LuminanceStd, &p.LuminanceScalar, &p.ContrastStd, &p.ContrastScalar}[:e.parameters] {
			*v = []float64{unfitted[i]}
			if key := fittedKeys[i].Name; s.Given(key) {
				*v = s.Floats(key)
			}
		}
	}
	m, err := e.construct(o)
	return sized(m, err, h, w)
}

// sized returns m, or an error if images of h×w pixels are too small for it.
func sized[M interface {
	synth.Model
	CheckSize(h, w int) error
}](m M, err error, h, w int) (synth.Model, error) {
	if err != nil {
		return nil, err
	}
	return m, m.CheckSize(h, w)
}

// filterEntries are models of one linear stage.
func filterEntries() []spec.Entry[modelKind] {
	return []spec.Entry[modelKind]{
		{
			Name: "gaussian", Doc: "Gaussian blur",
			Keys: []spec.Key{kernelKey("31"), deviations("std", "3", "standard deviation of each output channel"), padKey(autograd.PadReflect)},
			Make: modelKind{construct: func(s spec.Spec, h, w int) (synth.Model, error) {
				k, err := kernel(s)
				if err != nil {
					return nil, err
				}
				m, err := models.NewGaussian(models.GaussianOptions{Kernel: k, Std: s.Floats("std"), Pad: padMode(s)})
				return sized(m, err, h, w)
			}},
		},
		{
			Name: "center-surround", Doc: "difference of two Gaussians",
			Keys: []spec.Key{kernelKey("31"), deviations("center-std", "1", "standard deviation of the centre, for each output channel"),
				deviations("surround-std", "4", "standard deviation of the surround"),
				{Name: "amplitude-ratio", Type: spec.Float, Default: "1.25", Min: 1, Max: infinity, Doc: "of centre and surround"},
				{Name: "off-center", Type: spec.Word, Default: "false", Words: []string{"false", "true", "both"}, Doc: "the centre is negative; both: an on- and an off-centre channel"}, padKey(autograd.PadReflect)},
			Make: modelKind{construct: func(s spec.Spec, h, w int) (synth.Model, error) {
				k, err := kernel(s)
				if err != nil {
					return nil, err
				}
				off := []bool{s.Text("off-center") == "true"}
				if s.Text("off-center") == "both" {
					off = []bool{false, true}
				}
				m, err := models.NewCenterSurround(models.CenterSurroundOptions{Kernel: k, CenterStd: s.Floats("center-std"), SurroundStd: s.Floats("surround-std"),
					AmplitudeRatio: s.Float("amplitude-ratio"), OffCenter: off, Pad: padMode(s)})
				return sized(m, err, h, w)
			}},
		},
		{
			Name: "linear", Doc: "a blur and a difference of blurs, or two random filters",
			Keys: []spec.Key{kernelKey("3"), padKey(autograd.PadCircular),
				{Name: "default-filters", Type: spec.Bool, Default: "true", Doc: "the blur and the difference; false: two filters of random taps"},
				{Name: "seed", Type: spec.Int, Default: "0", Min: 0, Max: 1<<32 - 1, Doc: "of the random taps"}},
			Make: modelKind{construct: func(s spec.Spec, h, w int) (synth.Model, error) {
				k, err := kernel(s)
				if err != nil {
					return nil, err
				}
				if s.Bool("default-filters") && s.Int("seed") != 0 { // settings of a run say 0
					return nil, usage("%s: the default filters are not random; to draw others add default-filters=false", s)
				}
				m, err := models.NewLinear(models.LinearOptions{Kernel: k, Pad: padMode(s), Random: !s.Bool("default-filters"), Seed: uint64(s.Int("seed"))})
				return sized(m, err, h, w)
			}},
		},
	}
}
