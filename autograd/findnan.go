package autograd

import (
	"fmt"
	"math/cmplx"
	"sort"

	"github.com/percept-go/percept/tensor"
)

// A NonFinite is the place where a NaN or an infinity appears first.
type NonFinite struct {
	Value Value  // has one though the arguments of its op have none
	Op    string // the op; "var" or "const" for a leaf that holds one
	Pos   string // file:line, outside the engine, that recorded it
}

// String returns "file:line: op makes the first NaN or infinity".
func (n *NonFinite) String() string {
	if n.Value.node().leaf() {
		return fmt.Sprintf("%s: %s %q holds a NaN or infinity", n.Pos, n.Op, fmt.Sprint(n.Value.node().attr))
	}
	return fmt.Sprintf("%s: %s makes the first NaN or infinity", n.Pos, n.Op)
}

// FindNaN computes what p computes from the Vars as they are now, op by op, and
// returns the first op in order of recording that makes a NaN or an infinity
// which reaches an output or an Update; nil if these are finite. Nothing is
// stored. Since Updates under a guard on finite(loss) keep the state before a
// NaN, FindNaN names the line that made it. It errs as Compile and Run do.
func (p *Program) FindNaN() (*NonFinite, error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	t := p.tape
	defer t.enter("FindNaN")()
	g := newGraph(t, p.unguarded(), nil)
	if err := g.prune(); err != nil {
		return nil, err
	}
	bad, err := g.nonFinite()
	if err != nil {
		return nil, err
	}
	id := g.firstOf(bad)
	if id < 0 {
		return nil, nil
	}
	n := &t.nodes[id]
	return &NonFinite{Value{t, id}, n.op.Name, n.pos.String()}, nil
}

// unguarded returns what p computes, and what its guard may hold back.
func (p *Program) unguarded() []int32 {
	g := graph{outs: p.outs, updates: p.updates}
	ids := g.targets()
	for _, u := range p.updates {
		ids = append(ids, u.given)
		if n := &p.tape.nodes[u.given]; n.overwrites(u.v) { // it holds back by itself
			ids = append(ids, n.args[1:]...)
		}
	}
	return ids
}

// nonFinite runs g one op at a time and marks the nodes whose results have a
// NaN or an infinity; views are marked like what they show.
func (g *graph) nonFinite() ([]bool, error) {
	t := g.tape
	if err := t.placeConsts(g); err != nil {
		return nil, err
	}
	g.layouts()
	g.schedule(passes{noFuse: true, noLoop: true})
	arena, err := t.backend.Alloc(g.arena)
	if err != nil {
		return nil, err
	}
	defer arena.Free()
	bad := make([]bool, len(g.live))
	for _, id := range g.inStages() {
		if g.runs(id) {
			if err := t.once(placer{g, arena, -1}.emitNode(id)); err != nil {
				return nil, err
			}
		}
		if bad[id], err = t.holdsNonFinite(g.memory(id, arena)); err != nil {
			return nil, err
		}
	}
	for id, live := range g.live {
		bad[id] = live && bad[g.root[id]]
	}
	return bad, nil
}

// inStages returns the nodes that have memory of their own, by stage.
func (g *graph) inStages() []int32 {
	var ids []int32
	for i, live := range g.live {
		if id := int32(i); live && g.root[id] == id {
			ids = append(ids, id)
		}
	}
	sort.SliceStable(ids, func(i, j int) bool { return g.level[ids[i]] < g.level[ids[j]] })
	return ids
}

// once binds and runs a single step.
func (t *Tape) once(s Step) error {
	b, err := t.backend.Bind([]Step{s})
	if err != nil {
		return err
	}
	defer b.Close()
	return b.Run()
}

// holdsNonFinite reports whether x, on t's backend, has a NaN or an infinity.
func (t *Tape) holdsNonFinite(x tensor.Tensor) (bool, error) {
	host := tensor.New(x.DType, x.Shape()...)
	if err := t.backend.Copy(host, x); err != nil {
		return false, err
	}
	for i := range host.Len() {
		if v := host.Load(i); cmplx.IsNaN(v) || cmplx.IsInf(v) {
			return true, nil
		}
	}
	return false, nil
}

// firstOf returns the first bad node without bad arguments from which bad
// nodes lead to a target, or -1.
func (g *graph) firstOf(bad []bool) int32 {
	flows := make([]bool, len(bad))
	for _, id := range g.outs {
		flows[id] = bad[id]
	}
	first := int32(-1)
	for id := int32(len(bad)) - 1; id >= 0; id-- {
		if !flows[id] {
			continue
		}
		made := true
		for _, a := range g.node(id).args {
			if bad[a] {
				flows[a], made = true, false
			}
		}
		if made {
			first = id
		}
	}
	return first
}
