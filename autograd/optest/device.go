package optest

import (
	"fmt"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Device is a Backend whose memory host code cannot read: it stands for an
// accelerator where there is none. It has no kernels: every step runs as
// Op.Eval, so that ops defined by Lower run as their composition, and fused
// groups instruction by instruction. Run only enqueues; the queue is worked off
// when a Copy or a Free waits for it. Its zero value is ready for use by one
// goroutine.
type Device struct {
	// Limit is how many bytes can be allocated at once; 0 means any number.
	Limit int

	queue []func()
	live  int
}

// deviceMemory is a block of a Device.
type deviceMemory struct {
	owner *Device
	block *tensor.Host // nil once freed
	bytes int
}

// Bytes returns the size of m.
func (m *deviceMemory) Bytes() int { return m.bytes }

// Free waits for the Device and fills m with NaN, so that later readers show.
func (m *deviceMemory) Free() {
	if m.block == nil {
		return
	}
	m.owner.wait()
	m.owner.live -= m.bytes
	w := words(m.block)
	for i := range w {
		w[i] = guardWord
	}
	m.block = nil
}

// Name returns "device".
func (d *Device) Name() string { return "device" }

// Live returns the bytes that are allocated and not freed.
func (d *Device) Live() int { return d.live }

// Alloc returns zeroed memory. It errs beyond Limit.
func (d *Device) Alloc(bytes int) (tensor.Memory, error) {
	if d.Limit > 0 && d.live+bytes > d.Limit {
		return nil, fmt.Errorf("optest: %w: %d bytes needed, %d free", autograd.ErrMemory, bytes, d.Limit-d.live)
	}
	d.live += bytes
	return &deviceMemory{d, tensor.NewHost(bytes), bytes}, nil
}

// Copy copies after what Run enqueued. It errs if the types differ, or if
// memory is another Device's or freed.
func (d *Device) Copy(dst, src tensor.Tensor) error {
	d.wait()
	if dst.Type != src.Type {
		return fmt.Errorf("optest: Copy of a %v to a %v", src.Type, dst.Type)
	}
	var err error
	for _, t := range []*tensor.Tensor{&dst, &src} {
		if _, host := t.Mem.(*tensor.Host); !host {
			if *t, err = d.inside(*t); err != nil {
				return err
			}
		}
	}
	tensor.Copy(dst, src)
	return nil
}

// Close waits.
func (d *Device) Close() error {
	d.wait()
	return nil
}

func (d *Device) wait() {
	for _, f := range d.queue {
		f()
	}
	d.queue = d.queue[:0]
}

// inside returns t as the Device itself sees it.
func (d *Device) inside(t tensor.Tensor) (tensor.Tensor, error) {
	m, ok := t.Mem.(*deviceMemory)
	switch {
	case !ok:
		return t, fmt.Errorf("optest: a %v lies in %T, which this Device cannot read", t.Type, t.Mem)
	case m.owner != d:
		return t, fmt.Errorf("optest: a %v lies on another Device", t.Type)
	case m.block == nil:
		return t, fmt.Errorf("optest: the memory of a %v is freed", t.Type)
	}
	t.Mem = m.block
	return t, nil
}

// all is inside for several tensors.
func (d *Device) all(ts []tensor.Tensor) ([]tensor.Tensor, error) {
	out := make([]tensor.Tensor, len(ts))
	for i, t := range ts {
		var err error
		if out[i], err = d.inside(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// deviceBound is the replay of steps on a Device.
type deviceBound struct {
	device *Device
	run    []func()
}

// Bind makes the replay of the steps. It errs if an op has no Eval, if an
// operand is not memory of d, or if a result is not contiguous.
func (d *Device) Bind(steps []autograd.Step) (autograd.Bound, error) {
	b := &deviceBound{device: d}
	for i := range steps {
		f, err := d.bindStep(&steps[i])
		if err != nil {
			return nil, fmt.Errorf("%w (step %s, recorded at %s)", err, steps[i].Name(), steps[i].Pos)
		}
		b.run = append(b.run, f)
	}
	return b, nil
}

func (d *Device) bindStep(s *autograd.Step) (func(), error) {
	out, err := d.all(s.Out)
	if err != nil {
		return nil, err
	}
	in, err := d.all(s.In)
	if err != nil {
		return nil, err
	}
	for _, t := range out {
		if !t.IsContiguous() {
			return nil, fmt.Errorf("optest: the result %v is not contiguous", t.Type)
		}
	}
	if s.Op == nil {
		return bindBody(s.Body, out, in)
	}
	if s.Op.Eval == nil {
		return nil, fmt.Errorf("optest: the op %s has no kernel and no Eval here", s.Op.Name)
	}
	if d.Masks(s.Op) {
		return bindTransform(s, out, in), nil
	}
	return func() { s.Op.Eval(s.Attr, out[0], in) }, nil
}

// Masks reports whether op is a transform that takes masks, moduli and real values
// and leaves moduli.
func (d *Device) Masks(op *autograd.Op) bool {
	return op.Name == "fft" || op.Name == "rfft" || op.Name == "irfft"
}

// bindTransform runs a transform of what it takes in place of its argument, and then
// the modulus, if it is asked for.
func bindTransform(s *autograd.Step, out, in []tensor.Tensor) func() {
	return func() {
		x := in[0]
		first := func(op string, d tensor.DType, args ...tensor.Tensor) {
			y := tensor.New(d, x.Shape()...)
			named(op).Eval(nil, y, args)
			x = y
		}
		switch isComplex := x.DType.IsComplex(); {
		case len(in) > 1:
			first("mul", x.DType, in...)
		case s.Op.Name == "rfft" && isComplex:
			first("abs", x.DType.Real(), x)
		case s.Op.Name == "fft" && !isComplex:
			first("complex", x.DType.Complex(), x, tensor.New(x.DType, x.Shape()...))
		}
		s.Op.Eval(s.Attr, out[0], []tensor.Tensor{x})
		if len(out) > 1 {
			named("abs").Eval(nil, out[1], out[:1])
		}
	}
}

// named returns an op of the engine.
func named(name string) *autograd.Op {
	for _, op := range autograd.Ops {
		if op.Name == name {
			return op
		}
	}
	panic("optest: there is no op " + name)
}

// bindBody runs a fused group instruction by instruction; what nobody outside
// reads goes to memory of its own.
func bindBody(body []autograd.Instr, out, in []tensor.Tensor) (func(), error) {
	values := append([]tensor.Tensor(nil), in...)
	run := make([]func(), len(body))
	for i, c := range body {
		if c.Op.Eval == nil {
			return nil, fmt.Errorf("optest: the op %s of a group has no Eval", c.Op.Name)
		}
		args := make([]tensor.Tensor, len(c.Args))
		for j, a := range c.Args {
			args[j] = values[a]
		}
		var dst tensor.Tensor
		if c.Out >= 0 {
			dst = out[c.Out]
		} else {
			dst = tensor.New(c.Type.DType, c.Type.Shape()...)
		}
		values = append(values, dst)
		run[i] = func() { c.Op.Eval(c.Attr, dst, args) }
	}
	return func() {
		for _, f := range run {
			f()
		}
	}, nil
}

// Run enqueues the steps.
func (b *deviceBound) Run() error {
	b.device.queue = append(b.device.queue, b.run...)
	return nil
}

// Profile runs the steps one by one.
func (b *deviceBound) Profile(took []time.Duration) error {
	b.device.wait()
	for i, f := range b.run {
		start := time.Now()
		f()
		took[i] = time.Since(start)
	}
	return nil
}

// Close waits for the Device.
func (b *deviceBound) Close() { b.device.wait() }

// guardWord is a NaN as either half of a float64 and as a float32, and no NaN
// that arithmetic makes.
const guardWord = 0xFFFBADC0

// words returns host memory as 32-bit words.
func words(h *tensor.Host) []uint32 {
	if h.Bytes() == 0 {
		return nil
	}
	t := tensor.Wrap(h, tensor.MakeType(tensor.Float32, h.Bytes()/4), 0)
	return asWords(tensor.Slice[float32](t))
}
