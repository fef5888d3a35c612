package autograd

import (
	"unsafe"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// bindCopy binds a copy between host tensors of one type and any strides.
func bindCopy(dst, src tensor.Tensor, pool *kernels.Pool, level kernels.Level) func() {
	if dst.DType.Real() == tensor.Float32 {
		return newCopy[float32](dst, src, pool, level).run
	}
	return newCopy[float64](dst, src, pool, level).run
}

// rowCopy copies rows; the axis on which dst is contiguous is the row.
type rowCopy[T kernels.Float] struct {
	loop     loop
	dst, src unsafe.Pointer
	words    int
	pool     *kernels.Pool
	work     func(worker, lo, hi int)
	grain    int
	level    kernels.Level
	keep     [2]tensor.Memory
}

func newCopy[T kernels.Float](dst, src tensor.Tensor, pool *kernels.Pool, level kernels.Level) *rowCopy[T] {
	c := &rowCopy[T]{loop: newLoop([]tensor.Tensor{dst, src}), words: words(dst.DType), pool: pool, level: level, keep: [2]tensor.Memory{dst.Mem, src.Mem}}
	if dst.Len() == 0 {
		c.loop.dims = []int{0}
		return c
	}
	c.dst, c.src = basePointer(dst), basePointer(src)
	c.grain = max(1, 1<<14/max(c.loop.n*c.words, 1))
	c.work = func(_, lo, hi int) {
		for r := lo; r < hi; r++ {
			c.row(r)
		}
	}
	if c.loop.inner[0] == 1 && c.loop.turned(1) && c.loop.lastStride(0) >= c.loop.n {
		rows := turnedRows[T]()
		c.grain = (c.grain + rows - 1) / rows * rows
		c.work = func(_, lo, hi int) {
			for lo < hi {
				n := min(rows, c.loop.last()-lo%c.loop.last(), hi-lo)
				c.turn(lo, n)
				lo += n
			}
		}
	}
	return c
}

// turn copies rows from row r on, which follow each other along the innermost outer axis.
func (c *rowCopy[T]) turn(r, rows int) {
	size := c.words * int(unsafe.Sizeof(T(0)))
	ldd, lds, n := c.loop.lastStride(0), c.loop.inner[1], c.loop.n
	dst := unsafe.Slice((*T)(unsafe.Add(c.dst, c.loop.offset(0, r)*size)), ((rows-1)*ldd+n)*c.words)
	turn(dst, ldd, unsafe.Add(c.src, c.loop.offset(1, r)*size), lds, n, rows, c.words, c.level)
}

// turnedRows is how many rows of a transposed operand are taken at a time: where there
// is an element of one, those of the others fill a cache line.
func turnedRows[T kernels.Float]() int { return 64 / int(unsafe.Sizeof(T(0))) }

// turn makes rows of n elements of the columns at p, each of which is lds elements behind
// the one before.
func turn[T kernels.Float](dst []T, ldd int, p unsafe.Pointer, lds, n, rows, words int, level kernels.Level) {
	src := unsafe.Slice((*T)(p), ((n-1)*lds+rows)*words)
	if words == 1 {
		kernels.Transpose(dst, ldd, src, lds, n, rows, level)
	} else {
		kernels.TransposePairs(dst, ldd, src, lds, n, rows, level)
	}
}

func (c *rowCopy[T]) run() {
	if n := c.loop.rows(); n > 0 {
		c.pool.For(n, c.grain, c.work)
	}
}

func (c *rowCopy[T]) row(r int) {
	size := c.words * int(unsafe.Sizeof(T(0)))
	d := unsafe.Add(c.dst, c.loop.offset(0, r)*size)
	s := unsafe.Add(c.src, c.loop.offset(1, r)*size)
	n := c.loop.n
	if c.loop.inner[0] == 1 || n == 1 {
		dst := unsafe.Slice((*T)(d), n*c.words)
		if c.loop.inner[1] == 1 || n == 1 {
			copy(dst, unsafe.Slice((*T)(s), n*c.words))
			return
		}
		gather(dst, s, c.loop.inner[1], n, c.words)
		return
	}
	ds, ss := c.loop.inner[0]*size, c.loop.inner[1]*size
	if c.words == 1 {
		moveStrided[T](d, s, ds, ss, n)
	} else {
		moveStrided[[2]T](d, s, ds, ss, n)
	}
}

// moveStrided copies n elements that lie ds and ss bytes apart.
func moveStrided[E any](d, s unsafe.Pointer, ds, ss, n int) {
	for i := range n {
		*(*E)(unsafe.Add(d, i*ds)) = *(*E)(unsafe.Add(s, i*ss))
	}
}

// bindCast binds the conversion between float32 and float64.
func bindCast(b *Bind) func() {
	in, level := b.Contiguous(0), b.Level
	n := in.Len() * words(in.DType)
	if in.DType.Real() == b.Out.DType.Real() {
		return bindCopy(b.Out, in, b.Pool, b.Level)
	}
	if n == 0 {
		return func() {}
	}
	if b.Out.DType.Real() == tensor.Float32 {
		dst, src := tensor.Span[float32](b.Out), tensor.Span[float64](in)
		return func() { kernels.Convert32(dst, src, level) }
	}
	dst, src := tensor.Span[float64](b.Out), tensor.Span[float32](in)
	return func() { kernels.Convert64(dst, src, level) }
}
