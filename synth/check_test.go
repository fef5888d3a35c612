package synth

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// parts is a Model with groups and scales that a test gives it.
type parts struct {
	forward func(x autograd.Value) autograd.Value
	groups  []Group
	scales  []string
	of      func(x autograd.Value, scales []string) autograd.Value
}

func (p parts) Forward(x autograd.Value) autograd.Value { return p.forward(x) }

// grouped and scaled have one of the optional interfaces of parts.
type (
	grouped struct{ parts }
	scaled  struct{ parts }
)

func (p grouped) Groups() []Group { return p.groups }

func (p scaled) Scales() []string { return p.scales }
func (p scaled) ForwardScales(x autograd.Value, scales []string) autograd.Value {
	return p.of(x, scales)
}

// columns is a sound model: (N, C, W) sums over columns.
func columns(x autograd.Value) autograd.Value { return x.Square().Sum(2) }

func upToIndex(lo, hi int) (v []int) {
	for i := lo; i < hi; i++ {
		v = append(v, i)
	}
	return v
}

// halves are columns by scale: the left half is coarse, the right one fine.
func halves(x autograd.Value, scales []string) autograd.Value {
	var out []autograd.Value
	for _, s := range scales {
		if s != "coarse" && s != "fine" {
			fail("halves", assert.AnError, x.Type())
		}
	}
	for i, name := range []string{"coarse", "fine"} {
		for _, s := range scales {
			if s == name {
				out = append(out, columns(x).Crop(2, 4*i, 4*i+4))
			}
		}
	}
	return autograd.Concat(2, out...)
}

var small = CheckOptions{Height: 8, Width: 8}

