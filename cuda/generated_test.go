package cuda

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var write = flag.Bool("write", false, "write generated files instead of checking them")

// checkGenerated compares a committed file with what it should be, or writes it.
func checkGenerated(t *testing.T, file, want string) {
	t.Helper()
	if *write {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		return
	}
	have, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, want, string(have), "%s is out of date: go test ./cuda -run Generated -write", file)
}

func TestGeneratedScalars(t *testing.T) { checkGenerated(t, "zz_scalars.cuh", writeScalars()) }

func TestGeneratedJobs(t *testing.T) { checkGenerated(t, "zz_jobs.cuh", writeJobs()) }
