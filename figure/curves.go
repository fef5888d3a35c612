package figure

import (
	"image/color"
	"math"
)

// Curves are lines over a common axis, with a legend if there are several.
type Curves struct {
	Title          string
	XLabel, YLabel string
	Log            bool // the vertical axis is logarithmic: values that are not positive are left out
	Series         []Series
	Limits         []float64 // drawn as horizontal lines
	// At marks every curve at this X by a red dot; nil marks none.
	At            *float64
	Width, Height int // of the panel in pixels; 0 means 440 and 320
}

// A Series is one curve.
type Series struct {
	Name   string
	X      []float64 // nil means 0, 1, 2, …
	Y      []float64
	Dashed bool
	Points bool // dots at the values
	NoLine bool // and none between them
	Color  color.Color
}

func (s *Series) x(i int) float64 {
	if s.X == nil {
		return float64(i)
	}
	return s.X[i]
}

const (
	curvesWidth  = 440
	curvesHeight = 320
	axisLeft     = 64
	axisBottom   = 44
)

func (p *Curves) size() (w, h float64) {
	return float64(or(p.Width, curvesWidth)), float64(or(p.Height, curvesHeight))
}

func or(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

func (p *Curves) color(i int) color.Color {
	if c := p.Series[i].Color; c != nil {
		return c
	}
	return palette[i%len(palette)]
}

func (p *Curves) draw(c *canvas, x, y float64) {
	w, h := p.size()
	head := heading(c, x, y, p.Title) + p.legend(c, x+axisLeft, y+headingHeight(p.Title), w-axisLeft)
	f := &frame{x0: x + axisLeft, y0: y + head + 8, x1: x + w - 14, y1: y + h - axisBottom}
	var xs, ys [][]float64
	for i := range p.Series {
		s := &p.Series[i]
		ys = append(ys, s.Y)
		if s.X != nil {
			xs = append(xs, s.X)
		} else {
			xs = append(xs, []float64{0, float64(max(len(s.Y)-1, 1))})
		}
	}
	sx := fitScale(false, xs...)
	f.place(sx, fitScale(p.Log, append(ys, p.Limits)...))
	f.axes(c, p.XLabel, p.YLabel, sx.ticks(6))
	for _, v := range p.Limits {
		if f.y.drawable(v) {
			c.line(pen{alarm, 1, true}, f.x0, f.y.at(v), f.x1, f.y.at(v))
		}
	}
	for i := range p.Series {
		p.Series[i].draw(c, f, p.color(i))
	}
	for i := range p.Series {
		p.mark(c, f, &p.Series[i])
	}
}

// heading writes the title of a panel and returns its height.
func heading(c *canvas, x, y float64, title string) float64 {
	if title != "" {
		c.text(x, y, left, top, bold(panelText), ink, title)
	}
	return headingHeight(title)
}

func headingHeight(title string) float64 {
	if title == "" {
		return 0
	}
	return panelText + 8
}

// legend names the curves, in as many lines as it takes, and returns its height.
func (p *Curves) legend(c *canvas, x, y, w float64) float64 {
	if len(p.Series) < 2 {
		return 0
	}
	const line, gap = labelText + 6, 30
	at, height := x, float64(line)
	for i, s := range p.Series {
		need := gap + textWidth(s.Name, plain(labelText)) + 12
		if at > x && at+need > x+w {
			at, height = x, height+line
		}
		mid := y + height - line/2
		c.line(pen{p.color(i), 2, s.Dashed}, at, mid, at+gap-8, mid)
		c.text(at+gap-2, mid, left, middle, plain(labelText), ink, s.Name)
		at += need
	}
	return height
}

// draw draws the curve: of many points that share a column of pixels only the
// first, last, least and largest are kept.
func (s *Series) draw(c *canvas, f *frame, col color.Color) {
	var xs, ys []float64
	flush := func() {
		if !s.NoLine {
			c.path(pen{col, 1.8, s.Dashed}, xs, ys)
		}
		if len(xs) == 1 || s.Points {
			for i := range xs {
				c.dot(col, xs[i], ys[i], 3)
			}
		}
		xs, ys = nil, nil
	}
	column := math.Inf(-1)
	for i, v := range s.Y {
		if !f.y.drawable(v) {
			flush()
			continue
		}
		x, y := f.x.at(s.x(i)), f.y.at(v)
		if n := len(xs); n >= 4 && math.Floor(x) == column && math.Floor(xs[n-4]) == column {
			mergeColumn(ys[n-4:], y)
			xs[n-1] = x
			continue
		}
		column = math.Floor(x)
		xs, ys = append(xs, x), append(ys, y)
	}
	flush()
}

// mergeColumn keeps of four values in one column, and another one, the first,
// the least, the largest and the last.
func mergeColumn(y []float64, v float64) {
	lo, hi := math.Min(math.Min(y[1], y[2]), y[3]), math.Max(math.Max(y[1], y[2]), y[3])
	y[1], y[2], y[3] = math.Min(lo, v), math.Max(hi, v), v
}

// mark draws the dot at p.At.
func (p *Curves) mark(c *canvas, f *frame, s *Series) {
	if p.At == nil {
		return
	}
	best := -1
	for i := range s.Y {
		if f.y.drawable(s.Y[i]) && (best < 0 || math.Abs(s.x(i)-*p.At) < math.Abs(s.x(best)-*p.At)) {
			best = i
		}
	}
	if best >= 0 {
		c.dot(alarm, f.x.at(s.x(best)), f.y.at(s.Y[best]), 4.5)
	}
}
