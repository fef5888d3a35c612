package optest

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// quotient is a user's op x/y with the VJP of the engine's own; the tests
// spoil one thing at a time.
func quotient() *autograd.Op {
	f := tensor.MakeType(tensor.Float64, 2, 3)
	return &autograd.Op{
		Name: "quotient", Doc: "x/y", Linear: 1,
		Type: func(_ any, in []tensor.Type) (tensor.Type, error) {
			if len(in) != 2 || in[0] != in[1] || in[0].DType.IsComplex() {
				return tensor.Type{}, errors.New("two real arguments of one type expected")
			}
			return in[0], nil
		},
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			d := g.Div(n.In[1])
			return []autograd.Value{d, d.Mul(n.Out).Neg()}
		},
		Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
			x, y := tensor.Contiguous(in[0]), tensor.Contiguous(in[1])
			for i := range out.Len() {
				out.StoreReal(i, x.LoadReal(i)/y.LoadReal(i))
			}
		},
		Samples: []autograd.Sample{{In: []tensor.Type{f, f}, Lo: .3, Hi: 2}},
	}
}

func TestRunPassesARightOp(t *testing.T) {
	Run(t, autograd.CPU{Threads: 1}, quotient())
	Run(t, &Device{}, quotient())
}

// divide is a CPU body of x/y.
func divide(b *autograd.Bind) func() {
	x, y := b.Contiguous(0), b.Contiguous(1)
	return func() {
		for i := range b.Out.Len() {
			b.Out.StoreReal(i, x.LoadReal(i)/y.LoadReal(i))
		}
	}
}

// outside returns the word just past the n-th element from x's first.
func outside(x tensor.Tensor, n int) *uint32 {
	return (*uint32)(unsafe.Add(x.Pointer(), n*x.DType.Size()))
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	right := quotient()
	for name, c := range map[string]struct {
		spoil func(op *autograd.Op)
		want  string
	}{
		"sign dropped in the VJP": {func(op *autograd.Op) {
			op.VJP = func(n autograd.Node, g autograd.Value) []autograd.Value {
				d := g.Div(n.In[1])
				return []autograd.Value{d, d.Mul(n.Out)}
			}
		}, "gradient of argument 1"},
		"gradient of an argument missing": {func(op *autograd.Op) {
			op.VJP = func(n autograd.Node, g autograd.Value) []autograd.Value {
				return []autograd.Value{g.Div(n.In[1])}
			}
		}, "argument 1 has no gradient, but the value changes"},
		"VJP that is right in value only": {func(op *autograd.Op) {
			op.VJP = func(n autograd.Node, g autograd.Value) []autograd.Value {
				d := g.Div(n.In[1].StopGradient())
				return []autograd.Value{d, d.Mul(n.Out).Neg()}
			}
		}, "second order"},
		"VJP not linear in the cotangent": {func(op *autograd.Op) {
			op.VJP = func(n autograd.Node, g autograd.Value) []autograd.Value {
				d := g.Div(n.In[1])
				return []autograd.Value{d, d.Mul(n.Out).Neg().Add(g.Sub(g.Abs().Mul(g.Sign())))}
			}
		}, "a hole is still alive"},
		"linear in too much": {func(op *autograd.Op) { op.Linear = 3 }, "not linear in argument 1"},
		"offset": {func(op *autograd.Op) {
			op.Eval = func(_ any, out tensor.Tensor, in []tensor.Tensor) {
				right.Eval(nil, out, in)
				for i := range out.Len() {
					out.StoreReal(i, out.LoadReal(i)+1)
				}
			}
			op.VJP = func(n autograd.Node, g autograd.Value) []autograd.Value {
				d := g.Div(n.In[1])
				return []autograd.Value{d, d.Mul(n.Out.AddScalar(-1)).Neg()}
			}
		}, "zeros do not give zeros"},
		"wrong CPU body": {func(op *autograd.Op) {
			op.CPU = func(b *autograd.Bind) func() {
				b.In[0], b.In[1] = b.In[1], b.In[0]
				return divide(b)
			}
		}, "value: element 0"},
		"CPU body that ignores strides": {func(op *autograd.Op) {
			op.CPU = func(b *autograd.Bind) func() {
				return func() {
					for i := range b.Out.Len() {
						b.Out.StoreReal(i, b.In[0].LoadReal(i)/b.In[1].LoadReal(i))
					}
				}
			}
		}, "value: element"},
		"write past the result": {func(op *autograd.Op) {
			op.CPU = func(b *autograd.Bind) func() {
				f, p := divide(b), outside(b.Out, b.Out.Len())
				return func() { f(); *p = 0 }
			}
		}, "was written"},
		"write before the result": {func(op *autograd.Op) {
			op.CPU = func(b *autograd.Bind) func() {
				f, p := divide(b), outside(b.Out, -1)
				return func() { f(); *p = 0 }
			}
		}, "was written"},
		"write to an argument": {func(op *autograd.Op) {
			op.CPU = func(b *autograd.Bind) func() {
				f, p := divide(b), outside(b.In[1], 0)
				return func() { f(); *p += 1 }
			}
		}, "changed argument 1"},
		"read past an argument": {func(op *autograd.Op) {
			op.CPU = func(b *autograd.Bind) func() {
				f, x := divide(b), b.Contiguous(0)
				return func() { f(); b.Out.StoreReal(0, b.Out.LoadReal(0)+x.LoadReal(x.Len())*1e-300) }
			}
		}, "NaN"},
		"result added to what was there": {func(op *autograd.Op) {
			op.CPU = func(b *autograd.Bind) func() {
				f, n := divide(b), 0.
				return func() { f(); n += 1e-16; b.Out.StoreReal(1, b.Out.LoadReal(1)*(1+n*10)) }
			}
		}, "second run"},
		"panic": {func(op *autograd.Op) {
			op.CPU = func(b *autograd.Bind) func() { panic("no body") }
		}, "panic: no body"},
		"a wrong attribute of parts": {func(op *autograd.Op) {
			op.Parts = func(_ any, _ []tensor.Type, _ int) (any, uint64, bool) { return "part", 0, true }
			op.Eval = func(attr any, out tensor.Tensor, in []tensor.Tensor) {
				right.Eval(nil, out, in)
				if attr == "part" {
					out.StoreReal(1, 0)
				}
			}
		}, "a part of the result: element 1"},
		"parts that are not": {func(op *autograd.Op) {
			op.Parts = autograd.EachPart
			op.Eval = func(_ any, out tensor.Tensor, in []tensor.Tensor) {
				right.Eval(nil, out, in)
				out.StoreReal(0, out.LoadReal(0)+in[0].LoadReal(in[0].Len()-1))
			}
		}, "a part of the result: element 0"},
		"parts of nothing": {func(op *autograd.Op) {
			op.Parts = func(attr any, _ []tensor.Type, _ int) (any, uint64, bool) { return attr, 0, false }
		}, "Parts holds for no sample"},
		"no samples": {func(op *autograd.Op) { op.Samples = nil }, "no Samples"},
		"no VJP":     {func(op *autograd.Op) { op.VJP = nil }, "must say in NotSmooth why"},
		"VJP untested": {func(op *autograd.Op) {
			op.Samples[0].NotSmooth = "it is hard"
		}, "every sample is NotSmooth"},
		"nothing defined": {func(op *autograd.Op) { op.Eval = nil }, "exactly one of Eval and Lower"},
	} {
		t.Run(name, func(t *testing.T) {
			op := quotient()
			c.spoil(op)
			require.ErrorContains(t, Check(autograd.CPU{Threads: 1}, op), c.want)
		})
	}
}

