package figure

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/webp"

	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// ramp returns an image (1, 1, h, w) of the numbers 0, 1, 2, ….
func ramp(h, w int) tensor.Tensor {
	v := make([]float64, h*w)
	for i := range v {
		v[i] = float64(i)
	}
	return tensor.Of(v, 1, 1, h, w)
}

// The rules are those of pyrtools' imshow; the numbers are computed by hand.
func TestRanges(t *testing.T) {
	a, b := tensor.Of([]float64{-1, 0, 1, 4}, 1, 1, 2, 2), tensor.Of([]float64{0, 2, math.NaN(), 2}, 1, 1, 2, 2)
	for name, want := range map[string][2][2]float64{
		"auto0":  {{-4, 4}, {-4, 4}},
		"auto1":  {{-1, 4}, {-1, 4}},
		"auto":   {{-1, 4}, {-1, 4}},
		"indep0": {{-4, 4}, {-2, 2}},
		"":       {{-1, 4}, {0, 2}},
		"indep2": {{1 - 2*math.Sqrt(3.5), 1 + 2*math.Sqrt(3.5)}, {4./3 - 2*math.Sqrt(8./9), 4./3 + 2*math.Sqrt(8./9)}},
		"indep3": {{-.7 - 3.8/8, 3.1 + 3.8/8}, {.4 - .2, 2 + .2}},
	} {
		planes := []plane{{h: 2, w: 2, v: tensor.Floats(a)}, {h: 2, w: 2, v: tensor.Floats(b)}}
		got, err := Display{Range: name}.ranges(planes)
		require.NoError(t, err, name)
		for i := range got {
			assert.InDeltaSlice(t, want[i][:], got[i][:], 1e-12, "%s of image %d", name, i)
		}
	}
	_, err := Display{Range: "indep4"}.Images(a)
	assert.ErrorContains(t, err, "indep3")
}

// rgbAt returns the colour of a pixel.
func rgbAt(m image.Image, x, y int) [3]uint8 {
	c := color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)
	return [3]uint8{c.R, c.G, c.B}
}

func TestEveryPixelIsASquare(t *testing.T) {
	const zoom = 3
	p, err := Display{Fixed: &[2]float64{0, 15}, Zoom: zoom}.Images(ramp(4, 4))
	require.NoError(t, err)
	f := &Figure{Title: "a", Rows: [][]Panel{p}}
	w, h := f.Size()
	m := f.Raster(1)
	require.Equal(t, image.Pt(w, h), m.Bounds().Size())
	x0, y0 := margin, h-margin-4*zoom
	for y := range 4 * zoom {
		for x := range 4 * zoom {
			want := uint8(17 * (y/zoom*4 + x/zoom)) // 255/15 = 17
			require.Equal(t, [3]uint8{want, want, want}, rgbAt(m, x0+x, y0+y), "%d %d", x, y)
		}
	}
}

func TestZoom(t *testing.T) {
	assert.Equal(t, 4., FitZoom(64, 48, 256))
	assert.Equal(t, 1., FitZoom(256, 256, 256))
	assert.Equal(t, .5, FitZoom(257, 13, 256), "a prime size too")
	_, err := Display{Zoom: 1.5}.Images(ramp(4, 4))
	assert.ErrorContains(t, err, "zoom")
	_, err = Display{Zoom: -1}.Images(ramp(4, 4))
	assert.ErrorContains(t, err, "zoom")
	p, err := Display{Zoom: 1, NoNote: true}.Images(ramp(8, 8), ramp(4, 4))
	require.NoError(t, err)
	assert.Equal(t, 2., p[1].(*Image).Zoom, "the smaller one fills the same space")
	_, err = Display{}.Images(ramp(8, 8), ramp(3, 8))
	assert.ErrorContains(t, err, "whole part")
	half := enlarge(image.NewGray(image.Rect(0, 0, 5, 4)), .5)
	assert.Equal(t, image.Pt(3, 2), half.Bounds().Size())
}

