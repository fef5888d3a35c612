// Package report writes a run as one HTML page that needs no other file, no
// network and no script.
package report

import (
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
)

// A Report is what the page says. Empty parts are left out.
type Report struct {
	Title   string // "pebbles: metamer"
	Verdict Verdict
	Images  []Picture
	Facts   []Fact // beside the pictures: distances, clipped pixels, timings
	Loss    Curve
	Groups  []Group
	Notes   []string // what a person may not expect

	Drawings []Drawing // figures of the run
	Check    *Check    // what percept check says; nil: nothing

	Settings []Fact
	Methods  string // a paragraph for a paper
	BibTeX   string
	Commands []string // how to make it again
}

// A Verdict is the outcome in one word and in one sentence.
type Verdict struct {
	Good    bool
	Outcome string
	Text    string
}

// A Picture is a PNG file with what stands below it.
type Picture struct {
	Caption       string
	PNG           []byte
	Height, Width int // pixels of the file
}

// A Drawing is a figure as SVG.
type Drawing struct {
	Caption       string
	SVG           []byte
	Width, Height int // in pixels
}

// URL returns the figure as a page holds it.
func (d Drawing) URL() template.URL {
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(d.SVG))
}

// A Check is the judgement of the run from its files: a table, a sentence, and
// what to try.
type Check struct {
	Sentence string
	Notes    []string
	Heads    []string
	Rows     []CheckRow
	Advice   []Fact // why, and the command
}

// A CheckRow is a row of the table of a Check.
type CheckRow struct {
	Good  bool
	Cells []string
}

// A Fact is a name and a value.
type Fact struct{ Name, Value string }

// A Group is a part of the representation: the L2 norm of its difference from
// the target's at the start and at the end, what remains of it, and how much
// may remain. A Limit of 0 means that there is none.
type Group struct {
	Name       string
	Size       int // number of entries
	Start, End float64
	Ratio      float64
	Limit      float64
}

//go:embed report.html.tmpl
var page string

//go:embed report.css
var style string

var tmpl = template.Must(template.New("report").Parse(page))

// Write writes r as an HTML page. It errs if w does.
func Write(w io.Writer, r Report) error {
	return tmpl.Execute(w, view{
		Report: r,
		Style:  template.CSS(style),
		Shown:  show(r.Images),
		Plot:   plot(r.Loss),
		Rows:   rows(r.Groups),
	})
}

// A view is what the template reads.
type view struct {
	Report
	Style template.CSS
	Shown []shown
	Plot  *chart
	Rows  []row
}

// shown is a Picture as the page places it.
type shown struct {
	Caption       string
	URL           template.URL
	Height, Width int // on the page, a whole multiple of the file's
	Zoom          int
}

// widthOnPage is what small pictures are magnified to, at most.
const widthOnPage = 384

// show gives all pictures one zoom, so that they can be compared.
func show(ps []Picture) []shown {
	zoom := widthOnPage
	for _, p := range ps {
		zoom = min(zoom, max(1, widthOnPage/max(p.Width, p.Height, 1)))
	}
	list := make([]shown, len(ps))
	for i, p := range ps {
		url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(p.PNG)
		list[i] = shown{p.Caption, template.URL(url), p.Height * zoom, p.Width * zoom, zoom}
	}
	return list
}
