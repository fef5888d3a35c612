package cli

import (
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
	model specFlag[modelKind]
	loss  specFlag[func(spec.Spec) (synth.Loss, error)]
}

func (a *app) newMetamerFlags() *metamerFlags {
	f := &metamerFlags{runFlags: newRunFlags(), optimFlags: newOptimFlags(), startFlags: newStartFlags(), model: a.modelFlag()}
	f.loss.table = &losses
	return f
}

func (f *metamerFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.Var(&f.model, "model", "the model that is to see no difference")
	fs.Var(&f.loss, "loss", "distance of representations (default portilla-simoncelli for that model, else mse:scale=start)")
	f.registerOptimizer(fs, "lbfgs")
	f.registerBudget(fs, "steps of the optimizer (default 100 for lbfgs, else 3000)")
	f.registerTolerance(fs)
	f.registerSeeds(fs)
	f.registerStart(fs)
	f.device.register(fs)
	f.image.register(fs)
	f.registerOutput(fs, "metamer")
}

func (f *metamerFlags) complete() {
	loss, optimizer := "mse:scale=start", "lbfgs"
	switch {
	case f.reference():
		loss, optimizer = "mse", "adam"
	case f.model.spec.Name == "portilla-simoncelli":
		loss = "portilla-simoncelli"
	}
	setDefault(&f.loss, f.loss.given(), loss)
	f.completeOptimizer(&f.runFlags, optimizer)
}

// need returns what a synthesis needs of memory.
func (f *metamerFlags) need() memoryNeed {
	return memoryNeed{&f.model, &f.optimizer, f.device.element()}
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
