package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/percept-go/percept/internal/runfolder"
)

// tuneFlags are those of percept tune, beside those of the method.
type tuneFlags struct {
	trials natural
	seeds  natural
	budget time.Duration
	drift  optional
}

const (
	tuneJSON  = "tune.json"
	tuneState = "tune-state.json"
)

// tuneCommand is that of metamers, with one below it for every other method.
func (a *app) tuneCommand() *cobra.Command {
	c := a.tuneCommandOf(tuners()[0], "tune IMAGE…")
	for _, k := range tuners()[1:] {
		c.AddCommand(a.tuneCommandOf(k, k.method.name+" "+k.images))
	}
	return c
}

func (a *app) tuneCommandOf(k *tuner, use string) *cobra.Command {
	f, own := k.method.flags(a), &tuneFlags{trials: natural{n: 24, min: 2}, seeds: natural{n: 3, min: 1}}
	c := &cobra.Command{
		Use: use, Short: k.short, Example: k.example, Args: cobra.ArbitraryArgs,
		Long: k.long + `

All candidates run from one seed; the best third of them, and what the best of
them are together, from two, and the best of those from all, on every image
(successive halving). The defaults take part to the end. Flags that are given stay
as they are. It prints medians with their spread and writes ` + tuneJSON + `, which
percept ` + k.method.name + ` takes as --config. It can be stopped at any time; percept tune
--resume goes on, also to more --trials or --seeds.

It ends with exit code 0 if the best settings reach a good outcome within
--budget, 3 if none do, 1 if it failed, 2 if it was called wrongly, and 130 if it
was interrupted.`,
		RunE: func(c *cobra.Command, args []string) error { return a.tune(c, k, f, own, args) },
	}
	c.Flags().SortFlags = false
	f.common().set = c.Flags()
	fs := c.Flags()
	fs.Var(&own.trials, "trials", "candidates")
	fs.Var(&own.seeds, "seeds", "starts of each image")
	fs.DurationVar(&own.budget, "budget", 30*time.Second, "the longest that one run may take")
	if k.drifts {
		fs.Var(&own.drift, "drift", "part of its level by which the metric that is held may be off in a good outcome (default that of percept mad)")
	}
	f.register(c)
	a.completeFlags(c)
	return c
}

// A tuning is a search, and what is kept of it.
type tuning struct {
	Method   string
	Paths    []string
	Settings map[string]any
	Trials   int
	Seeds    int
	Budget   time.Duration
	Drift    float64             `json:",omitempty"`
	Measured map[string]measured // by candidate, image and seed

	app      *app
	tuner    *tuner
	folder   runfolder.Folder
	subjects [][]picture // what a run is made from: one image, or a pair
	log      io.Writer
}

func (a *app) tune(c *cobra.Command, k *tuner, f methodFlags, own *tuneFlags, paths []string) error {
	ctx, stop := interruptible()
	defer stop()
	t, err := a.tuning(c, k, f, own, paths)
	if err != nil {
		return err
	}
	ranking, err := t.search(ctx)
	if ctx.Err() != nil {
		a.note("to go on: percept tune --resume %s", commandWord(t.folder.Dir))
		return &exitError{code: ExitInterrupted}
	}
	if err != nil {
		return err
	}
	best := ranking[0]
	if err := t.write(best); err != nil {
		return err
	}
	if err := t.print(f.common().json, ranking); err != nil {
		return err
	}
	if best.good() == 0 {
		return &exitError{code: ExitNotMatched}
	}
	return nil
}

// tuning begins a search, or takes up the one of --resume.
func (a *app) tuning(c *cobra.Command, k *tuner, f methodFlags, own *tuneFlags, paths []string) (*tuning, error) {
	t := &tuning{Method: k.method.name, Measured: map[string]measured{}, app: a, tuner: k, log: a.stderr}
	run := f.common()
	if run.progress.value == "none" {
		t.log = io.Discard
	}
	if run.resume != "" {
		if err := t.resume(c, own, run.resume, paths); err != nil {
			return nil, err
		}
		return t, t.load()
	}
	if len(paths) == 0 {
		return nil, usage("an image to tune for is missing")
	}
	for _, name := range []string{"batch", "iterations", "time", "match", "mask", "output-size", "config"} {
		if c.Flags().Changed(name) {
			return nil, usage("--%s cannot be given: it is no part of the search", name)
		}
	}
	var err error
	if paths, err = f.paths(c, paths); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	t.Paths, t.Trials, t.Seeds, t.Budget, t.Drift = paths, own.trials.n, own.seeds.n, own.budget, own.drift.v
	t.Settings = given(c.Flags())
	if err := t.load(); err != nil {
		return nil, err
	}
	if run.out != "" {
		t.folder, err = runfolder.Create(run.out, run.force)
	} else {
		t.folder, err = runfolder.CreateNew(runfolder.BaseName(paths[0]) + "-tune")
	}
	return t, folderError(err)
}

// continuing are the flags that may be given with --resume.
var continuing = map[string]bool{"resume": true, "progress": true, "json": true, "trials": true, "seeds": true, "budget": true}

