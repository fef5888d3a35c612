package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

var geodesicMethod = &method{name: "geodesic", columns: []string{"path_energy", "image_energy"}, flags: func(a *app) methodFlags { return a.newGeodesicFlags() }}

func (a *app) geodesicCommand() *cobra.Command {
	return a.synthesisCommand(geodesicMethod, &cobra.Command{
		Use:   "geodesic A B [A B]…",
		Short: "Find the path between two images that is shortest to a model",
		Long: `geodesic finds the frames between images A and B whose representations are the
shortest path, in even steps, that a model can be led along. What changes evenly
and only as much as it must in these frames is what the model sees; where a model
is like a person, the frames look like a smooth transformation.

A model may see many paths as equally short. --method conditional takes of these
the one that is shortest in the images too (Hénaff and Simoncelli 2016);
--method energy shortens the represented path alone, as plenoptic 1.1 did. Each
starts from the straight line between the images, the pixel fade, and from
random paths: that they agree is a sign that there is no better path.

It writes a folder with run.json, history.csv, target.npy (A and B), start.npy
and result.npy (the frames of the best path), path.png, a report as one HTML
page, and a checkpoint. More than two images are pairs, each with a folder of its
own in one that has index.csv.

It ends with exit code 0 if the path is a good geodesic, 3 if it is not, 1 if it
failed, 2 if it was called wrongly, and 130 if it was interrupted; --resume then
continues it.`,
		Example: `  percept geodesic a.png b.png --size 64x64 --model on-off
  percept geodesic a.png b.png --size 128x128 --steps 20 --starts 3 -o run
  percept geodesic a.png b.png --method energy --optimizer adam:lr=0.001
  percept geodesic a.png b.png c.png d.png        from a to b and from c to d
  percept geodesic a.npy b.npy -o runs            image by image of two files
  percept geodesic --resume run --iterations +20`,
		Args: cobra.ArbitraryArgs,
	})
}

// geodesicFlags are those of percept geodesic.
type geodesicFlags struct {
	runFlags
	optimFlags
	model      specFlag[modelKind]
	way        *choice
	steps      natural
	init       *choice
	starts     natural
	bridgeNorm amount
	still      optional
}

func (a *app) newGeodesicFlags() *geodesicFlags {
	f := &geodesicFlags{runFlags: newRunFlags(), optimFlags: newOptimFlags(), model: a.modelFlag(), steps: natural{n: 10, min: 1}, bridgeNorm: amount{1},
		way:  newChoice("auto", string(synth.Conditional), string(synth.Energy)),
		init: newChoice(string(synth.Straight), string(synth.Bridge))}
	return f
}

func (f *geodesicFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.Var(&f.model, "model", "the model to which the path is short")
	fs.Var(f.way, "method", "conditional: short in the images too; energy: short to the model alone; auto: conditional, or energy with --recipe reference")
	fs.Var(&f.steps, "steps", "steps from A to B: there are one more frames")
	fs.Var(f.init, "init", "the first start: the straight line, or a Brownian bridge, a random path from --seed")
	fs.Var(&f.starts, "starts", "starts, of which those after the first are random paths; 0: 2 for conditional, 1 for energy")
	fs.Var(&f.bridgeNorm, "bridge-norm", "half the L2 norm that a random walk of as many steps reaches")
	f.registerOptimizer(fs, "adam:lr=0.001, for energy; conditional takes Gauss–Newton steps and none")
	f.registerBudget(fs, fmt.Sprintf("steps of the search (default %d)", geodesicIterations))
	fs.Var(&f.still, "tolerance", "conditional: stop when the image energy changes by less, relative to the straight line's (default 1e-4); energy: when the frames change by a smaller L2 norm (default 1.6e-4 of theirs); 0 never")
	fs.Var(&f.window, "tolerance-window", "conditional: evaluations over which --tolerance looks; energy: iterations in a row")
	f.registerSeeds(fs)
	f.device.register(fs)
	f.image.register(fs)
	f.registerOutput(fs, "geodesic")
}

// geodesicIterations is the reference's default.
const geodesicIterations = 1000

func (f *geodesicFlags) check() error {
	if f.method() == synth.Conditional && (f.set.Changed("optimizer") || f.set.Changed("scheduler")) {
		return usage("--optimizer and --scheduler are for --method energy; the conditional geodesic takes Gauss–Newton steps")
	}
	if f.steps.n < 2 {
		return usage("--steps %d: a path of one step has no frame between its ends; give at least 2", f.steps.n)
	}
	if f.bridgeNorm.v == 0 {
		return usage("--bridge-norm 0: such a path is the straight line; give a larger norm, or --starts 1")
	}
	return f.runFlags.check()
}

