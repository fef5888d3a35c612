package images

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVanHateren(t *testing.T) {
	path := filepath.Join(t.TempDir(), "imk00001.IML")
	data := make([]byte, 2*vanHaterenH*vanHaterenW)
	binary.BigEndian.PutUint16(data[2*(3*vanHaterenW+5):], 4000) // row 3, column 5
	binary.BigEndian.PutUint16(data[2*(4*vanHaterenW+6):], 1000)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	x, info, err := Load(path, Options{Crop: Rect{Y: 3, X: 5, H: 2, W: 2}})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 2, 2}, x.Shape())
	require.Equal(t, []float64{1, 0, 0, .25}, []float64{x.LoadReal(0), x.LoadReal(1), x.LoadReal(2), x.LoadReal(3)})
	require.Equal(t, []string{"luminance divided by its maximum in this picture, 4000"}, info.Notes)
	x, info, err = Load(path, Options{InputRange: &[2]float64{0, 8000}, Crop: Rect{Y: 3, X: 5, H: 1, W: 1}})
	require.NoError(t, err)
	require.Equal(t, .5, x.LoadReal(0))
	require.Empty(t, info.Notes)
	require.NoError(t, os.WriteFile(path, data[:100], 0o600))
	_, _, err = Load(path, Options{})
	require.ErrorContains(t, err, "this one has 100")
}
