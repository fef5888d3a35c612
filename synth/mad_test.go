package synth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// The metric of the reference's documentation of MAD competition.
var dssim = models.Dissimilarity{Of: models.SSIM{Weighted: true, Pad: new(autograd.PadReflect)}}

// madTrajectory is a run of the reference: its metrics are those of the image
// before each iteration.
type madTrajectory struct {
	trajectory
	Tradeoff float64
	Ref, Opt []float64
	Initial  summary
}

func readMAD(t *testing.T, name string) madTrajectory {
	t.Helper()
	b, err := os.ReadFile("testdata/mad.json")
	require.NoError(t, err)
	var all map[string]madTrajectory
	require.NoError(t, json.Unmarshal(b, &all))
	require.Contains(t, all, name)
	return all[name]
}

func newMAD(t *testing.T, dev autograd.Backend, x tensor.Tensor, optimized, reference synth.Metric, o synth.MADOptions) *synth.MAD {
	t.Helper()
	s, err := synth.NewMAD(dev, x, optimized, reference, o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// requireMAD compares the only result of s, after as many steps, with the
// reference's.
func requireMAD(t *testing.T, want madTrajectory, s *synth.MAD) {
	t.Helper()
	// SSIM's window is the reference's to 2e-8 only.
	const tol = 1e-7
	var got madTrajectory
	for _, r := range s.History(0) {
		got.Losses, got.Penalties = append(got.Losses, r.Loss), append(got.Penalties, r.Penalty)
		got.Gradient, got.PixelChange = append(got.Gradient, r.GradientNorm), append(got.PixelChange, r.PixelChange)
		got.Ref, got.Opt = append(got.Ref, r.Aside[0]), append(got.Opt, r.Aside[1])
	}
	require.Len(t, got.Losses, len(want.Losses))
	near(t, want.Losses, got.Losses, tol, "loss")
	near(t, want.Penalties, got.Penalties, tol, "penalty")
	near(t, want.Gradient, got.Gradient, tol, "gradient norm")
	near(t, want.PixelChange, got.PixelChange, tol, "pixel change")
	near(t, want.Ref, got.Ref, tol, "reference metric")
	near(t, want.Opt, got.Opt, tol, "optimized metric")
	x, err := s.Image()
	require.NoError(t, err)
	requireSummary(t, want.Final, x, tol)
}

func TestMADIsTheReferences(t *testing.T) {
	start := gratings(32, 32)
	for i, v := range tensor.Floats(texture(32, 32, 0)) {
		start.StoreReal(i, start.LoadReal(i)+.05*(2*v-1))
	}
	for name, goal := range map[string]synth.Goal{"mad_dssim_mse_min": {}, "mad_dssim_mse_max": {Max: true}} {
		t.Run(name, func(t *testing.T) {
			s := newMAD(t, nil, gratings(32, 32), dssim, models.MSE{}, synth.MADOptions{
				Goals: []synth.Goal{goal}, Tradeoff: synth.Weighted, Lambda: 100, Init: start, Reference: true})
			for range 8 {
				require.NoError(t, s.Step())
			}
			requireMAD(t, readMAD(t, name), s)
		})
	}
}

// TestMADDrawsAsTheReference: noise and automatic weight, from seed 0.
func TestMADDrawsAsTheReference(t *testing.T) {
	for _, c := range []struct {
		name                 string
		optimized, reference synth.Metric
		o                    synth.MADOptions
	}{
		{"mad_auto_min", dssim, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{}}}},
		{"mad_auto_max_mse", models.MSE{}, dssim, synth.MADOptions{Goals: []synth.Goal{{Max: true}}}},
		{"mad_auto_max_mse", dssim, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{Max: true, Swapped: true}}}},
		{"mad_fixed_seeded", dssim, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{Max: true}}, Tradeoff: synth.Weighted, Lambda: 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Reference = true
			s := newMAD(t, nil, gratings(32, 32), c.optimized, c.reference, c.o)
			want := readMAD(t, c.name)
			require.InEpsilon(t, want.Tradeoff, s.Weights()[0], 1e-12)
			requireSummary(t, want.Initial, s.Start(), 1e-12)
			for range 4 {
				require.NoError(t, s.Step())
			}
			requireMAD(t, want, s)
		})
	}
}

