package main

import (
	"context"
	"fmt"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/cuda"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// meter measures on a device; quick is for trying it out.
type meter struct {
	dev   *cuda.Device
	quick bool
	count bool    // run nothing
	roof  float64 // bytes per second of a large copy, the same run
}

// assumedRoof is the bandwidth that counts assume: of an H200, less a quarter.
const assumedRoof = 3.5e12

// A kernelTime is one op on 2²⁴ elements (2¹² in a quick run).
type kernelTime struct {
	What         string
	DType        string
	Elements     int
	Microseconds float64
	GBps         float64
	OfCopy       float64 // share of the bandwidth of a copy of as many elements
}

// An fftTime is a batch of two-dimensional complex transforms.
type fftTime struct {
	DType        string
	Size, Batch  int
	Microseconds float64
	GBps         float64 // read and written once by each of the two axes
	OfCopy       float64
}

// A stepTime is one evaluation of the texture model's loss and gradient, or one
// step of L-BFGS on it, in one graph.
type stepTime struct {
	What              string
	DType             string
	Size, Batch       int
	Microseconds      float64
	Launches, Steps   int
	ReadMB, WrittenMB float64
	MFLOP             float64
	ExpectedMicros    float64 // launchMicros for each launch, and the bytes at the bandwidth of a copy
}

// A metamerTime is a whole synthesis.
type metamerTime struct {
	DType       string
	Size, Batch int
	Seconds     float64
	Evaluations int
	FinalLoss   float64
	PerSecond   float64 // metamers
}

// launchMicros is what one small kernel costs inside a graph: an assumption, which
// the expected times show as such.
const launchMicros = 2.5

// time returns the shortest of several averages of a Run.
func (m *meter) time(p *autograd.Program, out tensor.Tensor) (time.Duration, error) {
	runs, inner := 7, 20
	if m.quick {
		runs, inner = 1, 1
	}
	best := time.Duration(1 << 62)
	for range runs {
		if err := p.Read(0, out); err != nil { // waits
			return 0, err
		}
		begin := time.Now()
		for range inner {
			if err := p.Run(); err != nil {
				return 0, err
			}
		}
		if err := p.Read(0, out); err != nil {
			return 0, err
		}
		best = min(best, time.Since(begin)/time.Duration(inner))
	}
	return best, nil
}

// program compiles f of arguments of the given type and runs it once. A sum of a
// few elements is what is read back.
func (m *meter) program(typ tensor.Type, f func(t *autograd.Tape, x autograd.Value) autograd.Value) (*autograd.Tape, *autograd.Program, error) {
	tape := autograd.New(m.dev)
	var p *autograd.Program
	err := autograd.Try(func() {
		x := tape.Var("x", noise(typ.DType, typ.Shape()...))
		y := tape.Var("y", tensor.New(typ.DType).Expand(typ.Shape()...))
		small := tape.Var("small", noise(tensor.Float64, 1))
		var e error
		if p, e = tape.Compile([]autograd.Value{small.Scale(2)}, autograd.Value{}, y.Becomes(f(tape, x))); e != nil {
			panic(e)
		}
	})
	if err == nil {
		err = p.Run()
	}
	return tape, p, err
}

func (m *meter) kernels(r *report) error {
	n := 1 << 24
	if m.quick {
		n = 1 << 12
	}
	side := 1 << 12
	if m.quick {
		side = 1 << 6
	}
	list := []struct {
		what  string
		bytes int // per element, in elements moved
		f     func(t *autograd.Tape, x autograd.Value) autograd.Value
	}{
		{"copy", 2, func(t *autograd.Tape, x autograd.Value) autograd.Value { return x.Scale(1.5) }},
		{"x·exp(−x²)+x, fused", 2, func(t *autograd.Tape, x autograd.Value) autograd.Value { return x.Square().Neg().Exp().Mul(x).Add(x) }},
		{"sum over all", 1, func(t *autograd.Tape, x autograd.Value) autograd.Value { return x.Sum().Expand(x.Type().Shape()...) }},
		{"sum over rows", 1, func(t *autograd.Tape, x autograd.Value) autograd.Value {
			return x.KeepAxes(x.Sum(1), 1).Expand(x.Type().Shape()...)
		}},
		{"transpose", 2, func(t *autograd.Tape, x autograd.Value) autograd.Value { return x.Permute(1, 0).Scale(1.5) }},
	}
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		for _, k := range list {
			typ := tensor.MakeType(d, side, n/side)
			tape, p, err := m.program(typ, k.f)
			if err != nil {
				return fmt.Errorf("%s: %w", k.what, err)
			}
			took, err := m.time(p, tensor.New(tensor.Float64, 1))
			tape.Close()
			if err != nil {
				return err
			}
			bytes := float64(k.bytes * n * d.Size())
			if k.bytes == 1 { // the sum is spread over an array of the same size
				bytes *= 2
			}
			t := kernelTime{What: k.what, DType: d.String(), Elements: n, Microseconds: micros(took), GBps: bytes / took.Seconds() / 1e9}
			if k.what == "copy" {
				m.roof = bytes / took.Seconds()
			}
			t.OfCopy = bytes / took.Seconds() / m.roof
			r.Kernels = append(r.Kernels, t)
			fmt.Printf("%-24s %-8s %10.1f µs %8.0f GB/s %5.2f of copy\n", t.What, t.DType, t.Microseconds, t.GBps, t.OfCopy)
		}
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func (m *meter) ffts(r *report) error {
	sizes, batches := []int{64, 128, 256, 512, 1024}, []int{1, 16}
	if m.quick {
		sizes, batches = []int{32}, []int{1}
	}
	for _, d := range []tensor.DType{tensor.Complex64, tensor.Complex128} {
		for _, n := range sizes {
			for _, b := range batches {
				tape, p, err := m.program(tensor.MakeType(d, b, n, n), func(_ *autograd.Tape, x autograd.Value) autograd.Value { return x.FFT(autograd.Ortho, 1, 2) })
				if err != nil {
					return err
				}
				took, err := m.time(p, tensor.New(tensor.Float64, 1))
				tape.Close()
				if err != nil {
					return err
				}
				bytes := float64(6 * b * n * n * d.Size()) // two axes, and the copy into the Var
				t := fftTime{d.String(), n, b, micros(took), bytes / took.Seconds() / 1e9, bytes / took.Seconds() / m.roof}
				r.FFT = append(r.FFT, t)
				fmt.Printf("fft2 %4d² × %-3d %-10s %10.1f µs %8.0f GB/s %5.2f of copy\n", n, b, t.DType, t.Microseconds, t.GBps, t.OfCopy)
			}
		}
	}
	return nil
}

// texture returns the texture model for images of size×size pixels.
func texture(size int) (synth.Model, error) {
	o := models.PortillaSimoncelliOptions{}
	if size < 112 {
		o.Scales, o.CorrelationWidth = 2, 5
	}
	return models.NewPortillaSimoncelli(size, size, o)
}

// sizesAndBatches of steps and metamers.
func (m *meter) sizesAndBatches() (sizes, batches []int) {
	switch {
	case m.quick:
		return []int{32}, []int{1, 2}
	case m.count:
		return []int{256, 512}, []int{1, 8}
	}
	return []int{256, 512, 1024}, []int{1, 8, 64}
}

func (m *meter) steps(r *report) error {
	sizes, batches := m.sizesAndBatches()
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		for _, n := range sizes {
			for _, b := range batches {
				for _, what := range []string{"loss and gradient", "L-BFGS step"} {
					t, err := m.step(what, d, n, b)
					if err != nil {
						fmt.Printf("%s, %d² × %d, %v: %v\n", what, n, b, d, err) // memory, most likely
						continue
					}
					r.Steps = append(r.Steps, t)
					fmt.Printf("%-18s %4d² × %-3d %-8s %10.1f µs (%.1f expected), %d launches for %d steps, %.0f MB\n",
						t.What, n, b, t.DType, t.Microseconds, t.ExpectedMicros, t.Launches, t.Steps, t.ReadMB+t.WrittenMB)
				}
			}
		}
	}
	return nil
}

func (m *meter) step(what string, d tensor.DType, size, batch int) (t stepTime, err error) {
	model, err := texture(size)
	if err != nil {
		return t, err
	}
	tape := autograd.New(m.dev)
	defer tape.Close()
	var p *autograd.Program
	if e := autograd.Try(func() {
		x0 := noise(d, batch, 1, size, size)
		want := model.Forward(tape.Const(noise(d, 1, 1, size, size)))
		loss := func(x autograd.Value) (l, g autograd.Value) {
			l = model.Forward(x).Sub(want).Square().SumWide(1, 2)
			return l, autograd.Grad(l.SumWide(), x)[0]
		}
		if what == "L-BFGS step" {
			s := optim.LBFGS{}.Start(tape, x0, optim.Control{})
			l, g := loss(s.At())
			tick := s.Finish(optim.Evaluation{Loss: l, Penalty: tape.Full(l.Type(), 0), Grad: g})
			p, err = tape.Compile([]autograd.Value{tick.Report}, tick.Guard, tick.Updates...)
			return
		}
		l, g := loss(tape.Var("x", x0))
		p, err = tape.Compile([]autograd.Value{l, g}, autograd.Value{})
	}); e != nil {
		return t, e
	}
	if err != nil {
		return t, err
	}
	var took time.Duration
	if !m.count {
		if err := p.Run(); err != nil {
			return t, err
		}
		first, err := p.Out(0)
		if err != nil {
			return t, err
		}
		if took, err = m.time(p, first); err != nil {
			return t, err
		}
	}
	ls, err := p.Launches()
	if err != nil {
		return t, err
	}
	read, written, flops := p.Traffic()
	t = stepTime{What: what, DType: d.String(), Size: size, Batch: batch, Microseconds: micros(took), Launches: len(ls), Steps: p.Counts().Steps,
		ReadMB: float64(read) / 1e6, WrittenMB: float64(written) / 1e6, MFLOP: float64(flops) / 1e6}
	t.ExpectedMicros = launchMicros*float64(len(ls)) + float64(read+written)/m.roof*1e6
	return t, nil
}

func (m *meter) metamers(r *report) error {
	sizes, batches := m.sizesAndBatches()
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		for _, n := range sizes {
			for _, b := range batches {
				if n > 256 && b > 8 {
					continue
				}
				t, err := m.metamer(d, n, b)
				if err != nil {
					fmt.Printf("metamer %d² × %d, %v: %v\n", n, b, d, err)
					continue
				}
				r.Metamer = append(r.Metamer, t)
				fmt.Printf("metamer %4d² × %-3d %-8s %8.2f s, %d evaluations, loss %.3g, %.2f a second\n", n, b, t.DType, t.Seconds, t.Evaluations, t.FinalLoss, t.PerSecond)
			}
		}
	}
	return nil
}

func (m *meter) metamer(d tensor.DType, size, batch int) (t metamerTime, err error) {
	model, err := texture(size)
	if err != nil {
		return t, err
	}
	target := tensor.New(d, batch, 1, size, size)
	tensor.Copy(target, noise(d, 1, 1, size, size).Expand(batch, 1, size, size))
	s, err := synth.NewMetamer(m.dev, target, model, synth.MetamerOptions{Loss: synth.MSE{ScaleStart: true}, Tolerance: new(float64)})
	if err != nil {
		return t, err
	}
	defer s.Close()
	stop := synth.Stop{Iterations: 100, Evaluations: 1000}
	if m.quick {
		stop.Iterations = 2
	}
	begin := time.Now()
	if _, err := s.Run(context.Background(), stop); err != nil {
		return t, err
	}
	seconds := time.Since(begin).Seconds()
	h := s.History(0)
	last := h[len(h)-1]
	return metamerTime{d.String(), size, batch, seconds, last.Evaluations, last.Loss, float64(batch) / seconds}, nil
}
