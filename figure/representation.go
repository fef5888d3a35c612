package figure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// A Part is a named piece of a representation of one image: numbers in C order,
// NaN where the model leaves one out.
type Part struct {
	Name   string
	Shape  []int
	Values []float64
}

// Parts cuts the representation of image i, (N, …), into the model's groups;
// without groups each channel is a part. With groups the channels are averaged.
// It errs if there is no such image or a group does not fit.
func Parts(rep tensor.Tensor, groups []synth.Group, i int) ([]Part, error) {
	if rep.Rank < 2 || i < 0 || i >= rep.Dim[0] || rep.DType.IsComplex() {
		return nil, fmt.Errorf("figure: image %d of a representation %v: real numbers (N, …) are expected", i, rep.Type)
	}
	v := tensor.Floats(rep.Crop(0, i, i+1, 1))
	if len(groups) == 0 {
		return channels(v, rep.Shape()[1:]), nil
	}
	size := rep.Dim[rep.Rank-1]
	mean := make([]float64, size)
	for k, x := range v {
		mean[k%size] += x / float64(len(v)/size)
	}
	parts := make([]Part, len(groups))
	for k, g := range groups {
		p := Part{Name: g.Name, Shape: g.Shape, Values: make([]float64, len(g.From))}
		for e, from := range g.From {
			switch {
			case from >= size:
				return nil, fmt.Errorf("figure: the group %s takes entry %d of %d", g.Name, from, size)
			case from < 0:
				p.Values[e] = math.NaN()
			default:
				p.Values[e] = mean[from]
			}
		}
		parts[k] = p
	}
	return parts, nil
}

// channels cuts v, of the given shape (C, …), along its first axis.
func channels(v []float64, shape []int) []Part {
	n := max(shape[0], 1)
	each := len(v) / n
	parts := make([]Part, shape[0])
	for c := range parts {
		parts[c] = Part{Name: fmt.Sprintf("channel %02d", c), Shape: shape[1:], Values: v[c*each : (c+1)*each]}
		if len(shape) == 1 {
			return []Part{{Name: "all", Shape: shape, Values: v}}
		}
	}
	return parts
}

// Difference returns x − y, part by part. It panics if they differ in shape.
func Difference(x, y []Part) []Part {
	d := make([]Part, len(x))
	for i, p := range x {
		d[i] = Part{Name: p.Name, Shape: p.Shape, Values: make([]float64, len(p.Values))}
		for k, v := range p.Values {
			d[i].Values[k] = v - y[i].Values[k]
		}
	}
	return d
}

// Representation shows parts as their shapes suggest: bands and channels as
// pictures, statistics as stems; those of Portilla and Simoncelli as the
// reference gathers them. It errs if pictures have sizes that do not go
// together.
func Representation(title string, parts []Part) (*Figure, error) {
	if gathered := gatherTexture(parts); gathered != nil {
		return &Figure{Title: title, Rows: wrap(stems(gathered), 4)}, nil
	}
	if slices.ContainsFunc(parts, Part.isPicture) {
		return bands(title, parts)
	}
	return &Figure{Title: title, Rows: wrap(stems(parts), 4)}, nil
}

func stems(parts []Part) []Panel {
	panels := make([]Panel, len(parts))
	for i, p := range parts {
		panels[i] = &Stems{Title: strings.ReplaceAll(p.Name, "_", " "), Values: p.Values, Width: max(260, int(textWidth(p.Name, bold(panelText)))+8)}
	}
	return panels
}

// leastPicture is the side from which on the last two axes are a picture.
const leastPicture = 4

func (p Part) isPicture() bool {
	n := len(p.Shape)
	return n >= 2 && p.Shape[n-1] >= leastPicture && p.Shape[n-2] >= leastPicture
}

// displayRange is symmetric about zero for values of both signs, and otherwise
// from the smallest to the largest, where a symmetric range would leave half of
// the colours unused.
func (p Part) displayRange() string {
	negative := slices.ContainsFunc(p.Values, func(v float64) bool { return v < 0 })
	positive := slices.ContainsFunc(p.Values, func(v float64) bool { return v > 0 })
	if negative != positive {
		return "indep1"
	}
	return "indep0"
}

