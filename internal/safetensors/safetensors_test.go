package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

// file returns a file with the given header and data.
func file(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func read(b []byte) (map[string]string, map[string]tensor.Tensor, error) {
	return Read(bytes.NewReader(b), int64(len(b)))
}

func sample() (names []string, ts []tensor.Tensor) {
	ts = []tensor.Tensor{
		tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3),
		tensor.Of([]float64{-1, 0.1}, 1, 2),
		tensor.Of([]complex128{1 + 2i, 3 - 4i}, 2),
		tensor.Of([]complex64{5i}, []int{}...),
		tensor.Scalar(7),
		tensor.New(tensor.Float64, 3, 0),
	}
	return []string{"f32", "f64", "z128", "z64 \"ü\"", "scalar", "empty"}, ts
}

func TestRoundTrip(t *testing.T) {
	names, ts := sample()
	meta := map[string]string{"version": "1", "a": "quote \" and <tag>"}
	var first, second bytes.Buffer
	require.NoError(t, Write(&first, meta, sources(names, ts)...))
	require.NoError(t, Write(&second, meta, sources(names, ts)...))
	assert.Equal(t, first.Bytes(), second.Bytes(), "the bytes are deterministic")
	assert.Len(t, meta, 2, "the caller's map is not changed")

	gotMeta, got, err := read(first.Bytes())
	require.NoError(t, err)
	assert.Equal(t, meta, gotMeta)
	require.Len(t, got, len(names))
	for i, name := range names {
		x, y := ts[i], got[name]
		require.Equal(t, x.Type, y.Type, name)
		for k := range x.Len() {
			assert.Equal(t, x.Load(k), y.Load(k), "%s[%d]", name, k)
		}
	}
}

func TestStridedTensorIsWrittenInCOrder(t *testing.T) {
	x := tensor.Of([]float64{1, 2, 3, 4, 5, 6}, 2, 3).Permute(1, 0).Flip(0)
	var b bytes.Buffer
	require.NoError(t, Write(&b, nil, Of("x", x)))
	_, got, err := read(b.Bytes())
	require.NoError(t, err)
	assert.Equal(t, []float64{3, 6, 2, 5, 1, 4}, tensor.Slice[float64](got["x"]))
}

