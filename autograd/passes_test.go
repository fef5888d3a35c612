package autograd_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/tensor"
)

// ---- prune

func TestPruneRemovesDeadCode(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		dead, deadRuns := counting("dead")
		x := tape.Var("x", of(1, 2, 3))
		tape.Apply(dead, nil, x.Sin()).Sum()
		y := x.Cos()
		p := compile(t, tape, []autograd.Value{y})
		run(t, p)
		require.Zero(t, *deadRuns)
		require.Equal(t, 2, p.Counts().Live)
		require.Equal(t, []string{"cos"}, stepNames(p))
	})
}

func TestPruneKeepsWhatAnUpdateNeeds(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		op, runs := counting("needed")
		x := tape.Var("x", of(1, 2, 3))
		p := compile(t, tape, nil, x.Becomes(tape.Apply(op, nil, x.Scale(2))))
		require.NoError(t, p.Run())
		require.Equal(t, []float64{2, 4, 6}, get(t, x))
		require.Equal(t, 1, *runs)
	})
}

// ---- hoist

func TestHoistComputesConstantsOncePerTape(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		op, runs := counting("slow")
		x := tape.Var("x", of(1, 2, 3))
		c := tape.Apply(op, nil, tape.Const(of(10, 20, 30)).Square())
		p := compile(t, tape, []autograd.Value{x.Add(c)}, x.Becomes(x.Scale(2)))
		require.Equal(t, 1, *runs)
		require.Equal(t, []float64{101, 402, 903}, run(t, p))
		require.Equal(t, []float64{102, 404, 906}, run(t, p))
		q := compile(t, tape, []autograd.Value{c.Sum(), c.Flip(0).Mul(x)})
		run(t, q)
		require.Equal(t, 1, *runs, "a second Program computes the constant again")
		require.Equal(t, []string{"mul"}, stepNames(q), "the sum of a constant is computed in the loop")
		require.Equal(t, 24, p.Counts().HoistedBytes, "more stays than the loop reads")
		require.Equal(t, 32, q.Counts().HoistedBytes)
	})
}

func TestWithoutHoistConstantsAreComputedEachRun(t *testing.T) {
	op, runs := counting("slow")
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	c := tape.Apply(op, nil, tape.Const(of(1, 2)))
	p, err := tape.CompileWith(autograd.Passes{NoHoist: true}, []autograd.Value{c}, none)
	require.NoError(t, err)
	for range 3 {
		require.Equal(t, []float64{1, 2}, run(t, p))
	}
	require.Equal(t, 3, *runs)
}

// ---- level and fuse

func TestFuseCounts(t *testing.T) {
	type values = []autograd.Value
	for name, c := range map[string]struct {
		record func(x, y autograd.Value) values
		want   []string
	}{
		"a chain":                  {func(x, y autograd.Value) values { return values{x.Sin().Mul(x.Cos()).Add(y)} }, []string{"sin+cos+mul+add"}},
		"two outputs of one shape": {func(x, y autograd.Value) values { return values{x.Sin(), y.Cos()} }, []string{"sin+cos"}},
		"another shape":            {func(x, y autograd.Value) values { return values{x.Sin(), y.Crop(0, 0, 2).Cos()} }, []string{"sin", "cos"}},
		"another precision":        {func(x, y autograd.Value) values { return values{x.Sin(), y.Cast(tensor.Float32).Cos()} }, []string{"cast", "sin", "cos"}},
		"real and complex":         {func(x, y autograd.Value) values { return values{autograd.MakeComplex(x.Sin(), y).Conj()} }, []string{"sin+complex+conj"}},
		"a reduction between":      {func(x, y autograd.Value) values { return values{x.Sub(x.Square().Sum().Expand(4))} }, []string{"square", "sum", "sub"}},
		"early work waits for its reader": {func(x, y autograd.Value) values {
			return values{x.Sin().Add(y.Sum().Expand(4))}
		}, []string{"sum", "sin+add"}},
		"a value read on both sides of a reduction": {func(x, y autograd.Value) values {
			e := x.Exp()
			return values{e.Div(e.Sum().Expand(4))}
		}, []string{"exp", "sum", "div"}},
		"a view between":  {func(x, y autograd.Value) values { return values{x.Sin().Flip(0).Add(y)} }, []string{"sin", "add"}},
		"a view of a Var": {func(x, y autograd.Value) values { return values{x.Flip(0).Sin().Add(y)} }, []string{"sin+add"}},
	} {
		t.Run(name, func(t *testing.T) {
			tape := autograd.New(autograd.CPU{Threads: 1})
			defer tape.Close()
			out := c.record(tape.Var("x", of(1, 2, 3, 4)), tape.Var("y", of(5, 6, 7, 8)))
			p := compile(t, tape, out)
			require.Equal(t, c.want, stepNames(p))
			unfused, err := tape.CompileWith(autograd.Passes{NoFuse: true}, out, none)
			require.NoError(t, err)
			require.Equal(t, strings.Count(strings.Join(c.want, ","), "+")+len(c.want), len(unfused.Steps()))
		})
	}
}

