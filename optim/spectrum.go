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
type spectrum struct {
	shape    []int          // of the images
	shell    []int          // of each frequency (H, W/2+1)
	measured autograd.Value // (N, shells, 3): means of sᵀy, yᵀy, sᵀs
}

func newSpectrum(t *autograd.Tape, x0 tensor.Tensor) *spectrum {
	if x0.Rank != 4 || x0.DType.IsComplex() {
		panic(&autograd.Error{Op: "L-BFGS", In: []tensor.Type{x0.Type}, Err: fmt.Errorf("a spectral initial Hessian needs real images (N, C, H, W)")})
	}
	p := &spectrum{shape: x0.Shape()}
	p.shell = shellsOf(x0.Dim[2], x0.Dim[3])
	p.measured = t.Var("lbfgs.shells", zeros(tensor.Float64, x0.Dim[0], shells, 3))
	return p
}

// shellsOf returns the shells of the half spectrum of an h×w image.
func shellsOf(h, w int) []int {
	var list []int
	for i := range h {
		for j := range w/2 + 1 {
			f := 2 * math.Hypot(float64(min(i, h-i))/float64(h), float64(j)/float64(w)) // 1 at Nyquist
			k := math.Floor(shells * (1 + math.Log2(f)/shellOctaves))
			list = append(list, int(math.Max(0, math.Min(shells-1, k)))) // log2 of 0 is −∞
		}
	}
	return list
}

// transform returns the spectrum (N, C, H, W/2+1) of v (N, P).
func (p *spectrum) transform(v autograd.Value) autograd.Value {
	return v.Reshape(p.shape...).RFFT(autograd.Ortho, 2, 3)
}

// apply filters q with gains that know of the newest pair, in the rows of d and y
// that work names, the ring before it.
func (p *spectrum) apply(q, d, y, work, r autograd.Value) (autograd.Value, []autograd.Update) {
	t := q.Tape()
	row := func(h autograd.Value) autograd.Value {
		return t.Apply(opInWork, inWork{h.Type().DType, q.Type().Dim[1]}, h, work)
	}
	number := func(v float64) autograd.Value { return t.Scalar(tensor.Float64, v) }
	sums := t.Apply(opShells, width{p.shape[3]}, p.transform(row(d)), p.transform(row(y))) // (N, shells, 3)
	tau := column(r, ringTau)
	sums = sums.Mul(autograd.Stack(1, tau, number(1).Expand(p.shape[0]), tau.Square()).Reshape(p.shape[0], 1, 3))
	total := sums.Crop(2, 1, 2).Sum(1, 2)
	added := column(r, ringPair).Ge(number(0))
	first := column(r, ringCount).Le(number(1))
	past := p.measured.Mul(per(autograd.Where(first, number(0), number(shellMemory)), sums))
	measured := autograd.Where(per(added, sums), past.Add(sums.Div(per(autograd.Where(added, total, number(1)), sums))), p.measured)
	none := column(r, ringCount).Eq(number(0))
	part := func(i int) autograd.Value { return measured.Crop(2, i, i+1).Reshape(p.shape[0], shells) }
	sy, yy, ss := part(0), part(1), part(2)
	silent := yy.Eq(number(0)).Max(per(none, yy))
	over := autograd.Where(silent, number(1), yy)
	gain := autograd.Where(silent, number(1), sy.Div(over).Max(ss.Div(over).Sqrt().Scale(leastGain)))
	filtered := t.Apply(opFilter, width{p.shape[3]}, p.transform(q), gain).IRFFT(autograd.Ortho, p.shape[3], 2, 3)
	return filtered.Reshape(q.Type().Shape()...), []autograd.Update{p.measured.Becomes(measured)}
}

// width is the attribute of opShells: columns of the images.
type width struct{ w int }

// opShells measures two spectra shell by shell. Frequencies that the half
// spectrum leaves out count as those that mirror them.
var opShells = &autograd.Op{
	Name: "lbfgs-shells", Doc: "(Re Σ d̄·y, Σ|y|², Σ|d|²) over the frequencies of each shell",
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		if w := attr.(width).w; len(in) != 2 || in[0] != in[1] || in[0].Rank != 4 || !in[0].DType.IsComplex() || in[0].Dim[3] != w/2+1 {
			return tensor.Type{}, fmt.Errorf("two spectra (N, C, H, W/2+1) of one type expected")
		}
		return tensor.MakeType(tensor.Float64, in[0].Dim[0], shells, 3), nil
	},
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		typ := in[0].Type()
		d, y := in[0].Cast(tensor.Complex128), in[1].Cast(tensor.Complex128)
		sums := autograd.Stack(4, d.Conj().Mul(y).Real(), y.Abs2(), d.Abs2()).Sum(1).Reshape(typ.Dim[0], -1, 3)
		return autograd.Einsum("nfk,fs->nsk", sums, in[0].Tape().Const(memberships(typ, attr.(width).w)))
	},
	CPU: func(b *autograd.Bind) func() {
		if b.In[0].DType == tensor.Complex64 {
			return shellsBody[float32](b)
		}
		return shellsBody[float64](b)
	},
	Samples: []autograd.Sample{{Attr: width{5}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 2, 4, 3), tensor.MakeType(tensor.Complex128, 2, 2, 4, 3)}}},
}

