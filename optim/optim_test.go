package optim

import (
	"fmt"
	"maps"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/tensor"
)

// noise returns a tensor of numbers in [-1, 1) that depend on seed alone.
func noise(seed uint64, shape ...int) tensor.Tensor {
	x := tensor.New(tensor.Float64, shape...)
	for i := range tensor.Slice[float64](x) {
		seed = seed*6364136223846793005 + 1442695040888963407
		x.StoreReal(i, float64(int64(seed))/(1<<63))
	}
	return x
}

// valley is a smooth loss (N,) with a curved, narrow valley and one minimum:
// Σ (x² − y)² + (1 − x)²/4 with neighbours as x and y.
func valley(x autograd.Value) autograd.Value {
	n := x.Type().Dim[0]
	x = x.Reshape(n, -1, 2)
	a, b := x.Crop(2, 0, 1), x.Crop(2, 1, 2)
	return a.Square().Sub(b).Square().Add(a.Neg().AddScalar(1).Square().Scale(.25)).SumWide(1, 2)
}

// bench is an optimizer at work on a loss.
type bench struct {
	tape   *autograd.Tape
	state  State
	prog   *autograd.Program
	report tensor.Tensor
}

func newBench(t *testing.T, dev autograd.Backend, o Optimizer, c Control, x0 tensor.Tensor, loss func(x autograd.Value) autograd.Value) *bench {
	t.Helper()
	b := &bench{tape: autograd.New(dev)}
	t.Cleanup(b.tape.Close)
	b.state = o.Start(b.tape, x0, c)
	x := b.state.At()
	l := loss(x)
	tick := b.state.Finish(Evaluation{Loss: l, Penalty: l.Scale(.5), Grad: autograd.Grad(l, x)[0]})
	var err error
	b.prog, err = b.tape.Compile([]autograd.Value{tick.Report}, tick.Guard, tick.Updates...)
	require.NoError(t, err)
	b.report = tensor.New(tensor.Float64, x0.Dim[0], ReportColumns)
	b.limit(t, math.Inf(1), math.Inf(1), 0)
	return b
}

func (b *bench) limit(t *testing.T, iterations, evaluations, tolerance float64) {
	t.Helper()
	l := tensor.New(tensor.Float64, b.report.Dim[0], LimitColumns)
	for n := range b.report.Dim[0] {
		for i, v := range [LimitColumns]float64{LimitIterations: iterations, LimitEvaluations: evaluations, LimitTolerance: tolerance} {
			l.StoreReal(n*LimitColumns+i, v)
		}
	}
	require.NoError(t, b.tape.Set(b.state.Limits(), l))
}

// tick runs once and returns the reports of the images.
func (b *bench) tick(t *testing.T) [][]float64 {
	t.Helper()
	require.NoError(t, b.prog.Run())
	require.NoError(t, b.prog.Read(0, b.report))
	v := tensor.Slice[float64](b.report)
	var rows [][]float64
	for n := range b.report.Dim[0] {
		rows = append(rows, append([]float64(nil), v[n*ReportColumns:(n+1)*ReportColumns]...))
	}
	return rows
}

func (b *bench) get(t *testing.T, name string) []float64 {
	t.Helper()
	v, ok := b.tape.Lookup(name)
	require.True(t, ok, name)
	x, err := b.tape.Get(v)
	require.NoError(t, err)
	return tensor.Floats(x)
}

var optimizers = map[string]Optimizer{
	"adam": Adam{}, "adamw": AdamW{}, "nadam": NAdam{}, "rmsprop": RMSProp{}, "sgd": SGD{Rate: .02, Momentum: .8},
	"lbfgs": LBFGS{History: 6, Float64History: true}, "lbfgs-two-loop": LBFGS{History: 6, TwoLoop: true, Float64History: true}, "lbfgs-plain": LBFGS{Rate: .3, NoLineSearch: true, Float64History: true},
	"lbfgs-float32": LBFGS{History: 6},
}

