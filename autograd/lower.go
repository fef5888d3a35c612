package autograd

import "slices"

// lowers is implemented by a Backend with kernels for ops that are defined by
// Lower; without it such ops run as their composition.
type lowers interface {
	// Has reports whether the backend has a kernel of its own for op.
	Has(op *Op) bool
}

// Has reports whether the CPU has a body for op.
func (c CPU) Has(op *Op) bool { return op.CPU != nil }

// lower makes p compute what was asked for with values in which every op that
// the backend has no kernel for is its composition.
func (p *Program) lower() {
	t := p.tape
	p.outs, p.updates = slices.Clone(p.asked.outs), slices.Clone(p.asked.updates)
	p.moves = t.moves
	l := lowering{tape: t, has: func(op *Op) bool { return false }, to: map[int32]int32{}}
	if b, ok := t.backend.(lowers); ok {
		l.has = b.Has
	}
	for i, id := range p.outs {
		p.outs[i] = l.replace(id)
	}
	for i := range p.updates {
		u := &p.updates[i]
		u.value, u.given = l.replace(u.value), l.replace(u.given)
		if u.slot >= 0 {
			u.slot = l.replace(u.slot)
		}
		if u.guard >= 0 {
			u.guard = l.replace(u.guard)
		}
	}
}

// lowering records the values of a Tape again where an op is replaced.
type lowering struct {
	tape *Tape
	has  func(*Op) bool
	to   map[int32]int32
}

// replace returns the value that stands for id.
func (l *lowering) replace(id int32) int32 {
	need := []int32{id}
	for len(need) > 0 {
		top := need[len(need)-1]
		if _, done := l.to[top]; done {
			need = need[:len(need)-1]
			continue
		}
		ready := true
		for _, a := range l.tape.nodes[top].args {
			if _, done := l.to[a]; !done {
				need, ready = append(need, a), false
			}
		}
		if !ready {
			continue
		}
		need = need[:len(need)-1]
		if to, again := l.one(top); again {
			need = append(need, to)
			l.to[top] = -to - 1 // resolved once to is
		} else {
			l.to[top] = to
		}
	}
	return l.resolve(id)
}

// resolve follows a replacement that was itself replaced.
func (l *lowering) resolve(id int32) int32 {
	to := l.to[id]
	if to < 0 {
		to = l.resolve(-to - 1)
		l.to[id] = to
	}
	return to
}

// one replaces a node whose arguments are done. again says that the result is
// a composition, which has to be looked at in turn.
func (l *lowering) one(id int32) (to int32, again bool) {
	n := l.tape.nodes[id]
	args, changed := make([]Value, len(n.args)), false
	for i, a := range n.args {
		to := l.resolve(a)
		args[i] = Value{l.tape, to}
		changed = changed || to != a
	}
	at := n.pos
	l.tape.at = &at
	defer func() { l.tape.at = nil }()
	switch {
	case n.op == opPin: // no constructor follows
		return args[0].id, false
	case n.op.Lower != nil && !l.has(n.op):
		return n.op.Lower(n.attr, l.tape.pin(args)).id, true
	case changed:
		return l.tape.apply(n.op, n.attr, args...).id, false
	}
	return id, false
}
