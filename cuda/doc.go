// Package cuda is the Backend of package autograd for NVIDIA GPUs.
//
//	dev, err := cuda.Open(0)
//	tape := autograd.New(dev)
//
// Everything that a Program does becomes one CUDA graph: a Run is one launch,
// and nothing is copied to the host inside it. docs/cuda.md tells how that works
// and what it costs.
//
// # Building
//
// Without the build tag cuda the package is pure Go, and Open errs with
// ErrNotBuilt. With it, cgo needs the header cuda.h (CUDA 11.8, 12 or 13) and a
// C compiler; the driver itself is opened at run time, so one binary starts with
// and without a GPU. In a checkout,
//
//	make cuda
//	eval "$(go run ./cuda/build -env)"
//	go build -tags cuda ./cmd/percept
//
// fetches nvcc 13.0 from pinned Python wheels where there is none (NVCC=… names
// another), compiles the kernels into cuda/bin, prints the flags that cgo needs,
//
//	CGO_ENABLED=1
//	CGO_CFLAGS=-I…/compat -I…/include
//	CGO_LDFLAGS=-L…/stub -Wl,--as-needed
//
// and builds. Where this module is a dependency, whose folder cannot be written,
// the same command
//
//	go run github.com/percept-go/percept/cuda/build
//
// leaves the kernels in the user's cache, where Open finds them. nvcc 13.0 makes
// machine code for compute capability 7.5 to 12.0, which needs driver 580 or
// newer; that of CUDA 11.8 or 12 serves older drivers.
package cuda

import "errors"

// Errors that say what is missing; those of Open, Alloc and Run wrap them.
var (
	// ErrNotBuilt: this program was built without the tag cuda.
	ErrNotBuilt = errors.New("this program was built without CUDA; build it with -tags cuda, as docs/cuda.md says")
	// ErrNoDriver: there is no NVIDIA driver on this machine.
	ErrNoDriver = errors.New("no NVIDIA driver")
	// ErrNoDevice: the driver sees no such GPU.
	ErrNoDevice = errors.New("no such GPU")
	// ErrNoKernels: the compiled kernels are neither in this program nor in the
	// user's cache.
	ErrNoKernels = errors.New("the GPU kernels are not compiled; run: go run github.com/percept-go/percept/cuda/build")
	// ErrOldDriver: the driver, or the GPU, is older than what the kernels were
	// compiled for.
	ErrOldDriver = errors.New("the NVIDIA driver or the GPU is too old for these kernels; update the driver, or compile them with an older nvcc: NVCC=… go run github.com/percept-go/percept/cuda/build")
	// ErrLost: the GPU stopped working for this program; a new process is needed.
	ErrLost = errors.New("the GPU is lost for this process; its checkpoint is on disk and a new process can resume it")
	// ErrBusy: another process has the GPU for itself, or all of its memory.
	ErrBusy = errors.New("another process holds the GPU (nvidia-smi names it); end it, or take another GPU")
)

// Info describes a GPU.
type Info struct {
	Ordinal      int
	Name         string
	Memory, Free int64  // bytes
	Driver       string // the newest CUDA version that the driver supports: "13.0"
	Major, Minor int    // compute capability
	Processors   int    // streaming multiprocessors
	ClockMHz     int    // of the processors
	MemoryMHz    int
	BusBits      int
	SharedOptIn  int // bytes of shared memory that a block can have
}

// Bandwidth returns the memory's theoretical bytes per second.
func (i Info) Bandwidth() float64 { return 2 * float64(i.MemoryMHz) * 1e6 * float64(i.BusBits) / 8 }