// quadratic is the metric (x−r)ᵀA(x−r) with a diagonal A.
type quadratic []float64

func (q quadratic) Metric(reference, image autograd.Value) autograd.Value {
	d := image.Sub(reference).Reshape(image.Type().Dim[0], -1)
	return d.Square().Mul(d.Tape().Const(tensor.Of([]float64(q))).Cast(d.Type().DType)).SumWide(1)
}

// TestMADOfQuadraticMetrics: the optima are generalized eigenvectors.
func TestMADOfQuadraticMetrics(t *testing.T) {
	const size = 6
	a, b := make(quadratic, size*size), make(quadratic, size*size)
	least, most := math.Inf(1), 0.
	for i := range a {
		a[i], b[i] = 1+float64(i*i%7), 1+float64((5*i+3)%11)
		least, most = math.Min(least, b[i]/a[i]), math.Max(most, b[i]/a[i])
	}
	for _, dtype := range []tensor.DType{tensor.Float64, tensor.Float32} {
		x := tensor.New(dtype, 2, 1, size, size)
		for i, v := range tensor.Floats(texture(2*size, size, 0)) {
			x.StoreReal(i, v)
		}
		s := newMAD(t, nil, x, b, a, synth.MADOptions{Penalty: synth.NoPenalty{}})
		r, err := s.Run(context.Background(), synth.Stop{Iterations: 200})
		require.NoError(t, err)
		list, err := s.Outcome()
		require.NoError(t, err)
		require.Len(t, list, 8)
		limit := synth.MatchedDrift
		if dtype == tensor.Float32 {
			limit = synth.MatchedDrift32
		}
		for i, o := range list {
			want := []float64{least, most, 1 / most, 1 / least}[i%4] * o.Level
			require.True(t, o.Matched, "%d: %+v", i, o)
			require.InEpsilon(t, want, o.Driven, 1e-4, i)
			require.LessOrEqual(t, math.Abs(o.Drift), limit)
			require.Equal(t, synth.StopTolerance, r.StoppedBy[i])
			require.Equal(t, o.Level, s.Levels()[i])
			for _, h := range s.History(i) {
				require.InEpsilon(t, o.Level, h.Aside[0], limit)
			}
		}
	}
}

// madPhotograph is a picture with flat parts, edges and saturated pixels.
func madPhotograph(images, h, w int) tensor.Tensor {
	x := tensor.New(tensor.Float64, images, 1, h, w)
	for k := range images {
		for i, v := range tensor.Floats(gratings(h, w)) {
			v += .6 * float64((i/w*5/h+i%w*3/w+k)%2)
			x.StoreReal(k*h*w+i, math.Min(1, v))
		}
	}
	return x
}

// Far from an image that the metric held keeps near, most pixels are at a bound, and
// others come near one in passing: what the bounds leave of a step must lead down.
func TestMADGoesOnAmongBounds(t *testing.T) {
	const searches = 30
	o := synth.MADOptions{Starts: 1}
	for i := range searches {
		o.Each, o.Seeds = append(o.Each, synth.Goal{Max: true, Swapped: true}), append(o.Seeds, uint64(i))
	}
	x := tensor.New(tensor.Float64, searches, 1, 24, 20)
	tensor.Copy(x, madPhotograph(1, 24, 20).Expand(searches, 1, 24, 20))
	s := newMAD(t, nil, x, models.ModelMetric{Model: synth.ModelFunc(gaussian)}, models.MSE{}, o)
	_, err := s.Run(context.Background(), synth.Stop{Iterations: 1000})
	require.NoError(t, err)
	list, err := s.Outcome()
	require.NoError(t, err)
	for i, o := range list {
		require.True(t, o.Matched, "%d: %+v", i, o)
	}
}

