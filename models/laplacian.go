package models

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
)

// LaplacianPyramidOptions shapes a Laplacian pyramid. The zero value is the
// default.
type LaplacianPyramidOptions struct {
	Scales      int  // number of levels; 0: 5
	ScaleFilter bool // blurring preserves the mean; otherwise it doubles it at every level
}

// LaplacianPyramid splits images into what each blurring and downsampling by
// two loses, and the rest (Burt and Adelson, The Laplacian pyramid as a compact
// image code, 1983), with the filter binom5 and reflected borders.
type LaplacianPyramid struct {
	size [][2]int // of each level, from the finest
	o    LaplacianPyramidOptions
}

// NewLaplacianPyramid returns the pyramid for images of h×w pixels. It errs if
// there is no scale, or if a level that must be blurred is smaller than 3 pixels.
func NewLaplacianPyramid(h, w int, o LaplacianPyramidOptions) (*LaplacianPyramid, error) {
	if o.Scales == 0 {
		o.Scales = 5
	}
	if o.Scales < 1 || min(h, w) < 1 {
		return nil, fmt.Errorf("models: Laplacian pyramid of %d scales of a %d×%d image: at least 1 scale and 1 pixel are needed", o.Scales, h, w)
	}
	p := &LaplacianPyramid{o: o, size: [][2]int{{h, w}}}
	for len(p.size) < o.Scales {
		last := p.size[len(p.size)-1]
		if min(last[0], last[1]) < 3 {
			return nil, fmt.Errorf("models: Laplacian pyramid of %d scales: a %d×%d image has room for at most %d", o.Scales, h, w, len(p.size))
		}
		p.size = append(p.size, [2]int{(last[0] + 1) / 2, (last[1] + 1) / 2})
	}
	return p, nil
}

// Levels records the levels (N, C, hₛ, wₛ) of images x (N, C, h, w), the finest
// first. It panics with *autograd.Error if x has another size.
func (p *LaplacianPyramid) Levels(x autograd.Value) []autograd.Value {
	if t := x.Type(); t.Rank != 4 || t.Dim[2] != p.size[0][0] || t.Dim[3] != p.size[0][1] || t.DType.IsComplex() {
		fail("laplacian-pyramid", x, "real images (N, C, %d, %d) expected", p.size[0][0], p.size[0][1])
	}
	var levels []autograd.Value
	for s := range p.o.Scales - 1 {
		low := BlurDownsample(x, BlurOptions{NoScale: !p.o.ScaleFilter})
		levels = append(levels, x.Sub(p.up(low, s)))
		x = low
	}
	return append(levels, x)
}

// up returns the level after s at the size of level s.
func (p *LaplacianPyramid) up(low autograd.Value, s int) autograd.Value {
	odd := [2]int{p.size[s][0] % 2, p.size[s][1] % 2}
	return UpsampleBlur(low, odd, BlurOptions{NoScale: !p.o.ScaleFilter})
}

// Reconstruct records the images that the levels make up. It panics with
// *autograd.Error if they are not those of this pyramid.
func (p *LaplacianPyramid) Reconstruct(levels []autograd.Value) autograd.Value {
	if len(levels) != p.o.Scales {
		panic(&autograd.Error{Op: "laplacian-pyramid", Err: fmt.Errorf("%d levels given; %d expected", len(levels), p.o.Scales)})
	}
	x := levels[len(levels)-1]
	for s := p.o.Scales - 2; s >= 0; s-- {
		x = levels[s].Add(p.up(x, s))
	}
	return x
}

// Forward returns the levels of images x (N, C, h, w) as one vector (N, C, S),
// the finest first. It panics with *autograd.Error if x has another size.
func (p *LaplacianPyramid) Forward(x autograd.Value) autograd.Value { return flatten(p.Levels(x)) }

// Scales returns the names of the levels, coarsest first: … "1", "0".
func (p *LaplacianPyramid) Scales() []string {
	var s []string
	for i := range p.o.Scales {
		s = append(s, strconv.Itoa(p.o.Scales-1-i))
	}
	return s
}

// ForwardScales returns the entries of Forward that belong to the given
// levels. It panics with *autograd.Error if x has another size, if there are no
// levels or one does not exist.
func (p *LaplacianPyramid) ForwardScales(x autograd.Value, scales []string) autograd.Value {
	for _, s := range scales {
		if !slices.Contains(p.Scales(), s) {
			fail("laplacian-pyramid", x, "there is no scale %q; the scales are %v", s, p.Scales())
		}
	}
	if len(scales) == 0 {
		fail("laplacian-pyramid", x, "no scales given; the scales are %v", p.Scales())
	}
	var parts []autograd.Value
	for s, v := range p.Levels(x) {
		if slices.Contains(scales, strconv.Itoa(s)) {
			parts = append(parts, v)
		}
	}
	return flatten(parts)
}

// EntryScales returns the level of each entry in the order of Forward. It does
// not panic.
func (p *LaplacianPyramid) EntryScales() []string { return groupOfEntries(p.Groups()) }

// Groups returns the levels, "0" the finest, as (h, w).
func (p *LaplacianPyramid) Groups() []synth.Group {
	var g groupList
	for s, size := range p.size {
		g.add(strconv.Itoa(s), size[0], size[1])
	}
	return g.groups
}

// flatten returns the parts (N, C, …) of a representation as one real vector
// (N, C, S); of a complex part the real values stand before the imaginary ones.
func flatten(parts []autograd.Value) autograd.Value {
	var flat []autograd.Value
	for _, v := range parts {
		shape := append(lead(v), -1)
		if v.Type().DType.IsComplex() {
			flat = append(flat, v.Real().Reshape(shape...), v.Imag().Reshape(shape...))
			continue
		}
		flat = append(flat, v.Reshape(shape...))
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return autograd.Concat(2, flat...)
}

// groupList names parts that lie one after the other in a representation.
type groupList struct {
	groups []synth.Group
	next   int
}

func (g *groupList) add(name string, shape ...int) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	from := make([]int, n)
	for i := range from {
		from[i] = g.next + i
	}
	g.next += n
	g.groups = append(g.groups, synth.Group{Name: name, Shape: shape, From: from})
}

// groupOfEntries returns the names of the groups that lie one after the other,
// for each entry.
func groupOfEntries(groups []synth.Group) []string {
	var names []string
	for _, g := range groups {
		for range g.From {
			names = append(names, g.Name)
		}
	}
	return names
}
