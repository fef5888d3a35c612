//go:build linux

package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
)

// TestEstimateFits compares the memory that is said to be needed with what the
// command takes at most: within 20 %, for every method, and for a run that is resumed.
func TestEstimateFits(t *testing.T) {
	if testing.Short() {
		t.Skip("runs of the command; not with -short")
	}
	dir := filepath.Join(t.TempDir(), "run")
	for _, args := range strings.Split(estimated(), "\n") {
		need := needOf(t, strings.Fields(args)...)
		peak := peakOf(t, append(strings.Fields(args), "-o", dir, "--force")...)
		t.Logf("%-110s %4.0f MB, said %4.0f: %.2f", args, peak/1e6, need/1e6, need/peak)
		assert.InDelta(t, 1, need/peak, .2, "%s: %.0f MB, said %.0f", args, peak/1e6, need/1e6)
	}
	args := []string{"mad", "--resume", dir, "--iterations", "+5"}
	need, peak := needOf(t, args...), peakOf(t, args...)
	assert.InDelta(t, 1, need/peak, .2, "resumed: %.0f MB, said %.0f", peak/1e6, need/1e6)
}

// estimated returns the command lines that are tried: a few, or those of the variable
// PERCEPT_ESTIMATED. The last is of a run that is resumed.
func estimated() string {
	if s := os.Getenv("PERCEPT_ESTIMATED"); s != "" {
		return s
	}
	return strings.Join([]string{
		"metamer example:pebbles --iterations 5 --size 256x256",
		"metamer example:pebbles --iterations 5 --size 384x384 --model gaussian --optimizer adam",              // the report takes as much
		"metamer example:bark --iterations 5 --size 384x384 --model gaussian --optimizer adam --dtype float32", // and more
		"metamer example:pebbles --iterations 5 --size 128x128 --model on-off --dtype float32 --optimizer lbfgs:history=40",
		"eigendistortion example:pebbles --iterations 14 --size 256x256 --model steerable-pyramid", // too few at the top
		"eigendistortion example:pebbles --iterations 40 --size 256x256 --model steerable-pyramid",
		"eigendistortion example:pebbles --size 64x64 --model linear-nonlinear",
		"eigendistortion example:pebbles --iterations 5 --size 64x64 --model portilla-simoncelli:scales=3", // few rows
		"eigendistortion example:pebbles --size 32x32 --model on-off --method exact",
		"geodesic example:pebbles example:bark --iterations 5 --size 64x64 --model laplacian-pyramid",
		"geodesic example:pebbles example:bark --iterations 2 --size 64x64 --model on-off",
		"mad example:pebbles --iterations 5 --size 64x64 --optimized-metric nlpd --target min", // many small steps
		"mad example:pebbles --iterations 5 --size 128x128 --optimized-metric nlpd --target min",
	}, "\n")
}

// needOf returns the bytes that are said of what the command is to do.
func needOf(t *testing.T, args ...string) float64 {
	a := newApp(io.Discard, io.Discard)
	a.freeMemory = func() (int64, bool) { return 0, false } // everything fits
	m := map[string]*method{"metamer": metamerMethod, "mad": madMethod, "eigendistortion": eigenMethod, "geodesic": geodesicMethod}[args[0]]
	f, c := m.flags(a), &cobra.Command{}
	f.common().set = c.Flags()
	f.register(c)
	require.NoError(t, c.ParseFlags(args[1:]))
	var jobs []*job
	var err error
	if f.common().resume != "" {
		jobs, _, err = a.resumedJobs(c, m, f.common().resume)
	} else {
		f.complete()
		var paths []string
		paths, err = f.paths(c, c.Flags().Args())
		require.NoError(t, err)
		var list []picture
		list, err = a.load(paths, f.common().image.options())
		require.NoError(t, err)
		jobs, err = f.jobs(a, list)
	}
	require.NoError(t, err)
	l := autograd.NewLedger(nil)
	require.NoError(t, plan(l, jobs))
	r := room{base: hostBase, per: hostPer}
	t.Logf("planned %.1f MB", float64(l.Peak())/1e6)
	return float64(r.need(l.Peak()))
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