func TestMADHoldsAMetricWithinBounds(t *testing.T) {
	for name, metrics := range map[string][2]synth.Metric{
		"dssim, mse": {models.Dissimilarity{Of: models.SSIM{}}, models.MSE{}},
		"model, mse": {models.ModelMetric{Model: synth.ModelFunc(gaussian)}, models.MSE{}}, // at least 1e-5
	} {
		t.Run(name, func(t *testing.T) {
			s := newMAD(t, nil, madPhotograph(1, 24, 20), metrics[0], metrics[1], synth.MADOptions{Goals: []synth.Goal{{Max: true}, {Swapped: true}, {Max: true, Swapped: true}}})
			_, err := s.Run(context.Background(), synth.Stop{Iterations: 1000})
			require.NoError(t, err)
			list, err := s.Outcome()
			require.NoError(t, err)
			for i, o := range list {
				require.LessOrEqual(t, math.Abs(o.Drift), synth.MatchedDrift, i)
				require.Zero(t, o.Clipped)
				require.True(t, o.Matched, "%d: %+v", i, o)
			}
			require.Greater(t, list[0].Driven, list[0].AtStart)
			require.Less(t, list[1].Driven, list[1].AtStart)
			require.Greater(t, list[2].Driven, list[2].AtStart)
			require.Less(t, list[2].Free, 24*20)
		})
	}
}

// TestMADBestOfItsStarts: a result is the best of all that were made.
func TestMADBestOfItsStarts(t *testing.T) {
	s := newMAD(t, nil, madPhotograph(1, 16, 16), models.Dissimilarity{Of: models.SSIM{}}, models.MSE{},
		synth.MADOptions{Starts: 4, Goals: []synth.Goal{{Max: true}}})
	r, err := s.Run(context.Background(), synth.Stop{Iterations: 60})
	require.NoError(t, err)
	list, err := s.Outcome()
	require.NoError(t, err)
	best := math.Inf(-1)
	for k := range 4 {
		best = math.Max(best, -s.Synthesis.Losses(k)[len(s.Synthesis.Losses(k))-1])
	}
	require.InEpsilon(t, best, list[0].Driven, 1e-9)
	require.Equal(t, tensor.MakeType(tensor.Float64, 1, 1, 16, 16), s.Start().Type)
	require.InEpsilon(t, best, -r.Loss[0], 1e-9)
}

// TestMADAtABound: a metric that can be 0 on the level set is done there, though
// its gradient is then rounding.
func TestMADAtABound(t *testing.T) {
	corner := synth.MetricFunc(func(r, x autograd.Value) autograd.Value { // sees a quarter of the image
		return x.Sub(r).Crop(2, 0, 4).Crop(3, 0, 4).Square().SumWide(1, 2, 3)
	})
	s := newMAD(t, nil, madPhotograph(1, 8, 8), corner, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{}}})
	_, err := s.Run(context.Background(), synth.Stop{Iterations: 200})
	require.NoError(t, err)
	x, err := s.Image()
	require.NoError(t, err)
	for i := range 4 { // has a gradient again, though not much of it
		x.StoreReal(i, x.LoadReal(i)+math.Copysign(2e-5, .5-x.LoadReal(i)))
	}
	list, err := s.Judge(x)
	require.NoError(t, err)
	require.True(t, list[0].Matched, "%+v", list[0])
	require.Greater(t, list[0].KKT, synth.MatchedKKT)
	require.LessOrEqual(t, list[0].Gap, synth.MatchedGap)
	require.Zero(t, list[0].Least)
}

