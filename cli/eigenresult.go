package cli

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/percept-go/percept/internal/report"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// result returns the vectors, or none where nothing was found yet.
func (m *eigenRun) result(n int) (x tensor.Tensor, err error) {
	pairs := m.Spectrum(n).Pairs
	if len(pairs) == 0 {
		return x, nil
	}
	x = tensor.New(tensor.Float64, append([]int{len(pairs)}, pairs[0].Vector.Shape()...)...)
	for i, p := range pairs {
		row, _ := x.Crop(0, i, i+1, 1).Reshape(p.Vector.Shape()...)
		tensor.Copy(row, p.Vector)
	}
	return x, nil
}

func (m *eigenRun) known(n int) runfolder.Object {
	p := m.Spectrum(n)
	values, residuals := make([]float64, len(p.Pairs)), make([]float64, len(p.Pairs))
	index, null, more := make([]int, len(p.Pairs)), make([]bool, len(p.Pairs)), make([]bool, len(p.Pairs))
	clusters := [][]int{}
	for i, pair := range p.Pairs {
		values[i], residuals[i], index[i], null[i], more[i] = pair.Value, pair.Residual, pair.Index, pair.Null, pair.More
		for len(clusters) < pair.Cluster {
			clusters = append(clusters, nil)
		}
		if pair.Cluster > 0 {
			clusters[pair.Cluster-1] = append(clusters[pair.Cluster-1], i)
		}
	}
	o := runfolder.Object{{Key: "eigenvalues", Value: values}, {Key: "eigenindex", Value: index}, {Key: "residuals", Value: residuals},
		{Key: "null", Value: null}, {Key: "clusters", Value: clusters}, {Key: "more", Value: more}, {Key: "products", Value: p.Products}}
	if p.NullDimension > 0 || p.NullExact {
		o.Add("null_space", runfolder.Object{{Key: "dimension_at_least", Value: p.NullDimension}, {Key: "exact", Value: p.NullExact}})
	}
	if m.f.way.value == string(synth.EigenRandomized) {
		o.Add("spectral_error", p.SpectralError)
	}
	return o
}

func (m *eigenRun) judge(n int, j *job) (*verdict, error) {
	p := m.Spectrum(n)
	if len(p.Pairs) == 0 {
		return &verdict{reason: "stopped before anything had converged; --resume goes on"}, nil
	}
	changes, err := m.Amplitudes(n, m.f.amplitudes...)
	if err != nil {
		return nil, err
	}
	v := &verdict{sentence: spectrumSentence(&p), methods: " T" + spectrumSentence(&p)[1:] + "."}
	var worst float64
	v.good, worst = m.solved(&p)
	switch {
	case p.StoppedBy == synth.StopTime:
		v.reason = fmt.Sprintf("the time was over after %d steps; --resume goes on", p.Steps)
	case !p.Converged:
		v.reason = fmt.Sprintf("not converged in %d steps: residuals up to %.2g of the largest eigenvalue remain; %s", p.Steps, worst, moreSteps(m.f))
	case !v.good:
		v.reason = fmt.Sprintf("the vectors are no eigenvectors yet: residuals up to %.2g of the largest eigenvalue remain (%.0e allowed); %s", worst, synth.SolvedResidual, moreSteps(m.f))
	}
	v.object = runfolder.Object{{Key: "ratio", Value: nil}}
	if r, why := ratio(&p); why == "" {
		v.object = with(v.object, "ratio", r)
	} else {
		v.object.Add("ratio_reason", why)
	}
	v.object.Add("amplitudes", changeObjects(changes))
	if err := m.pictures(&p, j, v); err != nil {
		return nil, err
	}
	for _, c := range changes {
		v.facts = append(v.facts, report.Fact{Name: fmt.Sprintf("At amplitude %g", c.Amplitude), Value: changeText(&p, c)})
	}
	return v, nil
}

// solved reports whether p is the spectrum, whatever a method says of its convergence,
// and the worst residual.
func (m *eigenRun) solved(p *synth.Spectrum) (good bool, worst float64) {
	for _, pair := range p.Pairs {
		worst = math.Max(worst, pair.Residual)
	}
	return p.Converged && len(p.Pairs) > 0 && worst <= synth.SolvedResidual, worst
}

func moreSteps(f *eigenFlags) string {
	switch f.way.value {
	case string(synth.EigenPower):
		return "--method lanczos converges faster"
	case string(synth.EigenRandomized):
		return "--method lanczos goes on until they are solved"
	}
	return "more --iterations may help"
}

// ratio returns the largest eigenvalue over the smallest that was found, or why
// there is none.
func ratio(p *synth.Spectrum) (r float64, why string) {
	least := p.Pairs[0]
	for _, pair := range p.Pairs {
		if pair.Value < least.Value {
			least = pair
		}
	}
	switch {
	case len(p.Pairs) == p.Top && least.Index != len(p.Pairs)-1, p.Top == len(p.Pairs) && !least.Null && p.NullDimension == 0 && !p.NullExact:
		return 0, "the bottom of the spectrum was not looked for"
	case least.Null:
		return 0, "the smallest eigenvalue is zero within rounding"
	}
	return p.Largest / least.Value, ""
}

