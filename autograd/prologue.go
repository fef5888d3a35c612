package autograd

import (
	"sort"

	"github.com/percept-go/percept/tensor"
)

// placeConsts brings the Consts that g reads to the backend.
func (t *Tape) placeConsts(g *graph) error {
	_, host := t.backend.(onHost)
	for i := range g.live {
		id := int32(i)
		n := &t.nodes[id]
		if !g.live[id] || n.op != opConst {
			continue
		}
		if _, ok := t.resident[id]; ok {
			continue
		}
		c := n.attr.(tensor.Tensor)
		if _, isHost := c.Mem.(*tensor.Host); host && isHost {
			t.resident[id] = c
			continue
		}
		x, err := t.stored(c)
		if err != nil {
			return err
		}
		t.resident[id] = x
	}
	return nil
}

// onHost marks a Backend whose kernels read any host memory.
type onHost interface{ onHost() }

// runPrologue computes, once, the static values that the loop reads and keeps
// them resident. It returns their bytes.
func (t *Tape) runPrologue(g *graph) (int, error) {
	need := g.staticReads()
	var missing []int32
	total := 0
	for _, id := range need {
		total += t.nodes[id].typ.Bytes()
		if _, ok := t.resident[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return total, nil
	}
	return total, t.compute(missing)
}

// staticReads returns the static roots, other than Consts, that steps of the
// loop or targets read.
func (g *graph) staticReads() []int32 {
	seen := map[int32]bool{}
	read := func(id int32) {
		if r := g.root[id]; g.static[r] && !g.node(r).leaf() {
			seen[r] = true
		}
	}
	for i := range g.live {
		if id := int32(i); g.runs(id) {
			for _, a := range g.node(id).args {
				read(a)
			}
		}
	}
	for _, id := range g.targets() {
		read(id)
	}
	ids := make([]int32, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	return ids
}

// compute evaluates static values and makes them resident in one block.
func (t *Tape) compute(ids []int32) error {
	g := newGraph(t, ids, nil)
	for id := range t.resident {
		g.static[id] = true
	}
	if err := g.prune(); err != nil {
		return err
	}
	if err := t.placeConsts(g); err != nil {
		return err
	}
	g.layouts()
	g.schedule(passes{})
	arena, err := t.backend.Alloc(g.arena)
	if err != nil {
		return err
	}
	defer arena.Free()
	steps := g.emit(arena)
	bound, err := t.backend.Bind(steps)
	if err != nil {
		return err
	}
	defer bound.Close()
	if err := bound.Run(); err != nil {
		return err
	}
	bytes := 0
	for _, id := range ids {
		bytes += (t.nodes[id].typ.Bytes() + 63) &^ 63
	}
	block, err := t.backend.Alloc(bytes)
	if err != nil {
		return err
	}
	off := 0
	for _, id := range ids {
		typ := t.nodes[id].typ
		x := tensor.Wrap(block, typ, off/typ.DType.Size())
		if err := t.backend.Copy(x, g.memory(id, arena)); err != nil {
			return err
		}
		t.resident[id] = x
		off += (typ.Bytes() + 63) &^ 63
	}
	return nil
}
