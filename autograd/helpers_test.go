package autograd_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/tensor"
)

// of returns a float64 vector.
func of(v ...float64) tensor.Tensor { return tensor.Of(v) }

// none is no guard.
var none autograd.Value

// onEach runs a test on the CPU with one and two threads, and on a Device.
func onEach(t *testing.T, f func(t *testing.T, tape *autograd.Tape)) {
	for name, b := range map[string]autograd.Backend{
		"cpu, 1 thread": autograd.CPU{Threads: 1}, "cpu, 2 threads": autograd.CPU{Threads: 2}, "device": &optest.Device{},
	} {
		t.Run(name, func(t *testing.T) {
			tape := autograd.New(b)
			f(t, tape)
			tape.Close()
			if d, ok := b.(*optest.Device); ok {
				require.Zero(t, d.Live(), "bytes left after Close")
			}
		})
	}
}

// compile returns a Program of tape, or fails.
func compile(t *testing.T, tape *autograd.Tape, out []autograd.Value, updates ...autograd.Update) *autograd.Program {
	t.Helper()
	p, err := tape.Compile(out, none, updates...)
	require.NoError(t, err)
	return p
}

// run runs p once and returns its first output's elements, if it has one.
func run(t *testing.T, p *autograd.Program) []float64 {
	t.Helper()
	require.NoError(t, p.Run())
	if len(p.Outs()) == 0 {
		return nil
	}
	return output(t, p, 0)
}

func output(t *testing.T, p *autograd.Program, i int) []float64 {
	t.Helper()
	x, err := p.Out(i)
	require.NoError(t, err)
	return tensor.Floats(x)
}

// get returns the elements of a Var.
func get(t *testing.T, v autograd.Value) []float64 {
	t.Helper()
	x, err := v.Tape().Get(v)
	require.NoError(t, err)
	return tensor.Floats(x)
}

// eval returns the elements of a real value.
func eval(t *testing.T, v autograd.Value) []float64 {
	t.Helper()
	x, err := autograd.Eval(v)
	require.NoError(t, err)
	return tensor.Floats(x)
}

// stepNames returns the names of p's steps.
func stepNames(p *autograd.Program) []string {
	var names []string
	for _, s := range p.Steps() {
		names = append(names, s.Name())
	}
	return names
}

// oneType is the type rule of a user's op on one argument.
func oneType(_ any, in []tensor.Type) (tensor.Type, error) {
	if len(in) != 1 {
		return tensor.Type{}, errors.New("one argument expected")
	}
	return in[0], nil
}

// counting returns a user's op that copies its argument, and how often it ran.
func counting(name string) (*autograd.Op, *int) {
	n := new(int)
	return &autograd.Op{
		Name: name, Doc: "its argument; counts how often it is computed", Type: oneType, Linear: 1,
		VJP:     func(_ autograd.Node, g autograd.Value) []autograd.Value { return []autograd.Value{g} },
		Eval:    func(_ any, out tensor.Tensor, in []tensor.Tensor) { *n++; tensor.Copy(out, in[0]) },
		Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Float64, 2, 3)}}},
	}, n
}

// cube is a user's op x³ with a VJP.
func cube() *autograd.Op {
	return &autograd.Op{
		Name: "cube", Doc: "x³", Type: oneType,
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Mul(n.In[0].Square().Scale(3))}
		},
		Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
			x := tensor.Contiguous(in[0])
			for i := range out.Len() {
				v := x.LoadReal(i)
				out.StoreReal(i, v*v*v)
			}
		},
		Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Float64, 3)}}},
	}
}

// recovered returns the error that f panics with.
func recovered(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			var ok bool
			if err, ok = r.(error); !ok {
				err = fmt.Errorf("%v", r)
			}
		}
	}()
	f()
	return nil
}
