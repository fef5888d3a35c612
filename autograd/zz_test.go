package autograd

import (
	"fmt"
	"github.com/percept-go/percept/tensor"
	"testing"
)

func prof(t *testing.T, name string, threads int, f func(tape *Tape) []Value) {
	tape := New(CPU{Threads: threads})
	defer tape.Close()
	p, err := tape.Compile(f(tape), Value{})
	if err != nil {
		t.Fatal(err)
	}
	pr, err := p.Profile(40)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range pr {
		us := float64(s.Time.Nanoseconds()) / 1e3
		fmt.Printf("%-28s %-22s %9.1f us  %6.2f GFLOP/s %6.2f GB/s\n", name, s.Name, us, float64(s.FLOPs)/us/1e3, float64(s.Read+s.Written)/us/1e3)
	}
}
func TestZZ(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float64, tensor.Float32} {
		fmt.Println(d)
		v := func(tape *Tape, n string, s ...int) Value { return tape.Var(n, tensor.New(d, s...)) }
		prof(t, "copy 8MB", 1, func(tp *Tape) []Value { return []Value{v(tp, "x", 1, 1<<20)} })
		for _, m := range []int{4, 8, 16} {
			prof(t, fmt.Sprint("gram ", m), 1, func(tp *Tape) []Value { x := v(tp, "x", m, 65536); return []Value{Einsum("ik,jk->ij", x, x)} })
			prof(t, fmt.Sprint("product ", m), 1, func(tp *Tape) []Value {
				return []Value{Einsum("ik,jk->ij", v(tp, "x", m, 65536), v(tp, "y", m, 65536))}
			})
		}
		prof(t, "gemv 100x65536 n", 1, func(tp *Tape) []Value { return []Value{Einsum("ik,i->k", v(tp, "x", 100, 65536), v(tp, "y", 100))} })
		prof(t, "gemv 100x65536 k", 1, func(tp *Tape) []Value { return []Value{Einsum("ik,k->i", v(tp, "x", 100, 65536), v(tp, "y", 65536))} })
		prof(t, "gemm 512", 1, func(tp *Tape) []Value {
			return []Value{Einsum("ik,kj->ij", v(tp, "x", 512, 512), v(tp, "y", 512, 512))}
		})
		for _, k := range [][2]int{{1, 11}, {11, 1}, {5, 5}, {11, 11}, {31, 31}} {
			prof(t, fmt.Sprint("conv ", k), 1, func(tp *Tape) []Value {
				x := v(tp, "x", 1, 1, 256, 256)
				w := v(tp, "w", 1, 1, k[0], k[1])
				y := Correlate(x, w, CorrelateOptions{})
				return append(VJP(y, v(tp, "g", y.Type().Shape()...), x, w), y)
			})
		}
		prof(t, fmt.Sprint("conv s2"), 1, func(tp *Tape) []Value {
			x := v(tp, "x", 1, 1, 256, 256)
			w := v(tp, "w", 1, 1, 5, 5)
			y := Correlate(x, w, CorrelateOptions{Stride: [2]int{2, 2}})
			return append(VJP(y, v(tp, "g", y.Type().Shape()...), x, w), y)
		})
		prof(t, fmt.Sprint("conv 16x16ch 3x3"), 1, func(tp *Tape) []Value {
			x := v(tp, "x", 1, 16, 64, 64)
			w := v(tp, "w", 16, 16, 3, 3)
			y := Correlate(x, w, CorrelateOptions{})
			return append(VJP(y, v(tp, "g", y.Type().Shape()...), x, w), y)
		})
		prof(t, fmt.Sprint("pad"), 1, func(tp *Tape) []Value {
			x := v(tp, "x", 1, 1, 256, 256)
			y := x.Pad(PadReflect, [2]int{5, 5}, [2]int{5, 5})
			return append(VJP(y, v(tp, "g", y.Type().Shape()...), x), y)
		})
		prof(t, fmt.Sprint("roll"), 1, func(tp *Tape) []Value {
			x := v(tp, "x", 1, 1, 256, 256)
			y := x.Roll([]int{5, 5}, 2, 3)
			return append(VJP(y, v(tp, "g", y.Type().Shape()...), x), y)
		})
		prof(t, fmt.Sprint("avgpool"), 1, func(tp *Tape) []Value {
			x := v(tp, "x", 1, 1, 256, 256)
			y := AvgPool(x, PoolOptions{Size: [2]int{2, 2}})
			return append(VJP(y, v(tp, "g", y.Type().Shape()...), x), y)
		})
		prof(t, fmt.Sprint("maxpool"), 1, func(tp *Tape) []Value {
			x := v(tp, "x", 1, 1, 256, 256)
			y := MaxPool(x, PoolOptions{Size: [2]int{2, 2}})
			return append(VJP(y, v(tp, "g", y.Type().Shape()...), x), y)
		})
		prof(t, fmt.Sprint("resize"), 1, func(tp *Tape) []Value {
			x := v(tp, "x", 1, 1, 256, 256)
			y := Resize(x, 512, 512, ResizeOptions{})
			return append(VJP(y, v(tp, "g", y.Type().Shape()...), x), y)
		})
	}
}
