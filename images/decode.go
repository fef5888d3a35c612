package images

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"github.com/percept-go/percept/tensor"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// A format is a kind of picture file.
type format struct {
	name   string
	magic  []string // how its files begin; '?' is any byte
	config func(data []byte) (image.Config, error)
	decode func(data []byte) (image.Image, error)
	meta   func(data []byte, m *metadata)
	// density bounds the pixels that one byte of a file can hold, so that a
	// small file cannot claim a huge picture; 0 where there is no bound.
	density int
}

var formats = []format{
	// Deflate packs at most 1032 bytes into one.
	{"png", []string{"\x89PNG\r\n\x1a\n"}, reader(png.DecodeConfig), reader(png.Decode), pngMeta, 8 * 1032},
	// A block of 8×8 pixels takes at least one bit.
	{"jpeg", []string{"\xff\xd8\xff"}, reader(jpeg.DecodeConfig), reader(jpeg.Decode), jpegMeta, 8 * 64},
	{"gif", []string{"GIF87a", "GIF89a"}, reader(gif.DecodeConfig), decodeGIF, gifMeta, 4096},
	{"tiff", []string{"II*\x00", "MM\x00*"}, reader(tiff.DecodeConfig), reader(tiff.Decode), tiffMeta, 0},
	{"webp", []string{"RIFF????WEBP"}, reader(webp.DecodeConfig), decodeWebP, webpMeta, 0},
	{"bmp", []string{"BM"}, reader(bmp.DecodeConfig), reader(bmp.Decode), nil, 128},
	{"netpbm", []string{"P1", "P2", "P3", "P4", "P5", "P6"}, netpbmConfig, decodeNetpbm, nil, 8},
}

// hints are for files that people take for pictures percept reads.
var hints = []struct{ magic, says string }{
	{"????ftyp", "a HEIF, AVIF or video file; convert it to PNG first"},
	{"PK\x03\x04", "a zip or .npz archive; save the array itself with numpy.save"},
	{"%PDF", "a PDF; convert the page to PNG first"},
	{"<svg", "an SVG drawing; convert it to PNG first"},
	{"<?xml", "an XML file; if it is an SVG drawing, convert it to PNG first"},
	{"\x89HDF", "an HDF5 file; save the array with numpy.save"},
	{"MATLAB 5.0", "a MATLAB file; save the image as PNG or with numpy.save"},
	{"8BPS", "a Photoshop file; export it as PNG"},
}

func reader[T any](decode func(io.Reader) (T, error)) func([]byte) (T, error) {
	return func(data []byte) (T, error) { return decode(bytes.NewReader(data)) }
}

func begins(data []byte, magic string) bool {
	if len(data) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != data[i] {
			return false
		}
	}
	return true
}

func sniff(data []byte) (*format, error) {
	for i := range formats {
		for _, magic := range formats[i].magic {
			if begins(data, magic) {
				return &formats[i], nil
			}
		}
	}
	for _, h := range hints {
		if begins(data, h.magic) {
			return nil, fmt.Errorf("is %s", h.says)
		}
	}
	return nil, fmt.Errorf("is no picture that can be read: it begins with %q; PNG, JPEG, GIF, TIFF, WebP, BMP, PBM, PGM, PPM and NPY can", data[:min(len(data), 16)])
}

func loadRaster(data []byte, o Options, info *Info) (tensor.Tensor, error) {
	f, err := sniff(data)
	if err != nil {
		return tensor.Tensor{}, err
	}
	info.Format = f.name
	img, err := f.read(data)
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf("%s: %w", f.name, err)
	}
	m := metadata{orientation: 1}
	if f.meta != nil {
		f.meta(data, &m)
	}
	return fromImage(img, m, o, info)
}

// read decodes data after a look at the size that it claims.
func (f *format) read(data []byte) (img image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			img, err = nil, fmt.Errorf("damaged in a way that its decoder does not expect: %v", p)
		}
	}()
	c, err := f.config(data)
	if err != nil {
		return nil, plain(err)
	}
	if err := checkSize(c.Height, c.Width); err != nil {
		return nil, err
	}
	if n := c.Height * c.Width; f.density > 0 && n/f.density > len(data) {
		return nil, fmt.Errorf("the header says %d×%d pixels, which cannot be in a file of %d bytes", c.Height, c.Width, len(data))
	}
	img, err = f.decode(data)
	if err != nil {
		return nil, plain(err)
	}
	if b := img.Bounds(); b.Dx() != c.Width || b.Dy() != c.Height {
		return nil, fmt.Errorf("the header says %d×%d pixels, the data has %d×%d", c.Height, c.Width, b.Dy(), b.Dx())
	}
	return img, nil
}

// plain words a decoder's error for a person.
func plain(err error) error {
	if s := err.Error(); strings.Contains(s, "EOF") {
		return fmt.Errorf("the file ends too early (%w)", err)
	}
	return fmt.Errorf("damaged or not supported (%w)", err)
}

func decodeWebP(data []byte) (image.Image, error) {
	m, err := webp.Decode(bytes.NewReader(data))
	switch m.(type) {
	case *image.YCbCr, *image.NYCbCrA:
		return video{m}, err
	}
	return m, err
}

// decodeGIF returns the first frame on the whole canvas, of which it may cover
// a part.
func decodeGIF(data []byte) (image.Image, error) {
	c, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	frame, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	canvas := image.Rect(0, 0, c.Width, c.Height)
	if frame.Bounds() == canvas {
		return frame, nil
	}
	full := image.NewNRGBA(canvas)
	for y := frame.Bounds().Min.Y; y < frame.Bounds().Max.Y; y++ {
		for x := frame.Bounds().Min.X; x < frame.Bounds().Max.X; x++ {
			full.Set(x, y, frame.At(x, y))
		}
	}
	return full, nil
}

// fromImage converts the part of img that o keeps.
func fromImage(img image.Image, meta metadata, o Options, info *Info) (tensor.Tensor, error) {
	s := newSampler(img)
	b := img.Bounds()
	h, w := orientation(meta.orientation).size(b.Dy(), b.Dx())
	info.Height, info.Width, info.Stored = h, w, s.stored()
	r, err := o.fit(h, w)
	if err != nil {
		return tensor.Tensor{}, err
	}
	m, err := newMapping(o, s.channels, s.max)
	if err != nil {
		return tensor.Tensor{}, err
	}
	r = orientation(meta.orientation).undo(r, h, w)
	t := m.rows(1, r.H, r.W, func(_, y int, src [][]float64) { s.row(b.Min.Y+r.Y+y, b.Min.X+r.X, src) })
	meta.report(info)
	if s.transparent {
		info.note("the picture has transparent pixels; they were blended with white")
	}
	return tensor.Contiguous(orientation(meta.orientation).apply(t)), nil
}