func TestSelection(t *testing.T) {
	x := tensor.New(tensor.Float64, 2, 3, 4, 4)
	p, err := Display{}.Images(x)
	require.NoError(t, err)
	assert.Len(t, p, 6)
	one, two := 1, 2
	p, err = Display{Batch: &one, Channel: &two}.Images(x)
	require.NoError(t, err)
	assert.Len(t, p, 1)
	_, err = Display{Batch: &two}.Images(x)
	assert.ErrorContains(t, err, "batch 2 of 2")
	p, err = Display{RGB: true}.Images(x)
	require.NoError(t, err)
	assert.Len(t, p, 2)
	_, err = Display{RGB: true}.Images(ramp(2, 2))
	assert.ErrorContains(t, err, "colours")
	_, err = Display{Titles: []string{"a", "b"}}.Images(x)
	assert.ErrorContains(t, err, "2 titles for 6")
	_, err = Display{}.Images(tensor.New(tensor.Float64, 4, 4))
	assert.ErrorContains(t, err, "(N, C, H, W)")
}

func TestComplex(t *testing.T) {
	z := tensor.Of([]complex128{3 + 4i, -2, 0, 1i}, 1, 1, 2, 2)
	for name, want := range map[string][2][]float64{
		"":         {{3, -2, 0, 0}, {4, 0, 0, 1}},
		"polar":    {{5, 2, 0, 1}, {math.Atan2(4, 3), math.Pi, 0, math.Pi / 2}},
		"logpolar": {{math.Log(6), math.Log(3), 0, math.Log(2)}, {math.Atan2(4, 3), math.Pi, 0, math.Pi / 2}},
	} {
		p, err := Display{Complex: name}.planes(z)
		require.NoError(t, err)
		require.Len(t, p, 2)
		assert.InDeltaSlice(t, want[0], p[0].v, 1e-15, name)
		assert.InDeltaSlice(t, want[1], p[1].v, 1e-15, name)
	}
	_, err := Display{Complex: "spherical"}.Images(z)
	assert.ErrorContains(t, err, "logpolar")
}

func TestDiverging(t *testing.T) {
	assert.Equal(t, color.RGBA{103, 0, 31, 255}, diverging(0))
	assert.Equal(t, color.RGBA{247, 247, 247, 255}, diverging(.5))
	assert.Equal(t, color.RGBA{5, 48, 97, 255}, diverging(1))
}

func TestTicks(t *testing.T) {
	labels := func(ts []tick) string {
		var s []string
		for _, k := range ts {
			s = append(s, k.label)
		}
		return strings.Join(s, " ")
	}
	assert.Equal(t, "0 20 40 60 80 100", labels(scale{lo: -5, hi: 105}.ticks(6)))
	assert.Equal(t, "-0.5 0 0.5", labels(scale{lo: -.6, hi: .6}.ticks(3)))
	assert.Equal(t, "1e-5 2e-5 3e-5", labels(scale{lo: .9e-5, hi: 3.1e-5}.ticks(3)))
	assert.Equal(t, "1e-6 1e-4 0.01 1", labels(scale{lo: -6.2, hi: .3, log: true}.ticks(4)))
	assert.Equal(t, "0.1 1", labels(scale{lo: -1.4, hi: .1, log: true}.ticks(4)))
	assert.Equal(t, "0.5 1.0", labels(scale{lo: -.8, hi: .1, log: true}.ticks(5)))
	s := fitScale(true, []float64{0, -1, math.NaN(), 1e-3, 10})
	assert.InDelta(t, -3.2, s.lo, 1e-9)
	assert.InDelta(t, 1.2, s.hi, 1e-9)
}

func TestHistogramCounts(t *testing.T) {
	assert.Equal(t, []float64{2, 1, 0, 2}, count([]float64{0, .1, .3, .99, 1, math.NaN()}, 0, 1, 4))
	assert.InDelta(t, 1.75, percentile([]float64{4, 1, 2, 3, math.NaN()}, 25), 1e-12)
	assert.Equal(t, 1, binCount([]float64{1}, 0, 1))
	assert.Equal(t, mostBins, binCount(tensor.Floats(ramp(400, 400)), 0, 1e9), "never more")
}

