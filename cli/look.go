package cli

import (
	"bytes"

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
		var b bytes.Buffer
		if f.Write(&b, "svg") == nil {
			w, h := f.Size()
			p.Drawings = append(p.Drawings, report.Drawing{Caption: "percept figure " + r.job.label(), SVG: b.Bytes(), Width: w, Height: h})
		}
	}
	if c := v.app.checkRun(&checkFlags{crops: defaultCrops}, r.job.folder.Dir); c.err == nil {
		p.Check = c.page()
	}
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
