package kernels

import "math"

// Block is the number of elements (real or complex) that a reduction combines
// by itself. The result over more is that of its blocks in index order, so a
// caller that reduces whole blocks on several threads and joins them in that
// order (see Combine) gets the same bits.
const Block = 4096

// lanes is the number of running results in a block: value i goes to i mod
// lanes. They are folded by halves, in every body alike.
const lanes = 32

// A Reduction combines the elements of a (and b, where it reads two) to one
// number, in float64. It panics if b is shorter than a.
type Reduction[T Float] func(a, b []T) float64

// A blockBody reduces one block, not empty, but for the last fold: the results of the even
// and the odd lanes, which for sums of complex numbers are the parts.
type blockBody[T Float] func(a, b []T) (even, odd float64)

// A reduction is the definition of one: the result of nothing, how two results
// join, and a block.
type reduction struct {
	name  string
	start float64
	join  func(x, y float64) float64
	go32  blockBody[float32]
	go64  blockBody[float64]
}

// reductions is the table of them; sum is the first.
var reductions = []reduction{
	{"sum", 0, plus, sumGo[float32], sumGo[float64]},
	{"abssum", 0, plus, abssumGo[float32], abssumGo[float64]},
	{"sumsq", 0, plus, sumsqGo[float32], sumsqGo[float64]},
	{"dot", 0, plus, dotGo[float32], dotGo[float64]},
	{"prod", 1, times, foldGo[float32](1, times), foldGo[float64](1, times)},
	{"max", math.Inf(-1), larger, foldGo[float32](math.Inf(-1), larger), foldGo[float64](math.Inf(-1), larger)},
	{"min", math.Inf(1), smaller, foldGo[float32](math.Inf(1), smaller), foldGo[float64](math.Inf(1), smaller)},
}

// LookupReduction returns the best body at or below level l (Auto: the best of
// this CPU) of the reduction called name, nil for an unknown name:
//
//	sum Σa   abssum Σ|a|   sumsq Σa²   dot Σa·b   prod Πa   max   min
//
// All levels and any split into whole blocks give the same bits. max and min
// pass NaN on. Of nothing they are -Inf and +Inf, prod is 1, the others are 0. It
// does not panic.
func LookupReduction[T Float](name string, l Level) Reduction[T] {
	r := reductionCalled(name)
	if r == nil {
		return nil
	}
	block, join, start, one := blockBodyOf[T](r, l), r.join, r.start, name != "dot"
	return func(a, b []T) float64 {
		if one {
			b = a
		}
		total := start
		for b = b[:len(a)]; len(a) > 0; {
			n := min(len(a), Block)
			total = join(total, join(block(a[:n], b[:n])))
			a, b = a[n:], b[n:]
		}
		return total
	}
}

// Combine returns what joins two partial results of the reduction called name,
// in index order from the result of nothing; nil for an unknown name. It does
// not panic.
func Combine(name string) func(x, y float64) float64 {
	if r := reductionCalled(name); r != nil {
		return r.join
	}
	return nil
}

// SumComplex returns the sum of the complex numbers in a, with the same
// guarantee as the Reduction sum. It does not panic.
func SumComplex[T Float](a []T, l Level) (re, im float64) { return ComplexSum[T](l)(a) }

// ComplexSum returns SumComplex of level l, looked up once. It does not panic.
func ComplexSum[T Float](l Level) func(a []T) (re, im float64) {
	block := blockBodyOf[T](&reductions[0], l)
	return func(a []T) (re, im float64) {
		for len(a) > 0 {
			n := min(len(a), 2*Block)
			x, y := block(a[:n], a[:n])
			re, im = re+x, im+y
			a = a[n:]
		}
		return re, im
	}
}

func reductionCalled(name string) *reduction {
	for i := range reductions {
		if reductions[i].name == name {
			return &reductions[i]
		}
	}
	return nil
}

// blockBodyOf returns the best body at or below level l.
func blockBodyOf[T Float](r *reduction, l Level) blockBody[T] {
	for l = l.Resolve(); l > PureGo; l-- {
		if f := exactBlockBody[T](r, l); f != nil {
			return f
		}
	}
	return exactBlockBody[T](r, PureGo)
}

// exactBlockBody returns the body of exactly level l, or nil.
func exactBlockBody[T Float](r *reduction, l Level) blockBody[T] {
	if l == PureGo {
		var f any = r.go64
		var zero T
		if _, single := any(zero).(float32); single {
			f = r.go32
		}
		return f.(blockBody[T])
	}
	raw := asmOf[T](l).blocks[r.name]
	if raw == nil {
		return nil
	}
	return func(a, b []T) (even, odd float64) { return raw(&a[0], &b[0], len(a)) }
}
