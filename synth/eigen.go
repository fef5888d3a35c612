package synth

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/dense"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/tensor"
)

// An EigenMethod is how eigendistortions are found.
type EigenMethod string

// The methods. The empty EigenMethod stands for EigenLanczos.
const (
	// EigenLanczos finds the top by block Lanczos with full reorthogonalization and
	// thick restarts, the bottom by the generalized Davidson method with inner
	// solves. It needs products with F only and says how well each pair solves
	// the eigenproblem.
	EigenLanczos EigenMethod = "lanczos"
	// EigenPower is the reference's orthogonal iteration: of F, then of F−λ₁. It
	// converges slowly, at the bottom often not at all.
	EigenPower EigenMethod = "power"
	// EigenExact decomposes the whole Jacobian: for small images.
	EigenExact EigenMethod = "exact"
	// EigenRandomized is the reference's randomized method for the top (Halko,
	// Martinsson and Tropp 2011, SIAM Review 53:217–288).
	EigenRandomized EigenMethod = "randomized"
)

// EigendistortionOptions has a useful zero value.
type EigendistortionOptions struct {
	Method EigenMethod
	// K is how many eigendistortions are found at each end of the spectrum, with
	// EigenRandomized at the top. 0 means 1, and all with EigenExact.
	K    int
	Seed uint64 // image k draws from the generator with seed + k
	// Tolerance ends EigenLanczos at the top when ‖Fv−λv‖ is that part of the
	// largest eigenvalue; nil means 1e-8. It ends EigenPower when the eigenvalues
	// change less, by L2 norm; nil means 1e-7.
	Tolerance *float64
	MaxSteps  int // of each end; 0 means 1000. More, at Load, continue a search that ran out of them
	// Oversampling and Powers are those of EigenRandomized: vectors beyond K, and
	// products with F after the first; nil means 5 and 2.
	Oversampling, Powers *int
	// Reference numbers eigenvalues as the reference does: the bottom ones, which
	// are found smallest first, ascending to the last.
	Reference bool
}

// SolvedResidual is the largest Residual of a pair that counts as solved.
const SolvedResidual = 1e-5

// An Eigenpair is an eigenvalue of the Fisher matrix F = JᵀJ, J being the
// derivative of the model at the image, and its unit vector: a distortion of
// which an amplitude a changes the representation by a·√Value, for small a.
type Eigenpair struct {
	Index    int // of the eigenvalue among all, the largest being 0
	Value    float64
	Residual float64       // ‖Fv−λv‖ over the largest eigenvalue
	Vector   tensor.Tensor // (C, H, W)
	// Null says that the eigenvalue is zero within rounding: at most 1e-12 of the
	// largest. No direction in the space of such vectors is less noticeable than
	// another.
	Null bool
	// Cluster numbers the sets of pairs, from 1, that agree within their
	// residuals: their vectors are an arbitrary basis of the space that they span.
	// 0 means that the pair is in none.
	Cluster int
	// More says that an eigenvalue beyond those asked for agrees with it too, so
	// that the vector is one of a larger space: a larger K finds more of that.
	More bool
}

// A Spectrum is what was found for one image.
type Spectrum struct {
	// Pairs holds the top ones, largest first, then the bottom ones, smallest
	// first; with EigenExact and no K all, largest first.
	Pairs     []Eigenpair
	Top       int     // how many of them are of the top
	Largest   float64 // eigenvalue
	StoppedBy StopReason
	Converged bool // every pair has reached the tolerance
	// NullDimension is a lower bound of how many eigenvalues are zero within
	// rounding, exact if NullExact. Null pairs at the bottom are seeded noise
	// projected on that space.
	NullDimension int
	NullExact     bool
	Steps         int
	Products      int     // with F
	Seconds       float64 // spent
	// SpectralError is EigenRandomized's estimate of how much F has outside the
	// space it searched.
	SpectralError float64
}

// Eigendistortion finds the changes of an image that a model notices most and
// least (Berardino, Ballé, Laparra and Simoncelli 2017, NIPS 30): the
// eigenvectors of its Fisher matrix, for unit Gaussian noise on the
// representation. Images are treated one after the other, always in float64. Its
// methods are for one goroutine.
type Eigendistortion struct {
	model   Model
	options EigendistortionOptions
	images  tensor.Tensor // (N, C, H, W), float64
	dtype   tensor.DType  // that they were given in
	device  autograd.Backend
	runs    []*eigenRun
	at      int       // the image of jacobian
	jac     *jacobian // nil until it is needed
}

