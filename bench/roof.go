package bench

import (
	"time"

	"github.com/percept-go/percept/internal/roof"
	"github.com/percept-go/percept/kernels"
)

// A Roof is what this machine can do, measured: no kernel moves or computes
// more.
type Roof = roof.Roof

// MeasureRoof measures with the given number of threads. It errs if the backend
// fails.
func MeasureRoof(threads int, level kernels.Level) (Roof, error) { return roof.Measure(threads, level) }

// least returns the shortest of some times.
func least(took []time.Duration) time.Duration {
	best := took[0]
	for _, d := range took {
		best = min(best, d)
	}
	return best
}
