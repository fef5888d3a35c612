package optest

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// strata is how many values are drawn before two can be neighbours.
const strata = 512

// draws gives values from a range, no two of which are close to each other nor
// to the range's middle and quarters: kinks lie there, and at ties.
type draws struct {
	rng    *rand.Rand
	order  []int
	n      int
	lo, hi float64
}

func newDraws(name string, k int, lo, hi float64) *draws {
	h := fnv.New64a()
	h.Write([]byte(name))
	rng := rand.New(rand.NewPCG(h.Sum64(), uint64(k)))
	if lo == 0 && hi == 0 {
		lo, hi = -1, 1
	}
	return &draws{rng: rng, order: rng.Perm(strata), lo: lo, hi: hi}
}

func (d *draws) next() float64 {
	k := d.order[d.n%strata]
	d.n++
	return d.lo + (d.hi-d.lo)*(float64(k)+.5+.25*d.rng.Float64())/strata
}

// tensor returns a contiguous tensor of type t with drawn values.
func (d *draws) tensor(t tensor.Type) tensor.Tensor {
	x := tensor.New(t.DType, t.Shape()...)
	for i := range t.Len() {
		x.Store(i, complex(d.next(), d.next()))
	}
	return x
}

// arguments draws the arguments of a sample, in the given types.
func (d *draws) arguments(s *autograd.Sample, in []tensor.Type) []tensor.Tensor {
	if s.Values != nil {
		return s.Values(in, d.next)
	}
	x := make([]tensor.Tensor, len(in))
	for i, t := range in {
		x[i] = d.tensor(t)
	}
	return x
}

// narrow returns in with as many types as op accepts in single precision, and
// whether there is one. Indices, for example, are always float64.
func narrow(op *autograd.Op, attr any, in []tensor.Type) ([]tensor.Type, bool) {
	n := min(len(in), 16)
	best, most := in, 0
	for mask := 1<<n - 1; mask > 0; mask-- {
		if count(mask) <= most {
			continue
		}
		types := append([]tensor.Type(nil), in...)
		for i := range n {
			if mask>>i&1 != 0 {
				types[i] = types[i].With(types[i].DType &^ 1)
			}
		}
		if _, err := op.Type(attr, types); err == nil {
			best, most = types, count(mask)
		}
	}
	return best, most > 0
}

func count(mask int) (n int) {
	for ; mask > 0; mask &= mask - 1 {
		n++
	}
	return n
}

// wide returns t in double precision.
func wide(t tensor.Type) tensor.Type { return t.With(t.DType | 1) }

func wideAll(in []tensor.Type) []tensor.Type {
	out := make([]tensor.Type, len(in))
	for i, t := range in {
		out[i] = wide(t)
	}
	return out
}

// convert returns the elements of x, contiguous, as dtype d.
func convert(x tensor.Tensor, d tensor.DType) tensor.Tensor {
	y := tensor.New(d, x.Shape()...)
	tensor.Copy(y, x)
	return y
}

// dot returns Re Σ x̄y for contiguous tensors.
func dot(x, y tensor.Tensor) float64 {
	s := 0.
	for i := range x.Len() {
		a, b := x.Load(i), y.Load(i)
		s += real(a)*real(b) + imag(a)*imag(b)
	}
	return s
}

// rms returns the root mean square of contiguous x.
func rms(x tensor.Tensor) float64 {
	if x.Len() == 0 {
		return 0
	}
	return math.Sqrt(dot(x, x) / float64(x.Len()))
}

// addScaled sets dst to x + s·v; all are contiguous.
func addScaled(dst, x tensor.Tensor, s float64, v tensor.Tensor) {
	for i := range x.Len() {
		dst.Store(i, x.Load(i)+complex(s, 0)*v.Load(i))
	}
}
