//go:build unix

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
)

// With this variable the test program is the percept command, so that a test
// can send it signals.
const asCommand = "PERCEPT_TEST_AS_COMMAND"

// statusFile names a file for what the system says of the command at its end.
const statusFile = "PERCEPT_TEST_STATUS_FILE"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main(func(code int) {
			if name := os.Getenv(statusFile); name != "" {
				status, _ := os.ReadFile("/proc/self/status")
				_ = os.WriteFile(name, status, 0o600)
			}
			os.Exit(code)
		})
	}
	os.Exit(m.Run())
}

// process starts percept in a process of its own.
func process(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	var errs bytes.Buffer
	c.Stderr = &errs
	require.NoError(t, c.Start())
	return c, &errs
}

// await waits for a file to exist.
func await(t *testing.T, path string) {
	for range 20000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(time.Millisecond / 2)
	}
	t.Fatalf("%s has not appeared", path)
}

// A run that is interrupted at any moment and resumed ends as if it had not
// been. It is long enough for a signal to reach it on a busy machine.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	flags := append(append([]string(nil), quick...), "example:pebbles", "--size", "48x48", "--iterations", "150", "--optimizer", "lbfgs:history=10", "-o")
	code, _, errs := percept(append(flags, whole)...)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		after  string // the file for which the signal waits
		code   int
	}{
		{"terminated", syscall.SIGTERM, runfolder.Start, ExitInterrupted},
		{"used", syscall.SIGUSR1, runfolder.Checkpoint, ExitInterrupted},
		{"killed", syscall.SIGKILL, runfolder.Checkpoint, -1},
		{"killed-early", syscall.SIGKILL, runfolder.Start, -1},
	} {
		run := filepath.Join(dir, c.name)
		p, errs := process(t, append(flags, run, "--checkpoint-every", "20ms")...)
		await(t, filepath.Join(run, c.after))
		require.NoError(t, p.Process.Signal(c.signal))
		_ = p.Wait() // the exit code tells
		assert.Equal(t, c.code, p.ProcessState.ExitCode(), "%s: %s", c.name, errs)
		r := readRecord(t, run)
		assert.Equal(t, "interrupted", r.Outcome, c.name)
		if c.code == ExitInterrupted {
			assert.Equal(t, "signal", r.Stopped_by, c.name)
			assert.Contains(t, errs.String(), "--resume "+run)
			assert.FileExists(t, filepath.Join(run, runfolder.Checkpoint))
		}
		code, _, text := percept("metamer", "--resume", run, "--progress", "none")
		require.Contains(t, []int{ExitOK, ExitNotMatched}, code, text)
		sameRun(t, whole, run)
	}
}

// Of several runs, those that have not begun are resumed too.
func TestSeveralInterrupted(t *testing.T) {
	dir := t.TempDir()
	flags := append(append([]string(nil), quick...), "example:pebbles", "--size", "32x32", "--iterations", "150", "--batch", "3", "-o")
	whole, run := filepath.Join(dir, "whole"), filepath.Join(dir, "run")
	code, _, errs := percept(append(flags, whole)...)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	p, text := process(t, append(flags, run)...)
	await(t, filepath.Join(run, "pebbles-seed1", runfolder.Start))
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	_ = p.Wait()
	assert.Equal(t, ExitInterrupted, p.ProcessState.ExitCode(), text)
	assert.Equal(t, "interrupted", readRecord(t, filepath.Join(run, "pebbles-seed2")).Outcome)
	code, _, errs = percept("metamer", "--resume", run, "--progress", "none")
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	for _, name := range []string{"pebbles-seed0", "pebbles-seed1", "pebbles-seed2"} {
		sameRun(t, filepath.Join(whole, name), filepath.Join(run, name))
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	// Evaluations of this size take seconds, so that the second signal comes
	// while the first one is waiting.
	p, errs := process(t, "metamer", "example:pebbles", "--size", "512x512", "--progress", "none", "--optimizer", "lbfgs:history=2", "-o", run)
	await(t, filepath.Join(run, runfolder.RunJSON))
	begin := time.Now()
	for p.ProcessState == nil && time.Since(begin) < time.Minute {
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		time.Sleep(20 * time.Millisecond)
		var status syscall.WaitStatus
		if pid, _ := syscall.Wait4(p.Process.Pid, &status, syscall.WNOHANG, nil); pid == p.Process.Pid {
			assert.Equal(t, ExitInterrupted, status.ExitStatus(), errs)
			return
		}
	}
	t.Fatal("still running")
}

// A search that is stopped goes on where it was.
func TestTuneInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tuning")
	p, errs := process(t, "tune", "example:pebbles", "--size", "32x32", "--model", "on-off", "--trials", "200", "-o", dir)
	await(t, filepath.Join(dir, tuneState))
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	_ = p.Wait() // the exit code tells
	assert.Equal(t, ExitInterrupted, p.ProcessState.ExitCode(), errs)
	assert.Contains(t, errs.String(), "percept tune --resume "+dir)
	code, out, text := percept("tune", "--resume", dir, "--trials", "2", "--seeds", "1", "--budget", "4s", "--progress", "none")
	require.Equal(t, ExitOK, code, text)
	assert.Contains(t, out, "(defaults)")
}
