package models

import (
	"fmt"
	"slices"
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// An evaluation gives the same bits on any number of threads, whether they share the
// rows of an image, the images of an op or those of a loop, and allocates nothing.
func TestPortillaSimoncelliRun(t *testing.T) {
	for _, c := range []struct {
		images, h, w, scales, width int
		shares, loops               bool
	}{{images: 2, h: 64, w: 96, scales: 3, width: 5}, {images: 6, h: 24, w: 24, scales: 2, width: 5, shares: true}, {images: 7, h: 64, w: 96, scales: 3, width: 5, loops: true}} {
		m, err := NewPortillaSimoncelli(c.h, c.w, PortillaSimoncelliOptions{Scales: c.scales, CorrelationWidth: c.width})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
			t.Run(fmt.Sprint(d, c.images, c.h), func(t *testing.T) {
				if shares := sharesImages(c.images, c.h*c.w, 3); !c.loops && shares != c.shares {
					t.Fatalf("%d images are shared, or not, against expectation", c.images)
				}
				one, _ := gradientOn(t, m, d, c.images, 1)
				three, loops := gradientOn(t, m, d, c.images, 3)
				if loops != c.loops {
					t.Fatalf("%d images are in a loop: %v; %v expected", c.images, loops, c.loops)
				}
				for i := range one.Len() {
					if one.LoadReal(i) != three.LoadReal(i) {
						t.Fatalf("element %d of the gradient is %v on one thread, %v on three", i, one.LoadReal(i), three.LoadReal(i))
					}
				}
				first, _ := gradientOn(t, m, d, 1, 1)
				for i := range first.Len() {
					if one.LoadReal(i) != first.LoadReal(i) {
						t.Fatalf("element %d of the gradient is %v in a batch, %v alone", i, one.LoadReal(i), first.LoadReal(i))
					}
				}
			})
		}
	}
}

// gradientOn returns the gradient of the sum of squared statistics, and whether it is
// computed image by image.
func gradientOn(t *testing.T, m *PortillaSimoncelli, d tensor.DType, images, threads int) (g tensor.Tensor, loops bool) {
	t.Helper()
	x := tensor.New(d, images, 1, m.h, m.w)
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
	g = tensor.New(d, images, 1, m.h, m.w)
	if err := p.Read(0, g); err != nil {
		t.Fatal(err)
	}
	return g, slices.ContainsFunc(p.Steps(), func(s autograd.Step) bool { return s.Parts > 0 })
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
