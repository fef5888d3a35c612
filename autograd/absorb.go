package autograd

// masks is implemented by a Backend whose transforms take more than their argument
// as they load and leave more than their result as they store. A Step of such an op
// may have
//
//   - a real mask as second argument, by which a complex first one is multiplied;
//   - for fft a real argument, which stands for the complex one of the same values;
//   - for rfft a complex argument, of which the moduli are transformed;
//   - the modulus of its result as second result. Nothing else is then read.
type masks interface {
	// Masks reports whether the kernel of op does so.
	Masks(op *Op) bool
}

// absorb makes what only a transform reads, and can take as it loads, and the
// modulus that alone reads what it gives, part of the transform's step.
func (g *graph) absorb() {
	b, ok := g.tape.backend.(masks)
	if !ok {
		return
	}
	readers, moduli := g.readers()
	for i := range g.live {
		id := int32(i)
		if !g.runs(id) || !b.Masks(g.node(id).op) {
			continue
		}
		a := g.node(id).args[0]
		if args := g.taken(g.node(id).op, a); args != nil && readers[a] == 1 {
			g.absorbed[a], g.instead[id] = true, args
		}
		if y, ok := moduli[id]; ok && readers[id] == 1 {
			g.modulus[id], g.leaves[y] = y, id
		}
	}
}

// taken returns what a transform reads in place of its argument a, nil if that has
// to be there.
func (g *graph) taken(op *Op, a int32) []int32 {
	n := g.node(a)
	if g.root[a] != a || !g.runs(a) {
		return nil
	}
	isComplex := func(id int32) bool { return g.node(id).typ.DType.IsComplex() }
	switch {
	case op == opRFFT && n.op == opAbs && isComplex(n.args[0]):
		return n.args
	case op == opFFT && n.op == opMakeComplex && g.zero(n.args[1]):
		return n.args[:1]
	case n.op == opMul && isComplex(n.args[0]) != isComplex(n.args[1]):
		if isComplex(n.args[1]) {
			return []int32{n.args[1], n.args[0]}
		}
		return n.args
	}
	return nil
}

// zero reports whether all elements of id are the constant 0.
func (g *graph) zero(id int32) bool {
	for g.node(id).op.View != nil {
		id = g.node(id).args[0]
	}
	f, ok := g.node(id).attr.(fillAttr)
	return ok && f.value == 0
}

// readers counts the steps and targets that read each value, directly or by views,
// and finds the moduli of complex values.
func (g *graph) readers() (count []int, moduli map[int32]int32) {
	count, moduli = make([]int, len(g.live)), map[int32]int32{}
	for i := range g.live {
		id := int32(i)
		if !g.runs(id) {
			continue
		}
		for _, a := range g.node(id).args {
			count[g.root[a]]++
		}
		if a := g.node(id).args; g.node(id).op == opAbs && g.root[a[0]] == a[0] && g.node(a[0]).typ.DType.IsComplex() {
			moduli[a[0]] = id
		}
	}
	for _, id := range g.targets() {
		count[g.root[id]] += 2
	}
	return count, moduli
}

// args returns the values that the step of id reads.
func (g *graph) args(id int32) []int32 {
	if a, ok := g.instead[id]; ok {
		return a
	}
	return g.node(id).args
}
