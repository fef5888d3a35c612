package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/internal/spec"
)

// oneOf demands exactly one of the command's ValidArgs, which are names of a
// what.
func oneOf(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		names := strings.Join(c.ValidArgs, ", ")
		if len(args) != 1 {
			return fmt.Errorf("one %s expected: %s", what, names)
		}
		if !slices.Contains(c.ValidArgs, args[0]) {
			return fmt.Errorf("there is no %s %q; there are %s", what, args[0], names)
		}
		return nil
	}
}

// A choice is a flag that takes one of some words.
type choice struct {
	value string
	words []string
}

func newChoice(words ...string) *choice { return &choice{words[0], words} }

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("one of %s expected", strings.Join(c.words, ", "))
	}
	c.value = s
	return nil
}

// A specFlag is a flag whose value is a spec of a table.
type specFlag[M any] struct {
	table *spec.Table[M]
	text  string
	spec  spec.Spec
	make  M
}

func (f *specFlag[M]) String() string { return f.text }
func (f *specFlag[M]) Type() string   { return "SPEC" }

func (f *specFlag[M]) Set(s string) (err error) {
	f.spec, f.make, err = f.table.Parse(s)
	if err == nil {
		f.text = f.spec.String()
	}
	return err
}

// given reports whether a spec was set.
func (f *specFlag[M]) given() bool { return f.text != "" }

// A budget is a number of steps, or a number of steps more.
type budget struct {
	steps int
	more  bool
	given bool
}

func (b *budget) String() string {
	switch {
	case !b.given:
		return ""
	case b.more:
		return "+" + strconv.Itoa(b.steps)
	}
	return strconv.Itoa(b.steps)
}

func (b *budget) Type() string { return "N|+N" }

func (b *budget) Set(s string) error {
	digits, more := strings.CutPrefix(s, "+")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || strings.HasPrefix(digits, "+") {
		return fmt.Errorf("a number of iterations, or +N for N more, expected")
	}
	*b = budget{n, more, true}
	return nil
}

// A natural is a whole number that is at least min.
type natural struct{ n, min int }

func (v *natural) String() string { return strconv.Itoa(v.n) }
func (v *natural) Type() string   { return "N" }

func (v *natural) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < v.min {
		return fmt.Errorf("a whole number of at least %d expected", v.min)
	}
	v.n = n
	return nil
}
