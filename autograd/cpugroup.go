package autograd

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// stripBytes is how much of one real operand a fused group works on at a time:
// long enough to hide the cost of the calls, short enough that all its strips
// stay in the caches of one core.
const stripBytes = 8192

// loneStripBytes is the same where one kernel does the work: it returns to nothing.
const loneStripBytes = 8 * stripBytes

// loop describes nested loops over operands that share a shape. Its last axis
// is the row that kernels see; the others are merged where all operands allow.
type loop struct {
	dims   []int   // the outer axes
	n      int     // elements of a row
	stride [][]int // per operand: strides of the outer axes, in elements
	inner  []int   // per operand: stride within a row
}

// newLoop merges the axes of operands of one shape.
func newLoop(ops []tensor.Tensor) loop {
	shape := ops[0].Shape()
	var dims []int
	strides := make([][]int, len(ops))
	for a, d := range shape {
		if d == 1 {
			continue
		}
		k := len(dims) - 1
		merge := k >= 0
		for j, t := range ops {
			merge = merge && strides[j][k] == t.Stride[a]*d
		}
		if merge {
			dims[k] *= d
		} else {
			dims = append(dims, d)
		}
		for j, t := range ops {
			if merge {
				strides[j][k] = t.Stride[a]
			} else {
				strides[j] = append(strides[j], t.Stride[a])
			}
		}
	}
	l := loop{n: 1, inner: make([]int, len(ops)), stride: strides}
	if k := len(dims) - 1; k >= 0 {
		l.n, l.dims = dims[k], dims[:k]
		for j := range ops {
			l.inner[j], l.stride[j] = strides[j][k], strides[j][:k]
		}
	}
	return l
}

// rows returns how many rows the loop has.
func (l *loop) rows() int {
	n := 1
	for _, d := range l.dims {
		n *= d
	}
	return n
}

// last returns the size of the innermost outer axis.
func (l *loop) last() int { return l.dims[len(l.dims)-1] }

// repeats reports whether operand j has the same row all along the innermost outer axis.
func (l *loop) repeats(j int) bool { return l.lastStride(j) == 0 }

// lastStride returns the stride of operand j along the innermost outer axis.
func (l *loop) lastStride(j int) int { return l.stride[j][len(l.dims)-1] }

// turned reports whether rows of operand j are columns of a matrix, whose rows lie along
// the innermost outer axis.
func (l *loop) turned(j int) bool {
	return len(l.dims) > 0 && l.inner[j] > 1 && l.lastStride(j) == 1 && l.n >= 4 && l.last() >= 4
}

// together returns how many rows are worth taking at a time: as many as have up to
// width elements, where one follows the other in memory or, of the first inputs
// operands, repeats it; else 1.
func (l *loop) together(inputs, width int) int {
	if len(l.dims) == 0 || l.n == 0 || 2*l.n > width {
		return 1
	}
	for j, inner := range l.inner {
		follows := inner == 1 && l.lastStride(j) == l.n
		if !follows && (j >= inputs || !l.repeats(j)) {
			return 1
		}
	}
	return max(1, min(width/l.n, l.last()))
}

// offset returns where row r of operand j begins, in elements.
func (l *loop) offset(j, r int) int {
	off := 0
	for a := len(l.dims) - 1; a >= 0; a-- {
		off += r % l.dims[a] * l.stride[j][a]
		r /= l.dims[a]
	}
	return off
}

// operand is an input or result of a group: memory with a row stride, or a
// strip that holds an intermediate.
type operand[T kernels.Float] struct {
	base   unsafe.Pointer // the first element
	words  int            // 1, or 2 for complex elements
	at     int            // its index in the loop, or -1 for an intermediate
	strip  int            // the strip it is staged or kept in, or -1 for none
	turned bool           // it is transposed: turned rows are staged together
}

// instr is one kernel call per strip.
type instr[T kernels.Float] struct {
	f    kernels.Elementwise[T]
	s, t T
	dst  int
	arg  [3]int
	args int
}

