package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/percept-go/percept/internal/report"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// geodesicRun is the search for the geodesic of one pair. What it tells of the
// pair is of the best start so far.
type geodesicRun struct {
	*synth.Geodesic
	f     *geodesicFlags
	ended synth.Result // the last stretch of all starts
}

func (m *geodesicRun) Run(ctx context.Context, stop synth.Stop) (synth.Result, error) {
	r, err := m.Geodesic.Run(ctx, stop)
	m.ended = r
	b := m.Best(0)
	one := synth.Result{StoppedBy: r.StoppedBy[b : b+1], Iterations: r.Iterations[b : b+1], Evaluations: r.Evaluations[b : b+1], Loss: r.Loss[b : b+1], Seconds: r.Seconds}
	for _, by := range r.StoppedBy {
		if by == synth.StopIterations { // a start goes on
			one.StoppedBy = []synth.StopReason{by}
		}
	}
	return one, err
}

func (m *geodesicRun) History(int) []synth.Record { return m.Geodesic.History(m.Best(0)) }
func (m *geodesicRun) Frames(int) []synth.Frame   { return m.Geodesic.Frames(m.Best(0)) }

func (m *geodesicRun) Save(w io.Writer, _ ...int) error { return m.Geodesic.Save(w) }

func (m *geodesicRun) result(int) (tensor.Tensor, error) {
	paths, err := m.Paths()
	if err != nil {
		return paths, err
	}
	path := tensor.New(paths.DType, paths.Shape()[1:]...)
	b := m.Best(0)
	one, _ := paths.Crop(0, b, b+1, 1).Reshape(path.Shape()...)
	tensor.Copy(path, one)
	return path, nil
}

func (m *geodesicRun) known(int) runfolder.Object {
	var list []runfolder.Object
	for j := range m.Starts() {
		h := m.Geodesic.History(j)
		last := h[len(h)-1]
		o := runfolder.Object{{Key: "init", Value: m.f.init.value}, {Key: "iterations", Value: last.Iteration}, {Key: "evaluations", Value: last.Evaluations}, {Key: "loss", Value: last.Loss},
			{Key: "path_energy", Value: last.Aside[0]}, {Key: "image_energy", Value: last.Aside[1]}, {Key: "stopped_by", Value: nil}}
		if j > 0 {
			o = with(o, "init", string(synth.Bridge))
		}
		if j < len(m.ended.StoppedBy) {
			o = with(o, "stopped_by", string(m.ended.StoppedBy[j]))
		}
		list = append(list, o)
	}
	return runfolder.Object{{Key: "best_start", Value: m.Best(0)}, {Key: "starts", Value: list}}
}

func (m *geodesicRun) outcomes() error {
	_, err := m.Outcome()
	return err
}

func (m *geodesicRun) judge(_ int, j *job) (*verdict, error) {
	all, err := m.Outcome()
	if err != nil {
		return nil, err
	}
	o := &all[0]
	v := &verdict{good: o.Good, sentence: geodesicSentence(o), object: geodesicObject(o)}
	if !o.Good {
		v.reason = geodesicShortcomings(o, m.f.method())
	}
	v.facts = geodesicFacts(o)
	v.methods = " " + strings.ToUpper(v.sentence[:1]) + v.sentence[1:] + "."
	path, err := m.result(0)
	if err != nil {
		return nil, err
	}
	return v, m.picture(j, path, v)
}

// geodesicSentence says what a path has come to.
func geodesicSentence(o *synth.GeodesicOutcome) string {
	s := fmt.Sprintf("the path energy is %.4g where the pixel fade has %.4g", o.Energy, o.Pixelfade.Energy)
	if o.Along == nil {
		return s + "; the ends are represented alike"
	}
	return s + fmt.Sprintf(" and none has less than %.4g; steps vary by %s", o.Energy*o.Bound, percentText(o.Evenness))
}

// geodesicShortcomings says why o is no good geodesic.
func geodesicShortcomings(o *synth.GeodesicOutcome, way synth.GeodesicMethod) string {
	var list []string
	add := func(value, limit float64, text string) {
		if value > limit {
			list = append(list, fmt.Sprintf(text, percentText(value), percentText(limit)))
		}
	}
	add(o.Gain, synth.GoodGain, "one step along the gradient would still remove %s of the path energy (%s allowed): it has not converged; give more --iterations")
	add(o.Evenness, synth.GoodEvenness, "the represented steps vary by %s of their mean (%s allowed): more --steps or --iterations may help")
	add(o.Spread, synth.GoodSpread, "path energies of the starts differ by %s (%s allowed): there may be better paths; give more --starts or --iterations")
	add(o.PenaltyShare, synth.GoodPenalty, "%s of the objective is penalty (%s allowed)")
	if !(o.Energy <= o.Pixelfade.Energy) {
		list = append(list, fmt.Sprintf("the path energy %.4g is above the pixel fade's %.4g", o.Energy, o.Pixelfade.Energy))
	}
	if way == synth.Conditional && !(o.Projected <= synth.GoodProjected) && o.StoppedBy != synth.StopTolerance {
		if math.IsNaN(o.Projected) {
			list = append(list, "the search for the shortest path in the images has not begun; give more --iterations")
		} else {
			add(o.Projected, synth.GoodProjected, "%s of the image energy's gradient is still free to act (%s allowed): the path can be shorter in the images; give more --iterations")
		}
	}
	if list == nil {
		list = append(list, "it does not hold what a geodesic must")
	}
	return strings.Join(list, "; ")
}

