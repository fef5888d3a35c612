//go:build !linux

package tensor

import "unsafe"

const hugePage = 0

func adviseHuge(unsafe.Pointer, int) {}
