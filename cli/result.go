package cli

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A result is what there is to say of a run.
type result struct {
	job   *job
	began time.Time // of this session
	setup time.Duration

	outcome   string
	stoppedBy string
	reason    string // why the outcome does not hold, or what was wrong

	records   []synth.Record
	lossScale float64

	judged bool
	parts  []remainder // the first is the whole
	png    *pngResult
	share  float64 // of the objective that is penalty
	moved  float64 // root mean squared change of the pixels
	rms    float64 // and their difference from the target's
	corr   float64 // correlation with the target
}

// A pngResult says how good result.png is.
type pngResult struct {
	bits, clipped int
	loss          float64
	parts         []remainder
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

// judge measures the result and says whether its outcome holds.
func (r *result) judge(backend autograd.Backend, o synth.MetamerOptions) error {
	j := r.job
	g, err := newJudge(backend, j.target, j.model, o)
	if err != nil {
		return err
	}
	defer g.close()
	first, err := j.folder.ReadNPY(runfolder.Start)
	if err != nil {
		return err
	}
	final, err := j.folder.ReadNPY(runfolder.Result)
	if err != nil {
		return err
	}
	start, err := g.measure(first)
	if err != nil {
		return err
	}
	end, err := g.measure(final)
	if err != nil {
		return err
	}
	r.parts = g.remainders(start, end)
	r.share = end.share / (end.share + end.loss/r.lossScale)
	if end.share == 0 {
		r.share = 0
	}
	r.moved, _ = compare(first, final)
	r.rms, r.corr = compare(final, j.target)
	r.judged = true
	r.decide()
	return r.judgePNG(g, start, final)
}

// judgePNG measures result.png as a program that reads it sees it.
func (r *result) judgePNG(g *judge, start measurement, final tensor.Tensor) error {
	j := r.job
	clipped, err := j.writePNG(runfolder.ResultPNG, final)
	if errors.Is(err, errNoPicture) {
		return nil
	}
	if err != nil {
		return err
	}
	o := images.Options{Light: j.f.image.options().Light}
	if final.Dim[1] == 3 {
		o.Color = images.RGB
	}
	x, _, err := images.Load(j.folder.Path(runfolder.ResultPNG), o)
	if err != nil {
		return err
	}
	m, err := g.measure(cast(x, final.DType))
	if err != nil {
		return err
	}
	bits := 8
	if j.f.pngBits.value == "16" {
		bits = 16
	}
	r.png = &pngResult{bits: bits, clipped: clipped, loss: m.loss/r.lossScale + m.share, parts: g.remainders(start, m)}
	return nil
}

// decide sets the outcome from what was measured.
func (r *result) decide() {
	var reasons []string
	if v := r.parts[0].remains(); !(v <= wholeLimit) {
		reasons = append(reasons, fmt.Sprintf("%s of the representation's error at the start remains (%s allowed)", percentText(v), percentText(wholeLimit)))
	}
	for _, p := range r.parts[1:] {
		if v := p.remains(); !(v <= groupLimit) {
			reasons = append(reasons, fmt.Sprintf("%s of that of %s (%s allowed)", percentText(v), p.name, percentText(groupLimit)))
		}
	}
	if !(r.share <= penaltyLimit) {
		reasons = append(reasons, fmt.Sprintf("%s of the objective is penalty (%s allowed)", percentText(r.share), percentText(penaltyLimit)))
	}
	if r.moved == 0 {
		reasons = append(reasons, "the image has not moved")
	}
	r.outcome, r.reason = matched, strings.Join(reasons, "; ")
	if reasons != nil {
		r.outcome = notMatched
	}
}

// sentence says the outcome as a person does.
func (r *result) sentence() string {
	switch {
	case r.outcome == matched:
		worst := remainder{}
		for _, p := range r.parts[1:] {
			if worst.name == "" || p.remains() > worst.remains() {
				worst = p
			}
		}
		s := fmt.Sprintf("%s of the representation's error at the start remains (%s allowed)", percentText(r.parts[0].remains()), percentText(wholeLimit))
		if worst.name != "" {
			s += fmt.Sprintf(", and at most %s of a group's (%s allowed)", percentText(worst.remains()), percentText(groupLimit))
		}
		return s
	case r.reason == "":
		return "stopped by " + r.stoppedBy
	}
	return r.reason
}

// compare returns the root mean squared difference and the correlation of two
// images of one shape.
func compare(x, y tensor.Tensor) (rms, correlation float64) {
	a, b := tensor.Floats(x), tensor.Floats(y)
	n := float64(len(a))
	var ma, mb, dd float64
	for i := range a {
		ma, mb = ma+a[i]/n, mb+b[i]/n
		dd += (a[i] - b[i]) * (a[i] - b[i]) / n
	}
	var ab, aa, bb float64
	for i := range a {
		u, v := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+u*v, aa+u*u, bb+v*v
	}
	return math.Sqrt(dd), ab / math.Sqrt(aa*bb)
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
	if r.judged {
		o = append(o, r.certificate()...)
	}
	return append(o, j.circumstances(r)...)
}

// certificate is what was measured of the result.
func (r *result) certificate() runfolder.Object {
	o := runfolder.Object{
		{Key: "representation", Value: r.parts[0].object()},
		{Key: "groups", Value: objects(r.parts[1:])},
		{Key: "penalty_share", Value: r.share},
		{Key: "moved_rms", Value: r.moved},
		{Key: "distance_to_target", Value: runfolder.Object{{Key: "rms", Value: r.rms}, {Key: "correlation", Value: r.corr}}},
		{Key: "limits", Value: runfolder.Object{{Key: "representation", Value: wholeLimit}, {Key: "group", Value: groupLimit}, {Key: "penalty_share", Value: penaltyLimit}}},
	}
	if r.png == nil {
		o.Add("png", nil)
		o.Add("png_reason", errNoPicture.Error())
		return o
	}
	o.Add("png", runfolder.Object{{Key: "bits", Value: r.png.bits}, {Key: "clipped", Value: r.png.clipped}, {Key: "loss", Value: r.png.loss},
		{Key: "representation", Value: r.png.parts[0].object()}, {Key: "groups", Value: objects(r.png.parts[1:])}})
	return o
}

func objects(list []remainder) []runfolder.Object {
	o := make([]runfolder.Object, len(list))
	for i, e := range list {
		o[i] = e.object()
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
