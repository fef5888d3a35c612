package cli

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/percept-go/percept/internal/runfolder"
)

// A recordedRun is what run.json tells a later run.
type recordedRun struct {
	Method   string
	Seed     json.Number
	Settings map[string]any
	Input    inputRecord
	Command  []string
	Started  time.Time
	Resumes  int
}

// readRun reads the run.json at path. It errs if it is none of a metamer.
func readRun(path string) (r recordedRun, err error) {
	if err := runfolder.ReadJSON(path, &r); err != nil {
		return r, err
	}
	if r.Method != "metamer" || r.Settings == nil {
		return r, fmt.Errorf("%s is not the run.json of a metamer", path)
	}
	return r, nil
}

// configure takes the settings from the run.json of --config, and its image
// where none is given.
func (f *metamerFlags) configure(flags *pflag.FlagSet, paths []string) ([]string, error) {
	r, err := readRun(f.config)
	if err != nil {
		return nil, err
	}
	if err := apply(flags, r.Settings); err != nil {
		return nil, fmt.Errorf("%s: %w", f.config, err)
	}
	if len(paths) == 0 {
		paths = []string{r.Input.Path}
	}
	return paths, nil
}

// resumedJobs returns the jobs of the folder of --resume: its own, or those
// that its index lists.
func (a *app) resumedJobs(c *cobra.Command, f *metamerFlags) (jobs []*job, parent runfolder.Folder, err error) {
	var changed []string
	c.Flags().Visit(func(g *pflag.Flag) {
		if !resumable[g.Name] {
			changed = append(changed, "--"+g.Name)
		}
	})
	if changed != nil {
		return nil, parent, usage("%v cannot change when a run is resumed: only its budget, progress and threads can", changed)
	}
	parent = runfolder.Folder{Dir: filepath.Clean(f.resume)}
	folders, err := indexed(parent)
	if err != nil {
		return nil, parent, err
	}
	for _, folder := range folders {
		j, err := a.resumedJob(c, folder)
		if err != nil {
			return nil, parent, fmt.Errorf("%s cannot be resumed: %w", folder.Dir, err)
		}
		jobs = append(jobs, j)
	}
	return jobs, parent, nil
}

// indexed returns the folders in the index of parent, or parent itself.
func indexed(parent runfolder.Folder) ([]runfolder.Folder, error) {
	file, err := os.Open(parent.Path(runfolder.IndexCSV))
	if errors.Is(err, fs.ErrNotExist) {
		return []runfolder.Folder{parent}, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	var list []runfolder.Folder
	for _, row := range rows[min(1, len(rows)):] {
		list = append(list, runfolder.Folder{Dir: parent.Path(row[0])})
	}
	return list, nil
}

// resumedJob returns the job of folder with the settings that it was begun
// with, except those of this command line.
func (a *app) resumedJob(c *cobra.Command, folder runfolder.Folder) (*job, error) {
	r, err := readRun(folder.Path(runfolder.RunJSON))
	if err != nil {
		return nil, err
	}
	// Each job has flags of its own; those of this command line are set again.
	f := a.newMetamerFlags()
	own := &cobra.Command{}
	f.register(own)
	c.Flags().Visit(func(g *pflag.Flag) {
		if err == nil {
			err = own.Flags().Set(g.Name, g.Value.String())
		}
	})
	if err != nil {
		return nil, err
	}
	if err := apply(own.Flags(), r.Settings); err != nil {
		return nil, err
	}
	j := &job{f: f, input: r.Input, seed: f.seed, folder: folder, command: r.Command, started: r.Started, resumes: r.Resumes + 1}
	if j.target, err = folder.ReadNPY(runfolder.Target); err != nil {
		return nil, err
	}
	if t := j.target; t.Rank != 4 || t.Dim[0] != 1 || t.DType != f.device.element() {
		return nil, fmt.Errorf("%s has the type %v; one image of %v expected", runfolder.Target, t.Type, f.device.element())
	}
	if err := a.checkMemory(f, folder.Dir, j.target.Shape()); err != nil {
		return nil, err
	}
	if j.model, err = f.model.make.construct(f.model.spec, j.target.Dim[2], j.target.Dim[3]); err != nil {
		return nil, err
	}
	j.settings = settings(own.Flags())
	if j.init, err = folder.ReadNPY(runfolder.Start); errors.Is(err, fs.ErrNotExist) {
		j.init, err = f.start(j.target, j.seed, f.image.options())
	}
	return j, err
}
