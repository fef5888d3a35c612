package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
)

// smallMetamer makes a run folder and returns it.
func smallMetamer(t *testing.T, flags ...string) string {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, stderr := percept(append([]string{"metamer", "example:weave", "--size", "32x32", "--model", "portilla-simoncelli:scales=1,correlation-width=5",
		"-o", dir, "--progress", "none"}, flags...)...)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, stderr)
	return dir
}

func TestCheck(t *testing.T) {
	dir := smallMetamer(t, "--save-every", "20")
	code, out, stderr := percept("check", dir)
	require.Equal(t, ExitOK, code, out+stderr)
	assert.Contains(t, out, "A metamer: at most")
	assert.Contains(t, out, "0 of 24")
	code, out, _ = percept("check", filepath.Dir(dir), "--png", "--json")
	assert.Contains(t, []int{ExitOK, ExitNotMatched}, code)
	var v struct {
		Good   bool
		Method string
		Table  []map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	assert.Equal(t, "metamer", v.Method)
	assert.Len(t, v.Table, 9, "one scale has no groups across scales")

	// From the image alone.
	f := runfolder.Folder{Dir: dir}
	code, out, stderr = percept("check", f.Path(runfolder.Result), "--target", f.Path(runfolder.Target), "--start", f.Path(runfolder.Start), "--model", "portilla-simoncelli:scales=1,correlation-width=5")
	assert.Equal(t, ExitOK, code, out+stderr)
	code, out, _ = percept("check", f.Path(runfolder.Target), "--target", f.Path(runfolder.Target), "--model", "portilla-simoncelli:scales=1,correlation-width=5")
	assert.Equal(t, ExitNotMatched, code)
	assert.Contains(t, out, "a copy proves nothing")

	require.NoError(t, os.Remove(f.Path(runfolder.Result)))
	_, out, _ = percept("check", dir)
	assert.Contains(t, out, "result.png is judged")
	require.NoError(t, os.Remove(f.Path(runfolder.ResultPNG)))
	code, _, _ = percept("check", dir)
	assert.Equal(t, ExitFailed, code)
}

// Every piece of advice is a command that the program takes.
func TestCheckAdvises(t *testing.T) {
	dir := smallMetamer(t, "--iterations", "3", "--optimizer", "adam")
	code, out, _ := percept("check", dir, "--json")
	require.Equal(t, ExitNotMatched, code)
	var v struct {
		Advice []struct{ Why, Command string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	require.Greater(t, len(v.Advice), 2)
	assert.Contains(t, v.Advice[0].Command, "--resume")
	for _, x := range v.Advice {
		args, few := strings.Fields(x.Command)[1:], "1"
		if strings.Contains(x.Command, "--resume") {
			few = "+1"
		}
		code, _, stderr := percept(append(args, "--iterations", few, "--progress", "none")...)
		assert.Contains(t, []int{ExitOK, ExitNotMatched}, code, "%s: %s", x.Command, stderr)
	}
}

func TestCheckRefuses(t *testing.T) {
	empty := t.TempDir()
	code, _, stderr := percept("check", empty)
	assert.Equal(t, ExitFailed, code)
	assert.Contains(t, stderr, "holds no run")
	require.NoError(t, os.WriteFile(filepath.Join(empty, runfolder.RunJSON), []byte(`{"method":"dream"}`), 0o666))
	code, _, stderr = percept("check", empty)
	assert.Equal(t, ExitFailed, code)
	assert.Contains(t, stderr, `"dream"`)
	code, _, _ = percept("check", empty, "--crops", "-1")
	assert.Equal(t, ExitUsage, code)
}

func TestFigure(t *testing.T) {
	dir := smallMetamer(t, "--save-every", "20", "--iterations", "40")
	code, out, stderr := percept("figure", dir)
	require.Equal(t, ExitOK, code, stderr)
	assert.Equal(t, filepath.Join(dir, "figure.png")+"\n", out)
	for _, args := range [][]string{
		{dir, "--what", "representation", "-o", "a.svg"}, {dir, "--what", "images", "-o", "a.pdf"}, {dir, "--what", "loss", "-o", "b.svg"},
		{"--compare", dir, dir, "-o", "c.png"}, {dir, "--animate", "-o", "d.png"}, {filepath.Join(dir, "result.npy"), "--range", "auto0", "--zoom", "3", "-o", "e.png"},
		{filepath.Join(dir, "result.png"), "--range", "0,1", "-o", "f.png"},
	} {
		args[len(args)-1] = filepath.Join(t.TempDir(), args[len(args)-1])
		code, _, stderr := percept(append([]string{"figure"}, args...)...)
		require.Equal(t, ExitOK, code, "%v: %s", args, stderr)
		assert.FileExists(t, args[len(args)-1])
	}
	for want, args := range map[string][]string{
		"the extension .png": {dir, "-o", "x.jpg"},
		"holds no run":       {t.TempDir()},
		"numbers are":        {filepath.Join(dir, "result.npy"), "--range", "a,b"},
		"auto0 to auto3":     {filepath.Join(dir, "result.npy"), "--range", "indep7"},
		"--compare":          {dir, dir, "-o", "x.png"},
		"--save-every":       {smallMetamer(t, "--iterations", "1"), "--animate"},
	} {
		code, _, stderr := percept(append([]string{"figure"}, args...)...)
		assert.NotEqual(t, ExitOK, code)
		assert.Contains(t, stderr, want)
	}
}

// What cannot be judged is said once, and the rest is judged.
func TestCheckSaysOnce(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"method":"none"}`), 0o666))
	code, out, stderr := percept("check", dir)
	assert.Equal(t, ExitFailed, code)
	assert.Empty(t, out)
	assert.Equal(t, 1, strings.Count(stderr, "there is no judge"), stderr)
}
