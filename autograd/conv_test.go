package autograd

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

// correlateLoop is the definition, one result at a time; x is not padded.
func correlateLoop(x, w tensor.Tensor, o CorrelateOptions, pad [2][2]int, index []int) (sum complex128) {
	og := w.Dim[0] / max(o.Groups, 1)
	for c := range w.Dim[1] {
		for u := range w.Dim[2] {
			for v := range w.Dim[3] {
				at := []int{index[0], index[1]/og*w.Dim[1] + c, 0, 0}
				inside := true
				for i, k := range []int{u, v} {
					p := index[2+i]*max(o.Stride[i], 1) + k*max(o.Dilation[i], 1)
					from, ok := padded(o.PadMode, p, pad[i][0], x.Dim[2+i])
					at[2+i], inside = from, inside && ok
				}
				if inside {
					sum += load(w, index[1], c, u, v) * load(x, at...)
				}
			}
		}
	}
	return sum
}

type correlateCase struct {
	x, w tensor.Type
	o    CorrelateOptions
}

var correlateCases = []correlateCase{
	{f64(1, 1, 5, 6), f64(1, 1, 3, 2), CorrelateOptions{}},
	{f64(2, 3, 5, 6), f64(4, 3, 1, 1), CorrelateOptions{}},
	{f64(2, 3, 5, 6), f64(4, 3, 5, 6), CorrelateOptions{}},
	{f64(2, 4, 9, 8), f64(6, 2, 3, 3), CorrelateOptions{Groups: 2}},
	{f64(2, 3, 9, 8), f64(3, 1, 1, 5), CorrelateOptions{Groups: 3, Same: true, PadMode: PadReflect}},
	{f64(1, 2, 9, 11), f64(3, 2, 3, 2), CorrelateOptions{Stride: [2]int{2, 3}}},
	{f64(1, 2, 9, 11), f64(3, 2, 3, 2), CorrelateOptions{Dilation: [2]int{3, 2}}},
	{f64(2, 2, 12, 13), f64(2, 2, 3, 4), CorrelateOptions{Stride: [2]int{2, 2}, Dilation: [2]int{3, 3}}},
	{f64(1, 2, 13, 12), f64(2, 2, 2, 2), CorrelateOptions{Stride: [2]int{5, 4}, Same: true}},
	{f64(1, 1, 8, 7), f64(1, 1, 4, 5), CorrelateOptions{Same: true, PadMode: PadCircular}},
	{f64(1, 1, 8, 7), f64(2, 1, 4, 5), CorrelateOptions{Pad: [2][2]int{{1, 2}, {0, 3}}, PadMode: PadReplicate}},
	{f64(1, 1, 8, 7), f64(2, 1, 4, 5), CorrelateOptions{Pad: [2][2]int{{3, 3}, {4, 4}}, Stride: [2]int{1, 2}}},
	{f64(1, 1, 5, 700), f64(1, 1, 1, 31), CorrelateOptions{}},
	{f64(1, 2, 90, 70), f64(1, 2, 11, 3), CorrelateOptions{}},
	{f64(1, 1, 90, 71), f64(1, 1, 5, 5), CorrelateOptions{Stride: [2]int{2, 2}, Same: true, PadMode: PadReflect}},
}

// amounts returns what o pads.
func (c correlateCase) amounts() [2][2]int {
	if !c.o.Same {
		return c.o.Pad
	}
	var p [2][2]int
	for i := range p { // the definition of "same", from the number of outputs
		s, d := max(c.o.Stride[i], 1), max(c.o.Dilation[i], 1)
		n, k := c.x.Dim[2+i], c.w.Dim[2+i]
		outs := (n + s - 1) / s
		for (n+p[i][0]+p[i][1]-(k-1)*d-1)/s+1 < outs || n+p[i][0]+p[i][1] < (outs-1)*s+(k-1)*d+1 {
			if p[i][0] == p[i][1] {
				p[i][1]++
			} else {
				p[i][0]++
			}
		}
	}
	return p
}

func (c correlateCase) shape() []int {
	p := c.amounts()
	s := []int{c.x.Dim[0], c.w.Dim[0], 0, 0}
	for i := range 2 {
		s[2+i] = (c.x.Dim[2+i]+p[i][0]+p[i][1]-(c.w.Dim[2+i]-1)*max(c.o.Dilation[i], 1)-1)/max(c.o.Stride[i], 1) + 1
	}
	return s
}

