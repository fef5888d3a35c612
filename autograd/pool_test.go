package autograd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

var poolCases = []struct {
	x tensor.Type
	o PoolOptions
}{
	{f64(1, 2, 6, 4), PoolOptions{Size: [2]int{2, 2}}},
	{f64(7, 9), PoolOptions{Size: [2]int{3, 2}, Stride: [2]int{2, 3}}},
	{f64(2, 7, 9), PoolOptions{Size: [2]int{3, 3}, Stride: [2]int{1, 2}, Pad: [2][2]int{{1, 2}, {0, 1}}}},
	{f64(2, 7, 9), PoolOptions{Size: [2]int{3, 3}, Pad: [2][2]int{{1, 1}, {0, 0}}, PadMode: PadReplicate}},
	{f64(1, 12, 13), PoolOptions{Size: [2]int{5, 4}, Stride: [2]int{3, 1}}},
	{f64(3, 6, 5), PoolOptions{Size: [2]int{6, 5}}},
	{f64(3, 6, 5), PoolOptions{Size: [2]int{1, 1}}},
}

// underWindow calls f with the elements of x that lie under the window of
// result index, in the given padding; ok is false for padding of zeros.
func underWindow(x tensor.Tensor, o PoolOptions, mode PadMode, index []int, f func(v float64, ok bool)) {
	rank := int(x.Rank)
	for k := range o.Size[0] * o.Size[1] {
		at := append([]int{}, index...)
		all := true
		for i, k := range []int{k / o.Size[1], k % o.Size[1]} {
			s := o.Stride[i]
			if s == 0 {
				s = o.Size[i]
			}
			from, ok := padded(mode, index[rank-2+i]*s+k, o.Pad[i][0], x.Dim[rank-2+i])
			at[rank-2+i], all = from, all && ok
		}
		if !all {
			f(0, false)
			continue
		}
		f(real(load(x, at...)), true)
	}
}

func poolShape(x tensor.Type, o PoolOptions) []int {
	shape := x.Shape()
	for i := range 2 {
		s := o.Stride[i]
		if s == 0 {
			s = o.Size[i]
		}
		a := len(shape) - 2 + i
		shape[a] = (shape[a]+o.Pad[i][0]+o.Pad[i][1]-o.Size[i])/s + 1
	}
	return shape
}

func TestPoolsAgainstLoops(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	rng := rand.New(rand.NewPCG(60, 61))
	for i, c := range poolCases {
		data := drawn(rng, c.x)
		x := tape.Const(data)
		requireElements(t, AvgPool(x, c.o), poolShape(c.x, c.o), 1e-14, func(i []int) complex128 {
			sum := 0.0
			underWindow(data, c.o, c.o.PadMode, i, func(v float64, _ bool) { sum += v })
			return complex(sum/float64(c.o.Size[0]*c.o.Size[1]), 0)
		})
		requireElements(t, MaxPool(x, c.o), poolShape(c.x, c.o), 0, func(i []int) complex128 {
			most := math.Inf(-1)
			underWindow(data, c.o, PadConstant, i, func(v float64, ok bool) {
				if ok {
					most = max(most, v)
				}
			})
			return complex(most, 0)
		})
		if c.x.Len() < 80 {
			requireGradient(t, uint64(62+i), types(c.x), func(x []Value) Value { return AvgPool(x[0], c.o).Square() })
			requireGradient(t, uint64(72+i), types(c.x), func(x []Value) Value { return MaxPool(x[0], c.o).Square() })
		}
	}
}

func TestMaxPoolSharesTies(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x := tape.Var("x", tensor.Of([]float64{1, 1, 0, 2, 1, 0, 2, 2}, 2, 4))
	g := Grad(MaxPool(x, PoolOptions{Size: [2]int{2, 2}}), x)[0]
	require.Equal(t, []float64{1. / 3, 1. / 3, 0, 1. / 3, 1. / 3, 0, 1. / 3, 1. / 3}, evalFloats(t, g))
	y := MaxPool(x, PoolOptions{Size: [2]int{2, 2}, Pad: [2][2]int{{1, 1}, {1, 1}}})
	require.Equal(t, []float64{1, 1, 2, 1, 2, 2}, evalFloats(t, y))
}

