package models

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// goldens decodes the arrays of testdata/name.json; scalars become arrays of one.
func goldens(t *testing.T, name string) map[string]golden {
	t.Helper()
	var raw map[string]json.RawMessage
	readGolden(t, name, &raw)
	all := map[string]golden{}
	for k, b := range raw {
		var g golden
		var v float64
		if json.Unmarshal(b, &v) == nil {
			g.V = []float64{v}
		} else if json.Unmarshal(b, &g) != nil {
			continue // a list of sizes, read by its own test
		}
		all[k] = g
	}
	return all
}

func TestSignalFunctions(t *testing.T) {
	all := goldens(t, "signal")
	tape := autograd.New(nil)
	defer tape.Close()
	image := func(h, w, s int) autograd.Value { return tape.Const(texture(h, w, s)) }
	x, x9 := image(8, 8, 0), image(9, 9, 0)
	z := autograd.MakeComplex(x, image(8, 8, 1))
	none := autograd.Value{}
	for name, v := range map[string]autograd.Value{
		"expand2": Expand(x, 2), "expand1.5": Expand(x, 1.5), "expand2_c": Expand(z, 2), "shrink2": Shrink(x, 2),
		"autocorr": Autocorrelation(x), "autocorr_9x9_quirk": Autocorrelation(x9), "modulate2": ModulatePhase(z, 2),
		"crop3": CenterCrop(x, 3), "crop4": CenterCrop(x, 4), "crop3_of9": CenterCrop(x9, 3), "crop4_of9": CenterCrop(x9, 4),
		"rescale": Rescale(x, -1, 2),
		"var":     Variance(x, none), "skew": Skew(x, none, none), "kurt": Kurtosis(x, none, none),
	} {
		require.Contains(t, all, name)
		requireGolden(t, all[name], v, 1e-12, name)
	}
}

func TestMomentsWithGivenMeanAndVariance(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(tensor.Of([]float64{1, 2, 6, 0, 1, 3}, 2, 3))
	m, v := tape.Const(tensor.Of([]float64{2, 1})), tape.Const(tensor.Of([]float64{4, 2}))
	for i, want := range []complex128{17. / 3, 5. / 3} {
		requireNear(t, want, evaluate(t, Variance(x, m, 1))[i], 1e-14, 1, "variance")
	}
	for i, want := range []complex128{(-1 + 64.) / 3 / 8, (-1 + 8) / 3. / 2.8284271247461903} {
		requireNear(t, want, evaluate(t, Skew(x, m, v, 1))[i], 1e-14, 1, "skew")
	}
	for i, want := range []complex128{(1 + 256.) / 3 / 16, (1 + 16) / 3. / 4} {
		requireNear(t, want, evaluate(t, Kurtosis(x, m, v, 1))[i], 1e-14, 1, "kurtosis")
	}
}

func TestRescaleOfAConstant(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	require.Equal(t, []complex128{-1, -1}, evaluate(t, Rescale(tape.Const(tensor.Of([]float64{.5, .5})), -1, 2)))
}

func TestShrinkUndoesExpand(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(gratings(16, 24, .3)) // no energy at the highest frequency
	for i, z := range evaluate(t, Shrink(Expand(x, 1.5), 1.5).Sub(x)) {
		requireNear(t, 0, z, 1e-14, 1, "pixel "+string(rune('0'+i%10)))
	}
}

func TestSignalErrors(t *testing.T) {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(8, 10, 0))
	for want, f := range map[string]func(){
		"one above 1 that makes whole sizes": func() { Expand(x, 1) },
		"factor 1.3;":                        func() { Expand(x, 1.3) },
		"factor 4;":                          func() { Shrink(x, 4) },
		"1 to 8 expected":                    func() { CenterCrop(x, 9) },
		"a complex argument expected":        func() { ModulatePhase(x, 2) },
		"real images":                        func() { Autocorrelation(x.Complex()) },
	} {
		require.ErrorContains(t, autograd.Try(f), want)
	}
}
