package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/percept-go/percept/internal/report"
	"github.com/percept-go/percept/internal/runfolder"
)

// overview writes the report of several results: their pictures side by side.
func (f *madFlags) overview(parent runfolder.Folder, results []*result) error {
	first := results[0].job
	good, ended := 0, 0
	p := report.Report{Title: first.inputText() + ": MAD competition", Commands: []string{commandLine(first.command)}, BibTeX: report.Cite("wang2008", "duong2023", "percept")}
	shown := map[string]bool{}
	for _, r := range results {
		j := r.job
		if name := j.inputText(); !shown[name] {
			shown[name] = true
			if err := addPicture(&p, j, j.name, runfolder.TargetPNG); err != nil {
				return err
			}
		}
		if err := addPicture(&p, j, j.sub, runfolder.ResultPNG); err != nil {
			return err
		}
		p.Facts = append(p.Facts, report.Fact{Name: j.sub, Value: r.outcome + ": " + r.sentence()})
		if r.ended() {
			ended++
		}
		if r.outcome == matched {
			good++
		}
	}
	if p.Verdict = (report.Verdict{Good: good == len(results), Outcome: matched, Text: fmt.Sprintf("%d of %d images", good, len(results))}); !p.Verdict.Good {
		p.Verdict.Outcome = notMatched
		if ended < len(results) {
			p.Verdict.Outcome = interrupted
		}
	}
	results[0].lookAtAll(&p, results)
	var page bytes.Buffer
	if err := report.Write(&page, p); err != nil {
		return err
	}
	return parent.WriteBytes(runfolder.Report, page.Bytes())
}

// addPicture adds a picture of j, if there is one.
func addPicture(p *report.Report, j *job, caption, file string) error {
	png, err := os.ReadFile(j.folder.Path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		p.Images = append(p.Images, report.Picture{Caption: caption, PNG: png, Height: j.target.Dim[2], Width: j.target.Dim[3]})
	}
	return err
}
