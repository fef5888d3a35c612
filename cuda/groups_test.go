//go:build cuda && cgo

package cuda

import (
	"errors"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// onDevice returns s with memory of its own on the device: inputs between .2 and
// 1.2 with the strides that they have, contiguous results.
func onDevice(t *testing.T, d *Device, s autograd.Step) autograd.Step {
	r := rand.New(rand.NewPCG(1, 2))
	place := func(x tensor.Tensor, fill bool) tensor.Tensor {
		lo, hi := x.Bounds()
		require.GreaterOrEqual(t, lo, 0)
		flat := tensor.New(x.DType, hi+1)
		for i := range hi + 1 {
			if fill {
				flat.Store(i, complex(.2+r.Float64(), .2+r.Float64()))
			}
		}
		m, err := d.Alloc(flat.Bytes())
		require.NoError(t, err)
		t.Cleanup(m.Free)
		require.NoError(t, d.Copy(tensor.Wrap(m, flat.Type, 0), flat))
		x.Mem, x.Offset = m, 0
		return x
	}
	c := s
	c.In, c.Out = nil, nil
	for _, x := range s.In {
		c.In = append(c.In, place(x, true))
	}
	for _, x := range s.Out {
		c.Out = append(c.Out, place(tensor.Wrap(nil, x.Type, 0), false))
	}
	return c
}

// Kernels that were made ahead compute what the interpreter does.
func TestGroupsMadeAhead(t *testing.T) {
	d, err := Open(0)
	if errors.Is(err, ErrNoDriver) || errors.Is(err, ErrNoDevice) {
		t.Skipf("no GPU, and PERCEPT_LIBCUDA does not name the emulator: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	tried := 0
	for key, recorded := range recordSteps(t) {
		if _, ok := groups[key]; !ok {
			continue
		}
		tried++
		s := onDevice(t, d, recorded)
		var results [2][]tensor.Tensor
		for i, interpret := range []bool{true, false} {
			require.NoError(t, d.do(func() error {
				b := &binder{dev: d, arena: &arena{dev: d}, interpret: interpret}
				defer b.arena.free()
				if err := b.bindGroup(&s); err != nil {
					return err
				}
				ls, err := b.finish()
				if err != nil {
					return err
				}
				if err := b.arena.flush(); err != nil {
					return err
				}
				_, err = runLaunches(ls, d.stream, nil)
				return errors.Join(err, synchronize(d.stream))
			}))
			for _, o := range s.Out {
				host := tensor.New(o.DType, o.Shape()...)
				require.NoError(t, d.Copy(host, o))
				results[i] = append(results[i], host)
			}
		}
		for k := range results[0] {
			for i := range results[0][k].Len() { // nvcc may contract products and sums differently
				a, b := results[0][k].Load(i), results[1][k].Load(i)
				if !(cmplx.Abs(a-b) <= 1e-5*(1+cmplx.Abs(a))) {
					t.Fatalf("%s, result %d, element %d: %v, by the interpreter %v", key, k, i, b, a)
				}
			}
		}
	}
	require.Greater(t, tried, 10)
}

// The list that decides what is lowered is that of the kernels.
func TestKernelOps(t *testing.T) {
	for name := range families {
		require.Contains(t, kernelOps, name)
	}
	require.Len(t, kernelOps, len(families))
}
