package tensor

import (
	"fmt"
	"strings"
)

// printEdge is how many elements String shows at either end of a long axis.
const printEdge = 3

// String returns the type of t and, from host memory, its elements: of an axis
// longer than 6 the first and the last 3. Nested brackets are axes:
//
//	float64[2 9] [[1 2 3 … 7 8 9]
//	              [0 0 0 … 0 0 0]]
func (t Tensor) String() string {
	name := t.Type.String()
	if h, ok := t.Mem.(*Host); !ok || h.base == nil && t.Len() > 0 {
		return name
	}
	var b strings.Builder
	b.WriteString(name + " ")
	t.print(&b, 0, 0, len(name)+1)
	return b.String()
}

// print writes the part of t that starts off elements after its first and
// spans the axes from axis on; lines begin with indent spaces.
func (t *Tensor) print(b *strings.Builder, axis, off, indent int) {
	if axis == int(t.Rank) {
		t.printElement(b, off)
		return
	}
	separator := " "
	if inner := int(t.Rank) - 1 - axis; inner > 0 {
		separator = strings.Repeat("\n", inner) + strings.Repeat(" ", indent+1)
	}
	b.WriteByte('[')
	n := t.Dim[axis]
	for i := 0; i < n; i++ {
		if i > 0 {
			b.WriteString(separator)
		}
		if i == printEdge && n > 2*printEdge {
			b.WriteString("…" + separator)
			i = n - printEdge
		}
		t.print(b, axis+1, off+i*t.Stride[axis], indent+1)
	}
	b.WriteByte(']')
}

func (t *Tensor) printElement(b *strings.Builder, off int) {
	if t.DType.IsComplex() {
		v := t.Load(off)
		fmt.Fprintf(b, "%.5g%+.5gi", real(v), imag(v))
		return
	}
	fmt.Fprintf(b, "%.5g", t.LoadReal(off))
}
