package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/cuda"
	"github.com/percept-go/percept/internal/heap"
	"github.com/percept-go/percept/internal/runfolder"
)

// A room is the memory of what computes, and what a synthesis takes of it beside
// what its plan says.
type room struct {
	free int64
	base float64 // whatever is computed
	per  float64 // bytes taken for each byte of the plan
}

const (
	// hostBase is what the command, its tables and its reports take.
	hostBase = 30e6
	// hostPer counts the garbage between two collections, and what most kernels work in.
	hostPer = 1 + (garbagePercent+10)/100.
	// deviceTables are those of kernels and transforms on a GPU.
	deviceTables = 64 << 20
)

// roomOf returns the room that b computes in; false where nothing is known of it.
func (a *app) roomOf(b autograd.Backend) (room, bool) {
	if d, gpu := b.(*cuda.Device); gpu {
		return room{free: d.Info().Free, base: deviceTables, per: 1}, true
	}
	free, known := a.freeMemory()
	return room{free, hostBase, hostPer}, known
}

// need returns the bytes that a plan of so many means.
func (r room) need(planned int64) int64 { return int64(r.base + r.per*float64(planned)) }

// planned returns the bytes of the largest plan that fits.
func (r room) planned() int64 { return int64(math.Max(0, float64(r.free)-r.base) / r.per) }

// checkMemory errs, saying what would fit, if the CPU has too little memory for j.
// That of a GPU is asked when it is opened.
func (a *app) checkMemory(j *job) error {
	if j.run().device.device.gpu >= 0 {
		return nil
	}
	b, err := j.run().backend()
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = a.fits(b, []*job{j})
	return err
}

// fits returns how many of the first jobs, which can be one synthesis, b has memory
// for, as the plans for one and for two say; all of them where nothing is known or the
// plans cannot be made, which then shows. It errs, saying what would fit, if there is
// too little for one.
func (a *app) fits(b autograd.Backend, jobs []*job) (int, error) {
	r, known := a.roomOf(b)
	if !known {
		return len(jobs), nil
	}
	return a.fitsIn(b, r, jobs)
}

// fitsIn is fits for a room.
func (a *app) fitsIn(b autograd.Backend, r room, jobs []*job) (int, error) {
	n, first, further, err := autograd.Fits(b, r.planned(), len(jobs), func(b autograd.Backend, n int) error {
		return plan(b.(*autograd.Ledger), slices.Repeat(jobs[:1], n))
	})
	if err != nil {
		return len(jobs), nil
	}
	if n == 0 {
		return 0, jobs[0].tooLarge(b, r, first)
	}
	if n < len(jobs) {
		a.note("%s has memory for %d such images at a time: %s for one, %s for each other, %s are free",
			b.Name(), n, bytesText(r.need(first)), bytesText(int64(r.per*float64(further))), bytesText(r.free))
	}
	return n, nil
}

const (
	// largePixels is from how many pixels on an image may be so large that neither its
	// model nor a plan had better be made: that is looked at first.
	largePixels = 1 << 20
	// leastNumbers is how many numbers of each pixel any synthesis keeps, at least.
	leastNumbers = 16
	// smallSide is that of the images whose models are made to see what they take.
	smallSide = 512
)

// checkLarge errs, saying what would fit, if memory cannot suffice for c channels of
// h×w pixels on the CPU, whatever a plan would say: for the history of the optimizer,
// or for the model, going by that for smaller images.
func (a *app) checkLarge(label string, f methodFlags, c, h, w int, build func(h, w int) (any, error)) error {
	free, known := a.freeMemory()
	if run := f.common(); h*w < largePixels || !known || run.device.device.gpu >= 0 {
		return nil
	}
	element := f.common().device.element()
	each := float64(leastNumbers * c * element.Size())
	if f, ok := f.(remembering); ok {
		pairs, bytes := f.history()
		each += float64(c * pairs * bytes)
	}
	if each*float64(h)*float64(w) < float64(free) {
		before := heap.InUse()
		model, err := build(smallSide, smallSide)
		if err == nil { // or what is wrong shows later
			each = math.Max(each, float64(heap.InUse()-before)/(smallSide*smallSide))
		}
		runtime.KeepAlive(model)
	}
	need := each * float64(h) * float64(w)
	if need < float64(free) {
		return nil
	}
	scale := math.Sqrt(float64(free)/need) / 2
	return usage("%s: a synthesis of %d×%d pixels and %d channels in %v needs more than %s, of which %s are free; about %d×%d may fit", label,
		h, w, c, element, bytesText(int64(math.Min(need, math.MaxInt64/2))), bytesText(free), int(float64(h)*scale), int(float64(w)*scale))
}

