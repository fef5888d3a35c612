package autograd_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// hasBody reports whether the CPU runs op without Eval.
func hasBody(op *autograd.Op) bool { return op.CPU != nil || op.Scalar != nil || op.View != nil }

// sampled records op on Vars with values drawn for its k-th sample; grow is
// called on the types first, and may change them.
func sampled(tape *autograd.Tape, op *autograd.Op, k int, grow func(in []tensor.Type) []tensor.Type) autograd.Value {
	s := op.Samples[k]
	in := grow(append([]tensor.Type(nil), s.In...))
	h := fnv.New64a()
	h.Write([]byte(op.Name))
	rng := rand.New(rand.NewPCG(h.Sum64(), uint64(k)))
	lo, hi := s.Lo, s.Hi
	if lo == 0 && hi == 0 {
		lo, hi = -1, 1
	}
	random := func() float64 { return lo + (hi-lo)*rng.Float64() }
	var x []tensor.Tensor
	if s.Values != nil {
		x = s.Values(in, random)
	} else {
		for _, t := range in {
			c := tensor.New(t.DType, t.Shape()...)
			for i := range c.Len() {
				c.Store(i, complex(random(), random()))
			}
			x = append(x, c)
		}
	}
	args := make([]autograd.Value, len(x))
	for i := range x {
		args[i] = tape.Var(fmt.Sprint(op.Name, " ", k, " ", i), x[i])
	}
	return tape.Apply(op, s.Attr, args...)
}

func asTheyAre(in []tensor.Type) []tensor.Type { return in }

func TestRunOfEveryOpDoesNotAllocate(t *testing.T) {
	for _, threads := range []int{1, 2} {
		tape := autograd.New(autograd.CPU{Threads: threads})
		var outs []autograd.Value
		var updates []autograd.Update
		for _, op := range autograd.Ops {
			if !hasBody(op) {
				continue
			}
			for k := range op.Samples {
				outs = append(outs, sampled(tape, op, k, asTheyAre))
			}
		}
		slot := tape.Var("slot", tensor.Scalar(1))
		x := tape.Var("x", tensor.New(tensor.Float64, 3, 4))
		updates = append(updates, x.RowBecomes(slot, x.Row(slot).AddScalar(1)), slot.Becomes(slot.Scale(1)))
		p := compile(t, tape, outs, updates...)
		require.NoError(t, p.Run())
		into := tensor.New(outs[0].Type().DType, outs[0].Type().Shape()...)
		n := testing.AllocsPerRun(5, func() {
			_ = p.Run()
			_ = p.Read(0, into)
		})
		if n != 0 {
			reportAllocations(t, threads)
		}
		require.Zero(t, n, "allocations of a Run of %d steps with %d threads", len(p.Steps()), threads)
		tape.Close()
	}
}

// reportAllocations says which ops allocate.
func reportAllocations(t *testing.T, threads int) {
	for _, op := range autograd.Ops {
		for k := range op.Samples {
			if !hasBody(op) {
				continue
			}
			tape := autograd.New(autograd.CPU{Threads: threads})
			p := compile(t, tape, []autograd.Value{sampled(tape, op, k, asTheyAre)})
			if n := testing.AllocsPerRun(5, func() { _ = p.Run() }); n != 0 {
				t.Logf("%s, sample %d: %g allocations", op.Name, k, n)
			}
			tape.Close()
		}
	}
}

// enlarged scales the axes longer than 1 so that several threads share the
// work, where op allows it.
func enlarged(op *autograd.Op, k, elements int) func(in []tensor.Type) []tensor.Type {
	return func(in []tensor.Type) []tensor.Type {
		for factor := 1; ; factor++ {
			next, most := append([]tensor.Type(nil), op.Samples[k].In...), 0
			for i := range next {
				for a := range next[i].Dim[:next[i].Rank] {
					if next[i].Dim[a] > 1 {
						next[i].Dim[a] *= factor
					}
				}
				most = max(most, next[i].Len())
			}
			if _, err := op.Type(op.Samples[k].Attr, next); err != nil && factor > 1 || most > elements || factor > elements {
				return in
			}
			in = next
		}
	}
}

