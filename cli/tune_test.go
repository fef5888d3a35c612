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

func replaceOnce(s, old, new string) string { return strings.Replace(s, old, new, 1) }

func TestTune(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tuning")
	args := []string{"tune", "example:weave", "--size", "16x16", "--model", "on-off", "--trials", "5", "--seeds", "2", "--budget", "2s", "-o", dir, "--progress", "none"}
	code, out, stderr := percept(args...)
	require.Equal(t, ExitOK, code, out+stderr)
	assert.Contains(t, out, "(defaults)")
	assert.Contains(t, out, "The best of these")
	var state tuning
	require.NoError(t, runfolder.ReadJSON(filepath.Join(dir, tuneState), &state))
	assert.GreaterOrEqual(t, len(state.Measured), 5+3)

	// What was measured is not measured again.
	before, err := os.ReadFile(filepath.Join(dir, tuneState))
	require.NoError(t, err)
	code, again, stderr := percept("tune", "--resume", dir, "--progress", "none", "--json")
	require.Equal(t, ExitOK, code, stderr)
	after, err := os.ReadFile(filepath.Join(dir, tuneState))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
	var ranking struct{ Ranking []struct{ Flags string } }
	require.NoError(t, json.Unmarshal([]byte(again), &ranking))
	assert.Contains(t, out, ranking.Ranking[0].Flags)

	// The best settings can be used.
	code, _, stderr = percept("metamer", "example:weave", "--config", filepath.Join(dir, tuneJSON), "-o", filepath.Join(t.TempDir(), "run"), "--progress", "none")
	assert.Equal(t, ExitOK, code, stderr)
}

func TestTuneRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"image to tune for":     {},
		"--iterations cannot":   {"example:weave", "--iterations", "5"},
		"no such file":          {"--resume", filepath.Join(t.TempDir(), "x")},
		"cannot change when":    {"--resume", ".", "--seed", "3"},
		"with the images of":    {"example:weave", "--resume", "."},
		"are needed":            {"geodesic", "example:weave"},
		"number of scales that": {"example:weave", "--size", "16x16", "--budget", "1s", "-o", filepath.Join(t.TempDir(), "y")},
	} {
		code, _, stderr := percept(append([]string{"tune"}, args...)...)
		assert.NotEqual(t, ExitOK, code)
		assert.Contains(t, stderr, want)
	}
}

// A run that is not good costs more than any that is, and more the farther it
// is from good.
func TestTuneCosts(t *testing.T) {
	good := measured{Good: true, Seconds: 9, Limit: 10}
	near := measured{Worst: 1.1, Limit: 10, Seconds: 10}
	far := measured{Worst: 300, Limit: 10, Seconds: 10}
	assert.Less(t, good.cost(), near.cost())
	assert.Less(t, near.cost(), far.cost())
	c := candidate{runs: []measured{far, good, {Good: true, Seconds: 5, Iterations: 8}}}
	lo, mid, _ := c.spread()
	assert.Equal(t, 5., lo)
	assert.Equal(t, 9., mid)
	assert.Equal(t, 12, c.iterations())
	dims := []choiceOf{{flag: "optimizer", values: []string{"adam:lr=0.1", "lbfgs"}}, {flag: "loss", values: []string{"l2", "mse"}}, {flag: "penalty", values: []string{"none"}},
		{flag: "scheduler", values: []string{"plateau"}, needs: []flagValue{{"optimizer", "adam:lr=0.03"}}}}
	usable := func(*candidate) bool { return true }
	list := candidates(9, dims, map[string]any{"optimizer": map[string]any{"name": "adam"}}, usable)
	assert.Len(t, list, 9)
	for _, c := range list {
		assert.NotContains(t, c.String(), "--optimizer", "it was given")
	}
	var texts []string
	for _, c := range candidates(7, dims, nil, usable) {
		texts = append(texts, c.String())
	}
	assert.Contains(t, texts, "--scheduler plateau --optimizer adam:lr=0.03", "what a scheduler needs")
	assert.Equal(t, "portilla-simoncelli:normalize=target", normalized(nil))
	assert.Equal(t, "on-off:pad=reflect,normalize=target", normalized(map[string]any{"model": "on-off:pad=reflect"}))
	assert.Empty(t, normalized(map[string]any{"model": "on-off:normalize=x.npz"}))
	kept := best([]*candidate{{runs: []measured{far}}, {set: []flagValue{{"loss", "l2"}}, runs: []measured{good}}}, 1)
	assert.Len(t, kept, 2, "the defaults take part to the end")
}

// The best values of different flags are tried together; the defaults are the
// measure of what is better.
func TestTuneTogether(t *testing.T) {
	of := func(v ...flagValue) *candidate { return &candidate{set: v} }
	list := []*candidate{of(flagValue{"threads", "1"}), of(flagValue{"loss", "l2"}), of(flagValue{"threads", "2"}), of(), of(flagValue{"penalty", "none"})}
	var texts []string
	for _, c := range together(list, func(*candidate) bool { return true }) {
		texts = append(texts, c.String())
	}
	assert.Equal(t, []string{"--threads 1 --loss l2"}, texts)
	assert.Empty(t, together(list[3:], func(*candidate) bool { return true }))
}

// Every method can be tuned, and its command takes what is found.
func TestTuneMethods(t *testing.T) {
	for name, c := range map[string]struct {
		args, images []string
		tried        string
	}{
		"mad":             {[]string{"--size", "32x32", "--target", "max", "--tradeoff", "auto", "--drift", "0.01"}, []string{"example:bark"}, "--tradeoff 1e+06: good"},
		"eigendistortion": {[]string{"--size", "12x12", "--model", "linear"}, []string{"example:weave"}, "--method exact"},
		"geodesic":        {[]string{"--size", "8x8", "--model", "identity"}, []string{"example:weave", "example:bark"}, "--method energy"},
	} {
		dir := filepath.Join(t.TempDir(), name)
		args := append(append([]string{"tune", name, "--trials", "4", "--seeds", "1", "--budget", "2s", "-o", dir}, c.args...), c.images...)
		code, out, stderr := percept(args...)
		require.Equal(t, ExitOK, code, name+out+stderr)
		assert.Contains(t, stderr, c.tried, name)
		code, again, stderr := percept("tune", "--resume", dir)
		require.Equal(t, ExitOK, code, stderr)
		assert.Equal(t, out, again)

		args = append([]string{name, "--config", filepath.Join(dir, tuneJSON), "-o", filepath.Join(t.TempDir(), "run"), "--progress", "none"}, c.images...)
		code, _, stderr = percept(args...)
		assert.Contains(t, []int{ExitOK, ExitNotMatched}, code, stderr)
	}
}

// A scheduler that does nothing is not tried.
func TestTuneIdle(t *testing.T) {
	f := newOptimFlags()
	require.NoError(t, f.optimizer.Set("lbfgs"))
	assert.False(t, f.idle())
	require.NoError(t, f.scheduler.Set("plateau"))
	assert.True(t, f.idle())
	require.NoError(t, f.optimizer.Set("adam"))
	assert.False(t, f.idle())
}
