package models

import (
	"fmt"
	"sync"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// bandSet is the attribute of the ops that cut bands out of a spectrum: their
// masks (n, h, w), zero frequency first.
type bandSet struct {
	constant
	n, h, w int

	mu     sync.Mutex
	tables map[bandTable]any // *kernels.FFTMasks, which all programs share
}

// bandTable says for which kernels masks are.
type bandTable struct {
	level kernels.Level
	dtype tensor.DType
}

func newBandSet(masks constant) *bandSet {
	d := masks.f64.Dim
	return &bandSet{constant: masks, n: d[0], h: d[1], w: d[2], tables: map[bandTable]any{}}
}

// masksOf returns the masks, with the scale of the transforms, for kernels.
func masksOf[T kernels.Float](s *bandSet, masks tensor.Tensor, level kernels.Level) *kernels.FFTMasks[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := bandTable{level, masks.DType}
	if t, ok := s.tables[key]; ok {
		return t.(*kernels.FFTMasks[T])
	}
	scaled := append([]T(nil), tensor.Span[T](masks)...)
	for i := range scaled {
		scaled[i] /= T(s.h * s.w)
	}
	t := kernels.NewFFTMasks(scaled, s.n, s.h, s.w, level)
	s.tables[key] = t
	return t
}

var opCutBands, opJoinBands *autograd.Op

func init() {
	opCutBands = &autograd.Op{
		Name: "cut-bands", Doc: "inverse transforms (N, C, K, h, w) of a spectrum x (N, C, h, w) times K masks", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			s, t := attr.(*bandSet), in[0]
			if t.Rank != 4 || !t.DType.IsComplex() || t.Dim[2] != s.h || t.Dim[3] != s.w {
				return t, fmt.Errorf("a spectrum (N, C, %d, %d) expected", s.h, s.w)
			}
			return tensor.MakeType(t.DType, t.Dim[0], t.Dim[1], s.n, s.h, s.w), nil
		},
		Lower: func(attr any, in []autograd.Value) autograd.Value {
			return apply(opSpread, in[0], attr.(*bandSet).on(in[0])).IFFT(autograd.Backward, 3, 4)
		},
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Tape().Apply(opJoinBands, n.Attr, g)}
		},
		CPU:     bindBands,
		Parts:   autograd.EachPart,
		Samples: bandSamples(4),
	}
	opJoinBands = &autograd.Op{
		Name: "join-bands", Doc: "the adjoint of cut-bands: the sum (N, C, h, w) of the masked transforms of bands (N, C, K, h, w)", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			s, t := attr.(*bandSet), in[0]
			if t.Rank != 5 || !t.DType.IsComplex() || t.Dim[2] != s.n || t.Dim[3] != s.h || t.Dim[4] != s.w {
				return t, fmt.Errorf("bands (N, C, %d, %d, %d) expected", s.n, s.h, s.w)
			}
			return tensor.MakeType(t.DType, t.Dim[0], t.Dim[1], s.h, s.w), nil
		},
		Lower: func(attr any, in []autograd.Value) autograd.Value {
			s := attr.(*bandSet)
			f, masks := in[0].FFT(autograd.Forward, 3, 4), s.on(in[0])
			var parts []autograd.Value
			for k := range s.n {
				parts = append(parts, f.Crop(2, k, k+1).Mul(masks.Crop(0, k, k+1)))
			}
			return autograd.Sum(parts...).Reshape(in[0].Type().Dim[0], in[0].Type().Dim[1], s.h, s.w)
		},
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Tape().Apply(opCutBands, n.Attr, g)}
		},
		CPU:     bindBands,
		Parts:   autograd.EachPart,
		Samples: bandSamples(5),
	}
}

// bandSamples are spectra, or bands, with masks that vanish in places.
func bandSamples(rank int) []autograd.Sample {
	var samples []autograd.Sample
	for _, size := range [][2]int{{16, 16}, {6, 5}} {
		const n = 2
		h, w := size[0], size[1]
		in := tensor.MakeType(tensor.Complex128, 2, 1, h, w)
		if rank == 5 {
			in = tensor.MakeType(tensor.Complex128, 2, 1, n, h, w)
		}
		samples = append(samples, autograd.Sample{Attr: newBandSet(newConstant(sampleMasks(n, h, w), n, h, w)), In: []tensor.Type{in}})
	}
	return samples
}

// sampleMasks are n masks that vanish in places.
func sampleMasks(n, h, w int) []float64 {
	m := make([]float64, n*h*w)
	for i := range m {
		if i%w > w/2 || i < h*w {
			m[i] = float64(i%7) / 4
		}
	}
	return m
}

// bindBands binds either op.
func bindBands(b *autograd.Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return bindBandsOf[float32](b, b.Attr.(*bandSet).f32)
	}
	return bindBandsOf[float64](b, b.Attr.(*bandSet).f64)
}

func bindBandsOf[T kernels.Float](b *autograd.Bind, masks tensor.Tensor) func() {
	x := b.Contiguous(0)
	p := kernels.NewFFTBands(masksOf[T](b.Attr.(*bandSet), masks, b.Level), b.Pool.Threads())
	dst, src, images, pool := tensor.Span[T](b.Out), tensor.Span[T](x), x.Dim[0]*x.Dim[1], b.Pool
	if x.Rank == 4 {
		return func() { p.Cut(dst, src, images, pool) }
	}
	return func() { p.Join(dst, src, images, pool) }
}
