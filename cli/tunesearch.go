package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A choiceOf is a flag with the values that are tried.
type choiceOf struct {
	flag   string
	values []string
}

// searched returns what is varied; the defaults are no values.
func searched() []choiceOf {
	threads := []string{"1"}
	for n := 2; n < runtime.GOMAXPROCS(0); n *= 2 {
		threads = append(threads, fmt.Sprint(n))
	}
	return []choiceOf{
		{"optimizer", []string{"lbfgs:precondition=spectral,max-iter=20,max-eval=20", "lbfgs:precondition=spectral,history=30",
			"lbfgs:precondition=spectral,max-iter=5,max-eval=5", "lbfgs", "adam:lr=0.01", "adam:lr=0.03", "adam:lr=0.1", "nadam:lr=0.01"}},
		{"loss", []string{"groupwise", "portilla-simoncelli:weight.auto_correlation_reconstructed=3", "portilla-simoncelli:weight.cross_scale_correlation_real=3",
			"l2", "relative-sse", "mse:scale=start"}},
		{"penalty", []string{"range:weight=0.01", "range:weight=1"}},
		{"coarse-to-fine", []string{"together", "separate"}},
		{"scheduler", []string{"cosine:iterations=500", "exponential:gamma=0.995", "plateau"}},
		{"threads", threads},
	}
}

// A flagValue is one flag of a candidate.
type flagValue struct{ flag, value string }

// A candidate is settings that are tried.
type candidate struct {
	set  []flagValue // in the order of searched; none: the defaults
	runs []measured
}

// measured is one run of a candidate.
type measured struct {
	Good       bool
	Seconds    float64 // until it was good, else how long it was run
	Iterations int     // until it was good
	Worst      float64 // what remained of the worst group's error, or of the whole, in terms of what may
	Error      string  `json:",omitempty"`
	Limit      float64 // seconds that it was given
}

// String returns the flags.
func (c *candidate) String() string {
	if len(c.set) == 0 {
		return "(defaults)"
	}
	var s []string
	for _, v := range c.set {
		s = append(s, "--"+v.flag+" "+v.value)
	}
	return strings.Join(s, " ")
}

func (c *candidate) good() (n int) {
	for _, m := range c.runs {
		n += map[bool]int{true: 1}[m.Good]
	}
	return n
}

// cost is what is made small: seconds to a good outcome; a run without one costs
// ten times what it took, and more the farther it is from one.
func (m measured) cost() float64 {
	if m.Good {
		return m.Seconds
	}
	return 10 * m.Limit * (1 + math.Log1p(math.Min(m.Worst, 1e9)))
}

// spread returns the least, the median and the largest time to a good outcome.
func (c *candidate) spread() (lo, mid, hi float64) {
	var v []float64
	for _, m := range c.runs {
		s := m.Seconds
		if !m.Good {
			s = math.Inf(1)
		}
		v = append(v, s)
	}
	slices.Sort(v)
	if len(v) == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	return v[0], v[len(v)/2], v[len(v)-1]
}

// cost is the median of the runs' costs.
func (c *candidate) cost() float64 {
	v := make([]float64, len(c.runs))
	for i, m := range c.runs {
		v[i] = m.cost()
	}
	slices.Sort(v)
	if len(v) == 0 {
		return math.Inf(1)
	}
	return v[len(v)/2]
}

// iterations returns how many a run should have: half as many again as the
// slowest needed; 0 if none was good.
func (c *candidate) iterations() int {
	most := 0
	for _, m := range c.runs {
		if m.Good {
			most = max(most, m.Iterations)
		}
	}
	return most + most/2
}

func (c *candidate) object() runfolder.Object {
	lo, mid, hi := c.spread()
	return runfolder.Object{{Key: "flags", Value: c.String()}, {Key: "runs", Value: len(c.runs)}, {Key: "good", Value: c.good()},
		{Key: "seconds_median", Value: mid}, {Key: "seconds_least", Value: lo}, {Key: "seconds_most", Value: hi}}
}

func secondsText(s float64) string {
	if math.IsInf(s, 1) || math.IsNaN(s) {
		return "–"
	}
	return fmt.Sprintf("%.3g s", s)
}

