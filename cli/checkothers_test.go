package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// spoilResult changes the numbers of result.npy in dir.
func spoilResult(t *testing.T, dir string, f func(v []float64)) {
	folder := runfolder.Folder{Dir: dir}
	x, err := folder.ReadNPY(runfolder.Result)
	require.NoError(t, err)
	v := tensor.Floats(x)
	f(v)
	require.NoError(t, folder.WriteNPY(runfolder.Result, tensor.Of(v, x.Shape()...)))
}

// A run of every other method is judged and drawn from its files, and refused
// once they are spoiled.
func TestCheckOtherMethods(t *testing.T) {
	for name, c := range map[string]struct {
		args      []string
		good, bad string
	}{
		"mad":             {[]string{"example:bark", "--target", "max", "--size", "24x24"}, "A MAD image: dssim went from", "drifted"},
		"eigendistortion": {[]string{"example:bark", "--size", "16x16", "--model", "on-off"}, "solve the eigenproblem", "is no eigenvector"},
		"geodesic":        {[]string{"example:bark", "example:weave", "--size", "16x16", "--model", "on-off", "--steps", "5"}, "lies between the bound", "belong together"},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		code, out, stderr := percept(append(append([]string{name}, c.args...), "-o", dir, "--progress", "none")...)
		require.Equal(t, ExitOK, code, out+stderr)
		code, out, stderr = percept("check", dir)
		assert.Equal(t, ExitOK, code, out+stderr)
		assert.Contains(t, out, c.good, name)
		code, _, stderr = percept("figure", dir)
		assert.Equal(t, ExitOK, code, stderr)
		assert.FileExists(t, filepath.Join(dir, defaultFigure))
		spoilResult(t, dir, func(v []float64) {
			for i := range v {
				if i%3 == 0 {
					v[i] += .05
				}
			}
		})
		code, out, _ = percept("check", dir)
		assert.Equal(t, ExitNotMatched, code)
		assert.Contains(t, out, c.bad, name)
		assert.Contains(t, out, "What to try", name)
	}
}