// repeat says that a strip holds n elements that repeat the one, or the row, at p, as
// of a run.
type repeat struct {
	p      unsafe.Pointer
	n, run int
}

// group runs a fused elementwise group strip by strip.
type group[T kernels.Float] struct {
	loop   loop
	ops    []operand[T] // inputs, then results of the instructions
	code   []instr[T]
	width  int // elements of a strip
	tall   int // rows of a strip, where rows are short; 1 where a row has strips
	per    int // strips of a row, or of the innermost outer axis
	turned int // rows that are staged together of a transposed operand; 1 if there is none
	strips int
	level  kernels.Level
	tmp    [][]T // per worker: the strips
	cur    [][][]T
	held   [][]repeat // per worker and operand: what its strip repeats
	runs   int
	pool   *kernels.Pool
	work   func(worker, lo, hi int)
	grain  int
	keep   []tensor.Memory
}

// bindGroup binds a fused group at the given level.
func bindGroup(s *Step, pool *kernels.Pool, level kernels.Level) func() {
	if s.Body[0].Type.DType.Real() == tensor.Float32 {
		return newGroup[float32](s, pool, level).run
	}
	return newGroup[float64](s, pool, level).run
}

// bindGroupParts binds a group of a Loop to what runs it for part k.
func bindGroupParts(s *Step, pool *kernels.Pool, level kernels.Level) func(k int) {
	if s.Body[0].Type.DType.Real() == tensor.Float32 {
		return newGroup[float32](s, pool, level).runPart(s.Moves)
	}
	return newGroup[float64](s, pool, level).runPart(s.Moves)
}

// runPart returns run for part k, for which operands are that many moves further on.
func (g *group[T]) runPart(moves []int) func(k int) {
	at := 0
	return func(k int) {
		for i := range g.ops {
			if o := &g.ops[i]; o.at >= 0 {
				o.base = unsafe.Add(o.base, (k-at)*moves[o.at]*o.words*int(unsafe.Sizeof(T(0))))
			}
		}
		at = k
		g.run()
	}
}

func newGroup[T kernels.Float](s *Step, pool *kernels.Pool, level kernels.Level) *group[T] {
	g := &group[T]{pool: pool, level: level, turned: 1}
	all := append(append([]tensor.Tensor(nil), s.In...), s.Out...)
	if len(all) == 0 {
		panic("autograd: a group without operands")
	}
	g.loop = newLoop(all)
	g.tall = g.loop.together(len(s.In), stripBytes/int(unsafe.Sizeof(T(0))))
	for i, t := range s.In {
		o := operand[T]{base: basePointer(t), words: words(t.DType), at: i, strip: -1}
		switch {
		case g.loop.turned(i):
			g.turned, o.turned = turnedRows[T](), true
			o.strip = g.newStrip(o.words * g.turned)
		case g.loop.inner[i] != 1 || g.tall > 1 && g.loop.repeats(i):
			o.strip = g.newStrip(o.words)
		}
		g.ops = append(g.ops, o)
		g.keep = append(g.keep, t.Mem)
	}
	g.compile(s, level)
	bytes := stripBytes
	if len(g.code) == 1 && g.strips == 0 {
		bytes = loneStripBytes
	}
	g.width = min(bytes/int(unsafe.Sizeof(T(0))), max(g.loop.n, 1))
	g.per = (g.loop.n + g.width - 1) / g.width
	if g.tall > 1 {
		g.width = g.tall * g.loop.n
		g.per = (g.loop.last() + g.tall - 1) / g.tall
	}
	perUnit, together := max(len(g.code), 1)*g.width, g.turned*g.per
	g.grain = min(max(1, 1<<14/perUnit), max(1, g.units()))
	if g.turned > 1 { // so that no rows are staged twice
		g.grain = (g.grain + together - 1) / together * together
	}
	workers := pool.Threads()
	g.tmp = make([][]T, workers)
	g.cur = make([][][]T, workers)
	g.held = make([][]repeat, workers)
	for w := range g.tmp {
		g.tmp[w] = make([]T, g.strips*g.width+64)
		g.cur[w] = make([][]T, len(g.ops))
		g.held[w] = make([]repeat, len(g.ops))
	}
	g.work = func(worker, lo, hi int) {
		for u := lo; u < hi; u++ {
			g.unit(worker, u)
		}
	}
	return g
}

