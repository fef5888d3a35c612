package synth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// phaseGratings is the reference's test image S(h, w, phase), (1, 1, h, w).
func phaseGratings(h, w int, phase float64) tensor.Tensor {
	v := make([]float64, 0, h*w)
	for i := range h {
		for j := range w {
			y, x := 2*math.Pi*float64(i)/float64(h), 2*math.Pi*float64(j)/float64(w)
			v = append(v, .5+.2*math.Sin(3*y+2*x+phase)+.15*math.Cos(5*x)+.1*math.Sin(7*y-4*x+2*phase))
		}
	}
	return tensor.Of(v, 1, 1, h, w)
}

func newGeodesic(t *testing.T, a, b tensor.Tensor, m synth.Model, o synth.GeodesicOptions) *synth.Geodesic {
	t.Helper()
	s, err := synth.NewGeodesic(nil, a, b, m, o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func runGeodesic(t *testing.T, s *synth.Geodesic, stop synth.Stop) synth.Result {
	t.Helper()
	r, err := s.Run(context.Background(), stop)
	require.NoError(t, err)
	return r
}

func pathOf(t *testing.T, s *synth.Geodesic) tensor.Tensor {
	t.Helper()
	x, err := s.Paths()
	require.NoError(t, err)
	return x
}

// TestGeodesicIsTheReferences follows the reference's code, version 1.1.
func TestGeodesicIsTheReferences(t *testing.T) {
	var want struct {
		Straight summary                         `json:"straight_5"`
		Line     struct{ Along, From []float64 } `json:"dev_straight"`
		Absolute struct{ Along, From []float64 } `json:"dev_straight_unnorm"`
		Jerk0    []float64
		Geodesic struct {
			Losses, Grad, Pix []float64
			Final             summary
			First             []float64    `json:"step_energy0"`
			Last              []float64    `json:"step_energy_last"`
			Dev0              [][2]float64 `json:"dev0"`
			Jerk              []float64
			Stop              float64 `json:"default_stop"`
		}
	}
	b, err := os.ReadFile("testdata/geodesic.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &want))
	m, err := models.NewOnOff(models.FrontEndOptions{})
	require.NoError(t, err)
	s := newGeodesic(t, phaseGratings(32, 32, 0), phaseGratings(32, 32, .9), m, synth.GeodesicOptions{Method: synth.Energy, Steps: 5, StoreEvery: 1})
	line := pathOf(t, s)
	requireSummary(t, want.Straight, line, 1e-13)
	before, err := s.Measure(line)
	require.NoError(t, err)
	near(t, want.Geodesic.First, before[0].StepEnergy, 1e-10, "step energy")
	near(t, want.Jerk0, before[0].Jerkiness, 1e-10, "jerkiness")
	near(t, want.Line.Along, before[0].Along, 1e-10, "along")
	near(t, want.Line.From, before[0].From, 1e-10, "from")
	r := runGeodesic(t, s, synth.Stop{Iterations: 10})
	require.Equal(t, []synth.StopReason{synth.StopIterations}, r.StoppedBy)
	var losses, gradient, change []float64
	for _, r := range s.History(0) {
		losses, gradient, change = append(losses, r.Loss), append(gradient, r.GradientNorm), append(change, r.PixelChange)
		require.InDelta(t, r.Loss, r.Aside[0]+.1*r.Penalty, 1e-15)
	}
	require.Len(t, losses, 11)
	near(t, want.Geodesic.Losses, losses, 1e-10, "loss")
	near(t, want.Geodesic.Grad, gradient, 1e-10, "gradient norm")
	near(t, want.Geodesic.Pix, change, 1e-10, "pixel change")
	last := pathOf(t, s)
	requireSummary(t, want.Geodesic.Final, last, 1e-10)
	after, err := s.Measure(last)
	require.NoError(t, err)
	near(t, want.Geodesic.Jerk, after[0].Jerkiness, 1e-10, "jerkiness")
	eighth, _ := s.Frames(0)[8].Image.Reshape(1, 6, 1, 32, 32) // the reference's last stored energies are of this path
	then, err := s.Measure(eighth)
	require.NoError(t, err)
	near(t, want.Geodesic.Last, then[0].StepEnergy, 1e-10, "step energy")
}

// requireSummary compares x with what is known of an array of the reference.
func requireSummary(t *testing.T, want summary, x tensor.Tensor, tol float64) {
	t.Helper()
	v := tensor.Floats(x)
	sum, sq, n := 0., 0., float64(len(v))
	for _, p := range v {
		sum, sq = sum+p, sq+p*p
	}
	rms := math.Sqrt(want.SumSq / n)
	require.InDelta(t, want.SumSq/n, sq/n, tol*rms*rms)
	require.InDelta(t, want.Sum/n, sum/n, tol*rms)
	for i, j := range want.Idx {
		require.InDelta(t, want.At[i], v[j], tol*math.Max(rms, math.Abs(want.At[i])), "[%d]", j)
	}
}

// polar is the model of two pixels (x, y): radius and, if asked for, scaled angle.
func polar(angle float64) synth.Model {
	return synth.ModelFunc(func(p autograd.Value) autograd.Value {
		n := p.Type().Dim[0]
		v := p.Reshape(n, 2)
		x, y := v.Crop(1, 0, 1), v.Crop(1, 1, 2)
		r := x.Square().Add(y.Square()).Sqrt()
		if angle == 0 {
			return r
		}
		return autograd.Concat(1, r, autograd.Atan2(y, x).Scale(angle))
	})
}

func point(r, angle float64) tensor.Tensor {
	return tensor.Of([]float64{r * math.Cos(angle), r * math.Sin(angle)}, 1, 1, 1, 2)
}

func polarOf(p []float64) (r, angle float64) { return math.Hypot(p[0], p[1]), math.Atan2(p[1], p[0]) }

// TestPolarGeodesics: where radius and angle are represented, a geodesic is a
// spiral, the same for every start. Where only the radius is, the representational
// geodesics are all paths of even radii, and the conditional one of them is the
// shortest in the plane: all triangles between the origin and two frames have the
// same area, so that an arc is divided evenly.
func TestPolarGeodesics(t *testing.T) {
	const steps = 8
	options := synth.GeodesicOptions{Steps: steps, Starts: 3, BridgeNorm: .2, Penalty: synth.NoPenalty{}}
	s := newGeodesic(t, point(.4, .2), point(.9, 1.9), polar(.7), options)
	r := runGeodesic(t, s, synth.Stop{})
	require.Equal(t, synth.StopTolerance, r.StoppedBy[0])
	out, err := s.Outcome()
	require.NoError(t, err)
	require.True(t, out[0].Good, "%+v", out[0])
	require.InDelta(t, 1, out[0].Bound, 1e-4, "the straight line can be followed")
	require.Less(t, out[0].Energy, .8*out[0].Pixelfade.Energy)
	path := tensor.Floats(pathOf(t, s))
	for i := range 3 * (steps + 1) {
		radius, angle := polarOf(path[2*i:])
		f := float64(i%(steps+1)) / steps
		require.InDelta(t, .4+.5*f, radius, 2e-3)
		require.InDelta(t, .2+1.7*f, angle, 2e-3)
	}
	for name, end := range map[string]float64{"an arc": .4, "from circle to circle": .9} {
		s := newGeodesic(t, point(.4, .2), point(end, 1.9), polar(0), options)
		runGeodesic(t, s, synth.Stop{})
		out, err := s.Outcome()
		require.NoError(t, err)
		require.True(t, out[0].Good, "%s: %+v", name, out[0])
		path := tensor.Floats(pathOf(t, s))[out[0].Start*(steps+1)*2:]
		area := func(i int) float64 { return path[2*i]*path[2*i+3] - path[2*i+1]*path[2*i+2] }
		for i := range steps {
			radius, _ := polarOf(path[2*i:])
			require.InDelta(t, .4+(end-.4)*float64(i)/steps, radius, 2e-3, name)
			require.InEpsilon(t, area(0), area(i), 5e-3, "%s: triangle %d", name, i)
		}
	}
}

// TestTranslationIsTheGeodesicOfAmplitudes: the Fourier amplitudes of an image do
// not change when it moves. All paths that keep them are geodesics, and the
// shortest among those in the image domain turns every phase evenly, which for
// frequencies that turn by less than half a circle is a translation.
func TestTranslationIsTheGeodesicOfAmplitudes(t *testing.T) {
	const n, shift, steps = 16, 3, 6
	moved := func(by float64) tensor.Tensor {
		v := make([]float64, 0, n*n)
		for i := range n {
			for j := range n {
				y, x := 2*math.Pi*float64(i)/n, 2*math.Pi*(float64(j)-by)/n
				v = append(v, .5+.15*math.Cos(x+y)+.1*math.Sin(2*x)+.1*math.Sin(x-2*y)+.05*math.Cos(2*x+3*y))
			}
		}
		return tensor.Of(v, 1, 1, n, n)
	}
	amplitudes := synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.FFT(autograd.Backward, -2, -1).Abs() })
	s := newGeodesic(t, moved(0), moved(shift), amplitudes, synth.GeodesicOptions{Steps: steps, Starts: 1})
	runGeodesic(t, s, synth.Stop{})
	out, err := s.Outcome()
	require.NoError(t, err)
	require.True(t, out[0].Good, "%+v", out[0])
	require.Less(t, out[0].Energy, 1e-6*out[0].Pixelfade.Energy)
	path := pathOf(t, s)
	off := 0.
	for i := range steps + 1 {
		want := tensor.Floats(moved(shift * float64(i) / steps))
		for p, v := range tensor.Floats(path)[i*n*n : (i+1)*n*n] {
			off = math.Max(off, math.Abs(v-want[p]))
		}
	}
	require.Less(t, off, 2e-3)
	fade, err := synth.StraightLine(moved(0), moved(shift), steps)
	require.NoError(t, err)
	middle := tensor.Floats(fade)[steps/2*n*n:]
	require.Greater(t, math.Abs(middle[0]-tensor.Floats(moved(shift / 2.))[0]), .02, "the pixel fade is none")
}

// blur is a model that a path can hide from: a blurred image and its local energy.
func blur(x autograd.Value) autograd.Value {
	y := gaussian(x)
	return autograd.Concat(1, y, y.Square().Scale(2))
}

var geodesicMethods = map[string]synth.GeodesicOptions{
	"conditional": {Steps: 4, Starts: 2, StoreEvery: 2}, "energy": {Method: synth.Energy, Steps: 4, Starts: 2, StoreEvery: 2},
}

func pairs(n int) (a, b tensor.Tensor) {
	a, b = tensor.New(tensor.Float64, n, 1, 12, 12), tensor.New(tensor.Float64, n, 1, 12, 12)
	for k := range n {
		tensor.Copy(a.Crop(0, k, k+1, 1), texture(12, 12, k))
		tensor.Copy(b.Crop(0, k, k+1, 1), texture(12, 12, k+4))
	}
	return a, b
}

func requireSameGeodesic(t *testing.T, want, got *synth.Geodesic, n int, what string) {
	t.Helper()
	require.Equal(t, tensor.Floats(pathOf(t, want)), tensor.Floats(pathOf(t, got)), what)
	for k := range n {
		w, g := want.History(k), got.History(k)
		require.Len(t, g, len(w), what)
		for i := range w {
			w[i].Seconds, g[i].Seconds, w[i].PixelChange, g[i].PixelChange = 0, 0, finite(w[i].PixelChange), finite(g[i].PixelChange)
			require.Equal(t, w[i], g[i], "%s, problem %d, row %d", what, k, i)
		}
		require.Equal(t, len(want.Frames(k)), len(got.Frames(k)), what)
	}
}

func finite(x float64) float64 {
	if math.IsNaN(x) {
		return -1
	}
	return x
}

// TestGeodesicsResume interrupts after some evaluations, in the middle of systems
// of equations too, and continues from the checkpoint in a new search.
func TestGeodesicsResume(t *testing.T) {
	a, b := pairs(2)
	for name, o := range geodesicMethods {
		t.Run(name, func(t *testing.T) {
			whole := newGeodesic(t, a, b, synth.ModelFunc(blur), o)
			runGeodesic(t, whole, synth.Stop{Iterations: 6})
			require.NotEqual(t, whole.History(0)[6].Loss, whole.History(1)[6].Loss)
			for evaluations := 1; evaluations <= 90; evaluations += 11 {
				first := newGeodesic(t, a, b, synth.ModelFunc(blur), o)
				runGeodesic(t, first, synth.Stop{Iterations: 6, Evaluations: evaluations})
				var file bytes.Buffer
				require.NoError(t, first.Save(&file))
				second := newGeodesic(t, a, b, synth.ModelFunc(blur), o)
				require.NoError(t, second.Load(&file))
				require.Equal(t, tensor.Floats(pathOf(t, first)), tensor.Floats(pathOf(t, second)))
				runGeodesic(t, second, synth.Stop{Iterations: 6})
				requireSameGeodesic(t, whole, second, 4, fmt.Sprintf("after %d evaluations", evaluations))
			}
		})
	}
}

func TestGeodesicsMove(t *testing.T) {
	a, b := pairs(1)
	for name, o := range geodesicMethods {
		s, stays := newGeodesic(t, a, b, synth.ModelFunc(blur), o), newGeodesic(t, a, b, synth.ModelFunc(blur), o)
		runGeodesic(t, s, synth.Stop{Iterations: 2})
		require.NoError(t, s.To(&optest.Device{}))
		require.NoError(t, s.To(autograd.CPU{Threads: 1}))
		runGeodesic(t, s, synth.Stop{Iterations: 4})
		runGeodesic(t, stays, synth.Stop{Iterations: 4})
		requireSameGeodesic(t, stays, s, 2, name)
		require.NoError(t, s.To(&optest.Device{}))
		require.NoError(t, s.Step())
		require.NoError(t, stays.Step())
		near(t, tensor.Floats(pathOf(t, stays)), tensor.Floats(pathOf(t, s)), 1e-3, "a step on another device: its systems end elsewhere")
		_, err := s.Outcome()
		require.NoError(t, err)
	}
}

// TestPairsOfABatchAreIndependent compares each pair with itself alone.
func TestPairsOfABatchAreIndependent(t *testing.T) {
	a, b := pairs(2)
	for name, o := range geodesicMethods {
		all := newGeodesic(t, a, b, synth.ModelFunc(blur), o)
		runGeodesic(t, all, synth.Stop{Iterations: 8})
		size := 2 * 5 * 144
		for k := range 2 {
			one := newGeodesic(t, tensor.Contiguous(a.Crop(0, k, k+1, 1)), tensor.Contiguous(b.Crop(0, k, k+1, 1)), synth.ModelFunc(blur), o)
			runGeodesic(t, one, synth.Stop{Iterations: 8})
			require.Equal(t, tensor.Floats(pathOf(t, one)), tensor.Floats(pathOf(t, all))[k*size:(k+1)*size], "%s: pair %d", name, k)
		}
	}
}

// TestConditionalHistory: once the path energy is at its least, it stays within a
// thousandth of it while the image energy falls.
func TestConditionalHistory(t *testing.T) {
	a, b := pairs(1)
	s := newGeodesic(t, a, b, synth.ModelFunc(blur), synth.GeodesicOptions{Steps: 4, Starts: 1})
	r := runGeodesic(t, s, synth.Stop{})
	require.Equal(t, synth.StopTolerance, r.StoppedBy[0])
	h := s.History(0)
	least := 0
	for i, row := range h {
		if row.Loss < h[least].Loss {
			least = i
		}
	}
	require.Greater(t, len(h), least+1, "there are steps in the image domain")
	for i := least + 1; i < len(h); i++ {
		require.LessOrEqual(t, h[i].Aside[0], 1.001*h[least].Aside[0])
		require.Less(t, h[i].Aside[1], h[i-1].Aside[1])
	}
	require.Less(t, h[len(h)-1].Aside[1], .99*h[least].Aside[1])
}

// TestGeodesicsTellOfTheirProgress: what is kept and asked for are whole paths.
func TestGeodesicsTellOfTheirProgress(t *testing.T) {
	a, b := pairs(1)
	s := newGeodesic(t, a, b, synth.ModelFunc(blur), synth.GeodesicOptions{Method: synth.Energy, Steps: 3, StoreEvery: 2})
	start, _, err := s.Objective(pathOf(t, s))
	require.NoError(t, err)
	runGeodesic(t, s, synth.Stop{Iterations: 4})
	h := s.History(0)
	require.InDelta(t, h[0].Loss, start[0], 1e-12)
	now, penalty, err := s.Objective(pathOf(t, s))
	require.NoError(t, err)
	require.InDelta(t, h[4].Loss, now[0], 1e-12)
	require.InDelta(t, h[4].Penalty, penalty[0], 1e-12)
	first, err := s.Progress(0, 0, synth.Nearest)
	require.NoError(t, err)
	require.Equal(t, tensor.Floats(s.Frames(0)[0].Image), tensor.Floats(first.Frame.Image))
	last, err := s.Progress(0, -1, synth.Nearest)
	require.NoError(t, err)
	require.Equal(t, tensor.Floats(pathOf(t, s)), tensor.Floats(last.Frame.Image))
	require.Equal(t, h[4].Loss, last.Loss)
	_, _, err = s.Objective(a)
	require.ErrorContains(t, err, "expected")
}

// TestEnergyStopsAsTheReference: when all of the last Window changes are small.
func TestEnergyStopsAsTheReference(t *testing.T) {
	a, b := pairs(1)
	s := newGeodesic(t, a, b, synth.ModelFunc(blur), synth.GeodesicOptions{Method: synth.Energy, Steps: 3, Window: 4, Tolerance: new(.008)})
	r := runGeodesic(t, s, synth.Stop{})
	require.Equal(t, synth.StopTolerance, r.StoppedBy[0])
	h := s.History(0)
	h = h[:len(h)-1]
	require.Greater(t, len(h), 4)
	for i, r := range h {
		if i >= len(h)-4 {
			require.Less(t, r.PixelChange, .008)
		}
	}
	still := 0
	for _, r := range h[:len(h)-1] {
		if still++; r.PixelChange >= .008 {
			still = 0
		}
		require.Less(t, still, 4, "it would have stopped before")
	}
}

func TestUselessPairsAreRefused(t *testing.T) {
	a, b := pairs(1)
	whole := synth.ModelFunc(blur)
	hole := texture(12, 12, 2)
	hole.StoreReal(7, math.Inf(1))
	steps := synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Scale(4).Step().Add(x.Scale(3).Step()) })
	fixed := synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Scale(0) })
	mixing := synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Sub(x.MeanKeep(0)) })
	for reads, c := range map[string]struct {
		a, b tensor.Tensor
		m    synth.Model
		o    synth.GeodesicOptions
	}{
		"are equal: the geodesic is that image":   {a, a, whole, synth.GeodesicOptions{}},
		"give at least 2 steps":                   {a, b, whole, synth.GeodesicOptions{Steps: 1}},
		"give both one size and type":             {a, texture(12, 10, 1), whole, synth.GeodesicOptions{}},
		"element 7 of an image of pair 0":         {a, hole, whole, synth.GeodesicOptions{}},
		"the gradient of the model's output is 0": {a, b, steps, synth.GeodesicOptions{}},
		"does not tell these images apart":        {a, b, fixed, synth.GeodesicOptions{}},
		"mixes images":                            {a, b, mixing, synth.GeodesicOptions{}},
		"there is no geodesic \"shortest\"":       {a, b, whole, synth.GeodesicOptions{Method: "shortest"}},
		"an optimizer is only for Energy":         {a, b, whole, synth.GeodesicOptions{Optimizer: optim.Adam{}}},
		"does not lead from the first image":      {a, b, whole, synth.GeodesicOptions{Steps: 2, Paths: tensor.New(tensor.Float64, 1, 3, 1, 12, 12)}},
	} {
		_, err := synth.NewGeodesic(nil, c.a, c.b, c.m, c.o)
		require.ErrorContains(t, err, reads)
	}
}