// method returns what --method comes to.
func (f *geodesicFlags) method() synth.GeodesicMethod {
	switch {
	case f.way.value != "auto":
		return synth.GeodesicMethod(f.way.value)
	case f.reference():
		return synth.Energy
	}
	return synth.Conditional
}

func (f *geodesicFlags) complete() {
	f.way.value = string(f.method())
	setDefault(&f.penalty, f.penalty.given(), "range")
	if f.method() == synth.Energy {
		setDefault(&f.optimizer, f.optimizer.given(), "adam:lr=0.001")
		setDefault(&f.scheduler, f.scheduler.given(), "none")
	} else {
		f.withoutOptimizer()
	}
	setDefault(&f.iterations, f.iterations.given, strconv.Itoa(geodesicIterations))
	if f.starts.n == 0 {
		f.starts.n = 2
		if f.method() == synth.Energy {
			f.starts.n = 1
		}
	}
}

func (f *geodesicFlags) paths(_ *cobra.Command, given []string) ([]string, error) {
	if len(given) == 0 || len(given)%2 != 0 {
		return nil, usage("a path leads from one image to another: pairs of images are needed, A B or A B C D, and there are %d images", len(given))
	}
	return given, nil
}

func (f *geodesicFlags) options(seed uint64) (o synth.GeodesicOptions, err error) {
	o = synth.GeodesicOptions{Method: f.method(), Steps: f.steps.n, Init: synth.PathStart(f.init.value), Starts: f.starts.n, BridgeNorm: f.bridgeNorm.v,
		Seed: seed, Window: f.window.n, StoreEvery: f.saveEvery.n}
	if o.Penalty, err = f.penalty.make(f.penalty.spec); err != nil {
		return o, err
	}
	if o.Method == synth.Energy {
		o.Optimizer, o.Scheduler = f.make(), f.scheduler.make(f.scheduler.spec)
	}
	if f.still.given {
		o.Tolerance = &f.still.v
	}
	return o, nil
}

// pairsOf returns the images of the first, third, … file, each with that of the
// file that follows.
func pairsOf(list []picture) (pairs [][2]picture, err error) {
	var files [][]picture
	for _, p := range list {
		if p.file == len(files) {
			files = append(files, nil)
		}
		files[p.file] = append(files[p.file], p)
	}
	for i := 0; i < len(files); i += 2 {
		a, b := files[i], files[i+1]
		if len(a) != len(b) {
			return nil, usage("%s holds %d images and %s %d; as many are needed in one as in the other", a[0].path, len(a), b[0].path, len(b))
		}
		for k := range a {
			pairs = append(pairs, [2]picture{a[k], b[k]})
		}
	}
	return pairs, nil
}

// jobs tries each pair of images, so that nothing that cannot be done is begun.
func (f *geodesicFlags) jobs(a *app, list []picture) (jobs []*job, err error) {
	pairs, err := pairsOf(list)
	if err != nil {
		return nil, err
	}
	for _, both := range pairs {
		p, q := &both[0], &both[1]
		if p.x.Type != q.x.Type {
			return nil, usage("%s has %d×%d pixels and %d channels, %s %d×%d and %d; give both one size, such as --size 128x128 makes",
				p.label(), p.x.Dim[2], p.x.Dim[3], p.x.Dim[1], q.label(), q.x.Dim[2], q.x.Dim[3], q.x.Dim[1])
		}
		if err := a.checkLarge(p.label(), f, p.x.Dim[1], p.x.Dim[2], p.x.Dim[3], builder(&f.model)); err != nil {
			return nil, err
		}
		model, err := a.construct(&f.model, both[:])
		if err != nil {
			return nil, err
		}
		for b := range f.batch.n {
			jobs = append(jobs, f.newJob(a, p, q, model, f.seed+uint64(b)))
		}
		if err := a.checkMemory(jobs[len(jobs)-1]); err != nil {
			return nil, err
		}
		s, err := f.start(nil, jobs[len(jobs)-1:])
		if err != nil {
			return nil, usage("%s and %s: %w", p.label(), q.label(), err)
		}
		s.Close()
	}
	return jobs, nil
}

