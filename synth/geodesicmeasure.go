package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A PathMeasure is what is measured of one path.
type PathMeasure struct {
	Energy      float64   // mean squared L2 norm of the represented path's steps
	StepEnergy  []float64 // squared L2 norm of each step
	ImageEnergy float64   // mean squared L2 norm of the steps between frames
	Penalty     float64   // without weight
	Chord       float64   // L2 distance of the representations of the ends
	// Along and From say how far along the straight line between the ends'
	// representations, and how far from it, each frame's representation is, in
	// units of its length; nil where the ends are represented alike.
	Along, From []float64
	// Jerkiness is, for each frame between the ends, the squared L2 norm of the
	// image gradient of how far its representation is from the middle of its
	// neighbours': 0 where no change of the frame would straighten the path.
	Jerkiness []float64
	// Gain is the part of the objective that the best step along its gradient
	// would remove: 0 for a geodesic.
	Gain float64
}

// alike is the distance of two representations, relative to the norm of one,
// below which they differ by rounding.
const alike = 1e-9

// pathJudge measures paths of any kind.
type pathJudge struct {
	tape   *autograd.Tape
	x, z   autograd.Value // (P, T, C, H, W), (P, T, entries)
	prog   *autograd.Program
	weight float64 // of the penalty
}

// judged returns the judge, making it if there is none.
func (s *Geodesic) judged() (*pathJudge, error) {
	if s.judge != nil {
		return s.judge, nil
	}
	dev := s.device
	if s.Synthesis != nil {
		dev = s.backend
	}
	j := &pathJudge{tape: autograd.New(dev)}
	if err := j.make(s); err != nil {
		j.tape.Close()
		return nil, err
	}
	s.judge = j
	return j, nil
}

// make records and compiles the judge of s.
func (j *pathJudge) make(s *Geodesic) error {
	var outs []autograd.Value
	if err := autograd.Try(func() {
		j.x = j.tape.Var("paths", s.line)
		j.z = s.represent(j.x)
		var penalty autograd.Value
		penalty, j.weight = s.options.Penalty.Penalty(j.x)
		weighted := penalty.Scale(j.weight)
		loss := stepEnergies(j.z).Mean(1).Add(weighted)
		outs = []autograd.Value{j.z, stepEnergies(j.x), penalty, loss, jerkiness(j.x, j.z), gain(j.x, j.z, loss, weighted)}
	}); err != nil {
		return err
	}
	var err error
	j.prog, err = j.tape.Compile(outs, autograd.Value{})
	return err
}

// jerkiness records that of paths x (P, T, …) with representations z: (P, T−2).
func jerkiness(x, z autograd.Value) autograd.Value {
	n, t := z.Type().Dim[0], z.Type().Dim[1]
	bend := z.Crop(1, 2, t).Add(z.Crop(1, 0, t-2)).Sub(z.Crop(1, 1, t-1).Scale(2))
	norm := rootOf(bend.Abs2().Reshape(n, t-2, -1).SumWide(2))
	one := z.Tape().Scalar(tensor.Float64, 1)
	norm = autograd.Where(norm.Eq(z.Tape().Scalar(tensor.Float64, 0)), one, norm).Cast(z.Type().DType.Real())
	unit := bend.Div(norm.Reshape(n, t-2, 1))
	slope := autograd.VJP(z, unit.PadWith(0, [2]int{1, 1}, [2]int{}), x)[0].Crop(1, 1, t-1)
	return slope.Square().Reshape(n, t-2, -1).SumWide(2)
}

// gain records what part of the loss (P,) of paths x the best step along its
// gradient between the ends, preconditioned as by Gauss–Newton steps, removes.
func gain(x, z, loss, penalty autograd.Value) autograd.Value {
	n, t := x.Type().Dim[0], x.Type().Dim[1]
	g := autograd.Grad(loss, x)[0].Crop(1, 1, t-1)
	v := smooth(g)
	whole := v.PadWith(0, [2]int{1, 1}, [2]int{}, [2]int{}, [2]int{})
	curvature := stepEnergies(autograd.JVP(z, x, whole)).Mean(1).Scale(2)
	bend := autograd.HVP(penalty, x, whole)
	curvature = curvature.Add(whole.Mul(bend).Reshape(n, -1).SumWide(1))
	slope := g.Mul(v).Reshape(n, -1).SumWide(1)
	tiny := x.Tape().Scalar(tensor.Float64, math.SmallestNonzeroFloat64)
	return slope.Mul(slope).Div(curvature.Mul(loss).Scale(2).Max(tiny))
}

// read returns the elements of output i, row by row; complex ones as pairs.
func (j *pathJudge) read(i int) ([][]float64, error) {
	out, err := j.prog.Out(i)
	if err != nil {
		return nil, err
	}
	return framesOf(out), nil
}

// measure measures paths (problems, Steps+1, C, H, W).
func (j *pathJudge) measure(paths tensor.Tensor) ([]PathMeasure, error) {
	if err := j.tape.Set(j.x, paths); err != nil {
		return nil, err
	}
	if err := j.prog.Run(); err != nil {
		return nil, err
	}
	var outs [6][][]float64
	for i := range outs {
		v, err := j.read(i)
		if err != nil {
			return nil, err
		}
		outs[i] = v
	}
	all := make([]PathMeasure, paths.Dim[0])
	for k := range all {
		m := &all[k]
		frames := make([][]float64, paths.Dim[1])
		size := len(outs[0][k]) / len(frames)
		for i := range frames {
			frames[i] = outs[0][k][i*size : (i+1)*size]
		}
		for i := 1; i < len(frames); i++ {
			d := distanceOf(frames[i], frames[i-1])
			m.StepEnergy = append(m.StepEnergy, d*d)
			m.Energy += d * d / float64(len(frames)-1)
			m.ImageEnergy += outs[1][k][i-1] / float64(len(frames)-1)
		}
		m.Penalty, m.Chord = outs[2][k][0], distanceOf(frames[0], frames[len(frames)-1])
		if m.Chord > alike*math.Sqrt(sumOfSquares(frames[0])) {
			m.Along, m.From, _ = deviate(frames, false)
		}
		m.Jerkiness, m.Gain = outs[4][k], outs[5][k][0]
	}
	return all, nil
}

