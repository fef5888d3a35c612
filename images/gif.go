package images

import (
	"cmp"
	"image"
	"image/color"
	stddraw "image/draw"
	"image/gif"
	"io"
	"slices"
)

// writeGIF writes grey levels and up to 256 colours as they are. More colours are
// approximated by 256, chosen by median cut (Heckbert 1982, SIGGRAPH), and their
// errors spread over neighbours.
func writeGIF(w io.Writer, m image.Image) error {
	if gray, ok := m.(*image.Gray); ok {
		palette := make(color.Palette, 256)
		for i := range palette {
			palette[i] = color.Gray{Y: uint8(i)}
		}
		return gif.Encode(w, &image.Paletted{Pix: gray.Pix, Stride: gray.Stride, Rect: gray.Rect, Palette: palette}, nil)
	}
	colors, exact := coloursOf(m)
	p := image.NewPaletted(m.Bounds(), medianCut(colors, 256))
	drawer := stddraw.Drawer(stddraw.FloydSteinberg)
	if exact {
		drawer = stddraw.Src
	}
	drawer.Draw(p, p.Rect, m, p.Rect.Min)
	return gif.Encode(w, p, nil)
}

// coloursOf returns the colours of all pixels, or each once if they are at most
// 256.
func coloursOf(m image.Image) (list []color.NRGBA, few bool) {
	r := m.Bounds()
	seen := map[color.NRGBA]bool{}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			list = append(list, c)
			if len(seen) <= 256 {
				seen[c] = true
			}
		}
	}
	if len(seen) > 256 {
		return list, false
	}
	list = list[:0]
	for c := range seen {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b color.NRGBA) int {
		return cmp.Or(cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	return list, true
}

// channels of a colour.
var channelsOf = [3]func(c color.NRGBA) int{
	func(c color.NRGBA) int { return int(c.R) },
	func(c color.NRGBA) int { return int(c.G) },
	func(c color.NRGBA) int { return int(c.B) },
}

// box is a set of colours that one stands for.
type box struct {
	list           []color.NRGBA
	channel, width int // in which they differ most, and by how much
}

func newBox(list []color.NRGBA) box {
	b := box{list: list}
	for k, of := range channelsOf {
		lo, hi := 255, 0
		for _, c := range list {
			lo, hi = min(lo, of(c)), max(hi, of(c))
		}
		if hi-lo > b.width {
			b.channel, b.width = k, hi-lo
		}
	}
	return b
}

// medianCut returns up to n colours: the means of boxes, of which that with the
// largest spread is cut in two, again and again.
func medianCut(list []color.NRGBA, n int) color.Palette {
	boxes := []box{newBox(list)}
	for len(boxes) < n {
		widest := 0
		for i, b := range boxes {
			if b.width > boxes[widest].width {
				widest = i
			}
		}
		if boxes[widest].width == 0 {
			break
		}
		low, high := boxes[widest].cut()
		boxes[widest] = newBox(low)
		boxes = append(boxes, newBox(high))
	}
	var p color.Palette
	for _, b := range boxes {
		p = append(p, b.mean())
	}
	return p
}

// cut cuts the box near the median of its channel, never between equals.
func (b box) cut() (low, high []color.NRGBA) {
	list, of := b.list, channelsOf[b.channel]
	slices.SortStableFunc(list, func(a, b color.NRGBA) int { return cmp.Compare(of(a), of(b)) })
	at := len(list) / 2
	for at < len(list) && of(list[at]) == of(list[at-1]) {
		at++
	}
	if at == len(list) {
		for at = len(list) / 2; of(list[at]) == of(list[at-1]); at-- {
		}
	}
	return list[:at], list[at:]
}

func (b box) mean() color.Color {
	var sum [3]int
	for _, c := range b.list {
		for k, of := range channelsOf {
			sum[k] += of(c)
		}
	}
	n := len(b.list)
	return color.NRGBA{uint8((sum[0] + n/2) / n), uint8((sum[1] + n/2) / n), uint8((sum[2] + n/2) / n), 255}
}
