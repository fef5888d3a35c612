package synth

import (
	"errors"
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// A GeodesicMethod says what a geodesic minimizes.
type GeodesicMethod string

// The methods of Geodesic.
const (
	// Conditional minimizes, of all paths whose representation is as short as
	// possible, the length of the path itself (Hénaff and Simoncelli 2016, ICLR).
	Conditional GeodesicMethod = "conditional"
	// Energy minimizes the energy of the represented path alone, with an
	// optimizer, as the reference's code did.
	Energy GeodesicMethod = "energy"
)

// A PathStart says where the search for a geodesic starts.
type PathStart string

// The starts of Geodesic.
const (
	Straight PathStart = "straight" // the straight line, the pixel fade
	Bridge   PathStart = "bridge"   // a Brownian bridge
)

// GeodesicOptions has a useful zero value.
type GeodesicOptions struct {
	Method GeodesicMethod // "" means Conditional
	Steps  int            // between frames, of which there are one more; 0 means 10
	// Init is the first start, "" meaning Straight. The others are bridges: bridge
	// i is drawn with the seed Seed + i.
	Init       PathStart
	Starts     int     // of each pair; 0 means 2, or 1 for Energy
	BridgeNorm float64 // see BrownianBridge; 0 means 1
	Seed       uint64
	// Paths (N, Steps+1, C, H, W) replaces the first start where it is given. Its
	// ends must be the images.
	Paths     tensor.Tensor
	Penalty   Penalty         // of all frames; nil means Range{}
	Optimizer optim.Optimizer // of Energy; nil means optim.Adam{Rate: .001}
	Scheduler optim.Scheduler // of Energy; nil means a constant rate
	// Tolerance ends a search. For Energy: when an iteration changes the frames by
	// an L2 norm less than that, Window times in a row; nil means the reference's,
	// the norm of all frames of the straight line divided by 10⁴ and times the
	// golden ratio. For Conditional: when the image energy changes by less than
	// that part of the straight line's over Window evaluations of the model (a
	// step takes some twenty, but is Newton's and no gradient step); nil means
	// 1e-4. 0 never ends it.
	Tolerance  *float64
	Window     int // 0 means 50
	StoreEvery int // keep the paths before every such iteration; 0 means never
}

func (o GeodesicOptions) withDefaults() GeodesicOptions {
	if o.Method == "" {
		o.Method = Conditional
	}
	if o.Steps == 0 {
		o.Steps = 10
	}
	if o.Init == "" {
		o.Init = Straight
	}
	if o.Starts == 0 {
		o.Starts = 2
		if o.Method == Energy {
			o.Starts = 1
		}
	}
	if o.BridgeNorm == 0 {
		o.BridgeNorm = 1
	}
	if o.Penalty == nil {
		o.Penalty = Range{}
	}
	if o.Optimizer == nil && o.Method == Energy {
		o.Optimizer = optim.Adam{Rate: .001}
	}
	if o.Window == 0 {
		o.Window = 50
	}
	return o
}

// check says what is wrong with the options.
func (o GeodesicOptions) check() error {
	switch {
	case o.Method != Conditional && o.Method != Energy:
		return fmt.Errorf("synth: there is no geodesic %q; there are %q and %q", o.Method, Conditional, Energy)
	case o.Init != Straight && o.Init != Bridge:
		return fmt.Errorf("synth: there is no path %q to start from; there are %q and %q", o.Init, Straight, Bridge)
	case o.Steps < 2:
		return fmt.Errorf("synth: a path of %d steps has no frame between its ends, so that there is nothing to find; give at least 2 steps", o.Steps)
	case o.Starts < 0 || o.Window < 1:
		return fmt.Errorf("synth: %d starts and a window of %d; both are at least 1", o.Starts, o.Window)
	case o.Method == Conditional && (o.Optimizer != nil || o.Scheduler != nil):
		return errors.New("synth: the conditional geodesic takes Gauss–Newton steps; an optimizer is only for Energy")
	}
	return nil
}

// A Geodesic is a path of images between two images that a model sees as short
// as possible: a sequence of frames whose representations are evenly spaced on
// the shortest way that images can go (Hénaff and Simoncelli 2016, Geodesics of
// learned representations, ICLR). Each start of each pair is a problem of the
// Synthesis by itself: start j of pair k is its image k·Starts + j, and what it
// holds of it are the frames between the ends (Steps−1, C, H, W). The loss is the
// mean of the squared L2 norms of the represented path's steps, with the
// weighted penalty. Aside are reported the path energy, which is the loss without
// penalty, and the image energy, the same of the frames themselves.
type Geodesic struct {
	*Synthesis
	model    Model
	options  GeodesicOptions
	from, to tensor.Tensor // (problems, C, H, W)
	line     tensor.Tensor // (problems, Steps+1, C, H, W): the straight lines
	begin    tensor.Tensor // (problems, Steps−1, C, H, W): the starts, without ends
	fade     []PathMeasure // of them
	device   autograd.Backend
	judge    *pathJudge // nil until it is needed
}

// NewGeodesic records the search for geodesics of m from images a (N, C, H, W) to
// images b, and compiles it. nil stands for the CPU. It errs if the images are
// not finite, differ in type or are equal, if a start does not fit, if the model
// does not take such images, mixes images of a batch, does not tell the frames
// from each other or has no gradient, and if memory does not suffice.
func NewGeodesic(dev autograd.Backend, a, b tensor.Tensor, m Model, o GeodesicOptions) (*Geodesic, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := checkPairs(a, b); err != nil {
		return nil, err
	}
	s := &Geodesic{model: m, options: o, from: each(a, o.Starts), to: each(b, o.Starts), device: dev}
	start, err := s.starts()
	if err != nil {
		return nil, err
	}
	if err := s.checkModel(); err != nil {
		s.dismiss()
		return nil, err
	}
	losses, err := s.lossesOf(start)
	s.dismiss() // its memory is better used by the search
	if err != nil {
		return nil, err
	}
	s.begin = interior(start)
	p := problem{start: s.begin, control: optim.Control{Scheduler: o.Scheduler}, every: o.StoreEvery, record: s.record,
		optimizer: o.Optimizer, name: identity{method: "geodesic", inputs: []tensor.Tensor{s.from, s.to}, atStart: losses,
			options: []any{m, o.Method, o.Steps, o.Penalty, o.Window, s.tolerance()}}}
	if o.Method == Energy {
		p.optimizer = pathOptimizer{o.Optimizer, s.tolerance(), o.Window}
	} else {
		p.machine = s.conditional
	}
	s.Synthesis, err = newSynthesis(dev, p)
	return s, err
}

// checkPairs says why there is no path from images a to images b.
func checkPairs(a, b tensor.Tensor) error {
	if a.Rank != 4 || a.DType.IsComplex() || a.Len() == 0 {
		return fmt.Errorf("synth: the first images are a %v; real images (N, C, H, W) are expected", a.Type)
	}
	if a.Type != b.Type {
		return fmt.Errorf("synth: the first images are a %v and the last a %v; give both one size and type", a.Type, b.Type)
	}
	for k := range a.Dim[0] {
		x, y := tensor.Floats(a.Crop(0, k, k+1, 1)), tensor.Floats(b.Crop(0, k, k+1, 1))
		for i := range x {
			for _, v := range []float64{x[i], y[i]} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return fmt.Errorf("synth: element %d of an image of pair %d is %v; finite values are expected", i, k, v)
				}
			}
		}
		if same(x, y) {
			return fmt.Errorf("synth: the two images of pair %d are equal: the geodesic is that image, again and again; give different images", k)
		}
	}
	return nil
}

