package synth

import (
	"math"

	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// KinkRadius is how far from an image, as a root mean square in parts of the
// pixels' range, gradients count as those of the image where it is judged at a
// kink: a 4000th of a level of eight bits.
const KinkRadius = 1e-6

// KinkGradients is how many gradients are combined at most.
const KinkGradients = 24

// A kink finds the shortest combination of gradients near an image. At the optimum
// of a metric with kinks no gradient vanishes; what does is a convex combination
// of those around (Clarke's subdifferential; of a small ball: Goldstein 1977,
// Math. Programming 13:14–22). Each gradient is taken where the combination of
// those before points to.
type kink struct {
	x         []float64
	low, high float64
	sign      float64 // of the metric driven
	side      float64 // of the multiplier
	floor     float64
	free      []bool
	vectors   [][]float32 // gradients driven, and, scaled by side, held: by turns
	gram      [][]float64
	weights   []float64
	shortest  []float64
	residual  float64
}

// newKink starts from the conditions at x, whose gradients are d and c.
func newKink(x, d, c []float64, sign, low, high, floor float64) *kink {
	multiplier, held := tangentMultiplier(x, d, c, sign, low, high)
	k := &kink{x: x, low: low, high: high, sign: sign, side: 1, free: make([]bool, len(x)), shortest: make([]float64, len(x))}
	if multiplier > 0 {
		k.side = -1
	}
	norm := 0.
	for i := range x {
		if k.free[i] = !held[i]; k.free[i] {
			norm += d[i] * d[i]
		}
	}
	k.floor = math.Max(math.Sqrt(norm), floor)
	k.add(d, c)
	return k
}

// add takes the gradients at a point, and finds the shortest combination.
func (k *kink) add(d, c []float64) {
	for _, v := range [][]float64{scaledBy(d, k.sign), scaledBy(c, k.side)} {
		k.vectors = append(k.vectors, v32(v, k.free))
		row := make([]float64, len(k.vectors))
		for j, u := range k.vectors {
			row[j] = dot32(k.vectors[len(row)-1], u)
		}
		k.gram = append(k.gram, row)
		k.weights = append(k.weights, 0)
	}
	if len(k.weights) == 2 {
		k.weights[0] = 1
	}
	shorten(k.weights, k.gram)
	clear(k.shortest)
	for j, w := range k.weights {
		if w != 0 {
			for i, u := range k.vectors[j] {
				k.shortest[i] += w * float64(u)
			}
		}
	}
	k.residual = normOf(k.shortest) / k.floor
}

// point returns where the next gradients are taken.
func (k *kink) point() []float64 {
	size := normOf(k.shortest)
	if size == 0 {
		return k.x
	}
	scale := 1.
	if !math.IsInf(k.high, 0) {
		scale = k.high - k.low
	}
	step := KinkRadius * scale * math.Sqrt(float64(len(k.x))) / size
	p := make([]float64, len(k.x))
	for i, v := range k.x {
		p[i] = math.Min(math.Max(v-step*k.shortest[i], k.low), k.high)
	}
	return p
}

func scaledBy(v []float64, s float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = s * x
	}
	return out
}

// v32 returns v in single precision, 0 where it is not free.
func v32(v []float64, free []bool) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		if free[i] {
			out[i] = float32(x)
		}
	}
	return out
}

func dot32(x, y []float32) (sum float64) {
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

// shorten minimizes wᵀQw, given the lower triangle of Q, over weights of which the
// even ones are not negative and have sum 1, and the odd ones are not negative, by
// moves of the one or the two that gain most.
func shorten(w []float64, lower [][]float64) {
	q := func(i, j int) float64 { return lower[max(i, j)][min(i, j)] }
	slope := make([]float64, len(w))
	for i := range w {
		for j, v := range w {
			slope[i] += v * q(i, j)
		}
	}
	move := func(i int, t float64) {
		w[i] += t
		for j := range slope {
			slope[j] += t * q(i, j)
		}
	}
	small := 1e-14 * q(0, 0)
	for range 2000 * len(w) {
		best, gained := -1, small
		for i := 1; i < len(w); i += 2 {
			if q(i, i) > 0 {
				t := math.Max(-w[i], -slope[i]/q(i, i))
				if gain := -t*slope[i] - .5*t*t*q(i, i); gain > gained {
					best, gained = i, gain
				}
			}
		}
		if best >= 0 {
			move(best, math.Max(-w[best], -slope[best]/q(best, best)))
		}
		to, from := 0, -1
		for i := 0; i < len(w); i += 2 {
			if slope[i] < slope[to] {
				to = i
			}
			if w[i] > 0 && (from < 0 || slope[i] > slope[from]) {
				from = i
			}
		}
		curve := q(to, to) + q(from, from) - 2*q(to, from)
		gap := slope[from] - slope[to]
		if to != from && curve > 0 && gap*gap > 2*small*curve {
			t := math.Min(w[from], gap/curve)
			move(to, t)
			move(from, -t)
		} else if best < 0 {
			return
		}
	}
}

// Subgradient returns what is left of the gradient of a function, driven, in the
// tangent space of the level set of another, held, at x: of the shortest
// combination of gradients within KinkRadius, over that at x or floor, if that is
// larger. at returns both gradients at a point. Pixels keep to [low, high]; sign is
// −1 if the function is to be large. It errs as at does.
func Subgradient(x []float64, at func(p []float64) (driven, held []float64, err error), sign, low, high, floor float64) (float64, error) {
	d, c, err := at(x)
	if err != nil {
		return 0, err
	}
	k := newKink(x, d, c, sign, low, high, floor)
	for n := 1; n < KinkGradients && k.residual > MatchedKKT; n++ {
		if d, c, err = at(k.point()); err != nil {
			return 0, err
		}
		k.add(d, c)
	}
	return k.residual, nil
}

// kinks finds for results that are not at an optimum by their gradients how short
// a combination of gradients around them is.
func (s *MAD) kinks(j *madJudge, f madJudgement, x tensor.Tensor, out []MADOutcome) error {
	search := make([]*kink, len(out))
	going := false
	for i := range out {
		k := s.problem(i)
		if s.options.Tradeoff != Constrained || out[i].optimal(s.goal(k)) || !s.holds(&out[i]) {
			continue
		}
		d, c := f.gradients(s.goal(k), i)
		low, high := s.bounds()
		search[i] = newKink(tensor.Floats(x.Crop(0, i, i+1, 1)), d, c, s.goal(k).sign(), low, high, optim.TangentFloor*s.startNorm[k])
		going = true
	}
	for n := 1; going && n < KinkGradients; n++ {
		going = false
		near := pick(x, upTo(len(out)))
		for i, k := range search {
			if k != nil {
				tensor.Copy(near.Crop(0, i, i+1, 1), castRow(k.point(), near))
			}
		}
		g, err := j.evaluate(near)
		if err != nil {
			return err
		}
		for i, k := range search {
			if k == nil || k.residual <= MatchedKKT {
				continue
			}
			k.add(g.gradients(s.goal(s.problem(i)), i))
			out[i].Subgradient, going = k.residual, true
		}
	}
	return nil
}

// castRow returns v as an image of x, of its type.
func castRow(v []float64, x tensor.Tensor) tensor.Tensor {
	row := tensor.New(x.DType, append([]int{1}, x.Shape()[1:]...)...)
	for i, p := range v {
		row.StoreReal(i, p)
	}
	return row
}
