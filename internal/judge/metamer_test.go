package judge

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// means is a model of two numbers for an image of 2×2 pixels: the means of its
// rows, as two groups.
type means struct{}

func (means) Forward(x autograd.Value) autograd.Value { return x.Mean(3) }

func (means) Groups() []synth.Group {
	return []synth.Group{{Name: "upper", Shape: []int{1}, From: []int{0}}, {Name: "lower", Shape: []int{1}, From: []int{1}}}
}

func image(v ...float64) tensor.Tensor { return tensor.Of(v, 1, 1, 2, 2) }

// metamer is a good one: the rows of the result have the target's means.
func metamer() *Metamer {
	return &Metamer{Model: means{}, Target: image(.1, .5, .2, .4), Start: image(.9, .9, 0, 0), Result: image(.2, .4, .05, .55), Range: [2]float64{0, 1},
		Crops: ImagesOf(image(.1, .6, .2, .5), image(.5, .5, .5, .5)), Unrelated: ImagesOf(image(1, 1, 1, 1))}
}

func verdict(t *testing.T, m *Metamer) (Verdict, []Group) {
	v, g, err := m.Judge()
	require.NoError(t, err)
	assert.Equal(t, v.Good, v.Reasons == nil)
	return v, g
}

func TestGoodMetamer(t *testing.T) {
	v, g := verdict(t, metamer())
	assert.True(t, v.Good, v.Sentence)
	require.Len(t, g, 2)
	assert.InDelta(t, .6, g[0].Start, 1e-12)
	assert.InDelta(t, 0, g[0].Error, 1e-12)
	assert.InDelta(t, .2, g[0].CropMedian, 1e-12)
}

func TestBadMetamers(t *testing.T) {
	loss := func(x, target autograd.Value) autograd.Value {
		return x.Sub(target).Square().Reshape(1, -1).SumWide(1)
	}
	recorded := .5
	for want, spoil := range map[string]func(m *Metamer){
		"1 of 2 groups are not matched: upper":  func(m *Metamer) { m.Result = image(.3, .4, .05, .55) },
		"2 of 2 groups":                         func(m *Metamer) { m.Target = image(.9, .5, .6, .4) },
		"the result is the target: a copy":      func(m *Metamer) { m.Result = m.Target },
		"the result is the target but for":      func(m *Metamer) { m.Result = image(.1001, .4999, .2001, .3999) },
		"hardly moved":                          func(m *Metamer) { m.Start = m.Result },
		"the start is the target":               func(m *Metamer) { m.Start = m.Target },
		"2 of 4 values lie outside [0, 1]":      func(m *Metamer) { m.Result = image(.2, .4, -.5, 1.1) },
		"whole 255ths":                          func(m *Metamer) { m.Result = image(51./255, 102./255, 0, 153./255) },
		"the run recorded the loss 0.5, and th": func(m *Metamer) { m.Loss, m.Recorded = loss, &recorded },
		"upper":                                 func(m *Metamer) { m.Result = image(math.NaN(), .4, .05, .55) },
	} {
		m := metamer()
		spoil(m)
		v, _ := verdict(t, m)
		assert.Contains(t, v.Sentence, want)
	}
}

// A picture file is rounded: that is no reason to refuse it.
func TestPNG(t *testing.T) {
	m := metamer()
	m.Result, m.FromPNG = image(51./255, 102./255, 0, 153./255), true
	v, _ := verdict(t, m)
	assert.True(t, v.Good, v.Sentence)
	m.Recorded = new(.5)
	m.Loss = func(x, target autograd.Value) autograd.Value { return x.Sub(target).Square().Reshape(1, -1).SumWide(1) }
	v, _ = verdict(t, m)
	assert.True(t, v.Good, "its loss is not the one recorded: %s", v.Sentence)
}

// sums is a model of three numbers, one group.
type sums struct{}

func (sums) Forward(x autograd.Value) autograd.Value {
	w := x.Tape().Const(tensor.Of([]float64{1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1}, 3, 4))
	return autograd.Einsum("np,kp->nk", x.Reshape(-1, 4), w)
}

func (sums) Groups() []synth.Group {
	return []synth.Group{{Name: "sums", Shape: []int{3}, From: []int{0, 1, 2}}}
}

// A group in which other crops are closer is not matched, however little of its
// error at the start remains; unless it has so few numbers that this is luck.
func TestRank(t *testing.T) {
	m := metamer()
	m.Model = sums{}
	m.Result = image(.401, .2, .501, .1) // the target's sums are .6, .7, .6
	near := image(.39, .2101, .4899, .1101)
	m.Crops = ImagesOf(image(.5, .5, .5, .5), near, near, near)
	v, g := verdict(t, m)
	assert.Contains(t, v.Sentence, "sums")
	assert.Equal(t, 3, g[0].CropRank)
	assert.Less(t, g[0].Remains, groupRemains)
	g[0].Entries = 2
	assert.True(t, g[0].good(false))
}

func TestJudgeErrs(t *testing.T) {
	m := metamer()
	m.Result = tensor.New(tensor.Float64, 1, 1, 4, 4)
	_, _, err := m.Judge()
	assert.ErrorContains(t, err, "differ in shape")
	m = metamer()
	m.Model = synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Crop(3, 0, 9) })
	_, _, err = m.Judge()
	assert.Error(t, err)
}

// Two entries of the texture model are no statistics; a group without weight is.
func TestUncounted(t *testing.T) {
	p := parts([]synth.Group{{Name: "pixel_statistics", From: []int{0, 1, 2, 3, 4, 5}}, {Name: "other", From: []int{6, -1}}}, 14)
	require.Len(t, p, 2)
	assert.Equal(t, []int{0, 7, 1, 8, 2, 9, 3, 10}, p[0].entries, "of both channels, without the smallest and largest pixel")
	assert.Equal(t, []int{6, 13}, p[1].entries)
}
