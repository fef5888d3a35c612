package optim

import (
	"unsafe"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// LBFGS is the limited-memory quasi-Newton method (Liu and Nocedal 1989, Math.
// Programming 45:503–528) as PyTorch arranges it: an iteration is up to
// MaxIterations directions, each with a line search that finds the strong Wolfe
// conditions, within about MaxEvaluations evaluations.
//
// Every tick evaluates each image at its own trial point.
type LBFGS struct {
	Rate            float64  // length of the first trial along a direction; 0 means 1
	MaxIterations   int      // directions in an iteration; 0 means 10
	MaxEvaluations  int      // evaluations after which an iteration takes no new direction; 0 means 10
	History         int      // pairs; 0 means 100
	ToleranceGrad   *float64 // largest |gradient| at which nothing more is done; nil means 1e-7
	ToleranceChange *float64 // least change of the loss, of x and of the slope; nil means 1e-9
	NoLineSearch    bool     // take the first trial as it is
	// TwoLoop computes directions by the two-loop recursion, as the reference
	// does, which reads the history more often and waits for every pair. Otherwise
	// the recursion runs on inner products, which agrees within rounding.
	TwoLoop bool
	// Float64History keeps the history in the image's precision; otherwise it is
	// float32, at half the memory and time, which final losses do not show.
	Float64History bool
	// Spectral makes the initial inverse Hessian of a direction, which acts where
	// the history says nothing, a filter with a gain for each octave and part of
	// an octave of spatial frequencies, measured on the changes of the gradient.
	// Textures need half as many evaluations. It takes images (N, C, H, W) and is
	// not for TwoLoop.
	Spectral bool
}

// Iterations returns 100. It does not panic.
func (LBFGS) Iterations() int { return 100 }

// The columns of the Vars "lbfgs.search" and "lbfgs.ring" that the graph reads;
// a record has three.
const (
	searchT       = int(unsafe.Offsetof(search{}.T) / 8)
	searchWritten = int(unsafe.Offsetof(search{}.Written) / 8)
	searchActive  = int(unsafe.Offsetof(search{}.Active) / 8)
	searchMove    = int(unsafe.Offsetof(search{}.Move) / 8)
	searchKnown   = int(unsafe.Offsetof(search{}.Known) / 8)
	searchEvs     = int(unsafe.Offsetof(search{}.Evs) / 8)
	searchDone    = int(unsafe.Offsetof(search{}.Done) / 8)
	searchDoneEvs = int(unsafe.Offsetof(search{}.DoneEvs) / 8)
	searchBegan   = int(unsafe.Offsetof(search{}.Began) / 8)
	searchBegin   = int(unsafe.Offsetof(search{}.Begin) / 8)
	searchNow     = int(unsafe.Offsetof(search{}.Now) / 8)
	searchEnded   = int(unsafe.Offsetof(search{}.Ended) / 8)
	searchEnd     = int(unsafe.Offsetof(search{}.End) / 8)
	searchLast    = int(unsafe.Offsetof(search{}.LastGradient) / 8)
	ringCount     = int(unsafe.Offsetof(ring{}.Count) / 8)
	ringSlot      = int(unsafe.Offsetof(ring{}.Slot) / 8)
	ringPair      = int(unsafe.Offsetof(ring{}.Pair) / 8)
	ringGamma     = int(unsafe.Offsetof(ring{}.Gamma) / 8)
	ringTau       = int(unsafe.Offsetof(ring{}.Tau) / 8)
	ringCurvature = int(unsafe.Offsetof(ring{}.Curvature) / 8)
)

// lbfgs is an LBFGS at work.
type lbfgs struct {
	base
	o          LBFGS
	wolfe      wolfe
	rows       int
	search     autograd.Value // (N, searchColumns)
	ring       autograd.Value // (N, ringColumns)
	gradients  autograd.Value // (N, K, P)
	d, y       autograd.Value // (N, M, R, B): see history; if spectral, of Hartley transforms, as the gradients
	pairs      autograd.Value // (N, R, 2): τ and yᵀs
	gram       autograd.Value // (N, R, R): see recursion
	products   autograd.Value // (N, R): dᵢᵀg for the gradient at the start of d
	spectrum   *spectrum      // nil: the initial inverse Hessian is a multiple of the identity
	slope      autograd.Value // (N,): gradient at x times d
	moved      autograd.Value // (N, P): what the iteration added to the images, as far as it went
	converging autograd.Value // (N,): 1 if the iteration's loss has converged
	direction  autograd.Value // d, of the images' type and shape
	at         autograd.Value
}

// Start implements Optimizer. It panics with *autograd.Error if Vars of the same
// names exist.
func (o LBFGS) Start(t *autograd.Tape, x0 tensor.Tensor, c Control) State {
	s := &lbfgs{base: newBase(t, x0, positive(o.Rate, 1), c), o: o, rows: positive(o.History, 100) + 1}
	s.wolfe = wolfe{float64(positive(o.MaxIterations, 10)), float64(positive(o.MaxEvaluations, 10)),
		or(o.ToleranceGrad, 1e-7), or(o.ToleranceChange, 1e-9), o.NoLineSearch, c.KeepHistory}
	size, kind := x0.Len()/s.n, x0.DType
	if !o.Float64History {
		kind = tensor.Float32
	}
	s.search = t.Var("lbfgs.search", zeros(tensor.Float64, s.n, searchColumns))
	s.ring = t.Var("lbfgs.ring", zeros(tensor.Float64, s.n, ringColumns))
	s.gradients = t.Var("lbfgs.gradients", zeros(x0.DType, s.n, gradientSlots, size))
	s.d = t.Var("lbfgs.d", history(kind, s.n, s.rows, size))
	s.y = t.Var("lbfgs.y", history(kind, s.n, s.rows, size))
	s.pairs = t.Var("lbfgs.pairs", zeros(tensor.Float64, s.n, s.rows, 2))
	if !o.TwoLoop {
		s.gram = t.Var("lbfgs.gram", zeros(tensor.Float64, s.n, s.rows, s.rows))
		s.products = t.Var("lbfgs.products", zeros(tensor.Float64, s.n, s.rows))
	}
	if o.Spectral {
		s.spectrum = newSpectrum(t, x0)
	}
	s.slope, s.converging = s.scalar("lbfgs.slope", 0), s.scalar("lbfgs.converging", 0)
	s.moved = t.Var("lbfgs.moved", zeros(kind, s.n, size))
	d := t.Apply(opInWork, inWork{x0.DType, size}, s.d, s.ring)
	if s.spectrum != nil {
		if d = s.spectrum.hartley(d); s.movable.Valid() { // and not by rounding
			d = autograd.Where(s.movable, d, t.Scalar(x0.DType, 0))
		}
	}
	s.direction = d.Reshape(x0.Shape()...)
	s.at = s.x.Add(s.direction.Mul(per(column(s.search, searchT), s.x)))
	return s
}

func (s *lbfgs) At() autograd.Value { return s.at }

func (s *lbfgs) Finish(e Evaluation) Tick {
	t, g, aside := s.tape, flat(e.Grad), s.aside(e)
	m := t.Apply(opMeasure, nil, g, flat(s.direction))
	fine := finite(e.Loss).Mul(finite(column(m, 3)))
	old := s.search
	guard := fine.Mul(s.running(column(old, searchDone), column(old, searchEvs)))
	next, scheduled := s.reschedule(column(old, searchBegin))
	now := t.Apply(opWolfe, s.wolfe, old, columns(e.Loss, e.Penalty, aside[0], aside[1], guard, s.slope, s.schedule.Rate, next, column(s.limits, LimitStage)), m)
	began, ended := column(now, searchBegan), column(now, searchEnded)

	up := where(ended, scheduled)
	converged, recorded := s.record(column(now, searchBegin), began)
	up = append(append(up, recorded...), s.newDirection(g, now)...)
	stopped := s.stopped.Max(ended.Mul(s.converging))
	moved := t.Apply(opMoved, nil, s.moved, flat(s.direction), old, now)
	change := t.Apply(opChange, nil, moved, now)
	move := per(column(now, searchMove), s.x)
	up = append(up,
		s.moved.WrittenOver(moved),
		s.x.Becomes(s.x.Add(s.direction.Mul(move))),
		s.search.Becomes(now),
		s.stopped.Becomes(stopped),
		s.converging.Becomes(autograd.Where(began, converged, s.converging)))

	r := s.reportOf(now)
	r[Committed], r[Finite], r[Stopped], r[Change] = guard, fine, stopped, change
	known := column(now, searchKnown) // before the first tick the trial is x
	r[NowKnown] = s.number(1).Expand(s.n)
	r[NowLoss] = autograd.Where(known, r[NowLoss], e.Loss)
	r[NowPenalty] = autograd.Where(known, r[NowPenalty], e.Penalty)
	for i, v := range aside {
		r[NowAside+i] = autograd.Where(known, r[NowAside+i], v)
	}
	r[NowGradient] = autograd.Where(known, r[NowGradient], column(m, 3).Sqrt())
	return Tick{guard, up, columns(r...)}
}

// newDirection keeps the gradient and, for the images that ask for one, records
// the new pair and the direction from it.
func (s *lbfgs) newDirection(g, now autograd.Value) []autograd.Update {
	t := s.tape
	active := column(now, searchActive)
	if s.spectrum != nil {
		g = s.spectrum.hartley(g)
	}
	gradients := t.Apply(opKeep, nil, s.gradients, g, now)
	y := t.Apply(opSecant, nil, s.y, gradients, s.ring, now)
	r := t.Apply(opRing, s.rows, s.ring, t.Apply(opCurvature, nil, y, s.d, s.ring, now), now)
	pair := column(r, ringPair)
	var up []autograd.Update
	var d autograd.Value
	if s.o.TwoLoop {
		d = t.Apply(opTwoLoop, nil, s.d, gradients, now, y, r, s.pairs)
	} else {
		products := t.Apply(opProducts, nil, gradients, now, s.d, r, s.products)
		alphas := t.Apply(opAlphas, nil, products, s.gram, s.pairs, r, now)
		kind := s.moved.Type().DType
		initial := column(r, ringGamma).Cast(kind).Reshape(s.n, 1)
		filters := s.spectrum != nil && s.movable.Valid() // what has no gradient: the filter reaches it
		if s.spectrum != nil {
			gains, measured := s.spectrum.newest(s.d, y, s.ring, r)
			initial, up = s.spectrum.everywhere(gains.Cast(kind)), append(up, measured)
		}
		q := t.Apply(opDescend, overlapped(!filters), gradients, now, y, r, alphas, initial.Expand(s.moved.Type().Shape()...))
		if filters {
			q = s.spectrum.hartley(s.spectrum.hartley(q).Mul(s.movable.Cast(q.Type().DType)))
		}
		overlaps := t.Apply(opOverlaps, overlapped(!filters), q, now, y, r)
		shares := t.Apply(opShares, nil, alphas, overlaps, products, s.gram, s.pairs, r, now)
		d = t.Apply(opDirection, nil, s.d, q, now, r, shares)
		rows := s.products.Type().Shape()
		with := products.Crop(2, 1, 2).Reshape(rows...)
		up = append(up, s.gram.RowBecomes(pair, products.Crop(2, 0, 1).Reshape(rows...)),
			s.products.Becomes(autograd.Where(per(active, s.products), with, s.products)))
	}
	return append(up,
		s.gradients.WrittenOver(gradients), s.y.WrittenOver(y), s.d.WrittenOver(d),
		s.pairs.RowBecomes(pair, columns(column(r, ringTau), column(r, ringCurvature))),
		s.ring.Becomes(r),
		s.slope.Becomes(autograd.Where(active, t.Apply(opSlope, nil, gradients, now, d, r), s.slope)))
}

// reportOf returns the columns of the report that searches have.
func (s *lbfgs) reportOf(now autograd.Value) []autograd.Value {
	r := make([]autograd.Value, ReportColumns)
	for _, c := range []struct{ to, from, n int }{
		{Iterations, searchDone, 1}, {Spent, searchDoneEvs, 1}, {Ended, searchEnded, 1},
		{NowLoss, searchNow, 3 + Asides}, {EndedLoss, searchEnd, 3 + Asides}, {LastGradient, searchLast, 1},
	} {
		for i := range c.n {
			r[c.to+i] = column(now, c.from+i)
		}
	}
	return r
}
