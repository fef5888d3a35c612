//go:build cuda && cgo

package cuda

import (
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// reduce is the struct of reduce.cu.
type reduce struct {
	first, blocks            int32
	op, complex, wide, parts int32
	kept, reduced            int32
	outputs, n               int64
	kdim, rdim               [tensor.MaxRank]int32
	kstride, rstride         [tensor.MaxRank]int64
	in, out, part, counter   uint64
}

// reductions gives the codes of reduce.cu.
var reductions = map[string]int32{"sum": 0, "prod": 1, "reduce-max": 2, "reduce-min": 3}

const reduceChunk = 8192

// bindReduce binds a reduction. Short ones, and those with many results, take a
// thread per result; the others blocks.
func bindReduce(b *binder, s *autograd.Step) error {
	in, out := s.In[0], s.Out[0]
	p := reduce{op: reductions[s.Op.Name], outputs: int64(out.Len()), parts: 1, in: address(in), out: address(out)}
	if in.DType.IsComplex() {
		p.complex = 1
	}
	if out.DType.Real() == tensor.Float64 {
		p.wide = 1
	}
	if out.Len() == 0 {
		return nil
	}
	p.n = int64(in.Len() / out.Len())
	gone := s.Attr.(interface{ Axes() []int }).Axes()
	for a, d := range in.Shape() {
		if slices.Contains(gone, a) {
			p.rdim[p.reduced], p.rstride[p.reduced] = int32(d), int64(in.Stride[a])
			p.reduced++
		} else {
			p.kdim[p.kept], p.kstride[p.kept] = int32(d), int64(in.Stride[a])
			p.kept++
		}
	}
	suffix := suffix(in.DType)
	if p.n <= 64 || p.outputs >= 1<<14 {
		ask(b, b.phase, "reduce_thread_"+suffix, blocksOf(int(p.outputs), threads), threads, 0, p)
		return nil
	}
	p.parts = int32(blocksOf(int(p.n), reduceChunk))
	if p.parts > 1 {
		var err error
		if p.part, err = b.temporary(16 * int(p.outputs) * int(p.parts)); err != nil {
			return err
		}
		if p.counter, err = b.counters(int(p.outputs)); err != nil {
			return err
		}
	}
	ask(b, b.phase, "reduce_block_"+suffix, int(p.outputs)*int(p.parts), threads, 0, p)
	return nil
}
