package cli

import (
	"fmt"
	"strings"

	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
)

// citations are the references for models and optimizers, by name.
var citations = map[string][]string{
	"portilla-simoncelli": {"portilla2000", "simoncelli1995"},
	"steerable-pyramid":   {"simoncelli1995"},
	"lbfgs":               {"liu1989"},
	"adam":                {"kingma2015"},
	"adamw":               {"kingma2015"},
	"nadam":               {"kingma2015"},
}

// startPhrases say what a start is, in the Methods paragraph.
var startPhrases = map[string]string{
	"auto":         "white noise, uniform in [0, 1]",
	"noise":        "white noise, uniform in [0, 1]",
	"spectrum":     "noise with the target's amplitude spectrum",
	"target+noise": fmt.Sprintf("the target plus Gaussian noise of standard deviation %v", noiseDeviation),
}

// orderPhrases say what an order of stages is, in the Methods paragraph.
var orderPhrases = map[synth.CoarseToFine]string{
	synth.Together: "each beside those before",
	synth.Separate: "each by itself and then all",
}

func (f *metamerFlags) methods(r *result) (text string, keys []string) {
	start, ok := startPhrases[f.init]
	if !ok {
		start = "the image " + f.init
	}
	v, _ := version()
	shape := r.job.target.Shape()
	if r.job.shape != nil {
		shape = r.job.shape
	}
	of := r.job.inputText()
	if len(r.job.sources) > 1 {
		of = "the mean of the representations of " + of
	}
	var b strings.Builder
	fmt.Fprintf(&b, "A metamer (Freeman and Simoncelli, 2011) of %s (%d × %d pixels%s) was synthesised with percept %s, which follows plenoptic (Duong et al., 2023). ",
		of, shape[2], shape[3], channelPhrase(shape[1]), v)
	fmt.Fprintf(&b, "The model was %s. ", described(f.model.spec, docOf(f.model.table, f.model.spec)))
	fmt.Fprintf(&b, "From %s (seed %d), the pixels were changed by the optimizer %s", start, r.job.seed, described(f.optimizer.spec, docOf(f.optimizer.table, f.optimizer.spec)))
	fmt.Fprintf(&b, " in %d iterations (%d evaluations of the model and its gradient, %s) so as to minimise the distance of the model's outputs, %s",
		r.last().Iteration, r.last().Evaluations, f.device.dtype.value, described(f.loss.spec, docOf(f.loss.table, f.loss.spec)))
	if f.penalty.spec.Name != "none" {
		fmt.Fprintf(&b, ", plus the penalty %s", described(f.penalty.spec, docOf(f.penalty.table, f.penalty.spec)))
	}
	b.WriteString(".")
	if f.order() != synth.AllAtOnce {
		fmt.Fprintf(&b, " The scales of the model were matched from coarse to fine, %s; the next followed when the loss of a stage had changed by less than %v over %d iterations.",
			orderPhrases[f.order()], f.change.v, f.changeWindow.n)
	}
	if f.mask != "" {
		fmt.Fprintf(&b, " Pixels that are white in %s stayed as they are in the image.", f.mask)
	}
	if r.verdict != nil {
		b.WriteString(r.verdict.methods)
	}
	keys = append(keys, citations[f.model.spec.Name]...)
	keys = append(keys, "freeman2011", "duong2023")
	return b.String(), append(keys, citations[f.optimizer.spec.Name]...)
}

func channelPhrase(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", %d channels", n)
}

// described returns "lbfgs:history=30 (doc)".
func described(s spec.Spec, doc string) string { return fmt.Sprintf("%s (%s)", s, doc) }

// docOf returns what t says of s.
func docOf[M any](t *spec.Table[M], s spec.Spec) string {
	for _, e := range t.Entries {
		if e.Name == s.Name {
			return e.Doc
		}
	}
	return ""
}

// percentText writes a ratio as a person reads it.
func percentText(ratio float64) string {
	if ratio >= 0.1 {
		return fmt.Sprintf("%.0f %%", 100*ratio)
	}
	return fmt.Sprintf("%.2g %%", 100*ratio)
}
