package autograd

import (
	"fmt"

	"github.com/percept-go/percept/tensor"
)

// A Ring keeps an output of several Runs in memory of the backend, so that the
// host reads, and waits, once for all of them.
type Ring struct {
	prog  *Program
	out   int
	rows  tensor.Tensor // (rows, …)
	n     int           // that are kept
	moves int           // the Tape's when rows was made
}

// NewRing returns a Ring for as many Runs of p and output out. Its memory is freed
// with p's. It errs if there is none.
func (p *Program) NewRing(out, rows int) (*Ring, error) {
	r := &Ring{prog: p, out: out}
	typ := p.tape.nodes[p.asked.outs[out]].typ
	r.rows.Type = tensor.MakeType(typ.DType, append([]int{rows}, typ.Shape()...)...)
	if err := r.place(); err != nil {
		return nil, err
	}
	p.rings = append(p.rings, r)
	return r, nil
}

// place gives r memory on the backend that the Tape is on now.
func (r *Ring) place() error {
	m, err := r.prog.tape.backend.Alloc(r.rows.Bytes())
	if err != nil {
		return err
	}
	r.rows, r.moves, r.n = tensor.Wrap(m, r.rows.Type, 0), r.prog.tape.moves, 0
	return nil
}

// Keep keeps the output as computed by the last Run. It does not wait. It errs if
// r is full, or as Program.Read does.
func (r *Ring) Keep() error {
	if err := r.prog.readable(); err != nil {
		return err
	}
	if r.moves != r.prog.tape.moves {
		r.free()
		if err := r.place(); err != nil {
			return err
		}
	}
	if r.n == r.rows.Dim[0] {
		return fmt.Errorf("autograd: the Ring is full: %d outputs are kept", r.n)
	}
	row := tensor.Wrap(r.rows.Mem, r.prog.out[r.out].Type, r.n*r.prog.out[r.out].Len())
	r.n++
	return r.prog.tape.backend.Copy(row, r.prog.out[r.out])
}

// Read copies the outputs that are kept to dst, which has room for as many, oldest
// first, and forgets them. It errs if dst is not of the type (kept, …).
func (r *Ring) Read(dst tensor.Tensor) error {
	kept := r.rows
	kept.Dim[0] = r.n
	if dst.Type != kept.Type {
		return fmt.Errorf("autograd: a Ring that holds a %v read into a %v", kept.Type, dst.Type)
	}
	r.n = 0
	return r.prog.tape.backend.Copy(dst, kept)
}

// free returns the memory of r.
func (r *Ring) free() {
	if r.rows.Mem != nil {
		r.rows.Mem.Free()
		r.rows.Mem = nil
	}
}
