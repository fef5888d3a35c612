package optim

import (
	"math"
	"unsafe"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// A body runs an op over the blocks of its images, several at once. Every
// block leaves width partial results; those of an image are joined in the order
// of its blocks, so that neither threads nor other images change them.
type body[T, H kernels.Float] struct {
	pool         *kernels.Pool
	level        kernels.Level
	images, size int
	step, per    int // elements of a block, blocks of an image
	width, rows  int // results of a block, rows of the history
	part         []float64
	on           func(n int) bool
	block        func(k *scratch[T], n, lo, hi int, part []float64)
	tmp          []scratch[T]
	work         func(worker, lo, hi int)

	searches, rings tensor.Tensor
	s               []search // read at the start of every run
	r               []ring
	slots           []T
	dot             kernels.Reduction[T]
	fma, fill, sub  kernels.Elementwise[T]
	scale, add      kernels.Elementwise[T]
}

// scratch is memory of one worker.
type scratch[T kernels.Float] struct {
	a, b, c []T
	sums    *kernels.RowSums
}

// newBody returns a body for images of the given size, in blocks of as many
// elements as those of a history of type in, or of a reduction.
func newBody[T, H kernels.Float](b *autograd.Bind, images, size, width int) *body[T, H] {
	k := &body[T, H]{pool: b.Pool, level: b.Level, images: images, size: size, width: width, step: kernels.Block,
		s: make([]search, images), r: make([]ring, images), tmp: make([]scratch[T], b.Pool.Threads()),
		dot: kernels.LookupReduction[T]("dot", b.Level)}
	for i := range b.In {
		if b.In[i].Rank == 4 {
			k.step, k.rows = b.In[i].Dim[3], b.In[i].Dim[2]
		}
	}
	k.per = (size + k.step - 1) / k.step
	k.fma, k.fill, k.sub = kernels.Lookup[T]("fma", b.Level), kernels.Lookup[T]("fill", b.Level), kernels.Lookup[T]("sub", b.Level)
	k.scale, k.add = kernels.Lookup[T]("scale", b.Level), kernels.Lookup[T]("add", b.Level)
	k.part = make([]float64, images*k.per*width)
	for i := range k.tmp {
		k.tmp[i] = scratch[T]{make([]T, k.step), make([]T, k.step), make([]T, k.step), new(kernels.RowSums)}
	}
	k.work = func(worker, lo, hi int) {
		for u := lo; u < hi; u++ {
			if n, from := u/k.per, u%k.per*k.step; k.on(n) {
				k.block(&k.tmp[worker], n, from, min(from+k.step, size), k.part[u*width:(u+1)*width])
			}
		}
	}
	k.on = func(int) bool { return true }
	return k
}

// ofGradients returns a body for an op with the arguments (slots, search, a
// history, ring) from argument i on, restricted to images that ask for a direction.
func ofGradients[T, H kernels.Float](b *autograd.Bind, i, width int) *body[T, H] {
	k := newBody[T, H](b, b.In[i].Dim[0], b.In[i].Dim[2], width)
	k.slots = tensor.Span[T](b.Contiguous(i))
	return k.whereActive(b.In[i+1], b.In[i+3])
}

// whereActive gives k its searches and rings and restricts it to the images that
// ask for a direction.
func (k *body[T, H]) whereActive(searches, rings tensor.Tensor) *body[T, H] {
	k.searches, k.rings = searches, rings
	k.on = func(n int) bool { return k.s[n].Active != 0 }
	return k
}

// writesOver returns f for an op whose result is its first argument but for what
// f writes.
func writesOver(b *autograd.Bind, f func()) func() {
	if b.Out == b.In[0] {
		return f
	}
	return func() {
		tensor.Copy(b.Out, b.In[0])
		f()
	}
}

// read takes the states of the images for this run.
func (k *body[T, H]) read() {
	for n := range k.images {
		if k.searches.Mem != nil {
			k.s[n] = searchOf(&k.searches, n)
		}
		if k.rings.Mem != nil {
			k.r[n] = ringOf(&k.rings, n)
		}
	}
}

func (k *body[T, H]) run() {
	k.read()
	k.pool.For(k.images*k.per, 1, k.work)
}

// sum joins result j of the blocks of image n.
func (k *body[T, H]) sum(n, j int) float64 {
	total := 0.
	for i := range k.per {
		total += k.part[(n*k.per+i)*k.width+j]
	}
	return total
}

// largest is sum for a maximum of absolute values; NaN passes.
func (k *body[T, H]) largest(n, j int) float64 {
	top := 0.
	for i := range k.per {
		top = math.Max(top, k.part[(n*k.per+i)*k.width+j])
	}
	return top
}

func (k *body[T, H]) image(x []T, n, lo, hi int) []T { return x[n*k.size+lo : n*k.size+hi] }

// slot returns a part of the gradient in a slot.
func (k *body[T, H]) slot(slot float64, n, lo, hi int) []T {
	return k.image(k.slots, n*gradientSlots+slotNumber(slot), lo, hi)
}

// gradient returns a part of the gradient at x.
func (k *body[T, H]) gradient(n, lo, hi int) []T { return k.slot(k.s[n].At, n, lo, hi) }

// pairs returns the block that begins at element lo of image n, of rows from the
// given one on, one after the other.
func (k *body[T, H]) pairs(h []H, n, row, lo int) []H {
	return h[((n*k.per+lo/k.step)*k.rows+row)*k.step:]
}

// row returns a part, within a block, of a row of a history.
func (k *body[T, H]) row(h []H, n, row, lo, hi int) []H { return k.pairs(h, n, row, lo)[:hi-lo] }

// inWork returns a part of the row in work.
func (k *body[T, H]) inWork(h []H, n, lo, hi int) []H {
	return k.row(h, n, k.r[n].work(k.rows), lo, hi)
}

// used returns how many rows from the first on have all pairs of image n.
func (k *body[T, H]) used(n int) int {
	if r := &k.r[n]; r.work(k.rows) >= r.count(k.rows) {
		return r.work(k.rows)
	}
	return k.rows
}

// axpy adds c·x to dst; tmp is memory.
func (k *body[T, H]) axpy(dst []T, c float64, x, tmp []T) {
	tmp = tmp[:len(dst)]
	k.fill(tmp, nil, nil, nil, T(c), 0)
	k.fma(dst, x, tmp, dst, 0, 0)
}

// as returns x as values of T, which is X: generic code cannot see that.
func as[T, X kernels.Float](x []X) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

func sameType[T, X kernels.Float]() bool { return unsafe.Sizeof(T(0)) == unsafe.Sizeof(X(0)) }

// wide returns x as T: itself, or converted into tmp.
func wide[T, H kernels.Float](tmp []T, x []H, l kernels.Level) []T {
	if sameType[T, H]() {
		return as[T](x)
	}
	tmp = tmp[:len(x)]
	kernels.Convert64(as[float64](tmp), as[float32](x), l)
	return tmp
}

// widen sets dst to x.
func widen[T, H kernels.Float](dst []T, x []H, l kernels.Level) {
	if sameType[T, H]() {
		copy(dst, as[T](x))
		return
	}
	kernels.Convert64(as[float64](dst), as[float32](x), l)
}

// narrow sets dst to x, rounded where needed.
func narrow[H, T kernels.Float](dst []H, x []T, l kernels.Level) {
	if sameType[H, T]() {
		copy(dst, as[H](x))
		return
	}
	kernels.Convert32(as[float32](dst), as[float64](x), l)
}

// byTypes binds the body for the element types of images and history.
func byTypes(b *autograd.Bind, images, history tensor.DType, f64, mixed, f32 func(b *autograd.Bind) func()) func() {
	switch {
	case b.Out.Len() == 0:
		return func() {}
	case images == tensor.Float32:
		return f32(b)
	case history == tensor.Float32:
		return mixed(b)
	}
	return f64(b)
}

func bindInWork(b *autograd.Bind) func() {
	return byTypes(b, b.Out.DType, b.In[0].DType, inWorkBody[float64, float64], inWorkBody[float64, float32], inWorkBody[float32, float32])
}

func inWorkBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, H](b, b.Out.Dim[0], b.Out.Dim[1], 0)
	k.rings = b.In[1]
	d, out := tensor.Span[H](b.Contiguous(0)), tensor.Slice[T](b.Out)
	k.block = func(_ *scratch[T], n, lo, hi int, _ []float64) {
		widen(k.image(out, n, lo, hi), k.inWork(d, n, lo, hi), k.level)
	}
	return k.run
}

