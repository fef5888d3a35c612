// Package optest is the conformance suite of package autograd: it runs ops on
// a Backend and compares values, derivatives and memory accesses to their
// definitions. A new Backend passes it op by op, and so does a user's own Op.
package optest

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Run checks each op on b, as Check does, in a subtest of its own; with no ops,
// all of autograd.Ops. b stays open. A panic of an op is its failure.
func Run(t *testing.T, b autograd.Backend, ops ...*autograd.Op) {
	t.Helper()
	if len(ops) == 0 {
		ops = autograd.Ops
	}
	for _, op := range ops {
		t.Run(op.Name, func(t *testing.T) {
			if err := Check(b, op); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check checks what op says of itself, as CheckRules does, and how b runs it,
// as CheckBackend does.
func Check(b autograd.Backend, op *autograd.Op) error {
	return errors.Join(CheckRules(op), CheckBackend(b, op))
}

// CheckRules checks op by its definition in float64, whatever the backend, on
// each of its Samples. It errs with
//
//   - a VJP that differs from central differences of Op.Eval, or of the
//     composition that Op.Lower gives;
//   - a VJP whose own VJP differs from differences of it, or a JVP that is not
//     its adjoint;
//   - an op that is not linear where Op.Linear says so;
//   - an argument whose gradient is always zero, but on which the value depends
//     smoothly;
//   - a part of the result that is not what the op makes of the parts of its arguments,
//     where Op.Parts says so, or an Op.Parts that holds for no sample;
//   - an op without Samples, or with none that is smooth though it has a VJP.
func CheckRules(op *autograd.Op) error {
	c := &checker{op: op}
	c.declaration()
	for i := range op.Samples {
		if s := &op.Samples[i]; s.NotSmooth == "" && len(s.In) > 0 {
			c.context = fmt.Sprintf("sample %d", i)
			c.draw = newDraws(op.Name, i, s.Lo, s.Hi)
			c.protect(func() {
				r, err := newReference(op, s.Attr, s.In)
				must(err)
				defer r.tape.Close()
				c.rules(r, c.draw.arguments(s, r.in))
			})
		}
	}
	c.parts()
	return errors.Join(c.errs...)
}

// CheckBackend runs op on b on each of its Samples, in both precisions, with
// arguments that lie in memory in several ways. It errs with
//
//   - values, gradients and second derivatives that differ from the definition
//     in float64;
//   - where b's memory is the host's: reads and writes outside the arguments
//     and the result; arguments that change;
//   - results that depend on what the result's memory held, or on an earlier run;
//   - the same for one Value given as several arguments.
func CheckBackend(b autograd.Backend, op *autograd.Op) error {
	c := &checker{op: op}
	c.backend, c.guard = guard(b)
	for i := range op.Samples {
		c.context = fmt.Sprintf("sample %d", i)
		c.protect(func() { c.sample(i) })
	}
	return errors.Join(c.errs...)
}

// checker collects what is wrong with one op.
type checker struct {
	op      *autograd.Op
	backend autograd.Backend
	guard   *guarded // nil if the backend's memory is not the host's
	draw    *draws
	context string
	errs    []error
}

// mostErrors is how many errors of one op are reported.
const mostErrors = 8

func (c *checker) fail(format string, args ...any) {
	if len(c.errs) < mostErrors {
		c.errs = append(c.errs, fmt.Errorf("%s: %s: %w", c.op.Name, c.context, fmt.Errorf(format, args...)))
	}
}

// protect calls f and turns a panic into a failure.
func (c *checker) protect(f func()) {
	defer func() {
		if r := recover(); r != nil {
			c.fail("panic: %v\n%s", r, debug.Stack())
		}
	}()
	f()
}

// declaration checks what the op says of itself.
func (c *checker) declaration() {
	c.context = "declaration"
	op := c.op
	if op.Name == "" || op.Doc == "" || op.Type == nil {
		c.fail("Name, Doc and Type must be set")
	}
	if (op.Eval == nil) == (op.Lower == nil) {
		c.fail("exactly one of Eval and Lower must be set")
	}
	if len(op.Samples) == 0 {
		c.fail("there are no Samples: the op is not tested")
	}
	smooth := 0
	for i, s := range op.Samples {
		if s.NotSmooth == "" {
			smooth++
			if !c.differentiable() {
				c.fail("there is no VJP; sample %d must say in NotSmooth why", i)
			}
		}
	}
	if smooth == 0 && c.differentiable() {
		c.fail("every sample is NotSmooth: the VJP is not tested")
	}
}

func (c *checker) differentiable() bool { return c.op.VJP != nil || c.op.Lower != nil }

// sample checks one sample in both precisions.
func (c *checker) sample(i int) {
	s := &c.op.Samples[i]
	r, err := newReference(c.op, s.Attr, s.In)
	must(err)
	defer r.tape.Close()
	types := [2][]tensor.Type{s.In}
	if n, ok := narrow(c.op, s.Attr, s.In); ok {
		types[1] = n
	}
	for k, in := range types {
		if in == nil {
			continue
		}
		c.context = fmt.Sprintf("sample %d %v", i, in)
		c.draw = newDraws(c.op.Name, 2*i+k, s.Lo, s.Hi)
		c.protect(func() { c.onBackend(r, s, in) })
	}
	c.context = fmt.Sprintf("sample %d enlarged", i)
	c.protect(func() { c.enlarged(s) })
}

// numbered returns a name for argument i.
func numbered(name string, i int) string { return name + strconv.Itoa(i) }

// tolerance bounds how far results of the given number of roundings may be
// from the definition, in units of the last place of the narrowest type.
func tolerance(roundings float64, t ...tensor.Type) float64 {
	eps := 0x1p-52
	for _, t := range t {
		if t.DType.Real() == tensor.Float32 {
			eps = 0x1p-23
		}
	}
	return roundings * eps
}

// compare fails unless got is within tol of want, relative to the larger of
// the element, the rms of all and floor.
func (c *checker) compare(what string, got, want tensor.Tensor, tol, floor float64) {
	scale := math.Max(rms(want), floor)
	if got.DType.Real() == tensor.Float32 {
		scale = math.Max(scale, 0x1p-126) // smaller numbers have fewer digits
	}
	got = tensor.Contiguous(got)
	for i := range want.Len() {
		g, w := got.Load(i), want.Load(i)
		re, im := off(real(g), real(w)), off(imag(g), imag(w))
		if bound := tol * math.Max(math.Hypot(real(w), imag(w)), scale); !(re <= bound && im <= bound) && !(re == 0 && im == 0) {
			c.fail("%s: element %d is %.10g, by definition %.10g (bound %.3g)", what, i, g, w, bound)
			return
		}
	}
}

// off returns |x−y|: 0 for equal infinities and two NaNs.
func off(x, y float64) float64 {
	if x == y || x != x && y != y {
		return 0
	}
	return math.Abs(x - y)
}
