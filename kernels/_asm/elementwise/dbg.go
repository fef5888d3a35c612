package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
)

func dbg(fn *ir.Function) {
	is := fn.Instructions()
	for id, m := range is[0].LiveOut {
		for n, i := range is {
			for _, r := range i.Registers() {
				if r.ID() == id {
					fmt.Println(id, m, n, i.Opcode, i.Suffixes, "in", i.InputRegisters(), "out", i.OutputRegisters())
				}
			}
		}
	}
}