// TestMADAtAKink: the least of a quadratic metric with kinks across two directions,
// on a sphere, is at both kinks: where it is the least eigenvalue among what is
// orthogonal to both. No gradient vanishes there, but with some derivatives at kinks.
func TestMADAtAKink(t *testing.T) {
	const size, edge = 64, 8
	w, u := make([]float64, size), [2][]float64{make([]float64, size), make([]float64, size)}
	for i := range w {
		w[i] = 1 + float64((5*i+3)%23)
		u[0][i], u[1][i] = math.Cos(float64(3*i*i+1)), math.Sin(float64(2*i*i))
	}
	kinked := synth.MetricFunc(func(r, x autograd.Value) autograd.Value {
		t, d := x.Tape(), x.Sub(r).Reshape(x.Type().Dim[0], size)
		sum := d.Square().Mul(t.Const(tensor.Of(w))).SumWide(1)
		for _, u := range u {
			sum = sum.Add(d.Mul(t.Const(tensor.Of(u))).SumWide(1).Abs().Scale(3))
		}
		return sum
	})
	s := newMAD(t, nil, gray(edge), kinked, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{}}, Noise: .02}) // far from bounds
	_, err := s.Run(context.Background(), synth.Stop{Iterations: 300})
	require.NoError(t, err)
	list, err := s.Outcome()
	require.NoError(t, err)
	o := list[0]
	require.Greater(t, o.KKT, .1)
	require.LessOrEqual(t, o.Subgradient, synth.MatchedKKT)
	require.True(t, o.Matched, "%+v", o)
	require.InEpsilon(t, leastAcross(w, u[:])*o.Level*size, o.Driven, 1e-5)

	x, err := s.Image()
	require.NoError(t, err)
	for i := range size { // elsewhere on the sphere, away from kinks
		x.StoreReal(i, .5+math.Sqrt(o.Level)*float64(1-2*(i%2)))
	}
	list, err = s.Judge(x)
	require.NoError(t, err)
	require.False(t, list[0].Matched)
	require.InEpsilon(t, list[0].KKT, list[0].Subgradient, 1e-9, "no derivative at a kink helps")
}

// gray returns an image of .5.
func gray(edge int) tensor.Tensor {
	x := tensor.New(tensor.Float64, 1, 1, edge, edge)
	for i := range x.Len() {
		x.StoreReal(i, .5)
	}
	return x
}

// TestMADAtManyKinks: of the images at one distance, the sum of amplitudes is least
// where one pixel alone differs, all others being at kinks.
func TestMADAtManyKinks(t *testing.T) {
	const edge = 8
	sum := synth.MetricFunc(func(r, x autograd.Value) autograd.Value { return x.Sub(r).Abs().SumWide(1, 2, 3) })
	s := newMAD(t, nil, gray(edge), sum, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{}}, Noise: .02})
	_, err := s.Run(context.Background(), synth.Stop{})
	require.NoError(t, err)
	list, err := s.Outcome()
	require.NoError(t, err)
	o := list[0]
	require.True(t, o.Matched, "%+v", o)
	require.Greater(t, o.KKT, synth.MatchedKKT)
	require.InEpsilon(t, math.Sqrt(o.Level*edge*edge), o.Driven, 1e-6)

	x, err := s.Image()
	require.NoError(t, err)
	for i := range 3 { // three amplitudes of more than KinkRadius are no longer at kinks
		x.StoreReal(i, x.LoadReal(i)+1e-5)
	}
	list, err = s.Judge(x)
	require.NoError(t, err)
	require.Greater(t, list[0].Subgradient, synth.MatchedKKT)
	require.False(t, list[0].Matched)
}

// TestMADTakesNoKinkTooSoon: on which sides of their kinks thousands of amplitudes lie is
// settled only when the smooth problem all but is.
func TestMADTakesNoKinkTooSoon(t *testing.T) {
	s := newMAD(t, nil, madPhotograph(1, 48, 48), models.NLPD{}, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{}}, Starts: 1, Seed: 2})
	_, err := s.Run(context.Background(), synth.Stop{Iterations: 3000})
	require.NoError(t, err)
	list, err := s.Outcome()
	require.NoError(t, err)
	require.True(t, list[0].Matched, "%+v", list[0])
}

