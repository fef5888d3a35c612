package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

var opMirror, opFold *autograd.Op

func init() {
	opMirror = &autograd.Op{
		Name: "mirror", Doc: "whole spectra (N, C, h, w) of real images, of which x (N, C, h, w/2+1) is the first half; the attribute is w", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			w, t := attr.(int), in[0]
			if t.Rank != 4 || !t.DType.IsComplex() || t.Dim[3] != w/2+1 {
				return t, fmt.Errorf("half spectra (N, C, h, %d) expected", w/2+1)
			}
			t.Dim[3] = w
			return t, nil
		},
		Lower: func(attr any, in []autograd.Value) autograd.Value {
			half, w := in[0], attr.(int)
			if w < 3 {
				return half
			}
			return autograd.Concat(3, half, turned(half.Crop(3, 1, w-w/2)))
		},
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Tape().Apply(opFold, n.Attr, g)}
		},
		CPU: bindMirror,
		Samples: []autograd.Sample{
			{Attr: 6, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 1, 3, 4)}},
			{Attr: 5, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 1, 2, 4, 3)}}},
	}
	opFold = &autograd.Op{
		Name: "fold", Doc: "the adjoint of mirror: half spectra (N, C, h, w/2+1), to which the conjugates of the other half of x (N, C, h, w) are added", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			w, t := attr.(int), in[0]
			if t.Rank != 4 || !t.DType.IsComplex() || t.Dim[3] != w {
				return t, fmt.Errorf("spectra (N, C, h, %d) expected", w)
			}
			t.Dim[3] = w/2 + 1
			return t, nil
		},
		Lower: func(attr any, in []autograd.Value) autograd.Value {
			x, w := in[0], attr.(int)
			half := x.Crop(3, 0, w/2+1)
			if w < 3 {
				return half
			}
			return half.Add(turned(x.Crop(3, w/2+1, w)).Pad(autograd.PadConstant, [2]int{1, w/2 + 1 - (w - w/2)}))
		},
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Tape().Apply(opMirror, n.Attr, g)}
		},
		CPU: bindMirror,
		Samples: []autograd.Sample{
			{Attr: 6, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 1, 3, 6)}},
			{Attr: 5, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 1, 2, 4, 5)}}},
	}
}

// turned returns the conjugates of x (N, C, h, m), columns in reverse order and
// rows modulo h.
func turned(x autograd.Value) autograd.Value {
	d := x.Type().Dim
	rows, columns := make([]int, d[2]), make([]int, d[3])
	for y := range rows {
		rows[y] = (d[2] - y) % d[2]
	}
	for i := range columns {
		columns[i] = d[3] - 1 - i
	}
	return x.Gather(2, rows).Gather(3, columns).Conj()
}

// bindMirror binds either op.
func bindMirror(b *autograd.Bind) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return bindMirrorOf[float32](b)
	}
	return bindMirrorOf[float64](b)
}

func bindMirrorOf[T kernels.Float](b *autograd.Bind) func() {
	x, w, h := b.Contiguous(0), b.Attr.(int), b.Out.Dim[2]
	dst, src, level := tensor.Span[T](b.Out), tensor.Span[T](x), b.Level
	images, whole := x.Dim[0]*x.Dim[1], b.Out.Dim[3] == w && x.Dim[3] != w
	nd, ns := 2*h*b.Out.Dim[3], 2*h*x.Dim[3]
	work := func(_, lo, hi int) {
		for lo < hi {
			i, from := lo/h, lo%h
			to := min(h, from+hi-lo)
			if whole {
				kernels.Mirror(dst[i*nd:(i+1)*nd], src[i*ns:], h, w, from, to, level)
			} else {
				kernels.Fold(dst[i*nd:(i+1)*nd], src[i*ns:], h, w, from, to, level)
			}
			lo += to - from
		}
	}
	pool, grain := b.Pool, max(1, mirrorGrain/w)
	return func() { pool.For(images*h, grain, work) }
}

// mirrorGrain is how many frequencies are worth a thread.
const mirrorGrain = 1 << 13

// wholeSpectrum returns the transforms of real images x (N, C, h, w): the half
// that determines them, and the whole.
func wholeSpectrum(x autograd.Value, norm autograd.Norm) (half, whole autograd.Value) {
	half = x.RFFT(norm, 2, 3)
	return half, x.Tape().Apply(opMirror, x.Type().Dim[3], half)
}
