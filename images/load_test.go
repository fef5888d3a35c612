package images

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

// put writes data to a new file and returns its path.
func put(t *testing.T, name string, data []byte) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func encodePNG(t *testing.T, m image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func values(t *testing.T, path string, o Options) []float64 {
	x, _, err := Load(path, o)
	require.NoError(t, err)
	return tensor.Floats(x)
}

func draw(m interface{ Set(x, y int, c color.Color) }, w int, colors ...color.Color) {
	for i, c := range colors {
		m.Set(i%w, i/w, c)
	}
}

func TestColors(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	draw(m, 2, color.NRGBA{R: 51, G: 102, B: 255, A: 255}, color.NRGBA{R: 77, G: 77, B: 77, A: 255})
	path := put(t, "a.png", encodePNG(t, m))

	x, info, err := Load(path, Options{Color: RGB})
	require.NoError(t, err)
	assert.Equal(t, tensor.MakeType(tensor.Float64, 1, 3, 1, 2), x.Type)
	assert.Equal(t, []float64{51. / 255, 77. / 255, 102. / 255, 77. / 255, 1, 77. / 255}, tensor.Floats(x))
	assert.Equal(t, "png", info.Format)
	assert.Equal(t, "uint8", info.Stored)
	assert.Equal(t, []int{1, 2}, []int{info.Height, info.Width})
	assert.Empty(t, info.Notes)

	x, _, err = Load(path, Options{})
	require.NoError(t, err)
	assert.Equal(t, tensor.MakeType(tensor.Float64, 1, 1, 1, 2), x.Type)
	got := tensor.Floats(x)
	assert.InDelta(t, .2125*.2+.7154*.4+.0721, got[0], 1e-15)
	assert.Equal(t, 77./255, got[1], "a grey pixel stays what it is")
}

func TestGrayIsRepeated(t *testing.T) {
	m := image.NewGray16(image.Rect(0, 0, 2, 1))
	draw(m, 2, color.Gray16{Y: 1}, color.Gray16{Y: 65534})
	path := put(t, "a.png", encodePNG(t, m))
	x, info, err := Load(path, Options{Color: RGB})
	require.NoError(t, err)
	assert.Equal(t, "uint16", info.Stored)
	a, b := 1./65535, 65534./65535
	assert.Equal(t, []float64{a, b, a, b, a, b}, tensor.Floats(x))
}

func TestTransparencyShowsWhite(t *testing.T) {
	m := image.NewNRGBA64(image.Rect(0, 0, 3, 1))
	draw(m, 3, color.NRGBA64{R: 13107, G: 13107, B: 13107, A: 16384}, color.NRGBA64{A: 0}, color.NRGBA64{R: 9, G: 9, B: 9, A: 65535})
	path := put(t, "a.png", encodePNG(t, m))
	x, info, err := Load(path, Options{})
	require.NoError(t, err)
	alpha := 16384. / 65535
	assert.InDeltaSlice(t, []float64{.2*alpha + 1 - alpha, 1, 9. / 65535}, tensor.Floats(x), 1e-15)
	assert.Equal(t, []string{"the picture has transparent pixels; they were blended with white"}, info.Notes)

	p := image.NewPaletted(image.Rect(0, 0, 2, 1), color.Palette{color.NRGBA{R: 255, A: 51}, color.NRGBA{B: 51, A: 255}})
	p.SetColorIndex(1, 0, 1)
	got := values(t, put(t, "p.png", encodePNG(t, p)), Options{Color: RGB})
	assert.InDeltaSlice(t, []float64{1, 0, .8, 0, .8, .2}, got, 1e-15)
}

// exifOrientation is a big-endian EXIF block with the orientation alone.
func exifOrientation(o int) []byte {
	return []byte{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, byte(o), 0, 0, 0, 0, 0, 0}
}

func pngChunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// withChunk puts a chunk after the header of a PNG file.
func withChunk(file []byte, kind string, body []byte) []byte {
	const header = 8 + 25
	return append(append(bytes.Clone(file[:header]), pngChunk(kind, body)...), file[header:]...)
}

// withSegment puts a segment at the front of a JPEG file.
func withSegment(file []byte, marker byte, body []byte) []byte {
	b := append([]byte{0xff, 0xd8, 0xff, marker}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(b, body...), file[2:]...)
}

// store returns how the upright picture is stored under an orientation, by
// the table of EXIF 2.32 §4.6.4: which visual sides the first row and the
// first column are.
func store(upright *image.Gray, o int) *image.Gray {
	sides := []string{"", "top left", "top right", "bottom right", "bottom left", "left top", "right top", "right bottom", "left bottom"}[o]
	row, column, _ := strings.Cut(sides, " ")
	h, w := upright.Rect.Dy(), upright.Rect.Dx()
	place := func(side string, k int) (y, x int) { // the visual position k steps from a side
		switch side {
		case "top":
			return k, -1
		case "bottom":
			return h - 1 - k, -1
		case "left":
			return -1, k
		}
		return -1, w - 1 - k
	}
	rows, columns := h, w
	if o >= 5 {
		rows, columns = w, h
	}
	m := image.NewGray(image.Rect(0, 0, columns, rows))
	for r := range rows {
		for c := range columns {
			y, x := place(row, r)
			y2, x2 := place(column, c)
			m.SetGray(c, r, upright.GrayAt(max(x, x2), max(y, y2)))
		}
	}
	return m
}

func TestOrientations(t *testing.T) {
	upright := image.NewGray(image.Rect(0, 0, 24, 16))
	for i := range upright.Pix {
		upright.Pix[i] = uint8(40 + 30*(i%24/8+3*(i/24/8))) // 3×2 blocks, which JPEG keeps
	}
	want := values(t, put(t, "u.png", encodePNG(t, upright)), Options{})
	crop := Rect{Y: 3, X: 5, H: 7, W: 16}
	wantCrop := values(t, put(t, "u.png", encodePNG(t, upright)), Options{Crop: crop})
	for o := 1; o <= 8; o++ {
		stored := store(upright, o)
		var jpg bytes.Buffer
		require.NoError(t, jpeg.Encode(&jpg, stored, &jpeg.Options{Quality: 100}))
		for name, file := range map[string][]byte{
			"a.png":  withChunk(encodePNG(t, stored), "eXIf", exifOrientation(o)),
			"a.jpg":  withSegment(jpg.Bytes(), 0xe1, append([]byte("Exif\x00\x00"), exifOrientation(o)...)),
			"a.tiff": grayTIFF(stored, o),
		} {
			path := put(t, name, file)
			x, info, err := Load(path, Options{})
			require.NoError(t, err, "%s %d", name, o)
			assert.Equal(t, []int{1, 1, 16, 24}, x.Shape(), "%s %d", name, o)
			assert.True(t, x.IsContiguous())
			assert.InDeltaSlice(t, want, tensor.Floats(x), 1.5/255, "%s %d", name, o)
			assert.InDeltaSlice(t, wantCrop, values(t, path, Options{Crop: crop}), 1.5/255, "%s %d cropped", name, o)
			assert.Equal(t, []int{16, 24}, []int{info.Height, info.Width})
			if o > 1 {
				assert.Equal(t, []string{fmt.Sprintf("turned upright as EXIF orientation %d says", o)}, info.Notes)
			}
		}
	}
}

// grayTIFF is an uncompressed little-endian TIFF file.
func grayTIFF(m *image.Gray, orientation int) []byte {
	h, w := m.Rect.Dy(), m.Rect.Dx()
	b := []byte("II*\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(8+len(m.Pix)))
	b = append(b, m.Pix...)
	tags := [][2]uint32{{256, uint32(w)}, {257, uint32(h)}, {258, 8}, {259, 1}, {262, 1}, {273, 8}, {274, uint32(orientation)}, {277, 1}, {278, uint32(h)}, {279, uint32(h * w)}}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(tags)))
	for _, tag := range tags {
		kind := uint16(4)
		if tag[0] == 274 || tag[0] == 258 || tag[0] == 259 || tag[0] == 262 || tag[0] == 277 {
			kind = 3
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(tag[0]))
		b = binary.LittleEndian.AppendUint16(b, kind)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, tag[1])
	}
	return binary.LittleEndian.AppendUint32(b, 0)
}

