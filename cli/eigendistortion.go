package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
)

// eigenMethod's rows in history.csv are convergence, of one end after the other.
var eigenMethod = &method{name: "eigendistortion", columns: []string{"eigenvalue", "bottom"}, measure: "Residual", bare: true,
	flags: func(a *app) methodFlags { return a.newEigenFlags() }}

func (a *app) eigendistortionCommand() *cobra.Command {
	return a.synthesisCommand(eigenMethod, &cobra.Command{
		Use:   "eigendistortion IMAGE…",
		Short: "Find the changes of an image that a model notices most and least",
		Long: `eigendistortion finds the eigenvectors of a model's Fisher information matrix at
IMAGE: the directions in which a change of a given size changes the model's
output most (the top of the spectrum) and least (the bottom). It computes in
float64.

Many models are blind to whole spaces of directions. Eigenvalues below 1e-12 of
the largest are zero within rounding; what is then shown of the bottom is noise
from --seed, projected on that space, no direction of which is less noticeable
than another.

It writes a folder with run.json (eigenvalues, eigenindex, residuals, clusters,
and what distortions of finite size do), result.npy with the vectors, top-0.png,
bottom-0.png …: IMAGE plus --amplitude times a vector, a report and a checkpoint.

It ends with exit code 0 if the eigenproblem is solved, 3 if it is not, 1 if it
failed, 2 if it was called wrongly, and 130 if it was interrupted; --resume then
continues it.`,
		Example: `  percept eigendistortion photo.png --size 64x64 --model luminance-gain-control
  percept eigendistortion photo.png --size 64x64 --model on-off -k 3 --amplitude 10
  percept eigendistortion photo.png --size 24x24 --model on-off --method exact
  percept eigendistortion photo.png --size 64x64 --model on-off --recipe reference
  percept eigendistortion photo.png --model on-off --amplitudes 0.1,1,10 --json`,
		Args: cobra.ArbitraryArgs,
	})
}

// eigenFlags are those of percept eigendistortion.
type eigenFlags struct {
	runFlags
	model      specFlag[modelKind]
	way        *choice
	k          natural
	recipe     *choice
	tolerance  optional
	amplitude  amount
	amplitudes numbers
}

func (a *app) newEigenFlags() *eigenFlags {
	return &eigenFlags{runFlags: newRunFlags(), model: a.modelFlag(), amplitude: amount{5}, amplitudes: numbers{1, 5},
		way:    newChoice("auto", string(synth.EigenLanczos), string(synth.EigenPower), string(synth.EigenExact), string(synth.EigenRandomized)),
		recipe: newChoice("none", "reference")}
}

func (f *eigenFlags) register(c *cobra.Command) {
	fs := c.Flags()
	fs.Var(&f.model, "model", "the model that notices")
	fs.Var(f.way, "method", "how they are found; auto: lanczos, or power with --recipe reference")
	fs.VarP(&f.k, "count", "k", "`K` eigendistortions at each end, at the top for randomized; 0: 1, or all for exact")
	fs.Var(&f.amplitude, "amplitude", "L2 norm of the distortions in the pictures")
	fs.Var(&f.amplitudes, "amplitudes", "L2 norms at which the change of the model's output is measured")
	fs.Var(&f.tolerance, "tolerance", "residual of lanczos over the largest eigenvalue (default 1e-8), or change of the eigenvalues of power (default 1e-7), that is small enough")
	fs.Var(f.recipe, "recipe", "reference: method and numbering of plenoptic")
	f.registerBudget(fs, fmt.Sprintf("steps, at most half of them at each end (default %d)", eigenSteps))
	fs.Uint64Var(&f.seed, "seed", 0, "noise is drawn from seed `N`")
	f.device.register(fs)
	f.image.register(fs)
	f.registerOutput(fs, "eigendistortion")
}

// eigenSteps is how many steps both ends get by default.
const eigenSteps = 2000

func (f *eigenFlags) check() error {
	if f.device.dtype.value != "float64" {
		return usage("--dtype %s: eigendistortions are computed in float64", f.device.dtype.value)
	}
	if f.amplitude.v == 0 {
		return usage("--amplitude 0 changes nothing")
	}
	return f.runFlags.check()
}

func (f *eigenFlags) complete() {
	setDefault(&f.iterations, f.iterations.given, strconv.Itoa(eigenSteps))
	if f.way.value == "auto" {
		f.way.value = string(synth.EigenLanczos)
		if f.recipe.value == "reference" {
			f.way.value = string(synth.EigenPower)
		}
	}
	if f.k.n == 0 && f.way.value != string(synth.EigenExact) {
		f.k.n = 1
	}
}

func (f *eigenFlags) paths(_ *cobra.Command, given []string) ([]string, error) {
	if len(given) == 0 {
		return nil, usage("an image is missing")
	}
	return given, nil
}

