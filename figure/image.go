package figure

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"

	"github.com/percept-go/percept/tensor"
)

// An Image shows pixels: each of them as a square of whole screen pixels, or
// every d-th of them.
type Image struct {
	Title  string
	Note   string // below the title, smaller: what black and white stand for
	Pixels image.Image
	// Zoom is how many screen pixels a pixel takes; below 1 it must be 1/d for a
	// whole d. 0 means 1.
	Zoom float64
}

func (p *Image) shown() (w, h int) {
	b := p.Pixels.Bounds()
	return zoomed(b.Dx(), p.zoom()), zoomed(b.Dy(), p.zoom())
}

func (p *Image) zoom() float64 {
	if p.Zoom == 0 {
		return 1
	}
	return p.Zoom
}

// zoomed returns how many screen pixels n pixels take.
func zoomed(n int, zoom float64) int {
	if zoom >= 1 {
		return n * int(math.Round(zoom))
	}
	d := int(math.Round(1 / zoom))
	return (n + d - 1) / d
}

func (p *Image) size() (w, h float64) {
	a, b := p.shown()
	head := 0.
	lines := strings.Split(p.Title, "\n")
	if p.Title != "" {
		head = float64(len(lines)) * headingHeight("x")
	}
	if p.Note != "" {
		head += labelText + 6
	}
	wide := textWidth(p.Note, plain(labelText))
	for _, l := range lines {
		wide = math.Max(wide, textWidth(l, bold(panelText)))
	}
	return math.Ceil(math.Max(float64(a), wide)), float64(b) + head
}

func (p *Image) draw(c *canvas, x, y float64) {
	if p.Title != "" {
		for _, l := range strings.Split(p.Title, "\n") {
			y += heading(c, x, y, l)
		}
	}
	if p.Note != "" {
		c.text(x, y, left, top, plain(labelText), soft, p.Note)
		y += labelText + 6
	}
	c.picture(math.Round(x), math.Round(y), enlarge(p.Pixels, p.zoom()))
}

// enlarge repeats the pixels of m, or takes every d-th.
func enlarge(m image.Image, zoom float64) image.Image {
	if zoom == 1 {
		return m
	}
	b := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, zoomed(b.Dx(), zoom), zoomed(b.Dy(), zoom)))
	step := func(i int) int { return i / int(math.Round(zoom)) }
	if zoom < 1 {
		d := int(math.Round(1 / zoom))
		step = func(i int) int { return i * d }
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			out.Set(x, y, m.At(b.Min.X+step(x), b.Min.Y+step(y)))
		}
	}
	return out
}

// FitZoom returns the largest zoom with which h×w pixels fit into a square of
// size screen pixels: whole, or 1/d.
func FitZoom(h, w, size int) float64 {
	n := max(h, w, 1)
	if n <= size {
		return float64(size / n)
	}
	return 1 / math.Ceil(float64(n)/float64(max(size, 1)))
}

// Display says how numbers become pictures. Its zero value shows every image
// from its own least to its own largest value, at its own size.
type Display struct {
	// Range says which numbers are black and white: "auto0" ±the largest
	// magnitude, "auto1" least to largest, "auto2" mean ± 2 standard deviations,
	// "auto3" the 10th to the 90th percentile and an eighth of that more on both
	// sides, each over all images; "indep0" … "indep3" for each image by itself.
	// Empty means "indep1". With 0 the colours are a diverging scale, else greys.
	Range string
	// Fixed is the range, if it is not nil.
	Fixed *[2]float64
	// Complex is "rectangular" (empty means that), "polar" or "logpolar".
	Complex string
	// Zoom is the screen pixels of a pixel; 0 means that they fit in Fit.
	Zoom float64
	Fit  int // screen pixels; 0 means 256
	// Batch and Channel choose one; nil means all.
	Batch, Channel *int
	RGB            bool     // 3 or 4 channels are one picture in colour
	Titles         []string // one for each picture, or one for all; none: no title
	NoNote         bool     // leave out range and size
}

// A plane is the numbers of one picture.
type plane struct {
	title string
	h, w  int
	v     []float64
	rgb   image.Image // nil: v is shown
}

// Images returns the pictures of the images x, each (N, C, H, W), in the order
// batch, channel. It errs if an argument has another shape, if the range, the
// complex form or a title does not fit, if Batch or Channel is out of range, if
// the channels are no colours, or if a size is no whole part of the largest.
func (d Display) Images(x ...tensor.Tensor) ([]Panel, error) {
	var planes []plane
	for _, t := range x {
		p, err := d.planes(t)
		if err != nil {
			return nil, err
		}
		planes = append(planes, p...)
	}
	if err := d.name(planes); err != nil {
		return nil, err
	}
	ranges, err := d.ranges(planes)
	if err != nil {
		return nil, err
	}
	zooms, err := d.zooms(planes)
	if err != nil {
		return nil, err
	}
	colors := grey
	if d.Fixed == nil && strings.HasSuffix(d.Range, "0") {
		colors = diverging
	}
	panels := make([]Panel, len(planes))
	for i, p := range planes {
		m := &Image{Title: p.title, Pixels: p.rgb, Zoom: zooms[i]}
		if p.rgb == nil {
			m.Pixels = p.paint(ranges[i], colors)
		}
		if !d.NoNote {
			m.Note = fmt.Sprintf("range [%.1e, %.1e]", ranges[i][0], ranges[i][1])
			if p.rgb != nil {
				m.Note = ""
			}
		}
		panels[i] = m
	}
	return panels, nil
}

