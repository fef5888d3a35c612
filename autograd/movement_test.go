package autograd

import (
	"fmt"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

// drawn returns a tensor of random values in (-1, 1).
func drawn(rng *rand.Rand, t tensor.Type) tensor.Tensor {
	x := tensor.New(t.DType, t.Shape()...)
	for i := range x.Len() {
		x.Store(i, complex(2*rng.Float64()-1, 2*rng.Float64()-1))
	}
	return x
}

// elements returns v's elements in C order.
func elements(t *testing.T, v Value) []complex128 {
	t.Helper()
	x, err := Eval(v)
	require.NoError(t, err)
	return elementsOf(x)
}

func elementsOf(x tensor.Tensor) []complex128 {
	c := make([]complex128, x.Len())
	for i := range c {
		c[i] = x.Load(offsetOf(&x, i))
	}
	return c
}

// eachIndex calls f with every index of shape in C order.
func eachIndex(shape []int, f func(index []int)) {
	total := 1
	for _, d := range shape {
		total *= d
	}
	index := make([]int, len(shape))
	for k := range total {
		for a := len(shape) - 1; a >= 0; a-- {
			index[a] = k % shape[a]
			k /= shape[a]
		}
		f(index)
	}
}

// load returns the element of x at index.
func load(x tensor.Tensor, index ...int) complex128 {
	off := 0
	for a, i := range index {
		off += i * x.Stride[a]
	}
	return x.Load(off)
}

// requireElements checks v against want(index), element by element.
func requireElements(t *testing.T, v Value, shape []int, tolerance float64, want func(index []int) complex128) {
	t.Helper()
	require.Equal(t, shape, v.Type().Shape())
	got, k := elements(t, v), 0
	eachIndex(shape, func(index []int) {
		w := want(index)
		require.LessOrEqual(t, cmplx.Abs(got[k]-w), tolerance, "at %v: got %v, want %v", index, got[k], w)
		k++
	})
}

// requireGradient checks the gradient of Re Σ conj(c)·f(x), with random c, with
// respect to every argument against central differences, and the gradient of
// the squared gradient likewise.
func requireGradient(t *testing.T, seed uint64, in []tensor.Type, f func(x []Value) Value) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	xs, data := make([]Value, len(in)), make([]tensor.Tensor, len(in))
	for i, typ := range in {
		data[i] = drawn(rng, typ)
		xs[i] = tape.Var(fmt.Sprint("x", i), data[i])
	}
	y := f(xs)
	c := tape.Const(drawn(rng, y.Type()))
	first := c.RealDot(y).Sum()
	grads := Grad(first, xs...)
	requireSlope(t, tape, first, grads, xs, data)
	second := tape.Scalar(tensor.Float64, 0)
	for _, g := range grads {
		second = second.Add(g.Abs2().Sum())
	}
	requireSlope(t, tape, second, Grad(second, xs...), xs, data)
}

func requireSlope(t *testing.T, tape *Tape, loss Value, grads, xs []Value, data []tensor.Tensor) {
	t.Helper()
	p, err := tape.Compile(append([]Value{loss}, grads...), Value{})
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	got := make([][]complex128, len(xs))
	for i := range xs {
		g, err := p.Out(i + 1)
		require.NoError(t, err)
		got[i] = elementsOf(g)
	}
	at := func() float64 {
		require.NoError(t, p.Run())
		v, err := p.Out(0)
		require.NoError(t, err)
		return v.LoadReal(0)
	}
	const h = 1e-4
	for i, x := range data {
		for j := range x.Len() {
			for part, step := range []complex128{h, h * 1i} {
				if part == 1 && !x.DType.IsComplex() {
					continue
				}
				old := x.Load(j)
				x.Store(j, old+step)
				require.NoError(t, tape.Set(xs[i], x))
				up := at()
				x.Store(j, old-step)
				require.NoError(t, tape.Set(xs[i], x))
				down := at()
				x.Store(j, old)
				require.NoError(t, tape.Set(xs[i], x))
				g := []float64{real(got[i][j]), imag(got[i][j])}[part]
				require.InDelta(t, (up-down)/(2*h), g, 1e-6*(1+cmplx.Abs(got[i][j])), "argument %d, element %d, part %d", i, j, part)
			}
		}
	}
}

// padded returns where element i of a padded axis comes from; ok is false
// outside, where the constant stands.
func padded(mode PadMode, i, before, n int) (from int, ok bool) {
	i -= before
	if i >= 0 && i < n {
		return i, true
	}
	switch mode {
	case PadReflect:
		period := 2 * (n - 1)
		i = (i%period + period) % period
		return min(i, period-i), true
	case PadReplicate:
		return min(max(i, 0), n-1), true
	case PadCircular:
		return (i%n + n) % n, true
	}
	return 0, false
}

