//go:build cuda && cgo

package cuda_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/cuda"
	"github.com/percept-go/percept/tensor"
)

// agree compares f on the device with f on the CPU, whose kernels have tests of
// their own.
func agree(t *testing.T, dev autograd.Backend, x tensor.Tensor, tol float64, f func(x autograd.Value) autograd.Value) {
	t.Helper()
	var results [2]tensor.Tensor
	for i, b := range []autograd.Backend{nil, dev} {
		tape := autograd.New(b)
		defer tape.Close()
		var err error
		results[i], err = autograd.Eval(f(tape.Var("x", x)))
		require.NoError(t, err)
	}
	requireClose(t, results[0], results[1], tol, "on the device")
}

// pattern returns numbers from −1 to 1.
func pattern(d tensor.DType, shape ...int) tensor.Tensor {
	x := tensor.New(d, shape...)
	for i := range x.Len() {
		x.Store(i, complex(float64(i*i%1009)/504-1, float64(i*7%997)/498-1))
	}
	return x
}

var precision = map[tensor.DType]float64{tensor.Float32: 1e-5, tensor.Float64: 1e-12, tensor.Complex64: 1e-5, tensor.Complex128: 1e-12}

// Reductions of every way of running: a thread, a block or several blocks for a
// result, along contiguous axes and across them.
func TestReductions(t *testing.T) {
	dev := open(t)
	for d, tol := range precision {
		for _, c := range []struct{ shape, axes []int }{
			{[]int{3, 40}, []int{1}}, {[]int{40, 3}, []int{0}}, {[]int{2, 700}, []int{1}}, {[]int{700, 2}, []int{0}},
			{[]int{20011}, []int{0}}, {[]int{2, 9001, 2}, []int{1}}, {[]int{5, 33, 31}, []int{0, 2}}, {[]int{17000, 3}, []int{1}},
		} {
			x := pattern(d, c.shape...)
			agree(t, dev, x, tol, func(x autograd.Value) autograd.Value { return x.Sum(c.axes...) })
			if !d.IsComplex() {
				agree(t, dev, x, 0, func(x autograd.Value) autograd.Value { return x.ReduceMax(c.axes...) })
				agree(t, dev, x, 0, func(x autograd.Value) autograd.Value { return x.ReduceMin(c.axes...) })
				agree(t, dev, x, tol, func(x autograd.Value) autograd.Value { return x.SumWide(c.axes...) })
			}
		}
	}
}

// Transforms of every way of running multiply by a mask, take moduli and real values,
// and leave moduli, along rows and columns, where that is asked for in one step.
func TestMaskedTransforms(t *testing.T) {
	dev := open(t)
	for _, n := range []int{6, 11, 16, 240, 1021, 1536, 1031} { // in registers, as a convolution, in two steps, both
		for d, tol := range map[tensor.DType]float64{tensor.Complex64: 2e-5, tensor.Complex128: 1e-12} {
			x := pattern(d, 2, n, 3)
			mask := pattern(d.Real(), n, 1)
			for _, f := range []func(x, m autograd.Value) autograd.Value{
				func(x, m autograd.Value) autograd.Value { return x.Mul(m).FFT(autograd.Backward, 1).Abs() },
				func(x, m autograd.Value) autograd.Value { return m.Mul(x).IFFT(autograd.Ortho, 1, 2) },
				func(x, m autograd.Value) autograd.Value {
					return x.Permute(0, 2, 1).Mul(m.Reshape(n)).IFFT(autograd.Ortho, 2, 1).Abs()
				},
				func(x, m autograd.Value) autograd.Value { return x.Mul(m).IRFFT(autograd.Backward, 2*n-1, 1) },
				func(x, m autograd.Value) autograd.Value {
					return x.Permute(0, 2, 1).Mul(m.Reshape(n)).IRFFT(autograd.Backward, 2*n-2, 1, 2)
				},
				func(x, _ autograd.Value) autograd.Value { return x.Abs().RFFT(autograd.Backward, 2, 1) },
				func(x, _ autograd.Value) autograd.Value {
					return x.Permute(0, 2, 1).Abs().RFFT(autograd.Ortho, 2).Abs()
				},
				func(x, _ autograd.Value) autograd.Value { return x.Abs2().Complex().IFFT(autograd.Ortho, 1, 2) },
				func(x, _ autograd.Value) autograd.Value { return x.Real().Exp().Complex().FFT(autograd.Backward, 2) },
			} {
				if n > 1000 && d == tensor.Complex64 {
					continue // the same code
				}
				agree(t, dev, x, tol*float64(n), func(x autograd.Value) autograd.Value { return f(x, x.Tape().Const(mask)) })
			}
		}
	}
}

// Products of several tiles, and Gram matrices of long rows.
func TestContract(t *testing.T) {
	dev := open(t)
	for d, tol := range precision {
		for _, s := range [][3]int{{70, 90, 65}, {3, 9000, 5}, {64, 128, 64}, {1, 40, 100}, {9, 200, 9}} {
			w := pattern(d, s[1], s[2])
			agree(t, dev, pattern(d, 2, s[0], s[1]), 20*tol, func(x autograd.Value) autograd.Value {
				return autograd.Einsum("bij,jk->bik", x, x.Tape().Const(w))
			})
		}
	}
}

