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

// opTangentDirection is algorithm 7.4 of Nocedal and Wright restricted to the
// free elements, with a diagonal initial inverse Hessian, applied to p and to the
// normal n: the step that is orthogonal to n and best for the quadratic model.
var opTangentDirection = rowOp(autograd.Op{
	Name: "tangent-direction", Doc: "−(Hp − Hn·nᵀHp/nᵀHn) among free elements, given p, n, 1 for the free, the diagonal that H starts from, steps, changes of the gradient and (active, pairs, next row); 0 where not active",
	Lower: func(_ any, in []autograd.Value) autograd.Value { return tangentDirection(in) },
	CPU:   bindTangentDirection,
}, nil, "xNP", "xNP", "xNP", "xNP", "xNP", "hNRP", "hNRP", "=N3")

// opTangentMultiplier finds the root of a function that grows piecewise linearly,
// by Newton steps within a bracket.
var opTangentMultiplier = rowOp(autograd.Op{
	Name: "tangent-multiplier", Doc: "μ for which g−μc is orthogonal to c over the elements that it does not push out of the bounds, given x, g and c",
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		return tangentMultiplier(attr.([2]float64), in[0], in[1], in[2])
	},
	CPU: bindTangentMultiplier,
}, [2]float64{-.5, .5}, "=N", "xNP", "xNP", "xNP")

// tangentPair is a pair of the history, as the direction needs it.
type tangentPair struct {
	s, y         autograd.Value // of free elements
	ys           autograd.Value
	alpha, alphN autograd.Value
	counts       autograd.Value
}

func tangentDirection(in []autograd.Value) autograd.Value {
	q, normal, free, state := in[0], in[1], in[2], in[6]
	r := normal
	t, rows := q.Tape(), in[4].Type().Dim[1]
	n := func(v float64) autograd.Value { return scalarOf(t, v) }
	count, next := column(state, 1), column(state, 2)
	pairs := make([]tangentPair, rows)
	for age := range pairs {
		row := next.AddScalar(float64(-1 - age))
		row = autograd.Where(row.Lt(n(0)), row.AddScalar(float64(rows)), row)
		k := tangentPair{s: in[4].Row(row).Cast(q.Type().DType).Mul(free), y: in[5].Row(row).Cast(q.Type().DType).Mul(free)}
		k.ys = dotWide(k.s, k.y)
		curved := k.ys.Gt(dotWide(k.s, k.s).Mul(dotWide(k.y, k.y)).Sqrt().Scale(curvedEnough))
		k.counts = curved.Mul(count.Gt(n(float64(age))))
		part := func(a, b autograd.Value) autograd.Value {
			return autograd.Where(k.counts, quotient(dotWide(a, b), k.ys), n(0))
		}
		k.alpha, k.alphN = part(k.s, q), part(k.s, r)
		q, r = q.Sub(k.y.Mul(per(k.alpha, q))), r.Sub(k.y.Mul(per(k.alphN, r)))
		pairs[age] = k
	}
	q, r = q.Mul(in[3]), r.Mul(in[3])
	for age := rows - 1; age >= 0; age-- {
		k := pairs[age]
		part := func(b, alpha autograd.Value) autograd.Value {
			return alpha.Sub(autograd.Where(k.counts, quotient(dotWide(k.y, b), k.ys), n(0)))
		}
		q, r = q.Add(k.s.Mul(per(part(q, k.alpha), q))), r.Add(k.s.Mul(per(part(r, k.alphN), r)))
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
