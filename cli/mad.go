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

var madMethod = &method{name: "mad", columns: []string{"reference_metric", "optimized_metric"}, flags: func(a *app) methodFlags { return a.newMADFlags() }}

func (a *app) madCommand() *cobra.Command {
	return a.synthesisCommand(madMethod, &cobra.Command{
		Use:   "mad IMAGE…",
		Short: "Let two metrics compete: equally bad for one, best and worst for the other",
		Long: `mad makes images for maximum differentiation competition. It adds noise to IMAGE
and changes the result until one metric is as small, or as large, as it can be
while the other keeps its value. With --target all, that is four images: which of
a pair is worse tells an eye which metric is.

The metric that is held keeps its value to 1e-6 (1e-4 in float32); pixels keep
within [0, 1]. With --tradeoff auto or a number, only a weight in the objective
holds it, as in plenoptic, and it drifts.

It writes a folder for each image, such as min-dssim-fix-mse, with run.json,
history.csv, target (IMAGE), start and result as NPY, target and result as PNG, a
report as one HTML page, and a checkpoint; for several images also a report of all
and index.csv.

It ends with exit code 0 if the metric is held and no small step improves the
image, 3 if not, 1 if it failed, 2 if it was called wrongly, and 130 if it was
interrupted; --resume then continues it.`,
		Example: `  percept mad photo.png --size 128x128             the four images of dssim and mse
  percept mad photo.png --optimized-metric nlpd --target max
  percept mad photo.png --reference-metric dms-ssim --optimized-metric model:on-off
  percept mad photo.png --noise-mse 0.005 --starts 4
  percept mad photo.png --init jpeg.png            from an image with other distortions
  percept mad photo.png --recipe reference --target min --tradeoff 100
  percept mad --resume photo-mad --iterations +500`,
		Args: cobra.ArbitraryArgs,
	})
}

func (f *madFlags) paths(_ *cobra.Command, given []string) ([]string, error) {
	if len(given) == 0 {
		return nil, usage("an IMAGE is needed: a file, or an example such as example:einstein (see percept list images)")
	}
	return given, nil
}

func (f *madFlags) jobs(a *app, list []picture) (jobs []*job, err error) {
	if f.reference.text == f.optimized.text {
		return nil, usage("both metrics are %s: two different ones compete", &f.reference)
	}
	if _, err := f.options(); err != nil {
		return nil, err
	}
	for i := range list {
		p := &list[i]
		if err := f.suit(a, p); err != nil {
			return nil, err
		}
		init, err := f.startOf(p.x)
		if err != nil {
			return nil, err
		}
		for k := range f.batch.n {
			for _, g := range f.goals() {
				j := f.newJob(a, p, f.seed+uint64(k), g)
				j.init = init
				if f.batch.n > 1 || len(list) > 1 {
					j.sub = nested(p.name, f, j.seed, g)
				}
				jobs = append(jobs, j)
			}
		}
	}
	return jobs, f.rehearse(a, jobs)
}

// newJob returns the job of p, with settings of its own: those of one image.
func (f *madFlags) newJob(a *app, p *picture, seed uint64, g synth.Goal) *job {
	h := f.towards(g)
	j := a.newJob(madMethod, f, p, seed)
	j.flags = h
	with(j.settings, "target", h.target.value, "reference-metric", h.reference.setting(), "optimized-metric", h.optimized.setting())
	j.sub = g.Name(f.optimized.spec.Name, f.reference.spec.Name)
	return j
}

// nested is the folder of a job in that of several pictures.
func nested(name string, f *madFlags, seed uint64, g synth.Goal) string {
	if f.batch.n > 1 {
		name += fmt.Sprintf("-seed%d", seed)
	}
	if len(f.goals()) == 1 {
		return name
	}
	return name + "/" + g.Name(f.optimized.spec.Name, f.reference.spec.Name)
}

// suit crops p around its centre to a size that both metrics take.
func (f *madFlags) suit(a *app, p *picture) error {
	for _, m := range []*specFlag[metricKind]{&f.reference, &f.optimized} {
		if m.make.multiple == nil {
			continue
		}
		n, err := m.make.multiple(m.spec)
		if err != nil {
			return usage("%s: %w", m, err)
		}
		h, w := p.x.Dim[2], p.x.Dim[3]
		r := images.Rect{H: h / n * n, W: w / n * n}
		switch {
		case r.H == 0 || r.W == 0:
			return usage("%s has %d×%d pixels; %s needs multiples of %d", p.label(), h, w, m, n)
		case r.H == h && r.W == w:
			continue
		}
		r.Y, r.X = (h-r.H)/2, (w-r.W)/2
		p.x = tensor.Contiguous(p.x.Crop(2, r.Y, r.Y+r.H, 1).Crop(3, r.X, r.X+r.W, 1))
		if p.crop != nil { // of what the other metric left
			r.Y, r.X = r.Y+p.crop.Y, r.X+p.crop.X
		}
		p.crop = &r
		a.remark(p, "of %d×%d pixels the central %d×%d are used, multiples of %d as %s needs", h, w, r.H, r.W, n, m)
	}
	return nil
}

// startOf returns what --init gives for image x, or a zero Tensor for noise.
func (f *madFlags) startOf(x tensor.Tensor) (tensor.Tensor, error) {
	if f.init == "auto" || f.init == "noise" {
		return tensor.Tensor{}, nil
	}
	s := startFlags{init: f.init, initDType: newChoice("auto")}
	return s.drawStart(cast(x, f.device.element()), f.seed, f.image.options())
}