// options returns what synth needs to know of j.
func (f *eigenFlags) options(j *job) synth.EigendistortionOptions {
	o := synth.EigendistortionOptions{Method: synth.EigenMethod(f.way.value), K: f.k.n, Seed: j.seed, Reference: f.recipe.value == "reference",
		MaxSteps: max(1, j.iterations()/2)}
	if f.tolerance.given {
		o.Tolerance = &f.tolerance.v
	}
	return o
}

// jobs tries each image with its model, so that nothing that cannot be done is
// begun.
func (f *eigenFlags) jobs(a *app, list []picture) (jobs []*job, err error) {
	backend, err := f.backend()
	if err != nil {
		return nil, err
	}
	for i := range list {
		p := &list[i]
		if err := a.checkLarge(p.label(), f, p.x.Dim[1], p.x.Dim[2], p.x.Dim[3], builder(&f.model)); err != nil {
			return nil, err
		}
		one := []picture{*p}
		model, err := a.construct(&f.model, one)
		if err != nil {
			return nil, err
		}
		*p = one[0]
		j := a.newJob(eigenMethod, f, p, f.seed)
		j.model, j.sub = model, p.name
		if err := a.checkMemory(j); err != nil {
			return nil, err
		}
		s, err := synth.NewEigendistortion(backend, p.x, model, f.options(j))
		if err != nil {
			return nil, usage("%s: %w", p.label(), err)
		}
		s.Close()
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func (f *eigenFlags) revive(a *app, j *job) (err error) {
	t := j.target
	if t.Dim[0] != 1 {
		return fmt.Errorf("its image has the type %v; one image expected", t.Type)
	}
	if j.model, err = modelOf(&f.model, t); err != nil {
		return err
	}
	return a.checkMemory(j)
}

// joins reports that images are treated one after the other.
func (f *eigenFlags) joins(_, _ *job) bool { return false }

func (f *eigenFlags) shortest() int { return 1 }

func (f *eigenFlags) start(dev autograd.Backend, jobs []*job) (running, error) {
	s, err := synth.NewEigendistortion(dev, jobs[0].target, jobs[0].model, f.options(jobs[0]))
	if err != nil {
		return nil, err
	}
	return &eigenRun{Eigendistortion: s, f: f}, nil
}

func (f *eigenFlags) methods(r *result) (text string, keys []string) {
	v, _ := version()
	shape := r.job.target.Shape()
	var b strings.Builder
	fmt.Fprintf(&b, "Eigendistortions (Berardino et al., 2017) of %s (%d × %d pixels%s) were computed with percept %s, which follows plenoptic (Duong et al., 2023): ",
		r.job.inputText(), shape[2], shape[3], channelPhrase(shape[1]), v)
	fmt.Fprintf(&b, "eigenvectors of the Fisher information matrix of the model %s, for unit Gaussian noise on its output, ", described(f.model.spec, docOf(f.model.table, f.model.spec)))
	fmt.Fprintf(&b, "found %s in float64.", eigenWays[synth.EigenMethod(f.way.value)])
	if r.verdict != nil {
		b.WriteString(r.verdict.methods)
	}
	return b.String(), append(append([]string(nil), citations[f.model.spec.Name]...), "berardino2017", "duong2023")
}

// eigenWays say how, in the Methods paragraph.
var eigenWays = map[synth.EigenMethod]string{
	synth.EigenLanczos:    "by block Lanczos iteration with full reorthogonalisation (largest) and the generalised Davidson method (smallest)",
	synth.EigenPower:      "by orthogonal iteration of the matrix (largest) and of the matrix less its largest eigenvalue (smallest)",
	synth.EigenExact:      "by singular value decomposition of the model's Jacobian matrix",
	synth.EigenRandomized: "by a randomised singular value decomposition",
}

// optional is a number that may be missing.
type optional struct {
	amount
	given bool
}

func (o *optional) String() string {
	if !o.given {
		return ""
	}
	return o.amount.String()
}

func (o *optional) Set(s string) error {
	o.given = true
	return o.amount.Set(s)
}

func (o *optional) setting() any {
	if !o.given {
		return nil
	}
	return o.v
}

// numbers is a list of positive numbers.
type numbers []float64

func (n *numbers) String() string {
	var words []string
	for _, v := range *n {
		words = append(words, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(words, ",")
}

func (n *numbers) Type() string { return "X,…" }

func (n *numbers) Set(s string) error {
	var list numbers
	for _, word := range strings.Split(s, ",") {
		var a amount
		if err := a.Set(word); err != nil || a.v == 0 {
			return fmt.Errorf("positive numbers with commas between them expected")
		}
		list = append(list, a.v)
	}
	*n = list
	return nil
}

// eigenRun is the search for eigendistortions of one image.
type eigenRun struct {
	*synth.Eigendistortion
	f *eigenFlags
}

func (m *eigenRun) outcomes() error {
	_, err := m.Amplitudes(0)
	return err
}

func (m *eigenRun) Frames(int) []synth.Frame { return nil }
