package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

var opCorrelate, opCorrelateAdjoint, opCorrelateFilter *Op

// CorrelateOptions says how filters move over images. Its zero value is: every
// position where the filter lies inside the image.
type CorrelateOptions struct {
	Stride   [2]int    // from one output to the next, down and right; 0 means 1
	Dilation [2]int    // from one filter element to the next; 0 means 1
	Groups   int       // channels are split into as many groups, each with its own filters; 0 means 1
	Same     bool      // pad by SamePadding, so that there are ⌈size/stride⌉ outputs
	Pad      [2][2]int // or pad by these amounts: above and below, left and right
	PadMode  PadMode   // what stands in the padding; the zero value is zeros
}

// Correlate returns the cross-correlation of images x (N, C, H, W) with filters
// w (O, C/groups, h, w), neither flipped nor conjugated:
//
//	y[n, o, i, j] = Σ w[o, c, u, v] · x[n, c, i·stride+u·dilation, j·stride+v·dilation]
//
// over the channels c of o's group. Either may be complex. It panics with
// *Error if shapes or precisions do not match or the filter covers more than
// the padded image.
func Correlate(x, w Value, o CorrelateOptions) Value {
	checkOperand(opCorrelate, []Value{x, w}, 1)
	a := o.attr([]Value{x, w})
	x = o.pad(x, w)
	return bilinear(x, w, func(x, w Value) Value { return x.tape.Apply(opCorrelate, a, x, w) })
}

// CorrelateAdjoint returns the adjoint of Correlate with respect to images of
// h×w pixels, applied to g (N, O, …): for real filters, the gradient of
// ⟨g, Correlate(x, w, o)⟩ with respect to x, which is also called transposed
// convolution; complex filters are conjugated. It panics with *Error if g does
// not have the shape that Correlate gives.
func CorrelateAdjoint(g, w Value, height, width int, o CorrelateOptions) Value {
	checkOperand(opCorrelateAdjoint, []Value{g, w}, 1)
	a := o.attr([]Value{g, w})
	if w.Type().Rank != 4 || g.Type().Rank != 4 || height < 0 || width < 0 {
		fail("correlate-adjoint", []Value{g, w}, "results (N, O, H, W), filters (O, C/groups, h, w) and a size expected, not %d×%d", height, width)
	}
	t := g.tape
	image := tensor.MakeType(g.Type().DType, g.Type().Dim[0], w.Type().Dim[1]*a.groups, height, width)
	if w.Type().DType.IsComplex() {
		g = g.Complex()
		image = image.With(image.DType.Complex())
	}
	x, _ := t.hole(image)
	y := Correlate(x, w, o)
	if y.Type() != g.Type() {
		fail("correlate-adjoint", []Value{g, w}, "a %v expected for images of %d×%d", y.Type(), height, width)
	}
	return VJP(y, g, x)[0]
}

// SamePadding returns how much to pad an axis of n elements before and after, so
// that a filter of the given size gives ⌈n/stride⌉ outputs; where the amount is
// odd, the larger part is after.
func SamePadding(n, size, stride, dilation int) [2]int {
	total := max(((n+stride-1)/stride-1)*stride+(size-1)*dilation+1-n, 0)
	return [2]int{total / 2, total - total/2}
}

// attr returns the attribute that o stands for.
func (o CorrelateOptions) attr(in []Value) corrAttr {
	a := corrAttr{stride: o.Stride, dilation: o.Dilation, groups: max(o.Groups, 1)}
	for i := range 2 {
		if a.stride[i] < 0 || a.dilation[i] < 0 || o.Groups < 0 {
			fail("correlate", in, "stride %v, dilation %v, %d groups; none negative expected", o.Stride, o.Dilation, o.Groups)
		}
		a.stride[i], a.dilation[i] = max(a.stride[i], 1), max(a.dilation[i], 1)
	}
	if o.Same && o.Pad != [2][2]int{} {
		fail("correlate", in, "both Same and the amounts %v are set; one of them expected", o.Pad)
	}
	return a
}

