package autograd_test

import (
	"math"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
)

func TestFindNaNNamesTheLine(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(4, 1))
		step := tape.Const(of(1, 1))
		_, _, line, _ := runtime.Caller(0)
		early := x.Sin()
		root := x.Sqrt()
		loss := early.Mul(root).Flip(0)
		finite := loss.Sub(loss).Eq(tape.Zeros(loss.Type())).Flip(0)
		p, err := tape.Compile([]autograd.Value{loss}, finite, x.Becomes(x.Sub(step).Add(root.Scale(1e-300))))
		require.NoError(t, err)

		found, err := p.FindNaN()
		require.NoError(t, err)
		require.Nil(t, found, "all is finite")
		require.Equal(t, []float64{4, 1}, get(t, x), "FindNaN stores nothing")
		for range 10 {
			require.NoError(t, p.Run())
		}
		require.Equal(t, []float64{-1, -1}, get(t, x), "each image stops at the state that gives NaN")
		found, err = p.FindNaN()
		require.NoError(t, err)
		require.NotNil(t, found)
		require.Equal(t, root, found.Value)
		require.Equal(t, "sqrt", found.Op)
		require.Contains(t, found.Pos, "findnan_test.go:"+strconv.Itoa(line+2))
		require.Contains(t, found.String(), "sqrt makes the first NaN or infinity")
		require.Equal(t, []float64{-1, -1}, get(t, x))
	})
}

func TestFindNaNBehindAGuard(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(1, -1))
		h := tape.Var("h", of(0, 0))
		slot := tape.Var("slot", of(0, 0))
		rows := tape.Var("rows", of(1, 1))
		l := x.Log()
		guard := x.Gt(tape.Scalar(x.Type().DType, 0).Expand(2))
		p, err := tape.Compile(nil, guard, h.Becomes(l.Exp()))
		require.NoError(t, err)
		require.NoError(t, p.Run())
		require.Equal(t, []float64{1, 0}, get(t, h))
		found, err := p.FindNaN()
		require.NoError(t, err)
		require.Equal(t, l, found.Value, "the guard hides the NaN from the Var, not from FindNaN")

		q, err := tape.Compile([]autograd.Value{autograd.Where(guard, l, slot), rows}, none)
		require.NoError(t, err)
		found, err = q.FindNaN()
		require.NoError(t, err)
		require.Nil(t, found, "a NaN that the user's own selection drops is none")
	})
}

func TestFindNaNInTheGradient(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(0, 4))
		_, _, line, _ := runtime.Caller(0)
		y := x.Sqrt().Sum()
		p := compile(t, tape, []autograd.Value{y, autograd.Grad(y, x)[0].Sum()})
		found, err := p.FindNaN()
		require.NoError(t, err)
		require.Contains(t, found.Pos, "findnan_test.go:"+strconv.Itoa(line+1)+" (backward)")
	})
}

func TestFindNaNInAVar(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("image", of(1, math.NaN()))
		c := tape.Const(of(1, math.Inf(1)))
		found, err := compile(t, tape, []autograd.Value{x.Sin().LogSumExp()}).FindNaN()
		require.NoError(t, err)
		require.Equal(t, x, found.Value)
		require.Contains(t, found.String(), `var "image" holds a NaN or infinity`)
		found, err = compile(t, tape, []autograd.Value{c.Flip(0).Scale(2)}).FindNaN()
		require.NoError(t, err)
		require.Equal(t, c, found.Value)
		require.Equal(t, "const", found.Op)
	})
}
