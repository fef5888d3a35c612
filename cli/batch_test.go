package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
)

func TestBatch(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "runs.txt"), filepath.Join(dir, "runs")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o666)) }
	const lines = "# two runs\n\nmetamer example:weave --size 16x16 --model identity --seed 1\n" +
		`{"method": "metamer", "image": "example:bark", "size": "16x16", "model": {"name": "identity"}, "iterations": 1, "optimizer": "adam"}` + "\n"
	write(lines)
	code, stdout, stderr := percept("batch", file, "-o", out)
	require.Equal(t, ExitNotMatched, code, stderr)
	assert.Contains(t, stdout, "1 matched, 1 not matched, 0 failed")
	first := filepath.Join(out, "0003-weave-metamer", runfolder.RunJSON)
	before, err := os.Stat(first)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(out, "0004-bark-metamer", runfolder.ResultPNG))
	index, err := os.ReadFile(filepath.Join(out, runfolder.IndexCSV))
	require.NoError(t, err)
	assert.Contains(t, string(index), "0003-weave-metamer,3,matched,percept metamer example:weave")

	// What has ended stays; what is new is run; what cannot be is said.
	write(lines + "metamer example:weave --size 16x16 --model identity --optimizer nonsense\nmetamer 'example:skin' --size=16x16 --model=\"identity\"\n")
	code, stdout, stderr = percept("batch", file, "-o", out, "--jobs", "2")
	assert.Equal(t, ExitFailed, code)
	assert.Contains(t, stdout, "2 matched, 1 not matched, 1 failed")
	assert.Contains(t, stderr, "line 3: has ended before")
	assert.Contains(t, stderr, "nonsense")
	after, err := os.Stat(first)
	require.NoError(t, err)
	assert.Equal(t, before.ModTime(), after.ModTime())

	// An interrupted run goes on.
	require.NoError(t, os.RemoveAll(filepath.Join(out, "0004-bark-metamer")))
	code, _, stderr = percept("metamer", "example:bark", "--size", "16x16", "--model", "identity", "--iterations", "1", "--optimizer", "adam", "-o", filepath.Join(dir, "other"), "--progress", "none")
	require.Equal(t, ExitNotMatched, code, stderr)
	write("metamer example:ripples --size 16x16 --model identity\n")
	code, _, stderr = percept("batch", file, "-o", filepath.Join(dir, "third"))
	require.Equal(t, ExitOK, code, stderr)
	run := filepath.Join(dir, "third", "0001-ripples-metamer", runfolder.RunJSON)
	data, err := os.ReadFile(run)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(run, []byte(replaceOnce(string(data), `"outcome": "matched"`, `"outcome": "interrupted"`)), 0o666))
	code, _, stderr = percept("batch", file, "-o", filepath.Join(dir, "third"))
	assert.Equal(t, ExitOK, code, stderr)
	data, err = os.ReadFile(run)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"resumes": 1`)
	write("metamer example:grass --size 16x16 --model identity\n")
	require.NoError(t, os.Rename(filepath.Join(dir, "third", "0001-ripples-metamer"), filepath.Join(dir, "third", "0001-grass-metamer")))
	code, _, stderr = percept("batch", file, "-o", filepath.Join(dir, "third"))
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, stderr, "line 1 is not what made")
}

func TestBatchRefuses(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"":                                 "lists no runs",
		"list models":                      `"list" is no method`,
		"metamer a.png -o here":            "-o and --resume cannot be given",
		"metamer 'a.png":                   "not closed",
		`{"image": "a.png"}`:               `"method" is missing`,
		`{"method": "metamer"`:             "line 1: unexpected EOF",
		`{"method": "metamer", "seed":{}}`: "line 1: seed",
	} {
		file := filepath.Join(dir, "runs.txt")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
		code, _, stderr := percept("batch", file)
		assert.Equal(t, ExitUsage, code, text)
		assert.Contains(t, stderr, want)
	}
	words, err := shellWords(`a "b c"  'd "e' f\ g "" \"`)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b c", `d "e`, "f g", "", `"`}, words)
}
