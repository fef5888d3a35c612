// Package bench times what percept does: whole models, and every family of
// kernels. Each case is named by its kind, the side of its images and how many
// there are: "ps-256", "ps-256x8".
package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// A Case is one thing that is timed.
type Case struct {
	Kind        string
	Side, Batch int
}

// Parse returns the case called name. It errs if there is none.
func Parse(name string) (c Case, err error) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return c, fmt.Errorf("bench: %q is no case; it reads KIND-SIDE or KIND-SIDExBATCH, such as ps-256 or ps-256x8", name)
	}
	side, batch, many := strings.Cut(name[i+1:], "x")
	c = Case{Kind: name[:i], Batch: 1}
	if c.Side, err = strconv.Atoi(side); err == nil && many {
		c.Batch, err = strconv.Atoi(batch)
	}
	if err != nil || c.Side < 1 || c.Batch < 1 {
		return c, fmt.Errorf("bench: %q: a positive side and batch are expected", name)
	}
	if !slices.ContainsFunc(Kinds, func(k Kind) bool { return k.Name == c.Kind }) {
		return c, fmt.Errorf("bench: there is no kind %q; there are %s", c.Kind, strings.Join(kindNames(), ", "))
	}
	return c, nil
}

func kindNames() (names []string) {
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

// String returns the name of c.
func (c Case) String() string {
	if c.Batch == 1 {
		return fmt.Sprintf("%s-%d", c.Kind, c.Side)
	}
	return fmt.Sprintf("%s-%dx%d", c.Kind, c.Side, c.Batch)
}

// A Kind is a family of cases.
type Kind struct {
	Name, Doc string
	// Table are the cases of the table that the project is measured by; Others are
	// timed by percept bench besides.
	Table, Others []Case
	record        func(r *recorder)
}

// recorder records a case.
type recorder struct {
	tape  *autograd.Tape
	dtype tensor.DType
	Case
	outs    []autograd.Value
	updates []autograd.Update
	err     error
	drawn   uint64
}

// draw returns a Var of uniform numbers.
func (r *recorder) draw(shape ...int) autograd.Value { return r.drawAs(r.dtype, shape...) }

// drawComplex returns a Var of complex numbers with uniform parts.
func (r *recorder) drawComplex(shape ...int) autograd.Value {
	return r.drawAs(r.dtype.Complex(), shape...)
}

func (r *recorder) drawAs(d tensor.DType, shape ...int) autograd.Value {
	r.drawn++
	g := rand.New(rand.NewPCG(r.drawn, 0))
	x := tensor.New(d, shape...)
	for i := range x.Len() {
		if d.IsComplex() {
			x.Store(i, complex(g.Float64(), g.Float64()))
		} else {
			x.StoreReal(i, g.Float64())
		}
	}
	return r.tape.Var(fmt.Sprintf("x%d", r.drawn), x)
}

// images returns images (Batch, 1, Side, Side).
func (r *recorder) images() autograd.Value { return r.draw(r.Batch, 1, r.Side, r.Side) }

// matrix returns a matrix (Side, Side), or Batch of them.
func (r *recorder) matrix() autograd.Value {
	if r.Batch > 1 {
		return r.draw(r.Batch, r.Side, r.Side)
	}
	return r.draw(r.Side, r.Side)
}

// withGradient asks for a loss and its gradient.
func (r *recorder) withGradient(loss, x autograd.Value) {
	r.outs = append(r.outs, loss, autograd.Grad(loss, x)[0])
}

// A Timer is a case ready to be timed.
type Timer struct {
	Case         Case
	FLOPs, Bytes int64                // of one run; bytes are those that the steps read and write
	Clock        func() time.Duration // that Time reads; nil: the time of day
	tape         *autograd.Tape
	prog         *autograd.Program
}

// New makes a Timer. It errs if the case does not suit its size or memory does
// not suffice.
func New(c Case, d tensor.DType, threads int, level kernels.Level) (*Timer, error) {
	t, err := compile(c, d, autograd.CPU{Threads: threads, Level: level})
	if err != nil {
		return nil, err
	}
	if err := t.count(); err != nil {
		t.Close()
		return nil, fmt.Errorf("bench: %v: %w", c, err)
	}
	return t, nil
}

// compile makes a Timer that has not run.
func compile(c Case, d tensor.DType, b autograd.Backend) (*Timer, error) {
	k := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == c.Kind })
	if k < 0 {
		return nil, fmt.Errorf("bench: there is no kind %q", c.Kind)
	}
	r := &recorder{tape: autograd.New(b), dtype: d, Case: c}
	t := &Timer{Case: c, tape: r.tape}
	err := autograd.Try(func() { Kinds[k].record(r) })
	if err == nil {
		err = r.err
	}
	if err == nil {
		t.prog, err = t.tape.Compile(r.outs, autograd.Value{}, r.updates...)
	}
	if err != nil {
		t.tape.Close()
		return nil, fmt.Errorf("bench: %v: %w", c, err)
	}
	return t, nil
}