// geodesicObject is what was measured of a path, in run.json.
func geodesicObject(o *synth.GeodesicOutcome) runfolder.Object {
	object := runfolder.Object{
		{Key: "path_energy", Value: o.Energy},
		{Key: "image_energy", Value: o.ImageEnergy},
		{Key: "straight_energy", Value: o.Energy * o.Bound},
		{Key: "straight_over_path_energy", Value: o.Bound},
		{Key: "pixelfade", Value: pathObject(&o.Pixelfade)},
		{Key: "path", Value: pathObject(&o.PathMeasure)},
		{Key: "deviation_from_line", Value: o.Deviation},
		{Key: "evenness", Value: o.Evenness},
		{Key: "spread_over_starts", Value: o.Spread},
		{Key: "gain_of_a_step", Value: o.Gain},
		{Key: "projected_gradient", Value: o.Projected},
		{Key: "penalty_share", Value: o.PenaltyShare},
		{Key: "clipped", Value: o.Clipped},
		{Key: "limits", Value: runfolder.Object{{Key: "gain_of_a_step", Value: synth.GoodGain}, {Key: "evenness", Value: synth.GoodEvenness},
			{Key: "spread_over_starts", Value: synth.GoodSpread}, {Key: "penalty_share", Value: synth.GoodPenalty}, {Key: "projected_gradient", Value: synth.GoodProjected}}},
	}
	if math.IsNaN(o.Projected) {
		object = with(object, "projected_gradient", nil)
	}
	return object
}

func pathObject(m *synth.PathMeasure) runfolder.Object {
	return runfolder.Object{{Key: "path_energy", Value: m.Energy}, {Key: "image_energy", Value: m.ImageEnergy}, {Key: "step_energy", Value: m.StepEnergy},
		{Key: "along", Value: m.Along}, {Key: "from", Value: m.From}, {Key: "jerkiness", Value: m.Jerkiness}}
}

func geodesicFacts(o *synth.GeodesicOutcome) []report.Fact {
	fade := 0.
	for _, d := range o.Pixelfade.From {
		fade = math.Max(fade, d)
	}
	facts := []report.Fact{
		{Name: "Path energy", Value: fmt.Sprintf("%.4g; the pixel fade's is %.4g; a straight line between the representations of the ends would have %.4g, a bound that images may not be able to reach", o.Energy, o.Pixelfade.Energy, o.Energy*o.Bound)},
		{Name: "Deviation from that line", Value: fmt.Sprintf("%s of its length (pixel fade %s)", percentText(o.Deviation), percentText(fade))},
		{Name: "Image energy", Value: fmt.Sprintf("%.4g; the pixel fade's, the least, is %.4g", o.ImageEnergy, o.Pixelfade.ImageEnergy)},
		{Name: "Evenness", Value: fmt.Sprintf("represented steps vary by %s of their mean", percentText(o.Evenness))},
		{Name: "Starts", Value: fmt.Sprintf("their path energies differ by %s; the best is number %d", percentText(o.Spread), o.Start)},
	}
	if o.Along == nil {
		facts = append(facts[:1], facts[2:]...)
	}
	return facts
}

// pathPNG shows the frames of the path, below them the pixel fade's, and below
// those what the path adds to it.
const pathPNG = "path.png"

func (m *geodesicRun) picture(j *job, path tensor.Tensor, v *verdict) error {
	frames, c, h, w := path.Dim[0], path.Dim[1], path.Dim[2], path.Dim[3]
	if c != 1 && c != 3 {
		return nil
	}
	fade, err := synth.StraightLine(frame(path, 0), frame(path, frames-1), frames-1)
	if err != nil {
		return err
	}
	const gap = 2
	most := 1e-12
	a, b := tensor.Floats(path), tensor.Floats(fade)
	for i := range a {
		most = math.Max(most, math.Abs(a[i]-b[i]))
	}
	gain := .5 / most
	sheet := tensor.New(tensor.Float64, 1, c, 3*h+2*gap, frames*(w+gap)-gap)
	for i := range sheet.Len() {
		sheet.StoreReal(i, 1)
	}
	for i := range frames {
		p, q := frame(path, i), frame(fade, i)
		d := tensor.New(tensor.Float64, c, h, w)
		for k := range d.Len() {
			d.StoreReal(k, .5+gain*(p.LoadReal(k)-q.LoadReal(k)))
		}
		for row, x := range []tensor.Tensor{p, q, d} {
			place := sheet.Crop(2, row*(h+gap), row*(h+gap)+h, 1).Crop(3, i*(w+gap), i*(w+gap)+w, 1)
			one, _ := cast(x, tensor.Float64).Reshape(1, c, h, w)
			tensor.Copy(place, one)
		}
	}
	if _, err := j.writePNG(pathPNG, sheet); err != nil && !errors.Is(err, errNoPicture) {
		return err
	}
	v.pictures = append(v.pictures, namedPicture{fmt.Sprintf("the geodesic, the pixel fade, and their difference × %.2g on gray", gain), pathPNG})
	return nil
}

// frame returns frame i of a path (T, C, H, W), copied.
func frame(path tensor.Tensor, i int) tensor.Tensor {
	x := tensor.New(path.DType, path.Shape()[1:]...)
	one, _ := path.Crop(0, i, i+1, 1).Reshape(x.Shape()...)
	tensor.Copy(x, one)
	return x
}
