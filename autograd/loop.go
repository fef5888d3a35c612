package autograd

import (
	"maps"
	"slices"

	"github.com/percept-go/percept/tensor"
)

// Most of the time of a batch goes to memory if every step is done for all images before
// the next begins: what a step leaves has left the caches when the next one reads it.
// Where steps do the same to each part of axis 0, the compiler makes a Loop of them: they
// run for one part after the other in memory for one part, which stays in the caches.
// Each of several threads runs other parts, and they need not meet.

// A Loop is what a Step runs part by part.
type Loop struct {
	// Parts is how many equal parts axis 0 is cut into.
	Parts int
	// Steps is what runs for each part: one list for every thread, the same steps in
	// memory of its own. First come those of opTake, last those of opPut, each with a
	// value as a whole; groups with Moves name part 0 of such values.
	Steps [][]Step
}

// opTake copies a part of a value from outside a loop, opPut a part of a result of the
// loop to where it is read.
var (
	opTake = &Op{Name: "take-part", FLOPs: noFLOPs}
	opPut  = &Op{Name: "put-part", FLOPs: noFLOPs}
)

// loops is implemented by a Backend that runs Loops.
type loops interface {
	// LoopThreads returns how many threads run parts of a Loop at the same time; 0 where
	// there are to be no Loops.
	LoopThreads() int
}

// part returns part k, along axis 0, of so many of x.
func part(x tensor.Tensor, parts, k int) tensor.Tensor {
	x.Dim[0] /= parts
	x.Offset += k * x.Dim[0] * x.Stride[0]
	return x
}

func partType(t tensor.Type, parts int) tensor.Type {
	t.Dim[0] /= parts
	return t
}

// EachPart is the Op.Parts of an op all of whose arguments go part by part and whose
// attribute does not depend on how much of axis 0 there is. It does not panic.
func EachPart(attr any, _ []tensor.Type, _ int) (any, uint64, bool) { return attr, 0, true }

// A zone says when a step runs.
type zone uint8

const (
	before zone = iota // the loop
	inside
	after
)

// loopPlan is what the passes know of the Loop of a graph.
type loopPlan struct {
	parts, threads int
	zone           []zone
	attr           map[int32]any    // split: of ops inside, for a part
	shared         map[int32]uint64 // split: which arguments of an op inside are whole
	whole          map[int32]bool   // split: values of the loop that lie outside it, for all parts
	put            map[int32]bool   // split: values of the loop that are copied to there
	taken          map[int32]int32  // split: what is copied for an op's argument from outside
	first, last    int32            // levels: the stages of the loop
	offset         map[int32]int    // plan: of what is inside or taken, in the memory of a thread
	bytes, base    int              // plan: of the memory of a thread, and where in the arena that of the first is
}

// What makes a loop worth it.
const (
	loopBytes   = 512 << 10 // that the steps work in: no more for a part, if it can be had, and not less for all
	loopCopying = 4         // times what is copied into the loop and out of it is at most what its steps read and write
)

// looped reports whether id runs inside the loop.
func (g *graph) looped(id int32) bool {
	return g.loop != nil && g.loop.zone[id] == inside && g.runs(id)
}

// scheduleLoop is schedule with a loop, if one is worth it. The parts are as large as
// caches allow, but each thread has one.
func (g *graph) scheduleLoop(opt passes) bool {
	b, ok := g.tape.backend.(loops)
	if !ok || b.LoopThreads() < 1 || opt.noLoop || opt.noPlan {
		return false
	}
	most, threads := g.batch(), b.LoopThreads()
	if opt.parts > 0 {
		return most%opt.parts == 0 && g.arranged(opt, opt.parts, threads)
	}
	if most < max(2, threads) || !g.arranged(opt, most, threads) {
		return false
	}
	if g.loop.bytes*most < loopBytes || loopCopying*g.copied() > g.moved() {
		g.reset()
		return false
	}
	parts := most
	for p := most; p >= max(2, threads); p-- {
		if most%p == 0 && most/p*g.loop.bytes <= loopBytes {
			parts = p
		}
	}
	return parts == most || g.arranged(opt, parts, threads)
}

// batch returns the size of axis 0 that most of the memory of the steps has.
func (g *graph) batch() int {
	bytes, best := map[int]int{}, 0
	for i := range g.live {
		if id := int32(i); g.runs(id) && g.node(id).typ.Rank > 0 {
			bytes[g.node(id).typ.Dim[0]] += g.node(id).typ.Bytes()
		}
	}
	for _, n := range slices.Sorted(maps.Keys(bytes)) {
		if bytes[n] > bytes[best] {
			best = n
		}
	}
	return best
}

// arranged arranges the steps with a loop of so many parts and reports whether there
// is one.
func (g *graph) arranged(opt passes, parts, threads int) bool {
	g.reset()
	g.split(parts, threads)
	if !slices.Contains(g.loop.zone, inside) {
		g.loop = nil
		return false
	}
	g.arrange(opt)
	return true
}

