package cli

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/percept-go/percept/figure"
	"github.com/percept-go/percept/internal/report"
)

// look adds to the page what percept figure and percept check make of a run that
// has ended. What cannot be drawn or judged, such as a model that only this
// program's library knows, is left out.
func (r *result) look(p *report.Report) {
	if r.verdict == nil || r.viewer == nil {
		return
	}
	v, err := r.viewer.viewRun(r.job.folder.Dir)
	if err != nil {
		return
	}
	if f, err := v.status(pictureAmplitude); err == nil {
		draw(p, "percept figure "+r.job.label(), f)
	}
	if c := v.app.checkRun(&checkFlags{crops: defaultCrops}, r.job.folder.Dir); c.err == nil {
		p.Check = c.page()
	}
}

// draw adds a figure to the page.
func draw(p *report.Report, caption string, f *figure.Figure) {
	var b bytes.Buffer
	if f.Write(&b, "svg") == nil {
		w, h := f.Size()
		p.Drawings = append(p.Drawings, report.Drawing{Caption: caption, SVG: b.Bytes(), Width: w, Height: h})
	}
}

// lookAtAll adds what percept figure makes of MAD competitions that have ended,
// and what percept check says of each image. r is the first of the results.
func (r *result) lookAtAll(p *report.Report, results []*result) {
	var folders []string
	for _, r := range results {
		if r.verdict == nil || r.viewer == nil {
			return
		}
		folders = append(folders, r.job.folder.Dir)
	}
	for _, together := range competitions(folders) {
		views := make([]*runView, len(together))
		for i, dir := range together {
			var err error
			if views[i], err = r.viewer.viewRun(dir); err != nil {
				return
			}
		}
		if f, err := competition(views); err == nil && len(views) > 1 {
			draw(p, "percept figure "+filepath.Base(filepath.Dir(together[0])), f)
		}
	}
	k := &report.Check{Heads: []string{"image", "verdict"}}
	good := 0
	for i, dir := range folders {
		c := r.viewer.checkRun(&checkFlags{crops: defaultCrops}, dir)
		if c.err != nil {
			return
		}
		if c.Good {
			good++
		}
		k.Rows = append(k.Rows, report.CheckRow{Good: c.Good, Cells: []string{results[i].job.sub, c.Sentence}})
	}
	k.Sentence = fmt.Sprintf("%d of %d are MAD images.", good, len(folders))
	p.Check = k
}

// page is c as a report shows it.
func (c *checked) page() *report.Check {
	k := &report.Check{Sentence: c.Sentence, Notes: c.Notes, Heads: c.heads}
	for _, r := range c.Rows {
		k.Rows = append(k.Rows, report.CheckRow{Good: r.Good, Cells: append([]string{r.Name}, r.Cells...)})
	}
	for _, a := range c.Advice {
		k.Advice = append(k.Advice, report.Fact{Name: a.Why, Value: commandLine(a.Args)})
	}
	return k
}
