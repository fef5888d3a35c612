//go:build !linux

package kernels

import "unsafe"

const hugePage = 0

func adviseHuge(unsafe.Pointer, int) {}