// basePointer returns the address of the first element of host tensor t.
func basePointer(t tensor.Tensor) unsafe.Pointer { return t.Pointer() }

func (g *group[T]) newStrip(words int) int {
	s := g.strips
	g.strips += words
	return s
}

// compile turns the group's instructions into kernel calls. Strips of
// intermediates are used again after their last reader.
func (g *group[T]) compile(s *Step, level kernels.Level) {
	nin := len(s.In)
	last := make([]int, nin+len(s.Body))
	for i, in := range s.Body {
		for _, a := range in.Args {
			last[a] = i
		}
	}
	free := map[int][]int{}
	for i, in := range s.Body {
		o := operand[T]{words: words(in.Type.DType), at: -1, strip: -1}
		if in.Out >= 0 {
			o.base, o.at = basePointer(s.Out[in.Out]), nin+in.Out
			g.keep = append(g.keep, s.Out[in.Out].Mem)
		} else if f := free[o.words]; len(f) > 0 {
			o.strip, free[o.words] = f[len(f)-1], f[:len(f)-1]
		} else {
			o.strip = g.newStrip(o.words)
		}
		g.ops = append(g.ops, o)
		g.emit(&in, s, nin+i, level)
		for k, a := range in.Args {
			if a >= nin && last[a] == i && g.ops[a].at < 0 && !slices.Contains(in.Args[:k], a) {
				free[g.ops[a].words] = append(free[g.ops[a].words], g.ops[a].strip)
			}
		}
	}
}

// emit appends the kernel calls of one instruction: one, but for a sum of more
// than two.
func (g *group[T]) emit(in *Instr, s *Step, dst int, level kernels.Level) {
	types := make([]tensor.Type, len(in.Args))
	for i, a := range in.Args {
		if a < len(s.In) {
			types[i] = s.In[a].Type
		} else {
			types[i] = s.Body[a-len(s.In)].Type
		}
	}
	name := in.Op.Scalar(in.Type, types)
	f := kernels.Lookup[T](name, level)
	if f == nil {
		panic(fmt.Sprintf("autograd: op %s needs the scalar kernel %q, which does not exist", in.Op.Name, name))
	}
	p, _ := in.Attr.(Scalars)
	c := instr[T]{f: f, s: T(p.S), t: T(p.T), dst: dst, args: min(len(in.Args), 3)}
	if in.Op == opAdd && len(in.Args) > 2 {
		c.args = 2
		c.arg = [3]int{in.Args[0], in.Args[1]}
		g.code = append(g.code, c)
		for _, a := range in.Args[2:] {
			c.arg = [3]int{dst, a}
			g.code = append(g.code, c)
		}
		return
	}
	copy(c.arg[:], in.Args)
	g.code = append(g.code, c)
}

func (g *group[T]) run() {
	g.runs++
	if n := g.units(); n > 0 {
		g.pool.For(n, g.grain, g.work)
	}
}

// units returns how many strips there are.
func (g *group[T]) units() int {
	if g.tall > 1 {
		return g.loop.rows() / g.loop.last() * g.per
	}
	return g.loop.rows() * g.per
}

