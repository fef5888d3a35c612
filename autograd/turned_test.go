package autograd_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// TestTransposedOperands compares copies and fused groups of permuted arrays, with rows
// that are not whole tiles and rows of several strips, with what they are element by
// element.
func TestTransposedOperands(t *testing.T) {
	for _, shape := range [][]int{{1, 5, 4}, {1, 37, 19}, {2, 16, 2100}, {3, 2100, 21}, {2, 9, 64}} {
		for _, dtype := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Complex64, tensor.Complex128} {
			for _, threads := range []int{1, 3} {
				t.Run(fmt.Sprint(shape, dtype, threads), func(t *testing.T) {
					tape := autograd.New(autograd.CPU{Threads: threads})
					defer tape.Close()
					x, y := tensor.New(dtype, shape...), tensor.New(dtype, shape[0], shape[2], shape[1])
					for i := range x.Len() {
						x.Store(i, complex(float64(i%1009), float64(i%13)))
						y.Store(i, complex(float64(i%7), 1))
					}
					turned := tape.Var("x", x).Permute(0, 2, 1)
					sum := turned.Add(tape.Var("y", y)).Add(turned)
					p, err := tape.Compile([]autograd.Value{turned, sum}, autograd.Value{})
					require.NoError(t, err)
					for range 2 {
						require.NoError(t, p.Run())
					}
					a, err := p.Out(0)
					require.NoError(t, err)
					b, err := p.Out(1)
					require.NoError(t, err)
					h, w := shape[1], shape[2]
					for n := range shape[0] {
						for j := range w {
							for i := range h {
								at, from := (n*w+j)*h+i, (n*h+i)*w+j
								if v := x.Load(from); a.Load(at) != v || b.Load(at) != 2*v+y.Load(at) {
									t.Fatalf("element %d, %d, %d: %v and %v of %v and %v", n, j, i, a.Load(at), b.Load(at), v, y.Load(at))
								}
							}
						}
					}
				})
			}
		}
	}
}