// A fused group of short rows, of which an argument repeats one, or one number, and of
// which the last strip has fewer; run twice, with other values.
func TestFusedRowsThatRepeat(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		const planes, h, w = 3, 101, 37
		values := func(seed float64, shape ...int) tensor.Tensor {
			x := tensor.New(tensor.Float64, shape...)
			for i := range x.Len() {
				x.StoreReal(i, math.Sin(seed+float64(i)))
			}
			return x
		}
		x, row := tape.Var("x", values(1, planes, h, w)), tape.Var("row", values(2, planes, 1, w))
		one, all := tape.Var("one", values(3, planes, 1, 1)), tape.Var("all", values(4, w))
		y := x.Mul(row).Add(one).Mul(all).Sub(tape.Scalar(tensor.Float64, 0.5))
		p := compile(t, tape, []autograd.Value{y})
		require.Len(t, p.Steps(), 1)
		for _, seed := range []float64{5, 6} {
			require.NoError(t, tape.Set(row, values(seed, planes, 1, w)))
			require.NoError(t, tape.Set(all, values(-seed, w)))
			a, b, c, d := values(1, planes, h, w), values(seed, planes, 1, w), values(3, planes, 1, 1), values(-seed, w)
			var want []float64
			for i := range planes * h * w {
				k, j := i/(h*w), i%w
				want = append(want, (real(a.Load(i))*real(b.Load(k*w+j))+real(c.Load(k)))*real(d.Load(j))-0.5)
			}
			require.InDeltaSlice(t, want, run(t, p), 1e-15)
		}
	})
}

func TestOnlyWhatOthersReadIsStored(t *testing.T) {
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	x := tape.Var("x", of(1, 2, 3, 4))
	s := x.Sin()
	p := compile(t, tape, []autograd.Value{s.Cos().Exp(), s})
	require.Equal(t, 1, len(p.Steps()))
	require.Equal(t, 2, len(p.Steps()[0].Out), "the cosine is stored though only the group reads it")
	require.Equal(t, 128, p.Counts().ArenaBytes)
}

func TestLevelsOrderSteps(t *testing.T) {
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	x := tape.Var("x", of(1, 2, 3, 4))
	y := x.Square().Sum().Sqrt().Expand(4).Mul(x).Flip(0).Sum()
	p := compile(t, tape, []autograd.Value{y}, x.Becomes(x.Sub(y.Expand(4))))
	var levels []int
	for _, s := range p.Steps() {
		levels = append(levels, s.Level)
	}
	require.Equal(t, []string{"square", "sum", "sqrt", "mul", "sum", "sub"}, stepNames(p))
	require.Equal(t, []int{0, 1, 2, 3, 4, 6}, levels, "the update comes after everything else")
	deep := compile(t, tape, []autograd.Value{x.Sin().Cos().Exp().Tanh().Sum()})
	require.Equal(t, 1, deep.Steps()[1].Level, "a chain that is fused takes one level")
}

// ---- plan

// region is a range of bytes of an arena.
type region struct{ lo, hi int }

func regionOf(x tensor.Tensor) region {
	lo, hi := x.Bounds()
	size := x.DType.Size()
	return region{(x.Offset + lo) * size, (x.Offset + hi + 1) * size}
}

func (r region) meets(s region) bool { return r.lo < s.hi && s.lo < r.hi }

