package optim

import (
	"math"

	"github.com/percept-go/percept/autograd"
)

// curvedEnough is the least cosine between step and change of gradient, among
// the free elements, of a pair that counts.
const curvedEnough = 1e-6

// The ops of Tangent are compositions, so that they run on every backend; nobody
// differentiates them.

// A direction is algorithm 7.4 of Nocedal and Wright restricted to the free
// elements, applied to the projected gradient p and to the normal n: the step that
// is orthogonal to n and best for the quadratic model. Three ops make it, since
// what the recursion starts from in its middle, the initial inverse Hessian, is a
// filter (see tangentMetric). Their last argument is (active, pairs, next row).

// opTangentShares has rows by age: of y in p, of y in n, and 1/yᵀs; all are 0 for
// a pair that does not count.
var opTangentShares = rowOp(autograd.Op{
	Name: "tangent-shares", Doc: "the shares of the changes of the gradient in p and n, by age, and 1/yᵀs, given p, n, 1 for the free, steps, changes of the gradient and (active, pairs, next row)",
	Lower: func(_ any, in []autograd.Value) autograd.Value { return tangentShares(in) },
	CPU:   tangentDType(3, tangentSharesBody[float32], tangentSharesBody[float64]),
}, nil, "=N3R", "xNP", "xNP", "xNP", "hNRP", "hNRP", "=N3")

var opTangentDescend = rowOp(autograd.Op{
	Name: "tangent-descend", Doc: "p and n without their shares of the changes of the gradient, given p, n, 1 for the free, the changes, the shares and (active, pairs, next row)",
	Lower: func(_ any, in []autograd.Value) autograd.Value { return tangentDescend(in) },
	CPU:   tangentDType(3, tangentDescendBody[float32], tangentDescendBody[float64]),
}, nil, "xN2P", "xNP", "xNP", "xNP", "hNRP", "=N3R", "=N3")

var opTangentDirection = rowOp(autograd.Op{
	Name: "tangent-direction", Doc: "−(Hp − Hn·nᵀHp/nᵀHn) among free elements, given n, 1 for the free, the results of tangent-descend times the initial inverse Hessian, steps, changes of the gradient, shares and (active, pairs, next row); 0 where not active",
	Lower: func(_ any, in []autograd.Value) autograd.Value { return tangentDirection(in) },
	CPU:   tangentDType(3, tangentDirectionBody[float32], tangentDirectionBody[float64]),
}, nil, "xNP", "xNP", "xNP", "xN2P", "hNRP", "hNRP", "=N3R", "=N3")

// opTangentMultiplier finds the root of a function that grows piecewise linearly,
// by Newton steps within a bracket.
var opTangentMultiplier = rowOp(autograd.Op{
	Name: "tangent-multiplier", Doc: "μ for which g−μc is orthogonal to c over the elements that it does not push out of the bounds, given x, g and c",
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		return tangentMultiplier(attr.([2]float64), in[0], in[1], in[2])
	},
	CPU: bindTangentMultiplier,
}, [2]float64{-.5, .5}, "=N", "xNP", "xNP", "xNP")

// tangentPairs are the pairs of the history, as compositions need them.
type tangentPairs struct {
	free, state autograd.Value
	rows        int
}

// of returns the vector of the pair of the given age, of free elements.
func (h tangentPairs) of(x autograd.Value, age int) autograd.Value {
	n := func(v float64) autograd.Value { return scalarOf(x.Tape(), v) }
	row := column(h.state, 2).AddScalar(float64(-1 - age))
	row = autograd.Where(row.Lt(n(0)), row.AddScalar(float64(h.rows)), row)
	return x.Row(row).Cast(h.free.Type().DType).Mul(h.free)
}

func tangentShares(in []autograd.Value) autograd.Value {
	q, r, s, y, state := in[0], in[1], in[3], in[4], in[5]
	h := tangentPairs{in[2], state, s.Type().Dim[1]}
	n := func(v float64) autograd.Value { return scalarOf(q.Tape(), v) }
	var all []autograd.Value
	for age := range h.rows {
		ps, py := h.of(s, age), h.of(y, age)
		ys := dotWide(ps, py)
		curved := ys.Gt(dotWide(ps, ps).Mul(dotWide(py, py)).Sqrt().Scale(curvedEnough))
		counts := curved.Mul(column(state, 1).Gt(n(float64(age)))).Mul(column(state, 0))
		inverse := autograd.Where(counts, quotient(n(1), ys), n(0))
		a, b := dotWide(ps, q).Mul(inverse), dotWide(ps, r).Mul(inverse)
		q, r = q.Sub(py.Mul(per(a, q))), r.Sub(py.Mul(per(b, r)))
		all = append(all, columns(a, b, inverse))
	}
	return autograd.Stack(2, all...)
}

func tangentDescend(in []autograd.Value) autograd.Value {
	q, r, y, shares, state := in[0], in[1], in[3], in[4], in[5]
	h := tangentPairs{in[2], state, y.Type().Dim[1]}
	for age := range h.rows {
		py := h.of(y, age)
		q, r = q.Sub(py.Mul(per(share(shares, 0, age), q))), r.Sub(py.Mul(per(share(shares, 1, age), r)))
	}
	return autograd.Stack(1, q, r)
}

// share returns element (kind, age) of each image's shares.
func share(shares autograd.Value, kind, age int) autograd.Value {
	return shares.Crop(1, kind, kind+1).Crop(2, age, age+1).Reshape(shares.Type().Dim[0])
}

func tangentDirection(in []autograd.Value) autograd.Value {
	normal, s, y, shares, state := in[0], in[3], in[4], in[5], in[6]
	h := tangentPairs{in[1], state, s.Type().Dim[1]}
	q, r := in[2].Crop(1, 0, 1).Reshape(normal.Type().Shape()...), in[2].Crop(1, 1, 2).Reshape(normal.Type().Shape()...)
	for age := h.rows - 1; age >= 0; age-- {
		ps, py, inverse := h.of(s, age), h.of(y, age), share(shares, 2, age)
		a := share(shares, 0, age).Sub(dotWide(py, q).Mul(inverse))
		b := share(shares, 1, age).Sub(dotWide(py, r).Mul(inverse))
		q, r = q.Add(ps.Mul(per(a, q))), r.Add(ps.Mul(per(b, r)))
	}
	along := quotient(dotWide(normal, q), dotWide(normal, r))
	return r.Mul(per(along, r)).Sub(q).Mul(per(column(state, 0), q))
}

func tangentMultiplier(bounds [2]float64, x, g, c autograd.Value) autograd.Value {
	t, inf := x.Tape(), math.Inf(1)
	one := t.Full(x.Type(), 1)
	low, high := scalarOf(t, -inf).Expand(x.Type().Dim[0]), scalarOf(t, inf).Expand(x.Type().Dim[0])
	m := quotient(dotWide(g, c), dotWide(c, c))
	for range tangentRounds {
		p := g.Sub(c.Mul(per(m, c)))
		cf := c.Mul(one.Sub(outwards(x, p, bounds)))
		gc, cc := dotWide(g, cf), dotWide(cf, cf)
		above := gc.Gt(m.Mul(cc)) // the root is above m
		low, high = autograd.Where(above, m, low), autograd.Where(above, high, m)
		next := autograd.Where(cc.Gt(scalarOf(t, 0)), quotient(gc, cc), m)
		inside := next.Ge(low).Mul(next.Le(high))
		m = autograd.Where(inside, next, low.Add(high).Scale(.5))
	}
	return m
}
