package synth

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/percept-go/percept/internal/dense"
)

// bottomStart finds the first block of the bottom: seeded noise, multiplied by
// what is nearly the inverse of F, which leaves what F is nearly blind to.
func (r *eigenRun) bottomStart() error {
	few := r.fewRows()
	if !few && !r.measured() { // a step of its own, which is not lost with the next
		return r.prepareFilter()
	}
	z := noise(r.g, r.block(), r.j.n)
	if few {
		return r.outsideRange(z)
	}
	if err := r.prepareFilter(); err != nil {
		return err
	}
	x, err := r.j.solve(z, dense.Rows{}, bottomShift*r.largest(), startTolerance, startIterations, r.more)
	if err != nil {
		return err
	}
	next := dense.Orthonormal(x, dense.Rows{}, 1e-14)
	if next.Len() < x.Len() {
		next = next.Append(dense.Orthonormal(noise(r.g, x.Len()-next.Len(), r.j.n), next, 1e-6))
	}
	r.Stage, r.Step = "bottom", 0
	if done, err := r.allNull(next); done || err != nil {
		return err
	}
	r.rows["next"] = next
	return nil
}

// fewRows reports whether J has so few rows that JJᵀ is decomposed.
func (r *eigenRun) fewRows() bool {
	return 2*r.j.m < r.j.n && r.j.m <= rangeLimit && r.j.n-r.j.m >= r.block()
}

// measured reports whether the state has the response that the filter is made of.
func (r *eigenRun) measured() bool {
	for i := range filterBases {
		if r.rows[responseIn(i)].Len() > 0 {
			return true
		}
	}
	return false
}

// prepareFilter makes the filter, from what was measured before where there is
// that.
func (r *eigenRun) prepareFilter() (err error) {
	if f := r.j.filter; f != nil {
		r.rows[responseIn(f.number)] = dense.Rows{N: r.j.n, V: f.response}
		return nil
	}
	for i := range filterBases {
		if known := r.rows[responseIn(i)]; known.Len() > 0 {
			if r.j.filter, err = compileFilter(r.j, i); err == nil {
				r.j.filter.response = known.V
			}
			return err
		}
	}
	f, err := newFilter(r.j)
	if err != nil {
		return err
	}
	r.j.filter, r.rows[responseIn(f.number)] = f, dense.Rows{N: r.j.n, V: f.response}
	return nil
}

// responseIn names the rows that keep the response in a basis of filterBases.
func responseIn(number int) string { return fmt.Sprint("response.", number) }

// outsideRange projects z on what J does not see, where J has few rows: JJᵀ has
// the eigenvalues of F that are not zero.
func (r *eigenRun) outsideRange(z dense.Rows) error {
	gram, err := r.gramOfJ()
	if err != nil {
		return err
	}
	values, u := dense.Eigen(gram)
	seen, rank := 0, 0
	for _, v := range values {
		if v > residualFloor*values[0] {
			seen++
		}
		if v > numericallyNull*r.largest() {
			rank++
		}
	}
	u = u.Slice(0, seen)
	for range 3 { // against rounding
		jz, _, err := r.j.apply(z)
		if err != nil {
			return err
		}
		c := dense.Dots(jz, u)
		for i := range c.V {
			c.V[i] /= values[i%seen]
		}
		back, err := r.j.transpose(dense.Combine(c, u))
		if err != nil {
			return err
		}
		z = z.Clone()
		dense.AddScaled(z.V, -1, back.V)
	}
	done, err := r.allNull(dense.Orthonormal(z, dense.Rows{}, 1e-6))
	if err == nil && !done { // cannot be: there are more directions than rows
		r.finish()
		r.Stopped, r.Missed = StopIterations, true
	}
	r.Null, r.NullExact = r.j.n-rank, true
	return err
}

// gramOfJ returns JJᵀ.
func (r *eigenRun) gramOfJ() (gram dense.Rows, err error) {
	gram.V = make([]float64, 0, r.j.m*r.j.m)
	for from := 0; from < r.j.m; from += r.j.width {
		if err := r.more(); err != nil {
			return gram, err
		}
		e := dense.New(min(r.j.width, r.j.m-from), r.j.m)
		for i := range e.Len() {
			e.At(i)[from+i] = 1
		}
		rows, err := r.j.transpose(e)
		if err != nil {
			return gram, err
		}
		jrows, _, err := r.j.apply(rows)
		if err != nil {
			return gram, err
		}
		gram = gram.Append(jrows)
	}
	return gram, nil
}

// allNull ends the search if F is zero within rounding for all combinations of
// the first orthonormal vectors of x.
func (r *eigenRun) allNull(x dense.Rows) (bool, error) {
	k := r.o.count()
	if x.Len() < k {
		return false, nil
	}
	x = x.Slice(0, k)
	_, _, _, values, err := r.ritz(x)
	if err != nil || values[0] > numericallyNull*r.largest() {
		return false, err
	}
	return true, r.endNull(x)
}

// endNull keeps x, which F does not see.
func (r *eigenRun) endNull(x dense.Rows) error {
	jx, fx, err := r.j.apply(x)
	if err != nil {
		return err
	}
	values := make([]float64, x.Len())
	for i := range values {
		values[i] = dense.Dot(jx.At(i), jx.At(i))
	}
	if r.told == nil {
		r.tell(true, values[0], slices.Max(norms(residuals(x, fx, values)))/r.largest())
	}
	r.Null = x.Len()
	if r.j.filter != nil {
		d, err := r.j.nullDimension(r.largest(), r.more)
		if err != nil {
			return err
		}
		r.Null = max(r.Null, d)
	}
	r.keep("bottom", x, values, norms(residuals(x, fx, values)), nulls(values, r.largest()))
	r.endBottom()
	return nil
}

