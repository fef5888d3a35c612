package autograd

import (
	"fmt"
	"strings"
	"time"

	"github.com/percept-go/percept/tensor"
)

// A Program is a fixed list of kernel calls over its Tape's memory.
type Program struct {
	tape  *Tape
	asked struct { // as given to Compile
		outs    []int32
		updates []prepared
	}
	outs    []int32 // the same, lowered for the backend
	updates []prepared
	moves   int // the Tape's when p was lowered
	opt     passes

	steps   []Step // with those of a Loop one by one
	out     []tensor.Tensor
	bound   Bound
	epoch   int
	arena   int
	counts  Counts
	hoisted []Hoist
	closed  bool
	rings   []*Ring
}

// Counts says what became of the nodes of a Program.
type Counts struct {
	Recorded, Live, Hoisted, Steps, Groups int
	Parts                                  int // in which a batch is computed one after the other; 0 if all of it is at once
	ArenaBytes                             int // working memory, shared by the Programs of a Tape
	HoistedBytes                           int // kept results that depend on Consts alone
}

// passes are the parts of Compile that tests switch off.
type passes struct {
	noHoist, noFuse, noPlan, noLoop bool
	parts                           int // of a loop, worth it or not
}

// Compile returns the Program that computes out and then stores the updates.
// With a guard, a Value of shape (N,), the updates of image n (of axis 0) are
// stored only where it is not zero; the zero Value stands for none. It errs if
// a hole is alive, an update does not fit or memory does not suffice.
func (t *Tape) Compile(out []Value, guard Value, updates ...Update) (*Program, error) {
	return t.compile(passes{}, out, guard, updates)
}

func (t *Tape) compile(opt passes, out []Value, guard Value, updates []Update) (p *Program, err error) {
	var prep []prepared
	if e := Try(func() { prep, err = t.prepare(guard, updates) }); e != nil || err != nil {
		return nil, firstError(e, err)
	}
	p = &Program{tape: t, opt: opt}
	for _, v := range out {
		if v.tape != t {
			return nil, fmt.Errorf("autograd: an output is not a Value of this Tape")
		}
		p.asked.outs = append(p.asked.outs, t.settled(v).id)
	}
	for i := range prep {
		prep[i].value = t.settled(Value{t, prep[i].value}).id
	}
	p.asked.updates = prep
	if err := Try(p.lower); err != nil {
		return nil, err
	}
	defer t.enter("compile")()
	if err := p.build(); err != nil {
		p.unbind()
		return nil, err
	}
	t.programs[p] = struct{}{}
	return p, nil
}

func firstError(errs ...error) error {
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}

// settled returns v, or a copy of it if it lies in the memory of a Var, which
// an update may overwrite before it is read.
func (t *Tape) settled(v Value) Value {
	id := v.id
	for t.nodes[id].op.View != nil {
		id = t.nodes[id].args[0]
	}
	if t.nodes[id].op == opVar {
		return t.apply(opCopy, nil, v)
	}
	return v
}

// build runs the compiler passes and binds the steps.
func (p *Program) build() error {
	t, opt := p.tape, p.opt
	g := newGraph(t, p.outs, p.updates)
	if err := g.prune(); err != nil {
		return err
	}
	if !opt.noHoist {
		g.hoist()
	}
	if err := t.placeConsts(g); err != nil {
		return err
	}
	g.layouts()
	hoisted, err := t.runPrologue(g)
	if err != nil {
		return err
	}
	g.schedule(opt)
	if err := t.growArena(g.arena); err != nil {
		return err
	}
	steps := g.emit(t.arena)
	p.steps = flat(steps)
	p.out = p.out[:0]
	for _, id := range p.outs {
		p.out = append(p.out, g.memory(id, t.arena))
	}
	p.arena = g.arena
	p.counts = g.count(len(p.steps))
	p.counts.HoistedBytes, p.hoisted = hoisted, g.hoists()
	p.epoch = t.epoch
	p.bound, err = t.backend.Bind(steps)
	return err
}

// schedule runs the passes that absorb, order, fuse and place the steps.
func (g *graph) schedule(opt passes) {
	if !opt.noFuse {
		g.absorb()
	}
	if !g.scheduleLoop(opt) {
		g.arrange(opt)
	}
}

// arrange orders, fuses and places the steps.
func (g *graph) arrange(opt passes) {
	g.levels()
	g.fuse(!opt.noFuse)
	if opt.noPlan {
		g.spread()
		return
	}
	g.plan()
}

