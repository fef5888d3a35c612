package autograd

import (
	"math"
	"slices"

	"github.com/percept-go/percept/tensor"
)

// A term is a factor of an equation: each index is on one axis.
type term struct {
	v    Value
	axes []index
}

// run records the equation.
func (e *equation) run() Value {
	terms, masks := make([]term, len(e.in)), make([]uint64, len(e.in))
	for i, v := range e.given {
		terms[i] = e.squeeze(diagonals(term{v, e.in[i]}))
		masks[i] = mask(terms[i].axes)
	}
	out := mask(e.out)
	for i := range terms {
		terms[i] = e.sumPrivate(terms[i], out|others(masks, i, i))
		masks[i] = mask(terms[i].axes)
	}
	pairs, _ := e.order(masks, out)
	for _, p := range pairs {
		keep := out | others(masks, p[0], p[1])
		t := e.pair(terms[p[0]], terms[p[1]], keep)
		terms = append(drop(terms, p), t)
		masks = append(drop(masks, p), mask(t.axes))
	}
	y := terms[0].arranged(e.out)
	if d := y.Type().DType; e.wide {
		return y.Cast(d | tensor.Float64)
	}
	return y
}

// drop returns s without two of its elements.
func drop[E any](s []E, p [2]int) []E {
	return slices.Delete(slices.Delete(slices.Clone(s), p[1], p[1]+1), p[0], p[0]+1)
}

// others returns the indices of all terms but two.
func others(masks []uint64, i, j int) (m uint64) {
	for k, x := range masks {
		if k != i && k != j {
			m |= x
		}
	}
	return m
}

// diagonals takes the diagonal of every index that occurs twice.
func diagonals(t term) term {
	for i := 0; i < len(t.axes); i++ {
		for j := i + 1; j < len(t.axes); j++ {
			if t.axes[i] == t.axes[j] {
				t = term{t.v.diagonal(i, j), append(slices.Delete(slices.Delete(slices.Clone(t.axes), j, j+1), i, i+1), t.axes[i])}
				i = -1
				break
			}
		}
	}
	return t
}

// diagonal returns the elements of x whose indices along axes i < j are equal,
// along a last axis that takes the place of the two.
func (x Value) diagonal(i, j int) Value {
	t := x.Type()
	n := t.Dim[i]
	var rest, shape []int
	for a := range int(t.Rank) {
		if a != i && a != j {
			rest, shape = append(rest, a), append(shape, t.Dim[a])
		}
	}
	square := x.Permute(append(rest, i, j)...).Reshape(append(shape, n*n)...)
	return square.CropStep(len(rest), 0, n*n, n+1)
}

// squeeze drops the axes of size 1 of indices that are longer elsewhere.
func (e *equation) squeeze(t term) term {
	var axes []index
	var shape []int
	for a, x := range t.axes {
		if n := t.v.Type().Dim[a]; n == e.size[x] {
			axes, shape = append(axes, x), append(shape, n)
		}
	}
	return term{t.v.Reshape(shape...), axes}
}

// sumPrivate sums over the indices that are not to be kept.
func (e *equation) sumPrivate(t term, keep uint64) term {
	var gone []int
	var axes []index
	for a, x := range t.axes {
		if keep&x.bit() == 0 {
			gone = append(gone, a)
		} else {
			axes = append(axes, x)
		}
	}
	switch {
	case len(gone) == 0:
		return t
	case e.wide:
		return term{t.v.SumWide(gone...), axes}
	}
	return term{t.v.Sum(gone...), axes}
}

// arranged returns t's value with its axes in the given order; an index that t
// does not have gets an axis of size 1.
func (t term) arranged(order []index) Value {
	var perm, shape []int
	for _, x := range order {
		n := 1
		if a := slices.Index(t.axes, x); a >= 0 {
			perm, n = append(perm, a), t.v.Type().Dim[a]
		}
		shape = append(shape, n)
	}
	return t.v.Permute(perm...).Reshape(shape...)
}

// exhaustive is the most terms for which every order is tried.
const exhaustive = 4

// order returns the pairs to multiply one after the other, and the number of
// products. A pair is removed from the list and its result appended.
func (e *equation) order(masks []uint64, out uint64) ([][2]int, float64) {
	if len(masks) == 1 {
		return nil, 0
	}
	if len(masks) > exhaustive {
		p, cost := e.cheapest(masks)
		rest, more := e.order(e.joined(masks, p, out), out)
		return append([][2]int{p}, rest...), cost + more
	}
	var best [][2]int
	least := math.Inf(1)
	for j := range masks {
		for i := range j {
			p := [2]int{i, j}
			rest, cost := e.order(e.joined(masks, p, out), out)
			if cost += e.elements(masks[i] | masks[j]); cost < least {
				least, best = cost, append([][2]int{p}, rest...)
			}
		}
	}
	return best, least
}

