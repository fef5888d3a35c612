package autograd_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

func TestUsersOpPassesTheSuite(t *testing.T) {
	link, _ := counting("link")
	optest.Run(t, autograd.CPU{Threads: 1}, cube(), link)
	optest.Run(t, &optest.Device{}, cube(), link)
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(1, 2, 3))
		y := tape.Apply(cube(), nil, x.Flip(0))
		require.Equal(t, []float64{27, 8, 1}, eval(t, y))
		require.Equal(t, []float64{3, 12, 27}, eval(t, autograd.Grad(y, x)[0]))
		require.Equal(t, []float64{6, 12, 18}, eval(t, autograd.HVP(y, x, tape.Const(of(1, 1, 1)))))
	})
}

// vectorFunction is f: R⁴ → R³, with the Jacobian by central differences.
func vectorFunction(x autograd.Value) autograd.Value {
	a := x.Crop(0, 0, 3)
	b := x.Crop(0, 1, 4)
	return a.Mul(b).Sin().Add(a.Exp().Scale(.3)).Mul(x.Square().Sum().Expand(3)).Add(b.Softplus())
}

// jacobian returns ∂yᵢ/∂xⱼ of a recorded function by differences of fourth order.
func jacobian(t *testing.T, f func(autograd.Value) autograd.Value, at []float64) [][]float64 {
	t.Helper()
	tape := autograd.New(autograd.CPU{Threads: 1, Level: kernels.PureGo})
	defer tape.Close()
	x := tape.Var("x", of(at...))
	p := compile(t, tape, []autograd.Value{f(x)})
	value := func(j int, h float64) []float64 {
		moved := append([]float64(nil), at...)
		moved[j] += h
		require.NoError(t, tape.Set(x, of(moved...)))
		return run(t, p)
	}
	const h = 1. / 1024
	rows := make([][]float64, len(value(0, 0)))
	for i := range rows {
		rows[i] = make([]float64, len(at))
	}
	for j := range at {
		a, b, c, d := value(j, h), value(j, -h), value(j, 2*h), value(j, -2*h)
		for i := range rows {
			rows[i][j] = (8*(a[i]-b[i]) - (c[i] - d[i])) / (12 * h)
		}
	}
	return rows
}

// times returns m·v.
func times(m [][]float64, v []float64) []float64 {
	y := make([]float64, len(m))
	for i := range m {
		for j := range v {
			y[i] += m[i][j] * v[j]
		}
	}
	return y
}

func transpose(m [][]float64) [][]float64 {
	r := make([][]float64, len(m[0]))
	for j := range r {
		for i := range m {
			r[j] = append(r[j], m[i][j])
		}
	}
	return r
}

var (
	point     = []float64{.3, -.7, 1.1, .4}
	direction = []float64{1, .5, -2, .25}
)

func TestDerivativesAgreeWithTheJacobian(t *testing.T) {
	j := jacobian(t, vectorFunction, point)
	u := []float64{.2, -1, .7}
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		for _, x := range []autograd.Value{tape.Var("x", of(point...)), tape.Const(of(point...))} {
			y, v := vectorFunction(x), tape.Const(of(direction...))
			require.InDeltaSlice(t, times(transpose(j), u), eval(t, autograd.VJP(y, tape.Const(of(u...)), x)[0]), 1e-8)
			require.InDeltaSlice(t, times(j, direction), eval(t, autograd.JVP(y, x, v)), 1e-8)
			require.InDeltaSlice(t, times(transpose(j), times(j, direction)), eval(t, autograd.FVP(y, x, v)), 1e-7)
		}
	})
}

func TestHVPAgreesWithTheHessian(t *testing.T) {
	loss := func(x autograd.Value) autograd.Value { return vectorFunction(x).Square().Sum() }
	h := jacobian(t, func(x autograd.Value) autograd.Value { return autograd.Grad(loss(x), x)[0] }, point)
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(point...))
		hv := autograd.HVP(loss(x), x, tape.Const(of(direction...)))
		require.InDeltaSlice(t, times(h, direction), eval(t, hv), 1e-6)
		third := autograd.JVP(autograd.HVP(loss(x), x, tape.Const(of(direction...))), x, tape.Const(of(1, 0, 0, 0)))
		require.Len(t, eval(t, third), 4)
	})
}

func TestGradOfABatch(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", tensor.Of([]float64{1, 2, 3, 4, 5, 6}, 2, 3))
		loss := x.Square().Mul(x).Sum(1) // (N,)
		require.Equal(t, []float64{36, 405}, eval(t, loss))
		require.Equal(t, []float64{3, 12, 27, 48, 75, 108}, eval(t, autograd.Grad(loss, x)[0]))
	})
}

func TestGradientOfWhatDoesNotMatterIsZero(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(1, 2))
		z := tape.Var("z", tensor.New(tensor.Complex128, 3))
		y := x.Sum()
		d := autograd.VJP(y, tape.Scalar(tensor.Float64, 1), z, x, y)
		require.Equal(t, z.Type(), d[0].Type())
		require.Equal(t, []float64{0, 0, 0}, eval(t, d[0].Abs()))
		require.Equal(t, []float64{1, 1}, eval(t, d[1]))
		require.Equal(t, []float64{1}, eval(t, d[2]))
		later := x.Exp()
		require.Equal(t, []float64{0, 0}, eval(t, autograd.Grad(y, later)[0]))
	})
}

