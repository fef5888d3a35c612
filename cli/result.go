package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A result is what there is to say of a run.
type result struct {
	job   *job
	began time.Time // when this process took the run up
	setup time.Duration

	outcome   string
	stoppedBy string
	reason    string // why the outcome does not hold, or what was wrong

	records   []synth.Record
	lossScale float64

	judged      *synth.Outcome // nil: it was not
	correlation float64        // of the result with the target
	png         *pngResult     // nil: there is none
}

// A pngResult says how good result.png is.
type pngResult struct {
	synth.Outcome
	bits    int
	clipped int // numbers
	loss    float64
}

// newResult returns the result of a run that has not ended, or that is killed
// before it does.
func newResult(j *job) *result {
	return &result{job: j, began: time.Now(), outcome: interrupted, reason: "the run has not ended, or was killed", lossScale: 1}
}

// absorb takes what m knows.
func (r *result) absorb(m *synth.Metamer) {
	r.records = m.History(0)
	r.lossScale = m.LossScale()[0]
}

// last returns the row of the image as it is.
func (r *result) last() synth.Record {
	if len(r.records) == 0 {
		return synth.Record{Loss: math.NaN(), Penalty: math.NaN(), GradientNorm: math.NaN()}
	}
	return r.records[len(r.records)-1]
}

// judge measures the image of m and result.png, and says whether the outcome
// holds.
func (r *result) judge(m *synth.Metamer) error {
	x, err := m.Image()
	if err != nil {
		return err
	}
	list, err := m.Judge(x)
	if err != nil {
		return err
	}
	r.judged = &list[0]
	r.correlation = correlation(x, r.job.target)
	r.outcome, r.reason = matched, ""
	if !r.judged.Matched {
		r.outcome, r.reason = notMatched, shortcomings(r.judged)
	}
	return r.judgePNG(m, x)
}

// judgePNG measures result.png as a program that reads it sees it.
func (r *result) judgePNG(m *synth.Metamer, x tensor.Tensor) error {
	j := r.job
	clipped, err := j.writePNG(runfolder.ResultPNG, x)
	if errors.Is(err, errNoPicture) {
		return nil
	}
	if err != nil {
		return err
	}
	o := images.Options{Light: j.f.image.options().Light}
	if x.Dim[1] == 3 {
		o.Color = images.RGB
	}
	decoded, _, err := images.Load(j.folder.Path(runfolder.ResultPNG), o)
	if err != nil {
		return err
	}
	decoded = cast(decoded, x.DType)
	list, err := m.Judge(decoded)
	if err != nil {
		return err
	}
	loss, _, err := m.Objective(decoded) // without penalty: its values lie in [0, 1]
	if err != nil {
		return err
	}
	r.png = &pngResult{Outcome: list[0], bits: 8, clipped: clipped, loss: loss[0]}
	if j.f.pngBits.value == "16" {
		r.png.bits = 16
	}
	return nil
}

// namedGroups is how many groups a sentence names at most.
const namedGroups = 3

// shortcomings says why o is not matched.
func shortcomings(o *synth.Outcome) string {
	var list []string
	if v := o.Whole.Ratio; !(v <= synth.MatchedError) {
		list = append(list, fmt.Sprintf("the representation keeps %s of its error at the start (%s allowed)", percentText(v), percentText(synth.MatchedError)))
	}
	worst := slices.SortedFunc(slices.Values(o.Groups), func(a, b synth.GroupError) int { return cmp.Compare(b.Ratio, a.Ratio) })
	worst = slices.DeleteFunc(worst, func(g synth.GroupError) bool { return g.Ratio <= synth.MatchedGroup })
	for _, g := range worst[:min(len(worst), namedGroups)] {
		list = append(list, fmt.Sprintf("%s keeps %s (%s allowed)", g.Name, percentText(g.Ratio), percentText(synth.MatchedGroup)))
	}
	if more := len(worst) - namedGroups; more > 0 {
		list = append(list, fmt.Sprintf("%d more groups are above that", more))
	}
	if !(o.PenaltyShare <= synth.MatchedPenalty) {
		list = append(list, fmt.Sprintf("%s of the objective is penalty (%s allowed)", percentText(o.PenaltyShare), percentText(synth.MatchedPenalty)))
	}
	if list == nil {
		list = append(list, fmt.Sprintf("the image has hardly moved from its start (%.2g RMS)", o.Moved))
	}
	return strings.Join(list, "; ")
}

// sentence says the outcome as a person does.
func (r *result) sentence() string {
	switch {
	case r.outcome == matched:
		s := fmt.Sprintf("%s of the representation's error at the start remains (%s allowed)", percentText(r.judged.Whole.Ratio), percentText(synth.MatchedError))
		if len(r.judged.Groups) > 0 {
			s += fmt.Sprintf(", and at most %s of a group's (%s allowed)", percentText(worstGroup(r.judged)), percentText(synth.MatchedGroup))
		}
		return s
	case r.reason == "":
		return "stopped by " + r.stoppedBy
	}
	return r.reason
}