// cheapest returns the pair whose product needs the fewest operations.
func (e *equation) cheapest(masks []uint64) (p [2]int, cost float64) {
	cost = math.Inf(1)
	for j := range masks {
		for i := range j {
			if c := e.elements(masks[i] | masks[j]); c < cost {
				p, cost = [2]int{i, j}, c
			}
		}
	}
	return p, cost
}

// joined returns masks with the pair p replaced by its product.
func (e *equation) joined(masks []uint64, p [2]int, out uint64) []uint64 {
	keep := out | others(masks, p[0], p[1])
	return append(drop(masks, p), (masks[p[0]]|masks[p[1]])&keep)
}

// pair multiplies two terms and sums over what they share and nobody keeps.
func (e *equation) pair(a, b term, keep uint64) term {
	a, b = e.samePrecision(a, b)
	shared := mask(a.axes) & mask(b.axes)
	summed := shared &^ keep
	batch, m, n, k := e.groups(a, b, shared, summed)
	if rank := len(batch) + len(m) + len(n); rank > tensor.MaxRank {
		fail("einsum", e.given, "a product of two operands has %d indices; at most %d are possible", rank, tensor.MaxRank)
	}
	if len(k) == 0 || len(m)+len(n) == 0 && !e.isDot(a, b, summed) {
		return e.multiply(a, b, keep)
	}
	if e.before(n, m) {
		a, b, m, n = b, a, n, m
	}
	x := a.matrix(e, batch, m, k)
	y := b.matrix(e, batch, k, n)
	axes := slices.Concat(batch, m, n)
	return term{contract(x, y, e.wide).Reshape(e.shape(axes)...), axes}
}

// isDot reports whether a sum of products along shared axes alone is one of
// long rows, and so worth a contraction; otherwise it is an elementwise product
// and a sum.
func (e *equation) isDot(a, b term, summed uint64) bool {
	const long = 32
	axes := larger(a, b).axes
	return e.elements(summed) >= long && axes[len(axes)-1].bit()&summed != 0
}

// larger returns the term with more elements; a if there is none.
func larger(a, b term) term {
	if b.v.Type().Len() > a.v.Type().Len() {
		return b
	}
	return a
}

// samePrecision widens the narrower of two terms.
func (e *equation) samePrecision(a, b term) (term, term) {
	p, q := a.v.Type().DType, b.v.Type().DType
	a.v, b.v = a.v.Cast(p|q.Real()), b.v.Cast(q|p.Real())
	return a, b
}

// groups sorts the indices of two terms: on both and kept, on a alone, on b
// alone, summed. Each is in an order that likely needs no copy.
func (e *equation) groups(a, b term, shared, summed uint64) (batch, m, n, k []index) {
	for _, x := range slices.Concat(larger(a, b).axes, a.axes, b.axes) {
		switch bit := x.bit(); {
		case bit&summed != 0:
			k, summed = append(k, x), summed&^bit
		case slices.Contains(slices.Concat(batch, m, n, k), x):
		case bit&shared != 0:
			batch = append(batch, x)
		case slices.Contains(a.axes, x):
			m = append(m, x)
		default:
			n = append(n, x)
		}
	}
	return batch, m, n, k
}

// before reports whether the output has x before y.
func (e *equation) before(x, y []index) bool {
	if len(x) == 0 || len(y) == 0 {
		return false
	}
	i, j := slices.Index(e.out, x[0]), slices.Index(e.out, y[0])
	return i >= 0 && j >= 0 && i < j
}

// shape returns the sizes of some indices.
func (e *equation) shape(axes []index) []int {
	s := make([]int, len(axes))
	for i, x := range axes {
		s[i] = e.size[x]
	}
	return s
}

// matrix returns t with three groups of indices as its three axes.
func (t term) matrix(e *equation, groups ...[]index) Value {
	shape := make([]int, len(groups))
	for i, g := range groups {
		shape[i] = 1
		for _, x := range g {
			shape[i] *= e.size[x]
		}
	}
	return t.arranged(slices.Concat(groups...)).Reshape(shape...)
}

// multiply is pair by an elementwise product. Its axes stand in the order of the
// output, or in that of the larger term if some are summed over.
func (e *equation) multiply(a, b term, keep uint64) term {
	all := mask(a.axes) | mask(b.axes)
	order := e.out
	if all&^keep != 0 {
		order = larger(a, b).axes
	}
	var axes []index
	for _, x := range slices.Concat(order, a.axes, b.axes) {
		if all&x.bit() != 0 && !slices.Contains(axes, x) {
			axes = append(axes, x)
		}
	}
	if e.wide {
		a.v, b.v = a.v.Cast(a.v.Type().DType|tensor.Float64), b.v.Cast(b.v.Type().DType|tensor.Float64)
	}
	if len(axes) > tensor.MaxRank {
		fail("einsum", e.given, "a product of two operands has %d indices; at most %d are possible", len(axes), tensor.MaxRank)
	}
	return e.sumPrivate(term{a.arranged(axes).Mul(b.arranged(axes)), axes}, keep)
}