// TestWebP reads a 2×3 lossless file, made by Pillow, that is stored turned
// and has transparent pixels.
func TestWebP(t *testing.T) {
	x, info, err := Load("testdata/lossless.webp", Options{Color: RGB})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 3, 3, 2}, x.Shape())
	a := 128. / 255
	over := func(v float64) float64 { return a*v + 1 - a }
	assert.InDeltaSlice(t, []float64{
		10. / 255, 1, over(200. / 255), 0, 1, 0,
		20. / 255, 0, over(100. / 255), 1, 1, 0,
		30. / 255, 0, over(50. / 255), 0, 1, 1,
	}, tensor.Floats(x), 1e-15)
	assert.Equal(t, "webp", info.Format)
	assert.Len(t, info.Notes, 2)
}

// TestLossyWebP reads four squares of one colour each, made by Pillow; with
// 20 % opacity in the second file.
func TestLossyWebP(t *testing.T) {
	squares := [4][3]float64{{0, 0, 0}, {255, 255, 255}, {200, 30, 60}, {20, 180, 90}}
	for name, alpha := range map[string]float64{"lossy": 1, "lossy-alpha": .2} {
		x, _, err := Load("testdata/"+name+".webp", Options{Color: RGB})
		require.NoError(t, err)
		for i, want := range squares {
			got := tensor.Floats(x.Crop(2, 8+i/2*16, 9+i/2*16, 1).Crop(3, 8+i%2*16, 9+i%2*16, 1))
			for c := range want {
				assert.InDelta(t, alpha*want[c]/255+1-alpha, got[c], 2./255, "%s square %d channel %d", name, i, c)
			}
		}
	}
}

