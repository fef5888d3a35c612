package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image/png"
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
)

// report writes the page of r.
func (r *result) report(w io.Writer) error {
	j := r.job
	pictures, err := r.pictures()
	if err != nil {
		return err
	}
	methods, citations := j.flags.methods(r)
	p := report.Report{
		Title:    j.label() + ": " + j.method.name + " of " + j.inputText(),
		Verdict:  report.Verdict{Good: r.outcome == matched, Outcome: r.outcome, Text: r.sentence()},
		Images:   pictures,
		Facts:    r.facts(),
		Settings: j.settingFacts(),
		Methods:  methods,
		BibTeX:   report.Cite(append(citations, "percept")...),
		Commands: []string{commandLine(j.command), commandLine([]string{j.method.name, "--config", runfolder.RunJSON})},
	}
	for _, in := range j.inputs {
		p.Notes = append(p.Notes, in.Notes...)
	}
	p.Loss.Name = j.method.measure
	for _, rec := range r.records {
		p.Loss.Loss = append(p.Loss.Loss, rec.Loss)
		p.Loss.Penalty = append(p.Loss.Penalty, rec.Penalty)
	}
	if r.verdict != nil {
		p.Groups = r.verdict.groups
	}
	r.look(&p)
	return report.Write(w, p)
}

// pictures returns what stands at the top of the page, as far as it exists.
func (r *result) pictures() ([]report.Picture, error) {
	j := r.job
	var files []namedPicture
	if c := j.target.Dim[1]; j.target.Dim[0] == 1 && (c == 1 || c == 3) {
		files = []namedPicture{{"target", runfolder.TargetPNG}, {"start", ""}, {"result", runfolder.ResultPNG}}
	}
	if r.verdict != nil {
		files = append(files, r.verdict.pictures...)
	}
	var list []report.Picture
	for _, p := range files {
		read := func() ([]byte, error) { return os.ReadFile(j.folder.Path(p.file)) }
		if p.file == "" {
			read = j.startPNG
		}
		data, err := read()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		size, err := png.DecodeConfig(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		list = append(list, report.Picture{Caption: p.caption, PNG: data, Height: size.Height, Width: size.Width})
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
	if _, err := images.Save(path, x, images.SaveOptions{Light: j.run().image.options().Light}); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// facts stand beside the pictures.
func (r *result) facts() []report.Fact {
	last := r.last()
	list := []report.Fact{
		{Name: cmp.Or(r.job.method.measure, "Loss"), Value: fmt.Sprintf("%.4g after %d iterations, %d evaluations", last.Loss, last.Iteration, last.Evaluations)},
		{Name: "Time", Value: (time.Duration(last.Seconds*1000) * time.Millisecond).String()},
		{Name: "Stopped by", Value: r.stoppedBy},
	}
	if r.verdict != nil {
		list = append(list, r.verdict.facts...)
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
	for _, in := range j.inputs {
		list = append(list, report.Fact{Name: "input", Value: strings.TrimSpace(fmt.Sprintf("%s, %d×%d pixels %s", in.Path, in.Height, in.Width, in.Stored))})
		if in.SHA256 != "" {
			list = append(list, report.Fact{Name: "SHA-256 of the input", Value: in.SHA256})
		}
	}
	return list
}