// finding returns the finding called name.
func finding(t *testing.T, v Verdict, name string) Finding {
	t.Helper()
	for _, f := range v {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("there is no finding %q in %+v", name, v)
	return Finding{}
}

func TestCheckOfSoundModels(t *testing.T) {
	for name, m := range map[string]Model{
		"func":   ModelFunc(columns),
		"groups": grouped{parts{forward: columns, groups: []Group{{"left", []int{2, 2}, upToIndex(0, 4)}, {"right", []int{5}, append(upToIndex(4, 8), -1)}}}},
		"scales": scaled{parts{forward: columns, scales: []string{"coarse", "fine"}, of: halves}},
		"complex": ModelFunc(func(x autograd.Value) autograd.Value {
			return x.FFT(autograd.Ortho, 2, 3)
		}),
	} {
		v, err := Check(m, small)
		require.NoError(t, err)
		require.NoError(t, v.Err(), name)
		for _, f := range v {
			if f.Name != "complex" {
				assert.Equal(t, Passed, f.Severity, "%s: %+v", name, f)
			}
			assert.Equal(t, f.Severity == Passed, f.Advice == "", f.Name)
		}
	}
}

// Every failure of the reference's validators, and more, by name.
func TestCheckOfUnsoundModels(t *testing.T) {
	model := func(f func(x autograd.Value) autograd.Value) Model { return ModelFunc(f) }
	calls := 0.0
	for name, c := range map[string]struct {
		model Model
		check string
		level Severity
		found string
	}{
		"panics":      {model(func(x autograd.Value) autograd.Value { return x.Reshape(7) }), "forward", Failed, "reshape"},
		"go panic":    {model(func(autograd.Value) autograd.Value { var v []autograd.Value; return v[0] }), "forward", Failed, "check_test.go:111: panic: runtime error: index out of range"},
		"one number":  {model(func(x autograd.Value) autograd.Value { return x.Sum() }), "output", Failed, "one image gives float64[]"},
		"first axis":  {model(func(x autograd.Value) autograd.Value { return x.Sum(0).Sum(0) }), "output", Failed, "float64[8 8]"},
		"one by one":  {model(func(x autograd.Value) autograd.Value { return x.Reshape(1, 64) }), "output", Failed, "three images at once"},
		"flattened":   {model(func(x autograd.Value) autograd.Value { return x.Reshape(1, -1) }), "output", Failed, "and three float64[1 192]"},
		"double":      {model(func(x autograd.Value) autograd.Value { return x.Cast(tensor.Float64) }), "precision", Failed, "float32"},
		"double only": {model(func(x autograd.Value) autograd.Value { return x.Mul(x.Tape().Const(tensor.Of([]float64{2}, 1))) }), "forward", Failed, "precision"},
		"complex":     {model(func(x autograd.Value) autograd.Value { return x.Complex() }), "complex", Warning, "complex"},
		"mixes":       {model(func(x autograd.Value) autograd.Value { return x.Sub(x.MeanKeep(0)) }), "batch", Failed, "when image 0 changes, the representation of image 1 moves"},
		"constant": {model(func(x autograd.Value) autograd.Value {
			return x.Tape().Zeros(x.Type())
		}), "batch", Failed, "its own representation does not"},
		"random": {model(func(x autograd.Value) autograd.Value { return x.Scale(rand.Float64()) }), "determinism", Failed, "two calls of Forward"},
		"stateful": {model(func(x autograd.Value) autograd.Value {
			calls++
			return x.AddScalar(calls)
		}), "determinism", Failed, "differ by up to"},
		"new constants": {model(func(x autograd.Value) autograd.Value {
			return x.Mul(x.Tape().Const(tensor.Of([]float64{2}, 1)).Cast(x.Type().DType))
		}), "determinism", Warning, "two computations"},
		"logarithm": {model(func(x autograd.Value) autograd.Value { return x.AddScalar(-.5).Log() }), "finite", Failed, "of noise"},
		"root":      {model(func(x autograd.Value) autograd.Value { return x.Sub(x.MeanKeep(2, 3)).Square().Sum(3).Sqrt() }), "finite", Warning, "of a black image"},
		"rounded":   {model(func(x autograd.Value) autograd.Value { return x.Gt(x.Tape().Scalar(x.Type().DType, .5)) }), "gradient", Failed, "vanishes at every pixel"},
		"blind": {model(func(x autograd.Value) autograd.Value { return x.Crop(2, 0, 2) }), "gradient", Warning,
			"vanishes at 48 of 64 pixels"},
		"stopped": {model(func(x autograd.Value) autograd.Value { return x.Mul(x.StopGradient()) }), "derivative", Failed, "along a random direction"},
		"groups of another": {grouped{parts{forward: func(x autograd.Value) autograd.Value { return x }}}, "groups", Failed,
			"not (N, C, S)"},
		"missing entry": {grouped{parts{forward: columns, groups: []Group{{"a", []int{7}, upToIndex(0, 7)}}}}, "groups", Failed, "the entry 7 is in no group"},
		"entry twice":   {grouped{parts{forward: columns, groups: []Group{{"a", []int{8}, upToIndex(0, 8)}, {"b", []int{1}, []int{3}}}}}, "groups", Failed, "in the groups a and b"},
		"entry beyond":  {grouped{parts{forward: columns, groups: []Group{{"a", []int{9}, upToIndex(0, 9)}}}}, "groups", Failed, "the entry 8 of 8"},
		"name twice":    {grouped{parts{forward: columns, groups: []Group{{"a", []int{4}, upToIndex(0, 4)}, {"a", []int{4}, upToIndex(4, 8)}}}}, "groups", Failed, "empty or taken"},
		"shape":         {grouped{parts{forward: columns, groups: []Group{{"a", []int{3, 3}, upToIndex(0, 8)}}}}, "groups", Failed, "lists 8 entries; 9 expected"},
		"no scales":     {scaled{parts{forward: columns, of: halves}}, "scales", Failed, "there are no scales"},
		"unknown":       {scaled{parts{forward: columns, scales: []string{"all"}, of: func(x autograd.Value, _ []string) autograd.Value { return columns(x) }}}, "scales", Failed, "is not refused"},
		"whole":         {scaled{parts{forward: columns, scales: []string{"coarse", "fine"}, of: wholeIfKnown}}, "scales", Failed, "the scales up to fine have 8 entries; their own are 16"},
		"missing scale": {scaled{parts{forward: columns, scales: []string{"coarse"}, of: halves}}, "scales", Failed, "all scales have 4 entries and the representation 8"},
		"scale twice":   {scaled{parts{forward: columns, scales: []string{"fine", "fine"}, of: halves}}, "scales", Failed, "empty or taken"},
		"other entries": {scaled{parts{forward: columns, scales: []string{"coarse", "fine"}, of: doubledHalves}}, "scales", Failed, "are not entries of the whole"},
		"scale that errs": {scaled{parts{forward: columns, scales: []string{"coarse", "medium"}, of: halves}}, "scales", Failed,
			"assert.AnError"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := Check(c.model, small)
			require.NoError(t, err)
			f := finding(t, v, c.check)
			assert.Equal(t, c.level, f.Severity, f)
			assert.Contains(t, f.Found, c.found)
			assert.NotEmpty(t, f.Advice)
			if c.level == Failed {
				require.ErrorContains(t, v.Err(), c.check+": ")
				assert.Equal(t, Failed, v.Severity())
			}
		})
	}
}

