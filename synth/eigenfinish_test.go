package synth_test

import (
	"bytes"
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// weighted is a model that multiplies pixel i by w(i): its eigenvalues are the
// squares.
func weighted(h, w int, of func(i int) float64) synth.Model {
	v := make([]float64, h*w)
	for i := range v {
		v[i] = of(i)
	}
	c := tensor.Of(v, 1, 1, h, w)
	return synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Mul(x.Tape().Const(c)) })
}

func TestClustersAreNamed(t *testing.T) {
	m := weighted(8, 8, func(i int) float64 {
		switch {
		case i < 2:
			return 3 // twice the largest
		case i < 5:
			return .5 // three times the smallest
		}
		return 1 + float64(i)/64
	})
	p := spectrum(t, texture(8, 8, 0), m, synth.EigendistortionOptions{K: 4})
	require.True(t, p.Converged)
	near(t, []float64{9, 9, sq(1 + 63./64), sq(1 + 62./64), .25, .25, .25, sq(1 + 5./64)}, values(p.Pairs), 1e-8, "eigenvalue")
	var clusters []int
	for _, pair := range p.Pairs {
		clusters = append(clusters, pair.Cluster)
	}
	require.Equal(t, []int{1, 1, 0, 0, 2, 2, 2, 0}, clusters)
	require.Zero(t, p.NullDimension)
	require.True(t, p.NullExact)
	for _, pair := range p.Pairs {
		require.False(t, pair.More, "whole clusters were asked for")
	}

	// One of two and two of three: the others are said to be there.
	p = spectrum(t, texture(8, 8, 0), m, synth.EigendistortionOptions{K: 1})
	require.True(t, p.Pairs[0].More)
	require.True(t, p.Pairs[1].More)
	p = spectrum(t, texture(8, 8, 0), m, synth.EigendistortionOptions{K: 2})
	var more []bool
	for _, pair := range p.Pairs {
		more = append(more, pair.More)
	}
	require.Equal(t, []bool{false, false, true, true}, more)
}

func sq(x float64) float64 { return x * x }

func TestNullSpaceIsCounted(t *testing.T) {
	// Half of the pixels are not seen: no filter of frequencies knows which.
	m := weighted(16, 16, func(i int) float64 { return float64(i%2) * (1 + float64(i)) })
	p := spectrum(t, texture(16, 16, 0), m, synth.EigendistortionOptions{K: 3})
	require.True(t, p.Converged)
	require.GreaterOrEqual(t, p.NullDimension, 3)
	require.LessOrEqual(t, p.NullDimension, 128)
	for _, pair := range p.Pairs[3:] {
		require.True(t, pair.Null)
		require.LessOrEqual(t, pair.Value, 1e-12*p.Largest)
		for i, v := range tensor.Floats(pair.Vector) {
			if i%2 == 1 {
				require.InDelta(t, 0, v, 1e-6)
			}
		}
	}

	// Three statistics see three directions.
	mean := synth.ModelFunc(func(x autograd.Value) autograd.Value {
		return autograd.Stack(1, x.Mean(1, 2, 3), x.Square().Mean(1, 2, 3), x.Exp().Mean(1, 2, 3))
	})
	p = spectrum(t, texture(16, 16, 0), mean, synth.EigendistortionOptions{K: 5})
	require.Equal(t, 253, p.NullDimension)
	for i, pair := range p.Pairs {
		require.Equal(t, i > 2, pair.Null, "pair %d", i)
	}

	// A blur is blind to hundreds of directions: the bound finds most of them.
	blur, err := models.NewGaussian(models.GaussianOptions{Kernel: [2]int{31, 31}, Std: []float64{2}})
	require.NoError(t, err)
	all := spectrum(t, texture(20, 20, 0), blur, synth.EigendistortionOptions{Method: synth.EigenExact})
	p = spectrum(t, texture(20, 20, 0), blur, synth.EigendistortionOptions{})
	require.True(t, all.NullExact)
	require.LessOrEqual(t, p.NullDimension, all.NullDimension)
	require.Greater(t, p.NullDimension, all.NullDimension/2)
}

