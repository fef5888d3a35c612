//go:build !amd64 || purego

package kernels

var (
	fftBodies32 = [...]func() *fftBody[float32]{PureGo: fftPure[float32]}
	fftBodies64 = [...]func() *fftBody[float64]{PureGo: fftPure[float64]}
)
