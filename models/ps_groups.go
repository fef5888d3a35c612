package models

import (
	"strconv"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
)

// psGroup is one group of statistics: how it is made of what measure records,
// and which of its entries are not redundant.
type psGroup struct {
	name  string
	shape []int    // per image and channel; the last axis counts scales where there are several
	kept  []int    // entries, in C order, that the representation holds
	label []string // of each entry: the scale it belongs to
	part  []psPart // of each entry: where measure left it
}

// psPart is element at of the Value recorded for one scale.
type psPart struct{ scale, at int }

// makeGroups lists the groups in the order of the representation.
func (p *PortillaSimoncelli) makeGroups() []psGroup {
	n, k, w := p.o.Scales, p.o.Orientations, p.o.CorrelationWidth
	window := windowKept(w)
	all := func(int) bool { return true }
	inWindow := func(per int) func(int) bool { return func(rest int) bool { return window[rest/per] } }
	lower := func(rest int) bool { return rest/k > rest%k }
	moved := func(rest int) int { return rest%k*w*w + rest/k } // (W, W, K) of (K, W, W)
	same := func(rest int) int { return rest }
	groups := []psGroup{
		psGroup{name: psPixels, shape: []int{6}}.single(psPixels),
		psGroup{name: psMagAuto, shape: []int{w, w, k, n}}.perScale(inWindow(k), moved),
		psGroup{name: psSkew, shape: []int{n + 1}}.perScale(all, same),
		psGroup{name: psKurtosis, shape: []int{n + 1}}.perScale(all, same),
		psGroup{name: psReconAuto, shape: []int{w, w, n + 1}}.perScale(inWindow(1), same),
		psGroup{name: psReconStd, shape: []int{n + 1}}.perScale(all, same),
		psGroup{name: psCrossOri, shape: []int{k, k, n}}.perScale(lower, same),
		psGroup{name: psMagStd, shape: []int{k, n}}.perScale(all, same),
		psGroup{name: psCrossScale, shape: []int{k, k, n - 1}}.perScale(all, same),
		psGroup{name: psCrossScaleReal, shape: []int{k, 2 * k, n - 1}}.perScale(all, same),
		psGroup{name: psHighVariance, shape: []int{1}}.single("residual_highpass"),
	}
	if p.o.MagnitudeMeans {
		groups = append(groups, psGroup{name: psMagMean, shape: []int{k, n}}.perScale(all, same))
	}
	return labelled(n, groups)
}

// single fills in a group that measure records as one Value.
func (g psGroup) single(label string) psGroup {
	for i := range g.shape[0] {
		g.kept = append(g.kept, i)
		g.label = append(g.label, label)
		g.part = append(g.part, psPart{0, i})
	}
	return g
}

// perScale fills in a group whose last axis counts scales. keep chooses among
// the entries of one scale, and at says where measure left them.
func (g psGroup) perScale(keep func(rest int) bool, at func(rest int) int) psGroup {
	total := 1
	for _, d := range g.shape {
		total *= d
	}
	scales := g.shape[len(g.shape)-1]
	for i := range total {
		s, rest := i%scales, i/scales
		g.part = append(g.part, psPart{s, at(rest)})
		g.label = append(g.label, strconv.Itoa(s))
		if keep(rest) {
			g.kept = append(g.kept, i)
		}
	}
	return g
}

// labelled names the scale after the n levels: the low-pass residual.
func labelled(n int, groups []psGroup) []psGroup {
	for _, g := range groups {
		for i, l := range g.label {
			if l == strconv.Itoa(n) {
				g.label[i] = "residual_lowpass"
			}
		}
	}
	return groups
}

// pack gathers the statistics of the wanted scales into one vector (N, C, S).
func (p *PortillaSimoncelli) pack(st psStats, want map[string]bool) autograd.Value {
	type key struct {
		group string
		scale int
	}
	var pieces []autograd.Value
	start, total := map[key]int{}, 0
	var index []int
	for _, g := range p.groups {
		for _, e := range g.kept {
			if !want[g.label[e]] {
				continue
			}
			part := g.part[e]
			k := key{g.name, part.scale}
			if _, ok := start[k]; !ok {
				v := st[g.name][part.scale]
				v = v.Reshape(append(lead(v), -1)...)
				start[k] = total
				total += v.Type().Dim[2]
				pieces = append(pieces, v)
			}
			index = append(index, start[k]+part.at)
		}
	}
	return autograd.Concat(2, pieces...).Gather(2, index)
}

// Groups returns the groups of statistics with their full shapes, per image
// and channel; entries that symmetry makes redundant are left out of the
// representation.
func (p *PortillaSimoncelli) Groups() []synth.Group {
	var groups []synth.Group
	next := 0
	for _, g := range p.groups {
		if len(g.part) == 0 {
			continue
		}
		from := make([]int, len(g.part))
		for i := range from {
			from[i] = -1
		}
		for _, e := range g.kept {
			from[e] = next
			next++
		}
		groups = append(groups, synth.Group{Name: g.name, Shape: g.shape, From: from})
	}
	return groups
}

// windowKept says which entries of a point-symmetric w×w window are not
// redundant: the lower triangle, without the centre and what mirrors the
// entries before it on the diagonal; for even w also the first row, which has
// no mirror image.
func windowKept(w int) []bool {
	kept := make([]bool, w*w)
	for y := range w {
		for x := range w {
			kept[y*w+x] = (y >= x || w%2 == 0 && y == 0) && !(y == x && y >= w/2)
		}
	}
	return kept
}
