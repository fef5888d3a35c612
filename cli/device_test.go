package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
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