// unit runs strip u, counted over all rows.
func (g *group[T]) unit(worker, u int) {
	cur, tmp := g.cur[worker], g.tmp[worker]
	row, from := u/g.per, u%g.per*g.width
	if g.turned > 1 {
		row, from = g.turnedUnit(u)
	}
	n := min(g.width, g.loop.n-from)
	if g.tall > 1 {
		last := g.loop.last()
		row, from = u/g.per*last, u%g.per*g.tall
		n = min(g.tall, last-from) * g.loop.n
		row, from = row+from, 0
	}
	for i := range g.ops {
		cur[i] = g.stage(i, row, from, n, tmp, &g.held[worker][i])
	}
	for i := range g.code {
		c := &g.code[i]
		var a, b, d []T
		if c.args > 0 {
			a = cur[c.arg[0]]
		}
		if c.args > 1 {
			b = cur[c.arg[1]]
		}
		if c.args > 2 {
			d = cur[c.arg[2]]
		}
		c.f(cur[c.dst], a, b, d, c.s, c.t)
	}
}

// turnedUnit returns the row of unit u and the column where it begins: some rows, whose
// strips follow each other, have the same columns.
func (g *group[T]) turnedUnit(u int) (row, from int) {
	last := g.loop.last()
	at, u := u/(last*g.per)*last, u%(last*g.per)
	first := u / (g.turned * g.per) * g.turned
	rows := min(g.turned, last-first)
	u -= first * g.per
	return at + first + u%rows, u / rows * g.width
}

// stageTurned returns the n elements of operand i that begin at column from of row, and
// stages those of the rows around it.
func (g *group[T]) stageTurned(i, row, from, n int, tmp []T, held *repeat) []T {
	o := &g.ops[i]
	last := g.loop.last()
	at := row % last % g.turned
	rows := min(g.turned, last-row%last+at)
	p := unsafe.Add(o.base, (g.loop.offset(o.at, row-at)+from*g.loop.inner[o.at])*o.words*int(unsafe.Sizeof(T(0))))
	tile := tmp[o.strip*g.width:][:g.turned*g.width*o.words]
	if held.p != p || held.run != g.runs {
		*held = repeat{p, n, g.runs}
		turn(tile, g.width, p, g.loop.inner[o.at], n, rows, o.words, g.level)
	}
	return tile[at*g.width*o.words:][:n*o.words]
}

// stage returns the n elements of operand i that begin at column from of row:
// in place where they are contiguous, else copied or repeated into its strip.
func (g *group[T]) stage(i, row, from, n int, tmp []T, held *repeat) []T {
	o := &g.ops[i]
	switch {
	case o.at < 0:
		return tmp[o.strip*g.width:][:n*o.words]
	case o.turned:
		return g.stageTurned(i, row, from, n, tmp, held)
	}
	inner := g.loop.inner[o.at]
	p := unsafe.Add(o.base, (g.loop.offset(o.at, row)+from*inner)*o.words*int(unsafe.Sizeof(T(0))))
	if o.strip < 0 {
		return unsafe.Slice((*T)(p), n*o.words)
	}
	dst := tmp[o.strip*g.width:][:n*o.words]
	if inner == 0 || g.tall > 1 {
		if held.p == p && held.n >= n && held.run == g.runs {
			return dst
		}
		*held = repeat{p, n, g.runs}
	}
	if inner != 0 {
		n = min(n, g.loop.n)
	}
	gather(dst[:n*o.words], p, inner, n, o.words)
	for done := n * o.words; done < len(dst); done *= 2 { // the row again
		copy(dst[done:], dst[:done])
	}
	return dst
}

// gather copies n elements with a stride (of any sign, or 0) into dst. No
// pointer outside the operand is formed, not even after the last element: the
// garbage collector may see it.
func gather[T kernels.Float](dst []T, p unsafe.Pointer, stride, n, words int) {
	step := stride * words * int(unsafe.Sizeof(T(0)))
	if words == 1 {
		if stride == 0 {
			v := *(*T)(p)
			for i := range dst {
				dst[i] = v
			}
			return
		}
		for i := range dst {
			dst[i] = *(*T)(unsafe.Add(p, i*step))
		}
		return
	}
	for i := range n {
		v := (*[2]T)(unsafe.Add(p, i*step))
		dst[2*i], dst[2*i+1] = v[0], v[1]
	}
}