// bands shows each part as pictures, in a row: a level of a pyramid. Parts of one
// picture, as channels are, stand side by side.
func bands(title string, parts []Part) (*Figure, error) {
	h, w := 0, 0
	for _, p := range parts {
		if n := len(p.Shape); p.isPicture() {
			h, w = max(h, p.Shape[n-2]), max(w, p.Shape[n-1])
		}
	}
	fit := 192
	f := &Figure{Title: title}
	var single []Panel
	end := func() {
		if single != nil {
			f.Rows, single = append(f.Rows, wrap(single, 4)...), nil
		}
	}
	for _, p := range parts {
		if !p.isPicture() {
			end()
			f.Rows = append(f.Rows, stems([]Part{p}))
			continue
		}
		n := len(p.Shape)
		ph, pw := p.Shape[n-2], p.Shape[n-1]
		each := ph * pw
		var ts []tensor.Tensor
		var titles []string
		for k := range len(p.Values) / each {
			ts = append(ts, tensor.Of(p.Values[k*each:(k+1)*each], 1, 1, ph, pw))
			titles = append(titles, p.bandTitle(k))
		}
		d := Display{Range: p.displayRange(), Titles: titles, Fit: fit}
		if whole := h / ph; h%ph == 0 && w%pw == 0 && w/pw == whole { // all levels at one extent
			d.Zoom = FitZoom(h, w, fit) * float64(whole)
			if d.Zoom > 1 {
				d.Zoom = math.Trunc(d.Zoom)
			}
		}
		row, err := d.Images(ts...)
		if err != nil {
			return nil, err
		}
		if len(row) == 1 {
			single = append(single, row[0])
			continue
		}
		end()
		f.Rows = append(f.Rows, wrap(row, 8)...)
	}
	end()
	return f, nil
}

// bandTitle names picture k of p.
func (p Part) bandTitle(k int) string {
	name := strings.ReplaceAll(p.Name, "_", " ")
	if _, err := strconv.Atoi(p.Name); err == nil {
		name = "scale " + p.Name
	}
	switch len(p.Shape) {
	case 2:
		return name
	case 4: // the real parts before the imaginary ones
		bands := p.Shape[1]
		return fmt.Sprintf("%s, band %d %s", name, k%bands, []string{"real", "imaginary"}[min(k/bands, 1)])
	}
	return fmt.Sprintf("%s, band %d", name, k)
}

// Groups of the texture model, as the reference's picture gathers them.
var textureGroups = []struct {
	title  string
	groups []string
	norm   bool // root of the sum of squares over the first two axes
}{
	{"pixels+var_highpass", []string{"pixel_statistics", "var_highpass_residual"}, false},
	{"std+skew+kurtosis recon", []string{"std_reconstructed", "skew_reconstructed", "kurtosis_reconstructed"}, false},
	{"magnitude_std", []string{"magnitude_std"}, false},
	{"auto_correlation_reconstructed", []string{"auto_correlation_reconstructed"}, true},
	{"auto_correlation_magnitude", []string{"auto_correlation_magnitude"}, true},
	{"cross_orientation_correlation_magnitude", []string{"cross_orientation_correlation_magnitude"}, true},
	{"cross_scale_correlation_magnitude", []string{"cross_scale_correlation_magnitude"}, true},
	{"cross_scale_correlation_real", []string{"cross_scale_correlation_real"}, true},
}

// gatherTexture returns nil if parts are not those of the texture model.
func gatherTexture(parts []Part) []Part {
	by := map[string]Part{}
	for _, p := range parts {
		by[p.Name] = p
	}
	var list []Part
	for _, g := range textureGroups {
		out := Part{Name: g.title}
		for _, name := range g.groups {
			p, ok := by[name]
			if !ok && !strings.HasPrefix(name, "cross_scale") { // one scale has none
				return nil
			}
			if g.norm {
				p = p.norm()
			}
			out.Values = append(out.Values, p.Values...)
		}
		if len(out.Values) > 0 {
			list = append(list, out)
		}
	}
	return list
}

// norm returns the root of the sum of squares over the first two axes.
func (p Part) norm() Part {
	if len(p.Shape) < 2 || len(p.Values) == 0 {
		return Part{Name: p.Name}
	}
	rest := len(p.Values) / (p.Shape[0] * p.Shape[1])
	sum := make([]float64, rest)
	for i, v := range p.Values {
		if !math.IsNaN(v) {
			sum[i%rest] += v * v
		}
	}
	for i := range sum {
		sum[i] = math.Sqrt(sum[i])
	}
	return Part{Name: p.Name, Shape: p.Shape[2:], Values: sum}
}