// checkFree errs if less memory is free than so many bytes of arrays mean.
func (a *app) checkFree(label string, bytes float64) error {
	need := hostBase + hostPer*bytes
	if free, known := a.freeMemory(); known && need > float64(free) {
		return usage("%s needs about %s of memory, of which %s are free", label, bytesText(int64(math.Min(need, math.MaxInt64/2))), bytesText(free))
	}
	return nil
}

// builder returns what makes the model of f for images of h×w pixels.
func builder(f *specFlag[modelKind]) func(h, w int) (any, error) {
	return func(h, w int) (any, error) { return f.make.construct(f.spec, h, w) }
}

// reporting are flags of runs whose report may take more memory than the synthesis.
type reporting interface {
	// planReport allocates what the report of j takes at most.
	planReport(l *autograd.Ledger, j *job) error
}

// plan makes the synthesis of jobs and what judges it, and then what their reports
// need, of which l counts the memory.
func plan(l *autograd.Ledger, jobs []*job) error {
	m, err := jobs[0].flags.start(l, jobs)
	if err != nil {
		return err
	}
	defer m.Close()
	if _, gpu := l.Backend().(*cuda.Device); gpu {
		return m.outcomes()
	}
	resumed := 0 // what they are resumed from is read whole
	for _, j := range jobs {
		size, err := j.checkpointBytes()
		if err != nil {
			return err
		}
		resumed += size
	}
	checkpoints, err := l.Alloc(resumed)
	if err != nil {
		return err
	}
	if err := m.outcomes(); err != nil {
		return err
	}
	checkpoints.Free()
	m.Close()
	if f, ok := jobs[0].flags.(reporting); ok {
		return f.planReport(l, jobs[0])
	}
	return nil
}

// checkpointBytes returns the size of the checkpoint that j continues from, or 0.
func (j *job) checkpointBytes() (int, error) {
	if j.resumes == 0 {
		return 0, nil
	}
	info, err := os.Stat(j.folder.Path(runfolder.Checkpoint))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return int(info.Size()), nil
}

// remembering are flags of an optimizer with a history.
type remembering interface {
	// history returns how many pairs it has, and the bytes of one for each number of an
	// image.
	history() (pairs, bytes int)
}

// tooLarge returns the error that j, whose plan is of so many bytes, does not fit, and
// what would.
func (j *job) tooLarge(b autograd.Backend, r room, planned int64) error {
	shape := j.shape
	if shape == nil {
		shape = j.target.Shape()
	}
	// A sixteenth is left (see autograd.Fits).
	fitting := float64(r.planned()) * 15 / 16
	scale := .9 * math.Sqrt(fitting/float64(planned)) // some does not depend on the size
	text := "nothing fits"
	if h, w := int(float64(shape[2])*scale), int(float64(shape[3])*scale); h > 0 && w > 0 {
		text = fmt.Sprintf("about --size %dx%d fits", h, w)
	}
	if f, ok := j.flags.(remembering); ok {
		pairs, bytes := f.history()
		each := float64(bytes * shape[1] * shape[2] * shape[3])
		if fewer := pairs - int(math.Ceil((float64(planned)-fitting)/each)); pairs > 0 && fewer > 0 {
			text += fmt.Sprintf("; at this size --optimizer lbfgs:history=%d does", fewer)
		}
	}
	if j.run().set.Lookup("steps") != nil {
		text += ", as may fewer --steps or --starts"
	}
	return usage("%s: a synthesis of %d×%d pixels and %d channels in %v needs about %s of %s, of which %s are free; %s", j.inputText(),
		shape[2], shape[3], shape[1], j.run().device.element(), bytesText(r.need(planned)), b.Name(), bytesText(max(r.free, 0)), text)
}

// freeMemoryHere returns what freeMemory does for this system.
func freeMemoryHere() (int64, bool) { return freeMemory(os.DirFS("/")) }
