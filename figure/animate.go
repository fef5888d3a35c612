package figure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/atomicfile"
)

// An Animation is frames of one size, shown in turn, again and again.
type Animation struct {
	Frames []image.Image
	Rate   float64 // frames in a second; 0 means 10
}

// Animate returns the figures as an animation. Figures that are smaller than the
// largest are filled up with white.
func Animate(rate float64, figures ...*Figure) *Animation {
	a := &Animation{Rate: rate}
	w, h := 0, 0
	for _, f := range figures {
		fw, fh := f.Size()
		w, h = max(w, fw), max(h, fh)
	}
	for _, f := range figures {
		m := image.NewRGBA(image.Rect(0, 0, w, h))
		for i := range m.Pix {
			m.Pix[i] = 255
		}
		r := f.Raster(1)
		b := r.Bounds()
		for y := range b.Dy() {
			for x := range b.Dx() {
				m.Set(x, y, r.At(b.Min.X+x, b.Min.Y+y))
			}
		}
		a.Frames = append(a.Frames, m)
	}
	return a
}

func (a *Animation) rate() float64 {
	if a.Rate > 0 {
		return a.Rate
	}
	return 10
}

// Save writes a to the file at path as its extension says: .gif; .png or .apng,
// an animated PNG, or .webp, which lose nothing; .mp4 or .webm, for which ffmpeg must be
// installed. It errs if the extension is another, there is no frame, sizes
// differ, or the file cannot be written.
func (a *Animation) Save(path string) error {
	if len(a.Frames) == 0 {
		return fmt.Errorf("figure: %s: an animation without frames", path)
	}
	for _, f := range a.Frames {
		if f.Bounds().Size() != a.Frames[0].Bounds().Size() {
			return fmt.Errorf("figure: %s: frames of %v and %v pixels", path, a.Frames[0].Bounds().Size(), f.Bounds().Size())
		}
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".gif":
		return atomicfile.Write(path, 0o666, a.WriteGIF)
	case ".png", ".apng":
		return atomicfile.Write(path, 0o666, a.WriteAPNG)
	case ".webp":
		return atomicfile.Write(path, 0o666, a.WriteWebP)
	case ".mp4", ".webm":
		return a.writeVideo(path, ext)
	default:
		return fmt.Errorf("figure: no animation can be written as %q; the extensions are .gif .png .apng .webp .mp4 .webm", ext)
	}
}

// WriteGIF writes a as GIF, which knows 256 colours and hundredths of seconds.
// It errs if w does.
func (a *Animation) WriteGIF(w io.Writer) error {
	colors := commonPalette(a.Frames)
	g := &gif.GIF{}
	for _, f := range a.Frames {
		g.Image = append(g.Image, paletted(f, colors))
		g.Delay = append(g.Delay, int(math.Max(2, math.Round(100/a.rate()))))
	}
	return gif.EncodeAll(w, g)
}

// commonPalette returns the colours of all frames, greys and the most frequent
// others, at most 256.
func commonPalette(frames []image.Image) color.Palette {
	seen := map[color.RGBA]int{}
	for _, f := range frames {
		b := f.Bounds()
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				r, g, b, _ := f.At(x, y).RGBA()
				seen[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}]++
			}
		}
	}
	list := make([]color.RGBA, 0, len(seen))
	for c := range seen {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b color.RGBA) int {
		if d := seen[b] - seen[a]; d != 0 {
			return d
		}
		return int(a.R)<<16 + int(a.G)<<8 + int(a.B) - int(b.R)<<16 - int(b.G)<<8 - int(b.B)
	})
	if len(list) <= 256 {
		return asPalette(list)
	}
	// Greys at every third level, a coarse cube, and the most frequent colours that are
	// no greys.
	var p color.Palette
	for g := 0; g < 256; g += 3 {
		p = append(p, color.RGBA{uint8(g), uint8(g), uint8(g), 255})
	}
	for i := range 4 * 4 * 4 {
		p = append(p, color.RGBA{uint8(i % 4 * 85), uint8(i / 4 % 4 * 85), uint8(i / 16 * 85), 255})
	}
	list = slices.DeleteFunc(list, func(c color.RGBA) bool { return c.R == c.G && c.G == c.B })
	return append(p, asPalette(list[:min(len(list), 256-len(p))])...)
}

func asPalette(list []color.RGBA) color.Palette {
	p := make(color.Palette, len(list))
	for i, c := range list {
		p[i] = c
	}
	return p
}

func paletted(m image.Image, p color.Palette) *image.Paletted {
	b := m.Bounds()
	out := image.NewPaletted(image.Rect(0, 0, b.Dx(), b.Dy()), p)
	known := map[color.Color]uint8{}
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := m.At(b.Min.X+x, b.Min.Y+y)
			k, ok := known[c]
			if !ok {
				k = uint8(p.Index(c))
				known[c] = k
			}
			out.Pix[y*out.Stride+x] = k
		}
	}
	return out
}

