package optim

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// The shells of a spectrum: rings of spatial frequency of one width in octaves,
// from shellOctaves below the Nyquist frequency up; what is lower is in the
// first, what is higher, in the corners, in the last.
const (
	shells       = 16
	shellOctaves = 6
	// shellMemory is what of the measurements of a shell is left when a pair is
	// added; leastGain is the least gain of a shell in parts of the ratio of its
	// changes of image and gradient: a larger one would be expected were their
	// correlation perfect.
	shellMemory = .98
	leastGain   = .1
)

// A spectrum is an inverse Hessian that is a multiple of the identity within each
// shell of spatial frequencies, and none between them: the gain γ = sᵀy/yᵀy of
// L-BFGS, for each shell by itself and as a mean over past pairs. The bands of
// an image model differ in scale by orders of magnitude, and the history, of few
// pairs, takes long to find that out.
//
// The history is one of Hartley transforms, of which the filter takes each number by
// itself. The transform is orthonormal, so that nothing else in L-BFGS changes.
type spectrum struct {
	shape    []int          // of the images
	measured autograd.Value // (N, shells, 3): means of sᵀy, yᵀy, sᵀs
}

func newSpectrum(t *autograd.Tape, x0 tensor.Tensor) *spectrum {
	if x0.Rank != 4 || x0.DType.IsComplex() {
		panic(&autograd.Error{Op: "L-BFGS", In: []tensor.Type{x0.Type}, Err: fmt.Errorf("a spectral initial Hessian needs real images (N, C, H, W)")})
	}
	return &spectrum{shape: x0.Shape(), measured: t.Var("lbfgs.shells", zeros(tensor.Float64, x0.Dim[0], shells, 3))}
}

// plane is the size of an image.
type plane struct{ h, w int }

func (p *spectrum) plane() plane { return plane{p.shape[2], p.shape[3]} }

// fits says why vectors of size numbers are not those of images of this size.
func (p plane) fits(size int) error {
	if p.h < 1 || p.w < 1 || size%(p.h*p.w) != 0 {
		return fmt.Errorf("%d elements are no images of %d×%d", size, p.h, p.w)
	}
	return nil
}

// shells returns the shells of the Hartley transforms of images of size numbers.
func (p plane) shells(size int) []int {
	list := make([]int, size)
	for at := range list {
		i, j := at/p.w%p.h, at%p.w
		f := 2 * math.Hypot(float64(min(i, p.h-i))/float64(p.h), float64(min(j, p.w-j))/float64(p.w)) // 1 at Nyquist
		k := math.Floor(shells * (1 + math.Log2(f)/shellOctaves))
		list[at] = int(math.Max(0, math.Min(shells-1, k))) // log2 of 0 is −∞
	}
	return list
}

// everywhere returns the gain of every frequency of images, given those of shells.
func (p *spectrum) everywhere(gains autograd.Value) autograd.Value {
	return gains.Gather(1, p.plane().shells(p.shape[1]*p.shape[2]*p.shape[3]))
}

// hartley returns the Hartley transforms of images v, or the images whose transforms v
// are, which is the same.
func (p *spectrum) hartley(v autograd.Value) autograd.Value {
	return v.Tape().Apply(opHartley, nil, v.Reshape(-1, p.shape[1], p.shape[2], p.shape[3])).Reshape(v.Type().Shape()...)
}

// newest returns the gains (N, shells) that know of the newest pair, in the rows of d
// and y that work names, the ring before r.
func (p *spectrum) newest(d, y, work, r autograd.Value) (autograd.Value, autograd.Update) {
	t := d.Tape()
	number := func(v float64) autograd.Value { return t.Scalar(tensor.Float64, v) }
	row := func(h autograd.Value) autograd.Value {
		return t.Apply(opInWork, inWork{h.Type().DType, p.shape[1] * p.shape[2] * p.shape[3]}, h, work)
	}
	tau := column(r, ringTau)
	scale := autograd.Stack(1, tau, number(1).Expand(p.shape[0]), tau.Square()).Reshape(p.shape[0], 1, 3)
	sums := t.Apply(opShells, p.plane(), row(d), row(y)).Mul(scale)
	measured := p.after(sums, column(r, ringPair).Ge(number(0)), column(r, ringCount).Le(number(1)))
	return gains(measured, column(r, ringCount).Eq(number(0))), p.measured.Becomes(measured)
}

// after returns the measurements after a pair with the given sums, of the images that
// have added one; first says for which it is the first.
func (p *spectrum) after(sums, added, first autograd.Value) autograd.Value {
	number := func(v float64) autograd.Value { return sums.Tape().Scalar(tensor.Float64, v) }
	total := sums.Crop(2, 1, 2).Sum(1, 2)
	past := p.measured.Mul(per(autograd.Where(first, number(0), number(shellMemory)), sums))
	measured := past.Add(sums.Div(per(autograd.Where(added, total, number(1)), sums)))
	return autograd.Where(per(added, sums), measured, p.measured)
}

// gains returns the gains (N, shells) from measurements; none says which images have
// no pairs.
func gains(measured, none autograd.Value) autograd.Value {
	number := func(v float64) autograd.Value { return none.Tape().Scalar(tensor.Float64, v) }
	part := func(i int) autograd.Value {
		return measured.Crop(2, i, i+1).Reshape(measured.Type().Dim[0], shells)
	}
	sy, yy, ss := part(0), part(1), part(2)
	silent := yy.Eq(number(0)).Max(per(none, yy))
	over := autograd.Where(silent, number(1), yy)
	return autograd.Where(silent, number(1), sy.Div(over).Max(ss.Div(over).Sqrt().Scale(leastGain)))
}

