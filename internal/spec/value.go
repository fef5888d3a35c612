package spec

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A field is one key=value.
type field struct{ key, value string }

// split takes key=value,key="va,lue" apart.
func split(text string) (fields []field, err error) {
	for text != "" {
		key, rest, ok := strings.Cut(text, "=")
		if !ok || key == "" || strings.ContainsAny(key, `,"`) {
			return nil, fmt.Errorf("%q is no key=value", text)
		}
		var value string
		if value, text, err = cutValue(rest); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		fields = append(fields, field{key, value})
	}
	return fields, nil
}

// cutValue returns the value that text begins with, and what follows its comma.
func cutValue(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, comma := strings.Cut(text, ",")
		return value, rest, afterComma(rest, comma)
	}
	value, text, err = cutQuoted(text[1:])
	if err != nil || text == "" {
		return value, "", err
	}
	if text[0] != ',' {
		return "", "", fmt.Errorf("%q follows the closing quote; a comma is missing", text)
	}
	return value, text[1:], afterComma(text[1:], true)
}

func afterComma(rest string, comma bool) error {
	if comma && rest == "" {
		return errors.New("nothing follows the last comma")
	}
	return nil
}

// cutQuoted returns text up to the closing quote, and what follows it.
func cutQuoted(text string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], nil
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New(`the closing " is missing`)
}

// quote returns value as split reads it.
func quote(value string) string {
	if !strings.ContainsAny(value, `,"`) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// check errs if value is none of k's.
func (k Key) check(value string) error {
	if slices.Contains(k.Words, value) {
		return nil
	}
	ok := true
	switch k.Type {
	case Word:
		ok = false
	case Text:
		ok = value != ""
	case Bool:
		ok = value == "true" || value == "false"
	case Int:
		n, err := strconv.Atoi(value)
		ok = err == nil && k.within(float64(n))
	case Ints:
		xs, err := parseFloats(value)
		ok = err == nil && xs != nil && !slices.ContainsFunc(xs, func(x float64) bool { return x != math.Trunc(x) || math.Abs(x) > 1<<53 || !k.within(x) })
	case Float, Floats:
		xs, err := parseFloats(value)
		ok = err == nil && (k.Type == Floats || len(xs) == 1) && !slices.ContainsFunc(xs, func(x float64) bool { return !k.within(x) })
	}
	if !ok {
		return fmt.Errorf("%s expected", k.Expected())
	}
	return nil
}

func (k Key) bounded() bool { return k.Min != k.Max }

func (k Key) within(x float64) bool { return !k.bounded() || x >= k.Min && x <= k.Max }

// Expected returns what values k takes: "a whole number from 1 to 16, or auto".
func (k Key) Expected() string {
	words := strings.Join(k.Words, ", ")
	if k.Type == Word {
		return "one of " + words
	}
	s := k.Type.String()
	if k.Type == Int || k.Type == Float {
		s = "a " + s
	}
	if k.bounded() {
		s += " " + k.bounds()
	}
	if words != "" {
		s += ", or " + words
	}
	return s
}

func (k Key) bounds() string {
	switch {
	case math.IsInf(k.Max, 1):
		return fmt.Sprintf("≥ %v", k.Min)
	case math.IsInf(k.Min, -1):
		return fmt.Sprintf("≤ %v", k.Max)
	}
	return fmt.Sprintf("from %v to %v", k.Min, k.Max)
}

// parseFloats reads numbers joined by "+". The sign of an exponent, as in
// "1e+3", joins nothing.
func parseFloats(text string) ([]float64, error) {
	if text == "" {
		return nil, nil
	}
	var xs []float64
	for text != "" {
		end := joint(text)
		x, err := strconv.ParseFloat(text[:end], 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return nil, fmt.Errorf("%q is no finite number", text[:end])
		}
		xs = append(xs, x)
		if end == len(text)-1 {
			return nil, errors.New(`nothing follows the last "+"`)
		}
		text = text[min(end+1, len(text)):]
	}
	return xs, nil
}

// joint returns where the first number of text ends.
func joint(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == '+' && text[i-1]|0x20 != 'e' {
			return i
		}
	}
	return len(text)
}

// jsonValue returns value as JSON holds it: numbers as numbers.
func (k Key) jsonValue(value string) any {
	if slices.Contains(k.Words, value) {
		return value
	}
	switch k.Type {
	case Bool:
		return value == "true"
	case Int:
		n, _ := strconv.Atoi(value)
		return n
	case Float:
		x, _ := strconv.ParseFloat(value, 64)
		return x
	case Floats:
		xs, _ := parseFloats(value)
		return xs
	case Ints:
		xs, _ := parseFloats(value)
		if len(xs) == 1 {
			return int(xs[0])
		}
		return xs
	}
	return value
}
