package models

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// plainPS is the texture model as its definition: a pyramid, partial
// reconstructions of it, expand, shrink and autocorrelation, one after the
// other. It is the oracle of PortillaSimoncelli.
type plainPS struct {
	n, k, w int
	pyramid *SteerablePyramid
}

func newPlainPS(t *testing.T, h, w, scales, orientations, width int) plainPS {
	t.Helper()
	p, err := NewSteerablePyramid(h, w, SteerablePyramidOptions{Height: &scales, Order: new(orientations - 1), Complex: true})
	require.NoError(t, err)
	return plainPS{scales, orientations, width, p}
}

// plainGroup is one group of statistics (N, C, …) and which of its entries, in
// C order of its shape per image and channel, are not redundant.
type plainGroup struct {
	name string
	v    autograd.Value
	keep []bool
}

// statistics returns the groups in the order of the representation. Axis −1
// counts scales where there are several.
func (p plainPS) statistics(x autograd.Value) []plainGroup {
	c := p.pyramid.Coefficients(x)
	c.Lowpass = c.Lowpass.Sub(c.Lowpass.MeanKeep(2, 3))
	var mags, magAuto, magVar []autograd.Value
	for _, b := range c.Bands {
		m := demeaned(b.Abs())
		auto, v := p.autocorrelation(m)
		mags, magAuto, magVar = append(mags, m), append(magAuto, auto), append(magVar, v)
	}
	var cross, crossScale, crossReal []autograd.Value
	for s, m := range mags {
		cross = append(cross, plainCorrelation(m, m, magVar[s], magVar[s]))
		if s+1 == p.n {
			break
		}
		doubled := ModulatePhase(Expand(c.Bands[s+1], 2).Scale(.25), 2)
		q := demeaned(doubled.Abs())
		crossScale = append(crossScale, plainCorrelation(m, q, magVar[s], meanSquare(q)))
		re, parts := c.Bands[s].Real(), autograd.Concat(2, doubled.Real(), doubled.Imag())
		crossReal = append(crossReal, plainCorrelation(re, parts, meanSquare(re), meanSquare(parts)))
	}
	pixels := plainPixels(x)
	skew, kurtosis, auto, std := p.reconstructed(c, x.Variance(true, 2, 3))
	groups := []plainGroup{{psPixels, pixels, nil},
		{psMagAuto, stackScales(magAuto, 0, 1, 3, 4, 2), p.windowMask(p.k * p.n)},
		{psSkew, stackScales(skew, 0, 1), nil}, {psKurtosis, stackScales(kurtosis, 0, 1), nil},
		{psReconAuto, stackScales(auto, 0, 1, 2, 3), p.windowMask(p.n + 1)}, {psReconStd, stackScales(std, 0, 1), nil},
		{psCrossOri, stackScales(cross, 0, 1, 2, 3), p.lowerMask()}, {psMagStd, stackScales(magVar, 0, 1, 2).Sqrt(), nil}}
	if p.n > 1 {
		groups = append(groups, plainGroup{psCrossScale, stackScales(crossScale, 0, 1, 2, 3), nil},
			plainGroup{psCrossScaleReal, stackScales(crossReal, 0, 1, 2, 3), nil})
	}
	return append(groups, plainGroup{psHighVariance, c.Highpass.Square().Mean(2, 3), nil})
}

// plainPixels returns mean, unbiased variance, skew and kurtosis with it, least
// and largest pixel (N, C, 6).
func plainPixels(x autograd.Value) autograd.Value {
	mean, v := x.Mean(2, 3), x.Variance(true, 2, 3)
	return autograd.Stack(2, mean, v, Skew(x, mean, v, 2, 3), Kurtosis(x, mean, v, 2, 3), x.ReduceMin(2, 3), x.ReduceMax(2, 3))
}

