package synth

import (
	"math"
	"slices"

	"github.com/percept-go/percept/internal/dense"
)

const (
	// eigenBasis is how many vectors a search keeps, or eigenBlocks blocks if that
	// is more; it then restarts from the best half.
	eigenBasis  = 48
	eigenBlocks = 5
	// bottomShift makes F definite where conjugate gradients solve with it, as a
	// part of the largest eigenvalue: above what rounding makes of zero.
	bottomShift = 1e-13
	// The errors, relative to an eigenvalue, at which the bottom has converged: of
	// the eigenvalue, as its residual bounds it, and of the residual itself.
	bottomError    = 1e-8
	bottomResidual = 1e-5
	// Crowded eigenvalues need not change by more than crowdError in crowdSteps
	// steps, with a residual of crowdResidual, both relative to the eigenvalue.
	crowdSteps    = 50
	crowdError    = 1e-9
	crowdResidual = 1e-4
	// residualFloor is the residual, in largest eigenvalues, that rounding leaves.
	residualFloor = 1e-15
	// krylovFloor is the part of a product with F that is new at which it is left
	// out of a Krylov space: rounding.
	krylovFloor = 1e-14
	// Inner solves: of the first vectors, and of corrections.
	startTolerance, startIterations = 1e-6, 400
	innerTolerance, innerIterations = 1e-2, 200
	// rangeLimit is up to how many elements a representation that has fewer than
	// half of the image's is multiplied out.
	rangeLimit = 1500
)

// lanczos makes one step of EigenLanczos: both searches expand an orthonormal
// basis by one block and take the best approximations in the space it spans
// (Rayleigh and Ritz). The state has the vectors of the basis V in "basis", VᵀFV
// in "quotient" and the next block in "next".
func (r *eigenRun) lanczos() error {
	switch r.Stage {
	case "":
		r.Stage = "top"
		r.rows["next"] = dense.Orthonormal(noise(r.g, r.block(), r.j.n), dense.Rows{}, 0)
		return r.lanczosTop()
	case "top":
		return r.lanczosTop()
	case "start":
		return r.bottomStart()
	}
	return r.bottomStep()
}

func (r *eigenRun) block() int { return min(r.o.count()+guards, r.j.n) }

// A krylov is the space of a basis V, and what F is in it.
type krylov struct {
	v, quotient dense.Rows // V and VᵀFV
	values      []float64  // of the quotient, largest first
	y           dense.Rows // its eigenvectors: coefficients of vectors of the space
}

// expand adds the next block to the basis. It returns the products of the block
// with F too.
func (r *eigenRun) expand() (k krylov, products dense.Rows, err error) {
	next := r.rows["next"]
	if _, products, err = r.j.apply(next); err != nil {
		return k, products, err
	}
	k.v = r.grown(r.rows["basis"], next)
	k.quotient = bordered(r.rows["quotient"], dense.Dots(products, k.v))
	k.values, k.y = dense.Eigen(k.quotient)
	return k, products, nil
}

// bordered returns the symmetric matrix whose first rows and columns are those of
// a, and whose last ones have the given rows.
func bordered(a, last dense.Rows) dense.Rows {
	n, old := last.N, last.N-last.Len()
	b := dense.New(n, n)
	for i := range old {
		copy(b.At(i), a.At(i))
	}
	for i := range last.Len() {
		copy(b.At(old+i), last.At(i))
		for j := range old {
			b.At(j)[old+i] = last.At(i)[j]
		}
	}
	return b
}

// grown returns x with the vectors of more behind its own, in memory for all that a
// basis may have. That is shared with x, which has fewer.
func (r *eigenRun) grown(x, more dense.Rows) dense.Rows {
	if size := len(x.V) + len(more.V); size > cap(x.V) {
		x.V = append(make([]float64, 0, max(size, r.room()*r.j.n)), x.V...)
	}
	return x.Append(more)
}

// limit is how many vectors a basis has at most.
func (r *eigenRun) limit() int { return max(eigenBasis, eigenBlocks*r.block()) }

// room is how many of them a search can come to.
func (r *eigenRun) room() int { return min(r.limit(), r.j.n, r.block()*r.o.maxSteps()) }

// store keeps the basis, or, where it has become too large, the best half: the
// eigenvectors of which y has the coefficients, with their eigenvalues, best first.
// These are written over the basis, so that a step must not fail afterwards.
func (r *eigenRun) store(k krylov, y dense.Rows, values []float64) {
	if limit := r.limit(); k.v.Len()+r.block() > limit && k.v.Len() < k.v.N {
		half := limit / 2
		k.v, k.quotient = dense.Recombine(y.Slice(0, half), k.v), dense.New(half, half)
		for i := range half {
			k.quotient.At(i)[i] = values[i]
		}
	}
	r.rows["basis"], r.rows["quotient"] = k.v, k.quotient
}

// forget drops the basis but keeps its memory for the next.
func (r *eigenRun) forget() {
	r.rows["basis"] = dense.Rows{N: r.j.n, V: r.rows["basis"].V[:0]}
	delete(r.rows, "quotient")
	delete(r.rows, "next")
}

