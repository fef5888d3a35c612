package figure

import (
	"image"
	"image/color"
	"math"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// dpi makes a pixel three quarters of a point.
const dpi = 96

func px(v float64) vg.Length { return vg.Length(v * vg.Inch.Points() / dpi) }

// Sizes of text in pixels.
const (
	titleText = 17
	panelText = 14
	labelText = 12
)

// The colours of figures.
var (
	paper  = color.RGBA{255, 255, 255, 255}
	ink    = color.RGBA{28, 27, 25, 255}
	soft   = color.RGBA{96, 93, 86, 255}
	faint  = color.RGBA{226, 223, 215, 255}
	accent = color.RGBA{47, 93, 155, 255}
	second = color.RGBA{201, 98, 28, 255}
	third  = color.RGBA{26, 122, 76, 255}
	fourth = color.RGBA{124, 74, 150, 255}
	alarm  = color.RGBA{200, 30, 40, 255}
)

// palette is what curves are drawn in, in turn.
var palette = []color.RGBA{accent, second, third, fourth, {110, 110, 110, 255}, {0, 140, 160, 255}}

// A canvas draws in pixels, from the left and from the top of a panel's figure.
type canvas struct {
	c      draw.Canvas
	height float64 // of the whole
	x, y   float64 // where the figure lies in the whole
}

func (c *canvas) point(x, y float64) vg.Point {
	return vg.Point{X: px(c.x + x), Y: px(c.height - c.y - y)}
}

// A face is a size of text.
type face struct {
	size float64
	bold bool
}

func plain(size float64) face { return face{size, false} }
func bold(size float64) face  { return face{size, true} }

const (
	regularVariant = "Sans"
	boldVariant    = "SansBold"
)

// fonts are parsed when they are first needed.
var fonts = sync.OnceValue(func() *font.Cache {
	var all font.Collection
	for variant, data := range map[font.Variant][]byte{regularVariant: liberationsansregular.TTF, boldVariant: liberationsansbold.TTF} {
		parsed, err := opentype.Parse(data)
		if err != nil {
			panic(err) // they are part of the program
		}
		all = append(all, font.Face{Font: font.Font{Typeface: "Liberation", Variant: variant}, Face: parsed})
	}
	return font.NewCache(all)
})

func (f face) style() text.Style {
	k := font.Font{Typeface: "Liberation", Variant: regularVariant, Size: px(f.size)}
	if f.bold {
		k.Variant = boldVariant
	}
	return text.Style{Font: k, Handler: text.Plain{Fonts: fonts()}}
}

func textWidth(s string, f face) float64 {
	return float64(f.style().Width(s)) * dpi / vg.Inch.Points()
}

// Alignments of text.
const (
	left   = draw.XLeft
	center = draw.XCenter
	right  = draw.XRight

	top    = draw.YTop
	middle = draw.YCenter
	bottom = draw.YBottom
)

// text writes s; h and v say which of its points lies at x, y.
func (c *canvas) text(x, y float64, h draw.XAlignment, v draw.YAlignment, f face, col color.Color, s string) {
	sty := f.style()
	sty.XAlign, sty.YAlign, sty.Color = h, v, col
	c.c.FillText(sty, c.point(x, y), s)
}

// upward writes s from the bottom to the top, centred at x, y.
func (c *canvas) upward(x, y float64, f face, col color.Color, s string) {
	sty := f.style()
	sty.XAlign, sty.YAlign, sty.Color, sty.Rotation = center, middle, col, math.Pi/2
	c.c.FillText(sty, c.point(x, y), s)
}

func (c *canvas) fill(x, y, w, h float64, col color.Color) {
	c.c.FillPolygon(col, []vg.Point{c.point(x, y), c.point(x+w, y), c.point(x+w, y+h), c.point(x, y+h)})
}

// A pen is a line's style.
type pen struct {
	col    color.Color
	width  float64
	dashed bool
}

func (p pen) style() draw.LineStyle {
	s := draw.LineStyle{Color: p.col, Width: px(p.width)}
	if p.dashed {
		s.Dashes = []vg.Length{px(5), px(4)}
	}
	return s
}

func (c *canvas) line(p pen, x0, y0, x1, y1 float64) { c.path(p, []float64{x0, x1}, []float64{y0, y1}) }

// path draws a line through points.
func (c *canvas) path(p pen, x, y []float64) {
	if len(x) == 0 {
		return
	}
	points := make([]vg.Point, len(x))
	for i := range x {
		points[i] = c.point(x[i], y[i])
	}
	c.c.StrokeLines(p.style(), points)
}

func (c *canvas) dot(col color.Color, x, y, radius float64) {
	c.c.DrawGlyphNoClip(draw.GlyphStyle{Color: col, Radius: px(radius), Shape: draw.CircleGlyph{}}, c.point(x, y))
}

// picture draws m with its corner at x, y: a pixel of m is one of the canvas.
func (c *canvas) picture(x, y float64, m image.Image) {
	b := m.Bounds()
	lo, hi := c.point(x, y+float64(b.Dy())), c.point(x+float64(b.Dx()), y)
	c.c.DrawImage(vg.Rectangle{Min: lo, Max: hi}, m)
}
