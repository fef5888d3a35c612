package judge

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// weighted is the sum of weighted squares of differences; the weights are 1 to 4.
func weighted(power float64) synth.Metric {
	return synth.MetricFunc(func(ref, x autograd.Value) autograd.Value {
		w := x.Tape().Const(tensor.Of([]float64{1, math.Pow(2, power), math.Pow(3, power), math.Pow(4, power)}, 1, 1, 2, 2))
		return x.Sub(ref).Square().Mul(w).Reshape(1, -1).SumWide(1)
	})
}

// mad is a good one: at a distance of .1, the sum of weighted squares is largest
// along the pixel with the largest weight.
func mad() *MAD {
	return &MAD{Reference: image(.5, .5, .5, .5), Start: image(.6, .5, .5, .5), Image: image(.5, .5, .5, .6), Held: weighted(0), Driven: weighted(1),
		Names: [2]string{"plain", "weighted"}, Max: true, Constrained: true, Level: math.NaN(), Recorded: [2]float64{math.NaN(), math.NaN()}}
}

func TestMAD(t *testing.T) {
	v, q, err := mad().Judge()
	require.NoError(t, err)
	assert.True(t, v.Good, v.Sentence)
	assert.InDelta(t, 0, q.Drift, 1e-12)
	assert.InDelta(t, 0, q.Residual, 1e-12)
	assert.InDelta(t, 3, q.Far, 1e-9, "from .01 to .04")
	for want, spoil := range map[string]func(m *MAD){
		"plain drifted by 44 %":      func(m *MAD) { m.Image = image(.5, .5, .5, .62) },
		"weighted has not gone down": func(m *MAD) { m.Max = false },
		"still changes weighted":     func(m *MAD) { m.Image = image(.5, .5, .5+.1*math.Sqrt(.5), .5+.1*math.Sqrt(.5)) },
		"far from the level":         func(m *MAD) { m.Level = .1 },
		"belong together":            func(m *MAD) { m.Recorded = [2]float64{.01, .05} },
	} {
		m := mad()
		spoil(m)
		v, _, err := m.Judge()
		require.NoError(t, err)
		assert.False(t, v.Good)
		assert.Contains(t, v.Sentence, want)
	}
	m := mad()
	m.Image = image(.5, .5, .5, .6).Crop(2, 0, 1, 1)
	_, _, err = m.Judge()
	assert.Error(t, err)
}

func TestKKTAtBounds(t *testing.T) {
	x, held := []float64{0, .5, .5}, []float64{0, 1, 0}
	assert.InDelta(t, 0, kkt(x, []float64{1, 5, 0}, held, 1, 0, true), 1e-12, "the gradient presses the first pixel on its bound")
	assert.InDelta(t, 1/math.Sqrt(26), kkt(x, []float64{-1, 5, 0}, held, 1, 0, true), 1e-12, "it pulls it inwards")
	assert.InDelta(t, 1/math.Sqrt(26), kkt(x, []float64{1, 5, 0}, held, 1, 0, false), 1e-12, "there are no bounds")
	assert.InDelta(t, .1, kkt(x, []float64{0, 0, 1}, held, 1, 10, true), 1e-12, "a floor")
}

func TestMoving(t *testing.T) {
	assert.True(t, math.IsNaN(moving([]float64{1, 2})))
	assert.InDelta(t, .1, moving([]float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}), 1e-12)
	assert.InDelta(t, -.125, moving([]float64{0, 2, 3, 4, 5, 6, 7, 8, 9, 8}), 1e-12, "back")
}

// A linear model of two outputs: F has the eigenvalues 4 and 1, twice, and 0.
func linear() synth.Model {
	return synth.ModelFunc(func(x autograd.Value) autograd.Value {
		w := x.Tape().Const(tensor.Of([]float64{2, 1, 1, 0}, 1, 1, 2, 2))
		return x.Mul(w)
	})
}

func eigen() *Eigendistortions {
	return &Eigendistortions{Model: linear(), Image: image(.1, .2, .3, .4), Vectors: tensor.Of([]float64{1, 0, 0, 0, 0, 0, 0, 1}, 2, 1, 2, 2), Values: []float64{4, 0}, Index: []int{0, 3}, Amplitude: 1}
}

