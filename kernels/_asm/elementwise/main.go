// Command elementwise writes the SIMD bodies of the elementwise kernels and the
// reductions of package kernels: for AVX2 and AVX-512, float32 and float64.
//
// A body is written once, as expressions on vector registers (arithmetic.go,
// functions.go); isa.go holds what differs between levels and precisions, loop.go
// what surrounds a body. The order of split complex numbers and the masks of the
// last elements are explained there.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// out is the folder of package kernels, from that of this module.
const out = ".."

var config = printer.Config{Name: "kernels/_asm/elementwise", Pkg: "kernels"}

func main() {
	log.SetFlags(0)
	var tables []table
	for _, level := range []string{"AVX2", "AVX512"} {
		for _, bits := range []int{32, 64} {
			k := &isa{Context: build.NewContext(), level: level, bits: bits, width: widths[level], consts: map[string]Mem{}}
			k.ConstraintExpr("amd64,!purego")
			tables = append(tables, k.emitAll())
			write(k)
		}
	}
	writeTables(tables)
}

// write compiles and writes the assembly of one level and precision, and the Go
// declarations.
func write(k *isa) {
	f, err := k.Result()
	if err == nil {
		err = compile.Execute(f)
	}
	if err == nil {
		err = k.fits(f)
	}
	if err != nil {
		log.Fatal(err)
	}
	name := fmt.Sprintf("zz_elementwise_%s_f%d_amd64", map[bool]string{false: "avx2", true: "avx512"}[k.wide()], k.bits)
	asm, err := printer.NewGoAsm(config).Print(f)
	save(name+".s", asm, err)
	stubs, err := printer.NewStubs(config).Print(f)
	save(name+".go", stubs, err)
}

// fits reports functions that need more vector registers than the level has: the
// allocator of avo knows only the largest set.
func (k *isa) fits(f *ir.File) error {
	for _, fn := range f.Functions() {
		for _, i := range fn.Instructions() {
			for _, r := range i.Registers() {
				if p := reg.ToPhysical(r); !k.wide() && p != nil && r.Kind() == reg.KindVector && p.PhysicalIndex() >= 16 {
					return fmt.Errorf("%s needs more than 16 vector registers", fn.Name)
				}
			}
		}
	}
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

// A table lists the functions of one level and precision as the Go struct
// asmTable wants them.
type table struct {
	*isa
	elementwise, blocks [][2]string // names of kernels and of functions
	others              []string    // fields, named as the functions
	tiles               []string    // functions
}

// emitAll emits every kernel.
func (k *isa) emitAll() table {
	t := table{isa: k}
	for _, kn := range arithmetic {
		k.emit(kn, (*loop).inOrder)
	}
	for _, kn := range functions {
		if !k.wide() { // has registers for one vector at a time
			kn.unroll = 1
		}
		k.emit(kn, (*loop).interleaved)
	}
	for _, kn := range append(arithmetic, functions...) {
		t.elementwise = append(t.elementwise, [2]string{kn.name, kn.name})
	}
	for _, r := range reductions {
		k.emitReduction(r)
		t.blocks = append(t.blocks, [2]string{r.name, r.function()})
	}
	k.emitWithin()
	k.emitAccumulate()
	t.others = append([]string{"within", "accumulate"}, k.emitTexture()...)
	t.others = append(t.others, k.emitDots()...)
	k.emitRowDots()
	k.emitHartley()
	t.others = append(t.others, "rowDots", "hartley", "hartleyMirror")
	t.tiles = k.emitTiles()
	k.emitPack()
	t.others = append(t.others, "pack")
	if !k.wide() { // for both levels
		k.emitTranspose()
	}
	if !k.double() {
		k.emitToFloat64()
		k.emitFromFloat64()
		t.others = append(t.others, "toFloat64", "fromFloat64")
	}
	return t
}

// writeTables writes the tables as Go values.
func writeTables(ts []table) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n//go:build amd64 && !purego\n\npackage kernels\n", config.GeneratedWarning())
	for _, t := range ts {
		fmt.Fprintf(&b, "\nvar asm%s = asmTable[%s]{\n", t.suffix(), t.goType())
		t.writeMap(&b, "elementwise", "rawElementwise", t.elementwise)
		t.writeMap(&b, "blocks", "rawBlock", t.blocks)
		for _, name := range t.others {
			fmt.Fprintf(&b, "%s: %s%s,\n", name, name, t.suffix())
		}
		fmt.Fprintf(&b, "tiles: [2][2]rawTile[%s]{{%s, %s}, {%s, %s}},\n", t.goType(), t.tiles[0], t.tiles[1], t.tiles[2], t.tiles[3])
		fmt.Fprintf(&b, "tileRows: %d,\ntileColumns: %d,\ntileDepth: %d,\ntileStride: %d,\n", tileRows[t.level], 2*t.lanes(), t.tileDepth(), t.tileStride())
		fmt.Fprintf(&b, "transpose: transposeAVX2F%d,\n}\n", t.bits)
	}
	src, err := format.Source(b.Bytes())
	save("zz_elementwise_tables_amd64.go", src, err)
}

func (t *table) writeMap(b *bytes.Buffer, field, typ string, names [][2]string) {
	fmt.Fprintf(b, "%s: map[string]%s[%s]{\n", field, typ, t.goType())
	for _, n := range names {
		fmt.Fprintf(b, "%q: %s%s,\n", n[0], n[1], t.suffix())
	}
	b.WriteString("},\n")
}
