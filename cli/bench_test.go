package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/bench"
)

func TestBench(t *testing.T) {
	code, out, errs := percept("bench", "add-16", "sum-16x1", "--dtype", "float32", "--rounds", "3", "--json")
	require.Equal(t, ExitOK, code, errs)
	var f benchFile
	require.NoError(t, json.Unmarshal([]byte(out), &f))
	require.Len(t, f.Cases, 2)
	assert.Equal(t, "sum-16", f.Cases[1].Case)
	assert.Len(t, f.Cases[0].Milliseconds, 3)
	assert.Positive(t, f.Roof.MemoryGBs)
	assert.Positive(t, f.Roof.GFLOPs["float64"])

	for i := range f.Cases[0].Milliseconds { // as if it had taken a thousand times as long
		f.Cases[0].Milliseconds[i] *= 1000
	}
	old := filepath.Join(t.TempDir(), "old.json")
	data, err := json.Marshal(f)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(old, data, 0o600))
	code, out, errs = percept("bench", "add-16", "max-16", "--dtype", "float32", "--rounds", "3", "--compare", old)
	require.Equal(t, ExitOK, code, errs)
	assert.Regexp(t, `add-16 +float32 .* times faster`, out)
	assert.Regexp(t, `max-16 +float32 .* new`, out)
	for want, args := range map[string][]string{"no kind": {"bench", "nothing-16"}, "no case matches": {"bench", "--only", "nothing"}, "not what percept bench": {"bench", "--compare", "bench.go"}} {
		code, _, errs := percept(args...)
		assert.Equal(t, ExitUsage, code)
		assert.Contains(t, errs, want)
	}
}

func TestChangesBeyondNoise(t *testing.T) {
	m := func(ms ...float64) *bench.Measurement { return &bench.Measurement{Milliseconds: ms} }
	assert.Equal(t, "2.00 times faster", m(1, 1.1, 1.2).Since(m(2, 2.1, 2.2)).String())
	assert.Equal(t, "2.00 times slower", m(2, 2.1, 2.2).Since(m(1, 1.1, 1.2)).String())
	assert.Equal(t, "the same within noise", m(1, 2, 3).Since(m(1.5, 2.5, 3.5)).String(), "they overlap")
	assert.Equal(t, "the same within noise", m(1, 1.001, 1.002).Since(m(1.01, 1.011, 1.012)).String(), "1 %")
}