// TestFirstOrderRules compares the rules with their definitions (those of
// PyTorch) in plain Go.
func TestFirstOrderRules(t *testing.T) {
	type state struct{ m, v, top, product float64 }
	rules := map[string]struct {
		o    Optimizer
		next func(s *state, x, g, t float64) float64
	}{
		"adamw": {AdamW{Rate: .02, Decay: new(.1)}, func(s *state, x, g, t float64) float64 {
			s.m, s.v = .9*s.m+.1*g, .999*s.v+.001*g*g
			x *= 1 - .02*.1
			return x - .02*(s.m/(1-math.Pow(.9, t)))/(math.Sqrt(s.v/(1-math.Pow(.999, t)))+1e-8)
		}},
		"adam with other moments": {Adam{Beta1: new(0.), Beta2: new(.5), Epsilon: .1}, func(s *state, x, g, t float64) float64 {
			s.m, s.v = g, .5*s.v+.5*g*g
			s.top = math.Max(s.top, s.v)
			return x - .01*s.m/(math.Sqrt(s.top/(1-math.Pow(.5, t)))+.1)
		}},
		"nadam": {NAdam{}, func(s *state, x, g, t float64) float64 {
			mu := func(t float64) float64 { return .9 * (1 - .5*math.Pow(.96, .004*t)) }
			if t == 1 {
				s.product = 1
			}
			s.m, s.v, s.product = .9*s.m+.1*g, .999*s.v+.001*g*g, s.product*mu(t)
			root := math.Sqrt(s.v/(1-math.Pow(.999, t))) + 1e-8
			x -= .01 * (1 - mu(t)) / (1 - s.product) * g / root
			return x - .01*mu(t+1)/(1-s.product*mu(t+1))*s.m/root
		}},
		"rmsprop": {RMSProp{Alpha: new(.8)}, func(s *state, x, g, _ float64) float64 {
			s.v = .8*s.v + .2*g*g
			return x - .01*g/(math.Sqrt(s.v)+1e-8)
		}},
		"sgd": {SGD{Momentum: .7}, func(s *state, x, g, _ float64) float64 {
			s.m = .7*s.m + g
			return x - .01*s.m
		}},
	}
	for name, r := range rules {
		t.Run(name, func(t *testing.T) {
			x0 := noise(1, 2, 6)
			b := newBench(t, nil, r.o, Control{}, x0, valley)
			x, states := tensor.Floats(x0), make([]state, x0.Len())
			for step := 1.; step <= 7; step++ {
				b.tick(t)
				next := append([]float64(nil), x...)
				for i := 0; i < len(x); i += 2 {
					a, c := x[i], x[i+1]
					ga := 4*a*(a*a-c) - .5*(1-a)
					next[i] = r.next(&states[i], a, ga, step)
					next[i+1] = r.next(&states[i+1], c, -2*(a*a-c), step)
				}
				x = next
				require.InDeltaSlice(t, x, b.get(t, "x"), 1e-13)
			}
		})
	}
}

func TestSchedules(t *testing.T) {
	const n = 11
	for name, c := range map[string]struct {
		s    Scheduler
		rate func(k int) float64 // after k iterations
	}{
		"step":        {StepDecay{Size: 3, Gamma: new(.5)}, func(k int) float64 { return math.Pow(.5, float64(k/3)) }},
		"exponential": {ExponentialDecay{Gamma: new(.9)}, func(k int) float64 { return math.Pow(.9, float64(k)) }},
		"cosine":      {CosineDecay{Iterations: 3}, func(k int) float64 { return (1 + math.Cos(math.Pi*float64(k)/3)) / 2 }},
		// The rate is negative and so the loss grows: it is best at the start.
		"plateau": {PlateauDecay{Factor: new(.2), Patience: 2}, func(k int) float64 { return math.Pow(.2, float64((k-1)/3)) }},
	} {
		t.Run(name, func(t *testing.T) {
			climb := func(x autograd.Value) autograd.Value { return valley(x).Neg() }
			b := newBench(t, nil, SGD{Rate: -1e-3}, Control{Scheduler: c.s}, noise(2, 1, 4), climb)
			for k := 1; k <= n; k++ {
				b.tick(t)
				require.InDelta(t, -1e-3*c.rate(k), b.get(t, "optim.rate")[0], 1e-15, "after %d iterations", k)
			}
		})
	}
}

// TestBatchIsItsImages checks that an image takes the same bits with others
// beside it, one of which is stopped by NaN, as alone.
func TestBatchIsItsImages(t *testing.T) {
	x0 := noise(3, 3, 40)
	broken := noise(4, 1, 40)
	broken.StoreReal(7, math.NaN())
	tensor.Copy(x0.Crop(0, 1, 2, 1), broken)
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			all := newBench(t, autograd.CPU{Threads: 2}, o, Control{}, x0, valley)
			for range 37 {
				r := all.tick(t)
				require.Equal(t, []float64{1, 0, 1}, []float64{r[0][Finite], r[1][Finite], r[2][Finite]})
			}
			for _, n := range []int{0, 2} {
				one := tensor.Contiguous(x0.Crop(0, n, n+1, 1))
				alone := newBench(t, autograd.CPU{Threads: 1}, o, Control{}, one, valley)
				for range 37 {
					alone.tick(t)
				}
				require.Equal(t, alone.get(t, "x"), all.get(t, "x")[n*40:(n+1)*40])
				require.NotEqual(t, tensor.Floats(one), alone.get(t, "x"))
			}
			kept := all.get(t, "x")[40:80]
			require.True(t, math.IsNaN(kept[7]))
			require.Equal(t, broken.LoadReal(0), kept[0])
		})
	}
}

