package autograd_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// firstRow is an op that puts its second argument into row 0 of its first.
var firstRow = &autograd.Op{
	Name: "first-row", Doc: "the first argument, with the second as row 0", InPlace: true, RowAxis: 1,
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) { return in[0], nil },
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		if out != in[0] {
			tensor.Copy(out, in[0])
		}
		tensor.Copy(out.Crop(1, 0, 1, 1), in[1])
	},
}

// TestWrittenOver: an op writes one row over a Var unless others still need that,
// whatever the guard says; readers of its result see the row, those of the Var do
// not.
func TestWrittenOver(t *testing.T) {
	for name, c := range map[string]struct {
		out    func(x, h autograd.Value) autograd.Value
		copies int
		want   []float64
	}{
		"nothing reads the Var":    {func(_, h autograd.Value) autograd.Value { return h.Sum() }, 0, []float64{7 + 8 + 3 + 4}},
		"something reads it early": {func(x, h autograd.Value) autograd.Value { return x.Sum().Add(h.Sum().Sum().Scale(10)) }, 0, []float64{10 + 220}},
		"something reads it late":  {func(x, h autograd.Value) autograd.Value { return x.Mul(h.Sum().Expand(1, 2, 2)).Sum() }, 1, []float64{10 * 22}},
		"it is an output":          {func(x, _ autograd.Value) autograd.Value { return x }, 1, []float64{1, 2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			tape := autograd.New(nil)
			defer tape.Close()
			x := tape.Var("x", tensor.Of([]float64{1, 2, 3, 4}, 1, 2, 2))
			v := tape.Var("v", tensor.Of([]float64{.7, .8}, 1, 1, 2))
			h := tape.Apply(firstRow, nil, x, v.Scale(10))
			guard := tape.Const(tensor.Of([]float64{0}))
			p, err := tape.Compile([]autograd.Value{c.out(x, h)}, guard, x.WrittenOver(h), v.Becomes(v.Scale(2)))
			require.NoError(t, err)
			run(t, p)
			require.Equal(t, c.want, output(t, p, 0))
			require.Equal(t, []float64{7, 8, 3, 4}, get(t, x))
			require.Equal(t, []float64{.7, .8}, get(t, v), "the guard is 0")
			require.Equal(t, c.copies, assigns(p))
			prof, err := p.Profile(1)
			require.NoError(t, err)
			for _, s := range prof {
				if s.Name == "first-row" {
					require.EqualValues(t, 16+16*c.copies, s.Written, "bytes written")
				}
			}
		})
	}
}
