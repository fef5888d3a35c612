package autograd

import (
	"fmt"
	"math"
	"slices"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// A Norm says where the factor 1/n of a Fourier transform and its inverse goes.
type Norm uint8

// The three norms: all of it in the inverse, 1/√n in both, all in the forward
// transform.
const (
	Backward Norm = iota
	Ortho
	Forward
)

// scale returns the factor of a transform over n points.
func (m Norm) scale(n int, inverse bool) float64 {
	switch {
	case m == Ortho:
		return 1 / math.Sqrt(float64(n))
	case (m == Backward) == inverse:
		return 1 / float64(n)
	}
	return 1
}

// fftAttr says over which axes is transformed, the exponent's sign and the
// factor; n is the size of the last of the axes for a transform to real values.
type fftAttr struct {
	axes    axesAttr
	inverse bool
	scale   float64
	n       int
}

func (a fftAttr) halved() int { return int(a.axes.axis[a.axes.n-1]) }

var opFFT, opRFFT, opIRFFT *Op

func init() {
	opFFT = define(&Op{
		Name: "fft", Doc: "Fourier transform of complex values over axes: Σ x e^{∓2πikn/N}, times a factor", Linear: 1, InPlace: true,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			if err := wantArgs(in, 1); err != nil {
				return in[0], err
			}
			if !in[0].DType.IsComplex() {
				return in[0], fmt.Errorf("a complex argument expected")
			}
			return in[0], fftAxes(attr.(fftAttr), in[0])
		},
		VJP: func(n Node, g Value) []Value {
			a := n.Attr.(fftAttr)
			a.inverse = !a.inverse
			return []Value{g.tape.Apply(opFFT, a, g)}
		},
		Eval: evalFFT, CPU: bindFFT, FLOPs: fftFLOPs, Parts: fftParts,
		Samples: []Sample{
			{Attr: fftAttr{axes: makeAxes([]int{0, 1}), scale: 1}, In: types(c128(3, 4))},
			{Attr: fftAttr{axes: makeAxes([]int{1}), scale: .5, inverse: true}, In: types(c128(2, 5, 3))},
			{Attr: fftAttr{axes: makeAxes([]int{2, 1}), scale: .5, inverse: true}, In: types(c128(2, 4, 8))}},
	})
}

func init() {
	opRFFT = define(&Op{
		Name: "rfft", Doc: "Fourier transform of real values over axes, of which the last keeps its first n/2+1 terms", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			if err := wantArgs(in, 1); err != nil {
				return in[0], err
			}
			if in[0].DType.IsComplex() {
				return in[0], fmt.Errorf("a real argument expected")
			}
			a := attr.(fftAttr)
			if err := fftAxes(a, in[0]); err != nil {
				return in[0], err
			}
			t := in[0].With(in[0].DType.Complex())
			t.Dim[a.halved()] = t.Dim[a.halved()]/2 + 1
			return t, nil
		},
		VJP: func(n Node, g Value) []Value {
			a := n.Attr.(fftAttr)
			a.n = n.In[0].Type().Dim[a.halved()]
			return []Value{g.tape.Apply(opIRFFT, a, g.Mul(halfWeights(g, a, .5)))}
		},
		Eval: evalFFT, CPU: bindFFT, FLOPs: fftFLOPs, Parts: fftParts,
		Samples: []Sample{
			{Attr: fftAttr{axes: makeAxes([]int{0, 1}), scale: 1}, In: types(f64(3, 4))},
			{Attr: fftAttr{axes: makeAxes([]int{1}), scale: .5}, In: types(f64(2, 5, 3))},
			{Attr: fftAttr{axes: makeAxes([]int{1, 2}), scale: 1}, In: types(f64(2, 4, 8))}},
	})
}

