package images

import (
	"image"
	"image/color"

	"github.com/spakin/netpbm"
)

// A sampler reads the stored numbers of a decoded picture, without the
// rounding of image.At and of premultiplied opacity.
type sampler struct {
	channels    int     // 1 or 3
	max         float64 // what 1 is in the file
	transparent bool    // set once a pixel was
	// pixel sets v to the channels, in [0, max], and the opacity, in [0, 1].
	// The channels are already multiplied by it if premultiplied is set.
	pixel         func(y, x int, v *[4]float64)
	premultiplied bool
}

func (s *sampler) stored() string {
	if s.max > 255 {
		return "uint16"
	}
	return "uint8"
}

// row sets the channels of dst from row y, column x on, blended with white.
func (s *sampler) row(y, x int, dst [][]float64) {
	var v [4]float64
	for i := range dst[0] {
		s.pixel(y, x+i, &v)
		if alpha := v[3]; alpha != 1 {
			s.transparent = true
			for c := range dst {
				if !s.premultiplied {
					v[c] *= alpha
				}
				v[c] += (1 - alpha) * s.max
			}
		}
		for c := range dst {
			dst[c][i] = v[c]
		}
	}
}

func newSampler(img image.Image) *sampler {
	if p, ok := packedPixels(img); ok {
		return p.sampler()
	}
	switch m := img.(type) {
	case *image.Paletted:
		return palettedSampler(m)
	case *netpbm.BW:
		return palettedSampler(m.Paletted)
	case *image.YCbCr:
		return &sampler{channels: 3, max: 255, pixel: func(y, x int, v *[4]float64) { ycbcr(m, y, x, v) }}
	case *image.NYCbCrA:
		return &sampler{channels: 3, max: 255, pixel: func(y, x int, v *[4]float64) {
			ycbcr(&m.YCbCr, y, x, v)
			v[3] = float64(m.A[m.AOffset(x, y)]) / 255
		}}
	}
	return &sampler{channels: 3, max: 255, premultiplied: true, pixel: func(y, x int, v *[4]float64) {
		r, g, b, a := img.At(x, y).RGBA()
		*v = [4]float64{float64(r) / 257, float64(g) / 257, float64(b) / 257, float64(a) / 65535}
	}}
}

func ycbcr(m *image.YCbCr, y, x int, v *[4]float64) {
	yi, ci := m.YOffset(x, y), m.COffset(x, y)
	r, g, b := color.YCbCrToRGB(m.Y[yi], m.Cb[ci], m.Cr[ci])
	*v = [4]float64{float64(r), float64(g), float64(b), 1}
}

// straight returns c's channels in [0, 255], not multiplied by its opacity.
func straight(c color.Color) [4]float64 {
	n := color.NRGBA64Model.Convert(c).(color.NRGBA64)
	return [4]float64{float64(n.R) / 257, float64(n.G) / 257, float64(n.B) / 257, float64(n.A) / 65535}
}

func palettedSampler(m *image.Paletted) *sampler {
	table := make([][4]float64, 256) // an index beyond the palette is black
	gray := true
	for i := range table {
		table[i][3] = 1
		if i < len(m.Palette) {
			table[i] = straight(m.Palette[i])
		}
		gray = gray && table[i][0] == table[i][1] && table[i][1] == table[i][2]
	}
	channels := 3
	if gray {
		channels = 1
	}
	return &sampler{channels: channels, max: 255, pixel: func(y, x int, v *[4]float64) {
		*v = table[m.Pix[m.PixOffset(x, y)]]
	}}
}

// packed is a picture whose samples follow each other, big-endian.
type packed struct {
	pix           []byte
	stride        int
	origin        image.Point
	channels      int // 1 or 3
	alpha         bool
	bytes         int // of a sample
	max           float64
	premultiplied bool
}

func packedPixels(img image.Image) (p packed, ok bool) {
	p.max, p.bytes, p.channels = 255, 1, 1
	switch m := img.(type) {
	case *image.Gray:
		p.pix, p.stride = m.Pix, m.Stride
	case *image.Gray16:
		p.pix, p.stride, p.bytes, p.max = m.Pix, m.Stride, 2, 65535
	case *image.NRGBA:
		p.pix, p.stride, p.channels, p.alpha = m.Pix, m.Stride, 3, true
	case *image.NRGBA64:
		p.pix, p.stride, p.channels, p.alpha, p.bytes, p.max = m.Pix, m.Stride, 3, true, 2, 65535
	case *image.RGBA:
		p.pix, p.stride, p.channels, p.alpha, p.premultiplied = m.Pix, m.Stride, 3, true, true
	case *image.RGBA64:
		p.pix, p.stride, p.channels, p.alpha, p.premultiplied = m.Pix, m.Stride, 3, true, true
		p.bytes, p.max = 2, 65535
	default:
		return p.netpbm(img)
	}
	p.origin = img.Bounds().Min
	return p, true
}

// netpbm is packedPixels for PGM, PPM and PAM, whose maximum is in the file.
func (p packed) netpbm(img image.Image) (packed, bool) {
	switch m := img.(type) {
	case *netpbm.GrayM:
		p.pix, p.stride = m.Pix, m.Stride
	case *netpbm.GrayM32:
		p.pix, p.stride, p.bytes = m.Pix, m.Stride, 2
	case *netpbm.RGBM:
		p.pix, p.stride, p.channels = m.Pix, m.Stride, 3
	case *netpbm.RGBM64:
		p.pix, p.stride, p.channels, p.bytes = m.Pix, m.Stride, 3, 2
	case *netpbm.GrayAM:
		p.pix, p.stride, p.alpha = m.Pix, m.Stride, true
	case *netpbm.GrayAM48:
		p.pix, p.stride, p.alpha, p.bytes = m.Pix, m.Stride, true, 2
	case *netpbm.RGBAM:
		p.pix, p.stride, p.channels, p.alpha = m.Pix, m.Stride, 3, true
	case *netpbm.RGBAM64:
		p.pix, p.stride, p.channels, p.alpha, p.bytes = m.Pix, m.Stride, 3, true, 2
	default:
		return p, false
	}
	p.max = float64(img.(netpbm.Image).MaxValue())
	p.origin = img.Bounds().Min
	return p, true
}

func (p packed) sampler() *sampler {
	samples := p.channels
	if p.alpha {
		samples++
	}
	return &sampler{channels: p.channels, max: p.max, premultiplied: p.premultiplied, pixel: func(y, x int, v *[4]float64) {
		at := (y-p.origin.Y)*p.stride + (x-p.origin.X)*samples*p.bytes
		v[3] = 1
		for c := range p.channels {
			v[c] = p.sample(at + c*p.bytes)
		}
		if p.alpha {
			v[3] = p.sample(at+p.channels*p.bytes) / p.max
		}
	}}
}

// sample returns the number at a byte position; a PGM file may break its own
// maximum.
func (p *packed) sample(at int) float64 {
	if p.bytes == 1 {
		return min(float64(p.pix[at]), p.max)
	}
	return min(float64(uint(p.pix[at])<<8|uint(p.pix[at+1])), p.max)
}
