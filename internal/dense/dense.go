// Package dense does the small linear algebra of subspace methods on lists of
// long vectors, in float64. The arithmetic does not depend on the number of
// threads.
package dense

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

// Rows is a list of vectors of N elements each, one after the other.
type Rows struct {
	N int
	V []float64
}

// New returns k zero vectors of n elements. It panics if a number is negative.
func New(k, n int) Rows { return Rows{n, make([]float64, k*n)} }

// Len returns the number of vectors. It does not panic.
func (r Rows) Len() int {
	if r.N == 0 {
		return 0
	}
	return len(r.V) / r.N
}

// At returns vector i, sharing its memory. It panics if there is none.
func (r Rows) At(i int) []float64 { return r.V[i*r.N : (i+1)*r.N : (i+1)*r.N] }

// Slice returns vectors i up to and without j, sharing their memory. It panics
// if there are none.
func (r Rows) Slice(i, j int) Rows { return Rows{r.N, r.V[i*r.N : j*r.N : j*r.N]} }

// Columns returns the elements from i up to and without j of every vector. It panics
// if there are none such.
func (r Rows) Columns(i, j int) Rows {
	c := New(r.Len(), j-i)
	for k := range c.Len() {
		copy(c.At(k), r.At(k)[i:j])
	}
	return c
}

// Append returns r with the vectors of s behind its own. It does not panic.
func (r Rows) Append(s Rows) Rows { return Rows{s.N, append(r.V, s.V...)} }

// Clone returns a copy of r. It does not panic.
func (r Rows) Clone() Rows { return Rows{r.N, append([]float64(nil), r.V...)} }

func (r Rows) general() blas64.General {
	return blas64.General{Rows: r.Len(), Cols: r.N, Stride: max(r.N, 1), Data: r.V}
}

// Dots returns the scalar products of all vectors of a with all of b, those of
// a's first vector first. It panics if their lengths differ.
func Dots(a, b Rows) Rows {
	d := New(a.Len(), b.Len())
	if len(d.V) > 0 {
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, a.general(), b.general(), 0, d.general())
	}
	return d
}

// Combine returns as many vectors as y has: Σⱼ yᵢⱼ·vⱼ. It panics if y's vectors
// do not have an element for each of v.
func Combine(y, v Rows) Rows {
	c := New(y.Len(), v.N)
	if len(y.V) > 0 {
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, y.general(), v.general(), 0, c.general())
	}
	return c
}

// recombined is how many elements of all vectors Recombine takes at once.
const recombined = 4096

// Recombine is Combine into the memory of v, whose first vectors it returns, with
// room for the others. It panics as Combine does, and if y has more vectors than v.
func Recombine(y, v Rows) Rows {
	r := Rows{v.N, v.V[:y.Len()*v.N]}
	if len(y.V) == 0 {
		return r
	}
	for from := 0; from < v.N; from += recombined {
		part, c := v.general(), New(y.Len(), min(recombined, v.N-from))
		part.Cols, part.Data = c.N, v.V[from:]
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, y.general(), part, 0, c.general())
		for i := range c.Len() {
			copy(r.At(i)[from:], c.At(i))
		}
	}
	return r
}

// Dot returns the scalar product of x and y. It panics if their lengths differ.
func Dot(x, y []float64) float64 {
	return blas64.Dot(blas64.Vector{N: len(x), Inc: 1, Data: x}, blas64.Vector{N: len(y), Inc: 1, Data: y})
}

// Norm returns the Euclidean norm of x. It does not panic.
func Norm(x []float64) float64 { return math.Sqrt(Dot(x, x)) }

// AddScaled adds s·x to y. It panics if their lengths differ.
func AddScaled(y []float64, s float64, x []float64) {
	blas64.Axpy(s, blas64.Vector{N: len(x), Inc: 1, Data: x}, blas64.Vector{N: len(y), Inc: 1, Data: y})
}

// Scale multiplies x by s. It does not panic.
func Scale(x []float64, s float64) { blas64.Scal(s, blas64.Vector{N: len(x), Inc: 1, Data: x}) }

