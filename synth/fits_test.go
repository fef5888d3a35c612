package synth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/synth"
)

// The batch that fits is known before anything is allocated: that many images run in
// as much memory, and a few more do not.
func TestFits(t *testing.T) {
	run := func(b autograd.Backend, n int) error {
		s, err := synth.NewMetamer(b, batch(n, 16, 16), synth.ModelFunc(energies), synth.MetamerOptions{})
		if err != nil {
			return err
		}
		defer s.Close()
		return s.Step()
	}
	const free = 12 << 20
	n, first, further, err := autograd.Fits(&optest.Device{}, free, run)
	require.NoError(t, err)
	require.Greater(t, n, 4)
	require.LessOrEqual(t, first+int64(n-1)*further, int64(free))
	require.NoError(t, run(&optest.Device{Limit: free}, n), "%d images", n)
	require.ErrorIs(t, run(&optest.Device{Limit: free}, n+n/8+1), autograd.ErrMemory)
	n, _, _, err = autograd.Fits(nil, 1<<16, run)
	require.NoError(t, err)
	require.Zero(t, n)
}
