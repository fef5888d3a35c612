// Package heap measures the memory of this process.
package heap

import "runtime"

// InUse returns the bytes of the heap that are in use, after a collection.
func InUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
