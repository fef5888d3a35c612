package autograd

import (
	"fmt"
	"sort"

	"github.com/percept-go/percept/tensor"
)

// graph is what the compiler passes work on: the part of a Tape that some
// outputs need.
type graph struct {
	tape    *Tape
	outs    []int32
	updates []prepared

	live     []bool            // prune: needed by an output or an update
	static   []bool            // hoist: depends on Consts alone
	root     []int32           // layout: whose memory holds the node
	layout   []tensor.Tensor   // layout: how it lies there
	absorbed []bool            // absorb: part of the step that reads it
	instead  map[int32][]int32 // absorb: what a step reads in place of its node's arguments
	modulus  map[int32]int32   // absorb: the modulus that the step of a node leaves too
	leaves   map[int32]int32   // absorb: the node whose step leaves a modulus
	level    []int32           // level: the stage at which it runs
	group    []int32           // fuse: its group, or -1
	groups   [][]int32         // fuse: members in order of recording
	stored   []bool            // fuse: has memory of its own
	into     map[int32]int32   // fuse: updates written straight into their Var
	offset   []int             // plan: bytes from the start of the arena
	arena    int               // plan: bytes of the arena
	last     int32             // level: the last stage
	loop     *loopPlan         // split: nil without one
}

func newGraph(t *Tape, outs []int32, updates []prepared) *graph {
	n := len(t.nodes)
	return &graph{tape: t, outs: outs, updates: updates,
		live: make([]bool, n), static: make([]bool, n), root: make([]int32, n), layout: make([]tensor.Tensor, n),
		absorbed: make([]bool, n), instead: map[int32][]int32{}, modulus: map[int32]int32{}, leaves: map[int32]int32{},
		level: make([]int32, n), group: make([]int32, n), stored: make([]bool, n), offset: make([]int, n), into: map[int32]int32{}}
}

func (g *graph) node(id int32) *node { return &g.tape.nodes[id] }

// targets returns the ids that must be computed.
func (g *graph) targets() []int32 {
	ids := append([]int32(nil), g.outs...)
	for _, u := range g.updates {
		ids = append(ids, u.value)
		if u.slot >= 0 {
			ids = append(ids, u.slot)
		}
		if u.guard >= 0 {
			ids = append(ids, u.guard)
		}
	}
	return ids
}

// prune marks what the targets need, but not what static nodes need. It errs if
// that includes a hole.
func (g *graph) prune() error {
	for _, id := range g.targets() {
		g.live[id] = true
	}
	for id := int32(len(g.live)) - 1; id >= 0; id-- {
		if !g.live[id] || g.static[id] {
			continue
		}
		n := g.node(id)
		for _, a := range n.args {
			g.live[a] = true
		}
		if n.op == opHole {
			return g.holeError(id)
		}
	}
	return nil
}

// holeError says which op's VJP rule makes a JVP depend on its hole.
func (g *graph) holeError(hole int32) error {
	second := g.node(hole).attr.(*holeAttr).second
	for id, dep := range g.tape.dependents([]Value{{g.tape, hole}}, int32(len(g.live))-1) {
		if n := &g.tape.nodes[id]; dep && g.live[id] && int32(id) >= second && n.pos.rule != nil {
			return &Error{Op: n.pos.rule.Name, Pos: n.pos.String(),
				Err: fmt.Errorf("%w: the VJP of this op is not linear in its cotangent, so it has no JVP", ErrHole)}
		}
	}
	return &Error{Op: "jvp", Pos: g.node(hole).pos.String(), Err: ErrHole}
}

// hoist marks what depends on Consts alone.
func (g *graph) hoist() {
	for id := range g.static {
		n := &g.tape.nodes[id]
		g.static[id] = n.op != opVar && n.op != opHole
		for _, a := range n.args {
			g.static[id] = g.static[id] && g.static[a]
		}
	}
}

// layouts finds whose memory holds each node and how: a view lies in its
// argument's memory.
func (g *graph) layouts() {
	for i := range g.live {
		id := int32(i)
		if !g.live[id] {
			continue
		}
		n := g.node(id)
		g.root[id] = id
		g.layout[id] = tensor.Wrap(nil, n.typ, 0)
		if c, ok := n.attr.(tensor.Tensor); ok && n.op == opConst {
			if r, ok := g.tape.resident[id]; ok {
				c = r
			}
			g.layout[id] = c
			g.layout[id].Offset, g.layout[id].Mem = 0, nil
		}
		if n.op.View != nil && g.live[n.args[0]] {
			if v, ok := n.op.View(n.attr, g.layout[n.args[0]]); ok {
				g.root[id], g.layout[id] = g.root[n.args[0]], v
			}
		}
	}
}

// runs reports whether id is a step of the loop: live, not static, neither a
// leaf nor a view.
func (g *graph) runs(id int32) bool {
	return g.live[id] && !g.static[id] && g.root[id] == id && !g.node(id).leaf() && !g.absorbed[id]
}

// elementwise reports whether id can be part of a group.
func (g *graph) elementwise(id int32) bool {
	_, left := g.leaves[id]
	return g.node(id).op.Scalar != nil && !left
}

