package cli

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A tuner is what percept tune knows of a method.
type tuner struct {
	method               *method
	images               string // that a run is made from
	short, long, example string
	paired               bool // all images of the command are those of one run
	drifts               bool // a metric is held
	endless              bool // a run goes on when it is good, so that its iterations are a setting
	// varied returns what is tried, given how the defaults fared.
	varied func(t *tuning, defaults *measured) ([]choiceOf, error)
}

// tuners are those of the methods; the first is that of percept tune without a
// name. (A variable would refer to itself.)
func tuners() []*tuner {
	return []*tuner{
		{method: metamerMethod, images: "IMAGE…", endless: true, varied: metamerVaried,
			short: "Find the settings that reach a good outcome soonest",
			long: `tune searches optimizer, learning rate, history, scheduler, loss and the weight of
the group of statistics that lags, weight of the penalty, stages, normalisation
and threads for the settings that reach a good metamer in the fewest seconds.
percept tune mad, eigendistortion and geodesic search what there is to choose for
these.`,
			example: `  percept tune photo.png --model portilla-simoncelli:scales=3
  percept tune *.png --trials 40 --seeds 5 --budget 2m -o tuning
  percept tune --resume tuning --trials 80
  percept metamer photo.png --config tuning/tune.json
  percept tune mad photo.png --size 64x64 --optimized-metric nlpd`},
		{method: madMethod, images: "IMAGE…", drifts: true, varied: madVaried,
			short: "Find the settings that reach good MAD images soonest",
			long: `mad searches the trade-off for the settings that reach good MAD images in the
fewest seconds: the constrained search, which has no weight, against weights in the
objective with their optimizer, learning rate, scheduler and weight of the penalty;
and threads. With --tradeoff auto, only weights are tried.

A good outcome is that of percept mad: the reference metric holds its value to 1e-6,
which hardly any weight reaches. --drift says what is good enough instead, of an
image of a weighted run also once its pixels are clipped.`,
			example: `  percept tune mad photo.png --size 64x64 --target max
  percept tune mad photo.png --size 64x64 --target min --tradeoff auto --drift 0.01
  percept mad photo.png --config photo-tune/tune.json`},
		{method: eigenMethod, images: "IMAGE…", varied: eigenVaried,
			short: "Find the settings that reach good eigendistortions soonest",
			long:  `eigendistortion searches method and threads for those that reach converged eigendistortions in the fewest seconds.`,
			example: `  percept tune eigendistortion photo.png --size 32x32 --model on-off
  percept eigendistortion photo.png --config photo-tune/tune.json`},
		{method: geodesicMethod, images: "A B", paired: true, varied: geodesicVaried,
			short: "Find the settings that reach a good geodesic soonest",
			long: `geodesic searches method, optimizer, learning rate, scheduler, weight of the
penalty and threads for the settings that reach a good geodesic in the fewest
seconds. Give --method if it matters which: a geodesic by energy alone need not be
short in the images.`,
			example: `  percept tune geodesic a.png b.png --size 64x64 --model on-off
  percept geodesic a.png b.png --config a-tune/tune.json`},
	}
}

// tunerOf returns the tuner of a method, nil if there is none.
func tunerOf(method string) *tuner {
	for _, k := range tuners() {
		if k.method.name == method {
			return k
		}
	}
	return nil
}

// A choiceOf is a flag with the values that are tried.
type choiceOf struct {
	flag   string
	values []string
	needs  []flagValue // what it means nothing without
}

// threadChoices are fewer threads than all.
func threadChoices() choiceOf {
	list := []string{"1"}
	for n := 2; n < runtime.GOMAXPROCS(0); n *= 2 {
		list = append(list, fmt.Sprint(n))
	}
	return choiceOf{flag: "threads", values: list}
}

// firstOrder are optimizers of which a scheduler changes the rate.
var firstOrder = []string{"adam:lr=0.01", "adam:lr=0.03", "adam:lr=0.1", "nadam:lr=0.01"}

var (
	penaltyChoices  = choiceOf{flag: "penalty", values: []string{"range:weight=0.01", "range:weight=1"}}
	scheduleChoices = []string{"cosine:iterations=500", "exponential:gamma=0.995", "plateau"}
)

