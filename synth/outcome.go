package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// What a metamer must reach to count as matched.
const (
	MatchedError   = .01 // most of the representation's error at the start that may remain
	MatchedGroup   = .02 // the same of each group
	MatchedPenalty = .01 // most that the weighted penalty may be, of the objective at the start
)

const (
	// A group whose error at the start is below this part of the target's norm is
	// measured against that part instead: there is nothing to gain in it.
	leastStart = .01
	// leastMove is the root mean square change of pixels that counts as having
	// moved, of the target's standard deviation.
	leastMove = .01
)

// A GroupError says how well a part of the representation is matched. Entries
// that the loss does not count are left out.
type GroupError struct {
	Name    string
	Entries int
	Start   float64 // L2 norm of the difference from the target, at the start
	Error   float64 // the same now
	Ratio   float64 // of the two
}

// An Outcome judges an image.
type Outcome struct {
	Matched      bool // the criteria hold
	StoppedBy    StopReason
	Whole        GroupError   // of the whole representation
	Groups       []GroupError // of the model's groups
	Loss         float64      // without scale and penalty
	Penalty      float64      // without weight
	PenaltyShare float64      // with weight, of the objective at the start
	Moved        float64      // root mean square change of pixels from the start
	Still        bool         // that is less than a hundredth of the target's standard deviation
	FromTarget   float64      // root mean square distance of pixels to the target; NaN if that is no one image
	Clipped      int          // pixels outside the penalty's range, or [0, 1]
}

// judge evaluates representations and losses of images of any kind.
type judge struct {
	tape    *autograd.Tape
	x       autograd.Value
	prog    *autograd.Program
	counted []bool    // entries of an image's representation that the loss counts
	target  []float64 // representation of the target, as parts of complex entries
	words   int       // parts of an entry
	last    int       // size of the representation's last axis
	weight  float64   // of the penalty
}

// judgement is what a judge finds.
type judgement struct {
	rep           []float64
	loss, penalty []float64 // per problem
}

// judged returns the judge, making it if there is none.
func (s *Metamer) judged() (*judge, error) {
	if s.judge != nil {
		return s.judge, nil
	}
	dev := s.device
	if s.Synthesis != nil {
		dev = s.backend
	}
	j := &judge{tape: autograd.New(dev)}
	err := j.make(s)
	if err != nil {
		j.tape.Close()
		return nil, err
	}
	s.judge = j
	return j, nil
}

// make records and compiles the judge of s.
func (j *judge) make(s *Metamer) error {
	all := upTo(s.begin.Dim[0])
	var outs []autograd.Value
	if err := autograd.Try(func() {
		j.x = j.tape.Var("image", s.begin)
		loss, penalty, weight := s.distance(j.x, all)
		rep := s.represent(j.x, whole)
		target := s.targetOf(j.tape, all, whole)
		away := target.AddScalar(1).Pin()
		slope := autograd.Grad(s.options.Loss.Loss(away, target, s.groups()), away)[0]
		outs, j.weight, j.last = []autograd.Value{rep, loss, penalty, slope, target}, weight, lastAxis(rep)
		if j.words = 1; rep.Type().DType.IsComplex() {
			j.words = 2
		}
	}); err != nil {
		return err
	}
	prog, err := j.tape.Compile(outs, autograd.Value{})
	if err != nil {
		return err
	}
	j.prog = prog
	if err := prog.Run(); err != nil {
		return err
	}
	if j.target, err = j.read(4); err != nil {
		return err
	}
	for i, v := range j.target {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("synth: entry %d of the target's representation is %v: the model does not serve this target", i/j.words, v)
		}
	}
	slope, err := j.read(3)
	if err != nil {
		return err
	}
	j.counted = make([]bool, len(slope)/j.words/s.batch[0])
	for i, v := range slope {
		if v != 0 {
			j.counted[i/j.words%len(j.counted)] = true
		}
	}
	return nil
}

// read returns the elements of output i; those of a complex one as pairs.
func (j *judge) read(i int) ([]float64, error) {
	out, err := j.prog.Out(i)
	if err != nil {
		return nil, err
	}
	d := tensor.Float64
	if out.DType.IsComplex() {
		d = tensor.Complex128
	}
	x := tensor.New(d, out.Shape()...)
	tensor.Copy(x, out)
	return tensor.Span[float64](x), nil
}

