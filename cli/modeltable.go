package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
)

// A modelKind makes a model of images of h×w pixels.
type modelKind struct {
	construct func(s spec.Spec, h, w int) (synth.Model, error)
	// multiple is what both sizes of an image must be multiples of; nil: of 1.
	multiple func(s spec.Spec) int
	// advice says what would fit an image that does not suit; nil: nothing is known.
	advice func(s spec.Spec, h, w int) string
}

// hint returns advice as the end of err, which came of images of h×w pixels; nothing
// where no other size helps.
func (k modelKind) hint(err error, s spec.Spec, h, w int) string {
	if k.advice == nil || errors.As(err, new(statisticsError)) {
		return ""
	}
	return "; " + k.advice(s, h, w)
}

type modelTable = *spec.Table[modelKind]

func builtinModels() modelTable {
	t := &spec.Table[modelKind]{Kind: "model", Entries: []spec.Entry[modelKind]{
		{
			Name: "portilla-simoncelli",
			Doc:  "joint statistics of a complex steerable pyramid: the texture model of Portilla and Simoncelli (2000)",
			Keys: []spec.Key{
				{Name: "scales", Type: spec.Int, Default: "4", Min: 1, Max: 30, Doc: "levels of the pyramid"},
				{Name: "orientations", Type: spec.Int, Default: "4", Min: 2, Max: 16, Doc: "bands of each level"},
				{Name: "correlation-width", Type: spec.Int, Default: "7", Min: 1, Max: 1024, Unit: "pixels of the level", Doc: "side of the window of autocorrelations"},
				{Name: "magnitude-means", Type: spec.Bool, Default: "false", Doc: "also the mean magnitude of each band"},
				{Name: "statistics", Type: spec.Word, Default: "correlation", Words: []string{"correlation", "covariance"}, Doc: "correlations, or covariances as in the paper"},
			},
			Make: modelKind{
				construct: portillaSimoncelli,
				multiple:  func(s spec.Spec) int { return 1 << s.Int("scales") },
				advice:    scalesThatFit,
			},
		},
		{
			Name: "steerable-pyramid",
			Doc:  "coefficients of a steerable pyramid (Simoncelli and Freeman 1995)",
			Keys: []spec.Key{
				{Name: "height", Type: spec.Int, Default: "auto", Words: []string{"auto"}, Min: 0, Max: 30, Doc: "levels; auto: as many as fit"},
				{Name: "order", Type: spec.Int, Default: "3", Min: 0, Max: 15, Doc: "angular order, one less than the orientations"},
				{Name: "complex", Type: spec.Bool, Default: "false", Doc: "bands are analytic signals"},
				{Name: "downsample", Type: spec.Bool, Default: "true", Doc: "coarser levels are smaller"},
				{Name: "tight-frame", Type: spec.Bool, Default: "false", Doc: "the squares of coefficients sum to those of pixels"},
				{Name: "twidth", Type: spec.Int, Default: "1", Min: 1, Max: 16, Unit: "octaves", Doc: "width of the transition between levels"},
			},
			Make: modelKind{construct: steerablePyramid},
		},
		{
			Name: "laplacian-pyramid",
			Doc:  "differences of successive blurs (Burt and Adelson 1983)",
			Keys: []spec.Key{
				{Name: "scales", Type: spec.Int, Default: "5", Min: 1, Max: 30, Doc: "levels"},
				{Name: "scale-filter", Type: spec.Bool, Default: "false", Doc: "blurring preserves the mean; otherwise it doubles it at every level"},
			},
			Make: modelKind{construct: laplacianPyramid},
		},
	}}
	for _, e := range frontEnds {
		t.Entries = append(t.Entries, e.entry())
	}
	t.Entries = append(t.Entries, filterEntries()...)
	t.Entries = append(t.Entries, spec.Entry[modelKind]{
		Name: "identity",
		Doc:  "the pixels themselves",
		Make: modelKind{construct: identity},
	})
	for i := range t.Entries {
		t.Entries[i].Keys = append(t.Entries[i].Keys, normalize)
		t.Entries[i].Make.construct = normalizing(t.Entries[i].Make.construct)
	}
	return t
}

func portillaSimoncelli(s spec.Spec, h, w int) (synth.Model, error) {
	return models.NewPortillaSimoncelli(h, w, models.PortillaSimoncelliOptions{
		Scales:           s.Int("scales"),
		Orientations:     s.Int("orientations"),
		CorrelationWidth: s.Int("correlation-width"),
		MagnitudeMeans:   s.Bool("magnitude-means"),
		Covariance:       s.Text("statistics") == "covariance",
	})
}

func steerablePyramid(s spec.Spec, h, w int) (synth.Model, error) {
	order := s.Int("order")
	o := models.SteerablePyramidOptions{
		Order:           &order,
		Complex:         s.Bool("complex"),
		NoDownsample:    !s.Bool("downsample"),
		TightFrame:      s.Bool("tight-frame"),
		TransitionWidth: s.Int("twidth"),
	}
	if s.Text("height") != "auto" {
		height := s.Int("height")
		o.Height = &height
	}
	return models.NewSteerablePyramid(h, w, o)
}

// scalesThatFit says how many scales fit an image once it is cropped: its
// coarsest level must hold the window of the autocorrelations.
func scalesThatFit(s spec.Spec, h, w int) string {
	width := s.Int("correlation-width")
	fit := func(n, h, w int) bool {
		h, w = h>>n, w>>n
		return n <= models.MaxScales(h<<n, w<<n) && min(h, w/2*2) >= width
	}
	most := 0
	for n := 1; n <= models.MaxScales(h, w); n++ {
		if fit(n, h, w) {
			most = n
		}
	}
	if most > 0 {
		return fmt.Sprintf("the largest number of scales that fits with correlation-width=%d is %d", width, most)
	}
	side := 2
	for !fit(1, side, side) {
		side += 2
	}
	return fmt.Sprintf("the largest number of scales that fits is 0: even 1 needs, with correlation-width=%d, %d×%d pixels", width, side, side)
}

func identity(spec.Spec, int, int) (synth.Model, error) {
	return models.Identity{}, nil
}

func laplacianPyramid(s spec.Spec, h, w int) (synth.Model, error) {
	return models.NewLaplacianPyramid(h, w, models.LaplacianPyramidOptions{Scales: s.Int("scales"), ScaleFilter: s.Bool("scale-filter")})
}

// addModel puts a model of the program's own first in the table, in place of
// one of that name.
func (a *app) addModel(name string, construct func(h, w int) (synth.Model, error)) {
	e := spec.Entry[modelKind]{
		Name: name,
		Doc:  "a model of this program",
		Keys: []spec.Key{normalize},
		Make: modelKind{construct: normalizing(func(_ spec.Spec, h, w int) (synth.Model, error) { return construct(h, w) })},
	}
	a.models.Entries = slices.DeleteFunc(a.models.Entries, func(e spec.Entry[modelKind]) bool { return e.Name == name })
	a.models.Entries = slices.Insert(a.models.Entries, 0, e)
}

var infinity = math.Inf(1)