func bindMeasure(b *autograd.Bind) func() {
	return byTypes(b, b.In[0].DType, b.In[0].DType, measureBody[float64], nil, measureBody[float32])
}

func measureBody[T kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, T](b, b.In[0].Dim[0], b.In[0].Dim[1], measureColumns)
	g, d, out := tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Contiguous(1)), tensor.Slice[float64](b.Out)
	abssum, sumsq := kernels.LookupReduction[T]("abssum", b.Level), kernels.LookupReduction[T]("sumsq", b.Level)
	low, high := kernels.LookupReduction[T]("min", b.Level), kernels.LookupReduction[T]("max", b.Level)
	k.block = func(_ *scratch[T], n, lo, hi int, part []float64) {
		u, v := k.image(g, n, lo, hi), k.image(d, n, lo, hi)
		part[0], part[1], part[3] = k.dot(u, v), abssum(u, nil), sumsq(u, nil)
		part[2] = math.Max(high(u, nil), -low(u, nil))
		part[4] = math.Max(high(v, nil), -low(v, nil))
	}
	return func() {
		k.run()
		for n := range k.images {
			m := out[n*measureColumns:][:measureColumns]
			m[0], m[1], m[2], m[3], m[4] = k.sum(n, 0), k.sum(n, 1), k.largest(n, 2), k.sum(n, 3), k.largest(n, 4)
		}
	}
}

