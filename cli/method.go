package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/report"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A method is one of the kinds of synthesis.
type method struct {
	name    string   // of its command, in run.json, and of folders
	columns []string // of history.csv: what Record.Aside holds; "" for nothing
	measure string   // what Record.Loss is; "" means Loss
	bare    bool     // what it makes are no images: the pictures are those of the verdict
	flags   func(a *app) methodFlags
}

// methodFlags are the flags of the command of a method, and what they make of
// images. Flags of a command that embed runFlags have its methods.
type methodFlags interface {
	common() *runFlags
	register(c *cobra.Command)
	// check errs if values contradict each other; complete fills in defaults that
	// depend on other flags. paths returns the images where none are given.
	check() error
	complete()
	paths(c *cobra.Command, given []string) ([]string, error)
	// jobs returns what is to be synthesized of images, without folders. A job has
	// flags of its own where it differs from others.
	jobs(a *app, list []picture) ([]*job, error)
	// revive completes a job that is resumed: its target, start and input are known.
	revive(a *app, j *job) error
	// joins reports whether two jobs can be images of one synthesis; both have
	// flags of this kind.
	joins(j, other *job) bool
	// start makes the synthesis of jobs that can be joined.
	start(dev autograd.Backend, jobs []*job) (running, error)
	shortest() int // iterations that are run at a stretch, at least
	// methods returns a paragraph for a paper, and the keys of its references.
	methods(r *result) (text string, citations []string)
}

// running is a synthesis at work. Its image n is that of job n.
type running interface {
	Run(ctx context.Context, stop synth.Stop) (synth.Result, error)
	History(n int) []synth.Record
	Frames(n int) []synth.Frame
	Save(w io.Writer, images ...int) error
	Load(r ...io.Reader) error
	Close()
	// outcomes makes what judges the results, of which a Ledger counts the memory.
	outcomes() error
	// result returns what result.npy holds of a job as it is: (N, …).
	result(n int) (tensor.Tensor, error)
	// known returns members of run.json that are known before the end.
	known(n int) runfolder.Object
	// judge measures the result of a job and what its PNG file holds.
	judge(n int, j *job) (*verdict, error)
}

// overviewing are flags that write a report of several results.
type overviewing interface {
	overview(parent runfolder.Folder, results []*result) error
}

// columned is a synthesis of which some have more columns in history.csv than
// the others of their method.
type columned interface {
	columns(records []synth.Record) []runfolder.Column
}

// noting is a synthesis that adds something to a progress line, given the row of
// the image as it is.
type noting interface{ note(r synth.Record) string }

// A verdict says how good a result is.
type verdict struct {
	good     bool   // the outcome holds
	sentence string // why it does
	reason   string // why it does not
	object   runfolder.Object
	facts    []report.Fact
	groups   []report.Group
	pictures []namedPicture // that it wrote, for the report
	methods  string         // the end of the Methods paragraph
}

// A namedPicture is a PNG file in a run's folder.
type namedPicture struct{ caption, file string }

// synthesisCommand completes c, the command of m.
func (a *app) synthesisCommand(m *method, c *cobra.Command) *cobra.Command {
	f := m.flags(a)
	c.RunE = func(c *cobra.Command, args []string) error { return a.synthesize(c, m, f, args) }
	c.Flags().SortFlags = false
	f.common().set = c.Flags()
	f.register(c)
	a.completeFlags(c)
	return c
}

// synthesize does what the command of m does.
func (a *app) synthesize(c *cobra.Command, m *method, f methodFlags, paths []string) error {
	ctx, stop := interruptible()
	defer stop()
	jobs, parent, err := a.jobsOf(c, m, f, paths)
	if err != nil {
		return err
	}
	results := make([]*result, len(jobs))
	for i, j := range jobs {
		results[i] = newResult(j)
	}
	var firstErr error
	for at := 0; at < len(jobs) && ctx.Err() == nil; {
		n := jobs[at].fit
		if n == 0 {
			if n, err = a.atOnce(jobs[at : at+joined(jobs[at:])]); err != nil {
				return err
			}
		}
		j, err := a.runJobs(ctx, jobs[at:at+n], results[at:at+n])
		if err != nil && firstErr == nil {
			firstErr = fmt.Errorf("%s: %w", j.label(), err)
		}
		at += n
		if err := writeIndex(parent, jobs, results); err != nil {
			return err
		}
	}
	if o, ok := f.(overviewing); ok && len(jobs) > 1 {
		if err := o.overview(parent, results); err != nil {
			return err
		}
	}
	if err := a.printResults(f.common(), parent, results); err != nil {
		return err
	}
	return ending(results, firstErr)
}

// joined returns how many of the first jobs can be one synthesis.
func joined(jobs []*job) int {
	n := 1
	for n < len(jobs) && jobs[0].flags.joins(jobs[0], jobs[n]) {
		n++
	}
	return n
}

// atOnce returns how many of the first jobs, which can be one synthesis, there is memory
// for.
func (a *app) atOnce(jobs []*job) (int, error) {
	run := jobs[0].run()
	if run.device.device.gpu < 0 && len(jobs) == 1 { // see checkMemory
		return 1, nil
	}
	b, err := run.backend()
	if err != nil {
		return 0, err
	}
	defer b.Close()
	return a.fits(b, jobs)
}

// jobsOf returns what is to be done, with folders in which it can be resumed.
func (a *app) jobsOf(c *cobra.Command, m *method, f methodFlags, paths []string) (jobs []*job, parent runfolder.Folder, err error) {
	run := f.common()
	switch {
	case run.resume != "" && len(paths) > 0:
		return nil, parent, usage("--resume continues with the image in %s; no other can be given", run.resume)
	case run.resume != "":
		if err := f.check(); err != nil {
			return nil, parent, err
		}
		return a.resumedJobs(c, m, run.resume)
	case run.config != "":
		if paths, err = configure(m, run.config, c.Flags(), paths); err != nil {
			return nil, parent, err
		}
	}
	if paths, err = f.paths(c, paths); err != nil {
		return nil, parent, err
	}
	if err := f.check(); err != nil {
		return nil, parent, err
	}
	f.complete()
	if jobs, parent, err = a.newJobs(m, f, paths); err != nil {
		return nil, parent, err
	}
	for _, j := range jobs {
		if err := j.prepare(); err != nil {
			return nil, parent, err
		}
	}
	return jobs, parent, writeIndex(parent, jobs, nil)
}
