package cli

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
)

// What fits is found from plans.
func TestFits(t *testing.T) {
	var errs bytes.Buffer
	a := newApp(io.Discard, &errs)
	f := a.newMetamerFlags()
	c := &cobra.Command{Use: "metamer"}
	f.common().set = c.Flags()
	f.register(c)
	require.NoError(t, c.ParseFlags([]string{"--size", "64x64", "--model", "portilla-simoncelli:scales=2", "--batch", "5", "-o", filepath.Join(t.TempDir(), "runs")}))
	f.complete()
	jobs, _, err := a.newJobs(metamerMethod, f, []string{"example:pebbles"})
	require.NoError(t, err)
	require.Len(t, jobs, 5)
	for _, j := range jobs {
		require.NoError(t, j.prepare())
	}
	n, err := a.fitsIn(autograd.CPU{}, room{free: 1 << 30, per: 1}, jobs)
	require.NoError(t, err)
	assert.Equal(t, 5, n)
	assert.Empty(t, errs.String())

	n, err = a.fitsIn(autograd.CPU{}, room{free: 30 << 20, per: 1}, jobs)
	require.NoError(t, err)
	assert.Greater(t, n, 1)
	assert.Less(t, n, 5)
	assert.Regexp(t, `cpu has memory for \d such images at a time: .* MB for one, .* MB for each other, 31.5 MB are free`, errs.String())

	_, err = a.fitsIn(autograd.CPU{}, room{free: 1 << 20, base: 1e5, per: 1}, jobs)
	assert.Equal(t, ExitUsage, a.exitCode(err))
	assert.Regexp(t, `needs about .* MB of cpu, of which 1.05 MB are free; about --size \d+x\d+ fits`, err)

	_, err = a.fitsIn(autograd.CPU{}, room{free: -1 << 20, per: 1}, jobs) // what other things need is more than there is
	assert.Equal(t, ExitUsage, a.exitCode(err))
	assert.ErrorContains(t, err, "of which 0 MB are free; nothing fits")
}
