package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A job is the synthesis of one image from one start.
type job struct {
	f        *metamerFlags
	settings runfolder.Object
	input    inputRecord
	seed     uint64
	target   tensor.Tensor // 1×C×H×W
	init     tensor.Tensor // without memory: synth draws it
	model    synth.Model
	folder   runfolder.Folder
	command  []string
	started  time.Time
	resumes  int
}

// An inputRecord is what run.json says of an image.
type inputRecord struct {
	Path   string       `json:"path"`
	Index  *int         `json:"index,omitempty"`
	Format string       `json:"format"`
	Stored string       `json:"stored"`
	Height int          `json:"height"`
	Width  int          `json:"width"`
	SHA256 string       `json:"sha256,omitempty"`
	Crop   *images.Rect `json:"central_part,omitempty"`
	Notes  []string     `json:"notes,omitempty"`
}

func (p *picture) record() inputRecord {
	r := inputRecord{Path: p.path, Format: p.info.Format, Stored: p.info.Stored, Height: p.info.Height, Width: p.info.Width,
		SHA256: p.info.SHA256, Crop: p.crop, Notes: p.notes}
	if p.index >= 0 {
		r.Index = &p.index
	}
	return r
}

// label is what progress lines call j.
func (j *job) label() string { return filepath.Base(j.folder.Dir) }

// newJobs reads the images and makes the folders of their runs. parent is the
// folder of the whole, the only job's if there is one.
func (a *app) newJobs(f *metamerFlags, fs *pflag.FlagSet, paths []string) (jobs []*job, parent runfolder.Folder, err error) {
	pictures, err := a.load(paths, f.image.options())
	if err != nil {
		return nil, parent, err
	}
	for i := range pictures {
		if remark := startRemarks[f.init]; remark != "" {
			a.remark(&pictures[i], "%s", remark)
		}
	}
	o, err := f.options()
	if err != nil {
		return nil, parent, err
	}
	for i := range pictures {
		p := &pictures[i]
		model, err := a.suitable(f, p)
		if err == nil {
			err = rehearse(p.x, model, o)
		}
		if err != nil {
			return nil, parent, err
		}
		for k := range f.batch.n {
			j := &job{f: f, input: p.record(), seed: f.seed + uint64(k), model: model, command: a.args, started: time.Now()}
			j.target = cast(p.x, f.device.element())
			j.settings = with(settings(fs), "seed", j.seed, "batch", 1)
			if j.init, err = f.start(j.target, j.seed, f.image.options()); err != nil {
				return nil, parent, err
			}
			jobs = append(jobs, j)
		}
	}
	parent, err = f.makeFolders(jobs, pictures)
	return jobs, parent, err
}

// suitable crops p to suit the model, which it returns, and checks that a
// synthesis can begin.
func (a *app) suitable(f *metamerFlags, p *picture) (synth.Model, error) {
	if err := hasVariance(p); err != nil {
		return nil, err
	}
	if err := a.checkMemory(f, p.label(), p.x.Shape()); err != nil {
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

// folderError returns an error of wrong usage if a folder exists.
func folderError(err error) error {
	if errors.Is(err, runfolder.ErrExists) {
		return &exitError{ExitUsage, err}
	}
	return err
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

// with returns o with other values of members that it has.
func with(o runfolder.Object, pairs ...any) runfolder.Object {
	for i := range o {
		for k := 0; k < len(pairs); k += 2 {
			if o[i].Key == pairs[k] {
				o[i].Value = pairs[k+1]
			}
		}
	}
	return o
}

// makeFolders makes the folder of each job, and for several the one around them.
func (f *metamerFlags) makeFolders(jobs []*job, pictures []picture) (parent runfolder.Folder, err error) {
	name := pictures[0].name
	if len(pictures) > 1 {
		name = "images"
	}
	if f.out != "" {
		parent, err = runfolder.Create(f.out, f.force)
	} else {
		parent, err = runfolder.CreateNew(name + "-metamer")
	}
	if err != nil {
		return parent, folderError(err)
	}
	used := map[string]int{}
	for i, j := range jobs {
		j.folder = parent
		if len(jobs) == 1 {
			break
		}
		sub := pictures[i/f.batch.n].name
		if f.batch.n > 1 {
			sub += fmt.Sprintf("-seed%d", j.seed)
		}
		if used[sub]++; used[sub] > 1 { // images of one name from several folders
			sub += fmt.Sprintf("-%d", used[sub])
		}
		if j.folder, err = runfolder.Create(parent.Path(sub), f.force); err != nil {
			return parent, folderError(err)
		}
	}
	return parent, nil
}

// prepare writes what is known before a run begins: from then on it can be
// resumed.
func (j *job) prepare() error {
	if err := j.folder.WriteNPY(runfolder.Target, j.target); err != nil {
		return err
	}
	if _, err := j.writePNG(runfolder.TargetPNG, j.target); err != nil && !errors.Is(err, errNoPicture) {
		return err
	}
	return j.folder.WriteJSON(runfolder.RunJSON, newResult(j).object())
}

// writePNG writes x, clipped and rounded, and returns how many numbers were
// clipped.
func (j *job) writePNG(name string, x tensor.Tensor) (clipped int, err error) {
	if c := x.Dim[1]; c != 1 && c != 3 {
		return 0, errNoPicture
	}
	o := images.SaveOptions{Bits: 8, Light: j.f.image.options().Light}
	if j.f.pngBits.value == "16" {
		o.Bits = 16
	}
	return images.Save(j.folder.Path(name), x, o)
}

// errNoPicture says that an array cannot be shown.
var errNoPicture = errors.New("an image with neither 1 nor 3 channels has no PNG file")

// commandLine returns args as a shell reads them.
func commandLine(args []string) string {
	words := []string{"percept"}
	for _, s := range args {
		words = append(words, commandWord(s))
	}
	return strings.Join(words, " ")
}

// commandWord returns s as a shell reads it.
func commandWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n\"'\\$&|;<>()*?[]{}~#!`") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
