//go:build cuda && cgo

package cuda

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// bin holds kernels.fatbin once `make cuda` has run.
//
//go:embed bin
var bin embed.FS

// A Device is a GPU as a Backend. It is safe for several Tapes at once; their
// work is done in the order in which it is enqueued.
type Device struct {
	// Uncaptured runs kernels one by one, not as a graph, and waits after each: a
	// fault then names the step whose kernel it was for sure. Set it before
	// Compile; PERCEPT_CUDA_UNCAPTURED=1 in the environment sets it in Open.
	Uncaptured bool

	info   Info
	mu     sync.Mutex
	dev    cu.Device
	ctx    cu.CUContext
	module cu.Module
	stream cu.Stream
	funcs  map[string]cu.Function
	shared map[string]int // dynamic shared memory that a function was allowed
	tables map[string]uint64
	mark   *int32 // in pinned memory: which launch began last
	names  []string
	lost   error
	closed bool
	copies arena // the tables of strided copies
	live   int
}

// List describes the GPUs of this machine. It errs with ErrNoDriver if there is
// no driver.
func List() ([]Info, error) {
	if err := openDriver(); err != nil {
		if errors.Is(err, ErrNoDevice) {
			return nil, nil
		}
		return nil, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	list := make([]Info, n)
	for i := range list {
		if list[i], err = describe(i); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// describe reads what the driver says of a GPU.
func describe(ordinal int) (i Info, err error) {
	dev := cu.Device(ordinal)
	i.Ordinal = ordinal
	if i.Name, err = dev.Name(); err != nil {
		return i, fmt.Errorf("cuda: %w: number %d: %w", ErrNoDevice, ordinal, err)
	}
	if i.Memory, err = dev.TotalMem(); err != nil {
		return i, fmt.Errorf("cuda: %w", err)
	}
	for _, a := range []struct {
		to   *int
		what cu.DeviceAttribute
	}{{&i.Major, cu.ComputeCapabilityMajor}, {&i.Minor, cu.ComputeCapabilityMinor}, {&i.Processors, cu.MultiprocessorCount},
		{&i.ClockMHz, cu.ClockRate}, {&i.MemoryMHz, cu.MemoryClockRate}, {&i.BusBits, cu.GlobalMemoryBusWidth}, {&i.SharedOptIn, sharedOptIn}} {
		if *a.to, err = dev.Attribute(a.what); err != nil {
			return i, fmt.Errorf("cuda: %w", err)
		}
	}
	i.ClockMHz /= 1000
	i.MemoryMHz /= 1000
	v := cu.Version()
	i.Driver = fmt.Sprintf("%d.%d", v/1000, v%1000/10)
	return i, nil
}

// sharedOptIn is CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which cu
// does not name.
const sharedOptIn cu.DeviceAttribute = 97

// Open returns GPU number ordinal. It errs with ErrNoDriver, ErrNoDevice,
// ErrNoKernels, ErrOldDriver or ErrBusy, which say what to do.
func Open(ordinal int) (*Device, error) {
	if err := openDriver(); err != nil {
		return nil, err
	}
	image, err := kernelImage()
	if err != nil {
		return nil, err
	}
	if n, err := cu.NumDevices(); err != nil || ordinal < 0 || ordinal >= n {
		return nil, fmt.Errorf("cuda: %w: number %d of %d", ErrNoDevice, ordinal, n)
	}
	d := &Device{Uncaptured: os.Getenv("PERCEPT_CUDA_UNCAPTURED") == "1", dev: cu.Device(ordinal), funcs: map[string]cu.Function{}, shared: map[string]int{}, tables: map[string]uint64{}}
	if d.info, err = describe(ordinal); err != nil {
		return nil, err
	}
	if d.ctx, err = d.dev.RetainPrimaryCtx(); err != nil {
		return nil, fmt.Errorf("cuda: the context of GPU %d: %w", ordinal, crowded(explain(err)))
	}
	if err := d.do(func() error { return d.start(image) }); err != nil {
		d.Close()
		return nil, crowded(err)
	}
	return d, nil
}

// explain gives an error of cu, whose value is the CUresult, the form of this
// package's.
func explain(err error) error {
	code := 0
	if _, scan := fmt.Sscanf(fmt.Sprintf("%d", err), "%d", &code); scan == nil && code > 0 {
		return &DriverError{"driver", code}
	}
	return err
}

// outOfMemory is the CUresult of that name.
const outOfMemory = 2

// crowded adds what it means that Open finds no memory.
func crowded(err error) error {
	if codeOf(err) == outOfMemory {
		return fmt.Errorf("%w: %w", err, ErrBusy)
	}
	return err
}

// start loads the kernels and makes the stream.
func (d *Device) start(image []byte) (err error) {
	if d.module, err = loadModule(image); err != nil {
		return fmt.Errorf("cuda: loading the kernels for %s (compute capability %d.%d, driver for CUDA %s): %w",
			d.info.Name, d.info.Major, d.info.Minor, d.info.Driver, err)
	}
	const nonBlocking = 1
	if d.stream, err = cu.MakeStream(nonBlocking); err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	p, err := pinned(64)
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	d.mark = (*int32)(p)
	*d.mark = 0
	d.names = []string{"nothing"}
	d.copies.dev = d
	return nil
}

// kernelImage returns the compiled kernels: those in this program, those that
// PERCEPT_CUDA_KERNELS names, or those in the user's cache.
func kernelImage() ([]byte, error) {
	if name := os.Getenv("PERCEPT_CUDA_KERNELS"); name != "" {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("cuda: PERCEPT_CUDA_KERNELS: %w", err)
		}
		return append(b, 0), nil
	}
	if b, err := bin.ReadFile("bin/kernels.fatbin"); err == nil {
		return append(b, 0), nil
	}
	if name, err := CacheFile(); err == nil {
		if b, err := os.ReadFile(name); err == nil {
			return append(b, 0), nil
		}
	}
	return nil, fmt.Errorf("cuda: %w", ErrNoKernels)
}

// do runs f on a thread that has the context.
func (d *Device) do(f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lost != nil {
		return d.lost
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(d.ctx); err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	err := f()
	if errors.Is(err, ErrLost) {
		d.lost = fmt.Errorf("cuda: %w; the kernel that began last: %s", err, d.last())
		return d.lost
	}
	return err
}

// last says which step the kernel belongs to that began last.
func (d *Device) last() string {
	if d.mark == nil || int(*d.mark) >= len(d.names) || *d.mark < 0 {
		return "unknown"
	}
	return d.names[*d.mark]
}

// Name returns "cuda:0", or whatever the GPU's number is.
func (d *Device) Name() string { return fmt.Sprintf("cuda:%d", d.info.Ordinal) }

// Info describes the GPU; Free is as of now.
func (d *Device) Info() Info {
	i := d.info
	d.do(func() error { i.Free, _, _ = cu.MemInfo(); return nil })
	return i
}

// Wait waits for all that was enqueued. It errs if the GPU fails.
func (d *Device) Wait() error { return d.do(func() error { return synchronize(d.stream) }) }

// Has reports whether there is a kernel for op.
func (d *Device) Has(op *autograd.Op) bool { return hasKernel(op) }

// Masks reports whether the kernel of op takes masks, moduli and real values as it
// loads and leaves moduli as it stores: that of Fourier transforms.
func (d *Device) Masks(op *autograd.Op) bool { return masks(op) }

// memory is a block on a Device.
type memory struct {
	dev   *Device
	at    uint64
	bytes int
}

func (m *memory) Bytes() int { return m.bytes }

// Free waits for the Device and returns the block.
func (m *memory) Free() {
	if m.at == 0 {
		return
	}
	m.dev.do(func() error { return m.dev.release(m.at) })
	m.dev.live -= m.bytes
	m.at = 0
}

// Alloc returns zeroed memory. Its error wraps autograd.ErrMemory and says how
// much was needed and free.
func (d *Device) Alloc(bytes int) (tensor.Memory, error) {
	m := &memory{dev: d, bytes: bytes}
	if bytes == 0 {
		return m, nil
	}
	err := d.do(func() (err error) {
		if m.at, err = d.acquire(bytes); err != nil {
			return err
		}
		return clearMemory(m.at, bytes, d.stream)
	})
	if err != nil {
		return nil, err
	}
	d.live += bytes
	return m, nil
}

// acquire allocates on the current context.
func (d *Device) acquire(bytes int) (uint64, error) {
	p, err := allocate(bytes)
	if codeOf(err) == outOfMemory {
		free, total, _ := cu.MemInfo()
		return 0, fmt.Errorf("cuda: %w on %s: %d bytes needed, %d of %d free, %d in use by this program; a batch or history of %.0f %% would fit",
			autograd.ErrMemory, d.Name(), bytes, free, total, d.live, 100*fraction(int(free)+d.live, d.live+bytes))
	}
	return p, err
}

// fraction returns a/b, at most 1.
func fraction(a, b int) float64 { return min(float64(a)/float64(max(b, 1)), 1) }

// release frees on the current context, when the stream is done with it.
func (d *Device) release(p uint64) error {
	if err := synchronize(d.stream); err != nil {
		return err
	}
	return cu.MemFree(cu.DevicePtr(p))
}

// Close frees what the Device holds. Memory and Programs on it must be closed
// before. A second call does nothing. It errs if the GPU was lost.
func (d *Device) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	err := d.do(func() error {
		d.copies.free()
		for _, p := range d.tables {
			cu.MemFree(cu.DevicePtr(p))
		}
		if d.mark != nil {
			synchronize(d.stream)
			cu.MemFreeHost(unsafe.Pointer(d.mark))
			d.mark = nil
			d.stream.Destroy()
			d.module.Unload()
		}
		return nil
	})
	d.lost = fmt.Errorf("cuda: the Device is %w", autograd.ErrClosed)
	d.dev.ReleasePrimaryCtx()
	return err
}

// function finds a kernel and lets its blocks have as much shared memory. It
// errs if there is none of that name.
func (d *Device) function(name string, shared int) (cu.Function, error) {
	f, ok := d.funcs[name]
	if !ok {
		var err error
		if f, err = d.module.Function(name); err != nil {
			return f, fmt.Errorf("cuda: the compiled kernels have no %s; compile them again: %w", name, err)
		}
		d.funcs[name] = f
	}
	const always = 48 << 10
	if shared > always && shared > d.shared[name] {
		if err := allowShared(f, shared); err != nil {
			return f, fmt.Errorf("cuda: %d bytes of shared memory for %s: %w", shared, name, err)
		}
		d.shared[name] = shared
	}
	return f, nil
}
