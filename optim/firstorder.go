package optim

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A rule computes the next images from the images, the gradient, and for each
// image the rate and the number of the step, from 1.
type rule func(x, g, rate, step autograd.Value) (next autograd.Value, up []autograd.Update)

// firstOrder is the State of an optimizer that evaluates once per iteration.
type firstOrder struct {
	base
	rule       rule
	iterations autograd.Value
}

// startFirstOrder makes the State; make makes the rule and its Vars.
func startFirstOrder(t *autograd.Tape, x0 tensor.Tensor, rate float64, c Control, make func(b *base) rule) State {
	s := &firstOrder{base: newBase(t, x0, rate, c)}
	s.iterations = s.scalar("optim.iterations", 0)
	s.rule = make(&s.base)
	return s
}

func (s *firstOrder) At() autograd.Value { return s.x }

func (s *firstOrder) Finish(e Evaluation) Tick {
	step := s.iterations.AddScalar(1)
	gradient := norm(e.Grad)
	fine := finite(e.Loss).Mul(finite(gradient))
	guard := s.running(s.iterations, s.iterations).Mul(fine)
	next, up := s.rule(s.x, e.Grad, s.schedule.Rate, step)
	if s.movable.Valid() { // some rules change what has no gradient
		next = autograd.Where(s.movable, flat(next), flat(s.x)).Reshape(s.x.Type().Shape()...)
	}
	change := norm(next.Sub(s.x))
	converged, recorded := s.record(e.Loss, guard)
	_, scheduled := s.reschedule(e.Loss)
	up = append(append(up, recorded...), scheduled...)
	up = append(up, s.x.Becomes(next), s.iterations.Becomes(step), s.stopped.Becomes(converged))
	after := s.iterations.Add(guard)
	r := make([]autograd.Value, ReportColumns)
	r[Committed], r[Ended], r[Finite], r[Change] = guard, guard, fine, change
	r[NowKnown] = not(guard)
	r[Stopped] = s.stopped.Max(converged)
	r[Iterations], r[Spent] = after, after
	r[NowLoss], r[EndedLoss] = e.Loss, e.Loss
	r[NowPenalty], r[EndedPenalty] = e.Penalty, e.Penalty
	for i, v := range s.aside(e) {
		r[NowAside+i], r[EndedAside+i] = v, v
	}
	r[NowGradient], r[EndedGradient], r[LastGradient] = gradient, gradient, gradient
	return Tick{guard, up, columns(r...)}
}

// norm returns the L2 norm of each image.
func norm(x autograd.Value) autograd.Value { return flat(x).Square().SumWide(1).Sqrt() }

// moment makes a Var like the images, of zeros.
func (b *base) moment(name string) autograd.Value {
	typ := b.x.Type()
	return b.tape.Var(name, zeros(typ.DType, typ.Shape()...))
}

// decayed returns βm + (1−β)g.
func decayed(m, g autograd.Value, beta float64) autograd.Value {
	return m.Scale(beta).Add(g.Scale(1 - beta))
}

// rest returns 1 − βᵗ for each image.
func rest(beta float64, t autograd.Value) autograd.Value {
	return scalarOf(t.Tape(), 1).Sub(scalarOf(t.Tape(), beta).Pow(t))
}

func scalarOf(t *autograd.Tape, v float64) autograd.Value { return t.Scalar(tensor.Float64, v) }

// withDecay returns the gradient of the loss plus decay·|x|²/2.
func withDecay(g, x autograd.Value, decay float64) autograd.Value {
	if decay == 0 {
		return g
	}
	return g.Add(x.Scale(decay))
}

// Adam is the optimizer of Kingma and Ba (2015, ICLR), with the maximum of
// Reddi, Kale and Kumar (2018, On the convergence of Adam and beyond, ICLR).
type Adam struct {
	Rate         float64  // 0 means 0.01
	Beta1, Beta2 *float64 // nil means 0.9 and 0.999
	Epsilon      float64  // 0 means 1e-8
	NoAMSGrad    bool     // divide by the second moment itself, not its maximum so far
	WeightDecay  float64  // times the images is added to the gradient
	decay        float64  // of AdamW
}

