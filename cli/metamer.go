package cli

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// defaultImage is what percept metamer takes without an IMAGE, at a size at
// which a synthesis takes less than a minute.
const (
	defaultImage = "example:pebbles"
	defaultSize  = "192x192"
)

var metamerMethod = &method{name: "metamer", flags: func(a *app) methodFlags { return a.newMetamerFlags() }}

func (a *app) metamerCommand() *cobra.Command {
	return a.synthesisCommand(metamerMethod, &cobra.Command{
		Use:   "metamer [IMAGE…]",
		Short: "Make an image that a model cannot tell from another",
		Long: `metamer changes noise until a model cannot tell it from IMAGE, a PNG, JPEG, GIF,
TIFF, WebP, BMP, PGM, PPM or NPY file or an example texture (see percept list
images). Without IMAGE it takes ` + defaultImage + `.

It writes a folder with run.json, history.csv, target, start and result as NPY,
target and result as PNG, a report as one HTML page, and a checkpoint.

It ends with exit code 0 if the result matches, 3 if it does not, 1 if it
failed, 2 if it was called wrongly, and 130 if it was interrupted; --resume then
continues it.`,
		Example: `  percept metamer                                  an example texture
  percept metamer photo.png                        a photograph
  percept metamer photo.jpg --size 256x256 --seed 1 -o run
  percept metamer *.png --batch 5 -o runs          five of each, and an index
  percept metamer photo.png --model portilla-simoncelli:scales=3 --loss l2
  percept metamer photo.png --optimizer adam:lr=0.02 --iterations 2000
  percept metamer photo.png --coarse-to-fine together  scale after scale
  percept metamer a.png --match b.png              a mixture of two textures
  percept metamer photo.png --output-size 512x512 --mask keep.png  more around what is white in keep.png
  percept metamer --resume run --iterations +100   100 iterations more
  percept metamer other.png --config run/run.json  with the settings of a run`,
	})
}

func (f *metamerFlags) paths(c *cobra.Command, given []string) ([]string, error) {
	if given = f.withMatched(given); len(given) > 0 {
		return given, nil
	}
	if !c.Flags().Changed("size") {
		if err := f.image.size.Set(defaultSize); err != nil {
			return nil, err
		}
	}
	return []string{defaultImage}, nil
}

func (f *metamerFlags) jobs(a *app, list []picture) (jobs []*job, err error) {
	var sources []source
	for i := range list {
		if remark := startRemarks[f.init]; remark != "" {
			a.remark(&list[i], "%s", remark)
		}
		model, err := f.suitable(a, &list[i])
		if err != nil {
			return nil, err
		}
		sources = append(sources, source{&list[i], model})
	}
	if f.mixed() {
		return f.jobsOf(a, sources)
	}
	for i := range sources {
		some, err := f.jobsOf(a, sources[i:i+1])
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, some...)
	}
	return jobs, nil
}

