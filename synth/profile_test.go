package synth_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

func profile(t *testing.T, m func(autograd.Value) autograd.Value, o synth.ProfileOptions) *synth.ModelProfile {
	t.Helper()
	o.Runs, o.Roofless, o.DType = 3, true, tensor.Float64
	p, err := synth.Profile(synth.ModelFunc(m), o)
	require.NoError(t, err)
	return p
}

func hintsOf(p *synth.ModelProfile) string {
	var all []string
	for _, l := range p.Lines {
		all = append(all, l.Hints...)
	}
	return strings.Join(all, "\n")
}

// TestProfileAddsUp: every step is in one line and in one operation.
func TestProfileAddsUp(t *testing.T) {
	p := profile(t, func(x autograd.Value) autograd.Value { return gaussian(x).Exp() }, synth.ProfileOptions{Image: []int{2, 1, 32, 24}})
	require.Len(t, p.Milliseconds, 3)
	require.Len(t, p.Steps, p.Counts.Steps)
	for _, by := range [][]synth.LineCost{p.Lines, p.Ops} {
		calls, share, ms, bytes := 0, 0., 0., int64(0)
		for i, l := range by {
			calls, share, ms, bytes = calls+l.Calls, share+l.Share, ms+l.Milliseconds(), bytes+l.Bytes
			if i > 0 {
				require.LessOrEqual(t, l.Milliseconds(), by[i-1].Milliseconds())
			}
		}
		steps, all := 0., int64(0)
		for _, s := range p.Steps {
			steps, all = steps+s.Milliseconds, all+s.Bytes
		}
		require.Equal(t, len(p.Steps), calls)
		require.InDelta(t, 1, share, 1e-9)
		require.InDelta(t, steps, ms, 1e-9)
		require.Equal(t, all, bytes)
	}
	require.NotEmpty(t, p.Hoisted, "the target's representation is computed once")
	require.Contains(t, p.Lines[0].Line, "synth/")
	found := false
	for _, l := range p.Lines {
		found = found || strings.HasPrefix(l.Line, "synth/golden_test.go:") && strings.Contains(l.Source, "x.Pad(autograd.PadReflect")
	}
	require.True(t, found, "the line of the model that pads, with its text")
	backward := false
	for _, s := range p.Steps {
		backward = backward || s.Backward
	}
	require.True(t, backward)
}

func TestProfileHints(t *testing.T) {
	loop := profile(t, func(x autograd.Value) autograd.Value {
		var parts []autograd.Value
		for i := range 12 {
			parts = append(parts, x.Roll([]int{i + 1}, -1).FFT(autograd.Backward, -1).Abs2().Sum(1, 2, 3))
		}
		return autograd.Stack(1, parts...)
	}, synth.ProfileOptions{Image: []int{1, 1, 32, 32}})
	require.Contains(t, hintsOf(loop), "make one call")
	outer := func(flat bool) func(autograd.Value) autograd.Value {
		return func(x autograd.Value) autograd.Value {
			w := tensor.New(tensor.Float64, 1, 1, 9, 9)
			for i := range 81 {
				w.StoreReal(i, float64(1+i/9)*float64(2+i%9))
				if !flat && i == 40 {
					w.StoreReal(i, 0)
				}
			}
			return autograd.Correlate(x, x.Tape().Const(w), autograd.CorrelateOptions{})
		}
	}
	require.Contains(t, hintsOf(profile(t, outer(true), synth.ProfileOptions{Image: []int{1, 1, 64, 64}})), "the 9×9 filter is the product of a column and a row")
	require.NotContains(t, hintsOf(profile(t, outer(false), synth.ProfileOptions{Image: []int{1, 1, 64, 64}})), "product of a column")
	prime := profile(t, func(x autograd.Value) autograd.Value { return x.RFFT(autograd.Backward, -1).Abs2() }, synth.ProfileOptions{Image: []int{1, 1, 64, 251}})
	require.Contains(t, hintsOf(prime), "along 251 elements, a multiple of the prime 251, takes longer than along 252")
	copies := profile(t, func(x autograd.Value) autograd.Value {
		return x.Permute(0, 1, 3, 2).Reshape(1, 1, -1)
	}, synth.ProfileOptions{Image: []int{1, 1, 256, 256}})
	require.Contains(t, hintsOf(copies), "reshape copies")
}

func TestProfilesThatCannotBe(t *testing.T) {
	_, err := synth.Profile(synth.ModelFunc(gaussian), synth.ProfileOptions{Image: []int{1, 1, 0, 4}})
	require.ErrorContains(t, err, "four positive numbers")
	_, err = synth.Profile(synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Reshape(3) }), synth.ProfileOptions{Image: []int{1, 1, 4, 4}})
	require.Error(t, err)
}