// pad returns x padded for the filters w.
func (o CorrelateOptions) pad(x, w Value) Value {
	amounts := o.Pad
	if p, q := x.Type(), w.Type(); o.Same && p.Rank == 4 && q.Rank == 4 {
		for i := range amounts {
			amounts[i] = SamePadding(p.Dim[2+i], q.Dim[2+i], max(o.Stride[i], 1), max(o.Dilation[i], 1))
		}
	}
	if amounts == [2][2]int{} {
		return x
	}
	return x.Pad(o.PadMode, amounts[:]...)
}

// bilinear returns the real bilinear function f of real or complex arguments.
func bilinear(x, y Value, f func(x, y Value) Value) Value {
	p, q := x.Type().DType.IsComplex(), y.Type().DType.IsComplex()
	switch {
	case p && q:
		xr, xi, yr, yi := x.Real(), x.Imag(), y.Real(), y.Imag()
		return MakeComplex(f(xr, yr).Sub(f(xi, yi)), f(xr, yi).Add(f(xi, yr)))
	case p:
		return MakeComplex(f(x.Real(), y), f(x.Imag(), y))
	case q:
		return MakeComplex(f(x, y.Real()), f(x, y.Imag()))
	}
	return f(x, y)
}

// corrAttr is the attribute of a correlation and its two adjoints. size is that
// of the images for correlate-adjoint, of the filters for correlate-filter.
type corrAttr struct {
	stride, dilation [2]int
	groups           int
	size             [2]int
}

// corrShape holds the sizes of images (n, c, size), filters (o, cg, kernel) and
// results (n, o, out); c is groups·cg, and o groups·og.
type corrShape struct {
	n, c, o, cg, og   int
	size, kernel, out [2]int
}

// shape returns the sizes that images and filters give.
func (a corrAttr) shape(x, w tensor.Type) (s corrShape, err error) {
	if x.DType.IsComplex() || x.DType != w.DType {
		return s, fmt.Errorf("real arguments of equal precision expected")
	}
	if x.Rank != 4 || w.Rank != 4 {
		return s, fmt.Errorf("images (N, C, H, W) and filters (O, C/groups, h, w) expected")
	}
	s = corrShape{n: x.Dim[0], c: x.Dim[1], o: w.Dim[0], cg: w.Dim[1], og: w.Dim[0] / a.groups}
	if s.cg*a.groups != s.c || s.og*a.groups != s.o {
		return s, fmt.Errorf("%d channels and %d filters of %d channels do not make %d groups", s.c, s.o, s.cg, a.groups)
	}
	for i := range 2 {
		s.size[i], s.kernel[i] = x.Dim[2+i], w.Dim[2+i]
		covers := (s.kernel[i]-1)*a.dilation[i] + 1
		if s.kernel[i] < 1 || covers > s.size[i] {
			return s, fmt.Errorf("filters of %d×%d elements, dilation %v, do not fit into an image of %d×%d", w.Dim[2], w.Dim[3], a.dilation, x.Dim[2], x.Dim[3])
		}
		s.out[i] = (s.size[i]-covers)/a.stride[i] + 1
	}
	return s, nil
}

// images returns the type of the images of the attribute's size that results g
// and filters w belong to.
func (a corrAttr) images(g, w tensor.Type) tensor.Type {
	return tensor.MakeType(g.DType, g.Dim[0], w.Dim[1]*a.groups, a.size[0], a.size[1])
}

// filters returns the type of the filters of the attribute's size that images x
// and results g belong to.
func (a corrAttr) filters(x, g tensor.Type) tensor.Type {
	return tensor.MakeType(x.DType, g.Dim[1], x.Dim[1]/a.groups, a.size[0], a.size[1])
}

func (s corrShape) results(d tensor.DType) tensor.Type {
	return tensor.MakeType(d, s.n, s.o, s.out[0], s.out[1])
}

func (s corrShape) flops() int64 {
	return 2 * int64(s.n*s.o*s.out[0]*s.out[1]) * int64(s.cg*s.kernel[0]*s.kernel[1])
}

