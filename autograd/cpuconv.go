package autograd

import (
	"slices"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// A grid is a plane of an array, or every so-many-th row and column of one:
// where its first element lies, its size, and the distances of its rows and
// columns. Kernels see it flat: rows of a fixed pitch, zeros in between.
type grid struct{ base, rows, cols, row, col int }

// phases returns the grids that a plane is split into by a stride, row by row.
func phases(size, stride [2]int) []grid {
	var gs []grid
	for i := range stride[0] {
		for j := range stride[1] {
			gs = append(gs, grid{i*size[1] + j, (size[0] - i + stride[0] - 1) / stride[0], (size[1] - j + stride[1] - 1) / stride[1],
				stride[0] * size[1], stride[1]})
		}
	}
	return gs
}

// flat returns the length of g with rows of the given pitch.
func (g *grid) flat(pitch int) int {
	if g.rows <= 0 || g.cols <= 0 {
		return 0
	}
	return (g.rows-1)*pitch + g.cols
}

// segments calls f for each row of g that the flat elements from, from+1, …,
// n of them, touch: at says where among these it begins, pos in memory.
func (g *grid) segments(pitch, from, n int, f func(at, count, pos int)) {
	i := from / pitch
	if from < 0 {
		i = -((pitch - 1 - from) / pitch)
	}
	for ; i*pitch < from+n && i < g.rows; i++ {
		lo, hi := max(i*pitch, from), min(i*pitch+g.cols, from+n)
		if i >= 0 && hi > lo {
			f(lo-from, hi-lo, g.base+i*g.row+(lo-i*pitch)*g.col)
		}
	}
}

// A tap is a filter element: the source grid that it reads, how far after the
// result's flat element, and where its weight is.
type tap struct{ grid, shift, weight int }

// A tapRow is taps of one source grid whose shifts grow by a step.
type tapRow struct {
	grid, shift, step int
	weights           []int
}

// A job computes one grid of the destination.
type job struct {
	dst    grid
	rows   []tapRow
	lo, hi []int // of each source grid: the smallest and largest shift, 1 and 0 for none
	spans  int
}

// stencil is a bound correlation or its adjoint: every destination channel is
// a sum, over source channels and taps, of shifted planes times weights.
type stencil[T kernels.Float] struct {
	dst, src, w        []T
	n, groups, m, c    int // m destination and c source channels in each group
	dstPlane, srcPlane int
	wGroup, wm, wc     int // distances of weights
	pitch, span        int // of flat elements: a row, a unit
	window, taps       int // elements of a thread's source, of a filter
	sources            []grid
	inPlace            bool // the source is flat as it lies in memory
	jobs               []job
	per                int // units of one channel
	work               []stencilWork[T]
	level              kernels.Level
	add                kernels.Elementwise[T]
}

// stencilWork is the memory of one thread.
type stencilWork[T kernels.Float] struct {
	acc, part, window, weights []T
	at                         []int // of each source grid: where flat element 0 would be in window
}

func bindCorrelate(b *Bind) func() {
	if b.Out.DType == tensor.Float32 {
		return correlateOf[float32](b)
	}
	return correlateOf[float64](b)
}

func correlateOf[T kernels.Float](b *Bind) func() {
	return newCorrelate[T](b.Attr.(corrAttr), b.In[0].Type, b.In[1].Type).bind(b)
}

// newCorrelate returns the correlation of images x with filters w, to be bound.
func newCorrelate[T kernels.Float](a corrAttr, x, w tensor.Type) *stencil[T] {
	s, _ := a.shape(x, w)
	taps := s.kernel[0] * s.kernel[1]
	st := &stencil[T]{n: s.n, groups: a.groups, m: s.og, c: s.cg, taps: taps,
		dstPlane: s.out[0] * s.out[1], srcPlane: s.size[0] * s.size[1],
		wGroup: s.og * s.cg * taps, wm: s.cg * taps, wc: taps,
		sources: phases(s.size, a.stride), pitch: (s.size[1] + a.stride[1] - 1) / a.stride[1],
		inPlace: a.stride == [2]int{1, 1}}
	var all []tap
	a.eachTap(s, st.pitch, func(phase, shift, weight int) {
		all = append(all, tap{phase, shift, weight})
	})
	st.jobs = []job{{dst: grid{0, s.out[0], s.out[1], s.out[1], 1}, rows: tapRows(all)}}
	return st.lay()
}

// roomCorrelate is the memory of the threads of a correlation.
func roomCorrelate(attr any, in []tensor.Type, threads int) int64 {
	return newCorrelate[float64](attr.(corrAttr), in[0], in[1]).room(in[0].DType, threads)
}

// eachTap calls f for every filter element with the phase of the image that it
// reads and how far its elements lie there, flat, after the results. Elements
// along the longer side of the filter follow one another.
func (a corrAttr) eachTap(s corrShape, pitch int, f func(phase, shift, weight int)) {
	long := 1
	if s.kernel[0] > s.kernel[1] {
		long = 0
	}
	for p := range s.kernel[1-long] {
		for q := range s.kernel[long] {
			u, v := p, q
			if long == 0 {
				u, v = q, p
			}
			i, j := u*a.dilation[0], v*a.dilation[1]
			f(i%a.stride[0]*a.stride[1]+j%a.stride[1], i/a.stride[0]*pitch+j/a.stride[1], u*s.kernel[1]+v)
		}
	}
}

// tapRows joins taps, in order within each source grid, to rows.
func tapRows(taps []tap) (rows []tapRow) {
	grids := 0
	for _, t := range taps {
		grids = max(grids, t.grid+1)
	}
	for g := range grids {
		open := false
		for _, t := range taps {
			if t.grid != g {
				continue
			}
			if open = open && rows[len(rows)-1].take(t); !open {
				rows, open = append(rows, tapRow{g, t.shift, 1, []int{t.weight}}), true
			}
		}
	}
	return rows
}

// take appends t to r if it is the next, or stands before r alone.
func (r *tapRow) take(t tap) bool {
	n := len(r.weights)
	switch d := t.shift - r.shift; {
	case n == 1 && d > 0:
		r.step = d
	case d != n*r.step:
		return false
	}
	r.weights = append(r.weights, t.weight)
	return true
}

func bindCorrelateAdjoint(b *Bind) func() {
	if b.Out.DType == tensor.Float32 {
		return correlateAdjointOf[float32](b)
	}
	return correlateAdjointOf[float64](b)
}

// correlateAdjointOf turns the roles around: each phase of the images is a
// destination, and a tap reads the results that lie before it.
func correlateAdjointOf[T kernels.Float](b *Bind) func() {
	return newCorrelateAdjoint[T](b.Attr.(corrAttr), b.Out.Type, b.In[1].Type).bind(b)
}

// newCorrelateAdjoint returns the adjoint of the correlation of images x with filters
// w, to be bound.
func newCorrelateAdjoint[T kernels.Float](a corrAttr, x, w tensor.Type) *stencil[T] {
	s, _ := a.shape(x, w)
	taps := s.kernel[0] * s.kernel[1]
	st := &stencil[T]{n: s.n, groups: a.groups, m: s.cg, c: s.og, taps: taps,
		dstPlane: s.size[0] * s.size[1], srcPlane: s.out[0] * s.out[1],
		wGroup: s.og * s.cg * taps, wm: taps, wc: s.cg * taps,
		sources: []grid{{0, s.out[0], s.out[1], s.out[1], 1}}, pitch: (s.size[1] + a.stride[1] - 1) / a.stride[1]}
	for _, g := range phases(s.size, a.stride) {
		st.jobs = append(st.jobs, job{dst: g})
	}
	reads := make([][]tap, len(st.jobs))
	a.eachTap(s, st.pitch, func(phase, shift, weight int) {
		reads[phase] = append(reads[phase], tap{0, -shift, weight})
	})
	for i, r := range reads {
		slices.Reverse(r) // the smallest shift first
		st.jobs[i].rows = tapRows(r)
	}
	return st.lay()
}

// roomCorrelateAdjoint is the memory of the threads of an adjoint of a correlation.
func roomCorrelateAdjoint(attr any, in []tensor.Type, threads int) int64 {
	a := attr.(corrAttr)
	return newCorrelateAdjoint[float64](a, a.images(in[0], in[1]), in[1]).room(in[0].DType, threads)
}

// spanWords is how many flat elements a unit computes, at most.
const spanWords = 1024

// lay cuts the jobs of s, which it returns, into spans, no longer than any needs.
func (s *stencil[T]) lay() *stencil[T] {
	for i := range s.jobs {
		s.span = min(max(s.span, s.jobs[i].dst.flat(s.pitch)), spanWords)
	}
	s.span = max(s.span, 1)
	for i := range s.jobs {
		j := &s.jobs[i]
		j.spans = (j.dst.flat(s.pitch) + s.span - 1) / s.span
		s.per += j.spans
		s.window = max(s.window, s.reach(j))
	}
	return s
}

// room returns the bytes of all work of threads on elements of type d.
func (s *stencil[T]) room(d tensor.DType, threads int) int64 {
	return int64(threads * (2*s.span + s.window + s.taps) * d.Size())
}

func (s *stencil[T]) bind(b *Bind) func() {
	if b.Out.Len() == 0 {
		return func() {}
	}
	if b.In[0].Len() == 0 || b.In[1].Len() == 0 {
		return bindClear(b.Out, b.Pool)
	}
	s.src, s.w, s.dst = tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Out)
	s.level, s.add = b.Level, kernels.Lookup[T]("add", b.Level)
	s.work = make([]stencilWork[T], b.Pool.Threads())
	for i := range s.work {
		s.work[i] = stencilWork[T]{make([]T, s.span), make([]T, s.span), make([]T, s.window), make([]T, s.taps), make([]int, len(s.sources))}
	}
	units := s.n * s.groups * s.m * s.per
	grain := max(1, 1<<15/(s.c*s.taps*s.span+1))
	pool, work := b.Pool, s.units
	return func() { pool.For(units, grain, work) }
}

