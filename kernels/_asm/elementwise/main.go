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
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// out is the folder of package kernels, from that of this module.
const out = ".."

var config = printer.Config{Name: "kernels/_asm/elementwise", Pkg: "kernels"}

func main() {
	log.SetFlags(0)
	table := tables{}
	for _, level := range []string{"AVX2", "AVX512"} {
		for _, bits := range []int{32, 64} {
			k := &isa{Context: build.NewContext(), level: level, bits: bits, consts: map[string]Mem{}}
			k.ConstraintExpr("amd64,!purego")
			for _, kn := range append(arithmetic, functions...) {
				if kn.body != nil {
					k.emit(kn)
					table.add("elementwise", k, kn.name)
				}
			}
			write(k)
		}
	}
	table.write()
}

// write compiles and writes the assembly of one level and precision, and the Go
// declarations.
func write(k *isa) {
	f, err := k.Result()
	if err == nil {
		err = pass.Compile.Execute(f)
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

func save(name string, data []byte, err error) {
	if err == nil {
		err = os.WriteFile(filepath.Join(out, name), data, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// tables collects which functions belong in which Go table.
type tables []struct{ table, typ, name, function string }

// add notes that the function of a kernel goes into the table of its level and
// precision.
func (t *tables) add(kind string, k *isa, name string) {
	*t = append(*t, struct{ table, typ, name, function string }{kind + k.suffix(), k.goType(), name, name + k.suffix()})
}

// write writes the tables as Go maps.
func (t tables) write() {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n//go:build amd64 && !purego\n\npackage kernels\n", config.GeneratedWarning())
	for i, e := range t {
		if i == 0 || t[i-1].table != e.table {
			fmt.Fprintf(&b, "\nvar %s = map[string]rawElementwise[%s]{\n", e.table, e.typ)
		}
		fmt.Fprintf(&b, "%q: %s,\n", e.name, e.function)
		if i+1 == len(t) || t[i+1].table != e.table {
			b.WriteString("}\n")
		}
	}
	src, err := format.Source(b.Bytes())
	save("zz_elementwise_tables_amd64.go", src, err)
}