func TestNetpbm(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		color  Color
		want   []float64
		stored string
	}{
		"PGM":                {"P5 2 1 255\n\x00\x33", Gray, []float64{0, .2}, "uint8"},
		"PGM max 100":        {"P2\n# a comment\n3 1\n100\n0 50 100\n", Gray, []float64{0, .5, 1}, "uint8"},
		"PGM 16 bits":        {"P5 1 1 65535\n\x33\x33", Gray, []float64{.2}, "uint16"},
		"PGM max 1000":       {"P2 2 1 1000 250 1000\n", Gray, []float64{.25, 1}, "uint16"},
		"PPM":                {"P6 1 1 255\n\x00\x33\xff", RGB, []float64{0, .2, 1}, "uint8"},
		"PPM max 10":         {"P3 1 1 10 0 5 10\n", RGB, []float64{0, .5, 1}, "uint8"},
		"PPM 16 bits":        {"P6 1 1 65535\n\x00\x00\x33\x33\xff\xff", RGB, []float64{0, .2, 1}, "uint16"},
		"PBM":                {"P1 3 1 0 1 0\n", Gray, []float64{1, 0, 1}, "uint8"},
		"PBM without spaces": {"P1 3 2 010\n101", Gray, []float64{1, 0, 1, 0, 1, 0}, "uint8"},
		"PBM raw":            {"P4 10 2\n\x40\x40\xff\x80", Gray, []float64{1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, "uint8"},
		"comments":           {"P5#a\n#b\r1 # c\n 1#d\n255\n\x33", Gray, []float64{.2}, "uint8"},
	} {
		x, info, err := Load(put(t, "a.pgm", []byte(c.file)), Options{Color: c.color})
		if assert.NoError(t, err, name) {
			assert.InDeltaSlice(t, c.want, tensor.Floats(x), 1e-15, name)
			assert.Equal(t, c.stored, info.Stored, name)
		}
	}
}