// fusible reports whether elementwise consumer c can be in one group with its
// argument a.
func (g *graph) fusible(a, c int32) bool {
	return g.root[a] == a && g.elementwise(a) && g.elementwise(c) && sameGroup(g.node(a).typ, g.node(c).typ)
}

// sameGroup reports whether values of these types are computed by one loop.
func sameGroup(a, b tensor.Type) bool {
	return a.SameShape(b) && a.DType.Real() == b.DType.Real()
}

// levels gives each step its stage: after its arguments, but in the same stage
// as an argument it can be fused with. Elementwise steps then move as late as
// their readers allow, so that they meet them.
func (g *graph) levels() {
	g.last = 0
	for i := range g.live {
		id := int32(i)
		if !g.runs(id) {
			continue
		}
		if by, ok := g.leaves[id]; ok {
			g.level[id] = g.level[by]
			continue
		}
		for _, a := range g.args(id) {
			r := g.root[a]
			if !g.runs(r) {
				continue
			}
			s := g.level[r]
			if !g.fusible(a, id) {
				s++
			}
			g.level[id] = max(g.level[id], s)
		}
		g.last = max(g.last, g.level[id])
	}
	updates := map[int32]bool{}
	for _, u := range g.updates {
		if u.slot < 0 && g.runs(u.value) && g.elementwise(u.value) {
			updates[u.value] = true
		}
	}
	g.sink(updates)
	if g.loop != nil {
		g.apart()
	}
}

// sink moves elementwise steps as late as their readers allow. Updates get a
// stage of their own at the end, when nobody else reads the Vars any more.
func (g *graph) sink(updates map[int32]bool) {
	latest := make([]int32, len(g.live))
	for i := range latest {
		latest[i] = g.last + 1
	}
	for _, id := range g.targets() {
		if r := g.root[id]; !updates[r] {
			latest[r] = g.last
		}
	}
	for id := int32(len(g.live)) - 1; id >= 0; id-- {
		if !g.runs(id) {
			continue
		}
		if g.elementwise(id) {
			g.level[id] = max(g.level[id], latest[id])
		}
		for _, a := range g.args(id) {
			r := g.root[a]
			s := g.level[id]
			if !g.fusible(a, id) {
				s--
			}
			latest[r] = min(latest[r], s)
		}
	}
	if len(updates) > 0 {
		g.last++
	}
}

// fuse collects the elementwise steps of one stage, shape and precision into
// groups, and says which values need memory.
func (g *graph) fuse(enabled bool) {
	type key struct {
		level int32
		typ   tensor.Type
	}
	index := map[key]int32{}
	for i := range g.live {
		id := int32(i)
		g.group[id] = -1
		if !g.runs(id) {
			continue
		}
		if !g.elementwise(id) {
			g.stored[id] = true
			continue
		}
		k := key{g.level[id], g.node(id).typ.With(g.node(id).typ.DType.Real())}
		j, ok := index[k]
		if !ok || !enabled {
			j = int32(len(g.groups))
			index[k] = j
			g.groups = append(g.groups, nil)
		}
		g.group[id] = j
		g.groups[j] = append(g.groups[j], id)
	}
	for i := range g.live {
		id := int32(i)
		if !g.runs(id) {
			continue
		}
		for _, a := range g.args(id) {
			if r := g.root[a]; r != a || g.group[r] != g.group[id] || g.group[r] < 0 {
				g.stored[r] = g.runs(r)
			}
		}
	}
	for _, id := range g.targets() {
		g.stored[g.root[id]] = g.runs(g.root[id])
	}
	g.inPlace()
}

// inPlace finds the updates that may be written straight into their Var:
// nothing reads the Var after or while they are written, but for reads of the
// same elements before them in their own group, and an op that may write over
// its argument.
func (g *graph) inPlace() {
	for _, u := range g.updates {
		if u.slot >= 0 || !g.runs(u.value) || g.looped(u.value) || g.group[u.value] < 0 && !g.node(u.value).overwrites(u.v) {
			continue
		}
		if _, taken := g.into[u.value]; taken || !g.quiet(u) {
			continue
		}
		g.into[u.value] = u.v
	}
}

func (g *graph) quiet(u prepared) bool {
	for _, id := range g.targets() {
		if g.root[id] == u.v {
			return false
		}
	}
	for i := range g.live {
		id := int32(i)
		if !g.runs(id) || g.level[id] < g.level[u.value] {
			continue
		}
		for i, a := range g.args(id) {
			if g.root[a] == u.v && (a != u.v || !g.mayRead(id, i, u.value)) {
				return false
			}
		}
	}
	return true
}

// mayRead reports whether argument i of the step id, not before the step value,
// may be what that writes over.
func (g *graph) mayRead(id int32, i int, value int32) bool {
	if g.group[value] < 0 {
		return id == value && i == 0
	}
	late := id > value || id == value && g.node(id).op == opAdd && i > 1 // a sum is written before its third term is read
	return g.group[id] == g.group[value] && !late
}

