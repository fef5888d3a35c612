package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// viewCommands are those that look at runs, or make many.
func (a *app) viewCommands() []*cobra.Command {
	return []*cobra.Command{a.figureCommand(), a.checkCommand(), a.serveCommand(), a.tuneCommand(), a.batchCommand()}
}

// A runView is a run as its files show it.
type runView struct {
	app     *app
	folder  runfolder.Folder
	record  map[string]any // run.json
	method  string
	history *runfolder.Table
}

// viewRun reads run.json and the history of the run in dir. It errs if there is
// none.
func (a *app) viewRun(dir string) (*runView, error) {
	v := &runView{app: a, folder: runfolder.Folder{Dir: filepath.Clean(dir)}}
	if err := runfolder.ReadJSON(v.folder.Path(runfolder.RunJSON), &v.record); err != nil {
		return nil, err
	}
	v.method, _ = v.record["method"].(string)
	if v.method == "" {
		return nil, fmt.Errorf("%s names no method: it is not the run.json of a run", v.folder.Path(runfolder.RunJSON))
	}
	var err error
	v.history, err = v.folder.ReadTable(runfolder.HistoryCSV)
	if errors.Is(err, fs.ErrNotExist) {
		v.history, err = &runfolder.Table{}, nil
	}
	return v, err
}

// label is what the run is called.
func (v *runView) label() string {
	if abs, err := filepath.Abs(v.folder.Dir); err == nil {
		return filepath.Base(abs)
	}
	return filepath.Base(v.folder.Dir)
}

// number returns the number at the end of a path of keys in run.json.
func (v *runView) number(keys ...string) (float64, bool) {
	return numberOf(at(v.record, keys...))
}

func numberOf(x any) (float64, bool) {
	n, ok := x.(interface{ Float64() (float64, error) }) // a json.Number
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// words returns the string at the end of a path of keys in run.json.
func (v *runView) words(keys ...string) string {
	s, _ := at(v.record, keys...).(string)
	return s
}

func at(x any, keys ...string) any {
	for _, k := range keys {
		m, ok := x.(map[string]any)
		if !ok {
			return nil
		}
		x = m[k]
	}
	return x
}

// setting returns a flag's value as a flag reads it.
func (v *runView) setting(name string) string {
	value := at(v.record, "settings", name)
	if value == nil {
		return ""
	}
	s, err := spec.Written(value)
	if err != nil {
		return ""
	}
	return s
}

// light returns what the values of the run's pictures mean.
func (v *runView) light() images.Light {
	if v.setting("light") == "linear" {
		return images.Linear
	}
	return images.Encoded
}

// image reads an array of the run, (N, C, H, W), in float64.
func (v *runView) image(name string) (tensor.Tensor, error) {
	x, err := v.folder.ReadNPY(name)
	if err != nil {
		return x, err
	}
	if x.Rank != 4 || x.DType.IsComplex() || x.Len() == 0 {
		return x, fmt.Errorf("%s is a %v; real images (N, C, H, W) are expected", v.folder.Path(name), x.Type)
	}
	return cast(x, tensor.Float64), nil
}

// picture reads a picture file of the run as an image of the given shape.
func (v *runView) picture(name string, like tensor.Tensor) (tensor.Tensor, error) {
	o := images.Options{Light: v.light()}
	if like.Dim[1] == 3 {
		o.Color = images.RGB
	}
	x, _, err := images.Load(v.folder.Path(name), o)
	if err == nil && !x.SameShape(like.Type) {
		err = fmt.Errorf("%s has the shape %v; %v is expected", v.folder.Path(name), x.Shape(), like.Shape())
	}
	return x, err
}

// model returns the model of the run for images of h×w pixels.
func (v *runView) model(h, w int) (synth.Model, error) {
	text := v.setting("model")
	if text == "" {
		return nil, fmt.Errorf("%s names no model", runfolder.RunJSON)
	}
	s, kind, err := v.app.models.Parse(text)
	if err != nil {
		return nil, err
	}
	m, err := kind.construct(s, h, w)
	if _, open := m.(unheld); err != nil || !open {
		return m, err
	}
	target, err := v.folder.ReadNPY(runfolder.Target)
	if err != nil || target.Rank != 4 || target.Dim[0] != 1 {
		return m, err
	}
	return held(m, target)
}

// groupsOf returns the groups of a model, nil if it has none.
func groupsOf(m synth.Model) []synth.Group {
	if g, ok := m.(synth.Grouped); ok {
		return g.Groups()
	}
	return nil
}

// represent returns what m makes of images x (N, C, H, W), one at a time, as
// real numbers: the parts of complex ones side by side.
func representAll(m synth.Model, x ...tensor.Tensor) ([]tensor.Tensor, error) {
	t := autograd.New(nil)
	defer t.Close()
	var in, out autograd.Value
	if err := autograd.Try(func() {
		in = t.Var("image", x[0])
		out = m.Forward(in)
		if out.Type().DType.IsComplex() {
			shape := append(out.Type().Shape(), 1)
			out = autograd.Concat(len(shape)-1, out.Real().Reshape(shape...), out.Imag().Reshape(shape...))
		}
	}); err != nil {
		return nil, err
	}
	prog, err := t.Compile([]autograd.Value{out}, autograd.Value{})
	if err != nil {
		return nil, err
	}
	list := make([]tensor.Tensor, len(x))
	for i := range x {
		if !x[i].SameShape(x[0].Type) {
			return nil, fmt.Errorf("images of the shapes %v and %v", x[0].Shape(), x[i].Shape())
		}
		if err := t.Set(in, x[i]); err != nil {
			return nil, err
		}
		if err := prog.Run(); err != nil {
			return nil, err
		}
		y, err := prog.Out(0)
		if err != nil {
			return nil, err
		}
		list[i] = tensor.New(tensor.Float64, y.Shape()...)
		tensor.Copy(list[i], y)
	}
	return list, nil
}

// runFolders returns the run folders in dirs: each itself, or those in its
// index, or those below it. It errs if there is none.
func runFolders(dirs []string) ([]string, error) {
	var list []string
	for _, dir := range dirs {
		here, err := foldersBelow(dir, 6)
		if err != nil {
			return nil, err
		}
		if len(here) == 0 {
			return nil, fmt.Errorf("%s holds no run: no %s in it or below it", dir, runfolder.RunJSON)
		}
		list = append(list, here...)
	}
	return list, nil
}

// foldersBelow returns dir if it holds a run, else those below it that do.
func foldersBelow(dir string, depth int) ([]string, error) {
	if st, err := os.Stat(filepath.Join(dir, runfolder.RunJSON)); err == nil && st.Mode().IsRegular() {
		return []string{dir}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if !e.IsDir() || depth == 0 {
			continue
		}
		below, err := foldersBelow(filepath.Join(dir, e.Name()), depth-1)
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		list = append(list, below...)
	}
	slices.Sort(list)
	return list, nil
}

// shortSpec returns a spec without the keys that say no more than a default
// would.
func shortSpec(text string) string {
	name, rest, _ := strings.Cut(text, ":")
	if name == "model" {
		inner, _, _ := strings.Cut(rest, ":")
		return name + ":" + inner
	}
	return name
}
