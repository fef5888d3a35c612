package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
)

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
	Lags       string  `json:",omitempty"` // the group that is
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

// spreadText is one time where both are.
func spreadText(lo, hi float64) string {
	if a, b := secondsText(lo), secondsText(hi); a != b {
		return a + " to " + b
	}
	return secondsText(lo)
}

// candidates returns what is tried beside the defaults: each value by itself,
// then mixtures. Flags in fixed stay as they are.
func candidates(n int, dims []choiceOf, fixed map[string]any, usable func(c *candidate) bool) []*candidate {
	dims = slices.DeleteFunc(slices.Clone(dims), func(d choiceOf) bool { return stays(fixed, d.flag) })
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
				add((&candidate{}).and(d, d.values[k], fixed))
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 * n {
		c := &candidate{}
		for _, d := range dims {
			if v := rng.IntN(2 * len(d.values)); v < len(d.values) {
				c = c.and(d, d.values[v], fixed)
			}
		}
		add(c)
	}
	return list
}

// stays reports whether a flag was given. A trade-off that is to be chosen is
// still open.
func stays(fixed map[string]any, flag string) bool {
	v, given := fixed[flag]
	return given && !(flag == "tradeoff" && v == "auto")
}

// and returns c with a value of d too, and with what that needs.
func (c *candidate) and(d choiceOf, value string, fixed map[string]any) *candidate {
	with := c.with(flagValue{d.flag, value})
	for _, v := range d.needs {
		if !stays(fixed, v.flag) && !with.sets(v.flag) {
			with = with.with(v)
		}
	}
	return with
}

// with returns c with v in the place of what it has of that flag.
func (c *candidate) with(v flagValue) *candidate {
	set := slices.DeleteFunc(slices.Clone(c.set), func(w flagValue) bool { return w.flag == v.flag })
	return &candidate{set: append(set, v)}
}

func (c *candidate) sets(flag string) bool {
	return slices.ContainsFunc(c.set, func(v flagValue) bool { return v.flag == flag })
}

// together returns what the best settings are in twos, and all that beat the
// defaults at once. list begins with the best.
func together(list []*candidate, usable func(c *candidate) bool) (more []*candidate) {
	at := slices.IndexFunc(list, func(c *candidate) bool { return len(c.set) == 0 })
	if at < 2 {
		return nil
	}
	seen := map[string]bool{}
	for _, c := range list {
		seen[c.String()] = true
	}
	add := func(c *candidate) {
		if s := c.String(); !seen[s] && usable(c) {
			seen[s] = true
			more = append(more, c)
		}
	}
	all := list[0]
	for _, c := range list[1:min(at, 4)] {
		add(merged(list[0], c))
		all = merged(all, c)
	}
	add(all)
	return more
}

