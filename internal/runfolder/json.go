package runfolder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// An Object is a JSON object whose members keep their order. A number that is
// not finite is written as null, and a member with "_reason" after its name
// says which it was.
type Object []Member

// A Member is a name and a value: what encoding/json takes.
type Member struct {
	Key   string
	Value any
}

// Add appends a member.
func (o *Object) Add(key string, value any) { *o = append(*o, Member{key, value}) }

// MarshalJSON writes o. It errs if encoding/json does for a value.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, m := range o {
		value, reason := Finite(m.Value)
		if err := writeMember(&b, m.Key, value); err != nil {
			return nil, err
		}
		if reason == "" {
			continue
		}
		if err := writeMember(&b, m.Key+"_reason", reason); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func writeMember(b *bytes.Buffer, key string, value any) error {
	v, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if b.Len() > 1 {
		b.WriteByte(',')
	}
	k, _ := json.Marshal(key) // a string always can be
	b.Write(k)
	b.WriteByte(':')
	b.Write(v)
	return nil
}

// Finite returns v with its non-finite numbers as nil, and why they are.
func Finite(v any) (any, string) {
	switch v := v.(type) {
	case float64:
		if r := nonFinite(v); r != "" {
			return nil, r
		}
	case []float64:
		list, reason := make([]any, len(v)), ""
		for i, x := range v {
			r := nonFinite(x)
			if r == "" {
				list[i] = x
			} else if reason == "" {
				reason = fmt.Sprintf("element %d is %s", i, r)
			}
		}
		return list, reason
	}
	return v, ""
}

func nonFinite(x float64) string {
	switch {
	case math.IsNaN(x):
		return "not a number"
	case math.IsInf(x, 1):
		return "infinite"
	case math.IsInf(x, -1):
		return "minus infinite"
	}
	return ""
}

// WriteJSON replaces the file called name by o, indented. It errs if o or the
// disk does.
func (f Folder) WriteJSON(name string, o Object) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(o); err != nil {
		return err
	}
	return f.WriteBytes(name, b.Bytes())
}

// ReadJSON sets v from the JSON file at path; numbers without a type of their
// own become json.Number, which loses no digits. It errs, naming the file, if it
// cannot be read or does not hold a v.
func ReadJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
