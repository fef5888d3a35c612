package images

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
)

// A netpbmHeader is that of a PBM, PGM or PPM file, plain or raw
// (https://netpbm.sourceforge.net/doc/pgm.html).
type netpbmHeader struct {
	kind           byte // '1' to '6'
	w, h, max      int
	channels, data int // data is where the samples begin
}

func (h *netpbmHeader) plain() bool  { return h.kind <= '3' }
func (h *netpbmHeader) bitmap() bool { return h.kind == '1' || h.kind == '4' }

func parseNetpbm(file []byte) (h netpbmHeader, err error) {
	h = netpbmHeader{kind: file[1], max: 1, channels: 1, data: 2}
	fields := []*int{&h.w, &h.h, &h.max}
	if h.bitmap() {
		fields = fields[:2]
	}
	if h.kind == '3' || h.kind == '6' {
		h.channels = 3
	}
	for i, name := range []string{"width", "height", "maximum"}[:len(fields)] {
		if *fields[i], h.data, err = netpbmNumber(file, h.data); err != nil {
			return h, fmt.Errorf("%s: %w", name, err)
		}
	}
	if h.max < 1 || h.max > 65535 {
		return h, fmt.Errorf("the maximum is %d; 1 to 65535 expected", h.max)
	}
	if !h.plain() { // exactly one byte of white space precedes the samples
		h.data++
	}
	return h, nil
}

// netpbmNumber reads a number after white space and comments, and returns
// where it ends.
func netpbmNumber(file []byte, at int) (n, end int, err error) {
	for at < len(file) && isSpace(file[at]) || at < len(file) && file[at] == '#' {
		if file[at] == '#' {
			for at < len(file) && file[at] != '\n' && file[at] != '\r' {
				at++
			}
			continue
		}
		at++
	}
	if at == len(file) {
		return 0, at, io.ErrUnexpectedEOF
	}
	begin := at
	for ; at < len(file) && file[at] >= '0' && file[at] <= '9' && n <= maxPixels; at++ {
		n = 10*n + int(file[at]-'0')
	}
	if at == begin || at < len(file) && !isSpace(file[at]) && file[at] != '#' {
		return 0, at, fmt.Errorf("%q at byte %d is no number that is possible", file[begin:min(at+1, len(file))], begin)
	}
	return n, at, nil
}

func isSpace(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }

func netpbmConfig(file []byte) (image.Config, error) {
	h, err := parseNetpbm(file)
	return image.Config{ColorModel: color.NRGBA64Model, Width: h.w, Height: h.h}, err
}

// A scaled is a picture whose numbers go up to max.
type scaled struct {
	image.Image
	max float64
}

func decodeNetpbm(file []byte) (image.Image, error) {
	h, err := parseNetpbm(file)
	if err != nil {
		return nil, err
	}
	samples, err := h.samples(file[min(h.data, len(file)):])
	if err != nil {
		return nil, err
	}
	for i, v := range samples {
		if int(v) > h.max {
			return nil, fmt.Errorf("sample %d is %d, above the maximum %d that the file states", i, v, h.max)
		}
	}
	r := image.Rect(0, 0, h.w, h.h)
	if h.channels == 1 {
		m := image.NewGray16(r)
		for i, v := range samples {
			m.Pix[2*i], m.Pix[2*i+1] = uint8(v>>8), uint8(v)
		}
		return scaled{m, float64(h.max)}, nil
	}
	m := image.NewNRGBA64(r)
	for i := range h.w * h.h {
		c := color.NRGBA64{R: samples[3*i], G: samples[3*i+1], B: samples[3*i+2], A: uint16(h.max)}
		m.SetNRGBA64(i%h.w, i/h.w, c)
	}
	return scaled{m, float64(h.max)}, nil
}

// samples reads the numbers of all pixels; of bitmaps, 1 is white.
func (h *netpbmHeader) samples(data []byte) ([]uint16, error) {
	n := h.w * h.h * h.channels
	size := n // bytes; the least for plain files
	switch {
	case h.kind == '4':
		size = (h.w + 7) / 8 * h.h
	case !h.plain() && h.max > 255:
		size = 2 * n
	}
	if len(data) < size {
		return nil, io.ErrUnexpectedEOF
	}
	v := make([]uint16, n)
	switch {
	case h.kind == '1':
		return v, plainBits(v, data)
	case h.plain():
		return v, plainNumbers(v, data)
	case h.kind == '4':
		for i := range v {
			y, x := i/h.w, i%h.w
			v[i] = uint16(^data[y*((h.w+7)/8)+x/8] >> (7 - x%8) & 1)
		}
	case h.max > 255:
		for i := range v {
			v[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
		}
	default:
		for i := range v {
			v[i] = uint16(data[i])
		}
	}
	return v, nil
}

func plainNumbers(v []uint16, data []byte) error {
	at := 0
	for i := range v {
		n, end, err := netpbmNumber(data, at)
		if err == nil && n > 65535 {
			err = fmt.Errorf("%d is too large", n)
		}
		if err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
		v[i], at = uint16(n), end
	}
	return nil
}

// plainBits reads digits 0 and 1, which need no space between them.
func plainBits(v []uint16, data []byte) error {
	i := 0
	for _, b := range data {
		switch {
		case i == len(v):
			return nil
		case b == '0' || b == '1':
			v[i] = uint16('1' - b)
			i++
		case !isSpace(b):
			return errors.New("a bit is neither 0 nor 1")
		}
	}
	if i < len(v) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// writePGM writes a gray picture.
func writePGM(w io.Writer, m image.Image) error { return writeNetpbm(w, m, '5', 1) }

// writePPM writes a picture with three channels; gray is repeated.
func writePPM(w io.Writer, m image.Image) error { return writeNetpbm(w, m, '6', 3) }

func writeNetpbm(w io.Writer, m image.Image, kind byte, channels int) error {
	p, _ := packedPixels(m)
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "P%c\n%d %d\n%v\n", kind, m.Bounds().Dx(), m.Bounds().Dy(), p.max)
	for at := 0; at < len(p.pix); at += p.samples() * p.bytes {
		for range channels / p.channels {
			b.Write(p.pix[at : at+p.channels*p.bytes])
		}
	}
	return b.Flush()
}
