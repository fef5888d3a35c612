package autograd_test

import (
	"math/cmplx"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/tensor"
)

// On a backend whose transforms take masks, moduli and real values, these and the
// modulus of the result are part of a transform's step, unless others read them.
func TestAbsorb(t *testing.T) {
	spectrum := tensor.New(tensor.Complex128, 2, 5, 6)
	for i := range spectrum.Len() {
		spectrum.Store(i, complex(float64(i%7)-2, float64(i%5)-1))
	}
	mask := tensor.New(tensor.Float64, 3, 1, 5, 6)
	for i := range mask.Len() {
		mask.StoreReal(i, float64(i%4))
	}
	for _, shared := range []bool{false, true} {
		var results [2][]tensor.Tensor
		for i, b := range []autograd.Backend{nil, &optest.Device{}} {
			tape := autograd.New(b)
			defer tape.Close()
			x := tape.Var("x", spectrum)
			product := tape.Const(mask).Mul(x)
			z := product.IFFT(autograd.Ortho, 2, 3)
			w := x.FFT(autograd.Backward, 1)
			outs := []autograd.Value{z.Abs(), w, w.Abs(), x.Crop(2, 0, 4).Mul(tape.Const(mask).Crop(3, 0, 4)).IRFFT(autograd.Backward, 6, 3)}
			moduli := x.Crop(0, 0, 1).Abs()
			outs = append(outs, moduli.RFFT(autograd.Backward, 1, 2), x.Abs2().Complex().IFFT(autograd.Backward, 1))
			if shared {
				outs = append(outs, product, moduli)
			}
			p, err := tape.Compile(outs, autograd.Value{})
			require.NoError(t, err)
			require.NoError(t, p.Run())
			for k := range outs {
				y, err := p.Out(k)
				require.NoError(t, err)
				results[i] = append(results[i], y)
			}
			var operands []int // of the transforms: arguments, results
			var taken []string // what is not of the op's own type
			for _, s := range p.Steps() {
				if s.Op != nil && strings.HasSuffix(s.Op.Name, "fft") {
					operands = append(operands, len(s.In), len(s.Out))
					if s.In[0].DType.IsComplex() == (s.Op.Name == "rfft") {
						taken = append(taken, s.Op.Name)
					}
				}
			}
			want := []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
			var wantTaken []string
			switch {
			case i == 1 && shared: // the mask of the real one, the modulus of the inverse
				want, wantTaken = []int{1, 1, 1, 1, 1, 1, 1, 1, 2, 2}, []string{"fft"}
			case i == 1:
				want, wantTaken = []int{1, 1, 1, 1, 1, 1, 1, 2, 2, 2}, []string{"fft", "rfft"}
			}
			require.Equal(t, want, slices.Sorted(slices.Values(operands)))
			require.Equal(t, wantTaken, slices.Sorted(slices.Values(taken)))
		}
		for k := range results[0] {
			for j := range results[0][k].Len() {
				a, b := results[0][k].Load(j), results[1][k].Load(j)
				require.InDelta(t, 0, cmplx.Abs(a-b), 1e-12, "output %d, element %d", k, j)
			}
		}
	}
}
