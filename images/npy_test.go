package images

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

// npyFile returns a .npy file of the given type and shape.
func npyFile(descr, shape string, data ...byte) []byte {
	dict := "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + "}\n"
	return append(append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)), byte(len(dict)>>8)), append([]byte(dict), data...)...)
}

func floatFile(t *testing.T, x tensor.Tensor) []byte {
	var b bytes.Buffer
	require.NoError(t, tensor.WriteNPY(&b, x))
	return b.Bytes()
}

func TestNPYIntegers(t *testing.T) {
	path := put(t, "a.png", npyFile("|u1", "(1, 2)", 51, 255)) // the content tells the format, not the name
	x, info, err := Load(path, Options{})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 1, 2}, x.Shape())
	assert.Equal(t, []float64{.2, 1}, tensor.Floats(x))
	assert.Equal(t, "npy", info.Format)
	assert.Equal(t, "uint8", info.Stored)
	assert.Equal(t, []float64{51. / 65535}, values(t, put(t, "a.npy", npyFile("<u2", "(1, 1)", 51, 0)), Options{}))
	assert.Equal(t, []float64{51. / 65535}, values(t, put(t, "a.npy", npyFile(">u2", "(1, 1)", 0, 51)), Options{}))

	wide := put(t, "a.npy", npyFile("|i1", "(1, 3)", 0, 50, 100))
	_, _, err = Load(wide, Options{})
	assert.EqualError(t, err, wide+": the int8 values lie in [0, 100] and not in [0, 1]; say with the input range which of them are 0 and 1 (--input-range 0,100)")
	assert.Equal(t, []float64{0, .5, 1}, values(t, wide, Options{InputRange: &[2]float64{0, 100}}))
	assert.Equal(t, []float64{.51, .255}, values(t, put(t, "a.npy", npyFile("|u1", "(2, 1)", 102, 51)), Options{InputRange: &[2]float64{0, 200}}))
	assert.Equal(t, []float64{0, 1}, values(t, put(t, "a.npy", npyFile("|b1", "(2, 1)", 0, 1)), Options{}))
}

func TestNPYFloats(t *testing.T) {
	x := tensor.Of([]float32{0, 0.25, 1, 0.5}, 2, 2)
	assert.Equal(t, []float64{0, 0.25, 1, 0.5}, values(t, put(t, "a.npy", floatFile(t, x)), Options{}))
	x = tensor.Of([]float64{-0.5, 0.25, 1, 2.5}, 2, 2)
	path := put(t, "a.npy", floatFile(t, x))
	_, _, err := Load(path, Options{})
	assert.ErrorContains(t, err, "the float64 values lie in [-0.5, 2.5] and not in [0, 1]")
	y, info, err := Load(path, Options{InputRange: &[2]float64{0, 2}})
	require.NoError(t, err)
	assert.Equal(t, []float64{-0.25, 0.125, 0.5, 1.25}, tensor.Floats(y))
	assert.Equal(t, []string{"values from -0.5 to 2.5 reach beyond the input range 0,2 and so beyond [0, 1]"}, info.Notes)

	x.StoreReal(2, math.NaN())
	x.StoreReal(3, math.Inf(1))
	_, _, err = Load(put(t, "a.npy", floatFile(t, x)), Options{InputRange: &[2]float64{0, 2}})
	assert.ErrorContains(t, err, "2 of 4 values are not finite; the first is NaN at row 1, column 0 of channel 0 of picture 0")
}

func TestNPYShapes(t *testing.T) {
	for _, c := range []struct {
		shape []int
		color Color
		want  []int
		says  string
	}{
		{[]int{4, 5}, Gray, []int{1, 1, 4, 5}, ""},
		{[]int{1, 4, 5}, RGB, []int{1, 3, 4, 5}, ""},
		{[]int{3, 4, 5}, Gray, []int{1, 1, 4, 5}, ""},
		{[]int{3, 4, 5}, RGB, []int{1, 3, 4, 5}, ""},
		{[]int{6, 3, 4, 5}, RGB, []int{6, 3, 4, 5}, ""},
		{[]int{6, 1, 4, 5}, Gray, []int{6, 1, 4, 5}, ""},
		{[]int{5}, Gray, nil, "shape [5]; H×W, C×H×W or N×C×H×W expected"},
		{[]int{1, 1, 1, 4, 5}, Gray, nil, "shape [1 1 1 4 5]"},
		{[]int{40, 50, 3}, Gray, nil, "looks like H×W×C; save numpy.moveaxis(a, -1, 0)"},
		{[]int{2, 4, 5}, Gray, nil, "2 channels; 1 (gray) or 3 (red, green, blue) expected"},
		{[]int{0, 5}, Gray, nil, "no values"},
	} {
		x, _, err := Load(put(t, "a.npy", floatFile(t, tensor.New(tensor.Float64, c.shape...))), Options{Color: c.color})
		if c.says != "" {
			assert.ErrorContains(t, err, c.says)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.want, x.Shape())
	}
	_, _, err := Load(put(t, "a.npy", floatFile(t, tensor.New(tensor.Complex128, 2, 2))), Options{})
	assert.ErrorContains(t, err, "the array is complex128")
	_, _, err = Load(put(t, "a.npy", npyFile("<f8", "(2, 2)", 1, 2)), Options{})
	assert.ErrorContains(t, err, "after 2 of the 32 bytes")
}

// TestNPYOrder follows every element through crop, luma and the batch.
func TestNPYOrder(t *testing.T) {
	x := random(2, 3, 4, 5)
	for i := range x.Len() {
		x.StoreReal(i, min(max(x.LoadReal(i), 0), 1))
	}
	got, _, err := Load(put(t, "a.npy", floatFile(t, x)), Options{Crop: Rect{1, 2, 2, 3}})
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 2, 3}, got.Shape())
	v := tensor.Floats(x)
	for i, g := range tensor.Floats(got) {
		n, y, c := i/6, i/3%2+1, i%3+2
		at := n*60 + y*5 + c
		assert.InDelta(t, .2125*v[at]+.7154*v[at+20]+.0721*v[at+40], g, 1e-15)
	}
}
