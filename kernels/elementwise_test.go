package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// eachBody runs f for every operation and every level of this CPU that has a
// body of its own, in one precision.
func eachBody[T Float](t *testing.T, f func(t *testing.T, s *Scalar, body, twin Elementwise[T])) {
	for i := range scalars {
		s := &scalars[i]
		for _, l := range Levels() {
			if b := body[T](s.Name, l); b != nil {
				t.Run(fmt.Sprintf("%s/%v/%T", s.Name, l, T(0)), func(t *testing.T) {
					f(t, s, b, body[T](s.Name, PureGo))
				})
			}
		}
	}
}

func TestScalarTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scalars() {
		if seen[s.Name] || s.Doc == "" || s.Args < 0 || s.Args > 3 {
			t.Errorf("bad entry %+v", s)
		}
		seen[s.Name] = true
		if s.go32 == nil || s.go64 == nil {
			t.Errorf("%s lacks a definition", s.Name)
		}
		if Lookup[float32](s.Name, Auto) == nil || Lookup[float64](s.Name, PureGo) == nil {
			t.Errorf("Lookup does not know %s", s.Name)
		}
	}
	if Lookup[float32]("no such name", Auto) != nil {
		t.Error("Lookup knows an unknown name")
	}
}

// Every assembly body must belong to an entry of the table.
func TestNoUnknownBodies(t *testing.T) {
	for l := AVX2; l <= AVX512; l++ {
		for name := range asm32[l].elementwise {
			if scalarCalled(name) == nil {
				t.Errorf("an assembly body is called %s", name)
			}
		}
		for name := range asm32[l].blocks {
			if reductionCalled(name) == nil {
				t.Errorf("an assembly block is called %s", name)
			}
		}
	}
}

// Every operation and every reduction has a body at every level of assembly, but
// for copy, which the runtime does.
func TestNoMissingBodies(t *testing.T) {
	if !haveAssembly {
		t.Skip("this build has no assembly")
	}
	for l := AVX2; l <= AVX512; l++ {
		for _, s := range scalars {
			if s.Name != "copy" && (asm32[l].elementwise[s.Name] == nil || asm64[l].elementwise[s.Name] == nil) {
				t.Errorf("%v: %s has no body", l, s.Name)
			}
		}
		for _, r := range reductions {
			if asm32[l].blocks[r.name] == nil || asm64[l].blocks[r.name] == nil {
				t.Errorf("%v: the reduction %s has no body", l, r.name)
			}
		}
	}
}

func TestElementwise(t *testing.T) {
	eachBody(t, testLengths[float32])
	eachBody(t, testLengths[float64])
}

// testLengths compares a body with its definition over lengths, offsets,
// special values and destinations that are an argument.
func testLengths[T Float](t *testing.T, s *Scalar, body, twin Elementwise[T]) {
	r := rand.New(rand.NewPCG(1, 2))
	lengths := append(seq(0, 99), 127, 128, 129, 1023)
	if s.Name == "add" || s.Name == "cmulr" {
		lengths = append(lengths, asmChunk-1, asmChunk, asmChunk+1, 2*asmChunk+17)
	}
	for _, n := range lengths {
		for alias := -1; alias < s.Args; alias++ {
			testOnce(t, r, s, body, twin, n, alias)
		}
	}
}

func testOnce[T Float](t *testing.T, r *rand.Rand, s *Scalar, body, twin Elementwise[T], n, alias int) {
	words := s.words()
	if alias >= 0 && words[alias+1] != words[0] {
		return
	}
	var args, kept [3]guardedSlice[T]
	for i := range s.Args {
		args[i] = newGuarded[T](n*words[i+1], r.IntN(5))
		fillMixed(r, args[i].values)
		kept[i] = args[i].clone()
	}
	p, q := mixed[T](r), mixed[T](r)
	want := make([]T, n*words[0])
	twin(want, kept[0].values, kept[1].values, kept[2].values, p, q)
	dst := newGuarded[T](n*words[0], r.IntN(5))
	if alias >= 0 {
		dst = args[alias]
	}
	body(dst.values, args[0].values, args[1].values, args[2].values, p, q)
	dst.check(t)
	for i := range s.Args {
		if i != alias && !sameBits(args[i].whole, kept[i].whole) {
			t.Fatalf("n %d: argument %d was written", n, i)
		}
	}
	for i, w := range want {
		if g := dst.values[i]; !agrees(g, w, s.ULP) {
			e := i / words[0]
			t.Fatalf("n %d, alias %d, element %d: got %v, want %v; a %v b %v c %v s %v t %v", n, alias, e, g, w,
				kept[0].element(e, words[1]), kept[1].element(e, words[2]), kept[2].element(e, words[3]), p, q)
		}
	}
}

// agrees reports whether g is w: the same bits (any NaN is NaN) if ulp is 0,
// else so near as two values that are each within ulp of the exact one.
func agrees[T Float](g, w T, ulp float64) bool {
	switch {
	case w != w || g != g:
		return w != w && g != g
	case ulp == 0:
		return g == w && math.Signbit(float64(g)) == math.Signbit(float64(w))
	}
	if g == w {
		return math.Signbit(float64(g)) == math.Signbit(float64(w))
	}
	return math.Abs(float64(g)-float64(w)) <= (ulp+1)*ulpOf[T](float64(w))
}

