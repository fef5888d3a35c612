package autograd_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

func TestOps(t *testing.T) { optest.Run(t, autograd.CPU{Level: kernels.PureGo, Threads: 1}) }

func TestOpsOnEveryCPULevel(t *testing.T) {
	for _, level := range kernels.Levels() {
		for _, threads := range []int{1, 2} {
			if level == kernels.PureGo && threads == 1 {
				continue // TestOps
			}
			t.Run(fmt.Sprintf("%v/%d", level, threads), func(t *testing.T) {
				for _, op := range autograd.Ops {
					require.NoError(t, optest.CheckBackend(autograd.CPU{Level: level, Threads: threads}, op))
				}
			})
		}
	}
}

func TestOpsOnDevice(t *testing.T) {
	for _, op := range autograd.Ops {
		require.NoError(t, optest.CheckBackend(&optest.Device{}, op))
	}
}

// keepsDouble lists the ops with arguments that are float64 in every precision.
var keepsDouble = map[string]string{
	"row": "the slot", "place-row": "the slot",
}

func TestOpsTakeBothPrecisions(t *testing.T) {
	for _, op := range autograd.Ops {
		for _, s := range op.Samples {
			in := append([]tensor.Type(nil), s.In...)
			for i := range in {
				in[i] = in[i].With(in[i].DType &^ 1)
			}
			_, err := op.Type(s.Attr, in)
			require.Equal(t, keepsDouble[op.Name] == "", err == nil, "%s%v: %v", op.Name, in, err)
		}
	}
}

func TestOpNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range autograd.Ops {
		require.False(t, seen[op.Name], op.Name)
		seen[op.Name] = true
	}
}