func TestCheckOfAnOpWithLower(t *testing.T) {
	op := quotient()
	op.VJP, op.Eval = nil, nil
	op.Lower = func(_ any, in []autograd.Value) autograd.Value { return in[0].Mul(in[1].Reciprocal()) }
	op.CPU = divide
	require.NoError(t, Check(autograd.CPU{Threads: 1}, op))
	require.NoError(t, Check(&Device{}, op))
	op.CPU = func(b *autograd.Bind) func() {
		b.In[0] = b.In[1]
		return divide(b)
	}
	require.ErrorContains(t, Check(autograd.CPU{Threads: 1}, op), "value: element 0")
	require.NoError(t, Check(&Device{}, op), "a Device has no body for the op and runs its composition")
}

func TestDeviceMemoryIsOpaque(t *testing.T) {
	d, other := &Device{Limit: 1 << 10}, &Device{}
	m, err := d.Alloc(64)
	require.NoError(t, err)
	x := tensor.Wrap(m, tensor.MakeType(tensor.Float64, 8), 0)
	require.Panics(t, func() { x.LoadReal(0) })
	require.NoError(t, d.Copy(x, tensor.Of([]float64{1, 2, 3, 4, 5, 6, 7, 8})))
	host := tensor.New(tensor.Float64, 3)
	require.NoError(t, d.Copy(host, x.Crop(0, 1, 6, 2)))
	require.Equal(t, []float64{2, 4, 6}, tensor.Floats(host))

	require.ErrorContains(t, other.Copy(host, x.Crop(0, 0, 3, 1)), "another Device")
	require.ErrorContains(t, d.Copy(tensor.New(tensor.Float32, 8), x), "float32[8]")
	_, err = d.Alloc(1 << 10)
	require.ErrorIs(t, err, autograd.ErrMemory)
	require.ErrorContains(t, err, "1024 bytes needed, 960 free")
	m.Free()
	m.Free()
	require.Zero(t, d.Live())
	require.ErrorContains(t, d.Copy(tensor.New(tensor.Float64, 8), x), "freed")
}

func TestDeviceRunsWhenWaitedFor(t *testing.T) {
	d := &Device{}
	tape := autograd.New(d)
	x := tape.Var("x", tensor.Of([]float64{1, 2}))
	p, err := tape.Compile(nil, autograd.Value{}, x.Becomes(x.Scale(2)))
	require.NoError(t, err)
	require.NoError(t, p.Run())
	require.NoError(t, p.Run())
	require.NotEmpty(t, d.queue)
	got, err := tape.Get(x)
	require.NoError(t, err)
	require.Equal(t, []float64{4, 8}, tensor.Floats(got))
	tape.Close()
	require.Zero(t, d.Live())
}

func TestDeviceRefusesWhatItCannotRun(t *testing.T) {
	op := quotient()
	op.Eval = nil
	tape := autograd.New(&Device{})
	x := tape.Var("x", tensor.New(tensor.Float64, 2, 3))
	y := tape.Apply(op, nil, x, x)
	_, err := tape.Compile([]autograd.Value{y}, autograd.Value{})
	require.ErrorContains(t, err, "quotient has no kernel and no Eval")
	require.ErrorContains(t, err, "optest_test.go:")
}

func TestDrawsAvoidKinksAndTies(t *testing.T) {
	d := newDraws("x", 0, -1, 1)
	var v []float64
	for range strata {
		v = append(v, d.next())
	}
	for i, x := range v {
		for _, kink := range []float64{-.5, 0, .25, .5} {
			require.Greater(t, (x-kink)*(x-kink), 4*step*step)
		}
		for _, y := range v[:i] {
			require.Greater(t, (x-y)*(x-y), 4*step*step)
		}
	}
}
