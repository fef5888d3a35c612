package synth_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// eigenGolden is what the reference found on T(20, 20).
type eigenGolden struct {
	First10     []float64
	Last5       []float64
	Sum         float64
	V0Abs       summary `json:"v0_abs"`
	Eigenvalues []float64
	V0, J       summary
	Index       []int
	V           []summary
}

func readEigen(t *testing.T, name string) eigenGolden {
	t.Helper()
	b, err := os.ReadFile("testdata/eigendistortion.json")
	require.NoError(t, err)
	var all map[string]eigenGolden
	require.NoError(t, json.Unmarshal(b, &all))
	require.Contains(t, all, name)
	return all[name]
}

func frontEnd(t *testing.T, make func(models.FrontEndOptions) (*models.FrontEnd, error)) synth.Model {
	t.Helper()
	m, err := make(models.FrontEndOptions{})
	require.NoError(t, err)
	return m
}

func finish(t *testing.T, s *synth.Eigendistortion) {
	t.Helper()
	_, err := s.Run(context.Background(), synth.Stop{})
	require.NoError(t, err)
}

func spectrum(t *testing.T, x tensor.Tensor, m synth.Model, o synth.EigendistortionOptions) synth.Spectrum {
	t.Helper()
	s, err := synth.NewEigendistortion(nil, x, m, o)
	require.NoError(t, err)
	defer s.Close()
	finish(t, s)
	return s.Spectrum(0)
}

// requireVector compares elements of a vector with the reference's.
func requireVector(t *testing.T, want summary, got tensor.Tensor, tol float64, of func(float64) float64) {
	t.Helper()
	require.Equal(t, want.Shape, got.Shape())
	v := tensor.Floats(got)
	sum := 0.
	for i := range v {
		v[i] = of(v[i])
		sum += v[i]
	}
	require.InDelta(t, want.Sum, sum, tol*math.Sqrt(float64(len(v))))
	for i, j := range want.Idx {
		require.InDelta(t, want.At[i], v[j], tol, "element %d", j)
	}
}

func TestExactEigendistortionsAreTheReferences(t *testing.T) {
	for name, m := range map[string]synth.Model{
		"eig_LN_T20_exact": frontEnd(t, models.NewLinearNonlinear), "eig_OnOff_T20_exact": frontEnd(t, models.NewOnOff)} {
		want := readEigen(t, name)
		p := spectrum(t, texture(20, 20, 0), m, synth.EigendistortionOptions{Method: synth.EigenExact})
		require.Len(t, p.Pairs, 400)
		sum := 0.
		for i, pair := range p.Pairs {
			require.Equal(t, i, pair.Index)
			sum += pair.Value
		}
		near(t, want.First10, values(p.Pairs), 1e-10, "first")
		if want.Last5 != nil {
			near(t, want.Last5, values(p.Pairs[395:]), 1e-10, "last")
		}
		require.InEpsilon(t, want.Sum, sum, 1e-10)
		requireVector(t, want.V0Abs, p.Pairs[0].Vector, 1e-9, math.Abs)
	}
}

func TestJacobianIsTheReferences(t *testing.T) {
	want := readEigen(t, "eig_LN_T20_exact").J
	s, err := synth.NewEigendistortion(nil, texture(20, 20, 0), frontEnd(t, models.NewLinearNonlinear), synth.EigendistortionOptions{})
	require.NoError(t, err)
	defer s.Close()
	j, err := s.Jacobian(0)
	require.NoError(t, err)
	require.Equal(t, want.Shape, j.Shape())
	v := tensor.Floats(j)
	squares := 0.
	for _, x := range v {
		squares += x * x
	}
	require.InEpsilon(t, want.SumSq, squares, 1e-12)
	for i, at := range want.Idx {
		require.InDelta(t, want.At[i], v[at], 1e-12)
	}
}

func values(pairs []synth.Eigenpair) []float64 {
	v := make([]float64, len(pairs))
	for i, p := range pairs {
		v[i] = p.Value
	}
	return v
}

func TestPowerIterationIsTheReferences(t *testing.T) {
	want := readEigen(t, "eig_LN_T20_power")
	tol := 1e-13
	p := spectrum(t, texture(20, 20, 0), frontEnd(t, models.NewLinearNonlinear),
		synth.EigendistortionOptions{Method: synth.EigenPower, MaxSteps: 5000, Tolerance: &tol})
	require.InDelta(t, want.Eigenvalues[0], p.Pairs[0].Value, 1e-10)
	require.InDelta(t, want.Eigenvalues[1], p.Pairs[1].Value, 1e-10)
	require.Equal(t, []int{0, 399}, []int{p.Pairs[0].Index, p.Pairs[1].Index})
	requireVector(t, want.V0, p.Pairs[0].Vector, 1e-5, func(v float64) float64 { return v })
}

func TestLanczosAgreesWithTheDecomposition(t *testing.T) {
	for name, m := range map[string]synth.Model{
		"linear-nonlinear":                frontEnd(t, models.NewLinearNonlinear),
		"luminance-gain-control":          frontEnd(t, models.NewLuminanceGainControl),
		"luminance-contrast-gain-control": frontEnd(t, models.NewLuminanceContrastGainControl),
		"on-off":                          frontEnd(t, models.NewOnOff),
	} {
		t.Run(name, func(t *testing.T) {
			x := texture(20, 24, 0)
			all := spectrum(t, x, m, synth.EigendistortionOptions{Method: synth.EigenExact}).Pairs
			p := spectrum(t, x, m, synth.EigendistortionOptions{K: 5})
			require.True(t, p.Converged)
			t.Log(p.Steps, p.Products, p.Seconds, p.NullDimension, p.NullExact, values(p.Pairs))
			for _, pair := range p.Pairs {
				exact := all[pair.Index].Value
				require.Equal(t, exact <= 1e-12*p.Largest, pair.Null)
				if !pair.Null {
					require.InEpsilon(t, exact, pair.Value, 1e-6)
				}
				require.Less(t, pair.Residual, 1e-6)
			}
		})
	}
}

func TestMoreVectorsAreTheReferences(t *testing.T) {
	ln := frontEnd(t, models.NewLinearNonlinear)
	tol := 1e-9
	for name, o := range map[string]synth.EigendistortionOptions{
		"eig_LN_T20_power_k3":   {Method: synth.EigenPower, K: 3, MaxSteps: 300, Tolerance: &tol, Reference: true},
		"eig_LN_T20_randomized": {Method: synth.EigenRandomized, K: 3},
	} {
		t.Run(name, func(t *testing.T) {
			want := readEigen(t, name)
			p := spectrum(t, texture(20, 20, 0), ln, o)
			near(t, want.Eigenvalues, values(p.Pairs), 1e-8, "eigenvalue")
			for i, pair := range p.Pairs {
				require.Equal(t, want.Index[i], pair.Index)
				requireVector(t, want.V[i], pair.Vector, 1e-5, func(v float64) float64 { return v })
			}
			if o.Method == synth.EigenRandomized {
				require.InDelta(t, 3.12, p.SpectralError, .005)
			}
		})
	}
}