// TestAllReachTheMinimum runs every optimizer to where the gradient is small.
func TestAllReachTheMinimum(t *testing.T) {
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil, o, Control{}, noise(5, 2, 20), valley)
			best := math.Inf(1)
			for range 3000 {
				best = b.tick(t)[1][NowLoss]
				if best < 1e-3 {
					break
				}
			}
			require.Less(t, best, 1e-3)
		})
	}
}

// TestStopRule compares with the rule written out: more than Window losses, and
// the last differs from that Window−1 before by less than the tolerance.
func TestStopRule(t *testing.T) {
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			const window, tolerance = 4, 2e-2
			b := newBench(t, nil, o, Control{Window: window}, noise(6, 2, 20), valley)
			b.limit(t, math.Inf(1), math.Inf(1), tolerance)
			losses := make([][]float64, 2)
			stopped := [2]bool{}
			for range 4000 {
				for n, r := range b.tick(t) {
					if r[Ended] == 0 {
						continue
					}
					require.False(t, stopped[n], "an iteration after the last")
					l := append(losses[n], r[EndedLoss])
					losses[n] = l
					stopped[n] = len(l) > window && math.Abs(l[len(l)-window]-l[len(l)-1]) < tolerance
					require.Equal(t, stopped[n], r[Stopped] == 1, "image %d after %d losses", n, len(l))
					require.EqualValues(t, len(l), r[Iterations])
				}
			}
			require.Equal(t, [2]bool{true, true}, stopped)
		})
	}
}

func TestLimits(t *testing.T) {
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			free := newBench(t, nil, o, Control{}, noise(7, 1, 20), valley)
			held := newBench(t, nil, o, Control{}, noise(7, 1, 20), valley)
			held.limit(t, 2, math.Inf(1), 0)
			var r []float64
			for range 60 {
				r = held.tick(t)[0]
			}
			require.EqualValues(t, 2, r[Iterations])
			require.EqualValues(t, 0, r[Committed])
			x := held.get(t, "x")
			held.limit(t, 4, math.Inf(1), 0)
			for range 60 {
				held.tick(t)
			}
			var ended int
			for ended < 4 {
				f := free.tick(t)[0]
				ended += int(f[Ended])
				if f[Ended] == 1 && ended == 2 {
					require.Equal(t, free.get(t, "x"), x, "at the first limit")
				}
			}
			require.Equal(t, free.get(t, "x"), held.get(t, "x"), "after going on")
		})
	}
}

// TestDirectionsAgree compares the two forms of the direction for one history,
// and both with their definitions, on images longer than a block.
func TestDirectionsAgree(t *testing.T) {
	x0 := noise(8, 2, 4096+10)
	gram := newBench(t, autograd.CPU{Threads: 2}, LBFGS{History: 4, Float64History: true}, Control{}, x0, valley)
	loop := newBench(t, autograd.CPU{Threads: 2}, LBFGS{History: 4, TwoLoop: true, Float64History: true}, Control{}, x0, valley)
	slow := newBench(t, &optest.Device{}, LBFGS{History: 4, Float64History: true}, Control{}, x0, valley)
	for k := range 10 {
		requireNear(t, loop.get(t, "lbfgs.d"), gram.get(t, "lbfgs.d"), 1e-9, fmt.Sprintf("tick %d", k))
		requireNear(t, slow.get(t, "lbfgs.d"), gram.get(t, "lbfgs.d"), 1e-9, fmt.Sprintf("definition, tick %d", k))
		for _, b := range []*bench{loop, slow} { // continue from equal histories
			for _, v := range gram.tape.Vars() {
				copyVar(t, b, gram, v)
			}
		}
		gram.tick(t)
		loop.tick(t)
		slow.tick(t)
	}
	require.EqualValues(t, 4, gram.get(t, "lbfgs.ring")[1])
}

