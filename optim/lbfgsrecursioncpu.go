package optim

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

func bindProducts(b *autograd.Bind) func() {
	return byTypes(b, b.In[0].DType, b.In[2].DType, productsBody[float64, float64], productsBody[float64, float32], productsBody[float32, float32])
}

func productsBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := ofGradients[T, H](b, 0, b.In[2].Dim[2])
	d, dots := tensor.Span[H](b.Contiguous(2)), kernels.LookupDotRows[H](b.Level)
	old, out := tensor.Span[float64](b.Contiguous(4)), tensor.Slice[float64](b.Out)
	k.block = func(tmp *scratch[T], n, lo, hi int, part []float64) {
		g := as[H](tmp.a)[:hi-lo] // the gradient in the precision of the history
		narrow(g, k.gradient(n, lo, hi), k.level)
		dots(tmp.sums, part[:k.used(n)], k.pairs(d, n, 0, lo), k.step, g)
	}
	return func() {
		k.run()
		for n := range k.images {
			if k.on(n) {
				table := out[n*2*k.rows:][:2*k.rows]
				clear(table)
				for age := range k.r[n].count(k.rows) {
					row := k.r[n].row(age, k.rows)
					table[2*row], table[2*row+1] = k.r[n].products(row, k.sum(n, row), old[n*k.rows+row])
				}
			}
		}
	}
}

func bindDescend(b *autograd.Bind) func() {
	return byTypes(b, b.In[0].DType, b.Out.DType, descendBody[float64, float64], descendBody[float64, float32], descendBody[float32, float32])
}

// leftOverlaps are what opDescend leaves for opOverlaps: the results of its blocks.
type leftOverlaps struct{ sum func(n, row int) float64 }

func keptOverlaps(b *autograd.Bind) *leftOverlaps {
	return b.Kept(2, "overlaps", func() any { return new(leftOverlaps) }).(*leftOverlaps)
}

// descendBody takes the overlaps of each block of its result while the block of the
// history is near, which saves a pass over it.
func descendBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := ofGradients[T, H](b, 0, b.In[2].Dim[2])
	y, out, alphas := tensor.Span[H](b.Contiguous(2)), tensor.Slice[H](b.Out), tensor.Span[float64](b.Contiguous(4))
	parts, dots := make([]H, k.images*k.rows), kernels.LookupDotRows[H](b.Level)
	sub, overlaps := kernels.Lookup[H]("sub", b.Level), bool(b.Attr.(overlapped))
	start := initialOf[H](b, 5)
	k.block = func(tmp *scratch[T], n, lo, hi int, part []float64) {
		q, g := out[n*k.size+lo:n*k.size+hi], as[H](tmp.b)[:hi-lo]
		clear(q)
		kernels.AddRows(q, k.pairs(y, n, 0, lo), k.step, parts[n*k.rows:][:k.used(n)], k.level)
		narrow(g, k.gradient(n, lo, hi), k.level)
		sub(q, q, g, nil, 0, 0)
		start(q, n, lo)
		if overlaps {
			dots(tmp.sums, part[:k.used(n)], k.pairs(y, n, 0, lo), k.step, q)
		}
	}
	if overlaps {
		keptOverlaps(b).sum = k.sum
	}
	return func() {
		setParts(parts, &k.rings, k.rows, -1, alphas)
		k.run()
	}
}

// initialOf multiplies a part of a vector of image n, from element lo on, by argument i:
// one number for each image, repeated, or for each element.
func initialOf[H kernels.Float](b *autograd.Bind, i int) func(q []H, n, lo int) {
	if h := b.In[i]; h.Stride[1] == 0 {
		scale, gains := kernels.Lookup[H]("scale", b.Level), tensor.Span[H](h)
		return func(q []H, n, _ int) { scale(q, q, nil, nil, gains[n*h.Stride[0]], 0) }
	}
	mul, gains, size := kernels.Lookup[H]("mul", b.Level), tensor.Span[H](b.Contiguous(i)), b.In[i].Dim[1]
	return func(q []H, n, lo int) { mul(q, q, gains[n*size+lo:][:len(q)], nil, 0, 0) }
}

// setParts takes the coefficients c of pairs, times sign.
func setParts[H kernels.Float](parts []H, rings *tensor.Tensor, rows int, sign float64, c []float64) {
	clear(parts)
	for n := range rings.Dim[0] {
		r := ringOf(rings, n)
		for age := range r.count(rows) {
			i := n*rows + r.row(age, rows)
			parts[i] = H(sign * c[i])
		}
	}
}

