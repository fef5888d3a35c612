package autograd

import (
	"unsafe"

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

// A job computes one grid of the destination.
type job struct {
	dst    grid
	taps   []tap
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
	pitch, span, strip int // of flat elements: a row, a unit, a kernel call
	sources            []grid
	inPlace            bool // the source is flat as it lies in memory
	jobs               []job
	per                int // units of one channel
	work               []stencilWork[T]

	fill, scale, fma kernels.Elementwise[T]
}

// stencilWork is the memory of one thread.
type stencilWork[T kernels.Float] struct {
	acc, window, weight []T
	at                  []int // of each source grid: where flat element 0 would be in window
}

func bindCorrelate(b *Bind) func() {
	if b.Out.DType == tensor.Float32 {
		return correlateOf[float32](b)
	}
	return correlateOf[float64](b)
}

func correlateOf[T kernels.Float](b *Bind) func() {
	a := b.Attr.(corrAttr)
	s, _ := a.shape(b.In[0].Type, b.In[1].Type)
	taps := s.kernel[0] * s.kernel[1]
	st := &stencil[T]{n: s.n, groups: a.groups, m: s.og, c: s.cg,
		dstPlane: s.out[0] * s.out[1], srcPlane: s.size[0] * s.size[1],
		wGroup: s.og * s.cg * taps, wm: s.cg * taps, wc: taps,
		sources: phases(s.size, a.stride), pitch: (s.size[1] + a.stride[1] - 1) / a.stride[1],
		inPlace: a.stride == [2]int{1, 1}}
	j := job{dst: grid{0, s.out[0], s.out[1], s.out[1], 1}}
	a.eachTap(s, st.pitch, func(phase, shift, weight int) {
		j.taps = append(j.taps, tap{phase, shift, weight})
	})
	st.jobs = []job{j}
	return st.bind(b)
}

// eachTap calls f for every filter element with the phase of the image that it
// reads and how far its elements lie there, flat, after the results.
func (a corrAttr) eachTap(s corrShape, pitch int, f func(phase, shift, weight int)) {
	for u := range s.kernel[0] {
		for v := range s.kernel[1] {
			i, j := u*a.dilation[0], v*a.dilation[1]
			f(i%a.stride[0]*a.stride[1]+j%a.stride[1], i/a.stride[0]*pitch+j/a.stride[1], u*s.kernel[1]+v)
		}
	}
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
	a := b.Attr.(corrAttr)
	s, _ := a.shape(b.Out.Type, b.In[1].Type)
	taps := s.kernel[0] * s.kernel[1]
	st := &stencil[T]{n: s.n, groups: a.groups, m: s.cg, c: s.og,
		dstPlane: s.size[0] * s.size[1], srcPlane: s.out[0] * s.out[1],
		wGroup: s.og * s.cg * taps, wm: taps, wc: s.cg * taps,
		sources: []grid{{0, s.out[0], s.out[1], s.out[1], 1}}, pitch: (s.size[1] + a.stride[1] - 1) / a.stride[1]}
	for _, g := range phases(s.size, a.stride) {
		st.jobs = append(st.jobs, job{dst: g})
	}
	a.eachTap(s, st.pitch, func(phase, shift, weight int) {
		j := &st.jobs[phase]
		j.taps = append(j.taps, tap{0, -shift, weight})
	})
	return st.bind(b)
}

// stripWords returns how many elements one kernel call works on: 4 KiB.
func stripWords[T kernels.Float]() int { return 4096 / int(unsafe.Sizeof(T(0))) }

func (s *stencil[T]) bind(b *Bind) func() {
	if b.Out.Len() == 0 {
		return func() {}
	}
	if b.In[0].Len() == 0 || b.In[1].Len() == 0 {
		return bindClear(b.Out, b.Pool)
	}
	s.src, s.w, s.dst = tensor.Span[T](b.Contiguous(0)), tensor.Span[T](b.Contiguous(1)), tensor.Span[T](b.Out)
	s.fill, s.scale, s.fma = kernels.Lookup[T]("fill", b.Level), kernels.Lookup[T]("scale", b.Level), kernels.Lookup[T]("fma", b.Level)
	s.strip = stripWords[T]()
	s.span = 4 * s.strip
	window := 0
	for i := range s.jobs {
		j := &s.jobs[i]
		flat := j.dst.flat(s.pitch)
		j.spans = (flat + s.span - 1) / s.span
		s.per += j.spans
		window = max(window, s.reach(j))
	}
	s.work = make([]stencilWork[T], b.Pool.Threads())
	for i := range s.work {
		s.work[i] = stencilWork[T]{make([]T, s.span), make([]T, window), make([]T, s.strip), make([]int, len(s.sources))}
	}
	units := s.n * s.groups * s.m * s.per
	grain := max(1, 1<<15/(s.c*len(s.jobs[0].taps)*s.span+1))
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
	for _, t := range j.taps {
		if j.lo[t.grid] > j.hi[t.grid] {
			j.lo[t.grid], j.hi[t.grid] = t.shift, t.shift
		}
		j.lo[t.grid], j.hi[t.grid] = min(j.lo[t.grid], t.shift), max(j.hi[t.grid], t.shift)
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
	if len(j.taps) == 0 {
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
		for k := range j.taps {
			t := &j.taps[k]
			x := window[w.at[t.grid]+from+t.shift:][:n]
			s.addTap(acc, x, weights[t.weight], w.weight, c == 0 && k == 0)
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

// addTap adds weight·x to acc, or sets acc to it.
func (s *stencil[T]) addTap(acc, x []T, weight T, repeated []T, set bool) {
	if set {
		s.scale(acc, x, nil, nil, weight, 0)
		return
	}
	repeated = repeated[:min(s.strip, len(acc))]
	s.fill(repeated, nil, nil, nil, weight, 0)
	for from := 0; from < len(acc); from += s.strip {
		a := acc[from:min(from+s.strip, len(acc))]
		s.fma(a, x[from:from+len(a)], repeated[:len(a)], a, 0, 0)
	}
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
