package synth

import "github.com/percept-go/percept/autograd"

// A Metric measures how different images (N, C, H, W) are from reference images
// of the same type: one float64 number for each pair, (N,), that of pair k
// depending on pair k alone. It records on their Tape, may be called several
// times and must record the same each time. It panics with *autograd.Error if
// the images do not fit.
type Metric interface {
	Metric(reference, image autograd.Value) autograd.Value
}

// MetricFunc is a function that serves as a Metric.
type MetricFunc func(reference, image autograd.Value) autograd.Value

// Metric returns f(reference, image).
func (f MetricFunc) Metric(reference, image autograd.Value) autograd.Value {
	return f(reference, image)
}

// Similar is a Metric that may grow as images become alike, as SSIM does.
type Similar interface {
	// Similarity reports whether it does.
	Similarity() bool
}
