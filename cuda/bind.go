//go:build cuda && cgo

package cuda

import (
	"fmt"
	"slices"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A binder turns steps into launches. Each step asks for kernels, those of a later
// phase after those of an earlier one; schedule.go says what may run together.
type binder struct {
	dev       *Device
	arena     *arena // tables
	scratch   arena  // used again once there is much of it
	step      int
	foot      *footprint // of the step
	phase     int
	asked     []request
	alone     bool // one launch per request, in the order of the steps
	interpret bool // groups that have kernels of their own too
}

// request asks for one problem of a kernel.
type request struct {
	phase, step             int
	foot                    *footprint
	kernel                  string
	threads, shared, blocks int
	problem                 []byte
	ahead                   *request // a kernel made ahead that does the same, but not with others in one launch
}

// ask requests a kernel for a problem, whose first two numbers are its first
// block and how many it has. Later phases of a step run after earlier ones, and are
// asked for after them.
func ask[P any](b *binder, phase int, kernel string, blocks, threads, shared int, problem P) {
	if blocks > 0 {
		b.asked = append(b.asked, newRequest(b, phase, kernel, blocks, threads, shared, problem))
	}
}

func newRequest[P any](b *binder, phase int, kernel string, blocks, threads, shared int, problem P) request {
	if b.foot == nil {
		b.foot = &footprint{}
	}
	p := unsafe.Slice((*byte)(unsafe.Pointer(&problem)), unsafe.Sizeof(problem))
	return request{phase: phase, step: b.step, foot: b.foot, kernel: kernel, threads: threads, shared: shared, blocks: blocks,
		problem: append([]byte(nil), p...)}
}

// begin turns to the next step.
func (b *binder) begin(i int, s *autograd.Step) {
	const much = 64 << 20
	if b.scratch.used() > much {
		b.scratch.reset()
	}
	b.step, b.foot = i, footprintOf(s)
}

// temporary returns device memory that the step may use.
func (b *binder) temporary(bytes int) (uint64, error) {
	b.scratch.dev, b.scratch.scratch = b.dev, true
	at, _, err := b.scratch.reserve(bytes)
	if b.foot == nil {
		b.foot = &footprint{}
	}
	b.foot.writes = append(b.foot.writes, span{at, at + uint64(bytes)})
	return at, err
}

// counters returns n counters that are 0, for the blocks of as many sums to find out
// which of them is last.
func (b *binder) counters(n int) (uint64, error) { return putSlice(b.arena, make([]uint32, n)) }

// finish turns the requests into launches.
func (b *binder) finish() ([]launch, error) {
	ls, _, err := b.merge()
	return ls, err
}

// launch makes one launch for several problems of one kernel.
func (b *binder) launch(rs []request) (l launch, told autograd.Launch, err error) {
	var table []byte
	blocks, shared := 0, 0
	for _, r := range rs {
		head := (*[2]int32)(unsafe.Pointer(&r.problem[0]))
		head[0], head[1] = int32(blocks), int32(r.blocks)
		table = append(table, r.problem...)
		blocks, shared = blocks+r.blocks, max(shared, r.shared)
	}
	if blocks > 1<<31-1 {
		return l, told, fmt.Errorf("cuda: %s needs %d blocks, more than a launch can have", rs[0].kernel, blocks)
	}
	return b.start(rs[0].kernel, table, rs, blocks, rs[0].threads, shared)
}

// start makes the launch of a kernel over a table.
func (b *binder) start(kernel string, table []byte, rs []request, blocks, threads, shared int) (l launch, told autograd.Launch, err error) {
	f, err := b.dev.function(kernel, shared)
	if err != nil {
		return l, told, err
	}
	at, err := b.arena.put(unsafe.Pointer(&table[0]), len(table))
	told = autograd.Launch{Kernel: kernel, Steps: stepsOf(rs), Blocks: blocks, Threads: threads, Shared: shared}
	return makeLaunch(f, at, len(rs), blocks, threads, shared, 0), told, err
}

// stepsOf lists the steps that requests are for, in order.
func stepsOf(rs []request) (steps []int) {
	for _, r := range rs {
		steps = append(steps, r.step)
	}
	slices.Sort(steps)
	return slices.Compact(steps)
}

// blocksOf returns how many blocks of threads are needed for n elements.
func blocksOf(n, threads int) int { return (n + threads - 1) / threads }

// bound is the replay of steps.
type bound struct {
	dev     *Device
	steps   []autograd.Step
	arena   arena
	scratch arena
	ls      []launch
	told    []autograd.Launch
	names   []string // of the launches
	mark    int      // number of the first
	graph   *graph
	byStep  []launch // for Profile: one launch per request
	ofStep  []int
}

// Bind prepares the launches of the steps and captures them as a graph. It errs
// if a step's op has no kernel, and as Alloc does.
func (d *Device) Bind(steps []autograd.Step) (autograd.Bound, error) {
	b := &bound{dev: d, steps: steps, arena: arena{dev: d}}
	err := d.do(b.prepare)
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *bound) prepare() error {
	ls, of, err := b.launches(b.dev.Uncaptured)
	if err != nil {
		return err
	}
	b.ls, b.told = ls, of
	for i := range ls {
		b.names = append(b.names, of[i].Kernel+" for "+b.describe(of[i].Steps))
	}
	b.number()
	if err := b.arena.flush(); err != nil || b.dev.Uncaptured || len(ls) == 0 {
		return err
	}
	b.graph, err = capture(b.dev.stream, b.enqueue)
	return err
}

// launches binds the steps, either merged or one by one.
func (b *bound) launches(alone bool) ([]launch, []autograd.Launch, error) {
	k := &binder{dev: b.dev, arena: &b.arena, alone: alone, scratch: b.scratch}
	for i := range b.steps {
		s := &b.steps[i]
		k.begin(i, s)
		if err := k.bind(s); err != nil {
			return nil, nil, fmt.Errorf("%w (step %s, recorded at %s)", err, s.Name(), s.Pos)
		}
	}
	ls, of, err := k.merge()
	b.scratch = k.scratch
	return ls, of, err
}

// Launches says what Run launches.
func (b *bound) Launches() []autograd.Launch { return b.told }

// number gives the launches their marks.
func (b *bound) number() {
	b.mark = len(b.dev.names)
	for i := range b.ls {
		b.ls[i].c.mark = markNumber(b.mark + i)
	}
	b.dev.names = append(b.dev.names, b.names...)
}

// describe names the steps of a launch.
func (b *bound) describe(steps []int) string {
	text := ""
	for i, k := range steps {
		if i == 3 {
			return text + fmt.Sprintf(" and %d more", len(steps)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += b.steps[k].Name() + " (" + b.steps[k].Pos + ")"
	}
	return text
}

// enqueue launches the kernels one after the other.
func (b *bound) enqueue() error {
	i, err := runLaunches(b.ls, b.dev.stream, unsafe.Pointer(b.dev.mark))
	if err != nil {
		err = fmt.Errorf("%w, launching %s", err, b.names[i])
	}
	return err
}

// Run launches the graph.
func (b *bound) Run() error {
	return b.dev.do(func() error {
		if b.graph != nil {
			return b.graph.launch(b.dev.stream)
		}
		for i := range b.ls { // Uncaptured
			_, err := runLaunches(b.ls[i:i+1], b.dev.stream, unsafe.Pointer(b.dev.mark))
			if err == nil {
				err = synchronize(b.dev.stream)
			}
			if err != nil {
				return fmt.Errorf("cuda: %s: %w", b.names[i], err)
			}
		}
		return nil
	})
}

// Profile runs the steps one by one, between events.
func (b *bound) Profile(took []time.Duration) error {
	return b.dev.do(func() error {
		if b.byStep == nil {
			ls, of, err := b.launches(true)
			if err != nil {
				return err
			}
			if err := b.arena.flush(); err != nil {
				return err
			}
			for _, s := range of {
				b.ofStep = append(b.ofStep, s.Steps[0])
			}
			b.byStep = ls
		}
		clear(took)
		return b.time(took)
	})
}

// time adds the time of each launch to its step's.
func (b *bound) time(took []time.Duration) error {
	from, err := cu.MakeEvent(0)
	if err != nil {
		return err
	}
	defer cu.DestroyEvent(&from)
	to, err := cu.MakeEvent(0)
	if err != nil {
		return err
	}
	defer cu.DestroyEvent(&to)
	for i := range b.byStep {
		if err := from.Record(b.dev.stream); err != nil {
			return err
		}
		if _, err := runLaunches(b.byStep[i:i+1], b.dev.stream, unsafe.Pointer(b.dev.mark)); err != nil {
			return err
		}
		if err := to.Record(b.dev.stream); err != nil {
			return err
		}
		if err := to.Synchronize(); err != nil {
			return err
		}
		ms, err := from.Elapsed(to)
		if err != nil {
			return err
		}
		took[b.ofStep[i]] += time.Duration(ms * float64(time.Millisecond))
	}
	return nil
}

// Close frees the tables and the graph, once the Device is done with them.
func (b *bound) Close() {
	b.dev.do(func() error {
		if b.graph != nil {
			synchronize(b.dev.stream)
			b.graph.close()
			b.graph = nil
		}
		b.arena.free()
		b.scratch.free()
		return nil
	})
}

// family binds a step of one op.
type family func(b *binder, s *autograd.Step) error

// families gives the kernels by the name of the op; elementwise ops have theirs by
// their expression.
var families map[string]family

func init() {
	families = map[string]family{
		"fft": bindFFT, "rfft": bindFFT, "irfft": bindFFT,
		"sum": bindReduce, "prod": bindReduce, "reduce-max": bindReduce, "reduce-min": bindReduce,
		"contract":  bindContract,
		"correlate": bindCorrelate, "correlate-adjoint": bindCorrelate, "correlate-filter": bindCorrelate,
		"correlate-separable": bindSeparable, "correlate-separable-adjoint": bindSeparable,
		"gather": bindGather, "scatter-add": bindGather,
		"assemble": bindAssemble,
		"cast":     bindCast, "fill": bindFill,
		"row": bindRow, "place-row": bindRow, "store-row": bindRow,
		"assign": bindCopy,
		"wolfe":  bindWolfe,
		"mirror": bindSpectrum, "fold": bindSpectrum,
		"band-products": bindProducts, "pixel-moments": bindProducts, "power-means": bindProducts,
		"band-products-adjoint": bindProductsAdjoint,
	}
	for name := range lbfgsOps {
		families[name] = bindLBFGS
	}
}

// bind requests the kernels of a step.
func (b *binder) bind(s *autograd.Step) error {
	if s.Op == nil {
		return b.bindGroup(s)
	}
	if f, ok := families[s.Op.Name]; ok {
		return f(b, s)
	}
	if s.Op.View != nil {
		return bindView(b, s)
	}
	return fmt.Errorf("cuda: there is no kernel for the op %q, and it has no Lower", s.Op.Name)
}

// bindView copies a movement op that is no view of its argument.
func bindView(b *binder, s *autograd.Step) error {
	if v, ok := s.Op.View(s.Attr, s.In[0]); ok {
		return b.bindGroup(copyStep(s.Out[0], v))
	}
	// A reshape: the elements in C order are those of the argument.
	return b.bindGroup(copyStep(tensor.Wrap(s.Out[0].Mem, s.In[0].Type, s.Out[0].Offset), s.In[0]))
}

func bindCopy(b *binder, s *autograd.Step) error { return b.bindGroup(copyStep(s.Out[0], s.In[0])) }
