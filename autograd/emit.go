package autograd

import (
	"sort"

	"github.com/percept-go/percept/tensor"
)

// memory returns the tensor that holds node id.
func (g *graph) memory(id int32, arena tensor.Memory) tensor.Tensor {
	r := g.root[id]
	x := g.layout[id]
	base, ok := g.tape.resident[r]
	if v, direct := g.into[r]; direct {
		base, ok = g.tape.resident[v], true
	}
	if !ok {
		base = tensor.Wrap(arena, g.node(r).typ, g.offset[r]/g.node(r).typ.DType.Size())
	}
	x.Mem = base.Mem
	x.Offset += base.Offset
	return x
}

// A unit is a node or a group that becomes one step.
type unit struct {
	level, first int32
	group        int32 // or -1
}

// A placer says where values are: outside the loop, or in it for a thread.
type placer struct {
	g      *graph
	arena  tensor.Memory
	thread int // -1: outside
}

// at returns the tensor that holds id, or the part of it that the thread works on.
func (p placer) at(id int32) tensor.Tensor {
	if p.thread < 0 {
		return p.g.memory(id, p.arena)
	}
	x, _ := p.inLoop(id, false)
	return x
}

// ofGroup is at for an operand of a group: in a loop, that may be part 0 of a value that
// lies whole, and move says how many elements further on the next part is.
func (p placer) ofGroup(id int32) (x tensor.Tensor, move int) {
	if p.thread < 0 {
		return p.g.memory(id, p.arena), 0
	}
	return p.inLoop(id, true)
}

// emit lists the steps in the order of their stages; last come the updates
// that could not be written in place.
func (g *graph) emit(arena tensor.Memory) []Step {
	var units []unit
	for i := range g.live {
		id := int32(i)
		if _, left := g.leaves[id]; g.runs(id) && g.group[id] < 0 && !left {
			units = append(units, unit{g.level[id], id, -1})
		}
	}
	for i, ids := range g.groups {
		units = append(units, unit{g.level[ids[0]], ids[0], int32(i)})
	}
	sort.Slice(units, func(i, j int) bool {
		a, b := units[i], units[j]
		return a.level < b.level || a.level == b.level && a.first < b.first
	})
	var steps []Step
	for len(units) > 0 {
		n := 0
		for n < len(units) && g.looped(units[n].first) {
			n++
		}
		if n > 0 {
			steps = append(steps, g.emitLoop(units[:n], arena))
			units = units[n:]
			continue
		}
		steps = append(steps, placer{g, arena, -1}.emit(units[0]))
		units = units[1:]
	}
	return append(steps, g.emitUpdates(arena)...)
}

func (p placer) emit(u unit) Step {
	if u.group >= 0 {
		return p.emitGroup(p.g.groups[u.group])
	}
	return p.emitNode(u.first)
}

// emitNode makes the step of one node.
func (p placer) emitNode(id int32) Step {
	g := p.g
	if g.group[id] >= 0 {
		return p.emitGroup([]int32{id})
	}
	n := g.node(id)
	s := Step{Op: n.op, Attr: n.attr, Level: int(g.level[id]), Pos: n.pos.String(), Out: []tensor.Tensor{p.at(id)}, args: g.args(id)}
	if y, ok := g.modulus[id]; ok {
		s.Out = append(s.Out, p.at(y))
	}
	shared := uint64(0)
	if p.thread >= 0 {
		s.Attr, shared = g.loop.attr[id], g.loop.shared[id]
	}
	for i, a := range g.args(id) {
		if shared>>i&1 != 0 {
			s.In = append(s.In, g.memory(a, p.arena))
		} else {
			s.In = append(s.In, p.at(a))
		}
	}
	return s
}

// emitUpdates lists the rows first: their slots may be Vars that the copies
// after them change.
func (g *graph) emitUpdates(arena tensor.Memory) []Step {
	var rows, copies []Step
	for _, u := range g.updates {
		dst := g.tape.resident[u.v]
		value := g.memory(u.value, arena)
		pos := g.node(u.value).pos.String()
		if u.slot >= 0 {
			in := []tensor.Tensor{value, g.memory(u.slot, arena)}
			if u.guard >= 0 {
				in = append(in, g.memory(u.guard, arena))
			}
			rows = append(rows, Step{Op: opStoreRow, Out: []tensor.Tensor{dst}, In: in, Level: int(g.last) + 1, Pos: pos})
			continue
		}
		if v, direct := g.into[u.value]; direct && v == u.v {
			continue
		}
		copies = append(copies, Step{Op: opAssign, Out: []tensor.Tensor{dst}, In: []tensor.Tensor{value}, Level: int(g.last) + 2, Pos: pos})
	}
	return append(rows, copies...)
}

// opAssign is the step that copies an update into its Var.
var opAssign = &Op{Name: "assign", Doc: "copies a value into a Var", FLOPs: noFLOPs,
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) { tensor.Copy(out, in[0]) }}

// emitGroup makes the step of one fused group.
func (p placer) emitGroup(ids []int32) Step {
	g := p.g
	s := Step{Level: int(g.level[ids[0]]), Pos: g.node(ids[0]).pos.String()}
	index := map[int32]int{}
	inside := map[int32]bool{}
	for _, id := range ids {
		inside[id] = true
	}
	for _, id := range ids {
		for _, a := range g.node(id).args {
			if _, ok := index[a]; !ok && !inside[a] {
				index[a] = len(s.In)
				x, move := p.ofGroup(a)
				s.In, s.Moves = append(s.In, x), append(s.Moves, move)
			}
		}
	}
	for _, id := range ids {
		n := g.node(id)
		in := Instr{Op: n.op, Attr: n.attr, Type: n.typ, Out: -1}
		if p.thread >= 0 {
			in.Type = partType(n.typ, g.loop.parts)
		}
		for _, a := range n.args {
			in.Args = append(in.Args, index[a])
		}
		index[id] = len(s.In) + len(s.Body)
		if g.stored[id] {
			in.Out = len(s.Out)
			x, move := p.ofGroup(id)
			s.Out, s.Moves = append(s.Out, x), append(s.Moves, move)
		}
		s.Body = append(s.Body, in)
	}
	return s
}
