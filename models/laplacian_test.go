package models

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

var (
	_ synth.Model   = (*LaplacianPyramid)(nil)
	_ synth.Grouped = (*LaplacianPyramid)(nil)
	_ synth.Scaled  = (*LaplacianPyramid)(nil)
)

func TestLaplacianPyramid(t *testing.T) {
	var all map[string]struct {
		Scales      int  `json:"n_scales"`
		ScaleFilter bool `json:"scale_filter"`
		Levels      []golden
	}
	readGolden(t, "laplacian_pyramid", &all)
	require.Len(t, all, 3)
	for name, g := range all {
		var h, w int
		if _, err := fmt.Sscanf(name, "%dx%d_", &h, &w); err != nil {
			h, w = 64, 64
		}
		p, err := NewLaplacianPyramid(h, w, LaplacianPyramidOptions{Scales: g.Scales, ScaleFilter: g.ScaleFilter})
		require.NoError(t, err)
		tape := autograd.New(nil)
		x := tape.Const(texture(h, w, 0))
		levels := p.Levels(x)
		require.Len(t, levels, len(g.Levels))
		for i, want := range g.Levels {
			requireGolden(t, want, levels[i], 1e-12, name+", level "+strconv.Itoa(i))
			requireGolden(t, want, p.Levels(x.Cast(tensor.Float32))[i], singleTolerance, name+", in single precision, level "+strconv.Itoa(i))
		}
		for _, z := range evaluate(t, p.Reconstruct(levels).Sub(x)) {
			requireNear(t, 0, z, 1e-13, 1, name)
		}
		rep := evaluate(t, p.Forward(x))
		for i, group := range p.Groups() {
			require.Equal(t, evaluate(t, levels[i]), rep[group.From[0]:group.From[len(group.From)-1]+1])
			require.Equal(t, evaluate(t, levels[i]), evaluate(t, p.ForwardScales(x, []string{group.Name})))
		}
		tape.Close()
	}
}

func TestLaplacianPyramidErrors(t *testing.T) {
	_, err := NewLaplacianPyramid(20, 9, LaplacianPyramidOptions{Scales: 5})
	require.ErrorContains(t, err, "at most 4")
	_, err = NewLaplacianPyramid(20, 9, LaplacianPyramidOptions{Scales: -1})
	require.ErrorContains(t, err, "at least 1 scale")
	p, err := NewLaplacianPyramid(20, 9, LaplacianPyramidOptions{Scales: 4})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	require.Equal(t, []string{"3", "2", "1", "0"}, p.Scales())
	x := tape.Const(texture(20, 9, 0))
	require.Equal(t, 180+50+15+6, p.Forward(x).Type().Dim[2])
	require.ErrorContains(t, autograd.Try(func() { p.Forward(tape.Const(texture(9, 20, 0))) }), "(N, C, 20, 9) expected")
	require.ErrorContains(t, autograd.Try(func() { p.ForwardScales(x, []string{"4"}) }), `no scale "4"`)
	require.ErrorContains(t, autograd.Try(func() { p.Reconstruct(nil) }), "0 levels given")
}
