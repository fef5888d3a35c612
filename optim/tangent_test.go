package optim

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// quadratic returns Σ wᵢxᵢ² of each image.
func quadratic(x autograd.Value, w []float64) autograd.Value {
	x = flat(x)
	return x.Square().Mul(x.Tape().Const(tensor.Of(w)).Cast(x.Type().DType)).SumWide(1)
}

// newTangentBench makes a bench whose images are reported with what is held, and
// what that is to be.
func newTangentBench(t *testing.T, dev autograd.Backend, o Tangent, x0 tensor.Tensor, loss, held func(x autograd.Value) autograd.Value, level float64) *bench {
	t.Helper()
	b := &bench{tape: autograd.New(dev)}
	t.Cleanup(b.tape.Close)
	b.state = o.Start(b.tape, x0, Control{})
	x := b.state.At()
	l, h := loss(x), held(x)
	tick := b.state.Finish(Evaluation{Loss: l, Penalty: l.Scale(.5), Grad: autograd.Grad(l, x)[0], Held: h, HeldGrad: autograd.Grad(h, x)[0],
		Level: b.tape.Const(filled(level, x0.Dim[0])), Aside: [Asides]autograd.Value{h, l}})
	var err error
	b.prog, err = b.tape.Compile([]autograd.Value{tick.Report}, tick.Guard, tick.Updates...)
	require.NoError(t, err)
	b.report = tensor.New(tensor.Float64, x0.Dim[0], ReportColumns)
	return b
}

// run ticks until no image goes on, and returns the last reports.
func (b *bench) run(t *testing.T, most int) [][]float64 {
	t.Helper()
	for range most {
		rows := b.tick(t)
		going := 0.
		for _, r := range rows {
			going += r[Committed] * (1 - r[Stopped])
		}
		if going == 0 {
			return rows
		}
	}
	require.Fail(t, "images go on")
	return nil
}

// TestTangentFindsEigenvectors: xᵀBx with xᵀAx held is least at the generalized
// eigenvector of the least eigenvalue and most at that of the greatest.
func TestTangentFindsEigenvectors(t *testing.T) {
	const size, level = 12, 2.
	a, b := make([]float64, size), make([]float64, size)
	least, most := math.Inf(1), 0.
	for i := range a {
		a[i], b[i] = 1+float64(i*i%7), 1+float64((5*i+3)%11)
		least, most = math.Min(least, b[i]/a[i]), math.Max(most, b[i]/a[i])
	}
	for _, c := range []struct{ sign, want float64 }{{1, least}, {-1, -most}} {
		s := newTangentBench(t, nil, Tangent{}, noise(3, 4, size),
			func(x autograd.Value) autograd.Value { return quadratic(x, b).Scale(c.sign) },
			func(x autograd.Value) autograd.Value { return quadratic(x, a) }, level)
		s.limit(t, 300, math.Inf(1), 1e-6)
		for _, r := range s.run(t, 400) {
			require.InEpsilon(t, level, r[NowAside], 1e-7)
			require.InEpsilon(t, c.want*level, r[NowLoss], 1e-6)
			require.Less(t, r[Iterations], 60.)
		}
	}
}

// TestTangentKeepsWithinBounds: a linear loss on a sphere that the box cuts. The
// optimum has k elements at the bound and the others in proportion to the loss.
func TestTangentKeepsWithinBounds(t *testing.T) {
	const size = 40
	w := make([]float64, size)
	for i := range w {
		w[i] = -float64(1+i) / size
	}
	square := func(x autograd.Value) autograd.Value { return flat(x).Square().SumWide(1) }
	linear := func(x autograd.Value) autograd.Value {
		return flat(x).Mul(x.Tape().Const(tensor.Of(w)).Cast(x.Type().DType)).SumWide(1)
	}
	const level = 12.
	want := 0.
	for k := range size { // the k greatest elements are 1
		rest, square := 0., level-float64(k)
		for _, v := range w[:size-k] {
			rest += v * v
		}
		if scale := math.Sqrt(square / rest); square > 0 && -scale*w[size-1-k] <= 1 {
			want = -scale * rest
			for _, v := range w[size-k:] {
				want += v
			}
			break
		}
	}
	for _, dtype := range []tensor.DType{tensor.Float64, tensor.Float32} {
		x0 := tensor.New(dtype, 3, 1, 5, 8)
		for i, v := range tensor.Floats(noise(5, 3, size)) {
			x0.StoreReal(i, .5+.4*v)
		}
		s := newTangentBench(t, nil, Tangent{Bounds: &[2]float64{0, 1}}, x0, linear, square, level)
		s.limit(t, 300, math.Inf(1), 1e-4)
		within := 1e-7
		if dtype == tensor.Float32 {
			within = 1e-5
		}
		for _, r := range s.run(t, 500) {
			require.InEpsilon(t, level, r[NowAside], within)
			require.InEpsilon(t, want, r[NowLoss], 1e-5)
		}
		for _, v := range s.get(t, "x") {
			require.True(t, v >= 0 && v <= 1, v)
		}
	}
}

