//go:build amd64 && !purego

package kernels

import "sync"

var (
	fftBodies32 = [...]func() *fftBody[float32]{
		PureGo: sync.OnceValue(fftPure[float32]), AVX2: fftWith(fftSetAVX2F32), AVX512: fftWith(fftSetAVX512F32),
	}
	fftBodies64 = [...]func() *fftBody[float64]{
		PureGo: sync.OnceValue(fftPure[float64]), AVX2: fftWith(fftSetAVX2F64), AVX512: fftWith(fftSetAVX512F64),
	}
)

// fftWith returns the function that makes a body of the kernels that set sets
// and, where there is none, plain Go ones.
func fftWith[T Float](set func(*fftBody[T])) func() *fftBody[T] {
	return sync.OnceValue(func() *fftBody[T] {
		b := new(fftBody[T])
		set(b)
		fftFillGo(b)
		return b
	})
}