func TestPad(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, typ := range []tensor.Type{f64(2, 5, 4), c128(3, 5), f64(3, 3), f64(1, 4, 6).With(tensor.Float32)} {
		data := drawn(rng, typ)
		x := tape.Const(data)
		for mode := range PadMode(len(padModes)) {
			for _, amounts := range [][][2]int{{{2, 1}, {0, 2}}, {{1, 2}}, {{0, 0}, {2, 2}}, {{2, 0}, {1, 0}}} {
				for _, v := range []float64{0, 1.25} {
					y := x.Pad(mode, amounts...)
					if mode == PadConstant {
						y = x.PadWith(v, amounts...)
					}
					full := make([][2]int, typ.Rank)
					copy(full[int(typ.Rank)-len(amounts):], amounts)
					shape := typ.Shape()
					for a := range shape {
						shape[a] += full[a][0] + full[a][1]
					}
					requireElements(t, y, shape, 0, func(index []int) complex128 {
						from := make([]int, len(index))
						for a, i := range index {
							var ok bool
							if from[a], ok = padded(mode, i, full[a][0], typ.Dim[a]); !ok {
								return complex(v, 0)
							}
						}
						return load(data, from...)
					})
				}
			}
		}
	}
}

func TestPadGradient(t *testing.T) {
	for mode := range PadMode(len(padModes)) {
		requireGradient(t, 3, types(f64(2, 3, 4)), func(x []Value) Value { return x[0].Pad(mode, [2]int{2, 1}, [2]int{1, 3}).Square() })
		requireGradient(t, 4, types(c128(4)), func(x []Value) Value { return x[0].Pad(mode, [2]int{2, 3}).Square() })
	}
}

func TestPadErrors(t *testing.T) {
	tape := New(nil)
	x := tape.Var("x", tensor.New(tensor.Float64, 3, 5))
	for want, f := range map[string]func(){
		"pad(float64[3 5]): reflect padding by [0 3] of axis 0, which has 3 elements; at most 2 expected":   func() { x.Pad(PadReflect, [2]int{0, 3}, [2]int{4, 4}) },
		"pad(float64[3 5]): circular padding by [6 0] of axis 1, which has 5 elements; at most 5 expected":  func() { x.Pad(PadCircular, [2]int{6, 0}) },
		"pad(float64[3 5]): amounts [-1 0] for axis 1; 0 or more expected (Crop removes elements)":          func() { x.Pad(PadConstant, [2]int{-1, 0}) },
		"pad(float64[3 5]): amounts for 3 axes given; at most 2 expected":                                   func() { x.PadWith(1, [2]int{}, [2]int{}, [2]int{}) },
		"replicate padding by [1 0] of axis 1, which has 0 elements; at most 0 expected":                    func() { x.Crop(1, 0, 0).Pad(PadReplicate, [2]int{1, 0}) },
		"roll(float64[3 5]): shifts [1 2] for axes [0]; one shift per axis expected":                        func() { x.Roll([]int{1, 2}, 0) },
		"roll(float64[3 5]): axes [2]: each axis once, from -2 to 1 expected":                               func() { x.Roll([]int{1}, 2) },
		"concat: 0 arguments given, 1 expected":                                                             func() { Concat(0) },
		"concat(float64[3 5], float64[3]): argument 1 is a float64[3]; the type of the first expected":      func() { Concat(0, x, x.Sum(1)) },
		"stack(float64[3 5], float64[5]): argument 1 is a float64[5]; the type of the first expected":       func() { Stack(0, x, x.Sum(0)) },
		"stack(float64[3 5]): axis 3 of the result; from -3 to 2 expected, and at most 8 axes":              func() { Stack(3, x) },
		"gather(float64[3 5]): index 5, at place 1, is out of range; 0 to 4 expected":                       func() { x.Gather(1, []int{0, 5}) },
		"gather(float64[3 5]): index -1, at place 0, is out of range; 0 to 2 expected":                      func() { x.Gather(0, []int{-1}) },
		"gather(float64[3 5]): axes [2]: each axis once, from -2 to 1 expected":                             func() { x.Gather(2, []int{0}) },
		"stack(complex128[3 5], complex128[3]): argument 1 is a complex128[3]; the type of the first expec": func() { Stack(0, x, x.Sum(1).Complex()) },
	} {
		require.ErrorContains(t, Try(f), want)
	}
	_, err := ParsePadMode("mirror")
	require.EqualError(t, err, `autograd: unknown padding "mirror"; the modes are [constant reflect replicate circular]`)
	m, err := ParsePadMode("circular")
	require.NoError(t, err)
	require.Equal(t, PadCircular, m)
}

func TestPadWithoutElements(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x := tape.Const(tensor.New(tensor.Float64, 2, 0))
	require.Equal(t, []float64{3, 3, 3, 3}, evalFloats(t, x.PadWith(3, [2]int{1, 1})))
	require.Equal(t, x, x.Pad(PadReflect, [2]int{}, [2]int{}))
	require.Equal(t, []int{2, 0}, x.Pad(PadCircular, [2]int{}).Type().Shape())
}