// TestSpectralDirectionsAgree compares the directions of a spectral L-BFGS with their
// definition, with and without pixels that stay.
func TestSpectralDirectionsAgree(t *testing.T) {
	x0 := noise(8, 2, 1, 20, 30)
	fixed := tensor.New(tensor.Float64, 1, 20, 30)
	for i := 0; i < fixed.Len(); i += 3 {
		fixed.StoreReal(i, 1)
	}
	for name, c := range map[string]Control{"free": {}, "fixed": {Fixed: fixed}} {
		o := LBFGS{History: 4, Float64History: true, Spectral: true}
		fast := newBench(t, autograd.CPU{Threads: 2}, o, c, x0, valley)
		slow := newBench(t, &optest.Device{}, o, c, x0, valley)
		for k := range 8 {
			requireNear(t, slow.get(t, "lbfgs.d"), fast.get(t, "lbfgs.d"), 1e-9, fmt.Sprintf("%s, tick %d", name, k))
			for _, v := range fast.tape.Vars() {
				copyVar(t, slow, fast, v)
			}
			fast.tick(t)
			slow.tick(t)
		}
		require.EqualValues(t, 4, fast.get(t, "lbfgs.ring")[1])
		for i, v := range fast.get(t, "x") {
			if name == "fixed" && i%600%3 == 0 {
				require.Equal(t, x0.LoadReal(i), v, "pixel %d", i)
			}
		}
	}
}

// copyVar copies v of src to the Var of the same name in dst, if there is one.
func copyVar(t *testing.T, dst, src *bench, v autograd.Value) {
	t.Helper()
	for _, name := range varNames {
		if s, ok := src.tape.Lookup(name); ok && s == v {
			if d, ok := dst.tape.Lookup(name); ok {
				x, err := src.tape.Get(s)
				require.NoError(t, err)
				require.NoError(t, dst.tape.Set(d, x))
			}
		}
	}
}

var varNames = []string{"x", "lbfgs.search", "lbfgs.ring", "lbfgs.gradients", "lbfgs.d", "lbfgs.y", "lbfgs.pairs",
	"lbfgs.gram", "lbfgs.products", "lbfgs.slope", "lbfgs.converging", "lbfgs.moved", "lbfgs.shells"}

func requireNear(t *testing.T, want, got []float64, tol float64, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	rms := 0.
	for _, v := range want {
		rms += v * v
	}
	rms = math.Sqrt(rms / float64(len(want)))
	for i := range want {
		require.LessOrEqual(t, math.Abs(want[i]-got[i]), tol*math.Max(rms, math.Abs(want[i])), "%s, element %d", what, i)
	}
}

// TestThreadsDoNotChangeBits runs on images of several blocks.
func TestThreadsDoNotChangeBits(t *testing.T) {
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			var x [2][]float64
			for i, threads := range []int{1, 3} {
				b := newBench(t, autograd.CPU{Threads: threads}, o, Control{}, noise(9, 1, 5*4096), valley)
				for range 12 {
					b.tick(t)
				}
				x[i] = b.get(t, "x")
			}
			require.Equal(t, x[0], x[1])
		})
	}
}

// TestStepIsCheap counts what a tick writes beside the evaluation, by Profile:
// every store that a tick can do, whether the last one did it or not, and the
// transforms of a spectral initial Hessian.
func TestStepIsCheap(t *testing.T) {
	const side, size = 256, 256 * 256
	curvatures := noise(10, 1, 1, side, side)
	curved := func(x autograd.Value) autograd.Value {
		c := x.Tape().Const(curvatures).AddScalar(2)
		return x.Square().Mul(c).SumWide(1, 2, 3)
	}
	x0 := noise(11, 1, 1, side, side)
	for name, c := range map[string]struct {
		o    LBFGS
		most float64
	}{
		"gram":     {LBFGS{Float64History: true}, 8.2},
		"two-loop": {LBFGS{TwoLoop: true, Float64History: true}, 8},
		"float32":  {LBFGS{}, 8},
		"spectral": {LBFGS{Spectral: true}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil, c.o, Control{}, x0, curved)
			for range 8 {
				b.tick(t)
			}
			require.Greater(t, b.get(t, "lbfgs.ring")[ringCount], 2.)
			prof, err := b.prog.Profile(1)
			require.NoError(t, err)
			images := -1. // the gradient, which this evaluation writes and nothing else
			for _, p := range prof {
				images += float64(p.Written) / (8 * size)
			}
			t.Logf("%.2f image sizes", images)
			require.LessOrEqual(t, images, c.most)
		})
	}
}

func TestTicksDoNotAllocate(t *testing.T) {
	all := maps.Clone(optimizers)
	all["lbfgs-spectral"] = LBFGS{Spectral: true}
	for name, o := range all {
		b := newBench(t, autograd.CPU{Threads: 2}, o, Control{}, noise(12, 2, 1, 20, 30), valley)
		for range 10 {
			b.tick(t)
		}
		require.Zero(t, testing.AllocsPerRun(20, func() {
			_ = b.prog.Run()
			_ = b.prog.Read(0, b.report)
		}), name)
	}
}
