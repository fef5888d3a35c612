package models

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// psGolden is what the reference says of one image and configuration.
type psGolden struct {
	Scales       int `json:"n_scales"`
	Orientations int `json:"n_orientations"`
	Width        int
	Rep          []float64
	Labels       []any            `json:"scales_per_stat"`
	Counts       map[string]int   `json:"dict_counts"`
	Shapes       map[string][]int `json:"dict_shapes"`
}

func (g psGolden) model(t *testing.T, h, w int) *PortillaSimoncelli {
	t.Helper()
	m, err := NewPortillaSimoncelli(h, w, PortillaSimoncelliOptions{Scales: g.Scales, Orientations: g.Orientations, CorrelationWidth: g.Width})
	require.NoError(t, err)
	return m
}

func psGoldens(t *testing.T) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	readGolden(t, "portilla_simoncelli", &all)
	return all
}

// reconstructed are the groups in which the reference rounds to single
// precision on the way, and those that follow from them.
var reconstructed = []string{psSkew, psKurtosis, psReconAuto, psReconStd}

func TestPortillaSimoncelliMatchesReference(t *testing.T) {
	all := psGoldens(t)
	for _, c := range []struct {
		name  string
		image tensor.Tensor
		skip  []string
	}{
		{"T64_3_4_7", texture(64, 64, 0), nil},
		{"T64_2_3_4", texture(64, 64, 0), nil},
		{"T64x32_2_4_5", texture(64, 32, 0), nil},
		// Of pure gratings the magnitudes are constant, the reconstructions are
		// symmetric and the high-pass residual is empty: these groups are rounding
		// noise.
		{"S64_1_2_5", gratings(64, 64, .3), []string{psMagAuto, psCrossOri, psMagStd, psSkew, psHighVariance}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g psGolden
			require.NoError(t, json.Unmarshal(all[c.name], &g))
			m := g.model(t, c.image.Dim[2], c.image.Dim[3])
			double, single := evalModel(t, m, c.image, tensor.Float64), evalModel(t, m, c.image, tensor.Float32)
			require.Len(t, double, len(g.Rep))
			for _, group := range m.Groups() {
				if slices.Contains(c.skip, group.Name) {
					continue
				}
				requireGroup(t, group.Name+" in single precision", group.From, g.Rep, single, singleTolerance)
				if !slices.Contains(reconstructed, group.Name) {
					requireGroup(t, group.Name, group.From, g.Rep, double, 1e-10)
					continue
				}
				for _, i := range group.From {
					if i >= 0 {
						require.InDelta(t, g.Rep[i], double[i], 2e-7, "%s, entry %d", group.Name, i)
					}
				}
			}
		})
	}
}

// requireGroup compares the entries of one group, relative to the larger of
// the entry and the group's root mean square.
func requireGroup(t *testing.T, name string, from []int, want, got []float64, tol float64) {
	t.Helper()
	sum, n := 0.0, 0
	for _, i := range from {
		if i >= 0 {
			sum += want[i] * want[i]
			n++
		}
	}
	rms := math.Sqrt(sum / float64(n))
	for _, i := range from {
		if i >= 0 {
			require.InDelta(t, want[i], got[i], tol*max(math.Abs(want[i]), rms), "%s, entry %d", name, i)
		}
	}
}

func evalModel(t *testing.T, m *PortillaSimoncelli, image tensor.Tensor, d tensor.DType) []float64 {
	t.Helper()
	tape := autograd.New(nil)
	defer tape.Close()
	x := tensor.New(d, image.Shape()...)
	tensor.Copy(x, image)
	rep, err := autograd.Eval(m.Forward(tape.Var("x", x)))
	require.NoError(t, err)
	return tensor.Floats(rep)
}

func TestPortillaSimoncelliLabelsAndGroups(t *testing.T) {
	var g psGolden
	require.NoError(t, json.Unmarshal(psGoldens(t)["T64_3_4_7"], &g))
	m := g.model(t, 64, 64)
	for i, want := range g.Labels {
		label, ok := want.(string)
		if !ok {
			label = string(rune('0' + int(want.(float64))))
		}
		require.Equal(t, label, m.labels[i], "entry %d", i)
	}
	for _, group := range m.Groups() {
		require.Equal(t, g.Shapes[group.Name], group.Shape, group.Name)
		kept := 0
		for _, f := range group.From {
			if f >= 0 {
				kept++
			}
		}
		require.Equal(t, g.Counts[group.Name], kept, group.Name)
	}
}

