package synth

import (
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// The conditional geodesic, after Hénaff and Simoncelli (2016, §3): first the
// representational geodesic, by Gauss–Newton steps; then steps that shorten the
// path in the image domain, each projected off the range of the Gauss–Newton
// matrix H of the representation's energy, which to first order leaves that
// energy alone, and followed by minimizing it again.
//
// Norms of steps are those of the image energy, whose matrix L is the same for
// all models. That makes the straight line minus the path Newton's step for the
// image energy, and its projection the best step that H does not see. Both the
// projection and the Gauss–Newton steps are solutions of systems in H by
// conjugate gradients preconditioned with L: one tangent and one adjoint sweep
// over the frames for each product.
//
// Three programs share the Vars of one Tape: trial evaluates at base + step·dir
// and goes there if the loss is not above a bound; product is one conjugate
// gradient iteration; move makes base the path, or returns to it. walk decides,
// from what they report, which comes next.
type conditionalSearch struct {
	tape     *autograd.Tape
	problems []int
	x        autograd.Value // the path as it is
	orders   autograd.Value // (P, walkColumns)
	programs [phases]*autograd.Program
	reports  [phases]tensor.Tensor
	walks    []walk
	rule     walkRule
	floors   []float64
	lines    []float64 // image energies of the straight lines
}

// smooth returns L⁻¹g for g (P, Steps−1, …), L being the matrix of the image
// energy; stiff returns Lx.
func smooth(g autograd.Value) autograd.Value {
	n := g.Type().Dim[1]
	inverse := tensor.New(g.Type().DType, n, n)
	for i := range n {
		for j := range n {
			lo, hi := min(i, j)+1, max(i, j)+1
			inverse.StoreReal(i*n+j, float64(lo*(n+1-hi))/2)
		}
	}
	return autograd.Einsum("ij,pjchw->pichw", g.Tape().Const(inverse), g)
}

func stiff(x autograd.Value) autograd.Value {
	n := x.Type().Dim[1]
	return bends(x).Scale(2 / float64(n+1))
}

// bends returns 2x[i] − x[i−1] − x[i+1] along axis 1 of x (P, n, …), which is
// followed by zeros at both ends.
func bends(x autograd.Value) autograd.Value {
	n := x.Type().Dim[1]
	amounts := make([][2]int, x.Type().Rank-1)
	amounts[0] = [2]int{1, 1}
	wide := x.PadWith(0, amounts...)
	return x.Scale(2).Sub(wide.Crop(1, 0, n)).Sub(wide.Crop(1, 2, n+2))
}

// inner returns Σ xy of each problem.
func inner(x, y autograd.Value) autograd.Value {
	return x.Mul(y).Reshape(x.Type().Dim[0], -1).SumWide(1)
}

// conditional makes the machine of the given problems.
func (s *Geodesic) conditional(t *autograd.Tape, problems []int) (machine, error) {
	c := &conditionalSearch{tape: t, problems: problems, walks: make([]walk, len(problems)),
		rule: walkRule{tolerance: s.tolerance()[0], window: s.options.Window}}
	for _, q := range problems {
		c.floors = append(c.floors, floorOfEnergy*s.fade[q].Energy)
		c.lines = append(c.lines, s.fade[q].ImageEnergy)
	}
	var recorded [phases]walkProgram
	if err := autograd.Try(func() { recorded = s.recordSearch(c) }); err != nil {
		return nil, err
	}
	for i, r := range recorded {
		p, err := t.Compile([]autograd.Value{autograd.Stack(1, r.report...)}, r.guard, r.updates...)
		if err != nil {
			return nil, err
		}
		c.programs[i], c.reports[i] = p, tensor.New(tensor.Float64, len(problems), len(r.report))
	}
	return c, nil
}

// walkProgram is what one of the programs computes.
type walkProgram struct {
	guard   autograd.Value
	updates []autograd.Update
	report  []autograd.Value
}

func (s *Geodesic) recordSearch(c *conditionalSearch) (all [phases]walkProgram) {
	t := c.tape
	start := pick(s.begin, c.problems)
	zero := tensor.New(start.DType).Expand(start.Shape()...)
	c.x = t.Var("x", start)
	v := searchVars{base: t.Var("geodesic.base", start), dir: t.Var("geodesic.direction", zero), cut: t.Var("geodesic.shortcut", zero), sol: t.Var("geodesic.solution", zero),
		res: t.Var("geodesic.residual", zero), con: t.Var("geodesic.conjugate", zero)}
	v.x, v.line = c.x, t.Const(pick(interior(s.line), c.problems))
	begin := walk{Next: phaseTrial, Bound: math.MaxFloat64}
	c.orders = t.Var("geodesic.walk", tensor.Of(begin.asRow()).Expand(len(c.problems), walkColumns))
	v.order = func(i int) autograd.Value { return c.orders.Crop(1, i, i+1).Reshape(-1) }
	all[phaseTrial] = s.recordTrial(v, c.problems)
	all[phaseProduct] = s.recordProduct(v)
	all[phaseMove] = recordMove(v)
	return all
}

// searchVars are the Vars that the programs share, (P, Steps−1, C, H, W).
type searchVars struct {
	x, line autograd.Value // the path as it is; the straight line, a Const
	base    autograd.Value // where the model is linear
	dir     autograd.Value // of the last trial
	cut     autograd.Value // the last projected step
	sol     autograd.Value // of the system in H, so far
	res     autograd.Value // its residual
	con     autograd.Value // the next conjugate direction
	order   func(column int) autograd.Value
}

// when returns the guard of a phase.
func (v searchVars) when(phase float64) autograd.Value {
	return v.order(orderPhase).Eq(v.x.Tape().Scalar(tensor.Float64, phase))
}

// finiteValue returns 1 where x is neither infinite nor NaN.
func finiteValue(x autograd.Value) autograd.Value {
	return x.Abs().Le(x.Tape().Scalar(tensor.Float64, math.MaxFloat64))
}

// either returns x where the scalar cond (P,) is not 0, and y elsewhere.
func either(cond, x, y autograd.Value) autograd.Value {
	return autograd.Where(beside(cond, x), x, y)
}

// recordTrial records the program that evaluates at base + step·direction.
func (s *Geodesic) recordTrial(v searchVars, problems []int) walkProgram {
	t := v.x.Tape()
	projected := v.line.Sub(v.base).Sub(v.sol)
	cut := either(v.order(orderProject), projected, v.cut)
	dir := either(v.order(orderSolution), v.sol, either(v.order(orderProject).Max(v.order(orderAgain)), cut, v.dir))
	step := dir.Mul(beside(v.order(orderStep), dir))
	y := v.base.Add(step)
	o := s.record(y, problems)
	g := autograd.Grad(o.loss, y)[0]
	norm := inner(g, g).Sqrt()
	fine := finiteValue(o.loss).Mul(finiteValue(norm))
	goes := fine.Mul(o.loss.Le(v.order(orderBound)))
	res := g.Neg()
	con := smooth(res)
	follow := goes.Mul(v.order(orderFollow))
	zero := t.Zeros(v.x.Type())
	return walkProgram{
		guard: v.when(phaseTrial),
		updates: []autograd.Update{
			v.dir.Becomes(dir), v.cut.Becomes(cut),
			v.base.Becomes(either(goes, y, v.base)), v.x.Becomes(either(follow, y, v.x)),
			v.sol.Becomes(either(goes, zero, v.sol)), v.res.Becomes(either(goes, res, v.res)), v.con.Becomes(either(goes, con, v.con)),
		},
		report: []autograd.Value{fine, goes, o.loss, o.penalty, o.aside[0], o.aside[1], norm, inner(res, con), inner(step, step).Sqrt()},
	}
}

// recordProduct records one iteration of conjugate gradients at base. The first
// of a projection makes the system instead: its right side is H times con, which
// move has made the straight line minus base.
func (s *Geodesic) recordProduct(v searchVars) walkProgram {
	t := v.x.Tape()
	first := v.order(orderFirst)
	z := s.represent(v.base)
	bent := bends(autograd.JVP(z, v.base, v.con)).Scale(2 / float64(z.Type().Dim[1]+1))
	product := autograd.VJP(z, bent, v.base)[0]
	if penalty, weight := s.options.Penalty.Penalty(v.base); weight != 0 {
		product = product.Add(autograd.HVP(penalty.Scale(weight), v.base, v.con))
	}
	curvature := inner(v.con, product)
	positive := curvature.Gt(t.Scalar(tensor.Float64, 0)).Mul(finiteValue(curvature))
	one := t.Scalar(tensor.Float64, 1)
	alpha := v.order(orderSquare).Div(autograd.Where(positive, curvature, one))
	zero := t.Zeros(v.x.Type())
	sol := either(first, zero, v.sol.Add(v.con.Mul(beside(alpha, v.con))))
	res := either(first, product, v.res.Sub(product.Mul(beside(alpha, product))))
	con := smooth(res)
	square := inner(res, con)
	beta := autograd.Where(first, t.Scalar(tensor.Float64, 0), square.Div(v.order(orderSquare)))
	away := v.line.Sub(v.base)
	left := away.Sub(sol)
	return walkProgram{
		guard: v.when(phaseProduct).Mul(positive.Max(first.Mul(finiteValue(curvature)))),
		updates: []autograd.Update{v.sol.Becomes(sol), v.res.Becomes(res),
			v.con.Becomes(con.Add(v.con.Mul(beside(beta, v.con))))},
		report: []autograd.Value{curvature, positive, square, inner(away, stiff(away)), inner(left, stiff(left))},
	}
}

// recordMove records the program that makes base the path, or the path base.
func recordMove(v searchVars) walkProgram {
	keep := v.order(orderKeep)
	x := either(keep, v.base, v.x)
	change := v.base.Sub(v.x)
	return walkProgram{
		guard: v.when(phaseMove),
		updates: []autograd.Update{v.x.Becomes(x), v.base.Becomes(x), v.con.Becomes(v.line.Sub(x)),
			v.sol.Becomes(v.x.Tape().Zeros(v.x.Type()))},
		report: []autograd.Value{inner(change, change).Sqrt()},
	}
}

// X implements machine.
func (c *conditionalSearch) X() autograd.Value { return c.x }

func (c *conditionalSearch) evaluation() *autograd.Program { return c.programs[phaseTrial] }

// tick implements machine.
func (c *conditionalSearch) tick(limits, reports []float64) error {
	stored, err := c.tape.Get(c.orders) // what Load may have changed
	if err != nil {
		return err
	}
	for i := range c.walks {
		copy(c.walks[i].asRow(), tensor.Slice[float64](stored)[i*walkColumns:])
	}
	phase := c.next(limits)
	if phase < phases {
		if err := c.run(phase); err != nil {
			return err
		}
	}
	for i := range c.walks {
		r := reports[i*optim.ReportColumns:][:optim.ReportColumns]
		w := &c.walks[i]
		w.fill(r)
		if c.may(i, limits) || r[optim.Ended] != 0 {
			r[optim.Committed] = 1
		}
	}
	return nil
}

// may reports whether problem i may take part: one that has not been evaluated
// always may.
func (c *conditionalSearch) may(i int, limits []float64) bool {
	w, l := &c.walks[i], limits[i*optim.LimitColumns:]
	return w.Started == 0 || w.Over == 0 && w.Iterations < l[optim.LimitIterations] && w.Spent < l[optim.LimitEvaluations]
}

// next returns the phase to run, and orders all problems in it to take part. The
// last that some need comes first, so that products are made together.
func (c *conditionalSearch) next(limits []float64) int {
	phase := phases
	for i := range c.walks {
		if c.may(i, limits) {
			phase = min(phase, int(c.walks[i].Next))
		}
	}
	for i := range c.walks {
		w := &c.walks[i]
		w.Ended, w.Phase = 0, float64(phases)
		if c.may(i, limits) && int(w.Next) == phase {
			w.Phase = w.Next
		}
	}
	return phase
}

// store writes the walks to their Var.
func (c *conditionalSearch) store() error {
	x := tensor.New(tensor.Float64, len(c.walks), walkColumns)
	for i := range c.walks {
		copy(tensor.Slice[float64](x)[i*walkColumns:], c.walks[i].asRow())
	}
	return c.tape.Set(c.orders, x)
}

// run runs the program of a phase and lets the walks that took part go on.
func (c *conditionalSearch) run(phase int) error {
	if err := c.store(); err != nil {
		return err
	}
	if err := c.programs[phase].Run(); err != nil {
		return err
	}
	if err := c.programs[phase].Read(0, c.reports[phase]); err != nil {
		return err
	}
	columns := c.reports[phase].Dim[1]
	v := tensor.Slice[float64](c.reports[phase])
	for i := range c.walks {
		if w := &c.walks[i]; int(w.Phase) == phase {
			w.after(v[i*columns:][:columns], c.rule, c.floors[i], c.lines[i])
		}
	}
	return c.store()
}

// projected returns, for each problem, what part of the norm of the image
// energy's gradient the last projection left; NaN where there was none.
func (s *Geodesic) projected() ([]float64, error) {
	part := make([]float64, s.start.Dim[0])
	for q := range part {
		part[q] = math.NaN()
	}
	c, ok := s.running.(*conditionalSearch)
	if !ok {
		return part, nil
	}
	stored, err := s.tape.Get(c.orders)
	if err != nil {
		return nil, err
	}
	for i, q := range s.rows {
		var w walk
		copy(w.asRow(), tensor.Slice[float64](stored)[i*walkColumns:])
		switch {
		case w.Walking == 1 && w.Full > 0:
			part[q] = math.Sqrt(w.Left / w.Full)
		case w.Walking == 1 && w.Over == 1:
			part[q] = 0 // the straight line
		}
	}
	return part, nil
}
