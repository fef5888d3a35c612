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

// Every Var of an optimizer is, after every tick, what it is on the CPU.
func TestTicksAgreeWithCPU(t *testing.T) {
	dev := open(t)
	for name, o := range map[string]optim.Optimizer{"gram": optim.LBFGS{History: 5, Float64History: true}, "two-loop": optim.LBFGS{History: 5, TwoLoop: true, Float64History: true}, "adam": optim.Adam{}} {
		t.Run(name, func(t *testing.T) {
			var tapes [2]*autograd.Tape
			var progs [2]*autograd.Program
			for i, b := range []autograd.Backend{nil, dev} {
				tape := autograd.New(b)
				defer tape.Close()
				x0 := texture(6, 7, 0)
				both := tensor.New(x0.DType, 2, 1, 6, 7)
				tensor.Copy(both.Crop(0, 0, 1, 1), x0)
				tensor.Copy(both.Crop(0, 1, 2, 1), texture(6, 7, 3))
				s := o.Start(tape, both, optim.Control{})
				x := s.At()
				// a badly scaled quartic
				w := tape.Const(texture(6, 7, 5)).AddScalar(.05).Expand(2, 1, 6, 7)
				loss := x.Sub(w).Square().Mul(w).Add(x.Square().Square().Scale(.1)).SumWide(1, 2, 3)
				tick := s.Finish(optim.Evaluation{Loss: loss, Penalty: tape.Full(loss.Type(), 0), Grad: autograd.Grad(loss.SumWide(), x)[0]})
				p, err := tape.Compile([]autograd.Value{tick.Report}, tick.Guard, tick.Updates...)
				require.NoError(t, err)
				tapes[i], progs[i] = tape, p
			}
			for tick := range 30 {
				for i := range progs {
					require.NoError(t, progs[i].Run())
				}
				for k, v := range tapes[0].Vars() {
					a, err := tapes[0].Get(v)
					require.NoError(t, err)
					b, err := tapes[1].Get(tapes[1].Vars()[k])
					require.NoError(t, err)
					p, q := tensor.Floats(a), tensor.Floats(b)
					for i := range p {
						if math.Abs(p[i]-q[i]) > 1e-6*math.Max(1, math.Abs(p[i])) {
							t.Fatalf("tick %d: Var %s%v, element %d is %v, on the CPU %v", tick, v.Name(), a.Type, i, q[i], p[i])
						}
					}
				}
			}
		})
	}
}