// reconstructed returns the statistics of the partial reconstructions, the
// finest first and that of the low-pass residual last.
func (p plainPS) reconstructed(c *Coefficients, pixelVariance autograd.Value) (skew, kurtosis, auto, std []autograd.Value) {
	sum := p.pyramid.Reconstruct(c, []string{ResidualLowpass}, nil)
	images := []autograd.Value{plainShrink(sum, p.n)}
	for s := p.n - 1; s >= 0; s-- {
		sum = sum.Add(p.pyramid.Reconstruct(c, []string{strconv.Itoa(s)}, nil))
		images = append(images, plainShrink(sum, s))
	}
	slices.Reverse(images)
	for _, r := range images {
		a, v := p.autocorrelation(r)
		zero := v.Tape().Zeros(v.Type())
		empty := v.Div(pixelVariance).Lt(v.Tape().Scalar(v.Type().DType, 1e-15))
		skew = append(skew, autograd.Where(empty, zero, Skew(r, zero, v, 2, 3)))
		kurtosis = append(kurtosis, autograd.Where(empty, zero.AddScalar(3), Kurtosis(r, zero, v, 2, 3)))
		auto, std = append(auto, a), append(std, v.Sqrt())
	}
	return skew, kurtosis, auto, std
}

// plainShrink returns the reconstruction at scale s, in the amplitude of its bands.
func plainShrink(x autograd.Value, s int) autograd.Value {
	if s == 0 {
		return x
	}
	f := float64(int(1) << s)
	return Shrink(x, f).Scale(f * f)
}

func demeaned(x autograd.Value) autograd.Value   { return x.Sub(x.MeanKeep(-2, -1)) }
func meanSquare(x autograd.Value) autograd.Value { return x.Square().Mean(-2, -1) }

// autocorrelation returns the central window over its centre, and the centre.
func (p plainPS) autocorrelation(x autograd.Value) (window, centre autograd.Value) {
	a := Autocorrelation(x)
	c := CenterCrop(a, 1)
	shape := c.Type().Shape()
	return CenterCrop(a, p.w).Div(c), c.Reshape(shape[:len(shape)-2]...)
}

// plainCorrelation returns ⟨a_i b_j⟩/√(va_i vb_j) for every pair, (N, C, I, J).
func plainCorrelation(a, b, va, vb autograd.Value) autograd.Value {
	var rows []autograd.Value
	for i := range a.Type().Dim[2] {
		products := a.Crop(2, i, i+1).Mul(b).Mean(-2, -1)
		rows = append(rows, products.Div(va.Crop(2, i, i+1).Mul(vb).Sqrt()))
	}
	return autograd.Stack(2, rows...)
}

// stackScales returns the Values of all scales, axes reordered, along a last axis.
func stackScales(v []autograd.Value, axes ...int) autograd.Value {
	var moved []autograd.Value
	for _, x := range v {
		moved = append(moved, x.Permute(axes...))
	}
	return autograd.Stack(-1, moved...)
}

// windowMask keeps the lower triangle of the w×w window (for even w also the
// first row) but the centre and what follows it on the diagonal, for each of
// the entries that follow.
func (p plainPS) windowMask(each int) (keep []bool) {
	for i := range p.w {
		for j := range p.w {
			k := j <= i || p.w%2 == 0 && i == 0
			if i == j && i >= p.w/2 {
				k = false
			}
			keep = append(keep, slices.Repeat([]bool{k}, each)...)
		}
	}
	return keep
}

func (p plainPS) lowerMask() (keep []bool) {
	for i := range p.k {
		for j := range p.k {
			keep = append(keep, slices.Repeat([]bool{j < i}, p.n)...)
		}
	}
	return keep
}

// pack returns all entries of all groups, unmasked, (N, C, S).
func (p plainPS) pack(groups []plainGroup) autograd.Value {
	var flat []autograd.Value
	for _, g := range groups {
		flat = append(flat, g.v.Reshape(append(lead(g.v), -1)...))
	}
	return autograd.Concat(2, flat...)
}

// kept returns the indices of the entries of pack that are not redundant, and
// the name of the group of each.
func (p plainPS) kept(groups []plainGroup) (index []int, group []string) {
	at := 0
	for _, g := range groups {
		n := g.v.Type().Len() / (g.v.Type().Dim[0] * g.v.Type().Dim[1])
		for i := range n {
			if g.keep == nil || g.keep[i] {
				index, group = append(index, at+i), append(group, g.name)
			}
		}
		at += n
	}
	return index, group
}

