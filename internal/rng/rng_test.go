package rng

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// goldens returns, for each seed, the reference's numbers by name.
func goldens(t *testing.T) map[string]map[string][]float64 {
	t.Helper()
	b, err := os.ReadFile("testdata/rng.json")
	require.NoError(t, err)
	var g map[string]map[string][]float64
	require.NoError(t, json.Unmarshal(b, &g))
	require.Len(t, g, 2)
	return g
}

func TestUniformIsTheReferences(t *testing.T) {
	for seed := range 2 {
		want := goldens(t)[fmt.Sprintf("seed%d", seed)]
		d32, d64 := make([]float32, 5), make([]float64, 5)
		Uniform(New(uint64(seed)), d32)
		Uniform(New(uint64(seed)), d64)
		for i := range 5 {
			require.Equal(t, want["rand5_f32"][i], float64(d32[i]))
		}
		require.Equal(t, want["rand5_f64"], d64)
	}
}

func normals[T float32 | float64](t *testing.T, seed int, name string, tol float64) {
	want := goldens(t)[fmt.Sprintf("seed%d", seed)]
	for _, c := range []struct {
		key           string
		skip, n, only int
	}{
		{"randn5_" + name, 0, 5, 5},
		{"randn20_" + name, 0, 20, 20},
		{"rand3_then_randn16_" + name, 3, 16, 16},
	} {
		g := New(uint64(seed))
		Uniform(g, make([]T, c.skip))
		got := make([]T, c.n)
		Normal(g, got)
		require.Len(t, want[c.key], c.only, c.key)
		for i, w := range want[c.key] {
			require.InDelta(t, w, float64(got[i]), tol, "%s[%d], seed %d", c.key, i, seed)
		}
	}
}

func TestNormalIsTheReferences(t *testing.T) {
	for seed := range 2 {
		normals[float64](t, seed, "f64", 4e-15)
		normals[float32](t, seed, "f32", 2e-6)
		g := New(uint64(seed))
		x := make([]float64, 400)
		Uniform(g, x)
		Normal(g, x)
		for i, w := range goldens(t)[fmt.Sprintf("seed%d", seed)]["rand400_then_randn400_f64_first3"] {
			require.InDelta(t, w, x[i], 4e-15)
		}
	}
}

func TestStateIsRestored(t *testing.T) {
	g := New(7)
	Normal(g, make([]float64, 3)) // leaves half a pair behind
	b, err := g.MarshalBinary()
	require.NoError(t, err)
	want, got := make([]float64, 1300), make([]float64, 1300)
	Normal(g, want[:5])
	Uniform(g, want[5:])
	h := &Generator{}
	require.NoError(t, h.UnmarshalBinary(b))
	Normal(h, got[:5])
	Uniform(h, got[5:])
	require.Equal(t, want, got)

	before := *h
	require.ErrorContains(t, h.UnmarshalBinary(b[1:]), "2509 bytes, not 2508")
	b[4*size+1] = 99
	require.ErrorContains(t, h.UnmarshalBinary(b), "not the state")
	require.Equal(t, before, *h)
}

func TestSeedsAreTakenModulo32Bits(t *testing.T) {
	require.Equal(t, New(3).Word(), New(1<<32+3).Word())
	require.NotEqual(t, New(3).Word(), New(4).Word())
}
