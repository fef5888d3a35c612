//go:build cuda && cgo

package cuda

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// fft is the struct of fft.cu.
type fft struct {
	first, blocks                   int32
	n, lines, column, passes        int32
	radix                           [12]int32
	conjIn, conjFirst, conjOut      int32
	inKind, realOut, rank           int32
	total                           int64
	dim                             [tensor.MaxRank]int32
	inStride, outStride, maskStride [tensor.MaxRank]int64
	inStep, outStep, maskStep       int64
	posStep, posLine                int64
	outPosStep, outPosLine          int64
	limit, points, keep, twist      int32
	m, plainIn, plainOut, _         int32
	scale                           float64
	in, out, mask                   uint64
	magnitude                       uint64
	tw, pre, post, twistTw          uint64
	chirp, filter, chirpTw          uint64
}

// What lines are made of.
const (
	fftComplex = iota
	fftReal
	fftHalf
	fftModulus
)

// Limits of one block.
const (
	fftMost = 1024 // points of a line, and half the points of a convolution
)

// radices are tried in this order: large ones need fewer passes.
var radices = []int{16, 8, 7, 5, 4, 3, 2}

// factor returns the radices of n, or false if it has other prime factors.
func factor(n int) (r []int32, ok bool) {
	if n == 1 {
		return []int32{1}, true
	}
	for _, k := range radices {
		for n%k == 0 {
			r, n = append(r, int32(k)), n/k
		}
	}
	return r, n == 1
}

// smooth returns the smallest product of radices that is at least n.
func smooth(n int) int {
	for ; ; n++ {
		if _, ok := factor(n); ok {
			return n
		}
	}
}

// fftJob is the transform of one axis.
type fftJob struct {
	b        *binder
	phase    int
	f64      bool
	src, dst tensor.Tensor // the same shape but for the axis
	axis     int
	points   int // of the whole line
	inverse  bool
	half     bool // src holds the first half of a Hermitian line
	scale    float64
	mask     *tensor.Tensor // of src's shape, strides 0 where it repeats
	moduli   bool           // src is complex, and its moduli are transformed
	modulus  uint64         // where |dst| goes, laid out as dst, which then is not stored
}

// bindFFT binds fft, rfft or irfft: axis after axis.
func bindFFT(b *binder, s *autograd.Step) error {
	in, out := s.In[0], s.Out[0]
	axes, inverse, scale, _ := s.Attr.(interface {
		Transform() (axes []int, inverse bool, scale float64, n int)
	}).Transform()
	if out.Len() == 0 {
		return nil
	}
	toReal, fromReal := s.Op.Name == "irfft", s.Op.Name == "rfft"
	order := append([]int(nil), axes...)
	if fromReal { // the halved axis comes first, so that the others are shorter
		last := len(order) - 1
		order = append([]int{order[last]}, order[:last]...)
	}
	cur := in
	phase := b.phase
	var mask *tensor.Tensor
	if len(s.In) > 1 {
		mask = &s.In[1]
	}
	for k, axis := range order {
		j := &fftJob{b: b, phase: phase, f64: out.DType.Real() == tensor.Float64, src: cur, dst: out, axis: axis,
			points: cur.Dim[axis], inverse: inverse || toReal, scale: 1}
		last := k == len(order)-1
		if k == 0 {
			j.mask, j.moduli = mask, fromReal && in.DType.IsComplex()
		}
		if last {
			j.scale = scale
		}
		if last && len(s.Out) > 1 {
			j.modulus = address(s.Out[1])
		}
		if toReal {
			if j.half = last; last {
				j.points = out.Dim[axis]
			} else if cur.Mem == in.Mem { // the result is no place for complex numbers
				at, err := b.temporary(in.Len() * in.DType.Size())
				if err != nil {
					return err
				}
				j.dst = tensor.Wrap(&memory{dev: b.dev, at: at, bytes: in.Bytes()}, in.Type, 0)
			} else {
				j.dst = cur
			}
		}
		n, err := j.run()
		if err != nil {
			return err
		}
		phase += n
		cur = j.dst
	}
	return nil
}