func TestGIF(t *testing.T) {
	palette := color.Palette{color.Black, color.White, color.Transparent, color.Gray{Y: 51}}
	frame := func(r image.Rectangle, index uint8) *image.Paletted {
		m := image.NewPaletted(r, palette)
		for i := range m.Pix {
			m.Pix[i] = index
		}
		return m
	}
	first := frame(image.Rect(1, 0, 3, 1), 3)
	first.SetColorIndex(2, 0, 2)
	var b bytes.Buffer
	require.NoError(t, gif.EncodeAll(&b, &gif.GIF{
		Image:  []*image.Paletted{first, frame(image.Rect(0, 0, 3, 2), 0)},
		Delay:  []int{1, 1},
		Config: image.Config{ColorModel: palette, Width: 3, Height: 2},
	}))
	x, info, err := Load(put(t, "a.gif", b.Bytes()), Options{})
	require.NoError(t, err)
	assert.Equal(t, []float64{1, .2, 1, 1, 1, 1}, tensor.Floats(x))
	assert.Equal(t, []string{"the file has 2 frames; the first was read", "the picture has transparent pixels; they were blended with white"}, info.Notes)
}

func TestProfilesAreReported(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 1, 1))
	notes := func(name string, file []byte) []string {
		_, info, err := Load(put(t, name, file), Options{})
		require.NoError(t, err)
		return info.Notes
	}
	gama := func(v uint32) []byte {
		return withChunk(encodePNG(t, m), "gAMA", binary.BigEndian.AppendUint32(nil, v))
	}
	assert.Empty(t, notes("a.png", gama(45455)), "the gamma of sRGB")
	assert.Equal(t, []string{"the file states a gamma of 1 (gAMA), which is not applied"}, notes("a.png", gama(100000)))
	assert.Equal(t, []string{`the file has a colour profile (ICC) "Display P3", which is not applied`},
		notes("a.png", withChunk(encodePNG(t, m), "iCCP", []byte("Display P3\x00\x00x"))))
	var jpg bytes.Buffer
	require.NoError(t, jpeg.Encode(&jpg, m, nil))
	icc := append(make([]byte, 128), 0, 0, 0, 1)
	icc = append(icc, "desc\x00\x00\x00\x90\x00\x00\x00\x14"...)
	icc = append(icc, "desc\x00\x00\x00\x00\x00\x00\x00\x06Adobe\x00\x00\x00"...)
	assert.Equal(t, []string{`the file has a colour profile (ICC) "Adobe", which is not applied`},
		notes("a.jpg", withSegment(jpg.Bytes(), 0xe2, append([]byte("ICC_PROFILE\x00\x01\x01"), icc...))))
	mluc := append(icc[:132:132], "desc\x00\x00\x00\x90\x00\x00\x00\x22mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS\x00\x00\x00\x06\x00\x00\x00\x1c\x00P\x003\x00!"...)
	assert.Equal(t, []string{`the file has a colour profile (ICC) "P3!", which is not applied`},
		notes("a.jpg", withSegment(jpg.Bytes(), 0xe2, append([]byte("ICC_PROFILE\x00\x01\x01"), mluc...))))
}