// requirePlan checks that whatever a step reads from the arena is still what
// was written for it, and that steps of one level are independent. spread is
// the same Program with separate memory for every value, which says what is meant.
func requirePlan(t *testing.T, arena tensor.Memory, steps, spread []autograd.Step) {
	t.Helper()
	owner := map[int]int{} // by planned byte: the byte of the spread arena that lies there
	require.Equal(t, len(spread), len(steps))
	for i, s := range steps {
		for j, x := range s.In {
			if x.Mem != arena {
				continue
			}
			from, want := regionOf(x), regionOf(spread[i].In[j])
			for b := range from.hi - from.lo {
				require.Equal(t, want.lo+b, owner[from.lo+b], "step %d (%s) reads argument %d, which is overwritten", i, s.Name(), j)
			}
		}
		for j, x := range s.Out {
			if x.Mem == arena {
				at, is := regionOf(x), regionOf(spread[i].Out[j])
				for b := range at.hi - at.lo {
					owner[at.lo+b] = is.lo + b
				}
			}
		}
		for k, other := range steps {
			if k == i || other.Level != s.Level {
				continue
			}
			for _, x := range s.Out {
				for _, y := range append(append([]tensor.Tensor(nil), other.In...), other.Out...) {
					require.False(t, x.Mem == arena && y.Mem == arena && regionOf(x).meets(regionOf(y)),
						"steps %d and %d of level %d share memory", i, k, s.Level)
				}
			}
		}
	}
}

func TestPlanSeparatesLiveValues(t *testing.T) {
	for seed := range 25 {
		tape := autograd.New(autograd.CPU{Threads: 1})
		d := newDealer(tape, &source{bytes: decisionsOf(uint64(1000 + seed))})
		d.grow(40)
		p := d.plan()
		p.outs = append(p.outs, d.values[len(d.values)-3:]...)
		spread, err := tape.CompileWith(autograd.Passes{NoPlan: true}, p.outs, p.guard, p.updates...)
		require.NoError(t, err)
		want, arena := spread.Steps(), tape.Arena()
		planned, err := tape.CompileWith(autograd.Passes{}, p.outs, p.guard, p.updates...)
		require.NoError(t, err)
		require.Equal(t, arena, tape.Arena(), "the planned Program is larger than the other")
		require.LessOrEqual(t, planned.Counts().ArenaBytes, spread.Counts().ArenaBytes)
		requirePlan(t, arena, planned.Steps(), want)
		tape.Close()
	}
}

func TestPlanReusesMemory(t *testing.T) {
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	op, _ := counting("link")
	y := tape.Var("x", tensor.New(tensor.Float64, 1000))
	for range 10 {
		y = tape.Apply(op, nil, y)
	}
	p := compile(t, tape, []autograd.Value{y})
	require.Equal(t, 10, len(p.Steps()))
	require.Equal(t, 2*8000, p.Counts().ArenaBytes, "a chain needs the memory of two values")
	spread, err := tape.CompileWith(autograd.Passes{NoPlan: true}, []autograd.Value{y}, none)
	require.NoError(t, err)
	require.Equal(t, 10*8000, spread.Counts().ArenaBytes)
}

// ---- updates in place

// assigns counts the updates that p copies into their Vars.
func assigns(p *autograd.Program) (n int) {
	for _, name := range stepNames(p) {
		if name == "assign" {
			n++
		}
	}
	return n
}

