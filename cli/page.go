package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/report"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
)

// report writes the page of r.
func (r *result) report(w io.Writer) error {
	j := r.job
	pictures, err := r.pictures()
	if err != nil {
		return err
	}
	p := report.Report{
		Title:    j.label() + ": metamer of " + j.input.Path,
		Verdict:  report.Verdict{Good: r.outcome == matched, Outcome: r.outcome, Text: r.sentence()},
		Images:   pictures,
		Facts:    r.facts(),
		Notes:    j.input.Notes,
		Settings: j.settingFacts(),
		Methods:  r.methods(),
		BibTeX:   j.bibTeX(),
		Commands: []string{commandLine(j.command), commandLine([]string{"metamer", "--config", runfolder.RunJSON})},
	}
	for _, rec := range r.records {
		p.Loss.Loss = append(p.Loss.Loss, rec.Loss)
		p.Loss.Penalty = append(p.Loss.Penalty, rec.Penalty)
	}
	if r.judged != nil {
		whole := r.judged.Whole
		whole.Name = "the whole representation"
		p.Groups = append(p.Groups, reportGroup(whole, synth.MatchedError))
		for _, g := range r.judged.Groups {
			p.Groups = append(p.Groups, reportGroup(g, synth.MatchedGroup))
		}
	}
	return report.Write(w, p)
}

func reportGroup(g synth.GroupError, limit float64) report.Group {
	return report.Group{Name: g.Name, Size: g.Entries, Start: g.Start, End: g.Error, Ratio: g.Ratio, Limit: limit}
}

// pictures returns what stands at the top of the page, as far as it exists.
func (r *result) pictures() ([]report.Picture, error) {
	j := r.job
	if c := j.target.Dim[1]; c != 1 && c != 3 {
		return nil, nil
	}
	start, err := j.startPNG()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []report.Picture
	add := func(caption string, png []byte) {
		if png != nil {
			list = append(list, report.Picture{Caption: caption, PNG: png, Height: j.target.Dim[2], Width: j.target.Dim[3]})
		}
	}
	for _, p := range []struct{ caption, file string }{{"target", runfolder.TargetPNG}, {"start", ""}, {"result", runfolder.ResultPNG}} {
		if p.file == "" {
			add(p.caption, start)
			continue
		}
		png, err := os.ReadFile(j.folder.Path(p.file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		add(p.caption, png)
	}
	return list, nil
}

// startPNG returns the start as a PNG file, which the folder does not keep.
func (j *job) startPNG() ([]byte, error) {
	x, err := j.folder.ReadNPY(runfolder.Start)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "percept-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "start.png")
	if _, err := images.Save(path, x, images.SaveOptions{Light: j.f.image.options().Light}); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// facts stand beside the pictures.
func (r *result) facts() []report.Fact {
	last := r.last()
	list := []report.Fact{
		{Name: "Loss", Value: fmt.Sprintf("%.4g after %d iterations, %d evaluations", last.Loss, last.Iteration, last.Evaluations)},
		{Name: "Time", Value: (time.Duration(last.Seconds*1000) * time.Millisecond).String()},
		{Name: "Stopped by", Value: r.stoppedBy},
	}
	if r.judged != nil {
		list = append(list, report.Fact{Name: "Distance to the target", Value: fmt.Sprintf("pixels differ by %.3g RMS and correlate by %.3g: the result is another image", r.judged.FromTarget, r.correlation)})
	}
	if r.png != nil {
		n := r.job.target.Len()
		list = append(list, report.Fact{Name: "As a PNG file", Value: fmt.Sprintf("%d of %d values were clipped; %s of the representation's error remains in it", r.png.clipped, n, percentText(r.png.Whole.Ratio))})
	}
	return list
}

// settingFacts lists the settings as flags.
func (j *job) settingFacts() []report.Fact {
	var list []report.Fact
	for _, m := range j.settings {
		if m.Value == nil {
			continue
		}
		text, err := spec.Written(m.Value)
		if err != nil {
			text = fmt.Sprint(m.Value)
		}
		list = append(list, report.Fact{Name: "--" + m.Key, Value: text})
	}
	list = append(list, report.Fact{Name: "input", Value: strings.TrimSpace(fmt.Sprintf("%s, %d×%d pixels %s", j.input.Path, j.input.Height, j.input.Width, j.input.Stored))})
	if j.input.SHA256 != "" {
		list = append(list, report.Fact{Name: "SHA-256 of the input", Value: j.input.SHA256})
	}
	return list
}
