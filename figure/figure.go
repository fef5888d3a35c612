// Package figure draws what a synthesis did: images pixel by pixel, losses,
// representations, and the status picture of each method. A Figure is written
// as PNG, SVG or PDF; a sequence of them as an animation.
package figure

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/percept-go/percept/internal/atomicfile"
)

// A Figure is rows of panels under a title.
type Figure struct {
	Title string // none if it is empty
	Rows  [][]Panel
}

// A Panel is one drawing of a Figure: an Image, Curves, Stems, a Histogram, Bars
// or Text.
type Panel interface {
	size() (w, h float64) // in pixels
	draw(c *canvas, x, y float64)
}

// Distances in pixels.
const (
	margin     = 10 // around and between panels
	titleSpace = 34
)

// Size returns the width and the height of f in pixels.
func (f *Figure) Size() (w, h int) {
	width, height := 0., float64(margin)
	if f.Title != "" {
		width, height = textWidth(f.Title, bold(titleText))+2*margin, titleSpace+margin
	}
	for _, row := range f.Rows {
		rw, rh := rowSize(row)
		width, height = math.Max(width, rw), height+rh
	}
	return int(math.Ceil(math.Max(width, 2*margin))), int(math.Ceil(height))
}

func rowSize(row []Panel) (w, h float64) {
	w = margin
	for _, p := range row {
		pw, ph := p.size()
		w, h = w+pw+margin, math.Max(h, ph+margin)
	}
	return w, h
}

// draw paints f on c.
func (f *Figure) draw(c *canvas) {
	w, h := f.Size()
	c.fill(0, 0, float64(w), float64(h), paper)
	y := float64(margin)
	if f.Title != "" {
		c.text(margin, y+titleSpace/2, left, middle, bold(titleText), ink, f.Title)
		y += titleSpace
	}
	for _, row := range f.Rows {
		_, rh := rowSize(row)
		x := float64(margin)
		for _, p := range row {
			pw, _ := p.size()
			p.draw(c, x, y)
			x += pw + margin
		}
		y += rh
	}
}

// Raster returns f with scale pixels for each of its own, 1 or more.
func (f *Figure) Raster(scale int) image.Image {
	w, h := f.Size()
	c := vgimg.NewWith(vgimg.UseWH(px(float64(w)), px(float64(h))), vgimg.UseDPI(dpi*max(scale, 1)))
	f.draw(newCanvas(c, w, h))
	return c.Image()
}

// formats are what Write takes.
var formats = map[string]func(f *Figure, w io.Writer) error{
	"png": func(f *Figure, w io.Writer) error { return png.Encode(w, f.Raster(1)) },
	"svg": (*Figure).writeSVG,
	"pdf": (*Figure).writePDF,
}

func (f *Figure) writePDF(w io.Writer) error {
	width, height := f.Size()
	p := newPage(px(float64(width)), px(float64(height)))
	f.draw(newCanvas(p, width, height))
	return p.writeTo(w)
}

// writeSVG draws images as they are stored, which a viewer may then magnify
// without blurring them.
func (f *Figure) writeSVG(w io.Writer) error {
	width, height := f.Size()
	c := vgsvg.New(px(float64(width)), px(float64(height)))
	f.draw(newCanvas(c, width, height))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	text := svgText.ReplaceAllStringFunc(svgStyle.Replace(b.String()), fixWidth)
	_, err := io.WriteString(w, text)
	return err
}

// svgStyle says what vgsvg cannot: fonts to fall back on, the weight, and pixels
// that stay squares.
var svgStyle = strings.NewReplacer(
	"<image ", `<image style="image-rendering:pixelated" `,
	"data:image/jpg;", "data:image/png;",
	"font-family:Liberation Sans;", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;",
	"font-variant:sansbold;font-weight:normal", "font-variant:normal;font-weight:bold",
)

// svgText finds a text's style, size and letters.
var svgText = regexp.MustCompile(`(?s)<text ([^>]*font-variant:normal;font-weight:(\w+);[^>]*font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)

// fixWidth writes down how wide a text is, so that it is in another font too.
func fixWidth(element string) string {
	m := svgText.FindStringSubmatch(element)
	size, _ := strconv.ParseFloat(m[3], 64)
	points := float64(face{size * dpi / vg.Inch.Points(), m[2] == "bold"}.style().Width(html.UnescapeString(m[4])))
	if points == 0 {
		return element
	}
	return fmt.Sprintf(`<text textLength="%.4g" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, points, m[1], m[4])
}

// Write writes f in the given format: "png", "svg" or "pdf". It errs if there is
// no such format or w does.
func (f *Figure) Write(w io.Writer, format string) error {
	write, ok := formats[format]
	if !ok {
		return fmt.Errorf("figure: no figure can be written as %q; png, svg or pdf is expected", format)
	}
	return write(f, w)
}

// Save writes f to the file at path, in the format that its extension names. It
// errs if that is none of .png, .svg and .pdf or the file cannot be written.
func (f *Figure) Save(path string) error {
	format := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	if _, ok := formats[format]; !ok {
		return fmt.Errorf("figure: %s: the extension .png, .svg or .pdf is expected", path)
	}
	return atomicfile.Write(path, 0o666, func(w io.Writer) error { return f.Write(w, format) })
}

// Beside returns the figures next to each other, in one row. It panics if there
// is none.
func Beside(title string, figures ...*Figure) *Figure {
	row := make([]Panel, len(figures))
	for i, f := range figures {
		row[i] = inset{f}
	}
	return &Figure{Title: title, Rows: [][]Panel{row}}
}

// Above returns the figures below each other.
func Above(title string, figures ...*Figure) *Figure {
	rows := make([][]Panel, len(figures))
	for i, f := range figures {
		rows[i] = []Panel{inset{f}}
	}
	return &Figure{Title: title, Rows: rows}
}

// An inset is a Figure as a Panel.
type inset struct{ f *Figure }

func (i inset) size() (w, h float64) {
	a, b := i.f.Size()
	return float64(a), float64(b)
}

func (i inset) draw(c *canvas, x, y float64) {
	sub := *c
	sub.x, sub.y = c.x+x, c.y+y
	i.f.draw(&sub)
}

// wrap puts panels in rows of at most n.
func wrap(panels []Panel, n int) [][]Panel {
	var rows [][]Panel
	for len(panels) > n {
		rows, panels = append(rows, panels[:n:n]), panels[n:]
	}
	return append(rows, panels)
}

// newCanvas returns a canvas of w×h pixels on c.
func newCanvas(c vg.Canvas, w, h int) *canvas {
	return &canvas{c: draw.NewCanvas(c, px(float64(w)), px(float64(h))), height: float64(h)}
}