// planes cuts t into pictures.
func (d Display) planes(t tensor.Tensor) ([]plane, error) {
	if t.Rank != 4 {
		return nil, fmt.Errorf("figure: images (N, C, H, W) are expected, not a %v", t.Type)
	}
	n, c, h, w := t.Dim[0], t.Dim[1], t.Dim[2], t.Dim[3]
	batch, err := chosen("batch", d.Batch, n)
	if err != nil {
		return nil, err
	}
	channel, err := chosen("channel", d.Channel, c)
	if err != nil {
		return nil, err
	}
	if d.RGB && (c != 3 && c != 4 || t.DType.IsComplex()) {
		return nil, fmt.Errorf("figure: %v has no colours: 3 or 4 real channels are expected", t.Type)
	}
	var list []plane
	for _, i := range batch {
		if d.RGB {
			list = append(list, plane{h: h, w: w, rgb: rgb(t, i)})
			continue
		}
		for _, k := range channel {
			one := t.Crop(0, i, i+1, 1).Crop(1, k, k+1, 1)
			p, err := d.real(one, h, w)
			if err != nil {
				return nil, err
			}
			list = append(list, p...)
		}
	}
	return list, nil
}

func chosen(what string, k *int, n int) ([]int, error) {
	if k != nil {
		if *k < 0 || *k >= n {
			return nil, fmt.Errorf("figure: %s %d of %d does not exist", what, *k, n)
		}
		return []int{*k}, nil
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all, nil
}

// complexForms are the two pictures of complex numbers.
var complexForms = map[string][2]struct {
	suffix string
	of     func(re, im float64) float64
}{
	"rectangular": {{" real", func(re, _ float64) float64 { return re }}, {" imaginary", func(_, im float64) float64 { return im }}},
	"polar":       {{" amplitude", math.Hypot}, {" phase", phase}},
	"logpolar":    {{" log(1+amplitude)", func(re, im float64) float64 { return math.Log1p(math.Hypot(re, im)) }}, {" phase", phase}},
}

func phase(re, im float64) float64 { return math.Atan2(im, re) }

// real returns the numbers of one channel, or the two pictures of complex ones.
func (d Display) real(t tensor.Tensor, h, w int) ([]plane, error) {
	if !t.DType.IsComplex() {
		return []plane{{h: h, w: w, v: tensor.Floats(t)}}, nil
	}
	name := d.Complex
	if name == "" {
		name = "rectangular"
	}
	forms, ok := complexForms[name]
	if !ok {
		return nil, fmt.Errorf("figure: complex numbers are shown as rectangular, polar or logpolar, not as %q", name)
	}
	wide := tensor.New(tensor.Complex128, t.Shape()...)
	tensor.Copy(wide, t)
	var list []plane
	for _, form := range forms {
		v := make([]float64, h*w)
		for i, z := range tensor.Slice[complex128](wide) {
			v[i] = form.of(real(z), imag(z))
		}
		list = append(list, plane{title: form.suffix, h: h, w: w, v: v})
	}
	return list, nil
}

// name gives the planes their titles.
func (d Display) name(planes []plane) error {
	if len(d.Titles) > 1 && len(d.Titles) != len(planes) {
		return fmt.Errorf("figure: %d titles for %d pictures", len(d.Titles), len(planes))
	}
	for i := range planes {
		switch len(d.Titles) {
		case 0:
			planes[i].title = strings.TrimSpace(planes[i].title)
		case 1:
			planes[i].title = d.Titles[0] + planes[i].title
		default:
			planes[i].title = d.Titles[i] + planes[i].title
		}
	}
	return nil
}

// zooms shows all planes at the extent of the largest.
func (d Display) zooms(planes []plane) ([]float64, error) {
	h, w := 0, 0
	for _, p := range planes {
		h, w = max(h, p.h), max(w, p.w)
	}
	zoom := d.Zoom
	if zoom == 0 {
		zoom = FitZoom(h, w, or(d.Fit, 256))
	}
	if !(zoom > 0) || zoom >= 1 && zoom != math.Trunc(zoom) || zoom < 1 && math.Abs(1/zoom-math.Round(1/zoom)) > 1e-9 {
		return nil, fmt.Errorf("figure: a zoom of %v; a whole number, or 1 divided by one, is expected", zoom)
	}
	list := make([]float64, len(planes))
	for i, p := range planes {
		if p.h == 0 || p.w == 0 || h%p.h != 0 || w/p.w != h/p.h || w%p.w != 0 {
			return nil, fmt.Errorf("figure: %d×%d and %d×%d pixels cannot be shown at one extent: every size must be a whole part of the largest", p.h, p.w, h, w)
		}
		list[i] = zoom * float64(h/p.h)
		if list[i] > 1 && list[i] != math.Trunc(list[i]) { // a large image is shrunk by what does not divide this one
			list[i] = math.Max(1, math.Trunc(list[i]))
		}
	}
	return list, nil
}

var errNoRange = errors.New("the ranges are auto0 to auto3 and indep0 to indep3")

// ranges returns what is black and white in each plane.
func (d Display) ranges(planes []plane) ([][2]float64, error) {
	list := make([][2]float64, len(planes))
	name := d.Range
	if name == "" {
		name = "indep1"
	}
	each, independent := strings.CutPrefix(name, "indep")
	if !independent {
		each, _ = strings.CutPrefix(name, "auto")
		if each == "" {
			each = "1"
		}
	}
	rule, ok := rangeRules[each]
	if !ok {
		return nil, fmt.Errorf("figure: the range %q: %w", d.Range, errNoRange)
	}
	var all []float64
	for _, p := range planes {
		all = append(all, p.v...)
	}
	for i, p := range planes {
		switch {
		case d.Fixed != nil:
			list[i] = *d.Fixed
		case independent:
			list[i] = rule(p.v)
		case i > 0:
			list[i] = list[0]
		default:
			list[i] = rule(all)
		}
	}
	return list, nil
}

// rangeRules are keyed by the last character of a range's name.
var rangeRules = map[string]func(v []float64) [2]float64{
	"0": func(v []float64) [2]float64 {
		lo, hi := extremes(v)
		m := math.Max(math.Abs(lo), math.Abs(hi))
		return [2]float64{-m, m}
	},
	"1": func(v []float64) [2]float64 { lo, hi := extremes(v); return [2]float64{lo, hi} },
	"2": func(v []float64) [2]float64 { m, s := moments(v); return [2]float64{m - 2*s, m + 2*s} },
	"3": func(v []float64) [2]float64 {
		lo, hi := percentile(v, 10), percentile(v, 90)
		return [2]float64{lo - (hi-lo)/8, hi + (hi-lo)/8}
	},
}

func extremes(v []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		if !math.IsNaN(x) {
			lo, hi = math.Min(lo, x), math.Max(hi, x)
		}
	}
	if lo > hi {
		return 0, 0
	}
	return lo, hi
}

