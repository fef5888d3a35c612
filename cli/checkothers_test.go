package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
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

// What check says to try are commands that work, also where they change the
// method, and a MAD image that drifts is said to need a larger trade-off.
func TestCheckAdviceRuns(t *testing.T) {
	for name, c := range map[string]struct {
		args, want []string
	}{
		"mad":      {[]string{"example:bark", "--target", "max", "--size", "24x24", "--tradeoff", "1000", "--iterations", "5"}, []string{"--tradeoff 10000", "--tradeoff constrained"}},
		"geodesic": {[]string{"example:bark", "example:weave", "--size", "12x12", "--model", "identity", "--init", "bridge", "--method", "energy", "--iterations", "2"}, []string{"--method conditional"}},
		"metamer":  {[]string{"example:weave", "--size", "16x16", "--model", "on-off", "--optimizer", "adam", "--iterations", "10"}, []string{"--optimizer lbfgs"}},
		"texture": {[]string{"example:weave", "--size", "32x32", "--model", "portilla-simoncelli:scales=1", "--iterations", "2"},
			[]string{"--resume", "--coarse-to-fine together", "weight."}},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		code, out, stderr := percept(append(append([]string{strings.Replace(name, "texture", "metamer", 1)}, c.args...), "-o", dir, "--progress", "none")...)
		require.Equal(t, ExitNotMatched, code, out+stderr)
		_, out, stderr = percept("check", dir, "--json")
		require.Empty(t, stderr)
		var v struct{ Advice []struct{ Command string } }
		require.NoError(t, json.Unmarshal([]byte(out), &v))
		for _, want := range c.want {
			assert.Contains(t, out, want, name)
		}
		for _, x := range v.Advice {
			code, _, stderr := percept(append(strings.Fields(x.Command)[1:], "--progress", "none")...)
			assert.Contains(t, []int{ExitOK, ExitNotMatched}, code, x.Command+stderr)
		}
	}
}
