package optest

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// guardWords is how many words lie before and after each block.
const guardWords = 64

// guarded is a host Backend that surrounds every block with NaNs, and fills it
// with them: what writes outside is found by check, what reads outside or
// before writing shows in the results.
type guarded struct {
	autograd.Backend
	blocks []*guardBlock
}

// guardBlock is memory with guards: raw holds them and, from word lo to hi, the
// block between.
type guardBlock struct {
	*tensor.Host
	raw    []uint32
	lo, hi int
}

// guard returns b with guards if its memory is the host's, else b itself.
func guard(b autograd.Backend) (autograd.Backend, *guarded) {
	m, err := b.Alloc(64)
	if err != nil {
		return b, nil
	}
	defer m.Free()
	if _, host := m.(*tensor.Host); !host {
		return b, nil
	}
	g := &guarded{Backend: b}
	return g, g
}

// Has asks the Backend whether it has a kernel for op.
func (g *guarded) Has(op *autograd.Op) bool {
	h, ok := g.Backend.(interface{ Has(*autograd.Op) bool })
	return ok && h.Has(op)
}

// Alloc returns memory full of NaNs between guards, aligned to 64 bytes.
func (g *guarded) Alloc(bytes int) (tensor.Memory, error) {
	n := (bytes + 3) / 4
	b := &guardBlock{raw: make([]uint32, n+2*guardWords+16), lo: guardWords}
	for uintptr(unsafe.Pointer(&b.raw[b.lo]))%64 != 0 {
		b.lo++
	}
	for i := range b.raw {
		b.raw[i] = guardWord
	}
	b.hi = b.lo + n
	x := tensor.Of(asFloats(b.raw[b.lo:b.hi]))
	b.Host = x.Mem.(*tensor.Host)
	g.blocks = append(g.blocks, b)
	return b.Host, nil
}

// fill sets the block m to NaNs.
func (g *guarded) fill(m tensor.Memory) {
	for _, b := range g.blocks {
		if b.Host == m {
			for i := range b.raw {
				b.raw[i] = guardWord
			}
		}
	}
}

// check errs if a word outside a block has changed.
func (g *guarded) check() error {
	for _, b := range g.blocks {
		for i := 0; i < len(b.raw); i++ {
			if i == b.lo {
				i = b.hi
			}
			if b.raw[i] != guardWord {
				return fmt.Errorf("memory outside a block of %d bytes was written, %d bytes from its start", 4*(b.hi-b.lo), 4*(i-b.lo))
			}
		}
	}
	return nil
}

// only errs if the block that holds x was written outside x, which is
// contiguous.
func (g *guarded) only(x tensor.Tensor) error {
	size := x.DType.Size()
	lo, hi := x.Offset*size/4, (x.Offset+x.Len())*size/4
	for _, b := range g.blocks {
		if b.Host != x.Mem {
			continue
		}
		for i, w := range b.raw {
			if j := i - b.lo; w != guardWord && (j < lo || j >= hi) {
				return fmt.Errorf("memory outside the result %v was written, %d bytes from its start", x.Type, 4*(j-lo))
			}
		}
	}
	return nil
}

func asWords(f []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(f))), len(f))
}

func asFloats(w []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(w))), len(w))
}

// bits returns the elements of t in C order as they lie in memory.
func bits(t tensor.Tensor) []uint32 {
	t = tensor.Contiguous(t)
	if t.DType.Real() == tensor.Float32 {
		return append([]uint32(nil), asWords(tensor.Span[float32](t))...)
	}
	f := tensor.Span[float64](t)
	w := make([]uint32, 0, 2*len(f))
	for _, v := range f {
		b := math.Float64bits(v)
		w = append(w, uint32(b), uint32(b>>32))
	}
	return w
}