// opFilter multiplies a spectrum by gains of its shells, in its memory.
var opFilter = &autograd.Op{
	Name: "lbfgs-filter", Doc: "a spectrum (N, C, H, W/2+1) times the gain of the shell of each frequency (N, shells)", InPlace: true,
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		if len(in) != 2 || in[0].Rank != 4 || !in[0].DType.IsComplex() || in[0].Dim[3] != attr.(width).w/2+1 || in[1] != tensor.MakeType(tensor.Float64, in[0].Dim[0], shells) {
			return tensor.Type{}, fmt.Errorf("a spectrum (N, C, H, W/2+1) and gains (N, %d) expected", shells)
		}
		return in[0], nil
	},
	Lower: func(attr any, in []autograd.Value) autograd.Value {
		d := in[0].Type().Dim
		gain := in[1].Cast(in[0].Type().DType.Real()).Gather(1, shellsOf(d[2], attr.(width).w))
		return in[0].Mul(gain.Reshape(d[0], 1, d[2], d[3]))
	},
	CPU: func(b *autograd.Bind) func() {
		if b.Out.DType == tensor.Complex64 {
			return filterBody[float32](b)
		}
		return filterBody[float64](b)
	},
	Samples: []autograd.Sample{{Attr: width{5}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 2, 4, 3), tensor.MakeType(tensor.Float64, 2, shells)}}},
}

func filterBody[T kernels.Float](b *autograd.Bind) func() {
	x, out, gains := tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Out), tensor.Span[float64](b.Contiguous(1))
	d, shell := b.In[0].Dim, shellsOf(b.In[0].Dim[2], b.Attr.(width).w)
	row := func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			gain := gains[i/(d[1]*d[2])*shells:][:shells]
			from, to := x[2*i*d[3]:][:2*d[3]], out[2*i*d[3]:][:2*d[3]]
			for j, k := range shell[i%d[2]*d[3]:][:d[3]] {
				to[2*j], to[2*j+1] = from[2*j]*T(gain[k]), from[2*j+1]*T(gain[k])
			}
		}
	}
	return func() { b.Pool.For(d[0]*d[1]*d[2], 16, row) }
}

// memberships returns the weights (H·(W/2+1), shells) with which frequencies count
// in the shells.
func memberships(typ tensor.Type, w int) tensor.Tensor {
	shell := shellsOf(typ.Dim[2], w)
	m := tensor.New(tensor.Float64, len(shell), shells)
	for i, k := range shell {
		m.StoreReal(i*shells+k, mirrored(i%typ.Dim[3], w))
	}
	return m
}

// mirrored returns for how many frequencies column j of a half spectrum of w
// columns stands.
func mirrored(j, w int) float64 {
	if j == 0 || 2*j == w {
		return 1
	}
	return 2
}

// shellRows is how many rows of a spectrum are measured together.
const shellRows = 16

func shellsBody[T kernels.Float](b *autograd.Bind) func() {
	d, y, out := tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Contiguous(1)), tensor.Slice[float64](b.Out)
	dim, w := b.In[0].Dim, b.Attr.(width).w
	shell := shellsOf(dim[2], w)
	rows := dim[1] * dim[2] // of an image
	per := (rows + shellRows - 1) / shellRows
	part := make([]float64, dim[0]*per*shells*3)
	work := func(_, lo, hi int) {
		for u := lo; u < hi; u++ {
			sums := part[u*shells*3:][:shells*3]
			clear(sums)
			for i := u % per * shellRows; i < min(rows, (u%per+1)*shellRows); i++ {
				at := 2 * (u/per*rows + i) * dim[3]
				measureShells(sums, d[at:][:2*dim[3]], y[at:][:2*dim[3]], shell[i%dim[2]*dim[3]:], w)
			}
		}
	}
	return func() {
		b.Pool.For(dim[0]*per, 1, work)
		clear(out)
		for i, v := range part {
			out[i/(per*shells*3)*shells*3+i%(shells*3)] += v
		}
	}
}

// measureShells adds to sums what a row of two spectra has, the parts of complex
// numbers side by side.
func measureShells[T kernels.Float](sums []float64, d, y []T, shell []int, w int) {
	for j := range len(d) / 2 {
		a, b := float64(d[2*j]), float64(d[2*j+1])
		u, v := float64(y[2*j]), float64(y[2*j+1])
		weight, s := mirrored(j, w), sums[3*shell[j]:][:3]
		s[0] += weight * (a*u + b*v)
		s[1] += weight * (u*u + v*v)
		s[2] += weight * (a*a + b*b)
	}
}