// merged returns a with what c sets and a does not.
func merged(a, c *candidate) *candidate {
	for _, v := range c.set {
		if !a.sets(v.flag) {
			a = a.with(v)
		}
	}
	return &candidate{set: a.set}
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

// idle reports whether a scheduler is given that does nothing: beside L-BFGS,
// whose line search finds the length of each step.
func (f *optimFlags) idle() bool {
	return f.optimizer.spec.Name == "lbfgs" && f.scheduler.given() && f.scheduler.spec.Name != "none"
}

// search narrows the candidates down and returns the last of them, the best
// first.
func (t *tuning) search(ctx context.Context) ([]*candidate, error) {
	list, err := t.candidates(ctx)
	if err != nil || ctx.Err() != nil {
		return nil, err
	}
	limit := t.Budget.Seconds()
	for rung, seeds := range t.rungs() {
		for i, c := range list {
			for image := range t.subjects {
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
		if rung == 0 && len(t.rungs()) > 1 {
			list = append(list, together(list, t.possible)...)
		}
	}
	return list, nil
}

// candidates measures the defaults, which say what else is worth a try.
func (t *tuning) candidates(ctx context.Context) ([]*candidate, error) {
	f, err := t.flags(&candidate{})
	if err != nil {
		return nil, err
	}
	if _, err := t.jobs(f, 0, 0); err != nil {
		return nil, err
	}
	defaults, err := t.measure(ctx, &candidate{}, 0, 0, t.Budget.Seconds())
	if err != nil || ctx.Err() != nil {
		return nil, err
	}
	dims, err := t.tuner.varied(t, &defaults)
	if err != nil {
		return nil, err
	}
	return candidates(t.Trials, dims, t.Settings, t.possible), nil
}

// shortfall says how far a run is from good.
func (m measured) shortfall() string {
	if m.Worst == math.MaxFloat64 {
		return "nothing was found"
	}
	return fmt.Sprintf("%.3g times what is allowed remains", m.Worst)
}

func (c *candidate) outcome() string {
	_, mid, _ := c.spread()
	if c.good() == 0 {
		if e := c.runs[0].Error; e != "" {
			return e
		}
		return "not good: " + c.runs[0].shortfall()
	}
	if c.good() < len(c.runs) {
		return fmt.Sprintf("good in %d of %d runs", c.good(), len(c.runs))
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

// possible reports whether c means something and goes with method and images.
func (t *tuning) possible(c *candidate) bool {
	f, err := t.flags(c)
	if err != nil {
		return false
	}
	if _, err := t.jobs(f, 0, 0); err != nil {
		return false
	}
	o, ok := f.(interface{ idle() bool })
	return !ok || !o.idle()
}

// jobs returns what is to be done of a subject with a seed, all of it one
// synthesis. What it notes of the images has been noted before.
func (t *tuning) jobs(f methodFlags, subject, seed int) ([]*job, error) {
	quiet := *t.app
	quiet.stderr = io.Discard
	f.complete()
	f.common().seed += uint64(seed)
	list, err := f.jobs(&quiet, slices.Clone(t.subjects[subject]))
	if err != nil {
		return nil, err
	}
	for _, j := range list[1:] {
		if !f.joins(list[0], j) {
			return nil, usage("%s and %s are %d runs; one at a time can be tuned", list[0].inputText(), j.inputText(), len(list))
		}
	}
	return list, nil
}

// begin makes the synthesis of a subject.
func (t *tuning) begin(f methodFlags, subject, seed int) (tunable, error) {
	jobs, err := t.jobs(f, subject, seed)
	if err != nil {
		return nil, err
	}
	dev, err := f.common().backend()
	if err != nil {
		return nil, err
	}
	s, err := f.start(dev, jobs)
	if err != nil {
		return nil, &startError{err}
	}
	return s.(tunable), nil
}

// A startError is why a synthesis cannot begin with settings that were tried.
type startError struct{ error }

// measure runs c, unless that was done before, and keeps what it found.
func (t *tuning) measure(ctx context.Context, c *candidate, image, seed int, limit float64) (measured, error) {
	key := fmt.Sprintf("%s | %s | seed %d", c, t.subjects[image][0].label(), seed)
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
func (t *tuning) run(ctx context.Context, c *candidate, subject, seed int, limit float64) (m measured, err error) {
	m = measured{Limit: limit, Worst: math.MaxFloat64}
	f, err := t.flags(c)
	if err != nil {
		return m, err
	}
	s, err := t.begin(f, subject, seed)
	if err == nil {
		defer s.Close()
		err = t.toGood(ctx, s, f, limit, &m)
	}
	var start *startError
	if errors.As(err, &start) || errors.Is(err, synth.ErrNaN) || errors.Is(err, autograd.ErrMemory) {
		m.Error, err = err.Error(), nil
	}
	return m, err
}

// toGood runs s in stretches, each an eighth of what is done, until it is good.
// The time of judging does not count.
func (t *tuning) toGood(ctx context.Context, s tunable, f methodFlags, limit float64, m *measured) error {
	for at := 0; m.Seconds < limit && ctx.Err() == nil; {
		at += max(f.shortest(), at/8)
		clock := time.Now()
		r, err := s.Run(ctx, synth.Stop{Iterations: at, Time: time.Duration((limit - m.Seconds) * float64(time.Second))})
		m.Seconds += time.Since(clock).Seconds()
		if err != nil {
			return err
		}
		now, err := s.standing(t)
		if err != nil {
			return err
		}
		m.Lags = now.lags
		if now.worst <= math.MaxFloat64 {
			m.Worst = now.worst
		}
		if m.Good = now.good; m.Good {
			m.Iterations = at
			return nil
		}
		if !slices.ContainsFunc(r.StoppedBy, func(by synth.StopReason) bool { return by == synth.StopIterations || by == synth.StopTime }) { // it will not get better
			return nil
		}
	}
	return nil
}