// spectrumSentence says what was found.
func spectrumSentence(p *synth.Spectrum) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the largest eigenvalue is %.4g (residual %.1e of it)", p.Pairs[0].Value, p.Pairs[0].Residual)
	bottom := p.Pairs[len(p.Pairs)-1]
	if p.Top < len(p.Pairs) {
		bottom = p.Pairs[p.Top]
	}
	r, why := ratio(p)
	switch {
	case why == "":
		fmt.Fprintf(&b, ", the smallest %.4g, %.3g times less", bottom.Value, r)
	case bottom.Null:
		fmt.Fprintf(&b, "; the smallest is numerically null, in a space of dimension %s: no direction in it is less noticeable than another", dimensionText(p))
	}
	for _, c := range clustersOf(p) {
		switch {
		case len(c.members) == 1:
			fmt.Fprintf(&b, "; eigenvalue %s agrees with others beyond -k", c.members[0])
		case c.more:
			fmt.Fprintf(&b, "; eigenvalues %s agree within their residuals, and with others beyond -k", strings.Join(c.members, ", "))
		default:
			fmt.Fprintf(&b, "; eigenvalues %s agree within their residuals", strings.Join(c.members, ", "))
		}
	}
	return b.String()
}

// A namedCluster is a set of eigenvalues that agree, by their numbers.
type namedCluster struct {
	members []string
	more    bool
}

// clustersOf returns those of p that are not null, and single pairs that agree
// with others beyond those asked for.
func clustersOf(p *synth.Spectrum) (list []namedCluster) {
	place := map[int]int{}
	for _, pair := range p.Pairs {
		if pair.Null || pair.Cluster == 0 && !pair.More {
			continue
		}
		at, known := place[pair.Cluster]
		if !known || pair.Cluster == 0 {
			at = len(list)
			place[pair.Cluster] = at
			list = append(list, namedCluster{})
		}
		list[at].members = append(list[at].members, fmt.Sprint(pair.Index))
		list[at].more = list[at].more || pair.More
	}
	return list
}

func dimensionText(p *synth.Spectrum) string {
	if p.NullExact {
		return fmt.Sprint(p.NullDimension)
	}
	return fmt.Sprintf("at least %d", p.NullDimension)
}

func changeObjects(changes []synth.FiniteChange) []runfolder.Object {
	list := make([]runfolder.Object, len(changes))
	for i, c := range changes {
		list[i] = runfolder.Object{{Key: "amplitude", Value: c.Amplitude}, {Key: "change", Value: c.Change}, {Key: "predicted", Value: c.Predicted},
			{Key: "ranking_survives", Value: c.Survives}}
	}
	return list
}

// changeText says what distortions of one size do.
func changeText(p *synth.Spectrum, c synth.FiniteChange) string {
	text := fmt.Sprintf("the output changes by %.3g along the largest (%.3g predicted)", c.Change[0], c.Predicted[0])
	last := len(c.Change) - 1
	if p.Top < len(c.Change) {
		last = p.Top
	}
	if last > 0 {
		text += fmt.Sprintf(", by %.3g along the smallest (%.3g predicted)", c.Change[last], c.Predicted[last])
	}
	if !c.Survives {
		return text + "; the ranking by eigenvalues does not hold at this size"
	}
	return text + "; the ranking holds"
}

// pictures writes the image with each distortion; where all are known, with the
// first and the last.
func (m *eigenRun) pictures(p *synth.Spectrum, j *job, v *verdict) error {
	var list []runfolder.Object
	write := func(name string, pair synth.Eigenpair) error {
		x := tensor.New(tensor.Float64, j.target.Shape()...)
		for i, d := range tensor.Floats(pair.Vector) {
			x.StoreReal(i, j.target.LoadReal(i)+m.f.amplitude.v*d)
		}
		clipped, err := j.writePNG(name+".png", x)
		if err == nil {
			list = append(list, runfolder.Object{{Key: "file", Value: name + ".png"}, {Key: "amplitude", Value: m.f.amplitude.v}, {Key: "clipped", Value: clipped}})
			v.pictures = append(v.pictures, namedPicture{fmt.Sprintf("%s: with %g × eigendistortion %d", name, m.f.amplitude.v, pair.Index), name + ".png"})
		}
		return err
	}
	var err error
	if m.f.way.value == string(synth.EigenExact) && m.f.k.n == 0 {
		err = errors.Join(write("top-0", p.Pairs[0]), write("bottom-0", p.Pairs[len(p.Pairs)-1]))
	} else {
		for i, pair := range p.Pairs {
			name := fmt.Sprintf("top-%d", i)
			if i >= p.Top {
				name = fmt.Sprintf("bottom-%d", i-p.Top)
			}
			if err = write(name, pair); err != nil {
				break
			}
		}
	}
	if err != nil && !errors.Is(err, errNoPicture) {
		return err
	}
	v.object.Add("pictures", list)
	return nil
}
