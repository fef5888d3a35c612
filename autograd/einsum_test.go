package autograd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/percept-go/percept/tensor"
)

// einsumLoop is the definition: a loop over all values of all indices. Each of
// ins and out lists letters; an ellipsis is spelled out as capitals from V on.
func einsumLoop(ins []string, out string, x []tensor.Tensor) (shape []int, sum map[string]complex128) {
	size := map[rune]int{}
	var letters []rune
	for i, s := range ins {
		for a, l := range s {
			if _, ok := size[l]; !ok {
				letters = append(letters, l)
			}
			size[l] = max(size[l], x[i].Dim[a])
		}
	}
	all := make([]int, len(letters))
	for i, l := range letters {
		all[i] = size[l]
	}
	sum = map[string]complex128{}
	pick := func(s string, index []int) []int {
		var at []int
		for _, l := range s {
			at = append(at, index[strings.IndexRune(string(letters), l)])
		}
		return at
	}
	eachIndex(all, func(index []int) {
		p := complex128(1)
		for i, s := range ins {
			at := pick(s, index)
			for a := range at {
				at[a] %= x[i].Dim[a] // axes of size 1 repeat
			}
			p *= load(x[i], at...)
		}
		sum[fmt.Sprint(pick(out, index))] += p
	})
	for _, l := range out {
		shape = append(shape, size[l])
	}
	return shape, sum
}

var einsumCases = []struct {
	spec string
	loop string // the same, spelled out
	dims string // of each operand
}{
	{"ij,jk", "ij,jk->ik", "3 4,4 5"},
	{"ij,jk->ki", "ij,jk->ki", "3 4,4 5"},
	{"ba", "ba->ab", "2 3"},
	{"bA", "bA->Ab", "2 3"},
	{"ii->i", "ii->i", "4 4"},
	{"ii", "ii->", "4 4"},
	{"iij->ij", "iij->ij", "3 3 2"},
	{"iji->j", "iji->j", "3 2 3"},
	{"iii->i", "iii->i", "3 3 3"},
	{"ijij->ji", "ijij->ji", "2 3 2 3"},
	{"ij->", "ij->", "3 4"},
	{"ij->i", "ij->i", "3 4"},
	{"ijk->kji", "ijk->kji", "2 3 4"},
	{"i,i", "i,i->", "5,5"},
	{"i,i->", "i,i->", "70,70"},
	{"i,j->ij", "i,j->ij", "3,4"},
	{"i,j->ji", "i,j->ji", "3,4"},
	{"ij,ij->ij", "ij,ij->ij", "3 4,3 4"},
	{"ij,ji->ij", "ij,ji->ij", "3 4,4 3"},
	{",i->i", ",i->i", ",4"},
	{",", ",->", ","},
	{"->", "->", ""},
	{"i,", "i,->i", "4,"},
	{"...ij,...jk->...ik", "VWij,VWjk->VWik", "2 3 2 4,2 3 4 2"},
	{"...ij,...jk", "WVij,Vjk->WVik", "2 3 2 4,3 4 2"},
	{"...ij,...jk->...ik", "Vij,jk->Vik", "2 3 4,4 5"},
	{"...ij,...jk->...ik", "WVij,WVjk->WVik", "1 3 2 4,2 1 4 2"},
	{"...i->...", "VWi->VW", "2 3 4"},
	{"i...->...i", "iVW->VWi", "2 3 4"},
	{"...,...->...", "VW,VW->VW", "2 3,2 3"},
	{"...", "VW->VW", "2 3"},
	{"i...,i...", "iV,iV->V", "3 2,3 2"},
	{"b...ii->b...", "bVii->bV", "2 3 4 4"},
	{"bhwc,hwkc->bk", "bhwc,hwkc->bk", "2 3 4 2,3 4 5 2"},
	{"bij,bjk->bik", "bij,bjk->bik", "2 3 4,2 4 5"},
	{"bij,bkj->bki", "bij,bkj->bki", "2 3 40,2 5 40"},
	{"ijb,jkb->ikb", "ijb,jkb->ikb", "3 4 2,4 5 2"},
	{"ijb,bkj->bik", "ijb,bkj->bik", "3 4 2,2 5 4"},
	{"bi,bi->b", "bi,bi->b", "3 4,3 4"},
	{"bi,bi->b", "bi,bi->b", "3 50,3 50"},
	{"bi,bi->bi", "bi,bi->bi", "3 4,1 4"},
	{"ij,jk->ik", "ij,jk->ik", "3 4,1 5"},
	{"ij,i->j", "ij,i->j", "6 50,6"},
	{"ij,j->i", "ij,j->i", "6 50,50"},
	{"ij,kj->ik", "ij,kj->ik", "4 600,3 600"},
	{"ij,kj->ik", "ij,kj->ik", "20 30,18 30"},
	{"ki,kj->ij", "ki,kj->ij", "20 30,20 18"},
	{"ki,kj->ij", "ki,kj->ij", "20 30,20 5"},
	{"ik,kj->ij", "ik,kj->ij", "20 30,30 5"},
	{"ij,kj->ik", "ij,kj->ik", "40 300,6 300"},
	{"ji,jk->ik", "ji,jk->ik", "300 6,300 40"},
	{"bchw,bchw->bhw", "bchw,bchw->bhw", "2 3 4 5,2 3 4 5"},
	{"bchw,bchw->bwh", "bchw,bchw->bwh", "2 40 4 5,2 40 4 5"},
	{"bchw,c->bhw", "bchw,c->bhw", "2 3 4 5,3"},
	{"i,ij,j", "i,ij,j->", "3,3 4,4"},
	{"ij,jk,kl->il", "ij,jk,kl->il", "2 3,3 4,4 5"},
	{"ij,jk,kl,lm->im", "ij,jk,kl,lm->im", "2 3,3 4,4 2,2 3"},
	{"ij,jk,kl,lm,mn->in", "ij,jk,kl,lm,mn->in", "2 3,3 2,2 3,3 2,2 3"},
	{"a,b,c,d,e->", "a,b,c,d,e->", "2,2,2,2,2"},
	{"ab,bc,cd,da,ac,bd->", "ab,bc,cd,da,ac,bd->", "2 3,3 4,4 2,2 2,2 4,3 2"},
	{"ijk,ijl,kl->", "ijk,ijl,kl->", "2 3 4,2 3 5,4 5"},
	{"iij,jkk->ik", "iij,jkk->ik", "2 2 3,3 4 4"},
	{"ik,jk,lk->ijl", "ik,jk,lk->ijl", "2 3,2 3,2 3"},
	{" i j , j k -> i k ", "ij,jk->ik", "2 3,3 2"},
	{"ij,jk->ik", "ij,jk->ik", "2 0,0 3"},
	{"ij,jk->ik", "ij,jk->ik", "0 2,2 3"},
	{"ij->i", "ij->i", "2 0"},
}