// TestMADFarFromKinks: where two pixels differ and others lie at kinks, the best
// derivatives cancel all of the gradient but what the two leave, however far that is
// from an optimum.
func TestMADFarFromKinks(t *testing.T) {
	const edge = 8
	slopes := tensor.New(tensor.Float64, 1, 1, edge, edge)
	for i := range slopes.Len() {
		slopes.StoreReal(i, .9*math.Cos(float64(i*i)))
	}
	sum := synth.MetricFunc(func(r, x autograd.Value) autograd.Value {
		d := x.Sub(r)
		return d.Abs().Add(d.Mul(x.Tape().Const(slopes))).SumWide(1, 2, 3)
	})
	s := newMAD(t, nil, gray(edge), sum, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{}}, Noise: .02})
	_, err := s.Run(context.Background(), synth.Stop{Iterations: 1})
	require.NoError(t, err)
	list, err := s.Outcome()
	require.NoError(t, err)
	x := gray(edge)
	a := [2]float64{3, 1} // at the distance that is held
	for i := range a {
		a[i] *= math.Sqrt(list[0].Level * edge * edge / 10)
		x.StoreReal(i, .5+a[i])
	}
	list, err = s.Judge(x)
	require.NoError(t, err)
	g := [2]float64{1 + slopes.LoadReal(0), 1 + slopes.LoadReal(1)}
	left := math.Abs(g[0]*a[1]-g[1]*a[0]) / (math.Hypot(a[0], a[1]) * math.Hypot(g[0], g[1]))
	require.InEpsilon(t, left, list[0].Subgradient, .03)
	require.Greater(t, list[0].KKT, 2*left)
}

// TestMADOfTheLargest: of the images at one distance, the largest weighted amplitude is
// least where all are equal, and the mean square of those with one largest amplitude
// is least where all but one are 0.
func TestMADOfTheLargest(t *testing.T) {
	const edge = 6
	w := make([]float64, edge*edge)
	inverse := 0.
	for i := range w {
		w[i] = 1 + float64(i*5%11)/10
		inverse += 1 / (w[i] * w[i])
	}
	most := synth.MetricFunc(func(r, x autograd.Value) autograd.Value {
		d := x.Sub(r).Reshape(x.Type().Dim[0], len(w)).Abs()
		return d.Mul(x.Tape().Const(tensor.Of(w))).ReduceMax(1).Cast(tensor.Float64)
	})
	s := newMAD(t, nil, gray(edge), most, models.MSE{}, synth.MADOptions{Goals: []synth.Goal{{}, {Swapped: true}}, Noise: .02})
	_, err := s.Run(context.Background(), synth.Stop{})
	require.NoError(t, err)
	list, err := s.Outcome()
	require.NoError(t, err)
	for i := range list {
		require.True(t, list[i].Matched, "%+v", list[i])
	}
	require.InEpsilon(t, math.Sqrt(list[0].Level*edge*edge/inverse), list[0].Driven, 1e-5)
	least := false // at the level of the largest, one pixel of any weight
	for _, w := range w {
		square := list[1].Level * list[1].Level / (w * w) / (edge * edge)
		least = least || math.Abs(list[1].Driven/square-1) < 1e-4
	}
	require.True(t, least, "%+v", list[1])
}

// TestMADWithKinksIsHeldWhenInterrupted: what a search holds without kinks is on the
// level with them as soon as anyone looks.
func TestMADWithKinksIsHeldWhenInterrupted(t *testing.T) {
	sum := synth.MetricFunc(func(r, x autograd.Value) autograd.Value { return x.Sub(r).Abs().SumWide(1, 2, 3) })
	s := newMAD(t, nil, texture(8, 8, 0), models.MSE{}, sum, synth.MADOptions{Goals: []synth.Goal{{Max: true}}})
	_, err := s.Run(context.Background(), synth.Stop{Iterations: 2})
	require.NoError(t, err)
	require.Greater(t, math.Abs(s.History(0)[2].Aside[0]/s.Levels()[0]-1), 1e-3)
	list, err := s.Outcome()
	require.NoError(t, err)
	require.LessOrEqual(t, math.Abs(list[0].Drift), synth.MatchedDrift)
}

