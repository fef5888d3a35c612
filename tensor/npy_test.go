package tensor

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// npy returns a version 1 file with the given header and data.
func npy(dict string, data ...byte) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), binary.LittleEndian.AppendUint16(nil, uint16(len(dict)))...)
	return append(append(b, dict...), data...)
}

func dict(descr, fortran, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }          \n", descr, fortran, shape)
}

// encode returns values in the given byte order.
func encode(order binary.AppendByteOrder, values any) []byte {
	var b bytes.Buffer
	var o binary.ByteOrder = binary.LittleEndian
	if order.String() == "BigEndian" {
		o = binary.BigEndian
	}
	if err := binary.Write(&b, o, values); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestReadNPYTypes(t *testing.T) {
	for _, c := range []struct {
		code, kind string
		as         DType
		stored     any
		want       []complex128
	}{
		{"b1", "bool", Float64, []uint8{0, 1}, []complex128{0, 1}},
		{"u1", "uint8", Float64, []uint8{0, 255}, []complex128{0, 255}},
		{"i1", "int8", Float64, []int8{-128, 127}, []complex128{-128, 127}},
		{"u2", "uint16", Float64, []uint16{1, 65535}, []complex128{1, 65535}},
		{"i2", "int16", Float64, []int16{-32768, 2}, []complex128{-32768, 2}},
		{"u4", "uint32", Float64, []uint32{1 << 31, 4294967295}, []complex128{1 << 31, 4294967295}},
		{"i4", "int32", Float64, []int32{-1 << 31, 5}, []complex128{-1 << 31, 5}},
		{"u8", "uint64", Float64, []uint64{7, 1<<53 - 1}, []complex128{7, 1<<53 - 1}},
		{"i8", "int64", Float64, []int64{-1<<53 + 1, 3}, []complex128{-1<<53 + 1, 3}},
		{"f2", "float16", Float32, []uint16{0x3c00, 0xc155}, []complex128{1, -2.666015625}},
		{"f4", "float32", Float32, []float32{1.5, -math.MaxFloat32}, []complex128{1.5, -math.MaxFloat32}},
		{"f8", "float64", Float64, []float64{0.1, math.Inf(-1)}, []complex128{0.1, complex(math.Inf(-1), 0)}},
		{"c8", "complex64", Complex64, []complex64{1 + 2i, -3i}, []complex128{1 + 2i, -3i}},
		{"c16", "complex128", Complex128, []complex128{0.1 + 2i, -3}, []complex128{0.1 + 2i, -3}},
	} {
		for prefix, order := range map[string]binary.AppendByteOrder{"<": binary.LittleEndian, ">": binary.BigEndian, "=": binary.LittleEndian} {
			a, err := ReadNPY(bytes.NewReader(npy(dict(prefix+c.code, "False", "(2,)"), encode(order, c.stored)...)))
			require.NoError(t, err, prefix+c.code)
			assert.Equal(t, c.kind, a.Kind)
			assert.Equal(t, MakeType(c.as, 2), a.Type)
			assert.Equal(t, c.want, snapshot(a.Tensor).v, prefix+c.code)
		}
	}
}

// TestHalf checks float16 against the definition in IEEE 754 §3.4.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		sign, exp, frac := h>>15, h>>10&31, float64(h&1023)/1024
		want := math.Pow(2, float64(exp-15)) * (1 + frac)
		switch {
		case exp == 0:
			want = math.Pow(2, -14) * frac
		case exp == 31 && frac == 0:
			want = math.Inf(1)
		case exp == 31:
			require.True(t, math.IsNaN(float64(half(uint16(h)))), "%#x", h)
			continue
		}
		require.Equal(t, math.Float32bits(float32(math.Copysign(want, 1-2*float64(sign)))), math.Float32bits(half(uint16(h))), "%#x", h)
	}
}

