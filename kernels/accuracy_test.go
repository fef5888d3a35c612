package kernels

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// An accuracy says how a function is judged: at arguments of every exponent, and
// between the edges, where it is hard; exact is the definition.
type accuracy struct {
	name   string
	signed bool // whether it is defined for a < 0
	edges  [2]float64
	exact  func(a, b *big.Float) *big.Float
	second func(r *rand.Rand, a float64) float64 // draws b; nil: there is none
}

func of1(f func(*big.Float) *big.Float) func(a, b *big.Float) *big.Float {
	return func(a, _ *big.Float) *big.Float { return f(a) }
}

var accuracies = []accuracy{
	{"exp", true, [2]float64{-745, 709.7}, of1(bigExp), nil},
	{"expm1", true, [2]float64{-50, 709.7}, of1(bigExpm1), nil},
	{"log", false, [2]float64{0.5, 2}, of1(bigLog), nil},
	{"log1p", true, [2]float64{-0.999, 1}, of1(bigLog1p), nil},
	{"sin", true, [2]float64{-100, 100}, of1(bigSin), nil},
	{"cos", true, [2]float64{-100, 100}, of1(bigCos), nil},
	{"tanh", true, [2]float64{-2, 2}, of1(bigTanh), nil},
	{"sigmoid", true, [2]float64{-700, 40}, of1(bigSigmoid), nil},
	{"softplus", true, [2]float64{-700, 20}, of1(bigSoftplus), nil},
	{"erf", true, [2]float64{-6, 6}, of1(bigErf), nil},
	{"sqrt", false, [2]float64{0.25, 4}, of1(func(x *big.Float) *big.Float { return bigNew().Sqrt(x) }), nil},
	{"atan2", true, [2]float64{-3, 3}, bigAtan2, drawSide},
	{"pow", false, [2]float64{0.5, 2}, bigPow, drawPower},
}

// drawSide draws the other side of a triangle: of a like size, or of any.
func drawSide(r *rand.Rand, a float64) float64 {
	_, e := math.Frexp(a)
	if e += r.IntN(80) - 40; r.IntN(3) == 0 {
		e = r.IntN(2000) - 1000
	}
	return math.Ldexp(r.Float64()-0.5, e)
}

// drawPower draws a power that neither overflows nor vanishes, nor is a denormal.
func drawPower(r *rand.Rand, a float64) float64 {
	size := 1020.0
	if r.IntN(2) == 0 {
		size = 125
	}
	return (2*r.Float64() - 1) * size / math.Log2(a)
}

// TestAccuracy: every function is within its bound of the exact value, in every
// body. Its log has the largest errors as a table.
func TestAccuracy(t *testing.T) {
	table := []string{"| function | bound | " + strings.Join(accuracyHead(), " | ") + " |", "|" + strings.Repeat(" --- |", 2+2*len(Levels()))}
	for _, c := range accuracies {
		t.Run(c.name, func(t *testing.T) {
			cells := append(checkAccuracy[float32](t, c, 4), checkAccuracy[float64](t, c, 1)...)
			table = append(table, fmt.Sprintf("| %s | %v | %s |", c.name, max(scalarCalled(c.name).ULP, 0.5), strings.Join(cells, " | ")))
		})
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

func accuracyHead() (names []string) {
	for _, typ := range []string{"float32", "float64"} {
		for _, l := range Levels() {
			names = append(names, fmt.Sprintf("%s, %v", typ, l))
		}
	}
	return names
}

// checkAccuracy draws each arguments of every exponent and sign.
func checkAccuracy[T Float](t *testing.T, c accuracy, each int) (cells []string) {
	a, b := accuracyArguments[T](c, each)
	s := scalarCalled(c.name)
	errors := errorsOf(c, a, b)
	for _, l := range Levels() {
		f := body[T](c.name, l)
		got := make([]T, len(a))
		f(got, a, b, nil, 0, 0)
		worst, at := 0.0, 0
		for i, g := range got {
			if e := errors(i, g); e > worst || e != e {
				worst, at = e, i
			}
		}
		cells = append(cells, fmt.Sprintf("%.2f", worst))
		if bound := max(s.ULP, 0.5); !(worst <= bound) {
			t.Errorf("%T %v: %v is %.2f ulp off at %v %v", got[0], l, got[at], worst, a[at], b[at])
		}
	}
	return cells
}

// accuracyArguments returns arguments of every exponent, with random digits, few
// and many, and as many between the edges.
func accuracyArguments[T Float](c accuracy, each int) (a, b []T) {
	r := rand.New(rand.NewPCG(3, 4))
	add := func(x float64) {
		for _, v := range []float64{x, -x} {
			if v < 0 && !c.signed {
				continue
			}
			y := 0.0
			if c.second != nil {
				y = c.second(r, v)
			}
			if T(v)-T(v) == 0 && T(v) != 0 && T(y)-T(y) == 0 && (c.second == nil || T(y) != 0) {
				a, b = append(a, T(v)), append(b, T(y))
			}
		}
	}
	least, most := -1074, 1023
	if isFloat32[T]() {
		least, most = -149, 127
	}
	if testing.Short() {
		each = 1
	}
	for e := least; e <= most; e++ {
		for range each {
			add(math.Ldexp(1+r.Float64(), e))
			add(c.edges[0] + r.Float64()*(c.edges[1]-c.edges[0]))
		}
		add(math.Ldexp(1, e))
		add(math.Ldexp(2-0x1p-23, e))
	}
	return a, b
}

// errorsOf returns the distance of the i-th result from the exact one in ulp.
func errorsOf[T Float](c accuracy, a, b []T) func(i int, got T) float64 {
	exact := make([]*big.Float, len(a))
	for i := range a {
		exact[i] = c.exact(bigOf(float64(a[i])), bigOf(float64(b[i])))
	}
	return func(i int, got T) float64 {
		w := math.NaN()
		if exact[i] != nil {
			w, _ = exact[i].Float64()
		}
		if T(w)-T(w) != 0 || math.IsInf(float64(got), 0) || got != got {
			if got == T(w) || got != got && w != w {
				return 0
			}
			return math.Inf(1)
		}
		d, _ := bigSub(bigOf(float64(got)), exact[i]).Float64()
		return math.Abs(d) / ulpOf[T](w)
	}
}

// TestTwoOverPi: the digits by which large angles are reduced.
func TestTwoOverPi(t *testing.T) {
	q := new(big.Float).SetPrec(1500).Quo(big.NewFloat(2), bigPiLong)
	q.SetMantExp(q, 64*(len(twoOverPi)-1))
	n, _ := q.Int(nil)
	for i := len(twoOverPi) - 1; i >= 0; i-- {
		if w := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)).Uint64(); w != twoOverPi[i] {
			t.Errorf("word %d is %x, want %x", i, twoOverPi[i], w)
		}
		n.Rsh(n, 64)
	}
}
