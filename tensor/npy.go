package tensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// An Array is a Tensor read from a file that can hold more element types.
type Array struct {
	Tensor
	Kind string // NumPy's name of the type in the file: "uint8", "float16", …
}

// A kind is an element type of the NPY format.
type kind struct {
	name string
	size int
	as   DType // what it becomes
	read func(dst Tensor, data []byte, order binary.ByteOrder) error
}

// kinds is keyed by the type code after the byte order in "descr".
var kinds = map[string]kind{
	"b1":  {"bool", 1, Float64, readBool},
	"u1":  {"uint8", 1, Float64, readInts[uint8]},
	"i1":  {"int8", 1, Float64, readInts[int8]},
	"u2":  {"uint16", 2, Float64, readInts[uint16]},
	"i2":  {"int16", 2, Float64, readInts[int16]},
	"u4":  {"uint32", 4, Float64, readInts[uint32]},
	"i4":  {"int32", 4, Float64, readInts[int32]},
	"u8":  {"uint64", 8, Float64, readInts[uint64]},
	"i8":  {"int64", 8, Float64, readInts[int64]},
	"f2":  {"float16", 2, Float32, readHalf},
	"f4":  {"float32", 4, Float32, readFloats[float32]},
	"f8":  {"float64", 8, Float64, readFloats[float64]},
	"c8":  {"complex64", 8, Complex64, readFloats[float32]},
	"c16": {"complex128", 16, Complex128, readFloats[float64]},
}

// ReadNPY reads a whole NumPy .npy file, version 1 to 3, in C or Fortran order
// and of either byte order, into contiguous memory. Integers and booleans
// become float64, float16 becomes float32. Memory is taken as data arrives,
// whatever the header promises. It errs if r fails, if the file is no NPY
// file, is damaged, is longer or shorter than its header says, has more than
// MaxRank axes, another element type, or an integer that float64 cannot hold.
//
// Format: NEP 1, https://numpy.org/neps/nep-0001-npy-format.html.
func ReadNPY(r io.Reader) (Array, error) {
	h, err := readHeader(r)
	if err != nil {
		return Array{}, fmt.Errorf("npy: %w", err)
	}
	a, err := h.readData(r)
	if err != nil {
		return Array{}, fmt.Errorf("npy: %w", err)
	}
	return a, nil
}

func (h *header) readData(r io.Reader) (Array, error) {
	want := int64(h.len) * int64(h.kind.size)
	data, err := io.ReadAll(io.LimitReader(r, want+1))
	switch {
	case err != nil:
		return Array{}, fmt.Errorf("data: %w", err)
	case int64(len(data)) < want:
		return Array{}, fmt.Errorf("the file ends after %d of the %d bytes of data that shape %v of %s needs", len(data), want, h.shape, h.kind.name)
	case int64(len(data)) > want:
		return Array{}, fmt.Errorf("data follows after the %d bytes that shape %v of %s needs", want, h.shape, h.kind.name)
	}
	shape := h.shape
	if h.fortran {
		shape = reversed(shape)
	}
	t := New(h.kind.as, shape...)
	if err := h.kind.read(t, data, h.order); err != nil {
		return Array{}, err
	}
	if h.fortran {
		t = Contiguous(t.Permute(lastFirst(len(shape))...))
	}
	return Array{Tensor: t, Kind: h.kind.name}, nil
}

func reversed(s []int) []int {
	r := make([]int, len(s))
	for i, v := range s {
		r[len(s)-1-i] = v
	}
	return r
}

// lastFirst returns n-1, n-2, … 0.
func lastFirst(n int) []int {
	r := make([]int, n)
	for i := range r {
		r[i] = n - 1 - i
	}
	return r
}

func readFloats[T float32 | float64](dst Tensor, data []byte, order binary.ByteOrder) error {
	_, err := binary.Decode(data, order, Span[T](dst))
	return err
}

type integer interface {
	uint8 | int8 | uint16 | int16 | uint32 | int32 | uint64 | int64
}

func readInts[T integer](dst Tensor, data []byte, order binary.ByteOrder) error {
	v := make([]T, dst.Len())
	if _, err := binary.Decode(data, order, v); err != nil {
		return err
	}
	out := Span[float64](dst)
	for i, x := range v {
		f := float64(x)
		if f >= 1<<53 || f <= -1<<53 {
			return fmt.Errorf("element %d is %d; integers from 2^53 on cannot be told apart in float64", i, x)
		}
		out[i] = f
	}
	return nil
}

func readBool(dst Tensor, data []byte, _ binary.ByteOrder) error {
	out := Span[float64](dst)
	for i, b := range data {
		if b > 1 {
			return fmt.Errorf("element %d is the byte %d, which is no boolean", i, b)
		}
		out[i] = float64(b)
	}
	return nil
}

func readHalf(dst Tensor, data []byte, order binary.ByteOrder) error {
	out := Span[float32](dst)
	for i := range out {
		out[i] = half(order.Uint16(data[2*i:]))
	}
	return nil
}

// half returns the value of an IEEE 754 binary16 number.
func half(h uint16) float32 {
	exp, frac := int(h>>10&31), float64(h&1023)
	var v float64
	switch exp {
	case 0:
		v = math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return float32(math.NaN())
		}
		v = math.Inf(1)
	default:
		v = math.Ldexp(1024+frac, exp-25)
	}
	return float32(math.Copysign(v, 1-2*float64(h>>15)))
}

// WriteNPY writes t as a NumPy .npy file, version 1, little-endian and in C
// order, whatever the strides of t. It errs if w does, and panics if t is not
// in host memory.
func WriteNPY(w io.Writer, t Tensor) error {
	if _, err := io.WriteString(w, npyHeader(t.Type)); err != nil {
		return err
	}
	return WriteData(w, t)
}

// npyHeader returns all that precedes the data, padded so that the data is
// aligned to 64 bytes.
func npyHeader(t Type) string {
	dims := make([]string, t.Rank)
	for i := range dims {
		dims[i] = strconv.Itoa(t.Dim[i])
	}
	tuple := strings.Join(dims, ", ")
	if len(dims) == 1 {
		tuple += ","
	}
	code := "f"
	if t.DType.IsComplex() {
		code = "c"
	}
	dict := fmt.Sprintf("{'descr': '<%s%d', 'fortran_order': False, 'shape': (%s), }", code, t.DType.Size(), tuple)
	pad := 63 - (len(npyMagic)+4+len(dict))%64
	dict += strings.Repeat(" ", pad) + "\n"
	return npyMagic + "\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(dict)))) + dict
}

const npyMagic = "\x93NUMPY"

// unexpectedEnd says what was cut off, in place of a bare EOF.
func unexpectedEnd(err error, where string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends in %s", where)
	}
	return fmt.Errorf("%s: %w", where, err)
}
