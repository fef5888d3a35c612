package synth

import (
	"math"

	"github.com/percept-go/percept/internal/dense"
	"github.com/percept-go/percept/internal/rng"
)

// solve returns approximate solutions x of (F + shift)x = r, orthogonal to the
// orthonormal vectors of locked, by conjugate gradients with the filter as
// preconditioner. It ends for each vector when the residual is tolerance of what
// it was. more is asked before every product whether to go on.
func (j *jacobian) solve(r, locked dense.Rows, shift, tolerance float64, iterations int, more func() error) (dense.Rows, error) {
	if err := j.filter.invert(shift); err != nil {
		return r, err
	}
	r = r.Clone()
	dense.Remove(r, locked)
	x := dense.New(r.Len(), r.N)
	var live []*descent
	for i := range r.Len() {
		if size := dense.Norm(r.At(i)); size > 0 {
			live = append(live, &descent{x: x.At(i), r: r.At(i), end: tolerance * size})
		}
	}
	for step := 0; step < iterations && len(live) > 0; step++ {
		if err := more(); err != nil {
			return x, err
		}
		z, err := j.filter.apply(gather(live, x.N, func(d *descent) []float64 { return d.r }))
		if err != nil {
			return x, err
		}
		dense.Remove(z, locked)
		live = goOn(live, z, (*descent).turn)
		_, fp, err := j.apply(gather(live, x.N, func(d *descent) []float64 { return d.p }))
		if err != nil {
			return x, err
		}
		for i, d := range live {
			dense.AddScaled(fp.At(i), shift, d.p)
		}
		dense.Remove(fp, locked)
		live = goOn(live, fp, (*descent).move)
	}
	return x, nil
}

// A descent is the state of conjugate gradients for one vector.
type descent struct {
	x, r, p []float64 // solution, residual, direction
	rz      float64   // ⟨r, preconditioned r⟩
	end     float64   // the norm of r to reach
}

// turn takes the next direction from the preconditioned residual z. It reports
// false where rounding ends the descent.
func (d *descent) turn(z []float64) bool {
	rz := dense.Dot(d.r, z)
	if !(rz > 0) || math.IsInf(rz, 0) {
		return false
	}
	if d.p == nil {
		d.p = make([]float64, len(z))
	} else {
		dense.Scale(d.p, rz/d.rz)
	}
	dense.AddScaled(d.p, 1, z)
	d.rz = rz
	return true
}

// move goes to the minimum along the direction, of which fp is the product, and
// reports whether more is to be done.
func (d *descent) move(fp []float64) bool {
	curvature := dense.Dot(d.p, fp)
	if !(curvature > 0) {
		return false
	}
	dense.AddScaled(d.x, d.rz/curvature, d.p)
	dense.AddScaled(d.r, -d.rz/curvature, fp)
	return dense.Norm(d.r) > d.end
}

// goOn calls do for each descent with its row of v and returns those that go
// on.
func goOn(live []*descent, v dense.Rows, do func(d *descent, v []float64) bool) []*descent {
	var on []*descent
	for i, d := range live {
		if do(d, v.At(i)) {
			on = append(on, d)
		}
	}
	return on
}

func gather(live []*descent, n int, of func(d *descent) []float64) dense.Rows {
	x := dense.New(len(live), n)
	for i, d := range live {
		copy(x.At(i), of(d))
	}
	return x
}

// noise returns count vectors of standard normal numbers.
func noise(g *rng.Generator, count, n int) dense.Rows {
	z := dense.New(count, n)
	rng.Normal(g, z.V)
	return z
}

// numericallyNull is the part of the largest eigenvalue below which an
// eigenvalue of F in float64 is rounding.
const numericallyNull = 1e-12

// nullDimension returns the size of a space of frequencies in which no direction
// has a larger vᵀFv than numericallyNull of the largest eigenvalue; 0 where none
// is found. By Courant and Fischer's theorem F then has at least as many
// eigenvalues below that. The largest vᵀFv is found by power iteration, with a
// margin of 2.
func (j *jacobian) nullDimension(largest float64, more func() error) (int, error) {
	const trials, powers, margin = 8, 12, 2
	limit := numericallyNull * largest
	for t := range trials {
		count, err := j.filter.below(limit * math.Pow(10, -float64(t)/2))
		if err != nil || count == 0 {
			return 0, err
		}
		x, err := j.filter.apply(noise(rng.New(filterSeed), min(j.width, 2), j.n))
		if err != nil {
			return 0, err
		}
		top := 0.
		for range powers {
			if err := more(); err != nil {
				return 0, err
			}
			for i := range x.Len() {
				dense.Scale(x.At(i), 1/math.Max(dense.Norm(x.At(i)), math.SmallestNonzeroFloat64))
			}
			jx, fx, err := j.apply(x)
			if err != nil {
				return 0, err
			}
			for i := range x.Len() {
				top = math.Max(top, dense.Dot(jx.At(i), jx.At(i)))
			}
			if margin*top > limit {
				break
			}
			if x, err = j.filter.apply(fx); err != nil {
				return 0, err
			}
		}
		if margin*top <= limit {
			return count, nil
		}
	}
	return 0, nil
}
