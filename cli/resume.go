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
	Inputs   []inputRecord // where there are several
	Command  []string
	Started  time.Time
	Resumes  int

	Iterations int // that were made
}

// inputs returns what the run was made from.
func (r *recordedRun) inputs() []inputRecord {
	if len(r.Inputs) > 0 {
		return r.Inputs
	}
	return []inputRecord{r.Input}
}

// readRun reads the run.json at path. It errs if it is none of method m.
func readRun(m *method, path string) (r recordedRun, err error) {
	if err := runfolder.ReadJSON(path, &r); err != nil {
		return r, err
	}
	if r.Method != m.name || r.Settings == nil {
		return r, fmt.Errorf("%s is not the run.json of a %s", path, m.name)
	}
	return r, nil
}

// configure takes the settings of flags from the run.json at path, and its
// images where none are given.
func configure(m *method, path string, flags *pflag.FlagSet, paths []string) ([]string, error) {
	r, err := readRun(m, path)
	if err != nil {
		return nil, err
	}
	if err := apply(flags, r.Settings); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(paths) == 0 {
		for _, in := range r.inputs() {
			paths = append(paths, in.Path)
		}
	}
	return paths, nil
}

// resumedJobs returns the jobs of the folder dir: its own, or those that its
// index lists.
func (a *app) resumedJobs(c *cobra.Command, m *method, dir string) (jobs []*job, parent runfolder.Folder, err error) {
	var changed []string
	c.Flags().Visit(func(g *pflag.Flag) {
		if !resumable[g.Name] {
			changed = append(changed, "--"+g.Name)
		}
	})
	if changed != nil {
		return nil, parent, usage("%v cannot change when a run is resumed: only its budget, progress and threads can", changed)
	}
	parent = runfolder.Folder{Dir: filepath.Clean(dir)}
	folders, err := indexed(parent)
	if err != nil {
		return nil, parent, err
	}
	for _, folder := range folders {
		j, err := a.resumedJob(c, m, folder)
		if err != nil {
			return nil, parent, fmt.Errorf("%s cannot be resumed: %w", folder.Dir, err)
		}
		if j.sub, err = filepath.Rel(parent.Dir, folder.Dir); err != nil {
			return nil, parent, err
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
func (a *app) resumedJob(c *cobra.Command, m *method, folder runfolder.Folder) (*job, error) {
	r, err := readRun(m, folder.Path(runfolder.RunJSON))
	if err != nil {
		return nil, err
	}
	// Each job has flags of its own; those of this command line are set again.
	f := m.flags(a)
	own := &cobra.Command{}
	own.Flags().SortFlags = false
	f.common().set = own.Flags()
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
	j := &job{method: m, flags: f, inputs: r.inputs(), seed: f.common().seed, folder: folder, settings: settings(own.Flags()),
		command: r.Command, started: r.Started, resumes: r.Resumes + 1, done: r.Iterations}
	if j.target, err = folder.ReadNPY(runfolder.Target); err != nil {
		return nil, err
	}
	if t := j.target; t.Rank != 4 || t.DType != f.common().device.element() {
		return nil, fmt.Errorf("%s has the type %v; images of %v expected", runfolder.Target, t.Type, f.common().device.element())
	}
	if j.init, err = folder.ReadNPY(runfolder.Start); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return j, f.revive(a, j)
}
