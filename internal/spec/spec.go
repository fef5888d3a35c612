// Package spec reads settings that are written in one word, such as
// "lbfgs:lr=1,history=30", against a table that says which names and keys
// there are.
//
// A spec is name:key=value,key=value. The numbers of a list are joined by
// "+". A value may stand in double quotes, in which \" and \\ stand for " and
// \. An entry that takes the rest of the text, such as "model:SPEC", has no
// keys. "@FILE.json" stands for the spec in that file: either a JSON string,
// or an object with the member "name" and one member for every key.
package spec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Type says what the value of a Key is.
type Type uint8

// The types of values.
const (
	Word   Type = iota // one of Key.Words
	Text               // any text, a file name for instance
	Bool               // true or false
	Int                // a whole number
	Float              // a finite number
	Floats             // finite numbers joined by "+"
	Ints               // whole numbers joined by "+"
)

var typeNames = [...]string{"word", "text", "true or false", "whole number", "number", "numbers joined by +", "whole numbers joined by +"}

// String returns what a person calls t.
func (t Type) String() string { return typeNames[t] }

// A Key is one setting of an Entry. A Name that ends in "." followed by
// capitals, such as "weight.GROUP", stands for any key with that beginning.
type Key struct {
	Name    string
	Type    Type
	Default string   // as it would be written; empty means that there is none
	Words   []string // allowed in place of a number; for Word, all that is allowed
	Min     float64  // smallest and
	Max     float64  // largest number; equal ones mean no bounds
	Unit    string
	Doc     string
}

// An Entry is a name with its keys, and M, what makes the thing it stands for.
type Entry[M any] struct {
	Name string
	Doc  string
	Keys []Key
	Rest string // not empty: the entry takes the rest of the text, which is a Rest
	Make M
}

// A Table is all that one kind of spec can be.
type Table[M any] struct {
	Kind    string // "optimizer"
	Entries []Entry[M]
}

// Names returns the names of t's entries in their order.
func (t Table[M]) Names() []string {
	names := make([]string, len(t.Entries))
	for i, e := range t.Entries {
		names[i] = e.Name
	}
	return names
}

// A Spec is a name with values that a Table has checked.
type Spec struct {
	Name string
	Rest string // what followed the colon of an entry that takes the rest

	keys  []Key
	given map[string]string
}

// Parse reads text. It errs, naming what would be right, if the name, a key or
// a value is none of t's, if a key comes twice, or if the file that text names
// cannot be read.
func (t Table[M]) Parse(text string) (Spec, M, error) {
	s, m, err := t.parse(text)
	if err != nil {
		err = fmt.Errorf("%s %q: %w", t.Kind, text, err)
	}
	return s, m, err
}

func (t Table[M]) parse(text string) (s Spec, m M, err error) {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		return t.parseFile(file)
	}
	name, rest, _ := strings.Cut(text, ":")
	e, err := t.find(name)
	if err != nil {
		return s, m, err
	}
	if e.Rest != "" {
		return t.withRest(e, rest)
	}
	fields, err := split(rest)
	if err != nil {
		return s, m, err
	}
	s = Spec{Name: e.Name, keys: e.Keys, given: map[string]string{}}
	for _, f := range fields {
		if err := s.set(f.key, f.value); err != nil {
			return s, m, err
		}
	}
	return s, e.Make, nil
}

func (t Table[M]) find(name string) (Entry[M], error) {
	for _, e := range t.Entries {
		if e.Name == name {
			return e, nil
		}
	}
	return Entry[M]{}, fmt.Errorf("there is no %s %q; the names are %s", t.Kind, name, strings.Join(t.Names(), ", "))
}

func (t Table[M]) withRest(e Entry[M], rest string) (Spec, M, error) {
	s := Spec{Name: e.Name, Rest: rest}
	if rest == "" {
		return s, e.Make, fmt.Errorf("a %s is missing after %q", e.Rest, e.Name+":")
	}
	return s, e.Make, nil
}

// set checks one value and keeps it.
func (s *Spec) set(key, value string) error {
	k, ok := s.lookup(key)
	if !ok {
		return fmt.Errorf("%s has no key %q; %s", s.Name, key, s.keyList())
	}
	if _, twice := s.given[key]; twice {
		return fmt.Errorf("the key %q comes twice", key)
	}
	if err := k.check(value); err != nil {
		return fmt.Errorf("%s=%s: %w", key, value, err)
	}
	s.given[key] = value
	return nil
}

