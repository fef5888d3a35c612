package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/percept-go/percept/figure"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// statusPictures are the status figures of the methods.
var statusPictures = map[string]func(v *runView, amplitude float64) (*figure.Figure, error){
	"metamer":         func(v *runView, _ float64) (*figure.Figure, error) { return v.metamerStatus() },
	"mad":             func(v *runView, _ float64) (*figure.Figure, error) { return v.madStatus() },
	"geodesic":        func(v *runView, _ float64) (*figure.Figure, error) { return v.geodesicStatus() },
	"eigendistortion": (*runView).eigendistortionGrid,
}

// status draws the status picture of the run's method.
func (v *runView) status(amplitude float64) (*figure.Figure, error) {
	draw, ok := statusPictures[v.method]
	if !ok {
		return nil, fmt.Errorf("there is no picture of the method %q", v.method)
	}
	return draw(v, amplitude)
}

// title names the run and its outcome.
func (v *runView) title() string {
	return fmt.Sprintf("%s: %s of %s, %s", v.label(), v.method, v.inputText(), v.words("outcome"))
}

// inputText names the images that the run was made from.
func (v *runView) inputText() string {
	list, _ := at(v.record, "inputs").([]any)
	if len(list) == 0 {
		return v.words("input", "path")
	}
	var names []string
	for _, x := range list {
		name, _ := at(x, "path").(string)
		names = append(names, name)
	}
	return strings.Join(names, " and ")
}

// iteration is that of the result.
func (v *runView) iteration() float64 { n, _ := v.number("iterations"); return n }

func (v *runView) metamerStatus() (*figure.Figure, error) {
	m, err := v.metamer()
	if err != nil {
		return nil, err
	}
	list, err := v.errors(m, m.Image)
	if err != nil {
		return nil, err
	}
	m.Error = list[0]
	return m.Status()
}

// errors returns what is left of the representation of the target of m in those of images.
func (v *runView) errors(m figure.Metamer, images ...tensor.Tensor) ([][]figure.Part, error) {
	_, want, groups, err := v.resultAndTarget(m.Image, m.Target)
	if err != nil {
		return nil, err
	}
	target, err := figure.Parts(want, groups, 0)
	if err != nil {
		return nil, err
	}
	reps, _, err := v.representations(images...)
	if err != nil {
		return nil, err
	}
	list := make([][]figure.Part, len(reps))
	for i, r := range reps {
		image, err := figure.Parts(r, groups, 0)
		if err != nil {
			return nil, err
		}
		list[i] = figure.Difference(image, target)
	}
	return list, nil
}

// metamer gathers what a picture of the run shows, but for the representation.
func (v *runView) metamer() (m figure.Metamer, err error) {
	if m.Image, err = v.image(runfolder.Result); err != nil {
		return m, err
	}
	if m.Target, err = v.image(runfolder.Target); err != nil {
		return m, err
	}
	m.Title, m.Iteration = v.title(), v.iteration()
	m.Iterations, m.Loss, m.Penalty = v.history.Column("iteration"), v.history.Column("loss"), v.history.Column("penalty")
	m.Remains = v.remains()
	return m, nil
}

// remains returns what run.json says of the groups' errors, nil if it says
// nothing.
func (v *runView) remains() *figure.Bars {
	list, _ := at(v.record, "groups").([]any)
	b := &figure.Bars{Title: "What remains of each group's error", XLabel: "error ÷ error at the start"}
	for _, g := range list {
		name, _ := at(g, "name").(string)
		ratio, ok := numberOf(at(g, "remains"))
		if ok {
			b.Names, b.Values, b.Limits = append(b.Names, name), append(b.Values, ratio), append(b.Limits, synth.MatchedGroup)
		}
	}
	if b.Names == nil {
		return nil
	}
	return b
}

// representations returns what the model of the run makes of images, and its
// groups.
func (v *runView) representations(x ...tensor.Tensor) ([]tensor.Tensor, []synth.Group, error) {
	m, err := v.model(x[0].Dim[2], x[0].Dim[3])
	if err != nil {
		return nil, nil, err
	}
	reps, err := representAll(m, x...)
	return reps, groupsOf(m), err
}