// TestPairsThatRoundingTellsApart: a model of changes from pixel to pixel sees no
// mean; what it makes of flat images is rounding.
func TestPairsThatRoundingTellsApart(t *testing.T) {
	changes := func(x autograd.Value) autograd.Value {
		return x.Scale(1 / 3.).Add(x.Roll([]int{1}, 3).Scale(1 / 3.)).Add(x.Roll([]int{2}, 3).Scale(1 / 3.)).Sub(x)
	}
	for _, d := range []tensor.DType{tensor.Float64, tensor.Float32} {
		var ends [3]tensor.Tensor
		for i := range ends {
			ends[i] = tensor.New(d, 1, 1, 12, 12)
			for k := range 144 {
				ends[i].StoreReal(k, .1+.3*float64(i))
			}
		}
		surround, err := models.NewCenterSurround(models.CenterSurroundOptions{Kernel: [2]int{7, 7}})
		require.NoError(t, err)
		for _, m := range []synth.Model{synth.ModelFunc(changes), surround} {
			_, err := synth.NewGeodesic(nil, ends[0], ends[1], m, synth.GeodesicOptions{})
			require.ErrorContains(t, err, "but for rounding, the model's output is the same")
		}
		ends[2].StoreReal(5, .71) // is seen
		s, err := synth.NewGeodesic(nil, ends[0], ends[2], synth.ModelFunc(changes), synth.GeodesicOptions{})
		require.NoError(t, err)
		s.Close()
	}
}

