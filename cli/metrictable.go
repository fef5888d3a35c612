package cli

import (
	"fmt"

	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
)

// A metric compares images, as a whole and by channel.
type metric interface {
	synth.Metric
	models.ChannelMetric
}

// A metricKind makes a metric of images of h×w pixels.
type metricKind struct {
	construct func(s spec.Spec, h, w int) (metric, error)
	// multiple is what both sizes of an image must be multiples of; nil: of 1.
	multiple func(s spec.Spec) (int, error)
	// remark says what a person may not expect of images of h×w pixels, or "";
	// nil: nothing.
	remark func(s spec.Spec, h, w int) string
}

type metricTable = *spec.Table[metricKind]

// always makes a metric that suits every size.
func always(make func(s spec.Spec) metric) metricKind {
	return metricKind{construct: func(s spec.Spec, _, _ int) (metric, error) { return make(s), nil }}
}

// windowed makes one with the window of SSIM at as many scales as scales says.
func windowed(scales func(s spec.Spec) int, make func(s spec.Spec) metric) metricKind {
	k := always(make)
	k.remark = func(s spec.Spec, h, w int) string {
		n := scales(s)
		for range n - 1 {
			h, w = (h+1)/2, (w+1)/2
		}
		switch side := min(h, w); {
		case side >= models.SSIMWindow:
			return ""
		case n == 1:
			return fmt.Sprintf("images of %d×%d pixels are seen through a window of %d×%d pixels, not %d×%d", h, w, side, side, models.SSIMWindow, models.SSIMWindow)
		default:
			return fmt.Sprintf("at scale %d of %d, images of %d×%d pixels are seen through a window of %d×%d pixels, not %d×%d", n, n, h, w, side, side, models.SSIMWindow, models.SSIMWindow)
		}
	}
	return k
}

func oneScale(spec.Spec) int { return 1 }

var ssimKeys = []spec.Key{
	{Name: "weighted", Type: spec.Bool, Default: "false", Doc: "places weigh as much as they hold information (Wang and Simoncelli 2008)"},
	{Name: "pad", Type: spec.Word, Default: "none", Words: append([]string{"none"}, padWords...), Doc: "what stands beyond the borders; none: windows lie inside the image"},
}

func ssimOf(s spec.Spec) models.SSIM {
	m := models.SSIM{Weighted: s.Bool("weighted")}
	if s.Text("pad") != "none" {
		m.Pad = padMode(s)
	}
	return m
}

var msssimKeys = []spec.Key{
	{Name: "power-factors", Type: spec.Floats, Default: "0.0448+0.2856+0.3001+0.2363+0.1333", Min: 0, Max: infinity, Doc: "power of each scale, the finest first"},
}

func msssimScales(s spec.Spec) int { return len(s.Floats("power-factors")) }

func msssimOf(s spec.Spec) models.MSSSIM {
	return models.MSSSIM{PowerFactors: s.Floats("power-factors")}
}

// builtinMetrics returns the metrics; that of a model takes those of table.
func builtinMetrics(table modelTable) metricTable {
	return &spec.Table[metricKind]{Kind: "metric", Entries: []spec.Entry[metricKind]{
		{
			Name: "mse", Doc: "mean squared difference of pixels",
			Make: always(func(spec.Spec) metric { return models.MSE{} }),
		},
		{
			Name: "ssim", Doc: "structural similarity, 1 for equal images (Wang et al. 2004)", Keys: ssimKeys,
			Make: windowed(oneScale, func(s spec.Spec) metric { return ssimOf(s) }),
		},
		{
			Name: "ms-ssim", Doc: "structural similarity over several scales, 1 for equal images (Wang et al. 2003)", Keys: msssimKeys,
			Make: windowed(msssimScales, func(s spec.Spec) metric { return msssimOf(s) }),
		},
		{
			Name: "dssim", Doc: "one minus ssim", Keys: ssimKeys,
			Make: windowed(oneScale, func(s spec.Spec) metric { return models.Dissimilarity{Of: ssimOf(s)} }),
		},
		{
			Name: "dms-ssim", Doc: "one minus ms-ssim", Keys: msssimKeys,
			Make: windowed(msssimScales, func(s spec.Spec) metric { return models.Dissimilarity{Of: msssimOf(s)} }),
		},
		{
			Name: "nlpd", Doc: "normalised Laplacian pyramid distance (Laparra et al. 2016)",
			Keys: []spec.Key{{Name: "epsilon", Type: spec.Float, Default: "1e-10", Min: 0, Max: infinity, Doc: "added to the mean square of each level under its root"},
				{Name: "rounding", Type: spec.Float, Default: "0", Min: 0, Max: infinity, Doc: "amplitude over which the kinks of amplitudes are rounded"}},
			Make: always(func(s spec.Spec) metric {
				return models.NLPD{Epsilon: new(s.Float("epsilon")), Rounding: s.Float("rounding")}
			}),
		},
		{
			Name: "model", Rest: "SPEC", Doc: "root mean square difference of a model's outputs",
			Make: modelMetric(table),
		},
	}}
}

// modelMetric makes the metric of a model of table.
func modelMetric(table modelTable) metricKind {
	return metricKind{
		construct: func(s spec.Spec, h, w int) (metric, error) {
			inner, kind, err := table.Parse(s.Rest)
			if err != nil {
				return nil, err
			}
			m, err := kind.construct(inner, h, w)
			return models.ModelMetric{Model: m}, err
		},
		multiple: func(s spec.Spec) (int, error) {
			inner, kind, err := table.Parse(s.Rest)
			if err != nil || kind.multiple == nil {
				return 1, err
			}
			return kind.multiple(inner), nil
		},
	}
}
