// Command gemm generates the row kernel of the matrix product: a row of dst is
// the combination of rows of b with the factors x, in order,
//
//	dst[j] += x[0]·b[0][j] + … + x[k−1]·b[k−1][j]
//
// with fused multiply-adds, four vectors of dst in registers at a time.
package main

import (
	"flag"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var (
	wide   = flag.Bool("avx512", false, "512-bit vectors")
	double = flag.Bool("f64", false, "double precision")
)

func vec() reg.VecVirtual {
	if *wide {
		return ZMM()
	}
	return YMM()
}

// pick calls the instruction for the precision.
func pick(single, dbl func()) {
	if *double {
		dbl()
		return
	}
	single()
}

func main() {
	flag.Parse()
	ConstraintExpr("amd64,!purego")
	typ, size, name := "float32", 4, "F32"
	if *double {
		typ, size, name = "float64", 8, "F64"
	}
	level, lanes := "AVX2", 32/size
	if *wide {
		level, lanes = "AVX512", 64/size
	}
	TEXT("rowProduct"+level+name, NOSPLIT, fmt.Sprintf("func(dst, b, x *%s, blocks, ldb, k int)", typ))
	Doc(fmt.Sprintf("rowProduct%s%s adds to dst, blocks of %d elements, the sum of k rows of b times x.", level, name, 4*lanes))
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	b := Load(Param("b"), GP64())
	x := Load(Param("x"), GP64())
	blocks := Load(Param("blocks"), GP64())
	ldb := Load(Param("ldb"), GP64())
	k := Load(Param("k"), GP64())
	IMUL3Q(U32(size), ldb, ldb)
	Label("block")
	acc := [4]reg.VecVirtual{vec(), vec(), vec(), vec()}
	step := lanes * size
	for i, a := range acc {
		VMOVUPD(Mem{Base: dst, Disp: i * step}, a)
	}
	row, factor, n := GP64(), GP64(), GP64()
	MOVQ(b, row)
	MOVQ(x, factor)
	MOVQ(k, n)
	Label("row")
	f := vec()
	pick(func() { VBROADCASTSS(Mem{Base: factor}, f) }, func() { VBROADCASTSD(Mem{Base: factor}, f) })
	for i, a := range acc {
		m := Mem{Base: row, Disp: i * step}
		pick(func() { VFMADD231PS(m, f, a) }, func() { VFMADD231PD(m, f, a) })
	}
	ADDQ(ldb, row)
	ADDQ(Imm(uint64(size)), factor)
	DECQ(n)
	JNZ(LabelRef("row"))
	for i, a := range acc {
		VMOVUPD(a, Mem{Base: dst, Disp: i * step})
	}
	ADDQ(U32(4*step), dst)
	ADDQ(U32(4*step), b)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
	Generate()
}
