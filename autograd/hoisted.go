package autograd

// A Hoist is a value that a Program computes once, since it depends on Consts
// alone.
type Hoist struct {
	Name string // of its op
	Pos  string // file:line that recorded it
	Size int    // bytes
}

// Hoisted returns what p computes once per Tape, in the order of recording.
func (p *Program) Hoisted() []Hoist { return p.hoisted }

// hoists lists what g hoists.
func (g *graph) hoists() (list []Hoist) {
	for i := range g.live {
		id := int32(i)
		if n := g.node(id); g.live[id] && g.static[id] && !n.leaf() && g.root[id] == id {
			list = append(list, Hoist{n.op.Name, n.pos.String(), n.typ.Bytes()})
		}
	}
	return list
}

// Steps returns what p runs, in the order of Profile. Their tensors lie on the
// Tape's backend and must not be written.
func (p *Program) Steps() []Step { return p.steps }
