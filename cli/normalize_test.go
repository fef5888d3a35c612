package cli

import (
	"archive/zip"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// writePictures writes arrays of 4×4 pixels as .npy files.
func writePictures(t *testing.T, pixels map[string]func(i int) float64) string {
	dir := t.TempDir()
	for name, of := range pixels {
		x := tensor.New(tensor.Float64, 1, 1, 4, 4)
		for i := range x.Len() {
			x.StoreReal(i, of(i))
		}
		require.NoError(t, runfolder.Folder{Dir: dir}.WriteNPY(name, x))
	}
	return dir
}

func TestNormalize(t *testing.T) {
	dir := writePictures(t, map[string]func(int) float64{
		"a.npy": func(i int) float64 { return float64(i) / 16 },
		"b.npy": func(i int) float64 { return float64(i%15) / 32 }, // pixels 0 and 15 do not vary together
	})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no picture"), 0o600))
	out := filepath.Join(t.TempDir(), "norm.npz")
	code, stdout, errs := percept("normalize", dir, "--model", "identity", "-o", out)
	require.Equal(t, ExitOK, code, errs)
	assert.Contains(t, errs, "2 images are few: standard deviations are uncertain by about 71 %")
	assert.Contains(t, stdout, "of 2 images")
	assert.Contains(t, stdout, "weight 0, since they hardly vary: 1 entries of all: 0\n")

	rep := filepath.Join(t.TempDir(), "rep.npz")
	code, _, errs = percept("represent", filepath.Join(dir, "a.npy"), "--model", "identity:normalize="+out, "-o", rep)
	require.Equal(t, ExitOK, code, errs)
	x := readMember(t, rep, "representation")
	assert.Equal(t, 0., x.LoadReal(0))
	for i := 1; i < 16; i++ {
		assert.InDelta(t, math.Sqrt(.5), x.LoadReal(i), 1e-12, "of two values the larger is √½ standard deviations above the mean")
	}

	code, _, errs = percept("represent", filepath.Join(dir, "a.npy"), "--model", "gaussian:kernel-size=3,normalize="+out, "-o", rep)
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "holds statistics of identity")
	code, _, errs = percept("represent", "example:bark", "--size", "32x32", "--model", "portilla-simoncelli:scales=2,normalize=missing.npz", "-o", rep)
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "missing.npz")
	assert.NotContains(t, errs, "scales that fits", "another number of scales does not help")
	code, _, errs = percept("normalize", filepath.Join(dir, "a.npy"), "--model", "identity", "-o", out)
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "two or more")
	code, _, errs = percept("normalize", t.TempDir(), "--model", "identity", "-o", out)
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "holds no pictures")
}

// readMember returns one array of an .npz file of this package.
func readMember(t *testing.T, path, name string) (x tensor.Tensor) {
	z, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer z.Close()
	f, err := z.Open(name + ".npy")
	require.NoError(t, err)
	a, err := tensor.ReadNPY(f)
	require.NoError(t, err)
	return a.Tensor
}

func TestNormalizeByTarget(t *testing.T) {
	dir := writePictures(t, map[string]func(int) float64{"a.npy": func(i int) float64 { return float64(i%4) / 4 }})
	rep := filepath.Join(dir, "rep.npz")
	code, _, errs := percept("represent", filepath.Join(dir, "a.npy"), "--model", "identity:normalize=target", "-o", rep)
	require.Equal(t, ExitOK, code, errs)
	x := readMember(t, rep, "representation")
	sum := 0.
	for i := range x.Len() {
		sum += x.LoadReal(i) * x.LoadReal(i)
	}
	assert.InDelta(t, 1, sum, 1e-12)
	code, _, errs = percept("represent", filepath.Join(dir, "a.npy"), filepath.Join(dir, "a.npy"), "--model", "identity:normalize=target", "-o", rep)
	assert.NotEqual(t, ExitOK, code)
	assert.Contains(t, errs, "there is no one target")
}

func TestNormalizeByLuminance(t *testing.T) {
	dir := t.TempDir()
	for name, v := range map[string]uint16{"imk00001.iml": 1000, "imk00002.iml": 3000} {
		data := make([]byte, 2*1024*1536)
		binary.BigEndian.PutUint16(data[2:], v)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	table := filepath.Join(dir, "settings.txt")
	require.NoError(t, os.WriteFile(table, []byte("# name ISO aperture factor\nimk00001 200 5.6 2.0\n2 200 8 0.5\n"), 0o600))
	out := filepath.Join(dir, "norm.npz")
	code, _, errs := percept("normalize", dir, "--luminance", table, "--crop", "0,0,1,2", "--model", "identity", "-o", out)
	require.Equal(t, ExitOK, code, errs)
	// Luminances 2000 and 1500 of at most 2000.
	assert.InDelta(t, (1+.75)/2, tensor.Floats(readMember(t, out, "mean"))[1], 1e-12)
	code, _, errs = percept("normalize", dir, "--crop", "0,0,1,2", "--model", "identity", "-o", out)
	require.Equal(t, ExitOK, code, errs)
	assert.InDelta(t, 1, tensor.Floats(readMember(t, out, "mean"))[1], 1e-12, "each by its maximum")
	assert.Contains(t, errs, "maximum in this picture, 1000")
	require.NoError(t, os.WriteFile(table, []byte("imk00001 2\n"), 0o600))
	code, _, errs = percept("normalize", dir, "--luminance", table, "--model", "identity", "-o", out)
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "no line for")
}