func TestThreadsDoNotChangeBits(t *testing.T) {
	for _, level := range []kernels.Level{kernels.PureGo, kernels.Best()} {
		for _, op := range autograd.Ops {
			if !hasBody(op) || op.View != nil {
				continue
			}
			elements := 40000
			if op.Scalar == nil {
				elements = 20000
			}
			var want tensor.Tensor
			for _, threads := range []int{1, 3} {
				tape := autograd.New(autograd.CPU{Threads: threads, Level: level})
				y := sampled(tape, op, 0, enlarged(op, 0, elements))
				x, err := autograd.Eval(y)
				require.NoError(t, err)
				if threads == 1 {
					want = x
				}
				require.True(t, sameBits(want, x), "%s, %v: %d threads give other bits than one", op.Name, level, threads)
				tape.Close()
			}
		}
	}
}

func TestLargeFusedGroups(t *testing.T) {
	const n = 100003
	x := noise(1, typ(tensor.Float64, 2, n))
	for _, threads := range []int{1, 3} {
		tape := autograd.New(autograd.CPU{Threads: threads, Level: kernels.PureGo})
		v := tape.Var("x", x)
		row := v.Crop(0, 1, 2).Flip(1)
		p := compile(t, tape, []autograd.Value{v.Square().Sub(row).Mul(v.CropStep(1, 0, n, 1)), v.Crop(1, 0, 1).Mul(v.Neg())})
		out := run(t, p)
		other := output(t, p, 1)
		for i := range out {
			r, c := i/n, i%n
			xi := x.LoadReal(i)
			if out[i] != (xi*xi-x.LoadReal(n+n-1-c))*xi || other[i] != x.LoadReal(r*n)*-xi {
				t.Fatalf("element %d is wrong with %d threads", i, threads)
			}
		}
		tape.Close()
	}
}

// BenchmarkRun measures a gradient step of a small model: ns per Run, 256×256.
func BenchmarkRun(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			tape := autograd.New(autograd.CPU{Threads: threads})
			defer tape.Close()
			x := tape.Var("x", noise(1, typ(tensor.Float64, 1, 1, 256, 256)))
			y := x.Sub(x.MeanKeep(2, 3))
			z := y.RFFT(autograd.Backward, 2, 3).Abs2().Mean(1, 2, 3).Add(y.Square().Mul(y.Tanh()).Sum(1, 2, 3))
			p, err := tape.Compile([]autograd.Value{z}, autograd.Value{}, x.Becomes(x.Sub(autograd.Grad(z, x)[0].Scale(1e-6))))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(8 * 256 * 256)
			for b.Loop() {
				if err := p.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A value that a sum takes twice, and nobody after it, gives way to one other, not to
// two.
func TestSumOfRepeatedTerms(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x, y := tape.Var("x", tensor.Of([]float64{1, 2})), tape.Var("y", tensor.Of([]float64{3, -4}))
	product := x.Mul(y)
	sum := autograd.Sum(x, y, product, product)
	z, err := autograd.Eval(sum.Sub(x.Square().Div(y.Square())))
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{1 + 3 + 2*3 - 1./9, 2 - 4 - 2*8 - 4./16}, tensor.Floats(z), 1e-14)
}

// An arena that a later Program has outgrown is freed by Trim, before anything runs.
func TestTrimFreesOutgrownArenas(t *testing.T) {
	l := autograd.NewLedger(nil)
	tape := autograd.New(l)
	defer tape.Close()
	const small = 1 << 20
	x := tape.Var("x", tensor.New(tensor.Float64, 2*small))
	for _, v := range []autograd.Value{x.Crop(0, 0, small), x} {
		_, err := tape.Compile([]autograd.Value{v.Exp()}, autograd.Value{})
		require.NoError(t, err)
	}
	both := l.Peak()
	require.GreaterOrEqual(t, both, int64((2+1+2)*8*small))
	tape.Trim()
	_, err := l.Alloc(8 * small)
	require.NoError(t, err)
	require.Equal(t, both, l.Peak())
}