func TestEigendistortions(t *testing.T) {
	v, err := eigen().Judge()
	require.NoError(t, err)
	assert.True(t, v.Good, v.Sentence)
	assert.Contains(t, v.Rows[1].Cells, "zero within rounding")
	for want, spoil := range map[string]func(e *Eigendistortions){
		"vector 0 is no eigenvector": func(e *Eigendistortions) { e.Vectors = tensor.Of([]float64{.8, .6, 0, 0, 0, 0, 0, 1}, 2, 1, 2, 2) },
		"norm 1.1":                   func(e *Eigendistortions) { e.Vectors = tensor.Of([]float64{1.1, 0, 0, 0, 0, 0, 0, 1}, 2, 1, 2, 2) },
		"off by 0.25":                func(e *Eigendistortions) { e.Values = []float64{4, 1} },
		"there is a larger eigenvalue": func(e *Eigendistortions) {
			e.Vectors, e.Values = tensor.Of([]float64{0, 1, 0, 0, 0, 0, 0, 1}, 2, 1, 2, 2), []float64{1, 0}
		},
		"not orthogonal": func(e *Eigendistortions) {
			e.Vectors, e.Values = tensor.Of([]float64{1, 0, 0, 0, 1, 0, 0, 0}, 2, 1, 2, 2), []float64{4, 4}
		},
	} {
		e := eigen()
		spoil(e)
		v, err := e.Judge()
		require.NoError(t, err)
		assert.Contains(t, v.Sentence, want)
	}
	e := eigen()
	e.Values = nil
	_, err = e.Judge()
	assert.Error(t, err)
}

// squares sees the squares of pixels: straight there is a path of roots.
func geodesic() *Geodesic {
	g := &Geodesic{Model: synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Square() }), Ends: tensor.Of([]float64{.1, .2, .3, .4, .9, .8, .7, .6}, 2, 1, 2, 2),
		Recorded: math.NaN(), Spread: .01}
	ends := tensor.Floats(g.Ends)
	var v []float64
	for k := range 5 {
		for i := range 4 {
			t := float64(k) / 4
			v = append(v, math.Sqrt((1-t)*ends[i]*ends[i]+t*ends[4+i]*ends[4+i]))
		}
	}
	g.Path = tensor.Of(v, 5, 1, 2, 2)
	return g
}

func TestGeodesic(t *testing.T) {
	v, err := geodesic().Judge()
	require.NoError(t, err)
	assert.True(t, v.Good, v.Sentence)
	change := func(f func(v []float64)) func(g *Geodesic) {
		return func(g *Geodesic) { v := tensor.Floats(g.Path); f(v); g.Path = tensor.Of(v, 5, 1, 2, 2) }
	}
	for want, spoil := range map[string]func(g *Geodesic){
		"a step":                              nil,
		"frame 0 is not the image":            change(func(v []float64) { v[0] = .3 }),
		"above the pixel fade":                change(func(v []float64) { v[5] = .9; v[9] = .1 }),
		"its steps vary":                      change(func(v []float64) { copy(v[4:8], v[8:12]) }),
		"its starts ended at energies":        func(g *Geodesic) { g.Spread = .2 },
		"the run recorded the energy 1":       func(g *Geodesic) { g.Recorded = 1 },
		"0.3 of the image energy's gradient":  func(g *Geodesic) { g.Conditional, g.Projected = true, .3 },
		"one step down the gradient still re": change(func(v []float64) { v[8] += .05; v[9] -= .05 }),
	} {
		if spoil == nil {
			continue
		}
		g := geodesic()
		spoil(g)
		v, err := g.Judge()
		require.NoError(t, err)
		assert.Contains(t, v.Sentence, want)
	}
	g := geodesic()
	g.Ends = g.Path
	_, err = g.Judge()
	assert.Error(t, err)
	assert.InDeltaSlice(t, []float64{1.5, 2, 1.5}, relax([]float64{1, 1, 1}, 1), 1e-12)
}
