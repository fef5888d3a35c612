package optim

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A tangentMetric is the inverse Hessian that the recursion of a direction starts
// from, √D·F·√D. D is a diagonal, which is learned from every pair; F is a filter
// with a gain for each shell of spatial frequencies, as that of L-BFGS, measured
// on what D leaves. The first knows where an image is sensitive to a change, the
// second to which change: the bands of a model differ by orders of magnitude.
type tangentMetric struct {
	spectrum
	diagonal autograd.Value // (N, P)
}

func newTangentMetric(t *autograd.Tape, x0 tensor.Tensor) *tangentMetric {
	m := &tangentMetric{}
	if m.shape = x0.Shape(); len(m.shape) != 4 {
		m.shape = []int{x0.Dim[0], 1, 1, x0.Len() / x0.Dim[0]}
	}
	m.measured = t.Var("tangent.shells", zeros(tensor.Float64, x0.Dim[0], shells, 3))
	m.diagonal = t.Var("tangent.scale", ones(x0.DType, x0.Dim[0], x0.Len()/x0.Dim[0]))
	return m
}

// apply returns the product with both vectors in z (N, 2, P); none says which
// images have no pairs, for which the metric is the identity.
func (m *tangentMetric) apply(z, free, none autograd.Value) autograd.Value {
	t, n := z.Tape(), m.shape[0]
	filter := m.everywhere(gains(m.measured, none).Cast(z.Type().DType)).Reshape(n, 1, -1)
	root := autograd.Where(per(none, m.diagonal), t.Full(m.diagonal.Type(), 1), m.diagonal).Sqrt().Mul(free).Reshape(n, 1, -1)
	return m.hartley(m.hartley(z.Mul(root)).Mul(filter)).Mul(root)
}

// learn returns the Updates for a new pair, of the images that store says;
// none says for which it is the first.
func (m *tangentMetric) learn(dx, dy, curvature, store, none autograd.Value) []autograd.Update {
	t := dx.Tape()
	d := m.rescaled(dx, dy, curvature, none)
	root := d.Sqrt()
	sums := t.Apply(opShells, m.plane(), m.hartley(dx.Div(root)), m.hartley(dy.Mul(root)))
	return []autograd.Update{
		m.measured.Becomes(m.after(sums, store, none)),
		m.diagonal.Becomes(autograd.Where(per(store, d), d, m.diagonal)),
	}
}

// rescaled returns the diagonal after a pair: the inverse of the diagonal of what
// the BFGS formula makes of its inverse (Gilbert and Lemaréchal 1989, Math.
// Programming 45:407–435, section 4).
func (m *tangentMetric) rescaled(dx, dy, curvature, none autograd.Value) autograd.Value {
	t := dx.Tape()
	d := autograd.Where(per(none, dx), t.Full(dx.Type(), 1), m.diagonal)
	b, bx := d.Reciprocal(), dx.Div(d)
	size := quotient(dotWide(dy, dy.Mul(d)), curvature)
	loss := quotient(size, dotWide(dx, bx))
	gain := quotient(t.Scalar(tensor.Float64, 1), curvature)
	return b.Mul(per(size, b)).Add(dy.Square().Mul(per(gain, b))).Sub(bx.Square().Mul(per(loss, b))).Reciprocal()
}
