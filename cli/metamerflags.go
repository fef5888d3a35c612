package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
)

// metamerFlags are those of percept metamer.
type metamerFlags struct {
	model     specFlag[modelKind]
	loss      specFlag[func(spec.Spec) (synth.Loss, error)]
	penalty   specFlag[func(spec.Spec) (synth.Penalty, error)]
	optimizer specFlag[func(spec.Spec) optim.Optimizer]
	scheduler specFlag[func(spec.Spec) optim.Scheduler]
	recipe    *choice

	iterations  budget
	evaluations natural
	time        time.Duration
	tolerance   amount
	window      natural

	seed      uint64
	batch     natural
	init      string
	initDType *choice
	device    deviceFlags
	image     imageFlags

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

func (a *app) newMetamerFlags() *metamerFlags {
	f := &metamerFlags{model: a.modelFlag()}
	f.loss.table, f.penalty.table, f.optimizer.table, f.scheduler.table = &losses, &penalties, &optimizers, &schedulers
	f.recipe = newChoice("none", "reference")
	f.window = natural{n: 50, min: 1}
	f.tolerance = amount{1e-4}
	f.batch = natural{n: 1, min: 1}
	f.initDType = newChoice("auto", "float64", "float32")
	f.pngBits = newChoice("8", "16")
	f.progress = newChoice("auto", "plain", "none")
	return f
}

func (f *metamerFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.SortFlags = false
	fs.Var(&f.model, "model", "the model that is to see no difference")
	fs.Var(&f.loss, "loss", "distance of representations (default portilla-simoncelli for that model, else mse:scale=start)")
	fs.Var(&f.penalty, "penalty", "what keeps pixels within bounds (default range)")
	fs.Var(&f.optimizer, "optimizer", "how the image is changed (default lbfgs)")
	fs.Var(&f.scheduler, "scheduler", "how the optimizer's rate changes (default none)")
	fs.Var(f.recipe, "recipe", "reference: start, random numbers and defaults of plenoptic")
	fs.Var(&f.iterations, "iterations", "steps of the optimizer; +N: as many more with --resume (default 100 for lbfgs, else 3000)")
	fs.Var(&f.evaluations, "evaluations", "evaluations of the model at most, 0 for no limit")
	fs.DurationVar(&f.time, "time", 0, "for each image at most this `DURATION`, such as 90s or 2h, 0 for no limit")
	fs.Var(&f.tolerance, "tolerance", "stop when the loss changes by less, 0 never")
	fs.Var(&f.window, "tolerance-window", "iterations over which --tolerance looks")
	fs.Uint64Var(&f.seed, "seed", 0, "the start is drawn from seed `N`")
	fs.Var(&f.batch, "batch", "syntheses of each image, with seeds from --seed on")
	fs.StringVar(&f.init, "init", "auto", "start: auto or noise (white noise), spectrum (noise with the target's amplitude spectrum), target+noise, or a `FILE`")
	fs.Var(f.initDType, "init-dtype", "precision in which noise is drawn; auto: that of --dtype")
	f.device.register(fs)
	f.image.register(fs)
	fs.StringVarP(&f.out, "output", "o", "", "folder `DIR` of the run (default NAME-metamer, then NAME-metamer-2 …)")
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
func (f *metamerFlags) check() error {
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
	return nil
}

// complete fills in the defaults that depend on other flags.
func (f *metamerFlags) complete() {
	reference := f.recipe.value == "reference"
	set := func(v pflag.Value, given bool, text string) {
		if !given {
			if err := v.Set(text); err != nil {
				panic(err) // the tables of this package have what this package sets
			}
		}
	}
	loss, optimizer := "mse:scale=start", "lbfgs"
	switch {
	case reference:
		loss, optimizer = "mse", "adam"
	case f.model.spec.Name == "portilla-simoncelli":
		loss = "portilla-simoncelli"
	}
	set(&f.loss, f.loss.given(), loss)
	set(&f.penalty, f.penalty.given(), "range")
	set(&f.optimizer, f.optimizer.given(), optimizer)
	set(&f.scheduler, f.scheduler.given(), "none")
	iterations := f.optimizer.make(f.optimizer.spec).Iterations()
	if reference {
		iterations = referenceIterations
	}
	set(&f.iterations, f.iterations.given, strconv.Itoa(iterations))
}

// referenceIterations is how long the reference synthesizes by default.
const referenceIterations = 100

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