// leastAcross returns the least eigenvalue of the diagonal w among vectors that are
// orthogonal to all of u: of w + 1e6·Σuuᵀ.
func leastAcross(w []float64, u [][]float64) float64 {
	a := mat.NewSymDense(len(w), nil)
	for i := range w {
		for j := range i + 1 {
			sum := 0.
			for _, u := range u {
				sum += 1e6 * u[i] * u[j]
			}
			if i == j {
				sum += w[i]
			}
			a.SetSym(i, j, sum)
		}
	}
	var e mat.EigenSym
	e.Factorize(a, false)
	return e.Values(nil)[0]
}

// TestMADBatchIsAlone: an image of a batch becomes what it becomes alone.
func TestMADBatchIsAlone(t *testing.T) {
	o := synth.MADOptions{Seed: 7, Goals: []synth.Goal{{}, {Swapped: true, Max: true}}}
	x := madPhotograph(2, 16, 16)
	for i := range 16 * 16 { // so that its search takes other steps
		x.StoreReal(i, .4+.05*x.LoadReal(i))
	}
	run := func(x tensor.Tensor, o synth.MADOptions) []float64 {
		s := newMAD(t, nil, x, models.Dissimilarity{Of: models.SSIM{}}, models.MSE{}, o)
		_, err := s.Run(context.Background(), synth.Stop{Iterations: 8})
		require.NoError(t, err)
		y, err := s.Image()
		require.NoError(t, err)
		return tensor.Floats(y)
	}
	both := run(x, o)
	o.Seed++
	second := tensor.Contiguous(x.Crop(0, 1, 2, 1))
	require.Equal(t, both[2*256:], run(second, o))
	same := tensor.New(tensor.Float64, 2, 1, 16, 16)
	tensor.Copy(same, second.Expand(2, 1, 16, 16))
	require.Equal(t, both[2*256:], run(same, synth.MADOptions{Each: o.Goals, Seeds: []uint64{8, 8}}), "of two goals")
}

func TestMADResumes(t *testing.T) {
	for name, o := range map[string]synth.MADOptions{
		"constrained": {},
		"automatic":   {Tradeoff: synth.Automatic, Optimizer: optim.Adam{}},
		"weighted":    {Tradeoff: synth.Weighted, Lambda: 10, StoreEvery: 3},
	} {
		t.Run(name, func(t *testing.T) {
			o.Goals = []synth.Goal{{}, {Max: true}}
			make := func() *synth.MAD {
				return newMAD(t, nil, madPhotograph(1, 16, 16), models.Dissimilarity{Of: models.SSIM{}}, models.MSE{}, o)
			}
			a := make()
			_, err := a.Run(context.Background(), synth.Stop{Iterations: 5})
			require.NoError(t, err)
			var first, second bytes.Buffer
			require.NoError(t, a.Save(&first, 0))
			require.NoError(t, a.Save(&second, 1))
			b := make()
			require.NoError(t, b.Load(&first, &second))
			require.NoError(t, b.To(&optest.Device{}))
			require.NoError(t, b.To(nil))
			for _, s := range []*synth.MAD{a, b} {
				_, err = s.Run(context.Background(), synth.Stop{Iterations: 11})
				require.NoError(t, err)
			}
			x, err := a.Image()
			require.NoError(t, err)
			y, err := b.Image()
			require.NoError(t, err)
			require.Equal(t, tensor.Floats(x), tensor.Floats(y))
			for i := range 2 {
				require.Equal(t, a.Losses(i), b.Losses(i))
				require.Equal(t, len(a.Frames(i)), len(b.Frames(i)))
			}
		})
	}
}

func TestMADGoesOnOnADevice(t *testing.T) {
	s := newMAD(t, &optest.Device{}, madPhotograph(1, 12, 12), models.Dissimilarity{Of: models.SSIM{}}, models.MSE{},
		synth.MADOptions{Goals: []synth.Goal{{Max: true}}})
	_, err := s.Run(context.Background(), synth.Stop{Iterations: 40})
	require.NoError(t, err)
	list, err := s.Outcome()
	require.NoError(t, err)
	require.LessOrEqual(t, math.Abs(list[0].Drift), synth.MatchedDrift)
	require.Greater(t, list[0].Driven, 1.5*list[0].AtStart)
}

