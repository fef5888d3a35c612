package models

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/percept-go/percept/tensor"
)

// halfFilters lists symmetric filters up to the middle. Those of odd length
// have one middle tap, the last; the others repeat it. scaled ones are
// multiplied by √2.
var halfFilters = map[string]struct {
	odd, scaled bool
	taps        []float64
}{
	"qmf5":  {odd: true, taps: []float64{-.076103, .3535534, .8593118}},
	"qmf9":  {odd: true, taps: []float64{.02807382, -.060944743, -.073386624, .41472545, .7973934}},
	"qmf13": {odd: true, taps: []float64{-.014556438, .021651438, .039045125, -.09800052, -.057827797, .42995453, .7737113}},
	"qmf8":  {scaled: true, taps: []float64{.00938715, -.07065183, .06942827, .4899808}},
	"qmf12": {scaled: true, taps: []float64{-.003809699, .01885659, -.002710326, -.08469594, .08846992, .4843894}},
	"qmf16": {scaled: true, taps: []float64{.001050167, -.005054526, -.002589756, .0276414, -.009666376, -.09039223, .09779817, .4810284}},
}

// wholeFilters lists asymmetric filters.
var wholeFilters = map[string][]float64{
	"daub2": {.482962913145, .836516303738, .224143868042, -.129409522551},
	"daub3": {.332670552950, .806891509311, .459877502118, -.135011020010, -.085441273882, .035226291882},
	"daub4": {.230377813309, .714846570553, .630880767930, -.027983769417, -.187034811719, .030841381836, .032883011667, -.010597401785},
}

// aliases are binomial filters by other names.
var aliases = map[string]string{"gauss3": "binom3", "gauss5": "binom5", "haar": "binom2"}

// NamedFilter returns the taps of a one-dimensional filter: binom2, binom3, …
// (binomial coefficients that sum to √2), haar, gauss3 and gauss5 (binomials
// too), qmf5, 8, 9, 12, 13 and 16 (quadrature mirror filters, Johnston 1980 and
// Simoncelli and Adelson 1990), daub2, 3 and 4 (Daubechies 1988). It errs if
// there is no filter of that name.
func NamedFilter(name string) ([]float64, error) {
	if alias, ok := aliases[name]; ok {
		name = alias
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(name, "binom")); err == nil && strings.HasPrefix(name, "binom") && n >= 2 && n <= 64 {
		return binomial(n), nil
	}
	if f, ok := wholeFilters[name]; ok {
		return slices.Clone(f), nil
	}
	h, ok := halfFilters[name]
	if !ok {
		return nil, fmt.Errorf("models: there is no filter %q; binom2 to binom64, haar, gauss3, gauss5, qmf5, qmf8, qmf9, qmf12, qmf13, qmf16, daub2, daub3 and daub4 exist", name)
	}
	f := slices.Clone(h.taps)
	if h.scaled {
		for i := range f {
			f[i] *= math.Sqrt2
		}
	}
	mirror := slices.Clone(f)
	slices.Reverse(mirror)
	if h.odd {
		mirror = mirror[1:]
	}
	return append(f, mirror...), nil
}

// binomial returns the n binomial coefficients, which sum to √2.
func binomial(n int) []float64 {
	f := make([]float64, n)
	f[0] = math.Sqrt2 / math.Pow(2, float64(n-1))
	for k := 1; k < n; k++ {
		f[k] = f[k-1] * float64(n-k) / float64(k)
	}
	return f
}

// gaussian returns a normal density at n points around the middle, with sum 1.
func gaussian(n int, std float64) []float64 {
	g := make([]float64, n)
	sum := 0.0
	for i := range g {
		d := float64(i) - float64(n-1)/2
		g[i] = math.Exp(-d * d / (2 * std * std))
		sum += g[i]
	}
	for i := range g {
		g[i] /= sum
	}
	return g
}

// CircularGaussian returns filters (len(std), 1, h, w), one per standard
// deviation in pixels, each with sum 1. It errs if there is no std, one is not
// positive, or a size is below 1.
func CircularGaussian(h, w int, std ...float64) (tensor.Tensor, error) {
	if err := checkGaussian(h, w, std); err != nil {
		return tensor.Tensor{}, err
	}
	f := tensor.New(tensor.Float64, len(std), 1, h, w)
	for c, s := range std {
		gy, gx := gaussian(h, s), gaussian(w, s)
		for i, y := range gy {
			for j, x := range gx {
				f.StoreReal((c*h+i)*w+j, y*x)
			}
		}
	}
	return f, nil
}

func checkGaussian(h, w int, std []float64) error {
	if h < 1 || w < 1 {
		return fmt.Errorf("models: a Gaussian filter of %d×%d taps: sizes of at least 1 are needed", h, w)
	}
	if len(std) == 0 {
		return fmt.Errorf("models: Gaussian filters without a standard deviation: one per output channel is needed")
	}
	for _, s := range std {
		if !(s > 0) || math.IsInf(s, 1) {
			return fmt.Errorf("models: a Gaussian filter of standard deviation %v: a positive number of pixels is needed", s)
		}
	}
	return nil
}
