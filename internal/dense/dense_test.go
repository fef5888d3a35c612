package dense

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// rows returns k vectors of n elements that are nothing special.
func rows(k, n int) Rows {
	r := New(k, n)
	for i := range r.V {
		r.V[i] = math.Cos(float64(i*i)) + .1*float64(i%7)
	}
	return r
}

func requireIdentity(t *testing.T, d Rows, tol float64) {
	t.Helper()
	for i := range d.Len() {
		for j, v := range d.At(i) {
			want := 0.
			if i == j {
				want = 1
			}
			require.InDelta(t, want, v, tol)
		}
	}
}

func TestDotsAndCombinations(t *testing.T) {
	a, b := Rows{2, []float64{1, 2, 3, 4, 5, 6}}, Rows{2, []float64{1, 0, -1, 2}}
	require.Equal(t, []float64{1, 3, 3, 5, 5, 7}, Dots(a, b).V)
	require.Equal(t, []float64{-4, -4}, Combine(Rows{3, []float64{0, -2, 1.2}}, Rows{2, []float64{9, 9, 5, 5, 5, 5}}).V)
	require.Equal(t, 11., Dot(a.At(0), a.At(1)))
	require.Equal(t, 5., Norm(a.At(1)))
}

func TestRecombine(t *testing.T) {
	y, v := rows(3, 5), rows(5, 2*recombined+7)
	want := Combine(y, v)
	got := Recombine(y, v)
	require.Equal(t, want, got)
	require.Equal(t, want.V, v.V[:len(want.V)], "in place")
	require.Equal(t, cap(v.V), cap(got.V))
	require.Zero(t, Recombine(Rows{N: 5}, v).Len())
}

func TestColumns(t *testing.T) {
	require.Equal(t, Rows{2, []float64{2, 3, 5, 6}}, Rows{3, []float64{1, 2, 3, 4, 5, 6}}.Columns(1, 3))
}

func TestOrthonormal(t *testing.T) {
	x := rows(70, 90) // more than a block
	copy(x.At(40), x.At(3))
	clear(x.At(50))
	for i := range x.At(60) { // nearly the same as another
		x.At(60)[i] = x.At(2)[i] + 1e-9*x.At(61)[i]
	}
	basis := Orthonormal(rows(5, 90), Rows{}, 0)
	requireIdentity(t, Dots(basis, basis), 1e-14)
	q := Orthonormal(x, basis, 1e-6)
	require.Less(t, q.Len(), 68)
	requireIdentity(t, Dots(q, q), 1e-13)
	for _, v := range Dots(q, basis).V {
		require.InDelta(t, 0, v, 1e-13)
	}
	kept := Orthonormal(x.Slice(60, 61), x0(x, 2), 1e-12)
	require.Equal(t, 1, kept.Len(), "a small remainder counts if it may")
	requireIdentity(t, Dots(kept, kept), 1e-13)
}

// x0 returns vector i of x with norm 1.
func x0(x Rows, i int) Rows {
	v := x.Slice(i, i+1).Clone()
	Scale(v.V, 1/Norm(v.V))
	return v
}

func TestEigenAndSingularValues(t *testing.T) {
	a := rows(4, 9)
	values, vectors := Eigen(Dots(a, a))
	requireIdentity(t, Dots(vectors, vectors), 1e-13)
	sigma, u := Singular(a, true)
	_, v := Singular(a, false)
	for i := range values {
		require.InEpsilon(t, values[i], sigma[i]*sigma[i], 1e-10)
		require.InDelta(t, 1, math.Abs(Dot(vectors.At(i), u.At(i))), 1e-9)
		require.InDelta(t, sigma[i], Norm(Combine(u.Slice(i, i+1), a).V), 1e-12)
		require.InDelta(t, sigma[i], math.Abs(Dot(Combine(u.Slice(i, i+1), a).V, v.At(i))), 1e-12)
		if i > 0 {
			require.Less(t, values[i], values[i-1])
		}
	}
}

func TestQRHasLAPACKsSigns(t *testing.T) {
	x := rows(3, 8)
	q := QR(x)
	requireIdentity(t, Dots(q, q), 1e-14)
	// R is triangular, and its first diagonal element has the sign that keeps the
	// reflection stable: opposite to the first element of the column.
	r := Dots(q, x)
	require.Less(t, r.V[0]*x.V[0], 0.)
	for i := range 3 {
		for j := range i {
			require.InDelta(t, 0, r.V[i*3+j], 1e-13)
		}
	}
}
