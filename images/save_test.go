package images

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

// random returns a tensor of values from -0.1 to 1.1.
func random(shape ...int) tensor.Tensor {
	rng := rand.New(rand.NewPCG(3, 4))
	x := tensor.New(tensor.Float64, shape...)
	for i := range x.Len() {
		x.StoreReal(i, 1.2*rng.Float64()-0.1)
	}
	return x
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		ext    string
		bits   []int
		colors bool
	}{
		{".png", []int{0, 8, 16}, true}, {".PNG", []int{8}, true}, {".tif", []int{8, 16}, true}, {".tiff", []int{8}, true},
		{".pgm", []int{8, 16}, false}, {".ppm", []int{8, 16}, true}, {".bmp", []int{8}, true}, {".gif", []int{8}, true}, {".webp", []int{8}, true},
	} {
		for _, bits := range c.bits {
			for channels := 1; channels <= 3; channels += 2 {
				if channels == 3 && !c.colors {
					continue
				}
				name := fmt.Sprintf("%d-%d%s", bits, channels, c.ext)
				x := random(1, channels, 13, 17)
				max := 255.0
				if bits == 16 {
					max = 65535
				}
				want, clipped := make([]float64, x.Len()), 0
				for i, v := range tensor.Floats(x) {
					if v < 0 || v > 1 {
						clipped++
					}
					want[i] = math.Round(min(1, math.Max(0, v))*max) / max
				}
				path := filepath.Join(dir, name)
				got, err := Save(path, x, SaveOptions{Bits: bits})
				require.NoError(t, err, name)
				assert.Equal(t, clipped, got, name)
				color := Gray
				if channels == 3 {
					color = RGB
				}
				assert.Equal(t, want, values(t, path, Options{Color: color}), name)
			}
		}
	}
}

func TestNetpbmBytes(t *testing.T) {
	x := tensor.Of([]float64{0, 0.2, 1}, 1, 3)
	for name, want := range map[string]string{
		"8.pgm": "P5\n3 1\n255\n\x00\x33\xff", "16.pgm": "P5\n3 1\n65535\n\x00\x00\x33\x33\xff\xff",
		"8.ppm": "P6\n3 1\n255\n\x00\x00\x00\x33\x33\x33\xff\xff\xff",
	} {
		path, bits := filepath.Join(t.TempDir(), name), 8
		if name[0] == '1' {
			bits = 16
		}
		_, err := Save(path, x, SaveOptions{Bits: bits})
		require.NoError(t, err)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}

func TestJPEGRoundTrip(t *testing.T) {
	x, err := Example("ripples", 64, 64, 0)
	require.NoError(t, err)
	for _, ext := range []string{".jpg", ".jpeg"} {
		path := filepath.Join(t.TempDir(), "a"+ext)
		_, err := Save(path, x.Expand(1, 3, 64, 64), SaveOptions{})
		require.NoError(t, err)
		assert.InDeltaSlice(t, tensor.Floats(x), values(t, path, Options{}), 0.12)
	}
}

func TestRoundingAndShapes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	for _, x := range []tensor.Tensor{
		tensor.Of([]float64{0.499 / 255, 0.501 / 255, 0.5, 1, math.Inf(1), -1e-9}, 2, 3),
		tensor.Of([]float64{0.499 / 255, 0.501 / 255, 0.5, 1, math.Inf(1), -1e-9}, 1, 2, 3),
		tensor.Of([]float32{0.499 / 255, 0.501 / 255, 0.5, 1, float32(math.Inf(1)), -1e-9}, 1, 1, 2, 3),
		tensor.Of([]float64{0.499 / 255, 1, 0.501 / 255, math.Inf(1), 0.5, -1e-9}, 3, 2).Permute(1, 0),
	} {
		clipped, err := Save(path, x, SaveOptions{})
		require.NoError(t, err)
		assert.Equal(t, 2, clipped)
		assert.Equal(t, []float64{0, 1. / 255, 128. / 255, 1, 1, 0}, values(t, path, Options{}))
	}
}

func TestLight(t *testing.T) {
	for _, c := range [][2]float64{{0, 0}, {1, 1}, {0.04045, 0.04045 / 12.92}, {0.5, 0.21404114048223255}, {-0.5, -0.21404114048223255}} {
		assert.InDelta(t, c[1], toLinear(c[0]), 1e-15)
		assert.InDelta(t, c[0], toEncoded(c[1]), 1e-15)
	}
	path := filepath.Join(t.TempDir(), "a.png")
	x := tensor.Of([]float64{0, 0.001, 0.2, 0.21404114048223255, 1}, 1, 5)
	_, err := Save(path, x, SaveOptions{Bits: 16, Light: Linear})
	require.NoError(t, err)
	assert.InDelta(t, 0.5, values(t, path, Options{})[3], 1./65535)
	assert.InDeltaSlice(t, tensor.Floats(x), values(t, path, Options{Light: Linear}), 2e-5)
}