func TestCorrelateAgainstLoops(t *testing.T) {
	rng := rand.New(rand.NewPCG(50, 51))
	dtypes := [][2]tensor.DType{{tensor.Float64, tensor.Float64}, {tensor.Float32, tensor.Float32}, {tensor.Complex128, tensor.Complex128}, {tensor.Float64, tensor.Complex128}, {tensor.Complex64, tensor.Float32}}
	for i, c := range correlateCases {
		for _, d := range dtypes {
			t.Run(fmt.Sprint(i, d), func(t *testing.T) {
				tape := New(CPU{Threads: 2})
				defer tape.Close()
				x, w := drawn(rng, c.x.With(d[0])), drawn(rng, c.w.With(d[1]))
				tolerance := 1e-12
				if d[0].Real() == tensor.Float32 {
					tolerance = 1e-5
				}
				y := Correlate(tape.Const(x), tape.Const(w), c.o)
				pad := c.amounts()
				requireElements(t, y, c.shape(), tolerance, func(i []int) complex128 { return correlateLoop(x, w, c.o, pad, i) })
			})
		}
	}
}

// The adjoints are checked as the transposes of the loop's matrix: every
// element of one argument at a time.
func TestCorrelateAdjointsAgainstLoops(t *testing.T) {
	rng := rand.New(rand.NewPCG(52, 53))
	for i, c := range correlateCases {
		for _, d := range []tensor.DType{tensor.Float64, tensor.Complex128, tensor.Float32} {
			if c.x.Len() > 400 && d != tensor.Float64 {
				continue
			}
			t.Run(fmt.Sprint(i, d), func(t *testing.T) {
				tape := New(CPU{Threads: 2})
				defer tape.Close()
				x, w := drawn(rng, c.x.With(d)), drawn(rng, c.w.With(d))
				g := drawn(rng, tensor.MakeType(d, c.shape()...))
				tolerance := 1e-11
				if d == tensor.Float32 {
					tolerance = 1e-4
				}
				wantX, wantW := make([]complex128, x.Len()), make([]complex128, w.Len())
				pad, og := c.amounts(), w.Dim[0]/max(c.o.Groups, 1)
				eachIndex(g.Shape(), func(out []int) {
					for k := range w.Len() / w.Dim[0] {
						ch, u, v := k/(w.Dim[2]*w.Dim[3]), k/w.Dim[3]%w.Dim[2], k%w.Dim[3]
						r, ok := padded(c.o.PadMode, out[2]*max(c.o.Stride[0], 1)+u*max(c.o.Dilation[0], 1), pad[0][0], x.Dim[2])
						s, also := padded(c.o.PadMode, out[3]*max(c.o.Stride[1], 1)+v*max(c.o.Dilation[1], 1), pad[1][0], x.Dim[3])
						if ok && also {
							p := ((out[0]*x.Dim[1]+out[1]/og*w.Dim[1]+ch)*x.Dim[2]+r)*x.Dim[3] + s
							q := out[1]*w.Len()/w.Dim[0] + k
							wantX[p] += conj(w.Load(q)) * load(g, out...)
							wantW[q] += conj(x.Load(p)) * load(g, out...)
						}
					}
				})
				xv, wv, gv := tape.Var("x", x), tape.Var("w", w), tape.Var("g", g)
				d := VJP(Correlate(xv, wv, c.o), gv, xv, wv)
				requireVector(t, d[0], wantX, tolerance)
				requireVector(t, d[1], wantW, tolerance*10)
				requireVector(t, CorrelateAdjoint(gv, wv, x.Dim[2], x.Dim[3], c.o), wantX, tolerance)
			})
		}
	}
}

func conj(v complex128) complex128 { return complex(real(v), -imag(v)) }

func requireVector(t *testing.T, v Value, want []complex128, tolerance float64) {
	t.Helper()
	got := elements(t, v)
	require.Len(t, got, len(want))
	for i := range want {
		require.InDelta(t, real(want[i]), real(got[i]), tolerance, "element %d", i)
		require.InDelta(t, imag(want[i]), imag(got[i]), tolerance, "element %d", i)
	}
}

func TestCorrelateGradient(t *testing.T) {
	o := CorrelateOptions{Stride: [2]int{1, 2}, Same: true, PadMode: PadReflect}
	requireGradient(t, 54, types(f64(1, 2, 4, 5), f64(2, 2, 2, 3)), func(x []Value) Value { return Correlate(x[0], x[1], o) })
	requireGradient(t, 55, types(f64(1, 1, 4, 4), c128(1, 1, 2, 2)), func(x []Value) Value { return Correlate(x[0], x[1], CorrelateOptions{}) })
	requireGradient(t, 56, types(f64(1, 2, 2, 2), f64(2, 1, 2, 3)), func(x []Value) Value {
		return CorrelateAdjoint(x[0], x[1], 3, 5, CorrelateOptions{Stride: [2]int{1, 2}, Groups: 2})
	})
}