// smallSide is up to which side what a case needs is planned; what a larger one needs
// follows from how that grows.
const smallSide = 512

// Memory returns about how many bytes a Timer of c takes. It errs if the kind does not
// suit its size.
func Memory(c Case, d tensor.DType, threads int, level kernels.Level) (float64, error) {
	plan := func(side int) (float64, error) {
		l := autograd.NewLedger(autograd.CPU{Threads: threads, Level: level})
		t, err := compile(Case{Kind: c.Kind, Side: side, Batch: 1}, d, l)
		if err != nil {
			return 0, err
		}
		t.Close()
		return float64(l.Peak()), nil
	}
	small, err := plan(min(c.Side, smallSide))
	if err != nil || c.Side <= smallSide {
		return float64(c.Batch) * small, err
	}
	half, err := plan(smallSide / 2)
	power := math.Log2(small / half)
	return float64(c.Batch) * small * math.Pow(float64(c.Side)/smallSide, power), err
}

// count finds out what a run does; it runs once.
func (t *Timer) count() error {
	steps, err := t.prog.Profile(1)
	for _, s := range steps {
		t.FLOPs += s.FLOPs
		t.Bytes += s.Read + s.Written
	}
	return err
}

// Close frees the memory of t.
func (t *Timer) Close() { t.tape.Close() }

// Run runs once. It errs if the backend fails.
func (t *Timer) Run() error { return t.prog.Run() }

const (
	// shortest is how long a stretch of runs lasts at least, so that the clock and
	// the call do not count.
	shortest = 4 * time.Millisecond
	longest  = 1 << 16 // runs of a stretch
)

// Time returns the time of one run in each of n stretches of runs. It errs if
// the backend fails.
func (t *Timer) Time(n int) ([]time.Duration, error) {
	runs := 1
	for {
		d, err := t.stretch(runs)
		if err != nil {
			return nil, err
		}
		if d >= shortest || runs >= longest {
			break
		}
		runs = min(longest, max(2*runs, int(float64(runs)*1.2*float64(shortest)/float64(max(d, 1)))))
	}
	took := make([]time.Duration, n)
	for i := range took {
		d, err := t.stretch(runs)
		if err != nil {
			return nil, err
		}
		took[i] = d / time.Duration(runs)
		if took[i] == 0 {
			took[i] = 1
		}
	}
	return took, nil
}

var epoch = time.Now()

func (t *Timer) now() time.Duration {
	if t.Clock != nil {
		return t.Clock()
	}
	return time.Since(epoch)
}

func (t *Timer) stretch(runs int) (time.Duration, error) {
	begin := t.now()
	for range runs {
		if err := t.prog.Run(); err != nil {
			return 0, err
		}
	}
	return t.now() - begin, nil
}
