package cli

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/percept-go/percept/internal/report"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// metamerRun is the synthesis of metamers.
type metamerRun struct {
	*synth.Metamer
	jobs []*job
	good []synth.Outcome // of the images as they are; nil: they were not judged
	png  []*pngResult    // of their PNG files; nil where there is none
}

// A pngResult says how good result.png is.
type pngResult struct {
	synth.Outcome
	pngFile
	loss float64
}

func (m *metamerRun) result(n int) (tensor.Tensor, error) {
	x, err := m.Image()
	if err != nil {
		return x, err
	}
	return tensor.Contiguous(x.Crop(0, n, n+1, 1)), nil
}

func (m *metamerRun) known(n int) runfolder.Object {
	o := runfolder.Object{{Key: "loss_scale", Value: m.LossScale()[n]}}
	var list []runfolder.Object
	for _, s := range m.Stages(n) {
		st := runfolder.Object{{Key: "name", Value: s.Name}, {Key: "start", Value: s.Start}, {Key: "stop", Value: s.Stop}}
		if s.Start < 0 {
			st = with(st, "start", nil)
		}
		if s.Stop < 0 {
			st = with(st, "stop", nil)
		}
		list = append(list, st)
	}
	if list != nil {
		o.Add("stages", list)
	}
	return o
}

func (m *metamerRun) note(r synth.Record) string {
	name, loss := m.StageOf(r)
	if name == "" {
		return ""
	}
	return fmt.Sprintf("stage %s: %.4g", name, loss)
}

// unfinished says, as the end of a reason, which stages an image has not reached.
func (m *metamerRun) unfinished(n int) string {
	var names []string
	for _, s := range m.Stages(n) {
		if s.Start < 0 {
			names = append(names, s.Name)
		}
	}
	if names == nil {
		return ""
	}
	return "; not reached: " + strings.Join(names, ", ")
}

// columns are those of history.csv that only some metamers have.
func (m *metamerRun) columns(records []synth.Record) []runfolder.Column {
	stage, loss := runfolder.Column{Name: "stage"}, runfolder.Column{Name: "stage_loss"}
	for _, r := range records {
		name, v := m.StageOf(r)
		if name == "" {
			return nil
		}
		stage.Words, loss.Values = append(stage.Words, name), append(loss.Values, v)
	}
	return []runfolder.Column{stage, loss}
}

func (m *metamerRun) outcomes() error {
	_, err := m.Outcome()
	return err
}

func (m *metamerRun) judge(n int, j *job) (*verdict, error) {
	if m.good == nil {
		if err := m.judgeAll(); err != nil {
			return nil, err
		}
	}
	x, err := m.result(n)
	if err != nil {
		return nil, err
	}
	o := &m.good[n]
	like := nan
	if j.sources == nil {
		like = correlation(x, j.target)
	}
	v := &verdict{good: o.Matched, groups: reportGroups(o), object: metamerObject(o, like, m.png[n])}
	if v.good {
		v.sentence = matchedSentence(o)
	} else {
		v.reason = shortcomings(o) + m.unfinished(n)
	}
	if j.sources == nil {
		v.facts = []report.Fact{{Name: "Distance to the target", Value: fmt.Sprintf("pixels differ by %.3g RMS and correlate by %.3g: the result is another image", o.FromTarget, like)}}
	}
	if p := m.png[n]; p != nil {
		v.facts = append(v.facts, report.Fact{Name: "As a PNG file", Value: fmt.Sprintf("%d of %d values were clipped; %s of the representation's error remains in it", p.clipped, x.Len(), percentText(p.Whole.Ratio))})
	}
	v.methods = fmt.Sprintf(" At the end, %s of the distance at the start remained", percentText(o.Whole.Ratio))
	if j.sources == nil {
		v.methods += fmt.Sprintf("; the root mean squared difference of the pixels to the target's was %.3g", o.FromTarget)
	}
	v.methods += "."
	return v, nil
}

// judgeAll measures the images and their PNG files, as a program that reads
// them sees them.
func (m *metamerRun) judgeAll() error {
	x, err := m.Image()
	if err != nil {
		return err
	}
	if m.good, err = m.Judge(x); err != nil {
		return err
	}
	decoded, files, err := resultPNGs(m.jobs, x)
	m.png = make([]*pngResult, len(m.jobs))
	if err != nil || files == nil {
		return err
	}
	list, err := m.Judge(decoded)
	if err != nil {
		return err
	}
	loss, _, err := m.Objective(decoded) // without penalty: its values lie in [0, 1]
	if err != nil {
		return err
	}
	for n, o := range list {
		m.png[n] = &pngResult{o, files[n], loss[n]}
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
		list = append(list, fmt.Sprintf("the penalty is %s of the objective at the start (%s allowed)", percentText(o.PenaltyShare), percentText(synth.MatchedPenalty)))
	}
	if o.Still {
		list = append(list, fmt.Sprintf("the image has hardly moved from its start (%.2g RMS)", o.Moved))
	}
	return strings.Join(list, "; ")
}

// matchedSentence says why o is matched.
func matchedSentence(o *synth.Outcome) string {
	s := fmt.Sprintf("%s of the representation's error at the start remains (%s allowed)", percentText(o.Whole.Ratio), percentText(synth.MatchedError))
	if len(o.Groups) > 0 {
		s += fmt.Sprintf(", and at most %s of a group's (%s allowed)", percentText(worstGroup(o)), percentText(synth.MatchedGroup))
	}
	return s
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

// metamerObject is what was measured of a result, in run.json.
func metamerObject(o *synth.Outcome, correlation float64, png *pngResult) runfolder.Object {
	distance := runfolder.Object{{Key: "rms", Value: o.FromTarget}, {Key: "correlation", Value: correlation}}
	if math.IsNaN(o.FromTarget) {
		distance = runfolder.Object{{Key: "rms", Value: nil}, {Key: "correlation", Value: nil}, {Key: "reason", Value: "the target is no one image of the result's size"}}
	}
	list := runfolder.Object{
		{Key: "representation", Value: groupObject(o.Whole)},
		{Key: "groups", Value: groupObjects(o.Groups)},
		{Key: "penalty_share", Value: o.PenaltyShare},
		{Key: "moved_rms", Value: o.Moved},
		{Key: "clipped", Value: o.Clipped},
		{Key: "distance_to_target", Value: distance},
		{Key: "limits", Value: runfolder.Object{{Key: "representation", Value: synth.MatchedError}, {Key: "group", Value: synth.MatchedGroup}, {Key: "penalty_share", Value: synth.MatchedPenalty}}},
	}
	if png == nil {
		list.Add("png", nil)
		list.Add("png_reason", errNoPicture.Error())
		return list
	}
	list.Add("png", runfolder.Object{{Key: "bits", Value: png.bits}, {Key: "clipped", Value: png.clipped}, {Key: "loss", Value: png.loss},
		{Key: "representation", Value: groupObject(png.Whole)}, {Key: "groups", Value: groupObjects(png.Groups)}})
	return list
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

// reportGroups is the table of a report.
func reportGroups(o *synth.Outcome) []report.Group {
	whole := o.Whole
	whole.Name = "the whole representation"
	list := []report.Group{reportGroup(whole, synth.MatchedError)}
	for _, g := range o.Groups {
		list = append(list, reportGroup(g, synth.MatchedGroup))
	}
	return list
}

func reportGroup(g synth.GroupError, limit float64) report.Group {
	return report.Group{Name: g.Name, Size: g.Entries, Start: g.Start, End: g.Error, Ratio: g.Ratio, Limit: limit}
}
