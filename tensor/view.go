package tensor

import "fmt"

// Permute returns t with its axes in the given order: axis i of the result is
// axis axes[i] of t. It panics if axes is not a permutation.
func (t Tensor) Permute(axes ...int) Tensor {
	r := t
	if len(axes) != int(t.Rank) {
		panic(fmt.Sprintf("tensor: Permute %v of %v: %d axes expected", axes, t.Type, t.Rank))
	}
	var seen [MaxRank]bool
	for i, a := range axes {
		if a < 0 || a >= int(t.Rank) || seen[a] {
			panic(fmt.Sprintf("tensor: Permute %v of %v is not a permutation of its axes", axes, t.Type))
		}
		seen[a] = true
		r.Dim[i], r.Stride[i] = t.Dim[a], t.Stride[a]
	}
	return r
}

// Crop returns the part of t from lo up to and without hi along axis, each
// step-th element. It panics if the range lies outside t or step < 1.
func (t Tensor) Crop(axis, lo, hi, step int) Tensor {
	if axis < 0 || axis >= int(t.Rank) || lo < 0 || lo > hi || hi > t.Dim[axis] || step < 1 {
		panic(fmt.Sprintf("tensor: Crop of axis %d to [%d:%d:%d] does not fit %v", axis, lo, hi, step, t.Type))
	}
	t.Offset += lo * t.Stride[axis]
	t.Dim[axis] = (hi - lo + step - 1) / step
	t.Stride[axis] *= step
	return t
}

// Expand returns t broadcast to shape: axes are matched from the last, and
// those that are missing or of size 1 are repeated. It panics if they do not match.
func (t Tensor) Expand(shape ...int) Tensor {
	r := Tensor{Type: MakeType(t.DType, shape...), Offset: t.Offset, Mem: t.Mem}
	shift := len(shape) - int(t.Rank)
	for i, d := range t.Dim[:t.Rank] {
		j := i + shift
		if j < 0 || d != 1 && d != shape[j] {
			panic(fmt.Sprintf("tensor: %v cannot be expanded to %v", t.Type, shape))
		}
		if d == shape[j] {
			r.Stride[j] = t.Stride[i]
		}
	}
	return r
}

// Flip returns t with the given axes reversed. It panics if an axis is out of range.
func (t Tensor) Flip(axes ...int) Tensor {
	for _, a := range axes {
		if a < 0 || a >= int(t.Rank) {
			panic(fmt.Sprintf("tensor: Flip of axis %d of %v", a, t.Type))
		}
		t.Offset += t.Stride[a] * max(t.Dim[a]-1, 0)
		t.Stride[a] = -t.Stride[a]
	}
	return t
}

// Reshape returns t with another shape of as many elements in the same C
// order. It reports false if that needs a copy, and panics if the number of
// elements differs.
func (t Tensor) Reshape(shape ...int) (Tensor, bool) {
	r := Tensor{Type: MakeType(t.DType, shape...), Offset: t.Offset, Mem: t.Mem}
	if r.Len() != t.Len() {
		panic(fmt.Sprintf("tensor: %v has %d elements and cannot be reshaped to %v", t.Type, t.Len(), shape))
	}
	if t.Len() == 0 {
		r.Stride = contiguous(r.Type)
		return r, true
	}
	// Walk both shapes from the last axis, matching blocks of equal size.
	i, j := int(t.Rank)-1, len(shape)-1
	for j >= 0 {
		if shape[j] == 1 {
			j--
			continue
		}
		for i >= 0 && t.Dim[i] == 1 {
			i--
		}
		stride, n := t.Stride[i], t.Dim[i]
		for i--; n%shape[j] != 0 || n < shape[j]; i-- { // merge axes of t until shape[j] divides them
			if t.Dim[i] != 1 && t.Stride[i] != stride*n {
				return Tensor{}, false
			}
			n *= t.Dim[i]
		}
		for n > 1 { // split them among axes of the result
			if shape[j] == 1 {
				j--
				continue
			}
			if n%shape[j] != 0 {
				if t.Dim[i] != 1 && t.Stride[i] != stride*n {
					return Tensor{}, false
				}
				n *= t.Dim[i]
				i--
				continue
			}
			r.Stride[j] = stride
			stride *= shape[j]
			n /= shape[j]
			j--
		}
	}
	return r, true
}