// eigenRun is the search for one image. A step does not write to the rows of the
// state before it until it can no longer fail, so that a copy of the struct is a
// copy of the state.
type eigenRun struct {
	eigenState
	rows map[string]dense.Rows
	// unfinished is where the search goes on when it is given more steps than
	// RanOut, nil if no stage ended for want of them: see unfinishedAt.
	unfinished *eigenRun
	// What a step works with, and what it has to say.
	o    *EigendistortionOptions
	told *Record
	typ  tensor.DType // that random numbers are drawn in
	j    *jacobian
	g    *rng.Generator
	more func() error
}

// eigenState is what a checkpoint keeps of an eigenRun beside its rows.
type eigenState struct {
	Stage     string // of the method; "" at the start, eigenDone at the end
	Step      int    // of the stage
	Steps     int    // in all; what a stage begins with is part of its first
	Products  int
	Seconds   float64
	Generator []byte
	Stopped   StopReason
	Missed    bool // a stage ended before it converged
	RanOut    int  // MaxSteps when the first did
	Null      int  // NullDimension
	NullExact bool
	Estimate  float64 // SpectralError
	Probe     float64 // see Eigendistortion.probe
}

const eigenDone = "done"

// eigenMethods are the steps of the methods.
var eigenMethods = map[EigenMethod]func(r *eigenRun) error{
	EigenLanczos: (*eigenRun).lanczos, EigenPower: (*eigenRun).power, EigenExact: (*eigenRun).exact, EigenRandomized: (*eigenRun).randomized,
}

// guards is how many vectors are searched for beyond those wanted, so that it is
// known whether the last one stands alone.
const guards = 2

