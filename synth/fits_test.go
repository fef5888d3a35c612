package synth_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
)

// The batch that fits is known before anything is allocated, whatever the method: that
// many images run in as much memory, and a few more do not. Images of an
// eigendistortion are served one after the other, and any number fits.
func TestFits(t *testing.T) {
	type synthesis interface {
		Run(context.Context, synth.Stop) (synth.Result, error)
		Close()
	}
	run := func(b autograd.Backend, s synthesis, err error) error {
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Run(t.Context(), synth.Stop{Iterations: 1})
		return err
	}
	for name, c := range map[string]struct {
		free int
		run  func(b autograd.Backend, n int) error
	}{
		"metamer": {12 << 20, func(b autograd.Backend, n int) error {
			s, err := synth.NewMetamer(b, batch(n, 16, 16), synth.ModelFunc(energies), synth.MetamerOptions{})
			return run(b, s, err)
		}},
		"mad": {6 << 20, func(b autograd.Backend, n int) error {
			s, err := synth.NewMAD(b, madPhotograph(n, 16, 16), models.Dissimilarity{Of: models.SSIM{}}, models.MSE{}, synth.MADOptions{Starts: 1, Goals: []synth.Goal{{}}})
			return run(b, s, err)
		}},
		"geodesic": {2 << 20, func(b autograd.Backend, n int) error {
			x, y := pairs(n)
			s, err := synth.NewGeodesic(b, x, y, synth.ModelFunc(blur), geodesicMethods["conditional"])
			return run(b, s, err)
		}},
		"geodesic by energy": {4 << 20, func(b autograd.Backend, n int) error {
			x, y := pairs(n)
			s, err := synth.NewGeodesic(b, x, y, synth.ModelFunc(blur), geodesicMethods["energy"])
			return run(b, s, err)
		}},
		"eigendistortion": {1 << 20, func(b autograd.Backend, n int) error {
			s, err := synth.NewEigendistortion(b, batch(n, 16, 16), synth.ModelFunc(energies), synth.EigendistortionOptions{})
			return run(b, s, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n, first, further, err := autograd.Fits(&optest.Device{}, int64(c.free), math.MaxInt, c.run)
			require.NoError(t, err)
			t.Logf("%d images: %d bytes for the first, %d for each other", n, first, further)
			require.Greater(t, n, 4)
			require.LessOrEqual(t, first+int64(n-1)*further, int64(c.free))
			none, _, _, err := autograd.Fits(&optest.Device{}, first/2, 1, c.run)
			require.NoError(t, err)
			require.Zero(t, none)
			require.ErrorIs(t, c.run(&optest.Device{Limit: int(first / 2)}, 1), autograd.ErrMemory)
			if further == 1 {
				n = 5
			}
			require.NoError(t, c.run(&optest.Device{Limit: c.free}, n), "%d images", n)
			if further > 1 {
				require.ErrorIs(t, c.run(&optest.Device{Limit: c.free}, n+n/4+1), autograd.ErrMemory)
			}
		})
	}
}

// Of a Backend that computes batches part by part, images after the first few take less.
func TestFitsInLoops(t *testing.T) {
	const free = 80 << 20
	dev := autograd.CPU{Threads: 3}
	texture, err := models.NewPortillaSimoncelli(128, 128, models.PortillaSimoncelliOptions{CorrelationWidth: 7})
	require.NoError(t, err)
	plan := func(b autograd.Backend, n int) error {
		s, err := synth.NewMetamer(b, batch(n, 128, 128), texture, synth.MetamerOptions{Optimizer: optim.Adam{Rate: .01}})
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Run(t.Context(), synth.Stop{Iterations: 1})
		return err
	}
	n, first, further, err := autograd.Fits(dev, free, math.MaxInt, plan)
	require.NoError(t, err)
	t.Logf("%d images: %d bytes for the first, %d for each other", n, first, further)
	require.Greater(t, n, 6)
	for _, c := range []struct{ images, least, most int }{{n, 2 * free / 3, free}, {n + n/3 + 3, free, 2 * free}} {
		l := autograd.NewLedger(dev)
		require.NoError(t, plan(l, c.images))
		require.GreaterOrEqual(t, l.Peak(), int64(c.least), "%d images", c.images)
		require.LessOrEqual(t, l.Peak(), int64(c.most), "%d images", c.images)
	}
}