// Iterations returns 3000. It does not panic.
func (Adam) Iterations() int { return 3000 }

// Start implements Optimizer. It panics with *autograd.Error if Vars of the same
// names exist.
func (o Adam) Start(t *autograd.Tape, x0 tensor.Tensor, c Control) State {
	return startFirstOrder(t, x0, positive(o.Rate, .01), c, o.rule)
}

func (o Adam) rule(b *base) rule {
	beta1, beta2 := or(o.Beta1, .9), or(o.Beta2, .999)
	m, v, top := b.moment("adam.m"), b.moment("adam.v"), autograd.Value{}
	if !o.NoAMSGrad {
		top = b.moment("adam.top")
	}
	return func(x, g, rate, step autograd.Value) (autograd.Value, []autograd.Update) {
		g = withDecay(g, x, o.WeightDecay)
		m1, v1 := decayed(m, g, beta1), decayed(v, g.Square(), beta2)
		up := []autograd.Update{m.Becomes(m1), v.Becomes(v1)}
		second := v1
		if top.Valid() {
			second = top.Max(v1)
			up = append(up, top.Becomes(second))
		}
		if o.decay != 0 {
			x = x.Mul(per(scalarOf(b.tape, 1).Sub(rate.Scale(o.decay)), x))
		}
		root := second.Sqrt().Div(per(rest(beta2, step).Sqrt(), x)).AddScalar(positive(o.Epsilon, 1e-8))
		return x.Sub(m1.Div(root).Mul(per(rate.Div(rest(beta1, step)), x))), up
	}
}

// AdamW is Adam with weight decay apart from the gradient (Loshchilov and Hutter
// 2019, Decoupled weight decay regularization, ICLR).
type AdamW struct {
	Rate         float64  // 0 means 0.01
	Beta1, Beta2 *float64 // nil means 0.9 and 0.999
	Epsilon      float64  // 0 means 1e-8
	AMSGrad      bool     // divide by the maximum of the second moment so far
	Decay        *float64 // nil means 0.01
}

// Iterations returns 3000. It does not panic.
func (AdamW) Iterations() int { return 3000 }

// Start implements Optimizer. It panics with *autograd.Error if Vars of the same
// names exist.
func (o AdamW) Start(t *autograd.Tape, x0 tensor.Tensor, c Control) State {
	a := Adam{Rate: o.Rate, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, NoAMSGrad: !o.AMSGrad, decay: or(o.Decay, .01)}
	return a.Start(t, x0, c)
}

// NAdam is Adam with Nesterov momentum (Dozat 2016, Incorporating Nesterov
// momentum into Adam, ICLR workshop).
type NAdam struct {
	Rate          float64  // 0 means 0.01
	Beta1, Beta2  *float64 // nil means 0.9 and 0.999
	Epsilon       float64  // 0 means 1e-8
	MomentumDecay *float64 // nil means 0.004
	WeightDecay   float64  // times the images is added to the gradient
}

// Iterations returns 3000. It does not panic.
func (NAdam) Iterations() int { return 3000 }

// Start implements Optimizer. It panics with *autograd.Error if Vars of the same
// names exist.
func (o NAdam) Start(t *autograd.Tape, x0 tensor.Tensor, c Control) State {
	return startFirstOrder(t, x0, positive(o.Rate, .01), c, o.rule)
}