func TestUpdatesInPlace(t *testing.T) {
	type updates = []autograd.Update
	for name, c := range map[string]struct {
		updates func(x, y autograd.Value) updates
		copies  int
		x, y    []float64 // after one run from x = 1 2 3, y = 4 5 6
	}{
		"its own elements":          {func(x, y autograd.Value) updates { return updates{x.Becomes(x.Scale(2).Add(y))} }, 0, []float64{6, 9, 12}, nil},
		"another Var":               {func(x, y autograd.Value) updates { return updates{x.Becomes(y)} }, 0, []float64{4, 5, 6}, nil},
		"swapped":                   {func(x, y autograd.Value) updates { return updates{x.Becomes(y), y.Becomes(x)} }, 1, []float64{4, 5, 6}, []float64{1, 2, 3}},
		"each from both":            {func(x, y autograd.Value) updates { return updates{x.Becomes(x.Add(y)), y.Becomes(x.Sub(y))} }, 1, []float64{5, 7, 9}, []float64{-3, -3, -3}},
		"one value for both":        {func(x, y autograd.Value) updates { s := x.Add(y); return updates{x.Becomes(s), y.Becomes(s)} }, 1, []float64{5, 7, 9}, []float64{5, 7, 9}},
		"reads itself reversed":     {func(x, y autograd.Value) updates { return updates{x.Becomes(x.Add(x.Flip(0)))} }, 1, []float64{4, 4, 4}, nil},
		"reads one of its elements": {func(x, y autograd.Value) updates { return updates{x.Becomes(x.Sub(x.Crop(0, 1, 2).Expand(3)))} }, 1, []float64{-1, 0, 1}, nil},
		"its sum":                   {func(x, y autograd.Value) updates { return updates{x.Becomes(x.Div(x.Sum().Expand(3)))} }, 0, []float64{1. / 6, 2. / 6, 3. / 6}, nil},
		"its own reversal":          {func(x, y autograd.Value) updates { return updates{x.Becomes(x.Flip(0))} }, 1, []float64{3, 2, 1}, nil},
		"the third term of a sum":   {func(x, y autograd.Value) updates { return updates{x.Becomes(autograd.Sum(y, y.Scale(2), x))} }, 1, []float64{13, 17, 21}, nil},
		"the first term of a sum":   {func(x, y autograd.Value) updates { return updates{x.Becomes(autograd.Sum(x, y, y.Scale(2)))} }, 0, []float64{13, 17, 21}, nil},
		"itself":                    {func(x, y autograd.Value) updates { return updates{x.Becomes(x)} }, 0, []float64{1, 2, 3}, nil},
		"a constant":                {func(x, y autograd.Value) updates { return updates{x.Becomes(x.Tape().Const(of(7, 8, 9)))} }, 1, []float64{7, 8, 9}, nil},
		"what another update needs": {func(x, y autograd.Value) updates {
			return updates{x.Becomes(x.Scale(10)), y.Becomes(x.Flip(0).Scale(3))}
		}, 1, []float64{10, 20, 30}, []float64{9, 6, 3}},
		"not elementwise": {func(x, y autograd.Value) updates {
			op, _ := counting("op")
			return updates{x.Becomes(x.Tape().Apply(op, nil, y))}
		}, 0, []float64{4, 5, 6}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, tape *autograd.Tape) {
				x, y := tape.Var("x", of(1, 2, 3)), tape.Var("y", of(4, 5, 6))
				p := compile(t, tape, nil, c.updates(x, y)...)
				if c.y == nil {
					c.y = []float64{4, 5, 6}
				}
				require.NoError(t, p.Run())
				require.InDeltaSlice(t, c.x, get(t, x), 1e-15)
				require.InDeltaSlice(t, c.y, get(t, y), 1e-15)
				require.LessOrEqual(t, assigns(p), c.copies, "updates are copied that could be written in place")
			})
		})
	}
}

func TestOutputsAreOfBeforeTheUpdates(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(1, 2, 3, 4))
		outs := []autograd.Value{x, x.Flip(0), x.Reshape(2, 2).Permute(1, 0), x.Scale(2)}
		p := compile(t, tape, outs, x.Becomes(x.Scale(2)))
		run(t, p)
		for i, want := range [][]float64{{1, 2, 3, 4}, {4, 3, 2, 1}, {1, 3, 2, 4}, {2, 4, 6, 8}} {
			require.Equal(t, want, output(t, p, i))
		}
		run(t, p)
		require.Equal(t, []float64{8, 6, 4, 2}, output(t, p, 1))
		require.Equal(t, []float64{4, 8, 12, 16}, get(t, x))
	})
}

// ---- lower

func TestLowerFollowsTheBackend(t *testing.T) {
	body, composed := 0, 0
	op := cube()
	op.VJP, op.Eval = nil, nil
	op.Lower = func(_ any, in []autograd.Value) autograd.Value { return in[0].Square().Mul(in[0]) }
	op.CPU = func(b *autograd.Bind) func() {
		x := b.Contiguous(0)
		return func() {
			body++
			for i := range x.Len() {
				v := x.LoadReal(i)
				b.Out.StoreReal(i, v*v*v)
			}
		}
	}
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	x := tape.Var("x", of(1, 2, 3))
	p := compile(t, tape, []autograd.Value{tape.Apply(op, nil, x).Neg()})
	require.Equal(t, []string{"cube", "neg"}, stepNames(p))
	require.Equal(t, []float64{-1, -8, -27}, run(t, p))
	require.NoError(t, tape.To(&optest.Device{}))
	require.Equal(t, []float64{-1, -8, -27}, run(t, p))
	require.Equal(t, []string{"square+mul+neg"}, stepNames(p))
	require.NoError(t, tape.To(autograd.CPU{Threads: 1}))
	require.Equal(t, []float64{-1, -8, -27}, run(t, p))
	require.Equal(t, []string{"cube", "neg"}, stepNames(p))
	require.Equal(t, 2, body)
	require.Zero(t, composed)
	require.Equal(t, []float64{3, 12, 27}, eval(t, autograd.Grad(tape.Apply(op, nil, x), x)[0]))
}

