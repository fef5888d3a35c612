package models

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

var (
	_ synth.Model   = (*SteerablePyramid)(nil)
	_ synth.Grouped = (*SteerablePyramid)(nil)
	_ synth.Scaled  = (*SteerablePyramid)(nil)
)

// pyramidGolden is one configuration of testdata/steerable_pyramid.json.
type pyramidGolden struct {
	Args struct {
		Height      *int
		Order       *int
		IsComplex   bool `json:"is_complex"`
		TightFrame  bool `json:"tight_frame"`
		Downsample  *bool
		Twidth      int
		SplitTensor bool
	}
	NumScales       int `json:"num_scales"`
	Bands           map[string]golden
	ReconMaxErr     float64 `json:"recon_maxerr"`
	Recon           golden
	ReconScale0Band golden `json:"recon_scale0_band1"`
	ReconLow        golden `json:"recon_low"`
	Angles          []float64
	Weights         golden
	Res0            golden
	WeightsOdd      golden `json:"weights_odd_0.3"`
}

func readPyramids(t *testing.T) map[string]pyramidGolden {
	var all map[string]pyramidGolden
	readGolden(t, "steerable_pyramid", &all)
	return all
}

// build returns the pyramid of a golden configuration, whose name ends with
// the image size where that is not 64×64.
func (g pyramidGolden) build(t *testing.T, name string) (*SteerablePyramid, tensor.Tensor) {
	t.Helper()
	h, w := 64, 64
	if i := strings.LastIndexByte(name, '_'); strings.Contains(name[i+1:], "x") {
		_, err := fmt.Sscanf(name[i+1:], "%dx%d", &h, &w)
		require.NoError(t, err)
	}
	p, err := NewSteerablePyramid(h, w, SteerablePyramidOptions{Height: g.Args.Height, Order: g.Args.Order, Complex: g.Args.IsComplex,
		TightFrame: g.Args.TightFrame, NoDownsample: g.Args.Downsample != nil && !*g.Args.Downsample, TransitionWidth: g.Args.Twidth})
	require.NoError(t, err)
	require.Equal(t, g.NumScales, p.Height())
	return p, texture(h, w, 0)
}

func eachPyramid(t *testing.T, f func(t *testing.T, g pyramidGolden, p *SteerablePyramid, x autograd.Value)) {
	n := 0
	for name, g := range readPyramids(t) {
		if g.Bands == nil {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			p, image := g.build(t, name)
			tape := autograd.New(nil)
			defer tape.Close()
			f(t, g, p, tape.Var("x", image))
		})
	}
	require.Equal(t, 9, n)
}

func TestPyramidCoefficients(t *testing.T) {
	eachPyramid(t, func(t *testing.T, g pyramidGolden, p *SteerablePyramid, x autograd.Value) {
		check := func(x autograd.Value, tol float64) {
			c := p.Coefficients(x)
			require.Len(t, g.Bands, p.Height()+2)
			for name, want := range g.Bands {
				v := c.Lowpass
				if name == ResidualHighpass {
					v = c.Highpass
				} else if s, err := strconv.Atoi(name); err == nil {
					v = c.Bands[s]
				}
				requireGolden(t, want, v, tol, name)
			}
		}
		check(x, 1e-10)
		check(x.Cast(tensor.Float32), singleTolerance)
	})
}

// The reference rounds to single precision within a reconstruction.
func TestPyramidReconstruction(t *testing.T) {
	eachPyramid(t, func(t *testing.T, g pyramidGolden, p *SteerablePyramid, x autograd.Value) {
		c := p.Coefficients(x)
		whole := p.Reconstruct(c, nil, nil)
		requireGolden(t, g.Recon, whole, 3e-7, "all")
		requireGolden(t, g.ReconScale0Band, p.Reconstruct(c, []string{"0"}, []int{0}), 3e-7, "level 0, first band")
		requireGolden(t, g.ReconLow, p.Reconstruct(c, []string{ResidualLowpass}, nil), 3e-7, "low-pass")
		worst := 0.0
		for _, z := range evaluate(t, whole.Sub(x)) {
			worst = math.Max(worst, math.Abs(real(z)))
		}
		require.InDelta(t, g.ReconMaxErr, worst, 2e-7)
	})
}

