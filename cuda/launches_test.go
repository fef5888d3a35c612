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

// The steps of one level share launches, so that there are far fewer launches than
// steps.
func TestLaunches(t *testing.T) {
	p := step(t, open(t), 128, tensor.Float32)
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
	require.Less(t, 2*len(ls), 3*p.Counts().Steps)
	require.GreaterOrEqual(t, steps, p.Counts().Steps)
}