func TestReadNPYFortranOrder(t *testing.T) {
	a, err := ReadNPY(bytes.NewReader(npy(dict("<f8", "True", "(2, 3)"), encode(binary.LittleEndian, []float64{1, 4, 2, 5, 3, 6})...)))
	require.NoError(t, err)
	assert.Equal(t, []int{2, 3}, a.Shape())
	assert.Equal(t, []float64{1, 2, 3, 4, 5, 6}, Slice[float64](a.Tensor))
}

func TestReadNPYHeaderForms(t *testing.T) {
	one := encode(binary.LittleEndian, []float32{5})
	v2 := []byte("\x93NUMPY\x02\x00\x41\x00\x00\x00")
	v3 := []byte("\x93NUMPY\x03\x00\x41\x00\x00\x00")
	padded := fmt.Sprintf("%-64s\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}")
	for name, file := range map[string][]byte{
		"scalar":        npy(dict("<f4", "False", "()"), one...),
		"no spaces":     npy(`{'shape':(1,1,),'descr':"<f4",'fortran_order':False}`, one...),
		"Python 2":      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 1L)}\n", one...),
		"without order": npy(dict("f4", "False", "(1,)"), one...),
		"version 2":     append(append(v2, padded...), one...),
		"version 3":     append(append(v3, padded...), one...),
	} {
		a, err := ReadNPY(bytes.NewReader(file))
		require.NoError(t, err, name)
		assert.Equal(t, []float64{5}, Floats(a.Tensor), name)
	}
	a, err := ReadNPY(bytes.NewReader(npy(dict("<f8", "False", "(0, 3)"))))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 3}, a.Shape())
}

