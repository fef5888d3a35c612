package models

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMasksEqualTheReferenceBitForBit(t *testing.T) {
	var all struct{ Masks16 map[string]golden }
	readGolden(t, "steerable_pyramid", &all)
	m := newPyramidMasks(16, 16, 1, 3, 1, true, true)
	l := m.level[0]
	flat := func(a [][]float64) (f []float64) {
		for _, b := range a {
			f = append(f, b...)
		}
		return f
	}
	for name, got := range map[string][]float64{
		"lo0mask": m.lo0, "hi0mask": m.hi0, "_himasks_scale_0": l.hi, "_lomasks_scale_0": l.lo,
		"_anglemasks_scale_0": flat(l.angle), "_anglemasks_recon_scale_0": flat(l.angleRec),
	} {
		want := all.Masks16[name].V
		require.Len(t, got, len(want), name)
		for i, v := range want {
			require.Equal(t, v, got[i]+0, "%s, element %d", name, i)
		}
	}
}

// The squared masks of a level and what is below it sum to 1, but for the
// linear interpolation in the tables.
func TestMasksTile(t *testing.T) {
	for _, order := range []int{1, 2, 3, 15} {
		m := newPyramidMasks(40, 36, 1, order, 1, false, false)
		l := m.level[0]
		for i := range m.lo0 {
			bands := 0.0
			for b := range l.angle {
				bands += math.Pow(l.angle[b][i]*l.hi[i], 2)
			}
			low := math.Pow(l.lo[i], 2)
			require.InDelta(t, 1, math.Pow(m.hi0[i], 2)+math.Pow(m.lo0[i], 2)*(bands+low), 5e-4, "order %d, frequency %d", order, i)
		}
	}
}

func TestCropWindowKeepsZeroFrequencyInTheMiddle(t *testing.T) {
	for size, want := range map[int][2]int{60: {30, 15}, 61: {31, 15}, 62: {31, 16}, 63: {32, 15}, 64: {32, 16}, 65: {33, 16}} {
		l := maskLevel{h: size, w: size}
		l.setWindow(true)
		require.Equal(t, want, [2]int{l.lh, l.y0}, "size %d", size)
		require.Equal(t, size/2, l.y0+l.lh/2, "size %d", size)
	}
}