// resultFits errs if g is not what images x and filters w give.
func (a corrAttr) resultFits(x, w, g tensor.Type) error {
	s, err := a.shape(x, w)
	if err == nil && s.results(x.DType) != g {
		err = fmt.Errorf("a result of %v expected for images %v and filters %v", s.results(x.DType), x, w)
	}
	return err
}

func wantRank4(in []tensor.Type) error {
	if err := wantArgs(in, 2); err != nil {
		return err
	}
	if in[0].Rank != 4 || in[1].Rank != 4 {
		return fmt.Errorf("arguments with four axes expected")
	}
	return nil
}

var corrAttrs = []corrAttr{
	{stride: [2]int{1, 1}, dilation: [2]int{1, 1}, groups: 1},
	{stride: [2]int{2, 3}, dilation: [2]int{1, 2}, groups: 1},
	{stride: [2]int{1, 2}, dilation: [2]int{2, 1}, groups: 2},
}

// corrSamples makes samples of images (2, 4, 6, 7) and filters of 2×3.
func corrSamples(size [2]int, in func(x, w, y tensor.Type) []tensor.Type) (samples []Sample) {
	for _, a := range corrAttrs {
		x, w := f64(2, 4, 6, 7), f64(2, 4/a.groups, 2, 3)
		s, err := a.shape(x, w)
		if err != nil {
			panic(err)
		}
		a.size = size
		samples = append(samples, Sample{Attr: a, In: in(x, w, s.results(x.DType))})
	}
	return samples
}

func init() {
	opCorrelate = define(&Op{
		Name: "correlate", Doc: "cross-correlation of images (N, C, H, W) with filters (O, C/groups, h, w)", Linear: linearAll,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			if err := wantArgs(in, 2); err != nil {
				return tensor.Type{}, err
			}
			s, err := attr.(corrAttr).shape(in[0], in[1])
			return s.results(in[0].DType), err
		},
		VJP: func(n Node, g Value) []Value {
			a, x, w := n.Attr.(corrAttr), n.In[0], n.In[1]
			return []Value{a.adjoint(g, w, x.Type()), a.filter(x, g, w.Type())}
		},
		Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
			evalCorrelation(attr.(corrAttr), partResults, [3]tensor.Tensor{in[0], in[1], out})
		},
		CPU:   bindCorrelate,
		Parts: correlateParts,
		Room:  roomCorrelate,
		FLOPs: func(attr any, _ tensor.Type, in []tensor.Type) int64 {
			s, _ := attr.(corrAttr).shape(in[0], in[1])
			return s.flops()
		},
		Samples: corrSamples([2]int{}, func(x, w, _ tensor.Type) []tensor.Type { return types(x, w) }),
	})
}

func init() {
	opCorrelateAdjoint = define(&Op{
		Name: "correlate-adjoint", Doc: "adjoint of correlate in the images: results (N, O, …) spread by filters (O, C/groups, h, w)", Linear: linearAll,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			if err := wantRank4(in); err != nil {
				return tensor.Type{}, err
			}
			a := attr.(corrAttr)
			x := a.images(in[0], in[1])
			return x, a.resultFits(x, in[1], in[0])
		},
		VJP: func(n Node, u Value) []Value {
			a, g, w := n.Attr.(corrAttr), n.In[0], n.In[1]
			return []Value{a.correlate(u, w), a.filter(u, g, w.Type())}
		},
		Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
			evalCorrelation(attr.(corrAttr), partImages, [3]tensor.Tensor{out, in[1], in[0]})
		},
		CPU:   bindCorrelateAdjoint,
		Parts: correlateParts,
		Room:  roomCorrelateAdjoint,
		FLOPs: func(attr any, out tensor.Type, in []tensor.Type) int64 {
			s, _ := attr.(corrAttr).shape(out, in[1])
			return s.flops()
		},
		Samples: corrSamples([2]int{6, 7}, func(_, w, y tensor.Type) []tensor.Type { return types(y, w) }),
	})
}