// each returns x (N, …) with every row n times, one after the other.
func each(x tensor.Tensor, n int) tensor.Tensor {
	rows := make([]int, 0, x.Dim[0]*n)
	for k := range x.Dim[0] {
		for range n {
			rows = append(rows, k)
		}
	}
	return pick(x, rows)
}

// interior returns the frames of paths (P, T, …) without the ends, copied.
func interior(paths tensor.Tensor) tensor.Tensor {
	return tensor.Contiguous(paths.Crop(1, 1, paths.Dim[1]-1, 1))
}

// row returns row k of x (N, …) as (…), copied.
func row(x tensor.Tensor, k int) tensor.Tensor { return imageOf(x, k) }

// stack returns tensors of one type as rows of one.
func stack(x []tensor.Tensor) tensor.Tensor {
	y := tensor.New(x[0].DType, append([]int{len(x)}, x[0].Shape()...)...)
	for i := range x {
		one, _ := y.Crop(0, i, i+1, 1).Reshape(x[0].Shape()...)
		tensor.Copy(one, x[i])
	}
	return y
}

// starts makes the straight lines and returns the starts (problems, Steps+1, C, H, W).
func (s *Geodesic) starts() (tensor.Tensor, error) {
	o := s.options
	var lines, starts []tensor.Tensor
	for q := range s.from.Dim[0] {
		a, b := row(s.from, q), row(s.to, q)
		line, err := StraightLine(a, b, o.Steps)
		if err != nil {
			return line, err
		}
		lines = append(lines, line)
		j := q % o.Starts
		if j > 0 || o.Init == Bridge {
			if line, err = BrownianBridge(a, b, o.Steps, o.BridgeNorm, o.Seed+uint64(j)); err != nil {
				return line, err
			}
		}
		starts = append(starts, line)
	}
	s.line = stack(lines)
	if o.Paths.Mem != nil {
		if err := s.givenStarts(starts); err != nil {
			return s.line, err
		}
	}
	return stack(starts), nil
}

