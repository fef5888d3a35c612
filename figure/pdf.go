package figure

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strconv"
	"time"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// A page is a [vg.Canvas] of a PDF document. Its letters are text, of any script
// that the fonts have; its images are what they are on the other canvases, neither
// turned nor scaled by the transformation.
type page struct {
	doc    *fpdf.Fpdf
	height float64 // points
	state  pageState
	stack  []pageState
	images int
}

// A pageState is what Push saves.
type pageState struct {
	at    affine
	color color.Color
	width vg.Length
	dash  []vg.Length
	phase vg.Length
}

// An affine takes x, y to xx·x + xy·y + x0, yx·x + yy·y + y0.
type affine struct{ xx, xy, x0, yx, yy, y0 float64 }

// then returns b followed by a.
func (a affine) then(b affine) affine {
	return affine{
		a.xx*b.xx + a.xy*b.yx, a.xx*b.xy + a.xy*b.yy, a.xx*b.x0 + a.xy*b.y0 + a.x0,
		a.yx*b.xx + a.yy*b.yx, a.yx*b.xy + a.yy*b.yy, a.yx*b.x0 + a.yy*b.y0 + a.y0,
	}
}

const pdfFamily = "Liberation"

func newPage(width, height vg.Length) *page {
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: width.Points(), Ht: height.Points()}})
	doc.SetCatalogSort(true) // the same bytes each time
	doc.SetCreationDate(time.Unix(0, 0).UTC())
	doc.SetModificationDate(time.Unix(0, 0).UTC())
	doc.AddUTF8FontFromBytes(pdfFamily, "", liberationsansregular.TTF)
	doc.AddUTF8FontFromBytes(pdfFamily, "B", liberationsansbold.TTF)
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.AddPage()
	p := &page{doc: doc, height: height.Points()}
	p.state.at = affine{xx: 1, yy: 1}
	vg.Initialize(p)
	return p
}

func (p *page) writeTo(w io.Writer) error { return p.doc.Output(w) }

// at returns where pt lies in the document, whose origin is the upper left corner.
func (p *page) at(pt vg.Point) (x, y float64) {
	a, u, v := p.state.at, pt.X.Points(), pt.Y.Points()
	return a.xx*u + a.xy*v + a.x0, p.height - (a.yx*u + a.yy*v + a.y0)
}

func (p *page) SetLineWidth(w vg.Length) { p.state.width = w }

func (p *page) SetLineDash(pattern []vg.Length, offset vg.Length) {
	p.state.dash, p.state.phase = pattern, offset
}

func (p *page) SetColor(c color.Color) {
	if c == nil {
		c = color.Black
	}
	p.state.color = c
}

func (p *page) Rotate(rad float64) {
	sin, cos := math.Sincos(rad)
	p.state.at = p.state.at.then(affine{xx: cos, xy: -sin, yx: sin, yy: cos})
}

func (p *page) Translate(pt vg.Point) {
	p.state.at = p.state.at.then(affine{xx: 1, yy: 1, x0: pt.X.Points(), y0: pt.Y.Points()})
}

func (p *page) Scale(x, y float64) { p.state.at = p.state.at.then(affine{xx: x, yy: y}) }

func (p *page) Push() { p.stack = append(p.stack, p.state) }

func (p *page) Pop() {
	p.state = p.stack[len(p.stack)-1]
	p.stack = p.stack[:len(p.stack)-1]
}

// ink sets the colour of what comes.
func (p *page) ink() {
	c := color.NRGBAModel.Convert(p.state.color).(color.NRGBA)
	r, g, b := int(c.R), int(c.G), int(c.B)
	p.doc.SetFillColor(r, g, b)
	p.doc.SetDrawColor(r, g, b)
	p.doc.SetTextColor(r, g, b)
	p.doc.SetAlpha(float64(c.A)/255, "Normal")
}

func (p *page) Stroke(path vg.Path) {
	if p.state.width <= 0 {
		return
	}
	p.ink()
	p.doc.SetLineWidth(p.state.width.Points())
	dash := make([]float64, len(p.state.dash))
	for i, d := range p.state.dash {
		dash[i] = d.Points()
	}
	p.doc.SetDashPattern(dash, p.state.phase.Points())
	p.trace(path)
	p.doc.DrawPath("D")
}

func (p *page) Fill(path vg.Path) {
	p.ink()
	p.trace(path)
	p.doc.DrawPath("F")
}

func (p *page) trace(path vg.Path) {
	for i, c := range path {
		x, y := p.at(c.Pos)
		switch c.Type {
		case vg.MoveComp:
			p.doc.MoveTo(x, y)
		case vg.LineComp:
			p.doc.LineTo(x, y)
		case vg.ArcComp:
			p.arc(c, i == 0)
		case vg.CurveComp:
			u, v := p.at(c.Control[0])
			if len(c.Control) == 1 {
				p.doc.CurveTo(u, v, x, y)
			} else {
				s, t := p.at(c.Control[1])
				p.doc.CurveBezierCubicTo(u, v, s, t, x, y)
			}
		case vg.CloseComp:
			p.doc.ClosePath()
		}
	}
}

// arc draws c as cubics of an eighth of a circle at most: they are within 5e-6 of
// the radius.
func (p *page) arc(c vg.PathComp, first bool) {
	on := func(angle, along float64) vg.Point { // the point of the circle, and so far along its tangent
		sin, cos := math.Sincos(angle)
		return vg.Point{X: c.Pos.X + c.Radius*vg.Length(cos-along*sin), Y: c.Pos.Y + c.Radius*vg.Length(sin+along*cos)}
	}
	x, y := p.at(on(c.Start, 0))
	if first {
		p.doc.MoveTo(x, y)
	} else {
		p.doc.LineTo(x, y)
	}
	pieces := max(1, int(math.Ceil(math.Abs(c.Angle)/(math.Pi/4))))
	step := c.Angle / float64(pieces)
	along := 4. / 3 * math.Tan(step/4)
	for i := range pieces {
		from := c.Start + float64(i)*step
		u, v := p.at(on(from, along))
		s, t := p.at(on(from+step, -along))
		x, y := p.at(on(from+step, 0))
		p.doc.CurveBezierCubicTo(u, v, s, t, x, y)
	}
}

func (p *page) FillString(f font.Face, pt vg.Point, text string) {
	if f.Font.Size == 0 {
		return
	}
	p.ink()
	style := ""
	if f.Font.Variant == boldVariant {
		style = "B"
	}
	p.doc.SetFont(pdfFamily, style, f.Font.Size.Points())
	x, y := p.at(pt)
	p.doc.TransformBegin()
	p.doc.TransformRotate(math.Atan2(p.state.at.yx, p.state.at.xx)*180/math.Pi, x, y)
	p.doc.Text(x, y, text)
	p.doc.TransformEnd()
}

func (p *page) DrawImage(rect vg.Rectangle, m image.Image) {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		p.doc.SetError(err)
		return
	}
	p.images++
	name, kind := strconv.Itoa(p.images), fpdf.ImageOptions{ImageType: "png"}
	p.doc.RegisterImageOptionsReader(name, kind, &b)
	x0, y1 := p.at(rect.Min)
	x1, y0 := p.at(rect.Max)
	p.doc.SetAlpha(1, "Normal")
	p.doc.ImageOptions(name, x0, y0, x1-x0, y1-y0, false, kind, 0, "")
}