func TestCropSizeAndRange(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 4, 3))
	for i := range m.Pix {
		m.Pix[i] = uint8(20 * i)
	}
	path := put(t, "a.png", encodePNG(t, m))
	assert.Equal(t, []float64{100. / 255, 120. / 255, 180. / 255, 200. / 255}, values(t, path, Options{Crop: Rect{1, 1, 2, 2}}))
	assert.Equal(t, []float64{0, .5, 1}, values(t, path, Options{Crop: Rect{1, 1, 1, 3}, InputRange: &[2]float64{100, 140}}))
	x, info, err := Load(path, Options{Crop: Rect{0, 0, 2, 2}, Size: Size{5, 4}})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 5, 4}, x.Shape())
	assert.Len(t, info.Notes, 2, "resampling and the change of shape")

	for _, c := range []struct {
		o    Options
		says string
	}{
		{Options{Crop: Rect{0, 0, 4, 1}}, "crop y=0,x=0,h=4,w=1 does not fit the picture, which has 3×4 pixels"},
		{Options{Crop: Rect{2, 3, 2, 1}}, "does not fit"},
		{Options{Crop: Rect{math.MaxInt, 0, 1, 1}}, "does not fit"},
		{Options{Crop: Rect{-1, 0, 1, 1}}, "begins outside"},
		{Options{Crop: Rect{0, 0, 0, 1}}, "is empty"},
		{Options{Size: Size{0, 5}}, "is empty"},
		{Options{Size: Size{1 << 20, 1 << 20}}, "more than the 2^28"},
		{Options{InputRange: &[2]float64{1, 1}}, "the first must be below the second"},
		{Options{InputRange: &[2]float64{0, math.NaN()}}, "the first must be below the second"},
	} {
		_, _, err := Load(path, c.o)
		assert.ErrorContains(t, err, c.says)
		assert.ErrorContains(t, err, path)
	}
}

func TestFilesThatAreNoPictures(t *testing.T) {
	m := encodePNG(t, image.NewGray(image.Rect(0, 0, 2, 2)))
	header := func(w, h uint32) []byte {
		b := bytes.Clone(m)
		binary.BigEndian.PutUint32(b[16:], w)
		binary.BigEndian.PutUint32(b[20:], h)
		binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"text":           {[]byte("hello, this is text"), `begins with "hello, this is t"`},
		"empty":          {nil, "the file is empty"},
		"one byte":       {[]byte{0x89}, "is no picture"},
		"HEIC":           {[]byte("\x00\x00\x00\x18ftypheic"), "HEIF"},
		"npz":            {[]byte("PK\x03\x04...."), "numpy.save"},
		"zero width":     {header(0, 2), "png:"},
		"huge":           {header(1<<20, 1<<20), "1048576×1048576 pixels are more than the 2^28"},
		"lying":          {header(1<<14, 1<<14), "16384×16384 pixels, which cannot be in a file of"},
		"checksum":       {append(bytes.Clone(m[:16]), 9), "png:"},
		"JPEG magic":     {[]byte("\xff\xd8\xff"), "jpeg: the file ends too early"},
		"GIF zero":       {[]byte("GIF89a\x00\x00\x00\x00\x00\x00\x00;"), "gif:"},
		"TIFF":           {[]byte("II*\x00\xff\xff\xff\xff"), "tiff:"},
		"WebP":           {[]byte("RIFF\x04\x00\x00\x00WEBP"), "webp:"},
		"BMP":            {[]byte("BMxxxxxxxxxxxxxxxxxxxxxxxx"), "bmp:"},
		"BMP huge":       {bmpHeader(1<<15, 1<<15), "bmp:"},
		"PGM lying":      {[]byte("P5 10000 10000 255\n"), "cannot be in a file of"},
		"PGM zero":       {[]byte("P5 0 1 255\n"), "netpbm:"},
		"PGM overflow":   {[]byte("P5 4294967296 4294967296 255\n"), "netpbm:"},
		"PGM bad maxval": {[]byte("P5 1 1 0\n\x00"), "netpbm:"},
		"PGM comment":    {[]byte("P2 #"), "netpbm: the file ends too early"},
		"PGM text":       {[]byte("P2 1 1 255 x"), `sample 0: "x" at byte 1`},
		"PGM large":      {[]byte("P2 1 1 255 70000"), "70000 is too large"},
		"PGM above":      {[]byte("P2 2 1 100 100 101"), "sample 1 is 101, above the maximum 100"},
		"PGM maximum":    {[]byte("P2 2 1 70000 100 101"), "the maximum is 70000"},
		"PBM bits":       {[]byte("P1 2 1 0 2"), "neither 0 nor 1"},
		"PBM short":      {[]byte("P1 2 1 0   "), "netpbm: the file ends too early"},
		"PGM plain cut":  {[]byte("P2 2 1 255 0  "), "netpbm: the file ends too early"},
		"PGM short":      {[]byte("P5 4 4 255\n\x00"), "netpbm: the file ends too early"},
	} {
		path := put(t, "photo.png", c.file)
		_, _, err := Load(path, Options{})
		assert.ErrorContains(t, err, c.says, name)
		assert.ErrorContains(t, err, path, name)
	}
	dir := t.TempDir()
	_, _, err := Load(dir, Options{})
	assert.EqualError(t, err, dir+": is a folder, not a picture")
	_, _, err = Load(filepath.Join(dir, "none.png"), Options{})
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.Equal(t, 1, strings.Count(err.Error(), "none.png"))
}

