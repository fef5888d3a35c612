//go:build !unix

package cli

import (
	"os"
	"syscall"
)

// interrupts are the signals that end a run early.
var interrupts = []os.Signal{os.Interrupt, syscall.SIGTERM}
