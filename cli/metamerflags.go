package cli

import (
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
)

// metamerFlags are those of percept metamer.
type metamerFlags struct {
	runFlags
	optimFlags
	startFlags
	stageFlags
	canvasFlags
	model specFlag[modelKind]
	loss  specFlag[func(spec.Spec) (synth.Loss, error)]

	budgetGiven bool // --iterations was
}

func (a *app) newMetamerFlags() *metamerFlags {
	f := &metamerFlags{runFlags: newRunFlags(), optimFlags: newOptimFlags(), startFlags: newStartFlags(), stageFlags: newStageFlags(), model: a.modelFlag()}
	f.loss.table = &losses
	return f
}

func (f *metamerFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.Var(&f.model, "model", "the model that is to see no difference")
	fs.Var(&f.loss, "loss", "distance of representations (default portilla-simoncelli for that model, groupwise for its covariances, else mse:scale=start)")
	f.registerOptimizer(fs, "lbfgs:precondition=spectral")
	f.registerBudget(fs, "steps of the optimizer (default 100 for lbfgs, else 3000, for each stage)")
	f.registerTolerance(fs)
	f.registerStages(fs)
	f.registerSeeds(fs)
	f.registerStart(fs)
	f.registerCanvas(fs)
	f.device.register(fs)
	f.image.register(fs)
	f.registerOutput(fs, "metamer")
}

func (f *metamerFlags) complete() {
	loss, optimizer := "mse:scale=start", "lbfgs:precondition=spectral"
	switch {
	case f.reference():
		loss, optimizer = "mse", "adam"
	case f.model.spec.Given("statistics") && f.model.spec.Text("statistics") == "covariance":
		loss = "groupwise" // groups of covariances differ in size by orders of magnitude
	case f.model.spec.Name == "portilla-simoncelli":
		loss = "portilla-simoncelli"
	}
	setDefault(&f.loss, f.loss.given(), loss)
	f.budgetGiven = f.iterations.given
	f.completeOptimizer(&f.runFlags, optimizer)
}

// history returns how many pairs the optimizer keeps, and the bytes of one for each
// number of an image.
func (f *metamerFlags) history() (pairs, bytes int) {
	if f.optimizer.spec.Name != "lbfgs" {
		return 0, 0
	}
	size := f.device.element().Size()
	if f.optimizer.spec.Text("history-dtype") == "float32" {
		size = 4
	}
	return f.optimizer.spec.Int("history"), 2 * size
}

// startFlags say what a synthesis begins with.
type startFlags struct {
	init      string
	initDType *choice
}

func newStartFlags() startFlags {
	return startFlags{initDType: newChoice("auto", "float64", "float32")}
}

func (f *startFlags) registerStart(fs *pflag.FlagSet) {
	fs.StringVar(&f.init, "init", "auto", "start: auto or noise (white noise), spectrum (noise with the target's amplitude spectrum), target+noise, or a `FILE`")
	fs.Var(f.initDType, "init-dtype", "precision in which noise is drawn; auto: that of --dtype")
}

// stageFlags say in which stages a representation is matched.
type stageFlags struct {
	coarseToFine *choice
	change       amount
	changeWindow natural
}

func newStageFlags() stageFlags {
	return stageFlags{coarseToFine: newChoice("none", string(synth.Together), string(synth.Separate)), change: amount{.01}, changeWindow: natural{n: 50, min: 1}}
}

func (f *stageFlags) registerStages(fs *pflag.FlagSet) {
	fs.Var(f.coarseToFine, "coarse-to-fine", "match the scales of the model one after the other, each beside those before (together) or by itself (separate), then all")
	fs.Var(&f.change, "change-tolerance", "go on to the next stage when its loss changes by less")
	fs.Var(&f.changeWindow, "change-window", "iterations over which --change-tolerance looks, and the least of a stage")
}

// order returns that of the stages.
func (f *stageFlags) order() synth.CoarseToFine {
	if f.coarseToFine.value == "none" {
		return synth.AllAtOnce
	}
	return synth.CoarseToFine(f.coarseToFine.value)
}

// completeStages gives every stage of m the optimizer's default of iterations.
func (f *metamerFlags) completeStages(m synth.Model) {
	s, ok := m.(synth.Scaled)
	if !ok || f.budgetGiven || f.reference() {
		return
	}
	n := len(f.order().Stages(s.Scales())) * f.make().Iterations()
	setDefault(&f.iterations, false, strconv.Itoa(n))
}
