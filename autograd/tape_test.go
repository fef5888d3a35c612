package autograd_test

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/tensor"
)

func newTape(t *testing.T) *autograd.Tape {
	tape := autograd.New(autograd.CPU{Threads: 1})
	t.Cleanup(tape.Close)
	return tape
}

// ---- recording

func TestEqualTensorsAreOneConst(t *testing.T) {
	tape := newTape(t)
	x := tensor.Of([]float64{1, 2, 3, 4}, 2, 2)
	require.Equal(t, tape.Const(x), tape.Const(x))
	same, _ := x.Permute(1, 0).Permute(1, 0).Reshape(2, 2)
	require.Equal(t, tape.Const(x), tape.Const(same))
	require.NotEqual(t, tape.Const(x), tape.Const(x.Permute(1, 0)), "other strides")
	require.NotEqual(t, tape.Const(x), tape.Const(x.Crop(0, 1, 2, 1)), "another part")
	require.NotEqual(t, tape.Const(x), tape.Const(tensor.Of([]float64{1, 2, 3, 4}, 2, 2)), "other memory")
}

func TestRecordingIsHashConsed(t *testing.T) {
	tape := newTape(t)
	x, y := tape.Var("x", of(1, 2)), tape.Var("y", of(3, 4))
	f := func() autograd.Value { return x.Sin().Mul(y).Clamp(0, 1).Sum() }
	require.Equal(t, f(), f())
	require.NotEqual(t, x.Clamp(0, 1), x.Clamp(0, 2))
	require.NotEqual(t, x.Sub(y), y.Sub(x))
	require.Equal(t, autograd.Grad(f(), x), autograd.Grad(f(), x))
}

func TestPositions(t *testing.T) {
	tape := newTape(t)
	_, _, line, _ := runtime.Caller(0)
	x := tape.Var("x", of(1, 2))
	y := x.Sin()
	g := autograd.Grad(y, x)[0]
	at := func(n int) string { return "tape_test.go:" + strconv.Itoa(line+n) }
	require.Contains(t, x.Pos(), at(1))
	require.Contains(t, y.Pos(), at(2))
	require.Contains(t, g.Pos(), at(2)+" (backward)")
	require.Contains(t, autograd.HVP(y, x, x).Pos(), at(2)+" (backward)")
}

func TestIdentitiesAreFolded(t *testing.T) {
	tape := newTape(t)
	x := tape.Var("x", tensor.New(tensor.Float64, 2, 3))
	z := tape.Var("z", tensor.New(tensor.Complex128, 2, 3))
	zero, one := tape.Scalar(tensor.Float64, 0), tape.Scalar(tensor.Float64, 1)
	for name, pair := range map[string][2]autograd.Value{
		"x·1": {x.Scale(1), x}, "x·one": {x.Mul(one), x}, "one·x": {one.Mul(x), x}, "x/1": {x.Div(one), x},
		"x+0": {x.AddScalar(0), x}, "x+zero": {x.Add(zero), x}, "zero+x": {zero.Add(x), x}, "x−0": {x.Sub(zero), x},
		"z+0": {z.Add(zero), z}, "−−x": {x.Neg().Neg(), x}, "x̄̄": {z.Conj().Conj(), z}, "x¹": {x.PowScalar(1), x},
		"x²": {x.PowScalar(2), x.Square()}, "re": {autograd.MakeComplex(x, x.Sin()).Real(), x}, "im": {autograd.MakeComplex(x.Sin(), x).Imag(), x},
		"x̄ of real": {x.Conj(), x}, "same shape": {x.Reshape(2, 3), x}, "reshape of reshape": {x.Reshape(6).Reshape(2, 3), x},
		"permute back": {x.Permute(1, 0).Permute(1, 0), x}, "permute in order": {x.Permute(0, 1), x}, "expand to itself": {x.Expand(2, 3), x},
		"whole crop": {x.Crop(1, 0, 3), x}, "crop of crop": {x.Crop(1, 0, 2).Crop(1, 1, 2), x.Crop(1, 1, 2)},
		"same cast": {x.Cast(tensor.Float64), x}, "sum of one": {autograd.Sum(x), x}, "sum with zero": {autograd.Sum(x, tape.Zeros(x.Type()), x), x.Add(x)},
		"expand twice": {x.Reshape(1, 2, 3).Expand(2, 2, 3).Expand(4, 2, 2, 3), x.Reshape(1, 2, 3).Expand(4, 2, 2, 3)},
	} {
		require.Equal(t, pair[1], pair[0], name)
	}
	require.Equal(t, []int{4, 2, 3}, x.Add(tape.Zeros(typ(tensor.Float64, 4, 2, 3))).Type().Shape(), "a zero that enlarges is not dropped")
	require.Equal(t, []int{4, 2, 3}, tape.Zeros(typ(tensor.Float64, 4, 2, 3)).Add(x).Type().Shape())
	require.Equal(t, []int{4, 2, 3}, x.Sub(tape.Zeros(typ(tensor.Float64, 4, 2, 3))).Type().Shape())
	require.Equal(t, []int{4, 2, 3}, x.Mul(tape.Full(typ(tensor.Float64, 4, 2, 3), 1)).Type().Shape())
	require.Equal(t, tensor.Complex128, x.Add(tape.Zeros(z.Type())).Type().DType, "a complex zero makes complex")
	require.Equal(t, tensor.Complex128, autograd.Sum(x, z).Type().DType)
	require.Equal(t, tensor.Complex128, autograd.Sum(x, tape.Zeros(z.Type())).Type().DType)
}

