package cli

import (
	"math"

	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
)

// What MAD competition takes for one number of an image from one start, as measured at
// 128×128 and 256×256 pixels: the search keeps and works in 41 vectors of the images'
// type and, in any type, 20 pairs of float32 ones. Metrics work in float64 arrays: those
// of ssim, its maps and their adjoints, in 28; those of nlpd, which has kinks and
// is recorded with and without them, in 58.
const (
	madVectors     = 41.0
	madPairBytes   = 20 * 2 * 4.0
	madMetricBytes = 28 * 8.0
	nlpdBytes      = 58 * 8.0
	// kinkBaseBytes is what the longer program of a metric with kinks takes besides.
	kinkBaseBytes = 25e6
	// metamerBytesPerPixel is what a metamer takes beside its model, which the table
	// of models counts in.
	metamerBytesPerPixel = 300.0
)

// bytes returns how much one result for images of this shape takes. A run that is
// resumed has the state of its search twice, as it reads the checkpoint.
func (f *madFlags) bytes(a *app, shape []int) float64 {
	state := madVectors*float64(f.device.element().Size()) + madPairBytes
	if l, ok := f.optimizerOf().(optim.LBFGS); ok {
		history := l.History
		if history == 0 {
			history = 100
		}
		state += 2 * 2 * 8 * float64(history)
	}
	if f.resume != "" {
		state *= 2
	}
	work := madMetricBytes
	for _, m := range []*specFlag[metricKind]{&f.reference, &f.optimized} {
		switch m.spec.Name {
		case "nlpd":
			work = math.Max(work, nlpdBytes)
		case "model":
			inner, kind, err := a.models.Parse(m.spec.Rest)
			more := unknownBytesPerPixel
			if err == nil && kind.bytesPerPixel != nil {
				more = kind.bytesPerPixel(inner) - metamerBytesPerPixel
			}
			work += more
		}
	}
	return (state + work) * float64(shape[1]*shape[2]*shape[3]*f.startCount())
}

// baseBytes returns what the command takes whatever the images are.
func (f *madFlags) baseBytes() float64 {
	if f.reference.spec.Name == "nlpd" || f.optimized.spec.Name == "nlpd" {
		return baseBytes + kinkBaseBytes
	}
	return baseBytes
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
	if !known || need+f.baseBytes() <= float64(free) {
		return nil
	}
	scale := math.Sqrt(math.Max(0, float64(free)-f.baseBytes()) / need)
	return usage("%s: MAD competition of %d×%d pixels and %d channels from %d starts in %v needs about %s; %s are free; --size %dx%d fits",
		label, shape[2], shape[3], shape[1], f.startCount(), f.device.element(), bytesText(int64(need+f.baseBytes())), bytesText(free),
		max(1, int(float64(shape[2])*scale)), max(1, int(float64(shape[3])*scale)))
}

// most returns how many jobs like j can be one synthesis.
func (f *madFlags) most(a *app, j *job) int {
	free, known := a.memoryFor(f.device.device)
	if !known {
		return math.MaxInt
	}
	return max(1, int((float64(free)-f.baseBytes())/f.bytes(a, j.target.Shape())))
}
