package kernels

//go:generate go -C _asm run ./elementwise

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

	phase int // which argument, from 1, is an angle; 0: none

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
	s := scalarCalled(name)
	if s == nil {
		return nil
	}
	if l == PureGo {
		return definition[T](s)
	}
	raw := asmOf[T](l).elementwise[name]
	switch {
	case raw == nil:
		return nil
	case name == "powc":
		return powers(l, inChunks(s, raw))
	}
	return bounded(s, asmOf[T](l), inChunks(s, raw))
}

// powers takes the exponents that are one operation away from the general one.
func powers[T Float](l Level, general Elementwise[T]) Elementwise[T] {
	square, recip := body[T]("square", l), body[T]("recip", l)
	return func(dst, a, _, _ []T, s, _ T) {
		switch s {
		case 2:
			square(dst, a, nil, nil, 0, 0)
		case -1:
			recip(dst, a, nil, nil, 0, 0)
		default:
			general(dst, a, nil, nil, s, 0)
		}
	}
}

func scalarCalled(name string) *Scalar {
	for i := range scalars {
		if scalars[i].Name == name {
			return &scalars[i]
		}
	}
	return nil
}

// definition returns the plain Go body.
func definition[T Float](s *Scalar) Elementwise[T] {
	var f any = s.go64
	var zero T
	if _, single := any(zero).(float32); single {
		f = s.go32
	}
	return f.(Elementwise[T])
}

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

// phaseLimit is the largest angle that the assembly of sine and cosine reduces.
func phaseLimit[T Float]() T {
	var zero T
	if _, single := any(zero).(float32); single {
		return 1 << 16
	}
	return 1 << 30
}

// boundedChunk is how many elements share the fate of one whose angle is too
// large for the assembly.
const boundedChunk = 1024

// bounded adds the plain Go body for angles beyond phaseLimit, to the functions
// that have any.
func bounded[T Float](s *Scalar, asm *asmTable[T], f Elementwise[T]) Elementwise[T] {
	if s.phase == 0 {
		return f
	}
	words, twin, limit := s.words(), definition[T](s), phaseLimit[T]()
	return func(dst, a, b, c []T, p, q T) {
		n := len(dst) / words[0]
		for lo := 0; lo < n; lo += boundedChunk {
			hi := min(lo+boundedChunk, n)
			d, a, b := dst[lo*words[0]:hi*words[0]], a[lo*words[1]:hi*words[1]], b[lo*words[2]:hi*words[2]]
			angles := a
			if s.phase == 2 {
				angles = b
			}
			if asm.within(&angles[0], len(angles), limit) {
				f(d, a, b, c, p, q)
			} else {
				twin(d, a, b, c, p, q)
			}
		}
	}
}
