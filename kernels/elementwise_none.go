//go:build !amd64 || purego

package kernels

var (
	asmAVX2F32, asmAVX512F32 asmTable[float32]
	asmAVX2F64, asmAVX512F64 asmTable[float64]
)
