//go:build cuda && cgo

package cuda

import (
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// kernelName is how an op's kernel is called.
func kernelName(op string) string { return strings.ReplaceAll(op, "-", "_") }

// typeSuffix names the element type of a kernel.
func typeSuffix(d tensor.DType) string { return [...]string{"f32", "f64", "c64", "c128"}[d] }

// gather is the struct of gather.cu.
type gather struct {
	first, blocks        int32
	rank, axis, words, _ int32
	n                    int64
	dim                  [tensor.MaxRank]int32
	in                   view
	out, from, index     uint64
}

func viewOf(t tensor.Tensor) view {
	v := view{at: address(t)}
	for i := range t.Stride {
		v.stride[i] = int64(t.Stride[i])
	}
	return v
}

func dims(t tensor.Type) (d [tensor.MaxRank]int32) {
	for i, n := range t.Shape() {
		d[i] = int32(n)
	}
	return d
}

// bindGather binds gather, or scatter-add with a table of the sources of each row.
func bindGather(b *binder, s *autograd.Step) (err error) {
	in, out := s.In[0], s.Out[0]
	axis, index := s.Attr.(interface{ List() (int, []int) }).List()
	p := gather{rank: int32(out.Rank), axis: int32(axis), words: 1, n: int64(out.Len()), dim: dims(out.Type), in: viewOf(in), out: address(out)}
	if out.DType.IsComplex() {
		p.words = 2
	}
	if s.Op.Name == "gather" {
		from := make([]int32, len(index))
		for j, i := range index {
			from[j] = int32(i)
		}
		p.index, err = putSlice(b.arena, from)
	} else {
		starts, sources := sourcesOf(index, out.Dim[axis])
		if p.from, err = putSlice(b.arena, starts); err == nil {
			p.index, err = putSlice(b.arena, sources)
		}
	}
	ask(b, b.phase, kernelName(s.Op.Name)+"_"+suffix(out.DType), blocksOf(out.Len()*int(p.words), threads), threads, 0, p)
	return err
}

// sourcesOf lists, row by row of n, the places in index that name it.
func sourcesOf(index []int, n int) (starts, sources []int32) {
	starts, sources = make([]int32, n+1), make([]int32, len(index))
	for _, i := range index {
		starts[i+1]++
	}
	for i := range n {
		starts[i+1] += starts[i]
	}
	next := append([]int32(nil), starts...)
	for j, i := range index {
		sources[next[i]] = int32(j)
		next[i]++
	}
	return starts, sources
}

// The structs of assemble.cu.
type (
	piece struct {
		in             view
		lo, step, size [tensor.MaxRank]int32
	}
	assemble struct {
		first, blocks int32
		rank, pieces  int32
		n             int64
		dim           [tensor.MaxRank]int32
		piece, out    uint64
	}
)

// bindAssemble binds assemble.
func bindAssemble(b *binder, s *autograd.Step) (err error) {
	out := s.Out[0]
	places := s.Attr.(interface{ Places() []autograd.Place }).Places()
	var pieces []piece
	for i, x := range s.In {
		if x.Len() == 0 {
			continue
		}
		q := piece{in: viewOf(x), size: dims(x.Type)}
		for a := range int(out.Rank) {
			q.lo[a], q.step[a] = int32(places[i].Lo[a]), int32(places[i].Step[a])
		}
		pieces = append(pieces, q)
	}
	p := assemble{rank: int32(out.Rank), pieces: int32(len(pieces)), n: int64(out.Len()), dim: dims(out.Type), out: address(out)}
	p.piece, err = putSlice(b.arena, pieces)
	ask(b, b.phase, "assemble_"+typeSuffix(out.DType), blocksOf(out.Len(), threads), threads, 0, p)
	return err
}

// row is the struct of rows.cu.
type row struct {
	first, blocks           int32
	rank, axis              int32
	n                       int64
	dim                     [tensor.MaxRank]int32
	rows, _                 int32
	x                       view
	rowStride               int64
	value                   view
	slot, guard, out        uint64
	slotStride, guardStride int64
}

// bindRow binds row, place-row and store-row.
func bindRow(b *binder, s *autograd.Step) error {
	slot := s.In[1]
	axis := int(slot.Rank)
	p := row{axis: int32(axis), slot: address(slot), slotStride: int64(slot.Stride[0])}
	kernel, typ := kernelName(s.Op.Name)+"_", s.In[0].Type
	switch s.Op.Name {
	case "row":
		p.takeRows(s.In[0], axis)
		p.out, typ = address(s.Out[0]), s.Out[0].Type
	case "store-row":
		p.takeRows(s.Out[0], axis)
		p.value = viewOf(s.In[0])
	default: // place-row: strides of the value skip the axis of rows
		typ = s.Out[0].Type
		p.out, p.rows, p.value = address(s.Out[0]), int32(typ.Dim[axis]), viewOf(s.In[0])
		copy(p.value.stride[axis+1:], p.value.stride[axis:tensor.MaxRank-1])
	}
	p.rank, p.n, p.dim = int32(typ.Rank), int64(typ.Len()), dims(typ)
	kernel += typeSuffix(typ.DType)
	if s.Op.Name == "store-row" {
		guard := suffix(tensor.Float64)
		if len(s.In) > 2 {
			p.guard, p.guardStride, guard = address(s.In[2]), int64(s.In[2].Stride[0]), suffix(s.In[2].DType)
		}
		kernel += "_" + guard
		ask(b, b.phase, kernel, blocksOf(typ.Len(), threads), threads, 0, p)
		return nil
	}
	ask(b, b.phase, kernel, blocksOf(typ.Len(), threads), threads, 0, p)
	return nil
}

// takeRows describes x with the axis of rows taken out.
func (p *row) takeRows(x tensor.Tensor, axis int) {
	p.x, p.rows, p.rowStride = viewOf(x), int32(x.Dim[axis]), int64(x.Stride[axis])
	copy(p.x.stride[axis:], p.x.stride[axis+1:])
}
