package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"
)

// Stems are values over their index; one that is not a number is left out.
type Stems struct {
	Title         string
	Values        []float64
	Limit         float64 // the axis ends at ±Limit; 0 means it fits the values
	Width, Height int     // 0 means 260 and 190
}

func (p *Stems) size() (w, h float64) { return float64(or(p.Width, 260)), float64(or(p.Height, 190)) }

func (p *Stems) draw(c *canvas, x, y float64) {
	w, h := p.size()
	heading(c, x, y, p.Title)
	f := &frame{x0: x + axisLeft, y0: y + headingHeight(p.Title) + 8, x1: x + w - 8, y1: y + h - 12}
	sy := fitScale(false, p.Values, []float64{0})
	if p.Limit > 0 {
		sy.lo, sy.hi = -p.Limit, p.Limit
	}
	f.place(scale{lo: -.7, hi: float64(len(p.Values)) - .3}, sy)
	f.axes(c, "", "", nil)
	base := f.y.at(0)
	c.line(pen{soft, 1, false}, f.x0, base, f.x1, base)
	crowded := (f.x1-f.x0)/float64(max(len(p.Values), 1)) < 7
	for i, v := range p.Values {
		if !f.y.drawable(v) {
			continue
		}
		v = math.Max(f.y.lo, math.Min(f.y.hi, v))
		at := f.x.at(float64(i))
		c.line(pen{accent, 1.2, false}, at, base, at, f.y.at(v))
		if !crowded {
			c.dot(accent, at, f.y.at(v), 2.6)
		}
	}
}

// A Histogram shows how values are distributed.
type Histogram struct {
	Title         string
	XLabel        string
	Data          []Sample
	Width, Height int // 0 means 380 and 320
}

// A Sample is a set of values with a name.
type Sample struct {
	Name   string
	Values []float64
}

const mostBins = 50

func (p *Histogram) size() (w, h float64) {
	return float64(or(p.Width, 380)), float64(or(p.Height, curvesHeight))
}

