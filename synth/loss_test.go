package synth_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// lossOf evaluates a loss and its gradient at x for representations (N, C, S).
func lossOf(t *testing.T, l synth.Loss, x, target tensor.Tensor, groups []synth.Group) (loss, grad []float64) {
	t.Helper()
	tape := autograd.New(nil)
	defer tape.Close()
	v := tape.Var("x", x)
	y := l.Loss(v, tape.Const(target), groups)
	require.Equal(t, tensor.MakeType(tensor.Float64, x.Dim[0]), y.Type())
	a, err := autograd.Eval(y)
	require.NoError(t, err)
	b, err := autograd.Eval(autograd.Grad(y, v)[0])
	require.NoError(t, err)
	return tensor.Floats(a), tensor.Floats(b)
}

// psGroups are groups of a representation of 10 entries; entry 9 is in none.
var psGroups = []synth.Group{
	{Name: "pixel_statistics", Shape: []int{6}, From: []int{0, 1, 2, 3, 4, 5}},
	{Name: "magnitudes", Shape: []int{2, 2}, From: []int{6, -1, -1, 7}},
	{Name: "var_highpass_residual", Shape: []int{1}, From: []int{8}},
}

func TestLosses(t *testing.T) {
	const n, c, size = 2, 2, 10
	x, y := tensor.New(tensor.Float64, n, c, size), tensor.New(tensor.Float64, n, c, size)
	for i := range n * c * size {
		x.StoreReal(i, math.Sin(float64(i)))
		y.StoreReal(i, math.Cos(1.7*float64(i)))
	}
	d := func(k, i, j int) float64 {
		at := (k*c+i)*size + j
		return x.LoadReal(at) - y.LoadReal(at)
	}
	over := func(k int, f func(i, j int) float64) float64 {
		sum := 0.
		for i := range c {
			for j := range size {
				sum += f(i, j)
			}
		}
		return sum
	}
	weighted := func(k int, w func(j int) float64) float64 {
		return math.Sqrt(over(k, func(i, j int) float64 { return w(j) * w(j) * d(k, i, j) * d(k, i, j) }))
	}
	square := func(k int) float64 { return over(k, func(i, j int) float64 { return d(k, i, j) * d(k, i, j) }) }
	target := func(k, j int) float64 { return y.LoadReal(k*c*size + j) }
	norm := func(k int, entries ...int) float64 {
		sum := 0.
		for i := range c {
			for _, j := range entries {
				sum += target(k, i*size+j) * target(k, i*size+j)
			}
		}
		return math.Sqrt(sum)
	}
	ps := [size]float64{1, 1, 1, 1, 0, 0, 1, 1, 100, 1}
	for name, one := range map[string]struct {
		l    synth.Loss
		want func(k int) float64
	}{
		"mse":          {synth.MSE{}, func(k int) float64 { return square(k) / (c * size) }},
		"l2":           {synth.L2{}, func(k int) float64 { return math.Sqrt(square(k)) }},
		"relative-sse": {synth.RelativeSSE{}, func(k int) float64 { return square(k) / math.Pow(norm(k, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 2) }},
		"logsumexp": {synth.LogSumExp{Temperature: .5}, func(k int) float64 {
			sum := 0.
			for i := range c {
				ch := 0.
				for j := range size {
					ch += d(k, i, j) * d(k, i, j)
				}
				sum += math.Exp(math.Sqrt(ch) / .5)
			}
			return .5 * math.Log(sum/c)
		}},
		"portilla-simoncelli": {synth.PortillaSimoncelli{}, func(k int) float64 { return weighted(k, func(j int) float64 { return ps[j] }) }},
		"portilla-simoncelli with weights": {synth.PortillaSimoncelli{Weights: synth.Weights{"var_highpass_residual": {2}, "magnitudes": {3, 7, 8, 4}}}, func(k int) float64 {
			w := ps
			w[6], w[7], w[8] = 3, 4, 2
			return weighted(k, func(j int) float64 { return w[j] })
		}},
		"groupwise": {synth.Groupwise{Weights: synth.Weights{"magnitudes": {5}}}, func(k int) float64 {
			return weighted(k, func(j int) float64 {
				switch {
				case j < 6:
					return 1 / norm(k, 0, 1, 2, 3, 4, 5)
				case j < 8:
					return 5 / norm(k, 6, 7)
				case j == 8:
					return 1 / norm(k, 8)
				}
				return 0
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			loss, grad := lossOf(t, one.l, x, y, psGroups)
			for k := range n {
				require.InEpsilon(t, one.want(k), loss[k], 1e-13)
			}
			const h = 1e-6
			for _, at := range []int{0, 4, 7, 8, 25} {
				v, k := x.LoadReal(at), at/(c*size)
				x.StoreReal(at, v+h)
				up := one.want(k)
				x.StoreReal(at, v-h)
				down := one.want(k)
				x.StoreReal(at, v)
				require.InDelta(t, (up-down)/(2*h), grad[at], 1e-7)
			}
			loss, grad = lossOf(t, one.l, y, y, psGroups)
			require.InDeltaSlice(t, make([]float64, n), loss, 1e-15, "at the target")
			for _, g := range grad {
				require.Zero(t, g, "at the target")
			}
		})
	}
}

func TestWeightsAreChecked(t *testing.T) {
	x := tensor.New(tensor.Float64, 1, 1, 10)
	for reads, w := range map[string]synth.Weights{
		`no group "other" to weigh; there are pixel_statistics, magnitudes`: {"other": {1}},
		"2 weights for the group magnitudes; 1 or 4":                        {"magnitudes": {1, 2}},
		"is not finite": {"magnitudes": {math.Inf(1)}},
	} {
		for _, l := range []synth.Loss{synth.Groupwise{Weights: w}, synth.PortillaSimoncelli{Weights: w}} {
			tape := autograd.New(nil)
			v := tape.Var("x", x)
			require.ErrorContains(t, autograd.Try(func() { l.Loss(v, v, psGroups) }), reads)
			tape.Close()
		}
	}
}

func TestRangePenalty(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Var("x", tensor.Of([]float64{-.5, 0, .5, 1, 1.25, 3}, 2, 1, 1, 3))
	for _, c := range []struct {
		p      synth.Range
		want   []float64
		weight float64
		grad   []float64
	}{
		{synth.Range{}, []float64{.25, .0625 + 4}, .1, []float64{-1, 0, 0, 0, .5, 4}},
		{synth.Range{Weight: 3, Low: .25, High: 2}, []float64{.5625 + .0625, 1}, 3, []float64{-1.5, -.5, 0, 0, 0, 2}},
	} {
		p, weight := c.p.Penalty(x)
		require.Equal(t, c.weight, weight)
		v, err := autograd.Eval(p)
		require.NoError(t, err)
		require.InDeltaSlice(t, c.want, tensor.Floats(v), 1e-15)
		g, err := autograd.Eval(autograd.Grad(p, x)[0])
		require.NoError(t, err)
		require.InDeltaSlice(t, c.grad, tensor.Floats(g), 1e-15)
	}
}
