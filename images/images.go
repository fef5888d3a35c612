// Package images reads and writes pictures as tensors of numbers in [0, 1],
// and makes example textures and synthetic stimuli of any size from a seed.
package images

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/percept-go/percept/tensor"
)

// Options say how Load reads a file. The zero value reads a grey picture of
// the size it has, with the values as they are stored.
type Options struct {
	// Color is Gray, by luma, or RGB, where a grey file is repeated.
	Color Color
	// Crop is the part that is kept, in pixels of the upright picture; the
	// zero value keeps all.
	Crop Rect
	// Size is what the cropped picture is resampled to; the zero value leaves
	// it alone. An example is made at this size instead.
	Size Size
	// Light says whether values stay as stored or become linear light.
	Light Light
	// InputRange holds the stored values that become 0 and 1; nil means 0 and
	// 255 for 8 bits, 0 and 65535 for 16, and 0 and 1 for floats.
	InputRange *[2]float64
	// Seed is that of an example.
	Seed uint64
}

// A Color is what the channels of a tensor mean.
type Color uint8

// Gray has one channel, RGB three.
const (
	Gray Color = iota
	RGB
)

// A Light says how numbers relate to light.
type Light uint8

// Encoded numbers are those of the file, usually sRGB; Linear ones are
// proportional to light, by the sRGB curve of IEC 61966-2-1.
const (
	Encoded Light = iota
	Linear
)

// A Rect is a part of a picture: H×W pixels from row Y and column X on.
type Rect struct{ Y, X, H, W int }

// A Size is a height and a width in pixels.
type Size struct{ H, W int }

// An Info says what a file was and what was done to it.
type Info struct {
	Format        string   // "png", "jpeg", "gif", "tiff", "webp", "bmp", "netpbm", "npy", "van-hateren" or "example"
	Stored        string   // type of the stored numbers: "uint8", "uint16", "float32", …
	Height, Width int      // of the upright picture, before cropping and resampling
	SHA256        string   // of the file, in hex; empty for an example
	Notes         []string // what a person may not expect: transparency, rotation, profiles, frames
}

func (i *Info) note(format string, args ...any) {
	i.Notes = append(i.Notes, fmt.Sprintf(format, args...))
}

const examplePrefix = "example:"

// exampleSize is that of an example for which none was asked.
const exampleSize = 256

// Load reads the picture at path as a float64 tensor of shape 1×C×H×W, or
// N×C×H×W from a .npy file of that shape; "example:NAME" is the example
// texture of that name (see Examples). The format is told from the content:
// PNG, JPEG, GIF, TIFF, WebP, BMP, PBM, PGM, PPM or NPY; but .iml and .imc are
// photographs of van Hateren, divided by their largest number. Integers of 8
// and 16 bits are divided by 255 and 65535, those of PGM and PPM by the
// maximum that the file states. A picture is turned as its EXIF data says;
// transparent pixels show white; of several frames the first is read. Then
// follow, in this order, InputRange, Light, Color (luma .2125 R + .7154 G +
// .0721 B), Crop and Size. Gamma and colour profiles are reported in the Info
// and not applied.
//
// It errs if the file cannot be read, is no such picture, is damaged or larger
// than 2²⁸ pixels; if numbers other than uint8 and uint16 lie outside [0, 1]
// and o.InputRange is nil; if any is not finite; or if o.Crop does not fit.
func Load(path string, o Options) (tensor.Tensor, Info, error) {
	t, info, err := load(path, o)
	if err != nil {
		var pathError *os.PathError // names the file itself
		if !errors.As(err, &pathError) {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return tensor.Tensor{}, info, err
	}
	return t, info, nil
}

func load(path string, o Options) (t tensor.Tensor, info Info, err error) {
	if err := o.check(); err != nil {
		return t, info, err
	}
	if name, ok := strings.CutPrefix(path, examplePrefix); ok {
		return loadExample(name, o)
	}
	data, err := readFile(path)
	if err != nil {
		return t, info, err
	}
	sum := sha256.Sum256(data)
	info.SHA256 = hex.EncodeToString(sum[:])
	switch {
	case strings.HasPrefix(string(data[:min(len(data), 6)]), npyMagic):
		t, err = loadNPY(data, o, &info)
	case isVanHateren(path):
		t, err = loadVanHateren(data, o, &info)
	default:
		t, err = loadRaster(data, o, &info)
	}
	if err != nil {
		return t, info, err
	}
	return resize(t, o.Size, &info), info, nil
}

func (o *Options) check() error {
	if o.Color > RGB || o.Light > Linear {
		return fmt.Errorf("unknown color %d or light %d", o.Color, o.Light)
	}
	if c := o.Crop; c != (Rect{}) && (c.Y < 0 || c.X < 0 || c.H < 1 || c.W < 1) {
		return fmt.Errorf("crop y=%d,x=%d,h=%d,w=%d is empty or begins outside the picture", c.Y, c.X, c.H, c.W)
	}
	if s := o.Size; s != (Size{}) {
		if err := checkSize(s.H, s.W); err != nil {
			return err
		}
	}
	if r := o.InputRange; r != nil && !(r[1]-r[0] > 0 && r[1]-r[0] <= maxFloat) {
		return fmt.Errorf("input range %v,%v: the first must be below the second", r[0], r[1])
	}
	return nil
}

const maxFloat = 0x1p1023

// maxPixels bounds what a header can make a decoder allocate.
const maxPixels = 1 << 28

func checkSize(h, w int) error {
	if h < 1 || w < 1 {
		return fmt.Errorf("a picture of %d×%d pixels is empty", h, w)
	}
	if h > maxPixels/w {
		return fmt.Errorf("%d×%d pixels are more than the 2^28 that can be read", h, w)
	}
	return nil
}

// fit returns the part of an H×W picture that o keeps.
func (o *Options) fit(h, w int) (Rect, error) {
	c := o.Crop
	if c == (Rect{}) {
		return Rect{0, 0, h, w}, nil
	}
	if c.H > h-c.Y || c.W > w-c.X {
		return c, fmt.Errorf("crop y=%d,x=%d,h=%d,w=%d does not fit the picture, which has %d×%d pixels (height×width)", c.Y, c.X, c.H, c.W, h, w)
	}
	return c, nil
}

// maxFile bounds what is read from a pipe that never ends.
const maxFile = 1 << 32

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, errors.New("is a folder, not a picture")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, errors.New("the file is larger than 4 GiB")
	}
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	return data, nil
}

func loadExample(name string, o Options) (tensor.Tensor, Info, error) {
	size := o.Size
	if size == (Size{}) {
		size = Size{exampleSize, exampleSize}
	}
	info := Info{Format: "example", Stored: "float64", Height: size.H, Width: size.W}
	t, err := Example(name, size.H, size.W, o.Seed)
	if err != nil {
		return t, info, err
	}
	r, err := o.fit(size.H, size.W)
	if err != nil {
		return t, info, err
	}
	m, err := newMapping(o, 1, 1)
	if err != nil {
		return t, info, err
	}
	return m.planes(t, r), info, nil
}
