package optim

import (
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// tangentBody does a part of the recursion for the images that ask for one, all
// in step: their vectors q and r begin as p and the normal.
type tangentBody[T kernels.Float] struct {
	pool                    *kernels.Pool
	level                   kernels.Level
	images, size, rows, per int
	normal, free            []T
	s, y                    []float32
	shares                  []float64 // (images, 3, rows)
	q, r                    [][]T     // of each image
	state                   tensor.Tensor
	search                  []tangentSearch
	part                    []float64 // width of each block
	width                   int
	tmp                     [][2][]T
	block                   func(k *tangentSearch, n, lo, hi int, tmp *[2][]T, part []float64)
	work                    func(worker, lo, hi int)
	dot                     kernels.Reduction[T]
	mul, add, sub, times    kernels.Elementwise[T]
}

// tangentSearch is where an image stands in its recursion.
type tangentSearch struct {
	active, masked bool
	count, next    int
	alpha, alphaN  []float64 // by age, as the rows of the shares
	inverse        []float64
	cq, cr         float64 // parts of the vector to add
}

// newTangentBody returns a body for argument history of b, of which free is
// another.
func newTangentBody[T kernels.Float](b *autograd.Bind, history, free int) *tangentBody[T] {
	h := b.In[history]
	k := &tangentBody[T]{pool: b.Pool, level: b.Level, images: h.Dim[0], rows: h.Dim[1], size: h.Dim[2]}
	k.per = (k.size + kernels.Block - 1) / kernels.Block
	k.free, k.state = tensor.Span[T](b.Contiguous(free)), b.In[len(b.In)-1]
	k.width = 3 * k.rows
	k.part = make([]float64, k.images*k.per*k.width)
	k.search, k.q, k.r = make([]tangentSearch, k.images), make([][]T, k.images), make([][]T, k.images)
	k.tmp = make([][2][]T, b.Pool.Threads())
	for i := range k.tmp {
		k.tmp[i] = [2][]T{make([]T, kernels.Block), make([]T, kernels.Block)}
	}
	k.dot = kernels.LookupReduction[T]("dot", b.Level)
	k.mul, k.add = kernels.Lookup[T]("mul", b.Level), kernels.Lookup[T]("add", b.Level)
	k.sub, k.times = kernels.Lookup[T]("sub", b.Level), kernels.Lookup[T]("scale", b.Level)
	k.work = func(worker, lo, hi int) {
		for u := lo; u < hi; u++ {
			n, from := u/k.per, u%k.per*kernels.Block
			if s := &k.search[n]; s.active {
				k.block(s, n, from, min(from+kernels.Block, k.size), &k.tmp[worker], k.part[u*k.width:(u+1)*k.width])
			}
		}
	}
	return k
}

// share takes the shares of all images.
func (k *tangentBody[T]) share(shares []float64) {
	k.shares = shares
	for n := range k.search {
		all := shares[3*k.rows*n:]
		k.search[n].alpha, k.search[n].alphaN, k.search[n].inverse = all[:k.rows], all[k.rows:2*k.rows], all[2*k.rows:3*k.rows]
	}
}

// each runs block over all blocks of the active images.
func (k *tangentBody[T]) each(block func(s *tangentSearch, n, lo, hi int, tmp *[2][]T, part []float64)) {
	k.block = block
	k.pool.For(k.images*k.per, 1, k.work)
}

// sum joins result j of the blocks of image n, in their order.
func (k *tangentBody[T]) sum(n, j int) float64 {
	total := 0.
	for i := range k.per {
		total += k.part[(n*k.per+i)*k.width+j]
	}
	return total
}

// vector returns a part of the step or the change of a pair, of free elements.
func (k *tangentBody[T]) vector(x []float32, s *tangentSearch, n, age, lo, hi int, tmp []T) []T {
	row := ((s.next-1-age)%k.rows + k.rows) % k.rows
	at := (n*k.rows + row) * k.size
	v := wide(tmp, x[at+lo:at+hi], k.level)
	if s.masked {
		tmp = tmp[:hi-lo]
		k.mul(tmp, v, k.free[n*k.size+lo:n*k.size+hi], nil, 0, 0)
		v = tmp
	}
	return v
}

// combine adds the parts cq and cr of v to q and r.
func (k *tangentBody[T]) combine(s *tangentSearch, n, lo, hi int, v, tmp []T) {
	q, r := k.q[n][lo:hi], k.r[n][lo:hi]
	tmp = tmp[:hi-lo]
	k.times(tmp, v, nil, nil, T(s.cq), 0)
	k.add(q, q, tmp, nil, 0, 0)
	k.times(tmp, v, nil, nil, T(s.cr), 0)
	k.add(r, r, tmp, nil, 0, 0)
}

// begin reads the states of the images and returns the most pairs that one has.
func (k *tangentBody[T]) begin() (most int) {
	for n := range k.search {
		s, row := &k.search[n], vectorOf(&k.state, n)
		s.active, s.next = row.at(0) != 0, int(row.at(2))
		s.count, s.masked = max(0, min(int(math.Ceil(row.at(1))), k.rows)), false
		if !s.active {
			continue
		}
		most = max(most, s.count)
		for _, v := range k.free[n*k.size : (n+1)*k.size] {
			if s.masked = v != 1; s.masked {
				break
			}
		}
	}
	return most
}

// curvatures finds which pairs count.
func (k *tangentBody[T]) curvatures() {
	k.each(func(s *tangentSearch, n, lo, hi int, tmp *[2][]T, part []float64) {
		for age := range s.count {
			d, y := k.vector(k.s, s, n, age, lo, hi, tmp[0]), k.vector(k.y, s, n, age, lo, hi, tmp[1])
			part[3*age], part[3*age+1], part[3*age+2] = k.dot(d, y), k.dot(d, d), k.dot(y, y)
		}
	})
	for n := range k.search {
		s := &k.search[n]
		for age := 0; s.active && age < s.count; age++ {
			ys := k.sum(n, 3*age)
			if ys > curvedEnough*math.Sqrt(k.sum(n, 3*age+1)*k.sum(n, 3*age+2)) && ys > 0 {
				s.inverse[age] = 1 / ys
			}
		}
	}
}

// products sets cq and cr to the products of a pair's vector x with q and r, over
// yᵀs.
func (k *tangentBody[T]) products(x []float32, age int) {
	k.each(func(s *tangentSearch, n, lo, hi int, tmp *[2][]T, part []float64) {
		if s.inverse[age] != 0 {
			v := k.vector(x, s, n, age, lo, hi, tmp[0])
			part[0], part[1] = k.dot(v, k.q[n][lo:hi]), k.dot(v, k.r[n][lo:hi])
		}
	})
	for n := range k.search {
		s := &k.search[n]
		if s.cq, s.cr = 0, 0; s.active && s.inverse[age] != 0 {
			s.cq, s.cr = k.sum(n, 0)*s.inverse[age], k.sum(n, 1)*s.inverse[age]
		}
	}
}

// put adds a pair's vector x to q and r.
func (k *tangentBody[T]) put(x []float32, age int) {
	k.each(func(s *tangentSearch, n, lo, hi int, tmp *[2][]T, _ []float64) {
		if s.inverse[age] != 0 {
			k.combine(s, n, lo, hi, k.vector(x, s, n, age, lo, hi, tmp[0]), tmp[1])
		}
	})
}

// take subtracts the shares of the changes of the pairs of an age.
func (k *tangentBody[T]) take(age int) {
	for n := range k.search {
		s := &k.search[n]
		s.cq, s.cr = -s.alpha[age], -s.alphaN[age]
	}
	k.put(k.y, age)
}

// tangentDType chooses the body of an op, whose argument history is a history.
func tangentDType(history int, single, double func(b *autograd.Bind) func()) func(b *autograd.Bind) func() {
	return func(b *autograd.Bind) func() {
		switch {
		case b.In[history].DType != tensor.Float32:
			return nil // Tangent keeps its history in float32
		case b.In[0].DType == tensor.Float32:
			return single(b)
		}
		return double(b)
	}
}

// spans returns the vectors of images in x, of which there are as many as stride.
func spans[T kernels.Float](x []T, images, stride, which, size int) [][]T {
	list := make([][]T, images)
	for n := range list {
		at := (n*stride + which) * size
		list[n] = x[at : at+size]
	}
	return list
}

func tangentSharesBody[T kernels.Float](b *autograd.Bind) func() {
	k := newTangentBody[T](b, 3, 2)
	k.s, k.y = tensor.Span[float32](b.Contiguous(3)), tensor.Span[float32](b.Contiguous(4))
	k.share(tensor.Slice[float64](b.Out))
	p, normal := tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Contiguous(1))
	q, r := make([]T, len(p)), make([]T, len(p))
	k.q, k.r = spans(q, k.images, 1, 0, k.size), spans(r, k.images, 1, 0, k.size)
	return func() {
		most := k.begin()
		clear(k.shares)
		copy(q, p)
		copy(r, normal)
		k.curvatures()
		for age := range most {
			k.products(k.s, age)
			for n := range k.search {
				s := &k.search[n]
				s.alpha[age], s.alphaN[age] = s.cq, s.cr
			}
			k.take(age)
		}
	}
}

