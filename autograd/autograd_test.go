package autograd

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

func vec(v ...float64) tensor.Tensor { return tensor.Of(v) }

func evalFloats(t *testing.T, v Value) []float64 {
	t.Helper()
	x, err := Eval(v)
	require.NoError(t, err)
	return tensor.Floats(x)
}

func TestGradOfComposition(t *testing.T) {
	tape := New(CPU{Threads: 1})
	defer tape.Close()
	x := tape.Var("x", vec(.5, 1, 2))
	y := x.Square().Mul(x.Sin()).Add(x.Exp().Log1p()).Sum()
	g := evalFloats(t, Grad(y, x)[0])
	for i, v := range []float64{.5, 1, 2} {
		want := 2*v*math.Sin(v) + v*v*math.Cos(v) + math.Exp(v)/(1+math.Exp(v))
		require.InDelta(t, want, g[i], 1e-14)
	}
}

func TestJVPIsTheTangent(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x := tape.Const(vec(.5, 1, 2))
	v := tape.Var("v", vec(1, -1, .25))
	y := x.Square().Mul(x.Sum().Expand(3))
	got := evalFloats(t, JVP(y, x, v))
	for i, xi := range []float64{.5, 1, 2} {
		vi := []float64{1, -1, .25}[i]
		require.InDelta(t, 2*xi*vi*3.5+xi*xi*.25, got[i], 1e-14)
	}
}

func TestUpdateReadsOldValues(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x, y := tape.Var("x", vec(1, 2)), tape.Var("y", vec(3, 4))
	p, err := tape.Compile([]Value{x}, Value{}, x.Becomes(y), y.Becomes(x.Add(y)))
	require.NoError(t, err)
	require.NoError(t, p.Run())
	out, err := p.Out(0)
	require.NoError(t, err)
	require.Equal(t, []float64{1, 2}, tensor.Floats(out))
	gx, _ := tape.Get(x)
	gy, _ := tape.Get(y)
	require.Equal(t, []float64{3, 4}, tensor.Floats(gx))
	require.Equal(t, []float64{4, 6}, tensor.Floats(gy))
}

func TestGuardKeepsImages(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x := tape.Var("x", tensor.Of([]float64{1, 2, 3, 4}, 2, 2))
	hist := tape.Var("h", tensor.New(tensor.Float64, 2, 3, 2))
	slot := tape.Var("slot", vec(0, 2))
	p, err := tape.Compile(nil, tape.Const(vec(1, 0)), x.Becomes(x.Scale(10)), hist.RowBecomes(slot, x), slot.Becomes(slot.AddScalar(1)))
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, p.Run())
	}
	gx, _ := tape.Get(x)
	require.Equal(t, []float64{100, 200, 3, 4}, tensor.Floats(gx))
	gh, _ := tape.Get(hist)
	require.Equal(t, []float64{1, 2, 10, 20, 0, 0, 0, 0, 0, 0, 0, 0}, tensor.Floats(gh))
}

func TestRunDoesNotAllocate(t *testing.T) {
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	x := tape.Var("x", tensor.New(tensor.Float64, 1, 64, 64))
	loss := x.AddScalar(.5).Square().Mul(x.Cos()).Mean()
	p, err := tape.Compile([]Value{loss}, Value{}, x.Becomes(x.Sub(Grad(loss, x)[0].Scale(.1))))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(20, func() { _ = p.Run() }))
}

func TestErrorNamesTheUsersLine(t *testing.T) {
	tape := New(nil)
	x, y := tape.Var("x", vec(1, 2)), tape.Var("y", vec(1, 2, 3))
	err := Try(func() { x.Add(y) })
	require.ErrorContains(t, err, "autograd_test.go:")
	require.ErrorContains(t, err, "add(float64[2], float64[3])")
	require.True(t, strings.Contains(x.Add(x).Pos(), "autograd_test.go"))
}
