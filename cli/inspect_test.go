package cli

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

type inspected struct {
	Kind   string
	Format string
	Height int
	Method string
	Files  []string
	Notes  []string
	Arrays []struct {
		Name, Dtype    string
		Shape          []int
		Words          []string
		Min, Max, Mean *float64
		Nan, Infinite  int
	}
}

func inspect(t *testing.T, path string) (f inspected) {
	code, out, errs := percept("inspect", path, "--json")
	require.Equal(t, ExitOK, code, errs)
	require.NoError(t, json.Unmarshal([]byte(out), &f))
	return f
}

func TestInspectArrays(t *testing.T) {
	dir := t.TempDir()
	x := tensor.Of([]float64{1, -3, math.NaN(), math.Inf(1)}, 2, 2)
	require.NoError(t, runfolder.Folder{Dir: dir}.WriteNPY("x.npy", x))
	f := inspect(t, filepath.Join(dir, "x.npy"))
	assert.Equal(t, "NumPy array", f.Kind)
	a := f.Arrays[0]
	assert.Equal(t, []int{2, 2}, a.Shape)
	assert.Equal(t, []float64{-3, 1, -1}, []float64{*a.Min, *a.Max, *a.Mean})
	assert.Equal(t, []int{1, 1}, []int{a.Nan, a.Infinite})

	rep := filepath.Join(dir, "rep.npz")
	code, _, errs := percept("represent", "example:pebbles", "--size", "16x16", "--model", "steerable-pyramid:complex=true,height=1", "-o", rep)
	require.Equal(t, ExitOK, code, errs)
	f = inspect(t, rep)
	assert.Equal(t, "NumPy archive", f.Kind)
	last := f.Arrays[len(f.Arrays)-1]
	assert.Equal(t, "files", last.Name)
	assert.Equal(t, []string{"example:pebbles"}, last.Words)
	_, out, _ := percept("inspect", rep)
	assert.Contains(t, out, "representation")
}

func TestInspectRunsAndPictures(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, errs := eigen("--model", "identity", "-o", dir)
	require.Equal(t, ExitOK, code, errs)
	f := inspect(t, dir)
	assert.Equal(t, "run of percept", f.Kind)
	assert.Equal(t, "eigendistortion", f.Method)
	assert.Contains(t, f.Files, runfolder.Checkpoint)
	assert.Equal(t, "result.npy", f.Arrays[0].Name)
	f = inspect(t, filepath.Join(dir, runfolder.Checkpoint))
	assert.Equal(t, "checkpoint of percept", f.Kind)
	assert.Equal(t, "eigendistortion", f.Method)
	f = inspect(t, filepath.Join(dir, "top-0.png"))
	assert.Equal(t, []any{"picture", "png", 16}, []any{f.Kind, f.Format, f.Height})
	require.Len(t, f.Arrays, 1, "one channel")

	bad := filepath.Join(t.TempDir(), "x.npy")
	require.NoError(t, os.WriteFile(bad, []byte("\x93NUMPY\x01\x00"), 0o600))
	for _, path := range []string{bad, filepath.Join(dir, "none"), filepath.Join(dir, runfolder.HistoryCSV)} {
		code, _, errs := percept("inspect", path)
		assert.Equal(t, ExitFailed, code)
		assert.Contains(t, errs, filepath.Base(path))
	}
}