func wholeIfKnown(x autograd.Value, scales []string) autograd.Value {
	halves(x, scales)
	return columns(x)
}

func doubledHalves(x autograd.Value, scales []string) autograd.Value {
	return halves(x, scales).Scale(2)
}

func TestCheckMetric(t *testing.T) {
	metric := func(f func(d autograd.Value) autograd.Value) Metric {
		return MetricFunc(func(r, x autograd.Value) autograd.Value { return f(x.Sub(r)) })
	}
	sum := func(d autograd.Value) autograd.Value { return d.Square().SumWide(1, 2, 3) }
	v, err := CheckMetric(metric(sum), small)
	require.NoError(t, err)
	require.Equal(t, Passed, v.Severity(), v)
	for name, c := range map[string]struct {
		metric Metric
		check  string
		level  Severity
		found  string
	}{
		"one number": {metric(func(d autograd.Value) autograd.Value { return d.Square().SumWide() }), "output", Failed, "three images give"},
		"single":     {metric(func(d autograd.Value) autograd.Value { return d.Square().Sum(1, 2, 3) }), "output", Failed, "float32[3]; float64[3] expected"},
		"negative":   {metric(func(d autograd.Value) autograd.Value { return d.SumWide(1, 2, 3) }), "sign", Failed, "negative"},
		"largest":    {metric(func(d autograd.Value) autograd.Value { return sum(d).Neg().AddScalar(100) }), "identity", Failed, "equal images have 100"},
		"offset":     {metric(func(d autograd.Value) autograd.Value { return sum(d).AddScalar(1e-5) }), "identity", Warning, "equal images have 1e-05"},
		"root":       {metric(func(d autograd.Value) autograd.Value { return sum(d).Sqrt() }), "identity", Failed, "of equal images and its gradient are not finite"},
		"mixes":      {metric(func(d autograd.Value) autograd.Value { return sum(d).Add(sum(d).Sum().Expand(3)) }), "batch", Failed, "when image 0 changes"},
		"random":     {metric(func(d autograd.Value) autograd.Value { return sum(d).Scale(rand.Float64()) }), "determinism", Failed, "differ by"},
		"logarithm":  {metric(func(d autograd.Value) autograd.Value { return sum(d).AddScalar(-1e9).Log() }), "finite", Failed, "not finite"},
		"flat":       {metric(func(d autograd.Value) autograd.Value { return sum(d).Sign() }), "gradient", Failed, "vanishes"},
		"similarity": {similarity{}, "identity", Warning, "the metric is a similarity, 1 for equal images"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := CheckMetric(c.metric, small)
			require.NoError(t, err)
			f := finding(t, v, c.check)
			assert.Equal(t, c.level, f.Severity, f)
			assert.Contains(t, f.Found, c.found)
			assert.NotEmpty(t, f.Advice)
		})
	}
}