// spread is plan without reuse: every value has memory of its own.
func (g *graph) spread() {
	for i := range g.live {
		id := int32(i)
		if _, direct := g.into[id]; g.stored[id] && g.runs(id) && !direct {
			g.offset[id] = g.arena
			g.arena += (g.node(id).typ.Bytes() + 63) &^ 63
		}
	}
}

func (g *graph) count(steps int) Counts {
	c := Counts{Recorded: len(g.live), Steps: steps, Groups: len(g.groups), ArenaBytes: g.arena}
	if g.loop != nil {
		c.Parts = g.loop.parts
	}
	for i := range g.live {
		if id := int32(i); g.live[id] {
			c.Live++
			if g.static[id] && !g.node(id).leaf() && g.root[id] == id {
				c.Hoisted++
			}
		}
	}
	return c
}

// growArena makes the arena at least this large; Programs that were bound to
// the smaller one bind again at their next Run, and it is freed then.
func (t *Tape) growArena(bytes int) error {
	if t.arena != nil && t.arena.Bytes() >= bytes {
		return nil
	}
	mem, err := t.backend.Alloc(bytes)
	if err != nil {
		return err
	}
	if t.arena != nil {
		for p := range t.programs {
			p.unbind()
		}
		t.retired = append(t.retired, t.arena)
		t.epoch++
	}
	t.arena = mem
	return nil
}

// unbind releases what the backend holds for p; the next Run binds again.
func (p *Program) unbind() {
	if p.bound != nil {
		p.bound.Close()
		p.bound = nil
	}
}

func (p *Program) ready() error {
	if p.bound != nil && p.epoch == p.tape.epoch && len(p.tape.retired) == 0 {
		return nil
	}
	p.tape.freeRetired()
	if p.bound != nil && p.epoch == p.tape.epoch {
		return nil
	}
	p.unbind()
	return p.build()
}

// usable errs if p or its Tape is closed. After a move it lowers p again, which
// records and so comes before the Tape is marked as in use.
func (p *Program) usable() error {
	switch t := p.tape; {
	case p.closed:
		return fmt.Errorf("autograd: the Program is %w", ErrClosed)
	case t.closed:
		return fmt.Errorf("autograd: the Tape is %w", ErrClosed)
	case p.moves != t.moves:
		return Try(p.lower)
	}
	return nil
}

// Run enqueues one replay: the outputs, then the updates. It does not allocate,
// but for the first Run after the Tape moved or its arena grew. It errs if the
// Program is closed or the backend fails.
func (p *Program) Run() error {
	t := p.tape
	if err := p.usable(); err != nil {
		return err
	}
	if !t.busy.CompareAndSwap(false, true) {
		panic(&Error{Op: "run", Pos: caller().String(), Err: ErrConcurrent})
	}
	err := p.ready()
	if err == nil {
		err = p.bound.Run()
	}
	t.busy.Store(false)
	return err
}

// Wait returns when the last Run is done, which on a device only began with it. It
// errs as the Run may have.
func (p *Program) Wait() error {
	if w, ok := p.tape.backend.(interface{ Wait() error }); ok {
		return w.Wait()
	}
	return nil
}

// Out returns output i as computed by the last Run, before its updates. On the
// CPU it is a view that is valid until the next Run of a Program of this Tape;
// from a device it is a copy. It errs if the copy fails or there is nothing to
// read: the Program is closed, or its Tape has moved or is closed.
func (p *Program) Out(i int) (tensor.Tensor, error) {
	if err := p.readable(); err != nil {
		return tensor.Tensor{}, err
	}
	if _, ok := p.out[i].Mem.(*tensor.Host); ok {
		return p.out[i], nil
	}
	dst := tensor.New(p.out[i].DType, p.out[i].Shape()...)
	return dst, p.Read(i, dst)
}

// Read copies output i, as computed by the last Run, into dst, which has its
// type. It does not allocate on the CPU. It errs if the types differ, and as Out
// does.
func (p *Program) Read(i int, dst tensor.Tensor) error {
	if err := p.readable(); err != nil {
		return err
	}
	if dst.Type != p.out[i].Type {
		return fmt.Errorf("autograd: Read of output %d, a %v, into a %v", i, p.out[i].Type, dst.Type)
	}
	return p.tape.backend.Copy(dst, p.out[i])
}

