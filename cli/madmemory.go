package cli

import (
	"math"

	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// What MAD competition takes for one number of an image from one start, as
// measured: vectors and history of the constrained search with what mse, dssim or
// nlpd work in, and a checkpoint.
const (
	madBytesPerPixel       = 1200.0
	madSingleBytesPerPixel = 1000.0 // in float32: the history is that in any case
)

// bytes returns how much one result for images of this shape takes.
func (f *madFlags) bytes(a *app, shape []int) float64 {
	work := madBytesPerPixel
	if f.device.element() == tensor.Float32 {
		work = madSingleBytesPerPixel
	}
	for _, m := range []*specFlag[metricKind]{&f.reference, &f.optimized} {
		if m.spec.Name != "model" {
			continue
		}
		inner, kind, err := a.models.Parse(m.spec.Rest)
		if more := unknownBytesPerPixel; err == nil {
			if kind.bytesPerPixel != nil {
				more = kind.bytesPerPixel(inner)
			}
			work += more
		}
	}
	if l, ok := f.optimizerOf().(optim.LBFGS); ok {
		history := l.History
		if history == 0 {
			history = 100
		}
		work += 2 * 2 * 8 * float64(history)
	}
	return work * float64(shape[1]*shape[2]*shape[3]*f.startCount())
}

// optimizerOf returns the optimizer that was chosen, if one was.
func (f *madFlags) optimizerOf() optim.Optimizer {
	if !f.optimizer.given() {
		return nil
	}
	return f.make()
}

// startCount returns from how many noises a result is made.
func (f *madFlags) startCount() int {
	switch {
	case f.starts.n > 0:
		return f.starts.n
	case f.constrained() && (f.init == "auto" || f.init == "noise"):
		return synth.MADStarts
	}
	return 1
}

// checkMemory errs, saying what would fit, if a result for an image of this shape
// needs more memory than is free.
func (f *madFlags) checkMemory(a *app, label string, shape []int) error {
	free, known := a.memoryFor(f.device.device)
	need := f.bytes(a, shape)
	if !known || need+baseBytes <= float64(free) {
		return nil
	}
	scale := math.Sqrt(math.Max(0, float64(free)-baseBytes) / need)
	return usage("%s: MAD competition of %d×%d pixels and %d channels from %d starts in %v needs about %s; %s are free; --size %dx%d fits",
		label, shape[2], shape[3], shape[1], f.startCount(), f.device.element(), bytesText(int64(need+baseBytes)), bytesText(free),
		max(1, int(float64(shape[2])*scale)), max(1, int(float64(shape[3])*scale)))
}

// most returns how many jobs like j can be one synthesis.
func (f *madFlags) most(a *app, j *job) int {
	free, known := a.memoryFor(f.device.device)
	if !known {
		return math.MaxInt
	}
	return max(1, int((float64(free)-baseBytes)/f.bytes(a, j.target.Shape())))
}