// Measure measures paths (N·Starts, Steps+1, C, H, W) of any kind as those of s
// are: the path of a film, for example. It errs if they are of another type or
// the backend fails.
func (s *Geodesic) Measure(paths tensor.Tensor) ([]PathMeasure, error) {
	if paths.Type != s.line.Type {
		return nil, fmt.Errorf("synth: the paths are a %v; %v expected", paths.Type, s.line.Type)
	}
	j, err := s.judged()
	if err != nil {
		return nil, err
	}
	return j.measure(tensor.Contiguous(paths))
}

// lossesOf returns the objectives of paths.
func (s *Geodesic) lossesOf(paths tensor.Tensor) ([]float64, error) {
	j, err := s.judged()
	if err != nil {
		return nil, err
	}
	if _, err := j.measure(paths); err != nil {
		return nil, err
	}
	v, err := j.read(3)
	if err != nil {
		return nil, err
	}
	losses := make([]float64, len(v))
	for k := range v {
		losses[k] = v[k][0]
	}
	return losses, nil
}

// checkModel measures the straight lines and refuses a model that does not serve
// them; where memory is only counted all do.
func (s *Geodesic) checkModel() error {
	if err := checkSteady(s.device, "model", s.from, s.model.Forward); err != nil {
		return err
	}
	j, err := s.judged()
	if err != nil {
		return err
	}
	if s.fade, err = j.measure(s.line); err != nil {
		return err
	}
	before, err := j.read(0)
	if err != nil {
		return err
	}
	if onlyCounts(s.device) {
		return s.checkGradient(j)
	}
	for q, m := range s.fade {
		for i, v := range before[q] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("synth: entry %d of the representations of pair %d is %v: the model does not serve these images", i, q/s.options.Starts, v)
			}
		}
		if m.Energy == 0 {
			return fmt.Errorf("synth: the model's output is the same for every frame of the straight line of pair %d: it does not tell these images apart, and every path is as short as any other", q/s.options.Starts)
		}
	}
	if err := s.checkGradient(j); err != nil {
		return err
	}
	return s.checkMixing(j, before)
}

// unseenStep is the largest part of the change that is expected of a model's output
// along a straight line, for its gradient and that of the images, that is rounding.
func (s *Geodesic) unseenStep() float64 {
	if s.line.DType == tensor.Float32 {
		return 1e-5
	}
	return 1e-12
}

// checkGradient refuses a model whose output has no gradient along the straight
// lines, or one that does not see what changes there.
func (s *Geodesic) checkGradient(j *pathJudge) error {
	var slope autograd.Value
	if err := autograd.Try(func() {
		typ := j.z.Type()
		u := tensor.New(typ.DType, typ.Shape()...)
		for i := range u.Len() {
			u.StoreReal(i, math.Cos(float64(i))) // any that no symmetry cancels
		}
		slope = autograd.VJP(j.z, j.tape.Const(u), j.x)[0].Square().Reshape(typ.Dim[0], -1).SumWide(1)
	}); err != nil {
		return err
	}
	p, err := j.tape.Compile([]autograd.Value{slope}, autograd.Value{})
	if err != nil {
		return err
	}
	defer p.Close()
	if err := j.tape.Set(j.x, s.line); err != nil {
		return err
	}
	if err := p.Run(); err != nil {
		return err
	}
	out, err := p.Out(0)
	if err != nil || onlyCounts(s.device) {
		return err
	}
	for q, v := range framesOf(out) {
		expected := v[0] / float64(s.line.Len()/s.line.Dim[0]) * s.fade[q].ImageEnergy
		if limit := s.unseenStep(); v[0] > 0 && s.fade[q].Energy <= limit*limit*expected {
			return fmt.Errorf("synth: but for rounding, the model's output is the same for every frame of the straight line of pair %d: it does not tell these images apart, and the straight line is as short as any path", q/s.options.Starts)
		}
		if v[0] == 0 {
			return fmt.Errorf("synth: the gradient of the model's output is 0 on the whole straight line of pair %d: a path cannot be improved by it; take a model that is differentiable between these images", q/s.options.Starts)
		}
	}
	return nil
}

// checkMixing refuses a model in which one frame moves another's output.
func (s *Geodesic) checkMixing(j *pathJudge, before [][]float64) error {
	other := tensor.New(s.line.DType, s.line.Shape()...)
	tensor.Copy(other, s.line)
	tensor.Copy(other.Crop(1, 0, 1, 1), s.line.Crop(1, 1, 2, 1))
	if _, err := j.measure(other); err != nil {
		return err
	}
	after, err := j.read(0)
	if err != nil {
		return err
	}
	for q := range before {
		each := len(before[q]) / s.line.Dim[1]
		if !same(before[q][each:], after[q][each:]) {
			return fmt.Errorf("synth: the model mixes images: when one frame changes, so does its output for others; frames are one batch to the model")
		}
	}
	return nil
}