// metricsOf makes both metrics for images of h×w pixels.
func (f *madFlags) metricsOf(h, w int) (optimized, reference synth.Metric, err error) {
	of := func(m *specFlag[metricKind]) synth.Metric {
		var made metric
		if err == nil {
			made, err = m.make.construct(m.spec, h, w)
		}
		return made
	}
	optimized, reference = of(&f.optimized), of(&f.reference)
	return optimized, reference, err
}

// buildMetrics is metricsOf of both as one.
func (f *madFlags) buildMetrics(h, w int) (any, error) {
	optimized, reference, err := f.metricsOf(h, w)
	return [2]synth.Metric{optimized, reference}, err
}

// distances are what to take in place of a similarity.
var distances = map[string]string{"ssim": "dssim", "ms-ssim": "dms-ssim"}

// rehearse errs if a metric is none of MAD competition, does not take the images, or
// has no way to go from their starts: of each image, those of its first seed.
func (f *madFlags) rehearse(a *app, jobs []*job) error {
	for k, j := range jobs {
		d := j.target.Dim
		if err := a.checkLarge(j.inputText(), f, d[1], d[2], d[3], f.buildMetrics); err != nil {
			return err
		}
		optimized, reference, err := f.metricsOf(d[2], d[3])
		if err != nil {
			return usage("%s: %w", j.inputText(), err)
		}
		for _, m := range []struct {
			flag *specFlag[metricKind]
			m    synth.Metric
		}{{&f.optimized, optimized}, {&f.reference, reference}} {
			if s, ok := m.m.(synth.Similar); ok && s.Similarity() {
				return usage("%s grows as images become alike; a distance is needed here: %s, one minus it", m.flag, distances[m.flag.spec.Name])
			}
		}
		if k%(f.batch.n*len(f.goals())) != 0 { // of the same image
			continue
		}
		if err := a.checkMemory(j); err != nil {
			return err
		}
		x, optimized, reference, o, err := f.problem(jobs[k : k+1])
		if err == nil {
			err = synth.CheckMAD(nil, x, optimized, reference, o)
		}
		if err != nil {
			return usage("%s: %w", j.inputText(), err)
		}
	}
	return nil
}

// revive completes a job that is resumed. What it began with is drawn again,
// but for a file.
func (f *madFlags) revive(a *app, j *job) (err error) {
	if f.init == "auto" || f.init == "noise" {
		j.init = tensor.Tensor{}
	} else if f.starts.n > 1 || j.init.Mem == nil {
		if j.init, err = f.startOf(j.target); err != nil {
			return err
		}
	}
	return a.checkMemory(j)
}

// joins reports whether two jobs differ in image, seed and goal only.
func (f *madFlags) joins(j, other *job) bool {
	g, ok := other.flags.(*madFlags)
	if !ok || j.target.Type != other.target.Type || (j.init.Mem == nil) != (other.init.Mem == nil) || j.resumes != other.resumes {
		return false
	}
	same := g.reference.text == f.reference.text && g.optimized.text == f.optimized.text
	swapped := g.reference.text == f.optimized.text && g.optimized.text == f.reference.text
	if !same && !swapped {
		return false
	}
	common := func(j *job) runfolder.Object {
		return with(slices.Clone(j.settings), "seed", nil, "target", nil, "reference-metric", nil, "optimized-metric", nil)
	}
	return reflect.DeepEqual(common(j), common(other))
}

func (f *madFlags) start(dev autograd.Backend, jobs []*job) (running, error) {
	x, optimized, reference, o, err := f.problem(jobs)
	if err != nil {
		return nil, err
	}
	m, err := synth.NewMAD(dev, x, optimized, reference, o)
	if err != nil {
		return nil, err
	}
	return &madRun{MAD: m, jobs: jobs}, nil
}

// problem returns what synth.NewMAD takes for jobs of one synthesis.
func (f *madFlags) problem(jobs []*job) (x tensor.Tensor, optimized, reference synth.Metric, o synth.MADOptions, err error) {
	if o, err = f.options(); err != nil {
		return x, nil, nil, o, err
	}
	j := jobs[0]
	if optimized, reference, err = f.metricsOf(j.target.Dim[2], j.target.Dim[3]); err != nil {
		return x, nil, nil, o, err
	}
	shape := j.target.Shape()
	shape[0] = len(jobs)
	x = tensor.New(j.target.DType, shape...)
	init := tensor.New(j.target.DType, shape...)
	for k, j := range jobs {
		g := j.flags.(*madFlags)
		o.Each = append(o.Each, synth.Goal{Max: g.target.value == "max", Swapped: g.reference.text != f.reference.text})
		o.Seeds = append(o.Seeds, j.seed)
		tensor.Copy(x.Crop(0, k, k+1, 1), j.target)
		if j.init.Mem != nil {
			tensor.Copy(init.Crop(0, k, k+1, 1), j.init)
			o.Init = init
		}
	}
	return x, optimized, reference, o, nil
}

// options returns what synth needs to know, but for images, starts and goals.
func (f *madFlags) options() (o synth.MADOptions, err error) {
	if o.Penalty, err = f.penalty.make(f.penalty.spec); err != nil {
		return o, err
	}
	o.Tradeoff, o.Lambda = f.tradeoff.kind, f.tradeoff.lambda
	if !f.constrained() {
		o.Optimizer, o.Scheduler = f.make(), f.scheduler.make(f.scheduler.spec)
	}
	o.Noise, o.NoiseMSE, o.Starts = f.noise.v, f.noiseMSE.v, f.starts.n
	o.Reference, o.StoreEvery = f.optimFlags.reference(), f.saveEvery.n
	o.Tolerance, o.Window = &f.within.v, f.window.n
	return o, nil
}
