package models

import (
	"fmt"
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// An evaluation gives the same bits on any number of threads, whether they share the
// images or their rows, and allocates nothing.
func TestPortillaSimoncelliRun(t *testing.T) {
	m, err := NewPortillaSimoncelli(64, 96, PortillaSimoncelliOptions{Scales: 3, CorrelationWidth: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		for _, images := range []int{2, 7} {
			t.Run(fmt.Sprint(d, images), func(t *testing.T) {
				if sharesImages(images, 64*96, 3) != (images == 7) {
					t.Fatalf("%d images are shared, or not, against expectation", images)
				}
				one, three := gradientOn(t, m, d, images, 1), gradientOn(t, m, d, images, 3)
				for i := range one.Len() {
					if one.LoadReal(i) != three.LoadReal(i) {
						t.Fatalf("element %d of the gradient is %v on one thread, %v on three", i, one.LoadReal(i), three.LoadReal(i))
					}
				}
			})
		}
	}
}

// gradientOn returns the gradient of the sum of squared statistics.
func gradientOn(t *testing.T, m *PortillaSimoncelli, d tensor.DType, images, threads int) tensor.Tensor {
	t.Helper()
	x := tensor.New(d, images, 1, 64, 96)
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
	dst := tensor.New(d, images, 1, 64, 96)
	if err := p.Read(0, dst); err != nil {
		t.Fatal(err)
	}
	return dst
}

// Two gradients of the same statistics, of which only one finds what the statistics
// left, are those of programs of their own.
func TestSpectrumMomentsTwice(t *testing.T) {
	const h, w, n = 32, 48, 4
	attr := spectrumAttr{newBandSet(newConstant(sampleMasks(n, h, w), n, h, w)), momentAttr{n / 2, 5}}
	x := tensor.New(tensor.Complex128, 2, 1, h, w)
	for i := range x.Len() {
		x.Store(i, complex(float64(i*i%1009)/1009, float64(i*i%997)/997))
	}
	gradients := func(weights ...float64) (out []tensor.Tensor) {
		tape := autograd.New(autograd.CPU{Threads: 2})
		defer tape.Close()
		v := tape.Var("spectrum", x)
		y := tape.Apply(opSpectrumMoments, attr, v)
		wanted := []autograd.Value{y}
		for _, f := range weights {
			wanted = append(wanted, autograd.Grad(y.Square().Scale(f).SumWide(1, 2), v)...)
		}
		p, err := tape.Compile(wanted, autograd.Value{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range weights {
			g := tensor.New(tensor.Complex128, 2, 1, h, w)
			if err := p.Read(1+i, g); err != nil {
				t.Fatal(err)
			}
			out = append(out, g)
		}
		return out
	}
	both, first, second := gradients(1, 3), gradients(1)[0], gradients(3)[0]
	for i := range first.Len() {
		if both[0].Load(i) != first.Load(i) || both[1].Load(i) != second.Load(i) {
			t.Fatalf("element %d: %v and %v together, %v and %v alone", i, both[0].Load(i), both[1].Load(i), first.Load(i), second.Load(i))
		}
	}
}
