package optim

import (
	"math"
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// BenchmarkStep times what an evaluation of L-BFGS costs beside the loss, with a
// full history of 100 pairs of 256×256 pixels.
func BenchmarkStep(b *testing.B) {
	const side = 256
	for _, c := range []struct {
		name  string
		o     LBFGS
		dtype tensor.DType
	}{
		{"gram", LBFGS{Float64History: true}, tensor.Float64},
		{"two-loop", LBFGS{TwoLoop: true, Float64History: true}, tensor.Float64},
		{"float32-history", LBFGS{}, tensor.Float64},
		{"spectral", LBFGS{Spectral: true}, tensor.Float64},
		{"float32", LBFGS{}, tensor.Float32},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(c.name+"/"+string(rune('0'+threads)), func(b *testing.B) {
				tape := autograd.New(autograd.CPU{Threads: threads})
				defer tape.Close()
				curvatures := tensor.New(c.dtype, 1, 1, side, side)
				for i := range side * side {
					curvatures.StoreReal(i, math.Pow(10, 6*float64(i)/side/side))
				}
				x0 := tensor.New(c.dtype, 1, 1, side, side)
				tensor.Copy(x0, noise(1, 1, 1, side, side))
				s := c.o.Start(tape, x0, Control{})
				x := s.At()
				loss := x.Square().Mul(tape.Const(curvatures)).SumWide(1, 2, 3)
				tick := s.Finish(Evaluation{Loss: loss, Penalty: loss, Grad: autograd.Grad(loss, x)[0]})
				p, err := tape.Compile([]autograd.Value{tick.Report}, tick.Guard, tick.Updates...)
				if err != nil {
					b.Fatal(err)
				}
				for range 140 {
					if err := p.Run(); err != nil {
						b.Fatal(err)
					}
				}
				ring, _ := tape.Lookup("lbfgs.ring")
				state, err := tape.Get(ring)
				if err != nil || state.LoadReal(ringCount) < 100 {
					b.Fatalf("the history has %v pairs: %v", state.LoadReal(ringCount), err)
				}
				back := rewinder(b, tape)
				b.ResetTimer()
				for i := range b.N {
					if i%50 == 49 { // before it converges, and has nothing left to do
						b.StopTimer()
						back()
						b.StartTimer()
					}
					if err := p.Run(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(state.LoadReal(ringCount), "pairs")
			})
		}
	}
}

// rewinder returns what sets all Vars of tape back to what they are now.
func rewinder(b *testing.B, tape *autograd.Tape) func() {
	var then []tensor.Tensor
	for _, v := range tape.Vars() {
		x, err := tape.Get(v)
		if err != nil {
			b.Fatal(err)
		}
		then = append(then, x)
	}
	return func() {
		for i, v := range tape.Vars() {
			if err := tape.Set(v, then[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