func init() {
	opIRFFT = define(&Op{
		Name: "irfft", Doc: "real values whose transform has the given first half along the last axis: inverse of rfft but for the factor", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			if err := wantArgs(in, 1); err != nil {
				return in[0], err
			}
			a := attr.(fftAttr)
			if !in[0].DType.IsComplex() {
				return in[0], fmt.Errorf("a complex argument expected")
			}
			if h := in[0].Dim[a.halved()]; a.n < 1 || h != a.n/2+1 {
				return in[0], fmt.Errorf("%d terms along the last transformed axis; %d expected for %d points", h, a.n/2+1, a.n)
			}
			t := in[0].With(in[0].DType.Real())
			t.Dim[a.halved()] = a.n
			return t, fftAxes(a, t)
		},
		VJP: func(n Node, g Value) []Value {
			a := n.Attr.(fftAttr)
			y := g.tape.Apply(opRFFT, fftAttr{axes: a.axes, scale: a.scale}, g)
			return []Value{y.Mul(halfWeights(y, a, 2))}
		},
		Eval: evalFFT, CPU: bindFFT, FLOPs: fftFLOPs, Parts: fftParts,
		Samples: []Sample{
			{Attr: fftAttr{axes: makeAxes([]int{0, 1}), scale: .25, n: 4}, In: types(c128(3, 3))},
			{Attr: fftAttr{axes: makeAxes([]int{1}), scale: 1, n: 5}, In: types(c128(2, 3, 3))},
			{Attr: fftAttr{axes: makeAxes([]int{1, 2}), scale: 1, n: 8}, In: types(c128(2, 4, 5))}},
	})
}

// fftParts is the Parts of transforms over other axes than the first.
func fftParts(attr any, _ []tensor.Type, _ int) (any, uint64, bool) {
	return attr, 0, !slices.Contains(attr.(fftAttr).axes.slice(), 0)
}

func fftAxes(a fftAttr, t tensor.Type) error {
	for _, ax := range a.axes.slice() {
		if t.Dim[ax] == 0 {
			return fmt.Errorf("axis %d has no elements to transform", ax)
		}
	}
	return nil
}

// halfWeights returns, along the halved axis of y, 1 for the terms that stand
// for themselves (zero frequency and, for even n, the Nyquist frequency) and w
// for those that stand for their conjugate too.
func halfWeights(y Value, a fftAttr, w float64) Value {
	h := a.n/2 + 1
	shape := make([]int, int(y.Type().Rank)-a.halved())
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = h
	t := tensor.New(tensor.Float64, shape...)
	for i := range h {
		v := w
		if i == 0 || 2*i == a.n {
			v = 1
		}
		t.StoreReal(i, v)
	}
	return y.tape.shared(t).Cast(y.Type().DType.Real())
}

// shared returns a Const of t's contents: equal contents are the same Value.
func (t *Tape) shared(x tensor.Tensor) Value {
	if t.contents == nil {
		t.contents = map[string]tensor.Tensor{}
	}
	key := x.Type.String() + string(unsafeBytes(x))
	old, ok := t.contents[key]
	if !ok {
		old = x
		t.contents[key] = x
	}
	return t.Const(old)
}

// points returns the product of the sizes of the transformed axes of real or
// full-spectrum type t.
func (a fftAttr) points(t tensor.Type) int {
	n := 1
	for _, ax := range a.axes.slice() {
		n *= t.Dim[ax]
	}
	return n
}

func fftFLOPs(attr any, out tensor.Type, in []tensor.Type) int64 {
	t, f := out, 5.0
	if in[0].DType.IsComplex() != out.DType.IsComplex() {
		f = 2.5
		if !in[0].DType.IsComplex() {
			t = in[0]
		}
	}
	n := attr.(fftAttr).points(t)
	return int64(f * float64(t.Len()) * math.Log2(float64(max(n, 2))))
}

// bindFFT binds any of the three transforms to its kernel.
func bindFFT(b *Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return bindFFTOf[float32](b)
	}
	return bindFFTOf[float64](b)
}

func bindFFTOf[T kernels.Float](b *Bind) func() {
	a := b.Attr.(fftAttr)
	src := b.In[0]
	if lo, _ := src.Bounds(); lo < 0 || repeats(src, a.axes.slice()) {
		src = b.Contiguous(0)
	}
	s := kernels.FFTSpec{Axes: a.axes.slice(), Scale: a.scale, Shape: b.Out.Shape(),
		DstStride: b.Out.Stride[:b.Out.Rank], SrcStride: src.Stride[:src.Rank]}
	switch {
	case !src.DType.IsComplex():
		s.Kind, s.Shape = kernels.FFTReal, src.Shape()
	case !b.Out.DType.IsComplex():
		s.Kind = kernels.FFTRealInverse
	case a.inverse:
		s.Kind = kernels.FFTInverse
	default:
		s.Kind = kernels.FFTForward
	}
	if b.Out.Len() == 0 {
		return func() {}
	}
	plan := kernels.NewFFT[T](s, b.Level, b.Pool.Threads())
	dst, x, pool := tensor.Span[T](b.Out), tensor.Span[T](src), b.Pool
	return func() { plan.Run(dst, x, pool) }
}

