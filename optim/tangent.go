package optim

import (
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Tangent minimizes a loss where another function keeps a given value, within
// bounds: the constrained search of Wang and Simoncelli (2008, Journal of Vision
// 8(12):8). An iteration moves along the tangent space of the level set, and
// returns to it by Newton steps along the gradient of the function that is held.
// The direction is that of the limited-memory quasi-Newton method for the
// Lagrangian, from a diagonal and a filter of spatial frequencies that are both
// learned, projected; elements at a bound that the loss pushes outwards do not
// take part. Where what the bounds leave of the direction does not lead down, the
// projected gradient is followed instead. A step along the normal is added that makes
// up for the curvature of the level set, as trials before have shown it, so that Newton
// steps are due only where that has changed. The whole satisfies the weak Wolfe
// conditions (Lewis and Overton 2013, Math. Programming 141:135–163) for the Lagrangian.
//
// Kinks are smoothed, and made sharp by the method of multipliers (see Evaluation.Kinks
// and autograd.Kink).
//
// Each tick evaluates every image at its own trial, or at its own Newton step. An
// image stops when the projected gradient of the loss is at most
// LimitTolerance of the gradient, over the elements that are free to move (see
// TangentFloor), when the loss is Evaluation.Enough, or when iterations change it
// by hardly more than rounding.
type Tangent struct {
	Bounds  *[2]float64 // of all elements; nil means none
	History int         // pairs; 0 means 20
	// Level is how far, relatively, the function may be from the level at the end
	// of an iteration; 0 means TangentLevel.
	Level float64
	// Rounding is the relative change of the loss that means nothing; 0 means 1e-13,
	// and 1e-6 for float32.
	Rounding float64
}

// Iterations returns 15000. It does not panic.
func (Tangent) Iterations() int { return 15000 }

// TangentFloor is the part of the gradient's norm at the first image below which
// a gradient counts as that much: a loss may reach a minimum of its own on the
// level set, where its gradient vanishes.
const TangentFloor = 1e-3

// TangentLevel is the default of Tangent.Level: 1e-7, and 1e-5 in float32.
func TangentLevel(d tensor.DType) float64 {
	if d == tensor.Float32 {
		return 1e-5
	}
	return 1e-7
}

// Constants of the search.
const (
	tangentDecrease  = 1e-4  // sufficient decrease
	tangentCurvature = .9    // most of the slope that may remain
	tangentFar       = .3    // from the level, relatively, at which a trial is too long
	tangentFirst     = .01   // root mean square of the first trial
	tangentLongest   = 10    // of the first trial, in twice the last step
	tangentTries     = 30    // trials along a direction
	tangentLong      = 10    // of them, that may find the step too short
	tangentNewton    = 20    // Newton steps after a trial
	tangentReach     = 100   // the same from the start
	tangentIdle      = 20    // iterations in a row that change the loss by hardly more than rounding
	tangentIdleGain  = 1e-11 // what hardly more is, relatively, if rounding is not that
	tangentStraight  = .01   // of Level, what curvature must change the held function by to count
	tangentSlow      = .9    // most of the distance from the level that a Newton step may leave
	tangentRounds    = 24    // of finding which elements are free
)

// The phases of an image.
const (
	tangentStart   = iota // Newton steps from the start
	tangentTrial          // a step along the direction is evaluated
	tangentRetract        // Newton steps after that
)

// tangentScalars are the Vars of shape (N,).
type tangentScalars struct {
	phase       autograd.Value
	step        autograd.Value // of the trial, in directions
	low, high   autograd.Value // steps that were too short and too long
	tries       autograd.Value // trials along this direction
	newton      autograd.Value // Newton steps in a row
	far         autograd.Value // |relative distance from the level| at the last of them
	active      autograd.Value // 1: a new direction is due
	merit       autograd.Value // Lagrangian at x
	linear      autograd.Value // its first-order change at the trial
	multiplier  autograd.Value // of the held function
	count, next autograd.Value // pairs, and the row of the next
	loss        autograd.Value // at x, as the rest
	penalty     autograd.Value
	gradient    autograd.Value // L2 norm of the projected gradient
	idle        autograd.Value // iterations in a row that changed the loss by rounding only
	origin      autograd.Value // L2 norm of the gradient of the first x
	length      autograd.Value // L2 norm of the first trial where there are no pairs
	iterations  autograd.Value
	evaluations autograd.Value
	loose       autograd.Value // residual at which kinks are made sharper, if it is above the tolerance
	gap         autograd.Value // of the kinks, when they were made sharper last
	pace        autograd.Value // running mean of what an iteration gains
	sharpened   autograd.Value // how often
	narrowed    autograd.Value // widths over those at the start
	away        autograd.Value // of the held function from the level
	bent        autograd.Value // change of the held function beyond that of first order, over the squared step, at the last trial
	bend        autograd.Value // bent that is expected of the next trials
}

// tangent is a Tangent at work. Vectors have the shape (N, P).
type tangent struct {
	base
	tangentScalars
	o         Tangent
	level     float64
	asides    [Asides]autograd.Value
	z         autograd.Value // the next point of a Newton step
	d         autograd.Value // the direction
	p         autograd.Value // the projected gradient at x
	g, c      autograd.Value // gradients at x of the loss and of the held function
	free      autograd.Value // 1 for the elements that may move
	normal    autograd.Value // c of these, of length 1
	metric    *tangentMetric
	s, y      autograd.Value // (N, R, P): steps, and the changes of the Lagrangian's gradient
	direction autograd.Value // d of this tick
	at        autograd.Value
}

// Start implements Optimizer. It panics with *autograd.Error if Vars of the same
// names exist.
func (o Tangent) Start(t *autograd.Tape, x0 tensor.Tensor, c Control) State {
	s := &tangent{base: newBase(t, x0, 1, c), o: o, level: o.Level}
	if s.level == 0 {
		s.level = TangentLevel(x0.DType)
	}
	size := x0.Len() / s.n
	for _, v := range []struct {
		to    *autograd.Value
		name  string
		start float64
	}{
		{&s.phase, "phase", tangentStart}, {&s.step, "step", 1}, {&s.low, "low", 0}, {&s.high, "high", math.Inf(1)},
		{&s.tries, "tries", 0}, {&s.newton, "newton", 0}, {&s.far, "far", 0}, {&s.active, "active", 0},
		{&s.merit, "merit", 0}, {&s.linear, "linear", 0}, {&s.multiplier, "multiplier", 0},
		{&s.count, "count", 0}, {&s.next, "next", 0}, {&s.loss, "loss", 0}, {&s.penalty, "penalty", 0},
		{&s.gradient, "gradient", 0}, {&s.iterations, "iterations", 0}, {&s.evaluations, "evaluations", 0},
		{&s.asides[0], "aside0", 0}, {&s.asides[1], "aside1", 0}, {&s.origin, "origin", 0}, {&s.idle, "idle", 0}, {&s.gap, "gap", 0}, {&s.pace, "pace", 1}, {&s.loose, "loose", kinkLoose}, {&s.sharpened, "sharpened", 0}, {&s.narrowed, "narrowed", 1}, {&s.away, "away", 0}, {&s.bent, "bent", 0}, {&s.bend, "bend", 0}, {&s.length, "length", tangentFirst * s.span() * math.Sqrt(float64(size))},
	} {
		*v.to = s.scalar("tangent."+v.name, v.start)
	}
	vector := func(name string, kind tensor.DType, shape ...int) autograd.Value {
		return t.Var("tangent."+name, zeros(kind, shape...))
	}
	s.z = t.Var("tangent.z", flatTensor(x0))
	s.d, s.p = vector("d", x0.DType, s.n, size), vector("p", x0.DType, s.n, size)
	s.g, s.c = vector("g", x0.DType, s.n, size), vector("c", x0.DType, s.n, size)
	s.normal = vector("normal", x0.DType, s.n, size)
	s.metric = newTangentMetric(t, x0)
	s.free = t.Var("tangent.free", ones(x0.DType, s.n, size))
	rows := positive(o.History, 20)
	s.s, s.y = vector("s", tensor.Float32, s.n, rows, size), vector("y", tensor.Float32, s.n, rows, size)
	s.head()
	return s
}

// ones returns a tensor of ones that takes no memory.
func ones(d tensor.DType, shape ...int) tensor.Tensor {
	one := tensor.New(d)
	one.StoreReal(0, 1)
	return one.Expand(shape...)
}

// flatTensor returns x (N, …) as (N, P).
func flatTensor(x tensor.Tensor) tensor.Tensor {
	x, _ = tensor.Contiguous(x).Reshape(x.Dim[0], x.Len()/x.Dim[0])
	return x
}

// At pins its result: users differentiate by it, and may reshape it back.
func (s *tangent) At() autograd.Value { return s.at.Reshape(s.x.Type().Shape()...).Pin() }

// head records what comes before the evaluation: a new direction where one is
// due, and the point.
func (s *tangent) head() {
	state := columns(s.active, s.count, s.next)
	shares := s.tape.Apply(opTangentShares, nil, s.p, s.normal, s.free, s.s, s.y, state)
	z := s.tape.Apply(opTangentDescend, nil, s.p, s.normal, s.free, s.y, shares, state)
	z = s.metric.apply(z, s.free, s.count.Eq(s.number(0)))
	d := s.tape.Apply(opTangentDirection, nil, s.normal, s.free, z, s.s, s.y, shares, state)
	p := norm(s.p)
	longest := s.length.Scale(tangentLongest)
	d = d.Mul(per(quotient(longest, norm(d)).Min(s.number(1)), d))
	// Bounds stop elements near them at once, and the others may lead up by themselves.
	steep := either(s.count.Eq(s.number(0)), not(dotWide(s.p, s.kept(d)).Le(p.Mul(norm(d)).Scale(-1e-10))))
	d = autograd.Where(per(steep, d), s.p.Mul(per(quotient(s.length, p).Neg(), d)), d)
	s.direction = autograd.Where(per(s.active, d), d, s.d)
	s.at = autograd.Where(per(s.phase.Eq(s.number(tangentTrial)), d), s.trial(), s.z)
}

// trial returns the point that is a step along the direction from x, and from there along
// the normal where the held function is expected to have its level. The latter part is no
// longer than the former.
func (s *tangent) trial() autograd.Value {
	x := flat(s.x)
	z := s.inside(x.Add(s.direction.Mul(per(s.step, s.direction))))
	step := z.Sub(x)
	square := dotWide(step, step)
	away := s.away.Add(dotWide(s.c, step)).Add(s.bend.Mul(square))
	most := square.Sqrt()
	back := quotient(away, dotWide(s.c, s.normal)).Max(most.Neg()).Min(most)
	return s.inside(z.Sub(s.normal.Mul(per(back, z))))
}

// bends returns the Updates of bend and bent, the held function being away from the level.
// Along a direction bend stays as it is, so that trials lie on one curve; then it is the
// lesser of two in a row, or 0 where they disagree in sign.
func (s *tangent) bends(away, level autograd.Value, v tangentVerdict) []autograd.Update {
	step := s.at.Sub(flat(s.x))
	curved := away.Sub(s.away).Sub(dotWide(s.c, step))
	counts := curved.Abs().Gt(level.Abs().Scale(s.level * tangentStraight))
	bent := quotient(curved, dotWide(step, step))
	known := s.phase.Eq(s.number(tangentTrial)).Mul(either(v.accept, v.newton)).Mul(counts)
	least := autograd.Where(bent.Abs().Lt(s.bent.Abs()), bent, s.bent).Mul(bent.Mul(s.bent).Gt(s.number(0)))
	return []autograd.Update{
		s.bend.Becomes(autograd.Where(known, least, s.bend)),
		s.bent.Becomes(autograd.Where(known, bent, s.bent)),
	}
}

// span is the size of the first step in terms of the range of elements.
func (s *tangent) span() float64 {
	if b := s.o.Bounds; b != nil {
		return b[1] - b[0]
	}
	return 1
}

// kept returns what the bounds leave of step d from x.
func (s *tangent) kept(d autograd.Value) autograd.Value {
	b := s.o.Bounds
	if b == nil {
		return d
	}
	x := flat(s.x)
	room := func(bound float64) autograd.Value { return s.tape.Scalar(x.Type().DType, bound).Sub(x) }
	return d.Max(room(b[0])).Min(room(b[1]))
}

// inside returns x within the bounds.
func (s *tangent) inside(x autograd.Value) autograd.Value {
	if b := s.o.Bounds; b != nil {
		return x.Clamp(b[0], b[1])
	}
	return x
}

// blocked returns 1 for the elements of x that are at a bound and would leave it
// if moved by −v.
func (s *tangent) blocked(x, v autograd.Value) autograd.Value {
	if s.o.Bounds == nil {
		return x.Tape().Zeros(x.Type())
	}
	return outwards(x, v, *s.o.Bounds)
}

// outwards is blocked for bounds b.
func outwards(x, v autograd.Value, b [2]float64) autograd.Value {
	number := func(c float64) autograd.Value { return x.Tape().Scalar(x.Type().DType, c) }
	low := x.Le(number(b[0])).Mul(v.Gt(number(0)))
	return low.Add(x.Ge(number(b[1])).Mul(v.Lt(number(0))))
}

// dotWide returns the inner product of each image.
func dotWide(x, y autograd.Value) autograd.Value { return x.Mul(y).SumWide(1) }

// quotient returns x/y, or 0 where y is not positive.
func quotient(x, y autograd.Value) autograd.Value {
	some := y.Gt(scalarOf(y.Tape(), 0))
	return autograd.Where(some, x.Div(autograd.Where(some, y, scalarOf(y.Tape(), 1))), scalarOf(y.Tape(), 0))
}

// either returns 1 where one of the conditions holds.
func either(x, y autograd.Value) autograd.Value { return x.Max(y) }

func (s *tangent) Finish(e Evaluation) Tick {
	if !e.Exact.Valid() {
		e.Exact = e.Loss
	}
	g, c, aside := flat(e.Grad), flat(e.HeldGrad), s.aside(e)
	away := e.Held.Sub(e.Level)
	m := s.measure(e, g, c, away)
	fine := finite(e.Loss).Mul(finite(e.Held)).Mul(finite(norm(g))).Mul(finite(norm(c)))
	v := s.decide(m)
	fine = either(fine, v.fail.Mul(not(v.stall))) // a shorter step may do
	guard := fine.Mul(s.running(s.iterations, s.evaluations))
	k := s.conditions(g, c, v)
	var up []autograd.Update
	up = append(up, s.vectors(g, c, away, v, k)...)
	tolerance := column(s.limits, LimitTolerance)
	end := v.idle.Ge(s.number(tangentIdle))
	if e.Enough.Valid() {
		end = either(end, e.Exact.Le(e.Enough))
	}
	end = v.accept.Mul(end).Mul(tolerance.Gt(s.number(0)))
	sharpen := s.sharpen(e, m, v, k, v.accept.Mul(k.residual.Le(tolerance.Max(s.loose))), either(v.stall, end))
	converged := either(either(v.accept.Mul(k.residual.Le(tolerance)), v.stall), end).Mul(not(sharpen.due))
	up = append(up, s.stopped.Becomes(either(s.stopped, converged)))
	up = append(up, sharpen.updates...)
	up = append(up, s.search(m, v, sharpen.due)...)
	up = append(up, s.bends(away, e.Level, v)...)
	up = append(up, s.accepted(sharpen.due, e, aside, away, v, k)...)
	return Tick{guard, up, s.report(e, aside, v, k, guard, fine, converged)}
}

// tangentPoint is what a tick knows of its point.
type tangentPoint struct {
	far    autograd.Value // |relative distance from the level|
	merit  autograd.Value // Lagrangian, with the multiplier at x
	linear autograd.Value // first-order change of the Lagrangian from x to the trial
	slope0 autograd.Value // slope of the Lagrangian at x along the direction
	slope  autograd.Value // the same at the point, of the elements within bounds
}

func (s *tangent) measure(e Evaluation, g, c, away autograd.Value) tangentPoint {
	at := s.at
	inner := s.tape.Full(at.Type(), 1)
	if b := s.o.Bounds; b != nil {
		inner = at.Gt(s.tape.Scalar(at.Type().DType, b[0])).Mul(at.Lt(s.tape.Scalar(at.Type().DType, b[1])))
	}
	moving := s.direction.Mul(inner)
	trial := s.phase.Eq(s.number(tangentTrial))
	return tangentPoint{
		far:    quotient(away.Abs(), e.Level.Abs()),
		merit:  e.Loss.Sub(s.multiplier.Mul(away)),
		linear: autograd.Where(trial, dotWide(s.p, at.Sub(flat(s.x))), s.linear),
		slope0: dotWide(s.p, s.direction),
		slope:  dotWide(g, moving).Sub(s.multiplier.Mul(dotWide(c, moving))),
	}
}

// tangentVerdict says what a tick does: its members are 0 or 1.
type tangentVerdict struct {
	accept autograd.Value // the point is the next x
	began  autograd.Value // it is the first
	newton autograd.Value // a Newton step follows
	short  autograd.Value // the step is too short
	fail   autograd.Value // it is too long
	forget autograd.Value // no step serves: the pairs are dropped
	stall  autograd.Value // nor any without pairs
	cut    autograd.Value // the part of a step that is too long to try next
	idle   autograd.Value // with this iteration, how many changed the loss by rounding only
}

// rounding is the relative change of a loss that means nothing.
func (s *tangent) rounding() float64 {
	if s.o.Rounding > 0 {
		return s.o.Rounding
	}
	if s.x.Type().DType == tensor.Float32 {
		return 1e-6
	}
	return 1e-13
}

func (s *tangent) decide(m tangentPoint) (v tangentVerdict) {
	n := s.number
	start, trial := s.phase.Eq(n(tangentStart)), s.phase.Eq(n(tangentTrial))
	on := m.far.Le(n(s.level))
	gain, rounding := m.merit.Sub(s.merit), s.merit.Abs().Scale(s.rounding())
	enough := gain.Le(m.linear.Scale(tangentDecrease))
	flat := gain.Le(rounding).Mul(m.slope.Abs().Le(m.slope0.Abs().Scale(tangentCurvature)))
	tiny := gain.Le(rounding).Mul(m.linear.Abs().Le(rounding)) // nothing tells it from a good one
	good := either(either(enough, flat), tiny).Mul(either(m.far.Le(n(tangentFar)), not(trial)))
	v.short = trial.Mul(good).Mul(m.slope.Lt(m.slope0.Scale(tangentCurvature))).Mul(s.tries.Lt(n(tangentLong)))
	ready := good.Mul(not(v.short)) // of a trial or a Newton step
	v.began = start.Mul(on)
	v.accept = either(v.began, on.Mul(ready).Mul(not(start)))
	v.idle = autograd.Where(not(start).Mul(gain.Abs().Le(s.merit.Abs().Scale(math.Max(tangentIdleGain, s.rounding())))), s.idle.AddScalar(1), n(0))
	nearer := either(s.newton.Eq(n(0)), m.far.Le(s.far.Scale(tangentSlow)).Mul(s.newton.Lt(n(tangentNewton))))
	off := not(on)
	reach := start.Mul(off).Mul(s.newton.Lt(n(tangentReach)))
	v.newton = either(reach, off.Mul(not(start)).Mul(autograd.Where(trial, ready, nearer)))
	lost := start.Mul(off).Mul(not(reach))
	v.fail = not(start).Mul(not(v.accept)).Mul(not(v.newton)).Mul(not(v.short))
	spent := v.fail.Mul(s.tries.Ge(n(tangentTries)))
	some := s.count.Gt(n(0))
	v.forget, v.stall = spent.Mul(some), either(lost, spent.Mul(not(some)))
	bend := gain.Sub(m.linear).Scale(2)
	cut := autograd.Where(bend.Gt(n(0)), m.linear.Neg().Div(autograd.Where(bend.Gt(n(0)), bend, n(1))), n(.5))
	v.cut = autograd.Where(trial.Mul(s.low.Eq(n(0))), cut.Clamp(.1, .5), n(.5))
	return v
}

// search returns the Updates of the line search.
func (s *tangent) search(m tangentPoint, v tangentVerdict, again autograd.Value) []autograd.Update {
	n := s.number
	restart := either(v.accept, v.forget)
	growth := autograd.Where(m.slope.Gt(m.slope0), m.slope0.Div(m.slope0.Sub(m.slope)), n(10)).Clamp(2, 10)
	longer := autograd.Where(finite(s.high), s.step.Add(s.high).Scale(.5), s.step.Mul(growth))
	// Where Newton steps do not lead back, no shorter step is known to be good.
	lost := v.fail.Mul(s.phase.Eq(n(tangentRetract)))
	low := autograd.Where(lost, n(0), s.low)
	shorter := low.Add(s.step.Sub(low).Mul(autograd.Where(lost, n(.25), v.cut)))
	step := autograd.Where(v.short, longer, autograd.Where(v.fail, shorter, s.step))
	phase := autograd.Where(v.accept, n(tangentTrial), autograd.Where(either(v.newton, s.phase.Eq(n(tangentStart))), s.phase, n(tangentTrial)))
	phase = autograd.Where(v.newton.Mul(s.phase.Eq(n(tangentTrial))), n(tangentRetract), phase)
	phase = autograd.Where(again, n(tangentStart), phase)
	return []autograd.Update{
		s.phase.Becomes(phase),
		s.step.Becomes(autograd.Where(restart, n(1), step)),
		s.low.Becomes(autograd.Where(restart, n(0), autograd.Where(v.short, s.step, low))),
		s.high.Becomes(autograd.Where(restart, n(math.Inf(1)), autograd.Where(v.fail, s.step, s.high))),
		s.tries.Becomes(autograd.Where(restart, n(0), s.tries.Add(v.short).Add(v.fail).Max(lost.Scale(tangentLong)))),
		s.newton.Becomes(autograd.Where(v.newton, s.newton.AddScalar(1), n(0))),
		s.far.Becomes(m.far),
		s.linear.Becomes(m.linear),
		s.active.Becomes(restart),
		s.evaluations.Becomes(s.evaluations.AddScalar(1)),
	}
}

// tangentConditions is what a tick finds of the optimality conditions at its point.
type tangentConditions struct {
	multiplier autograd.Value
	free       autograd.Value // 1 for the elements that may move
	p, c       autograd.Value // the projected gradient, and the gradient held, of these
	residual   autograd.Value // ‖p‖ over ‖g‖, of these
	origin     autograd.Value // ‖g‖ of the first x
	size       autograd.Value // ‖p‖
}

// conditions finds the multiplier and the free elements, which depend on each
// other: what is at a bound is free if the projected gradient pulls it inwards.
func (s *tangent) conditions(g, c autograd.Value, v tangentVerdict) (k tangentConditions) {
	one := s.tape.Full(g.Type(), 1)
	k.free = one
	if b := s.o.Bounds; b == nil {
		k.multiplier = quotient(dotWide(g, c), dotWide(c, c))
	} else {
		k.multiplier = s.tape.Apply(opTangentMultiplier, *b, s.at, g, c)
		k.free = one.Sub(s.blocked(s.at, g.Sub(c.Mul(per(k.multiplier, g)))))
	}
	k.c = c.Mul(k.free)
	gf := g.Mul(k.free)
	k.p = gf.Sub(k.c.Mul(per(k.multiplier, g)))
	k.size = norm(k.p)
	k.origin = autograd.Where(v.began.Mul(s.origin.Eq(s.number(0))), norm(g), s.origin)
	k.residual = quotient(k.size, norm(gf).Max(k.origin.Scale(TangentFloor)))
	return k
}

// vectors returns the Updates of x, of the point of the next Newton step and of
// the pairs.
func (s *tangent) vectors(g, c, away autograd.Value, v tangentVerdict, k tangentConditions) []autograd.Update {
	n, accept := s.number, per(v.accept, g)
	when := func(x, y autograd.Value) autograd.Update { return x.Becomes(autograd.Where(accept, y, x)) }
	back := c.Mul(s.free) // what is held at a bound stays there
	back = back.Sub(back.Mul(s.blocked(s.at, back.Mul(per(away, c)))))
	size := quotient(away, dotWide(back, back))
	z := s.inside(s.at.Sub(back.Mul(per(size, back))))
	z = autograd.Where(accept, s.at, z)

	dx, dy := s.pair(g, c, k)
	curvature := dotWide(dx, dy)
	store := v.accept.Mul(not(v.began)).Mul(curvature.Gt(norm(dx).Mul(norm(dy)).Scale(1e-8)))
	rows := float64(s.s.Type().Dim[1])
	row := autograd.Where(store, s.next, n(-1))
	following := autograd.Where(s.next.Ge(n(rows-1)), n(0), s.next.AddScalar(1))
	return append(s.metric.learn(dx, dy, curvature, store, s.count.Eq(n(0))), []autograd.Update{
		s.z.Becomes(z), s.d.Becomes(s.direction),
		when(s.p, k.p), when(s.g, g), when(s.c, c), when(s.free, k.free),
		when(s.normal, k.c.Mul(per(quotient(n(1), norm(k.c)), c))),
		s.x.Becomes(autograd.Where(per(v.accept, s.x), s.At(), s.x)),
		s.s.RowBecomes(row, dx.Cast(tensor.Float32)), s.y.RowBecomes(row, dy.Cast(tensor.Float32)),
		s.next.Becomes(autograd.Where(store, following, s.next)),
		s.count.Becomes(autograd.Where(v.forget, n(0), s.count.Add(store).Min(n(rows)))),
	}...)
}

// pair returns the step to the point and the change of the Lagrangian's gradient
// along it, both in the tangent space there.
func (s *tangent) pair(g, c autograd.Value, k tangentConditions) (dx, dy autograd.Value) {
	unit := c.Mul(per(quotient(s.number(1), norm(c)), c))
	tangential := func(x autograd.Value) autograd.Value { return x.Sub(unit.Mul(per(dotWide(x, unit), x))) }
	lagrangian := func(g, c autograd.Value) autograd.Value { return g.Sub(c.Mul(per(k.multiplier, c))) }
	return tangential(s.at.Sub(flat(s.x))), tangential(lagrangian(g, c).Sub(lagrangian(s.g, s.c)))
}

// accepted returns the Updates of what is known of x.
func (s *tangent) accepted(again autograd.Value, e Evaluation, aside [Asides]autograd.Value, away autograd.Value, v tangentVerdict, k tangentConditions) []autograd.Update {
	when := func(x, y autograd.Value) autograd.Update { return x.Becomes(autograd.Where(v.accept, y, x)) }
	length := autograd.Where(v.accept.Mul(not(v.began)), norm(s.at.Sub(flat(s.x))).Scale(2), s.length)
	up := []autograd.Update{
		when(s.origin, k.origin), when(s.idle, v.idle.Mul(not(again))),
		s.length.Becomes(autograd.Where(v.forget, length.Scale(.1), length)),
		when(s.loss, e.Exact), when(s.penalty, e.Penalty), when(s.gradient, k.size), when(s.multiplier, k.multiplier),
		when(s.merit, e.Loss.Sub(k.multiplier.Mul(away))), when(s.away, away),
		s.iterations.Becomes(s.iterations.Add(v.accept).Sub(v.began)),
	}
	for i := range aside {
		up = append(up, when(s.asides[i], aside[i]))
	}
	return up
}

func (s *tangent) report(e Evaluation, aside [Asides]autograd.Value, v tangentVerdict, k tangentConditions, guard, fine, converged autograd.Value) autograd.Value {
	ended := guard.Mul(v.accept).Mul(not(v.began))
	fresh := either(s.phase.Eq(s.number(tangentStart)), guard.Mul(v.accept)) // the point is x
	now := func(new, old autograd.Value) autograd.Value { return autograd.Where(fresh, new, old) }
	r := make([]autograd.Value, ReportColumns)
	r[Committed], r[Finite], r[Ended] = guard, fine, ended
	r[Stopped] = either(s.stopped, guard.Mul(converged))
	r[Iterations], r[Spent] = s.iterations.Add(ended), s.evaluations.Add(guard)
	r[NowKnown] = s.number(1).Expand(s.n)
	r[NowLoss], r[EndedLoss] = now(e.Exact, s.loss), s.loss
	r[NowPenalty], r[EndedPenalty] = now(e.Penalty, s.penalty), s.penalty
	r[NowGradient], r[EndedGradient], r[LastGradient] = now(k.size, s.gradient), s.gradient, s.gradient
	for i := range aside {
		r[NowAside+i], r[EndedAside+i] = now(aside[i], s.asides[i]), s.asides[i]
	}
	r[Change] = norm(s.at.Sub(flat(s.x)))
	return columns(r...)
}
