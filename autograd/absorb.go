package autograd

// masks is implemented by a Backend whose transforms multiply by a mask as they
// load and leave moduli as they store. A Step of such an op may have a real mask as
// second argument, and the modulus of its result as second result.
type masks interface {
	// Masks reports whether the kernel of op does so. Of a result whose modulus is
	// asked for nothing else is read.
	Masks(op *Op) bool
}

// absorb makes the product with a mask that only a transform reads, and the modulus
// that alone reads what it gives, part of the transform's step.
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
		if x, m, ok := g.masked(g.node(id).args[0]); ok && readers[g.node(id).args[0]] == 1 {
			g.absorbed[g.node(id).args[0]] = true
			g.instead[id] = []int32{x, m}
		}
		if y, ok := moduli[id]; ok && readers[id] == 1 {
			g.modulus[id], g.leaves[y] = y, id
		}
	}
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

// masked returns the complex and the real factor that id is the product of.
func (g *graph) masked(id int32) (x, mask int32, ok bool) {
	n := g.node(id)
	if g.root[id] != id || !g.runs(id) || n.op != opMul {
		return 0, 0, false
	}
	x, mask = n.args[0], n.args[1]
	if !g.node(x).typ.DType.IsComplex() {
		x, mask = mask, x
	}
	return x, mask, g.node(x).typ.DType.IsComplex() && !g.node(mask).typ.DType.IsComplex()
}

// args returns the values that the step of id reads.
func (g *graph) args(id int32) []int32 {
	if a, ok := g.instead[id]; ok {
		return a
	}
	return g.node(id).args
}
