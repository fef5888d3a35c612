package models

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// golden is one reference array: all its values (v, or re and im), or its
// shape, sum, sum of squares and the values at some flat indices in C order.
type golden struct {
	V, Re, Im []float64
	Shape     []int
	Idx       []int
	At        []float64
	AtRe      []float64 `json:"at_re"`
	AtIm      []float64 `json:"at_im"`
	Sum       *float64
	SumRe     *float64 `json:"sum_re"`
	SumIm     *float64 `json:"sum_im"`
	SumSq     float64
}

// readGolden decodes testdata/name.json into dst.
func readGolden(t *testing.T, name string, dst any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, dst))
}

// texture is the reference's test image T(h, w, s), (1, 1, h, w).
func texture(h, w, s int) tensor.Tensor {
	v := make([]float64, 0, h*w)
	for i := range h {
		for j := range w {
			k := 7*i*i + 13*i*j + 31*j + 17*(i*j%29) + s*(5*i+3*j*j)
			v = append(v, float64(k%256)/255)
		}
	}
	return tensor.Of(v, 1, 1, h, w)
}

// gratings is the reference's test image S(h, w, φ).
func gratings(h, w int, phi float64) tensor.Tensor {
	v := make([]float64, 0, h*w)
	for i := range h {
		for j := range w {
			y, x := 2*math.Pi*float64(i)/float64(h), 2*math.Pi*float64(j)/float64(w)
			v = append(v, .5+.2*math.Sin(3*y+2*x+phi)+.15*math.Cos(5*x)+.1*math.Sin(7*y-4*x+2*phi))
		}
	}
	return tensor.Of(v, 1, 1, h, w)
}

// evaluate returns the elements of v as complex numbers in C order.
func evaluate(t *testing.T, v autograd.Value) []complex128 {
	t.Helper()
	x, err := autograd.Eval(v)
	require.NoError(t, err)
	c := tensor.New(tensor.Complex128, x.Shape()...)
	tensor.Copy(c, x)
	return tensor.Slice[complex128](c)
}

// singleTolerance is how near values in single precision come to the reference's.
const singleTolerance = 1e-5

// inBoth calls f with images in double precision, which come as near to the
// reference as tol, and with the same in single precision.
func inBoth(tape *autograd.Tape, image tensor.Tensor, tol float64, f func(x autograd.Value, tol float64)) {
	x := tape.Const(image)
	f(x, tol)
	f(x.Cast(tensor.Float32), singleTolerance)
}

// requireGolden compares v with the reference: every known element within tol
// times the larger of its size and the array's root mean square; sums likewise.
func requireGolden(t *testing.T, want golden, v autograd.Value, tol float64, msg string) {
	t.Helper()
	require.Equal(t, squeeze(want.Shape), squeeze(v.Type().Shape()), msg)
	got := evaluate(t, v)
	idx, at := want.values()
	rms := math.Sqrt(want.SumSq / float64(len(got)))
	if want.Idx == nil {
		for _, z := range at {
			rms += real(z)*real(z) + imag(z)*imag(z)
		}
		rms = math.Sqrt(rms / float64(len(at)))
		require.Len(t, got, len(at), msg)
	}
	for i, z := range at {
		requireNear(t, z, got[idx(i)], tol, rms, msg)
	}
	if want.Idx != nil {
		want.requireSums(t, got, tol, rms, msg)
	}
}

// values returns the known elements and their flat indices.
func (g golden) values() (idx func(int) int, at []complex128) {
	idx = func(i int) int { return i }
	re, im := g.V, []float64(nil)
	switch {
	case g.AtRe != nil:
		re, im = g.AtRe, g.AtIm
	case g.At != nil:
		re = g.At
	case g.Re != nil:
		re, im = g.Re, g.Im
	}
	if g.Idx != nil {
		idx = func(i int) int { return g.Idx[i] }
	}
	for i := range re {
		z := complex(re[i], 0)
		if im != nil {
			z += complex(0, im[i])
		}
		at = append(at, z)
	}
	return idx, at
}

func (g golden) requireSums(t *testing.T, got []complex128, tol, rms float64, msg string) {
	t.Helper()
	var sum complex128
	var sumSq float64
	for _, z := range got {
		sum += z
		sumSq += real(z)*real(z) + imag(z)*imag(z)
	}
	n := float64(len(got))
	require.InDelta(t, g.SumSq/n, sumSq/n, tol*math.Max(rms*rms, 1e-300), "%s: mean square", msg)
	if g.Sum != nil {
		requireNear(t, complex(*g.Sum/n, 0), complex(real(sum)/n, 0), tol, rms, msg+": mean")
	}
	if g.SumRe != nil {
		requireNear(t, complex(*g.SumRe/n, *g.SumIm/n), sum/complex(n, 0), tol, rms, msg+": mean")
	}
}

// requireNear checks |want−got| ≤ tol · max(|want|, scale).
func requireNear(t *testing.T, want, got complex128, tol, scale float64, msg string) {
	t.Helper()
	d := math.Hypot(real(want-got), imag(want-got))
	limit := tol * math.Max(math.Hypot(real(want), imag(want)), scale)
	if !(d <= limit) {
		require.Failf(t, msg, "got %v, the reference has %v: they differ by %.3g, more than %.3g", got, want, d, limit)
	}
}

func squeeze(shape []int) []int {
	s := []int{}
	for _, d := range shape {
		if d != 1 {
			s = append(s, d)
		}
	}
	return s
}