// TestTangentImagesAreIndependent: an image goes the same way alone, among
// others, and on a device.
func TestTangentImagesAreIndependent(t *testing.T) {
	w := tensor.Floats(noise(8, 30))
	held := func(x autograd.Value) autograd.Value { return flat(x).Square().Square().SumWide(1) }
	loss := func(x autograd.Value) autograd.Value { return valley(x).Add(quadratic(x, w)) }
	x0 := noise(4, 3, 30)
	bench := func(dev autograd.Backend, x0 tensor.Tensor) [][]float64 {
		s := newTangentBench(t, dev, Tangent{Bounds: &[2]float64{-1, 1}, History: 5}, x0, loss, held, 3)
		s.limit(t, 40, math.Inf(1), 0)
		return s.run(t, 400)
	}
	all := bench(nil, x0)
	for n := range 3 {
		require.Equal(t, all[n], bench(nil, tensor.Contiguous(x0.Crop(0, n, n+1, 1)))[0], n)
	}
	require.Equal(t, all, bench(autograd.CPU{Threads: 2}, x0))
	for n, r := range bench(&optest.Device{}, x0) {
		require.InEpsilon(t, all[n][NowLoss], r[NowLoss], 1e-6, n)
	}
}

// TestTangentReportsWhatItCannotReach: where the level is not in the box, the
// image stops without an iteration.
func TestTangentReportsWhatItCannotReach(t *testing.T) {
	square := func(x autograd.Value) autograd.Value { return flat(x).Square().SumWide(1) }
	s := newTangentBench(t, nil, Tangent{Bounds: &[2]float64{0, 1}}, noise(3, 1, 4), square, square, 5)
	s.limit(t, 300, math.Inf(1), 1e-6)
	r := s.run(t, 400)[0]
	require.EqualValues(t, 1, r[Stopped])
	require.EqualValues(t, 0, r[Iterations])
	require.Less(t, r[NowAside], 4.1)
}

// TestTangentOpsAreTheirComposition compares the bodies with what the ops are.
func TestTangentOpsAreTheirComposition(t *testing.T) {
	const images, rows = 3, 4
	for _, dtype := range []tensor.DType{tensor.Float64, tensor.Float32} {
		for _, size := range []int{3, 7, kernels.Block + 5} {
			random := rand.New(rand.NewPCG(1, uint64(size)))
			draw := func(d tensor.DType, f func() float64, shape ...int) tensor.Tensor {
				x := tensor.New(d, shape...)
				for i := range x.Len() {
					x.StoreReal(i, f())
				}
				return x
			}
			normal := random.NormFloat64
			s := draw(tensor.Float32, normal, images, rows, size)
			y := draw(tensor.Float32, normal, images, rows, size)
			for i := range y.Len() { // of positive curvature, but for one pair
				y.StoreReal(i, .3*y.LoadReal(i)+s.LoadReal(i))
			}
			for i := range size {
				y.StoreReal(rows*size+i, -s.LoadReal(rows*size+i))
			}
			free := draw(dtype, func() float64 { return float64(random.IntN(4)+2) / 3 }, images, size)
			for i := range free.Len() {
				free.StoreReal(i, math.Floor(math.Min(1, free.LoadReal(i)+float64(i/size/2)))) // all of the last image
			}
			p, n, z := draw(dtype, normal, images, size), draw(dtype, normal, images, size), draw(dtype, normal, images, 2, size)
			state := tensor.Of([]float64{1, 4, 1, 0, 3, 2, 1, 2, 0}, images, 3)
			shares := sameOnDevice(t, opTangentShares, nil, []tensor.Tensor{p, n, free, s, y, state})
			sameOnDevice(t, opTangentDescend, nil, []tensor.Tensor{p, n, free, y, shares, state})
			sameOnDevice(t, opTangentDirection, nil, []tensor.Tensor{n, free, z, s, y, shares, state})
			clamped := draw(dtype, func() float64 { return math.Max(0, math.Min(1, normal())) }, images, size)
			for i := range images { // where nothing is free, any multiplier serves
				clamped.StoreReal(i*size, .5)
			}
			sameOnDevice(t, opTangentMultiplier, [2]float64{0, 1}, []tensor.Tensor{clamped, p, n})
		}
	}
}

