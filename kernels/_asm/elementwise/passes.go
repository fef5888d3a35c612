package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// compile is avo's compilation, but that it removes the copies that expressions
// make where the original is not needed afterwards, and uses embedded broadcasts.
var compile = pass.Concat(
	pass.Verify,
	pass.FunctionPass(pass.PruneJumpToFollowingLabel),
	pass.FunctionPass(pass.PruneDanglingLabels),
	pass.FunctionPass(pass.LabelTarget),
	pass.FunctionPass(pass.CFG),
	pass.InstructionPass(pass.ZeroExtend32BitOutputs),
	pass.InstructionPass(dropFalseInputs),
	pass.FunctionPass(pass.Liveness),
	pass.FunctionPass(coalesce),
	pass.FunctionPass(allocate),
	pass.FunctionPass(pass.BindRegisters),
	pass.FunctionPass(pass.VerifyAllocation),
	pass.FunctionPass(pass.EnsureBasePointerCalleeSaved),
	pass.Func(pass.IncludeTextFlagHeader),
	pass.FunctionPass(removeSelfCopies),
	pass.InstructionPass(broadcastScalars),
	pass.FunctionPass(pass.RequiredISAExtensions),
)

// dropFalseInputs corrects two instructions of which avo thinks that they read
// their destination, which would be live from the beginning of the function.
func dropFalseInputs(i *ir.Instruction) error {
	switch i.Opcode {
	case "VBLENDMPS", "VBLENDMPD":
		i.Inputs = slices.DeleteFunc(i.Inputs, func(o operand.Op) bool { return o == i.Outputs[0] })
	case "VPXORD":
		i.Inputs = nil // zero
	}
	return nil
}

// coalesce gives the source and the destination of a copy one register where
// their lives do not overlap. It needs liveness, and keeps it.
func coalesce(fn *ir.Function) error {
	is := fn.Instructions()
	for _, i := range is {
		from, to := copied(i)
		if to == nil || from.ID() == to.ID() || overlap(is, from, to) {
			continue
		}
		for _, i := range is {
			rename(i, to.ID(), from)
		}
	}
	return nil
}

// copied returns the operands of a copy between virtual vector registers.
func copied(i *ir.Instruction) (from, to reg.VecVirtual) {
	if i.Opcode != "VMOVAPS" {
		return nil, nil
	}
	from, ok := i.Operands[0].(reg.VecVirtual)
	to, ok2 := i.Operands[1].(reg.VecVirtual)
	if !ok || !ok2 {
		return nil, nil
	}
	return from, to
}

// overlap reports whether an instruction writes one of the registers while the
// other is live; the copy itself does if its source is.
func overlap(is []*ir.Instruction, a, b reg.VecVirtual) bool {
	for _, i := range is {
		for _, r := range i.OutputRegisters() {
			if r.ID() == a.ID() && i.LiveOut[b.ID()] != 0 {
				return true
			}
			if r.ID() == b.ID() && i.LiveOut[a.ID()] != 0 {
				return true
			}
		}
	}
	return false
}

// rename replaces a register.
func rename(i *ir.Instruction, old reg.ID, by reg.VecVirtual) {
	for _, ops := range [][]operand.Op{i.Operands, i.Inputs, i.Outputs} {
		for j, op := range ops {
			if r, ok := op.(reg.VecVirtual); ok && r.ID() == old {
				ops[j] = sized(by, r.Size())
			}
		}
	}
	for _, live := range []reg.MaskSet{i.LiveIn, i.LiveOut} {
		if m := live[old]; m != 0 {
			live.Add(by.ID(), m)
			delete(live, old)
		}
	}
}

// sized returns the part of a register that has so many bytes.
func sized(r reg.VecVirtual, bytes uint) reg.Register {
	switch bytes {
	case 16:
		return r.AsX()
	case 32:
		return r.AsY()
	}
	return r.AsZ()
}

func removeSelfCopies(fn *ir.Function) error {
	fn.Nodes = slices.DeleteFunc(fn.Nodes, func(n ir.Node) bool {
		i, ok := n.(*ir.Instruction)
		return ok && i.Opcode == "VMOVAPS" && i.Operands[0] == i.Operands[1]
	})
	return nil
}

// broadcastScalars gives the instructions that read a scalar constant their form
// with an embedded broadcast.
func broadcastScalars(i *ir.Instruction) error {
	for _, op := range i.Operands {
		m, ok := op.(operand.Mem)
		if !ok || !strings.HasPrefix(m.Symbol.Name, scalarPrefix) {
			continue
		}
		switch i.Opcode {
		case "VMOVUPS":
			i.Opcode = "VBROADCASTSS"
		case "VMOVUPD":
			i.Opcode = "VBROADCASTSD"
		default:
			i.Suffixes = append([]string{"BCST"}, i.Suffixes...)
		}
	}
	return nil
}

func allocate(fn *ir.Function) error {
	if err := pass.AllocateRegisters(fn); err != nil {
		return fmt.Errorf("%s: %w", fn.Name, err)
	}
	return nil
}