func tangentDescendBody[T kernels.Float](b *autograd.Bind) func() {
	k := newTangentBody[T](b, 3, 2)
	k.y = tensor.Span[float32](b.Contiguous(3))
	k.share(tensor.Span[float64](b.Contiguous(4)))
	p, normal, out := tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Contiguous(1)), tensor.Slice[T](b.Out)
	k.q, k.r = spans(out, k.images, 2, 0, k.size), spans(out, k.images, 2, 1, k.size)
	return func() {
		most := k.begin()
		for n := range k.q {
			copy(k.q[n], p[n*k.size:])
			copy(k.r[n], normal[n*k.size:])
		}
		for age := range most {
			k.take(age)
		}
	}
}

func tangentDirectionBody[T kernels.Float](b *autograd.Bind) func() {
	k := newTangentBody[T](b, 3, 1)
	k.s, k.y = tensor.Span[float32](b.Contiguous(3)), tensor.Span[float32](b.Contiguous(4))
	k.share(tensor.Span[float64](b.Contiguous(5)))
	k.normal = tensor.Span[T](b.Contiguous(0))
	z, out := tensor.Span[T](b.Contiguous(2)), tensor.Slice[T](b.Out)
	k.q, k.r = spans(out, k.images, 1, 0, k.size), spans(make([]T, len(out)), k.images, 1, 0, k.size)
	return func() {
		most := k.begin()
		for n := range k.q {
			clear(k.q[n])
			if k.search[n].active {
				copy(k.q[n], z[2*n*k.size:])
				copy(k.r[n], z[(2*n+1)*k.size:])
			}
		}
		for age := most - 1; age >= 0; age-- {
			k.products(k.y, age)
			for n := range k.search {
				s := &k.search[n]
				s.cq, s.cr = s.alpha[age]-s.cq, s.alphaN[age]-s.cr
			}
			k.put(k.s, age)
		}
		k.project()
	}
}

