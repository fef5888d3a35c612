package cli

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/synth"
)

var nan = math.NaN()

// A result is what there is to say of a run.
type result struct {
	job   *job
	began time.Time // when this process took the run up
	setup time.Duration

	outcome   string
	stoppedBy string
	reason    string // why the outcome does not hold, or what was wrong

	records []synth.Record
	known   runfolder.Object
	verdict *verdict // nil: it was not judged
	viewer  *app     // whose models the report is drawn and judged with
}

// notEnded is the reason of a run that is at work.
const notEnded = "the run has not ended, or was killed"

// newResult returns the result of a run that has not ended, or that is killed
// before it does.
func newResult(j *job) *result {
	return &result{job: j, began: time.Now(), outcome: interrupted, reason: notEnded}
}

// absorb takes what m knows of image k.
func (r *result) absorb(m running, k int) {
	r.records, r.known = m.History(k), m.known(k)
}

// last returns the row of the image as it is.
func (r *result) last() synth.Record {
	if len(r.records) == 0 {
		return synth.Record{Loss: nan, Penalty: nan, GradientNorm: nan}
	}
	return r.records[len(r.records)-1]
}

// ended reports whether this process has run r to some end.
func (r *result) ended() bool { return r.stoppedBy != "" || r.outcome != interrupted }

// sentence says the outcome as a person does.
func (r *result) sentence() string {
	switch {
	case r.outcome == matched:
		return r.verdict.sentence
	case r.reason == "":
		return "stopped by " + r.stoppedBy
	}
	return r.reason
}

// object returns what run.json says.
func (r *result) object() runfolder.Object {
	last := r.last()
	o := runfolder.Object{
		{Key: "format", Value: 1},
		{Key: "method", Value: r.job.method.name},
		{Key: "outcome", Value: r.outcome},
		{Key: "stopped_by", Value: r.stoppedBy},
		{Key: "reason", Value: r.reason},
		{Key: "iterations", Value: last.Iteration},
		{Key: "evaluations", Value: last.Evaluations},
		{Key: "loss", Value: last.Loss},
		{Key: "penalty", Value: last.Penalty},
		{Key: "gradient_norm", Value: last.GradientNorm},
	}
	if r.stoppedBy == "" {
		o = with(o, "stopped_by", nil)
	}
	o = append(o, r.known...)
	if r.verdict != nil {
		o = append(o, r.verdict.object...)
	}
	return append(o, r.circumstances()...)
}

// circumstances are what the result depends on, and when it was made.
func (r *result) circumstances() runfolder.Object {
	j := r.job
	f := j.run()
	level := kernels.Best()
	if l, err := kernels.ParseLevel(f.device.level.value); err == nil {
		level = l.Resolve()
	}
	o := runfolder.Object{{Key: "seed", Value: j.seed}, {Key: "input", Value: j.inputs[0]}}
	if len(j.inputs) > 1 {
		o.Add("inputs", j.inputs)
	}
	return append(o, runfolder.Object{
		{Key: "dtype", Value: f.device.dtype.value},
		{Key: "device", Value: f.device.device.value},
		{Key: "cpu_level", Value: level.String()},
		{Key: "threads", Value: f.device.threadCount()},
		{Key: "settings", Value: j.settings},
		{Key: "command", Value: j.command},
		{Key: "versions", Value: versions()},
		{Key: "started", Value: j.started.UTC().Format(time.RFC3339)},
		{Key: "resumes", Value: j.resumes},
		{Key: "timings", Value: runfolder.Object{
			{Key: "setup_seconds", Value: r.setup.Seconds()},
			{Key: "synthesis_seconds", Value: r.last().Seconds},
			{Key: "session_seconds", Value: time.Since(r.began).Seconds()},
		}},
	}...)
}

// write writes run.json and report.html.
func (r *result) write() error {
	f := r.job.folder
	if err := f.WriteJSON(runfolder.RunJSON, r.object()); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := r.report(&page); err != nil {
		return err
	}
	return f.WriteBytes(runfolder.Report, page.Bytes())
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
		row := []string{j.sub, j.inputText(), fmt.Sprint(j.seed), interrupted, "", "", "", "", ""}
		if i < len(results) && results[i].ended() {
			r := results[i]
			last := r.last()
			row = append(row[:3], r.outcome, r.stoppedBy)
			for _, v := range []float64{float64(last.Iteration), float64(last.Evaluations), last.Seconds, last.Loss} {
				row = append(row, runfolder.FormatNumber(v))
			}
		}
		for k, v := range row {
			columns[k].Words = append(columns[k].Words, v)
		}
	}
	return parent.WriteCSV(runfolder.IndexCSV, columns)
}

// printResults prints what came out: for each run a line, or all as JSON.
func (a *app) printResults(f *runFlags, parent runfolder.Folder, results []*result) error {
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
