package optim

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

func TestShells(t *testing.T) {
	const h, w = 64, 48
	shell := plane{h, w}.shells(2 * h * w)
	require.Len(t, shell, 2*h*w)
	require.Equal(t, shell[:h*w], shell[h*w:], "of every channel")
	at := func(i, j int) int { return shell[i*w+j] }
	require.Equal(t, 0, at(0, 0), "the mean")
	require.Equal(t, shells-1, at(h/2, 0), "the Nyquist frequency")
	require.Equal(t, shells-1, at(h/2, w/2), "the corner")
	require.Equal(t, at(5, 7), at(h-5, 7), "a mirrored frequency")
	require.Equal(t, at(5, 7), at(5, w-7), "a mirrored frequency")
	require.Equal(t, 13, at(0, w/4), "an octave below Nyquist: ⌊16·5/6⌋")
	for i := 1; i <= h/2; i++ {
		require.GreaterOrEqual(t, at(i, 3), at(i-1, 3))
	}
}

// layered is a quadratic whose curvature differs from shell to shell by up to a
// factor of 1e4, not in the order of frequencies.
func layered(x autograd.Value) autograd.Value {
	h, w := x.Type().Dim[2], x.Type().Dim[3]
	shell := plane{h, w}.shells(h * w)
	weight := tensor.New(tensor.Float64, 1, 1, h, w)
	for i, k := range shell {
		weight.StoreReal(i, math.Pow(10, float64(k*5%shells)*4/shells))
	}
	return x.FFT(autograd.Ortho, 2, 3).Abs2().Mul(x.Tape().Const(weight)).SumWide(1, 2, 3)
}

// TestSpectralFindsTheScaleOfShells compares evaluations to a loss: were the
// gains exact, one direction would do.
func TestSpectralFindsTheScaleOfShells(t *testing.T) {
	evaluations := func(o LBFGS) int {
		o.Float64History = true
		b := newBench(t, nil, o, Control{}, noise(3, 1, 1, 32, 32), layered)
		first := 0.
		for n := range 400 {
			r := b.tick(t)[0]
			if n == 0 {
				first = r[NowLoss]
			}
			if r[NowKnown] != 0 && r[NowLoss] < 1e-10*first {
				return n
			}
		}
		return 400
	}
	with, without := evaluations(LBFGS{Spectral: true}), evaluations(LBFGS{})
	t.Logf("%d evaluations with, %d without", with, without)
	require.Less(t, with, 15)
	require.Greater(t, without, 2*with)
}

// TestSpectralImagesAreIndependent compares images of a batch with each alone,
// and threads.
func TestSpectralImagesAreIndependent(t *testing.T) {
	x0 := noise(4, 2, 1, 16, 12)
	for _, o := range []LBFGS{{Spectral: true}, {Spectral: true, Float64History: true, History: 4}} {
		all := newBench(t, autograd.CPU{Threads: 3}, o, Control{}, x0, layered)
		for k := range 2 {
			one := newBench(t, autograd.CPU{Threads: 1}, o, Control{}, tensor.Contiguous(x0.Crop(0, k, k+1, 1)), layered)
			for range 15 {
				one.tick(t)
			}
			for range 15 * (1 - k) {
				all.tick(t)
			}
			size := 16 * 12
			require.Equal(t, one.get(t, "x"), all.get(t, "x")[k*size:][:size])
		}
	}
}

func TestSpectralNeedsImages(t *testing.T) {
	err := autograd.Try(func() { LBFGS{Spectral: true}.Start(autograd.New(nil), noise(5, 2, 30), Control{}) })
	require.ErrorContains(t, err, "(N, C, H, W)")
}