// reset forgets what arrange has found.
func (g *graph) reset() {
	g.loop, g.groups, g.arena = nil, nil, 0
	clear(g.level)
	clear(g.group)
	clear(g.stored)
	clear(g.offset)
	clear(g.into)
}

// split says which steps run inside a loop of so many parts, before and after it.
func (g *graph) split(parts, threads int) {
	l := &loopPlan{parts: parts, threads: threads, zone: make([]zone, len(g.live)), attr: map[int32]any{}, shared: map[int32]uint64{},
		whole: map[int32]bool{}, put: map[int32]bool{}, taken: map[int32]int32{}, offset: map[int32]int{}}
	g.loop = l
	for i := range g.live {
		id := int32(i)
		if !g.runs(id) {
			continue
		}
		z := before
		for _, a := range g.args(id) {
			z = max(z, l.zone[g.root[a]])
		}
		switch {
		case z < after && g.partable(id):
			l.zone[id] = inside
		case z > before:
			l.zone[id] = after
		}
	}
	g.trim()
	g.readOutside(func(r int32) {
		if g.looped(r) {
			l.whole[r] = true
			l.put[r] = !g.elementwise(r)
		}
	})
	for i := range g.live {
		id := int32(i)
		if !g.looped(id) || g.elementwise(id) { // groups read what lies outside where it is
			continue
		}
		for k, a := range g.args(id) {
			switch r := g.root[a]; {
			case l.whole[r]:
				l.put[r] = true
			case l.shared[id]>>k&1 == 0 && !g.looped(r) && g.layout[a].Stride[0] != 0:
				l.taken[a] = g.takes(a)
			}
		}
	}
	maps.DeleteFunc(l.put, func(_ int32, put bool) bool { return !put })
}

// partable reports whether the step id can run inside the loop, given where its
// arguments run.
func (g *graph) partable(id int32) bool {
	n, l := g.node(id), g.loop
	args := g.args(id)
	if !l.divides(n.typ) || len(args) != len(n.args) {
		return false
	}
	if n.op.Scalar == nil {
		if n.op.Parts == nil {
			return false
		}
		in := make([]tensor.Type, len(args))
		for i, a := range args {
			in[i] = g.node(a).typ
		}
		attr, shared, ok := n.op.Parts(n.attr, in, l.parts)
		if !ok {
			return false
		}
		l.attr[id], l.shared[id] = attr, shared
	}
	for i, a := range args {
		switch in := g.looped(g.root[a]); {
		case l.shared[id]>>i&1 != 0 && in, l.shared[id]>>i&1 == 0 && !l.divides(g.node(a).typ):
			return false
		case in:
			if _, ok := g.partOf(a); !ok {
				return false
			}
		}
	}
	return true
}

// divides reports whether axis 0 of t can be cut into the parts.
func (l *loopPlan) divides(t tensor.Type) bool {
	return t.Rank > 0 && t.Len() > 0 && t.Dim[0]%l.parts == 0
}

// partOf returns how part 0 of a lies in part 0 of its root, which is contiguous, and
// whether every part lies so in that part of the root.
func (g *graph) partOf(a int32) (x tensor.Tensor, ok bool) {
	r, parts := g.root[a], g.loop.parts
	x = g.layout[a]
	if !g.loop.divides(g.node(r).typ) || !g.loop.divides(x.Type) {
		return x, false
	}
	size := g.node(r).typ.Len() / parts
	x = part(x, parts, 0)
	lo, hi := x.Offset, x.Offset
	for i := range int(x.Rank) {
		d := (x.Dim[i] - 1) * x.Stride[i]
		lo, hi = lo+min(d, 0), hi+max(d, 0)
	}
	return x, x.Dim[0]*x.Stride[0] == size && lo >= 0 && hi < size
}

// trim moves elementwise steps out of the loop that would gain nothing there: those that
// read nothing of the loop and are read outside run before it; those that only updates
// come of run after it, where these can be written in place.
func (g *graph) trim() {
	l, outside := g.loop, map[int32]bool{}
	g.readOutside(func(r int32) { outside[r] = true })
	for i := range g.live {
		id := int32(i)
		entry := g.looped(id) && g.elementwise(id) && outside[id]
		for k := 0; entry && k < len(g.args(id)); k++ {
			entry = !g.looped(g.root[g.args(id)[k]])
		}
		if entry {
			l.zone[id] = before
		}
	}
	updated, other := map[int32]bool{}, map[int32]bool{}
	for _, id := range g.outs {
		other[g.root[id]] = true
	}
	for _, u := range g.updates {
		for _, id := range []int32{u.slot, u.guard} {
			if id >= 0 {
				other[g.root[id]] = true
			}
		}
		if u.slot < 0 {
			updated[g.root[u.value]] = true
		} else {
			other[g.root[u.value]] = true
		}
	}
	for id := int32(len(g.live)) - 1; id >= 0; id-- {
		if !g.runs(id) {
			continue
		}
		moved := g.elementwise(id) && updated[id] && !other[id]
		if moved {
			l.zone[id] = after
		}
		for _, a := range g.args(id) {
			if moved {
				updated[g.root[a]] = true
			} else {
				other[g.root[a]] = true
			}
		}
	}
}

