package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
)

// checkModelFlags are those of percept check-model.
type checkModelFlags struct {
	model   specFlag[modelKind]
	metric  specFlag[metricKind]
	penalty specFlag[func(spec.Spec) (synth.Penalty, error)]
	color   *choice
	size    sizeFlag
	seed    natural
	json    bool
}

func (a *app) checkModelCommand() *cobra.Command {
	f := checkModelFlags{model: specFlag[modelKind]{table: a.models}, metric: specFlag[metricKind]{table: a.metrics}}
	f.penalty.table = &penalties
	c := &cobra.Command{
		Use:   "check-model [MODEL]",
		Short: "Judge a model, metric or penalty before it is used",
		Long: `check-model runs a model on small images of noise and says whether its output and
gradient exist, are finite, the same every time, of the images' precision, and for
each image depend on that image alone; whether its groups and scales are what they
promise. What is wrong is named, with what to do. The exit code is 0 if nothing
failed, warnings aside, and 3 otherwise.`,
		Example: `  percept check-model on-off
  percept check-model portilla-simoncelli:scales=3 --size 96x64 --json
  percept check-model --metric nlpd:epsilon=1e-20 --penalty range:high=0.9`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				if err := f.model.Set(args[0]); err != nil {
					return usage("%w", err)
				}
			}
			return a.checkModel(&f)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	f.color = newChoice("gray", "rgb")
	f.size = sizeFlag{}
	_ = f.size.Set("128x128") // a size
	fs.Var(&f.metric, "metric", "a metric to judge")
	fs.Var(&f.penalty, "penalty", "a penalty to judge")
	fs.Var(&f.size, "size", "height and width of the test images in pixels")
	fs.Var(f.color, "color", "channels of the test images")
	fs.Var(&f.seed, "seed", "what the noise is drawn from")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	c.ValidArgsFunction = cobra.FixedCompletions(a.models.Names(), cobra.ShellCompDirectiveNoFileComp)
	a.completeFlags(c)
	return c
}

// A judged thing is what was checked, and what was found.
type judgedThing struct {
	kind, spec string
	verdict    synth.Verdict
}

func (a *app) checkModel(f *checkModelFlags) error {
	o := synth.CheckOptions{Height: f.size.H, Width: f.size.W, Seed: uint64(f.seed.n)}
	if f.color.value == "rgb" {
		o.Channels = 3
	}
	list, err := f.judge(o)
	if err != nil {
		return err
	}
	if list == nil {
		return usage("a MODEL, --metric or --penalty is missing")
	}
	if err := a.printJudged(list, f.json); err != nil {
		return err
	}
	for _, j := range list {
		if j.verdict.Severity() == synth.Failed {
			return &exitError{code: ExitNotMatched}
		}
	}
	return nil
}

// judge checks all that was named.
func (f *checkModelFlags) judge(o synth.CheckOptions) (list []judgedThing, err error) {
	add := func(kind, spec string, v synth.Verdict, err error) error {
		list = append(list, judgedThing{kind, spec, v})
		return err
	}
	if f.model.given() {
		m, err := f.model.make.construct(f.model.spec, o.Height, o.Width)
		if err != nil {
			return nil, usage("%w; --size gives other test images%s", err, f.model.make.hint(err, f.model.spec, o.Height, o.Width))
		}
		v, err := synth.Check(m, o)
		if err := add("model", f.model.String(), v, err); err != nil {
			return nil, err
		}
	}
	if f.metric.given() {
		m, err := f.metric.make.construct(f.metric.spec, o.Height, o.Width)
		if err != nil {
			return nil, usage("%w", err)
		}
		v, err := synth.CheckMetric(m, o)
		if err := add("metric", f.metric.String(), v, err); err != nil {
			return nil, err
		}
	}
	if f.penalty.given() {
		p, err := f.penalty.make(f.penalty.spec)
		if err != nil {
			return nil, err
		}
		v, err := synth.CheckPenalty(p, o)
		if err := add("penalty", f.penalty.String(), v, err); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// printJudged prints a line for each finding, what to do under it.
func (a *app) printJudged(list []judgedThing, asJSON bool) error {
	if asJSON {
		objects := make([]runfolder.Object, len(list))
		for i, j := range list {
			objects[i] = j.object()
		}
		return a.printJSON(objects)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, j := range list {
		fmt.Fprintf(w, "%s %s\n", j.kind, j.spec)
		for _, x := range j.verdict {
			fmt.Fprintf(w, "  %s\t%v\t%s\n", x.Name, x.Severity, x.Found)
			if x.Advice != "" {
				fmt.Fprintf(w, "\t\t→ %s\n", x.Advice)
			}
		}
	}
	return w.Flush()
}

func (j judgedThing) object() runfolder.Object {
	findings := make([]runfolder.Object, len(j.verdict))
	for i, x := range j.verdict {
		findings[i] = runfolder.Object{{Key: "check", Value: x.Name}, {Key: "level", Value: x.Severity.String()}, {Key: "found", Value: x.Found}, {Key: "advice", Value: x.Advice}}
	}
	return runfolder.Object{{Key: "kind", Value: j.kind}, {Key: "spec", Value: j.spec}, {Key: "level", Value: j.verdict.Severity().String()}, {Key: "findings", Value: findings}}
}
