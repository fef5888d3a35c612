package tensor

import (
	"fmt"
	"unsafe"
)

// Copy sets dst to the elements of src, converting their type; real values can
// become complex ones. The two may not overlap unless they are the same view.
// It panics if the shapes differ, if complex values would become real, or if
// either is not in host memory.
func Copy(dst, src Tensor) {
	if !dst.SameShape(src.Type) {
		panic(fmt.Sprintf("tensor: Copy to %v from %v: the shapes differ", dst.Type, src.Type))
	}
	if src.DType.IsComplex() && !dst.DType.IsComplex() {
		panic(fmt.Sprintf("tensor: Copy to %v from %v would drop the imaginary parts", dst.Type, src.Type))
	}
	if dst.Len() == 0 {
		return
	}
	row, n, ds, ss := copyRow(dst, src)
	if dst.IsContiguous() && src.IsContiguous() {
		row(dst.pointer(0), src.pointer(0), dst.Len(), 1, 1)
		return
	}
	eachRow(dst, src, func(d, s int) { row(dst.pointer(d), src.pointer(s), n, ds, ss) })
}

// A rowFunc copies n elements; strides are in elements.
type rowFunc func(dst, src unsafe.Pointer, n, ds, ss int)

// copyRow returns the body that copies src's element type to dst's, with the
// length and strides of the last axis.
func copyRow(dst, src Tensor) (row rowFunc, n, ds, ss int) {
	n, ds, ss = 1, 1, 1
	if i := dst.Rank - 1; i >= 0 {
		n, ds, ss = dst.Dim[i], dst.Stride[i], src.Stride[i]
	}
	return rowFuncs[dst.DType][src.DType], n, ds, ss
}

// rowFuncs is indexed by the destination's and the source's element type.
var rowFuncs = [4][4]rowFunc{
	Float32:    {Float32: moveRow[float32], Float64: realRow[float32, float64]},
	Float64:    {Float32: realRow[float64, float32], Float64: moveRow[float64]},
	Complex64:  {realToComplexRow[complex64, float32], realToComplexRow[complex64, float64], moveRow[complex64], complexRow[complex64, complex128]},
	Complex128: {realToComplexRow[complex128, float32], realToComplexRow[complex128, float64], complexRow[complex128, complex64], moveRow[complex128]},
}

type realElem interface{ float32 | float64 }
type complexElem interface{ complex64 | complex128 }

func at[T Elem](p unsafe.Pointer, i int) *T {
	return (*T)(unsafe.Add(p, i*int(unsafe.Sizeof(*new(T)))))
}

func moveRow[T Elem](dst, src unsafe.Pointer, n, ds, ss int) {
	if ds == 1 && ss == 1 {
		copy(unsafe.Slice((*T)(dst), n), unsafe.Slice((*T)(src), n))
		return
	}
	for i := range n {
		*at[T](dst, i*ds) = *at[T](src, i*ss)
	}
}

func realRow[D, S realElem](dst, src unsafe.Pointer, n, ds, ss int) {
	for i := range n {
		*at[D](dst, i*ds) = D(*at[S](src, i*ss))
	}
}

func complexRow[D, S complexElem](dst, src unsafe.Pointer, n, ds, ss int) {
	for i := range n {
		*at[D](dst, i*ds) = D(*at[S](src, i*ss))
	}
}

func realToComplexRow[D complexElem, S realElem](dst, src unsafe.Pointer, n, ds, ss int) {
	for i := range n {
		*at[D](dst, i*ds) = D(complex(float64(*at[S](src, i*ss)), 0))
	}
}

// eachRow calls f for every row of the last axis, in C order, with the
// distance of its first element from dst's and src's first.
func eachRow(dst, src Tensor, f func(d, s int)) {
	var index [MaxRank]int
	d, s := 0, 0
	for {
		f(d, s)
		i := int(dst.Rank) - 2
		for ; i >= 0; i-- {
			index[i]++
			d += dst.Stride[i]
			s += src.Stride[i]
			if index[i] < dst.Dim[i] {
				break
			}
			d -= dst.Stride[i] * dst.Dim[i]
			s -= src.Stride[i] * dst.Dim[i]
			index[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// Contiguous returns t itself if its elements lie in C order without gaps, and
// otherwise a copy of which that is true. It panics if t needs a copy and is
// not in host memory.
func Contiguous(t Tensor) Tensor {
	if t.IsContiguous() {
		return t
	}
	c := New(t.DType, t.Shape()...)
	Copy(c, t)
	return c
}

// Floats returns a copy of the elements of a real t in C order. It panics if t
// is complex or not in host memory.
func Floats(t Tensor) []float64 {
	if t.DType.IsComplex() {
		panic(fmt.Sprintf("tensor: Floats of %v, which is complex", t.Type))
	}
	v := make([]float64, t.Len())
	Copy(Of(v, t.Shape()...), t)
	return v
}