func TestPoolErrors(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x := tape.Const(tensor.New(tensor.Float64, 3, 5))
	for want, f := range map[string]func(){
		"avg-pool(float64[3 5]): a window of 4, stride 4, over 3 padded elements along axis 0": func() { AvgPool(x, PoolOptions{Size: [2]int{4, 1}}) },
		"max-pool(float64[3 5]): a window of 0, stride 0, over 3 padded elements along axis 0": func() { MaxPool(x, PoolOptions{}) },
		"max-pool(float64[3 5]): padding [[0 0] [2 0]], at least as wide as the window [2 2]":  func() { MaxPool(x, PoolOptions{Size: [2]int{2, 2}, Pad: [2][2]int{{}, {2, 0}}}) },
		"max-pool(complex128[3 5]): a real argument expected":                                  func() { MaxPool(x.Complex(), PoolOptions{Size: [2]int{2, 2}}) },
		"avg-pool(float64[3]): images with at least two axes expected":                         func() { AvgPool(x.Sum(1), PoolOptions{Size: [2]int{2, 2}}) },
		"resize(float64[3]): images whose last two axes have elements expected":                func() { Resize(x.Sum(1), 2, 2, ResizeOptions{}) },
		"resize(float64[3 5]): a size of 0×2; at least 1×1 expected":                           func() { Resize(x, 0, 2, ResizeOptions{}) },
		"both Nearest and AlignCorners are set; one of them expected":                          func() { Resize(x, 2, 2, ResizeOptions{Nearest: true, AlignCorners: true}) },
	} {
		require.ErrorContains(t, Try(f), want)
	}
}

// resampled is the definition of bilinear interpolation: the tent function at
// the distance of each element from where the result lies.
func resampled(x tensor.Tensor, o ResizeOptions, index []int, h, w int) (sum complex128) {
	rank := int(x.Rank)
	var weight [2][]float64
	for i, n := range []int{h, w} {
		old := x.Dim[rank-2+i]
		at := (float64(index[rank-2+i])+.5)*float64(old)/float64(n) - .5
		if o.AlignCorners {
			at = 0
			if n > 1 {
				at = float64(index[rank-2+i]) / float64(n-1) * float64(old-1)
			}
		}
		at = min(max(at, 0), float64(old-1))
		for j := range old {
			weight[i] = append(weight[i], max(1-math.Abs(float64(j)-at), 0))
			if o.Nearest {
				weight[i][j] = 0
				if j == index[rank-2+i]*old/n {
					weight[i][j] = 1
				}
			}
		}
	}
	for r, p := range weight[0] {
		for c, q := range weight[1] {
			at := append([]int{}, index...)
			at[rank-2], at[rank-1] = r, c
			sum += complex(p*q, 0) * load(x, at...)
		}
	}
	return sum
}

func TestResizeAgainstTents(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	rng := rand.New(rand.NewPCG(80, 81))
	for _, typ := range []tensor.Type{f64(2, 5, 7), c128(4, 3), f64(1, 1, 1, 6), f64(6, 5).With(tensor.Float32)} {
		data := drawn(rng, typ)
		for _, o := range []ResizeOptions{{}, {AlignCorners: true}, {Nearest: true}} {
			for _, s := range [][2]int{{5, 7}, {9, 4}, {1, 1}, {10, 14}, {3, 20}} {
				y := Resize(tape.Const(data), s[0], s[1], o)
				shape := typ.Shape()
				shape[len(shape)-2], shape[len(shape)-1] = s[0], s[1]
				tolerance := 1e-13
				if typ.DType == tensor.Float32 {
					tolerance = 1e-6
				}
				requireElements(t, y, shape, tolerance, func(i []int) complex128 { return resampled(data, o, i, s[0], s[1]) })
			}
		}
	}
	requireGradient(t, 82, types(f64(3, 4)), func(x []Value) Value { return Resize(x[0], 5, 3, ResizeOptions{}).Square() })
}

func TestResizeKnownValues(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x := tape.Const(tensor.Of([]float64{0, 1}, 1, 2))
	for want, o := range map[*[4]float64]ResizeOptions{
		{0, .25, .75, 1}:       {},
		{0, 1. / 3, 2. / 3, 1}: {AlignCorners: true},
		{0, 0, 1, 1}:           {Nearest: true},
	} {
		require.InDeltaSlice(t, want[:], evalFloats(t, Resize(x, 1, 4, o)), 1e-15, fmt.Sprint(o))
	}
}