// base describes the lines of the axis.
func (j *fftJob) base() fft {
	p := fft{total: 1, scale: j.scale, in: address(j.src), out: address(j.dst), magnitude: j.modulus,
		inStep: int64(j.src.Stride[j.axis]), outStep: int64(j.dst.Stride[j.axis]),
		posStep: 1, outPosStep: 1, limit: int32(j.src.Dim[j.axis]), points: int32(j.points), keep: int32(j.dst.Dim[j.axis])}
	if j.modulus != 0 { // nothing else is read
		p.out = 0
	}
	for a := range int(j.dst.Rank) {
		if a == j.axis || j.dst.Dim[a] == 1 {
			continue
		}
		p.dim[p.rank] = int32(j.dst.Dim[a])
		p.inStride[p.rank], p.outStride[p.rank] = int64(j.src.Stride[a]), int64(j.dst.Stride[a])
		if j.mask != nil {
			p.maskStride[p.rank] = int64(j.mask.Stride[a])
		}
		p.rank++
		p.total *= int64(j.dst.Dim[a])
	}
	if j.mask != nil {
		p.mask, p.maskStep = address(*j.mask), int64(j.mask.Stride[j.axis])
	}
	switch {
	case j.half:
		p.inKind = fftHalf
	case j.moduli:
		p.inKind = fftModulus
	case !j.src.DType.IsComplex():
		p.inKind = fftReal
	}
	if !j.dst.DType.IsComplex() {
		p.realOut = 1
	}
	if j.inverse {
		p.conjIn, p.conjOut = 1, 1
	}
	return p
}

// run asks for the kernels and returns how many phases they take.
func (j *fftJob) run() (phases int, err error) {
	p := j.base()
	if j.points <= fftMost {
		return 1, j.line(0, p, j.points)
	}
	if n1, n2, ok := split(j.points); ok {
		return 2, j.two(0, p, p, n1, n2)
	}
	return 4, j.convolve(p)
}

// line asks for lines of n points that fit into a block.
func (j *fftJob) line(phase int, p fft, n int) (err error) {
	p.n = int32(n)
	kernel, size, width := "fft_", n, 8
	r, ok := factor(n)
	if !ok {
		m := smooth(2*n - 1)
		r, _ = factor(m)
		kernel, size, p.m = "fft_chirp_", m, int32(m)
		if err = j.chirpTables(&p, n, m); err != nil {
			return err
		}
	} else if p.tw, err = j.roots(n, n); err != nil {
		return err
	}
	copy(p.radix[:], r)
	p.passes = int32(len(r))
	if j.f64 {
		width = 16
	}
	// Threads of a line: about one per eight points.
	each := 1
	for each < threads && each*8 < size {
		each *= 2
	}
	p.lines = int32(threads / each)
	line := size + 1
	if size < 2048 {
		line += size / 16
	}
	for p.lines > 1 && 2*int(p.lines)*line*width > 48<<10 {
		p.lines /= 2
	}
	if acrossLines(&p) && p.lines > 1 {
		p.column = 1
	}
	if ok && p.passes > 1 {
		p.plainIn = asFlag(p.inKind != fftHalf && p.pre == 0 && int(p.limit) == n && p.posStep == 1)
		p.plainOut = asFlag(p.twist == 0 && p.post == 0 && p.conjFirst == 0 && p.outPosStep == 1)
	}
	ask(j.b, j.phase+phase, kernel+map[bool]string{false: "f32", true: "f64"}[j.f64], blocksOf(int(p.total), int(p.lines)), threads, 2*int(p.lines)*line*width, p)
	return nil
}