// evaluate judges images x, shaped as problems.
func (j *judge) evaluate(x tensor.Tensor) (f judgement, err error) {
	if err := j.tape.Set(j.x, x); err != nil {
		return f, err
	}
	if err := j.prog.Run(); err != nil {
		return f, err
	}
	for i, to := range []*[]float64{&f.rep, &f.loss, &f.penalty} {
		if *to, err = j.read(i); err != nil {
			return f, err
		}
	}
	return f, nil
}

// onlyCounts reports whether memory of dev is only counted, so that what is read from
// it says nothing of a model.
func onlyCounts(dev autograd.Backend) bool {
	_, counts := dev.(*autograd.Ledger)
	return counts
}

// onCPU reports whether dev is the CPU, or counts what the CPU would take.
func onCPU(dev autograd.Backend) bool {
	if l, counts := dev.(*autograd.Ledger); counts {
		dev = l.Backend()
	}
	_, cpu := dev.(autograd.CPU)
	return cpu || dev == nil
}

// checkModel evaluates the start and refuses a model that mixes images or whose
// representation does not depend on them; where memory is only counted there is
// nothing to see. It returns the losses.
func (s *Metamer) checkModel() ([]float64, error) {
	start := s.begin
	if err := checkSteady(s.device, "model", start, s.model.Forward); err != nil {
		return nil, err
	}
	j, err := s.judged()
	if err != nil {
		return nil, err
	}
	found, err := j.evaluate(start)
	if err != nil {
		return nil, err
	}
	s.atStart = found
	if onlyCounts(s.device) {
		return found.loss, nil
	}
	n := s.batch[0]
	each := len(found.rep) / n
	if same(found.rep, j.target) && (s.target.Mem == nil || !same(tensor.Floats(start), tensor.Floats(s.target))) {
		return nil, fmt.Errorf("synth: the model's output for the start is that for the target: it does not depend on the image")
	}
	if s.options.Joint || n == 1 {
		return found.loss, nil
	}
	other := pick(start, upTo(n))
	if first := other.Crop(0, 0, 1, 1); s.target.Mem != nil {
		tensor.Copy(first, s.target.Crop(0, 1, 2, 1))
	} else {
		for i := range first.Len() {
			first.StoreReal(i, .5*first.LoadReal(i)+.25)
		}
	}
	changed, err := j.evaluate(other)
	if err != nil {
		return nil, err
	}
	for k := 1; k < n; k++ {
		if !same(found.rep[k*each:(k+1)*each], changed.rep[k*each:(k+1)*each]) {
			return nil, fmt.Errorf("synth: the model mixes images: when image 0 of the batch changes, so does its output for image %d; "+
				"synthesize them one by one, or as one problem with Joint", k)
		}
	}
	return found.loss, nil
}

