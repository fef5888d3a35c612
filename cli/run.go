package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// The outcomes of a run.
const (
	matched     = "matched"
	notMatched  = "not-matched"
	interrupted = "interrupted"
	failed      = "failed"
)

// exitCodes are those that the outcomes end the command with; of several runs
// the first in this order that occurs.
var exitCodes = []struct {
	outcome string
	code    int
}{{failed, ExitFailed}, {interrupted, ExitInterrupted}, {notMatched, ExitNotMatched}, {matched, ExitOK}}

// runJobs runs jobs, the images of one synthesis, to their end, or until ctx
// ends, and writes their folders. The error is the first that ended a run, that
// of the job returned with it; the folder says so too.
func (a *app) runJobs(ctx context.Context, jobs []*job, results []*result) (failing *job, err error) {
	ctx, halt := context.WithCancel(ctx)
	defer halt()
	d := &drive{app: a, jobs: jobs, results: results, halt: halt}
	d.forget()
	ended := d.all(ctx)
	if d.m == nil && len(jobs) > 1 { // perhaps for the sake of one image
		for k := range jobs {
			if j, e := a.runJobs(ctx, jobs[k:k+1], results[k:k+1]); e != nil && err == nil {
				failing, err = j, e
			}
		}
		return failing, err
	}
	errs := make([]error, len(results))
	for k, r := range results {
		e := ended
		if errors.Is(e, synth.ErrNaN) && r.stoppedBy != string(synth.StopNaN) {
			e = nil
		}
		if e == nil {
			e = d.conclude(ctx, k)
		}
		if errs[k] = e; e != nil {
			r.outcome, r.reason = failed, e.Error()
			if ended != nil && !errors.Is(e, synth.ErrNaN) {
				r.stoppedBy = "" // what it says is how a stretch ended
			}
		}
	}
	if d.m != nil {
		d.m.Close() // its memory serves the figures of the report
	}
	for k, r := range results {
		if d.begun || r.job.resumes == 0 { // else what is there is better
			r.viewer = a
			if w := r.write(); errs[k] == nil {
				errs[k] = w
			}
		}
		d.forget()
		if errs[k] != nil && err == nil {
			failing, err = jobs[k], errs[k]
		}
	}
	return failing, err
}

// A drive runs a synthesis in short stretches, between which it shows progress
// and writes checkpoints.
type drive struct {
	*app
	jobs    []*job
	results []*result
	m       running
	bar     *progress
	begun   bool // the synthesis is where the jobs were, or at their start
	saved   time.Time
	shown   time.Time
	stretch int    // iterations
	halt    func() // ends the run as a signal does
}

// all makes the synthesis and runs it; what it found is in the results, also if
// it errs.
func (d *drive) all(ctx context.Context) error {
	f := d.jobs[0].flags
	backend, err := f.common().backend()
	if err != nil {
		return err
	}
	if d.m, err = f.start(backend, d.jobs); err != nil {
		return err
	}
	if err := d.begin(); err != nil {
		return err
	}
	d.begun = true
	for _, r := range d.results {
		r.setup = time.Since(r.began)
	}
	err = d.run(ctx)
	for k, r := range d.results {
		r.absorb(d.m, k)
	}
	if e := d.save(); err == nil {
		err = e
	}
	return err
}

// begin brings the synthesis to where the jobs were, or writes down where they
// start.
func (d *drive) begin() error {
	var files []io.Reader
	for _, j := range d.jobs {
		if j.resumes == 0 {
			continue
		}
		if err := j.folder.Sweep(); err != nil {
			return err
		}
		file, err := os.Open(j.folder.Path(runfolder.Checkpoint))
		if errors.Is(err, fs.ErrNotExist) { // a run that was killed before its first checkpoint begins again
			continue
		}
		if err != nil {
			return err
		}
		defer file.Close()
		files = append(files, file)
	}
	if len(files) > 0 && len(files) == len(d.jobs) {
		if err := d.m.Load(files...); err != nil {
			return fmt.Errorf("%s: %w", d.jobs[0].folder.Path(runfolder.Checkpoint), err)
		}
		return nil
	}
	for k, j := range d.jobs {
		j.done = 0
		x, err := d.m.result(k)
		if err != nil {
			return err
		}
		if x.Mem == nil || j.method.bare {
			continue
		}
		if err := j.folder.WriteNPY(runfolder.Start, x); err != nil {
			return err
		}
	}
	return nil
}