// TestBottomsOfMostModels compares bottoms of other kinds of models: blurs that
// wrap around, subsampled bands, complex ones, several channels.
func TestBottomsOfMostModels(t *testing.T) {
	wrap := autograd.PadCircular
	blur, err := models.NewGaussian(models.GaussianOptions{Kernel: [2]int{7, 7}, Std: []float64{1}, Pad: &wrap})
	require.NoError(t, err)
	pyramid, err := models.NewSteerablePyramid(16, 16, models.SteerablePyramidOptions{Complex: true})
	require.NoError(t, err)
	laplacian, err := models.NewLaplacianPyramid(16, 16, models.LaplacianPyramidOptions{Scales: 2})
	require.NoError(t, err)
	random := tensor.Floats(synth.NoiseStart(tensor.MakeType(tensor.Float64, 1, 1, 256, 256), 7))
	mixed := synth.ModelFunc(func(x autograd.Value) autograd.Value {
		return autograd.Einsum("ij,nj->ni", x.Tape().Const(tensor.Of(random, 256, 256)), x.Reshape(x.Type().Dim[0], -1)).AddScalar(-64).Scale(.1).Softplus()
	})
	for name, m := range map[string]synth.Model{"blur": blur, "pyramid": pyramid, "laplacian": laplacian, "random": mixed} {
		t.Run(name, func(t *testing.T) {
			x := texture(16, 16, 0)
			all := spectrum(t, x, m, synth.EigendistortionOptions{Method: synth.EigenExact}).Pairs
			p := spectrum(t, x, m, synth.EigendistortionOptions{K: 3})
			require.True(t, p.Converged)
			t.Log(p.Products, values(p.Pairs))
			for _, pair := range p.Pairs {
				exact := all[pair.Index].Value
				require.Equal(t, exact <= 1e-12*p.Largest, pair.Null)
				if !pair.Null {
					require.InEpsilon(t, exact, pair.Value, 1e-6)
				}
			}
		})
	}
}

func TestEigendistortionsOfABatchAreIndependent(t *testing.T) {
	m := frontEnd(t, models.NewOnOff)
	both := tensor.New(tensor.Float64, 2, 1, 16, 16)
	tensor.Copy(both.Crop(0, 0, 1, 1), texture(16, 16, 0))
	tensor.Copy(both.Crop(0, 1, 2, 1), texture(16, 16, 3))
	for _, method := range []synth.EigenMethod{synth.EigenLanczos, synth.EigenPower, synth.EigenRandomized} {
		s, err := synth.NewEigendistortion(nil, both, m, synth.EigendistortionOptions{Method: method, K: 2, Seed: 5, MaxSteps: 20})
		require.NoError(t, err)
		defer s.Close()
		finish(t, s)
		alone := spectrum(t, texture(16, 16, 3), m, synth.EigendistortionOptions{Method: method, K: 2, Seed: 6, MaxSteps: 20})
		requireSameSpectrum(t, alone, s.Spectrum(1))
	}
}

// requireSameSpectrum compares to the last bit.
func requireSameSpectrum(t *testing.T, want, got synth.Spectrum) {
	t.Helper()
	require.Len(t, got.Pairs, len(want.Pairs))
	require.Equal(t, values(want.Pairs), values(got.Pairs))
	require.Equal(t, want.Products, got.Products)
	for i := range want.Pairs {
		require.Equal(t, tensor.Floats(want.Pairs[i].Vector), tensor.Floats(got.Pairs[i].Vector))
		require.Equal(t, want.Pairs[i].Residual, got.Pairs[i].Residual)
	}
}

func TestEigendistortionsResumeToTheBit(t *testing.T) {
	m := frontEnd(t, models.NewLuminanceContrastGainControl)
	x := texture(16, 18, 0)
	for _, o := range []synth.EigendistortionOptions{{K: 2}, {Method: synth.EigenPower, K: 2, MaxSteps: 15}} {
		want := spectrum(t, x, m, o)
		for after := 1; after < want.Steps; after += 7 {
			a, err := synth.NewEigendistortion(nil, x, m, o)
			require.NoError(t, err)
			for range after {
				require.NoError(t, a.Step())
			}
			// A step that is interrupted leaves nothing behind.
			ended, end := context.WithCancel(context.Background())
			end()
			_, err = a.Run(ended, synth.Stop{})
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, synth.StopSignal, a.Spectrum(0).StoppedBy)
			var file bytes.Buffer
			require.NoError(t, a.Save(&file))
			a.Close()
			b, err := synth.NewEigendistortion(nil, x, m, o)
			require.NoError(t, err)
			require.NoError(t, b.Load(&file))
			require.NoError(t, b.To(&optest.Device{}))
			require.NoError(t, b.To(nil))
			finish(t, b)
			requireSameSpectrum(t, want, b.Spectrum(0))
			b.Close()
		}
	}
}

