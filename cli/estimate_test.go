//go:build linux

package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEstimateFits compares the memory that is said to be needed with what the
// command takes at most: within 20 %, at two sizes and in both precisions.
func TestEstimateFits(t *testing.T) {
	if testing.Short() {
		t.Skip("runs of the command; not with -short")
	}
	for _, model := range []string{"portilla-simoncelli", "steerable-pyramid", "laplacian-pyramid", "luminance-gain-control", "on-off"} {
		for _, dtype := range []string{"float64", "float32"} {
			sizes := []string{"64x64", "256x256"}
			if model == "portilla-simoncelli" {
				sizes = sizes[1:] // four scales do not fit the other
			}
			for _, size := range sizes {
				flags := []string{"--model", model, "--dtype", dtype, "--size", size, "--optimizer", "lbfgs:history=40"}
				a := newApp(io.Discard, io.Discard)
				f, c := a.newMetamerFlags(), &cobra.Command{}
				f.common().set = c.Flags()
				f.register(c)
				require.NoError(t, c.ParseFlags(flags))
				side := map[string]int{"64x64": 64, "256x256": 256}[size]
				need := float64(f.need().bytes([]int{1, 1, side, side}))
				args := append([]string{"metamer", "example:pebbles", "--iterations", "5", "--tolerance", "0", "-o", filepath.Join(t.TempDir(), "run")}, flags...)
				peak := peakOf(t, args...)
				t.Logf("%s %s %s: %.0f MB, said %.0f", model, dtype, size, peak/1e6, need/1e6)
				assert.InDelta(t, 1, need/peak, .2, "%s %s %s: %.0f MB, said %.0f", model, dtype, size, peak/1e6, need/1e6)
			}
		}
	}
}

// TestMADEstimateFits is TestEstimateFits for MAD competition, and for a run that is
// resumed.
func TestMADEstimateFits(t *testing.T) {
	if testing.Short() {
		t.Skip("runs of the command; not with -short")
	}
	for metric, dtype := range map[string]string{"dssim": "float32", "nlpd": "float64"} {
		dir := filepath.Join(t.TempDir(), "run")
		flags := []string{"--optimized-metric", metric, "--dtype", dtype, "--size", "256x256", "--target", "min"}
		for _, resume := range []string{"", dir} {
			a := newApp(io.Discard, io.Discard)
			f, c := a.newMADFlags(), &cobra.Command{}
			f.common().set = c.Flags()
			f.register(c)
			require.NoError(t, c.ParseFlags(flags))
			f.complete()
			f.resume = resume
			need := f.baseBytes() + f.bytes(a, []int{1, 1, 256, 256})
			args := append([]string{"mad", "example:pebbles", "--iterations", "5", "-o", dir}, flags...)
			if resume != "" {
				args = []string{"mad", "--resume", dir, "--iterations", "+5"}
			}
			peak := peakOf(t, args...)
			t.Logf("%s %s %q: %.0f MB, said %.0f", metric, dtype, resume, peak/1e6, need/1e6)
			assert.InDelta(t, 1, need/peak, .2, "%s %s %q: %.0f MB, said %.0f", metric, dtype, resume, peak/1e6, need/1e6)
		}
	}
}

// peakOf returns the most memory that the command had, in bytes. The rusage of a
// child would begin at what its parent had.
func peakOf(t *testing.T, args ...string) float64 {
	name := filepath.Join(t.TempDir(), "status")
	t.Setenv(statusFile, name)
	run, errs := process(t, args...)
	_ = run.Wait() // the outcome does not matter
	require.NotEqual(t, ExitUsage, run.ProcessState.ExitCode(), errs.String())
	status, err := os.ReadFile(name)
	require.NoError(t, err)
	var kB float64
	_, err = fmt.Sscan(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]), &kB)
	require.NoError(t, err)
	return kB * 1024
}