// TestShortestPathOfPixels: a model that sees all finds the straight line.
func TestShortestPathOfPixels(t *testing.T) {
	a, b := pairs(1)
	see := synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Scale(2) })
	for _, d := range []tensor.DType{tensor.Float64, tensor.Float32} {
		x, y := tensor.New(d, 1, 1, 12, 12), tensor.New(d, 1, 1, 12, 12)
		tensor.Copy(x, a)
		tensor.Copy(y, b)
		s := newGeodesic(t, x, y, see, synth.GeodesicOptions{Steps: 3, Starts: 2})
		r := runGeodesic(t, s, synth.Stop{})
		require.Equal(t, []synth.StopReason{synth.StopTolerance, synth.StopTolerance}, r.StoppedBy)
		out, err := s.Outcome()
		require.NoError(t, err)
		require.True(t, out[0].Good)
		require.InDelta(t, 1, out[0].Bound, 1e-5)
		path := tensor.Floats(pathOf(t, s))
		line, err := synth.StraightLine(row(x), row(y), 3)
		require.NoError(t, err)
		near(t, tensor.Floats(line), path[:4*144], 1e-4, "straight start")
		near(t, tensor.Floats(line), path[4*144:], 5e-3, "bridge")
	}
}

func row(x tensor.Tensor) tensor.Tensor {
	y, _ := x.Reshape(x.Shape()[1:]...)
	return y
}

