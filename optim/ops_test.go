package optim

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
)

func TestOps(t *testing.T) {
	optest.Run(t, autograd.CPU{Threads: 2}, Ops...)
}

func TestRowsHoldTheirStructs(t *testing.T) {
	require.EqualValues(t, 8*searchColumns, unsafe.Sizeof(search{}))
	require.EqualValues(t, 8*ringColumns, unsafe.Sizeof(ring{}))
	require.EqualValues(t, 8*(evaluationColumns+measureColumns), unsafe.Sizeof(evaluated{}))
}
