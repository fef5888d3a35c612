//go:build cuda && cgo

package cuda

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// contract is the struct of contract.cu.
type contract struct {
	first, blocks              int32
	batch, m, n, k             int32
	down, across, chunks, wide int32
	as, bs                     [3]int64
	a, b, c, part, counter     uint64
}

const (
	contractTile   = 64
	contractSlice  = 16
	contractChunk  = 4096
	contractSkinny = 48 // at most this many rows and columns are a Gram matrix
)

// bindContract binds a matrix product.
func bindContract(b *binder, s *autograd.Step) error {
	x, y, out := s.In[0], s.In[1], s.Out[0]
	if out.Len() == 0 {
		return nil
	}
	p := contract{batch: int32(out.Dim[0]), m: int32(out.Dim[1]), n: int32(out.Dim[2]), k: int32(x.Dim[2]),
		a: address(x), b: address(y), c: address(out)}
	for i := range 3 {
		p.as[i], p.bs[i] = int64(x.Stride[i]), int64(y.Stride[i])
	}
	suffix := suffix(x.DType)
	wide := out.DType != x.DType
	if wide {
		p.wide = 1
	}
	if max(p.m, p.n) <= contractSkinny && p.k >= 128 {
		return p.dots(b, suffix)
	}
	p.down, p.across = int32(blocksOf(int(p.m), contractTile)), int32(blocksOf(int(p.n), contractTile))
	if wide {
		suffix = "wide"
	}
	shared := 2 * contractSlice * (contractTile + 1) * x.DType.Size()
	ask(b, b.phase, "contract_tile_"+suffix, int(p.batch*p.down*p.across), threads, shared, p)
	return nil
}

// dots asks for the kernels of few results and long sums.
func (p contract) dots(b *binder, suffix string) (err error) {
	p.down, p.across = int32(blocksOf(int(p.m), 4)), int32(blocksOf(int(p.n), 4))
	p.chunks = int32(blocksOf(int(p.k), contractChunk))
	results := int(p.batch) * int(p.m) * int(p.n)
	if p.part, err = b.temporary(8 * results * int(p.chunks)); err != nil {
		return err
	}
	if p.counter, err = b.counters(int(p.batch * p.down * p.across)); err != nil {
		return err
	}
	ask(b, b.phase, "contract_dots_"+suffix, int(p.batch*p.down*p.across*p.chunks), threads, 0, p)
	return nil
}

// correlate is the struct of correlate.cu.
type correlate struct {
	first, blocks                       int32
	n, c, o, cg, og                     int32
	size, kernel, out, stride, dilation [2]int32
	xs, ws, ys                          [4]int64
	x, w, y                             uint64
}

// bindCorrelate binds a correlation or one of its adjoints.
func bindCorrelate(b *binder, s *autograd.Step) error {
	if s.Out[0].Len() == 0 {
		return nil
	}
	var x, w, y tensor.Tensor
	per := threads
	switch s.Op.Name {
	case "correlate":
		x, w, y = s.In[0], s.In[1], s.Out[0]
	case "correlate-adjoint":
		x, w, y = s.Out[0], s.In[1], s.In[0]
	default:
		x, w, y = s.In[0], s.Out[0], s.In[1]
		per = 1 // a block per result
	}
	stride, dilation, groups := s.Attr.(interface {
		Moves() (stride, dilation [2]int, groups int)
	}).Moves()
	p := correlate{n: int32(x.Dim[0]), c: int32(x.Dim[1]), o: int32(w.Dim[0]), cg: int32(w.Dim[1]), og: int32(w.Dim[0] / groups),
		x: address(x), w: address(w), y: address(y)}
	for i := range 2 {
		p.size[i], p.kernel[i], p.out[i] = int32(x.Dim[2+i]), int32(w.Dim[2+i]), int32(y.Dim[2+i])
		p.stride[i], p.dilation[i] = int32(stride[i]), int32(dilation[i])
	}
	for i := range 4 {
		p.xs[i], p.ws[i], p.ys[i] = int64(x.Stride[i]), int64(w.Stride[i]), int64(y.Stride[i])
	}
	ask(b, b.phase, kernelName(s.Op.Name)+"_"+suffix(x.DType), blocksOf(s.Out[0].Len(), per), threads, 0, p)
	return nil
}