// repeats reports whether one of the axes repeats one element.
func repeats(x tensor.Tensor, axes []int) bool {
	for _, a := range axes {
		if x.Dim[a] > 1 && x.Stride[a] == 0 {
			return true
		}
	}
	return false
}

// evalFFT is the definition of the three transforms: the sum itself, axis by axis.
func evalFFT(attr any, out tensor.Tensor, in []tensor.Tensor) {
	a := attr.(fftAttr)
	x := tensor.New(tensor.Complex128, in[0].Shape()...)
	for i := range x.Len() {
		x.Store(i, in[0].Load(offsetOf(&in[0], i)))
	}
	axes := a.axes.slice()
	sign := -1.0
	if a.inverse || !out.DType.IsComplex() {
		sign = 1
	}
	last := axes[len(axes)-1]
	for _, ax := range axes[:len(axes)-1] {
		x = dft(x, ax, x.Dim[ax], x.Dim[ax], sign, false)
	}
	x = dft(x, last, out.Dim[last], max(x.Dim[last], a.n), sign, !out.DType.IsComplex())
	for i := range out.Len() {
		out.Store(i, x.Load(i)*complex(a.scale, 0))
	}
}

// dft transforms x, dense, over n points along one axis into m terms. If real, x holds
// the first half of a Hermitian sequence and the result is real.
func dft(x tensor.Tensor, axis, m, n int, sign float64, toReal bool) tensor.Tensor {
	shape := x.Shape()
	shape[axis] = m
	y := tensor.New(tensor.Complex128, shape...)
	from, to := tensor.Span[complex128](x), tensor.Span[complex128](y)
	roots := make([]complex128, n)
	for i := range roots {
		s, c := math.Sincos(sign * 2 * math.Pi * float64(i) / float64(n))
		roots[i] = complex(c, s)
	}
	inner := x.Stride[axis]
	for i := range to {
		k := i / inner % m
		base := i/(inner*m)*inner*x.Dim[axis] + i%inner
		for j := range x.Dim[axis] {
			v := from[base+j*inner]
			root := roots[j*k%n]
			switch {
			case !toReal:
				v *= root
			case j == 0 || 2*j == n:
				v = complex(real(v)*real(root), 0)
			default:
				v = complex(2*real(v*root), 0)
			}
			to[i] += v
		}
	}
	return y
}

// allAxes returns axes, or every axis of x if there are none. It panics with
// *Error if x is a scalar, or as Value.axes does.
func (x Value) allAxes(op string, axes []int) []int {
	if len(axes) > 0 {
		return x.axes(op, axes)
	}
	for i := range int(x.Type().Rank) {
		axes = append(axes, i)
	}
	if len(axes) == 0 {
		panic(&Error{Op: op, In: types(x.Type()), Pos: caller().String(), Err: fmt.Errorf("there is no axis to transform")})
	}
	return axes
}

// FFT returns the discrete Fourier transform Σ x e^{−2πikn/N} of x over the
// given axes (all if none), zero frequency first.
func (x Value) FFT(norm Norm, axes ...int) Value { return x.fft(norm, false, axes) }

// IFFT returns the inverse discrete Fourier transform of x over the given axes.
func (x Value) IFFT(norm Norm, axes ...int) Value { return x.fft(norm, true, axes) }

func (x Value) fft(norm Norm, inverse bool, axes []int) Value {
	a := fftAttr{axes: makeAxes(x.allAxes("fft", axes)), inverse: inverse}
	a.scale = norm.scale(max(a.points(x.Type()), 1), inverse)
	return x.tape.Apply(opFFT, a, x.Complex())
}

// RFFT returns the discrete Fourier transform of a real x over the given axes
// (all if none); along the last of them only the terms 0…n/2 are kept, which
// determine the others.
func (x Value) RFFT(norm Norm, axes ...int) Value {
	a := fftAttr{axes: makeAxes(x.allAxes("rfft", axes))}
	a.scale = norm.scale(max(a.points(x.Type()), 1), false)
	return x.tape.Apply(opRFFT, a, x)
}

// IRFFT returns the real values, n along the last of the given axes (all if
// none), whose transform has x as its terms 0…n/2 along that axis. The
// imaginary parts that a real result cannot have are ignored.
func (x Value) IRFFT(norm Norm, n int, axes ...int) Value {
	a := fftAttr{axes: makeAxes(x.allAxes("irfft", axes)), n: n}
	points := max(a.points(x.Type())/max(x.Type().Dim[a.halved()], 1)*n, 1)
	a.scale = norm.scale(points, true)
	return x.tape.Apply(opIRFFT, a, x.Complex())
}
