package main

import (
	"slices"

	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
)

// interleave emits body(0), body(1), …, which must be alike and without jumps, an
// instruction of each in turn: a processor looks less far ahead than to the end of
// a long chain of dependent ones. They share the registers of their constants.
func (k *isa) interleave(count int, body func(u int)) {
	k.shared = map[string]V{}
	fn := k.current()
	start := len(fn.Nodes)
	var bodies [][][]ir.Node
	for u := range count {
		from := len(fn.Nodes)
		body(u)
		bodies = append(bodies, steps(fn.Nodes[from:]))
	}
	k.shared = nil
	fn.Nodes = slices.Clone(fn.Nodes[:start])
	for i := range bodies[0] {
		for _, b := range bodies {
			fn.Nodes = append(fn.Nodes, b[i]...)
		}
	}
}

// current returns the function that is being emitted.
func (k *isa) current() *ir.Function {
	f, err := k.Result()
	if err != nil {
		panic(err)
	}
	fs := f.Functions()
	return fs[len(fs)-1]
}

// steps splits instructions after each but loads of constants.
func steps(nodes []ir.Node) (out [][]ir.Node) {
	for from := 0; from < len(nodes); {
		to := from
		for isConstant(nodes[to]) {
			to++
		}
		out = append(out, slices.Clone(nodes[from:to+1]))
		from = to + 1
	}
	return out
}

func isConstant(n ir.Node) bool {
	i := n.(*ir.Instruction)
	m, ok := i.Operands[0].(Mem)
	return ok && m.Symbol.Name != "" && (i.Opcode == "VMOVUPS" || i.Opcode == "VMOVUPD")
}