// givenStarts replaces the first start of each pair by those of the options.
func (s *Geodesic) givenStarts(starts []tensor.Tensor) error {
	o := s.options
	want := s.line.Type
	want.Dim[0] = s.pairs()
	if want = tensor.MakeType(want.DType, want.Shape()...); o.Paths.Type != want {
		return fmt.Errorf("synth: the paths to start from are a %v; %v expected", o.Paths.Type, want)
	}
	for k := range s.pairs() {
		path := row(o.Paths, k)
		if !same(tensor.Floats(row(path, 0)), tensor.Floats(row(s.from, k*o.Starts))) || !same(tensor.Floats(row(path, o.Steps)), tensor.Floats(row(s.to, k*o.Starts))) {
			return fmt.Errorf("synth: path %d to start from does not lead from the first image to the last", k)
		}
		for i, v := range tensor.Floats(path) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("synth: element %d of path %d is %v; finite values are expected", i, k, v)
			}
		}
		starts[k*o.Starts] = path
	}
	return nil
}

func (s *Geodesic) pairs() int { return s.from.Dim[0] / s.options.Starts }

// tolerance returns what ends the search of each problem.
func (s *Geodesic) tolerance() []float64 {
	v := make([]float64, s.from.Dim[0])
	for q := range v {
		switch {
		case s.options.Tolerance != nil:
			v[q] = *s.options.Tolerance
		case s.options.Method == Energy:
			v[q] = math.Sqrt(sumOfSquares(tensor.Floats(row(s.line, q)))) / 1e4 * (1 + math.Sqrt(5)) / 2
		default:
			v[q] = 1e-4
		}
	}
	return v
}

func sumOfSquares(x []float64) (sum float64) {
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// ends are the images between which the problems of a program lie, and their
// representations.
type ends struct {
	a, b   autograd.Value // (P, 1, C, H, W)
	za, zb autograd.Value // (P, 1, …)
}

func (s *Geodesic) endsOf(t *autograd.Tape, problems []int) (e ends) {
	for _, c := range []struct {
		image tensor.Tensor
		x, z  *autograd.Value
	}{{s.from, &e.a, &e.za}, {s.to, &e.b, &e.zb}} {
		x := t.Const(pick(c.image, problems))
		shape := x.Type().Shape()
		*c.x = x.Reshape(append([]int{shape[0], 1}, shape[1:]...)...)
		*c.z = s.represent(*c.x)
	}
	return e
}

// represent returns the representations (P, T, …) of frames (P, T, C, H, W),
// which are one batch to the model.
func (s *Geodesic) represent(frames autograd.Value) autograd.Value {
	d := frames.Type().Dim
	images := frames.Reshape(d[0]*d[1], d[2], d[3], d[4])
	rep := s.model.Forward(images)
	t := rep.Type()
	if t.Rank < 2 || t.Dim[0] != d[0]*d[1] {
		fail("model", fmt.Errorf("its representation is a %v; (%d, …) is expected for %[2]d images", t, d[0]*d[1]), images.Type())
	}
	return rep.Reshape(d[0], d[1], -1)
}

// stepEnergies returns the squared L2 norms (P, T−1) of the steps of paths (P, T, …).
func stepEnergies(path autograd.Value) autograd.Value {
	n, t := path.Type().Dim[0], path.Type().Dim[1]
	step := path.Crop(1, 1, t).Sub(path.Crop(1, 0, t-1))
	return step.Abs2().Reshape(n, t-1, -1).SumWide(2)
}

// record records the loss for the given problems at x (P, Steps−1, C, H, W).
func (s *Geodesic) record(x autograd.Value, problems []int) objective {
	return s.losses(s.endsOf(x.Tape(), problems), x, s.represent(x))
}

// losses records the objective of frames x with representations z.
func (s *Geodesic) losses(e ends, x, z autograd.Value) (o objective) {
	energy := stepEnergies(autograd.Concat(1, e.za, z, e.zb)).Mean(1)
	path := autograd.Concat(1, e.a, x, e.b)
	penalty, weight := s.options.Penalty.Penalty(path)
	o.penalty, o.loss = penalty, energy.Add(penalty.Scale(weight))
	o.aside = [optim.Asides]autograd.Value{energy, stepEnergies(path).Mean(1)}
	return o
}

// dismiss frees the judge; it is made again when needed.
func (s *Geodesic) dismiss() {
	if s.judge != nil {
		s.judge.tape.Close()
		s.judge = nil
	}
}

// Close frees the memory of the search. A second call does nothing.
func (s *Geodesic) Close() {
	s.dismiss()
	s.Synthesis.Close()
}

// To moves the search to another backend. It errs, changing nothing, if its
// memory does not suffice.
func (s *Geodesic) To(dev autograd.Backend) error {
	s.dismiss()
	return s.Synthesis.To(dev)
}

// Paths returns the paths as they are, (N·Starts, Steps+1, C, H, W), in host
// memory, start j of pair k being row k·Starts + j. It errs if the backend fails.
func (s *Geodesic) Paths() (tensor.Tensor, error) {
	x, err := s.shapedImage()
	if err != nil {
		return x, err
	}
	return s.whole(x), nil
}

// whole returns frames (problems, Steps−1, …) with the ends.
func (s *Geodesic) whole(x tensor.Tensor) tensor.Tensor {
	y := tensor.New(s.line.DType, s.line.Shape()...)
	tensor.Copy(y, s.line)
	tensor.Copy(y.Crop(1, 1, s.options.Steps, 1), x)
	return y
}
