package synth

import (
	"math"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// KinkRadius is how near to its kink an amplitude lies on it, where an image is judged:
// as near as a change of pixels by this root mean square brings it, in parts of their
// range: a 4000th of a level of eight bits.
const KinkRadius = 1e-6

// kinkProbes is in how many random directions the changes of amplitudes are measured.
const kinkProbes = 4

// kinkSteps is how often derivatives at kinks are improved at most.
const kinkSteps = 1000

// Outputs of kinkSearch.gradients: those of the images, and of each kink.
const kinkOuts, kinkOut = 2, 3

// leastWeight is the least weight of a kink for its step, of that of the heaviest.
const leastWeight = 1e-3

// kinkSlack is the part of the squared residue that may be more than the least one, by
// the bound of Frank and Wolfe (1956, Naval Research Logistics Quarterly 3:95–110),
// where the search ends because the least one is too much.
const kinkSlack = .05

// kinkFirstStep is the most that a derivative changes in the first of them.
const kinkFirstStep = .1

// A KinkProblem is what Subgradient judges images by.
type KinkProblem struct {
	Images tensor.Tensor // (N, …)
	// Record records what is to be small and what is held, (N,) float64 each.
	Record    func(x autograd.Value) (driven, held autograd.Value)
	Low, High float64   // bounds of pixels
	Floor     []float64 // norm as which shorter gradients of each image count
}

// A kinkSearch finds the derivatives at kinks for which a gradient is shortest in the
// tangent space: they are any numbers from −1 to 1, and weights of sum 1 where there
// are several largest elements (Clarke's subdifferential, by the chain rule). It is a
// least squares problem with bounds, which projected gradients with the steps of
// Barzilai and Borwein (1988, IMA Journal of Numerical Analysis 8:141–148) solve.
type kinkSearch struct {
	KinkProblem
	tape             *autograd.Tape
	kinks            []autograd.Kink
	residue          autograd.Value // Var: what is left of the gradient
	multiplier       autograd.Value // Var (N,)
	probe            autograd.Value // Var: a direction
	gradients, slope *autograd.Program
	changes          *autograd.Program // of amplitudes along probe
	images           []kinkImage
	t                []tensor.Tensor // derivatives of each kink
}

// kinkImage is the search for one image.
type kinkImage struct {
	x              []float64
	residual       float64     // the least yet
	left           float64     // half the squared residue
	hopeless       bool        // the least one is too much
	t              [][]float64 // derivatives of each kink
	before, slopes [][]float64 // those before the last step, and the derivatives of half the squared residue by them
	lo, hi         [][]float64 // what t may be
	scale          [][]float64 // of the steps
	steps          int
	step           float64
}

// Subgradient returns for each image what is left of the gradient of what is to be
// small in the tangent space of the level set of what is held, over the gradient, both
// with those derivatives at kinks for which it is least; or nil, if nothing has kinks
// that autograd.Subgradient knows. It errs if the backend fails.
func (p KinkProblem) Subgradient(dev autograd.Backend) ([]float64, error) {
	s := &kinkSearch{KinkProblem: p, tape: autograd.New(dev)}
	defer s.tape.Close()
	if err := s.record(); err != nil || len(s.kinks) == 0 || onlyCounts(dev) {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		going, err := s.look()
		if err != nil {
			return nil, err
		}
		if !going || n == kinkSteps {
			break
		}
		if err := s.improve(); err != nil {
			return nil, err
		}
	}
	residual := make([]float64, len(s.images))
	for i := range s.images {
		residual[i] = s.images[i].residual
	}
	return residual, nil
}

func (s *kinkSearch) record() error {
	var outs, slopes, changes []autograd.Value
	err := autograd.Try(func() {
		x := s.tape.Var("image", s.Images)
		var driven, held autograd.Value
		s.kinks = autograd.Subgradient(x, func() { driven, held = s.Record(x) })
		if len(s.kinks) == 0 {
			return
		}
		by, values := []autograd.Value{}, []autograd.Value{x}
		for _, k := range s.kinks {
			by, values = append(by, k.Multiplier), append(values, k.Value)
		}
		driving, holding := autograd.Grad(driven, values...), autograd.Grad(held, values...)
		d, c := driving[0], holding[0]
		s.residue = s.tape.Var("residue", tensor.New(s.Images.DType, s.Images.Shape()...))
		s.multiplier = s.tape.Var("multiplier", tensor.New(tensor.Float64, s.Images.Dim[0]))
		s.probe = s.tape.Var("probe", tensor.New(s.Images.DType, s.Images.Shape()...))
		outs = []autograd.Value{d, c}
		for i, k := range s.kinks {
			outs = append(outs, k.Y, driving[i+1], holding[i+1])
			changes = append(changes, autograd.JVP(k.Y, x, s.probe))
		}
		left := d.Sub(c.Mul(perImage(s.multiplier, c)))
		slopes = autograd.Grad(left.Mul(s.residue).Sum(), by...)
	})
	if err != nil || len(s.kinks) == 0 {
		return err
	}
	if s.gradients, err = s.tape.Compile(outs, autograd.Value{}); err == nil {
		s.slope, err = s.tape.Compile(slopes, autograd.Value{})
	}
	if err == nil {
		s.changes, err = s.tape.Compile(changes, autograd.Value{})
	}
	return err
}

// radii returns for each kink of each image how near amplitudes lie on it.
func (s *kinkSearch) radii() ([][]float64, error) {
	span := 1.
	if !math.IsInf(s.High-s.Low, 0) {
		span = s.High - s.Low
	}
	r := make([][]float64, len(s.kinks))
	for k := range r {
		r[k] = make([]float64, s.Images.Dim[0])
	}
	g, v := rng.New(0), tensor.New(s.Images.DType, s.Images.Shape()...)
	for range kinkProbes {
		for i := range v.Len() {
			v.StoreReal(i, float64(2*int(g.Word()&1)-1))
		}
		if err := s.tape.Set(s.probe, v); err != nil {
			return nil, err
		}
		if err := s.changes.Run(); err != nil {
			return nil, err
		}
		for k := range r {
			d, err := floatsOf(s.changes, k)
			if err != nil {
				return nil, err
			}
			size := len(d) / len(r[k])
			for j, x := range d {
				r[k][j/size] += x * x / float64(size*kinkProbes)
			}
		}
	}
	for _, of := range r {
		for i, square := range of {
			of[i] = KinkRadius * span * math.Sqrt(square)
		}
	}
	return r, nil
}

// begin finds which derivatives are free, and sets them to those of where the image is.
func (s *kinkSearch) begin() error {
	if err := s.gradients.Run(); err != nil {
		return err
	}
	s.images = make([]kinkImage, s.Images.Dim[0])
	for i := range s.images {
		s.images[i].x, s.images[i].residual = tensor.Floats(s.Images.Crop(0, i, i+1, 1)), math.Inf(1)
	}
	var y [][]float64
	for k, kink := range s.kinks {
		v, err := floatsOf(s.gradients, kinkOuts+kinkOut*k)
		if err != nil {
			return err
		}
		y, s.t = append(y, v), append(s.t, tensor.New(kink.Multiplier.Type().DType, kink.Multiplier.Type().Shape()...))
	}
	if err := s.free(y, nil); err != nil { // a kink may be made of others
		return err
	}
	radii, err := s.radii()
	if err != nil {
		return err
	}
	return s.free(y, radii)
}

// free finds the bounds of the derivatives at kinks y of all images, given how near to
// them they lie on them, nil: on them only.
func (s *kinkSearch) free(y, radii [][]float64) error {
	for i := range s.images {
		p := &s.images[i]
		p.lo, p.hi, p.t = nil, nil, nil
		for k, kink := range s.kinks {
			size, radius := len(y[k])/len(s.images), 0.
			if radii != nil {
				radius = radii[k][i]
			}
			lo, hi := derivatives(y[k][i*size:(i+1)*size], kink.Size, radius)
			t := make([]float64, size)
			project(t, lo, hi, kink.Size)
			p.lo, p.hi, p.t = append(p.lo, lo), append(p.hi, hi), append(p.t, t)
		}
	}
	return s.set()
}

// rescale sets the scales of steps to the inverse squares of the weights of kinks in the
// Lagrangian, about the curvatures of half the squared residue.
func (s *kinkSearch) rescale(multiplier []float64) error {
	weights := make([][]float64, len(s.kinks))
	most := make([]float64, len(s.images))
	for k := range s.kinks {
		d, err := floatsOf(s.gradients, kinkOuts+kinkOut*k+1)
		if err != nil {
			return err
		}
		c, err := floatsOf(s.gradients, kinkOuts+kinkOut*k+2)
		if err != nil {
			return err
		}
		size := len(d) / len(s.images)
		for j := range d {
			d[j] = math.Abs(d[j] - multiplier[j/size]*c[j])
			most[j/size] = math.Max(most[j/size], d[j])
		}
		weights[k] = d
	}
	for i := range s.images {
		p := &s.images[i]
		for k, w := range weights {
			size, each := len(w)/len(s.images), max(s.kinks[k].Size, 1)
			scale := make([]float64, size*each)
			for j := range scale {
				v := math.Max(w[i*size+j/each], leastWeight*most[i])
				scale[j] = 1 / math.Max(v*v, math.SmallestNonzeroFloat64)
			}
			p.scale = append(p.scale, scale)
		}
	}
	return nil
}

// derivatives returns the bounds of the derivatives at kinks y; size is how many
// elements one is the largest of, or 0.
func derivatives(y []float64, size int, radius float64) (lo, hi []float64) {
	lo, hi = make([]float64, len(y)), make([]float64, len(y))
	if size > 0 {
		for at := 0; at < len(y); at += size {
			most := slices.Max(y[at : at+size])
			for i := at; i < at+size; i++ {
				if y[i] >= most-radius {
					hi[i] = 1
				}
			}
		}
		return lo, hi
	}
	for i, v := range y {
		lo[i], hi[i] = -1, 1
		if v > radius {
			lo[i] = 1
		} else if v < -radius {
			hi[i] = -1
		}
	}
	return lo, hi
}

// project moves t into its bounds, and to a sum of 1 of each row where size is not 0.
func project(t, lo, hi []float64, size int) {
	if size == 0 {
		for i := range t {
			t[i] = math.Min(math.Max(t[i], lo[i]), hi[i])
		}
		return
	}
	for at := 0; at < len(t); at += size {
		threshold := math.Inf(-1)
		for range size {
			sum, count := -1., 0.
			for i := at; i < at+size; i++ {
				if hi[i] > 0 && t[i] > threshold {
					sum, count = sum+t[i], count+1
				}
			}
			if next := sum / count; !(next > threshold) {
				break
			} else {
				threshold = next
			}
		}
		for i := at; i < at+size; i++ {
			t[i] = math.Max(t[i]-threshold, 0) * hi[i]
		}
	}
}

// set gives the tape the derivatives of all images.
func (s *kinkSearch) set() error {
	for k, kink := range s.kinks {
		for i := range s.images {
			t := s.images[i].t[k]
			for j, v := range t {
				s.t[k].StoreReal(i*len(t)+j, v)
			}
		}
		if err := s.tape.Set(kink.Multiplier, s.t[k]); err != nil {
			return err
		}
	}
	return nil
}

// look finds what is left of the gradients, and reports whether that is too much.
func (s *kinkSearch) look() (going bool, err error) {
	if err := s.gradients.Run(); err != nil {
		return false, err
	}
	d, err := floatsOf(s.gradients, 0)
	if err != nil {
		return false, err
	}
	c, err := floatsOf(s.gradients, 1)
	if err != nil {
		return false, err
	}
	left := tensor.New(s.Images.DType, s.Images.Shape()...)
	multiplier := tensor.New(tensor.Float64, len(s.images))
	size := len(d) / len(s.images)
	for i := range s.images {
		p := &s.images[i]
		d, c := d[i*size:(i+1)*size], c[i*size:(i+1)*size]
		m, bound := tangentMultiplier(p.x, d, c, 1, s.Low, s.High)
		var r2, d2 float64
		for j := range d {
			if r := d[j] - m*c[j]; !bound[j] {
				left.StoreReal(i*size+j, r)
				r2, d2 = r2+r*r, d2+d[j]*d[j]
			}
		}
		multiplier.StoreReal(i, m)
		p.left = r2 / 2
		if r2 == 0 {
			p.residual = 0
		} else {
			p.residual = math.Min(p.residual, math.Sqrt(r2)/math.Max(math.Sqrt(d2), s.Floor[i]))
		}
		going = going || p.going()
	}
	if s.images[0].scale == nil {
		if err := s.rescale(tensor.Slice[float64](multiplier)); err != nil {
			return false, err
		}
	}
	if err := s.tape.Set(s.residue, left); err != nil {
		return false, err
	}
	return going, s.tape.Set(s.multiplier, multiplier)
}

// improve makes one step of every image.
func (s *kinkSearch) improve() error {
	if err := s.slope.Run(); err != nil {
		return err
	}
	by := make([][]float64, len(s.kinks))
	for k := range s.kinks {
		var err error
		if by[k], err = floatsOf(s.slope, k); err != nil {
			return err
		}
	}
	n := len(s.images)
	for i := range s.images {
		p := &s.images[i]
		if !p.going() {
			continue
		}
		own := make([][]float64, len(by))
		for k, v := range by {
			own[k] = v[i*len(v)/n : (i+1)*len(v)/n]
		}
		p.move(own, s.kinks)
	}
	return s.set()
}

func (p *kinkImage) going() bool { return p.residual > MatchedKKT && !p.hopeless }

// excess bounds by how much half the squared residue is more than the least, given its
// derivatives: what a linear function with these could lose.
func (p *kinkImage) excess(slope [][]float64, kinks []autograd.Kink) (sum float64) {
	for k, v := range slope {
		t, lo, hi, size := p.t[k], p.lo[k], p.hi[k], kinks[k].Size
		if size == 0 {
			for j, x := range v {
				sum += math.Max(x*(t[j]-lo[j]), x*(t[j]-hi[j]))
			}
			continue
		}
		for at := 0; at < len(v); at += size {
			least := math.Inf(1)
			for j := at; j < at+size; j++ {
				sum += v[j] * t[j]
				if hi[j] > 0 {
					least = math.Min(least, v[j])
				}
			}
			sum -= least
		}
	}
	return sum
}

// move makes a step against slope, the derivatives by those at kinks.
func (p *kinkImage) move(slope [][]float64, kinks []autograd.Kink) {
	if p.excess(slope, kinks) <= kinkSlack*p.left && p.residual*math.Sqrt(1-kinkSlack) > MatchedKKT {
		p.hopeless = true
		return
	}
	if p.steps == 0 {
		most := math.SmallestNonzeroFloat64
		for k, v := range slope {
			for j, x := range v {
				most = math.Max(most, math.Abs(x)*p.scale[k][j])
			}
		}
		p.step = kinkFirstStep / most
	} else {
		var ss, sy, yy float64
		for k, v := range slope {
			for j, x := range v {
				s, y, scale := p.t[k][j]-p.before[k][j], x-p.slopes[k][j], p.scale[k][j]
				ss, sy, yy = ss+s*s/scale, sy+s*y, yy+y*y*scale
			}
		}
		switch {
		case !(sy > 0):
		case p.steps%2 == 0:
			p.step = ss / sy
		default:
			p.step = sy / yy
		}
	}
	p.steps++
	p.before, p.slopes = p.t, slope
	p.t = make([][]float64, len(slope))
	for k, v := range slope {
		t := make([]float64, len(v))
		for j, x := range v {
			t[j] = p.before[k][j] - p.step*p.scale[k][j]*x
		}
		project(t, p.lo[k], p.hi[k], kinks[k].Size)
		p.t[k] = t
	}
}

// floatsOf returns an output of a program.
func floatsOf(p *autograd.Program, i int) ([]float64, error) {
	out, err := p.Out(i)
	if err != nil {
		return nil, err
	}
	v := tensor.New(tensor.Float64, out.Shape()...)
	tensor.Copy(v, out)
	return tensor.Slice[float64](v), nil
}

// kinks finds for results that are not at an optimum by their gradients what is left
// with the best derivatives at kinks.
func (s *MAD) kinks(x tensor.Tensor, out []MADOutcome) error {
	var rows, problems []int
	p := KinkProblem{}
	for i := range out {
		k := s.problem(i)
		open := !out[i].optimal(s.goal(k)) && s.holds(&out[i]) || onlyCounts(s.backend)
		if s.options.Tradeoff == Constrained && open {
			rows, problems, p.Floor = append(rows, i), append(problems, k), append(p.Floor, optim.TangentFloor*s.startNorm[k])
		}
	}
	if len(rows) == 0 {
		return nil
	}
	p.Images = wide(pick(x, rows))
	p.Low, p.High = s.bounds()
	p.Record = func(x autograd.Value) (driven, held autograd.Value) {
		a, b := s.metrics(x.Tape().Const(wide(pick(s.images, s.imagesOf(problems)))), x)
		sign := perProblem(x.Tape(), problems, func(k int) float64 { return s.goal(k).sign() })
		return s.choose(problems, a, b).Mul(sign), s.choose(problems, b, a)
	}
	residual, err := p.Subgradient(s.backend)
	for i, r := range residual {
		out[rows[i]].Subgradient = r
	}
	return err
}
