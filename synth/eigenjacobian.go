package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/dense"
	"github.com/percept-go/percept/tensor"
)

// A jacobian applies the derivative J of a model at one image, its adjoint Jᵀ and
// the Fisher matrix F = JᵀJ to lists of vectors. The image stands in the batch as
// many times as vectors share one replay; the forward pass is hoisted, so that a
// product with F is one tangent and one adjoint sweep.
type jacobian struct {
	tape    *autograd.Tape
	width   int // vectors in one replay
	n, m    int // elements of the image and of its representation, complex ones counting two
	v, u    autograd.Value
	product *autograd.Program // Jv and JᵀJv
	adjoint *autograd.Program // Jᵀu
	in, out tensor.Tensor     // on the host, of the types of v and u

	products int     // with F so far, of one vector each
	filter   *filter // the approximate inverse, where there is one
}

// newJacobian records and compiles J of m at image x (1, C, H, W), float64. A model
// that mixes images of a batch gets vectors one by one. It errs if the model does
// not serve x, or serves it with NaN, or memory does not suffice.
func newJacobian(dev autograd.Backend, x tensor.Tensor, m Model, width int) (*jacobian, error) {
	j, err := compileJacobian(dev, x, m, width)
	if err != nil {
		return nil, err
	}
	mixes, err := j.mixes()
	if err == nil && mixes && !onlyCounts(dev) {
		j.Close()
		return compileJacobian(dev, x, m, 1)
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// Close frees the memory of j.
func (j *jacobian) Close() { j.tape.Close() }

func compileJacobian(dev autograd.Backend, x tensor.Tensor, m Model, width int) (j *jacobian, err error) {
	j = &jacobian{tape: autograd.New(dev), width: width, n: x.Len()}
	defer func() {
		if err != nil {
			j.Close()
		}
	}()
	shape := x.Shape()
	shape[0] = width
	var products, adjoints []autograd.Value
	var typ tensor.Type
	if err := autograd.Try(func() {
		at := j.tape.Const(x).Expand(shape...).Pin()
		rep := m.Forward(at)
		if typ = rep.Type(); typ.Rank < 1 || typ.Dim[0] != width {
			fail("model", fmt.Errorf("its representation is a %v; (%d, …) is expected for %d images", typ, width, width), at.Type())
		}
		j.v = j.tape.Var("v", tensor.New(tensor.Float64, shape...))
		j.u = j.tape.Var("u", tensor.New(typ.DType, typ.Shape()...))
		jv := autograd.JVP(rep, at, j.v)
		products = []autograd.Value{jv, autograd.VJP(rep, jv, at)[0]}
		adjoints = autograd.VJP(rep, j.u, at)
	}); err != nil {
		return j, err
	}
	if j.product, err = j.tape.Compile(products, autograd.Value{}); err != nil {
		return j, err
	}
	if j.adjoint, err = j.tape.Compile(adjoints, autograd.Value{}); err != nil {
		return j, err
	}
	if typ.DType.Real() != tensor.Float64 {
		return j, fmt.Errorf("synth: the representation of a float64 image is %v; eigendistortions are computed in float64", typ)
	}
	j.in, j.out = tensor.New(tensor.Float64, shape...), tensor.New(typ.DType, typ.Shape()...)
	j.m = len(tensor.Span[float64](j.out)) / width
	return j, nil
}

// mixes reports whether a vector changes the product of another. It errs if the
// products are not finite.
func (j *jacobian) mixes() (bool, error) {
	x := dense.New(j.width, j.n)
	for i := range x.At(0) {
		x.V[i] = math.Cos(float64(i * i))
	}
	jv, fv, err := j.apply(x)
	if err != nil {
		return false, err
	}
	for _, r := range []dense.Rows{jv, fv} {
		for _, v := range r.Slice(0, 1).V {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false, fmt.Errorf("synth: the derivative of the model at this image is not finite%s; take an image with some variance everywhere, or guard the argument of the root or quotient", j.nanLine())
			}
		}
		for _, v := range r.Slice(1, j.width).V {
			if v != 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

func (j *jacobian) nanLine() string {
	where, err := j.product.FindNaN()
	if err != nil || where == nil {
		return ""
	}
	return ": " + where.String()
}

// apply returns Jv and JᵀJv for each vector of x.
func (j *jacobian) apply(x dense.Rows) (jv, fv dense.Rows, err error) {
	jv, fv = dense.New(x.Len(), j.m), dense.New(x.Len(), j.n)
	j.products += x.Len()
	err = j.replay(j.v, j.in, x.V, j.product, func(from, to int) error {
		if err := j.read(0, j.out, jv.Slice(from, to).V); err != nil {
			return err
		}
		return j.read(1, j.in, fv.Slice(from, to).V)
	})
	return jv, fv, err
}

// transpose returns Jᵀu for each vector of x, which has j.m elements.
func (j *jacobian) transpose(x dense.Rows) (y dense.Rows, err error) {
	y = dense.New(x.Len(), j.n)
	err = j.replay(j.u, j.out, x.V, j.adjoint, func(from, to int) error {
		if err := j.adjoint.Read(0, j.in); err != nil {
			return err
		}
		copy(y.Slice(from, to).V, tensor.Span[float64](j.in))
		return nil
	})
	return y, err
}

func (j *jacobian) read(output int, via tensor.Tensor, dst []float64) error {
	if err := j.product.Read(output, via); err != nil {
		return err
	}
	copy(dst, tensor.Span[float64](via))
	return nil
}

// replay runs p for as many of the vectors x at once as fit into the Var v.
func (j *jacobian) replay(v autograd.Value, via tensor.Tensor, x []float64, p *autograd.Program, read func(from, to int) error) error {
	room := tensor.Span[float64](via)
	each := len(room) / j.width
	for from := 0; from*each < len(x); from += j.width {
		count := copy(room, x[from*each:])
		clear(room[count:])
		if err := j.tape.Set(v, via); err != nil {
			return err
		}
		if err := p.Run(); err != nil {
			return err
		}
		if err := read(from, from+count/each); err != nil {
			return err
		}
	}
	return nil
}
