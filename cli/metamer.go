package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/internal/runfolder"
)

// defaultImage is what percept metamer takes without an IMAGE, at a size at
// which a synthesis takes less than a minute.
const (
	defaultImage = "example:pebbles"
	defaultSize  = "192x192"
)

func (a *app) metamerCommand() *cobra.Command {
	f := a.newMetamerFlags()
	c := &cobra.Command{
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
		RunE: func(c *cobra.Command, args []string) error { return a.metamer(c, f, args) },
	}
	f.register(c)
	a.completeFlags(c)
	return c
}

func (a *app) metamer(c *cobra.Command, f *metamerFlags, paths []string) error {
	ctx, stop := interruptible()
	defer stop()
	jobs, parent, err := a.metamerJobs(c, f, paths)
	if err != nil {
		return err
	}
	results := make([]*result, 0, len(jobs))
	var firstErr error
	for _, j := range jobs {
		r, err := a.runJob(ctx, j)
		if err != nil && firstErr == nil {
			firstErr = fmt.Errorf("%s: %w", j.label(), err)
		}
		results = append(results, r)
		if err := writeIndex(parent, jobs, results); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := a.printResults(f, parent, results); err != nil {
		return err
	}
	return ending(results, firstErr)
}

// metamerJobs returns what is to be done, with folders in which it can be
// resumed.
func (a *app) metamerJobs(c *cobra.Command, f *metamerFlags, paths []string) (jobs []*job, parent runfolder.Folder, err error) {
	switch {
	case f.resume != "" && len(paths) > 0:
		return nil, parent, usage("--resume continues with the image in %s; no other can be given", f.resume)
	case f.resume != "":
		if err := f.check(); err != nil {
			return nil, parent, err
		}
		return a.resumedJobs(c, f)
	case f.config != "":
		if paths, err = f.configure(c.Flags(), paths); err != nil {
			return nil, parent, err
		}
	}
	if len(paths) == 0 {
		paths = []string{defaultImage}
		if !c.Flags().Changed("size") {
			if err := f.image.size.Set(defaultSize); err != nil {
				return nil, parent, err
			}
		}
	}
	if err := f.check(); err != nil {
		return nil, parent, err
	}
	f.complete()
	if jobs, parent, err = a.newJobs(f, c.Flags(), paths); err != nil {
		return nil, parent, err
	}
	for _, j := range jobs {
		if err := j.prepare(); err != nil {
			return nil, parent, err
		}
	}
	return jobs, parent, writeIndex(parent, jobs, nil)
}

// writeIndex writes index.csv for several jobs: those that have ended, and
// those that are still to come.
func writeIndex(parent runfolder.Folder, jobs []*job, results []*result) error {
	if len(jobs) == 1 {
		return nil
	}
	columns := make([]runfolder.Column, 9)
	for i, n := range []string{"folder", "image", "seed", "outcome", "stopped_by", "iterations", "evaluations", "seconds", "loss"} {
		columns[i].Name = n
	}
	for i, j := range jobs {
		row := []string{j.label(), j.input.Path, fmt.Sprint(j.seed), interrupted, ""}
		if i < len(results) {
			r := results[i]
			row[3], row[4] = r.outcome, r.stoppedBy
			last := r.last()
			for k, v := range []float64{float64(last.Iteration), float64(last.Evaluations), last.Seconds, last.Loss} {
				columns[5+k].Values = append(columns[5+k].Values, v)
			}
		}
		for k, v := range row {
			columns[k].Words = append(columns[k].Words, v)
		}
	}
	return parent.WriteCSV(runfolder.IndexCSV, columns)
}

// printResults prints what came out: for each run a line, or all as JSON.
func (a *app) printResults(f *metamerFlags, parent runfolder.Folder, results []*result) error {
	if !f.json {
		for _, r := range results {
			last := r.last()
			if _, err := fmt.Fprintf(a.stdout, "%s: %s: %s; %d iterations in %.3gs\n", r.job.folder.Dir, r.outcome, r.sentence(), last.Iteration, last.Seconds); err != nil {
				return err
			}
		}
		return nil
	}
	runs := make([]runfolder.Object, len(results))
	for i, r := range results {
		runs[i] = append(runfolder.Object{{Key: "folder", Value: r.job.folder.Dir}}, r.object()...)
	}
	if len(runs) == 1 {
		return a.printJSON(runs[0])
	}
	return a.printJSON(runfolder.Object{{Key: "folder", Value: parent.Dir}, {Key: "runs", Value: runs}})
}

// ending returns the error that ends the command with the exit code of the
// worst outcome.
func ending(results []*result, err error) error {
	for _, e := range exitCodes {
		for _, r := range results {
			if r.outcome == e.outcome {
				if e.code == ExitOK {
					return err
				}
				return &exitError{e.code, err}
			}
		}
	}
	return err
}