// representation draws what the model of the run makes of its result and of the
// target, above each other or side by side.
func (v *runView) representation(amplitude float64) (*figure.Figure, error) {
	image, err := v.image(runfolder.Result)
	if err != nil {
		return nil, err
	}
	target, err := v.image(runfolder.Target)
	if err != nil {
		return nil, err
	}
	name := "result"
	if v.method == eigenMethod.name {
		name = fmt.Sprintf("image + %g × eigendistortion 0", amplitude)
		image = added(target, image, amplitude)
	}
	one, want, groups, err := v.resultAndTarget(image, target)
	if err != nil {
		return nil, err
	}
	reps := []tensor.Tensor{one, want}
	model, _, _ := strings.Cut(v.setting("model"), ":")
	var list []*figure.Figure
	for i, name := range []string{name, "target"} {
		parts, err := figure.Parts(reps[i], groups, 0)
		if err != nil {
			return nil, err
		}
		f, err := figure.Representation(fmt.Sprintf("%s of the %s", model, name), parts)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	if w, h := list[0].Size(); h > w {
		return figure.Beside(v.title(), list...), nil
	}
	return figure.Above(v.title(), list...), nil
}

// added returns image + amplitude times the first vector.
func added(image, vectors tensor.Tensor, amplitude float64) tensor.Tensor {
	x, v := tensor.Floats(image), tensor.Floats(vectors.Crop(0, 0, 1, 1))
	for i := range x {
		x[i] += amplitude * v[i]
	}
	return tensor.Of(x, image.Shape()...)
}

// images draws target, start and result, all of each: side by side where each is
// one picture.
func (v *runView) images(d displayFlags) (*figure.Figure, error) {
	var rows []*figure.Figure
	together := figure.Beside
	for _, name := range []string{runfolder.Target, runfolder.Start, runfolder.Result} {
		x, err := v.image(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d.rgb = d.rgb || x.Dim[1] == 3 && d.channel < 0
		f, err := d.showAll(name, x)
		if err != nil {
			return nil, err
		}
		if rows = append(rows, f); len(f.Rows) > 1 || len(f.Rows[0]) > 1 {
			together = figure.Above
		}
	}
	if rows == nil {
		return nil, fmt.Errorf("%s holds no images", v.folder.Dir)
	}
	return together(v.title(), rows...), nil
}

// lossCurves draws the loss and the penalty over the iterations.
func (v *runView) lossCurves() *figure.Curves {
	at := v.iteration()
	c := &figure.Curves{Title: "Loss", XLabel: "iteration", Width: 640, Height: 380, At: &at, Series: []figure.Series{
		{Name: "loss", X: v.history.Column("iteration"), Y: v.history.Column("loss")},
		{Name: "penalty", X: v.history.Column("iteration"), Y: v.history.Column("penalty"), Dashed: true},
	}}
	c.Log = canBeLog(c.Series[0])
	return c
}

// canBeLog reports whether a logarithmic axis shows s: a metric that is to grow
// is a loss below 0.
func canBeLog(s figure.Series) bool {
	return !slices.ContainsFunc(s.Y, func(y float64) bool { return y < 0 })
}

// mad gathers what a picture of one MAD image shows.
func (v *runView) mad() (m figure.MAD, err error) {
	for name, to := range map[string]*tensor.Tensor{runfolder.Result: &m.Image, runfolder.Target: &m.Reference, runfolder.Start: &m.Initial} {
		if *to, err = v.image(name); err != nil {
			return m, err
		}
	}
	m.Title, m.Target, m.Iteration = v.title(), v.setting("target"), v.iteration()
	m.Names = [2]string{shortSpec(v.setting("reference-metric")), shortSpec(v.setting("optimized-metric"))}
	m.Iterations = v.history.Column("iteration")
	m.Values = [2][]float64{v.history.Column("reference_metric"), v.history.Column("optimized_metric")}
	return m, nil
}

func (v *runView) madStatus() (*figure.Figure, error) {
	m, err := v.mad()
	if err != nil {
		return nil, err
	}
	return m.Status()
}

// competitions gathers the folders of one MAD competition: of one image, made
// from one seed. Runs of other methods are by themselves.
func competitions(folders []string) (list [][]string) {
	at := map[string]int{}
	for _, dir := range folders {
		var r struct {
			Method string
			Input  struct {
				Path  string
				Index *int
			}
			Seed any
		}
		key := dir
		if runfolder.ReadJSON((runfolder.Folder{Dir: dir}).Path(runfolder.RunJSON), &r) == nil && r.Method == madMethod.name {
			index := -1
			if r.Input.Index != nil {
				index = *r.Input.Index
			}
			key = fmt.Sprintf("%s %d %v %s", r.Input.Path, index, r.Seed, filepath.Dir(dir))
		}
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, nil)
		}
		list[i] = append(list[i], dir)
	}
	return list
}