// readable errs if there is no memory to read outputs from.
func (p *Program) readable() error {
	if p.closed || p.tape.closed {
		return fmt.Errorf("autograd: an output of a Program that is %w, or whose Tape is", ErrClosed)
	}
	if len(p.out) < len(p.outs) {
		return fmt.Errorf("autograd: an output of a Program that has not run since its Tape moved")
	}
	return nil
}

// Close frees what the Program alone uses. A second call does nothing.
func (p *Program) Close() {
	p.unbind()
	p.freeRings()
	delete(p.tape.programs, p)
	p.closed = true
}

func (p *Program) freeRings() {
	for _, r := range p.rings {
		r.free()
	}
}

// Counts returns what became of the nodes of p.
func (p *Program) Counts() Counts { return p.counts }

// Dump returns what will run, one line per step.
func (p *Program) Dump() string {
	var b strings.Builder
	c := p.counts
	fmt.Fprintf(&b, "%d nodes recorded, %d live, %d hoisted; %d steps, %d of them fused groups; arena %d bytes\n",
		c.Recorded, c.Live, c.Hoisted, c.Steps, c.Groups, c.ArenaBytes)
	for i := range p.steps {
		s := &p.steps[i]
		fmt.Fprintf(&b, "%4d  level %-3d %-40s", i, s.Level, s.Name())
		for _, o := range s.Out {
			fmt.Fprintf(&b, " %v", o.Type)
		}
		if s.Parts > 0 {
			fmt.Fprintf(&b, "  %d times", s.Parts)
		}
		fmt.Fprintf(&b, "  %s\n", s.Pos)
	}
	return b.String()
}

// A StepProfile says what one step costs. Rows of Vars count as written whether
// the last run wrote them or not.
type StepProfile struct {
	Name          string
	Pos           string // file:line that recorded it
	Time          time.Duration
	Read, Written int64 // bytes
	FLOPs         int64
}

// Profile runs p the given number of times, waiting after each step, and
// returns each step's shortest time. Updates are stored each time. It errs as
// Run does.
func (p *Program) Profile(runs int) (prof []StepProfile, err error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	defer p.tape.enter("profile")()
	if err := p.ready(); err != nil {
		return nil, err
	}
	prof = make([]StepProfile, len(p.steps))
	took := make([]time.Duration, len(p.steps))
	for r := range runs {
		if err := p.bound.Profile(took); err != nil {
			return nil, err
		}
		for i, d := range took {
			if r == 0 || d < prof[i].Time {
				prof[i].Time = d
			}
		}
	}
	for i := range p.steps {
		s := &p.steps[i]
		prof[i].Name, prof[i].Pos, prof[i].FLOPs = s.Name(), s.Pos, s.FLOPs()
		prof[i].Read, prof[i].Written = s.Bytes()
	}
	return prof, nil
}

// A Launch is one kernel call of a backend that does several steps in one.
type Launch struct {
	Kernel          string
	Steps           []int // of Profile, those that it is for
	Blocks, Threads int
	Shared          int // bytes of shared memory of a block
}

// Launches returns what one Run launches, in order; nil on a backend that calls a
// kernel for each step. It errs as Run does.
func (p *Program) Launches() ([]Launch, error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	defer p.tape.enter("launches")()
	if err := p.ready(); err != nil {
		return nil, err
	}
	if b, ok := p.bound.(interface{ Launches() []Launch }); ok {
		return b.Launches(), nil
	}
	return nil, nil
}

// Traffic returns the bytes that one Run reads and writes, step by step, and its
// floating-point operations.
func (p *Program) Traffic() (read, written, flops int64) {
	for i := range p.steps {
		r, w := p.steps[i].Bytes()
		read, written, flops = read+r, written+w, flops+p.steps[i].FLOPs()
	}
	return read, written, flops
}

// Eval compiles and runs what v needs, once, and returns it in host memory. It
// is for tests, examples and looking. It errs as Compile and Run do.
func Eval(v Value) (tensor.Tensor, error) {
	p, err := v.tape.Compile([]Value{v}, Value{})
	if err != nil {
		return tensor.Tensor{}, err
	}
	defer p.Close()
	if err := p.Run(); err != nil {
		return tensor.Tensor{}, err
	}
	dst := tensor.New(v.Type().DType, v.Type().Shape()...)
	return dst, p.Read(0, dst)
}
