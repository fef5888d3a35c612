//go:build cuda && cgo

package cuda_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// step compiles one step of a texture metamer, as package synth does.
func step(t testing.TB, dev autograd.Backend, size int, d tensor.DType) *autograd.Program {
	m, err := models.NewPortillaSimoncelli(size, size, models.PortillaSimoncelliOptions{})
	require.NoError(t, err)
	tape := autograd.New(dev)
	t.Cleanup(tape.Close)
	s := optim.LBFGS{}.Start(tape, converted(texture(size, size, 3), d), optim.Control{})
	x := s.At()
	want := m.Forward(tape.Const(converted(texture(size, size, 0), d)))
	loss := m.Forward(x).Sub(want).Square().SumWide(1, 2)
	tick := s.Finish(optim.Evaluation{Loss: loss, Penalty: tape.Full(loss.Type(), 0), Grad: autograd.Grad(loss.SumWide(), x)[0]})
	p, err := tape.Compile([]autograd.Value{tick.Report}, tick.Guard, tick.Updates...)
	require.NoError(t, err)
	return p
}

// evaluation compiles the loss of the texture model and its gradient.
func evaluation(t testing.TB, dev autograd.Backend, size int, d tensor.DType) *autograd.Program {
	m, err := models.NewPortillaSimoncelli(size, size, models.PortillaSimoncelliOptions{})
	require.NoError(t, err)
	tape := autograd.New(dev)
	t.Cleanup(tape.Close)
	x := tape.Var("x", converted(texture(size, size, 3), d))
	want := m.Forward(tape.Const(converted(texture(size, size, 0), d)))
	loss := m.Forward(x).Sub(want).Square().SumWide(1, 2)
	p, err := tape.Compile([]autograd.Value{loss, autograd.Grad(loss.SumWide(), x)[0]}, autograd.Value{})
	require.NoError(t, err)
	return p
}

// Steps that do not depend on each other share launches: an evaluation of the
// texture model takes as many as are promised, a step of L-BFGS some more.
func TestLaunches(t *testing.T) {
	dev := open(t)
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		ls, err := evaluation(t, dev, 256, d).Launches()
		require.NoError(t, err)
		t.Logf("%v: %d launches", d, len(ls))
		require.LessOrEqual(t, len(ls), 80)
	}
	p := step(t, dev, 256, tensor.Float32)
	ls, err := p.Launches()
	require.NoError(t, err)
	kernels, steps := map[string]int{}, 0
	for _, l := range ls {
		kernels[l.Kernel]++
		steps += len(l.Steps)
	}
	read, written, flops := p.Traffic()
	t.Logf("%d steps, %d launches, %.1f MB read, %.1f MB written, %.0f MFLOP: %v", p.Counts().Steps, len(ls),
		float64(read)/1e6, float64(written)/1e6, float64(flops)/1e6, kernels)
	require.LessOrEqual(t, len(ls), 110)
	require.GreaterOrEqual(t, steps, p.Counts().Steps)
}

// What takes one block at a time is one launch, however long the chain: here sums
// and elementwise steps in turn, each reading the one before.
func TestChain(t *testing.T) {
	dev := open(t)
	f := func(x autograd.Value) autograd.Value {
		for range 6 {
			x = x.Sub(x.KeepAxes(x.Square().Sum(1), 1).Scale(.001)).Tanh()
		}
		return x
	}
	agree(t, dev, pattern(tensor.Float64, 3, 130), 1e-12, f)
	tape := autograd.New(dev)
	defer tape.Close()
	p, err := tape.Compile([]autograd.Value{f(tape.Var("x", pattern(tensor.Float64, 3, 130)))}, autograd.Value{})
	require.NoError(t, err)
	ls, err := p.Launches()
	require.NoError(t, err)
	require.Len(t, ls, 1)
	require.Greater(t, len(ls[0].Steps), 10)
	require.Equal(t, 1, ls[0].Blocks)
}

// Work that is independent but of different kinds is one launch.
func TestStage(t *testing.T) {
	dev := open(t)
	tape := autograd.New(dev)
	defer tape.Close()
	x := tape.Var("x", pattern(tensor.Float64, 40, 60))
	outs := []autograd.Value{x.Sum(0), x.Square(), x.Gather(1, []int{3, 1}), x.RFFT(autograd.Backward, 1), x.Permute(1, 0).Pad(autograd.PadConstant, [2]int{1, 1})}
	p, err := tape.Compile(outs, autograd.Value{})
	require.NoError(t, err)
	ls, err := p.Launches()
	require.NoError(t, err)
	require.Len(t, ls, 1)
	require.Len(t, ls[0].Steps, p.Counts().Steps)
}