func asFlag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// acrossLines reports whether neighbouring lines lie closer than the points of one.
func acrossLines(p *fft) bool {
	if p.rank == 0 {
		return false
	}
	return abs(p.inStride[p.rank-1]) < abs(p.inStep) || abs(p.outStride[p.rank-1]) < abs(p.outStep)
}

func abs(x int64) int64 { return max(x, -x) }

// split returns n as a product of two that fit into blocks, about equal.
func split(n int) (n1, n2 int, ok bool) {
	for n1 = int(math.Sqrt(float64(n))); n1 > 1; n1-- {
		if n%n1 == 0 && n/n1 <= fftMost {
			return n1, n / n1, true
		}
	}
	return 0, 0, false
}

// two asks for lines of n1·n2 points (Cooley and Tukey 1965, Math. Comp. 19:297):
// point j1·n2 + j2 of `from`, term k1 + n1·k2 of `to`.
func (j *fftJob) two(phase int, from, to fft, n1, n2 int) (err error) {
	n := int64(n1) * int64(n2)
	width := 8
	if j.f64 {
		width = 16
	}
	mid, err := j.b.temporary(int(from.total*n) * width)
	if err != nil {
		return err
	}
	r := int(from.rank)
	if r == tensor.MaxRank {
		return fmt.Errorf("cuda: a transform of %d points along one of %d axes is not supported", n, r+1)
	}
	a, b := from, to
	for _, p := range []*fft{&a, &b} { // the last axis of dim counts j2, then k1
		p.rank, p.total = int32(r+1), p.total*int64(n2)
	}
	a.dim[r], b.dim[r] = int32(n2), int32(n1)
	b.total = to.total * int64(n1)
	a.inStride[r], a.inStep, a.posStep, a.posLine = from.inStep, from.inStep*int64(n2), int64(n2), 1
	a.maskStride[r], a.maskStep = from.maskStep, from.maskStep*int64(n2)
	a.scale, a.realOut, a.magnitude, a.post, a.conjFirst = 1, 0, 0, 0, 0
	a.outStride = lineStrides(from.dim, r, n)
	a.outStride[r], a.outStep, a.keep, a.out = 1, int64(n2), int32(n), mid
	a.outPosStep, a.outPosLine = int64(n2), 1
	a.conjOut, a.twist = 0, int32(n)
	if a.twistTw, err = j.roots(int(n), int(n)); err != nil {
		return err
	}
	b.inKind, b.conjIn, b.mask, b.pre = fftComplex, 0, 0, 0
	b.inStride = lineStrides(from.dim, r, n)
	b.inStride[r], b.inStep, b.limit, b.in = int64(n2), 1, int32(n), mid
	b.posStep, b.posLine = 1, 0
	b.outStride[r], b.outStep = to.outStep, to.outStep*int64(n1)
	b.outPosStep, b.outPosLine = int64(n1), 1
	b.points = int32(n)
	if err := j.line(phase, a, n1); err != nil {
		return err
	}
	return j.line(phase+1, b, n2)
}

// lineStrides returns the strides of whole lines of n points, one after the other.
func lineStrides(dim [tensor.MaxRank]int32, rank int, n int64) (s [tensor.MaxRank]int64) {
	for a := rank - 1; a >= 0; a-- {
		s[a] = n
		n *= int64(dim[a])
	}
	return s
}

