//go:build amd64 && !purego

package kernels

import "unsafe"

// rowBlock returns how many elements of a row the kernel of level l works on
// at a time; 0 where there is none.
func rowBlock[T Float](l Level) int {
	bytes := [...]int{AVX2: 4 * 32, AVX512: 4 * 64}[l]
	return bytes / int(unsafe.Sizeof(T(0)))
}

// rowProduct adds to dst, whole blocks, the sum of the k rows of b times the
// factors x. The calls are direct, so that x can live on the stack.
func rowProduct[T Float](l Level, dst, b, x *T, blocks, ldb, k int) {
	d, s, f := unsafe.Pointer(dst), unsafe.Pointer(b), unsafe.Pointer(x)
	switch double := unsafe.Sizeof(T(0)) == 8; {
	case l == AVX512 && double:
		rowProductAVX512F64((*float64)(d), (*float64)(s), (*float64)(f), blocks, ldb, k)
	case l == AVX512:
		rowProductAVX512F32((*float32)(d), (*float32)(s), (*float32)(f), blocks, ldb, k)
	case double:
		rowProductAVX2F64((*float64)(d), (*float64)(s), (*float64)(f), blocks, ldb, k)
	default:
		rowProductAVX2F32((*float32)(d), (*float32)(s), (*float32)(f), blocks, ldb, k)
	}
}
