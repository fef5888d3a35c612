package tensor

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

type remote struct{}

func (remote) Bytes() int { return 16 }
func (remote) Free()      {}

func TestString(t *testing.T) {
	for _, c := range []struct {
		x    Tensor
		want string
	}{
		{Scalar(2.5), "float64[] 2.5"},
		{Of([]float32{1, -2, 1e-9}), "float32[3] [1 -2 1e-09]"},
		{Of([]complex64{1 - 2i}), "complex64[1] [1-2i]"},
		{New(Float64, 0, 2), "float64[0 2] []"},
		{fill(Float64, 7), "float64[7] [1 2 3 … 5 6 7]"},
		{fill(Float64, 6), "float64[6] [1 2 3 4 5 6]"},
		{fill(Float64, 2, 3), "float64[2 3] [[1 2 3]\n              [4 5 6]]"},
		{fill(Float64, 2, 3).Permute(1, 0).Flip(0), "float64[3 2] [[3 6]\n              [2 5]\n              [1 4]]"},
		{fill(Float64, 8, 1), "float64[8 1] [[1]\n              [2]\n              [3]\n              …\n              [6]\n              [7]\n              [8]]"},
		{fill(Float64, 2, 1, 1), "float64[2 1 1] [[[1]]\n\n                [[2]]]"},
		{Wrap(remote{}, MakeType(Float64, 2), 0), "float64[2]"},
		{Tensor{}, "float32[]"},
	} {
		assert.Equal(t, c.want, c.x.String())
	}
}

func TestStringOfFreedMemory(t *testing.T) {
	x := New(Float64, 3)
	x.Mem.Free()
	assert.Equal(t, "float64[3]", x.String())
}