// convolve asks for lines of any length, as a convolution of 2ᵏ points in global
// memory (Bluestein 1970).
func (j *fftJob) convolve(p fft) (err error) {
	m := 1
	for m < 2*j.points-1 {
		m *= 2
	}
	n1, n2, ok := split(m)
	if !ok {
		return fmt.Errorf("cuda: a transform of %d points is not supported", j.points)
	}
	width := 8
	if j.f64 {
		width = 16
	}
	product, err := j.b.temporary(int(p.total) * m * width)
	if err != nil {
		return err
	}
	var t fft
	if err := j.chirpTables(&t, j.points, m); err != nil {
		return err
	}
	there, back := p, p
	there.scale, there.realOut, there.magnitude = 1, 0, 0
	there.pre, there.post, there.conjOut = t.chirp, t.filter, 1 // conjugated, so that the next transform is the inverse
	there.out, there.outStep, there.keep = product, 1, int32(m)
	there.outStride = lineStrides(p.dim, int(p.rank), int64(m))
	if there.inKind != fftHalf {
		there.limit = int32(min(int(p.limit), j.points))
	}
	back.in, back.inStep, back.limit, back.inKind = product, 1, int32(m), fftComplex
	back.inStride = there.outStride
	back.conjIn, back.conjFirst, back.post = 0, 1, t.chirp
	back.mask = 0
	if err := j.two(0, there, there, n1, n2); err != nil {
		return err
	}
	return j.two(2, back, back, n1, n2)
}

// roots returns a table of e^{−2πik/n}, k < count.
func (j *fftJob) roots(n, count int) (uint64, error) {
	return j.table(fmt.Sprint("roots", n, " ", count), func() []complex128 { return rootTable(n, count) })
}

func rootTable(n, count int) []complex128 {
	w := make([]complex128, count)
	for k := range w {
		s, c := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		w[k] = complex(c, s)
	}
	return w
}

// chirpTables sets the tables of a convolution of m points.
func (j *fftJob) chirpTables(p *fft, n, m int) (err error) {
	if p.chirp, err = j.table(fmt.Sprint("chirp", n, " ", m), func() []complex128 { return chirp(n, m) }); err != nil {
		return err
	}
	if p.chirpTw, err = j.roots(m, m); err != nil {
		return err
	}
	p.filter, err = j.table(fmt.Sprint("filter", n, " ", m), func() []complex128 { return chirpFilter(n, m) })
	return err
}

// chirp returns e^{−πik²/n} for k < n, then zeros up to m.
func chirp(n, m int) []complex128 {
	c := make([]complex128, max(n, m))
	for k := range n {
		s, co := math.Sincos(-math.Pi * float64(k*k%(2*n)) / float64(n))
		c[k] = complex(co, s)
	}
	return c
}

// chirpFilter returns the transform over m points of the conjugate chirp, which is
// even, divided by m.
func chirpFilter(n, m int) []complex128 {
	b, c := make([]complex128, m), chirp(n, m)
	for k := range n {
		v := complex(real(c[k]), -imag(c[k]))
		b[k] = v
		b[(m-k)%m] = v
	}
	f := dft(b)
	for k := range f {
		f[k] /= complex(float64(m), 0)
	}
	return f
}

// dft is the transform of x, whose length is a product of small primes.
func dft(x []complex128) []complex128 {
	n := len(x)
	if n == 1 {
		return x
	}
	q := n
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			q = d
			break
		}
	}
	w, out := rootTable(n, n), make([]complex128, n)
	parts := make([][]complex128, q)
	for r := range q {
		part := make([]complex128, n/q)
		for i := range part {
			part[i] = x[i*q+r]
		}
		parts[r] = dft(part)
	}
	for k := range n {
		for r := range q {
			out[k] += w[r*k%n] * parts[r][k%(n/q)]
		}
	}
	return out
}

// table returns device memory with numbers in the job's precision, made once per
// Device.
func (j *fftJob) table(name string, make func() []complex128) (uint64, error) {
	d := j.b.dev
	key := fmt.Sprint(name, " ", j.f64)
	if at, ok := d.tables[key]; ok {
		return at, nil
	}
	v := make()
	var t tensor.Tensor
	if j.f64 {
		t = tensor.Of(v)
	} else {
		single := tensor.New(tensor.Complex64, len(v))
		for i, z := range v {
			single.Store(i, z)
		}
		t = single
	}
	at, err := d.acquire(t.Bytes())
	if err != nil {
		return 0, err
	}
	d.tables[key] = at
	return at, d.send(at, t)
}
