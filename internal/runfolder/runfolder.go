// Package runfolder writes and reads the folder that a run leaves behind.
//
// Every file is written under a temporary name and renamed, so that a run that
// is killed leaves the last complete version of each.
package runfolder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/percept-go/percept/internal/atomicfile"
	"github.com/percept-go/percept/tensor"
)

// The files of a run folder.
const (
	RunJSON    = "run.json"
	HistoryCSV = "history.csv"
	Target     = "target.npy"
	Start      = "start.npy"
	Result     = "result.npy"
	TargetPNG  = "target.png"
	ResultPNG  = "result.png"
	Sources    = "sources.npz" // of a mixture
	Keep       = "keep.npy"    // where pixels stay
	Frames     = "frames.npy"
	FramesCSV  = "frames.csv"
	Report     = "report.html"
	Checkpoint = "checkpoint.safetensors"
	IndexCSV   = "index.csv" // of a folder of run folders
	Control    = "control"   // what a run is asked to do
)

// files are those that a run writes. A new run in an old folder removes them,
// run.json first: without it the folder is no finished run.
var files = []string{RunJSON, IndexCSV, Checkpoint, HistoryCSV, Target, Start, Result, Sources, Keep, TargetPNG, ResultPNG, Frames, FramesCSV, Report, Control}

// ErrExists is wrapped by the error of Create for a folder that exists.
var ErrExists = errors.New("exists already")

// A Folder is the folder of one run.
type Folder struct{ Dir string }

// Create makes the folder dir and those above it. With force it may exist: the
// files of an earlier run are removed from it and all others left alone. It
// errs, wrapping ErrExists, if dir exists and force is false, and if it cannot
// be made or written to.
func Create(dir string, force bool) (Folder, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return Folder{}, err
	}
	err := os.Mkdir(dir, 0o777)
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrExist):
		return Folder{}, err
	case !force:
		return Folder{}, fmt.Errorf("the folder %s %w; give another with -o, or --force to overwrite the run in it", dir, ErrExists)
	default:
		if err := clear(dir); err != nil {
			return Folder{}, err
		}
	}
	return Folder{dir}, checkWritable(dir)
}

func clear(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return fmt.Errorf("%s is a file, not a folder", dir)
	}
	for _, name := range files {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Sweep removes what a process that was killed while it wrote a file left behind.
// It errs if it cannot.
func (f Folder) Sweep() error {
	for _, name := range files {
		left, err := filepath.Glob(filepath.Join(escape(f.Dir), "."+name+".*.tmp"))
		for _, path := range left {
			if e := os.Remove(path); err == nil && !errors.Is(e, fs.ErrNotExist) {
				err = e
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// escape returns a path as Glob reads it.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// checkWritable finds out before a long run, not after it.
func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".percept-*.tmp")
	if err != nil {
		return fmt.Errorf("the folder %s cannot be written to: %w", dir, err)
	}
	f.Close()
	return os.Remove(f.Name())
}

// CreateNew makes the folder base, or base-2, base-3 and so on: the first name
// that is free, also if other runs do the same at the same time. It errs if
// none can be made.
func CreateNew(base string) (Folder, error) {
	for n := 1; ; n++ {
		dir := base
		if n > 1 {
			dir += "-" + strconv.Itoa(n)
		}
		f, err := Create(dir, false)
		if !errors.Is(err, ErrExists) {
			return f, err
		}
	}
}

// BaseName returns what the run folder of an image is called: the file's name
// without folder and extension, or the name of an example. Characters that
// file names of other systems cannot have become "_".
func BaseName(path string) string {
	path = strings.TrimPrefix(path, "example:")
	name := filepath.Base(path)
	if ext := filepath.Ext(name); ext != name {
		name = strings.TrimSuffix(name, ext)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
}

// Path returns the path of the file called name.
func (f Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Write replaces the file called name by what write writes. It errs if write
// or the disk does; the file is then as it was.
func (f Folder) Write(name string, write func(w io.Writer) error) error {
	return atomicfile.Write(f.Path(name), 0o666, write)
}

// WriteBytes replaces the file called name by data. It errs if the disk does.
func (f Folder) WriteBytes(name string, data []byte) error {
	return f.Write(name, func(w io.Writer) error { _, err := w.Write(data); return err })
}

// WriteNPY replaces the file called name by t as NumPy reads it. It errs if
// the disk does.
func (f Folder) WriteNPY(name string, t tensor.Tensor) error {
	return f.Write(name, func(w io.Writer) error { return tensor.WriteNPY(w, t) })
}

// ReadNPY returns the tensor in the file called name. It errs if there is
// none or it is damaged.
func (f Folder) ReadNPY(name string) (tensor.Tensor, error) {
	file, err := f.open(name)
	if err != nil {
		return tensor.Tensor{}, err
	}
	defer file.Close()
	a, err := tensor.ReadNPY(file)
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf("%s: %w", f.Path(name), err)
	}
	return a.Tensor, nil
}