func TestPathHelpers(t *testing.T) {
	a, b := row(texture(6, 5, 0)), row(texture(6, 5, 3))
	bridge, err := synth.BrownianBridge(a, b, 4, 1, 3)
	require.NoError(t, err)
	v := tensor.Floats(bridge)
	near(t, tensor.Floats(a), v[:30], 1e-15, "begin")
	near(t, tensor.Floats(b), v[4*30:], 1e-14, "end")
	// A bridge of n steps leaves the line by σ²i(n−i)/n at step i.
	sum := 0.
	for seed := range uint64(200) {
		bridge, err = synth.BrownianBridge(a, b, 4, 1, seed)
		require.NoError(t, err)
		line, _ := synth.StraightLine(a, b, 4)
		for p, w := range tensor.Floats(bridge)[2*30 : 3*30] {
			d := w - tensor.Floats(line)[2*30+p]
			sum += d * d / 200
		}
	}
	require.InEpsilon(t, 4*1./4*2*2/4, sum, .05)
	straight, _ := synth.StraightLine(a, b, 4)
	along, from, err := synth.DeviationFromLine(straight, false)
	require.NoError(t, err)
	near(t, []float64{0, .25, .5, .75, 1}, along, 1e-14, "along")
	for _, d := range from {
		require.Less(t, d, 1e-15)
	}
	_, _, err = synth.DeviationFromLine(tensor.Contiguous(straight.Crop(0, 0, 1, 1)), false)
	require.ErrorContains(t, err, "two frames")
	moving, err := synth.TranslationSequence(a, 7)
	require.NoError(t, err)
	for s := range 8 {
		for p := range 30 {
			require.Equal(t, a.LoadReal(p/5*5+(p%5-s+10)%5), moving.LoadReal(s*30+p))
		}
	}
	_, _, err = synth.DeviationFromLine(tensor.Contiguous(moving.Crop(0, 0, 6, 1)), false)
	require.ErrorContains(t, err, "equal")
	_, err = synth.BrownianBridge(a, b, 4, -1, 0)
	require.ErrorContains(t, err, "negative")
	_, err = synth.StraightLine(a, b, 0)
	require.ErrorContains(t, err, "at least 1")
	_, err = synth.StraightLine(a, row(texture(6, 6, 0)), 3)
	require.ErrorContains(t, err, "one shape")
}
