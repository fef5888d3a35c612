package autograd_test

import (
	"fmt"
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/kernels"
)

func TestOpsOnEveryCPULevel(t *testing.T) {
	for _, level := range kernels.Levels() {
		for _, threads := range []int{1, 2} {
			t.Run(fmt.Sprintf("%v/%d", level, threads), func(t *testing.T) {
				optest.Run(t, autograd.CPU{Level: level, Threads: threads})
			})
		}
	}
}

func TestOpsOnDevice(t *testing.T) { optest.Run(t, &optest.Device{}) }