// ulpOf returns the distance from x to the next larger value of T.
func ulpOf[T Float](x float64) float64 {
	digits, least := 52, -1074
	if isFloat32[T]() {
		digits, least = 23, -149
	}
	if math.IsInf(x, 0) {
		return 0
	}
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-1-digits, least))
}

func isFloat32[T Float]() bool { return T(1)+T(1e-10) == 1 }

// specials are the values at which bodies go wrong.
var specials = []float64{
	0, math.Copysign(0, -1), 1, -1, 2, 0.5, math.Inf(1), math.Inf(-1), math.NaN(),
	1e-45, -1e-45, 5e-324, 1e-310, 1.17549435e-38, math.MaxFloat32, -math.MaxFloat32, math.MaxFloat64, 3, 20, 20.5, 1e-20, 88.8, -103.9, 709.5, -745,
}

// mixed draws a value: a special one, one near 1, or one of any size.
func mixed[T Float](r *rand.Rand) T {
	switch r.IntN(8) {
	case 0:
		return T(specials[r.IntN(len(specials))])
	case 1:
		return T(math.Ldexp(r.NormFloat64(), r.IntN(60)-30))
	}
	return T(r.NormFloat64())
}

func fillMixed[T Float](r *rand.Rand, a []T) {
	for i := range a {
		a[i] = mixed[T](r)
	}
}

// A guardedSlice lies inside words that must not change.
type guardedSlice[T Float] struct {
	whole, values []T
	offset        int // of values in whole
}

const guardWords = 40

func newGuarded[T Float](n, misalign int) guardedSlice[T] {
	g := guardedSlice[T]{whole: make([]T, n+2*guardWords), offset: guardWords - misalign}
	for i := range g.whole {
		g.whole[i] = guardWord[T](i)
	}
	g.values = g.whole[g.offset : g.offset+n : g.offset+n]
	return g
}

func guardWord[T Float](i int) T { return T(12345 + i) }

func (g guardedSlice[T]) clone() guardedSlice[T] {
	g.whole = slices.Clone(g.whole)
	g.values = g.whole[g.offset:][:len(g.values)]
	return g
}

// check reports guardWords words that were written.
func (g guardedSlice[T]) check(t *testing.T) {
	t.Helper()
	for i, x := range g.whole {
		if (i < g.offset || i >= g.offset+len(g.values)) && x != guardWord[T](i) {
			t.Fatalf("length %d: the word at %d was written", len(g.values), i-g.offset)
		}
	}
}

func (g guardedSlice[T]) element(i, words int) []T {
	if words == 0 {
		return nil
	}
	return g.values[i*words : (i+1)*words]
}

func sameBits[T Float](a, b []T) bool {
	return slices.EqualFunc(a, b, func(x, y T) bool { return agrees(x, y, 0) })
}

// Every pair of special values, zeros with their signs.
func TestSpecialValues(t *testing.T) {
	eachBody(t, testSpecials[float32])
	eachBody(t, testSpecials[float64])
}

func testSpecials[T Float](t *testing.T, s *Scalar, body, twin Elementwise[T]) {
	var a, b []T
	for _, x := range specials {
		for _, y := range specials {
			a, b = append(a, T(x), T(y)), append(b, T(y), T(y))
		}
	}
	words := s.words()
	n := len(a) / 2
	c := slices.Clone(a)
	slices.Reverse(c)
	got, want := make([]T, n*words[0]), make([]T, n*words[0])
	a, b, c = a[:n*words[1]], b[:n*words[2]], c[:n*words[3]]
	for _, p := range []T{0, -2.5, T(math.Inf(1)), T(math.NaN())} {
		body(got, a, b, c, p, 1.5)
		twin(want, a, b, c, p, 1.5)
		for i, w := range want {
			if !agrees(got[i], w, s.ULP) {
				e := i / words[0]
				t.Fatalf("element %d: got %v, want %v; of %v %v, s = %v", e, got[i], w,
					a[e*words[1]:(e+1)*words[1]], b[e*words[2]:(e+1)*words[2]], p)
			}
		}
	}
}

// The exponents with a way of their own agree with the general definition.
func TestPowerOfConstant(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	a, got, want := make([]float64, 200), make([]float64, 200), make([]float64, 200)
	fillMixed(r, a)
	for _, l := range Levels() {
		for _, s := range []float64{-2, -1, -0.5, 0, 0.5, 1, 2, 3, math.Inf(1), math.Inf(-1), math.NaN()} {
			Lookup[float64]("powc", l)(got, a, nil, nil, s, 0)
			Lookup[float64]("powc", PureGo)(want, a, nil, nil, s, 0)
			for i, g := range got {
				if !agrees(g, want[i], 1.5) || math.Signbit(g) != math.Signbit(want[i]) && g == g {
					t.Errorf("%v: %v to the power %v: got %v, want %v", l, a[i], s, g, want[i])
				}
			}
		}
	}
}

func seq(lo, hi int) []int {
	var s []int
	for i := lo; i <= hi; i++ {
		s = append(s, i)
	}
	return s
}
