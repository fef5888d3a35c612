package autograd_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// descent is a small synthesis: two images, a guard, a history, two Programs.
type descent struct {
	tape                *autograd.Tape
	x, history, step    autograd.Value
	walk, look          *autograd.Program
	lossOf, historyMean autograd.Value
}

func newDescent(t *testing.T, b autograd.Backend) *descent {
	tape := autograd.New(b)
	d := &descent{tape: tape,
		x:       tape.Var("x", noise(1, typ(tensor.Float64, 2, 4, 4))),
		history: tape.Var("history", tensor.New(tensor.Float64, 2, 8, 4, 4)),
		step:    tape.Var("step", of(0, 0)),
	}
	window := tape.Const(noise(2, typ(tensor.Float64, 4, 6)).Crop(1, 1, 5, 1)).Square().AddScalar(.1)
	goal := tape.Const(noise(3, typ(tensor.Float64, 2, 4, 4))).Tanh()
	d.lossOf = d.x.Mul(window).Sub(goal).Abs2().Sum(1, 2)
	g := autograd.Grad(d.lossOf, d.x)[0]
	guard := d.step.Lt(tape.Const(of(3, 6))) // image 0 stops after three steps
	var err error
	d.walk, err = tape.Compile([]autograd.Value{d.lossOf}, guard,
		d.x.Becomes(d.x.Sub(g.Scale(.05))), d.history.RowBecomes(d.step, g), d.step.Becomes(d.step.AddScalar(1)))
	require.NoError(t, err)
	d.historyMean = d.history.Mean(1, 2, 3).Sin()
	d.look = compile(t, tape, []autograd.Value{d.historyMean, d.x.Permute(2, 0, 1).Reshape(-1).Cos().Sum()})
	return d
}

// state returns the bits of all Vars.
func (d *descent) state(t *testing.T) (s []tensor.Tensor) {
	for _, v := range d.tape.Vars() {
		x, err := d.tape.Get(v)
		require.NoError(t, err)
		s = append(s, x)
	}
	return s
}

// walked takes n steps and looks after each.
func (d *descent) walked(t *testing.T, n int) (log [][]float64) {
	for range n {
		log = append(log, run(t, d.walk), run(t, d.look), output(t, d.look, 1))
	}
	return log
}

func TestTapeMovesToADeviceAndBack(t *testing.T) {
	cpu := autograd.CPU{Threads: 1, Level: kernels.PureGo}
	reference, d, device := newDescent(t, cpu), newDescent(t, cpu), &optest.Device{}
	require.Equal(t, reference.walked(t, 2), d.walked(t, 2))

	before := d.state(t)
	require.NoError(t, d.tape.To(device))
	require.Equal(t, device, d.tape.Backend())
	for i, x := range d.state(t) {
		require.True(t, sameBits(before[i], x), "Var %d changed on the way", i)
	}
	_, err := d.walk.Out(0)
	require.ErrorContains(t, err, "not run since its Tape moved")
	want, got := reference.walked(t, 2), d.walked(t, 2)
	for i := range want {
		require.InDeltaSlice(t, want[i], got[i], 1e-13, "on the device, entry %d", i)
	}
	require.Positive(t, device.Live())

	before = d.state(t)
	require.NoError(t, d.tape.To(cpu))
	require.Zero(t, device.Live(), "memory stays on the device")
	for i, x := range d.state(t) {
		require.True(t, sameBits(before[i], x), "Var %d changed on the way back", i)
	}
	want, got = reference.walked(t, 4), d.walked(t, 4)
	for i := range want {
		require.InDeltaSlice(t, want[i], got[i], 1e-13, "back, entry %d", i)
	}
	require.Equal(t, []float64{3, 6}, get(t, d.step))
	d.tape.Close()
	reference.tape.Close()
}

func TestValuesAreRecordedAfterAMove(t *testing.T) {
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	x := tape.Var("x", of(1, 2, 3))
	c := tape.Const(of(10, 20, 30)).Scale(2)
	require.Equal(t, []float64{21, 42, 63}, eval(t, x.Add(c)))
	require.NoError(t, tape.To(&optest.Device{}))
	require.Equal(t, []float64{-19, -38, -57}, eval(t, x.Sub(c)))
	require.Equal(t, []float64{2, 4, 6}, eval(t, autograd.Grad(x.Square().Sum(), x)[0]))
}

func TestAMoveThatFailsChangesNothing(t *testing.T) {
	tape := autograd.New(autograd.CPU{Threads: 1})
	defer tape.Close()
	x := tape.Var("x", of(1, 2, 3))
	y := tape.Var("y", tensor.New(tensor.Float64, 100))
	p := compile(t, tape, []autograd.Value{x.Scale(2)}, y.Becomes(y.AddScalar(1)))
	run(t, p)
	small := &optest.Device{Limit: 100}
	err := tape.To(small)
	require.ErrorIs(t, err, autograd.ErrMemory)
	require.ErrorContains(t, err, "800 bytes needed, 76 free")
	require.Zero(t, small.Live())
	require.Equal(t, autograd.CPU{Threads: 1}, tape.Backend())
	require.Equal(t, []float64{2, 4, 6}, run(t, p))
	require.Equal(t, 2., get(t, y)[0])
}

func TestCompileBeyondMemoryIsAnError(t *testing.T) {
	device := &optest.Device{Limit: 2000}
	tape := autograd.New(device)
	x := tape.Var("x", tensor.New(tensor.Float64, 100))
	op, _ := counting("op")
	_, err := tape.Compile([]autograd.Value{tape.Apply(op, nil, x).Sin(), tape.Apply(op, nil, x.Cos())}, none)
	require.ErrorIs(t, err, autograd.ErrMemory)
	require.Equal(t, 800, device.Live(), "what a failed Compile took is given back")
	require.Equal(t, []float64{100}, eval(t, x.Cos().Sum()))
	err = recovered(func() { tape.Var("y", tensor.New(tensor.Float64, 1000)) })
	require.ErrorIs(t, err, autograd.ErrMemory)
	_, taken := tape.Lookup("y")
	require.False(t, taken, "a Var without memory")
	tape.Close()
	require.Zero(t, device.Live())
}

func TestProgramsOfOneTapeShareAnArena(t *testing.T) {
	onEach(t, func(t *testing.T, tape *autograd.Tape) {
		op, _ := counting("op")
		x := tape.Var("x", noise(1, typ(tensor.Float64, 4, 50)))
		chain := func(n int, y autograd.Value) autograd.Value {
			for range n {
				y = tape.Apply(op, nil, y).Sin()
			}
			return y
		}
		small := compile(t, tape, []autograd.Value{chain(2, x.Crop(0, 0, 1)).Sum(), chain(1, x.Crop(0, 1, 2))})
		first := run(t, small)
		kept := output(t, small, 1)
		large := compile(t, tape, []autograd.Value{chain(3, x), chain(2, x.Neg()).Sum()}, x.Becomes(x.Scale(.5)))
		require.Greater(t, large.Counts().ArenaBytes, small.Counts().ArenaBytes)
		require.Equal(t, kept, output(t, small, 1), "outputs are valid until the next Run, whatever is compiled")
		into := tensor.New(tensor.Float64, 1, 50)
		require.NoError(t, small.Read(1, into))
		require.Equal(t, kept, tensor.Floats(into))
		require.ErrorContains(t, small.Read(0, into), "a float64[], into a float64[1 50]")
		require.Equal(t, first, run(t, small))
		run(t, large)
		second := run(t, small)
		require.NotEqual(t, first, second, "the Var did not change")
		large.Close()
		require.Equal(t, second, run(t, small))
	})
}