// A search that had run out of steps goes on when it is given more, as if it had
// had them from the beginning: at either end, before and after a restart.
func TestEigendistortionsGoOnWithMoreSteps(t *testing.T) {
	gain := frontEnd(t, models.NewLuminanceContrastGainControl)
	slow := weighted(16, 18, func(i int) float64 { return 1 + float64(i%100)/100 + float64(i/280) }) // 15 steps at the top, 29 at the bottom
	x := texture(16, 18, 0)
	for _, c := range []struct {
		method    synth.EigenMethod
		model     synth.Model
		few, more int
		keeps     bool // a basis, which at the top is made again
	}{
		{synth.EigenLanczos, gain, 1, 15, false}, {synth.EigenLanczos, gain, 3, 15, false}, {synth.EigenLanczos, gain, 14, 30, false},
		{synth.EigenLanczos, slow, 20, 40, true}, {synth.EigenLanczos, slow, 25, 27, true},
		{synth.EigenPower, gain, 1, 15, false}, {synth.EigenPower, gain, 3, 15, false},
	} {
		o := synth.EigendistortionOptions{Method: c.method, K: 2, MaxSteps: c.more}
		want := spectrum(t, x, c.model, o)
		o.MaxSteps = c.few
		a, err := synth.NewEigendistortion(nil, x, c.model, o)
		require.NoError(t, err)
		finish(t, a)
		require.False(t, a.Spectrum(0).Converged)
		var file bytes.Buffer
		require.NoError(t, a.Save(&file))
		require.Equal(t, c.keeps, bytes.Contains(file.Bytes(), []byte(`"unfinished.0.basis"`)))
		short := a.Spectrum(0)
		a.Close()
		for _, steps := range []int{c.few, c.more} {
			o.MaxSteps = steps
			b, err := synth.NewEigendistortion(nil, x, c.model, o)
			require.NoError(t, err)
			require.NoError(t, b.Load(bytes.NewReader(file.Bytes())))
			require.Equal(t, steps == c.few, b.Done())
			finish(t, b)
			requireSameSpectrum(t, map[bool]synth.Spectrum{true: short, false: want}[steps == c.few], b.Spectrum(0))
			b.Close()
		}
	}
}

// A step that is interrupted changes nothing, also where it would have restarted.
func TestEigendistortionsInterruptedWithinSteps(t *testing.T) {
	slow := weighted(16, 18, func(i int) float64 { return 1 + float64(i%100)/100 + float64(i/280) })
	x, o := texture(16, 18, 0), synth.EigendistortionOptions{K: 2}
	want := spectrum(t, x, slow, o)
	s, err := synth.NewEigendistortion(nil, x, slow, o)
	require.NoError(t, err)
	defer s.Close()
	for asked := 1; !s.Done(); asked *= 2 {
		was := s.Spectrum(0).Steps
		if _, err := s.Run(&ending{context.Background(), asked}, synth.Stop{}); err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
		if s.Spectrum(0).Steps > was {
			asked = 1
		}
	}
	requireSameSpectrum(t, want, s.Spectrum(0))
}

// An ending context ends after it was asked so many times.
type ending struct {
	context.Context
	left int
}

func (c *ending) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestForeignEigenCheckpointsAreRefused(t *testing.T) {
	x := texture(16, 16, 0)
	a, err := synth.NewEigendistortion(nil, x, frontEnd(t, models.NewOnOff), synth.EigendistortionOptions{})
	require.NoError(t, err)
	defer a.Close()
	require.NoError(t, a.Step())
	var file bytes.Buffer
	require.NoError(t, a.Save(&file))
	for what, f := range map[string]func() (*synth.Eigendistortion, error){
		"image": func() (*synth.Eigendistortion, error) {
			return synth.NewEigendistortion(nil, texture(16, 16, 1), frontEnd(t, models.NewOnOff), synth.EigendistortionOptions{})
		},
		"options": func() (*synth.Eigendistortion, error) {
			return synth.NewEigendistortion(nil, x, frontEnd(t, models.NewOnOff), synth.EigendistortionOptions{K: 2})
		},
		"model": func() (*synth.Eigendistortion, error) {
			return synth.NewEigendistortion(nil, x, frontEnd(t, models.NewLinearNonlinear), synth.EigendistortionOptions{})
		},
	} {
		b, err := f()
		require.NoError(t, err)
		defer b.Close()
		require.ErrorIs(t, b.Load(bytes.NewReader(file.Bytes())), synth.ErrCheckpoint, what)
	}
}