func (r *eigenRun) endBottom() {
	for name := range r.rows {
		if end, _, _ := strings.Cut(name, "."); end != "top" && end != "bottom" && end != "history" {
			delete(r.rows, name)
		}
	}
	r.finish()
}

// bottomStep makes a step at the bottom by the generalized Davidson method: the
// basis grows by approximate solutions of Ft = residual, which unlike plain
// inverse iteration separates clusters. Vectors that F does not see are found
// first and kept out of the solves.
func (r *eigenRun) bottomStep() error {
	if err := r.prepareFilter(); err != nil {
		return err
	}
	k, _, err := r.expand()
	if err != nil {
		return err
	}
	y := reversed(k.y)
	slices.Reverse(k.values)
	x, _, fx, values, err := r.ritz(dense.Combine(y.Slice(0, min(r.block(), y.Len())), k.v))
	if err != nil {
		return err
	}
	x, fx = reversed(x), reversed(fx)
	slices.Reverse(values)
	res := residuals(x, fx, values)
	sizes := norms(res)
	open := r.open(values, sizes)
	r.tell(true, values[0], slices.Max(sizes[:min(len(sizes), r.o.count())])/r.largest())
	full := k.v.Len() >= r.j.n
	if len(open) == 0 || full || r.Step >= r.o.maxSteps() {
		r.Missed = r.Missed || len(open) > 0 && !full
		return r.keepBottom(x, fx, values)
	}
	t, err := r.correct(x, res, values, open)
	if err != nil {
		return err
	}
	r.store(k, y, k.values)
	next := dense.Orthonormal(t, r.rows["basis"], 1e-8)
	if next.Len() == 0 {
		next = dense.Orthonormal(noise(r.g, r.block(), r.j.n), r.rows["basis"], 1e-6)
	}
	r.rows["next"] = next
	return nil
}

// correct returns what is to expand the basis of the bottom: solutions for the
// residuals of the given vectors and of the guards.
func (r *eigenRun) correct(x, res dense.Rows, values []float64, open []int) (dense.Rows, error) {
	locked, wrong := dense.Rows{N: x.N}, dense.Rows{N: x.N}
	for i, null := range nulls(values, r.largest()) {
		if null {
			locked = locked.Append(x.Slice(i, i+1))
		}
	}
	for i := r.o.count(); i < x.Len(); i++ {
		open = append(open, i)
	}
	for _, i := range open {
		wrong = wrong.Append(res.Slice(i, i+1))
	}
	return r.j.solve(wrong, locked, bottomShift*r.largest(), innerTolerance, innerIterations, r.more)
}

// open returns which of the wanted bottom pairs have not converged: null ones
// have; for others the error of the eigenvalue is bounded by the residual, and
// by squares of residuals over the distance to the rest of the spectrum. Where a
// crowd of eigenvalues leaves no such distance, it must do that they no longer
// change.
func (r *eigenRun) open(values, residual []float64) []int {
	k, largest := r.o.count(), r.largest()
	null := nulls(values, largest)
	still := r.still(values)
	var open []int
	for i := range min(k, len(values)) {
		bound := residual[i]
		sum := 0.
		for j := range values {
			if gap := values[j] - values[i] - residual[j]; j >= k && gap > 0 {
				bound = math.Min(bound, sum/gap)
			}
			if !null[j] {
				sum += residual[j] * residual[j]
			}
		}
		good := bound <= bottomError*values[i] && residual[i] <= bottomResidual*values[i]
		crowd := still && residual[i] <= math.Max(crowdResidual*values[i], residualFloor*largest)
		if !null[i] && !good && !crowd {
			open = append(open, i)
		}
	}
	return open
}

// still remembers the wanted values of this step and reports whether they are
// what they were crowdSteps steps ago.
func (r *eigenRun) still(values []float64) bool {
	wanted := values[:min(len(values), r.o.count())]
	trail := r.rows["trail"]
	r.rows["trail"] = trail.Clone().Append(dense.Rows{N: len(wanted), V: wanted})
	if trail.Len() < crowdSteps {
		return false
	}
	r.rows["trail"] = r.rows["trail"].Slice(1, trail.Len()+1)
	for i, v := range trail.At(0) {
		if math.Abs(v-wanted[i]) > crowdError*wanted[i] {
			return false
		}
	}
	return true
}

// keepBottom keeps the smallest of the pairs.
func (r *eigenRun) keepBottom(x, fx dense.Rows, values []float64) error {
	k := min(r.o.count(), x.Len())
	null := nulls(values[:k], r.largest())
	if !anyNot(null) {
		return r.endNull(x.Slice(0, k))
	}
	for _, n := range null {
		if n {
			r.Null++
		}
	}
	r.NullExact = !r.Missed
	sizes := norms(residuals(x, fx, values))
	r.keep("bottom", x.Slice(0, k), values[:k], sizes[:k], null)
	r.beyond("bottom", values, sizes)
	r.endBottom()
	return nil
}

func anyNot(x []bool) bool {
	for _, v := range x {
		if !v {
			return true
		}
	}
	return false
}
