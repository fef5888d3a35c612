package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Every body of the texture kernels against the definition, at lengths around
// vectors; numbers that are zero have direction 0.
func TestTexture(t *testing.T) {
	for _, l := range Levels() {
		for _, n := range []int{1, 3, 8, 15, 16, 17, 40, 64} {
			t.Run(fmt.Sprintf("%v/%d", l, n), func(t *testing.T) {
				testTexture[float32](t, l, n, 2e-5)
				testTexture[float64](t, l, n, 1e-13)
			})
		}
	}
}

func testTexture[T Float](t *testing.T, l Level, n int, bound float64) {
	const ld = 80
	r := rand.New(rand.NewPCG(7, uint64(n)))
	body, twin := TextureOf[T](l), TextureOf[T](PureGo)
	rows := func() []T { // zero beyond n, as callers pad
		x := make([]T, TextureRows*ld)
		for i := range TextureRows {
			fillNormal(r, x[i*ld:i*ld+n])
		}
		return x
	}
	close := func(what string, got, want []T) {
		t.Helper()
		if d := relativeError(got, want); !(d <= bound) {
			t.Errorf("%T, %s: relative error %.2g", T(0), what, d)
		}
	}
	totals := func(x *Texture[T], acc []T, count int) []T {
		out := make([]T, count)
		for i := range out {
			out[i] = T(x.Total(acc, i))
		}
		return out
	}
	a, b := rows(), rows()
	got, want := make([]T, 16*body.Lanes), make([]T, 16)
	for range 2 {
		body.Gram(got, a, b, ld, n)
		twin.Gram(want, a, b, ld, n)
	}
	close("gram", totals(body, got, 16), want)
	got, want = make([]T, 8*body.Lanes), make([]T, 8)
	body.Moments(got, a, ld, n)
	twin.Moments(want, a, ld, n)
	close("moments", totals(body, got, 8), want)
	for _, more := range []bool{false, true} {
		x := rows()
		y := append([]T(nil), x...)
		body.Mix(x, a, b, ld, n, more)
		twin.Mix(y, a, b, ld, n, more)
		close("mix", x, y)
	}

	n = roundUp(n, body.Lanes)
	pairs, z := make([]T, 2*n), newGuarded[T](2*n, 1)
	fillNormal(r, pairs)
	pairs[0], pairs[1] = 0, 0
	body.Pack(z.values, pairs)
	out, exact := [3]guardedSlice[T]{}, [3][]T{}
	for i := range out {
		out[i], exact[i] = newGuarded[T](n, i), make([]T, n)
	}
	body.Double(out[0].values, out[1].values, out[2].values, z.values, .5)
	twin.Double(exact[0], exact[1], exact[2], pairs, .5)
	for i := range out {
		out[i].check(t)
		close("double", out[i].values, exact[i])
	}
	body.Modulus(out[0].values, out[1].values, z.values, .5)
	twin.Modulus(exact[0], exact[1], pairs, .5)
	for i := range 2 {
		out[i].check(t)
		close("modulus", out[i].values, exact[i])
	}
	dz, dzPairs, dzWant, p := newGuarded[T](2*n, 3), make([]T, 2*n), make([]T, 2*n), &[4]T{.5, 2, -1, 3}
	body.DoubleAdjoint(dz.values, z.values, a[:n], b[:n], a[ld:ld+n], p)
	twin.DoubleAdjoint(dzWant, pairs, a[:n], b[:n], a[ld:ld+n], p)
	dz.check(t)
	body.Unpack(dzPairs, dz.values)
	close("doubleAdjoint", dzPairs, dzWant)
	body.ModulusAdjoint(dz.values, z.values, a[:n], b[:n], 3)
	twin.ModulusAdjoint(dzWant, pairs, a[:n], b[:n], 3)
	dz.check(t)
	body.Unpack(dzPairs, dz.values)
	close("modulusAdjoint", dzPairs, dzWant)
}

// Zeros have direction 0 and NaN stays NaN, in every lane of every body.
func TestTextureOfZeroAndNaN(t *testing.T) {
	for _, l := range Levels() {
		testTextureOf[float32](t, l)
		testTextureOf[float64](t, l)
	}
}

func testTextureOf[T Float](t *testing.T, l Level) {
	body := TextureOf[T](l)
	n, nan := 3*body.Lanes, T(math.NaN())
	for _, v := range []T{0, nan} {
		for at := range n {
			pairs, z, dz := make([]T, 2*n), make([]T, 2*n), make([]T, 2*n)
			for i := range pairs {
				pairs[i] = 1
			}
			pairs[2*at], pairs[2*at+1] = v, v
			body.Pack(z, pairs)
			q, dr, di, ones := make([]T, n), make([]T, n), make([]T, n), make([]T, n)
			for i := range ones {
				ones[i] = 1
			}
			body.Double(q, dr, di, z, 0)
			m, re := make([]T, n), make([]T, n)
			body.Modulus(m, re, z, 0)
			got := []T{q[at], dr[at], di[at], m[at], re[at]}
			body.ModulusAdjoint(dz, z, ones, make([]T, n), 1)
			body.Unpack(pairs, dz)
			got = append(got, pairs[2*at], pairs[2*at+1])
			body.DoubleAdjoint(dz, z, ones, ones, ones, &[4]T{0, 1, 1, 1})
			body.Unpack(pairs, dz)
			got = append(got, pairs[2*at], pairs[2*at+1])
			for i, g := range got {
				if g != v && !(v != v && g != g) {
					t.Fatalf("%v, %T: number %d of %v at %d is %v", l, v, i, v, at, g)
				}
			}
		}
	}
}

// BenchmarkTexture measures the kernels on one strip of four rows.
func BenchmarkTexture(b *testing.B) {
	b.Run("f32", benchTexture[float32])
	b.Run("f64", benchTexture[float64])
}

func benchTexture[T Float](b *testing.B) {
	n := TextureStrip[T]()
	t := TextureOf[T](Auto)
	x, y, acc := NewTextureRows[T](TextureRows, n), NewTextureRows[T](TextureRows, n), NewTextureRows[T](16, t.Lanes)
	p := new([4]T)
	z, dz := NewTextureRows[T](2, n), NewTextureRows[T](2, n)
	fillNormal(rand.New(rand.NewPCG(1, 2)), z)
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"gram", func() { t.Gram(acc, x, y, n, n) }},
		{"moments", func() { t.Moments(acc, x, n, n) }},
		{"mix", func() { t.Mix(x, acc, y, n, n, true) }},
		{"modulus", func() { t.Modulus(x[:n], y[:n], z, 0) }},
		{"modulusAdjoint", func() { t.ModulusAdjoint(dz, z, x[:n], y[:n], 0) }},
		{"double", func() { t.Double(x[:n], y[:n], y[n:2*n], z, 0) }},
		{"doubleAdjoint", func() { t.DoubleAdjoint(dz, z, x[:n], y[:n], y[n:2*n], p) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/pixel")
		})
	}
}
