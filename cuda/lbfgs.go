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
		arg                        [8]array
		out                        array
		part                       uint64
		limit                      [6]float64
	}
)

const (
	lbfgsChunk   = 4096
	lbfgsThreads = 256
)

// lbfgsOp says how the kernel of an op is launched.
type lbfgsOp struct {
	size, rows int // which argument and axis give the elements and the rows of the history
	rowsAxis   int
	blocks     func(p *lbfgs) int
	threads    int
	part       func(p *lbfgs) int // numbers that blocks leave
	shared     func(p *lbfgs) int
	join       bool // a second kernel adds the parts
	joined     func(p *lbfgs) int
}

func perImage(p *lbfgs) int     { return int(p.images) }
func perChunk(p *lbfgs) int     { return int(p.images * p.chunks) }
func perRowChunk(p *lbfgs) int  { return int(p.images * p.rows * p.chunks) }
func perElement(p *lbfgs) int   { return int(p.images) * blocksOf(int(p.size), lbfgsThreads) }
func rowThreads(p *lbfgs) int   { return blocksOf(int(p.images*p.rows), lbfgsThreads) }
func imageThreads(p *lbfgs) int { return blocksOf(int(p.images), lbfgsThreads) }

// lbfgsOps lists the ops of package optim but for wolfe. -1: the op has no elements
// or no history.
var lbfgsOps = map[string]lbfgsOp{
	"lbfgs-measure":   {size: 0, rows: -1, blocks: perChunk, part: func(p *lbfgs) int { return 5 * perChunk(p) }, join: true, joined: imageThreads},
	"lbfgs-secant":    {size: 0, rows: -1, blocks: perChunk},
	"lbfgs-ring":      {size: -1, rows: -1, blocks: imageThreads},
	"lbfgs-products":  {size: 0, rows: 3, rowsAxis: 1, blocks: perRowChunk, part: func(p *lbfgs) int { return 2 * perRowChunk(p) }, join: true, joined: rowThreads},
	"lbfgs-alphas":    {size: -1, rows: 0, rowsAxis: 1, blocks: perImage, threads: 128, shared: func(p *lbfgs) int { return 2 * 8 * int(p.rows) }},
	"lbfgs-descend":   {size: 0, rows: 3, rowsAxis: 1, blocks: perElement},
	"lbfgs-overlaps":  {size: 0, rows: 2, rowsAxis: 1, blocks: perRowChunk, part: perRowChunk, join: true, joined: rowThreads},
	"lbfgs-shares":    {size: -1, rows: 2, rowsAxis: 1, blocks: perImage, threads: 128, shared: func(p *lbfgs) int { return 2 * 8 * int(p.rows) }},
	"lbfgs-direction": {size: 0, rows: 2, rowsAxis: 1, blocks: perElement},
	"lbfgs-two-loop": {size: 0, rows: 3, rowsAxis: 1, blocks: perImage, threads: 1024, part: func(p *lbfgs) int { return int(p.images * p.size) },
		shared: func(p *lbfgs) int { return 8 * int(p.rows) }},
	"lbfgs-slope":  {size: 0, rows: -1, blocks: perChunk, part: perChunk, join: true, joined: imageThreads},
	"lbfgs-change": {size: 0, rows: -1, blocks: perChunk, part: perChunk, join: true, joined: imageThreads},
}

// problem describes the arguments of a step.
func (b *binder) lbfgs(s *autograd.Step) lbfgs {
	p := lbfgs{images: int32(s.Out[0].Dim[0]), out: arrayOf(s.Out[0])}
	for i, t := range s.In {
		p.arg[i] = arrayOf(t)
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
	ask(b, b.phase, "wolfe", blocksOf(int(p.images), 32), 32, 0, p)
	return nil
}

// bindLBFGS binds the other ops of L-BFGS.
func bindLBFGS(b *binder, s *autograd.Step) (err error) {
	o, p := lbfgsOps[s.Op.Name], b.lbfgs(s)
	if o.size >= 0 {
		p.size = int32(s.In[o.size].Dim[1])
		p.chunks = int32(blocksOf(int(p.size), lbfgsChunk))
	}
	if scaled, ok := s.Attr.(bool); ok && scaled {
		p.limit[0] = 1
	}
	if n, ok := s.Attr.(int); ok {
		p.rows = int32(n)
	} else if o.rows >= 0 {
		p.rows = int32(s.In[o.rows].Dim[o.rowsAxis])
	}
	if o.part != nil {
		if p.part, err = b.temporary(8 * o.part(&p)); err != nil {
			return err
		}
	}
	threads, shared := lbfgsThreads, 0
	if o.threads > 0 {
		threads = o.threads
	}
	if o.shared != nil {
		shared = o.shared(&p)
	}
	name := kernelName(s.Op.Name)
	ask(b, b.phase, name, o.blocks(&p), threads, shared, p)
	if o.join {
		ask(b, b.phase+1, name+"_join", o.joined(&p), lbfgsThreads, 0, p)
	}
	return nil
}