// moments returns the mean and the biased standard deviation of the numbers.
func moments(v []float64) (mean, deviation float64) {
	n, sum := 0., 0.
	for _, x := range v {
		if !math.IsNaN(x) {
			n, sum = n+1, sum+x
		}
	}
	mean = sum / n
	sum = 0
	for _, x := range v {
		if !math.IsNaN(x) {
			sum += (x - mean) * (x - mean)
		}
	}
	return mean, math.Sqrt(sum / n)
}

// paint gives numbers colours; what is no number is shown in a colour of its own.
func (p *plane) paint(r [2]float64, colors func(float64) color.RGBA) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, p.w, p.h))
	for i, v := range p.v {
		at := .5
		if r[1] > r[0] {
			at = math.Max(0, math.Min(1, (v-r[0])/(r[1]-r[0])))
		}
		col := color.RGBA{255, 0, 255, 255}
		if !math.IsNaN(v) {
			col = colors(at)
		}
		m.SetRGBA(i%p.w, i/p.w, col)
	}
	return m
}

func grey(v float64) color.RGBA {
	g := uint8(math.Floor(v*255 + .5))
	return color.RGBA{g, g, g, 255}
}

// redBlue are equally spaced colours of a diverging scale (ColorBrewer RdBu).
var redBlue = [][3]float64{{103, 0, 31}, {178, 24, 43}, {214, 96, 77}, {244, 165, 130}, {253, 219, 199}, {247, 247, 247},
	{209, 229, 240}, {146, 197, 222}, {67, 147, 195}, {33, 102, 172}, {5, 48, 97}}

func diverging(v float64) color.RGBA {
	at := v * float64(len(redBlue)-1)
	k := min(int(at), len(redBlue)-2)
	mix := func(c int) uint8 {
		return uint8(math.Round(redBlue[k][c] + (at-float64(k))*(redBlue[k+1][c]-redBlue[k][c])))
	}
	return color.RGBA{mix(0), mix(1), mix(2), 255}
}

// rgb returns image i of t in colour, clipped to [0, 1].
func rgb(t tensor.Tensor, i int) image.Image {
	c, h, w := t.Dim[1], t.Dim[2], t.Dim[3]
	v := tensor.Floats(t.Crop(0, i, i+1, 1))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for k := range h * w {
		m.Pix[4*k+3] = 255
		for ch := range c {
			m.Pix[4*k+ch] = uint8(math.Floor(math.Max(0, math.Min(1, v[ch*h*w+k]))*255 + .5))
		}
	}
	return m
}
