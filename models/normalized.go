package models

import (
	"fmt"
	"math"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// flatStd is the standard deviation, over the largest of its group, below which
// an entry of a representation counts as constant.
const flatStd = 1e-8

// Statistics are those of the entries of a model's representation over a set of
// images.
type Statistics struct {
	Count int           // of images
	Mean  tensor.Tensor // float64 or complex128, of the shape of one image's representation
	Std   tensor.Tensor // float64, with n−1 in the denominator
}

// Moments gathers Statistics image by image, by Welford's method. Its zero value
// is empty.
type Moments struct {
	n    int
	typ  tensor.Type
	mean []complex128
	m2   []float64
}

// Add takes in representations (N, …). It errs if their type differs from those
// before, or an entry is not finite.
func (m *Moments) Add(rep tensor.Tensor) error {
	one := tensor.MakeType(rep.DType, rep.Shape()[1:]...)
	if m.n == 0 {
		m.typ, m.mean, m.m2 = one, make([]complex128, one.Len()), make([]float64, one.Len())
	}
	if m.typ != one {
		return fmt.Errorf("models: a representation is a %v; those before are a %v", one, m.typ)
	}
	rep = tensor.Contiguous(rep)
	for k := range rep.Dim[0] {
		m.n++
		for i := range m.mean {
			v := rep.Load(k*len(m.mean) + i)
			if math.IsNaN(real(v)+imag(v)) || math.IsInf(real(v), 0) || math.IsInf(imag(v), 0) {
				return fmt.Errorf("models: entry %d of a representation is %v; finite values are expected", i, v)
			}
			d := v - m.mean[i]
			m.mean[i] += d / complex(float64(m.n), 0)
			e := v - m.mean[i]
			m.m2[i] += real(d)*real(e) + imag(d)*imag(e)
		}
	}
	return nil
}

// Statistics returns those of what was added. It errs for fewer than two images.
func (m *Moments) Statistics() (s Statistics, err error) {
	if m.n < 2 {
		return s, fmt.Errorf("models: %d images have no standard deviation; two or more are needed", m.n)
	}
	d := tensor.Float64
	if m.typ.DType.IsComplex() {
		d = tensor.Complex128
	}
	s = Statistics{m.n, tensor.New(d, m.typ.Shape()...), tensor.New(tensor.Float64, m.typ.Shape()...)}
	for i := range m.mean {
		s.Mean.Store(i, m.mean[i])
		s.Std.StoreReal(i, math.Sqrt(m.m2[i]/float64(m.n-1)))
	}
	return s, nil
}

// Normalize returns m with every entry of its representation less the mean, over
// the standard deviation, of a set of images. Entries whose standard deviation is
// below 1e-8 of the largest in their group get weight 0: they are returned by
// group, counted along the flattened representation of one image. What m has of
// groups and scales stays. It errs if s is no Statistics; Forward panics with
// *autograd.Error if the representation has another shape.
func Normalize(m synth.Model, s Statistics) (model synth.Model, flat map[string][]int, err error) {
	if s.Mean.Rank == 0 || !s.Mean.SameShape(s.Std.Type) || s.Std.DType.IsComplex() {
		return nil, nil, fmt.Errorf("models: means %v and standard deviations %v; two arrays of one shape are expected", s.Mean.Type, s.Std.Type)
	}
	weight, flat := tensor.New(tensor.Float64, s.Std.Shape()...), map[string][]int{}
	std := tensor.Floats(s.Std)
	for _, g := range groupsOf(m, s.Std.Type) {
		most := 0.
		for _, i := range g.entries {
			most = math.Max(most, std[i])
		}
		for _, i := range g.entries {
			if std[i] < flatStd*most || most == 0 {
				flat[g.name] = append(flat[g.name], i)
				continue
			}
			weight.StoreReal(i, 1/std[i])
		}
	}
	return normalizedBy(m, tensor.Contiguous(s.Mean), weight), flat, nil
}

// NormalizeByTarget returns m with every group of its representation, or all of
// it where m names none, divided by the L2 norm that it has in the representation
// target (1, …), which is held constant. A group whose norm is 0 stays. It errs if
// target is not finite or of more than one image; Forward panics with
// *autograd.Error if the representation has another shape.
func NormalizeByTarget(m synth.Model, target tensor.Tensor) (synth.Model, error) {
	if target.Rank < 2 || target.Dim[0] != 1 {
		return nil, fmt.Errorf("models: the target's representation is a %v; that of one image, (1, …), is expected", target.Type)
	}
	one := tensor.MakeType(target.DType, target.Shape()[1:]...)
	target = tensor.Contiguous(target)
	weight := tensor.New(tensor.Float64, one.Shape()...)
	for _, g := range groupsOf(m, one) {
		sum := 0.
		for _, i := range g.entries {
			v := target.Load(i)
			sum += real(v)*real(v) + imag(v)*imag(v)
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return nil, fmt.Errorf("models: the target's representation is not finite (%s)", g.name)
		}
		if sum == 0 {
			sum = 1
		}
		for _, i := range g.entries {
			weight.StoreReal(i, 1/math.Sqrt(sum))
		}
	}
	return normalizedBy(m, tensor.New(tensor.Float64, one.Shape()...), weight), nil
}

// members are the entries of a group along one image's flattened representation.
type members struct {
	name    string
	entries []int
}

// groupsOf returns the groups of m for a representation of one image of the given
// type, every entry in one of them.
func groupsOf(m synth.Model, one tensor.Type) []members {
	rest := map[int]bool{}
	for i := range one.Len() {
		rest[i] = true
	}
	var list []members
	if g, ok := m.(synth.Grouped); ok {
		size := one.Dim[one.Rank-1]
		for _, group := range g.Groups() {
			in := members{name: group.Name}
			for base := 0; base < one.Len(); base += size {
				for _, from := range group.From {
					if from >= 0 && rest[base+from] {
						in.entries = append(in.entries, base+from)
						delete(rest, base+from)
					}
				}
			}
			list = append(list, in)
		}
	}
	others := members{name: "all"}
	for i := range one.Len() {
		if rest[i] {
			others.entries = append(others.entries, i)
		}
	}
	if len(others.entries) > 0 {
		list = append(list, others)
	}
	return list
}

// normalized is a model whose representation is shifted and scaled entry by entry.
type normalized struct {
	synth.Model
	mean, weight tensor.Tensor // of one image's representation
}

// What a normalized model has depends on what it was made of.
type (
	normalizedGrouped struct {
		*normalized
		synth.Grouped
	}
	normalizedLabelled  struct{ *normalized }
	normalizedDescribed struct {
		normalizedLabelled
		synth.Grouped
	}
)

func normalizedBy(m synth.Model, mean, weight tensor.Tensor) synth.Model {
	n := &normalized{m, mean, weight}
	g, grouped := m.(synth.Grouped)
	_, labelled := m.(synth.Labelled)
	switch {
	case grouped && labelled:
		return normalizedDescribed{normalizedLabelled{n}, g}
	case labelled:
		return normalizedLabelled{n}
	case grouped:
		return normalizedGrouped{n, g}
	}
	return n
}

// Forward returns the normalized representation. It panics with *autograd.Error if
// that of the model has another shape than the statistics.
func (n *normalized) Forward(x autograd.Value) autograd.Value {
	return n.scale(n.Model.Forward(x), n.mean, n.weight)
}

func (n *normalized) scale(y autograd.Value, mean, weight tensor.Tensor) autograd.Value {
	t := y.Type()
	if t.Rank == 0 || !tensor.MakeType(t.DType, t.Shape()[1:]...).SameShape(mean.Type) {
		fail("normalize", y, "the representation of one image has the shape %v; statistics of the shape %v are given: they belong to another model or another size", t.Shape()[1:], mean.Shape())
	}
	d := t.DType.Real()
	if mean.DType.IsComplex() {
		d = t.DType.Complex()
	}
	return y.Sub(y.Tape().Const(mean).Cast(d)).Mul(y.Tape().Const(weight).Cast(t.DType.Real()))
}

// Scales returns those of the model. It does not panic.
func (n normalizedLabelled) Scales() []string { return n.Model.(synth.Labelled).Scales() }

// EntryScales returns those of the model. It does not panic.
func (n normalizedLabelled) EntryScales() []string { return n.Model.(synth.Labelled).EntryScales() }

// ForwardScales returns the normalized entries of the given scales. It panics as
// that of the model and Forward do.
func (n normalizedLabelled) ForwardScales(x autograd.Value, scales []string) autograd.Value {
	m := n.Model.(synth.Labelled)
	var index []int
	for i, s := range m.EntryScales() {
		if slices.Contains(scales, s) {
			index = append(index, i)
		}
	}
	y := m.ForwardScales(x, scales)
	t := x.Tape()
	last := n.mean.Rank - 1
	mean := t.Const(n.mean).Gather(int(last), index)
	weight := t.Const(n.weight).Gather(int(last), index)
	d := y.Type().DType.Real()
	if n.mean.DType.IsComplex() {
		d = y.Type().DType.Complex()
	}
	return y.Sub(mean.Cast(d)).Mul(weight.Cast(y.Type().DType.Real()))
}
