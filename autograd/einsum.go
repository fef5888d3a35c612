package autograd

import (
	"fmt"
	"math/bits"
	"sort"
	"strings"

	"github.com/percept-go/percept/tensor"
)

// Einsum returns the sum of products that spec says, in Einstein's notation:
// "ij,jk->ik" is the matrix product. There is one comma-separated list of
// indices, a letter per axis, for each operand.
//
//   - An index that is not in the output is summed over.
//   - An index that occurs twice in one operand takes its diagonal.
//   - "..." stands for the remaining axes, matched from the last.
//   - Without "->" the output is "..." followed by the indices that occur once,
//     in alphabetical order, capitals first.
//
// Sizes of one index must agree or be 1. Real and complex operands may be
// mixed; nothing is conjugated. Three or more operands are multiplied pair by
// pair, in the order that needs the fewest operations: the best of all for up
// to four, always the cheapest next pair beyond. It panics with *Error if spec
// does not parse or does not fit the operands.
func Einsum(spec string, operands ...Value) Value { return einsum("einsum", spec, false, operands) }

// EinsumWide is Einsum with a float64 (or complex128) result for all operands,
// summed in float64. It panics as Einsum does.
func EinsumWide(spec string, operands ...Value) Value {
	return einsum("einsum", spec, true, operands)
}

func einsum(op, spec string, wide bool, operands []Value) Value {
	if len(operands) == 0 {
		panic(&Error{Op: op, Pos: caller().String(), Err: fmt.Errorf("no operands given for %q", spec)})
	}
	for i, x := range operands {
		checkOperand(&Op{Name: op}, operands, i)
		if x.tape != operands[0].tape {
			fail(op, operands[:1], "operand %d is not a Value of the same Tape", i)
		}
	}
	e, err := parseEquation(spec, typesOf(operands))
	if err != nil {
		fail(op, operands, "%q: %w", spec, err)
	}
	e.wide, e.given = wide, operands
	return e.run()
}

// An index is a letter of an equation, or an axis that the ellipsis stands for:
// 0 to 25 are a to z, 26 to 51 are A to Z, and 52 is the last axis of the
// ellipsis, 53 the one before.
type index uint8

const ellipsis index = 52

func (i index) String() string {
	switch {
	case i < 26:
		return string('a' + rune(i))
	case i < ellipsis:
		return string('A' + rune(i-26))
	}
	return "..."
}

func (i index) bit() uint64 { return 1 << i }

// An equation is a parsed specification.
type equation struct {
	in   [][]index // of each operand's axes
	out  []index
	size [64]int // of each index
	wide bool
	// given are the operands, for errors.
	given []Value
}

// parseEquation parses spec for operands of the given types.
func parseEquation(spec string, types []tensor.Type) (*equation, error) {
	left, right, explicit := strings.Cut(strings.ReplaceAll(spec, " ", ""), "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(types) {
		return nil, fmt.Errorf("indices of %d operands, but %d are given", len(terms), len(types))
	}
	e, dots, known := &equation{}, 0, uint64(0)
	for i, term := range terms {
		axes, n, err := parseTerm(term, int(types[i].Rank))
		if err != nil {
			return nil, fmt.Errorf("operand %d: %w", i, err)
		}
		e.in, dots = append(e.in, axes), max(dots, n)
		for a, x := range axes {
			if known&x.bit() == 0 || e.size[x] == 1 {
				e.size[x] = types[i].Dim[a]
			}
			known |= x.bit()
		}
	}
	if err := e.checkSizes(types); err != nil {
		return nil, err
	}
	if !explicit {
		e.out = e.implicit(dots)
		return e, nil
	}
	return e, e.explicit(right, dots, known)
}

// parseTerm returns the indices of an operand with the given rank, and how many
// of them the ellipsis stands for.
func parseTerm(term string, rank int) (axes []index, dots int, err error) {
	letters, n, has := strings.Cut(term, "...")
	named := len(letters) + len(n)
	if has {
		dots = rank - named
	}
	if named+max(dots, 0) != rank || dots < 0 {
		return nil, 0, fmt.Errorf("%q names %d axes, but the argument has %d", term, named, rank)
	}
	if axes, err = appendLetters(nil, letters); err != nil {
		return nil, 0, err
	}
	axes = appendDots(axes, dots)
	axes, err = appendLetters(axes, n)
	return axes, dots, err
}

func appendDots(axes []index, dots int) []index {
	for k := dots - 1; k >= 0; k-- {
		axes = append(axes, ellipsis+index(k))
	}
	return axes
}

func appendLetters(axes []index, s string) ([]index, error) {
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z':
			axes = append(axes, index(c-'a'))
		case c >= 'A' && c <= 'Z':
			axes = append(axes, index(c-'A')+26)
		default:
			return nil, fmt.Errorf("%q is no index; letters, one \"...\" for each operand, \",\" and one \"->\" expected", c)
		}
	}
	return axes, nil
}

// checkSizes errs where an index has two sizes.
func (e *equation) checkSizes(types []tensor.Type) error {
	for i, axes := range e.in {
		var own [64]int
		for a, x := range axes {
			n := types[i].Dim[a]
			if own[x] > 0 && own[x]-1 != n {
				return fmt.Errorf("index %v, twice in operand %d, has %d and %d elements", x, i, own[x]-1, n)
			}
			if n != e.size[x] && n != 1 {
				return fmt.Errorf("index %v has %d elements in operand %d and %d in another", x, n, i, e.size[x])
			}
			own[x] = n + 1
		}
	}
	return nil
}

// implicit returns the output of an equation that does not name it.
func (e *equation) implicit(dots int) []index {
	var count [64]int
	for _, axes := range e.in {
		for _, x := range axes {
			count[x]++
		}
	}
	var once []index
	for x := range ellipsis {
		if count[x] == 1 {
			once = append(once, x)
		}
	}
	sort.Slice(once, func(i, j int) bool { return once[i].String() < once[j].String() })
	return append(appendDots(nil, dots), once...)
}

// explicit parses the output.
func (e *equation) explicit(s string, dots int, known uint64) error {
	before, after, has := strings.Cut(s, "...")
	if dots > 0 && !has {
		return fmt.Errorf("the output %q leaves out the axes of \"...\"; to sum over them, name them", s)
	}
	out, err := appendLetters(nil, before)
	if err == nil {
		out, err = appendLetters(appendDots(out, dots), after)
	}
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	seen := uint64(0)
	for _, x := range out {
		switch {
		case known&x.bit() == 0:
			return fmt.Errorf("index %v of the output is in no operand", x)
		case seen&x.bit() != 0:
			return fmt.Errorf("index %v is twice in the output; once expected", x)
		}
		seen |= x.bit()
	}
	if len(out) > tensor.MaxRank {
		return fmt.Errorf("the output has %d axes; at most %d are possible", len(out), tensor.MaxRank)
	}
	e.out = out
	return nil
}

// mask returns the set of some indices.
func mask(axes []index) (m uint64) {
	for _, x := range axes {
		m |= x.bit()
	}
	return m
}

// elements returns the product of the sizes of a set of indices.
func (e *equation) elements(m uint64) float64 {
	n := 1.0
	for ; m != 0; m &= m - 1 {
		n *= float64(e.size[bits.TrailingZeros64(m)])
	}
	return n
}
