package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/percept-go/percept/internal/judge"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// orNaN returns a number of run.json, NaN if there is none.
func (v *runView) orNaN(keys ...string) float64 {
	if x, ok := v.number(keys...); ok {
		return x
	}
	return math.NaN()
}

// checkMAD judges the MAD image of v.
func (v *runView) checkMAD(f *checkFlags) (c checked, err error) {
	c.heads = []string{"", "at the start", "now", "measured", "allowed"}
	m := judge.MAD{Max: v.setting("target") == "max", Constrained: v.setting("tradeoff") == "constrained", FromPNG: f.png, Coarse: v.words("dtype") == "float32",
		Names:    [2]string{v.setting("reference-metric"), v.setting("optimized-metric")},
		Level:    v.orNaN("reference_metric", "level"),
		Recorded: [2]float64{v.orNaN("reference_metric", "value"), v.orNaN("optimized_metric", "value")}, History: v.history.Column("optimized_metric")}
	if m.Reference, err = v.image(runfolder.Target); err != nil {
		return c, err
	}
	if m.Start, err = v.image(runfolder.Start); err != nil {
		return c, err
	}
	if f.png {
		m.Image, err = v.picture(runfolder.ResultPNG, m.Reference)
	} else if m.Image, err = v.image(runfolder.Result); errors.Is(err, fs.ErrNotExist) {
		m.FromPNG = true
		m.Image, err = v.picture(runfolder.ResultPNG, m.Reference)
	}
	if err != nil {
		return c, err
	}
	h, w := m.Reference.Dim[2], m.Reference.Dim[3]
	if m.Held, err = v.metric("reference-metric", h, w); err != nil {
		return c, err
	}
	if m.Driven, err = v.metric("optimized-metric", h, w); err != nil {
		return c, err
	}
	var q judge.MADMeasure
	for i, name := range m.Names {
		m.Names[i] = shortSpec(name)
	}
	if c.Verdict, q, err = m.Judge(); err == nil && !c.Good {
		c.Advice = v.adviseMAD(q, m.Constrained)
	}
	return c, err
}

// metric returns the metric of the run that a flag names.
func (v *runView) metric(flag string, h, w int) (metric, error) {
	s, kind, err := v.app.metrics.Parse(v.setting(flag))
	if err != nil {
		return nil, err
	}
	return kind.construct(s, h, w)
}

// adviseMAD says what to try for a MAD image.
func (v *runView) adviseMAD(q judge.MADMeasure, constrained bool) []judge.Advice {
	a := &adviser{v: v}
	more := max(int(v.iteration()), 100)
	if q.Residual > 1e-3 && v.words("stopped_by") != "tolerance" || q.Moving > .01 {
		a.add("the optimized metric was still moving: go on", "--resume", v.folder.Dir, "--iterations", fmt.Sprintf("+%d", more))
	}
	if constrained && v.setting("dtype") == tensor.Float32.String() {
		a.anew("float64 goes on where the rounding of float32 ends the search", "float64", "--dtype", "float64", "--init", v.folder.Path(runfolder.Result))
	}
	if !constrained {
		a.anew("hold the metric exactly, without a weight", "constrained", "--tradeoff", "constrained", "--recipe", "none",
			"--iterations", fmt.Sprint(optim.Tangent{}.Iterations()), "--tolerance", fmt.Sprint(synth.MatchedKKT))
		if weight, ok := v.number("tradeoff_weight"); ok && weight > 0 {
			if math.Abs(q.Drift) > 1e-3 {
				a.anew("the reference metric drifts: a trade-off ten times larger", "held", "--tradeoff", fmt.Sprint(10*weight))
			} else {
				a.anew("the optimized metric hardly moves: a trade-off ten times smaller", "freer", "--tradeoff", fmt.Sprint(weight/10))
			}
		}
		a.anew("lower the rate as the run goes on", "cosine", "--optimizer", "adam", "--scheduler", fmt.Sprintf("cosine:iterations=%d", more))
	}
	a.anew("make it from several noises and keep the best", "starts", "--starts", "4")
	a.anew("other noise", "other-start", "--seed", fmt.Sprint(v.seed()+1))
	return a.list
}

// checkEigendistortions judges the eigendistortions of v.
func (v *runView) checkEigendistortions(_ *checkFlags) (c checked, err error) {
	c.heads = []string{"index", "eigenvalue", "residual", "norm", ""}
	e := judge.Eigendistortions{Values: v.numbers("eigenvalues"), Amplitude: v.orNaN("settings", "amplitude")}
	for _, k := range v.numbers("eigenindex") {
		e.Index = append(e.Index, int(k))
	}
	if e.Image, err = v.image(runfolder.Target); err != nil {
		return c, err
	}
	if e.Vectors, err = v.image(runfolder.Result); err != nil {
		return c, err
	}
	if e.Model, err = v.model(e.Image.Dim[2], e.Image.Dim[3]); err != nil {
		return c, err
	}
	if c.Verdict, err = e.Judge(); err == nil && !c.Good {
		a := &adviser{v: v}
		a.add("more steps", "--resume", v.folder.Dir, "--iterations", fmt.Sprintf("+%d", max(int(v.iteration()), 500)))
		if v.setting("method") != "lanczos" {
			a.anew("Lanczos' method needs far fewer products", "lanczos", "--method", "lanczos", "--recipe", "none")
		}
		a.anew("all eigenvectors at once, of a smaller image", "exact", "--method", "exact", "--size", "24x24")
		c.Advice = a.list
	}
	return c, err
}

// checkGeodesic judges the path of v.
func (v *runView) checkGeodesic(_ *checkFlags) (c checked, err error) {
	c.heads = []string{"", "measured", "allowed"}
	g := judge.Geodesic{Recorded: v.orNaN("path_energy"), Spread: math.NaN(), Coarse: v.words("dtype") == "float32",
		Conditional: v.setting("method") == "conditional", Settled: v.words("stopped_by") == "tolerance", Projected: v.orNaN("projected_gradient")}
	if starts, _ := at(v.record, "starts").([]any); len(starts) > 1 {
		g.Spread = v.orNaN("spread_over_starts")
	}
	if g.Ends, err = v.image(runfolder.Target); err != nil {
		return c, err
	}
	if g.Path, err = v.image(runfolder.Result); err != nil {
		return c, err
	}
	if g.Model, err = v.model(g.Ends.Dim[2], g.Ends.Dim[3]); err != nil {
		return c, err
	}
	if c.Verdict, err = g.Judge(); err == nil && !c.Good {
		a := &adviser{v: v}
		a.add("go on", "--resume", v.folder.Dir, "--iterations", fmt.Sprintf("+%d", max(int(v.iteration()), 50)))
		if v.setting("method") == "energy" {
			a.anew("the conditional geodesic has its own steps, which converge", "conditional", "--method", "conditional", "--recipe", "none",
				"--iterations", fmt.Sprint(geodesicIterations), "--starts", "2")
			a.anew("another optimizer", "lbfgs", "--optimizer", "lbfgs")
		}
		a.anew("more starts: the least of their energies is kept", "starts", "--starts", "4")
		a.anew("more steps, each of them shorter", "steps", "--steps", "20")
		c.Advice = a.list
	}
	return c, err
}
