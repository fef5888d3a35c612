//go:build cuda && cgo

package cuda

import (
	"fmt"
	"sort"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A binder turns steps into launches. The steps of one level do not depend on
// each other, so what they ask of one kernel becomes one launch; a step that
// needs several kernels in turn asks for them in phases.
type binder struct {
	dev       *Device
	arena     *arena // tables
	scratch   arena  // of one level; used again by the next
	step      int
	stage     int // counts levels
	phase     int
	asked     []request
	alone     bool // one launch per request, for Profile
	interpret bool // groups that have kernels of their own too

	stores      map[uint64]int // how many steps of storesStage write part of a Var
	storesStage int
}

// request asks for one problem of a kernel.
type request struct {
	stage, phase, step      int
	kernel                  string
	threads, shared, blocks int
	problem                 []byte
}

// ask requests a kernel for a problem, whose first two numbers are its first
// block and how many it has; later phases of a step run after earlier ones.
func ask[P any](b *binder, phase int, kernel string, blocks, threads, shared int, problem P) {
	if blocks == 0 {
		return
	}
	p := unsafe.Slice((*byte)(unsafe.Pointer(&problem)), unsafe.Sizeof(problem))
	b.asked = append(b.asked, request{b.stage, phase, b.step, kernel, threads, shared, blocks, append([]byte(nil), p...)})
}

// temporary returns device memory that the step may use until its level ends.
func (b *binder) temporary(bytes int) (uint64, error) {
	b.scratch.dev, b.scratch.scratch = b.dev, true
	at, _, err := b.scratch.reserve(bytes)
	return at, err
}

// finish merges the requests into launches.
func (b *binder) finish() ([]launch, error) {
	ls, _, err := b.merge()
	return ls, err
}

// merge returns the launches and what they are.
func (b *binder) merge() (ls []launch, of []autograd.Launch, err error) {
	key := func(r *request) [2]int { return [2]int{r.stage, r.phase} }
	sort.SliceStable(b.asked, func(i, j int) bool {
		p, q := key(&b.asked[i]), key(&b.asked[j])
		return p[0] < q[0] || p[0] == q[0] && p[1] < q[1]
	})
	for i := 0; i < len(b.asked); {
		j := i
		for j < len(b.asked) && key(&b.asked[j]) == key(&b.asked[i]) {
			j++
		}
		if ls, of, err = b.together(b.asked[i:j], ls, of); err != nil {
			return nil, nil, err
		}
		i = j
	}
	return ls, of, nil
}

// together appends the launches of requests that may run in any order.
func (b *binder) together(rs []request, ls []launch, of []autograd.Launch) ([]launch, []autograd.Launch, error) {
	taken := make([]bool, len(rs))
	for i := range rs {
		if taken[i] {
			continue
		}
		group := []request{rs[i]}
		for j := i + 1; j < len(rs) && !b.alone; j++ {
			if !taken[j] && rs[j].kernel == rs[i].kernel && rs[j].threads == rs[i].threads {
				group, taken[j] = append(group, rs[j]), true
			}
		}
		l, told, err := b.launch(group)
		if err != nil {
			return nil, nil, err
		}
		ls, of = append(ls, l), append(of, told)
	}
	return ls, of, nil
}

// launch makes one launch for several problems of one kernel.
func (b *binder) launch(rs []request) (l launch, told autograd.Launch, err error) {
	var table []byte
	var steps []int
	blocks, shared := 0, 0
	for _, r := range rs {
		head := (*[2]int32)(unsafe.Pointer(&r.problem[0]))
		head[0], head[1] = int32(blocks), int32(r.blocks)
		table = append(table, r.problem...)
		blocks, shared = blocks+r.blocks, max(shared, r.shared)
		if n := len(steps); n == 0 || steps[n-1] != r.step {
			steps = append(steps, r.step)
		}
	}
	if blocks > 1<<31-1 {
		return l, told, fmt.Errorf("cuda: %s needs %d blocks, more than a launch can have", rs[0].kernel, blocks)
	}
	f, err := b.dev.function(rs[0].kernel, shared)
	if err != nil {
		return l, told, err
	}
	at, err := b.arena.put(unsafe.Pointer(&table[0]), len(table))
	told = autograd.Launch{Kernel: rs[0].kernel, Steps: steps, Blocks: blocks, Threads: rs[0].threads, Shared: shared}
	return makeLaunch(f, at, len(rs), blocks, rs[0].threads, shared, 0), told, err
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
	ls, of, err := b.launches(false)
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
	level := -1
	for i := range b.steps {
		s := &b.steps[i]
		if s.Level != level || alone {
			level, k.stage = s.Level, k.stage+1
			k.scratch.reset()
		}
		k.step = i
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
		"gather": bindGather, "scatter-add": bindGather,
		"assemble": bindAssemble,
		"cast":     bindCast, "fill": bindFill,
		"row": bindRow, "place-row": bindRow, "store-row": bindRow,
		"assign": bindCopy,
		"wolfe":  bindWolfe,
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