// block is the place of a value in the arena, and when it is in use.
type block struct {
	id         int32
	from, to   int32
	off, bytes int
}

// plan places every stored value in the arena, and those of a loop in the memory of
// each of its threads.
func (g *graph) plan() {
	if l := g.loop; l != nil {
		l.bytes = g.placed(true, func(id int32, off int) { l.offset[id] = off })
	}
	g.arena = g.placed(false, func(id int32, off int) {
		if id < 0 {
			g.loop.base = off
		} else {
			g.offset[id] = off
		}
	})
}

// placed gives every stored value, of the loop or outside it, its offset and returns how
// many bytes it takes. Values whose lifetimes, counted in stages, do not overlap may
// share memory. The largest are placed first, each at the lowest offset that is free
// during its life. Outside, the memory of all threads of the loop is the value -1.
func (g *graph) placed(loop bool, at func(id int32, off int)) int {
	until, readers := g.lifetimes(loop)
	var blocks []block
	of := map[int32]int{} // which block a value lies in
	for i := range g.live {
		id := int32(i)
		_, direct := g.into[id]
		whole := g.loop != nil && g.loop.whole[id] // outside, and if it is put there also in the loop
		switch {
		case direct, !g.stored[id], !g.runs(id):
			continue
		case whole && loop && !g.loop.put[id], g.looped(id) != loop && !(whole && !loop):
			continue
		}
		if b, ok := g.replaces(id, until, readers, of); ok && !(whole && !loop) {
			blocks[b].to, of[id] = until[id], b
			continue
		}
		from := g.level[id]
		if whole && !loop {
			from = g.loop.first
		}
		of[id] = len(blocks)
		blocks = append(blocks, block{id, from, until[id], 0, g.bytesOf(id, loop)})
	}
	switch {
	case loop:
		for _, id := range g.loop.copies() {
			of[id] = len(blocks)
			blocks = append(blocks, block{id, g.loop.first, until[id], 0, g.bytesOf(id, true)})
		}
	case g.loop != nil:
		of[-1] = len(blocks)
		blocks = append(blocks, block{-1, g.loop.first, g.loop.last, 0, g.loop.threads * g.loop.bytes})
	}
	order := make([]int, len(blocks))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return blocks[order[i]].bytes > blocks[order[j]].bytes })
	bytes := place(blocks, order)
	for id, b := range of {
		at(id, blocks[b].off)
	}
	return bytes
}

// bytesOf returns the bytes of id, or of a part of it, up to the next line.
func (g *graph) bytesOf(id int32, loop bool) int {
	t := g.node(id).typ
	if loop {
		t = partType(t, g.loop.parts)
	}
	return (t.Bytes() + 63) &^ 63
}

// lifetimes returns, for each value of the loop or outside it, the stage of its last
// reader and how many steps read it at that stage.
func (g *graph) lifetimes(loop bool) (until []int32, readers []int) {
	until, readers = make([]int32, len(g.live)), make([]int, len(g.live))
	read := func(r, level int32) {
		if level > until[r] {
			until[r], readers[r] = level, 0
		}
		if level == until[r] {
			readers[r]++
		}
	}
	for i := range g.live {
		id := int32(i)
		if !g.runs(id) {
			continue
		}
		in := g.looped(id)
		if in == loop {
			until[id] = max(until[id], g.level[id])
		}
		for _, a := range g.args(id) {
			r := g.root[a]
			switch {
			case in && !loop:
				read(r, g.loop.last)
			case in == loop:
				read(r, g.level[id])
				if loop {
					if c, ok := g.loop.taken[a]; ok && c != r {
						read(c, g.level[id])
					}
				}
			}
		}
	}
	if loop {
		for id := range g.loop.put {
			until[id] = g.loop.last + 1
		}
		return until, readers
	}
	for _, id := range g.targets() {
		until[g.root[id]] = g.last + 1
	}
	return until, readers
}

// replaces reports whether the step id may write over its argument, which it
// alone reads at its stage and nobody later, and returns the argument's block.
func (g *graph) replaces(id int32, until []int32, readers []int, of map[int32]int) (int, bool) {
	n := g.node(id)
	if !n.op.InPlace {
		return 0, false
	}
	a := g.args(id)[0]
	b, ok := of[a]
	return b, ok && readers[a] == 1 && until[a] == g.level[id] && g.node(a).typ == n.typ
}

// place gives the blocks, in the given order, their offsets and returns how many bytes
// they take.
func place(blocks []block, order []int) (bytes int) {
	placed := make([]block, 0, len(blocks)) // by offset
	for _, i := range order {
		b := &blocks[i]
		for _, p := range placed {
			if p.from <= b.to && b.from <= p.to && p.off < b.off+b.bytes && b.off < p.off+p.bytes {
				b.off = p.off + p.bytes
			}
		}
		at := sort.Search(len(placed), func(i int) bool { return placed[i].off > b.off })
		placed = append(placed, block{})
		copy(placed[at+1:], placed[at:])
		placed[at] = *b
		bytes = max(bytes, b.off+b.bytes)
	}
	return bytes
}
