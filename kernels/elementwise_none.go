//go:build !amd64 || purego

package kernels

var (
	elementwiseAVX2F32, elementwiseAVX512F32 map[string]rawElementwise[float32]
	elementwiseAVX2F64, elementwiseAVX512F64 map[string]rawElementwise[float64]
)