// competition draws all images of a MAD competition.
func competition(views []*runView) (*figure.Figure, error) {
	var list []figure.MAD
	for _, v := range views {
		m, err := v.mad()
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return figure.MADAll("MAD competition of "+views[0].words("input", "path"), list)
}

func (v *runView) eigendistortionGrid(amplitude float64) (*figure.Figure, error) {
	image, err := v.image(runfolder.Target)
	if err != nil {
		return nil, err
	}
	vectors, err := v.image(runfolder.Result)
	if err != nil {
		return nil, err
	}
	e := figure.Eigendistortions{Title: v.title(), Image: image, Vectors: vectors, Scale: amplitude, Values: v.numbers("eigenvalues")}
	for _, k := range v.numbers("eigenindex") {
		e.Index = append(e.Index, int(k))
	}
	return e.Grid()
}

// numbers returns a list of numbers in run.json; NaN stands for null.
func (v *runView) numbers(keys ...string) []float64 {
	list, _ := at(v.record, keys...).([]any)
	out := make([]float64, len(list))
	for i, x := range list {
		f, ok := numberOf(x)
		if !ok {
			f = math.NaN()
		}
		out[i] = f
	}
	return out
}

func (v *runView) geodesicStatus() (*figure.Figure, error) {
	path, err := v.image(runfolder.Result)
	if err != nil {
		return nil, err
	}
	g := figure.Geodesic{Title: v.title(), Frames: path, Iterations: v.history.Column("iteration"), Energy: v.history.Column("path_energy")}
	rows, fade, err := v.pathRepresentations(path)
	if err != nil {
		return nil, err
	}
	g.Lines = []figure.Deviation{figure.DeviationFromLine("pixelfade", fade), figure.DeviationFromLine("geodesic", rows)}
	g.Steps = []figure.Sample{{Name: "pixelfade", Values: stepLengths(fade)}, {Name: "geodesic", Values: stepLengths(rows)}}
	return g.Status()
}

// pathRepresentations returns what the model makes of each frame of a path, and
// of the straight line between its ends.
func (v *runView) pathRepresentations(path tensor.Tensor) (rows, fade [][]float64, err error) {
	n := path.Dim[0]
	var frames []tensor.Tensor
	for k := range n {
		frames = append(frames, tensor.Contiguous(path.Crop(0, k, k+1, 1)))
	}
	first, last := tensor.Floats(frames[0]), tensor.Floats(frames[n-1])
	for k := range n {
		mix, t := make([]float64, len(first)), float64(k)/float64(max(n-1, 1))
		for i := range mix {
			mix[i] = (1-t)*first[i] + t*last[i]
		}
		frames = append(frames, tensor.Of(mix, frames[0].Shape()...))
	}
	reps, _, err := v.representations(frames...)
	if err != nil {
		return nil, nil, err
	}
	all := make([][]float64, len(reps))
	for k, r := range reps {
		all[k] = tensor.Floats(r)
	}
	return all[:n], all[n:], nil
}

// stepLengths returns the distances between successive rows.
func stepLengths(rows [][]float64) []float64 {
	list := make([]float64, len(rows)-1)
	for k := range list {
		sum := 0.
		for i, x := range rows[k] {
			sum += (rows[k+1][i] - x) * (rows[k+1][i] - x)
		}
		list[k] = math.Sqrt(sum)
	}
	return list
}

// movie returns the figures of an animation: of a geodesic its frames, else the
// images that the run kept, with loss, pixels and the error of the representation.
func (v *runView) movie() ([]*figure.Figure, error) {
	if v.method == "geodesic" {
		return v.pathMovie()
	}
	frames, err := v.image(runfolder.Frames)
	if err != nil {
		return nil, err
	}
	table, err := v.folder.ReadTable(runfolder.FramesCSV)
	if err != nil {
		return nil, err
	}
	iterations := table.Column("iteration")
	if len(iterations) != frames.Dim[0] {
		return nil, fmt.Errorf("%s has %d rows for %d frames", runfolder.FramesCSV, len(iterations), frames.Dim[0])
	}
	images := make([]tensor.Tensor, len(iterations))
	for k := range images {
		images[k] = tensor.Contiguous(frames.Crop(0, k, k+1, 1))
	}
	at, err := v.frameFigure(images)
	if err != nil {
		return nil, err
	}
	var list []*figure.Figure
	for k, n := range iterations {
		f, err := at(k, n)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// frameFigure returns what draws the status at an iteration, with image k, the one of
// then.
func (v *runView) frameFigure(images []tensor.Tensor) (func(k int, iteration float64) (*figure.Figure, error), error) {
	if v.method == "mad" {
		m, err := v.mad()
		return func(k int, iteration float64) (*figure.Figure, error) {
			m.Image, m.Iteration = images[k], iteration
			return m.Status()
		}, err
	}
	m, err := v.metamer()
	if err != nil {
		return nil, err
	}
	m.Remains = nil // it is that of the end
	errors, err := v.errors(m, images...)
	return func(k int, iteration float64) (*figure.Figure, error) {
		m.Image, m.Iteration, m.Error = images[k], iteration, errors[k]
		return m.Status()
	}, err
}

// pathMovie shows the geodesic beside the pixelfade.
func (v *runView) pathMovie() ([]*figure.Figure, error) {
	path, err := v.image(runfolder.Result)
	if err != nil {
		return nil, err
	}
	g := figure.Geodesic{Title: v.title(), Frames: path}
	return g.Movie()
}