func TestSamePaddingOfEvenFilters(t *testing.T) {
	require.Equal(t, [2]int{2, 2}, SamePadding(10, 5, 1, 1))
	require.Equal(t, [2]int{1, 2}, SamePadding(10, 4, 1, 1), "the extra element is after")
	require.Equal(t, [2]int{1, 2}, SamePadding(256, 5, 2, 1))
	require.Equal(t, [2]int{2, 2}, SamePadding(255, 5, 2, 1))
	require.Equal(t, [2]int{4, 4}, SamePadding(10, 5, 1, 2))
	require.Equal(t, [2]int{0, 0}, SamePadding(10, 1, 3, 1))
}

func TestCorrelateErrors(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x, w := tape.Const(tensor.New(tensor.Float64, 1, 4, 5, 6)), tape.Const(tensor.New(tensor.Float64, 2, 4, 3, 3))
	for want, f := range map[string]func(){
		"correlate(float64[1 4 5 6], float64[2 4 3 3]): 4 channels and 2 filters of 4 channels do not make 2 groups": func() { Correlate(x, w, CorrelateOptions{Groups: 2}) },
		"filters of 3×3 elements, dilation [3 1], do not fit into an image of 5×6":                                   func() { Correlate(x, w, CorrelateOptions{Dilation: [2]int{3, 1}}) },
		"images (N, C, H, W) and filters (O, C/groups, h, w) expected":                                               func() { Correlate(x.Sum(0), w, CorrelateOptions{}) },
		"operands have different precision":                                                                          func() { Correlate(x.Cast(tensor.Float32), w, CorrelateOptions{}) },
		"stride [-1 0], dilation [0 0], 0 groups; none negative expected":                                            func() { Correlate(x, w, CorrelateOptions{Stride: [2]int{-1, 0}}) },
		"both Same and the amounts [[1 0] [0 0]] are set; one of them expected":                                      func() { Correlate(x, w, CorrelateOptions{Same: true, Pad: [2][2]int{{1, 0}, {}}}) },
		"reflect padding by [0 6] of axis 3, which has 6 elements; at most 5 expected": func() {
			Correlate(x, w, CorrelateOptions{Pad: [2][2]int{{}, {0, 6}}, PadMode: PadReflect})
		},
		"correlate-adjoint(float64[1 4 5 6], float64[2 4 3 3]): a float64[1 2 6 6] expected for images of 8×8": func() { CorrelateAdjoint(x, w, 8, 8, CorrelateOptions{}) },
		"a size expected, not -1×8": func() { CorrelateAdjoint(x, w, -1, 8, CorrelateOptions{}) },
	} {
		require.ErrorContains(t, Try(f), want)
	}
}

func TestCorrelateDoesNotAllocate(t *testing.T) {
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	x, w := tape.Var("x", tensor.New(tensor.Float64, 2, 2, 40, 40)), tape.Var("w", tensor.New(tensor.Float64, 2, 2, 5, 5))
	a := Correlate(x, w, CorrelateOptions{Same: true, PadMode: PadReflect})
	b := Correlate(x, w, CorrelateOptions{Stride: [2]int{2, 2}})
	p, err := tape.Compile(Grad(a.Square().Sum().Add(b.Square().Sum()), x, w), Value{})
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(5, func() { _ = p.Run() }))
}

func TestCorrelateBitsDoNotDependOnThreads(t *testing.T) {
	rng := rand.New(rand.NewPCG(57, 58))
	x, w := drawn(rng, f64(1, 2, 70, 90)), drawn(rng, f64(2, 2, 7, 5))
	var first []complex128
	for threads := 1; threads <= 3; threads++ {
		tape := New(CPU{Threads: threads})
		xv, wv := tape.Var("x", x), tape.Var("w", w)
		y := Correlate(xv, wv, CorrelateOptions{}).Square().Sum()
		g := Grad(y, xv, wv)
		got := append(elements(t, g[0]), elements(t, g[1])...)
		if threads == 1 {
			first = got
		}
		require.Equal(t, first, got)
		tape.Close()
	}
}