func bindKeep(b *autograd.Bind) func() {
	return byTypes(b, b.Out.DType, b.Out.DType, keepBody[float64], nil, keepBody[float32])
}

func keepBody[T kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, T](b, b.Out.Dim[0], b.Out.Dim[2], 0)
	k.slots, k.searches = tensor.Slice[T](b.Out), b.In[2]
	k.on = func(n int) bool { return k.s[n].Written >= 0 }
	g := tensor.Span[T](b.Contiguous(1))
	k.block = func(_ *scratch[T], n, lo, hi int, _ []float64) {
		copy(k.slot(k.s[n].Written, n, lo, hi), k.image(g, n, lo, hi))
	}
	return writesOver(b, k.run)
}

func bindSecant(b *autograd.Bind) func() {
	return byTypes(b, b.In[1].DType, b.Out.DType, secantBody[float64, float64], secantBody[float64, float32], secantBody[float32, float32])
}

func secantBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, H](b, b.Out.Dim[0], b.In[1].Dim[2], 0).whereActive(b.In[3], b.In[2])
	k.slots = tensor.Span[T](b.Contiguous(1))
	y := tensor.Slice[H](b.Out)
	k.block = func(tmp *scratch[T], n, lo, hi int, _ []float64) {
		a := tmp.a[:hi-lo]
		k.sub(a, k.gradient(n, lo, hi), k.slot(k.s[n].Before, n, lo, hi), nil, 0, 0)
		narrow(k.inWork(y, n, lo, hi), a, k.level)
	}
	return writesOver(b, k.run)
}

func bindCurvature(b *autograd.Bind) func() {
	return byTypes(b, b.In[0].DType, b.In[0].DType, curvatureBody[float64], nil, curvatureBody[float32])
}

func curvatureBody[H kernels.Float](b *autograd.Bind) func() {
	typ := b.In[0].Type
	k := newBody[H, H](b, typ.Dim[0], typ.Dim[1]*typ.Dim[3], 2).whereActive(b.In[3], b.In[2])
	y, d, out := tensor.Span[H](b.Contiguous(0)), tensor.Span[H](b.Contiguous(1)), tensor.Slice[float64](b.Out)
	sumsq := kernels.LookupReduction[H]("sumsq", b.Level)
	k.block = func(_ *scratch[H], n, lo, hi int, part []float64) {
		v := k.inWork(y, n, lo, hi)
		part[0], part[1] = k.dot(v, k.inWork(d, n, lo, hi)), sumsq(v, nil)
	}
	return func() {
		k.run()
		for n := range k.images {
			if k.on(n) {
				out[2*n], out[2*n+1] = k.sum(n, 0), k.sum(n, 1)
			}
		}
	}
}

func bindMoved(b *autograd.Bind) func() {
	return byTypes(b, b.In[1].DType, b.Out.DType, movedBody[float64, float64], movedBody[float64, float32], movedBody[float32, float32])
}

func movedBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, H](b, b.Out.Dim[0], b.Out.Dim[1], 0)
	d, moved, began := tensor.Span[T](b.Contiguous(1)), tensor.Slice[H](b.Out), make([]bool, k.images)
	before := b.In[2]
	k.searches = b.In[3]
	k.on = func(n int) bool { return began[n] || k.s[n].Move != 0 }
	k.block = func(tmp *scratch[T], n, lo, hi int, _ []float64) {
		to := moved[n*k.size+lo : n*k.size+hi]
		if began[n] {
			clear(to)
		}
		v := tmp.a[:hi-lo]
		k.scale(v, k.image(d, n, lo, hi), nil, nil, T(k.s[n].Move), 0)
		k.add(v, v, wide(tmp.b, to, k.level), nil, 0, 0)
		narrow(to, v, k.level)
	}
	return writesOver(b, func() {
		for n := range began {
			s := searchOf(&before, n)
			began[n] = s.Began != 0
		}
		k.run()
	})
}

func bindChange(b *autograd.Bind) func() {
	return byTypes(b, b.In[0].DType, b.In[0].DType, changeBody[float64], nil, changeBody[float32])
}

func changeBody[H kernels.Float](b *autograd.Bind) func() {
	k := newBody[H, H](b, b.In[0].Dim[0], b.In[0].Dim[1], 1)
	moved, out := tensor.Span[H](b.Contiguous(0)), tensor.Slice[float64](b.Out)
	sumsq := kernels.LookupReduction[H]("sumsq", b.Level)
	k.searches = b.In[1]
	k.on = func(n int) bool { return k.s[n].Ended != 0 }
	k.block = func(_ *scratch[H], n, lo, hi int, part []float64) {
		part[0] = sumsq(k.image(moved, n, lo, hi), nil)
	}
	return func() {
		k.run()
		for n := range out {
			if out[n] = 0; k.on(n) {
				out[n] = math.Sqrt(k.sum(n, 0))
			}
		}
	}
}