func metamerVaried(t *tuning, defaults *measured) ([]choiceOf, error) {
	losses := []string{"groupwise", "l2", "relative-sse", "mse:scale=start"}
	if loss, ok := weighing(t.Settings); ok && defaults.Lags != "" {
		for i, w := range []int{3, 10} {
			losses = slices.Insert(losses, i, fmt.Sprintf("%s:weight.%s=%d", loss, defaults.Lags, w))
		}
	}
	list := []choiceOf{
		{flag: "optimizer", values: append([]string{"lbfgs:precondition=spectral,max-iter=20,max-eval=20", "lbfgs:precondition=spectral,history=30",
			"lbfgs:precondition=spectral,max-iter=5,max-eval=5", "lbfgs"}, firstOrder...)},
		{flag: "loss", values: losses},
		penaltyChoices,
		{flag: "coarse-to-fine", values: []string{"together", "separate"}},
		{flag: "scheduler", values: scheduleChoices, needs: []flagValue{{"optimizer", firstOrder[1]}}},
		threadChoices(),
	}
	if m := normalized(t.Settings); m != "" {
		list = append(list, choiceOf{flag: "model", values: []string{m}})
	}
	return list, nil
}

// weighing returns the loss that weighs groups as the settings would have it; ok
// says that there is one and that it is no flag that was given.
func weighing(settings map[string]any) (loss string, ok bool) {
	if settings["loss"] != nil {
		return "", false
	}
	model, err := spec.Written(settings["model"])
	name, _, _ := strings.Cut(model, ":")
	if settings["model"] == nil || err == nil && name == "portilla-simoncelli" {
		return "portilla-simoncelli", true
	}
	return "groupwise", true
}

func madVaried(t *tuning, _ *measured) ([]choiceOf, error) {
	weights, err := t.weights()
	if err != nil {
		return nil, err
	}
	weighted := []flagValue{{"tradeoff", weights[0]}}
	return []choiceOf{
		{flag: "tradeoff", values: append(weights, "auto")},
		threadChoices(),
		{flag: "optimizer", values: append([]string{"lbfgs:precondition=spectral", "lbfgs:max-iter=20,max-eval=20", "lbfgs:history=30"}, firstOrder...), needs: weighted},
		{flag: "scheduler", values: scheduleChoices, needs: append([]flagValue{{"optimizer", firstOrder[1]}}, weighted...)},
		{flag: "penalty", values: []string{"range:weight=1", "range:weight=10"}, needs: weighted},
	}, nil
}

// weights returns weights of the trade-off around the one that should hold the
// metric within the allowed drift: where the pulls of both terms are equal if the
// driven metric changes as the held one does, relatively.
func (t *tuning) weights() ([]string, error) {
	f, err := t.flags(&candidate{})
	if err != nil {
		return nil, err
	}
	s, err := t.begin(f, 0, 0)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	m := s.(*madRun)
	x, err := m.Image()
	if err != nil {
		return nil, err
	}
	outcomes, err := m.Judge(x)
	if err != nil {
		return nil, err
	}
	sum := 0.
	for _, o := range outcomes {
		sum += math.Log10(o.Driven / (2 * o.Level * o.Level * t.drift(m)))
	}
	centre := math.Ceil(sum / float64(len(outcomes)))
	var list []string
	for _, d := range []float64{0, 1, -1, 2, -2, 3} {
		list = append(list, fmt.Sprintf("%g", math.Pow(10, centre+d)))
	}
	return list, nil
}

// drift is how far a metric may be off its level.
func (t *tuning) drift(m *madRun) float64 {
	if t.Drift > 0 {
		return t.Drift
	}
	return m.limit()
}

// mostExact is the number of pixels up to which the whole Jacobian matrix is
// tried.
const mostExact = 32 * 32

func eigenVaried(t *tuning, _ *measured) ([]choiceOf, error) {
	ways := []string{string(synth.EigenPower)}
	if d := t.subjects[0][0].x.Dim; d[1]*d[2]*d[3] <= mostExact {
		ways = append(ways, string(synth.EigenExact))
	}
	return []choiceOf{{flag: "method", values: ways}, threadChoices()}, nil
}

