package tensor

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of a large page of memory.
const hugePage = 2 << 20

// adviseHuge asks for large pages for the whole ones within n bytes at p: columns
// of large arrays touch a page for every row, more than the processor keeps
// translations of. It is advice only.
func adviseHuge(p unsafe.Pointer, n int) {
	skip := int(-uintptr(p) & (hugePage - 1))
	if n -= skip; n >= hugePage {
		_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Add(p, skip)), n&^(hugePage-1)), syscall.MADV_HUGEPAGE)
	}
}
