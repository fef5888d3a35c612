package images

import (
	"bytes"
	"image"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/webp"

	"github.com/percept-go/percept/tensor"
)

// TestWebPKeepsEveryPixel writes pictures of all kinds of statistics and reads
// them with another's decoder.
func TestWebPKeepsEveryPixel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, value := range map[string]func(x, y, c int) int{
		"one colour":   func(_, _, c int) int { return 40 * c },
		"two colours":  func(x, _, c int) int { return x % 2 * (40*c + 3) },
		"gray":         func(x, y, _ int) int { return x*y%251 + x/9 },
		"smooth":       func(x, y, c int) int { return (x + y*c) / 3 },
		"noise":        func(_, _, _ int) int { return rng.IntN(256) },
		"rare symbols": func(x, y, _ int) int { return fibonacci(rng.IntN(1 << 20)) },
	} {
		for _, size := range []image.Point{{1, 1}, {2, 1}, {1, 3}, {31, 33}, {64, 32}, {100, 65}} {
			m := image.NewNRGBA(image.Rectangle{Max: size})
			for i := range m.Pix {
				m.Pix[i] = 255
				if i%4 < 3 {
					m.Pix[i] = uint8(value(i/4%size.X, i/4/size.X, i%4))
				}
			}
			var file bytes.Buffer
			require.NoError(t, writeWebP(&file, m))
			got, err := webp.Decode(bytes.NewReader(file.Bytes()))
			require.NoError(t, err, "%s %v", name, size)
			require.Equal(t, m.Rect, got.Bounds())
			for y := range size.Y {
				for x := range size.X {
					require.Equal(t, m.NRGBAAt(x, y), got.(*image.NRGBA).NRGBAAt(x, y), "%s %v: %d, %d", name, size, x, y)
				}
			}
		}
	}
}

// fibonacci returns numbers as rare as makes the longest codes.
func fibonacci(n int) int {
	a, b := 1, 1
	for k := 0; ; k++ {
		if n < b {
			return k
		}
		n -= b
		a, b = b, a+b
	}
}

func TestPrefixCodesAreComplete(t *testing.T) {
	counts := make([]int, 40) // of which the optimal code has 39 bits
	a, b := 1, 1
	for i := range counts {
		counts[i] = a
		a, b = b, a+b
	}
	for _, limit := range []uint8{7, 15} {
		c := newPrefixCode(counts, limit)
		room := 0.
		for _, l := range c.length {
			require.Positive(t, l)
			require.LessOrEqual(t, l, limit)
			room += 1 / float64(int(1)<<l)
		}
		require.Equal(t, 1., room)
	}
}

// TestGIFApproximatesColours leaves few colours as they are, and many nearly.
func TestGIFApproximatesColours(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gif")
	x := tensor.New(tensor.Float64, 3, 64, 64)
	for i := range x.Len() {
		c, y, w := i/4096, i/64%64, i%64
		x.StoreReal(i, [3]float64{float64(w) / 63, float64(y) / 63, .5 + .5*float64(w-y)/63}[c])
	}
	_, err := Save(path, x, SaveOptions{})
	require.NoError(t, err)
	got := values(t, path, Options{Color: RGB})
	worst, sum := 0., 0.
	for i, v := range tensor.Floats(x) {
		d := got[i] - v
		worst, sum = max(worst, d, -d), sum+d
	}
	assert.Less(t, worst, .13)
	assert.InDelta(t, 0, sum/float64(x.Len()), .003, "errors are spread")

	few := tensor.New(tensor.Float64, 3, 16, 16)
	for i := range few.Len() {
		few.StoreReal(i, float64((i*7+i/256)%256)/255)
	}
	_, err = Save(path, few, SaveOptions{})
	require.NoError(t, err)
	require.Equal(t, tensor.Floats(few), values(t, path, Options{Color: RGB}))
}
