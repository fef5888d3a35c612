package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
)

// runFlags are those of every command that leaves run folders.
type runFlags struct {
	set *pflag.FlagSet // all flags of the command

	iterations  budget
	evaluations natural
	time        time.Duration

	seed   uint64
	batch  natural
	device deviceFlags
	image  imageFlags

	out             string
	force           bool
	resume          string
	config          string
	pngBits         *choice
	saveEvery       natural
	checkpointEvery time.Duration
	progress        *choice
	json            bool
}

// outside are the flags that are no part of a run's settings: they say where
// it goes and what is shown.
var outside = map[string]bool{"output": true, "force": true, "resume": true, "config": true, "progress": true, "json": true, "help": true}

// resumable are the flags that may differ when a run is resumed: budget,
// progress and threads, which do not change what is computed.
var resumable = map[string]bool{"iterations": true, "evaluations": true, "time": true, "checkpoint-every": true, "threads": true, "progress": true, "json": true, "resume": true}

func newRunFlags() runFlags {
	return runFlags{batch: natural{n: 1, min: 1}, pngBits: newChoice("8", "16"), progress: newChoice("auto", "plain", "none")}
}

// common returns f: flags that embed it have it too.
func (f *runFlags) common() *runFlags { return f }

// registerBudget adds the flags that say how long a run may take.
func (f *runFlags) registerBudget(fs *pflag.FlagSet, iterations string) {
	fs.Var(&f.iterations, "iterations", iterations+"; +N: as many more with --resume")
	fs.Var(&f.evaluations, "evaluations", "evaluations of the model at most, 0 for no limit")
	fs.DurationVar(&f.time, "time", 0, "for each image at most this `DURATION`, such as 90s or 2h, 0 for no limit")
}

// registerSeeds adds the flags of random numbers.
func (f *runFlags) registerSeeds(fs *pflag.FlagSet) {
	fs.Uint64Var(&f.seed, "seed", 0, "the start is drawn from seed `N`")
	fs.Var(&f.batch, "batch", "syntheses of each image, with seeds from --seed on")
}

// registerOutput adds the flags that say where a run goes and what is shown of
// it. NAME of a folder is followed by the method.
func (f *runFlags) registerOutput(fs *pflag.FlagSet, method string) {
	fs.StringVarP(&f.out, "output", "o", "", fmt.Sprintf("folder `DIR` of the run (default NAME-%s, then NAME-%s-2 …)", method, method))
	fs.BoolVar(&f.force, "force", false, "overwrite a run in the folder of -o")
	fs.StringVar(&f.resume, "resume", "", "continue the run in the folder `DIR`")
	fs.StringVar(&f.config, "config", "", "take settings from the `run.json` of another run; flags override them")
	fs.Var(f.pngBits, "png-bits", "bits of a number in PNG files")
	fs.Var(&f.saveEvery, "save-every", "keep the image before every such iteration, 0 for none")
	fs.DurationVar(&f.checkpointEvery, "checkpoint-every", time.Minute, "`DURATION` between checkpoints")
	fs.Var(f.progress, "progress", "how far the run is, on stderr: a line that changes on a terminal, plain lines, or none")
	fs.BoolVar(&f.json, "json", false, "print the outcome as JSON")
}

// check errs if values contradict each other.
func (f *runFlags) check() error {
	switch {
	case f.time < 0:
		return usage("--time %v is negative", f.time)
	case f.checkpointEvery <= 0:
		return usage("--checkpoint-every %v: a time above 0 expected", f.checkpointEvery)
	case f.iterations.more && f.resume == "":
		return usage("--iterations +%d: N more than what is done needs --resume", f.iterations.steps)
	case f.force && f.out == "":
		return usage("--force needs the folder that it is about: -o DIR")
	}
	return f.device.check()
}