func TestEigendistortionsRunOnADevice(t *testing.T) {
	blur, err := models.NewGaussian(models.GaussianOptions{Kernel: [2]int{5, 5}, Std: []float64{1}})
	require.NoError(t, err)
	s, err := synth.NewEigendistortion(&optest.Device{}, texture(8, 8, 0), blur, synth.EigendistortionOptions{})
	require.NoError(t, err)
	defer s.Close()
	finish(t, s)
	want := spectrum(t, texture(8, 8, 0), blur, synth.EigendistortionOptions{})
	near(t, values(want.Pairs), values(s.Spectrum(0).Pairs), 1e-10, "eigenvalue")
}

func TestWhatEigendistortionsRefuse(t *testing.T) {
	x := texture(8, 8, 0)
	flat := synth.ModelFunc(func(x autograd.Value) autograd.Value {
		return x.Ge(x.Tape().Scalar(tensor.Float64, .5)).Add(x.Scale(0))
	})
	root := synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Sub(x).Sqrt() })
	wild := texture(8, 8, 0)
	wild.StoreReal(3, math.Inf(1))
	for _, c := range []struct {
		image tensor.Tensor
		model synth.Model
		o     synth.EigendistortionOptions
		says  string
	}{
		{x, models.Identity{}, synth.EigendistortionOptions{K: 65}, "65 eigendistortions are wanted of an image of 64 elements"},
		{x, models.Identity{}, synth.EigendistortionOptions{K: 60, Method: synth.EigenRandomized}, "60 eigendistortions and 5 more"},
		{x, models.Identity{}, synth.EigendistortionOptions{Method: "qr"}, "there is no method \"qr\""},
		{x, models.Identity{}, synth.EigendistortionOptions{K: -1}, "may not be negative"},
		{x, flat, synth.EigendistortionOptions{}, "does not change with it"},
		{x, root, synth.EigendistortionOptions{}, "not finite"},
		{wild, models.Identity{}, synth.EigendistortionOptions{}, "element 3 of the images is +Inf"},
		{tensor.New(tensor.Float64, 8, 8), models.Identity{}, synth.EigendistortionOptions{}, "(N, C, H, W)"},
	} {
		_, err := synth.NewEigendistortion(nil, c.image, c.model, c.o)
		require.ErrorContains(t, err, c.says)
	}
}

func TestAllOfASmallImage(t *testing.T) {
	for _, x := range []tensor.Tensor{texture(1, 1, 0), texture(2, 3, 0)} {
		n := x.Len()
		p := spectrum(t, x, synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.AddScalar(1).Square() }), synth.EigendistortionOptions{K: n})
		require.True(t, p.Converged)
		require.Len(t, p.Pairs, 2*n)
		sum, want := 0., 0.
		for i, v := range tensor.Floats(x) {
			sum += p.Pairs[i].Value
			want += 4 * (v + 1) * (v + 1)
		}
		require.InEpsilon(t, want, sum, 1e-12)
	}
}

func TestAModelThatMixesABatch(t *testing.T) {
	m := synth.ModelFunc(func(x autograd.Value) autograd.Value {
		return x.Mul(x.Mean(0).Expand(x.Type().Shape()...))
	})
	p := spectrum(t, texture(8, 8, 0), m, synth.EigendistortionOptions{})
	// Alone, every pixel is squared.
	top := 0.
	for _, v := range tensor.Floats(texture(8, 8, 0)) {
		top = math.Max(top, 4*v*v)
	}
	require.InEpsilon(t, top, p.Largest, 1e-10)
}

func TestAmplitudes(t *testing.T) {
	// Pixel 0 saturates: for small changes it counts twice as much as pixel 1, for
	// large ones less.
	m := synth.ModelFunc(func(x autograd.Value) autograd.Value {
		a := x.Crop(3, 0, 1)
		return autograd.Concat(3, a.Tanh().Scale(2), x.Crop(3, 1, 2))
	})
	s, err := synth.NewEigendistortion(nil, tensor.New(tensor.Float64, 1, 1, 1, 2), m, synth.EigendistortionOptions{})
	require.NoError(t, err)
	defer s.Close()
	finish(t, s)
	c, err := s.Amplitudes(0, .1, 5)
	require.NoError(t, err)
	require.True(t, c[0].Survives)
	require.InDeltaSlice(t, []float64{.2, .1}, c[0].Predicted, 1e-12)
	require.InDeltaSlice(t, []float64{2 * math.Tanh(.1), .1}, c[0].Change, 1e-12)
	require.False(t, c[1].Survives)
	require.InDeltaSlice(t, []float64{2 * math.Tanh(5), 5}, c[1].Change, 1e-12)
	_, err = s.Amplitudes(0, 0)
	require.ErrorContains(t, err, "positive")
}