func bmpHeader(h, w uint32) []byte {
	b := append([]byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"), make([]byte, 36)...)
	binary.LittleEndian.PutUint32(b[18:], w)
	binary.LittleEndian.PutUint32(b[22:], h)
	b[26], b[28] = 1, 24
	return b
}

// TestDamagedFiles cuts and flips small files of every format: none may
// panic, and a cut one may not pass for whole.
func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	x, err := Example("pebbles", 9, 11, 1)
	require.NoError(t, err)
	color := x.Expand(1, 3, 9, 11)
	for _, name := range []string{"a.png", "a.jpg", "a.tiff", "a.bmp", "a.ppm"} {
		path := filepath.Join(dir, name)
		_, err := Save(path, color, SaveOptions{})
		require.NoError(t, err)
		damage(t, path)
	}
	gray := filepath.Join(dir, "a.gif")
	_, err = Save(gray, x, SaveOptions{})
	require.NoError(t, err)
	damage(t, gray)
	damage(t, "testdata/lossless.webp")
}

// tails is how many last bytes a format can lose without losing pixels: end
// markers, EXIF data of WebP, and the resolution in TIFF.
var tails = map[string]int{".png": 4, ".gif": 2, ".jpg": 2, ".webp": 38, ".tiff": 20}

func damage(t *testing.T, path string) {
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range file {
		_, err := loadBytes(file[:n])
		if n < len(file)-tails[filepath.Ext(path)] {
			assert.Error(t, err, "%s cut to %d of %d bytes", path, n, len(file))
		}
		for _, flip := range []byte{0xff, 1, 0x80} {
			b := bytes.Clone(file)
			b[n] ^= flip
			_, _ = loadBytes(b)
		}
	}
}

func loadBytes(b []byte) (tensor.Tensor, error) { return loadRaster(b, Options{Color: RGB}, &Info{}) }

func TestLargeJPEG(t *testing.T) {
	m := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = uint8(i / 16 % 256)
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	m = nil
	path := put(t, "large.jpg", b.Bytes())
	x, size := measure(t, path, Options{})
	assert.Equal(t, []int{1, 1, 3000, 4000}, x.Shape())
	assert.Less(t, size, uint64(160<<20), "96 MB of float64 and 18 MB of decoded picture")
	x, size = measure(t, path, Options{Crop: Rect{100, 100, 256, 256}})
	assert.Equal(t, []int{1, 1, 256, 256}, x.Shape())
	assert.Less(t, size, uint64(60<<20), "a crop converts only what it keeps")
}

// measure returns the bytes that Load allocates.
func measure(t *testing.T, path string, o Options) (tensor.Tensor, uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x, _, err := Load(path, o)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	return x, after.TotalAlloc - before.TotalAlloc
}

func TestSHA256(t *testing.T) {
	_, info, err := Load(put(t, "a.pgm", []byte("P2 1 1 1 0\n")), Options{})
	require.NoError(t, err)
	assert.Equal(t, "f94e1a98d64ed2eb", info.SHA256[:16])
}
