package autograd_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// kinky are computations with kinks, of what they are made of.
var kinky = map[string]func(x autograd.Value) autograd.Value{
	"abs":   func(x autograd.Value) autograd.Value { return x.Abs() },
	"relu":  func(x autograd.Value) autograd.Value { return x.Relu() },
	"min":   func(x autograd.Value) autograd.Value { return x.Min(x.Square()) },
	"max":   func(x autograd.Value) autograd.Value { return x.Tape().Full(x.Type(), .2).Max(x) },
	"clamp": func(x autograd.Value) autograd.Value { return x.Clamp(-.4, .6) },
	"most":  func(x autograd.Value) autograd.Value { return x.ReduceMax(1) },
	"least": func(x autograd.Value) autograd.Value { return x.Reshape(2, 2, 3).ReduceMin(2) },
}

var kinkyX = tensor.Of([]float64{-.9, -.31, .02, .44, .71, 1.3, .8, -.05, -.6, .33, -1.2, .1}, 2, 6)

// outputs runs a program and returns its outputs.
func outputs(t *testing.T, tape *autograd.Tape, v ...autograd.Value) [][]float64 {
	t.Helper()
	p, err := tape.Compile(v, autograd.Value{})
	require.NoError(t, err)
	require.NoError(t, p.Run())
	var list [][]float64
	for i := range v {
		out, err := p.Out(i)
		require.NoError(t, err)
		list = append(list, tensor.Floats(out))
	}
	return list
}

// TestSoftenIsExactAwayFromKinks: with narrow kinks, values and gradients are those of
// the computation but for half a width of each kink; with wide ones, values are not
// above it where kinks are convex, and gradients are those of the values.
func TestSoftenIsExactAwayFromKinks(t *testing.T) {
	for name, f := range kinky {
		for _, width := range []float64{1e-9, .5} {
			tape := autograd.New(nil)
			x := tape.Var("x", kinkyX)
			exact := f(x)
			var smooth autograd.Value
			kinks := autograd.Soften(x, func() { smooth = f(x) })
			require.NotEmpty(t, kinks, name)
			var short []autograd.Value
			for _, k := range kinks {
				require.NoError(t, tape.Set(k.Width, tensor.Of([]float64{width, width})))
				short = append(short, k.Short)
			}
			out := outputs(t, tape, append([]autograd.Value{exact, smooth, autograd.Grad(exact, x)[0], autograd.Grad(smooth, x)[0]}, short...)...)
			if width < 1e-6 {
				assert.InDeltaSlice(t, out[0], out[1], 1e-8, name)
				assert.InDeltaSlice(t, out[2], out[3], 1e-12, name)
			}
			for _, s := range out[4:] {
				for _, v := range s {
					assert.GreaterOrEqual(t, v, 0., name)
				}
			}
			values := func(v []float64) float64 {
				require.NoError(t, tape.Set(x, tensor.Of(v, 2, 6)))
				sum := 0.
				for _, v := range outputs(t, tape, smooth)[0] {
					sum += v
				}
				return sum
			}
			v := append([]float64(nil), tensor.Slice[float64](kinkyX)...)
			for i, at := range v {
				const h = 1e-6
				if v[i] = at + h; width < 1e-6 {
					break
				}
				up := values(v)
				v[i] = at - h
				down := values(v)
				assert.InDelta(t, (up-down)/(2*h), out[3][i], 1e-5, "%s %d", name, i)
				v[i] = at
			}
			tape.Close()
		}
	}
}

// TestSoftenAtItsKink: at a kink whose multiplier is its derivative, the smooth
// computation is exact whatever its width.
func TestSoftenAtItsKink(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Var("x", tensor.Of([]float64{0, 0, .7, -.7}, 1, 4))
	var y, z autograd.Value
	kinks := autograd.Soften(x, func() { y, z = x.Abs(), x.Crop(1, 0, 3).ReduceMax(1) })
	require.Len(t, kinks, 2)
	require.NoError(t, tape.Set(kinks[0].Multiplier, tensor.Of([]float64{.3, -.8, 1, -1}, 1, 4)))
	require.NoError(t, tape.Set(kinks[1].Multiplier, tensor.Of([]float64{0, 0, 1}, 1, 3)))
	for _, k := range kinks {
		require.NoError(t, tape.Set(k.Width, tensor.Of([]float64{2.})))
	}
	out := outputs(t, tape, y, z, autograd.Grad(y, x)[0], autograd.Grad(z, x)[0], kinks[0].Off, kinks[1].Off)
	assert.InDeltaSlice(t, []float64{0, 0, .7, .7}, out[0], 1e-15)
	assert.InDeltaSlice(t, []float64{.7}, out[1], 1e-15)
	assert.InDeltaSlice(t, []float64{.3, -.8, 1, -1}, out[2], 1e-15)
	assert.InDeltaSlice(t, []float64{0, 0, 1, 0}, out[3], 1e-15)
	assert.Equal(t, []float64{0}, out[4])
	assert.Equal(t, []float64{0}, out[5])
}

// TestSubgradient: values are exact, and the derivatives at kinks those that are set.
func TestSubgradient(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Var("x", tensor.Of([]float64{0, 2, -3}, 1, 3))
	fixed := tape.Const(tensor.Of([]float64{-1, 1}))
	var y, z, other autograd.Value
	kinks := autograd.Subgradient(x, func() {
		y, z, other = x.Scale(2).Abs(), x.ReduceMax(1), fixed.Abs()
		_ = x.Complex().Abs()
	})
	require.Len(t, kinks, 2, "neither what does not depend on x, nor a modulus")
	require.NoError(t, tape.Set(kinks[0].Multiplier, tensor.Of([]float64{.25, 1, -1}, 1, 3)))
	require.NoError(t, tape.Set(kinks[1].Multiplier, tensor.Of([]float64{.5, .5, 0}, 1, 3)))
	out := outputs(t, tape, y, z, autograd.Grad(y, x)[0], autograd.Grad(z, x)[0], other)
	assert.Equal(t, [][]float64{{0, 4, 6}, {2}, {.5, 2, -2}, {.5, .5, 0}, {1, 1}}, out)
}