// similarity is e to minus the squared distance.
type similarity struct{}

func (similarity) Similarity() bool { return true }
func (similarity) Metric(r, x autograd.Value) autograd.Value {
	return x.Sub(r).Square().MeanWide(1, 2, 3).Neg().Exp()
}

type penaltyFunc func(x autograd.Value) autograd.Value

func (f penaltyFunc) Penalty(x autograd.Value) (autograd.Value, float64) { return f(x), 1 }

func TestCheckPenalty(t *testing.T) {
	v, err := CheckPenalty(Range{}, small)
	require.NoError(t, err)
	require.Equal(t, Passed, v.Severity(), v)
	for name, c := range map[string]struct {
		penalty      Penalty
		check, found string
	}{
		"none":  {NoPenalty{}, "gradient", "vanishes at every pixel"},
		"root":  {penaltyFunc(func(x autograd.Value) autograd.Value { return x.Sqrt().SumWide(1, 2, 3) }), "finite", "not finite"},
		"mixes": {penaltyFunc(func(x autograd.Value) autograd.Value { return x.Square().SumWide().Expand(3) }), "batch", "the penalty of image 1 moves"},
		"rank":  {penaltyFunc(func(x autograd.Value) autograd.Value { return x.Square() }), "output", "expected"},
	} {
		v, err := CheckPenalty(c.penalty, small)
		require.NoError(t, err)
		f := finding(t, v, c.check)
		assert.Equal(t, Failed, f.Severity, name)
		assert.Contains(t, f.Found, c.found, name)
	}
}

// A model that draws as it is recorded has no representation that could be matched;
// one that makes its constants anew has. So it is with metrics.
func TestSynthesesRefuseModelsThatDraw(t *testing.T) {
	typ := small.withDefaults().images(tensor.Float64, 1)
	a, b := uniform(typ, 1, 0, 1), uniform(typ, 2, 0, 1)
	constants := ModelFunc(func(x autograd.Value) autograd.Value { return x.Mul(x.Tape().Const(tensor.Of([]float64{2}, 1))) })
	draws := ModelFunc(func(x autograd.Value) autograd.Value { return x.Scale(1 + rand.Float64()) })
	for name, start := range map[string]func(m Model) (interface{ Close() }, error){
		"metamer": func(m Model) (interface{ Close() }, error) { return NewMetamer(nil, a, m, MetamerOptions{}) },
		"eigendistortion": func(m Model) (interface{ Close() }, error) {
			return NewEigendistortion(nil, a, m, EigendistortionOptions{})
		},
		"geodesic": func(m Model) (interface{ Close() }, error) {
			return NewGeodesic(nil, a, b, m, GeodesicOptions{Steps: 2})
		},
	} {
		_, err := start(draws)
		assert.ErrorContains(t, err, "the model is not deterministic", name)
		s, err := start(constants)
		require.NoError(t, err, name)
		s.Close()
	}
	mse := MetricFunc(func(x, y autograd.Value) autograd.Value { return x.Sub(y).Square().SumWide(1, 2, 3) })
	drawn := MetricFunc(func(x, y autograd.Value) autograd.Value { return mse(x, y).Scale(1 + rand.Float64()) })
	_, err := NewMAD(nil, a, drawn, mse, MADOptions{})
	assert.ErrorContains(t, err, "the optimized metric is not deterministic")
	_, err = NewMAD(nil, a, mse, drawn, MADOptions{})
	assert.ErrorContains(t, err, "the reference metric is not deterministic")
}
