// Package tensor defines typed, strided views of memory. It computes nothing:
// it describes where the elements of an array lie, and reads and writes them.
package tensor

import (
	"fmt"
	"strings"
	"unsafe"
)

// A DType is the element type of a Tensor.
type DType uint8

// The four element types. Integers and booleans exist only in files.
const (
	Float32 DType = iota
	Float64
	Complex64
	Complex128
)

var dtypes = [...]struct {
	name string
	size int
}{{"float32", 4}, {"float64", 8}, {"complex64", 8}, {"complex128", 16}}

// String returns the name of d: "float32", "float64", "complex64" or "complex128".
func (d DType) String() string { return dtypes[d].name }

// Size returns the bytes of one element.
func (d DType) Size() int { return dtypes[d].size }

// IsComplex reports whether d is a complex type.
func (d DType) IsComplex() bool { return d >= Complex64 }

// Real returns the real type of d's precision.
func (d DType) Real() DType { return d & 1 }

// Complex returns the complex type of d's precision.
func (d DType) Complex() DType { return d | 2 }

// Elem is the set of Go types that a Tensor can hold.
type Elem interface {
	float32 | float64 | complex64 | complex128
}

// DTypeOf returns the DType that holds T.
func DTypeOf[T Elem]() DType {
	switch any(*new(T)).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case complex64:
		return Complex64
	}
	return Complex128
}

// MaxRank is the largest number of axes a Tensor can have.
const MaxRank = 8

// A Type is an element type and a shape. Types are comparable.
type Type struct {
	DType DType
	Rank  int8
	Dim   [MaxRank]int
}

// MakeType returns the Type of the given element type and shape. It panics if
// the shape has more than MaxRank axes, a negative size, or more elements than
// an int counts the bytes of.
func MakeType(d DType, shape ...int) Type {
	if len(shape) > MaxRank {
		panic(fmt.Sprintf("tensor: shape %v has %d axes; at most %d are possible", shape, len(shape), MaxRank))
	}
	t := Type{DType: d, Rank: int8(len(shape))}
	total := 1
	for i, n := range shape {
		if n < 0 {
			panic(fmt.Sprintf("tensor: shape %v has a negative size at axis %d", shape, i))
		}
		if n > 0 && total > (1<<58)/n { // so that an int also counts the bytes
			panic(fmt.Sprintf("tensor: shape %v has too many elements", shape))
		}
		total *= max(n, 1)
		t.Dim[i] = n
	}
	return t
}

// Shape returns the sizes of the axes, first axis first, as a new slice.
func (t Type) Shape() []int { return append([]int{}, t.Dim[:t.Rank]...) }

// Len returns the number of elements.
func (t Type) Len() int {
	n := 1
	for _, d := range t.Dim[:t.Rank] {
		n *= d
	}
	return n
}

// Bytes returns the bytes of t's elements.
func (t Type) Bytes() int { return t.Len() * t.DType.Size() }

// With returns t with the element type d.
func (t Type) With(d DType) Type { t.DType = d; return t }

// SameShape reports whether t and u have the same axes.
func (t Type) SameShape(u Type) bool { return t.Rank == u.Rank && t.Dim == u.Dim }