func TestConstantAlongAnAxisIsComputedSmall(t *testing.T) {
	tape := newTape(t)
	x := tape.Var("x", of(1, 2, 3, 4))
	y := x.Expand(100, 4).Sin().Mul(x.Expand(100, 4))
	p := compile(t, tape, []autograd.Value{y.Sum(0)})
	require.Equal(t, typ(tensor.Float64, 4), p.Steps()[0].Out[0].Type)
	require.Equal(t, []int{100, 4}, y.Type().Shape())
}

func TestRecordingErrors(t *testing.T) {
	tape, other := newTape(t), newTape(t)
	x, y, z := tape.Var("x", of(1, 2)), tape.Var("y", of(1, 2, 3)), other.Var("z", of(1, 2))
	f := tape.Var("f", tensor.New(tensor.Float32, 2))
	for want, record := range map[string]func(){
		"add(float64[2], float64[3]): shapes do not match":                  func() { x.Add(y) },
		"different precision; convert one with Cast":                        func() { x.Mul(f) },
		"argument 1 is not a Value of the same Tape":                        func() { x.Add(z) },
		"argument 0 is not a Value of this Tape":                            func() { tape.Apply(cube(), nil, z) },
		"cube(float64[2], float64[2]): one argument expected":               func() { tape.Apply(cube(), nil, x, x) },
		"axes [2]: each axis once, from -1 to 0 expected":                   func() { x.Sum(2) },
		"crop(float64[2]):":                                                 func() { x.Crop(0, 1, 4) },
		"the name \"x\" is empty or taken":                                  func() { tape.Var("x", of(1)) },
		"there are no elements to reduce":                                   func() { x.Crop(0, 1, 1).ReduceMax() },
		"real arguments expected; take Real, Imag, Abs or Angle of a compl": func() { x.Complex().Exp() },
	} {
		err := autograd.Try(record)
		var e *autograd.Error
		require.ErrorAs(t, err, &e, want)
		require.ErrorContains(t, err, want)
		require.Contains(t, e.Pos, "tape_test.go:")
	}
	require.PanicsWithValue(t, "mine", func() { _ = autograd.Try(func() { panic("mine") }) }, "other panics pass")
	require.NoError(t, autograd.Try(func() { x.Add(x) }))
}

func TestCompileErrors(t *testing.T) {
	tape, other := newTape(t), newTape(t)
	x := tape.Var("x", tensor.New(tensor.Float64, 2, 3))
	z := other.Var("z", of(1, 2))
	slot, wide := tape.Var("slot", of(0, 0)), tape.Var("wide", of(0, 0, 0))
	for want, c := range map[string]struct {
		out     []autograd.Value
		updates []autograd.Update
	}{
		"an output is not a Value of this Tape":         {out: []autograd.Value{z}},
		"not a Var of this Tape":                        {updates: []autograd.Update{x.Sin().Becomes(x)}},
		"two Updates of the Var \"x\"":                  {updates: []autograd.Update{x.Becomes(x), x.Becomes(x)}},
		"with a float64[]; float64[2 3] expected":       {updates: []autograd.Update{x.Becomes(x.Sum())}},
		"float64[2 3] has no rows for a slot of type f": {updates: []autograd.Update{x.RowBecomes(wide, x)}},
		"with a float64[2 3]; float64[2] expected":      {updates: []autograd.Update{x.RowBecomes(slot, x)}},
	} {
		_, err := tape.Compile(c.out, none, c.updates...)
		require.ErrorContains(t, err, want)
	}
}