// einsumOperands draws the operands of a case; kind says which are complex.
func einsumOperands(rng *rand.Rand, dims string, real tensor.DType, kind func(i int) bool) []tensor.Tensor {
	var x []tensor.Tensor
	for i, s := range strings.Split(dims, ",") {
		var shape []int
		for _, f := range strings.Fields(s) {
			var d int
			fmt.Sscan(f, &d)
			shape = append(shape, d)
		}
		d := real
		if kind(i) {
			d = d.Complex()
		}
		x = append(x, drawn(rng, tensor.MakeType(d, shape...)))
	}
	return x
}

func TestEinsumAgainstLoops(t *testing.T) {
	kinds := map[string]func(int) bool{
		"real": func(int) bool { return false }, "complex": func(int) bool { return true },
		"mixed": func(i int) bool { return i%2 == 0 }, "mixed the other way": func(i int) bool { return i%2 == 1 }}
	backends := map[string]CPU{"one thread": {Threads: 1}, "two threads": {Threads: 2}, "BLAS": {BLAS: gonum.Implementation{}}}
	rng := rand.New(rand.NewPCG(20, 21))
	for name, backend := range backends {
		for kindName, kind := range kinds {
			for _, c := range einsumCases {
				t.Run(name+"/"+kindName+"/"+c.spec, func(t *testing.T) {
					tape := New(backend)
					defer tape.Close()
					data := einsumOperands(rng, c.dims, tensor.Float64, kind)
					ins, out, _ := strings.Cut(c.loop, "->")
					shape, want := einsumLoop(strings.Split(ins, ","), out, data)
					var xs []Value
					for _, x := range data {
						xs = append(xs, tape.Const(x))
					}
					y := Einsum(c.spec, xs...)
					requireElements(t, y, append([]int{}, shape...), 1e-12, func(i []int) complex128 { return want[fmt.Sprint(i)] })
				})
			}
		}
	}
}