// project makes q the direction.
func (k *tangentBody[T]) project() {
	k.each(func(_ *tangentSearch, n, lo, hi int, _ *[2][]T, part []float64) {
		v := k.normal[n*k.size+lo : n*k.size+hi]
		part[0], part[1] = k.dot(v, k.q[n][lo:hi]), k.dot(v, k.r[n][lo:hi])
	})
	for n := range k.search {
		s := &k.search[n]
		if s.cr = 0; s.active {
			if c := k.sum(n, 1); c > 0 {
				s.cr = k.sum(n, 0) / c
			}
		}
	}
	k.each(func(s *tangentSearch, n, lo, hi int, tmp *[2][]T, _ []float64) {
		q, v := k.q[n][lo:hi], tmp[0][:hi-lo]
		k.times(v, k.r[n][lo:hi], nil, nil, T(s.cr), 0)
		k.sub(q, v, q, nil, 0, 0)
	})
}

func bindTangentMultiplier(b *autograd.Bind) func() {
	if b.In[0].DType == tensor.Float32 {
		return tangentMultiplierBody[float32](b)
	}
	return tangentMultiplierBody[float64](b)
}

// tangentMultiplierBody ends the rounds of an image when one changes nothing.
func tangentMultiplierBody[T kernels.Float](b *autograd.Bind) func() {
	bounds, out := b.Attr.([2]float64), tensor.Slice[float64](b.Out)
	x, g, c := tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Contiguous(2))
	size := b.In[0].Dim[1]
	dot := kernels.LookupReduction[T]("dot", b.Level)
	products := func(lo, hi int) (gc, cc float64) {
		for ; lo < hi; lo += kernels.Block {
			end := min(lo+kernels.Block, hi)
			gc, cc = gc+dot(g[lo:end], c[lo:end]), cc+dot(c[lo:end], c[lo:end])
		}
		return gc, cc
	}
	low, high := T(bounds[0]), T(bounds[1])
	// What is not free is taken from the products of all.
	free := func(lo, hi int, m T, gc, cc float64) (float64, float64) {
		for i := lo; i < hi; i++ {
			if x[i] > low && x[i] < high {
				continue
			}
			if p := g[i] - m*c[i]; x[i] <= low && p > 0 || x[i] >= high && p < 0 {
				gc, cc = gc-float64(g[i])*float64(c[i]), cc-float64(c[i])*float64(c[i])
			}
		}
		return gc, cc
	}
	work := func(_, from, to int) {
		for n := from; n < to; n++ {
			lo, hi := n*size, (n+1)*size
			gc, cc := products(lo, hi)
			out[n] = tangentRoot(gc, cc, func(m float64) (float64, float64) { return free(lo, hi, T(m), gc, cc) })
		}
	}
	return func() { b.Pool.For(b.In[0].Dim[0], 1, work) }
}

// tangentRoot is tangentMultiplier of one image, given the products of all
// elements and a function for those of the free ones.
func tangentRoot(gc, cc float64, free func(m float64) (gc, cc float64)) float64 {
	m, low, high := 0., math.Inf(-1), math.Inf(1)
	if cc > 0 {
		m = gc / cc
	}
	for range tangentRounds {
		gc, cc := free(m)
		if gc > m*cc {
			low = m
		} else {
			high = m
		}
		next := m
		if cc > 0 {
			next = gc / cc
		}
		if !(next >= low && next <= high) {
			next = (low + high) / 2
		}
		if next == m {
			break
		}
		m = next
	}
	return m
}
