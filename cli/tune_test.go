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
	args := []string{"tune", "example:weave", "--size", "16x16", "--model", "on-off", "--trials", "5", "--seeds", "2", "--budget", "5s", "-o", dir, "--progress", "none"}
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
	list := candidates(30, map[string]any{"optimizer": map[string]any{"name": "adam"}}, func(*candidate) bool { return true })
	assert.Len(t, list, 30)
	for _, c := range list {
		assert.NotContains(t, c.String(), "--optimizer")
	}
	assert.Equal(t, "portilla-simoncelli:normalize=target", normalized(nil))
	assert.Equal(t, "on-off:pad=reflect,normalize=target", normalized(map[string]any{"model": "on-off:pad=reflect"}))
	assert.Empty(t, normalized(map[string]any{"model": "on-off:normalize=x.npz"}))
	assert.False(t, (&candidate{set: []flagValue{{"scheduler", "plateau"}}}).sensible(nil), "beside L-BFGS")
	assert.True(t, (&candidate{set: []flagValue{{"optimizer", "adam:lr=0.1"}, {"scheduler", "plateau"}}}).sensible(nil))
	kept := best([]*candidate{{runs: []measured{far}}, {set: []flagValue{{"loss", "l2"}}, runs: []measured{good}}}, 1)
	assert.Len(t, kept, 2, "the defaults take part to the end")
}
