package synth

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// CheckOptions are those of Check, CheckMetric and CheckPenalty. The zero value is
// the default.
type CheckOptions struct {
	Channels      int // of the test images; 0: 1
	Height, Width int // of the test images; 0: 64
	Backend       autograd.Backend
	Seed          uint64 // of the test images
}

func (o CheckOptions) withDefaults() CheckOptions {
	for _, f := range []struct {
		v *int
		d int
	}{{&o.Channels, 1}, {&o.Height, 64}, {&o.Width, 64}} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	return o
}

// images returns the type of n test images.
func (o CheckOptions) images(d tensor.DType, n int) tensor.Type {
	return tensor.MakeType(d, n, o.Channels, o.Height, o.Width)
}

// A Severity says how bad a Finding is.
type Severity uint8

// The three levels.
const (
	Passed  Severity = iota
	Warning          // some uses will fail
	Failed           // no synthesis can be trusted
)

// String returns "ok", "warning" or "failed".
func (l Severity) String() string { return [...]string{"ok", "warning", "failed"}[l] }

// A Finding is the result of one check.
type Finding struct {
	Name     string // of the check
	Severity Severity
	Found    string // what was found
	Advice   string // what to do; empty if the check passed
}

// A Verdict lists the findings of all checks that could be made.
type Verdict []Finding

// Severity returns that of the worst finding.
func (v Verdict) Severity() Severity {
	worst := Passed
	for _, f := range v {
		worst = max(worst, f.Severity)
	}
	return worst
}

// Err returns nil, or an error that names every failed check and what to do.
func (v Verdict) Err() error {
	text, n := "", 0
	for _, f := range v {
		if f.Severity == Failed {
			text += fmt.Sprintf("\n%s: %s; %s", f.Name, f.Found, f.Advice)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("synth: %d checks failed:%s", n, text)
}

func (v *Verdict) add(name string, level Severity, advice, format string, args ...any) {
	if level == Passed {
		advice = ""
	}
	*v = append(*v, Finding{name, level, fmt.Sprintf(format, args...), advice})
}

// A probe is a computation on images, compiled once.
type probe struct {
	tape *autograd.Tape
	x    autograd.Value
	outs []autograd.Value
	prog *autograd.Program
}

// newProbe records outs of images of the given type and compiles them. Whatever
// panics while recording becomes the error.
func newProbe(b autograd.Backend, typ tensor.Type, record func(x autograd.Value) []autograd.Value) (p *probe, err error) {
	p = &probe{tape: autograd.New(b)}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	p.x = p.tape.Var("check images", tensor.New(typ.DType, typ.Shape()...))
	if p.outs, err = recorded(func() []autograd.Value { return record(p.x) }); err != nil {
		return p, err
	}
	p.prog, err = p.tape.Compile(p.outs, autograd.Value{})
	return p, err
}

// recorded returns what f does, or what it panicked with as an error, which says
// where.
func recorded(f func() []autograd.Value) (outs []autograd.Value, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *autograd.Error:
			err = r
		default:
			err = fmt.Errorf("%spanic: %v", panicPosition(), r)
		}
	}()
	return f(), nil
}

// panicPosition returns "file:line: " of the function that panicked, for the
// function that recovers.
func panicPosition() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicked := false
	for {
		f, more := frames.Next()
		switch inRuntime := strings.HasPrefix(f.Function, "runtime."); {
		case f.Function == "runtime.gopanic":
			panicked = true
		case panicked && !inRuntime:
			return fmt.Sprintf("%s:%d: ", f.File, f.Line)
		case !more:
			return ""
		}
	}
}

func (p *probe) close() { p.tape.Close() }

// at returns the elements of each out for images x, complex ones as two.
func (p *probe) at(x tensor.Tensor) ([][]float64, error) {
	if err := p.tape.Set(p.x, x); err != nil {
		return nil, err
	}
	if err := p.prog.Run(); err != nil {
		return nil, err
	}
	values := make([][]float64, len(p.outs))
	for i, v := range p.outs {
		out := tensor.New(v.Type().DType, v.Type().Shape()...)
		if err := p.prog.Read(i, out); err != nil {
			return nil, err
		}
		wide := tensor.Float64
		if out.DType.IsComplex() {
			wide = tensor.Complex128
		}
		x := tensor.New(wide, out.Shape()...)
		tensor.Copy(x, out)
		values[i] = tensor.Span[float64](x)
	}
	return values, nil
}

// uniform returns images with pixels that are uniform in [lo, hi).
func uniform(typ tensor.Type, seed uint64, lo, hi float64) tensor.Tensor {
	v := make([]float64, typ.Len())
	rng.Uniform(rng.New(seed), v)
	for i := range v {
		v[i] = lo + (hi-lo)*v[i]
	}
	x := tensor.New(typ.DType, typ.Shape()...)
	tensor.Copy(x, tensor.Of(v, typ.Shape()...))
	return x
}

// flat returns images all of whose pixels are v.
func flat(typ tensor.Type, v float64) tensor.Tensor {
	x := tensor.New(typ.DType, typ.Shape()...)
	for i := range x.Len() {
		x.StoreReal(i, v)
	}
	return x
}

// withImage returns x with image k replaced by other's.
func withImage(x tensor.Tensor, k int, other tensor.Tensor) tensor.Tensor {
	y := tensor.New(x.DType, x.Shape()...)
	tensor.Copy(y, x)
	tensor.Copy(y.Crop(0, k, k+1, 1), other.Crop(0, k, k+1, 1))
	return y
}
