package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
)

// longRun starts a run of hours and returns its folder once it is at work; done
// receives its exit code.
func longRun(t *testing.T) (f runfolder.Folder, done chan int) {
	f = runfolder.Folder{Dir: filepath.Join(t.TempDir(), "run")}
	done = make(chan int, 1)
	go func() {
		code, _, _ := percept("metamer", "example:weave", "--size", "32x32", "--model", "identity", "--optimizer", "adam:lr=1e-9", "--tolerance", "0",
			"--iterations", "100000000", "-o", f.Dir, "--progress", "none")
		done <- code
	}()
	await(t, f.Path(runfolder.Start))
	return f, done
}

func order(t *testing.T, f runfolder.Folder, word string) {
	require.NoError(t, f.WriteBytes(runfolder.Control, []byte(word+"\n")))
}

// iterations returns how many a run has recorded.
func iterations(t *testing.T, f runfolder.Folder) int {
	var r struct{ Iterations int }
	require.NoError(t, runfolder.ReadJSON(f.Path(runfolder.RunJSON), &r))
	return r.Iterations
}

func TestControl(t *testing.T) {
	f, done := longRun(t)
	gone := func() bool { _, err := os.Stat(f.Path(runfolder.Control)); return os.IsNotExist(err) }
	order(t, f, controlCheckpoint)
	require.Eventually(t, gone, 20*time.Second, 20*time.Millisecond, "it was obeyed")
	require.FileExists(t, f.Path(runfolder.Checkpoint))
	first := iterations(t, f)
	assert.Positive(t, first)

	order(t, f, controlWatch)
	require.Eventually(t, func() bool { return iterations(t, f) > first }, 20*time.Second, 20*time.Millisecond, "run.json is written again")

	order(t, f, controlPause)
	time.Sleep(1500 * time.Millisecond) // longer than a stretch
	order(t, f, controlPause+" \n")
	before := iterations(t, f)
	time.Sleep(700 * time.Millisecond)
	assert.Equal(t, before, iterations(t, f), "nothing goes on")
	select {
	case code := <-done:
		t.Fatalf("it ended with %d", code)
	default:
	}

	order(t, f, controlStop)
	select {
	case code := <-done:
		assert.Equal(t, ExitInterrupted, code)
	case <-time.After(30 * time.Second):
		t.Fatal("it does not stop")
	}
	assert.True(t, gone())
	code, _, stderr := percept("metamer", "--resume", f.Dir, "--iterations", "+1", "--progress", "none")
	assert.Equal(t, ExitNotMatched, code, stderr)
}