// optimFlags say how a loss is made small.
type optimFlags struct {
	penalty   specFlag[func(spec.Spec) (synth.Penalty, error)]
	optimizer specFlag[func(spec.Spec) optim.Optimizer]
	scheduler specFlag[func(spec.Spec) optim.Scheduler]
	recipe    *choice
	tolerance amount
	window    natural
}

func newOptimFlags() optimFlags {
	f := optimFlags{recipe: newChoice("none", "reference"), window: natural{n: 50, min: 1}, tolerance: amount{1e-4}}
	f.penalty.table, f.optimizer.table, f.scheduler.table = &penalties, &optimizers, &schedulers
	return f
}

// register adds the flags; optimizer is the default.
func (f *optimFlags) registerOptimizer(fs *pflag.FlagSet, optimizer string) {
	fs.Var(&f.penalty, "penalty", "what keeps pixels within bounds (default range)")
	fs.Var(&f.optimizer, "optimizer", "how the image is changed (default "+optimizer+")")
	fs.Var(&f.scheduler, "scheduler", "how the optimizer's rate changes (default none)")
	fs.Var(f.recipe, "recipe", "reference: start, random numbers and defaults of plenoptic")
}

// registerTolerance adds the flags that say when a loss has converged.
func (f *optimFlags) registerTolerance(fs *pflag.FlagSet) {
	fs.Var(&f.tolerance, "tolerance", "stop when the loss changes by less, 0 never")
	fs.Var(&f.window, "tolerance-window", "iterations over which --tolerance looks")
}

// reference reports whether the recipe is that of the reference.
func (f *optimFlags) reference() bool { return f.recipe.value == "reference" }

// completeOptimizer fills in what was not given, and the iterations of r: as
// many as the optimizer has by default, or those of the reference.
func (f *optimFlags) completeOptimizer(r *runFlags, optimizer string) {
	setDefault(&f.penalty, f.penalty.given(), "range")
	setDefault(&f.optimizer, f.optimizer.given(), optimizer)
	setDefault(&f.scheduler, f.scheduler.given(), "none")
	iterations := f.optimizer.make(f.optimizer.spec).Iterations()
	if f.reference() {
		iterations = referenceIterations
	}
	setDefault(&r.iterations, r.iterations.given, strconv.Itoa(iterations))
}

// withoutOptimizer forgets what the settings of another run, of a search that has
// an optimizer, say of it.
func (f *optimFlags) withoutOptimizer() {
	fresh := newOptimFlags()
	f.optimizer, f.scheduler = fresh.optimizer, fresh.scheduler
}

// shortest is the least number of iterations that are run at a stretch. The
// loss of the image after one may cost an evaluation of its own, hence many
// iterations of an optimizer that evaluates once in each.
func (f *optimFlags) shortest() int {
	if f.optimizer.spec.Name == "lbfgs" {
		return 1
	}
	return 20
}

// make returns the optimizer.
func (f *optimFlags) make() optim.Optimizer {
	o := f.optimizer.make(f.optimizer.spec)
	if l, ok := o.(optim.LBFGS); ok && f.reference() {
		l.TwoLoop, l.Float64History = true, true
		o = l
	}
	return o
}

// referenceIterations is how long the reference synthesizes by default.
const referenceIterations = 100

// setDefault sets a flag that was not given.
func setDefault(v pflag.Value, given bool, text string) {
	if !given {
		if err := v.Set(text); err != nil {
			panic(err) // the tables of this package have what this package sets
		}
	}
}

// An amount is a finite number that is not negative.
type amount struct{ v float64 }

func (a *amount) String() string { return strconv.FormatFloat(a.v, 'g', -1, 64) }
func (a *amount) Type() string   { return "X" }

func (a *amount) Set(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0) || v > 1e300 {
		return fmt.Errorf("a number of at least 0 expected")
	}
	a.v = v
	return nil
}

// backend returns what computes.
func (f *runFlags) backend() (autograd.Backend, error) { return f.device.backend() }