func upTo(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

// same reports whether x and y have the same bits, NaN included.
func same(x, y []float64) bool {
	for i := range x {
		if math.Float64bits(x[i]) != math.Float64bits(y[i]) {
			return false
		}
	}
	return true
}

// Objective returns the loss, scaled, and the penalty, without weight, of each
// problem for other images of the target's type: one problem for each image, or
// one in all with Joint. The objective is the loss plus weight times penalty. It
// errs if x is of another type or the backend fails.
func (s *Metamer) Objective(x tensor.Tensor) (loss, penalty []float64, err error) {
	if x.Type != s.target.Type {
		return nil, nil, fmt.Errorf("synth: the images are a %v; %v expected", x.Type, s.target.Type)
	}
	j, err := s.judged()
	if err != nil {
		return nil, nil, err
	}
	f, err := j.evaluate(s.problems(tensor.Contiguous(x)))
	if err != nil {
		return nil, nil, err
	}
	for i := range f.loss {
		f.loss[i] /= s.scale[i]
	}
	return f.loss, f.penalty, nil
}

// Outcome judges the images as they are. It errs if the backend fails.
func (s *Metamer) Outcome() ([]Outcome, error) {
	x, err := s.Image()
	if err != nil {
		return nil, err
	}
	return s.Judge(x)
}

// Judge judges images of the target's type as Outcome does those of s, for
// example those that a file holds. It errs if x is of another type or the
// backend fails.
func (s *Metamer) Judge(x tensor.Tensor) ([]Outcome, error) {
	if x.Type != s.target.Type {
		return nil, fmt.Errorf("synth: the images are a %v; %v expected", x.Type, s.target.Type)
	}
	j, err := s.judged()
	if err != nil {
		return nil, err
	}
	now, err := j.evaluate(s.problems(tensor.Contiguous(x)))
	if err != nil {
		return nil, err
	}
	out := make([]Outcome, s.batch[0])
	for k := range out {
		out[k] = s.outcome(j, now, x, k)
	}
	return out, nil
}

// outcome judges image k of x.
func (s *Metamer) outcome(j *judge, now judgement, x tensor.Tensor, k int) Outcome {
	problem := min(k, len(now.loss)-1)
	o := Outcome{StoppedBy: s.tracks[problem].ended, Loss: now.loss[problem], Penalty: now.penalty[problem]}
	image := tensor.Floats(x.Crop(0, k, k+1, 1))
	var target []float64
	o.FromTarget = math.NaN()
	if s.target.Mem != nil {
		target = tensor.Floats(s.target.Crop(0, k, k+1, 1))
		o.FromTarget = rmsDistance(image, target)
	} else {
		target = tensor.Floats(s.matched[0].Image)
	}
	start, _ := s.start.Reshape(s.batch...)
	o.Moved = rmsDistance(image, tensor.Floats(start.Crop(0, k, k+1, 1)))
	low, high := 0., 1.
	if r, ranged := s.options.Penalty.(Range); ranged {
		low, high = r.withDefaults().Low, r.withDefaults().High
	}
	for _, v := range image {
		if v < low || v > high {
			o.Clipped++
		}
	}
	if weighted := now.penalty[problem] * j.weight; weighted > 0 {
		o.PenaltyShare = weighted / (s.atStart.loss[problem]/s.scale[problem] + s.atStart.penalty[problem]*j.weight)
	}
	o.Whole = s.groupError(j, now, k, Group{Name: "all"})
	o.Matched = o.Whole.Ratio <= MatchedError
	for _, g := range s.groups() {
		e := s.groupError(j, now, k, g)
		o.Groups = append(o.Groups, e)
		o.Matched = o.Matched && e.Ratio <= MatchedGroup
	}
	o.Still = !(o.Moved >= leastMove*deviation(target))
	o.Matched = o.Matched && o.PenaltyShare <= MatchedPenalty && !o.Still
	return o
}

// groupError compares the entries of g, or all if g lists none, of image k.
func (s *Metamer) groupError(j *judge, now judgement, k int, g Group) GroupError {
	size := j.last
	e := GroupError{Name: g.Name}
	member := make([]bool, size)
	for i := range member {
		member[i] = g.From == nil
	}
	for _, i := range g.From {
		if i >= 0 {
			member[i] = true
		}
	}
	var start, end, norm float64
	for i, counts := range j.counted {
		if !counts || !member[i%size] {
			continue
		}
		e.Entries++
		for w := range j.words {
			at := (k*len(j.counted)+i)*j.words + w
			t := j.target[at]
			start += (s.atStart.rep[at] - t) * (s.atStart.rep[at] - t)
			end += (now.rep[at] - t) * (now.rep[at] - t)
			norm += t * t
		}
	}
	e.Start, e.Error = math.Sqrt(start), math.Sqrt(end)
	if from := math.Max(e.Start, leastStart*math.Sqrt(norm)); e.Error > 0 {
		e.Ratio = e.Error / from
	}
	return e
}

func rmsDistance(x, y []float64) float64 {
	sum := 0.
	for i := range x {
		sum += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Sqrt(sum / float64(len(x)))
}

// deviation returns the standard deviation of x.
func deviation(x []float64) float64 {
	mean := 0.
	for _, v := range x {
		mean += v / float64(len(x))
	}
	sum := 0.
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)))
}
