package judge

import (
	"fmt"
	"math"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// Limits of a geodesic.
const (
	energySlack = 1e-6 // above the pixel fade's
	stepTrials  = 24   // lengths of a step down the gradient that are tried
)

// A Geodesic is what a path is judged by.
type Geodesic struct {
	Model    synth.Model
	Ends     tensor.Tensor // (2, C, H, W)
	Path     tensor.Tensor // (T, C, H, W), both ends included
	Recorded float64       // path energy; NaN: unknown
	Spread   float64       // of the energies of several starts, relative; NaN: there was one
	Coarse   bool
	// Conditional says that of the paths that the model sees as equally short the
	// one is wanted that is shortest in the images. Projected is what the run
	// recorded of that (NaN: nothing): the part of the image energy's gradient that
	// is left. Settled says that the run ended because the image energy did not
	// change any more.
	Conditional, Settled bool
	Projected            float64
}

// Judge judges g. It errs if the model does not take the images.
func (g *Geodesic) Judge() (v Verdict, err error) {
	v.Good = true
	n := g.Path.Dim[0]
	if g.Path.Rank != 4 || g.Ends.Rank != 4 || g.Ends.Dim[0] != 2 || n < 3 || g.Path.Len()/n != g.Ends.Len()/2 {
		return v, fmt.Errorf("a path %v between images %v", g.Path.Shape(), g.Ends.Shape())
	}
	path, ends := tensor.Floats(g.Path), tensor.Floats(g.Ends)
	each := len(ends) / 2
	fade := make([]float64, len(path))
	for k := range n {
		t := float64(k) / float64(n-1)
		for i := range each {
			fade[k*each+i] = (1-t)*ends[i] + t*ends[each+i]
		}
	}
	for k, from := range map[int]int{0: 0, n - 1: each} {
		if d := rms(path[k*each:(k+1)*each], ends[from:from+each]); d > 1e-6 {
			v.fail("frame %d is not the image that the path is to end at (%.2g RMS away)", k, d)
		}
	}
	found, err := g.measure(path, fade)
	if err != nil {
		return v, err
	}
	g.rows(&v, found, path, fade)
	if !v.Good {
		v.Sentence = "Not a geodesic: " + strings.Join(v.Reasons, "; ") + "."
		return v, nil
	}
	v.Sentence = fmt.Sprintf("A geodesic: its energy %.4g lies between the bound %.4g and the pixel fade's %.4g, its steps are even to %s, and no step shortens it.", found.energy, found.bound, found.fade, Percent(found.evenness))
	return v, nil
}

// A pathMeasure is what was measured of a path.
type pathMeasure struct {
	energy, fade, bound float64
	evenness, deviation float64
	gain                float64 // of the energy that one step removes
}

// measure runs the model on all frames at once: image k of its output depends
// on image k alone.
func (g *Geodesic) measure(path, fade []float64) (q pathMeasure, err error) {
	n, shape := g.Path.Dim[0], g.Path.Shape()
	t := autograd.New(nil)
	defer t.Close()
	var in autograd.Value
	var outs []autograd.Value
	if err := autograd.Try(func() {
		in = t.Var("path", tensor.New(tensor.Float64, shape...))
		z := g.Model.Forward(in)
		step := z.Crop(0, 1, n).Sub(z.Crop(0, 0, n-1))
		energy := step.Abs2().Reshape(1, -1).SumWide(1).Scale(1 / float64(n-1))
		outs = []autograd.Value{z, energy, autograd.Grad(energy, in)[0]}
	}); err != nil {
		return q, err
	}
	prog, err := t.Compile(outs, autograd.Value{})
	if err != nil {
		return q, err
	}
	eval := func(x []float64) ([][]float64, error) {
		if err := t.Set(in, tensor.Of(x, shape...)); err != nil {
			return nil, err
		}
		if err := prog.Run(); err != nil {
			return nil, err
		}
		var all [][]float64
		for k := range outs {
			y, err := prog.Out(k)
			if err != nil {
				return nil, err
			}
			all = append(all, append([]float64{}, realParts(y)...))
		}
		return all, nil
	}
	straight, err := eval(fade)
	if err != nil {
		return q, err
	}
	now, err := eval(path)
	if err != nil {
		return q, err
	}
	q.fade, q.energy = straight[1][0], now[1][0]
	each := len(now[0]) / n
	row := func(k int) []float64 { return now[0][k*each : (k+1)*each] }
	length := distance(row(n-1), row(0), nil)
	q.bound = length * length / float64((n-1)*(n-1))
	q.evenness, q.deviation = steps(row, n, length)
	q.gain, err = gain(path, now[2], q.energy, g.Path.Len()/n, func(x []float64) (float64, error) {
		f, err := eval(x)
		if err != nil {
			return 0, err
		}
		return f[1][0], nil
	})
	return q, err
}

// steps returns the standard deviation of the represented steps over their mean,
// and the largest distance from the straight line over its length.
func steps(row func(k int) []float64, n int, length float64) (evenness, deviation float64) {
	size, mean := make([]float64, n-1), 0.
	for k := range size {
		size[k] = distance(row(k+1), row(k), nil)
		mean += size[k] / float64(n-1)
	}
	if mean > 0 {
		evenness = deviationOf(size, mean) / mean
	}
	if length == 0 {
		return evenness, 0
	}
	first, last := row(0), row(n-1)
	for k := range n {
		along, square := 0., 0.
		for i, x := range row(k) {
			d := x - first[i]
			along += d * (last[i] - first[i]) / length
			square += d * d
		}
		deviation = math.Max(deviation, math.Sqrt(math.Max(0, square-along*along))/length)
	}
	return evenness, deviation
}

func deviationOf(x []float64, mean float64) float64 {
	s := 0.
	for _, v := range x {
		s += (v - mean) * (v - mean) / float64(len(x))
	}
	return math.Sqrt(s)
}

// gain returns the largest part of the energy that a step removes: down the
// gradient of the interior frames, smoothed along the path, as the energy of a
// chain of springs asks for.
func gain(path, gradient []float64, energy float64, each int, of func(x []float64) (float64, error)) (best float64, err error) {
	inner := gradient[each : len(gradient)-each]
	down := relax(inner, each)
	slope := dot(inner, down)
	if slope == 0 || energy == 0 {
		return 0, nil
	}
	x := make([]float64, len(path))
	for k := range stepTrials {
		t := energy / slope * math.Pow(2, -float64(k))
		copy(x, path)
		for i, g := range down {
			x[each+i] -= t * g
		}
		e, err := of(x)
		if err != nil {
			return 0, err
		}
		best = math.Max(best, (energy-e)/energy)
	}
	return best, nil
}

// relax solves 2vₖ − vₖ₋₁ − vₖ₊₁ = gₖ along the frames of g, v being 0 at both
// ends (Thomas' algorithm).
func relax(g []float64, each int) []float64 {
	n := len(g) / each
	v, c := append([]float64{}, g...), make([]float64, n)
	for k := range n {
		pivot := 2.
		if k > 0 {
			pivot -= c[k-1]
		}
		c[k] = 1 / pivot
		for i := range each {
			if k > 0 {
				v[k*each+i] += v[(k-1)*each+i]
			}
			v[k*each+i] *= c[k]
		}
	}
	for k := n - 2; k >= 0; k-- {
		for i := range each {
			v[k*each+i] += c[k] * v[(k+1)*each+i]
		}
	}
	return v
}

// rows writes down what was measured and says what does not hold.
func (g *Geodesic) rows(v *Verdict, q pathMeasure, path, fade []float64) {
	row := func(name string, good bool, value, limit string) {
		v.Rows = append(v.Rows, Row{Name: name, Good: good, Cells: []string{value, limit}})
	}
	number := func(x float64) string { return fmt.Sprintf("%.4g", x) }
	ok := q.energy <= q.fade*(1+energySlack)
	row("path energy", ok, number(q.energy), "between "+number(q.bound)+" and the pixel fade's "+number(q.fade))
	if !ok {
		v.fail("the path's energy %.4g is above the pixel fade's %.4g", q.energy, q.fade)
	}
	if ok = q.evenness <= synth.GoodEvenness; !ok {
		v.fail("its steps vary by %s of their length", Percent(q.evenness))
	}
	row("evenness of steps", ok, Percent(q.evenness), Percent(synth.GoodEvenness))
	if ok = q.gain <= synth.GoodGain; !ok {
		v.fail("one step down the gradient still removes %s of its energy", Percent(q.gain))
	}
	row("what a step removes", ok, Percent(q.gain), Percent(synth.GoodGain))
	if g.Conditional {
		if ok = g.Settled || g.Projected <= synth.GoodProjected; !ok {
			v.fail("of the paths that the model sees as equally short it is not the shortest: %.2g of the image energy's gradient is left", g.Projected)
		}
		row("what is left of the images' gradient", ok, number(g.Projected), number(synth.GoodProjected)+", or at rest")
	}
	row("deviation from the line", true, number(q.deviation), "")
	if !math.IsNaN(g.Spread) {
		if ok = g.Spread <= synth.GoodSpread; !ok {
			v.fail("its starts ended at energies that differ by %s", Percent(g.Spread))
		}
		row("spread of the starts", ok, Percent(g.Spread), Percent(synth.GoodSpread))
	} else {
		v.note("there was one start: nothing says that there is no better path")
	}
	moved := rms(path, fade)
	row("distance from the pixel fade", true, number(moved)+" RMS", "")
	outside := 0
	for _, x := range path {
		outside += count(!(x >= -outsideBy && x <= 1+outsideBy))
	}
	if float64(outside) > mostOutside*float64(len(path)) {
		v.fail("%d of %d values lie outside [0, 1]: a screen clips them", outside, len(path))
	}
	within := recordedGap
	if g.Coarse {
		within = 1e-2
	}
	if r := g.Recorded; !math.IsNaN(r) && !(math.Abs(q.energy-r) <= within*math.Abs(r)+1e-15) {
		v.fail("the files do not belong together: the run recorded the energy %.6g, and that of this path is %.6g", r, q.energy)
	}
	v.fact("path_energy", q.energy)
	v.fact("bound", q.bound)
	v.fact("pixelfade_energy", q.fade)
	v.fact("evenness", q.evenness)
	v.fact("gain_of_a_step", q.gain)
	v.fact("deviation_from_line", q.deviation)
}