// Remove subtracts from each vector of x its projection on the orthonormal
// vectors of basis, twice, so that rounding does not bring it back. It panics if
// their lengths differ.
func Remove(x, basis Rows) {
	if basis.Len() == 0 || x.Len() == 0 {
		return
	}
	for range 2 {
		d := Dots(x, basis)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, -1, d.general(), basis.general(), 1, x.general())
	}
}

// orthonormalBlock is how many vectors Orthonormal compares with all before at
// once.
const orthonormalBlock = 32

// Orthonormal returns an orthonormal basis of what x spans beyond the
// orthonormal vectors of basis, by Gram and Schmidt's method in the order of x,
// repeated against rounding. A vector of which a part of least or less remains,
// or that is not finite, is left out. It panics if their lengths differ.
func Orthonormal(x, basis Rows, least float64) Rows {
	q := Rows{N: x.N}
	for from := 0; from < x.Len(); from += orthonormalBlock {
		block := x.Slice(from, min(from+orthonormalBlock, x.Len())).Clone()
		for i := range block.Len() {
			if size := Norm(block.At(i)); size > 0 && !math.IsInf(size, 0) {
				Scale(block.At(i), 1/size)
			} else {
				clear(block.At(i))
			}
		}
		Remove(block, basis)
		Remove(block, q)
		own := Rows{N: x.N}
		for i := range block.Len() {
			v := block.Slice(i, i+1)
			Remove(v, own)
			if left := Norm(v.V); left > least {
				Scale(v.V, 1/left)
				for _, r := range []Rows{basis, q, own} {
					Remove(v, r)
				}
				Scale(v.V, 1/Norm(v.V))
				own = own.Append(v)
			}
		}
		q = q.Append(own)
	}
	return q
}

// Eigen returns the eigenvalues of the symmetric matrix with the rows h, largest
// first, and their unit vectors. h is symmetrized. It panics if h is not square
// or holds a NaN.
func Eigen(h Rows) (values []float64, vectors Rows) {
	n := h.Len()
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (h.V[i*n+j]+h.V[j*n+i])/2)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(s, true) {
		panic("dense: a symmetric matrix without eigenvalues") // holds a NaN
	}
	var u mat.Dense
	e.VectorsTo(&u)
	ascending := e.Values(nil)
	values, vectors = make([]float64, n), New(n, n)
	for k := range n {
		values[k] = ascending[n-1-k]
		for i := range n {
			vectors.V[k*n+i] = u.At(i, n-1-k)
		}
	}
	return values, vectors
}

// Singular returns the singular values of the matrix with the rows a, largest
// first, as many as it has rows and columns or fewer, and the unit vectors of
// the columns' space: right, each of a.N elements, or left, each of a.Len(). It
// panics if a holds a NaN.
func Singular(a Rows, left bool) (values []float64, vectors Rows) {
	m := mat.NewDense(a.Len(), a.N, a.V)
	kind := mat.SVDThinV
	if left {
		kind = mat.SVDThinU
	}
	var svd mat.SVD
	if !svd.Factorize(m, kind) {
		panic("dense: a matrix without singular values") // holds a NaN
	}
	values = svd.Values(nil)
	var u mat.Dense
	if left {
		svd.UTo(&u)
	} else {
		svd.VTo(&u)
	}
	n, k := u.Dims()
	vectors = New(k, n)
	for j := range k {
		for i := range n {
			vectors.V[j*n+i] = u.At(i, j)
		}
	}
	return values, vectors
}

// QR returns the orthonormal vectors of Householder's method for the matrix with
// the columns x, with LAPACK's signs. It panics if there are more vectors than
// elements.
func QR(x Rows) Rows {
	k := x.Len()
	a := blas64.General{Rows: x.N, Cols: k, Stride: max(k, 1), Data: make([]float64, len(x.V))}
	for j := range k {
		for i, v := range x.At(j) {
			a.Data[i*k+j] = v
		}
	}
	tau, work := make([]float64, k), make([]float64, 64*max(k, 1))
	lapack64.Geqrf(a, tau, work, len(work))
	lapack64.Orgqr(a, tau, work, len(work))
	q := New(k, x.N)
	for j := range k {
		for i := range x.N {
			q.V[j*x.N+i] = a.Data[i*k+j]
		}
	}
	return q
}
