package synth

import (
	"fmt"
	"strings"

	"github.com/percept-go/percept/autograd"
)

// groups checks that the groups name every entry of the representation once.
func (c *modelCheck) groups() error {
	m, ok := c.model.(Grouped)
	if !ok {
		return nil
	}
	if text := wrongGroups(m.Groups(), c.rep.Shape()); text != "" {
		c.verdict.add("groups", Failed, "From holds, for each element of Shape in C order, its index in the last axis of (N, C, S), or -1", "%s", text)
		return nil
	}
	c.verdict.add("groups", Passed, "", "the groups name every entry once")
	return nil
}

// wrongGroups returns what is wrong with the groups of a representation of the
// given shape, or "".
func wrongGroups(groups []Group, shape []int) string {
	if len(shape) != 3 {
		return fmt.Sprintf("there are groups, but the representation is %v, not (N, C, S)", shape)
	}
	owner := make([]string, shape[2])
	names := map[string]bool{}
	for _, g := range groups {
		n := 1
		for _, d := range g.Shape {
			n *= d
		}
		switch {
		case g.Name == "" || names[g.Name]:
			return fmt.Sprintf("the name %q of a group is empty or taken", g.Name)
		case n != len(g.From):
			return fmt.Sprintf("the group %s of shape %v lists %d entries; %d expected", g.Name, g.Shape, len(g.From), n)
		}
		names[g.Name] = true
		for _, i := range g.From {
			switch {
			case i == -1:
			case i < 0 || i >= len(owner):
				return fmt.Sprintf("the group %s names the entry %d of %d", g.Name, i, len(owner))
			case owner[i] != "":
				return fmt.Sprintf("the entry %d is in the groups %s and %s", i, owner[i], g.Name)
			default:
				owner[i] = g.Name
			}
		}
	}
	for i, name := range owner {
		if name == "" {
			return fmt.Sprintf("the entry %d is in no group", i)
		}
	}
	return ""
}

// scales checks that the parts by scale are parts of the whole, in its order: of
// each scale alone, and of the scales up to each, from the coarsest.
func (c *modelCheck) scales() error {
	m, ok := c.model.(Scaled)
	if !ok {
		return nil
	}
	text, err := c.wrongScales(m, m.Scales())
	if err != nil {
		return err
	}
	if text != "" {
		c.verdict.add("scales", Failed, "ForwardScales returns those entries of Forward, in its order, that belong to the given scales, and every entry belongs to one; synthesize without coarse-to-fine until it does", "%s", text)
		return nil
	}
	c.verdict.add("scales", Passed, "", "the scales %s make up the representation", strings.Join(m.Scales(), ", "))
	return nil
}

func (c *modelCheck) wrongScales(m Scaled, names []string) (string, error) {
	seen := map[string]bool{}
	for _, s := range names {
		if seen[s] || s == "" {
			return fmt.Sprintf("the name %q of a scale is empty or taken", s), nil
		}
		seen[s] = true
	}
	if len(names) == 0 {
		return "there are no scales", nil
	}
	n := len(names)
	p, err := c.probe(1, func(x autograd.Value) []autograd.Value {
		outs := []autograd.Value{c.model.Forward(x)}
		for k := range names {
			outs = append(outs, m.ForwardScales(x, names[k:k+1]))
		}
		for k := range names {
			outs = append(outs, m.ForwardScales(x, names[:k+1]))
		}
		return outs
	})
	if err != nil {
		return err.Error(), nil
	}
	defer p.close()
	if _, err := recorded(func() []autograd.Value {
		return []autograd.Value{m.ForwardScales(p.x, []string{"no such scale"})}
	}); err == nil {
		return "a scale that does not exist is not refused", nil
	}
	out, err := p.at(uniform(p.x.Type(), c.o.Seed, 0, 1))
	if err != nil {
		return "", err
	}
	whole, total := out[0], 0
	for k, s := range names {
		total += len(out[1+k])
		switch {
		case len(out[1+k]) == 0:
			return fmt.Sprintf("the scale %s has no entries", s), nil
		case len(out[1+n+k]) != total:
			return fmt.Sprintf("the scales up to %s have %d entries; their own are %d", s, len(out[1+n+k]), total), nil
		case !partOf(out[1+k], whole) || !partOf(out[1+n+k], whole):
			return fmt.Sprintf("the entries of the scale %s, or of those up to it, are not entries of the whole in its order", s), nil
		}
	}
	if total != len(whole) {
		return fmt.Sprintf("all scales have %d entries and the representation %d", total, len(whole)), nil
	}
	return "", nil
}

// partOf reports whether part is whole with elements left out.
func partOf(part, whole []float64) bool {
	for _, v := range whole {
		if len(part) > 0 && same(part[:1], []float64{v}) {
			part = part[1:]
		}
	}
	return len(part) == 0
}
