package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maxFile bounds what is read of a file that is no spec.
const maxFile = 1 << 20

// parseFile reads a spec from a JSON file.
func (t Table[M]) parseFile(path string) (s Spec, m M, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, m, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return s, m, err
	}
	text, err := fromJSON(data)
	if err != nil {
		return s, m, fmt.Errorf("%s: %w", path, err)
	}
	return t.parse(text)
}

// fromJSON returns the spec that data holds as Parse reads it.
func fromJSON(data []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", fmt.Errorf("no JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return "", errors.New("something follows after the JSON value")
	}
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "@") {
			return "", errors.New("a spec in a file cannot name another file")
		}
	case map[string]any:
	default:
		return "", errors.New(`a JSON string, or an object with the member "name", expected`)
	}
	return Written(v)
}

// Written returns, as Parse and flags read it, what v holds: a string, a
// number, a boolean, a list of those, or what Settings returns, be it as it is
// or as encoding/json reads it. It errs if v is none of these.
func Written(v any) (string, error) {
	if o, ok := v.(map[string]any); ok {
		return writtenObject(o)
	}
	return writtenValue(v)
}

func writtenObject(v map[string]any) (string, error) {
	name, ok := v["name"].(string)
	if !ok {
		return "", errors.New(`the member "name" is missing`)
	}
	if rest, ok := v["spec"].(string); ok {
		return name + ":" + rest, nil
	}
	var fields []string
	for _, key := range slices.Sorted(maps.Keys(v)) {
		if key == "name" {
			continue
		}
		value, err := writtenValue(v[key])
		if err != nil {
			return "", fmt.Errorf("member %q: %w", key, err)
		}
		fields = append(fields, key+"="+quote(value))
	}
	if len(fields) == 0 {
		return name, nil
	}
	return name + ":" + strings.Join(fields, ","), nil
}

func writtenValue(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		return v.String(), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case []float64:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = x
		}
		return writtenValue(list)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			p, err := writtenValue(x)
			if err != nil {
				return "", err
			}
			parts[i] = p
		}
		return strings.Join(parts, "+"), nil
	}
	return "", fmt.Errorf("%v is neither a string, a number, a boolean nor a list", v)
}
