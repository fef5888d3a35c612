//go:build !amd64 || purego

package kernels

import "sync"

var (
	fftBodies32 = [...]func() *fftBody[float32]{PureGo: sync.OnceValue(fftPure[float32])}
	fftBodies64 = [...]func() *fftBody[float64]{PureGo: sync.OnceValue(fftPure[float64])}
)
