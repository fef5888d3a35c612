//go:build cuda && cgo

package cuda

import (
	"fmt"
	"unsafe"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Copy copies between tensors of one type, on the host or on d, with any strides.
// It is ordered after what Run enqueued, and waits where one is on the host. It
// errs if the types differ, memory is another backend's, or the driver fails.
func (d *Device) Copy(dst, src tensor.Tensor) error {
	if dst.Type != src.Type {
		return fmt.Errorf("cuda: Copy of a %v to a %v", src.Type, dst.Type)
	}
	if dst.Len() == 0 {
		return nil
	}
	_, toHostMem := dst.Mem.(*tensor.Host)
	_, fromHostMem := src.Mem.(*tensor.Host)
	if toHostMem && fromHostMem {
		tensor.Copy(dst, src)
		return nil
	}
	for _, t := range []tensor.Tensor{dst, src} {
		if m, ok := t.Mem.(*memory); ok && (m.dev != d || m.at == 0) {
			return fmt.Errorf("cuda: a %v lies on another device or is freed", t.Type)
		}
	}
	return d.do(func() error {
		switch {
		case fromHostMem:
			return d.upload(dst, src)
		case toHostMem:
			return d.download(dst, src)
		case dst.IsContiguous() && src.IsContiguous():
			return within(address(dst), address(src), dst.Bytes(), d.stream)
		}
		return d.copyStrided(dst, src)
	})
}

// address returns where the first element of t lies on the device.
func address(t tensor.Tensor) uint64 {
	if t.Len() == 0 {
		return 0
	}
	return t.Mem.(*memory).at + uint64(t.Offset*t.DType.Size())
}

// upload copies from the host.
func (d *Device) upload(dst, src tensor.Tensor) error {
	src = tensor.Contiguous(src)
	if dst.IsContiguous() {
		return d.send(address(dst), src)
	}
	return d.staged(dst.Type, func(tmp tensor.Tensor) error {
		if err := d.send(address(tmp), src); err != nil {
			return err
		}
		return d.copyStrided(dst, tmp)
	})
}

// send copies a contiguous tensor of the host, which the caller may change as soon
// as it returns.
func (d *Device) send(to uint64, src tensor.Tensor) error {
	if err := toDevice(to, src.Pointer(), src.Bytes(), d.stream); err != nil {
		return err
	}
	return synchronize(d.stream)
}

// download copies to the host.
func (d *Device) download(dst, src tensor.Tensor) error {
	if !src.IsContiguous() {
		return d.staged(src.Type, func(tmp tensor.Tensor) error {
			if err := d.copyStrided(tmp, src); err != nil {
				return err
			}
			return d.download(dst, tmp)
		})
	}
	if dst.IsContiguous() {
		if err := toHost(dst.Pointer(), address(src), dst.Bytes(), d.stream); err != nil {
			return err
		}
		return synchronize(d.stream)
	}
	tmp := tensor.New(dst.DType, dst.Shape()...)
	if err := d.download(tmp, src); err != nil {
		return err
	}
	tensor.Copy(dst, tmp)
	return nil
}

// staged calls f with contiguous device memory for a tensor of type t.
func (d *Device) staged(t tensor.Type, f func(tensor.Tensor) error) error {
	p, err := d.acquire(t.Bytes())
	if err != nil {
		return err
	}
	defer d.release(p)
	return f(tensor.Wrap(&memory{dev: d, at: p, bytes: t.Bytes()}, t, 0))
}

// copyStrided copies on the device by the kernel that copies in a program.
func (d *Device) copyStrided(dst, src tensor.Tensor) error {
	d.copies.reset()
	b := &binder{dev: d, arena: &d.copies}
	if err := b.bindGroup(copyStep(dst, src)); err != nil {
		return err
	}
	ls, err := b.finish()
	if err != nil {
		return err
	}
	if err := d.copies.flush(); err != nil {
		return err
	}
	if _, err := runLaunches(ls, d.stream, nil); err != nil {
		return err
	}
	return synchronize(d.stream) // the tables are used again
}

// copyStep is the step that copies src to dst.
func copyStep(dst, src tensor.Tensor) *autograd.Step {
	return &autograd.Step{Out: []tensor.Tensor{dst}, In: []tensor.Tensor{src},
		Body: []autograd.Instr{{Op: copyOp, Type: dst.Type, Args: []int{0}}}}
}

// copyOp is the engine's elementwise op copy.
var copyOp = func() *autograd.Op {
	for _, op := range autograd.Ops {
		if op.Name == "copy" {
			return op
		}
	}
	panic("cuda: package autograd has no op copy")
}()

// An arena is device memory that is filled from the host in one go.
type arena struct {
	dev     *Device
	scratch bool // there is nothing to fill it with
	chunks  []*chunk
}

// chunk mirrors device memory on the host.
type chunk struct {
	at    uint64
	size  int
	host  []byte // nil for scratch
	used  int
	clean int // bytes that are on the device already
}

const chunkBytes = 1 << 20

// reserve returns device memory and, unless it is scratch, what is to lie there.
func (a *arena) reserve(bytes int) (uint64, []byte, error) {
	bytes = (bytes + 255) &^ 255
	for _, c := range a.chunks {
		if from := c.used; from+bytes <= c.size {
			c.used += bytes
			if a.scratch {
				return c.at + uint64(from), nil, nil
			}
			return c.at + uint64(from), c.host[from:c.used], nil
		}
	}
	n := max(bytes, chunkBytes)
	p, err := a.dev.acquire(n)
	if err != nil {
		return 0, nil, err
	}
	c := &chunk{at: p, size: n}
	if !a.scratch {
		c.host = make([]byte, n)
	}
	a.chunks = append(a.chunks, c)
	return a.reserve(bytes)
}

// put stores what p points at, bytes long, and returns its address on the device.
func (a *arena) put(p unsafe.Pointer, bytes int) (uint64, error) {
	if bytes == 0 {
		return 0, nil
	}
	at, host, err := a.reserve(bytes)
	if err == nil {
		copy(host, unsafe.Slice((*byte)(p), bytes))
	}
	return at, err
}

// flush brings to the device what was put since the last flush.
func (a *arena) flush() error {
	for _, c := range a.chunks {
		if c.used == c.clean {
			continue
		}
		if err := toDevice(c.at+uint64(c.clean), unsafe.Pointer(&c.host[c.clean]), c.used-c.clean, a.dev.stream); err != nil {
			return err
		}
		c.clean = c.used
	}
	return synchronize(a.dev.stream)
}

// used returns the bytes in use.
func (a *arena) used() (n int) {
	for _, c := range a.chunks {
		n += c.used
	}
	return n
}

// reset forgets what was put.
func (a *arena) reset() {
	for _, c := range a.chunks {
		c.used, c.clean = 0, 0
	}
}

func (a *arena) free() {
	for _, c := range a.chunks {
		a.dev.release(c.at)
	}
	a.chunks = nil
}

// putSlice stores the elements of v.
func putSlice[E any](a *arena, v []E) (uint64, error) {
	if len(v) == 0 {
		return 0, nil
	}
	return a.put(unsafe.Pointer(unsafe.SliceData(v)), len(v)*int(unsafe.Sizeof(v[0])))
}