// Reconstruction from parts adds up to the whole.
func TestPartialReconstructionsAddUp(t *testing.T) {
	eachPyramid(t, func(t *testing.T, _ pyramidGolden, p *SteerablePyramid, x autograd.Value) {
		c := p.Coefficients(x)
		sum := p.Reconstruct(c, []string{ResidualHighpass, ResidualLowpass}, nil)
		for s := range p.Height() {
			for b := range p.Orientations() {
				sum = sum.Add(p.Reconstruct(c, []string{strconv.Itoa(s)}, []int{b}))
			}
		}
		for _, z := range evaluate(t, sum.Sub(p.Reconstruct(c, nil, nil))) {
			require.Less(t, math.Abs(real(z)), 1e-13)
		}
	})
}

func TestTightFrameKeepsEnergy(t *testing.T) {
	eachPyramid(t, func(t *testing.T, g pyramidGolden, p *SteerablePyramid, x autograd.Value) {
		if !g.Args.TightFrame {
			return
		}
		energy := real(evaluate(t, p.Forward(x).Square().Sum())[0])
		require.InEpsilon(t, real(evaluate(t, x.Square().Sum())[0]), energy, 1e-4)
	})
}

func TestSteering(t *testing.T) {
	all := readPyramids(t)
	flat := func(w [][]float64) (v []float64) {
		for _, row := range w {
			v = append(v, row...)
		}
		return v
	}
	for name, k := range map[string]int{"steer_o3": 4, "steer_o2": 3} {
		g := all[name]
		require.InDeltaSlice(t, g.Weights.V, flat(SteeringWeights(k, g.Angles, true)), 1e-14, name)
	}
	g := all["steer_o3"]
	require.InDeltaSlice(t, g.WeightsOdd.V, flat(SteeringWeights(4, []float64{.3}, false)), 1e-14)
	p, err := NewSteerablePyramid(64, 64, SteerablePyramidOptions{Height: new(3)})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	c := p.Coefficients(tape.Const(texture(64, 64, 0)))
	steered := p.Steer(c, g.Angles, true)
	require.Len(t, steered, 3)
	requireGolden(t, g.Res0, steered[0], 1e-10, "steered")
}

// A band steered to a band's own angle is that band, for every order.
func TestSteeringToItself(t *testing.T) {
	for k := 1; k <= 16; k++ {
		for b := range k {
			for n, w := range SteeringWeights(k, []float64{math.Pi * float64(b) / float64(k)}, true) {
				want := 0.0
				if n == b {
					want = 1
				}
				require.InDelta(t, want, w[0], 1e-13, "%d bands", k)
			}
		}
	}
}

func TestTensorConversionIsExact(t *testing.T) {
	for _, complexBands := range []bool{false, true} {
		for _, split := range []bool{false, true} {
			if split && !complexBands {
				continue
			}
			p, err := NewSteerablePyramid(16, 24, SteerablePyramidOptions{Height: new(2), Order: new(2), Complex: complexBands, NoDownsample: true})
			require.NoError(t, err)
			tape := autograd.New(nil)
			x := tensor.New(tensor.Float64, 2, 2, 16, 24)
			for i := range x.Len() {
				x.StoreReal(i, math.Sin(float64(i*i)))
			}
			for _, scales := range [][]string{nil, {"1", ResidualHighpass}} {
				c := p.Coefficients(tape.Const(x), scales...)
				maps := p.ToTensor(c, split)
				back := p.FromTensor(maps, split, scales...)
				got := back.list()
				require.Len(t, got, len(c.list()))
				for i, v := range c.list() {
					require.Equal(t, evaluate(t, v), evaluate(t, got[i]))
				}
			}
			all := p.ToTensor(p.Coefficients(tape.Const(x)), split)
			maps := 2 + 2*3
			if split {
				maps += 6
			}
			require.Equal(t, []int{2, 2 * maps, 16, 24}, all.Type().Shape())
			tape.Close()
		}
	}
}

