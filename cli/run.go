package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/optim"
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

// options returns what synth needs to know, but for start and seed.
func (f *metamerFlags) options() (o synth.MetamerOptions, err error) {
	if o.Loss, err = f.loss.make(f.loss.spec); err != nil {
		return o, err
	}
	if o.Penalty, err = f.penalty.make(f.penalty.spec); err != nil {
		return o, err
	}
	o.Optimizer = f.optimizer.make(f.optimizer.spec)
	o.Scheduler = f.scheduler.make(f.scheduler.spec)
	o.Reference = f.recipe.value == "reference"
	if l, ok := o.Optimizer.(optim.LBFGS); ok && o.Reference {
		l.TwoLoop, l.Float64History = true, true
		o.Optimizer = l
	}
	o.StoreEvery = f.saveEvery.n
	o.Tolerance, o.Window = &f.tolerance.v, f.window.n
	return o, nil
}

// runJob runs j to its end, or until ctx ends, and writes its folder. The
// error is one that ended the run; the folder says so too.
func (a *app) runJob(ctx context.Context, j *job) (*result, error) {
	r := newResult(j)
	err := a.synthesize(ctx, j, r)
	if err != nil {
		r.outcome, r.reason = failed, err.Error()
	}
	if e := r.write(); err == nil {
		err = e
	}
	return r, err
}

// synthesize does the work of runJob; what it found is in r, also if it errs.
func (a *app) synthesize(ctx context.Context, j *job, r *result) error {
	backend, err := j.f.device.backend()
	if err != nil {
		return err
	}
	o, err := j.f.options()
	if err != nil {
		return err
	}
	o.Init, o.Seed = j.init, j.seed
	m, err := synth.NewMetamer(backend, j.target, j.model, o)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := j.begin(m); err != nil {
		return err
	}
	r.setup = time.Since(r.began)
	d := &drive{app: a, job: j, m: m, r: r}
	err = d.run(ctx)
	r.absorb(m)
	if e := j.save(m); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		r.reason = "interrupted by a signal"
		a.note("%s can be continued: percept metamer --resume %s", j.label(), commandWord(j.folder.Dir))
		return nil
	}
	return r.judge(m)
}

// begin brings m to where j was, or writes down where it starts.
func (j *job) begin(m *synth.Metamer) error {
	if j.resumes > 0 {
		file, err := os.Open(j.folder.Path(runfolder.Checkpoint))
		if err == nil {
			defer file.Close()
			if err := m.Load(file); err != nil {
				return fmt.Errorf("%s: %w", file.Name(), err)
			}
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // a run that was killed before its first checkpoint begins again
			return err
		}
	}
	x, err := m.Image()
	if err != nil {
		return err
	}
	return j.folder.WriteNPY(runfolder.Start, x)
}

// save writes what a person looks at while a run goes on, and all that a
// resumed run needs: that last, since it is the largest and a disk may be full.
func (j *job) save(m *synth.Metamer) error {
	x, err := m.Image()
	if err != nil {
		return err
	}
	history := m.History(0)
	if err := j.folder.WriteCSV(runfolder.HistoryCSV, historyColumns(history)); err != nil {
		return err
	}
	if err := j.folder.WriteNPY(runfolder.Result, x); err != nil {
		return err
	}
	if _, err := j.writePNG(runfolder.ResultPNG, x); err != nil && !errors.Is(err, errNoPicture) {
		return err
	}
	if err := j.saveFrames(m.Frames(0), history[len(history)-1].Iteration, x); err != nil {
		return err
	}
	return j.folder.Write(runfolder.Checkpoint, func(w io.Writer) error { return m.Save(w) })
}