// Of a million points only what a screen can show is drawn, with all extremes.
func TestManyPoints(t *testing.T) {
	y := make([]float64, 1e6)
	y[500_003], y[700_001] = 7, -3
	lowest, highest, n := 0., 0., 0
	c := &Curves{Series: []Series{{Y: y}}}
	f := &Figure{Rows: [][]Panel{{c}}}
	var b bytes.Buffer
	require.NoError(t, f.Write(&b, "svg"))
	n = strings.Count(b.String(), "L")
	assert.Less(t, n, 5000)
	assert.Less(t, b.Len(), 100_000)
	xs, ys := []float64{0, 0, 0, 0}, []float64{1, 5, 2, 3}
	for _, v := range []float64{9, -4, 6} {
		mergeColumn(ys, v)
	}
	for i := range xs {
		lowest, highest = math.Min(lowest, ys[i]), math.Max(highest, ys[i])
	}
	assert.Equal(t, []float64{1, -4, 9, 6}, ys)
}

func demo() *Figure {
	at := 2.
	p, _ := Display{Range: "auto0"}.Images(ramp(4, 4))
	return &Figure{Title: "Größe <&> \"quoted\"", Rows: [][]Panel{
		append(p, &Curves{Title: "loss", XLabel: "iteration", YLabel: "loss", Log: true, At: &at, Limits: []float64{.5}, Series: []Series{{Name: "a", Y: []float64{3, 0, 1, math.NaN(), .1}}, {Name: "b", Y: []float64{1}, Dashed: true}}}),
		{&Stems{Values: []float64{1, math.NaN(), -2}}, &Histogram{Data: []Sample{{"x", []float64{1, 2, 2, 3}}, {"empty", nil}}},
			&Bars{Names: []string{"g"}, Values: []float64{.1}, Limits: []float64{.02}}, &Text{Title: "t", Lines: []string{"line"}}},
	}}
}

func TestFormats(t *testing.T) {
	dir := t.TempDir()
	for _, ext := range []string{"png", "svg", "pdf"} {
		require.NoError(t, demo().Save(filepath.Join(dir, "f."+ext)))
	}
	assert.ErrorContains(t, demo().Save(filepath.Join(dir, "f.xyz")), ".pdf")
	assert.Error(t, demo().Write(io.Discard, "bmp"))
	data, err := os.ReadFile(filepath.Join(dir, "f.pdf"))
	require.NoError(t, err)
	assert.True(t, bytes.HasPrefix(data, []byte("%PDF-")))
	data, err = os.ReadFile(filepath.Join(dir, "f.png"))
	require.NoError(t, err)
	m, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	w, h := demo().Size()
	assert.Equal(t, image.Pt(w, h), m.Bounds().Size())
	assert.Equal(t, image.Pt(2*w, 2*h), demo().Raster(2).Bounds().Size())
	data, err = os.ReadFile(filepath.Join(dir, "f.svg"))
	require.NoError(t, err)
	d := xml.NewDecoder(bytes.NewReader(data))
	for err == nil {
		_, err = d.Token()
	}
	assert.ErrorIs(t, err, io.EOF, "well-formed")
	assert.Contains(t, string(data), "Größe &lt;&amp;&gt;")
}

// Another program shows the PDF as the PNG is: the images the right way up, and
// the text as text.
func TestPDFLooksLikePNG(t *testing.T) {
	if _, err := exec.LookPath("pdftoppm"); err != nil {
		t.Skip("no poppler")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "f.pdf")
	require.NoError(t, demo().Save(file))
	text, err := exec.Command("pdftotext", file, "-").Output()
	require.NoError(t, err)
	assert.Contains(t, string(text), "Größe <&> \"quoted\"")
	require.NoError(t, exec.Command("pdftoppm", "-r", strconv.Itoa(dpi), "-png", "-singlefile", file, filepath.Join(dir, "f")).Run())
	data, err := os.ReadFile(filepath.Join(dir, "f.png"))
	require.NoError(t, err)
	got, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	want := demo().Raster(1)
	require.Equal(t, want.Bounds().Size(), got.Bounds().Size())
	grey := func(m image.Image, x, y int) float64 {
		return float64(color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y)
	}
	size := want.Bounds().Size()
	sum, ink := 0., 0.
	for y := range size.Y {
		for x := range size.X {
			sum += math.Abs(grey(want, x, y) - grey(got, x, y))
			ink += 255 - grey(want, x, y)
		}
	}
	assert.Less(t, sum/ink, .1, "what differs, of what is not white")
}

