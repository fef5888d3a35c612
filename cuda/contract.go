//go:build cuda && cgo

package cuda

import (
	"github.com/percept-go/percept/autograd"
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