// Separable filters over several tiles, in steps, with taps for which a tile's rows fit
// into shared memory and with more, and their adjoints.
func TestSeparable(t *testing.T) {
	dev := open(t)
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		for _, c := range []struct {
			h, w, column, row int
			stride            [2]int
		}{{70, 45, 5, 11, [2]int{1, 1}}, {67, 100, 4, 3, [2]int{2, 2}}, {90, 33, 7, 2, [2]int{3, 1}}, {420, 40, 400, 3, [2]int{1, 2}}, {40, 420, 3, 400, [2]int{2, 1}}} {
			column, row := pattern(d, c.column), pattern(d, c.row)
			f := func(x autograd.Value) autograd.Value {
				return autograd.CorrelateSeparable(x, x.Tape().Const(column), x.Tape().Const(row), c.stride)
			}
			x, tol := pattern(d, 2, 3, c.h, c.w), precision[d]*float64(c.column)
			agree(t, dev, x, tol, f)
			agree(t, dev, x, tol, func(x autograd.Value) autograd.Value {
				y := f(x)
				return autograd.VJP(y, y.Square(), x)[0]
			})
		}
	}
}

// Lines of every kind of length: one pass, several, several with odd factors,
// convolutions in a block, two steps, and convolutions in memory.
func TestFFTLengths(t *testing.T) {
	dev := open(t)
	for _, n := range []int{1, 2, 3, 5, 7, 8, 11, 16, 29, 48, 64, 97, 105, 210, 256, 343, 625, 1000, 1021, 1024, 1100, 1536, 2048, 2310, 2503} {
		for d, tol := range map[tensor.DType]float64{tensor.Complex64: 1e-5, tensor.Complex128: 1e-12} {
			t.Run(fmt.Sprintf("%d/%v", n, d), func(t *testing.T) {
				agree(t, dev, pattern(d, 2, n), tol, func(x autograd.Value) autograd.Value { return x.FFT(autograd.Backward, 1) })
				agree(t, dev, pattern(d, n, 3), tol, func(x autograd.Value) autograd.Value { return x.IFFT(autograd.Ortho, 0) })
				agree(t, dev, pattern(d, n, 3), tol, func(x autograd.Value) autograd.Value { return x.Real().RFFT(autograd.Backward, 0) })
				agree(t, dev, pattern(d, n/2+1, 3), tol, func(x autograd.Value) autograd.Value { return x.IRFFT(autograd.Backward, n, 0) })
			})
		}
	}
}

// What a GPU in another process's exclusive use and an old driver give, says so.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	if !strings.Contains(open(t).Info().Name, "fakecuda") {
		t.Skip("only the emulator fails when told to")
	}
	for _, c := range []struct {
		where, code string
		err         error
	}{{"FAKECUDA_RETAIN", "46", cuda.ErrBusy}, {"FAKECUDA_RETAIN", "2", cuda.ErrBusy}, {"FAKECUDA_LOAD", "2", cuda.ErrBusy}, {"FAKECUDA_LOAD", "209", cuda.ErrOldDriver}, {"FAKECUDA_LOAD", "222", cuda.ErrOldDriver}} {
		t.Setenv(c.where, c.code)
		_, err := cuda.Open(0)
		require.ErrorIs(t, err, c.err)
		require.ErrorContains(t, err, c.err.Error()) // which says what to do
		t.Setenv(c.where, "0")
	}
	dev, err := cuda.Open(0)
	require.NoError(t, err)
	require.NoError(t, dev.Close())
}

// Memory that is not there: the error says how much was needed and is free, and
// nothing is lost.
func TestOutOfMemory(t *testing.T) {
	dev := open(t)
	_, err := dev.Alloc(1 << 44)
	require.ErrorIs(t, err, autograd.ErrMemory)
	require.ErrorContains(t, err, fmt.Sprint(1<<44))
	require.ErrorContains(t, err, "free")
	agree(t, dev, pattern(tensor.Float64, 10), 1e-12, func(x autograd.Value) autograd.Value { return x.Exp() })
}

// reckless is a movement whose view lies outside its argument's memory.
var reckless = &autograd.Op{
	Name: "reckless", Doc: "reads what is not its own",
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) { return in[0], nil },
	View: func(_ any, in tensor.Tensor) (tensor.Tensor, bool) {
		in.Offset += 1 << 30
		return in, true
	},
}

// A kernel that faults: the error names the step and the line that recorded it, and
// later calls say that the GPU is lost.
func TestFault(t *testing.T) {
	for _, uncaptured := range []bool{false, true} {
		dev, err := cuda.Open(0)
		if err != nil {
			t.Skipf("no GPU, and PERCEPT_LIBCUDA does not name the emulator: %v", err)
		}
		if !strings.Contains(dev.Info().Name, "fakecuda") {
			t.Skip("a fault would take the GPU's context from the other tests")
		}
		dev.Uncaptured = uncaptured
		tape := autograd.New(dev)
		x := tape.Var("x", pattern(tensor.Float64, 100))
		p, err := tape.Compile([]autograd.Value{tape.Apply(reckless, nil, x).Exp()}, autograd.Value{})
		require.NoError(t, err)
		err = p.Run()
		if err == nil {
			_, err = p.Out(0)
		}
		require.ErrorIs(t, err, cuda.ErrLost)
		require.ErrorContains(t, err, "exp")
		require.ErrorContains(t, err, "kernels_test.go:")
		require.ErrorIs(t, p.Run(), cuda.ErrLost)
		tape.Close()
		require.ErrorIs(t, dev.Close(), cuda.ErrLost)
	}
}