// ---- Vars

func TestVars(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		init := of(1, 2, 3)
		x := tape.Var("x", init.Flip(0))
		y := tape.Var("y", tensor.New(tensor.Float32, 2))
		require.Equal(t, []autograd.Value{x, y}, tape.Vars())
		found, ok := tape.Lookup("y")
		require.True(t, ok)
		require.Equal(t, y, found)
		_, ok = tape.Lookup("z")
		require.False(t, ok)
		require.Equal(t, []float64{3, 2, 1}, get(t, x))
		init.StoreReal(0, 100)
		require.Equal(t, []float64{3, 2, 1}, get(t, x), "a Var is a copy")
		require.NoError(t, tape.Set(x, of(7, 8, 9)))
		require.Equal(t, []float64{7, 8, 9}, get(t, x))
		require.ErrorContains(t, tape.Set(x, of(1)), `Set of the Var "x", a float64[3], to a float64[1]`)
		require.ErrorContains(t, tape.Set(x.Sin(), of(1)), "not a Var")
		_, err := tape.Get(x.Sin())
		require.ErrorContains(t, err, "not a Var")
	})
}

func TestRowsAreReadAndWrittenAtRunTime(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		h := tape.Var("h", tensor.Of([]float64{1, 2, 3, 4, 5, 6}, 3, 2))
		k := tape.Var("k", tensor.Scalar(0))
		p := compile(t, tape, []autograd.Value{h.Row(k)},
			h.RowBecomes(k, h.Row(k).Scale(10)), k.Becomes(k.AddScalar(1)))
		require.Equal(t, []float64{1, 2}, run(t, p))
		require.Equal(t, []float64{3, 4}, run(t, p))
		require.Equal(t, []float64{10, 20, 30, 40, 5, 6}, get(t, h))
		require.NoError(t, tape.Set(k, tensor.Scalar(3)))
		store := compile(t, tape, nil, h.RowBecomes(k, tape.Const(of(-1, -1))))
		run(t, store)
		require.NoError(t, tape.Set(k, tensor.Scalar(-1)))
		run(t, store)
		require.Equal(t, []float64{10, 20, 30, 40, 5, 6}, get(t, h), "a slot out of range stores nothing")
	})
}

// ---- one goroutine at a time

func TestUseByTwoGoroutinesPanics(t *testing.T) {
	started, finish := make(chan bool), make(chan bool)
	slow := cube()
	slow.Eval = func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		started <- true
		<-finish
	}
	tape := newTape(t)
	x := tape.Var("x", of(1, 2))
	p := compile(t, tape, []autograd.Value{tape.Apply(slow, nil, x)})
	done := make(chan error)
	go func() { done <- p.Run() }()
	<-started
	for _, use := range []func(){
		func() { x.Sin() }, func() { _ = p.Run() }, func() { tape.Const(of(1)) }, func() { _, _ = tape.Get(x) },
		func() { tape.Close() }, func() { _ = tape.To(&optest.Device{}) }, func() { _, _ = p.Profile(1) },
	} {
		require.ErrorIs(t, recovered(use), autograd.ErrConcurrent)
	}
	finish <- true
	require.NoError(t, <-done)
	require.NoError(t, recovered(func() { x.Sin() }))
}

// ---- Close

func TestClosedTapesAndProgramsAreErrors(t *testing.T) {
	for _, b := range []autograd.Backend{autograd.CPU{Threads: 1}, &optest.Device{}} {
		tape := autograd.New(b)
		x := tape.Var("x", of(1, 2))
		p, q := compile(t, tape, []autograd.Value{x.Sin()}), compile(t, tape, []autograd.Value{x.Cos()})
		run(t, p)
		p.Close()
		p.Close()
		require.ErrorIs(t, p.Run(), autograd.ErrClosed)
		_, err := p.Out(0)
		require.ErrorIs(t, err, autograd.ErrClosed)
		_, err = p.FindNaN()
		require.ErrorIs(t, err, autograd.ErrClosed)
		run(t, q)
		tape.Close()
		tape.Close()
		require.ErrorIs(t, q.Run(), autograd.ErrClosed)
		require.ErrorIs(t, q.Read(0, tensor.New(tensor.Float64, 2)), autograd.ErrClosed)
		_, err = q.Profile(1)
		require.ErrorIs(t, err, autograd.ErrClosed)
		require.ErrorIs(t, recovered(func() { x.Sin() }), autograd.ErrClosed)
	}
}