func TestEinsumOfViews(t *testing.T) {
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	rng := rand.New(rand.NewPCG(22, 23))
	a, b := drawn(rng, f64(9, 7)), drawn(rng, f64(9, 9))
	x, y := tape.Var("x", a), tape.Var("y", b)
	for name, v := range map[string]Value{
		"flip":   Einsum("ij,ik->jk", x.Flip(0), y.Flip(1)),
		"stride": Einsum("ij,ik->jk", x.CropStep(0, 0, 9, 2), y.CropStep(0, 1, 9, 2).Crop(0, 0, 4).Pad(PadConstant, [2]int{0, 1}, [2]int{})),
		"expand": Einsum("bij,bik->bjk", x.Expand(3, 9, 7), y.Expand(3, 9, 9)),
		"column": Einsum("ij,ik->jk", x.Crop(1, 2, 3), y),
		"row":    Einsum("ij,ik->jk", x.Crop(0, 2, 3), y.Crop(0, 4, 5)),
		"repeat": Einsum("ij,ik->jk", x.Crop(0, 2, 3).Expand(9, 7), y.Crop(1, 1, 2).Expand(9, 9)),
	} {
		args := v.node()
		for args.op != opContract {
			args = &tape.nodes[args.args[0]]
		}
		p, q := Value{tape, args.args[0]}, Value{tape, args.args[1]}
		pt, err := Eval(p)
		require.NoError(t, err)
		qt, err := Eval(q)
		require.NoError(t, err)
		z := tape.Apply(opContract, contractAttr{}, p, q)
		requireElements(t, z, z.Type().Shape(), 1e-13, func(i []int) complex128 {
			s := complex128(0)
			for k := range pt.Dim[2] {
				s += load(pt, i[0], i[1], k) * load(qt, i[0], k, i[2])
			}
			return s
		})
		_ = name
	}
}

func TestEinsumGradient(t *testing.T) {
	for i, c := range []struct {
		spec string
		in   []tensor.Type
	}{
		{"ij,jk->ik", types(f64(2, 3), f64(3, 2))},
		{"ij,jk->ik", types(c128(2, 3), c128(3, 2))},
		{"ij,jk->ki", types(c128(2, 3), f64(3, 2))},
		{"bij,bkj->bik", types(f64(2, 2, 3), c128(2, 3, 3))},
		{"ii->i", types(f64(3, 3))},
		{"ii", types(c128(3, 3))},
		{"i,j->ij", types(f64(3), c128(2))},
		{"i,ij,j", types(f64(3), f64(3, 2), f64(2))},
		{"...i,i->...", types(f64(2, 2, 3), f64(3))},
		{"bi,bi->b", types(f64(2, 3), f64(1, 3))},
	} {
		requireGradient(t, uint64(30+i), c.in, func(x []Value) Value { return Einsum(c.spec, x...) })
	}
}

func TestEinsumWide(t *testing.T) {
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	rng := rand.New(rand.NewPCG(40, 41))
	for _, c := range einsumCases {
		data := einsumOperands(rng, c.dims, tensor.Float32, func(i int) bool { return i == 1 })
		ins, out, _ := strings.Cut(c.loop, "->")
		shape, want := einsumLoop(strings.Split(ins, ","), out, data)
		var xs []Value
		for _, x := range data {
			xs = append(xs, tape.Const(x))
		}
		y := EinsumWide(c.spec, xs...)
		require.Equal(t, tensor.Float64, y.Type().DType.Real(), c.spec)
		requireElements(t, y, append([]int{}, shape...), 1e-12, func(i []int) complex128 { return want[fmt.Sprint(i)] })
	}
}

func TestSkinnyProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(42, 43))
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		for _, s := range [][4]int{{1, 4, 4, 10000}, {2, 16, 16, 4097}, {1, 3, 40, 5000}, {1, 40, 3, 5000}, {1, 1, 1, 9000}, {1, 1, 90, 7}, {1, 90, 1, 7}, {33, 3, 1, 4100}} {
			tape := New(CPU{Threads: 2})
			batch, m, n, k := s[0], s[1], s[2], s[3]
			a, b := drawn(rng, tensor.MakeType(d, batch, m, k)), drawn(rng, tensor.MakeType(d, batch, n, k))
			x, y := tape.Const(a), tape.Const(b)
			tolerance := 1e-15
			if d == tensor.Float32 {
				tolerance = 1e-7
			}
			want := func(p, q tensor.Tensor) func(i []int) complex128 {
				ps, qs := tensor.Floats(p), tensor.Floats(q)
				return func(i []int) complex128 {
					row, with := ps[(i[0]*p.Dim[1]+i[1])*k:], qs[(i[0]*q.Dim[1]+i[2])*k:]
					s, lost := 0.0, 0.0
					for j := range k { // compensated
						v := row[j] * with[j]
						t := s + v
						lost += v - (t - s)
						if math.Abs(s) < math.Abs(v) {
							lost += s - (t - v) - (v - (t - s))
						}
						s = t
					}
					return complex(s+lost, 0)
				}
			}
			products := want(a, b)
			requireElements(t, Einsum("bik,bjk->bij", x, y), []int{batch, m, n}, tolerance*float64(k), products)
			requireElements(t, Einsum("bik,bjk->bji", x, y), []int{batch, n, m}, tolerance*float64(k),
				func(i []int) complex128 { return products([]int{i[0], i[2], i[1]}) })
			requireElements(t, EinsumWide("bik,bjk->bij", x, x), []int{batch, m, m}, 1e-14*float64(k), want(a, a))
			gram := elements(t, Einsum("bik,bjk->bij", x, x))
			for i := range m {
				for j := range m {
					require.Equal(t, gram[i*m+j], gram[j*m+i], "a Gram matrix is symmetric to the bit")
				}
			}
			tape.Close()
		}
	}
}

// TestPackedProducts is of batches whose matrices are worth packing, shared between
// threads one by one or each whole.
func TestPackedProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(46, 47))
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	for _, s := range [][4]int{{40, 12, 20, 30}, {3, 70, 80, 60}} {
		batch, m, n, k := s[0], s[1], s[2], s[3]
		a, b, turned := drawn(rng, f64(batch, m, k)), drawn(rng, f64(batch, k, n)), drawn(rng, f64(batch, n, k))
		x, y, z := tape.Const(a), tape.Const(b), tape.Const(turned)
		product := func(term func(batch, i, j, k int) complex128) func([]int) complex128 {
			return func(i []int) (sum complex128) {
				for j := range k {
					sum += term(i[0], i[1], i[2], j)
				}
				return sum
			}
		}
		tolerance := 1e-14 * float64(k)
		requireElements(t, Einsum("bik,bkj->bij", x, y), []int{batch, m, n}, tolerance,
			product(func(batch, i, j, k int) complex128 { return load(a, batch, i, k) * load(b, batch, k, j) }))
		requireElements(t, Einsum("bik,bjk->bij", x, z), []int{batch, m, n}, tolerance,
			product(func(batch, i, j, k int) complex128 { return load(a, batch, i, k) * load(turned, batch, j, k) }))
		requireElements(t, Einsum("bik,kj->bij", x, y.Crop(0, 0, 1).Reshape(k, n)), []int{batch, m, n}, tolerance,
			product(func(batch, i, j, k int) complex128 { return load(a, batch, i, k) * load(b, 0, k, j) }))
	}
}

func TestEinsumBitsDoNotDependOnThreads(t *testing.T) {
	rng := rand.New(rand.NewPCG(44, 45))
	a, b := drawn(rng, f64(5, 20000)), drawn(rng, f64(300, 70))
	var first []complex128
	for threads := 1; threads <= 3; threads++ {
		tape := New(CPU{Threads: threads})
		x, y := tape.Const(a), tape.Const(b)
		got := append(elements(t, Einsum("ik,jk->ij", x, x)), elements(t, Einsum("ki,kj->ij", y, y))...)
		if threads == 1 {
			first = got
		}
		require.Equal(t, first, got)
		tape.Close()
	}
}

