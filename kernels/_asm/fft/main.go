// Command fft writes the SIMD bodies of the FFT kernels of package kernels: for
// AVX2 and AVX-512, float32 and float64.
//
// A tile holds as many lines as a vector has elements, each row as one vector of
// real and one of imaginary parts. So a butterfly (butterfly.go) needs no shuffle,
// a multiplication by i is a choice of registers, and twiddle factors are
// broadcast scalars. Shuffles are only where lines enter and leave a tile
// (shuffle.go, load.go, store.go), there together with the first and last stage.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// out is the folder of package kernels, from that of this module.
const out = ".."

var config = printer.Config{Name: "kernels/_asm/fft", Pkg: "kernels"}

var isas = []isa{
	{level: "AVX2", bits: 32, bytes: 32, registers: 16},
	{level: "AVX2", bits: 64, bytes: 32, registers: 16},
	{level: "AVX512", bits: 32, bytes: 64, registers: 32},
	{level: "AVX512", bits: 64, bytes: 64, registers: 32},
}

func main() {
	log.SetFlags(0)
	var tables bytes.Buffer
	fmt.Fprintf(&tables, "// %s\n\n//go:build amd64 && !purego\n\npackage kernels\n", config.GeneratedWarning())
	for i := range isas {
		k := &isas[i]
		k.Context = build.NewContext()
		k.ConstraintExpr("amd64,!purego")
		emitAll(k)
		write(k)
		k.writeTable(&tables)
	}
	src, err := format.Source(tables.Bytes())
	save("zz_fft_tables_amd64.go", src, err)
}

// emitAll emits the kernels of one level and precision.
func emitAll(k *isa) {
	for _, swap := range []bool{false, true} {
		for lay := range layouts {
			for _, radix := range k.fused(lay) {
				k.load(lay, radix, swap)
				k.store(lay, radix, swap)
			}
		}
	}
	for _, radix := range k.radices() {
		k.stage(radix)
	}
	k.tangle()
	k.product()
}

// function starts a kernel and notes it for the table.
func (k *isa) function(field, name, signature string) {
	name = "fft" + name + k.suffix()
	k.table = append(k.table, fmt.Sprintf("b.%s = %s\n", field, name))
	k.Function(name)
	k.Attributes(4) // NOSPLIT
	k.Pragma("noescape")
	k.SignatureExpr(strings.ReplaceAll(signature, "T", k.goType()))
}

// end ends a kernel.
func (k *isa) end() {
	k.VZEROUPPER()
	k.RET()
}

// writeTable writes the Go function that enters the kernels into a body.
func (k *isa) writeTable(w *bytes.Buffer) {
	fmt.Fprintf(w, "\n// fftSet%s sets the kernels of b to the generated ones.\n", k.suffix())
	fmt.Fprintf(w, "func fftSet%s(b *fftBody[%s]) {\n", k.suffix(), k.goType())
	fmt.Fprintf(w, "b.lanes = %d\nb.slot = %#v\nb.rowBlock = %d\n", k.lanes(), k.slots(), k.lanes()/2)
	fmt.Fprintf(w, "%s}\n", strings.Join(k.table, ""))
}

// write compiles and writes the assembly of one level and precision, and the Go
// declarations.
func write(k *isa) {
	f, err := k.Result()
	if err == nil {
		err = k.compile(f)
	}
	if err != nil {
		log.Fatal(k.suffix(), ": ", err)
	}
	name := strings.ToLower(fmt.Sprintf("zz_fft_%s_f%d_amd64", k.level, k.bits))
	asm, err := printer.NewGoAsm(config).Print(f)
	save(name+".s", asm, err)
	stubs, err := printer.NewStubs(config).Print(f)
	save(name+".go", stubs, err)
}

// compile compiles f. It reports functions that need more vector registers than
// the level has: the allocator of avo knows only the largest set.
func (k *isa) compile(f *ir.File) error {
	for _, fn := range f.Functions() {
		one := &ir.File{Includes: f.Includes, Constraints: f.Constraints, Sections: []ir.Section{fn}}
		if err := pass.Compile.Execute(one); err != nil {
			return fmt.Errorf("%s: %w", fn.Name, err)
		}
		for _, i := range fn.Instructions() {
			for _, r := range i.Registers() {
				if p := reg.ToPhysical(r); p != nil && r.Kind() == reg.KindVector && int(p.PhysicalIndex()) >= k.registers {
					return fmt.Errorf("%s needs more than %d vector registers", fn.Name, k.registers)
				}
			}
		}
	}
	f.Includes = append(f.Includes, "textflag.h")
	return nil
}

func save(name string, data []byte, err error) {
	if err == nil {
		err = os.WriteFile(filepath.Join(out, name), data, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}
