//go:build cuda && cgo

package cuda

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

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

// separable is the struct of correlate.cu.
type separable struct {
	first, blocks           int32
	channels, rows          int32
	down, across            int32
	size, out, taps, stride [2]int32
	in                      view
	step                    [2]int64
	column, row, result     uint64
}

const separableTile = 32

// bindSeparable binds correlate-separable or its adjoint.
func bindSeparable(b *binder, s *autograd.Step) error {
	in, result := s.In[0], s.Out[0]
	if result.Len() == 0 {
		return nil
	}
	x, y, kernel := in, result, "separable_"
	if s.Op.Name == "correlate-separable-adjoint" {
		x, y, kernel = result, in, "separable_adjoint_"
	}
	steps := s.Attr.(interface{ Steps() [2]int }).Steps()
	p := separable{channels: int32(x.Dim[1]), in: viewOf(in), column: address(s.In[1]), row: address(s.In[2]), result: address(result)}
	for i := range 2 {
		p.size[i], p.out[i], p.stride[i] = int32(x.Dim[2+i]), int32(y.Dim[2+i]), int32(steps[i])
		p.taps[i], p.step[i] = int32(s.In[1+i].Dim[0]), int64(s.In[1+i].Stride[0])
	}
	p.rows = (separableTile-1)*p.stride[0] + p.taps[0]
	if x == result {
		p.rows = (separableTile+p.taps[0]-2)/p.stride[0] + 1
	}
	shared := int(p.rows) * separableTile * x.DType.Size()
	if shared > 48<<10 {
		return p.twice(b, s, x, y)
	}
	p.down, p.across = int32(blocksOf(result.Dim[2], separableTile)), int32(blocksOf(result.Dim[3], separableTile))
	ask(b, b.phase, kernel+suffix(x.DType), x.Dim[0]*x.Dim[1]*int(p.down*p.across), threads, shared, p)
	return nil
}

// twice asks for a correlation of rows and one of columns, or their adjoints in the
// other order, images x and results y.
func (p separable) twice(b *binder, s *autograd.Step, x, y tensor.Tensor) error {
	middle := x.Type
	middle.Dim[3] = y.Dim[3]
	at, err := b.temporary(middle.Bytes())
	if err != nil {
		return err
	}
	rows := tensor.Wrap(&memory{dev: b.dev, at: at, bytes: middle.Bytes()}, middle, 0)
	passes := [2]struct {
		axis int
		x, y tensor.Tensor
	}{{1, x, rows}, {0, rows, y}}
	kernel := "correlate_"
	if x == s.Out[0] {
		kernel = "correlate_adjoint_"
		passes[0], passes[1] = passes[1], passes[0]
	}
	for phase, q := range passes {
		c := correlate{n: int32(x.Dim[0]), c: int32(x.Dim[1]), o: int32(x.Dim[1]), cg: 1, og: 1, kernel: [2]int32{1, 1}, stride: [2]int32{1, 1}, dilation: [2]int32{1, 1},
			x: address(q.x), w: [2]uint64{p.column, p.row}[q.axis], y: address(q.y)}
		c.kernel[q.axis], c.stride[q.axis], c.ws[2+q.axis] = p.taps[q.axis], p.stride[q.axis], p.step[q.axis]
		for i := range 2 {
			c.size[i], c.out[i] = int32(q.x.Dim[2+i]), int32(q.y.Dim[2+i])
		}
		for i := range 4 {
			c.xs[i], c.ys[i] = int64(q.x.Stride[i]), int64(q.y.Stride[i])
		}
		written := q.y
		if x == s.Out[0] {
			written = q.x
		}
		ask(b, b.phase+phase, kernel+suffix(x.DType), blocksOf(written.Len(), threads), threads, 0, c)
	}
	return nil
}