func (p *Histogram) draw(c *canvas, x, y float64) {
	w, h := p.size()
	legend := &Curves{}
	lo, hi, bins := math.Inf(1), math.Inf(-1), 1
	for _, s := range p.Data {
		legend.Series = append(legend.Series, Series{Name: s.Name})
		for _, v := range s.Values {
			if f := (scale{}); f.drawable(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	for _, s := range p.Data {
		bins = max(bins, binCount(s.Values, lo, hi))
	}
	switch {
	case lo > hi:
		lo, hi = 0, 1
	case lo == hi:
		lo, hi = lo-.5, lo+.5
	}
	counts := make([][]float64, len(p.Data))
	for i, s := range p.Data {
		counts[i] = count(s.Values, lo, hi, bins)
	}
	head := heading(c, x, y, p.Title) + legend.legend(c, x+axisLeft, y+headingHeight(p.Title), w-axisLeft)
	f := &frame{x0: x + axisLeft, y0: y + head + 8, x1: x + w - 14, y1: y + h - axisBottom}
	sy := fitScale(false, append(counts, []float64{0})...)
	sy.lo = 0
	f.place(scale{lo: lo, hi: hi}, sy)
	f.axes(c, p.XLabel, "", f.x.ticks(5))
	for i, n := range counts {
		p.steps(f, n, lo, (hi-lo)/float64(bins), func(x, y, w, h float64) { c.fill(x, y, w, h, tint(palette[i%len(palette)])) })
	}
	for i, n := range counts {
		xs, ys := p.steps(f, n, lo, (hi-lo)/float64(bins), nil)
		c.path(pen{palette[i%len(palette)], 1.4, false}, xs, ys)
	}
}

// tint is a light shade of a colour.
func tint(c color.RGBA) color.Color {
	mix := func(v uint8) uint8 { return uint8(255 - (255-int(v))*3/10) }
	return color.RGBA{mix(c.R), mix(c.G), mix(c.B), 255}
}

// steps returns the outline of a histogram and calls fill, if there is one, for
// the area of each bin.
func (p *Histogram) steps(f *frame, n []float64, lo, width float64, fill func(x, y, w, h float64)) (xs, ys []float64) {
	xs, ys = []float64{f.x.at(lo)}, []float64{f.y.at(0)}
	for k, v := range n {
		a, b, y := f.x.at(lo+float64(k)*width), f.x.at(lo+float64(k+1)*width), f.y.at(v)
		if fill != nil && v > 0 {
			fill(a, y, b-a, f.y.at(0)-y)
		}
		xs, ys = append(xs, a, b), append(ys, y, y)
	}
	return append(xs, f.x.at(lo+float64(len(n))*width)), append(ys, f.y.at(0))
}

// binCount is Freedman and Diaconis' number, at most 50.
func binCount(v []float64, lo, hi float64) int {
	if len(v) < 2 {
		return 1
	}
	width := 2 * (percentile(v, 75) - percentile(v, 25)) / math.Cbrt(float64(len(v)))
	if !(width > 0) {
		return min(mostBins, int(math.Sqrt(float64(len(v)))))
	}
	return int(math.Min(mostBins, math.Max(1, math.Ceil((hi-lo)/width))))
}

func count(v []float64, lo, hi float64, bins int) []float64 {
	n := make([]float64, bins)
	for _, x := range v {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			k := int((x - lo) / (hi - lo) * float64(bins))
			n[min(max(k, 0), bins-1)]++
		}
	}
	return n
}

// percentile interpolates between the ranks of the numbers in v.
func percentile(v []float64, p float64) float64 {
	s := slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	if len(s) == 0 {
		return math.NaN()
	}
	slices.Sort(s)
	at := p / 100 * float64(len(s)-1)
	k := min(int(at), len(s)-1)
	frac := at - float64(k)
	return s[k] + frac*(s[min(k+1, len(s)-1)]-s[k])
}

// Bars are named values on a logarithmic axis, such as what remains of each
// group's error.
type Bars struct {
	Title  string
	XLabel string
	Names  []string
	Values []float64
	Limits []float64 // of each: the largest value that is good; nil: none
	Width  int       // 0 means 560
}

const barHeight = 22

func (p *Bars) size() (w, h float64) {
	return float64(or(p.Width, 560)), headingHeight(p.Title) + float64(len(p.Names)*barHeight) + axisBottom + 8
}

func (p *Bars) draw(c *canvas, x, y float64) {
	w, h := p.size()
	heading(c, x, y, p.Title)
	names := 0.
	for _, n := range p.Names {
		names = math.Max(names, textWidth(n, plain(labelText)))
	}
	f := &frame{x0: x + names + 10, y0: y + headingHeight(p.Title) + 4, x1: x + w - 60, y1: y + h - axisBottom}
	sx := fitScale(true, p.Values, p.Limits, []float64{1})
	f.place(sx, scale{lo: 0, hi: 1})
	for _, t := range sx.ticks(5) {
		at := f.x.at(t.value)
		c.line(pen{faint, 1, false}, at, f.y0, at, f.y1)
		c.text(at, f.y1+6, center, top, plain(labelText), soft, t.label)
	}
	c.text((f.x0+f.x1)/2, f.y1+labelText+12, center, top, plain(labelText), soft, p.XLabel)
	for i, n := range p.Names {
		p.bar(c, f, i, n)
	}
}

func (p *Bars) bar(c *canvas, f *frame, i int, name string) {
	y, v := f.y0+float64(i*barHeight), p.Values[i]
	c.text(f.x0-8, y+barHeight/2, right, middle, plain(labelText), ink, name)
	col, end := third, f.x0
	if p.Limits != nil && !(v <= p.Limits[i]) {
		col = second
	}
	if f.x.drawable(v) {
		end = f.x.at(v)
		c.fill(f.x0, y+4, end-f.x0, barHeight-8, col)
	}
	if p.Limits != nil {
		at := f.x.at(p.Limits[i])
		c.line(pen{ink, 1.5, false}, at, y+2, at, y+barHeight-2)
		end = math.Max(end, at)
	}
	c.text(end+6, y+barHeight/2, left, middle, plain(labelText), soft, fmt.Sprintf("%.2g", v))
}

// Text is lines of writing; the first is a heading.
type Text struct {
	Title string
	Lines []string
}

func (p *Text) size() (w, h float64) {
	w = textWidth(p.Title, bold(panelText))
	for _, l := range p.Lines {
		w = math.Max(w, textWidth(l, plain(labelText)))
	}
	return w + margin, headingHeight(p.Title) + float64(len(p.Lines))*(labelText+6)
}

func (p *Text) draw(c *canvas, x, y float64) {
	y += heading(c, x, y, p.Title)
	for i, l := range p.Lines {
		c.text(x, y+float64(i)*(labelText+6), left, top, plain(labelText), ink, l)
	}
}