func (s *Spec) keyList() string {
	if len(s.keys) == 0 {
		return "it has none"
	}
	names := make([]string, len(s.keys))
	for i, k := range s.keys {
		names[i] = k.Name
	}
	return "its keys are " + strings.Join(names, ", ")
}

// lookup returns the Key that name is, or is an instance of.
func (s *Spec) lookup(name string) (Key, bool) {
	for _, k := range s.keys {
		prefix, ok := k.prefix()
		if k.Name == name || ok && len(name) > len(prefix) && strings.HasPrefix(name, prefix) {
			return k, true
		}
	}
	return Key{}, false
}

// prefix returns what the names that k stands for begin with.
func (k Key) prefix() (string, bool) {
	i := strings.LastIndexByte(k.Name, '.')
	if i < 0 || strings.ToUpper(k.Name[i:]) != k.Name[i:] {
		return "", false
	}
	return k.Name[:i+1], true
}

// value returns what key was given, or its default. It panics if s has no such
// key: the program asked for what its own table does not have.
func (s Spec) value(key string) string {
	if v, ok := s.given[key]; ok {
		return v
	}
	for _, k := range s.keys {
		if k.Name == key {
			return k.Default
		}
	}
	panic(fmt.Sprintf("spec: %s has no key %q", s.Name, key))
}

// Given reports whether key was written in the spec.
func (s Spec) Given(key string) bool { _, ok := s.given[key]; return ok }

// Text returns the value of key as it was written. It panics if the table has
// no such key.
func (s Spec) Text(key string) string { return s.value(key) }

// Bool returns the value of key. It panics if the table has no such key.
func (s Spec) Bool(key string) bool { return s.value(key) == "true" }

// Int returns the value of key, 0 for a word such as "auto". It panics if the
// table has no such key.
func (s Spec) Int(key string) int {
	n, _ := strconv.Atoi(s.value(key))
	return n
}

// Float returns the value of key, 0 for a word such as "auto". It panics if the
// table has no such key.
func (s Spec) Float(key string) float64 {
	x, _ := strconv.ParseFloat(s.value(key), 64)
	return x
}

// Floats returns the numbers of key, nil if there are none. It panics if the
// table has no such key.
func (s Spec) Floats(key string) []float64 {
	xs, _ := parseFloats(s.value(key))
	return xs
}

// Ints returns the whole numbers of key, nil if there are none. It panics if the
// table has no such key.
func (s Spec) Ints(key string) (n []int) {
	for _, x := range s.Floats(key) {
		n = append(n, int(x))
	}
	return n
}

// Prefixed returns the numbers of the keys that begin with prefix, by what
// follows it.
func (s Spec) Prefixed(prefix string) map[string]float64 {
	m := map[string]float64{}
	for key := range s.given {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			m[name] = s.Float(key)
		}
	}
	return m
}

// String returns s as Parse reads it: what was given, in the order of the keys.
func (s Spec) String() string {
	if s.Rest != "" {
		return s.Name + ":" + s.Rest
	}
	if len(s.given) == 0 {
		return s.Name
	}
	fields := make([]string, 0, len(s.given))
	for _, key := range s.order() {
		fields = append(fields, key+"="+quote(s.given[key]))
	}
	return s.Name + ":" + strings.Join(fields, ",")
}

// order returns the given keys in the order of the table.
func (s Spec) order() []string {
	place := func(key string) int {
		k, _ := s.lookup(key)
		return slices.IndexFunc(s.keys, func(o Key) bool { return o.Name == k.Name })
	}
	return slices.SortedStableFunc(slices.Values(slices.Sorted(maps.Keys(s.given))), func(a, b string) int { return place(a) - place(b) })
}

// Settings returns the name and the value of every key, given or not, as JSON
// holds them. Parse reads them back from a file.
func (s Spec) Settings() map[string]any {
	m := map[string]any{"name": s.Name}
	if s.Rest != "" {
		m["spec"] = s.Rest
	}
	for _, k := range s.keys {
		if _, many := k.prefix(); !many && (s.Given(k.Name) || k.Default != "") {
			m[k.Name] = k.jsonValue(s.value(k.Name))
		}
	}
	for key, v := range s.given {
		k, _ := s.lookup(key)
		m[key] = k.jsonValue(v)
	}
	return m
}