// newJob returns the job of the path from p to q.
func (f *geodesicFlags) newJob(a *app, p, q *picture, model synth.Model, seed uint64) *job {
	j := a.newJob(geodesicMethod, f, p, seed)
	j.model, j.inputs = model, append(j.inputs, q.record())
	j.name = p.name + "-" + q.name
	if j.sub = j.name; f.batch.n > 1 {
		j.sub += fmt.Sprintf("-seed%d", j.seed)
	}
	j.target = tensor.New(j.target.DType, append([]int{2}, j.target.Shape()[1:]...)...)
	tensor.Copy(j.target.Crop(0, 0, 1, 1), cast(p.x, j.target.DType))
	tensor.Copy(j.target.Crop(0, 1, 2, 1), cast(q.x, j.target.DType))
	return j
}

func (f *geodesicFlags) revive(a *app, j *job) (err error) {
	t := j.target
	if t.Dim[0] != 2 {
		return fmt.Errorf("its ends have the type %v; two images expected", t.Type)
	}
	if j.model, err = f.model.make.construct(f.model.spec, t.Dim[2], t.Dim[3]); err != nil {
		return err
	}
	return a.checkMemory(j)
}

// joins reports that pairs are treated one after the other: the frames of one are
// a batch already.
func (f *geodesicFlags) joins(_, _ *job) bool { return false }

func (f *geodesicFlags) shortest() int {
	if f.method() == synth.Conditional {
		return 1
	}
	return f.optimFlags.shortest()
}

func (f *geodesicFlags) start(dev autograd.Backend, jobs []*job) (running, error) {
	j := jobs[0]
	o, err := f.options(j.seed)
	if err != nil {
		return nil, err
	}
	s, err := synth.NewGeodesic(dev, j.target.Crop(0, 0, 1, 1), j.target.Crop(0, 1, 2, 1), j.model, o)
	if err != nil {
		return nil, err
	}
	return &geodesicRun{Geodesic: s, f: f}, nil
}

// geodesicWays say how a path was found, in the Methods paragraph.
var geodesicWays = map[synth.GeodesicMethod]string{
	synth.Conditional: "The path energy, the mean squared norm of the steps between successive representations, was minimised by Gauss–Newton steps; of the paths that are as short to the model within 0.1 %, " +
		"the one shortest in the image domain was then approached by steps down the same energy of the images, projected off the range of the Gauss–Newton matrix, each followed by minimising the path energy again.",
	synth.Energy: "The path energy, the mean squared norm of the steps between successive representations, was minimised by the optimizer ",
}

func (f *geodesicFlags) methods(r *result) (text string, keys []string) {
	v, _ := version()
	shape := r.job.target.Shape()
	var b strings.Builder
	fmt.Fprintf(&b, "A geodesic (Hénaff and Simoncelli, 2016) of %d frames between %s (%d × %d pixels%s) was synthesised with percept %s, after plenoptic (Duong et al., 2023). ",
		f.steps.n+1, r.job.inputText(), shape[2], shape[3], channelPhrase(shape[1]), v)
	fmt.Fprintf(&b, "The model was %s. ", described(f.model.spec, docOf(f.model.table, f.model.spec)))
	b.WriteString(geodesicWays[f.method()])
	if f.method() == synth.Energy {
		fmt.Fprintf(&b, "%s.", described(f.optimizer.spec, docOf(f.optimizer.table, f.optimizer.spec)))
	}
	if f.penalty.spec.Name != "none" {
		fmt.Fprintf(&b, " Pixels were kept within bounds by the penalty %s.", described(f.penalty.spec, docOf(f.penalty.table, f.penalty.spec)))
	}
	fmt.Fprintf(&b, " The best of %d starts was taken (the first %s, seed %d), after %d iterations and %d evaluations in %s.",
		f.starts.n, geodesicStarts[synth.PathStart(f.init.value)], r.job.seed, r.last().Iteration, r.last().Evaluations, f.device.dtype.value)
	if r.verdict != nil {
		b.WriteString(r.verdict.methods)
	}
	keys = append(append(keys, citations[f.model.spec.Name]...), "henaff2016", "duong2023")
	if f.method() == synth.Energy {
		keys = append(keys, citations[f.optimizer.spec.Name]...)
	}
	return b.String(), keys
}

var geodesicStarts = map[synth.PathStart]string{synth.Straight: "the straight line", synth.Bridge: "a Brownian bridge"}