func TestEinsumOrder(t *testing.T) {
	e, err := parseEquation("ij,jk,kl->il", types(f64(2, 100), f64(100, 100), f64(100, 50)))
	require.NoError(t, err)
	var masks []uint64
	for _, axes := range e.in {
		masks = append(masks, mask(axes))
	}
	pairs, cost := e.order(masks, mask(e.out))
	require.Equal(t, [][2]int{{0, 1}, {0, 1}}, pairs, "the row first")
	require.Equal(t, 2.0*100*100+2*100*50, cost)

	e, err = parseEquation("ab,bc,cd,de,ef->af", types(f64(2, 9), f64(9, 9), f64(9, 9), f64(9, 9), f64(9, 1)))
	require.NoError(t, err)
	masks = nil
	for _, axes := range e.in {
		masks = append(masks, mask(axes))
	}
	_, cost = e.order(masks, mask(e.out))
	require.Equal(t, 81.0*3+18, cost, "from the thin end")
}

func TestEinsumErrors(t *testing.T) {
	tape := New(nil)
	defer tape.Close()
	x := tape.Const(tensor.New(tensor.Float64, 3, 4))
	for _, c := range []struct {
		spec string
		in   []Value
		want string
	}{
		{"ij,jk", []Value{x}, "indices of 2 operands, but 1 are given"},
		{"ijk", []Value{x}, `operand 0: "ijk" names 3 axes, but the argument has 2`},
		{"i", []Value{x}, `operand 0: "i" names 1 axes, but the argument has 2`},
		{"ij...k", []Value{x}, `"ij...k" names 3 axes, but the argument has 2`},
		{"ij,jk", []Value{x, x}, "index j has 3 elements in operand 1 and 4 in another"},
		{"ii", []Value{x}, "index i, twice in operand 0, has 3 and 4 elements"},
		{"ij->ii", []Value{x}, "index i is twice in the output"},
		{"ij->ik", []Value{x}, "index k of the output is in no operand"},
		{"ij->i2", []Value{x}, `output: '2' is no index`},
		{"i.", []Value{x}, `operand 0: '.' is no index; letters, one "..." for each operand, "," and one "->" expected`},
		{"...->", []Value{x}, `the output "" leaves out the axes of "..."`},
		{"ij->i->j", []Value{x}, "'-' is no index"},
		{"ij,ij", []Value{x, x.Cast(tensor.Float32)}, "operands have different precision; convert one with Cast"},
		{"ab,cd,ef,gh,ij->abcdefghij", []Value{x, x, x, x, x}, "the output has 10 axes; at most 8 are possible"},
		{"", nil, `einsum: no operands given for ""`},
	} {
		err := Try(func() { Einsum(c.spec, c.in...) })
		require.ErrorContains(t, err, c.want, c.spec)
		require.ErrorContains(t, err, "einsum_test.go:")
	}
	err := Try(func() { tape.Apply(opContract, contractAttr{}, x, x) })
	require.ErrorContains(t, err, "shapes (batch, m, k) and (batch, k, n) expected")
}

func TestEinsumDoesNotAllocate(t *testing.T) {
	tape := New(CPU{Threads: 2})
	defer tape.Close()
	h := tape.Var("h", tensor.New(tensor.Float32, 4, 9000))
	x := tape.Var("x", tensor.New(tensor.Float64, 16, 16, 9000))
	w := tape.Var("w", tensor.New(tensor.Float64, 2, 50, 70))
	p, err := tape.Compile([]Value{EinsumWide("ik,jk->ij", h, h), Einsum("bij,bik->bjk", w, w), Einsum("bij,cjk->bcik", w, w.Reshape(2, 70, 50)), Einsum("bik,bjk->bij", x, x.Neg()), Einsum("bik,k->bi", x, x.Crop(0, 0, 1).Crop(1, 0, 1).Neg().Reshape(9000))}, Value{})
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(5, func() { _ = p.Run() }))
}
