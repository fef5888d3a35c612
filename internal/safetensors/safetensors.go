// Package safetensors stores named tensors in the safetensors format
// (https://github.com/huggingface/safetensors): eight bytes with the length of
// a JSON header, the header, and the elements. Complex tensors, which the
// format lacks, are stored as pairs of reals along an additional last axis;
// the metadata entry "complex" lists their names as a JSON array.
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/percept-go/percept/tensor"
)

const (
	metaKey    = "__metadata__"
	complexKey = "complex"
)

// An entry is what the header says of a tensor.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"` // first byte, and the one after the last

	name    string
	complex bool
	typ     tensor.Type
}

// A Source is a tensor to store, in host memory, which is asked for when its turn
// has come, so that not all need memory at once.
type Source struct {
	Name string
	Type tensor.Type
	Get  func() (tensor.Tensor, error)
}

// Of returns the Source of a tensor that is there.
func Of(name string, t tensor.Tensor) Source {
	return Source{name, t.Type, func() (tensor.Tensor, error) { return t, nil }}
}

// Write stores ts with meta, whose key "complex" is reserved. The bytes depend on
// the arguments alone. It errs if w or a Source does, if a name occurs twice or is
// reserved, and panics if a tensor is not in host memory.
func Write(w io.Writer, meta map[string]string, ts ...Source) error {
	if _, ok := meta[complexKey]; ok {
		return fmt.Errorf("safetensors: the metadata key %q is reserved", complexKey)
	}
	order := make([]int, len(ts))
	for i := range order {
		order[i] = i
	}
	// Float64 first keeps every tensor aligned to its element size.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(realSize(ts[b].Type), realSize(ts[a].Type)) })
	header, err := makeHeader(meta, ts, order)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, i := range order {
		t, err := ts[i].Get()
		if err != nil {
			return err
		}
		if err := tensor.WriteData(w, t); err != nil {
			return err
		}
	}
	return nil
}

func realSize(t tensor.Type) int { return t.DType.Real().Size() }

// makeHeader returns all that precedes the elements.
func makeHeader(meta map[string]string, ts []Source, order []int) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	if err := writeMeta(&b, meta, ts); err != nil {
		return nil, err
	}
	seen := map[string]bool{metaKey: true}
	off := uint64(0)
	for _, i := range order {
		name := ts[i].Name
		if seen[name] {
			return nil, fmt.Errorf("the name %q is reserved or occurs twice", name)
		}
		seen[name] = true
		e := describe(ts[i].Type, off)
		off = e.Offsets[1]
		if err := writeEntry(&b, name, e); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

func writeMeta(b *bytes.Buffer, meta map[string]string, ts []Source) error {
	pairs := []string{}
	for _, t := range ts {
		if t.Type.DType.IsComplex() {
			pairs = append(pairs, t.Name)
		}
	}
	all := maps.Clone(meta)
	if len(pairs) > 0 {
		list, err := json.Marshal(pairs)
		if err != nil {
			return err
		}
		if all == nil {
			all = map[string]string{}
		}
		all[complexKey] = string(list)
	}
	if len(all) == 0 {
		return nil
	}
	return writeEntry(b, metaKey, all) // Marshal sorts the keys of a map
}

func writeEntry(b *bytes.Buffer, name string, value any) error {
	key, err := json.Marshal(name)
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if b.Len() > 9 {
		b.WriteByte(',')
	}
	b.Write(key)
	b.WriteByte(':')
	b.Write(text)
	return nil
}

func describe(t tensor.Type, off uint64) entry {
	e := entry{DType: "F64", Shape: []uint64{}, Offsets: []uint64{off, off + uint64(t.Bytes())}}
	if realSize(t) == 4 {
		e.DType = "F32"
	}
	for _, n := range t.Shape() {
		e.Shape = append(e.Shape, uint64(n))
	}
	if t.DType.IsComplex() {
		e.Shape = append(e.Shape, 2)
	}
	return e
}