func TestSaveRefuses(t *testing.T) {
	dir := t.TempDir()
	ok := tensor.New(tensor.Float64, 2, 2)
	rgb := tensor.New(tensor.Float64, 3, 2, 2)
	nan := tensor.New(tensor.Float64, 3, 2, 2)
	nan.StoreReal(9, math.NaN())
	for _, c := range []struct {
		name string
		x    tensor.Tensor
		o    SaveOptions
		says string
	}{
		{"a.avif", ok, SaveOptions{}, `no picture can be written as ".avif"; the extensions are .bmp .gif`},
		{"a.webp", tensor.New(tensor.Float64, 1, 1<<14+1), SaveOptions{}, "at most 16384"},
		{"a", ok, SaveOptions{}, `written as ""`},
		{"a.png", ok, SaveOptions{Bits: 12}, "12 bits; 8 or 16 expected"},
		{"a.jpg", ok, SaveOptions{Bits: 16}, "a .jpg file holds 8 bits"},
		{"a.webp", ok, SaveOptions{Bits: 16}, "a .webp file holds 8 bits"},
		{"a.pgm", rgb, SaveOptions{}, "a .pgm file holds no colours"},
		{"a.png", tensor.New(tensor.Complex64, 2, 2), SaveOptions{}, "not real"},
		{"a.png", tensor.New(tensor.Float64, 2, 2, 2), SaveOptions{}, "1 or 3 channels expected"},
		{"a.png", tensor.New(tensor.Float64, 2, 1, 2, 2), SaveOptions{}, "cannot be a picture"},
		{"a.png", tensor.New(tensor.Float64, 4), SaveOptions{}, "cannot be a picture"},
		{"a.png", tensor.New(tensor.Float64, 0, 4), SaveOptions{}, "cannot be a picture"},
		{"a.png", nan, SaveOptions{}, "row 0, column 1, channel 2 is not a number"},
		{"none/a.png", ok, SaveOptions{}, "no such file"},
	} {
		_, err := Save(filepath.Join(dir, c.name), c.x, c.o)
		assert.ErrorContains(t, err, c.says)
		assert.ErrorContains(t, err, c.name)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing is left behind")
}

func TestResampleConstant(t *testing.T) {
	x := tensor.Scalar(0.3).Expand(2, 3, 7, 11)
	for _, s := range []Size{{7, 11}, {3, 4}, {20, 31}, {1, 1}, {7, 5}} {
		y := resize(tensor.Contiguous(x), s, &Info{})
		assert.Equal(t, []int{2, 3, s.H, s.W}, y.Shape())
		for _, v := range tensor.Floats(y) {
			assert.InDelta(t, 0.3, v, 1e-15)
		}
	}
}

// TestResampleLine uses that the Catmull–Rom cubic reproduces straight lines:
// away from the border an enlarged ramp is the ramp at the new positions.
func TestResampleLine(t *testing.T) {
	x := Grid{H: 40, W: 60}.fill(func(row, column float64) float64 { return row + 0.25*column })
	x, _ = x.Reshape(1, 1, 40, 60)
	y := tensor.Floats(resize(x, Size{100, 90}, &Info{}))
	for i := 10; i < 90; i++ {
		for j := 10; j < 80; j++ {
			row, column := (float64(i)+.5)*.4+.5, (float64(j)+.5)/1.5+.5
			assert.InDelta(t, row+0.25*column, y[i*90+j], 1e-12)
		}
	}
}

// TestResampleDoesNotAlias shrinks a wave that is too fine for the new size.
func TestResampleDoesNotAlias(t *testing.T) {
	x := Grid{H: 64, W: 64}.fill(func(_, column float64) float64 { return 0.5 + 0.5*math.Cos(math.Pi*0.9*column) })
	x, _ = x.Reshape(1, 1, 64, 64)
	for i, v := range tensor.Floats(resize(x, Size{16, 16}, &Info{})) {
		if i%16 > 1 && i%16 < 14 {
			assert.InDelta(t, 0.5, v, 0.02)
		}
	}
}

func TestResampleStaysInRange(t *testing.T) {
	x := tensor.New(tensor.Float64, 1, 1, 1, 8)
	x.StoreReal(4, 1)
	sum := 0.0
	for _, v := range tensor.Floats(resize(x, Size{1, 80}, &Info{})) {
		assert.True(t, v >= 0 && v <= 1, v)
		sum += v
	}
	assert.Greater(t, sum, 9.)
}
