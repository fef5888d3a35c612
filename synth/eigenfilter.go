package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/dense"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// filterCells is along each axis into how many bands frequencies are divided
// where the response of a model is measured.
const filterCells = 16

// filterSeed seeds the noise that the response is measured with.
const filterSeed = 0x5eed

// A filter weighs the frequencies of images: it is an approximate inverse of F,
// exact where a model is one linear filter, that makes the conjugate gradients
// of the bottom of the spectrum converge. It only affects how fast.
type filter struct {
	j        *jacobian
	number   int            // of the basis in filterBases
	weight   autograd.Value // Var (C, H, W), a factor for each frequency
	prog     *autograd.Program
	typ      tensor.Type
	rows     dense.Rows // basis of columns of pixels: one vector for each row of coefficients
	columns  dense.Rows // of rows of pixels
	fy, fx   []float64  // frequency of each, ascending, in [0, 1]
	response []float64  // estimated vᵀFv of each frequency's unit vector v
}

// filterBases are what a filter may be diagonal in: cosines, which suit models
// that reflect images at the borders, or Fourier's waves, for those that continue
// them periodically.
var filterBases = []func(n int) (dense.Rows, []float64){cosines, waves}

// newFilter measures F in the basis that has the smaller response to high
// frequencies.
func newFilter(j *jacobian) (*filter, error) {
	var best *filter
	least := math.Inf(1)
	for i := range filterBases {
		f, err := compileFilter(j, i)
		if err != nil {
			return nil, err
		}
		high, err := f.high()
		if err != nil {
			return nil, err
		}
		if high < least || best == nil {
			best, least = f, high
		}
	}
	return best, best.measure()
}

// compileFilter records and compiles a filter with a basis of filterBases.
func compileFilter(j *jacobian, number int) (*filter, error) {
	shape := j.v.Type().Shape()
	f := &filter{j: j, number: number, typ: tensor.MakeType(tensor.Float64, shape[1:]...)}
	f.rows, f.fy = filterBases[number](shape[2])
	f.columns, f.fx = filterBases[number](shape[3])
	var out autograd.Value
	if err := autograd.Try(func() {
		t := j.tape
		f.weight = t.Var(fmt.Sprint("filter.", number), tensor.New(tensor.Float64, shape[1:]...))
		a, b := t.Const(tensor.Of(f.rows.V, shape[2], shape[2])), t.Const(tensor.Of(f.columns.V, shape[3], shape[3]))
		c := autograd.Einsum("ai,ncij,bj->ncab", a, j.v, b).Mul(f.weight)
		out = autograd.Einsum("ai,ncab,bj->ncij", a, c, b)
	}); err != nil {
		return nil, err
	}
	var err error
	f.prog, err = j.tape.Compile([]autograd.Value{out}, autograd.Value{})
	return f, err
}

// cosines returns an orthonormal basis of the sequences of n elements in which
// vector k spans, with those behind it, the cosines of k and more half periods
// between the first and the last element: the harmonics of a sequence that is
// reflected at its ends without repeating them.
func cosines(n int) (dense.Rows, []float64) {
	q, frequency := dense.New(n, n), make([]float64, n)
	for k := range n {
		for i := range n {
			q.V[k*n+i] = math.Cos(math.Pi * float64(k*i) / float64(max(n-1, 1)))
		}
		frequency[k] = float64(k) / float64(max(n-1, 1))
	}
	for k := n - 1; k >= 0; k-- {
		v := q.Slice(k, k+1)
		dense.Scale(v.V, 1/dense.Norm(v.V))
		dense.Remove(v, q.Slice(k+1, n))
		dense.Scale(v.V, 1/dense.Norm(v.V))
	}
	return q, frequency
}

// waves returns the orthonormal basis of sines and cosines with whole periods.
func waves(n int) (dense.Rows, []float64) {
	q, frequency := dense.New(n, n), make([]float64, n)
	for k := range n {
		periods := (k + 1) / 2
		for i := range n {
			phase := 2 * math.Pi * float64(periods*i%n) / float64(n)
			if k%2 == 1 {
				q.V[k*n+i] = math.Cos(phase)
			} else if k == 0 {
				q.V[i] = 1
			} else {
				q.V[k*n+i] = math.Sin(phase)
			}
		}
		dense.Scale(q.At(k), 1/dense.Norm(q.At(k)))
		frequency[k] = 2 * float64(periods) / float64(n)
	}
	return q, frequency
}

// set makes w the factor of each frequency.
func (f *filter) set(w []float64) error {
	return f.j.tape.Set(f.weight, tensor.Of(w, f.typ.Shape()...))
}

// apply returns the vectors of x with the factors that were set.
func (f *filter) apply(x dense.Rows) (y dense.Rows, err error) {
	y = dense.New(x.Len(), x.N)
	err = f.j.replay(f.j.v, f.j.in, x.V, f.prog, func(from, to int) error {
		if err := f.prog.Read(0, f.j.in); err != nil {
			return err
		}
		copy(y.Slice(from, to).V, tensor.Span[float64](f.j.in))
		return nil
	})
	return y, err
}