// WriteAPNG writes a as an animated PNG: viewers that know none show the first
// frame. It errs if w does.
func (a *Animation) WriteAPNG(w io.Writer) error {
	var out bytes.Buffer
	out.WriteString("\x89PNG\r\n\x1a\n")
	sequence := uint32(0)
	for i, f := range a.Frames {
		chunks, err := pngChunks(opaque(f))
		if err != nil {
			return err
		}
		for _, c := range chunks {
			switch {
			case c.name == "IHDR" && i == 0:
				writeChunk(&out, "IHDR", c.data)
				writeChunk(&out, "acTL", be(uint32(len(a.Frames)), uint32(0)))
			case c.name == "IDAT" && c.first:
				b := f.Bounds()
				control := be(sequence, uint32(b.Dx()), uint32(b.Dy()), uint32(0), uint32(0), uint16(math.Round(1000/a.rate())), uint16(1000), uint16(0))
				writeChunk(&out, "fcTL", control)
				sequence++
				fallthrough
			case c.name == "IDAT":
				if i == 0 {
					writeChunk(&out, "IDAT", c.data)
					continue
				}
				writeChunk(&out, "fdAT", append(be(sequence), c.data...))
				sequence++
			}
		}
	}
	writeChunk(&out, "IEND", nil)
	_, err := w.Write(out.Bytes())
	return err
}

// WriteWebP writes a as an animated WebP (RFC 9649, section 2.7): each frame is a
// lossless one. It errs if w does or a frame is too large for the format.
func (a *Animation) WriteWebP(w io.Writer) error {
	size := a.Frames[0].Bounds().Size()
	var body bytes.Buffer
	body.WriteString("WEBP")
	const animated = 2
	riffChunk(&body, "VP8X", le(uint32(animated)), le24(size.X-1), le24(size.Y-1))
	riffChunk(&body, "ANIM", le(uint32(0xffffffff)), le(uint16(0))) // white, for ever
	for _, f := range a.Frames {
		var still bytes.Buffer
		if err := images.EncodeWebP(&still, f); err != nil {
			return err
		}
		const head = 12 // "RIFF", size, "WEBP"
		const whole = 2 // the frame does not blend with the one before
		riffChunk(&body, "ANMF", le24(0), le24(0), le24(size.X-1), le24(size.Y-1), le24(int(math.Round(1000/a.rate()))), []byte{whole}, still.Bytes()[head:])
	}
	var file bytes.Buffer
	riffChunk(&file, "RIFF", body.Bytes())
	_, err := w.Write(file.Bytes())
	return err
}

// riffChunk writes a chunk of the given parts, filled up to an even length.
func riffChunk(b *bytes.Buffer, name string, parts ...[]byte) {
	data := bytes.Join(parts, nil)
	b.WriteString(name)
	b.Write(le(uint32(len(data))))
	b.Write(data)
	if len(data)%2 == 1 {
		b.WriteByte(0)
	}
}

func le(v any) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, v) // it has a fixed size
	return b
}

func le24(v int) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16)} }

// opaque makes all frames of one kind, so that they share a header.
func opaque(m image.Image) image.Image {
	b := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.Set(x, y, m.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	for i := 3; i < len(out.Pix); i += 4 {
		out.Pix[i] = 255
	}
	return out
}

// A chunk is one of a PNG file.
type chunk struct {
	name  string
	data  []byte
	first bool // of this name
}

func pngChunks(m image.Image) ([]chunk, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return nil, err
	}
	data := b.Bytes()[8:]
	var list []chunk
	for len(data) >= 12 {
		n := binary.BigEndian.Uint32(data)
		name := string(data[4:8])
		first := !slices.ContainsFunc(list, func(c chunk) bool { return c.name == name })
		list = append(list, chunk{name, data[8 : 8+n], first})
		data = data[12+n:]
	}
	return list, nil
}

func writeChunk(b *bytes.Buffer, name string, data []byte) {
	body := append([]byte(name), data...)
	b.Write(be(uint32(len(data))))
	b.Write(body)
	b.Write(be(crc32.ChecksumIEEE(body)))
}

// be returns numbers in big-endian order.
func be(v ...any) []byte {
	var b []byte
	for _, x := range v {
		b, _ = binary.Append(b, binary.BigEndian, x) // they have fixed sizes
	}
	return b
}

// videoArguments are ffmpeg's for each kind of file: played by browsers, of even
// size, as they need it.
var videoArguments = map[string][]string{
	".mp4":  {"-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "16", "-movflags", "+faststart"},
	".webm": {"-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-crf", "18", "-b:v", "0"},
}

// writeVideo has ffmpeg write the file.
func (a *Animation) writeVideo(path, ext string) error {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fmt.Errorf("figure: %s: %s files need ffmpeg, which is not installed; .gif and .png need nothing", path, ext)
	}
	args := []string{"-loglevel", "error", "-y", "-f", "image2pipe", "-c:v", "png", "-framerate", fmt.Sprint(a.rate()), "-i", "-",
		"-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white"}
	args = append(append(args, videoArguments[ext]...), "file:"+path)
	cmd := exec.Command(ffmpeg, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for _, f := range a.Frames {
		if err = png.Encode(in, f); err != nil {
			break // ffmpeg says why
		}
	}
	in.Close()
	if e := cmd.Wait(); e != nil {
		return fmt.Errorf("figure: %s: ffmpeg: %w: %s", path, e, strings.TrimSpace(complaint.String()))
	}
	return err
}
