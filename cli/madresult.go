package cli

import (
	"fmt"
	"math"
	"strings"

	"github.com/percept-go/percept/internal/report"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// madRun is MAD competition. Its jobs are its results.
type madRun struct {
	*synth.MAD
	jobs []*job
	good []synth.MADOutcome // of the images as they are; nil: they were not judged
	png  []*madPNG          // of their PNG files; nil where there is none
}

// A madPNG says how good result.png is.
type madPNG struct {
	synth.MADOutcome
	pngFile
}

func (m *madRun) result(n int) (tensor.Tensor, error) {
	x, err := m.Image()
	if err != nil {
		return x, err
	}
	return tensor.Contiguous(x.Crop(0, n, n+1, 1)), nil
}

func (m *madRun) known(n int) runfolder.Object {
	o := runfolder.Object{{Key: "reference_metric_level", Value: m.Levels()[n]}, {Key: "start_chosen", Value: m.Best(n)}}
	if w := m.Weights()[n]; w > 0 {
		o.Add("tradeoff_weight", w)
	}
	return o
}

func (m *madRun) note(r synth.Record) string {
	return fmt.Sprintf("reference %.6g, optimized %.4g", r.Aside[0], r.Aside[1])
}

func (m *madRun) outcomes() error {
	_, err := m.Outcome()
	return err
}

func (m *madRun) judge(n int, j *job) (*verdict, error) {
	if m.good == nil {
		if err := m.judgeAll(); err != nil {
			return nil, err
		}
	}
	// The best start may not be the one that was ahead when the run began.
	if err := j.folder.WriteNPY(runfolder.Start, tensor.Contiguous(m.Start().Crop(0, n, n+1, 1))); err != nil {
		return nil, err
	}
	o, f := &m.good[n], j.flags.(*madFlags)
	driven, held := metricName(&f.optimized), metricName(&f.reference)
	v := &verdict{good: o.Matched, object: madObject(o, m.png[n], j.target.DType)}
	kept := "kept"
	if !(math.Abs(o.Drift) <= m.limit()) {
		kept = "was to keep"
	}
	v.sentence = fmt.Sprintf("%s went from %.4g to %.4g while %s %s %.4g (%s)", driven, o.AtStart, o.Driven, held, kept, o.Level, driftText(o.Drift))
	if !v.good {
		v.reason = v.sentence + ", but " + m.shortcomings(o, recentGain(m.History(n)))
	}
	if o.Matched && o.KKT > synth.MatchedKKT && o.Subgradient <= synth.MatchedKKT {
		v.sentence += ", at kinks of a metric"
	}
	v.facts = []report.Fact{
		{Name: fmt.Sprintf("%s, held", held), Value: fmt.Sprintf("%.6g, %s from %.6g", o.Held, driftText(o.Drift), o.Level)},
		{Name: fmt.Sprintf("%s, %simised", driven, f.target.value), Value: fmt.Sprintf("%.6g, from %.6g", o.Driven, o.AtStart)},
		{Name: "Gradient along the level set", Value: gradientText(o)},
		{Name: "Distance to the image", Value: fmt.Sprintf("pixels differ by %.3g RMS", o.FromImage)},
	}
	if p := m.png[n]; p != nil {
		v.facts = append(v.facts, report.Fact{Name: "As a PNG file", Value: fmt.Sprintf("%s is %s off its level, %s is %.6g", held, driftText(p.Drift), driven, p.Driven)})
	}
	v.methods = fmt.Sprintf(" At the end, %s was %.4g (%.4g at the start) and %s had changed by %s.", driven, o.Driven, o.AtStart, held, driftText(o.Drift))
	return v, nil
}

// gradientText says what is left of the gradient.
func gradientText(o *synth.MADOutcome) string {
	text := fmt.Sprintf("%.2g of the gradient, over %d free pixels", o.KKT, o.Free)
	if o.Subgradient < o.KKT {
		text += fmt.Sprintf("; %.2g with the best derivatives at kinks, on which the image lies", o.Subgradient)
	}
	return text
}

// metricName returns what a sentence calls a metric: without its keys.
func metricName(f *specFlag[metricKind]) string {
	if f.spec.Rest != "" {
		return f.spec.Name + ":" + f.spec.Rest
	}
	return f.spec.Name
}

// limit returns how far the metric that is held may drift.
func (m *madRun) limit() float64 {
	if m.single() {
		return synth.MatchedDrift32
	}
	return synth.MatchedDrift
}

func (m *madRun) single() bool { return m.jobs[0].target.DType == tensor.Float32 }

// driftText writes a relative difference.
func driftText(d float64) string {
	if math.Abs(d) < 1e-4 {
		return fmt.Sprintf("%.1g relative", d)
	}
	return fmt.Sprintf("%+.3g %%", 100*d)
}

// recentRows is how far back recentGain looks.
const recentRows = 50

// recentGain returns how much of the whole change of the loss the last iterations
// made: all where there are no more.
func recentGain(h []synth.Record) float64 {
	last := len(h) - 1
	whole := h[0].Loss - h[last].Loss
	if whole == 0 || last <= recentRows {
		return 1
	}
	return (h[last-recentRows].Loss - h[last].Loss) / whole
}

// shortcomings says why o is not matched, given what recentGain says.
func (m *madRun) shortcomings(o *synth.MADOutcome, recent float64) string {
	var list []string
	limit := m.limit()
	if !(math.Abs(o.Drift) <= limit) {
		list = append(list, fmt.Sprintf("that drifted by %s (%.0g allowed): --tradeoff constrained holds it", driftText(o.Drift), limit))
	}
	if !(o.Subgradient <= synth.MatchedKKT) {
		text := fmt.Sprintf("%.2g of the gradient still points along the level set (%.0g allowed): ", o.KKT, synth.MatchedKKT)
		if recent > worthwhile {
			text += "more --iterations go further"
		} else {
			text += fmt.Sprintf("the last %d iterations made %s of the change, so that more hardly help", recentRows, percentText(recent))
		}
		if m.single() {
			text += "; in float32 rounding may be larger than what is left: --dtype float64 --init with the result.npy of this run goes on from here"
		}
		if o.Subgradient < o.KKT {
			text += fmt.Sprintf("; a metric has kinks here: with the best derivatives at them, %.2g is left", o.Subgradient)
		}
		list = append(list, text)
	}
	if o.Clipped > 0 {
		list = append(list, fmt.Sprintf("%d pixels lie outside their bounds", o.Clipped))
	}
	return strings.Join(list, "; ")
}

// worthwhile is the recentGain from which on it is worth while to go on.
const worthwhile = .001

// judgeAll measures the images and their PNG files, as a program that reads them
// sees them.
func (m *madRun) judgeAll() error {
	x, err := m.Image()
	if err != nil {
		return err
	}
	if m.good, err = m.Judge(x); err != nil {
		return err
	}
	decoded, files, err := resultPNGs(m.jobs, x)
	m.png = make([]*madPNG, len(m.jobs))
	if err != nil || files == nil {
		return err
	}
	list, err := m.Judge(decoded)
	if err != nil {
		return err
	}
	for n, o := range list {
		m.png[n] = &madPNG{o, files[n]}
	}
	return nil
}

// madObject is what was measured of a result, in run.json.
func madObject(o *synth.MADOutcome, png *madPNG, dtype tensor.DType) runfolder.Object {
	drift := synth.MatchedDrift
	if dtype == tensor.Float32 {
		drift = synth.MatchedDrift32
	}
	list := runfolder.Object{
		{Key: "reference_metric", Value: runfolder.Object{{Key: "level", Value: o.Level}, {Key: "value", Value: o.Held}, {Key: "drift", Value: o.Drift}}},
		{Key: "optimized_metric", Value: runfolder.Object{{Key: "at_start", Value: o.AtStart}, {Key: "value", Value: o.Driven}, {Key: "least", Value: o.Least}, {Key: "gap", Value: o.Gap}}},
		{Key: "kkt_residual", Value: o.KKT},
		{Key: "subgradient_residual", Value: o.Subgradient},
		{Key: "free_pixels", Value: o.Free},
		{Key: "moved_rms", Value: o.Moved},
		{Key: "clipped", Value: o.Clipped},
		{Key: "distance_to_target", Value: runfolder.Object{{Key: "rms", Value: o.FromImage}}},
		{Key: "limits", Value: runfolder.Object{{Key: "drift", Value: drift}, {Key: "kkt_residual", Value: synth.MatchedKKT}, {Key: "gap", Value: synth.MatchedGap}}},
	}
	if png == nil {
		list.Add("png", nil)
		list.Add("png_reason", errNoPicture.Error())
		return list
	}
	list.Add("png", runfolder.Object{{Key: "bits", Value: png.bits}, {Key: "clipped", Value: png.clipped},
		{Key: "reference_metric", Value: png.Held}, {Key: "drift", Value: png.Drift}, {Key: "optimized_metric", Value: png.Driven}})
	return list
}

func (f *madFlags) methods(r *result) (text string, keys []string) {
	v, _ := version()
	shape := r.job.target.Shape()
	var b strings.Builder
	fmt.Fprintf(&b, "An image for maximum differentiation competition (Wang and Simoncelli, 2008) was synthesised from %s (%d × %d pixels%s) with percept %s, which follows plenoptic (Duong et al., 2023). ",
		r.job.inputText(), shape[2], shape[3], channelPhrase(shape[1]), v)
	from := fmt.Sprintf("white Gaussian noise of standard deviation %v (seed %d) had been added", f.noise.v, r.job.seed)
	switch {
	case f.init != "auto" && f.init != "noise":
		from = "the image " + f.init + " was the start"
	case f.noiseMSE.given:
		from = fmt.Sprintf("white Gaussian noise of mean square %v (seed %d) had been added", f.noiseMSE.v, r.job.seed)
	}
	fmt.Fprintf(&b, "After %s, the metric %s was %simised", from, described(f.optimized.spec, docOf(f.optimized.table, f.optimized.spec)), f.target.value)
	fmt.Fprintf(&b, " while the metric %s was held at its value", described(f.reference.spec, docOf(f.reference.table, f.reference.spec)))
	steps := fmt.Sprintf("%d iterations (%d evaluations of both metrics and their gradients, %s)", r.last().Iteration, r.last().Evaluations, f.device.dtype.value)
	if f.constrained() {
		fmt.Fprintf(&b, ": in %s, quasi-Newton steps in the tangent space of its level set were each followed by Newton steps back to it", steps)
		if f.penalty.spec.Name != "none" {
			b.WriteString(", within the bounds of pixels")
		}
		b.WriteString(". The best result of several starts was kept.")
	} else {
		fmt.Fprintf(&b, " by a term of its squared change in the objective, with the weight %v, in %s of the optimizer %s.", r.weight(), steps, described(f.optimizer.spec, docOf(f.optimizer.table, f.optimizer.spec)))
		keys = citations[f.optimizer.spec.Name]
	}
	if r.verdict != nil {
		b.WriteString(r.verdict.methods)
	}
	return b.String(), append([]string{"wang2008", "duong2023"}, keys...)
}

// weight returns that of the trade-off, as far as it is known.
func (r *result) weight() any {
	for _, m := range r.known {
		if m.Key == "tradeoff_weight" {
			return m.Value
		}
	}
	return "λ"
}