func worstGroup(o *synth.Outcome) float64 {
	worst := 0.0
	for _, g := range o.Groups {
		worst = math.Max(worst, g.Ratio)
	}
	return worst
}

// correlation returns that of the pixels of two images of one shape.
func correlation(x, y tensor.Tensor) float64 {
	a, b := tensor.Floats(x), tensor.Floats(y)
	var ma, mb float64
	for i := range a {
		ma, mb = ma+a[i]/float64(len(a)), mb+b[i]/float64(len(a))
	}
	var ab, aa, bb float64
	for i := range a {
		u, v := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+u*v, aa+u*u, bb+v*v
	}
	return ab / math.Sqrt(aa*bb)
}

// object returns what run.json says.
func (r *result) object() runfolder.Object {
	j, last := r.job, r.last()
	o := runfolder.Object{
		{Key: "format", Value: 1},
		{Key: "method", Value: "metamer"},
		{Key: "outcome", Value: r.outcome},
		{Key: "stopped_by", Value: r.stoppedBy},
		{Key: "reason", Value: r.reason},
		{Key: "iterations", Value: last.Iteration},
		{Key: "evaluations", Value: last.Evaluations},
		{Key: "loss", Value: last.Loss},
		{Key: "loss_scale", Value: r.lossScale},
		{Key: "penalty", Value: last.Penalty},
		{Key: "gradient_norm", Value: last.GradientNorm},
	}
	if r.stoppedBy == "" {
		o = with(o, "stopped_by", nil)
	}
	if r.judged != nil {
		o = append(o, r.certificate()...)
	}
	return append(o, j.circumstances(r)...)
}

// certificate is what was measured of the result.
func (r *result) certificate() runfolder.Object {
	o := runfolder.Object{
		{Key: "representation", Value: groupObject(r.judged.Whole)},
		{Key: "groups", Value: groupObjects(r.judged.Groups)},
		{Key: "penalty_share", Value: r.judged.PenaltyShare},
		{Key: "moved_rms", Value: r.judged.Moved},
		{Key: "clipped", Value: r.judged.Clipped},
		{Key: "distance_to_target", Value: runfolder.Object{{Key: "rms", Value: r.judged.FromTarget}, {Key: "correlation", Value: r.correlation}}},
		{Key: "limits", Value: runfolder.Object{{Key: "representation", Value: synth.MatchedError}, {Key: "group", Value: synth.MatchedGroup}, {Key: "penalty_share", Value: synth.MatchedPenalty}}},
	}
	if r.png == nil {
		o.Add("png", nil)
		o.Add("png_reason", errNoPicture.Error())
		return o
	}
	o.Add("png", runfolder.Object{{Key: "bits", Value: r.png.bits}, {Key: "clipped", Value: r.png.clipped}, {Key: "loss", Value: r.png.loss},
		{Key: "representation", Value: groupObject(r.png.Whole)}, {Key: "groups", Value: groupObjects(r.png.Groups)}})
	return o
}

func groupObject(g synth.GroupError) runfolder.Object {
	return runfolder.Object{{Key: "name", Value: g.Name}, {Key: "entries", Value: g.Entries}, {Key: "error_at_start", Value: g.Start},
		{Key: "error", Value: g.Error}, {Key: "remains", Value: g.Ratio}}
}

func groupObjects(list []synth.GroupError) []runfolder.Object {
	o := make([]runfolder.Object, len(list))
	for i, g := range list {
		o[i] = groupObject(g)
	}
	return o
}

// circumstances are what the result depends on, and when it was made.
func (j *job) circumstances(r *result) runfolder.Object {
	level := kernels.Best()
	if l, err := kernels.ParseLevel(j.f.device.level.value); err == nil {
		level = l.Resolve()
	}
	return runfolder.Object{
		{Key: "seed", Value: j.seed},
		{Key: "input", Value: j.input},
		{Key: "dtype", Value: j.f.device.dtype.value},
		{Key: "device", Value: j.f.device.device.value},
		{Key: "cpu_level", Value: level.String()},
		{Key: "threads", Value: j.f.device.threadCount()},
		{Key: "settings", Value: j.settings},
		{Key: "command", Value: j.command},
		{Key: "versions", Value: versions()},
		{Key: "started", Value: j.started.UTC().Format(time.RFC3339)},
		{Key: "resumes", Value: j.resumes},
		{Key: "timings", Value: runfolder.Object{
			{Key: "setup_seconds", Value: r.setup.Seconds()},
			{Key: "synthesis_seconds", Value: r.last().Seconds},
			{Key: "session_seconds", Value: time.Since(r.began).Seconds()},
		}},
	}
}

// write writes run.json and report.html.
func (r *result) write() error {
	f := r.job.folder
	if err := f.WriteJSON(runfolder.RunJSON, r.object()); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := r.report(&page); err != nil {
		return err
	}
	return f.WriteBytes(runfolder.Report, page.Bytes())
}