func TestRoll(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	data := drawn(rand.New(rand.NewPCG(5, 6)), c128(4, 3, 5))
	x := tape.Const(data)
	for _, shifts := range [][2]int{{1, 2}, {-1, 0}, {0, -7}, {9, 5}, {0, 0}} {
		requireElements(t, x.Roll(shifts[:], 0, -1), []int{4, 3, 5}, 0, func(i []int) complex128 {
			return load(data, ((i[0]-shifts[0])%4+4)%4, i[1], ((i[2]-shifts[1])%5+5)%5)
		})
	}
	require.Equal(t, x, x.Roll([]int{-4, 10}, 0, 2), "a roll by whole turns is no operation")
	requireGradient(t, 7, types(f64(3, 4)), func(x []Value) Value { return x[0].Roll([]int{1, -1}, 0, 1).Mul(x[0]) })
}

func TestConcatAndStack(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	rng := rand.New(rand.NewPCG(8, 9))
	a, b := drawn(rng, f64(2, 3)), drawn(rng, c128(2, 2))
	x, y := tape.Const(a), tape.Const(b)
	requireElements(t, Concat(-1, x, y, x), []int{2, 8}, 0, func(i []int) complex128 {
		switch {
		case i[1] < 3:
			return load(a, i...)
		case i[1] < 5:
			return load(b, i[0], i[1]-3)
		}
		return load(a, i[0], i[1]-5)
	})
	require.Equal(t, x, Concat(0, x), "one array alone is itself")
	require.Equal(t, []int{0, 3}, Concat(0, x.Crop(0, 0, 0), x.Crop(0, 1, 1)).Type().Shape())
	for axis := -3; axis <= 2; axis++ {
		at := (axis + 3) % 3
		shape := []int{2, 3}
		shape = append(shape[:at:at], append([]int{3}, shape[at:]...)...)
		requireElements(t, Stack(axis, x, x.Neg(), x), shape, 0, func(i []int) complex128 {
			rest := append(append([]int{}, i[:at]...), i[at+1:]...)
			return load(a, rest...) * complex([]float64{1, -1, 1}[i[at]], 0)
		})
	}
	requireGradient(t, 10, types(f64(2, 3), c128(2, 2)), func(x []Value) Value { return Concat(1, x[1], x[0], x[1]).Square() })
	requireGradient(t, 11, types(f64(3), f64(3)), func(x []Value) Value { return Stack(-1, x[0], x[1], x[0]).Exp() })
}

func TestGather(t *testing.T) {
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	rng := rand.New(rand.NewPCG(12, 13))
	for _, typ := range []tensor.Type{f64(7), f64(7, 3), f64(2, 7), f64(2, 7, 600), c128(2, 7), f64(3, 2, 7).With(tensor.Float32), f64(1, 7, 5).With(tensor.Complex64)} {
		for axis := range int(typ.Rank) {
			n := typ.Dim[axis]
			index := make([]int, 2*n+1)
			for j := range index {
				index[j] = rng.IntN(n)/2 + j%2 // some never
				index[j] = min(index[j], n-1)
			}
			data := drawn(rng, typ)
			out := typ
			out.Dim[axis] = len(index)
			y := tape.Const(data).Gather(axis-int(typ.Rank), index)
			requireElements(t, y, out.Shape(), 0, func(i []int) complex128 {
				from := append([]int{}, i...)
				from[axis] = index[i[axis]]
				return load(data, from...)
			})
			g := drawn(rng, out)
			sums := map[string]complex128{}
			eachIndex(out.Shape(), func(i []int) {
				from := append([]int{}, i...)
				from[axis] = index[i[axis]]
				sums[fmt.Sprint(from)] += load(g, i...)
			})
			x := tape.Var(fmt.Sprint(typ, axis), data)
			d := VJP(x.Gather(axis, index), tape.Const(g), x)[0]
			requireElements(t, d, typ.Shape(), 1e-6, func(i []int) complex128 { return sums[fmt.Sprint(i)] })
		}
	}
	require.Equal(t, []int{0, 3}, tape.Const(tensor.New(tensor.Float64, 2, 3)).Gather(0, nil).Type().Shape())
	requireGradient(t, 14, types(c128(3, 2)), func(x []Value) Value { return x[0].Gather(0, []int{2, 2, 0}).Square() })
}

func TestMovementDoesNotAllocate(t *testing.T) {
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	x := tape.Var("x", tensor.New(tensor.Float64, 2, 32, 32))
	y := x.Pad(PadReflect, [2]int{3, 3}, [2]int{3, 3}).Roll([]int{2}, 1).Gather(2, []int{5, 5, 1}).Square()
	z := Concat(1, y, y.Gather(1, []int{1, 1, 2}))
	p, err := tape.Compile([]Value{Grad(z.Sum(), x)[0]}, Value{})
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(20, func() { _ = p.Run() }))
}