func TestLowerOfLower(t *testing.T) {
	inner := cube()
	inner.VJP, inner.Eval = nil, nil
	inner.Lower = func(_ any, in []autograd.Value) autograd.Value { return in[0].Square().Mul(in[0]) }
	outer := cube()
	outer.Name, outer.VJP, outer.Eval = "outer", nil, nil
	outer.Lower = func(_ any, in []autograd.Value) autograd.Value {
		return in[0].Tape().Apply(inner, nil, in[0].Tape().Apply(inner, nil, in[0]))
	}
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", of(1, 2))
		y := tape.Apply(outer, nil, x)
		require.Equal(t, []float64{1, 512}, eval(t, y))
		require.Equal(t, []float64{9, 9 * 256}, eval(t, autograd.Grad(y, x)[0]))
	})
}

// ---- Dump and Profile

func TestDump(t *testing.T) {
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	x := tape.Var("x", of(1, 2, 3, 4))
	y := x.Sin().Mul(x).Sum()
	p := compile(t, tape, []autograd.Value{y}, x.Becomes(x.Sub(autograd.Grad(y, x)[0])))
	lines := strings.Split(strings.TrimSpace(p.Dump()), "\n")
	require.Equal(t, 1+len(p.Steps()), len(lines))
	require.Contains(t, lines[0], fmt.Sprintf("%d steps, %d of them fused groups; arena %d bytes", len(p.Steps()), 2, p.Counts().ArenaBytes))
	require.Contains(t, lines[1], "sin+mul")
	require.Contains(t, lines[1], "float64[4]")
	require.Contains(t, p.Dump(), "sum")
	for _, l := range lines[1:] {
		require.Contains(t, l, "passes_test.go:")
	}
}

func TestProfile(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		x := tape.Var("x", tensor.New(tensor.Float64, 1000))
		y := x.Cos().Add(x).Expand(3, 1000).Sum()
		p := compile(t, tape, []autograd.Value{y}, x.Becomes(x.AddScalar(1)))
		prof, err := p.Profile(3)
		require.NoError(t, err)
		require.Equal(t, []float64{3, 3, 3}, get(t, x)[:3], "updates are stored in each run")
		require.Equal(t, 3, len(prof))
		want := []autograd.StepProfile{
			{Name: "cos+add", Read: 8000, Written: 8000, FLOPs: 2000},
			{Name: "sum", Read: 8000, Written: 8, FLOPs: 3000},
			{Name: "shift", Read: 8000, Written: 8000, FLOPs: 1000},
		}
		for i, s := range prof {
			require.Positive(t, s.Time)
			require.Contains(t, s.Pos, "passes_test.go:")
			s.Time, s.Pos = 0, ""
			require.Equal(t, want[i], s)
		}
	})
}

// An op that does not count its operations has those of what it lowers to: of cube,
// a square and a product for each element, and not what is constant of it.
func TestProfileCountsLowering(t *testing.T) {
	inner := cube()
	inner.VJP, inner.Eval = nil, nil
	inner.Lower = func(_ any, in []autograd.Value) autograd.Value { return in[0].Square().Mul(in[0]) }
	outer := cube()
	outer.Name, outer.VJP, outer.Eval = "outer", nil, nil
	outer.CPU = func(b *autograd.Bind) func() { return func() {} }
	outer.Lower = func(_ any, in []autograd.Value) autograd.Value {
		tape := in[0].Tape()
		hoisted := tape.Full(in[0].Type(), 3).Exp().Sqrt()
		return tape.Apply(inner, nil, in[0]).Mul(hoisted)
	}
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	x := tape.Var("x", tensor.New(tensor.Float64, 100))
	prof, err := compile(t, tape, []autograd.Value{tape.Apply(outer, nil, x)}).Profile(1)
	require.NoError(t, err)
	require.Equal(t, int64(300), prof[0].FLOPs)
}

// TestHoisted: what depends on Consts alone is listed with its line and size.
func TestHoisted(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	c, x := tape.Const(tensor.Of([]float64{1, 2, 3})), tape.Var("x", tensor.Of([]float64{4, 5, 6}))
	p, err := tape.Compile([]autograd.Value{c.Exp().Mul(x)}, autograd.Value{})
	require.NoError(t, err)
	h := p.Hoisted()
	require.Len(t, h, p.Counts().Hoisted)
	require.Equal(t, "exp", h[0].Name)
	require.Equal(t, 24, h[0].Size)
	require.Contains(t, h[0].Pos, "passes_test.go")
}
