package models

import (
	"fmt"
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// An evaluation gives the same bits on any number of threads, and allocates
// nothing.
func TestPortillaSimoncelliRun(t *testing.T) {
	m, err := NewPortillaSimoncelli(64, 96, PortillaSimoncelliOptions{Scales: 3, CorrelationWidth: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			one, three := gradientOn(t, m, d, 1), gradientOn(t, m, d, 3)
			for i := range one.Len() {
				if one.LoadReal(i) != three.LoadReal(i) {
					t.Fatalf("element %d of the gradient is %v on one thread, %v on three", i, one.LoadReal(i), three.LoadReal(i))
				}
			}
		})
	}
}

// gradientOn returns the gradient of the sum of squared statistics.
func gradientOn(t *testing.T, m *PortillaSimoncelli, d tensor.DType, threads int) tensor.Tensor {
	t.Helper()
	x := tensor.New(d, 2, 1, 64, 96)
	for i := range x.Len() {
		x.StoreReal(i, float64(i*i%1009)/1009)
	}
	tape := autograd.New(autograd.CPU{Threads: threads})
	defer tape.Close()
	v := tape.Var("image", x)
	loss := m.Forward(v).Square().SumWide(1, 2)
	p, err := tape.Compile([]autograd.Value{autograd.Grad(loss, v)[0]}, autograd.Value{})
	if err != nil {
		t.Fatal(err)
	}
	run := func() {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(2, run); n != 0 {
		t.Errorf("%v allocations in a Run on %d threads", n, threads)
	}
	dst := tensor.New(d, 2, 1, 64, 96)
	if err := p.Read(0, dst); err != nil {
		t.Fatal(err)
	}
	return dst
}