// sameOnDevice requires that an op gives the same on the CPU as on a backend that
// has no body for it, and returns that.
func sameOnDevice(t *testing.T, op *autograd.Op, attr any, args []tensor.Tensor) (x tensor.Tensor) {
	t.Helper()
	var got [3][]float64
	for i, dev := range []autograd.Backend{autograd.CPU{Threads: 1}, &optest.Device{}, autograd.CPU{Threads: 2}} {
		tape := autograd.New(dev)
		var in []autograd.Value
		for k, x := range args {
			in = append(in, tape.Var(string(rune('a'+k)), x))
		}
		out := tape.Apply(op, attr, in...)
		prog, err := tape.Compile([]autograd.Value{out}, autograd.Value{})
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, prog.Run())
		}
		x = tensor.New(out.Type().DType, out.Type().Shape()...)
		require.NoError(t, prog.Read(0, x))
		got[i] = tensor.Floats(x)
		tape.Close()
	}
	tol := 1e-11
	if args[0].DType == tensor.Float32 {
		tol = 1e-3
	}
	most := 0.
	for _, v := range got[1] {
		most = math.Max(most, math.Abs(v))
	}
	for i, v := range got[1] {
		require.InDelta(t, v, got[0][i], tol*most, "%s, element %d", op.Name, i)
	}
	require.Equal(t, got[0], got[2], "with more threads")
	return x
}

// TestTangentEndsInRounding: where rounding hides the rest of the way, an image
// stops all the same.
func TestTangentEndsInRounding(t *testing.T) {
	w := tensor.Floats(noise(9, 50))
	x0 := tensor.New(tensor.Float32, 1, 50)
	for i, v := range tensor.Floats(noise(2, 50)) {
		x0.StoreReal(i, v)
	}
	loss := func(x autograd.Value) autograd.Value {
		return quadratic(x, w).Add(flat(x).Square().Square().SumWide(1))
	}
	held := func(x autograd.Value) autograd.Value { return flat(x).Square().SumWide(1) }
	s := newTangentBench(t, nil, Tangent{}, x0, loss, held, 20)
	s.limit(t, 5000, math.Inf(1), 1e-12)
	r := s.run(t, 5000)[0]
	require.EqualValues(t, 1, r[Stopped])
	require.Less(t, r[Iterations], 500.)
}

// TestTangentLearnsFrequencies: where curvatures fall with the eighth power of the
// spatial frequency, a filter finds that out sooner than pairs.
func TestTangentLearnsFrequencies(t *testing.T) {
	const side = 32
	gain := make([]float64, side*(side/2+1))
	for i := range gain {
		y, x := i/(side/2+1), i%(side/2+1)
		gain[i] = math.Pow(math.Hypot(float64(min(y, side-y)), float64(x))+1, -4)
	}
	blurred := func(x autograd.Value) autograd.Value {
		f := x.RFFT(autograd.Ortho, 2, 3)
		f = f.Mul(x.Tape().Const(tensor.Of(gain, side, side/2+1)).Cast(x.Type().DType))
		return f.IRFFT(autograd.Ortho, side, 2, 3).Square().SumWide(1, 2, 3)
	}
	sphere := func(x autograd.Value) autograd.Value { return flat(x).Square().SumWide(1) }
	x0 := tensor.New(tensor.Float64, 1, 1, side, side)
	copy(tensor.Slice[float64](x0), tensor.Floats(noise(4, side*side)))
	s := newTangentBench(t, nil, Tangent{}, x0, blurred, sphere, 300)
	s.limit(t, 60, math.Inf(1), 0)
	r := s.run(t, 400)[0]
	require.Less(t, r[NowLoss], 1e-6) // 2e-5 without the filter
}

// onSphere makes a bench of a loss with many curvatures on a sphere.
func onSphere(t *testing.T, images int) (s *bench, least, level float64) {
	t.Helper()
	const size = 40
	w := make([]float64, size)
	for i := range w {
		w[i] = 1 + float64(i*i)
	}
	square := func(x autograd.Value) autograd.Value { return flat(x).Square().SumWide(1) }
	s = newTangentBench(t, nil, Tangent{}, noise(3, images, size), func(x autograd.Value) autograd.Value { return quadratic(x, w) }, square, 2)
	s.limit(t, 300, math.Inf(1), 1e-6)
	return s, w[0], 2
}

// TestTangentFollowsTheLevelSet: how a sphere curves is known from trials before, so
// that short steps end on it, and no Newton steps are due.
func TestTangentFollowsTheLevelSet(t *testing.T) {
	s, least, level := onSphere(t, 1)
	var iterations, spent float64 // of the second part
	for range 400 {
		r := s.tick(t)[0]
		if r[NowLoss] > 1.01*least*level {
			iterations, spent = r[Iterations], r[Spent]
		}
		if r[Stopped] == 1 {
			iterations, spent = r[Iterations]-iterations, r[Spent]-spent
			break
		}
	}
	require.Greater(t, iterations, 10.)
	require.Less(t, spent, 1.2*iterations)
}

// TestTangentLeavesTinySteps: where a step is so short that the loss does not tell it
// from none, the slope does.
func TestTangentLeavesTinySteps(t *testing.T) {
	s, least, level := onSphere(t, 4)
	require.NoError(t, s.tape.Set(s.state.(*tangent).length, filled(1e-17, 4)))
	for _, r := range s.run(t, 800) {
		require.InEpsilon(t, least*level, r[NowLoss], 1e-6)
	}
}
