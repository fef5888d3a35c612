package synth

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A Loss says how far a representation is from a target's. Its zero value is
// the reference's.
type Loss interface {
	// Loss returns the loss (N,), float64, of representations (N, …) with the
	// given groups (nil if the model names none). It panics with *autograd.Error
	// if it cannot serve them.
	Loss(rep, target autograd.Value, groups []Group) autograd.Value
}

// startScaled is a Loss that is divided by its value at the start image.
type startScaled interface{ scaledByStart() bool }

// squares returns |x|² with all axes but the first in one.
func squares(x autograd.Value) autograd.Value {
	return x.Abs2().Reshape(x.Type().Dim[0], -1)
}

// l2 returns the L2 norm of each image's x; its gradient at 0 is 0.
func l2(x autograd.Value) autograd.Value { return rootOf(squares(x).SumWide(1)) }

// rootOf returns √s with gradient 0 at 0.
func rootOf(s autograd.Value) autograd.Value {
	t := s.Tape()
	zero, one := t.Scalar(tensor.Float64, 0), t.Scalar(tensor.Float64, 1)
	at0 := s.Eq(zero)
	return autograd.Where(at0, zero, autograd.Where(at0, one, s).Sqrt())
}

// MSE is the mean squared difference of all entries.
type MSE struct {
	// ScaleStart divides by the value at the start image, so that tolerances mean
	// the same for every model.
	ScaleStart bool
}

// Loss implements Loss. It panics with *autograd.Error if the types differ.
func (l MSE) Loss(rep, target autograd.Value, _ []Group) autograd.Value {
	return squares(rep.Sub(target)).MeanWide(1)
}

func (l MSE) scaledByStart() bool { return l.ScaleStart }

// L2 is the Euclidean norm of the difference; its gradient at 0 is 0.
type L2 struct{}

// Loss implements Loss. It panics with *autograd.Error if the types differ.
func (L2) Loss(rep, target autograd.Value, _ []Group) autograd.Value { return l2(rep.Sub(target)) }

// RelativeSSE is the sum of squared differences over the target's sum of
// squares.
type RelativeSSE struct{}

// Loss implements Loss. It panics with *autograd.Error if the types differ.
func (RelativeSSE) Loss(rep, target autograd.Value, _ []Group) autograd.Value {
	return squares(rep.Sub(target)).SumWide(1).Div(squares(target).SumWide(1))
}

// LogSumExp is T·ln of the mean over channels of exp(‖difference‖/T), a smooth
// maximum of the channels' L2 norms, less T·ln C: 0 where nothing differs. It is
// for representations (N, C, …).
type LogSumExp struct {
	Temperature float64 // T; 0 means 1
}

// Loss implements Loss. It panics with *autograd.Error if the types differ or
// there are no channels.
func (l LogSumExp) Loss(rep, target autograd.Value, _ []Group) autograd.Value {
	t := l.Temperature
	if t == 0 {
		t = 1
	}
	d := rep.Sub(target).Abs2()
	if d.Type().Rank < 2 {
		fail("logsumexp", fmt.Errorf("a representation (N, C, …) is expected, not %v", d.Type()), d.Type())
	}
	norms := rootOf(d.Reshape(d.Type().Dim[0], d.Type().Dim[1], -1).SumWide(2))
	return norms.Scale(1 / t).LogSumExp(1).AddScalar(-math.Log(float64(d.Type().Dim[1]))).Scale(t)
}

// Weights gives groups of a representation a weight: one number, or one for
// each element of the group in C order.
type Weights map[string][]float64

// Groupwise is the L2 norm of the difference when every group is divided by the
// L2 norm that it has for the target (or by 1 where that is 0), times the
// group's weight.
type Groupwise struct {
	Weights Weights // 1 for groups that are not in it
}

// Loss implements Loss. It panics with *autograd.Error if the model names no
// groups or a weight does not fit them.
func (l Groupwise) Loss(rep, target autograd.Value, groups []Group) autograd.Value {
	if groups == nil {
		fail("groupwise loss", fmt.Errorf("the model names no groups; use another loss"), rep.Type())
	}
	checkWeights("groupwise loss", l.Weights, groups)
	size := lastAxis(rep)
	zero, one := rep.Tape().Scalar(tensor.Float64, 0), rep.Tape().Scalar(tensor.Float64, 1)
	var parts []autograd.Value
	for _, g := range groups {
		member := constantRow(rep, g.spread(size, []float64{1}))
		mask := constantRow(rep, g.spread(size, weightOf(l.Weights, g.Name)))
		norm := squares(target.Mul(member)).SumWide(1).Sqrt()
		norm = autograd.Where(norm.Eq(zero), one, norm)
		parts = append(parts, mask.Div(beside(norm, rep)))
	}
	w := autograd.Sum(parts...)
	return l2(rep.Sub(target).Mul(w))
}

