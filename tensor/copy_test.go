package tensor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// fill returns a tensor with a distinct value in every element; all of them
// are small integers, which every type holds exactly.
func fill(d DType, shape ...int) Tensor {
	t := New(d, shape...)
	for i := range t.Len() {
		v := complex(float64(i+1), 0)
		if d.IsComplex() {
			v += complex(0, float64(-i-2))
		}
		t.Store(i, v)
	}
	return t
}

// each calls f with every index of shape in C order.
func each(shape []int, f func(index []int)) {
	index := make([]int, len(shape))
	total := 1
	for _, n := range shape {
		total *= n
	}
	for k := range total {
		for i := len(shape) - 1; i >= 0; i-- {
			index[i] = k % shape[i]
			k /= shape[i]
		}
		f(index)
	}
}

func get(t Tensor, index []int) complex128 {
	off := 0
	for i, k := range index {
		off += k * t.Stride[i]
	}
	return t.Load(off)
}

func TestCopyConverts(t *testing.T) {
	dtypes := []DType{Float32, Float64, Complex64, Complex128}
	for _, from := range dtypes {
		for _, to := range dtypes {
			t.Run(fmt.Sprintf("%v to %v", from, to), func(t *testing.T) {
				src := fill(from, 3, 4, 5).Permute(2, 0, 1).Flip(1).Crop(2, 1, 4, 2)
				dst := New(to, 2, 5, 3).Permute(1, 2, 0)
				if from.IsComplex() && !to.IsComplex() {
					assert.PanicsWithValue(t, fmt.Sprintf("tensor: Copy to %v from %v would drop the imaginary parts", dst.Type, src.Type), func() { Copy(dst, src) })
					return
				}
				Copy(dst, src)
				each(src.Shape(), func(i []int) { assert.Equal(t, get(src, i), get(dst, i), "%v", i) })
			})
		}
	}
}

func TestCopyLeavesTheRestAlone(t *testing.T) {
	dst := fill(Float64, 6, 6)
	Copy(dst.Crop(0, 1, 5, 2).Crop(1, 2, 4, 1), Scalar(-1).Expand(2, 2))
	for i, v := range Slice[float64](dst) {
		want := float64(i + 1)
		if r, c := i/6, i%6; (r == 1 || r == 3) && (c == 2 || c == 3) {
			want = -1
		}
		assert.Equal(t, want, v, "element %d", i)
	}
}

func TestCopyEdges(t *testing.T) {
	Copy(New(Float32, 0, 3), New(Float64, 0, 3))
	s := New(Complex64, []int{}...)
	Copy(s, Scalar(2.5))
	assert.Equal(t, []complex64{2.5}, Slice[complex64](s))
	assert.Panics(t, func() { Copy(New(Float64, 2, 3), New(Float64, 3, 2)) })
	assert.Panics(t, func() { Copy(New(Float64, 3), New(Float64, 1, 3)) })
}

func TestContiguousAndFloats(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		x := fill(Float32, 1+rng.IntN(4), 1+rng.IntN(4), 1+rng.IntN(4))
		x = x.Permute(rng.Perm(3)...).Flip(rng.IntN(3)).Crop(rng.IntN(3), 0, 1, 1)
		var want []float64
		each(x.Shape(), func(i []int) { want = append(want, real(get(x, i))) })
		assert.Equal(t, want, Floats(x))
		c := Contiguous(x)
		assert.True(t, c.IsContiguous())
		assert.Equal(t, want, Floats(c))
	}
	x := fill(Float64, 2, 3)
	assert.Equal(t, x, Contiguous(x), "a contiguous tensor is not copied")
	v := Floats(x)
	v[0] = -1
	assert.Equal(t, 1.0, Slice[float64](x)[0], "Floats copies")
	assert.Panics(t, func() { Floats(New(Complex128, 2)) })
	assert.True(t, slices.Equal([]float64{}, Floats(New(Float64, 0))))
}
