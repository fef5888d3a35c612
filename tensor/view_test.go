package tensor

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// A picture is the oracle of views: a shape and all elements in C order.
type picture struct {
	shape []int
	v     []complex128
}

func snapshot(t Tensor) picture {
	p := picture{shape: t.Shape()}
	each(p.shape, func(i []int) { p.v = append(p.v, get(t, i)) })
	return p
}

func (p picture) get(index []int) complex128 {
	at := 0
	for i, k := range index {
		at = at*p.shape[i] + k
	}
	return p.v[at]
}

// from returns the picture of the given shape whose element i is p's from(i).
func (p picture) from(shape []int, from func(i []int) []int) picture {
	r := picture{shape: shape}
	each(shape, func(i []int) { r.v = append(r.v, p.get(from(slices.Clone(i)))) })
	return r
}

func drawShape(t *rapid.T, minRank, maxRank int) []int {
	return rapid.SliceOfN(rapid.IntRange(1, 4), minRank, maxRank).Draw(t, "shape")
}

// A step is a random view operation with its meaning on pictures.
type step func(t *rapid.T, x Tensor, p picture) (Tensor, picture)

var steps = map[string]step{
	"Permute": func(t *rapid.T, x Tensor, p picture) (Tensor, picture) {
		axes := rapid.Permutation(lastFirst(len(p.shape))).Draw(t, "axes")
		shape := make([]int, len(axes))
		for i, a := range axes {
			shape[i] = p.shape[a]
		}
		return x.Permute(axes...), p.from(shape, func(i []int) []int {
			j := make([]int, len(i))
			for k, a := range axes {
				j[a] = i[k]
			}
			return j
		})
	},
	"Crop": func(t *rapid.T, x Tensor, p picture) (Tensor, picture) {
		axis := rapid.IntRange(0, len(p.shape)-1).Draw(t, "axis")
		lo := rapid.IntRange(0, p.shape[axis]).Draw(t, "lo")
		hi := rapid.IntRange(lo, p.shape[axis]).Draw(t, "hi")
		by := rapid.IntRange(1, 5).Draw(t, "step")
		shape := slices.Clone(p.shape)
		shape[axis] = 0
		for k := lo; k < hi; k += by {
			shape[axis]++
		}
		return x.Crop(axis, lo, hi, by), p.from(shape, func(i []int) []int { i[axis] = lo + by*i[axis]; return i })
	},
	"Flip": func(t *rapid.T, x Tensor, p picture) (Tensor, picture) {
		axis := rapid.IntRange(0, len(p.shape)-1).Draw(t, "axis")
		return x.Flip(axis), p.from(p.shape, func(i []int) []int { i[axis] = p.shape[axis] - 1 - i[axis]; return i })
	},
	"Expand": func(t *rapid.T, x Tensor, p picture) (Tensor, picture) {
		lead := drawShape(t, 0, 2)
		shape := append(slices.Clone(lead), p.shape...)
		for k := range shape {
			if shape[k] == 1 {
				shape[k] = rapid.IntRange(0, 3).Draw(t, "size")
			}
		}
		return x.Expand(shape...), p.from(shape, func(i []int) []int {
			i = i[len(lead):]
			for k, n := range p.shape {
				if n == 1 {
					i[k] = 0
				}
			}
			return i
		})
	},
}

// randomView returns a view after a few random steps, with its picture.
func randomView(t *rapid.T) (Tensor, picture) {
	x := fill(Float64, drawShape(t, 1, 4)...)
	p := snapshot(x)
	names := []string{"Permute", "Crop", "Flip", "Expand"}
	for range rapid.IntRange(0, 5).Draw(t, "steps") {
		name := rapid.SampledFrom(names).Draw(t, "step")
		if name == "Expand" && len(p.shape) > MaxRank-2 {
			continue
		}
		x, p = steps[name](t, x, p)
	}
	return x, p
}

func TestViews(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, p := randomView(t)
		assert.Equal(t, p, snapshot(x))
		assert.Equal(t, len(p.v), x.Len())
		if len(p.v) == 0 {
			return
		}
		lo, hi := 0, 0
		each(p.shape, func(i []int) {
			off := 0
			for k, n := range i {
				off += n * x.Stride[k]
			}
			lo, hi = min(lo, off), max(hi, off)
		})
		gotLo, gotHi := x.Bounds()
		assert.Equal(t, []int{lo, hi}, []int{gotLo, gotHi}, "Bounds")
	})
}

// TestReshape checks the elements if there is a view, and, by trying the only
// strides it could have, that there is none otherwise.
func TestReshape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, p := randomView(t)
		shape := refactor(t, x.Len())
		y, ok := x.Reshape(shape...)
		if ok {
			assert.Equal(t, picture{shape, p.v}, snapshot(y))
			return
		}
		assert.False(t, isAffine(x, shape), "%v strides %v to %v", x.Type, x.Stride[:x.Rank], shape)
	})
}

