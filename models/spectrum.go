package models

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// mirrorAttr is the attribute of opMirror and opFold: how many columns a whole spectrum
// has, and by how many quarters of a turn it is turned.
type mirrorAttr struct{ w, turns int }

// Turns returns by how many quarters of a turn mirror turns a spectrum, 0 to 3.
func (a mirrorAttr) Turns() int { return a.turns }

var opMirror, opFold *autograd.Op

func init() {
	opMirror = &autograd.Op{
		Name: "mirror", Doc: "whole spectra (N, C, h, w), times a power of i, of real images, of which x (N, C, h, w/2+1) is the first half", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			w, t := attr.(mirrorAttr).w, in[0]
			if t.Rank != 4 || !t.DType.IsComplex() || t.Dim[3] != w/2+1 {
				return t, fmt.Errorf("half spectra (N, C, h, %d) expected", w/2+1)
			}
			t.Dim[3] = w
			return t, nil
		},
		Lower: func(attr any, in []autograd.Value) autograd.Value {
			x, a := in[0], attr.(mirrorAttr)
			if a.w > 2 {
				x = autograd.Concat(3, x, opposite(x.Crop(3, 1, a.w-a.w/2)))
			}
			return turn(x, a.turns)
		},
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Tape().Apply(opFold, n.Attr, g)}
		},
		CPU:   func(b *autograd.Bind) func() { return bindMirror(b, true) },
		Parts: autograd.EachPart,
		Samples: []autograd.Sample{
			{Attr: mirrorAttr{6, 0}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 1, 3, 4)}},
			{Attr: mirrorAttr{5, 1}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 1, 2, 4, 3)}},
			{Attr: mirrorAttr{4, 2}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 1, 1, 2, 3)}}},
	}
	opFold = &autograd.Op{
		Name: "fold", Doc: "the adjoint of mirror: half spectra (N, C, h, w/2+1), to which the conjugates of the other half of x (N, C, h, w) are added", Linear: 1,
		Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
			w, t := attr.(mirrorAttr).w, in[0]
			if t.Rank != 4 || !t.DType.IsComplex() || t.Dim[3] != w {
				return t, fmt.Errorf("spectra (N, C, h, %d) expected", w)
			}
			t.Dim[3] = w/2 + 1
			return t, nil
		},
		Lower: func(attr any, in []autograd.Value) autograd.Value {
			a := attr.(mirrorAttr)
			x, w := turn(in[0], -a.turns), a.w
			half := x.Crop(3, 0, w/2+1)
			if w < 3 {
				return half
			}
			return half.Add(opposite(x.Crop(3, w/2+1, w)).Pad(autograd.PadConstant, [2]int{1, w/2 + 1 - (w - w/2)}))
		},
		VJP: func(n autograd.Node, g autograd.Value) []autograd.Value {
			return []autograd.Value{g.Tape().Apply(opMirror, n.Attr, g)}
		},
		CPU:   func(b *autograd.Bind) func() { return bindMirror(b, false) },
		Parts: autograd.EachPart,
		Samples: []autograd.Sample{
			{Attr: mirrorAttr{6, 3}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 2, 1, 3, 6)}},
			{Attr: mirrorAttr{5, 0}, In: []tensor.Type{tensor.MakeType(tensor.Complex128, 1, 2, 4, 5)}}},
	}
}

// turn returns iⁿ·x.
func turn(x autograd.Value, n int) autograd.Value {
	if n&2 != 0 {
		x = x.Neg()
	}
	if n&1 != 0 {
		x = x.TimesI()
	}
	return x
}

// opposite returns the conjugates of x (N, C, h, m), columns in reverse order and
// rows modulo h.
func opposite(x autograd.Value) autograd.Value {
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

// bindMirror binds opMirror or, if not whole, opFold.
func bindMirror(b *autograd.Bind, whole bool) func() {
	if b.Out.DType.Real() == tensor.Float32 {
		return bindMirrorOf[float32](b, whole)
	}
	return bindMirrorOf[float64](b, whole)
}

func bindMirrorOf[T kernels.Float](b *autograd.Bind, whole bool) func() {
	x, a, h := b.Contiguous(0), b.Attr.(mirrorAttr), b.Out.Dim[2]
	m := kernels.NewMirroring[T](h, a.w, a.turns, b.Level)
	dst, src, images := tensor.Span[T](b.Out), tensor.Span[T](x), x.Dim[0]*x.Dim[1]
	do := m.Fold
	if whole {
		do = m.Mirror
	}
	nd, ns := 2*h*b.Out.Dim[3], 2*h*x.Dim[3]
	work := func(_, lo, hi int) {
		for lo < hi {
			i, from := lo/h, lo%h
			to := min(h, from+hi-lo)
			do(dst[i*nd:(i+1)*nd], src[i*ns:], from, to)
			lo += to - from
		}
	}
	pool, grain := b.Pool, max(1, mirrorGrain/a.w)
	return func() { pool.For(images*h, grain, work) }
}

// mirrorGrain is how many frequencies are worth a thread.
const mirrorGrain = 1 << 13

// wholeSpectrum returns the whole spectra (N, C, h, w), times i to the power of turns, of
// real images, of which half (N, C, h, w/2+1) is the first half.
func wholeSpectrum(half autograd.Value, w, turns int) autograd.Value {
	return half.Tape().Apply(opMirror, mirrorAttr{w, turns & 3}, half)
}