// PortillaSimoncelli is the L2 norm of the difference with weight 1 for every
// entry but those of the reference: 0 for the smallest and largest pixel, whose
// gradients make the optimization unstable, and 100 for the variance of the
// high-pass residual.
type PortillaSimoncelli struct {
	Weights Weights // replace those of whole groups
}

// portillaSimoncelliWeights are the reference's.
var portillaSimoncelliWeights = Weights{
	"pixel_statistics":      {1, 1, 1, 1, 0, 0},
	"var_highpass_residual": {100},
}

// Loss implements Loss. It panics with *autograd.Error if the model names no
// groups or a weight does not fit them.
func (l PortillaSimoncelli) Loss(rep, target autograd.Value, groups []Group) autograd.Value {
	const op = "portilla-simoncelli loss"
	if groups == nil {
		fail(op, fmt.Errorf("the model names no groups; use another loss"), rep.Type())
	}
	checkWeights(op, l.Weights, groups)
	w := make([]float64, lastAxis(rep))
	for i := range w {
		w[i] = 1
	}
	for _, g := range groups {
		v, ok := l.Weights[g.Name]
		if !ok {
			v, ok = portillaSimoncelliWeights[g.Name]
			if ok && len(v) > 1 && len(v) != len(g.From) {
				fail(op, fmt.Errorf("the group %s has %d entries, %d expected; give it a weight", g.Name, len(g.From), len(v)), rep.Type())
			}
		}
		if ok {
			g.set(w, v)
		}
	}
	return l2(rep.Sub(target).Mul(constantRow(rep, w)))
}

// set stores the weights v in the places that g has in w.
func (g Group) set(w, v []float64) {
	for i, from := range g.From {
		if from >= 0 {
			w[from] = v[min(i, len(v)-1)]
		}
	}
}

// spread returns a row of the given size with v at the places of g, else 0.
func (g Group) spread(size int, v []float64) []float64 {
	w := make([]float64, size)
	g.set(w, v)
	return w
}

func weightOf(w Weights, name string) []float64 {
	if v, ok := w[name]; ok {
		return v
	}
	return []float64{1}
}

// checkWeights panics if w names an unknown group or has the wrong number of
// weights for one.
func checkWeights(op string, w Weights, groups []Group) {
	size := map[string]int{}
	var names []string
	for _, g := range groups {
		size[g.Name] = len(g.From)
		names = append(names, g.Name)
	}
	var keys []string
	for k := range w {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		n, ok := size[k]
		if !ok {
			fail(op, fmt.Errorf("there is no group %q to weigh; there are %s", k, strings.Join(names, ", ")))
		}
		if len(w[k]) != 1 && len(w[k]) != n {
			fail(op, fmt.Errorf("%d weights for the group %s; 1 or %d expected", len(w[k]), k, n))
		}
		for _, v := range w[k] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				fail(op, fmt.Errorf("the weight %v of the group %s is not finite", v, k))
			}
		}
	}
}

// lastAxis returns the size of x's last axis.
func lastAxis(x autograd.Value) int { return x.Type().Dim[x.Type().Rank-1] }

// constantRow returns w as a Const that broadcasts along x's last axis.
func constantRow(x autograd.Value, w []float64) autograd.Value {
	c := tensor.New(x.Type().DType.Real(), len(w))
	tensor.Copy(c, tensor.Of(w))
	return x.Tape().Const(c)
}

// beside shapes s (N,) so that it broadcasts against x (N, …).
func beside(s, x autograd.Value) autograd.Value {
	shape := x.Type().Shape()
	for i := range shape[1:] {
		shape[i+1] = 1
	}
	return s.Cast(x.Type().DType.Real()).Reshape(shape...)
}

// fail panics with an *autograd.Error.
func fail(op string, err error, in ...tensor.Type) {
	panic(&autograd.Error{Op: op, In: in, Err: err})
}
