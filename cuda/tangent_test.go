//go:build cuda && cgo

package cuda_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// The search on a level set, whose ops are compositions here, ends where it ends
// on the CPU.
func TestTangentAgreesWithCPU(t *testing.T) {
	var ends [2][]float64
	for i, b := range []autograd.Backend{nil, open(t)} {
		tape := autograd.New(b)
		defer tape.Close()
		both := tensor.New(tensor.Float64, 2, 1, 6, 7)
		tensor.Copy(both.Crop(0, 0, 1, 1), texture(6, 7, 0))
		tensor.Copy(both.Crop(0, 1, 2, 1), texture(6, 7, 3))
		s := optim.Tangent{Bounds: &[2]float64{0, 1}, History: 4}.Start(tape, both, optim.Control{})
		x := s.At()
		loss := x.Sub(tape.Const(texture(6, 7, 5)).Expand(2, 1, 6, 7)).Square().SumWide(1, 2, 3)
		held := x.Square().SumWide(1, 2, 3)
		tick := s.Finish(optim.Evaluation{Loss: loss, Penalty: tape.Full(loss.Type(), 0), Grad: autograd.Grad(loss, x)[0],
			Held: held, HeldGrad: autograd.Grad(held, x)[0], Level: tape.Const(tensor.Of([]float64{11, 13}))})
		p, err := tape.Compile([]autograd.Value{tick.Report}, tick.Guard, tick.Updates...)
		require.NoError(t, err)
		limits := tensor.New(tensor.Float64, 2, optim.LimitColumns)
		for n := range 2 {
			for c, v := range map[int]float64{optim.LimitIterations: 1e9, optim.LimitEvaluations: 1e9, optim.LimitTolerance: 1e-6, optim.LimitStage: 0} {
				limits.StoreReal(n*optim.LimitColumns+c, v)
			}
		}
		require.NoError(t, tape.Set(s.Limits(), limits))
		for range 120 {
			require.NoError(t, p.Run())
		}
		report := tensor.New(tensor.Float64, 2, optim.ReportColumns)
		require.NoError(t, p.Read(0, report))
		for n := range 2 {
			require.EqualValues(t, 1, report.LoadReal(n*optim.ReportColumns+optim.Stopped))
		}
		end, err := tape.Get(s.X())
		require.NoError(t, err)
		ends[i] = tensor.Floats(end)
	}
	for k, v := range ends[0] {
		require.LessOrEqual(t, math.Abs(v-ends[1][k]), 1e-5, k)
	}
}