// saveFrames writes the frames; the last is the image x as it is.
func (j *job) saveFrames(frames []synth.Frame, iteration int, x tensor.Tensor) error {
	if len(frames) == 0 {
		return nil
	}
	if frames[len(frames)-1].Iteration < iteration {
		x, _ = x.Reshape(x.Shape()[1:]...) // of one image
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

// historyColumns lays out the history as history.csv holds it. The last row is
// the final image, which no iteration changed.
func historyColumns(records []synth.Record) []runfolder.Column {
	columns := []runfolder.Column{{Name: "iteration"}, {Name: "evaluations"}, {Name: "seconds"}, {Name: "loss"}, {Name: "penalty"}, {Name: "gradient_norm"}, {Name: "pixel_change"}}
	for i, r := range records {
		row := []float64{float64(r.Iteration), float64(r.Evaluations), r.Seconds, r.Loss, r.Penalty, r.GradientNorm, r.PixelChange}
		for c, v := range row {
			if c == 6 && i == len(records)-1 {
				continue
			}
			columns[c].Values = append(columns[c].Values, v)
		}
	}
	return columns
}

// A drive runs a Metamer in short stretches, between which it shows progress
// and writes checkpoints.
type drive struct {
	*app
	job     *job
	m       *synth.Metamer
	r       *result
	bar     *progress
	saved   time.Time
	stretch int // iterations
}

// stretchTime is about how long a stretch takes. The loss of the image after
// one may cost an evaluation of its own, hence many iterations of an optimizer
// that evaluates once in each.
const (
	stretchTime       = 300 * time.Millisecond
	shortestLBFGS     = 1
	shortestOtherwise = 20
)

func (d *drive) shortest() int {
	if d.job.f.optimizer.spec.Name == "lbfgs" {
		return shortestLBFGS
	}
	return shortestOtherwise
}

func (d *drive) run(ctx context.Context) error {
	f := d.job.f
	done := d.m.History(0)
	at := done[len(done)-1].Iteration
	total := f.iterations.steps
	if f.iterations.more {
		total += at
	}
	with(d.job.settings, "iterations", total)
	d.bar = newProgress(d.stderr, d.job.label(), f.progress.value, at)
	d.saved, d.stretch = time.Now(), d.shortest()
	if total <= at {
		d.r.stoppedBy = string(synth.StopIterations)
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
		at = res.Iterations[0]
		d.r.stoppedBy = string(res.StoppedBy[0])
		s := d.status(total, stop.Time)
		switch {
		case ctx.Err() != nil:
			if res.StoppedBy[0] == synth.StopIterations { // the end of the stretch, as the signal came
				d.r.stoppedBy = string(synth.StopSignal)
			}
			d.bar.finish(s)
			return nil
		case err != nil:
			d.bar.finish(s)
			return err
		case res.StoppedBy[0] != synth.StopIterations || at >= total:
			d.bar.finish(s)
			return nil
		}
		d.bar.update(s)
		d.checkpoint()
		d.adapt(time.Since(clock))
	}
}

// adapt makes the next stretch take about stretchTime.
func (d *drive) adapt(took time.Duration) {
	if took < stretchTime/2 {
		d.stretch *= 2
	} else if took > 2*stretchTime {
		d.stretch = max(d.stretch/2, d.shortest())
	}
}

func (d *drive) status(total int, left time.Duration) status {
	h := d.m.History(0)
	last := h[len(h)-1]
	return status{iteration: last.Iteration, total: total, loss: last.Loss, gradient: last.GradientNorm, left: left}
}

// checkpoint saves the run if it is time to. A disk that is full for a while
// is no reason to end a run.
func (d *drive) checkpoint() {
	if time.Since(d.saved) < d.job.f.checkpointEvery {
		return
	}
	err := d.job.save(d.m)
	if err == nil {
		d.r.absorb(d.m)
		err = d.job.folder.WriteJSON(runfolder.RunJSON, d.r.object())
	}
	if err != nil {
		d.bar.pause()
		d.note("%s: no checkpoint could be written: %v", d.job.label(), err)
	}
	d.saved = time.Now()
}
