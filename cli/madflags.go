package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
)

// madFlags are those of percept mad.
type madFlags struct {
	runFlags
	optimFlags
	reference, optimized specFlag[metricKind]
	target               *choice
	tradeoff             tradeoff
	noise                amount
	noiseMSE             optional
	init                 string
	starts               natural
	within               optional // tolerance
}

func (a *app) newMADFlags() *madFlags {
	f := &madFlags{runFlags: newRunFlags(), optimFlags: newOptimFlags(), target: newChoice("all", "min", "max"), noise: amount{.1}}
	f.reference.table, f.optimized.table = a.metrics, a.metrics
	return f
}

func (f *madFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.Var(&f.reference, "reference-metric", "the metric that is held (default mse)")
	fs.Var(&f.optimized, "optimized-metric", "the metric that is driven (default dssim)")
	fs.Var(f.target, "target", "make the optimized metric least or most; all: both, and the same with the metrics exchanged")
	fs.Var(&f.tradeoff, "tradeoff", "constrained: move on the level set of the metric that is held; a number: weight of its squared change in the objective; auto: a weight as plenoptic chooses it (default constrained)")
	fs.Var(&f.noise, "noise", "standard deviation of the white noise that is added to IMAGE to start from")
	fs.Var(&f.noiseMSE, "noise-mse", "in its place, the mean square that the noise has exactly")
	fs.StringVar(&f.init, "init", "auto", "start: auto or noise (IMAGE with noise), or a `FILE`")
	fs.Var(&f.starts, "starts", "make each image from `N` noises and keep the best, 0: 2 if constrained, else 1")
	fs.Var(&f.penalty, "penalty", "what keeps pixels within bounds; constrained: the bounds themselves (default range)")
	fs.Var(&f.optimizer, "optimizer", "how the image is changed if there is a weight (default lbfgs)")
	fs.Var(&f.scheduler, "scheduler", "how that optimizer's rate changes (default none)")
	fs.Var(f.recipe, "recipe", "reference: start, random numbers, trade-off and defaults of plenoptic")
	f.registerBudget(fs, "steps (default 15000 if constrained, else as the optimizer has)")
	fs.Var(&f.within, "tolerance", "constrained: stop when the gradient along the level set is at most this part of the gradient (default 1e-3); otherwise when the loss changes by less (default 1e-4); 0 never")
	fs.Var(&f.window, "tolerance-window", "iterations over which --tolerance looks at the loss")
	f.registerSeeds(fs)
	f.device.register(fs)
	f.image.register(fs)
	f.registerOutput(fs, "mad")
}

func (f *madFlags) constrained() bool { return f.tradeoff.kind == synth.Constrained }

func (f *madFlags) check() error {
	if err := f.runFlags.check(); err != nil {
		return err
	}
	constrained := f.constrained() && (f.tradeoff.given || !f.optimFlags.reference())
	switch {
	case constrained && f.optimFlags.reference():
		return usage("--tradeoff constrained is not plenoptic's; --recipe reference takes auto or a number")
	case constrained && f.set.Changed("optimizer"):
		return usage("--optimizer %s: the constrained search has an optimizer of its own; one can be chosen with --tradeoff auto or a number", &f.optimizer)
	case constrained && f.set.Changed("scheduler"):
		return usage("--scheduler %s: the constrained search has no rate to change; --tradeoff auto or a number has", &f.scheduler)
	case f.noiseMSE.given && f.set.Changed("noise"):
		return usage("--noise and --noise-mse both say how strong the noise is; give one")
	case f.starts.n > 1 && f.optimFlags.reference():
		return usage("--starts %d: plenoptic has one start", f.starts.n)
	case f.noise.v == 0 || f.noiseMSE.given && f.noiseMSE.v == 0:
		return usage("without noise the start is the image itself, where no metric has a gradient; --noise above 0 is needed")
	}
	return nil
}

func (f *madFlags) complete() {
	setDefault(&f.reference, f.reference.given(), "mse")
	setDefault(&f.optimized, f.optimized.given(), "dssim")
	setDefault(&f.penalty, f.penalty.given(), "range")
	if !f.tradeoff.given && f.optimFlags.reference() {
		setDefault(&f.tradeoff, false, "auto")
	}
	setDefault(&f.tradeoff, f.tradeoff.given, "constrained")
	tolerance, iterations := synth.MatchedKKT, optim.Tangent{}.Iterations()
	if !f.constrained() {
		optimizer := "lbfgs"
		if f.optimFlags.reference() {
			optimizer = "adam"
		}
		f.completeOptimizer(&f.runFlags, optimizer)
		tolerance = 1e-4
	} else {
		f.withoutOptimizer()
	}
	setDefault(&f.iterations, f.iterations.given, strconv.Itoa(iterations))
	setDefault(&f.within, f.within.given, strconv.FormatFloat(tolerance, 'g', -1, 64))
}

// shortest hides that of optimFlags: the constrained search has none.
func (f *madFlags) shortest() int {
	if f.constrained() {
		return 20
	}
	return f.optimFlags.shortest()
}

// goals returns those of --target.
func (f *madFlags) goals() []synth.Goal {
	switch f.target.value {
	case "min":
		return []synth.Goal{{}}
	case "max":
		return []synth.Goal{{Max: true}}
	}
	return synth.AllGoals()
}

// towards returns flags whose only goal is g, from metrics as they are named.
func (f *madFlags) towards(g synth.Goal) *madFlags {
	h := *f
	h.target = newChoice(f.target.words...)
	if h.target.value = "min"; g.Max {
		h.target.value = "max"
	}
	if g.Swapped {
		h.reference, h.optimized = f.optimized, f.reference
	}
	return &h
}

// A tradeoff is a flag that says how a metric is held.
type tradeoff struct {
	kind   synth.Tradeoff
	lambda float64
	given  bool
}

var tradeoffWords = map[string]synth.Tradeoff{"constrained": synth.Constrained, "auto": synth.Automatic}

func (t *tradeoff) String() string {
	switch {
	case !t.given:
		return ""
	case t.kind == synth.Weighted:
		return strconv.FormatFloat(t.lambda, 'g', -1, 64)
	case t.kind == synth.Automatic:
		return "auto"
	}
	return "constrained"
}

func (t *tradeoff) Type() string { return "constrained|auto|λ" }

func (t *tradeoff) Set(s string) error {
	if kind, ok := tradeoffWords[s]; ok {
		*t = tradeoff{kind: kind, given: true}
		return nil
	}
	var weight amount
	if err := weight.Set(s); err != nil || weight.v == 0 {
		return fmt.Errorf("constrained, auto or a number above 0 expected")
	}
	*t = tradeoff{synth.Weighted, weight.v, true}
	return nil
}
