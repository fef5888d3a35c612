//go:build cuda && cgo

package cuda

/*
#cgo LDFLAGS: -ldl
#cgo noescape percept_run
#cgo nocallback percept_run
#include <cuda.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int percept_open_driver(const char *name, const char **why);

// One kernel over a table of problems.
typedef struct { CUfunction f; CUdeviceptr table; uint32_t grid, block, shared; int32_t count, mark, unused; } percept_launch;

typedef struct { int *at; int number; } percept_mark;

static CUresult percept_run(percept_launch *l, int n, CUstream s, int *mark, int *failed) {
	for (int i = 0; i < n; i++) {
		percept_mark m = {mark, l[i].mark};
		void *args[3] = {&l[i].table, &l[i].count, &m};
		CUresult e = cuLaunchKernel(l[i].f, l[i].grid, 1, 1, l[i].block, 1, 1, l[i].shared, s, args, NULL);
		if (e) { *failed = i; return e; }
	}
	return 0;
}
static CUresult percept_begin(CUstream s) { return cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL); }
static CUresult percept_end(CUstream s, CUgraphExec *e, size_t *nodes) {
	CUgraph g;
	CUresult r = cuStreamEndCapture(s, &g);
	if (r) return r;
	r = cuGraphGetNodes(g, NULL, nodes);
	if (!r) r = cuGraphInstantiateWithFlags(e, g, 0);
	cuGraphDestroy(g);
	return r;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
)

// A DriverError is what a call of the driver gave.
type DriverError struct {
	Call string
	Code int
}

// Error says what the driver said and what to do. It does not panic.
func (e *DriverError) Error() string {
	var name, text *C.char
	C.cuGetErrorName(C.CUresult(e.Code), &name)
	C.cuGetErrorString(C.CUresult(e.Code), &text)
	if name == nil {
		return fmt.Sprintf("%s: CUDA error %d", e.Call, e.Code)
	}
	said := fmt.Sprintf("%s: %s: %s", e.Call, C.GoString(name), C.GoString(text))
	if cause := e.Unwrap(); cause != nil {
		said += ": " + cause.Error()
	}
	return said
}

// Unwrap returns the error of this package that tells what to do.
func (e *DriverError) Unwrap() error {
	for _, c := range causes {
		for _, code := range c.codes {
			if code == e.Code {
				return c.err
			}
		}
	}
	return nil
}

// causes gives the CUresults that have an error of their own.
var causes = []struct {
	err   error
	codes []int
}{
	{ErrNoDevice, []int{100, 101}},
	{ErrBusy, []int{46}},                               // in exclusive use
	{ErrOldDriver, []int{200, 209, 218, 222, 35, 803}}, // unknown image, no binary, bad PTX, unsupported PTX, insufficient driver
	{ErrLost, []int{700, 701, 702, 709, 710, 713, 714, 715, 716, 717, 718, 719, 214, 220, 999}}, // sticky: the context is gone
}

func check(call string, r C.CUresult) error {
	if r == 0 {
		return nil
	}
	return &DriverError{call, int(r)}
}

// codeOf returns the CUresult in err, as this package and cu report it.
func codeOf(err error) int {
	var e *DriverError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

var opened struct {
	sync.Once
	err error
}

// openDriver opens libcuda once. PERCEPT_LIBCUDA names another library, such as
// the emulator.
func openDriver() error {
	opened.Do(func() {
		name := os.Getenv("PERCEPT_LIBCUDA")
		if name == "" {
			name = "libcuda.so.1"
		}
		c := C.CString(name)
		defer C.free(unsafe.Pointer(c))
		var why *C.char
		switch code := C.percept_open_driver(c, &why); {
		case code < 0:
			opened.err = fmt.Errorf("cuda: %w on this machine: %s", ErrNoDriver, C.GoString(why))
		case code > 0:
			opened.err = fmt.Errorf("cuda: %w", &DriverError{"cuInit", int(code)})
		}
	})
	return opened.err
}

func stream(s cu.Stream) C.CUstream { return C.CUstream(unsafe.Pointer(s.C())) }

// loadModule loads compiled kernels.
func loadModule(image []byte) (m cu.Module, err error) {
	err = check("cuModuleLoadData", C.cuModuleLoadData((*C.CUmodule)(unsafe.Pointer(&m)), unsafe.Pointer(&image[0])))
	return m, err
}

// function is cu's, seen as what it holds.
func function(f cu.Function) C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(&f)) }

// allowShared lets blocks of f have as many bytes of dynamic shared memory.
func allowShared(f cu.Function, bytes int) error {
	return check("cuFuncSetAttribute", C.cuFuncSetAttribute(function(f), C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes)))
}

// pinned returns host memory that kernels can write.
func pinned(bytes int) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	err := check("cuMemHostAlloc", C.cuMemHostAlloc(&p, C.size_t(bytes), C.CU_MEMHOSTALLOC_DEVICEMAP|C.CU_MEMHOSTALLOC_PORTABLE))
	return p, err
}

// launch is a prepared launch.
type launch struct{ c C.percept_launch }

func makeLaunch(f cu.Function, table uint64, count, blocks, threads, shared, mark int) launch {
	return launch{C.percept_launch{f: function(f), table: C.CUdeviceptr(table), grid: C.uint32_t(blocks), block: C.uint32_t(threads),
		shared: C.uint32_t(shared), count: C.int32_t(count), mark: C.int32_t(mark)}}
}

// runLaunches enqueues launches. If one is refused, failed is its number.
func runLaunches(ls []launch, s cu.Stream, mark unsafe.Pointer) (failed int, err error) {
	if len(ls) == 0 {
		return 0, nil
	}
	var n C.int
	err = check("cuLaunchKernel", C.percept_run(&ls[0].c, C.int(len(ls)), stream(s), (*C.int)(mark), &n))
	return int(n), err
}

// A graph is a captured sequence of launches.
type graph struct {
	exec  C.CUgraphExec
	nodes int
}

// capture records what body enqueues on s.
func capture(s cu.Stream, body func() error) (*graph, error) {
	if err := check("cuStreamBeginCapture", C.percept_begin(stream(s))); err != nil {
		return nil, err
	}
	bodyErr := body()
	g, nodes := &graph{}, C.size_t(0)
	err := check("cuStreamEndCapture", C.percept_end(stream(s), &g.exec, &nodes))
	if bodyErr != nil {
		err = bodyErr
	}
	g.nodes = int(nodes)
	return g, err
}

func (g *graph) launch(s cu.Stream) error {
	return check("cuGraphLaunch", C.cuGraphLaunch(g.exec, stream(s)))
}

func (g *graph) close() { C.cuGraphExecDestroy(g.exec) }

// The copies and fills below are ordered by s.

func toDevice(dst uint64, src unsafe.Pointer, bytes int, s cu.Stream) error {
	return check("cuMemcpyHtoDAsync", C.cuMemcpyHtoDAsync(C.CUdeviceptr(dst), src, C.size_t(bytes), stream(s)))
}

func toHost(dst unsafe.Pointer, src uint64, bytes int, s cu.Stream) error {
	return check("cuMemcpyDtoHAsync", C.cuMemcpyDtoHAsync(dst, C.CUdeviceptr(src), C.size_t(bytes), stream(s)))
}

func within(dst, src uint64, bytes int, s cu.Stream) error {
	return check("cuMemcpyDtoDAsync", C.cuMemcpyDtoDAsync(C.CUdeviceptr(dst), C.CUdeviceptr(src), C.size_t(bytes), stream(s)))
}

func clearMemory(dst uint64, bytes int, s cu.Stream) error {
	return check("cuMemsetD8Async", C.cuMemsetD8Async(C.CUdeviceptr(dst), 0, C.size_t(bytes), stream(s)))
}

// synchronize waits for all that is enqueued on s.
func synchronize(s cu.Stream) error {
	return check("cuStreamSynchronize", C.cuStreamSynchronize(stream(s)))
}

func allocate(bytes int) (uint64, error) {
	var p C.CUdeviceptr
	err := check("cuMemAlloc", C.cuMemAlloc(&p, C.size_t(bytes)))
	return uint64(p), err
}

func markNumber(n int) C.int32_t { return C.int32_t(n) }
