package models

import (
	"github.com/percept-go/percept/autograd"
)

// nlpdScales is the number of levels of the normalised Laplacian pyramid.
const nlpdScales = 6

// nlpdLevels are the parameters of divisive normalisation of each level (Laparra,
// Ballé, Berardino and Simoncelli, Perceptual image quality assessment using a
// normalized Laplacian pyramid, 2016): what is added to the pool of local
// amplitudes, and the weights of neighbours, by row and column of 5×5.
var nlpdLevels = [nlpdScales]struct {
	sigma   float64
	weights []neighbour
}{
	{.0248, []neighbour{{1, 2, .1011}, {2, 1, .1493}, {2, 3, .1460}, {2, 4, .0072}, {3, 2, .1015}}},
	{.0185, []neighbour{{1, 2, .0757}, {2, 1, .1986}, {2, 3, .1846}, {3, 2, .0837}}},
	{.0179, []neighbour{{1, 2, .0477}, {2, 1, .2138}, {2, 3, .2243}, {3, 2, .0467}}},
	{.0191, []neighbour{{2, 1, .2503}, {2, 3, .2616}}},
	{.0220, []neighbour{{2, 1, .2598}, {2, 3, .2552}}},
	{.2782, []neighbour{{2, 1, .2215}, {2, 3, .0717}}},
}

// neighbour is one weight of a 5×5 window.
type neighbour struct {
	row, column int
	weight      float64
}

// NormalizedLaplacianPyramid returns the six levels of images (N, C, h, w), the
// finest first, each divided by a constant plus a weighted sum of the amplitudes
// around. It panics with *autograd.Error if they have not four axes or are too
// small: an image that was halved four times must have 3 pixels along each side.
func NormalizedLaplacianPyramid(x autograd.Value) []autograd.Value {
	return normalizedLaplacianPyramid(x, 0)
}

// normalizedLaplacianPyramid has the amplitudes √(y² + rounding²).
func normalizedLaplacianPyramid(x autograd.Value, rounding float64) []autograd.Value {
	h, w := lastTwo("normalized-laplacian-pyramid", x)
	p, err := NewLaplacianPyramid(h, w, LaplacianPyramidOptions{Scales: nlpdScales, ScaleFilter: true})
	if err != nil {
		fail("normalized-laplacian-pyramid", x, "%w", err)
	}
	// Differences from middle gray are small on coarse levels, so that single
	// precision loses less of them; only the last level, a blur, has a mean.
	const middle = .5
	levels := p.Levels(x.AddScalar(-middle))
	levels[nlpdScales-1] = levels[nlpdScales-1].AddScalar(middle)
	for k, y := range levels {
		levels[k] = y.Div(nlpdPool(y, k, rounding))
	}
	return levels
}

// nlpdPool returns what level k is divided by. Rows and columns of the window
// without weights are left out.
func nlpdPool(y autograd.Value, k int, rounding float64) autograd.Value {
	const middle = 2 // of the window
	lo, hi := [2]int{middle, middle}, [2]int{middle, middle}
	for _, n := range nlpdLevels[k].weights {
		for i, at := range [2]int{n.row, n.column} {
			lo[i], hi[i] = min(lo[i], at), max(hi[i], at)
		}
	}
	h, w := hi[0]-lo[0]+1, hi[1]-lo[1]+1
	window := make([]float64, h*w)
	for _, n := range nlpdLevels[k].weights {
		window[(n.row-lo[0])*w+n.column-lo[1]] = n.weight
	}
	o := autograd.CorrelateOptions{Pad: [2][2]int{{middle - lo[0], hi[0] - middle}, {middle - lo[1], hi[1] - middle}}}
	amplitude := y.Abs()
	if rounding > 0 {
		amplitude = y.Square().AddScalar(rounding * rounding).Sqrt()
	}
	amplitude, c := splitChannels("normalized-laplacian-pyramid", amplitude)
	pool := autograd.Correlate(amplitude, numbers(y, window, 1, 1, h, w), o)
	return joinChannels(pool, c).AddScalar(nlpdLevels[k].sigma)
}

// NLPD is the normalised Laplacian pyramid distance: the mean over six levels of
// the root mean square difference.
type NLPD struct {
	// Epsilon is added to each mean square under its root; nil: 1e-10, which
	// makes equal images 1e-5 apart. The gradient there is 0 whatever it is.
	Epsilon *float64
	// Rounding is the amplitude over which the kinks of amplitudes are rounded:
	// |y| becomes √(y² + Rounding²). 0 leaves them as they are.
	Rounding float64
}

// Channels implements ChannelMetric. Images must be at least 33 pixels high and
// wide.
func (d NLPD) Channels(reference, image autograd.Value) autograd.Value {
	r, x := pair("nlpd", reference, image)
	epsilon := 1e-10
	if d.Epsilon != nil {
		epsilon = *d.Epsilon
	}
	if !(epsilon >= 0) || !(d.Rounding >= 0) {
		fail("nlpd", x, "epsilon %v and rounding %v; numbers from 0 expected", epsilon, d.Rounding)
	}
	a, b := normalizedLaplacianPyramid(r, d.Rounding), normalizedLaplacianPyramid(x, d.Rounding)
	var parts []autograd.Value
	for k := range a {
		parts = append(parts, rootMeanSquare(b[k].Sub(a[k]), epsilon, 2, 3))
	}
	return autograd.Sum(parts...).Scale(1 / float64(len(parts)))
}

// Metric returns the mean over channels (N,) of Channels. It panics as Channels
// does.
func (d NLPD) Metric(reference, image autograd.Value) autograd.Value {
	return overChannels(d.Channels(reference, image))
}
