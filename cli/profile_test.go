package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProfile(t *testing.T) {
	quick := []string{"profile", "--model", "on-off", "--size", "32x40", "--runs", "3", "--threads", "1"}
	code, out, errs := percept(append(quick, "--json")...)
	require.Equal(t, ExitOK, code, errs)
	var p profileFile
	require.NoError(t, json.Unmarshal([]byte(out), &p))
	assert.Positive(t, p.Milliseconds.Min)
	assert.LessOrEqual(t, p.Milliseconds.Min, p.Milliseconds.Median)
	assert.Len(t, p.Milliseconds.All, 3)
	assert.Len(t, p.Steps, p.Compiled.Steps)
	assert.NotEmpty(t, p.Lines)
	assert.Positive(t, p.Memory.Arena)
	assert.Positive(t, p.Roof.Memory)
	filters := false
	for _, l := range p.Hoisted {
		filters = filters || l.Calls > 0
	}
	assert.True(t, filters, "the model's constants are computed once")

	for i := range p.Milliseconds.All { // as if all had taken a thousand times as long
		p.Milliseconds.All[i] *= 1000
	}
	p.Milliseconds.Min *= 1000
	for i := range p.Lines {
		p.Lines[i].Forward *= 1000
	}
	old := filepath.Join(t.TempDir(), "old.json")
	data, err := json.Marshal(p)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(old, data, 0o600))
	code, out, errs = percept(append(quick, "--compare", old, "--steps")...)
	require.Equal(t, ExitOK, code, errs)
	for _, want := range []string{"on-off, 32×40 pixels", "of working memory", "operation", "models/", "computed once:", "since the older profile: ", " times faster", "now: faster"} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, out, "the settings differ")
	assert.NotContains(t, out, "now: slower")
	for want, args := range map[string][]string{
		"not what percept profile": {"profile", "--compare", "profile.go"}, "multiples of 16": {"profile", "--model", "portilla-simoncelli", "--size", "100x100"},
	} {
		code, _, errs := percept(args...)
		assert.Equal(t, ExitUsage, code)
		assert.Contains(t, errs, want)
	}
}
