package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A job is one synthesis with a run folder of its own.
type job struct {
	method   *method
	flags    methodFlags
	settings runfolder.Object
	inputs   []inputRecord
	name     string // of what it is made from
	sub      string // of its folder in that of several jobs
	seed     uint64
	target   tensor.Tensor  // (N, C, H, W): what it is made from
	shape    []int          // of an image of the result, if not that of the target
	sources  []synth.Source // what is matched in place of the target
	keep     tensor.Tensor  // (H, W): where pixels stay; without memory: nowhere
	init     tensor.Tensor  // without memory: synth draws it
	model    synth.Model    // nil where the method has none
	folder   runfolder.Folder
	command  []string
	started  time.Time
	resumes  int
	done     int // iterations, when it was last heard of
	fit      int // how many jobs from this one on are one synthesis; 0: not known yet
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

// iterations returns how many j is to have made in all.
func (j *job) iterations() int {
	b := j.run().iterations
	if b.more {
		return j.done + b.steps
	}
	return b.steps
}

// run returns the flags that every method has.
func (j *job) run() *runFlags { return j.flags.common() }

// label is what progress lines call j.
func (j *job) label() string { return filepath.Base(j.folder.Dir) }

// inputText names what j is made from.
func (j *job) inputText() string {
	var list []string
	for _, in := range j.inputs {
		list = append(list, in.Path)
	}
	return strings.Join(list, " and ")
}

// newJob returns the job of p with the given seed.
func (a *app) newJob(m *method, f methodFlags, p *picture, seed uint64) *job {
	return &job{method: m, flags: f, inputs: []inputRecord{p.record()}, name: p.name, seed: seed, target: cast(p.x, f.common().device.element()),
		settings: with(settings(f.common().set), "seed", seed, "batch", 1), command: a.args, started: time.Now()}
}

// newJobs reads the images and makes the folders of their runs. parent is the
// folder of the whole, the only job's if there is one.
func (a *app) newJobs(m *method, f methodFlags, paths []string) (jobs []*job, parent runfolder.Folder, err error) {
	list, err := a.load(paths, f.common().image.options())
	if err != nil {
		return nil, parent, err
	}
	if jobs, err = f.jobs(a, list); err != nil {
		return nil, parent, err
	}
	if jobs[0].fit, err = a.atOnce(jobs[:joined(jobs)]); err != nil { // before anything is written
		return nil, parent, err
	}
	parent, err = makeFolders(f.common(), m, jobs)
	return jobs, parent, err
}

// folderError returns an error of wrong usage if a folder exists.
func folderError(err error) error {
	if errors.Is(err, runfolder.ErrExists) {
		return &exitError{ExitUsage, err}
	}
	return err
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
func makeFolders(f *runFlags, m *method, jobs []*job) (parent runfolder.Folder, err error) {
	name := jobs[0].name
	for _, j := range jobs {
		if j.name != name {
			name = "images"
			break
		}
	}
	if f.out != "" {
		parent, err = runfolder.Create(f.out, f.force)
	} else {
		parent, err = runfolder.CreateNew(name + "-" + m.name)
	}
	if err != nil {
		return parent, folderError(err)
	}
	used := map[string]int{}
	for _, j := range jobs {
		j.folder = parent
		if len(jobs) == 1 {
			break
		}
		if used[j.sub]++; used[j.sub] > 1 { // images of one name from several folders
			j.sub += fmt.Sprintf("-%d", used[j.sub])
		}
		if j.folder, err = runfolder.Create(parent.Path(j.sub), f.force); err != nil {
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
	if err := j.writeCanvas(); err != nil {
		return err
	}
	return j.folder.WriteJSON(runfolder.RunJSON, newResult(j).object())
}

// writePNG writes x, clipped and rounded, and returns how many numbers were
// clipped.
func (j *job) writePNG(name string, x tensor.Tensor) (clipped int, err error) {
	if c := x.Dim[1]; x.Rank != 4 || x.Dim[0] != 1 || c != 1 && c != 3 {
		return 0, errNoPicture
	}
	return images.Save(j.folder.Path(name), x, images.SaveOptions{Bits: j.pngBits(), Light: j.run().image.options().Light})
}

// readPNG returns a picture that j has written, as a program that reads it sees
// it.
func (j *job) readPNG(name string, channels int) (tensor.Tensor, error) {
	o := images.Options{Light: j.run().image.options().Light}
	if channels == 3 {
		o.Color = images.RGB
	}
	x, _, err := images.Load(j.folder.Path(name), o)
	return cast(x, j.run().device.element()), err
}

// A pngFile says how an image was written.
type pngFile struct {
	bits    int
	clipped int // numbers
}

// resultPNGs writes x, an image for each of jobs, and returns it as a program that
// reads the files sees it, and how each was written: nil where it cannot be shown.
func resultPNGs(jobs []*job, x tensor.Tensor) (decoded tensor.Tensor, files []pngFile, err error) {
	decoded = tensor.New(x.DType, x.Shape()...)
	for n, j := range jobs {
		clipped, err := j.writePNG(runfolder.ResultPNG, tensor.Contiguous(x.Crop(0, n, n+1, 1)))
		if errors.Is(err, errNoPicture) {
			return decoded, nil, nil
		}
		if err != nil {
			return decoded, nil, err
		}
		y, err := j.readPNG(runfolder.ResultPNG, x.Dim[1])
		if err != nil {
			return decoded, nil, err
		}
		tensor.Copy(decoded.Crop(0, n, n+1, 1), y)
		files = append(files, pngFile{j.pngBits(), clipped})
	}
	return decoded, files, nil
}

// pngBits returns the bits of a channel in PNG files.
func (j *job) pngBits() int {
	if j.run().pngBits.value == "16" {
		return 16
	}
	return 8
}

// errNoPicture says that an array cannot be shown.
var errNoPicture = errors.New("several images, or one with neither 1 nor 3 channels, have no PNG file")

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