// reach finds what a job reads of each source grid and returns how many
// elements that are for a whole span.
func (s *stencil[T]) reach(j *job) int {
	j.lo, j.hi = make([]int, len(s.sources)), make([]int, len(s.sources))
	for g := range s.sources {
		j.lo[g] = 1
	}
	for _, r := range j.rows {
		last := r.shift + (len(r.weights)-1)*r.step
		if j.lo[r.grid] > j.hi[r.grid] {
			j.lo[r.grid], j.hi[r.grid] = r.shift, last
		}
		j.lo[r.grid], j.hi[r.grid] = min(j.lo[r.grid], r.shift), max(j.hi[r.grid], last)
	}
	if s.inPlace {
		return 0
	}
	n := 0
	for g := range s.sources {
		if j.lo[g] <= j.hi[g] {
			n += s.span + j.hi[g] - j.lo[g]
		}
	}
	return n
}

// units computes units lo up to hi: a span of a job of a destination channel.
func (s *stencil[T]) units(worker, lo, hi int) {
	for u := lo; u < hi; u++ {
		channel, at := u/s.per, u%s.per
		i := 0
		for at >= s.jobs[i].spans {
			at -= s.jobs[i].spans
			i++
		}
		j := &s.jobs[i]
		n := min(s.span, j.dst.flat(s.pitch)-at*s.span)
		s.unit(&s.work[worker], j, channel, at*s.span, n)
	}
}

