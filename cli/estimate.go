package cli

import (
	"fmt"
	"math"
	"os"

	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// memoryNeed is what a synthesis needs memory for.
type memoryNeed struct {
	model     *specFlag[modelKind]
	optimizer *specFlag[func(spec.Spec) optim.Optimizer]
	dtype     tensor.DType
	device    *deviceName
	extra     float64 // bytes for each number of an image beside
}

// bytes returns how much one image takes: what the model's forward and backward
// pass and all else work in, and the history of the optimizer.
func (f memoryNeed) bytes(shape []int) int64 {
	d := f.dtype
	pixels := float64(shape[1] * shape[2] * shape[3])
	work := unknownBytesPerPixel
	if f.model.make.bytesPerPixel != nil {
		work = f.model.make.bytesPerPixel(f.model.spec)
	}
	if d == tensor.Float32 {
		work = work/2 + singleBytesPerPixel
	}
	return int64(math.Min(pixels*(work+f.extra+f.optimizerBytes())+baseBytes, math.MaxInt64/2))
}

const (
	// baseBytes is what the command takes besides.
	baseBytes = 30e6
	// unknownBytesPerPixel is assumed of models that nobody has measured.
	unknownBytesPerPixel = 600.0
	// singleBytesPerPixel is what float32 needs more than half of float64.
	singleBytesPerPixel = 200
)

// optimizerBytes returns the bytes of the optimizer's history for one number of
// an image; what it keeps besides is measured with the model.
func (f memoryNeed) optimizerBytes() float64 {
	if f.optimizer.spec.Name != "lbfgs" {
		return 0
	}
	size := f.dtype.Size()
	if f.optimizer.spec.Text("history-dtype") == "float32" {
		size = 4
	}
	return float64(2 * f.optimizer.spec.Int("history") * size)
}

// checkMemory errs, saying what would fit, if images of this shape need more
// memory than is free. That of a GPU is checked by the plans (see fits).
func (a *app) checkMemory(f memoryNeed, label string, shape []int) error {
	free, known := a.memoryFor(f.device)
	need := f.bytes(shape)
	if !known || need <= free {
		return nil
	}
	return usage("%s: a synthesis of %d×%d pixels and %d channels in %v needs about %s; %s are free; %s",
		label, shape[2], shape[3], shape[1], f.dtype, bytesText(need), bytesText(free), f.whatFits(shape, free))
}

// whatFits says which size and which history fit into free bytes.
func (f memoryNeed) whatFits(shape []int, free int64) string {
	m := 1
	if f.model.make.multiple != nil {
		m = f.model.make.multiple(f.model.spec)
	}
	scale := math.Sqrt(math.Max(0, float64(free)-baseBytes) / math.Max(1, float64(f.bytes(shape))-baseBytes))
	h, w := int(float64(shape[2])*scale)/m*m, int(float64(shape[3])*scale)/m*m
	text := "no size fits"
	if h > 0 && w > 0 {
		text = fmt.Sprintf("--size %dx%d fits", h, w)
	}
	if f.optimizer.spec.Name != "lbfgs" {
		return text
	}
	history := f.optimizer.spec.Int("history")
	perPair := int64(f.optimizerBytes()) * int64(shape[1]*shape[2]*shape[3]) / int64(history)
	if rest := f.bytes(shape) - int64(history)*perPair; (free-rest)/perPair > 0 {
		text += fmt.Sprintf("; at this size --optimizer lbfgs:history=%d does", (free-rest)/perPair)
	}
	return text
}

// memoryFor returns the memory that is free for what device computes; that of a GPU
// is not known before it is opened.
func (a *app) memoryFor(device *deviceName) (int64, bool) {
	if device.gpu >= 0 {
		return 0, false
	}
	return a.freeMemory()
}

// freeMemoryHere returns what freeMemory does for this system.
func freeMemoryHere() (int64, bool) { return freeMemory(os.DirFS("/")) }
