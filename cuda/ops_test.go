//go:build cuda && cgo

package cuda_test

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/cuda"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
)

// open returns GPU 0, or skips where there is none and no driver, such as the
// emulator, is named.
func open(t testing.TB) *cuda.Device {
	t.Helper()
	dev, err := cuda.Open(0)
	if os.Getenv("PERCEPT_LIBCUDA") == "" && (errors.Is(err, cuda.ErrNoDriver) || errors.Is(err, cuda.ErrNoDevice)) {
		t.Skipf("no GPU, and PERCEPT_LIBCUDA does not name the emulator: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dev.Close()) })
	return dev
}

func TestOps(t *testing.T) { optest.Run(t, open(t)) }

func TestOptimizerOps(t *testing.T) { optest.Run(t, open(t), optim.Ops...) }

func TestModelOps(t *testing.T) { optest.Run(t, open(t), models.Ops()...) }

// Every op runs on the device: by a kernel of its own, or as its composition.
func TestEveryOpRuns(t *testing.T) {
	dev := open(t)
	for _, op := range slices.Concat(autograd.Ops, optim.Ops, models.Ops()) {
		switch {
		case dev.Has(op):
			t.Logf("%-20s kernel", op.Name)
		case op.Lower != nil:
			t.Logf("%-20s composition", op.Name)
		default:
			t.Errorf("%s has neither a kernel nor Lower", op.Name)
		}
	}
}