// unit computes n flat elements of a job of a destination channel, counted over
// all images and groups.
func (s *stencil[T]) unit(w *stencilWork[T], j *job, channel, from, n int) {
	acc := w.acc[:n]
	image, group, m := channel/(s.m*s.groups), channel/s.m%s.groups, channel%s.m
	if len(j.rows) == 0 {
		clear(acc)
	}
	for c := range s.c {
		plane := s.src[((image*s.groups+group)*s.c+c)*s.srcPlane:]
		window := plane
		if !s.inPlace {
			window = w.window
			s.load(w, j, plane, from, n)
		}
		weights := s.w[group*s.wGroup+m*s.wm+c*s.wc:]
		for k := range j.rows {
			r := &j.rows[k]
			for i, at := range r.weights {
				w.weights[i] = weights[at]
			}
			s.combine(w, acc, window[w.at[r.grid]+from+r.shift:], r.step, w.weights[:len(r.weights)], c == 0 && k == 0)
		}
	}
	dst := s.dst[channel*s.dstPlane:]
	j.dst.segments(s.pitch, from, n, func(at, count, pos int) { scatterRow(dst[pos:], j.dst.col, acc[at:at+count]) })
}

// load copies what a unit reads of a source plane into w.window.
func (s *stencil[T]) load(w *stencilWork[T], j *job, plane []T, from, n int) {
	end := 0
	for g := range s.sources {
		if j.lo[g] > j.hi[g] {
			continue
		}
		first, count := from+j.lo[g], n+j.hi[g]-j.lo[g]
		dst := w.window[end : end+count]
		clear(dst)
		src := &s.sources[g]
		src.segments(s.pitch, first, count, func(at, k, pos int) { gatherRow(dst[at:at+k], plane[pos:], src.col) })
		w.at[g] = end - first
		end += count
	}
}

// combine adds to acc the sum of weights times x, x shifted by step, x shifted
// by 2·step, …, or sets acc to it.
func (s *stencil[T]) combine(w *stencilWork[T], acc, x []T, step int, weights []T, set bool) {
	n, k := len(acc), len(weights)
	if set {
		kernels.Gemm(acc, n, weights, k, x, step, 1, n, k, false, false, s.level, nil)
		return
	}
	part := w.part[:n]
	kernels.Gemm(part, n, weights, k, x, step, 1, n, k, false, false, s.level, nil)
	s.add(acc, acc, part, nil, 0, 0)
}

func gatherRow[T kernels.Float](dst, src []T, stride int) {
	if stride == 1 {
		copy(dst, src)
		return
	}
	for i, j := 0, 0; i < len(dst); i, j = i+1, j+stride {
		dst[i] = src[j]
	}
}

func scatterRow[T kernels.Float](dst []T, stride int, src []T) {
	if stride == 1 {
		copy(dst, src)
		return
	}
	for i, j := 0, 0; i < len(src); i, j = i+1, j+stride {
		dst[j] = src[i]
	}
}