// save writes what a person looks at while a run goes on, and all that a
// resumed run needs.
func (d *drive) save() error {
	for k, j := range d.jobs {
		if err := d.saveJob(k, j); err != nil {
			return err
		}
	}
	return nil
}

// saveViews writes what a person looks at while a run goes on.
func (d *drive) saveViews(k int, j *job) error {
	x, err := d.m.result(k)
	if err != nil {
		return err
	}
	history := d.m.History(k)
	columns := historyColumns(history, j.method.columns)
	if c, ok := d.m.(columned); ok {
		columns = append(columns, c.columns(history)...)
	}
	if err := j.folder.WriteCSV(runfolder.HistoryCSV, columns); err != nil {
		return err
	}
	if x.Mem != nil {
		if err := j.folder.WriteNPY(runfolder.Result, x); err != nil {
			return err
		}
	}
	if !j.method.bare {
		if _, err := j.writePNG(runfolder.ResultPNG, x); err != nil && !errors.Is(err, errNoPicture) {
			return err
		}
	}
	return nil
}

// saveJob writes the checkpoint last, since it is the largest and a disk may be
// full.
func (d *drive) saveJob(k int, j *job) error {
	if err := d.saveViews(k, j); err != nil {
		return err
	}
	if history := d.m.History(k); len(history) > 0 {
		x, err := d.m.result(k)
		if err != nil {
			return err
		}
		if err := j.saveFrames(d.m.Frames(k), history[len(history)-1].Iteration, x); err != nil {
			return err
		}
	}
	return j.folder.Write(runfolder.Checkpoint, func(w io.Writer) error { return d.m.Save(w, k) })
}

// saveFrames writes the frames; the last is the image x as it is.
func (j *job) saveFrames(frames []synth.Frame, iteration int, x tensor.Tensor) error {
	if len(frames) == 0 {
		return nil
	}
	if frames[len(frames)-1].Iteration < iteration {
		x, _ = x.Reshape(frames[0].Image.Shape()...)
		frames = append(frames[:len(frames):len(frames)], synth.Frame{Iteration: iteration, Image: x})
	}
	all := tensor.New(x.DType, append([]int{len(frames)}, frames[0].Image.Shape()...)...)
	numbers, iterations := make([]float64, len(frames)), make([]float64, len(frames))
	for i, f := range frames {
		row, _ := all.Crop(0, i, i+1, 1).Reshape(f.Image.Shape()...)
		tensor.Copy(row, f.Image)
		numbers[i], iterations[i] = float64(i), float64(f.Iteration)
	}
	if err := j.folder.WriteNPY(runfolder.Frames, all); err != nil {
		return err
	}
	return j.folder.WriteCSV(runfolder.FramesCSV, []runfolder.Column{{Name: "frame", Values: numbers}, {Name: "iteration", Values: iterations}})
}

// historyColumns lays out the history as history.csv holds it, the columns of
// the method after those of all. The last row is the final image, which no
// iteration changed.
func historyColumns(records []synth.Record, aside []string) []runfolder.Column {
	columns := []runfolder.Column{{Name: "iteration"}, {Name: "evaluations"}, {Name: "seconds"}, {Name: "loss"}, {Name: "penalty"}, {Name: "gradient_norm"}, {Name: "pixel_change"}}
	const change = 6
	for _, name := range aside {
		columns = append(columns, runfolder.Column{Name: name})
	}
	for i, r := range records {
		row := append([]float64{float64(r.Iteration), float64(r.Evaluations), r.Seconds, r.Loss, r.Penalty, r.GradientNorm, r.PixelChange}, r.Aside[:len(aside)]...)
		for c, v := range row {
			if c == change && i == len(records)-1 {
				continue // an empty cell
			}
			columns[c].Values = append(columns[c].Values, v)
		}
	}
	for c := range columns {
		if !slices.ContainsFunc(columns[c].Values, func(v float64) bool { return !math.IsNaN(v) }) {
			columns[c].Values = nil // what a method does not have: empty cells
		}
	}
	return columns
}

// stretchTime is about how long a stretch takes.
const stretchTime = 300 * time.Millisecond

