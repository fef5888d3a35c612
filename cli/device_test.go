package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/cuda"
)

func TestDeviceName(t *testing.T) {
	for _, c := range []struct {
		text, value string
		gpu         int
	}{{"cpu", "cpu", -1}, {"cuda", "cuda:0", 0}, {"cuda:0", "cuda:0", 0}, {"cuda:3", "cuda:3", 3}} {
		d := newDeviceName()
		require.NoError(t, d.Set(c.text))
		require.Equal(t, deviceName{c.value, c.gpu}, *d)
	}
	for _, text := range []string{"", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda0", "cuda:0:1"} {
		require.Error(t, newDeviceName().Set(text), text)
	}
}

// A GPU that is not there is wrong usage, before there is a folder.
func TestNoSuchDevice(t *testing.T) {
	if _, err := cuda.List(); err == nil {
		t.Skip("there is a CUDA driver here")
	}
	dir := filepath.Join(t.TempDir(), "run")
	code, _, stderr := percept("metamer", "example:pebbles", "--device", "cuda:0", "-o", dir)
	require.Equal(t, ExitUsage, code)
	require.Contains(t, stderr, "--device cuda:0: ")
	require.NoDirExists(t, dir)
}