func (o NAdam) rule(b *base) rule {
	beta1, beta2, decay := or(o.Beta1, .9), or(o.Beta2, .999), or(o.MomentumDecay, .004)
	m, v, product := b.moment("nadam.m"), b.moment("nadam.v"), b.scalar("nadam.product", 1)
	mu := func(step autograd.Value) autograd.Value {
		return scalarOf(b.tape, .96).Pow(step.Scale(decay)).Scale(-.5).AddScalar(1).Scale(beta1)
	}
	return func(x, g, rate, step autograd.Value) (autograd.Value, []autograd.Update) {
		g = withDecay(g, x, o.WeightDecay)
		m1, v1 := decayed(m, g, beta1), decayed(v, g.Square(), beta2)
		now, next := mu(step), mu(step.AddScalar(1))
		p := product.Mul(now)
		one := scalarOf(b.tape, 1)
		root := v1.Div(per(rest(beta2, step), x)).Sqrt().AddScalar(positive(o.Epsilon, 1e-8))
		ahead := g.Mul(per(rate.Mul(one.Sub(now)).Div(one.Sub(p)), x))
		past := m1.Mul(per(rate.Mul(next).Div(one.Sub(p.Mul(next))), x))
		return x.Sub(ahead.Add(past).Div(root)), []autograd.Update{m.Becomes(m1), v.Becomes(v1), product.Becomes(p)}
	}
}

// RMSProp divides the gradient by a running root mean square of itself (Tieleman
// and Hinton 2012, Coursera lecture 6.5).
type RMSProp struct {
	Rate        float64  // 0 means 0.01
	Alpha       *float64 // of the running mean; nil means 0.99
	Epsilon     float64  // 0 means 1e-8
	Momentum    float64
	Centered    bool    // divide by the standard deviation (Graves 2013, arXiv 1308.0850)
	WeightDecay float64 // times the images is added to the gradient
}

// Iterations returns 3000. It does not panic.
func (RMSProp) Iterations() int { return 3000 }

// Start implements Optimizer. It panics with *autograd.Error if Vars of the same
// names exist.
func (o RMSProp) Start(t *autograd.Tape, x0 tensor.Tensor, c Control) State {
	return startFirstOrder(t, x0, positive(o.Rate, .01), c, o.rule)
}

func (o RMSProp) rule(b *base) rule {
	v, mean, momentum := b.moment("rmsprop.v"), autograd.Value{}, autograd.Value{}
	if o.Centered {
		mean = b.moment("rmsprop.mean")
	}
	if o.Momentum != 0 {
		momentum = b.moment("rmsprop.m")
	}
	alpha := or(o.Alpha, .99)
	return func(x, g, rate, _ autograd.Value) (autograd.Value, []autograd.Update) {
		g = withDecay(g, x, o.WeightDecay)
		v1 := decayed(v, g.Square(), alpha)
		up, second := []autograd.Update{v.Becomes(v1)}, v1
		if mean.Valid() {
			mean1 := decayed(mean, g, alpha)
			up, second = append(up, mean.Becomes(mean1)), v1.Sub(mean1.Square())
		}
		d := g.Div(second.Sqrt().AddScalar(positive(o.Epsilon, 1e-8)))
		if momentum.Valid() {
			d = momentum.Scale(o.Momentum).Add(d)
			up = append(up, momentum.Becomes(d))
		}
		return x.Sub(d.Mul(per(rate, x))), up
	}
}

// SGD is gradient descent, with momentum if it is not 0.
type SGD struct {
	Rate        float64 // 0 means 0.01
	Momentum    float64
	Nesterov    bool    // look ahead along the momentum (Sutskever et al. 2013, ICML)
	WeightDecay float64 // times the images is added to the gradient
}

// Iterations returns 3000. It does not panic.
func (SGD) Iterations() int { return 3000 }

// Start implements Optimizer. It panics with *autograd.Error if Vars of the same
// names exist.
func (o SGD) Start(t *autograd.Tape, x0 tensor.Tensor, c Control) State {
	return startFirstOrder(t, x0, positive(o.Rate, .01), c, func(b *base) rule {
		m := autograd.Value{}
		if o.Momentum != 0 {
			m = b.moment("sgd.m")
		}
		return func(x, g, rate, _ autograd.Value) (autograd.Value, []autograd.Update) {
			d := withDecay(g, x, o.WeightDecay)
			var up []autograd.Update
			if m.Valid() {
				m1 := m.Scale(o.Momentum).Add(d)
				up = append(up, m.Becomes(m1))
				if o.Nesterov {
					d = d.Add(m1.Scale(o.Momentum))
				} else {
					d = m1
				}
			}
			return x.Sub(d.Mul(per(rate, x))), up
		}
	})
}