func TestGoalNames(t *testing.T) {
	var names []string
	for _, g := range synth.AllGoals() {
		names = append(names, g.Name("dssim", "mse"))
	}
	require.Equal(t, []string{"min-dssim-fix-mse", "max-dssim-fix-mse", "min-mse-fix-dssim", "max-mse-fix-dssim"}, names)
}

func TestMADRefuses(t *testing.T) {
	x := madPhotograph(1, 16, 16)
	metric := func(f func(d autograd.Value) autograd.Value) synth.Metric {
		return synth.MetricFunc(func(r, x autograd.Value) autograd.Value { return f(x.Sub(r).Reshape(x.Type().Dim[0], -1)) })
	}
	mse := models.MSE{}
	for want, c := range map[string]struct {
		optimized, reference synth.Metric
		o                    synth.MADOptions
	}{
		"dssim in place of ssim": {models.SSIM{}, mse, synth.MADOptions{}},
		"dms-ssim in place of":   {mse, models.MSSSIM{}, synth.MADOptions{}},
		"is negative":            {metric(func(d autograd.Value) autograd.Value { return d.Square().MeanWide(1).AddScalar(-1) }), mse, synth.MADOptions{}},
		"not negative":           {metric(func(d autograd.Value) autograd.Value { return d.Square().MeanWide(1).Neg() }), mse, synth.MADOptions{}},
		"least for identical":    {mse, metric(func(d autograd.Value) autograd.Value { return d.Square().MeanWide(1).Neg().AddScalar(1) }), synth.MADOptions{}},
		"no gradient":            {mse, metric(func(d autograd.Value) autograd.Value { return d.Abs().Sign().MeanWide(1).Square() }), synth.MADOptions{}},
		"one number for each":    {mse, metric(func(d autograd.Value) autograd.Value { return d.Square() }), synth.MADOptions{}},
		"mixes images": {mse, metric(func(d autograd.Value) autograd.Value {
			return d.Square().Add(d.Square().MeanKeep(0)).MeanWide(1)
		}), synth.MADOptions{}},
		"is the image itself":     {mse, mse, synth.MADOptions{Init: x}},
		"positive numbers":        {mse, mse, synth.MADOptions{Noise: -1}},
		"optimizer of its own":    {mse, mse, synth.MADOptions{Optimizer: optim.Adam{}}},
		"no rate for a scheduler": {mse, mse, synth.MADOptions{Scheduler: optim.StepDecay{Size: 3}}},
		"a positive number":       {mse, mse, synth.MADOptions{Tradeoff: synth.Weighted}},
		"the reference has one":   {mse, mse, synth.MADOptions{Reference: true, Starts: 2}},
		"one of each, or none":    {mse, mse, synth.MADOptions{Each: synth.AllGoals()}},
		"the images' type":        {mse, mse, synth.MADOptions{Init: madPhotograph(1, 16, 17)}},
		"guard the argument of its": {mse, metric(func(d autograd.Value) autograd.Value {
			return d.Clamp(-1e-9, 1e-9).Scale(0).Sqrt().MeanWide(1).Add(d.Square().MeanWide(1))
		}), synth.MADOptions{}},
	} {
		_, err := synth.NewMAD(nil, x, c.optimized, c.reference, c.o)
		if want == "is negative" {
			want = "a distance is expected, which is not negative"
		}
		require.ErrorContains(t, err, want, want)
	}
	_, err := synth.NewMAD(nil, tensor.New(tensor.Complex64, 1, 1, 4, 4), mse, mse, synth.MADOptions{})
	require.ErrorContains(t, err, "real images")
	flat := tensor.New(tensor.Float64, 1, 1, 16, 16)
	flat.StoreReal(3, math.NaN())
	_, err = synth.NewMAD(nil, flat, mse, mse, synth.MADOptions{})
	require.ErrorContains(t, err, "finite values")
}