// forward returns the representation of PortillaSimoncelli, (N, C, S).
func (p plainPS) forward(x autograd.Value) autograd.Value {
	groups := p.statistics(x)
	index, _ := p.kept(groups)
	return p.pack(groups).Gather(2, index)
}

func TestPlainPortillaSimoncelliMatchesReference(t *testing.T) {
	all := psGoldens(t)
	for _, c := range []struct {
		name  string
		image tensor.Tensor
		noise []string
	}{
		{"T64_3_4_7", texture(64, 64, 0), nil},
		{"T64_2_3_4", texture(64, 64, 0), nil},
		{"T64x32_2_4_5", texture(64, 32, 0), nil},
		// The magnitudes of gratings are constant, and these have no energy above
		// the highest level: these groups are rounding noise.
		{"S64_1_2_5", gratings(64, 64, .3), []string{psMagAuto, psCrossOri, psMagStd, psHighVariance}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g psGolden
			require.NoError(t, json.Unmarshal(all[c.name], &g))
			p := newPlainPS(t, c.image.Dim[2], c.image.Dim[3], g.Scales, g.Orientations, g.Width)
			tape := autograd.New(nil)
			defer tape.Close()
			x := tape.Const(c.image)
			_, group := p.kept(p.statistics(x))
			got := evaluate(t, p.forward(x))
			require.Len(t, got, len(g.Rep))
			rms := groupRMS(group, g.Rep)
			for i, want := range g.Rep {
				tol := 1e-10
				if slices.Contains(reconstructed, group[i]) {
					tol = 2e-7
				}
				if !slices.Contains(c.noise, group[i]) {
					// A skew is near 0 for symmetry, not for lack of size: its scale is 1.
					requireNear(t, complex(want, 0), got[i], tol, max(rms[group[i]], dimensionless(group[i])), group[i])
				}
			}
		})
	}
}

func dimensionless(group string) float64 {
	if group == psSkew {
		return 1
	}
	return 0
}

func groupRMS(group []string, v []float64) map[string]float64 {
	sum, n := map[string]float64{}, map[string]float64{}
	for i, name := range group {
		sum[name] += v[i] * v[i]
		n[name]++
	}
	for name := range sum {
		sum[name] = math.Sqrt(sum[name] / n[name])
	}
	return sum
}

// At a low-pass residual of odd width the reference's autocorrelation is that
// of another signal. The model must do the same; its definition says so.
func TestPortillaSimoncelliEqualsItsDefinition(t *testing.T) {
	for _, c := range []struct{ h, w, scales, orientations, width int }{
		{64, 64, 3, 4, 7}, {48, 64, 2, 2, 9}, {60, 44, 2, 3, 6}, {40, 24, 2, 4, 3}, {16, 24, 1, 5, 4},
	} {
		p := newPlainPS(t, c.h, c.w, c.scales, c.orientations, c.width)
		m, err := NewPortillaSimoncelli(c.h, c.w, PortillaSimoncelliOptions{Scales: c.scales, Orientations: c.orientations, CorrelationWidth: c.width})
		require.NoError(t, err)
		tape := autograd.New(nil)
		x := autograd.Concat(1, tape.Const(texture(c.h, c.w, 0)), tape.Const(texture(c.h, c.w, 1)))
		groups := p.statistics(x)
		_, group := p.kept(groups)
		want, got := evaluate(t, p.forward(x)), evaluate(t, m.Forward(x))
		require.Len(t, got, len(want))
		v := make([]float64, len(group))
		for ch := range 2 {
			for i := range v {
				v[i] = real(want[ch*len(v)+i])
			}
			rms := groupRMS(group, v)
			for i := range v {
				requireNear(t, complex(v[i], 0), got[ch*len(v)+i], 1e-10, rms[group[i]], group[i])
			}
		}
		tape.Close()
	}
}
