package cli

import (
	"context"
	"os"
	"os/signal"
)

// interruptible returns a context that the first SIGINT, SIGTERM or SIGUSR1
// cancels, so that a run can write its checkpoint. The second one ends the
// program at once. stop returns the signals to what they did.
func interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	done := make(chan struct{})
	signal.Notify(signals, interrupts...)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(ExitInterrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