// beyond notes whether the first pair that was not asked for agrees with the last
// that was. It has not converged itself: its value is known to about the square of
// its residual.
func (r *eigenRun) beyond(end string, values, residuals []float64) {
	k := r.o.count()
	if len(values) <= k {
		return
	}
	unknown := residuals[k-1] + residuals[k]*residuals[k]/math.Max(r.largest(), math.SmallestNonzeroFloat64)
	if math.Abs(values[k]-values[k-1]) <= unknown {
		r.rows[end+".more"] = dense.Rows{N: 1, V: []float64{1}}
	}
}

// residuals returns Fx − λx for each vector.
func residuals(x, fx dense.Rows, values []float64) dense.Rows {
	res := fx.Clone()
	for i := range x.Len() {
		dense.AddScaled(res.At(i), -values[i], x.At(i))
	}
	return res
}

// lanczosTop makes a step at the top. F maps the space of the basis into itself,
// but for the last block (Krylov): what its products have outside of the space is
// the next block, and the residual of a vector of the space is made of it with the
// vector's coefficients of the last block.
func (r *eigenRun) lanczosTop() error {
	if err := r.more(); err != nil {
		return err
	}
	k, outside, err := r.expand()
	if err != nil {
		return err
	}
	dense.Remove(outside, k.v)
	size, wanted := k.v.Len(), min(k.v.Len(), r.o.count())
	worst := slices.Max(norms(dense.Combine(k.y.Slice(0, wanted).Columns(size-outside.Len(), size), outside)))
	converged := wanted >= r.o.count() && worst <= r.o.tolerance(1e-8)*k.values[0]
	next := dense.Orthonormal(large(outside, residualFloor*k.values[0]), k.v, krylovFloor)
	if next.Len() == 0 && !converged {
		next = dense.Orthonormal(noise(r.g, r.block(), r.j.n), k.v, 1e-6)
	}
	r.tell(false, k.values[0], worst/k.values[0])
	if full := size >= r.j.n || next.Len() == 0; converged || full || r.Step >= r.o.maxSteps() {
		r.Missed = r.Missed || !converged && !full
		return r.endTop(dense.Combine(k.y.Slice(0, min(r.block(), size)), k.v))
	}
	r.rows["next"] = next
	r.store(k, k.y, k.values)
	return nil
}

// large returns the vectors of x with a norm above least.
func large(x dense.Rows, least float64) dense.Rows {
	y := dense.Rows{N: x.N}
	for i := range x.Len() {
		if dense.Norm(x.At(i)) > least {
			y = y.Append(x.Slice(i, i+1))
		}
	}
	return y
}

// endTop keeps the best of the vectors x, with eigenvalues and residuals from
// products of their own.
func (r *eigenRun) endTop(x dense.Rows) error {
	x, _, fx, values, err := r.ritz(x)
	if err != nil {
		return err
	}
	k := min(r.o.count(), x.Len())
	sizes := norms(residuals(x, fx, values))
	r.keep("top", x.Slice(0, k), values[:k], sizes[:k], nulls(values[:k], values[0]))
	r.beyond("top", values, sizes)
	r.forget()
	r.Stage, r.Step = "start", 0
	return nil
}

func norms(x dense.Rows) []float64 {
	v := make([]float64, x.Len())
	for i := range v {
		v[i] = dense.Norm(x.At(i))
	}
	return v
}

func nulls(values []float64, largest float64) []bool {
	null := make([]bool, len(values))
	for i, v := range values {
		null[i] = v <= numericallyNull*largest
	}
	return null
}

// ritz returns the eigenvectors of F in the space of the orthonormal vectors x,
// largest eigenvalue first, with Jx and Fx. From the singular values of Jx, small
// eigenvalues come with more digits than from products with F.
func (r *eigenRun) ritz(x dense.Rows) (y, jy, fy dense.Rows, values []float64, err error) {
	jx, fx, err := r.j.apply(x)
	if err != nil {
		return x, jx, fx, nil, err
	}
	sigma, u := dense.Singular(jx, true)
	values = make([]float64, x.Len()) // with fewer elements than vectors, zeros at the end
	for i, s := range sigma {
		values[i] = s * s
	}
	u = complete(u, x.Len())
	return dense.Combine(u, x), dense.Combine(u, jx), dense.Combine(u, fx), values, nil
}

// complete extends an orthonormal list of vectors of n elements to n of them.
func complete(u dense.Rows, n int) dense.Rows {
	if u.Len() < n {
		u.V = append(make([]float64, 0, n*u.N), u.V...)
	}
	for i := 0; i < n && u.Len() < n; i++ {
		e := dense.New(1, n)
		e.V[i] = 1
		u = u.Append(dense.Orthonormal(e, u, .5/math.Sqrt(float64(n))))
	}
	return u
}

// reversed returns the vectors of x in opposite order.
func reversed(x dense.Rows) dense.Rows {
	y := dense.Rows{N: x.N}
	for i := x.Len() - 1; i >= 0; i-- {
		y = y.Append(x.Slice(i, i+1))
	}
	return y
}

func (r *eigenRun) largest() float64 {
	v, _, _ := r.facts("top", 0)
	return v
}
