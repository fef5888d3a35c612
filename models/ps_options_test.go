package models

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
)

// psParts returns the groups of a representation of one image and channel; what
// is left out is 0.
func psParts(t *testing.T, m *PortillaSimoncelli, x autograd.Value) map[string][]float64 {
	rep := evaluate(t, m.Forward(x))
	parts := map[string][]float64{}
	for _, g := range m.Groups() {
		v := make([]float64, len(g.From))
		for i, from := range g.From {
			if from >= 0 {
				v[i] = real(rep[from])
			}
		}
		parts[g.Name] = v
	}
	return parts
}

// Covariances are correlations times standard deviations. Those of the parents
// are in no group: of them is only known that each has one.
func TestCovarianceStatistics(t *testing.T) {
	const n, k, w = 2, 3, 5
	o := PortillaSimoncelliOptions{Scales: n, Orientations: k, CorrelationWidth: w}
	plain, err := NewPortillaSimoncelli(32, 48, o)
	require.NoError(t, err)
	o.Covariance = true
	m, err := NewPortillaSimoncelli(32, 48, o)
	require.NoError(t, err)
	require.Equal(t, plain.Len(), m.Len())
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(32, 48, 0))
	cor, cov := psParts(t, plain, x), psParts(t, m, x)
	near := func(want, got float64) { requireNear(t, complex(want, 0), complex(got, 0), 1e-11, 1e-3, "covariance") }
	for _, same := range []string{psPixels, psSkew, psKurtosis, psReconStd, psMagStd, psHighVariance} {
		for i, v := range cor[same] {
			near(v, cov[same][i])
		}
	}
	std, recon := cor[psMagStd], cor[psReconStd] // (K, N) and (N+1)
	for i, v := range cor[psMagAuto] {
		near(v*math.Pow(std[i%(k*n)], 2), cov[psMagAuto][i])
	}
	for i, v := range cor[psReconAuto] {
		near(v*math.Pow(recon[i%(n+1)], 2), cov[psReconAuto][i])
	}
	for i, v := range cor[psCrossOri] {
		a, b, s := i/(k*n), i/n%k, i%n
		near(v*std[a*n+s]*std[b*n+s], cov[psCrossOri][i])
	}
	for j := range k {
		parent := cov[psCrossScale][j] / cor[psCrossScale][j] / std[0]
		for i := range k {
			near(cor[psCrossScale][i*k+j]*std[i*n]*parent, cov[psCrossScale][i*k+j])
		}
	}
	ratio := func(i, j int) float64 { return cov[psCrossScaleReal][i*2*k+j] / cor[psCrossScaleReal][i*2*k+j] }
	for i := range k {
		for j := range 2 * k {
			near(1, ratio(i, j)*ratio(0, 0)/ratio(i, 0)/ratio(0, j))
			require.Greater(t, math.Abs(ratio(i, j)-1), .1, "the test must be able to fail")
		}
	}
}

// The additional group is the mean magnitude of the bands of the pyramid, and the
// others stay as they are.
func TestMagnitudeMeans(t *testing.T) {
	const n, k = 2, 4
	o := PortillaSimoncelliOptions{Scales: n, CorrelationWidth: 5}
	plain, err := NewPortillaSimoncelli(32, 32, o)
	require.NoError(t, err)
	o.MagnitudeMeans = true
	m, err := NewPortillaSimoncelli(32, 32, o)
	require.NoError(t, err)
	require.Equal(t, plain.Len()+n*k, m.Len())
	pyramid, err := NewSteerablePyramid(32, 32, SteerablePyramidOptions{Height: new(n), Complex: true})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(32, 32, 0))
	got, before := psParts(t, m, x), psParts(t, plain, x)
	for name, v := range before {
		require.Equal(t, v, got[name], name)
	}
	for s, bands := range pyramid.Coefficients(x).Bands {
		for i, want := range evaluate(t, bands.Abs().Mean(3, 4)) {
			requireNear(t, want, complex(got[psMagMean][i*n+s], 0), 1e-6, 1, "mean magnitude")
		}
	}
	scale1 := evaluate(t, m.ForwardScales(x, []string{"1"}))
	require.Len(t, scale1, len(evaluate(t, plain.ForwardScales(x, []string{"1"})))+k)
	v, err := synth.Check(m, synth.CheckOptions{Height: 32, Width: 32})
	require.NoError(t, err)
	require.NoError(t, v.Err())
}