// NewEigendistortion prepares the eigendistortions of images (N, C, H, W) for m,
// and tries m on the first. nil stands for the CPU. It errs if the images are not
// finite, if there are fewer pixels than K, if the model does not take such
// images or its output does not depend on them, and if memory does not suffice.
func NewEigendistortion(dev autograd.Backend, images tensor.Tensor, m Model, o EigendistortionOptions) (*Eigendistortion, error) {
	if o.Method == "" {
		o.Method = EigenLanczos
	}
	if images.Rank != 4 || images.DType.IsComplex() || images.Len() == 0 {
		return nil, fmt.Errorf("synth: the images are a %v; real images (N, C, H, W) are expected", images.Type)
	}
	for i, v := range tensor.Floats(images) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("synth: element %d of the images is %v; finite values are expected", i, v)
		}
	}
	if err := o.check(images.Len() / images.Dim[0]); err != nil {
		return nil, err
	}
	s := &Eigendistortion{model: m, options: o, dtype: images.DType, images: tensor.New(tensor.Float64, images.Shape()...), device: dev}
	tensor.Copy(s.images, images)
	for k := range images.Dim[0] {
		s.runs = append(s.runs, s.newRun(s.start(k)))
	}
	for k := range slices.Backward(s.runs) { // ends with the first
		if err := s.try(k); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// start returns the state in which the search for image k begins.
func (s *Eigendistortion) start(k int) eigenState {
	g, _ := rng.New(s.options.Seed + uint64(k)).MarshalBinary() // never errs
	return eigenState{Generator: g}
}

// newRun returns a search in a state, without its rows.
func (s *Eigendistortion) newRun(state eigenState) *eigenRun {
	return &eigenRun{eigenState: state, rows: map[string]dense.Rows{}, o: &s.options, typ: s.dtype}
}

// try errs if image k cannot be served.
func (s *Eigendistortion) try(k int) error {
	if k == 0 {
		if err := checkSteady(s.device, "model", s.images, s.model.Forward); err != nil {
			return err
		}
	}
	if err := s.look(k); err != nil {
		return err
	}
	probe, err := s.probe()
	if err != nil {
		return err
	}
	if probe == 0 {
		return fmt.Errorf("synth: image %d: the model's output does not change with it, to first order: all eigenvalues are 0", k)
	}
	s.runs[k].Probe = probe
	if s.options.Method == EigenExact {
		if err := s.options.checkExact(s.jac.n, s.jac.m); err != nil {
			return err
		}
	}
	if k > 0 {
		return nil
	}
	return s.count()
}

// count lets a Ledger count what the search takes beside what it begins with: the
// programs of filters, and on the CPU the vectors.
func (s *Eigendistortion) count() error {
	l, counts := s.device.(*autograd.Ledger)
	if !counts {
		return nil
	}
	if s.options.Method == EigenLanczos {
		for i := range filterBases {
			if _, err := compileFilter(s.jac, i); err != nil {
				return err
			}
		}
	}
	if !onCPU(l) {
		return nil
	}
	vectors, outputs := s.workspace()
	_, err := l.Alloc(8 * (vectors*s.jac.n + outputs*s.jac.m))
	return err
}

// workspace returns how many vectors of the image's elements, and of the
// representation's, a search keeps and works in at a time.
func (s *Eigendistortion) workspace() (vectors, outputs int) {
	k := s.options.count()
	switch s.options.Method {
	case EigenExact: // the Jacobian, its copy and singular vectors; then these and those of its null space
		n, m := s.jac.n, s.jac.m
		vectors = min(n, m) + max(2*m, n)
		if s.options.K == 0 { // all are the result
			vectors = max(vectors, 3*n)
		}
		return vectors, 0
	case EigenPower:
		return 2 * workBlocks * k, 2 * k
	case EigenRandomized: // to decompose them, or to estimate what is outside of them
		searched := k + s.options.oversampling()
		return max(3*searched, searched+2*k+2*estimateVectors), max(searched, estimateVectors)
	}
	r := eigenRun{o: &s.options, j: s.jac}
	vectors, outputs = r.room()+workBlocks*r.block(), 2*r.block()
	if r.fewRows() {
		outputs += 5 * s.jac.m // JJᵀ, and what decomposes it
	}
	return vectors, outputs
}

// workBlocks is how many blocks of vectors a step makes that are not kept.
const workBlocks = 4

// check errs if the options do not suit images of n elements.
func (o *EigendistortionOptions) check(n int) error {
	_, known := eigenMethods[o.Method]
	wanted := o.K
	if o.Method == EigenRandomized {
		wanted = o.count() + o.oversampling()
	}
	switch {
	case !known:
		return fmt.Errorf("synth: there is no method %q for eigendistortions; there are lanczos, power, exact and randomized", o.Method)
	case o.K < 0 || o.MaxSteps < 0 || o.oversampling() < 0 || o.powers() < 0:
		return fmt.Errorf("synth: K, MaxSteps, Oversampling and Powers may not be negative")
	case wanted > n && o.Method == EigenRandomized:
		return fmt.Errorf("synth: %d eigendistortions and %d more to search with are wanted of an image of %d elements, which has %d", o.count(), o.oversampling(), n, n)
	case wanted > n:
		return fmt.Errorf("synth: %d eigendistortions are wanted of an image of %d elements, which has %d", o.K, n, n)
	}
	return nil
}

// exactLimit is how many elements of a Jacobian are more than one wants in
// memory three times.
const exactLimit = 1 << 28

func (o *EigendistortionOptions) checkExact(n, m int) error {
	if n > exactLimit/m {
		return fmt.Errorf("synth: the Jacobian has %d×%d elements, too many for the exact method; lanczos needs products with it only", m, n)
	}
	return nil
}

func (o *EigendistortionOptions) count() int { return max(o.K, 1) }

func (o *EigendistortionOptions) oversampling() int { return valueOr(o.Oversampling, 5) }

func (o *EigendistortionOptions) powers() int { return valueOr(o.Powers, 2) }

func (o *EigendistortionOptions) tolerance(standard float64) float64 {
	return valueOr(o.Tolerance, standard)
}

func (o *EigendistortionOptions) maxSteps() int {
	if o.MaxSteps == 0 {
		return 1000
	}
	return o.MaxSteps
}

func valueOr[T any](p *T, standard T) T {
	if p == nil {
		return standard
	}
	return *p
}

// batchElements is how large a batch of small images is on the CPU, where larger
// ones are not faster one by one.
const batchElements = 4096

// width returns how many vectors are multiplied at a time.
func (s *Eigendistortion) width() int {
	n := s.images.Len() / s.images.Dim[0]
	block := min(n, s.options.count()+guards)
	if s.options.Method == EigenExact {
		block = min(n, 8)
	}
	if onCPU(s.device) {
		return max(1, min(block, batchElements/n))
	}
	return block
}

// look makes the jacobian that of image k.
func (s *Eigendistortion) look(k int) error {
	if s.jac != nil && s.at == k {
		return nil
	}
	s.dismiss()
	j, err := newJacobian(s.device, pick(s.images, []int{k}), s.model, s.width())
	if err != nil {
		return err
	}
	s.jac, s.at = j, k
	return nil
}

func (s *Eigendistortion) dismiss() {
	if s.jac != nil {
		s.jac.Close()
		s.jac = nil
	}
}

// finish ends the search.
func (r *eigenRun) finish() {
	r.Stage, r.Stopped = eigenDone, StopTolerance
	if r.Missed {
		r.Stopped = StopIterations
	}
}

// keep stores what one end of the spectrum is: vectors, and a row for each of
// value, residual in units of F and 1 for null.
func (r *eigenRun) keep(end string, vectors dense.Rows, values, residuals []float64, null []bool) {
	facts := dense.New(vectors.Len(), 3)
	for i := range values {
		f := facts.At(i)
		f[0], f[1] = values[i], residuals[i]
		if null != nil && null[i] {
			f[2] = 1
		}
	}
	r.rows[end], r.rows[end+".facts"] = vectors, facts
}

// facts returns the values, residuals and null marks of an end.
func (r *eigenRun) facts(end string, i int) (value, residual float64, null bool) {
	f := r.rows[end+".facts"].At(i)
	return f[0], f[1], f[2] != 0
}

// Spectrum returns what was found for image k; before it is finished, what has
// converged. It panics if there is no such image.
func (s *Eigendistortion) Spectrum(k int) Spectrum {
	r := s.runs[k]
	p := Spectrum{StoppedBy: r.Stopped, Converged: r.Stage == eigenDone && !r.Missed, NullDimension: r.Null, NullExact: r.NullExact,
		Steps: r.Steps, Products: r.Products, Seconds: r.Seconds, SpectralError: r.Estimate}
	n := s.images.Len() / s.images.Dim[0]
	shape := s.images.Shape()[1:]
	for _, end := range []string{"top", "bottom"} {
		for i := range r.rows[end].Len() {
			pair := Eigenpair{Index: i, Vector: tensor.New(tensor.Float64, shape...)}
			copy(tensor.Slice[float64](pair.Vector), r.rows[end].At(i))
			pair.Value, pair.Residual, pair.Null = r.facts(end, i)
			if end == "bottom" {
				pair.Index = n - 1 - i
				if s.options.Reference {
					pair.Index = n - r.rows[end].Len() + i
				}
			} else {
				p.Top++
			}
			p.Largest = math.Max(p.Largest, pair.Value)
			p.Pairs = append(p.Pairs, pair)
		}
	}
	cluster(p.Pairs)
	for end, last := range map[string]int{"top": p.Top - 1, "bottom": len(p.Pairs) - 1} {
		if r.rows[end+".more"].Len() == 0 {
			continue
		}
		for i := range p.Pairs {
			c := p.Pairs[i].Cluster
			p.Pairs[i].More = p.Pairs[i].More || i == last || c != 0 && c == p.Pairs[last].Cluster
		}
	}
	for i := range p.Pairs {
		p.Pairs[i].Residual /= p.Largest
	}
	return p
}

// cluster numbers the pairs that agree within their residuals, still in units of
// F, with their neighbour in value.
func cluster(pairs []Eigenpair) {
	order := upTo(len(pairs))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(pairs[b].Value, pairs[a].Value) })
	count := 0
	for i := 1; i < len(order); i++ {
		a, b := &pairs[order[i-1]], &pairs[order[i]]
		if a.Index == b.Index || math.Abs(a.Value-b.Value) > a.Residual+b.Residual && !(a.Null && b.Null) {
			continue
		}
		if a.Cluster == 0 {
			count++
			a.Cluster = count
		}
		b.Cluster = a.Cluster
	}
}