// jobsOf returns the jobs, one for each seed, that match the mean of sources.
func (f *metamerFlags) jobsOf(a *app, sources []source) (jobs []*job, err error) {
	p := sources[0].picture
	if o := f.outputSize.Size; o != (images.Size{}) {
		if err := a.checkLarge("--output-size "+f.outputSize.String(), f, p.x.Dim[1], o.H, o.W, builder(&f.model)); err != nil {
			return nil, err
		}
	}
	shape, model, err := f.canvas(sources)
	if err != nil {
		return nil, err
	}
	keep, err := f.kept(p, shape)
	if err != nil {
		return nil, err
	}
	f.completeStages(model)
	matched := f.matched(sources, shape, f.device.element())
	if matched != nil && f.byTarget() {
		return nil, usage("--model %s needs one target of the result's size", &f.model)
	}
	for k := range f.batch.n {
		j := a.newJob(metamerMethod, f, p, f.seed+uint64(k))
		j.model, j.shape, j.sources, j.keep = model, shape, matched, keep
		for _, s := range sources[1:] {
			j.inputs = append(j.inputs, s.picture.record())
			j.name += "+" + s.picture.name
		}
		if j.sub = j.name; f.batch.n > 1 {
			j.sub += fmt.Sprintf("-seed%d", j.seed)
		}
		if err := f.begin(j, p); err != nil {
			return nil, err
		}
		if k == 0 {
			if err := a.checkMemory(j); err != nil {
				return nil, err
			}
			if err := f.rehearse(j); err != nil {
				return nil, err
			}
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// begin makes the start of j.
func (f *metamerFlags) begin(j *job, p *picture) (err error) {
	like := j.target
	if j.sources != nil {
		if _, needs := startRemarks[f.init]; needs {
			return usage("--init %s needs one target of the result's size", f.init)
		}
		like = tensor.New(j.target.DType, j.shape...)
	}
	if j.init, err = f.drawStart(like, j.seed, f.image.options()); err != nil || j.keep.Mem == nil {
		return err
	}
	if j.init.Mem == nil {
		j.init = synth.NoiseStart(like.Type, j.seed)
	}
	x := tensor.New(like.DType, like.Shape()...) // the file's is not ours
	tensor.Copy(x, j.init)
	paste(x, p, j.keep)
	j.init = x
	return nil
}

// rehearse errs if model, loss, penalty and images of j do not go together.
func (f *metamerFlags) rehearse(j *job) error {
	target, o, err := f.problem([]*job{j})
	if err == nil {
		err = synth.Rehearse(target, j.model, o)
	}
	if err != nil {
		return &exitError{ExitUsage, err}
	}
	return nil
}

// suitable crops p to suit the model, which it returns, and checks that a
// synthesis can begin.
func (f *metamerFlags) suitable(a *app, p *picture) (synth.Model, error) {
	if err := hasVariance(p); err != nil {
		return nil, err
	}
	if err := a.checkLarge(p.label(), f, p.x.Dim[1], p.x.Dim[2], p.x.Dim[3], builder(&f.model)); err != nil {
		return nil, err
	}
	one := []picture{*p}
	model, err := a.construct(&f.model, one)
	*p = one[0]
	if err == nil && p.x.Dim[1] > 1 {
		a.remark(p, "%d channels: %s has no colour statistics and sees each channel by itself", p.x.Dim[1], f.model.spec.Name)
	}
	return model, err
}

func (f *metamerFlags) revive(a *app, j *job) (err error) {
	if t := j.target; t.Dim[0] != 1 {
		return fmt.Errorf("its target has the type %v; one image expected", t.Type)
	}
	if err := f.readCanvas(j); err != nil {
		return err
	}
	if j.init.Mem == nil {
		if err := f.begin(j, &picture{x: j.target}); err != nil {
			return err
		}
	}
	return a.checkMemory(j)
}

// joins reports whether images are as large as each other and, where others are
// matched in their place, match the same. The reference's start is that of a
// whole batch, and a model may be that of one target.
func (f *metamerFlags) joins(j, other *job) bool {
	same := len(j.sources) == len(other.sources) && (j.sources == nil || &j.sources[0] == &other.sources[0])
	return same && !f.reference() && !f.byTarget() && slices.Equal(j.shape, other.shape) && (j.resumes > 0) == (other.resumes > 0) &&
		j.keep.Mem == other.keep.Mem && sameSettings(j.settings, other.settings)
}

// byTarget reports whether the model is that of one target.
func (f *metamerFlags) byTarget() bool { return f.model.spec.Text(normalize.Name) == "target" }

// sameSettings compares settings but for the seed.
func sameSettings(a, b runfolder.Object) bool {
	return reflect.DeepEqual(with(slices.Clone(a), "seed", nil), with(slices.Clone(b), "seed", nil))
}

func (f *metamerFlags) start(dev autograd.Backend, jobs []*job) (running, error) {
	target, o, err := f.problem(jobs)
	if err != nil {
		return nil, err
	}
	m, err := synth.NewMetamer(dev, target, jobs[0].model, o)
	if err != nil {
		return nil, err
	}
	return &metamerRun{Metamer: m, jobs: jobs}, nil
}

// problem returns what synth is to solve for jobs that can be joined.
func (f *metamerFlags) problem(jobs []*job) (target tensor.Tensor, o synth.MetamerOptions, err error) {
	if o, err = f.options(); err != nil {
		return target, o, err
	}
	j := jobs[0]
	shape := slices.Clone(j.shape)
	shape[0] = len(jobs)
	typ := tensor.MakeType(j.target.DType, shape...)
	o.Match, o.Keep, o.Seed, o.Init = j.sources, j.keep, j.seed, j.init
	if target = (tensor.Tensor{Type: typ}); j.sources == nil {
		target = j.target
	}
	if len(jobs) == 1 {
		return target, o, nil
	}
	if j.sources == nil {
		target = tensor.New(typ.DType, shape...)
	}
	o.Init = tensor.New(typ.DType, shape...)
	for k, j := range jobs {
		one := o.Init.Crop(0, k, k+1, 1)
		if j.init.Mem != nil {
			tensor.Copy(one, j.init)
		} else {
			tensor.Copy(one, synth.NoiseStart(one.Type, j.seed))
		}
		if target.Mem != nil {
			tensor.Copy(target.Crop(0, k, k+1, 1), j.target)
		}
	}
	return target, o, nil
}

// options returns what synth needs to know, but for start and seed.
func (f *metamerFlags) options() (o synth.MetamerOptions, err error) {
	if o.Loss, err = f.loss.make(f.loss.spec); err != nil {
		return o, err
	}
	if o.Penalty, err = f.penalty.make(f.penalty.spec); err != nil {
		return o, err
	}
	o.Optimizer, o.Scheduler = f.make(), f.scheduler.make(f.scheduler.spec)
	o.Reference, o.StoreEvery = f.reference(), f.saveEvery.n
	o.Tolerance, o.Window = &f.tolerance.v, f.window.n
	o.CoarseToFine, o.ChangeTolerance, o.ChangeWindow = f.order(), &f.change.v, f.changeWindow.n
	return o, nil
}