func TestReadNPYRefuses(t *testing.T) {
	ok := dict("<f8", "False", "(1,)")
	eight := make([]byte, 8)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":             {nil, "ends in the magic number"},
		"text":              {[]byte("hello, world"), `begins with "hello,"`},
		"version":           {[]byte("\x93NUMPY\x09\x00\x01\x00"), "version 9.0"},
		"header length":     {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\x7f{"), "a header of 2147483647 bytes"},
		"cut header":        {npy(ok)[:20], "ends in the header"},
		"no dictionary":     {npy("[1]"), `"{" expected`},
		"missing":           {npy("{'descr': '<f8', 'fortran_order': False}"), "is missing"},
		"twice":             {npy("{'descr': '<f8', 'descr': '<f8'}"), "occurs twice"},
		"unknown":           {npy("{'rows': 3}"), `unknown entry "rows"`},
		"after":             {npy(strings.TrimSpace(ok) + "x"), "follows after the dictionary"},
		"string":            {npy("{'descr"), "a string does not end"},
		"boolean":           {npy(dict("<f8", "Maybe", "(1,)")), "no True or False"},
		"negative":          {npy(dict("<f8", "False", "(-1,)")), "negative size, -1"},
		"no size":           {npy(dict("<f8", "False", "(a,)")), "a size expected"},
		"huge size":         {npy(dict("<f8", "False", "(99999999999999999999,)")), "a size expected"},
		"no tuple":          {npy(dict("<f8", "False", "3")), `"(" expected`},
		"overflow":          {npy(dict("<f8", "False", "(4294967296, 4294967296)")), "larger than any memory"},
		"zero and overflow": {npy(dict("<f8", "False", "(0, 4294967296, 4294967296)")), "larger than any memory"},
		"rank":              {npy(dict("<f8", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)")), "9 axes"},
		"objects":           {npy(dict("|O", "False", "(1,)")), "Python objects"},
		"strings":           {npy(dict("<U3", "False", "(1,)")), `element type "<U3" cannot be read`},
		"long double":       {npy(dict("<f16", "False", "(1,)")), `element type "<f16"`},
		"empty descr":       {npy(dict("", "False", "(1,)")), `element type ""`},
		"fields":            {npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}"), "named fields"},
		"short":             {npy(dict("<f8", "False", "(2,)"), eight...), "after 8 of the 16 bytes"},
		"long":              {npy(dict("<f8", "False", "(1,)"), make([]byte, 9)...), "data follows after the 8 bytes"},
		"large integer":     {npy(dict("<i8", "False", "(2,)"), encode(binary.LittleEndian, []int64{0, 1<<53 + 1})...), "element 1 is 9007199254740993"},
		"large unsigned":    {npy(dict("<u8", "False", "(1,)"), encode(binary.LittleEndian, []uint64{1 << 63})...), "element 0 is 9223372036854775808"},
		"boolean 2":         {npy(dict("|b1", "False", "(2,)"), 1, 2), "element 1 is the byte 2"},
	} {
		_, err := ReadNPY(bytes.NewReader(c.file))
		assert.ErrorContains(t, err, c.says, name)
		assert.ErrorContains(t, err, "npy: ", name)
	}
}

func TestReadNPYTakesMemoryAsDataArrives(t *testing.T) {
	file := npy(dict("<f8", "False", "(1000000000, 100)"), make([]byte, 1000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := ReadNPY(bytes.NewReader(file))
	runtime.ReadMemStats(&after)
	assert.ErrorContains(t, err, "after 1000 of the 800000000000 bytes")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestReadNPYPassesErrorsOn(t *testing.T) {
	broken := errors.New("disk is broken")
	file := npy(dict("<f8", "False", "(1,)"), make([]byte, 8)...)
	for n := range len(file) {
		_, err := ReadNPY(io.MultiReader(bytes.NewReader(file[:n]), failing{broken}))
		assert.ErrorIs(t, err, broken, "after %d bytes", n)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestWriteNPYBytes compares with the bytes that NumPy's documentation of the
// format prescribes.
func TestWriteNPYBytes(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteNPY(&b, Of([]float32{1, -2})))
	text := "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
	text += strings.Repeat(" ", 118-1-len(text)) + "\n"
	assert.Equal(t, npy(text, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0), b.Bytes())
	for _, c := range []struct {
		x    Tensor
		want string
	}{
		{Scalar(1), "{'descr': '<f8', 'fortran_order': False, 'shape': (), }"},
		{New(Complex64, 1, 2, 3), "{'descr': '<c8', 'fortran_order': False, 'shape': (1, 2, 3), }"},
		{New(Complex128, 0), "{'descr': '<c16', 'fortran_order': False, 'shape': (0,), }"},
	} {
		h := npyHeader(c.x.Type)
		assert.Equal(t, c.want, strings.TrimSpace(h[10:]))
		assert.Zero(t, len(h)%64)
		assert.Equal(t, len(h)-10, int(binary.LittleEndian.Uint16([]byte(h[8:10]))))
	}
}

func TestNPYRoundTrip(t *testing.T) {
	for _, d := range []DType{Float32, Float64, Complex64, Complex128} {
		for _, x := range []Tensor{
			fill(d, 3, 4, 5), fill(d, 3, 4, 5).Permute(2, 0, 1).Flip(1).Crop(0, 1, 5, 2),
			fill(d, 20001), fill(d, 0, 2), fill(d, []int{}...), fill(d, 2, 1).Expand(2, 3),
		} {
			var b bytes.Buffer
			require.NoError(t, WriteNPY(&b, x))
			a, err := ReadNPY(&b)
			require.NoError(t, err)
			assert.Equal(t, d.String(), a.Kind)
			assert.Equal(t, x.Type, a.Type)
			assert.Equal(t, snapshot(x), snapshot(a.Tensor))
		}
	}
}

var errFull = errors.New("full")

// limited is a disk with room for n bytes.
type limited struct{ n int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.n {
		return l.n, errFull
	}
	l.n -= len(p)
	return len(p), nil
}

func TestWriteToFullDisk(t *testing.T) {
	x := fill(Float64, 3)
	for n := range 128 + 24 {
		assert.ErrorIs(t, WriteNPY(&limited{n}, x), errFull)
		assert.ErrorIs(t, WriteNPZ(&limited{n}, []string{"a"}, []Tensor{x}), errFull)
	}
	assert.NoError(t, WriteNPY(&limited{128 + 24}, x))
}

func TestNPZRoundTrip(t *testing.T) {
	names := []string{"b", "a", "group/part"}
	ts := []Tensor{fill(Float64, 2, 3), fill(Complex64, 4).Flip(0), Scalar(3)}
	var first, second bytes.Buffer
	require.NoError(t, WriteNPZ(&first, names, ts))
	require.NoError(t, WriteNPZ(&second, names, ts))
	assert.Equal(t, first.Bytes(), second.Bytes(), "the bytes are deterministic")
	gotNames, arrays, err := ReadNPZ(bytes.NewReader(first.Bytes()), int64(first.Len()))
	require.NoError(t, err)
	assert.Equal(t, names, gotNames)
	for i, a := range arrays {
		assert.Equal(t, snapshot(ts[i]), snapshot(a.Tensor))
	}
	for n := range first.Len() {
		_, _, err := ReadNPZ(bytes.NewReader(first.Bytes()[:n]), int64(n))
		assert.Error(t, err, "%d of %d bytes", n, first.Len())
	}
}

// archive zips entries of the given names, all with the same content.
func archive(method uint16, content []byte, names ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err != nil {
			panic(err)
		}
		w.Write(content)
	}
	z.Close()
	return b.Bytes()
}

func TestReadNPZ(t *testing.T) {
	good := npy(dict("<f8", "False", "(1000,)"), make([]byte, 8000)...)
	read := func(b []byte) ([]Array, error) {
		_, a, err := ReadNPZ(bytes.NewReader(b), int64(len(b)))
		return a, err
	}
	a, err := read(archive(zip.Deflate, good, "x.npy"))
	require.NoError(t, err, "as numpy.savez_compressed writes it")
	assert.Equal(t, make([]float64, 1000), Floats(a[0].Tensor))

	_, err = read(archive(zip.Store, good, "x.npy", "x.npy"))
	assert.ErrorContains(t, err, `"x.npy" occurs twice`)
	_, err = read(archive(zip.Store, good, "x.txt"))
	assert.ErrorContains(t, err, `"x.txt" is no .npy file`)
	_, err = read(archive(zip.Store, good[:500], "x.npy"))
	assert.ErrorContains(t, err, `npz: "x": npy: the file ends`)
	_, err = read([]byte("hello"))
	assert.ErrorContains(t, err, "no zip archive")

	flipped := archive(zip.Store, good, "x.npy")
	flipped[1000] ^= 1
	_, err = read(flipped)
	assert.ErrorContains(t, err, "checksum")
}

func TestWriteNPZRefuses(t *testing.T) {
	x := Scalar(1)
	assert.ErrorContains(t, WriteNPZ(io.Discard, []string{"a"}, nil), "1 names for 0 arrays")
	assert.ErrorContains(t, WriteNPZ(io.Discard, []string{"a", "a"}, []Tensor{x, x}), "twice")
	assert.ErrorContains(t, WriteNPZ(io.Discard, []string{""}, []Tensor{x}), "empty")
}

func TestReadData(t *testing.T) {
	x := fill(Complex64, 3, 5000)
	var b bytes.Buffer
	require.NoError(t, WriteData(&b, x))
	y := New(Complex64, 3, 5000)
	require.NoError(t, ReadData(bytes.NewReader(b.Bytes()), y))
	assert.Equal(t, Slice[complex64](x), Slice[complex64](y))
	assert.ErrorIs(t, ReadData(bytes.NewReader(b.Bytes()[:b.Len()-1]), y), io.ErrUnexpectedEOF)
	assert.Panics(t, func() { _ = ReadData(&b, y.Permute(1, 0)) })
}

func FuzzReadNPY(f *testing.F) {
	f.Add(npy(dict(">c16", "True", "(1, 2)"), make([]byte, 32)...))
	f.Add(npy(dict("<f2", "False", "(3,)"), make([]byte, 6)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ReadNPY(bytes.NewReader(data))
		if err == nil && a.Len() != len(snapshot(a.Tensor).v) {
			t.Fatal("length")
		}
	})
}
