package images

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

func TestExamples(t *testing.T) {
	list := Examples()
	assert.Len(t, list, 20)
	for _, e := range list {
		t.Run(e.Name, func(t *testing.T) {
			assert.NotEmpty(t, e.Doc)
			x, err := Example(e.Name, 128, 96, 5)
			require.NoError(t, err)
			assert.Equal(t, []int{1, 1, 128, 96}, x.Shape())
			again, err := Example(e.Name, 128, 96, 5)
			require.NoError(t, err)
			v := tensor.Floats(x)
			assert.Equal(t, v, tensor.Floats(again))
			lo, hi, _, _ := moments(v)
			assert.True(t, lo >= 0 && hi <= 1, "%v to %v", lo, hi)
			if !e.Texture {
				assert.Equal(t, []float64{0, 1}, []float64{lo, hi})
			}
		})
	}
}

func moments(v []float64) (lo, hi, mean, std float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
		mean += x / float64(len(v))
	}
	for _, x := range v {
		std += (x - mean) * (x - mean) / float64(len(v))
	}
	return lo, hi, mean, math.Sqrt(std)
}

// TestTexturesFillTheRange asks for what makes a texture a good target: it
// uses the range, and is alike everywhere.
func TestTexturesFillTheRange(t *testing.T) {
	for _, e := range textures {
		x, err := Example(e.name, 256, 256, 0)
		require.NoError(t, err)
		v := tensor.Floats(x)
		_, _, mean, std := moments(v)
		assert.True(t, mean > 0.2 && mean < 0.85, "%s: mean %v", e.name, mean)
		assert.Greater(t, std, 0.12, e.name)
		for y := range 2 {
			for c := range 2 {
				_, _, m, s := moments(tensor.Floats(x.Crop(2, 128*y, 128*y+128, 1).Crop(3, 128*c, 128*c+128, 1)))
				assert.InDelta(t, mean, m, 0.1, "%s: mean of quarter %d,%d", e.name, y, c)
				assert.InDelta(t, 1, s/std, 0.25, "%s: contrast of quarter %d,%d", e.name, y, c)
			}
		}
		other, err := Example(e.name, 256, 256, 1)
		require.NoError(t, err)
		difference := 0.0
		for i, w := range tensor.Floats(other) {
			difference += math.Abs(v[i]-w) / float64(len(v))
		}
		assert.Greater(t, difference, 0.05, "%s: the seed changes nothing", e.name)
	}
}

// TestTexturesTile compares the step across each border with those inside.
func TestTexturesTile(t *testing.T) {
	step := func(x tensor.Tensor, axis, i, j int) (d float64) {
		a, b := tensor.Floats(x.Crop(axis, i, i+1, 1)), tensor.Floats(x.Crop(axis, j, j+1, 1))
		for k := range a {
			d += math.Abs(a[k] - b[k])
		}
		return d
	}
	for _, e := range textures {
		x, err := Example(e.name, 120, 150, 2)
		require.NoError(t, err)
		for axis := 2; axis < 4; axis++ {
			n, largest := x.Dim[axis], 0.0
			for i := range n - 1 {
				largest = max(largest, step(x, axis, i, i+1))
			}
			assert.LessOrEqual(t, step(x, axis, n-1, 0), 1.15*largest, "%s, axis %d", e.name, axis)
		}
	}
}

func TestExamplesOfAnySize(t *testing.T) {
	for _, e := range Examples() {
		for _, s := range []Size{{1, 1}, {1, 9}, {2, 3}, {7, 5}, {33, 20}} {
			x, err := Example(e.Name, s.H, s.W, 1)
			require.NoError(t, err)
			for _, v := range tensor.Floats(x) {
				require.True(t, v >= 0 && v <= 1, "%s %v: %v", e.Name, s, v)
			}
		}
	}
	_, err := Example("pebbles", 0, 5, 0)
	assert.ErrorContains(t, err, "is empty")
	_, err = Example("pebbles", 1<<20, 1<<20, 0)
	assert.ErrorContains(t, err, "more than the 2^28")
	_, err = Example("peebles", 5, 5, 0)
	assert.ErrorContains(t, err, `no example is called "peebles"; there are skin, pebbles,`)
}

