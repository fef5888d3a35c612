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
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
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
	files, err := generate()
	for name, data := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(out, name), data, 0o644)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
}

// generate returns the generated files by name.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	var tables bytes.Buffer
	fmt.Fprintf(&tables, "// %s\n\n//go:build amd64 && !purego\n\npackage kernels\n", config.GeneratedWarning())
	short := map[int][]string{} // entries of AVX2 that AVX-512 uses where it has none, by precision
	for _, k := range isas {
		k.Context, k.consts = build.NewContext(), map[string]Mem{}
		k.ConstraintExpr("amd64,!purego")
		emitAll(&k)
		if err := k.print(files); err != nil {
			return nil, fmt.Errorf("%s: %w", k.suffix(), err)
		}
		if k.level == "AVX2" {
			short[k.bits] = k.shared
		}
		k.table = append(k.table, slices.DeleteFunc(short[k.bits], k.has)...)
		k.writeTable(&tables)
	}
	src, err := format.Source(tables.Bytes())
	files["zz_fft_tables_amd64.go"] = src
	return files, err
}

// emitAll emits the kernels of one level and precision.
// Nothing is loaded from tiles, and from pairs only by forward transforms; only
// inverse ones have a stage done while storing to either.
func emitAll(k *isa) {
	for _, swap := range []bool{false, true} {
		for lay := range layouts {
			for _, radix := range k.fused(lay) {
				if lay < tiles || lay == pairs && !swap {
					k.load(lay, radix, swap)
				}
				if lay < tiles || swap || radix == 1 {
					k.store(lay, radix, swap)
				}
			}
		}
		if k.double() {
			k.cross(swap)
		}
	}
	for _, radix := range k.maskRadices() {
		k.loadMasked(radix)
		k.addMasked(radix)
	}
	k.prefetch()
	k.pieces()
	for _, radix := range k.radices() {
		k.stage(radix)
	}
	k.stageOdd()
	k.realOdd()
	k.realOddInverse()
	k.arrange()
	k.negate()
	k.tangle()
	k.tangleLines()
	k.product()
	if k.level == "AVX2" {
		table := k.table
		k.table = nil
		k.emitShort()
		k.shared, k.table = k.table, table
	} else {
		k.joinedEight("FFTForward")
		k.joinedEight("FFTInverse")
		k.joinedReal()
	}
	k.emitLines()
}

// function starts a kernel and notes it for the table.
func (k *isa) function(field, name, signature string) {
	name = "fft" + name + k.suffix()
	k.table = append(k.table, fmt.Sprintf("b.%s = %s\n", field, name))
	k.Function(name)
	k.Attributes(attr.NOSPLIT)
	k.Pragma("noescape")
	k.SignatureExpr(strings.ReplaceAll(signature, "T", k.goType()))
}

// has reports whether the table has a kernel in the place of an entry.
func (k *isa) has(entry string) bool {
	place, _, _ := strings.Cut(entry, " = ")
	return slices.ContainsFunc(k.table, func(e string) bool { return strings.HasPrefix(e, place+" = ") })
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
	fmt.Fprintf(w, "b.lanes = %d\nb.slot = %#v\nb.rowBlock = %d\nb.shortWide, b.wideRows, b.joined = %d, %d, %d\n", k.lanes(), k.slots(), k.lanes()/2, k.wide(), k.wideRows(), k.joined())
	fmt.Fprintf(w, "%s}\n", strings.Join(k.table, ""))
}

// print compiles the kernels and adds the assembly and its Go declarations.
func (k *isa) print(files map[string][]byte) error {
	f, err := k.Result()
	if err != nil {
		return err
	}
	if err := k.compile(f); err != nil {
		return err
	}
	name := strings.ToLower(fmt.Sprintf("zz_fft_%s_f%d_amd64", k.level, k.bits))
	if files[name+".s"], err = printer.NewGoAsm(config).Print(f); err != nil {
		return err
	}
	files[name+".go"], err = printer.NewStubs(config).Print(f)
	return err
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