// resume reads what the search in dir was, whatever its method.
func (t *tuning) resume(c *cobra.Command, own *tuneFlags, dir string, paths []string) (err error) {
	if len(paths) > 0 {
		return usage("--resume continues with the images of %s; no other can be given", dir)
	}
	c.Flags().Visit(func(g *pflag.Flag) {
		if !continuing[g.Name] && err == nil {
			err = usage("--%s cannot change when a search is resumed: only --trials, --seeds and --budget can", g.Name)
		}
	})
	if err != nil {
		return err
	}
	t.folder = runfolder.Folder{Dir: filepath.Clean(dir)}
	if err := runfolder.ReadJSON(t.folder.Path(tuneState), t); err != nil {
		return err
	}
	if t.tuner = tunerOf(t.Method); t.tuner == nil {
		return fmt.Errorf("%s is of the method %q, which is not tuned", t.folder.Path(tuneState), t.Method)
	}
	for name, set := range map[string]func(){"trials": func() { t.Trials = own.trials.n }, "seeds": func() { t.Seeds = own.seeds.n }, "budget": func() { t.Budget = own.budget }} {
		if c.Flags().Changed(name) {
			set()
		}
	}
	return nil
}

// load reads the images.
func (t *tuning) load() error {
	f, err := t.flags(&candidate{})
	if err != nil {
		return err
	}
	list, err := t.app.load(t.Paths, f.common().image.options())
	if err != nil {
		return err
	}
	if t.tuner.paired {
		t.subjects = [][]picture{list}
		return nil
	}
	for _, p := range list {
		t.subjects = append(t.subjects, []picture{p})
	}
	return nil
}

// ownFlags are those of tune that its methods do not have.
var ownFlags = map[string]bool{"trials": true, "seeds": true, "budget": true, "drift": true}

// given returns the settings that were given on the command line.
func given(fs *pflag.FlagSet) map[string]any {
	m := map[string]any{}
	fs.Visit(func(g *pflag.Flag) {
		if !outside[g.Name] && !ownFlags[g.Name] {
			m[g.Name] = setting(g)
		}
	})
	return m
}

// save keeps what was measured.
func (t *tuning) save() error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return t.folder.WriteBytes(tuneState, append(data, '\n'))
}

// write writes the settings of c as --config takes them.
func (t *tuning) write(c *candidate) error {
	f, err := t.flags(c)
	if err != nil {
		return err
	}
	f.complete()
	s := settings(f.common().set)
	if n := c.iterations(); n > 0 && t.tuner.endless {
		s = with(s, "iterations", n)
	}
	s = with(s, "seed", 0, "batch", 1, "time", nil)
	var inputs []inputRecord
	for _, list := range t.subjects[:1] {
		for _, p := range list {
			inputs = append(inputs, p.record())
		}
	}
	o := runfolder.Object{{Key: "format", Value: 1}, {Key: "method", Value: t.Method}, {Key: "input", Value: inputs[0]}}
	if len(inputs) > 1 {
		o.Add("inputs", inputs)
	}
	return t.folder.WriteJSON(tuneJSON, append(o, runfolder.Object{{Key: "settings", Value: s}, {Key: "tuned", Value: c.object()}, {Key: "versions", Value: versions()}}...))
}

func (t *tuning) print(asJSON bool, ranking []*candidate) error {
	if asJSON {
		list := make([]runfolder.Object, len(ranking))
		for i, c := range ranking {
			list[i] = c.object()
		}
		return t.app.printJSON(runfolder.Object{{Key: "folder", Value: t.folder.Dir}, {Key: "ranking", Value: list}})
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "median\tspread\tgood\tsettings")
	for _, c := range ranking {
		lo, mid, hi := c.spread()
		fmt.Fprintf(w, "%s\t%s\t%d of %d\t%s\n", secondsText(mid), spreadText(lo, hi), c.good(), len(c.runs), c)
	}
	w.Flush() // a Builder takes everything
	fmt.Fprintf(&b, "\nThe best of these %d, of %d that were tried: %s\nTo use it: percept %s %s --config %s\n", len(ranking), t.tried(), ranking[0],
		t.Method, strings.TrimSuffix(t.tuner.images, "…"), commandWord(t.folder.Path(tuneJSON)))
	_, err := io.WriteString(t.app.stdout, b.String())
	return err
}

// tried returns how many candidates were measured.
func (t *tuning) tried() int {
	seen := map[string]bool{}
	for key := range t.Measured {
		c, _, _ := strings.Cut(key, " | ")
		seen[c] = true
	}
	return len(seen)
}

// flags returns the flags of the method with the settings of c.
func (t *tuning) flags(c *candidate) (methodFlags, error) {
	f := t.tuner.method.flags(t.app)
	cmd := &cobra.Command{}
	f.common().set = cmd.Flags()
	f.register(cmd)
	if err := apply(cmd.Flags(), t.Settings); err != nil {
		return nil, err
	}
	for _, s := range c.set {
		if err := cmd.Flags().Set(s.flag, s.value); err != nil {
			return nil, fmt.Errorf("--%s %s: %w", s.flag, s.value, err)
		}
	}
	return f, f.check()
}