func TestLoadExample(t *testing.T) {
	x, info, err := Load("example:weave", Options{})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 256, 256}, x.Shape())
	assert.Equal(t, "example", info.Format)
	whole, err := Example("weave", 40, 50, 7)
	require.NoError(t, err)
	x, info, err = Load("example:weave", Options{Color: RGB, Size: Size{40, 50}, Seed: 7, Crop: Rect{1, 2, 3, 4}})
	require.NoError(t, err)
	assert.Empty(t, info.Notes, "an example is made at its size, not resampled")
	assert.Equal(t, tensor.Floats(whole.Crop(2, 1, 4, 1).Crop(3, 2, 6, 1).Expand(1, 3, 3, 4)), tensor.Floats(x))
	_, _, err = Load("example:none", Options{})
	assert.ErrorContains(t, err, "example:none: no example is called")
}

func TestSyntheticGoldens(t *testing.T) {
	text, err := os.ReadFile("testdata/synthetic.json")
	require.NoError(t, err)
	var golden map[string]struct {
		V     []float64
		Shape []int
	}
	require.NoError(t, json.Unmarshal(text, &golden))
	got := map[string]tensor.Tensor{
		"polar_radius_4x5":      Grid{H: 4, W: 5}.Radius(1),
		"polar_radius_5_e2_o13": Grid{H: 5, W: 5, Origin: &[2]float64{1, 3}}.Radius(2),
		"polar_angle_4x5":       Grid{H: 4, W: 5}.Angle(0, Clockwise),
		"polar_angle_5_ph1_ccw": Grid{H: 5, W: 5}.Angle(1, CounterClockwise),
		"disk_9":                Disk(9, 9),
		"disk_8x10_4_1":         Disk(8, 10, 4, 1),
	}
	assert.Len(t, got, len(golden))
	for name, g := range golden {
		assert.Equal(t, g.Shape, got[name].Shape(), name)
		assert.InDeltaSlice(t, g.V, tensor.Floats(got[name]), 1e-6, name) // the reference is in float32
	}
}

func TestSyntheticEdges(t *testing.T) {
	r := tensor.Floats(Grid{H: 3, W: 3}.Radius(-1))
	assert.InDeltaSlice(t, []float64{1 / math.Sqrt2, 1, 1 / math.Sqrt2, 1, 0, 1, 1 / math.Sqrt2, 1, 1 / math.Sqrt2}, r, 1e-15)
	for _, v := range tensor.Floats(Grid{H: 8, W: 9}.Angle(2, Clockwise)) {
		assert.True(t, v >= -math.Pi && v < math.Pi)
	}
	assert.Equal(t, []float64{0.5}, tensor.Floats(Disk(1, 1)))
	assert.Panics(t, func() { Disk(3, 3, 1, 2, 3) })
}

// TestPinkNoiseSpectrum fits the slope of the amplitude spectrum.
func TestPinkNoiseSpectrum(t *testing.T) {
	const n = 128
	x, err := Example("pink-noise", n, n, 3)
	require.NoError(t, err)
	z := make([]complex128, n*n)
	for i, v := range tensor.Floats(x) {
		z[i] = complex(v, 0)
	}
	fft2(z, n, n)
	var s, sx, sy, sxx, sxy float64
	for i := 1; i < n*n; i++ {
		fx, fy := frequency(i/n, n), frequency(i%n, n)
		a, b := math.Log(math.Hypot(fx, fy)), math.Log(math.Hypot(real(z[i]), imag(z[i])))
		s, sx, sy, sxx, sxy = s+1, sx+a, sy+b, sxx+a*a, sxy+a*b
	}
	assert.InDelta(t, -1.7, (s*sxy-sx*sy)/(s*sxx-sx*sx), 0.05)
}

func BenchmarkExample(b *testing.B) {
	for _, e := range textures {
		b.Run(e.name, func(b *testing.B) {
			for b.Loop() {
				_, _ = Example(e.name, 256, 256, 0)
			}
		})
	}
}