// TestLayout compares with a file put together by hand from the format's
// description.
func TestLayout(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Write(&b, map[string]string{"k": "v"}, Of("a", tensor.Of([]float32{1, -2}))))
	header := `{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	header += strings.Repeat(" ", -len(header)&7)
	assert.Equal(t, file(header, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0), b.Bytes())
}

func TestLyingHeaders(t *testing.T) {
	eight := make([]byte, 8)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":           {nil, "the file has 0 bytes"},
		"long header":     {binary.LittleEndian.AppendUint64(nil, 1<<60), "is announced in a file of 8"},
		"not JSON":        {file("hello"), "a JSON object expected"},
		"list":            {file("[]"), "a JSON object expected"},
		"cut JSON":        {file(`{"a":`), "EOF"},
		"two objects":     {file(`{}{}`), "follows after the JSON object"},
		"twice":           {file(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, eight...), `"a" occurs twice`},
		"unknown field":   {file(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8],"x":1}}`, eight...), "unknown field"},
		"no type":         {file(`{"a":{"shape":[1],"data_offsets":[0,8]}}`, eight...), `element type ""`},
		"integers":        {file(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, eight...), `element type "I64"`},
		"out of file":     {file(`{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}`, eight...), "describes 16 bytes of data, the file has 8"},
		"unused bytes":    {file(`{}`, eight...), "describes 0 bytes of data, the file has 8"},
		"overlap":         {file(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, eight...), `"b" begins at byte 4 of the data, but byte 8 is next`},
		"same place":      {file(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, eight...), `but byte 8 is next`},
		"gap":             {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, eight...), "but byte 0 is next"},
		"backwards":       {file(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[8,0]}}`, eight...), "are no begin and end"},
		"one offset":      {file(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[8]}}`, eight...), "are no begin and end"},
		"negative":        {file(`{"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}}`, eight...), "shape"},
		"wrong size":      {file(`{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}`, eight...), "takes 16 bytes"},
		"overflow":        {file(`{"a":{"dtype":"F64","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}`, eight...), "larger than any memory"},
		"zero by huge":    {file(`{"a":{"dtype":"F64","shape":[0,18446744073709551615],"data_offsets":[0,0]}}`), "larger than any memory"},
		"rank 9":          {file(`{"a":{"dtype":"F64","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,8]}}`, eight...), "more than 8 axes"},
		"metadata":        {file(`{"__metadata__":{"k":1}}`), "__metadata__"},
		"complex missing": {file(`{"__metadata__":{"complex":"[\"q\"]"}}`), `names "q", which is not in the file`},
		"complex no pair": {file(`{"__metadata__":{"complex":"[\"a\"]"},"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, eight...), "is no pair"},
		"complex no list": {file(`{"__metadata__":{"complex":"x"}}`), "complex"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(c.file)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestTruncatedAtEveryLength(t *testing.T) {
	names, ts := sample()
	var b bytes.Buffer
	require.NoError(t, Write(&b, nil, sources(names, ts)...))
	for n := range b.Len() {
		_, _, err := read(b.Bytes()[:n])
		assert.Error(t, err, "%d of %d bytes", n, b.Len())
		_, _, err = Read(bytes.NewReader(b.Bytes()[:n]), int64(b.Len()))
		assert.Error(t, err, "%d of %d bytes, the file shrinks while it is read", n, b.Len())
	}
}

func TestWriteRefuses(t *testing.T) {
	x := tensor.Scalar(1)
	var b bytes.Buffer
	failing := Source{"a", x.Type, func() (tensor.Tensor, error) { return tensor.Tensor{}, errFull }}
	assert.ErrorIs(t, Write(io.Discard, nil, failing), errFull)
	assert.ErrorContains(t, Write(&b, nil, Of("a", x), Of("a", x)), "twice")
	assert.ErrorContains(t, Write(&b, nil, Of("__metadata__", x)), "reserved")
	assert.ErrorContains(t, Write(&b, map[string]string{"complex": ""}), "reserved")
	assert.Zero(t, b.Len(), "nothing is written before the arguments are checked")
	names, ts := sample()
	require.NoError(t, Write(&b, nil, sources(names, ts)...))
	for n := range b.Len() {
		assert.ErrorIs(t, Write(&limited{n}, nil, sources(names, ts)...), errFull)
	}
}

var errFull = errors.New("full")

// sources returns tensors with their names.
func sources(names []string, ts []tensor.Tensor) (list []Source) {
	for i, x := range ts {
		list = append(list, Of(names[i], x))
	}
	return list
}

// limited is a disk with room for n bytes.
type limited struct{ n int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.n {
		return l.n, errFull
	}
	l.n -= len(p)
	return len(p), nil
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	_, _, err := ReadFile(path)
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, file("{}"), 0o600))
	_, ts, err := ReadFile(path)
	require.NoError(t, err)
	assert.Empty(t, ts)
	require.NoError(t, os.WriteFile(path, file("{"), 0o600))
	_, _, err = ReadFile(path)
	assert.ErrorContains(t, err, path)
}

func FuzzRead(f *testing.F) {
	names, ts := sample()
	var b bytes.Buffer
	require.NoError(f, Write(&b, map[string]string{"k": "v"}, sources(names, ts)...))
	f.Add(b.Bytes())
	f.Add(file(`{"a":{"dtype":"F64","shape":[0,4611686018427387904],"data_offsets":[0,0]}}`))
	f.Fuzz(func(t *testing.T, data []byte) { _, _, _ = read(data) })
}