func TestPortillaSimoncelliGradientMatchesReference(t *testing.T) {
	var g struct {
		Loss float64
		Grad golden
	}
	require.NoError(t, json.Unmarshal(psGoldens(t)["grad_T64_2_3_4"], &g))
	m, err := NewPortillaSimoncelli(64, 64, PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 4})
	require.NoError(t, err)
	weights := make([]float64, m.Len())
	for i, l := range m.labels {
		weights[i] = 1
		if l == "residual_highpass" {
			weights[i] = 100
		}
	}
	weights[4], weights[5] = 0, 0
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Var("x", texture(64, 64, 0))
	d := m.Forward(x).Sub(m.Forward(tape.Const(texture(64, 64, 1)))).Mul(tape.Const(tensor.Of(weights)))
	loss := d.Square().Sum().Sqrt()
	v, err := autograd.Eval(loss)
	require.NoError(t, err)
	require.InDelta(t, g.Loss, v.LoadReal(0), 2e-7)
	grad, err := autograd.Eval(autograd.Grad(loss, x)[0])
	require.NoError(t, err)
	rms := math.Sqrt(g.Grad.SumSq / 4096)
	for i, at := range g.Grad.Idx {
		require.InDelta(t, g.Grad.At[i], grad.LoadReal(at), 1e-6*rms, "pixel %d", at)
	}
}

// TestPortillaSimoncelliCounts checks the number of statistics against the
// reference's totals for (scales, orientations, width).
func TestPortillaSimoncelliCounts(t *testing.T) {
	for c, want := range map[[3]int]int{{4, 4, 7}: 710, {1, 2, 3}: 32, {1, 2, 4}: 60, {1, 2, 5}: 64, {1, 2, 7}: 112, {1, 2, 9}: 176,
		{3, 3, 3}: 143, {3, 3, 4}: 234, {3, 3, 5}: 247, {3, 3, 7}: 403, {3, 3, 9}: 611, {4, 4, 3}: 290, {4, 4, 4}: 437, {4, 4, 5}: 458, {4, 4, 9}: 1046} {
		m, err := NewPortillaSimoncelli(256, 256, PortillaSimoncelliOptions{Scales: c[0], Orientations: c[1], CorrelationWidth: c[2]})
		require.NoError(t, err)
		require.Equal(t, want, m.Len(), "%v", c)
	}
}

func TestPortillaSimoncelliBatchAndChannels(t *testing.T) {
	m, err := NewPortillaSimoncelli(32, 32, PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 5})
	require.NoError(t, err)
	both := tensor.New(tensor.Float64, 2, 2, 32, 32)
	var alone []float64
	for i := range 4 {
		x := texture(32, 32, i)
		tensor.Copy(both.Crop(0, i/2, i/2+1, 1).Crop(1, i%2, i%2+1, 1), x)
		alone = append(alone, evalModel(t, m, x, tensor.Float64)...)
	}
	require.InDeltaSlice(t, alone, evalModel(t, m, both, tensor.Float64), 1e-13)
}

func TestPortillaSimoncelliScales(t *testing.T) {
	m, err := NewPortillaSimoncelli(64, 64, PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 4})
	require.NoError(t, err)
	full := evalModel(t, m, texture(64, 64, 0), tensor.Float64)
	scales := []string{"1", "residual_highpass", "1"}
	var want []float64
	for i, l := range m.labels {
		if slices.Contains(scales, l) {
			want = append(want, full[i])
		}
	}
	tape := autograd.New(nil)
	defer tape.Close()
	rep, err := autograd.Eval(m.ForwardScales(tape.Var("x", texture(64, 64, 0)), scales))
	require.NoError(t, err)
	require.Equal(t, want, tensor.Floats(rep))
	require.ErrorContains(t, autograd.Try(func() { m.ForwardScales(tape.Const(texture(64, 64, 0)), []string{"7"}) }), `no scale "7"`)
	require.ErrorContains(t, autograd.Try(func() { m.Forward(tape.Const(texture(32, 32, 0))) }), "(N, C, 64, 64) expected")
}

func TestPortillaSimoncelliErrors(t *testing.T) {
	for _, c := range []struct {
		h, w int
		o    PortillaSimoncelliOptions
		want string
	}{
		{3, 5, PortillaSimoncelliOptions{}, "at most 0 scales"},
		{64, 64, PortillaSimoncelliOptions{}, "4×4; the correlation width 7 must be at most 4"},
		{300, 451, PortillaSimoncelliOptions{}, "could be cropped to 288×448"},
		{256, 256, PortillaSimoncelliOptions{Scales: 7}, "at most 6 scales"},
		{256, 256, PortillaSimoncelliOptions{Orientations: 1}, "2 to 16 orientations"},
	} {
		_, err := NewPortillaSimoncelli(c.h, c.w, c.o)
		require.ErrorContains(t, err, c.want)
		require.True(t, strings.HasPrefix(err.Error(), "models: Portilla–Simoncelli"))
	}
}