// refactor draws a shape with n elements.
func refactor(t *rapid.T, n int) []int {
	if n == 0 {
		return rapid.Permutation([]int{0, 2, 3}).Draw(t, "shape")
	}
	shape := []int{}
	for len(shape) < MaxRank-1 && rapid.IntRange(0, 4).Draw(t, "more") > 0 {
		var divisors []int
		for d := 1; d <= n; d++ {
			if n%d == 0 {
				divisors = append(divisors, d)
			}
		}
		d := rapid.SampledFrom(divisors).Draw(t, "size")
		shape = append(shape, d)
		n /= d
	}
	return append(shape, n)
}

// isAffine reports whether x's elements in C order lie at fixed strides of shape.
func isAffine(x Tensor, shape []int) bool {
	var offsets []int
	each(x.Shape(), func(i []int) {
		off := 0
		for k, n := range i {
			off += n * x.Stride[k]
		}
		offsets = append(offsets, off)
	})
	stride := make([]int, len(shape))
	for k, block := len(shape)-1, 1; k >= 0; k-- {
		if shape[k] > 1 {
			stride[k] = offsets[block] - offsets[0]
		}
		block *= shape[k]
	}
	affine, at := true, 0
	each(shape, func(i []int) {
		off := offsets[0]
		for k, n := range i {
			off += n * stride[k]
		}
		affine = affine && off == offsets[at]
		at++
	})
	return affine
}

func TestReshapeOfKnownCases(t *testing.T) {
	x := fill(Float64, 2, 3, 4)
	single, _ := x.Reshape(2, 1, 3, 1, 4) // axes of size 1 have stride 0 here
	for _, c := range []struct {
		name  string
		x     Tensor
		shape []int
		view  bool
	}{
		{"merge all", x, []int{24}, true},
		{"split differently", x, []int{4, 3, 2}, true},
		{"merge the last of a crop", x.Crop(0, 1, 2, 1), []int{12}, true},
		{"split a strided axis", x.Crop(2, 0, 1, 1), []int{2, 3}, true},
		{"merge across a crop", x.Crop(1, 0, 2, 1), []int{16}, false},
		{"merge a transpose", x.Permute(2, 1, 0), []int{24}, false},
		{"merge repeats", Scalar(1).Expand(3, 4), []int{12}, true},
		{"merge repeats with others", fill(Float64, 4).Expand(3, 4), []int{12}, false},
		{"scalar", Scalar(1).Expand(1, 1), []int{}, true},
		{"merge across axes of size 1", single, []int{24}, true},
		{"split across axes of size 1", single, []int{8, 3}, true},
		{"reverse", x.Flip(0, 1, 2), []int{24}, true},
	} {
		y, ok := c.x.Reshape(c.shape...)
		assert.Equal(t, c.view, ok, c.name)
		if ok {
			assert.Equal(t, snapshot(c.x).v, snapshot(y).v, c.name)
		}
	}
}

func TestViewsThatDoNotFit(t *testing.T) {
	x := fill(Float64, 2, 3)
	for name, f := range map[string]func(){
		"Permute twice":     func() { x.Permute(0, 0) },
		"Permute few":       func() { x.Permute(0) },
		"Permute range":     func() { x.Permute(0, 2) },
		"Crop axis":         func() { x.Crop(2, 0, 1, 1) },
		"Crop beyond":       func() { x.Crop(1, 0, 4, 1) },
		"Crop backwards":    func() { x.Crop(1, 2, 1, 1) },
		"Crop step":         func() { x.Crop(1, 0, 1, 0) },
		"Expand size":       func() { x.Expand(2, 4) },
		"Expand rank":       func() { x.Expand(3) },
		"Flip axis":         func() { x.Flip(-1) },
		"Reshape":           func() { x.Reshape(5) },
		"New negative":      func() { New(Float64, -1) },
		"New rank":          func() { New(Float64, 1, 1, 1, 1, 1, 1, 1, 1, 1) },
		"MakeType overflow": func() { MakeType(Float64, 1<<31, 1<<31, 1<<31) },
		"MakeType bytes":    func() { MakeType(Complex128, 1<<31, 1<<30) },
		"Of":                func() { Of([]float64{1, 2}, 3) },
		"Slice type":        func() { Slice[float32](x) },
		"Slice strides":     func() { Slice[float64](x.Permute(1, 0)) },
		"Span type":         func() { Span[float32](x) },
		"Span backwards":    func() { Span[float64](x.Flip(0)) },
	} {
		assert.Panics(t, f, name)
	}
}
