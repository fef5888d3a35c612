package kernels

// An Elementwise kernel sets dst from a, b and c (as many of them as its
// Scalar has Args) and the parameters s and t. A complex operand is interleaved
// pairs. The length of dst counts; the others match it. dst may be exactly a, b
// or c where their element sizes are equal. It checks nothing and panics only
// if an operand is shorter than dst says.
type Elementwise[T Float] func(dst, a, b, c []T, s, t T)

// A Scalar describes one elementwise operation.
type Scalar struct {
	Name    string
	Args    int     // how many of a, b, c it reads
	Complex [4]bool // whether dst, a, b, c are complex
	Doc     string  // the formula
	// ULP bounds the distance of every body from the exact value, in units in
	// the last place of the result; 0: every body gives the same bits.
	ULP float64

	go32 Elementwise[float32]
	go64 Elementwise[float64]
}

// Scalars returns the elementwise operations, one Scalar for every name that
// Lookup knows. The caller must not change it. It does not panic.
func Scalars() []Scalar { return scalars }

// Lookup returns the best body at or below level l (Auto: the best of this CPU)
// of the operation called name: the plain Go definition if there is no other,
// nil for an unknown name. It does not panic.
func Lookup[T Float](name string, l Level) Elementwise[T] {
	for l = l.Resolve(); l > PureGo; l-- {
		if f := body[T](name, l); f != nil {
			return f
		}
	}
	return body[T](name, PureGo)
}

// body returns the body of exactly level l, or nil.
func body[T Float](name string, l Level) Elementwise[T] {
	var f any
	var zero T
	switch any(zero).(type) {
	case float32:
		f = bodies32[l][name]
	case float64:
		f = bodies64[l][name]
	}
	return f.(Elementwise[T])
}

// bodies32 and bodies64 hold the bodies of each level by name.
var (
	bodies32 = [AVX512 + 1]map[string]Elementwise[float32]{
		PureGo: goBodies(func(s *Scalar) Elementwise[float32] { return s.go32 }),
		AVX2:   asmBodies(elementwiseAVX2F32),
		AVX512: asmBodies(elementwiseAVX512F32),
	}
	bodies64 = [AVX512 + 1]map[string]Elementwise[float64]{
		PureGo: goBodies(func(s *Scalar) Elementwise[float64] { return s.go64 }),
		AVX2:   asmBodies(elementwiseAVX2F64),
		AVX512: asmBodies(elementwiseAVX512F64),
	}
)

func goBodies[T Float](twin func(*Scalar) Elementwise[T]) map[string]Elementwise[T] {
	m := make(map[string]Elementwise[T], len(scalars))
	for i := range scalars {
		m[scalars[i].Name] = twin(&scalars[i])
	}
	return m
}

// A rawElementwise is an assembly body for n elements.
type rawElementwise[T Float] func(dst, a, b, c *T, n int, s, t T)

func asmBodies[T Float](raw map[string]rawElementwise[T]) map[string]Elementwise[T] {
	m := make(map[string]Elementwise[T], len(raw))
	for i := range scalars {
		if f, ok := raw[scalars[i].Name]; ok {
			m[scalars[i].Name] = inChunks(&scalars[i], f)
		}
	}
	return m
}

// asmChunk is the most elements that one call of assembly does: the runtime
// cannot stop a goroutine in it.
const asmChunk = 1 << 16

// inChunks makes an Elementwise of an assembly body.
func inChunks[T Float](s *Scalar, raw rawElementwise[T]) Elementwise[T] {
	words := s.words()
	return func(dst, a, b, c []T, p, q T) {
		n := len(dst) / words[0]
		a, b, c = a[:n*words[1]], b[:n*words[2]], c[:n*words[3]]
		for i := 0; i < n; i += asmChunk {
			raw(&dst[i*words[0]], pointer(a, i*words[1]), pointer(b, i*words[2]), pointer(c, i*words[3]), min(n-i, asmChunk), p, q)
		}
	}
}

// words returns how many values an element of dst, a, b and c takes; 0 for an
// argument that is not read.
func (s *Scalar) words() (w [4]int) {
	for i := range s.Args + 1 {
		w[i] = 1
		if s.Complex[i] {
			w[i] = 2
		}
	}
	return w
}

// pointer returns the address of a[i], nil for an argument that is not read.
func pointer[T Float](a []T, i int) *T {
	if len(a) == 0 {
		return nil
	}
	return &a[i]
}