func bindOverlaps(b *autograd.Bind) func() {
	return byTypes(b, b.In[0].DType, b.In[0].DType, overlapsBody[float64], nil, overlapsBody[float32])
}

func overlapsBody[H kernels.Float](b *autograd.Bind) func() {
	k := newBody[H, H](b, b.In[0].Dim[0], b.In[0].Dim[1], b.In[2].Dim[2]).whereActive(b.In[1], b.In[3])
	q, y, out := tensor.Span[H](b.Contiguous(0)), tensor.Span[H](b.Contiguous(2)), tensor.Slice[float64](b.Out)
	dots, left := kernels.LookupDotRows[H](b.Level), new(leftOverlaps)
	if b.Attr.(overlapped) {
		left = keptOverlaps(b)
	}
	k.block = func(tmp *scratch[H], n, lo, hi int, part []float64) {
		dots(tmp.sums, part[:k.used(n)], k.pairs(y, n, 0, lo), k.step, k.image(q, n, lo, hi))
	}
	return func() {
		sum, run := left.sum, k.read
		if sum == nil { // this op is bound alone
			sum, run = k.sum, k.run
		}
		run()
		for n := range k.images {
			if !k.on(n) {
				continue
			}
			clear(out[n*k.rows:][:k.rows])
			for age := range k.r[n].count(k.rows) {
				row := k.r[n].row(age, k.rows)
				out[n*k.rows+row] = sum(n, row)
			}
		}
	}
}

func bindDirection(b *autograd.Bind) func() {
	return byTypes(b, b.Out.DType, b.Out.DType, directionBody[float64], nil, directionBody[float32])
}

func directionBody[H kernels.Float](b *autograd.Bind) func() {
	k := newBody[H, H](b, b.In[1].Dim[0], b.In[1].Dim[1], 0).whereActive(b.In[2], b.In[3])
	q, d, shares := tensor.Span[H](b.Contiguous(1)), tensor.Slice[H](b.Out), tensor.Span[float64](b.Contiguous(4))
	parts := make([]H, k.images*k.rows)
	k.block = func(tmp *scratch[H], n, lo, hi int, _ []float64) {
		sum := tmp.a[:hi-lo] // the row in work is among those that are read
		clear(sum)
		kernels.AddRows(sum, k.pairs(d, n, 0, lo), k.step, parts[n*k.rows:][:k.used(n)], k.level)
		k.add(k.inWork(d, n, lo, hi), sum, k.image(q, n, lo, hi), nil, 0, 0)
	}
	return writesOver(b, func() {
		setParts(parts, &k.rings, k.rows, 1, shares)
		k.run()
	})
}

func bindTwoLoop(b *autograd.Bind) func() {
	return byTypes(b, b.In[1].DType, b.Out.DType, twoLoopBody[float64, float64], twoLoopBody[float64, float32], twoLoopBody[float32, float32])
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
	k := newBody[T, H](b, b.In[1].Dim[0], b.In[1].Dim[2], 1)
	k.slots, k.searches, k.rings = tensor.Span[T](b.Contiguous(1)), b.In[2], b.In[4]
	d, y := tensor.Slice[H](b.Out), tensor.Span[H](b.Contiguous(3))
	pairs, q, alpha := b.In[5], make([]T, k.size), make([]float64, k.rows)
	image, s := 0, sweep{}
	vector := func(tmp []T, v pairVector, lo, hi int) []T {
		h := y
		if v.kind == 'd' {
			h = d
		}
		return wide(tmp, k.row(h, image, v.row, lo, hi), k.level)
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
			return
		}
		narrow(k.inWork(d, image, lo, hi), p, k.level)
	}
	do := func(next sweep) float64 {
		s = next
		k.pool.For(k.images*k.per, 1, k.work)
		return k.sum(image, 0)
	}
	return writesOver(b, func() {
		k.read()
		for image = range k.images {
			if k.s[image].Active != 0 {
				twoLoop(&k.r[image], k.rows, func(row int) (tau, ys float64) { return pairOf(&pairs, &k.r[image], image, row) }, alpha, do)
			}
		}
	})
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
	return byTypes(b, b.In[0].DType, b.In[2].DType, slopeBody[float64, float64], slopeBody[float64, float32], slopeBody[float32, float32])
}

func slopeBody[T, H kernels.Float](b *autograd.Bind) func() {
	k := ofGradients[T, H](b, 0, 1)
	d, out := tensor.Span[H](b.Contiguous(2)), tensor.Slice[float64](b.Out)
	k.block = func(tmp *scratch[T], n, lo, hi int, part []float64) {
		part[0] = k.dot(k.gradient(n, lo, hi), wide(tmp.a, k.inWork(d, n, lo, hi), k.level))
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
