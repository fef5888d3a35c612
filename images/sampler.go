package images

import (
	"image"
	"image/color"
	"math"
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
	case *image.YCbCr:
		return ycbcrSampler(m, nil, color.YCbCrToRGB)
	case video:
		if a, ok := m.Image.(*image.NYCbCrA); ok {
			return ycbcrSampler(&a.YCbCr, a, videoToRGB)
		}
		return ycbcrSampler(m.Image.(*image.YCbCr), nil, videoToRGB)
	}
	return &sampler{channels: 3, max: 255, premultiplied: true, pixel: func(y, x int, v *[4]float64) {
		r, g, b, a := img.At(x, y).RGBA()
		*v = [4]float64{float64(r) / 257, float64(g) / 257, float64(b) / 257, float64(a) / 65535}
	}}
}

// ycbcrSampler reads m, whose opacity is in alpha unless that is nil.
func ycbcrSampler(m *image.YCbCr, alpha *image.NYCbCrA, toRGB func(y, cb, cr uint8) (r, g, b uint8)) *sampler {
	return &sampler{channels: 3, max: 255, pixel: func(y, x int, v *[4]float64) {
		yi, ci := m.YOffset(x, y), m.COffset(x, y)
		r, g, b := toRGB(m.Y[yi], m.Cb[ci], m.Cr[ci])
		*v = [4]float64{float64(r), float64(g), float64(b), 1}
		if alpha != nil {
			v[3] = float64(alpha.A[alpha.AOffset(x, y)]) / 255
		}
	}}
}

// A video is an *image.YCbCr or *image.NYCbCrA of lossy WebP. Its values are
// those of video, from 16 to 235 (ITU-R BT.601), though the type of the
// decoder's result says that they are those of JPEG, from 0 to 255.
type video struct{ image.Image }

// videoToRGB is the conversion of RFC 6386 §9.2, which is BT.601's.
func videoToRGB(y, cb, cr uint8) (r, g, b uint8) {
	l, u, v := 255./219*(float64(y)-16), float64(cb)-128, float64(cr)-128
	const scale = 255. / 112
	return clip8(l + 0.701*scale*v),
		clip8(l - 0.886*0.114/0.587*scale*u - 0.701*0.299/0.587*scale*v),
		clip8(l + 0.886*scale*u)
}

// clip8 rounds v to 8 bits.
func clip8(v float64) uint8 { return uint8(math.Floor(min(max(v, 0), 255) + 0.5)) }

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
	case scaled:
		p, ok = packedPixels(m.Image)
		p.max = m.max
		return p, ok
	default:
		return p, false
	}
	p.origin = img.Bounds().Min
	return p, true
}

// samples returns how many numbers a pixel has.
func (p *packed) samples() int {
	if p.alpha {
		return p.channels + 1
	}
	return p.channels
}

func (p packed) sampler() *sampler {
	samples := p.samples()
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

func (p *packed) sample(at int) float64 {
	if p.bytes == 1 {
		return float64(p.pix[at])
	}
	return float64(uint(p.pix[at])<<8 | uint(p.pix[at+1]))
}