func TestForwardHoldsTheGroups(t *testing.T) {
	for _, complexBands := range []bool{false, true} {
		p, err := NewSteerablePyramid(20, 16, SteerablePyramidOptions{Height: new(2), Order: new(1), Complex: complexBands})
		require.NoError(t, err)
		tape := autograd.New(nil)
		x := tape.Const(texture(20, 16, 0))
		rep := evaluate(t, p.Forward(x))
		c := p.Coefficients(x)
		total := 0
		for _, g := range p.Groups() {
			part, ok := map[string]autograd.Value{ResidualHighpass: c.Highpass, "0": c.Bands[0], "1": c.Bands[1], ResidualLowpass: c.Lowpass}[g.Name]
			require.True(t, ok, g.Name)
			values := evaluate(t, part)
			for i, from := range g.From {
				want := complex(real(values[i%len(values)]), 0)
				if i >= len(values) {
					want = complex(imag(values[i-len(values)]), 0)
				}
				require.Equal(t, want, rep[from])
			}
			only := evaluate(t, p.ForwardScales(x, []string{g.Name}))
			require.Equal(t, rep[g.From[0]:g.From[len(g.From)-1]+1], only)
			total += len(g.From)
		}
		require.Len(t, rep, total)
		require.Equal(t, []string{ResidualLowpass, "1", "0", ResidualHighpass}, p.Scales())
		tape.Close()
	}
}

// Every image and channel is transformed on its own.
func TestPyramidOfABatch(t *testing.T) {
	p, err := NewSteerablePyramid(16, 16, SteerablePyramidOptions{Complex: true})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	var images []autograd.Value
	for s := range 4 {
		images = append(images, tape.Const(texture(16, 16, s)))
	}
	batch := autograd.Concat(0, autograd.Concat(1, images[:2]...), autograd.Concat(1, images[2:]...))
	all := evaluate(t, p.Forward(batch))
	n := len(all) / 4
	for s, x := range images {
		for i, z := range evaluate(t, p.Forward(x)) {
			requireNear(t, z, all[s*n+i], 1e-13, 1, "image "+strconv.Itoa(s))
		}
	}
}

func TestPyramidInSinglePrecision(t *testing.T) {
	p, err := NewSteerablePyramid(64, 64, SteerablePyramidOptions{Complex: true})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(64, 64, 0))
	y := p.Forward(x.Cast(tensor.Float32))
	require.Equal(t, tensor.Float32, y.Type().DType)
	diff := evaluate(t, p.Forward(x).Sub(y.Cast(tensor.Float64)).Abs().ReduceMax())
	require.Less(t, real(diff[0]), 1e-4)
}

func TestPyramidErrors(t *testing.T) {
	for _, c := range []struct {
		h, w int
		o    SteerablePyramidOptions
		want string
	}{
		{64, 64, SteerablePyramidOptions{Height: new(5)}, "cannot build a steerable pyramid of height 5: a 64×64 image has room for 0 to 4 levels"},
		{64, 64, SteerablePyramidOptions{Height: new(-1)}, "height -1"},
		{64, 64, SteerablePyramidOptions{Order: new(16)}, "an order from 0 to 15"},
		{64, 64, SteerablePyramidOptions{Order: new(-1)}, "an order from 0 to 15"},
		{64, 64, SteerablePyramidOptions{Order: new(0), Complex: true}, "order from 1 to 15"},
		{64, 64, SteerablePyramidOptions{TransitionWidth: -1}, "at least 1"},
		{3, 64, SteerablePyramidOptions{}, "at least 4"},
	} {
		_, err := NewSteerablePyramid(c.h, c.w, c.o)
		require.ErrorContains(t, err, c.want)
	}
	p, err := NewSteerablePyramid(16, 16, SteerablePyramidOptions{Height: new(1)})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(16, 16, 0))
	c := p.Coefficients(x)
	for want, f := range map[string]func(){
		"real images (N, C, 16, 16) expected": func() { p.Forward(tape.Const(texture(16, 8, 0))) },
		`there is no scale "1"`:               func() { p.ForwardScales(x, []string{"1"}) },
		"there is no band 4":                  func() { p.Reconstruct(c, nil, []int{4}) },
		`lack the scale "0"`:                  func() { p.Reconstruct(p.Coefficients(x, ResidualLowpass), nil, nil) },
		"have different sizes":                func() { p.ToTensor(c, false) },
		"at least one angle":                  func() { p.Steer(c, nil, true) },
	} {
		require.ErrorContains(t, autograd.Try(f), want)
	}
}

// Height 0 leaves the two residuals, which make up the image.
func TestPyramidWithoutLevels(t *testing.T) {
	p, err := NewSteerablePyramid(6, 5, SteerablePyramidOptions{Height: new(0)})
	require.NoError(t, err)
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Const(texture(6, 5, 0))
	c := p.Coefficients(x)
	require.Equal(t, []int{1, 1, 6, 5}, c.Lowpass.Type().Shape())
	require.Equal(t, 60, p.Forward(x).Type().Dim[2])
}