// opHartley is the transform of Hartley (1942) in two dimensions: Σ x cas(2π(ui/H + vj/W)),
// cas t = cos t + sin t.
var opHartley = &autograd.Op{
	Name: "lbfgs-hartley", Doc: "orthonormal Hartley transform of the last two axes, its own inverse", Linear: 1,
	Type: func(_ any, in []tensor.Type) (tensor.Type, error) {
		if len(in) != 1 || in[0].Rank != 4 || in[0].DType.IsComplex() {
			return tensor.Type{}, fmt.Errorf("real images (N, C, H, W) expected")
		}
		return in[0], nil
	},
	Lower: func(_ any, in []autograd.Value) autograd.Value {
		z := in[0].FFT(autograd.Ortho, 2, 3)
		return z.Real().Sub(z.Imag())
	},
	CPU: func(b *autograd.Bind) func() {
		if b.Out.DType == tensor.Float32 {
			return hartleyBody[float32](b)
		}
		return hartleyBody[float64](b)
	},
	Room: func(_ any, in []tensor.Type, _ int) int64 {
		d := in[0].Dim
		return int64(2 * d[0] * d[1] * d[2] * (d[3]/2 + 1) * in[0].DType.Size())
	},
	Samples: []autograd.Sample{{In: []tensor.Type{tensor.MakeType(tensor.Float64, 2, 1, 4, 6)}}, {In: []tensor.Type{tensor.MakeType(tensor.Float64, 1, 2, 3, 5)}}},
}

func hartleyBody[T kernels.Float](b *autograd.Bind) func() {
	x, out := tensor.Span[T](b.Contiguous(0)), tensor.Slice[T](b.Out)
	dim := b.Out.Dim
	h, w, half := dim[2], dim[3], dim[3]/2+1
	images := dim[0] * dim[1]
	z := make([]T, images*h*half*2)
	fft := kernels.NewFFT[T](kernels.FFTSpec{Kind: kernels.FFTReal, Shape: []int{images, h, w}, Axes: []int{1, 2},
		DstStride: []int{h * half, half, 1}, SrcStride: []int{h * w, w, 1}, Scale: 1 / math.Sqrt(float64(h*w))}, b.Level, b.Pool.Threads())
	hartley := kernels.NewHartley[T](h, w, b.Level)
	rows := func(_, lo, hi int) {
		for r := lo; r < hi; {
			n, y := r/h, r%h
			end := min(h, y+hi-r)
			hartley.Rows(out[n*h*w:], z[n*h*half*2:], y, end)
			r += end - y
		}
	}
	return func() {
		fft.Run(z, x, b.Pool)
		b.Pool.For(images*h, 32, rows)
	}
}

// opShells measures two vectors shell by shell.
var opShells = &autograd.Op{
	Name: "lbfgs-shells", Doc: "(Σ d·y, Σ y², Σ d²) over the frequencies of each shell, of Hartley transforms of images",
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		if len(in) != 2 || in[0] != in[1] || in[0].Rank != 2 || in[0].DType.IsComplex() {
			return tensor.Type{}, fmt.Errorf("two real arrays (N, P) of one type expected")
		}
		return tensor.MakeType(tensor.Float64, in[0].Dim[0], shells, 3), attr.(plane).fits(in[0].Dim[1])
	},
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		d, y := in[0].Cast(tensor.Float64), in[1].Cast(tensor.Float64)
		members := tensor.New(tensor.Float64, in[0].Type().Dim[1], shells)
		for i, k := range attr.(plane).shells(members.Dim[0]) {
			members.StoreReal(i*shells+k, 1)
		}
		return autograd.Einsum("nfk,fs->nsk", autograd.Stack(2, d.Mul(y), y.Square(), d.Square()), d.Tape().Const(members))
	},
	CPU: func(b *autograd.Bind) func() {
		if b.In[0].DType == tensor.Float32 {
			return shellsBody[float32](b)
		}
		return shellsBody[float64](b)
	},
	Samples: []autograd.Sample{{Attr: plane{2, 5}, In: []tensor.Type{tensor.MakeType(tensor.Float64, 2, 20), tensor.MakeType(tensor.Float64, 2, 20)}}},
}

func shellsBody[T kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, T](b, b.In[0].Dim[0], b.In[0].Dim[1], shells*3)
	d, y, out := tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Contiguous(1)), tensor.Slice[float64](b.Out)
	shell := b.Attr.(plane).shells(k.size)
	k.block = func(_ *scratch[T], n, lo, hi int, part []float64) {
		clear(part)
		measureShells(part, k.image(d, n, lo, hi), k.image(y, n, lo, hi), shell[lo:hi])
	}
	return func() {
		k.run()
		for i := range out {
			out[i] = k.sum(i/(shells*3), i%(shells*3))
		}
	}
}

// measureShells adds to sums what two vectors have: neighbors are mostly of one shell.
func measureShells[T kernels.Float](sums []float64, d, y []T, shell []int) {
	y, shell = y[:len(d)], shell[:len(d)]
	for i := 0; i < len(d); {
		k := shell[i]
		var dy, yy, dd float64
		for ; i < len(d) && shell[i] == k; i++ {
			a, b := float64(d[i]), float64(y[i])
			dy, yy, dd = dy+a*b, yy+b*b, dd+a*a
		}
		s := sums[3*k:][:3]
		s[0], s[1], s[2] = s[0]+dy, s[1]+yy, s[2]+dd
	}
}