func geodesicVaried(_ *tuning, _ *measured) ([]choiceOf, error) {
	energy := []flagValue{{"method", string(synth.Energy)}}
	return []choiceOf{
		{flag: "method", values: []string{string(synth.Energy)}},
		threadChoices(),
		{flag: "optimizer", values: []string{"adam:lr=0.003", "lbfgs", "adam:lr=0.01", "lbfgs:max-iter=20,max-eval=20"}, needs: energy},
		{flag: "scheduler", values: scheduleChoices, needs: energy},
		penaltyChoices,
	}, nil
}

// usualResidual is what a converged eigendistortion has by default.
const usualResidual = 1e-8

// A standing is how far a synthesis is from a good outcome.
type standing struct {
	good  bool
	worst float64 // of what was measured, in terms of what is allowed
	lags  string  // which group of a representation that is
}

// tunable is a synthesis that knows how it stands: all its images together.
type tunable interface {
	running
	standing(t *tuning) (standing, error)
}

func (m *metamerRun) standing(*tuning) (s standing, err error) {
	x, err := m.Image()
	if err != nil {
		return s, err
	}
	list, err := m.Judge(tensor.Contiguous(x))
	if err != nil {
		return s, err
	}
	s.good = true
	for i := range list {
		o := &list[i]
		s.good = s.good && o.Matched
		s.worst = math.Max(s.worst, o.Whole.Ratio/synth.MatchedError)
		most := 0.
		for _, g := range o.Groups {
			if r := g.Ratio / synth.MatchedGroup; r > most {
				most, s.lags = r, g.Name
			}
		}
		if len(o.Groups) < 2 {
			s.lags = ""
		}
		s.worst = math.Max(s.worst, most)
	}
	return s, nil
}

func (m *madRun) standing(t *tuning) (s standing, err error) {
	x, err := m.Image()
	if err != nil {
		return s, err
	}
	list, err := m.Judge(x)
	if err != nil {
		return s, err
	}
	shown := list // on a screen
	if f := m.jobs[0].flags.(*madFlags); !f.constrained() {
		if shown, err = m.Judge(f.clip(x)); err != nil {
			return s, err
		}
	}
	for n, o := range list {
		rest := o.KKT / synth.MatchedKKT
		if m.jobs[n].flags.(*madFlags).target.value == "min" {
			rest = math.Min(rest, o.Gap/synth.MatchedGap)
		}
		drift := math.Max(math.Abs(o.Drift), math.Abs(shown[n].Drift))
		s.worst = math.Max(s.worst, math.Max(drift/t.drift(m), rest))
	}
	s.good = s.worst <= 1
	return s, nil
}

// clip returns x within the bounds that the penalty knows: a screen shows no
// more.
func (f *madFlags) clip(x tensor.Tensor) tensor.Tensor {
	p, err := f.penalty.make(f.penalty.spec)
	r, ok := p.(synth.Range)
	if err != nil || !ok {
		return x
	}
	y := tensor.New(x.DType, x.Shape()...)
	tensor.Copy(y, x)
	for i := range y.Len() {
		y.StoreReal(i, math.Max(r.Low, math.Min(r.High, y.LoadReal(i))))
	}
	return y
}

func (m *eigenRun) standing(*tuning) (standing, error) {
	p := m.Spectrum(0)
	if len(p.Pairs) == 0 {
		return standing{worst: math.Inf(1)}, nil
	}
	good, worst := m.solved(&p)
	return standing{good: good, worst: worst / usualResidual}, nil
}

func (m *geodesicRun) standing(*tuning) (s standing, err error) {
	list, err := m.Outcome()
	if err != nil {
		return s, err
	}
	o := &list[0]
	s.good = o.Good
	parts := []float64{o.Gain / synth.GoodGain, o.Evenness / synth.GoodEvenness, o.Spread / synth.GoodSpread, o.PenaltyShare / synth.GoodPenalty, o.Energy / o.Pixelfade.Energy}
	if m.f.method() == synth.Conditional {
		parts = append(parts, o.Projected/synth.GoodProjected)
	}
	for _, p := range parts {
		if math.IsNaN(p) { // what has not begun
			p = math.Inf(1)
		}
		s.worst = math.Max(s.worst, p)
	}
	return s, nil
}
