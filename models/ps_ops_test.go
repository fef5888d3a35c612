package models

import (
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
)

// TestOps checks the ops of the texture model as those of the engine are.
func TestOps(t *testing.T) {
	optest.Run(t, autograd.CPU{Threads: 2}, Ops()...)
}
