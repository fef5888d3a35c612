package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// sameRun asserts that two folders hold the same run, bit for bit but for the
// time that it took.
func sameRun(t *testing.T, a, b string) {
	t.Helper()
	assert.Equal(t, tensor.Floats(readNPY(t, a, runfolder.Result)), tensor.Floats(readNPY(t, b, runfolder.Result)))
	for _, name := range []string{"iteration", "evaluations", "loss", "penalty", "gradient_norm", "pixel_change"} {
		assert.Equal(t, column(t, a, name), column(t, b, name), name)
	}
	x, y := readRecord(t, a), readRecord(t, b)
	assert.Equal(t, x.Outcome, y.Outcome)
	assert.Equal(t, x.Groups, y.Groups)
}

func TestResume(t *testing.T) {
	dir := t.TempDir()
	for _, optimizer := range []string{"lbfgs:history=5", "adam", "nadam"} {
		a, b := filepath.Join(dir, optimizer[:4]+"-a"), filepath.Join(dir, optimizer[:4]+"-b")
		flags := []string{"example:skin", "--size", "16x16", "--seed", "2", "--save-every", "4", "--optimizer", optimizer, "-o"}
		code, _, errs := runMetamer(append(flags, a, "--iterations", "20")...)
		require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
		code, _, errs = runMetamer(append(flags, b, "--iterations", "7")...)
		require.Equal(t, ExitNotMatched, code, errs)
		code, _, errs = percept("metamer", "--resume", b, "--iterations", "+5", "--progress", "none", "--threads", "1")
		require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
		assert.Equal(t, 12, readRecord(t, b).Iterations)
		left := filepath.Join(b, "."+runfolder.Checkpoint+".0123abcd.tmp") // of a process that was killed
		require.NoError(t, os.WriteFile(left, nil, 0o600))
		code, _, errs = percept("metamer", "--resume", b, "--iterations", "20", "--progress", "none")
		require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
		assert.NoFileExists(t, left)
		sameRun(t, a, b)
		assert.Equal(t, tensor.Floats(readNPY(t, a, runfolder.Frames)), tensor.Floats(readNPY(t, b, runfolder.Frames)))
	}
}

func TestWhatCannotBeResumed(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for seed, run := range map[string]string{"1": a, "2": b} {
		code, _, errs := runMetamer("example:skin", "--size", "16x16", "--seed", seed, "--iterations", "2", "-o", run)
		require.Equal(t, ExitNotMatched, code, errs)
	}
	again := func(want string, code int, args ...string) {
		t.Helper()
		got, _, errs := percept(append([]string{"metamer", "--progress", "none", "--resume"}, args...)...)
		assert.Equal(t, code, got, want)
		assert.Contains(t, errs, want)
	}
	again("[--seed --model] cannot change", ExitUsage, a, "--seed", "3", "--model", "identity")
	again("no such file", ExitFailed, filepath.Join(dir, "none"))
	data, err := os.ReadFile(filepath.Join(b, runfolder.Checkpoint))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(a, runfolder.Checkpoint), data, 0o600))
	before := readRecord(t, a)
	again("does not belong to this synthesis", ExitFailed, a, "--iterations", "4")
	assert.Equal(t, before, readRecord(t, a), "the record of the run stays")
	require.NoError(t, os.WriteFile(filepath.Join(b, runfolder.Checkpoint), data[:len(data)/2], 0o600))
	again(runfolder.Checkpoint, ExitFailed, b, "--iterations", "4")
	require.NoError(t, os.WriteFile(filepath.Join(b, runfolder.RunJSON), []byte(`{"method": "geodesic", "settings": {}}`), 0o600))
	again("is not the run.json of a metamer", ExitFailed, b)
}