func init() {
	opCorrelateFilter = define(&Op{
		Name: "correlate-filter", Doc: "adjoint of correlate in the filters: images (N, C, H, W) correlated with results (N, O, …)", Linear: linearAll,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			if err := wantRank4(in); err != nil {
				return tensor.Type{}, err
			}
			a := attr.(corrAttr)
			w := a.filters(in[0], in[1])
			return w, a.resultFits(in[0], w, in[1])
		},
		VJP: func(n Node, u Value) []Value {
			a, x, g := n.Attr.(corrAttr), n.In[0], n.In[1]
			return []Value{a.adjoint(g, u, x.Type()), a.correlate(x, u)}
		},
		Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
			evalCorrelation(attr.(corrAttr), partFilters, [3]tensor.Tensor{in[0], out, in[1]})
		},
		CPU: bindCorrelateFilter,
		FLOPs: func(attr any, out tensor.Type, in []tensor.Type) int64 {
			s, _ := attr.(corrAttr).shape(in[0], out)
			return s.flops()
		},
		Samples: corrSamples([2]int{2, 3}, func(x, _, y tensor.Type) []tensor.Type { return types(x, y) }),
	})
}

// correlateParts is the Parts of correlate and its adjoint: the filters are whole.
func correlateParts(attr any, _ []tensor.Type, _ int) (any, uint64, bool) { return attr, 1 << 1, true }

func (a corrAttr) correlate(x, w Value) Value {
	a.size = [2]int{}
	return x.tape.Apply(opCorrelate, a, x, w)
}

func (a corrAttr) adjoint(g, w Value, images tensor.Type) Value {
	a.size = [2]int{images.Dim[2], images.Dim[3]}
	return g.tape.Apply(opCorrelateAdjoint, a, g, w)
}

func (a corrAttr) filter(x, g Value, filters tensor.Type) Value {
	a.size = [2]int{filters.Dim[2], filters.Dim[3]}
	return x.tape.Apply(opCorrelateFilter, a, x, g)
}

// The parts of a correlation, any of which is the sum of products of the others.
const (
	partImages = iota
	partFilters
	partResults
)

// evalCorrelation computes one of the parts, given the others: for every image
// element, filter element and result that meet, the product of two is added to
// the third.
func evalCorrelation(a corrAttr, sum int, part [3]tensor.Tensor) {
	s, err := a.shape(part[partImages].Type, part[partFilters].Type)
	if err != nil {
		panic(err)
	}
	for i := range part[sum].Len() {
		part[sum].StoreReal(i, 0)
	}
	p, q := &part[(sum+1)%3], &part[(sum+2)%3]
	s.each(a, &part, func(at [3]int) {
		v := p.LoadReal(at[(sum+1)%3]) * q.LoadReal(at[(sum+2)%3])
		part[sum].StoreReal(at[sum], part[sum].LoadReal(at[sum])+v)
	})
}

// each calls f with the offsets of an element of each part that meet.
func (s corrShape) each(a corrAttr, part *[3]tensor.Tensor, f func(at [3]int)) {
	x, w, y := &part[partImages].Stride, &part[partFilters].Stride, &part[partResults].Stride
	taps := s.kernel[0] * s.kernel[1]
	for i := range s.n * s.o * s.out[0] * s.out[1] {
		n, o, r, c := i/(s.o*s.out[0]*s.out[1]), i/(s.out[0]*s.out[1])%s.o, i/s.out[1]%s.out[0], i%s.out[1]
		for k := range s.cg * taps {
			ch, u, v := k/taps, k/s.kernel[1]%s.kernel[0], k%s.kernel[1]
			f([3]int{
				n*x[0] + (o/s.og*s.cg+ch)*x[1] + (r*a.stride[0]+u*a.dilation[0])*x[2] + (c*a.stride[1]+v*a.dilation[1])*x[3],
				o*w[0] + ch*w[1] + u*w[2] + v*w[3],
				n*y[0] + o*y[1] + r*y[2] + c*y[3]})
		}
	}
}
