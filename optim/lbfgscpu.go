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
	pool             *kernels.Pool
	level            kernels.Level
	images, size     int
	per, width, rows int // blocks of an image, results of a block, rows of the history
	part             []float64
	on               func(n int) bool
	block            func(k *scratch[T], n, lo, hi int, part []float64)
	tmp              []scratch[T]
	work             func(worker, lo, hi int)

	searches, rings tensor.Tensor
	s               []search // read at the start of every run
	r               []ring
	g, slots        []T
	d, y, fresh     []H
	dot             kernels.Reduction[T]
	fma, fill, sub  kernels.Elementwise[T]
	scale, add      kernels.Elementwise[T]
}

// scratch is memory of one worker.
type scratch[T kernels.Float] struct{ a, b, c []T }

// newBody binds the arguments that all ops share: argument x of images, and
// those that begin with search, gradients, slots and a history, where present.
func newBody[T, H kernels.Float](b *autograd.Bind, width int) *body[T, H] {
	images, size := b.In[0].Dim[0], b.In[0].Dim[1]
	k := &body[T, H]{pool: b.Pool, level: b.Level, images: images, size: size, width: width, per: (size + kernels.Block - 1) / kernels.Block,
		s: make([]search, images), r: make([]ring, images), tmp: make([]scratch[T], b.Pool.Threads()),
		dot: kernels.LookupReduction[T]("dot", b.Level)}
	k.fma, k.fill, k.sub = kernels.Lookup[T]("fma", b.Level), kernels.Lookup[T]("fill", b.Level), kernels.Lookup[T]("sub", b.Level)
	k.scale, k.add = kernels.Lookup[T]("scale", b.Level), kernels.Lookup[T]("add", b.Level)
	k.part = make([]float64, images*k.per*width)
	for i := range k.tmp {
		k.tmp[i] = scratch[T]{make([]T, kernels.Block), make([]T, kernels.Block), make([]T, kernels.Block)}
	}
	k.work = func(worker, lo, hi int) {
		for u := lo; u < hi; u++ {
			if n, from := u/k.per, u%k.per*kernels.Block; k.on(n) {
				k.block(&k.tmp[worker], n, from, min(from+kernels.Block, size), k.part[u*width:(u+1)*width])
			}
		}
	}
	k.g = tensor.Span[T](b.Contiguous(0))
	k.on = func(int) bool { return true }
	return k
}

// withSearch binds the arguments (g, slots, search) and restricts the body to
// images that ask for a direction.
func (k *body[T, H]) withSearch(b *autograd.Bind) *body[T, H] {
	k.slots, k.searches = tensor.Span[T](b.Contiguous(1)), b.In[2]
	k.on = func(n int) bool { return k.s[n].Active != 0 }
	return k
}

