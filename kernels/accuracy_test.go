package kernels

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// accuracy says where a function is judged: a is of sizes 2^lo … 2^hi of either
// sign where signed, then between the edges; b likewise.
type accuracy struct {
	name   string
	lo, hi int // exponents of |a|
	signed bool
	edges  [2]float64
	exact  func(a, b *big.Float) *big.Float
}

func of1(f func(*big.Float) *big.Float) func(a, b *big.Float) *big.Float {
	return func(a, _ *big.Float) *big.Float { return f(a) }
}

var accuracies = []accuracy{
	{"exp", -60, 9, true, [2]float64{-745, 709.7}, of1(bigExp)},
	{"expm1", -60, 9, true, [2]float64{-50, 709.7}, of1(bigExpm1)},
	{"log", -1074, 1023, false, [2]float64{0.5, 2}, of1(bigLog)},
	{"log1p", -60, 1023, false, [2]float64{-0.999, 1}, of1(bigLog1p)},
	{"sin", -60, 14, true, [2]float64{-100, 100}, of1(bigSin)},
	{"sin", 15, 28, true, [2]float64{-1e8, 1e8}, of1(bigSin)}, // float32: plain Go
	{"cos", -60, 14, true, [2]float64{-100, 100}, of1(bigCos)},
	{"cos", 15, 28, true, [2]float64{-1e8, 1e8}, of1(bigCos)}, // float32: plain Go
	{"tanh", -60, 6, true, [2]float64{-2, 2}, of1(bigTanh)},
	{"sigmoid", -60, 9, true, [2]float64{-700, 40}, of1(bigSigmoid)},
	{"softplus", -60, 3, true, [2]float64{-700, 20}, of1(bigSoftplus)},
	{"erf", -60, 2, true, [2]float64{-6, 6}, of1(bigErf)},
	{"atan2", -40, 40, true, [2]float64{-3, 3}, bigAtan2},
	{"pow", -10, 10, false, [2]float64{0.5, 2}, bigPow},
}

// Every function is within its bound of the exact value, in every body.
func TestAccuracy(t *testing.T) {
	for _, c := range accuracies {
		t.Run(c.name, func(t *testing.T) {
			checkAccuracy[float32](t, c, 500)
			checkAccuracy[float64](t, c, 500)
		})
	}
}

func checkAccuracy[T Float](t *testing.T, c accuracy, n int) {
	r := rand.New(rand.NewPCG(3, 4))
	a, b := make([]T, n), make([]T, n)
	for i := range a {
		a[i], b[i] = draw[T](r, c), draw[T](r, c)
	}
	s := scalarCalled(c.name)
	if s.Args == 1 {
		b = make([]T, n)
	}
	errors := errorsOf(c, a, b)
	for _, l := range Levels() {
		f := body[T](c.name, l)
		if f == nil {
			continue
		}
		got := make([]T, n)
		f(got, a, b, nil, 0, 0)
		worst, at := 0.0, 0
		for i, g := range got {
			if e := errors(i, g); e > worst || e != e {
				worst, at = e, i
			}
		}
		t.Logf("%T %v: %.2f ulp, at %v %v", got[0], l, worst, a[at], b[at])
		bound := s.ULP
		if l == PureGo {
			bound += 1 // what package math adds
		}
		if !(worst <= bound) {
			t.Errorf("%T %v: %v is %.2f ulp off at %v %v", got[0], l, got[at], worst, a[at], b[at])
		}
	}
}

// errorsOf returns the distance of the i-th result from the exact one in ulp.
func errorsOf[T Float](c accuracy, a, b []T) func(i int, got T) float64 {
	exact := make([]*big.Float, len(a))
	for i := range a {
		exact[i] = c.exact(bigOf(float64(a[i])), bigOf(float64(b[i])))
	}
	return func(i int, got T) float64 {
		w, _ := exact[i].Float64()
		if T(w)-T(w) != 0 || math.IsInf(float64(got), 0) {
			if got == T(w) {
				return 0
			}
			return math.Inf(1)
		}
		d, _ := bigSub(bigOf(float64(got)), exact[i]).Float64()
		return math.Abs(d) / ulpOf[T](w)
	}
}

// draw returns an argument: of any size, or between the edges.
func draw[T Float](r *rand.Rand, c accuracy) T {
	x := c.edges[0] + r.Float64()*(c.edges[1]-c.edges[0])
	if r.IntN(2) == 0 {
		x = math.Ldexp(1+r.Float64(), c.lo+r.IntN(c.hi-c.lo+1))
		if c.signed && r.IntN(2) == 0 {
			x = -x
		}
	}
	if y := T(x); y-y == 0 && y != 0 {
		return y
	}
	return draw[T](r, c)
}
