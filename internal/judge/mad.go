package judge

import (
	"fmt"
	"math"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// Limits of a MAD image.
const (
	pngDrift    = .02  // of the metric that is held, in a PNG file
	recordedGap = 1e-5 // between what the run recorded and what is measured, relatively
	// A KKT residual is measured again with another threshold for what is a bound,
	// so that one just below the run's limit may be just above it.
	kktSlack    = 1.25
	levelWithin = .5   // of the held metric at the start from its level
	atBound     = 1e-9 // of a pixel from 0 or 1
	stillMove   = .01  // of its whole way that the optimized metric moves in the last tenth
)

// A MAD is what a MAD image is judged by.
type MAD struct {
	Reference, Start, Image tensor.Tensor // (1, C, H, W)
	Held, Driven            synth.Metric
	Names                   [2]string // of both
	Max                     bool      // the driven one is to be large
	Constrained             bool      // pixels are bounded by [0, 1], not by a penalty
	FromPNG, Coarse         bool
	Level                   float64    // that the held metric was to keep; NaN: its value at the start
	Recorded                [2]float64 // of both metrics at the end; NaN: unknown
	History                 []float64  // of the driven metric
}

// A MADMeasure is what was measured.
type MADMeasure struct {
	Drift float64 // of the held metric from its value at the start, relatively
	// Residual is the norm of the projected gradient over that of the gradient; with
	// the best derivatives at kinks, if there are some (see synth.KinkProblem).
	Residual float64
	Gap      float64 // of a metric to be small from its value for equal images, relative to the start
	Moving   float64 // part of its way that the driven metric moved in the last tenth of the run, negative if it went back
	Far      float64 // how far it went, relative to the start
}

// Judge judges m. It errs if a metric does not take the images.
func (m *MAD) Judge() (v Verdict, q MADMeasure, err error) {
	v.Good = true
	if !m.Image.SameShape(m.Reference.Type) || !m.Start.SameShape(m.Reference.Type) {
		return v, q, fmt.Errorf("reference %v, start %v and result %v differ in shape", m.Reference.Shape(), m.Start.Shape(), m.Image.Shape())
	}
	found, err := evaluate(func(x autograd.Value) []autograd.Value {
		ref := x.Tape().Const(m.Reference)
		held, driven := m.Held.Metric(ref, x), m.Driven.Metric(ref, x)
		return []autograd.Value{held, driven, autograd.Grad(held, x)[0], autograd.Grad(driven, x)[0]}
	}, m.Start, m.Image, m.Reference)
	if err != nil {
		return v, q, err
	}
	level, held := found[0][0][0], found[1][0][0]
	if !math.IsNaN(m.Level) { // of several starts with one level, the best was kept
		if !(math.Abs(level-m.Level) <= levelWithin*math.Abs(m.Level)) {
			v.fail("%s of the start is %.4g, far from the level %.4g of the run", m.Names[0], level, m.Level)
		}
		level = m.Level
	}
	before, after := found[0][1][0], found[1][1][0]
	q.Drift = (held - level) / math.Max(math.Abs(level), 1e-300)
	q.Far = (after - before) / math.Max(math.Abs(before), 1e-300)
	q.Moving = moving(m.History)
	sign := 1.
	if m.Max {
		sign = -1
	}
	floor := optim.TangentFloor * norm(found[0][3], nil)
	q.Residual = kkt(tensor.Floats(m.Image), found[1][3], found[1][2], sign, floor, m.Constrained)
	q.Gap = math.Abs(after-found[2][1][0]) / math.Max(math.Abs(before-found[2][1][0]), 1e-300)
	if m.Constrained && !m.FromPNG && !m.near(q) {
		if q.Residual, err = m.subgradient(sign, floor, q.Residual); err != nil {
			return v, q, err
		}
	}
	m.rows(&v, q, level, held, before, after)
	m.consistent(&v, held, after)
	m.sentence(&v, q, before, after)
	return v, q, nil
}

// near reports whether nothing of account improves the image.
func (m *MAD) near(q MADMeasure) bool {
	return q.Residual <= m.residualLimit() || !m.Max && q.Gap <= synth.MatchedGap
}

func (m *MAD) residualLimit() float64 {
	return synth.MatchedKKT * kktSlack
}

// subgradient returns the residual where the metrics have kinks; otherwise it is none.
func (m *MAD) subgradient(sign, floor, otherwise float64) (float64, error) {
	p := synth.KinkProblem{Images: m.Image, High: 1, Floor: []float64{floor}, Record: func(x autograd.Value) (driven, held autograd.Value) {
		ref := x.Tape().Const(m.Reference)
		return m.Driven.Metric(ref, x).Scale(sign), m.Held.Metric(ref, x)
	}}
	residual, err := p.Subgradient(nil)
	if err != nil || residual == nil {
		return otherwise, err
	}
	return residual[0], nil
}

// moving returns what part of its way a metric went in the last tenth.
func moving(h []float64) float64 {
	n := len(h)
	if n < 10 {
		return math.NaN()
	}
	whole := math.Abs(h[n-1] - h[0])
	if whole == 0 {
		return 0
	}
	way := (h[n-1] - h[n-1-n/10]) / whole
	if h[n-1] < h[0] {
		way = -way
	}
	return way
}

// kkt returns how much of the gradient of the driven metric (times sign, to be
// made small) is left once it is projected off that of the held one, over its
// norm (but at least floor). With bounds, pixels at one do not count if the gradient presses them on.
func kkt(x, driven, held []float64, sign, floor float64, bounded bool) float64 {
	free := func(i int) bool { return !bounded || x[i] > atBound && x[i] < 1-atBound }
	var oh, hh float64
	for i := range x {
		if free(i) {
			oh, hh = oh+driven[i]*held[i], hh+held[i]*held[i]
		}
	}
	mu := 0.
	if hh > 0 {
		mu = -oh / hh
	}
	var left, all float64
	for i := range x {
		r := sign * (driven[i] + mu*held[i])
		all += driven[i] * driven[i]
		inward := x[i] <= atBound && r < 0 || x[i] >= 1-atBound && r > 0
		if free(i) || inward {
			left += r * r
		}
	}
	if left == 0 {
		return 0
	}
	return math.Sqrt(left) / math.Max(math.Sqrt(all), floor)
}

func (m *MAD) driftLimit() float64 {
	switch {
	case m.FromPNG:
		return pngDrift
	case m.Coarse:
		return synth.MatchedDrift32
	}
	return synth.MatchedDrift
}

// rows writes down what was measured and says what does not hold.
func (m *MAD) rows(v *Verdict, q MADMeasure, level, held, before, after float64) {
	row := func(name string, good bool, cells ...string) {
		v.Rows = append(v.Rows, Row{Name: name, Good: good, Cells: cells})
	}
	limit := m.driftLimit()
	ok := math.Abs(q.Drift) <= limit
	row("drift of "+m.Names[0], ok, fmt.Sprintf("%.6g", level), fmt.Sprintf("%.6g", held), fmt.Sprintf("%.2g", q.Drift), fmt.Sprintf("%.0e", limit))
	if !ok {
		v.fail("%s drifted by %s from the value that it was to keep", m.Names[0], Percent(math.Abs(q.Drift)))
	}
	right := after < before
	if m.Max {
		right = after > before
	}
	row(m.Names[1], right, fmt.Sprintf("%.6g", before), fmt.Sprintf("%.6g", after), fmt.Sprintf("%+.3g times the start", q.Far), map[bool]string{true: "up", false: "down"}[m.Max])
	if !right {
		v.fail("%s has not gone %s", m.Names[1], map[bool]string{true: "up", false: "down"}[m.Max])
	}
	if !m.FromPNG {
		ok = m.near(q)
		row("projected gradient", ok, "", "", fmt.Sprintf("%.2g of the gradient", q.Residual), fmt.Sprintf("%.0e", m.residualLimit()))
		if !ok {
			v.fail("a step at equal %s still changes %s: %.2g of its gradient is left", m.Names[0], m.Names[1], q.Residual)
		}
	}
	if !math.IsNaN(q.Moving) {
		word := "at rest"
		if math.Abs(q.Moving) > stillMove {
			word = map[bool]string{true: "moving on", false: "moving back"}[q.Moving > 0]
		}
		row("its last tenth", q.Moving > -stillMove, "", "", Percent(math.Abs(q.Moving))+" of its way", word)
	}
	outside := 0
	for _, x := range tensor.Floats(m.Image) {
		outside += count(!(x >= -outsideBy && x <= 1+outsideBy))
	}
	if float64(outside) > mostOutside*float64(m.Image.Len()) || m.Constrained && outside > 0 {
		v.fail("%d values lie outside [0, 1]: a screen clips them", outside)
	}
	if !m.FromPNG && !m.Coarse && onGrid(tensor.Floats(m.Image)) {
		v.fail("all values are whole 255ths: the array was rounded after the run")
	}
	for name, x := range map[string]float64{"drift": q.Drift, "projected_gradient": q.Residual, "moving": q.Moving} {
		v.fact(name, x)
	}
}

// consistent compares the metrics with those that the run recorded.
func (m *MAD) consistent(v *Verdict, held, driven float64) {
	if m.FromPNG {
		return
	}
	within := recordedGap
	if m.Coarse {
		within = 1e-2
	}
	for i, x := range []float64{held, driven} {
		if r := m.Recorded[i]; !math.IsNaN(r) && !(math.Abs(x-r) <= within*math.Abs(r)+1e-12) {
			v.fail("the files do not belong together: the run recorded %s = %.6g, and that of these images is %.6g", m.Names[i], r, x)
		}
	}
}

func (m *MAD) sentence(v *Verdict, q MADMeasure, before, after float64) {
	if !v.Good {
		v.Sentence = "Not a MAD image: " + strings.Join(v.Reasons, "; ") + "."
		return
	}
	v.Sentence = fmt.Sprintf("A MAD image: %s went from %.4g to %.4g while %s kept its value (drift %.1g), and nothing near is better.", m.Names[1], before, after, m.Names[0], q.Drift)
}
