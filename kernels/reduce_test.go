package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var reductionLengths = append(seq(0, 99), 127, 1023, Block-1, Block, Block+1, 2*Block, 2*Block+33, 5*Block+100)

// eachReduction runs f for every reduction and level.
func eachReduction(t *testing.T, f func(t *testing.T, name string, l Level)) {
	for _, r := range reductions {
		for _, l := range Levels() {
			t.Run(fmt.Sprintf("%s/%v", r.name, l), func(t *testing.T) { f(t, r.name, l) })
		}
	}
}

func TestReductionLevelsAgree(t *testing.T) {
	eachReduction(t, func(t *testing.T, name string, l Level) {
		checkReduction[float32](t, name, l)
		checkReduction[float64](t, name, l)
	})
}

func checkReduction[T Float](t *testing.T, name string, l Level) {
	r := rand.New(rand.NewPCG(5, 6))
	f, twin := LookupReduction[T](name, l), LookupReduction[T](name, PureGo)
	for _, n := range reductionLengths {
		for _, fill := range []func(*rand.Rand, []T){fillNormal[T], fillMixed[T]} {
			a, b := newGuarded[T](n, r.IntN(5)), newGuarded[T](n, r.IntN(5))
			fill(r, a.values)
			fill(r, b.values)
			// A body that reads a guard word sees a NaN.
			for _, g := range []guardedSlice[T]{a, b} {
				for i := range g.whole {
					if i < g.offset || i >= g.offset+n {
						g.whole[i] = T(math.NaN())
					}
				}
			}
			if got, want := f(a.values, b.values), twin(a.values, b.values); !agrees(got, want, 0) {
				t.Fatalf("%T, n %d: got %v, want %v", T(0), n, got, want)
			}
		}
	}
}

func fillNormal[T Float](r *rand.Rand, a []T) {
	for i := range a {
		a[i] = T(r.NormFloat64())
	}
}

// The value against the formula.
func TestReductionValues(t *testing.T) {
	a, b := []float64{3, -1, 4, -1, 5, -9, 2}, []float64{2, 7, 1, 8, 2, 8, 1}
	want := map[string]float64{"sum": 3, "abssum": 25, "sumsq": 137, "dot": -65, "prod": 3 * -1 * 4 * -1 * 5 * -9 * 2, "max": 5, "min": -9}
	empty := map[string]float64{"prod": 1, "max": math.Inf(-1), "min": math.Inf(1)}
	eachReduction(t, func(t *testing.T, name string, l Level) {
		f := LookupReduction[float64](name, l)
		if got := f(a, b); got != want[name] {
			t.Errorf("got %v, want %v", got, want[name])
		}
		if got := f(nil, nil); got != empty[name] {
			t.Errorf("of nothing: got %v, want %v", got, empty[name])
		}
	})
	if LookupReduction[float64]("no such name", Auto) != nil || Combine("no such name") != nil {
		t.Error("an unknown name is known")
	}
}

// Sums of float32 are exact to float64: many small numbers do not drown.
func TestSumIsInFloat64(t *testing.T) {
	a := slices.Repeat([]float32{1, 1e-6}, 1<<16)
	got := LookupReduction[float32]("sum", Auto)(a, nil)
	if want := float64(1<<16) * (1 + float64(float32(1e-6))); math.Abs(got-want) > 1e-9*want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMaxMinPassNaN(t *testing.T) {
	for _, l := range Levels() {
		for _, name := range []string{"max", "min"} {
			for at := range 70 {
				a := make([]float32, 70)
				a[at] = float32(math.NaN())
				if got := LookupReduction[float32](name, l)(a, nil); got == got {
					t.Errorf("%s, %v: NaN at %d: got %v", name, l, at, got)
				}
			}
		}
	}
}

// Whole blocks reduced one by one and joined give the same bits.
func TestReductionSplitsIntoBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	a, b := make([]float32, 3*Block+77), make([]float32, 3*Block+77)
	fillNormal(r, a)
	fillNormal(r, b)
	eachReduction(t, func(t *testing.T, name string, l Level) {
		f, join := LookupReduction[float32](name, l), Combine(name)
		total := f(nil, nil)
		for lo := 0; lo < len(a); lo += Block {
			hi := min(lo+Block, len(a))
			total = join(total, f(a[lo:hi], b[lo:hi]))
		}
		if want := f(a, b); total != want {
			t.Errorf("got %v, want %v", total, want)
		}
	})
}

func TestSumComplex(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, n := range reductionLengths {
		a := make([]float64, 2*n)
		fillNormal(r, a)
		re, im := make([]float64, n), make([]float64, n)
		for i := range n {
			re[i], im[i] = a[2*i], a[2*i+1]
		}
		sum := LookupReduction[float64]("sum", PureGo)
		wantRe, wantIm := SumComplex(a, PureGo)
		if d := math.Abs(wantRe-sum(re, nil)) + math.Abs(wantIm-sum(im, nil)); d > 1e-11 {
			t.Fatalf("n %d: %v off", n, d)
		}
		for _, l := range Levels() {
			if gotRe, gotIm := SumComplex(a, l); gotRe != wantRe || gotIm != wantIm {
				t.Fatalf("n %d, %v: got %v, %v, want %v, %v", n, l, gotRe, gotIm, wantRe, wantIm)
			}
		}
	}
}

func TestReductionDoesNotAllocate(t *testing.T) {
	a := make([]float32, 3*Block+5)
	eachReduction(t, func(t *testing.T, name string, l Level) {
		f := LookupReduction[float32](name, l)
		if n := testing.AllocsPerRun(10, func() { f(a, a) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestAccumulate(t *testing.T) {
	testAccumulate[float32](t)
	testAccumulate[float64](t)
}

func testAccumulate[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, l := range Levels() {
		for _, n := range append(seq(0, 99), 1000, asmChunk+50) {
			a, dst := make([]T, n), newGuarded[float64](n, r.IntN(5))
			fillMixed(r, a)
			fillMixed(r, dst.values)
			before := slices.Clone(dst.values)
			Accumulate(dst.values, a, l)
			dst.check(t)
			for i, g := range dst.values {
				if want := before[i] + float64(a[i]); !agrees(g, want, 0) {
					t.Fatalf("%v, n %d, element %d: got %v, want %v", l, n, i, g, want)
				}
			}
		}
	}
}

func BenchmarkReduction(b *testing.B) {
	a := make([]float32, benchLength)
	c := make([]float64, benchLength)
	for _, name := range []string{"sum", "dot", "max"} {
		for _, l := range Levels() {
			f, g := LookupReduction[float32](name, l), LookupReduction[float64](name, l)
			b.Run(fmt.Sprintf("%s/float32/%v", name, l), func(b *testing.B) {
				b.SetBytes(4 * benchLength)
				for b.Loop() {
					f(a, a)
				}
			})
			b.Run(fmt.Sprintf("%s/float64/%v", name, l), func(b *testing.B) {
				b.SetBytes(8 * benchLength)
				for b.Loop() {
					g(c, c)
				}
			})
		}
	}
}
