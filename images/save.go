package images

import (
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/percept-go/percept/internal/atomicfile"
	"github.com/percept-go/percept/tensor"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// SaveOptions say how Save writes a file. The zero value writes 8 bits and the
// values as they are.
type SaveOptions struct {
	// Bits of each number, 8 or 16; 0 means 8.
	Bits int
	// Light of the values: Linear ones are encoded by the sRGB curve.
	Light Light
}

// An encoder writes a picture file.
type encoder struct {
	deep  bool // 16 bits are possible
	color bool // colours are possible
	most  int  // rows and columns, 0 for any number
	write func(w io.Writer, m image.Image) error
}

// encoders is keyed by the extension.
var encoders = map[string]encoder{
	".png":  {true, true, 0, png.Encode},
	".tif":  {true, true, 0, writeTIFF},
	".tiff": {true, true, 0, writeTIFF},
	".pgm":  {true, false, 0, writePGM},
	".ppm":  {true, true, 0, writePPM},
	".bmp":  {false, true, 0, bmp.Encode},
	".jpg":  {false, true, 0, writeJPEG},
	".jpeg": {false, true, 0, writeJPEG},
	".gif":  {false, true, 0, writeGIF},
	".webp": {false, true, maxWebP, writeWebP},
}

// Save writes t, of shape H×W, C×H×W or 1×C×H×W with 1 or 3 channels, as a
// picture file whose format path's extension names: PNG, TIFF, PGM and PPM
// with 8 or 16 bits, BMP, JPEG (quality 95), WebP (lossless) and GIF (256
// colours) with 8. Values are clipped to [0, 1] and rounded. It returns how many
// of them were clipped.
// The file appears under its name once it is complete.
//
// It errs if the shape, the extension, or the bits for it are none of these,
// if t is complex or a value is not a number, or if the file cannot be written.
func Save(path string, t tensor.Tensor, o SaveOptions) (clipped int, err error) {
	e, err := chooseEncoder(path, &o)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	t, err = asPicture(t)
	if err == nil && t.Dim[0] == 3 && !e.color {
		err = fmt.Errorf("a %s file holds no colours as they are; use .png", strings.ToLower(filepath.Ext(path)))
	}
	if h, w := t.Dim[1], t.Dim[2]; err == nil && e.most > 0 && max(h, w) > e.most {
		err = fmt.Errorf("%d×%d pixels; a file of this format has at most %d rows and columns; use .png", h, w, e.most)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	m, clipped, err := quantize(t, o)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if err := atomicfile.Write(path, 0o666, func(w io.Writer) error { return e.write(w, m) }); err != nil {
		return 0, err // it names the file
	}
	return clipped, nil
}

func chooseEncoder(path string, o *SaveOptions) (encoder, error) {
	ext := strings.ToLower(filepath.Ext(path))
	e, ok := encoders[ext]
	if !ok {
		known := make([]string, 0, len(encoders))
		for k := range encoders {
			known = append(known, k)
		}
		slices.Sort(known)
		return e, fmt.Errorf("no picture can be written as %q; the extensions are %s", ext, strings.Join(known, " "))
	}
	if o.Bits == 0 {
		o.Bits = 8
	}
	if o.Bits != 8 && o.Bits != 16 {
		return e, fmt.Errorf("%d bits; 8 or 16 expected", o.Bits)
	}
	if o.Bits == 16 && !e.deep {
		return e, fmt.Errorf("a %s file holds 8 bits, not 16; use .png", ext)
	}
	return e, nil
}

// asPicture returns t as C×H×W. It errs if it is no single picture.
func asPicture(t tensor.Tensor) (tensor.Tensor, error) {
	s := t.Shape()
	if t.DType.IsComplex() {
		return t, fmt.Errorf("%v cannot be a picture; its numbers are not real", t.Type)
	}
	if len(s) == 4 && s[0] == 1 {
		s = s[1:]
	}
	if len(s) == 2 {
		s = append([]int{1}, s...)
	}
	if len(s) != 3 || s[0] != 1 && s[0] != 3 || t.Len() == 0 {
		return t, fmt.Errorf("%v cannot be a picture; H×W, C×H×W or 1×C×H×W with 1 or 3 channels expected", t.Type)
	}
	t, _ = tensor.Contiguous(t).Reshape(s...)
	return t, nil
}

// quantize rounds t, of shape C×H×W, to integers.
func quantize(t tensor.Tensor, o SaveOptions) (image.Image, int, error) {
	max := float64(uint(1)<<o.Bits - 1)
	v := tensor.Floats(t)
	clipped := 0
	for i, x := range v {
		if math.IsNaN(x) {
			w, plane := t.Dim[2], t.Dim[1]*t.Dim[2]
			return nil, 0, fmt.Errorf("the value of row %d, column %d, channel %d is not a number", i%plane/w, i%w, i/plane)
		}
		if o.Light == Linear {
			x = toEncoded(x)
		}
		if x < 0 || x > 1 {
			clipped++
		}
		v[i] = math.Floor(math.Min(math.Max(x, 0), 1)*max + 0.5)
	}
	return integerImage(v, t.Dim[0], t.Dim[1], t.Dim[2], o.Bits), clipped, nil
}

func integerImage(v []float64, channels, h, w, bits int) image.Image {
	r := image.Rect(0, 0, w, h)
	n := h * w
	if channels == 1 {
		if bits == 8 {
			m := image.NewGray(r)
			for i, x := range v {
				m.Pix[i] = uint8(x)
			}
			return m
		}
		m := image.NewGray16(r)
		for i, x := range v {
			m.Pix[2*i], m.Pix[2*i+1] = uint8(uint16(x)>>8), uint8(uint16(x))
		}
		return m
	}
	if bits == 8 {
		m := image.NewNRGBA(r)
		for i := range n {
			copy(m.Pix[4*i:], []byte{uint8(v[i]), uint8(v[n+i]), uint8(v[2*n+i]), 255})
		}
		return m
	}
	m := image.NewNRGBA64(r)
	for i := range n {
		m.SetNRGBA64(i%w, i/w, color.NRGBA64{R: uint16(v[i]), G: uint16(v[n+i]), B: uint16(v[2*n+i]), A: 65535})
	}
	return m
}

func writeTIFF(w io.Writer, m image.Image) error {
	return tiff.Encode(w, m, &tiff.Options{Compression: tiff.Deflate, Predictor: true})
}

func writeJPEG(w io.Writer, m image.Image) error {
	return jpeg.Encode(w, m, &jpeg.Options{Quality: 95})
}
