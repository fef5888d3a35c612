//go:build unix

package cli

import (
	"os"
	"syscall"
)

// interrupts are the signals that end a run early; batch systems announce the
// end of the time allotted by SIGUSR1 or SIGTERM.
var interrupts = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1}