func TestFigureWithoutPanels(t *testing.T) {
	require.NoError(t, (&Figure{}).Write(io.Discard, "png"))
	require.NoError(t, (&Figure{Rows: [][]Panel{{&Curves{}, &Stems{}, &Histogram{}, &Bars{}, &Text{}},
		{&Histogram{Data: []Sample{{"x", []float64{math.NaN(), math.Inf(1), 1}}}}, &Stems{Values: []float64{math.Inf(1)}}, &Curves{Series: []Series{{Y: []float64{math.Inf(-1)}}}}}}}).Write(io.Discard, "png"))
}

func TestAnimations(t *testing.T) {
	a := Animate(5, demo(), &Figure{Title: "small"}, demo())
	require.Len(t, a.Frames, 3)
	dir := t.TempDir()
	require.NoError(t, a.Save(filepath.Join(dir, "a.gif")))
	file, err := os.Open(filepath.Join(dir, "a.gif"))
	require.NoError(t, err)
	defer file.Close()
	g, err := gif.DecodeAll(file)
	require.NoError(t, err)
	require.Len(t, g.Image, 3)
	assert.Equal(t, []int{20, 20, 20}, g.Delay)
	assert.Equal(t, rgbAt(a.Frames[0], 2, 2), rgbAt(g.Image[0], 2, 2))

	require.NoError(t, a.Save(filepath.Join(dir, "a.png")))
	data, err := os.ReadFile(filepath.Join(dir, "a.png"))
	require.NoError(t, err)
	m, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err, "a viewer without animation shows the first frame")
	b := m.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			require.Equal(t, rgbAt(a.Frames[0], x, y), rgbAt(m, x, y))
		}
	}
	assert.Equal(t, 3, bytes.Count(data, []byte("fcTL")))

	require.NoError(t, a.Save(filepath.Join(dir, "a.webp")))
	data, err = os.ReadFile(filepath.Join(dir, "a.webp"))
	require.NoError(t, err)
	assert.Equal(t, len(data)-8, int(binary.LittleEndian.Uint32(data[4:])))
	frames := bytes.Split(data, []byte("VP8L"))
	require.Len(t, frames, 4, "three frames")
	still := append([]byte("VP8L"), frames[2]...)
	still = append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(4+len(still)))...), append([]byte("WEBP"), still...)...)
	m, err = webp.Decode(bytes.NewReader(still))
	require.NoError(t, err)
	assert.Equal(t, rgbAt(a.Frames[1], 12, 14), rgbAt(m, 12, 14))
	assert.ErrorContains(t, a.Save(filepath.Join(dir, "a.avi")), ".webm")
	assert.Error(t, (&Animation{}).Save(filepath.Join(dir, "none.gif")))
	_, err = exec.LookPath("ffmpeg")
	if errors.Is(err, exec.ErrNotFound) {
		assert.ErrorContains(t, a.Save(filepath.Join(dir, "a.mp4")), "ffmpeg")
		t.Skip("no ffmpeg: videos cannot be written here")
	}
	for _, name := range []string{"a.mp4", "a.webm"} {
		require.NoError(t, a.Save(filepath.Join(dir, name)))
		out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", filepath.Join(dir, name)).Output()
		require.NoError(t, err)
		assert.Equal(t, "3", strings.TrimSpace(string(out)), name)
	}
}

// An animated PNG holds every frame: ffmpeg, which knows the format, reads it.
func TestAPNGIsRead(t *testing.T) {
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("no ffprobe, another reader of animated PNG files, is here")
	}
	path := filepath.Join(t.TempDir(), "a.apng")
	require.NoError(t, Animate(4, demo(), demo()).Save(path))
	out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path).Output()
	require.NoError(t, err)
	assert.Equal(t, "2", strings.TrimSpace(string(out)))
}

func TestDeviationFromLine(t *testing.T) {
	d := DeviationFromLine("path", [][]float64{{0, 0}, {1, 2}, {4, 0}})
	assert.Equal(t, []float64{0, .25, 1}, d.Along)
	assert.Equal(t, []float64{0, .5, 0}, d.Away)
}