func TestComplexGradientConvention(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		z := tape.Var("z", tensor.Of([]complex128{3 + 4i, 1 - 2i}))
		g, err := autograd.Eval(autograd.Grad(z.Abs2(), z)[0])
		require.NoError(t, err)
		require.Equal(t, []complex128{6 + 8i, 2 - 4i}, tensor.Slice[complex128](g), "∂L/∂Re z + i ∂L/∂Im z of |z|²")
		r := tape.Var("r", of(2, 3))
		y := r.Mul(z).Imag() // real in r: the adjoint is projected
		require.Equal(t, []float64{4, -2}, eval(t, autograd.Grad(y, r)[0]))
	})
	err := recovered(func() {
		tape := autograd.New(nil)
		z := tape.Var("z", tensor.New(tensor.Complex128, 1))
		autograd.Grad(z, z)
	})
	require.ErrorContains(t, err, "only a real value has a gradient")
}

func TestStopGradient(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(2, 3))
		y := x.StopGradient().Mul(x)
		require.Equal(t, []float64{4, 9}, eval(t, y))
		require.Equal(t, []float64{2, 3}, eval(t, autograd.Grad(y, x)[0]))
	})
}

func TestCustomGradientIsFreeAtRunTime(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(-1, 2))
		y := x.Square()
		straight := autograd.CustomGradient(y, []autograd.Value{x}, func(g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Scale(10)}
		})
		require.Equal(t, []float64{1, 4}, eval(t, straight))
		require.Equal(t, []float64{10, 10}, eval(t, autograd.Grad(straight, x)[0]))
		require.Equal(t, []float64{0, 0}, eval(t, autograd.Grad(straight, y)[0]), "y's own derivatives are not used")
		plain := compile(t, tape, []autograd.Value{y.Sum()})
		custom := compile(t, tape, []autograd.Value{straight.Sum()})
		require.Equal(t, stepNames(plain), stepNames(custom))
		require.Equal(t, plain.Counts().ArenaBytes, custom.Counts().ArenaBytes)
	})
}

func TestHoleIsAnErrorThatNamesTheRule(t *testing.T) {
	crooked := cube()
	crooked.Name = "crooked"
	crooked.VJP = func(n autograd.Node, g autograd.Value) []autograd.Value {
		return []autograd.Value{g.Square().Mul(n.In[0])}
	}
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(1, 2, 3))
		y := tape.Apply(crooked, nil, x.Sin())
		tangent := autograd.JVP(y.Exp().Sum(), x, x)
		_, err := tape.Compile([]autograd.Value{tangent}, none)
		require.ErrorIs(t, err, autograd.ErrHole)
		require.ErrorContains(t, err, "crooked: a hole is still alive")
		require.ErrorContains(t, err, "derivative_test.go:")
	})
}

func TestVJPErrors(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Var("x", of(1, 2, 3))
	err := autograd.Try(func() { autograd.VJP(x.Sin(), x.Sum(), x) })
	require.ErrorContains(t, err, "the cotangent must have the type of y")
	wrong := cube()
	wrong.VJP = func(n autograd.Node, g autograd.Value) []autograd.Value { return []autograd.Value{g.Sum()} }
	err = autograd.Try(func() { autograd.Grad(tape.Apply(wrong, nil, x), x) })
	require.ErrorContains(t, err, "the VJP rule gave this type for an argument of type float64[3]")
}

// ---- values that constructors look through

func TestGradientWithRespectToFoldedValues(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", tensor.Of([]float64{1, 2, 3, 4}, 4, 1))
		for name, v := range map[string]autograd.Value{
			"expand": x.Expand(4, 3), "crop": x.Crop(0, 1, 3), "reshape": x.Reshape(2, 2), "permute": x.Permute(1, 0), "neg": x.Neg(),
		} {
			again := map[string]func(autograd.Value) autograd.Value{
				"expand":  func(v autograd.Value) autograd.Value { return v.Sin() },
				"crop":    func(v autograd.Value) autograd.Value { return v.Crop(0, 0, 1) },
				"reshape": func(v autograd.Value) autograd.Value { return v.Reshape(4) },
				"permute": func(v autograd.Value) autograd.Value { return v.Permute(1, 0) },
				"neg":     autograd.Value.Neg,
			}[name]
			err := recovered(func() { autograd.Grad(again(v).Sum(), v) })
			require.ErrorContains(t, err, "Pin()", name)
			pinned := v.Pin()
			require.Equal(t, eval(t, again(v)), eval(t, again(pinned)), name)
			g := eval(t, autograd.Grad(again(pinned).Sum(), pinned)[0])
			sum := 0.
			for _, d := range g {
				sum += math.Abs(d)
			}
			require.Positive(t, sum, name)
			require.Equal(t, eval(t, autograd.Grad(again(v).Sum(), x)[0]), eval(t, autograd.Grad(again(pinned).Sum(), x)[0]), name)
		}
		e := x.Expand(4, 3)
		require.Equal(t, []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, eval(t, autograd.Grad(e.Sum(), e)[0]), "nothing was looked through")
	})
}

func TestGradientOfACompositionOfAnExpandedValue(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(.5))
		y := x.Expand(3).LogSumExp()
		require.InDelta(t, .5+math.Log(3), eval(t, y)[0], 1e-15)
		require.InDelta(t, 1, eval(t, autograd.Grad(y, x)[0])[0], 1e-15)
		p := compile(t, tape, []autograd.Value{y})
		for _, name := range stepNames(p) {
			require.NotContains(t, name, "pin")
		}
	})
}