// readOutside calls f with every root that a target or a step outside the loop reads.
func (g *graph) readOutside(f func(root int32)) {
	for i := range g.live {
		if id := int32(i); g.runs(id) && !g.looped(id) {
			for _, a := range g.args(id) {
				f(g.root[a])
			}
		}
	}
	for _, id := range g.targets() {
		f(g.root[id])
	}
}

// takes returns what to copy for argument a of a step inside, which comes from outside:
// the root it is a view of, for other views of that too, or a alone.
func (g *graph) takes(a int32) int32 {
	r := g.root[a]
	if _, ok := g.partOf(a); ok && g.layout[r].IsContiguous() && g.node(r).typ.Len() <= 2*g.node(a).typ.Len() {
		return r
	}
	return a
}

// copies returns what is taken, in order.
func (l *loopPlan) copies() []int32 {
	return slices.Compact(slices.Sorted(maps.Values(l.taken)))
}

// copied returns the bytes that are copied into the loop and out of it.
func (g *graph) copied() (n int) {
	for _, id := range g.loop.copies() {
		n += 2 * g.node(id).typ.Bytes()
	}
	for id := range g.loop.put {
		n += 2 * g.node(id).typ.Bytes()
	}
	return n
}

// moved returns the bytes that the steps inside read and write.
func (g *graph) moved() (n int) {
	for i := range g.live {
		id := int32(i)
		if !g.looped(id) {
			continue
		}
		if g.stored[id] {
			n += g.node(id).typ.Bytes()
		}
		for _, a := range g.args(id) {
			if r := g.root[a]; !g.runs(r) || g.stored[r] {
				n += uniqueBytes(g.layout[a])
			}
		}
	}
	return n
}

// apart gives the loop stages of its own.
func (g *graph) apart() {
	l, n := g.loop, g.last+1
	for i := range g.live {
		if id := int32(i); g.runs(id) {
			g.level[id] += n * int32(l.zone[id])
		}
	}
	l.first, l.last, g.last = n, 2*n-1, 3*n-1
}

// inLoop returns the part of a that the thread works on: in its memory, or where a group
// reads or writes it part 0 of what lies outside, and how far on the next part is.
func (p placer) inLoop(a int32, group bool) (x tensor.Tensor, move int) {
	g, l, r := p.g, p.g.loop, p.g.root[a]
	id := r
	if !g.looped(r) {
		taken, ok := l.taken[a]
		if group || !ok { // an op reads it only if it is the same for all parts
			x = part(g.memory(a, p.arena), l.parts, 0)
			return x, x.Dim[0] * x.Stride[0]
		}
		id = taken
	} else if l.whole[r] && !l.put[r] {
		x = part(g.memory(a, p.arena), l.parts, 0)
		return x, x.Dim[0] * x.Stride[0]
	}
	if id != r {
		return p.own(id), 0
	}
	x, _ = g.partOf(a)
	at := p.own(id)
	x.Mem = at.Mem
	x.Offset += at.Offset
	return x, 0
}

// own returns the part of id in the memory of the thread.
func (p placer) own(id int32) tensor.Tensor {
	l, t := p.g.loop, p.g.node(id).typ
	return tensor.Wrap(p.arena, partType(t, l.parts), (l.base+p.thread*l.bytes+l.offset[id])/t.DType.Size())
}

// emitLoop makes the step of the loop, from what it runs, in order.
func (g *graph) emitLoop(units []unit, arena tensor.Memory) Step {
	l := g.loop
	s := Step{Level: int(l.first), Pos: g.node(units[0].first).pos.String(), Loop: &Loop{Parts: l.parts}}
	put := slices.Sorted(maps.Keys(l.put))
	for thread := range l.threads {
		p := placer{g, arena, thread}
		var steps []Step
		for _, id := range l.copies() {
			steps = append(steps, Step{Op: opTake, Out: []tensor.Tensor{p.own(id)}, In: []tensor.Tensor{g.memory(id, arena)}, Level: int(l.first), Pos: g.node(id).pos.String()})
		}
		for _, u := range units {
			steps = append(steps, p.emit(u))
		}
		for _, id := range put {
			steps = append(steps, Step{Op: opPut, Out: []tensor.Tensor{g.memory(id, arena)}, In: []tensor.Tensor{p.own(id)}, Level: int(l.last), Pos: g.node(id).pos.String()})
		}
		for i := range steps {
			steps[i].Parts = l.parts
		}
		s.Loop.Steps = append(s.Loop.Steps, steps)
	}
	return s
}

// flat returns the steps with those of a loop, of the first thread, in its place.
func flat(steps []Step) []Step {
	var list []Step
	for _, s := range steps {
		if s.Loop != nil {
			list = append(list, s.Loop.Steps[0]...)
		} else {
			list = append(list, s)
		}
	}
	return list
}