func TestEvenly(t *testing.T) {
	assert.Equal(t, []int{0, 2, 4, 6, 8, 10}, evenly(11, 7))
	assert.Equal(t, []int{0, 1, 2}, evenly(3, 7))
	assert.Equal(t, []int{0, 2, 3, 5, 7, 8, 10}[:1], evenly(11, 7)[:1])
	e := Eigendistortions{Vectors: tensor.New(tensor.Float64, 4, 1, 2, 2), Index: []int{0, 1, 9, 8}, Most: 2}
	assert.Equal(t, []int{0, 2}, e.shown())
}

func TestParts(t *testing.T) {
	rep := tensor.Of([]float64{1, 2, 3, 5, 6, 7}, 1, 2, 3)
	parts, err := Parts(rep, []synth.Group{{Name: "a", Shape: []int{2}, From: []int{2, -1}}}, 0)
	require.NoError(t, err)
	assert.Equal(t, 5., parts[0].Values[0], "the mean over channels")
	assert.True(t, math.IsNaN(parts[0].Values[1]), "left out by the model")
	parts, err = Parts(rep, nil, 0)
	require.NoError(t, err)
	assert.Equal(t, []float64{5, 6, 7}, parts[1].Values)
	_, err = Parts(rep, nil, 1)
	assert.Error(t, err)
	_, err = Parts(rep, []synth.Group{{Name: "a", From: []int{3}}}, 0)
	assert.ErrorContains(t, err, "entry 3 of 3")
	n := Part{Shape: []int{2, 2, 2}, Values: []float64{3, 1, 4, 1, 0, 1, 0, math.NaN()}}.norm()
	assert.Equal(t, []float64{5, math.Sqrt(3)}, n.Values)
	d := Difference(parts[1:], parts[:1])
	assert.Equal(t, []float64{4, 4, 4}, d[0].Values)
}

func TestStatusPictures(t *testing.T) {
	x := ramp(8, 8)
	m := Metamer{Title: "m", Image: x, Target: x, Loss: []float64{3, 2}, Iterations: []float64{0, 1}, Error: []Part{{Name: "0", Shape: []int{8, 8}, Values: tensor.Floats(x)}}}
	mad := func(target string, names ...string) MAD {
		return MAD{Image: x, Reference: x, Initial: x, Target: target, Names: [2]string(names), Iterations: []float64{0, 1}, Values: [2][]float64{{1, 1}, {1, 2}}}
	}
	e := Eigendistortions{Image: x, Vectors: tensor.New(tensor.Float64, 4, 1, 8, 8), Values: []float64{4, 3, 2, 1}, Index: []int{0, 1, 62, 63}}
	g := Geodesic{Frames: tensor.New(tensor.Float64, 5, 1, 8, 8), Energy: []float64{2, 1}, Lines: []Deviation{{Along: []float64{0, 1}, Away: []float64{0, 0}}}}
	all := func() (*Figure, error) {
		return MADAll("", []MAD{mad("min", "mse", "dssim"), mad("max", "mse", "dssim"), mad("min", "dssim", "mse"), mad("max", "dssim", "mse")})
	}
	one := mad("min", "mse", "dssim")
	for name, draw := range map[string]func() (*Figure, error){"metamer": m.Status, "mad": one.Status, "all": all, "eigendistortions": e.Grid, "geodesic": g.Status} {
		f, err := draw()
		require.NoError(t, err, name)
		require.NoError(t, f.Write(io.Discard, "png"), name)
	}
	movie, err := g.Movie()
	require.NoError(t, err)
	assert.Len(t, movie, 5)
	_, err = MADAll("", nil)
	assert.Error(t, err)
	g.Frames = x
	_, err = g.Status()
	assert.Error(t, err)
}

// Channels stand four in a row, levels of a pyramid in rows of their own.
func TestBandsInRows(t *testing.T) {
	parts := channels(make([]float64, 6*64), []int{6, 8, 8})
	f, err := Representation("", parts)
	require.NoError(t, err)
	require.Len(t, f.Rows, 2)
	assert.Len(t, f.Rows[0], 4)
	assert.Len(t, f.Rows[1], 2)
	level := Part{Name: "0", Shape: []int{4, 8, 8}, Values: make([]float64, 4*64)}
	f, err = Representation("", []Part{parts[0], level, parts[1]})
	require.NoError(t, err)
	require.Len(t, f.Rows, 3)
	assert.Len(t, f.Rows[1], 4)
}
