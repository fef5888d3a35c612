package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"

	"github.com/percept-go/percept/tensor"
)

// ReadFile reads the file at path as Read does. It errs if it cannot be opened
// or Read errs.
func ReadFile(path string) (meta map[string]string, ts map[string]tensor.Tensor, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	meta, ts, err = Read(bufio.NewReaderSize(f, 1<<16), st.Size())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return meta, ts, nil
}

// Read reads size bytes of r, which are all of a file with float32, float64
// and complex tensors. It errs if r does, or if the header does not describe
// exactly the bytes that follow it, one tensor after the other: nothing is
// allocated before that is known.
func Read(r io.Reader, size int64) (meta map[string]string, ts map[string]tensor.Tensor, err error) {
	meta, entries, err := readHeader(r, size)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	ts = make(map[string]tensor.Tensor, len(entries))
	for _, e := range entries {
		t := tensor.New(e.typ.DType, e.typ.Shape()...)
		if err := tensor.ReadData(r, t); err != nil {
			return nil, nil, fmt.Errorf("safetensors: elements of %q: %w", e.name, err)
		}
		ts[e.name] = t
	}
	return meta, ts, nil
}

func readHeader(r io.Reader, size int64) (map[string]string, []*entry, error) {
	var field [8]byte
	if size < 8 {
		return nil, nil, fmt.Errorf("the file has %d bytes; the length of the header alone takes 8", size)
	}
	if _, err := io.ReadFull(r, field[:]); err != nil {
		return nil, nil, fmt.Errorf("length of the header: %w", err)
	}
	n := binary.LittleEndian.Uint64(field[:])
	if n > uint64(size-8) {
		return nil, nil, fmt.Errorf("a header of %d bytes is announced in a file of %d", n, size)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	meta, entries, err := parseHeader(text)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	return meta, entries, checkLayout(entries, uint64(size)-8-n)
}

// parseHeader reads the header entry by entry, since a map would hide that a
// name occurs twice.
func parseHeader(text []byte) (meta map[string]string, entries []*entry, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("a JSON object expected")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name := t.(string) // a key, as d has checked
		if seen[name] {
			return nil, nil, fmt.Errorf("%q occurs twice", name)
		}
		seen[name] = true
		if name == metaKey {
			if err := d.Decode(&meta); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", metaKey, err)
			}
			continue
		}
		e := &entry{name: name}
		if err := d.Decode(e); err != nil {
			return nil, nil, fmt.Errorf("%q: %w", name, err)
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, errors.New("something follows after the JSON object")
	}
	return meta, entries, markComplex(meta, entries)
}

// markComplex takes the list of complex tensors out of meta.
func markComplex(meta map[string]string, entries []*entry) error {
	list, ok := meta[complexKey]
	if !ok {
		return nil
	}
	delete(meta, complexKey)
	var names []string
	if err := json.Unmarshal([]byte(list), &names); err != nil {
		return fmt.Errorf("metadata %q: %w", complexKey, err)
	}
	for _, name := range names {
		i := slices.IndexFunc(entries, func(e *entry) bool { return e.name == name })
		if i < 0 {
			return fmt.Errorf("metadata %q names %q, which is not in the file", complexKey, name)
		}
		entries[i].complex = true
	}
	return nil
}

// checkLayout sorts entries by place, finds their types, and checks that they
// fill the given bytes without gaps.
func checkLayout(entries []*entry, have uint64) error {
	for _, e := range entries {
		if err := e.check(); err != nil {
			return fmt.Errorf("%q: %w", e.name, err)
		}
	}
	slices.SortStableFunc(entries, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Offsets[0], b.Offsets[0]), cmp.Compare(a.Offsets[1], b.Offsets[1]))
	})
	end := uint64(0)
	for _, e := range entries {
		if e.Offsets[0] != end {
			return fmt.Errorf("%q begins at byte %d of the data, but byte %d is next", e.name, e.Offsets[0], end)
		}
		end = e.Offsets[1]
	}
	if end != have {
		return fmt.Errorf("the header describes %d bytes of data, the file has %d", end, have)
	}
	return nil
}

// check sets e.typ from the element type and the shape.
func (e *entry) check() error {
	var d tensor.DType
	switch e.DType {
	case "F32":
		d = tensor.Float32
	case "F64":
		d = tensor.Float64
	default:
		return fmt.Errorf("element type %q; F32 or F64 expected", e.DType)
	}
	if len(e.Offsets) != 2 || e.Offsets[1] < e.Offsets[0] {
		return fmt.Errorf("data_offsets %v are no begin and end", e.Offsets)
	}
	bytes, err := product(uint64(d.Size()), e.Shape)
	if err != nil {
		return err
	}
	if got := e.Offsets[1] - e.Offsets[0]; got != bytes {
		return fmt.Errorf("shape %v of %s takes %d bytes, data_offsets %v are %d", e.Shape, e.DType, bytes, e.Offsets, got)
	}
	shape := e.Shape
	if e.complex {
		if len(shape) == 0 || shape[len(shape)-1] != 2 {
			return fmt.Errorf("shape %v is listed as complex, but its last axis is no pair", shape)
		}
		d, shape = d.Complex(), shape[:len(shape)-1]
	}
	if len(shape) > tensor.MaxRank {
		return fmt.Errorf("shape %v has more than %d axes", shape, tensor.MaxRank)
	}
	sizes := make([]int, len(shape))
	for i, n := range shape {
		sizes[i] = int(n)
	}
	e.typ = tensor.MakeType(d, sizes...)
	return nil
}

// maxBytes keeps every number of bytes an int, and axes beside one of size 0
// within what MakeType accepts.
const maxBytes = 1 << 48

func product(size uint64, shape []uint64) (uint64, error) {
	full, n := size, size
	for _, d := range shape {
		hi, lo := bits.Mul64(full, max(d, 1))
		if hi != 0 || lo > maxBytes {
			return 0, fmt.Errorf("shape %v is larger than any memory", shape)
		}
		full = lo
		n *= d
	}
	return n, nil
}