// candidates returns what is tried: the defaults, each other value by itself,
// then mixtures. Flags in fixed stay as they are.
func candidates(n int, fixed map[string]any, usable func(c *candidate) bool) []*candidate {
	dims := slices.DeleteFunc(searched(), func(d choiceOf) bool { _, ok := fixed[d.flag]; return ok })
	if m := normalized(fixed); m != "" {
		dims = append(dims, choiceOf{"model", []string{m}})
	}
	list := []*candidate{{}}
	seen := map[string]bool{list[0].String(): true}
	add := func(c *candidate) {
		if s := c.String(); !seen[s] && len(list) < n {
			if seen[s] = true; usable(c) {
				list = append(list, c)
			}
		}
	}
	for k := range 16 { // the first value of each, then the second
		for _, d := range dims {
			if k < len(d.values) {
				add(&candidate{set: []flagValue{{d.flag, d.values[k]}}})
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 * n {
		c := &candidate{}
		for _, d := range dims {
			if v := rng.IntN(2 * len(d.values)); v < len(d.values) {
				c.set = append(c.set, flagValue{d.flag, d.values[v]})
			}
		}
		add(c)
	}
	return list
}

// normalized returns the model with its output divided by the target's, "" if
// the command line says how it is normalized.
func normalized(fixed map[string]any) string {
	text, err := spec.Written(fixed["model"])
	if fixed["model"] == nil || err != nil {
		text = "portilla-simoncelli"
	}
	const none, target = "normalize=none", "normalize=target"
	switch {
	case strings.Contains(text, none):
		return strings.Replace(text, none, target, 1)
	case strings.Contains(text, "normalize="):
		return ""
	case strings.Contains(text, ":"):
		return text + "," + target
	}
	return text + ":" + target
}

// sensible leaves out what does nothing: a scheduler beside L-BFGS.
func (c *candidate) sensible(fixed map[string]any) bool {
	optimizer, scheduled := "lbfgs", false
	if o, ok := at(fixed, "optimizer", "name").(string); ok {
		optimizer = o
	}
	for _, v := range c.set {
		switch v.flag {
		case "optimizer":
			optimizer, _, _ = strings.Cut(v.value, ":")
		case "scheduler":
			scheduled = true
		}
	}
	return !scheduled || optimizer != "lbfgs"
}

// search narrows the candidates down and returns the last of them, the best
// first.
func (t *tuning) search(ctx context.Context) ([]*candidate, error) {
	usable := func(c *candidate) bool { return c.sensible(t.Settings) && t.possible(c) }
	if !t.possible(&candidate{}) {
		f, err := t.flags(&candidate{})
		if err == nil {
			err = t.prepare(f, 0, 0)
		}
		return nil, err
	}
	list := candidates(t.Trials, t.Settings, usable)
	limit := t.Budget.Seconds()
	for rung, seeds := range t.rungs() {
		for i, c := range list {
			for image := range t.list {
				if rung == 0 && image > 0 {
					break
				}
				for seed := range seeds {
					m, err := t.measure(ctx, c, image, seed, limit)
					if err != nil || ctx.Err() != nil {
						return list, err
					}
					if image == 0 && seed == 0 {
						c.runs = nil
					}
					c.runs = append(c.runs, m)
				}
			}
			fmt.Fprintf(t.log, "round %d, %d of %d: %s: %s\n", rung+1, i+1, len(list), c, c.outcome())
			if best := c.cost(); rung == 0 && 4*best < limit { // hopeless ones need not be run to the end
				limit = math.Max(4*best, .5)
			}
		}
		list = best(list, t.keep(rung, len(list)))
	}
	return list, nil
}

func (c *candidate) outcome() string {
	_, mid, _ := c.spread()
	if c.good() == 0 {
		if e := c.runs[0].Error; e != "" {
			return e
		}
		return "not good"
	}
	return fmt.Sprintf("good after %s (%d of %d)", secondsText(mid), c.good(), len(c.runs))
}

// rungs returns the number of seeds of each round.
func (t *tuning) rungs() []int {
	if t.Seeds < 2 {
		return []int{1}
	}
	if t.Seeds == 2 {
		return []int{1, 2}
	}
	return []int{1, 2, t.Seeds}
}

// keep returns how many of n go on to the next round; of the last, all that are
// printed.
func (t *tuning) keep(rung, n int) int {
	if rung == len(t.rungs())-1 {
		return n
	}
	return max(3, (n+2)/3)
}

// best returns the n best, and the defaults.
func best(list []*candidate, n int) []*candidate {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b *candidate) int {
		if d := a.cost() - b.cost(); d != 0 {
			return int(math.Copysign(1, d))
		}
		return 0
	})
	kept := sorted[:min(n, len(sorted))]
	for _, c := range sorted[len(kept):] {
		if len(c.set) == 0 {
			kept = append(kept, c)
		}
	}
	return kept
}

// possible reports whether c goes with model and images.
func (t *tuning) possible(c *candidate) bool {
	f, err := t.flags(c)
	return err == nil && t.prepare(f, 0, 0) == nil
}

// prepare makes the one job of f.
func (t *tuning) prepare(f *metamerFlags, image, seed int) error {
	_, err := t.job(f, image, seed)
	return err
}

// job returns the job of an image and a seed. What it notes of the image has
// been noted before.
func (t *tuning) job(f *metamerFlags, image, seed int) (*job, error) {
	quiet := *t.app
	quiet.stderr = io.Discard
	f.complete()
	f.seed += uint64(seed)
	list, err := f.jobs(&quiet, slices.Clone(t.list[image:image+1]))
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// measure runs c, unless that was done before, and keeps what it found.
func (t *tuning) measure(ctx context.Context, c *candidate, image, seed int, limit float64) (measured, error) {
	key := fmt.Sprintf("%s | %s | seed %d", c, t.list[image].label(), seed)
	if m, ok := t.Measured[key]; ok && (m.Good || m.Limit >= limit*.99 || m.Error != "") {
		return m, nil
	}
	m, err := t.run(ctx, c, image, seed, limit)
	if err != nil || ctx.Err() != nil {
		return m, err
	}
	t.Measured[key] = m
	return m, t.save()
}

// run runs c until it is good, or for so many seconds. What fails is a result: a
// loss that is not finite, memory that does not suffice.
func (t *tuning) run(ctx context.Context, c *candidate, image, seed int, limit float64) (m measured, err error) {
	m = measured{Limit: limit, Worst: math.MaxFloat64}
	f, err := t.flags(c)
	if err != nil {
		return m, err
	}
	j, err := t.job(f, image, seed)
	if err != nil {
		return m, err
	}
	dev, err := f.backend()
	if err != nil {
		return m, err
	}
	s, err := f.start(dev, []*job{j})
	if err != nil {
		m.Error = err.Error()
		return m, nil
	}
	defer s.Close()
	err = toGood(ctx, s.(*metamerRun), f, limit, &m)
	if err != nil && (errors.Is(err, synth.ErrNaN) || errors.Is(err, autograd.ErrMemory)) {
		m.Error, err = err.Error(), nil
	}
	return m, err
}

// toGood runs s in stretches, each an eighth of what is done, until it is good.
// The time of judging does not count.
func toGood(ctx context.Context, s *metamerRun, f *metamerFlags, limit float64, m *measured) error {
	for at := 0; m.Seconds < limit && ctx.Err() == nil; {
		at += max(f.shortest(), at/8)
		clock := time.Now()
		r, err := s.Run(ctx, synth.Stop{Iterations: at, Time: time.Duration((limit - m.Seconds) * float64(time.Second))})
		m.Seconds += time.Since(clock).Seconds()
		if err != nil {
			return err
		}
		x, err := s.result(0)
		if err != nil {
			return err
		}
		list, err := s.Judge(tensor.Contiguous(x))
		if err != nil {
			return err
		}
		o := list[0]
		m.Worst = math.Max(o.Whole.Ratio/synth.MatchedError, worstGroup(&o)/synth.MatchedGroup)
		if m.Good = o.Matched; m.Good {
			m.Iterations = at
			return nil
		}
		if r.StoppedBy[0] != synth.StopIterations && r.StoppedBy[0] != synth.StopTime { // it will not get better
			return nil
		}
	}
	return nil
}
