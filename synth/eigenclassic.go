package synth

import (
	"math"
	"slices"

	"github.com/percept-go/percept/internal/dense"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// skipValidator draws the numbers that the reference's check of a model takes.
func (r *eigenRun) skipValidator() {
	draw(r.g, tensor.New(r.typ, r.j.n))
}

// normals returns count vectors of normal numbers, drawn as the reference does
// in precision d: element by element, the vectors side by side.
func (r *eigenRun) normals(d tensor.DType, count int) dense.Rows {
	x := tensor.New(d, r.j.n, count)
	if d == tensor.Float32 {
		rng.Normal(r.g, tensor.Slice[float32](x))
	} else {
		rng.Normal(r.g, tensor.Slice[float64](x))
	}
	return dense.Rows{N: r.j.n, V: tensor.Floats(x.Permute(1, 0))}
}

// powerStages are the two ends, with what comes after each.
var powerStages = map[string]string{"top": "bottom", "bottom": eigenDone}

// power makes one step of the reference's orthogonal iteration of F − shift: 0
// at the top, then the largest eigenvalue.
func (r *eigenRun) power() error {
	if r.Stage == "" {
		r.skipValidator()
		r.Stage = "top"
	}
	if err := r.more(); err != nil {
		return err
	}
	if r.rows["vectors"].Len() == 0 {
		return r.powerStart()
	}
	v, fv := r.rows["vectors"], r.rows["products"]
	w := fv.Clone()
	for i := range w.Len() {
		dense.AddScaled(w.At(i), -r.shift(), v.At(i))
	}
	q := dense.QR(w)
	_, fq, err := r.j.apply(q)
	if err != nil {
		return err
	}
	old, values := quotients(v, fv), quotients(q, fq)
	change := 0.
	for i := range values {
		change += (values[i] - old[i]) * (values[i] - old[i])
	}
	r.rows["vectors"], r.rows["products"] = q, fq
	change = math.Sqrt(change)
	r.tell(r.Stage == "bottom", values[0], change)
	converged := change <= r.o.tolerance(1e-7)
	if converged || r.Step >= r.o.maxSteps() {
		r.Missed = r.Missed || !converged
		r.endPower(q, fq, values)
	}
	return nil
}

func (r *eigenRun) shift() float64 {
	if r.Stage == "top" {
		return 0
	}
	return r.largest()
}

// powerStart draws the first vectors and multiplies them once.
func (r *eigenRun) powerStart() error {
	v := r.normals(r.typ, r.o.count())
	unit(v)
	_, v, err := r.j.apply(v)
	if err != nil {
		return err
	}
	unit(v)
	_, fv, err := r.j.apply(v)
	r.rows["vectors"], r.rows["products"] = v, fv
	return err
}

func unit(v dense.Rows) {
	for i := range v.Len() {
		if size := dense.Norm(v.At(i)); size > 0 {
			dense.Scale(v.At(i), 1/size)
		}
	}
}

// quotients returns vᵀFv for each vector.
func quotients(v, fv dense.Rows) []float64 {
	q := make([]float64, v.Len())
	for i := range q {
		q[i] = dense.Dot(v.At(i), fv.At(i))
	}
	return q
}

func (r *eigenRun) endPower(v, fv dense.Rows, values []float64) {
	res := norms(residuals(v, fv, values))
	for i := range values {
		values[i] = math.Abs(values[i])
	}
	largest := values[0]
	if r.Stage == "bottom" {
		largest = r.largest()
	}
	r.keep(r.Stage, v, values, res, nulls(values, largest))
	r.rows["vectors"], r.rows["products"] = dense.Rows{}, dense.Rows{}
	r.Stage, r.Step = powerStages[r.Stage], 0
	if r.Stage == eigenDone {
		r.finish()
	}
}

// rowsOfJ multiplies the Jacobian out.
func (r *eigenRun) rowsOfJ() (rows dense.Rows, err error) {
	rows = dense.Rows{N: r.j.n, V: make([]float64, 0, r.j.m*r.j.n)}
	for from := 0; from < r.j.m; from += r.j.width {
		if err := r.more(); err != nil {
			return rows, err
		}
		e := dense.New(min(r.j.width, r.j.m-from), r.j.m)
		for i := range e.Len() {
			e.At(i)[from+i] = 1
		}
		part, err := r.j.transpose(e)
		if err != nil {
			return rows, err
		}
		rows = rows.Append(part)
	}
	return rows, nil
}

// exact decomposes the Jacobian.
func (r *eigenRun) exact() error {
	rows, err := r.rowsOfJ()
	if err != nil {
		return err
	}
	sigma, v := dense.Singular(rows, false)
	v = complete(v, r.j.n)
	values := make([]float64, r.j.n)
	for i, s := range sigma {
		values[i] = s * s
	}
	null := nulls(values, values[0])
	for _, n := range null {
		if n {
			r.Null++
		}
	}
	r.NullExact = true
	r.tell(false, values[0], 0)
	// What a residual is here: the rounding of the decomposition.
	res := make([]float64, r.j.n)
	for i := range res {
		res[i] = residualFloor * values[0]
	}
	if r.o.K == 0 {
		r.keep("top", v, values, res, null)
		r.finish()
		return nil
	}
	k := r.o.K
	r.keep("top", v.Slice(0, k), values[:k], res[:k], null[:k])
	last, lastNull := make([]float64, k), make([]bool, k)
	for i := range k {
		last[i], lastNull[i] = values[r.j.n-1-i], null[r.j.n-1-i]
	}
	r.keep("bottom", reversed(v.Slice(r.j.n-k, r.j.n)), last, res[:k], lastNull)
	r.finish()
	return nil
}

// Jacobian returns the derivative of the model at image k: a row for each element
// of the representation, complex ones counting two, a column for each of the
// image. It errs if it is too large for memory or the backend fails, and panics if
// there is no such image.
func (s *Eigendistortion) Jacobian(k int) (tensor.Tensor, error) {
	if err := s.look(k); err != nil {
		return tensor.Tensor{}, err
	}
	if err := s.options.checkExact(s.jac.n, s.jac.m); err != nil {
		return tensor.Tensor{}, err
	}
	r := eigenRun{j: s.jac, more: func() error { return nil }}
	rows, err := r.rowsOfJ()
	if err != nil {
		return tensor.Tensor{}, err
	}
	return tensor.Of(rows.V, s.jac.m, s.jac.n), nil
}

// estimateVectors is how many vectors the reference estimates its error with.
const estimateVectors = 20

// randomized is the reference's randomized method.
func (r *eigenRun) randomized() error {
	r.skipValidator()
	z := dense.QR(r.normals(tensor.Float32, r.o.count()+r.o.oversampling()))
	for range r.o.powers() + 1 {
		var err error
		if err = r.more(); err != nil {
			return err
		}
		if _, z, err = r.j.apply(z); err != nil {
			return err
		}
	}
	q := dense.QR(z)
	_, fq, err := r.j.apply(q)
	if err != nil {
		return err
	}
	values, u := dense.Singular(dense.Dots(q, fq), false)
	k := r.o.count()
	v := dense.Combine(u.Slice(0, k), q)
	_, fv, err := r.j.apply(v)
	if err != nil {
		return err
	}
	res := norms(residuals(v, fv, values))
	_, omega, err := r.j.apply(r.normals(tensor.Float32, estimateVectors))
	if err != nil {
		return err
	}
	dense.Remove(omega, q)
	for _, size := range norms(omega) {
		r.Estimate += size / estimateVectors
	}
	r.tell(false, values[0], slices.Max(res)/values[0])
	r.keep("top", v, values[:k], res, nulls(values[:k], values[0]))
	r.finish()
	return nil
}
