package tensor

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

func TestDTypes(t *testing.T) {
	for _, c := range []struct {
		d, of, real, complex DType
		name                 string
		size                 int
	}{
		{Float32, DTypeOf[float32](), Float32, Complex64, "float32", 4},
		{Float64, DTypeOf[float64](), Float64, Complex128, "float64", 8},
		{Complex64, DTypeOf[complex64](), Float32, Complex64, "complex64", 8},
		{Complex128, DTypeOf[complex128](), Float64, Complex128, "complex128", 16},
	} {
		assert.Equal(t, c.d, c.of)
		assert.Equal(t, c.real, c.d.Real())
		assert.Equal(t, c.complex, c.d.Complex())
		assert.Equal(t, c.name, c.d.String())
		assert.Equal(t, c.size, c.d.Size())
		assert.Equal(t, c.d == c.complex, c.d.IsComplex())
	}
}

func TestTypes(t *testing.T) {
	x := MakeType(Complex128, 2, 3)
	assert.Equal(t, "complex128[2 3]", x.String())
	assert.Equal(t, 6, x.Len())
	assert.Equal(t, 96, x.Bytes())
	assert.Equal(t, x, MakeType(Complex128, 2, 3), "types are comparable")
	assert.Equal(t, MakeType(Float32, 2, 3), x.With(Float32))
	assert.True(t, x.SameShape(x.With(Float32)))
	assert.False(t, MakeType(Float64, 1).SameShape(MakeType(Float64, 1, 1)))
	assert.Equal(t, 1, MakeType(Float64).Len())
}

func TestHostIsAligned(t *testing.T) {
	for n := range 70 {
		h := NewHost(n)
		assert.Equal(t, n, h.Bytes())
		assert.Zero(t, uintptr(h.base)%64)
		h.Free()
		h.Free()
		assert.Zero(t, h.Bytes())
	}
}

func TestLoadAndStore(t *testing.T) {
	for _, d := range []DType{Float32, Float64, Complex64, Complex128} {
		x := New(d, 4)
		assert.Equal(t, make([]complex128, 4), snapshot(x).v, "new memory is zero")
		x.Store(1, 2-3i)
		x.StoreReal(2, 5)
		want := complex128(2)
		if d.IsComplex() {
			want = 2 - 3i
		}
		assert.Equal(t, []complex128{0, want, 5, 0}, snapshot(x).v, d.String())
		assert.Equal(t, 2., x.LoadReal(1))
	}
}

func TestOfSharesMemory(t *testing.T) {
	v := []float64{1, 2, 3, 4}
	x := Of(v, 2, 2)
	y := x // a copy shows the same elements
	y.StoreReal(3, 9)
	assert.Equal(t, 9., v[3])
	assert.Equal(t, unsafe.SliceData(v), unsafe.SliceData(Slice[float64](x)))
	assert.Equal(t, x, y, "views of the same elements are equal")
}

func TestSpan(t *testing.T) {
	x := fill(Complex64, 3, 4)
	assert.Len(t, Span[complex64](x), 12)
	assert.Len(t, Span[float32](x), 24)
	c := x.Crop(0, 1, 3, 1).Crop(1, 1, 4, 2)
	span := Span[complex64](c)
	assert.Len(t, span, 7, "from element 5 to element 11")
	assert.Equal(t, complex64(get(c, []int{1, 1})), span[c.Stride[0]+c.Stride[1]])
	assert.Empty(t, Span[float64](New(Float64, 0, 3)))
}