// each calls do with every frequency's place among the coefficients.
func (f *filter) each(do func(i, channel, y, x int)) {
	i := 0
	for c := range f.typ.Dim[0] {
		for y := range f.fy {
			for x := range f.fx {
				do(i, c, y, x)
				i++
			}
		}
	}
}

// band returns a unit vector of noise in one channel with the given ranges of
// vertical and horizontal frequencies.
func (f *filter) band(g *rng.Generator, channel int, y, x span) dense.Rows {
	h, w := f.rows.N, f.columns.N
	c := noise(g, y.hi-y.lo, x.hi-x.lo)
	half := dense.Combine(c, f.columns.Slice(x.lo, x.hi)) // (rows' frequencies, w)
	back := dense.New(h, y.hi-y.lo)
	for i := range h {
		for a := y.lo; a < y.hi; a++ {
			back.V[i*back.N+a-y.lo] = f.rows.V[a*h+i]
		}
	}
	z := dense.New(1, f.j.n)
	copy(z.V[channel*h*w:], dense.Combine(back, half).V)
	dense.Scale(z.V, 1/dense.Norm(z.V))
	return z
}

// high returns vᵀFv for noise v of high frequencies.
func (f *filter) high() (float64, error) {
	y, x := f.rows.N, f.columns.N
	z := f.band(rng.New(filterSeed), 0, span{lo: y * 3 / 4, hi: y}, span{lo: x * 3 / 4, hi: x})
	jz, _, err := f.j.apply(z)
	return dense.Dot(jz.V, jz.V), err
}

// A span is a range of consecutive vectors of a basis.
type span struct{ cell, lo, hi int }

// spans returns those whose frequencies lie in one cell.
func spans(frequencies []float64) []span {
	var s []span
	for i, f := range frequencies {
		if c := cellOf(f); len(s) == 0 || s[len(s)-1].cell != c {
			s = append(s, span{c, i, i})
		}
		s[len(s)-1].hi = i + 1
	}
	return s
}

func cellOf(frequency float64) int { return min(int(frequency*filterCells), filterCells-1) }

// measure estimates the response to every frequency: with noise in each cell of
// frequencies and channel, interpolated between cells.
func (f *filter) measure() error {
	g := rng.New(filterSeed)
	found := make([]float64, f.typ.Dim[0]*filterCells*filterCells)
	probes, which := dense.Rows{N: f.j.n}, []int(nil)
	apply := func() error {
		jz, _, err := f.j.apply(probes)
		if err != nil {
			return err
		}
		for i, cell := range which {
			found[cell] = dense.Dot(jz.At(i), jz.At(i))
		}
		probes.V, which = probes.V[:0], which[:0]
		return nil
	}
	for c := range f.typ.Dim[0] {
		for _, y := range spans(f.fy) {
			for _, x := range spans(f.fx) {
				probes, which = probes.Append(f.band(g, c, y, x)), append(which, (c*filterCells+y.cell)*filterCells+x.cell)
				if len(which) == f.j.width {
					if err := apply(); err != nil {
						return err
					}
				}
			}
		}
	}
	if err := apply(); err != nil {
		return err
	}
	f.interpolate(found)
	return nil
}

// interpolate sets the response of each frequency from those of the cells around
// it, linearly in their logarithms.
func (f *filter) interpolate(found []float64) {
	f.response = make([]float64, f.j.n)
	f.each(func(i, c, y, x int) {
		var sum, total float64
		ay, wy := between(f.fy[y])
		ax, wx := between(f.fx[x])
		for dy := range 2 {
			for dx := range 2 {
				v := found[(c*filterCells+ay[dy])*filterCells+ax[dx]]
				if v > 0 {
					w := wy[dy] * wx[dx]
					sum, total = sum+w*math.Log(v), total+w
				}
			}
		}
		if total > 0 {
			f.response[i] = math.Exp(sum / total)
		}
	})
}

// between returns the two cells whose centres enclose a frequency, and their
// weights.
func between(frequency float64) (cells [2]int, weights [2]float64) {
	at := frequency*filterCells - .5
	low := math.Floor(at)
	t := at - low
	cells = [2]int{min(max(int(low), 0), filterCells-1), min(max(int(low)+1, 0), filterCells-1)}
	return cells, [2]float64{1 - t, t}
}

// invert makes the filter the approximate inverse of F + shift.
func (f *filter) invert(shift float64) error {
	w := make([]float64, len(f.response))
	for i, d := range f.response {
		w[i] = shift / (d + shift) // the scale does not matter
	}
	return f.set(w)
}

// below makes the filter the projection on the frequencies whose response is
// below limit, and returns how many they are.
func (f *filter) below(limit float64) (int, error) {
	w := make([]float64, len(f.response))
	count := 0
	for i, d := range f.response {
		if d <= limit {
			w[i] = 1
			count++
		}
	}
	return count, f.set(w)
}
