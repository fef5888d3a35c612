package autograd

import (
	"unsafe"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// bindAssemble binds the op assemble: zeros, unless the first piece covers all, then each
// piece copied to its place, or added where it overlaps an earlier one.
func bindAssemble(b *Bind) func() {
	a := b.Attr.(assembleAttr)
	var run []func()
	out, whole := b.Out, b.In[0].SameShape(b.Out.Type)
	if !whole && a.covered(b.In) < out.Len() {
		run = append(run, bindClear(out, b.Pool))
	}
	for i := range b.In {
		w := a.window(out, i, b.In[i].Type)
		switch {
		case a.overlaps(i, b.In):
			run = append(run, bindAddTo(w, b.In[i], b.Pool, b.Level))
		case !whole || b.In[0].Pointer() != out.Pointer(): // else it is there
			run = append(run, bindCopy(w, b.In[i], b.Pool, b.Level))
		}
	}
	return func() {
		for _, f := range run {
			f()
		}
	}
}

// covered returns how many elements the pieces set, if no two overlap; else 0.
func (a assembleAttr) covered(in []tensor.Tensor) int {
	n := 0
	for i, p := range in {
		if a.overlaps(i, in) {
			return 0
		}
		n += p.Len()
	}
	return n
}

// overlaps reports whether piece i may share an element with an earlier one.
func (a assembleAttr) overlaps(i int, in []tensor.Tensor) bool {
	p := a.place(i)
	for j := range i {
		q := a.place(j)
		apart := in[i].Len() == 0 || in[j].Len() == 0
		for ax := range int(a.shape.Rank) {
			lo, hi := p.Lo[ax], p.Lo[ax]+(in[i].Dim[ax]-1)*p.Step[ax]
			from, to := q.Lo[ax], q.Lo[ax]+(in[j].Dim[ax]-1)*q.Step[ax]
			interleaved := p.Step[ax] == q.Step[ax] && (lo-from)%p.Step[ax] != 0
			apart = apart || hi < from || to < lo || interleaved
		}
		if !apart {
			return true
		}
	}
	return false
}

// bindClear sets a contiguous tensor to zero.
func bindClear(x tensor.Tensor, pool *kernels.Pool) func() {
	if x.Len() == 0 {
		return func() {}
	}
	if x.DType.Real() == tensor.Float32 {
		return clearOf(tensor.Span[float32](x), pool)
	}
	return clearOf(tensor.Span[float64](x), pool)
}

func clearOf[T kernels.Float](s []T, pool *kernels.Pool) func() {
	work := func(_, lo, hi int) { clear(s[lo:hi]) }
	return func() { pool.For(len(s), 1<<15, work) }
}

// bindAddTo binds dst += src for tensors of one shape and any strides.
func bindAddTo(dst, src tensor.Tensor, pool *kernels.Pool, level kernels.Level) func() {
	if dst.DType.Real() == tensor.Float32 {
		return addTo[float32](dst, src, pool, level)
	}
	return addTo[float64](dst, src, pool, level)
}

func addTo[T kernels.Float](dst, src tensor.Tensor, pool *kernels.Pool, level kernels.Level) func() {
	l := newLoop([]tensor.Tensor{dst, src})
	if dst.Len() == 0 {
		return func() {}
	}
	d0, s0, w := dst.Pointer(), src.Pointer(), words(dst.DType)
	size := w * int(unsafe.Sizeof(T(0)))
	add, n, ds, ss := kernels.Lookup[T]("add", level), l.n, l.inner[0]*size, l.inner[1]*size
	work := func(_, lo, hi int) {
		for r := lo; r < hi; r++ {
			d := unsafe.Add(d0, l.offset(0, r)*size)
			s := unsafe.Add(s0, l.offset(1, r)*size)
			if ds == size && ss == size {
				x := unsafe.Slice((*T)(d), n*w)
				add(x, x, unsafe.Slice((*T)(s), n*w), nil, 0, 0)
				continue
			}
			for i := range n {
				for k := range w {
					*(*T)(unsafe.Add(d, i*ds+k*size/w)) += *(*T)(unsafe.Add(s, i*ss+k*size/w))
				}
			}
		}
	}
	grain := max(1, 1<<13/max(n*w, 1))
	return func() { pool.For(l.rows(), grain, work) }
}

// unsafeBytes returns the bytes of contiguous host tensor x.
func unsafeBytes(x tensor.Tensor) []byte {
	if x.Len() == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(x.Pointer()), x.Bytes())
}
