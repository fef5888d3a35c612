//go:build cuda && cgo

package cuda

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// The structs of lbfgs.cu.
type (
	array struct {
		at     uint64
		stride [4]int64
		f64, _ int32
	}
	lbfgs struct {
		first, blocks              int32
		images, size, rows, chunks int32
		width, _                   int32
		arg                        [8]array
		out                        array
		part, counter              uint64
		limit                      [6]float64
	}
)

const lbfgsChunk = 4096 // elements, where there is no history to say

// lbfgsOp says how the kernel of an op is launched.
type lbfgsOp struct {
	size    [2]int // which argument (−1: the result) and axis give the elements of an image; else those of rows
	blocks  func(p *lbfgs) int
	threads int                // 0: as usual
	part    func(p *lbfgs) int // numbers that blocks leave
	sums    func(p *lbfgs) int // that are made of them
	shared  func(p *lbfgs) int
}

func perImage(p *lbfgs) int     { return int(p.images) }
func perRow(p *lbfgs) int       { return int(p.images * p.rows) }
func perChunk(p *lbfgs) int     { return int(p.images * p.chunks) }
func perRowChunk(p *lbfgs) int  { return int(p.images * p.rows * p.chunks) }
func perElement(p *lbfgs) int   { return int(p.images) * blocksOf(int(p.size), threads) }
func imageThreads(p *lbfgs) int { return blocksOf(int(p.images), threads) }
func ofHistory(n int) func(*lbfgs) int {
	return func(p *lbfgs) int { return n * 8 * int(p.rows) }
}
func times(n int, f func(*lbfgs) int) func(*lbfgs) int {
	return func(p *lbfgs) int { return n * f(p) }
}

// lbfgsOps lists the ops of package optim but for wolfe.
var lbfgsOps = map[string]lbfgsOp{
	"lbfgs-in-work":   {size: [2]int{-1, 1}, blocks: perElement},
	"lbfgs-measure":   {size: [2]int{0, 1}, blocks: perChunk, part: times(5, perChunk), sums: perImage},
	"lbfgs-keep":      {size: [2]int{1, 1}, blocks: perElement},
	"lbfgs-secant":    {size: [2]int{1, 2}, blocks: perElement},
	"lbfgs-curvature": {blocks: perChunk, part: times(2, perChunk), sums: perImage},
	"lbfgs-ring":      {blocks: imageThreads},
	"lbfgs-products":  {size: [2]int{0, 2}, blocks: perRowChunk, part: perRowChunk, sums: perRow},
	"lbfgs-alphas":    {blocks: perImage, shared: ofHistory(2)},
	"lbfgs-descend":   {size: [2]int{0, 2}, blocks: perElement},
	"lbfgs-overlaps":  {size: [2]int{0, 1}, blocks: perRowChunk, part: perRowChunk, sums: perRow},
	"lbfgs-shares":    {blocks: perImage, shared: ofHistory(2)},
	"lbfgs-direction": {size: [2]int{1, 1}, blocks: perElement},
	"lbfgs-two-loop":  {size: [2]int{1, 2}, blocks: perImage, threads: 1024, part: func(p *lbfgs) int { return int(p.images * p.size) }, shared: ofHistory(1)},
	"lbfgs-slope":     {size: [2]int{0, 2}, blocks: perChunk, part: perChunk, sums: perImage},
	"lbfgs-moved":     {size: [2]int{0, 1}, blocks: perElement},
	"lbfgs-change":    {size: [2]int{0, 1}, blocks: perChunk, part: perChunk, sums: perImage},
}

// problem describes the arguments of a step.
func (b *binder) lbfgs(s *autograd.Step) lbfgs {
	p := lbfgs{images: int32(s.Out[0].Dim[0]), out: arrayOf(s.Out[0]), width: lbfgsChunk}
	for i, t := range s.In {
		if p.arg[i] = arrayOf(t); t.Rank == 4 { // a history
			p.rows, p.width = int32(t.Dim[2]), int32(t.Dim[3])
			p.size = int32(t.Dim[1] * t.Dim[3])
		}
	}
	if rows, ok := s.Attr.(int); ok { // of lbfgs-ring
		p.rows = int32(rows)
	} else if p.rows == 0 {
		p.rows = int32(s.In[0].Dim[1]) // of ops on what is known of rows
	}
	return p
}

func arrayOf(t tensor.Tensor) array {
	a := array{at: address(t)}
	for i := range a.stride {
		a.stride[i] = int64(t.Stride[i])
	}
	if t.DType == tensor.Float64 {
		a.f64 = 1
	}
	return a
}

// wolfeColumns are those of a search, of what is given and of what is measured, as
// lbfgs.cu knows them.
var wolfeColumns = [3]int{73, 9, 5}

func bindWolfe(b *binder, s *autograd.Step) error {
	for i, n := range wolfeColumns {
		if s.In[i].Dim[1] != n {
			return fmt.Errorf("cuda: argument %d of wolfe has %d columns, but %d in lbfgs.cu, which is out of date", i, s.In[i].Dim[1], n)
		}
	}
	p := b.lbfgs(s)
	p.limit = s.Attr.(interface{ Limits() [6]float64 }).Limits()
	ask(b, b.phase, "wolfe", imageThreads(&p), threads, 0, p)
	return nil
}

// bindLBFGS binds the other ops of L-BFGS.
func bindLBFGS(b *binder, s *autograd.Step) (err error) {
	o, p := lbfgsOps[s.Op.Name], b.lbfgs(s)
	if of := o.size[0]; of < 0 {
		p.size = int32(s.Out[0].Dim[o.size[1]])
	} else if o.size[1] > 0 {
		p.size = int32(s.In[of].Dim[o.size[1]])
	}
	p.chunks = int32(blocksOf(int(p.size), int(p.width)))
	if o.part != nil {
		if p.part, err = b.temporary(8 * o.part(&p)); err != nil {
			return err
		}
	}
	if o.sums != nil {
		if p.counter, err = b.counters(o.sums(&p)); err != nil {
			return err
		}
	}
	block, shared := threads, 0
	if o.threads > 0 {
		block = o.threads
	}
	if o.shared != nil {
		shared = o.shared(&p)
	}
	phase := b.phase
	if s.Op.InPlace && s.Out[0] != s.In[0] {
		if err := bindCopy(b, s); err != nil {
			return err
		}
		phase++
	}
	ask(b, phase, kernelName(s.Op.Name), o.blocks(&p), block, shared, p)
	return nil
}