// String returns t as "float64[3 256 256]"; a scalar is "float64[]".
func (t Type) String() string {
	var b strings.Builder
	b.WriteString(t.DType.String())
	b.WriteByte('[')
	for i, d := range t.Dim[:t.Rank] {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}

// Memory is a block of bytes on the host or on a device.
type Memory interface {
	// Bytes returns the size of the block.
	Bytes() int
	// Free returns the block to its owner; a second call does nothing.
	Free()
}

// Host is Memory that Go code can read. It is aligned to 64 bytes.
type Host struct {
	base  unsafe.Pointer
	bytes int
	keep  any // what holds base alive
}

// NewHost returns a zeroed block of host memory.
func NewHost(bytes int) *Host {
	raw := make([]byte, bytes+64)
	p := unsafe.Pointer(unsafe.SliceData(raw))
	adviseHuge(p, len(raw))
	off := int(-uintptr(p) & 63)
	return &Host{base: unsafe.Add(p, off), bytes: bytes, keep: raw}
}

// Bytes returns the size of h.
func (h *Host) Bytes() int { return h.bytes }

// Free drops h's memory; views of it must no longer be used.
func (h *Host) Free() { h.base, h.keep, h.bytes = nil, nil, 0 }

// A Tensor is a view of a Memory. It is a value: copying it shares the memory,
// and equal Tensors show the same elements. A zero stride repeats an axis.
type Tensor struct {
	Type
	Stride [MaxRank]int // in elements
	Offset int          // of the first element, in elements
	Mem    Memory
}

// New returns a zeroed contiguous Tensor in host memory. It panics as MakeType does.
func New(d DType, shape ...int) Tensor {
	t := MakeType(d, shape...)
	return Wrap(NewHost(t.Bytes()), t, 0)
}

// Wrap returns the contiguous view of m that starts at the given element.
func Wrap(m Memory, t Type, offset int) Tensor {
	return Tensor{Type: t, Stride: contiguous(t), Offset: offset, Mem: m}
}

// Of wraps data without copying it; nil shape means one axis of len(data). It
// panics if len(data) does not fill the shape.
func Of[T Elem](data []T, shape ...int) Tensor {
	if shape == nil {
		shape = []int{len(data)}
	}
	t := MakeType(DTypeOf[T](), shape...)
	if t.Len() != len(data) {
		panic(fmt.Sprintf("tensor: %d values cannot fill the shape %v, which has %d elements", len(data), shape, t.Len()))
	}
	h := &Host{base: unsafe.Pointer(unsafe.SliceData(data)), bytes: t.Bytes(), keep: data}
	return Wrap(h, t, 0)
}

// Scalar returns a rank-0 float64 Tensor that holds v.
func Scalar(v float64) Tensor { return Of([]float64{v}, []int{}...) }

func contiguous(t Type) (s [MaxRank]int) {
	n := 1
	for i := int(t.Rank) - 1; i >= 0; i-- {
		s[i] = n
		n *= t.Dim[i]
	}
	return s
}

// IsContiguous reports whether t's elements lie in C order without gaps.
func (t Tensor) IsContiguous() bool {
	n := 1
	for i := int(t.Rank) - 1; i >= 0; i-- {
		if t.Dim[i] != 1 && t.Stride[i] != n {
			return false
		}
		n *= t.Dim[i]
	}
	return true
}

// Slice returns the elements of t without copying them. It panics if t is not
// contiguous, not in host memory or not of T.
func Slice[T Elem](t Tensor) []T {
	if t.DType != DTypeOf[T]() {
		panic(fmt.Sprintf("tensor: Slice of %v from a tensor of %v", DTypeOf[T](), t.Type))
	}
	if !t.IsContiguous() {
		panic(fmt.Sprintf("tensor: Slice of a tensor that is not contiguous: %v with strides %v", t.Type, t.Stride[:t.Rank]))
	}
	return unsafe.Slice((*T)(t.pointer(0)), t.Len())
}

// host returns the host memory of t. It panics if t lies elsewhere.
func (t Tensor) host() *Host {
	h, ok := t.Mem.(*Host)
	if !ok {
		panic(fmt.Sprintf("tensor: %v is not in host memory (%T)", t.Type, t.Mem))
	}
	return h
}

// Pointer returns the address of the first element of t. It panics if t is not in
// host memory.
func (t Tensor) Pointer() unsafe.Pointer { return t.pointer(0) }

// pointer returns the address of the element off elements after t's first.
func (t Tensor) pointer(off int) unsafe.Pointer {
	return unsafe.Add(t.host().base, (t.Offset+off)*t.DType.Size())
}

// Span returns the elements of t's memory from its first element on, without
// regard to strides: what kernels index with t.Stride. T is the real or the
// complex type of t's precision; as reals, a complex element counts two. It
// panics if t is not in host memory or of another precision.
func Span[T Elem](t Tensor) []T {
	d := DTypeOf[T]()
	if d.Real() != t.DType.Real() {
		panic(fmt.Sprintf("tensor: Span of %v from a tensor of %v", d, t.Type))
	}
	if t.Len() == 0 {
		return nil
	}
	lo, hi := t.Bounds()
	if lo < 0 {
		panic(fmt.Sprintf("tensor: Span of a tensor with negative strides %v", t.Stride[:t.Rank]))
	}
	return unsafe.Slice((*T)(t.pointer(0)), (hi+1)*t.DType.Size()/d.Size())
}

// Bounds returns the smallest and largest distance, in elements, of an element
// of t from its first.
func (t Tensor) Bounds() (lo, hi int) {
	for i, d := range t.Dim[:t.Rank] {
		if s := t.Stride[i] * max(d-1, 0); s < 0 {
			lo += s
		} else {
			hi += s
		}
	}
	return lo, hi
}

// Load returns the element off elements after t's first. t is in host memory.
func (t *Tensor) Load(off int) complex128 {
	p := t.pointer(off)
	switch t.DType {
	case Float32:
		return complex(float64(*(*float32)(p)), 0)
	case Float64:
		return complex(*(*float64)(p), 0)
	case Complex64:
		return complex128(*(*complex64)(p))
	}
	return *(*complex128)(p)
}

// LoadReal returns the real part of the element off elements after t's first.
func (t *Tensor) LoadReal(off int) float64 {
	p := t.pointer(off)
	switch t.DType {
	case Float32, Complex64:
		return float64(*(*float32)(p))
	}
	return *(*float64)(p)
}

// Store sets the element off elements after t's first; a real t takes v's real part.
func (t *Tensor) Store(off int, v complex128) {
	p := t.pointer(off)
	switch t.DType {
	case Float32:
		*(*float32)(p) = float32(real(v))
	case Float64:
		*(*float64)(p) = real(v)
	case Complex64:
		*(*complex64)(p) = complex64(v)
	default:
		*(*complex128)(p) = v
	}
}

// StoreReal sets the element off elements after t's first to the real v.
func (t *Tensor) StoreReal(off int, v float64) {
	p := t.pointer(off)
	switch t.DType {
	case Float32:
		*(*float32)(p) = float32(v)
	case Float64:
		*(*float64)(p) = v
	default:
		t.Store(off, complex(v, 0))
	}
}