// run runs until all images have ended or ctx does.
func (d *drive) run(ctx context.Context) error {
	f := d.jobs[0].run()
	at, total := d.iterations()
	for _, j := range d.jobs {
		with(j.settings, "iterations", total)
	}
	d.bar = newProgress(d.stderr, d.label(), f.progress.value, at)
	d.saved, d.stretch = time.Now(), d.jobs[0].flags.shortest()
	if total <= at {
		d.stopped(string(synth.StopIterations))
		return nil
	}
	begin := time.Now()
	for {
		stop := synth.Stop{Iterations: min(total, at+d.stretch), Evaluations: f.evaluations.n}
		if f.time > 0 {
			stop.Time = max(f.time-time.Since(begin), 1)
		}
		clock := time.Now()
		res, err := d.m.Run(ctx, stop)
		at = stop.Iterations
		on := false // some image has not ended
		for k, r := range d.results {
			r.stoppedBy = string(res.StoppedBy[k])
			on = on || res.StoppedBy[k] == synth.StopIterations
		}
		on = on && at < total
		if s := d.status(total, stop.Time); ctx.Err() != nil || !on || err != nil && !errors.Is(err, synth.ErrNaN) {
			d.bar.finish(s)
		} else {
			d.bar.update(s)
		}
		switch {
		case ctx.Err() != nil:
			for _, r := range d.results {
				if r.stoppedBy == string(synth.StopIterations) { // the end of the stretch, as the signal came
					r.stoppedBy = string(synth.StopSignal)
				}
			}
			return nil
		case !on || err != nil && !errors.Is(err, synth.ErrNaN):
			return err
		}
		d.checkpoint()
		d.adapt(time.Since(clock))
		begin = begin.Add(d.control(ctx))
	}
}

// stopped says of all jobs what ended them.
func (d *drive) stopped(by string) {
	for _, r := range d.results {
		r.stoppedBy = by
	}
}

// label names the jobs.
func (d *drive) label() string {
	if n := len(d.jobs); n > 1 {
		return fmt.Sprintf("%s and %d more", d.jobs[0].label(), n-1)
	}
	return d.jobs[0].label()
}

// iterations returns the least that a job has done, and how many all are to do.
func (d *drive) iterations() (least, total int) {
	for k, j := range d.jobs {
		n := 0
		if h := d.m.History(k); len(h) > 0 {
			n = h[len(h)-1].Iteration
		}
		if k == 0 {
			least = n
		}
		j.done = max(j.done, n)
		least, total = min(least, n), max(total, j.iterations())
	}
	return least, total
}

// adapt makes the next stretch take about stretchTime.
func (d *drive) adapt(took time.Duration) {
	if took < stretchTime/2 {
		d.stretch *= 2
	} else if took > 2*stretchTime {
		d.stretch = max(d.stretch/2, d.jobs[0].flags.shortest())
	}
}

// status is that of the image with the largest loss.
func (d *drive) status(total int, left time.Duration) status {
	s := status{total: total, left: left, loss: nan, gradient: nan, measure: strings.ToLower(d.jobs[0].method.measure)}
	for k := range d.jobs {
		h := d.m.History(k)
		if len(h) == 0 {
			continue
		}
		last := h[len(h)-1]
		if s.iteration = max(s.iteration, last.Iteration); math.IsNaN(s.loss) || !(last.Loss <= s.loss) {
			s.loss, s.gradient = last.Loss, last.GradientNorm
			if n, ok := d.m.(noting); ok {
				s.note = n.note(last)
			}
		}
	}
	return s
}

// checkpoint saves the run if it is time to. A disk that is full for a while
// is no reason to end a run.
func (d *drive) checkpoint() {
	if time.Since(d.saved) < d.jobs[0].run().checkpointEvery {
		return
	}
	err := d.save()
	for k, r := range d.results {
		if err == nil {
			r.absorb(d.m, k)
			err = r.job.folder.WriteJSON(runfolder.RunJSON, r.object())
		}
	}
	if err != nil {
		d.bar.pause()
		d.note("%s: no checkpoint could be written: %v", d.label(), err)
	}
	d.saved = time.Now()
}

// conclude says how the run of job k ended.
func (d *drive) conclude(ctx context.Context, k int) error {
	r := d.results[k]
	if ctx.Err() != nil {
		r.reason = "interrupted by a signal"
		d.note("%s can be continued: percept %s --resume %s", r.job.label(), r.job.method.name, commandWord(r.job.folder.Dir))
		return nil
	}
	v, err := d.m.judge(k, r.job)
	if err != nil {
		return err
	}
	r.verdict, r.outcome, r.reason = v, matched, ""
	if !v.good {
		r.outcome, r.reason = notMatched, v.reason
	}
	return nil
}