// withPairs binds the new y and the ring, which follow the history in argument i.
func (k *body[T, H]) withPairs(b *autograd.Bind, i int) *body[T, H] {
	k.fresh, k.rings, k.rows = tensor.Span[H](b.Contiguous(i+1)), b.In[i+2], b.In[i].Dim[1]
	return k
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

// gradient returns a part of the gradient at x.
func (k *body[T, H]) gradient(n, lo, hi int) []T {
	if s := &k.s[n]; s.At != s.Written {
		return k.slot(s.At, n, lo, hi)
	}
	return k.image(k.g, n, lo, hi)
}

func (k *body[T, H]) slot(slot float64, n, lo, hi int) []T {
	return k.image(k.slots, n*gradientSlots+slotNumber(slot), lo, hi)
}

// direction and change return a part of the row of a pair, as T; tmp is memory
// for that.
func (k *body[T, H]) direction(tmp []T, n, row, lo, hi int) []T {
	at := (n*k.rows + row) * k.size
	return wide(tmp, k.d[at+lo:at+hi], k.level)
}

func (k *body[T, H]) change(tmp []T, n, row, lo, hi int) []T {
	if float64(row) == k.r[n].Pair {
		return wide(tmp, k.fresh[n*k.size+lo:n*k.size+hi], k.level)
	}
	at := (n*k.rows + row) * k.size
	return wide(tmp, k.y[at+lo:at+hi], k.level)
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

// narrow sets dst to x, rounded where needed.
func narrow[H, T kernels.Float](dst []H, x []T, l kernels.Level) {
	if sameType[H, T]() {
		copy(dst, as[H](x))
		return
	}
	kernels.Convert32(as[float32](dst), as[float64](x), l)
}

// byTypes binds the body for the element types of images and history.
func byTypes(b *autograd.Bind, history tensor.DType, f64, mixed, f32 func(b *autograd.Bind) func()) func() {
	switch {
	case b.In[0].Len() == 0:
		return func() {}
	case b.In[0].DType == tensor.Float32:
		return f32(b)
	case history == tensor.Float32:
		return mixed(b)
	}
	return f64(b)
}

func bindMeasure(b *autograd.Bind) func() {
	return byTypes(b, b.In[0].DType, measureBody[float64], nil, measureBody[float32])
}

func measureBody[T kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, T](b, measureColumns)
	y, out := tensor.Span[T](b.Contiguous(1)), tensor.Slice[float64](b.Out)
	abssum, sumsq := kernels.LookupReduction[T]("abssum", b.Level), kernels.LookupReduction[T]("sumsq", b.Level)
	low, high := kernels.LookupReduction[T]("min", b.Level), kernels.LookupReduction[T]("max", b.Level)
	k.block = func(_ *scratch[T], n, lo, hi int, part []float64) {
		u, v := k.image(k.g, n, lo, hi), k.image(y, n, lo, hi)
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

func bindSecant(b *autograd.Bind) func() {
	return byTypes(b, b.Out.DType, secantBody[float64, float64], secantBody[float64, float32], secantBody[float32, float32])
}

func secantBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, H](b, 0).withSearch(b)
	out := tensor.Slice[H](b.Out)
	k.block = func(tmp *scratch[T], n, lo, hi int, _ []float64) {
		a := tmp.a[:hi-lo]
		k.sub(a, k.gradient(n, lo, hi), k.slot(k.s[n].Before, n, lo, hi), nil, 0, 0)
		narrow(out[n*k.size+lo:n*k.size+hi], a, k.level)
	}
	return k.run
}

func bindProducts(b *autograd.Bind) func() {
	return byTypes(b, b.In[3].DType, productsBody[float64, float64], productsBody[float64, float32], productsBody[float32, float32])
}

func productsBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, H](b, b.In[3].Dim[1]+1).withSearch(b).withPairs(b, 3)
	k.d = tensor.Span[H](b.Contiguous(3))
	old, out := tensor.Span[float64](b.Contiguous(6)), tensor.Slice[float64](b.Out)
	dot := kernels.LookupReduction[H]("dot", b.Level)
	k.block = func(tmp *scratch[T], n, lo, hi int, part []float64) {
		r := &k.r[n]
		g := as[H](tmp.a)[:hi-lo] // the gradient in the precision of the history
		if g32 := k.gradient(n, lo, hi); sameType[T, H]() {
			g = as[H](g32)
		} else {
			narrow(g, g32, k.level)
		}
		for age := range r.count(k.rows) {
			row := r.row(age, k.rows)
			at := (n*k.rows + row) * k.size
			d := k.d[at+lo : at+hi]
			if part[age] = dot(d, g); float64(row) == r.Pair {
				part[k.rows] = dot(d, k.fresh[n*k.size+lo:n*k.size+hi])
			}
		}
	}
	return func() {
		k.run()
		for n := range k.images {
			if !k.on(n) {
				continue
			}
			table := out[n*2*k.rows:][:2*k.rows]
			clear(table)
			for age := range k.r[n].count(k.rows) {
				row := k.r[n].row(age, k.rows)
				p := table[2*row:][:2]
				p[1] = k.sum(n, age)
				if p[0] = p[1] - old[n*k.rows+row]; float64(row) == k.r[n].Pair {
					p[0] = k.sum(n, k.rows)
				}
			}
		}
	}
}

// A combination adds multiples of the rows of a history to a vector.
type combination[H kernels.Float] struct {
	parts []H       // of the rows
	fresh []float64 // of the new y
	used  []int     // rows that can have a part
}

// set takes the coefficients c of image n, times sign; split says that the part of
// the newest pair belongs to the new y, which is not among the rows.
func (p *combination[H]) set(r *ring, n, rows int, sign float64, c []float64, split bool) {
	of := p.parts[n*rows:][:rows]
	clear(of)
	p.fresh[n], p.used[n] = 0, 0
	for age := range r.count(rows) {
		i := r.row(age, rows)
		p.used[n] = max(p.used[n], i+1)
		if of[i] = H(sign * c[n*rows+i]); split && float64(i) == r.Pair {
			p.fresh[n], of[i] = sign*c[n*rows+i], 0
		}
	}
}

func newCombination[H kernels.Float](images, rows int) combination[H] {
	return combination[H]{make([]H, images*rows), make([]float64, images), make([]int, images)}
}

func bindDescend(b *autograd.Bind) func() {
	return byTypes(b, b.Out.DType, descendBody[float64, float64], descendBody[float64, float32], descendBody[float32, float32])
}

func descendBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, H](b, 0).withSearch(b).withPairs(b, 3)
	k.y = tensor.Span[H](b.Contiguous(3))
	out, alphas := tensor.Slice[H](b.Out), tensor.Span[float64](b.Contiguous(6))
	p := newCombination[H](k.images, k.rows)
	fma, fill, sub, scale := kernels.Lookup[H]("fma", b.Level), kernels.Lookup[H]("fill", b.Level), kernels.Lookup[H]("sub", b.Level), kernels.Lookup[H]("scale", b.Level)
	scaled, gamma := b.Attr.(bool), make([]float64, k.images)
	k.block = func(tmp *scratch[T], n, lo, hi int, _ []float64) {
		dst, m := out[n*k.size+lo:n*k.size+hi], hi-lo
		g, with := as[H](tmp.b)[:m], as[H](tmp.c)[:m]
		combine(dst, &p, k.y, n, lo, k.size, k.rows, k.level)
		fill(with, nil, nil, nil, H(p.fresh[n]), 0)
		fma(dst, with, k.fresh[n*k.size+lo:n*k.size+hi], dst, 0, 0)
		narrow(g, k.gradient(n, lo, hi), k.level)
		if sub(dst, dst, g, nil, 0, 0); scaled {
			scale(dst, dst, nil, nil, H(gamma[n]), 0)
		}
	}
	return func() {
		for n := range k.images {
			r := ringOf(&k.rings, n)
			gamma[n] = r.Gamma
			p.set(&r, n, k.rows, -1, alphas, true)
		}
		k.run()
	}
}

// combine sets dst, the elements from lo of image n, to the combination of rows.
func combine[H kernels.Float](dst []H, p *combination[H], rows []H, n, lo, size, count int, l kernels.Level) {
	used := p.used[n]
	if used == 0 {
		clear(dst)
		return
	}
	kernels.Gemm(dst, len(dst), p.parts[n*count:], count, rows[n*count*size+lo:], size, 1, len(dst), used, false, false, l, nil)
}

func bindOverlaps(b *autograd.Bind) func() {
	if b.In[0].Len() == 0 {
		return func() {}
	}
	if b.In[0].DType == tensor.Float32 {
		return overlapsBody[float32](b)
	}
	return overlapsBody[float64](b)
}

func overlapsBody[H kernels.Float](b *autograd.Bind) func() {
	k := newBody[H, H](b, b.In[2].Dim[1]).withPairs(b, 2)
	k.searches, k.y = b.In[1], tensor.Span[H](b.Contiguous(2))
	k.on = func(n int) bool { return k.s[n].Active != 0 }
	out := tensor.Slice[float64](b.Out)
	k.block = func(tmp *scratch[H], n, lo, hi int, part []float64) {
		r, q := &k.r[n], k.image(k.g, n, lo, hi)
		for age := range r.count(k.rows) {
			part[age] = k.dot(k.change(nil, n, r.row(age, k.rows), lo, hi), q)
		}
	}
	return func() {
		k.run()
		for n := range k.images {
			if !k.on(n) {
				continue
			}
			clear(out[n*k.rows:][:k.rows])
			for age := range k.r[n].count(k.rows) {
				out[n*k.rows+k.r[n].row(age, k.rows)] = k.sum(n, age)
			}
		}
	}
}

func bindDirection(b *autograd.Bind) func() {
	if b.In[0].Len() == 0 {
		return func() {}
	}
	if b.In[0].DType == tensor.Float32 {
		return directionBody[float32](b)
	}
	return directionBody[float64](b)
}

func directionBody[H kernels.Float](b *autograd.Bind) func() {
	k := newBody[H, H](b, 0)
	k.searches, k.rings, k.rows = b.In[1], b.In[3], b.In[2].Dim[1]
	k.on = func(n int) bool { return k.s[n].Active != 0 }
	d, out, shares := tensor.Span[H](b.Contiguous(2)), tensor.Slice[H](b.Out), tensor.Span[float64](b.Contiguous(4))
	p := newCombination[H](k.images, k.rows)
	k.block = func(_ *scratch[H], n, lo, hi int, _ []float64) {
		dst := out[n*k.size+lo : n*k.size+hi]
		combine(dst, &p, d, n, lo, k.size, k.rows, k.level)
		k.add(dst, dst, k.image(k.g, n, lo, hi), nil, 0, 0)
	}
	return func() {
		for n := range k.images {
			r := ringOf(&k.rings, n)
			p.set(&r, n, k.rows, 1, shares, false)
		}
		k.run()
	}
}

func bindTwoLoop(b *autograd.Bind) func() {
	return byTypes(b, b.Out.DType, twoLoopBody[float64, float64], twoLoopBody[float64, float32], twoLoopBody[float32, float32])
}

// A sweep adds c·x to q, scales q and takes its inner product with z, where x
// and z are rows of pairs.
type sweep struct {
	c, scale float64
	x, z     pairVector
}

// pairVector names a vector of the history: the direction or the change of a
// pair, or none.
type pairVector struct {
	kind byte
	row  int
}

func twoLoopBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, H](b, 1).withSearch(b).withPairs(b, 4)
	k.d, k.y = tensor.Span[H](b.Contiguous(3)), tensor.Span[H](b.Contiguous(4))
	pairs, out := b.In[7], tensor.Slice[H](b.Out)
	q, alpha := make([]T, k.size), make([]float64, k.rows)
	image, s := 0, sweep{}
	vector := func(tmp []T, v pairVector, lo, hi int) []T {
		if v.kind == 'd' {
			return k.direction(tmp, image, v.row, lo, hi)
		}
		return k.change(tmp, image, v.row, lo, hi)
	}
	k.on = func(n int) bool { return n == image }
	k.block = func(tmp *scratch[T], _, lo, hi int, part []float64) {
		p := q[lo:hi]
		if s.x.kind == 'g' {
			k.scale(p, k.gradient(image, lo, hi), nil, nil, -1, 0)
		} else if s.x.kind != 0 {
			k.axpy(p, s.c, vector(tmp.a, s.x, lo, hi), tmp.b)
		}
		if s.scale != 1 {
			k.scale(p, p, nil, nil, T(s.scale), 0)
		}
		if s.z.kind != 0 {
			part[0] = k.dot(vector(tmp.a, s.z, lo, hi), p)
		}
	}
	do := func(next sweep) float64 {
		s = next
		k.pool.For(k.images*k.per, 1, k.work)
		return k.sum(image, 0)
	}
	return func() {
		k.read()
		for image = range k.images {
			if k.s[image].Active != 0 {
				twoLoop(&k.r[image], k.rows, func(row int) (tau, ys float64) { return pairOf(&pairs, &k.r[image], image, row) }, alpha, do)
				narrow(out[image*k.size:(image+1)*k.size], q, k.level)
			}
		}
	}
}

// twoLoop runs the recursion as sweeps over q, which become −H·g.
func twoLoop(r *ring, rows int, pair func(row int) (tau, ys float64), alpha []float64, do func(sweep) float64) {
	count := r.count(rows)
	next := sweep{scale: 1, x: pairVector{kind: 'g'}}
	for age := range count {
		row := r.row(age, rows)
		next.z = pairVector{'d', row}
		tau, ys := pair(row)
		alpha[age] = tau * do(next) / ys
		next = sweep{c: -alpha[age], scale: 1, x: pairVector{'y', row}}
	}
	next.scale = r.Gamma
	for age := count - 1; age >= 0; age-- {
		row := r.row(age, rows)
		next.z = pairVector{'y', row}
		tau, ys := pair(row)
		beta := do(next) / ys
		next = sweep{c: (alpha[age] - beta) * tau, scale: 1, x: pairVector{'d', row}}
	}
	do(next)
}

func bindSlope(b *autograd.Bind) func() {
	return byTypes(b, b.In[3].DType, slopeBody[float64, float64], slopeBody[float64, float32], slopeBody[float32, float32])
}

func slopeBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, H](b, 1).withSearch(b)
	d, out := tensor.Span[H](b.Contiguous(3)), tensor.Slice[float64](b.Out)
	k.block = func(tmp *scratch[T], n, lo, hi int, part []float64) {
		part[0] = k.dot(k.gradient(n, lo, hi), wide(tmp.a, d[n*k.size+lo:n*k.size+hi], k.level))
	}
	return func() {
		k.run()
		for n := range k.images {
			if k.on(n) {
				out[n] = k.sum(n, 0)
			}
		}
	}
}

func bindChange(b *autograd.Bind) func() {
	return byTypes(b, b.In[0].DType, changeBody[float64], nil, changeBody[float32])
}

func changeBody[T kernels.Float](b *autograd.Bind) func() {
	k := newBody[T, T](b, 1)
	d, origin := tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Contiguous(2))
	before, out := b.In[3], tensor.Slice[float64](b.Out)
	sumsq := kernels.LookupReduction[T]("sumsq", b.Level)
	began := make([]bool, k.images)
	k.searches = b.In[4]
	k.on = func(n int) bool { return k.s[n].Ended != 0 }
	k.block = func(tmp *scratch[T], n, lo, hi int, part []float64) {
		v, x := tmp.a[:hi-lo], k.image(k.g, n, lo, hi)
		o := k.image(origin, n, lo, hi)
		if began[n] {
			o = x
		}
		k.scale(v, k.image(d, n, lo, hi), nil, nil, T(k.s[n].Move), 0)
		k.add(v, x, v, nil, 0, 0)
		k.sub(v, v, o, nil, 0, 0)
		part[0] = sumsq(v, nil)
	}
	return func() {
		for n := range began {
			s := searchOf(&before, n)
			began[n] = s.Began != 0
		}
		k.run()
		for n := range out {
			if out[n] = 0; k.on(n) {
				out[n] = math.Sqrt(k.sum(n, 0))
			}
		}
	}
}
