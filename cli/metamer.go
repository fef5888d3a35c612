package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
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
  percept metamer --resume run --iterations +100   100 iterations more
  percept metamer other.png --config run/run.json  with the settings of a run`,
	})
}

func (f *metamerFlags) paths(c *cobra.Command, given []string) ([]string, error) {
	if len(given) > 0 {
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
	for i := range list {
		if remark := startRemarks[f.init]; remark != "" {
			a.remark(&list[i], "%s", remark)
		}
	}
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	for i := range list {
		p := &list[i]
		model, err := f.suitable(a, p)
		if err == nil {
			err = rehearse(p.x, model, o)
		}
		if err != nil {
			return nil, err
		}
		for k := range f.batch.n {
			j := a.newJob(metamerMethod, f, p, f.seed+uint64(k))
			j.model = model
			if j.sub = p.name; f.batch.n > 1 {
				j.sub += fmt.Sprintf("-seed%d", j.seed)
			}
			if j.init, err = f.drawStart(j.target, j.seed, f.image.options()); err != nil {
				return nil, err
			}
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// suitable crops p to suit the model, which it returns, and checks that a
// synthesis can begin.
func (f *metamerFlags) suitable(a *app, p *picture) (synth.Model, error) {
	if err := hasVariance(p); err != nil {
		return nil, err
	}
	if err := a.checkMemory(f.need(), p.label(), p.x.Shape()); err != nil {
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

// rehearse records what a synthesis of target records, without computing it:
// it errs if model, loss and penalty do not go together.
func rehearse(target tensor.Tensor, m synth.Model, o synth.MetamerOptions) error {
	t := autograd.New(nil)
	defer t.Close()
	if err := autograd.Try(func() {
		x := t.Var("image", target)
		rep := m.Forward(x)
		var groups []synth.Group
		if g, ok := m.(synth.Grouped); ok {
			groups = g.Groups()
		}
		o.Loss.Loss(rep, rep, groups)
		o.Penalty.Penalty(x)
	}); err != nil {
		return &exitError{ExitUsage, err}
	}
	return nil
}

func (f *metamerFlags) revive(a *app, j *job) (err error) {
	t := j.target
	if t.Dim[0] != 1 {
		return fmt.Errorf("its target has the type %v; one image expected", t.Type)
	}
	if err := a.checkMemory(f.need(), j.folder.Dir, t.Shape()); err != nil {
		return err
	}
	if j.model, err = f.model.make.construct(f.model.spec, t.Dim[2], t.Dim[3]); err != nil {
		return err
	}
	if j.init.Mem == nil {
		j.init, err = f.drawStart(t, j.seed, f.image.options())
	}
	return err
}

// joins reports that images are synthesized one after the other.
func (f *metamerFlags) joins(_, _ *job) bool { return false }

func (f *metamerFlags) start(dev autograd.Backend, jobs []*job) (running, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	o.Init, o.Seed = jobs[0].init, jobs[0].seed
	m, err := synth.NewMetamer(dev, jobs[0].target, jobs[0].model, o)
	if err != nil {
		return nil, err
	}
	return &metamerRun{Metamer: m, jobs: jobs}, nil
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
	return o, nil
}
