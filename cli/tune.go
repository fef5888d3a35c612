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

// tuneFlags are those of percept tune, beside those of percept metamer.
type tuneFlags struct {
	*metamerFlags
	trials natural
	seeds  natural
	budget time.Duration
}

const (
	tuneJSON  = "tune.json"
	tuneState = "tune-state.json"
)

func (a *app) tuneCommand() *cobra.Command {
	f := &tuneFlags{metamerFlags: a.newMetamerFlags(), trials: natural{n: 24, min: 2}, seeds: natural{n: 3, min: 1}}
	c := &cobra.Command{
		Use:   "tune IMAGE…",
		Short: "Find the settings that reach a good metamer soonest",
		Long: `tune searches optimizer, learning rate, history, scheduler, loss and weights
of its groups, weight of the penalty, stages, normalisation and threads for the settings that reach a good outcome in the
fewest seconds. Flags that are given stay as they are.

All candidates run from one seed; the best third of them from two, and the best
of those from all, on every image (successive halving). The defaults take part
to the end. It prints medians with their spread and writes ` + tuneJSON + `, which
percept metamer takes as --config. It can be stopped at any time; --resume goes
on.`,
		Example: `  percept tune photo.png --model portilla-simoncelli:scales=3
  percept tune *.png --trials 40 --seeds 5 --budget 2m -o tuning
  percept tune --resume tuning
  percept metamer photo.png --config tuning/tune.json`,
		RunE: func(c *cobra.Command, args []string) error { return a.tune(c, f, args) },
	}
	c.Flags().SortFlags = false
	f.common().set = c.Flags()
	fs := c.Flags()
	fs.Var(&f.trials, "trials", "candidates")
	fs.Var(&f.seeds, "seeds", "starts of each image")
	fs.DurationVar(&f.budget, "budget", 30*time.Second, "the longest that one run may take")
	f.register(c)
	a.completeFlags(c)
	return c
}

// A tuning is a search, and what is kept of it.
type tuning struct {
	Paths    []string
	Settings map[string]any
	Trials   int
	Seeds    int
	Budget   time.Duration
	Measured map[string]measured // by candidate, image and seed

	app    *app
	folder runfolder.Folder
	list   []picture
	log    io.Writer
}

func (a *app) tune(c *cobra.Command, f *tuneFlags, paths []string) error {
	ctx, stop := interruptible()
	defer stop()
	t, err := a.tuning(c, f, paths)
	if err != nil {
		return err
	}
	if t.list, err = a.load(t.Paths, f.image.options()); err != nil {
		return err
	}
	ranking, err := t.search(ctx)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		a.note("to go on: percept tune --resume %s", commandWord(t.folder.Dir))
		return &exitError{code: ExitInterrupted}
	}
	best := ranking[0]
	if err := t.write(best); err != nil {
		return err
	}
	if err := t.print(f, ranking); err != nil {
		return err
	}
	if best.good() == 0 {
		return &exitError{code: ExitNotMatched}
	}
	return nil
}

// tuning begins a search, or takes up the one of --resume.
func (a *app) tuning(c *cobra.Command, f *tuneFlags, paths []string) (*tuning, error) {
	t := &tuning{Measured: map[string]measured{}, app: a, log: a.stderr}
	if f.progress.value == "none" {
		t.log = io.Discard
	}
	if f.resume != "" {
		t.folder = runfolder.Folder{Dir: filepath.Clean(f.resume)}
		if err := runfolder.ReadJSON(t.folder.Path(tuneState), t); err != nil {
			return nil, err
		}
		if err := apply(c.Flags(), t.Settings); err != nil {
			return nil, err
		}
		return t, f.check()
	}
	if len(paths) == 0 {
		return nil, usage("an image to tune for is missing")
	}
	for _, name := range []string{"batch", "iterations", "time", "match", "mask", "output-size", "config"} {
		if c.Flags().Changed(name) {
			return nil, usage("--%s cannot be given: it is no part of the search", name)
		}
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	t.Paths, t.Trials, t.Seeds, t.Budget = paths, f.trials.n, f.seeds.n, f.budget
	t.Settings = given(c.Flags())
	var err error
	if f.out != "" {
		t.folder, err = runfolder.Create(f.out, f.force)
	} else {
		t.folder, err = runfolder.CreateNew(runfolder.BaseName(paths[0]) + "-tune")
	}
	return t, folderError(err)
}

// ownFlags are those of tune that a metamer does not have.
var ownFlags = map[string]bool{"trials": true, "seeds": true, "budget": true}

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
	if n := c.iterations(); n > 0 {
		s = with(s, "iterations", n)
	}
	s = with(s, "seed", 0, "batch", 1, "time", nil)
	return t.folder.WriteJSON(tuneJSON, runfolder.Object{
		{Key: "format", Value: 1}, {Key: "method", Value: metamerMethod.name}, {Key: "input", Value: t.list[0].record()},
		{Key: "settings", Value: s}, {Key: "tuned", Value: c.object()}, {Key: "versions", Value: versions()},
	})
}

func (t *tuning) print(f *tuneFlags, ranking []*candidate) error {
	if f.json {
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
		fmt.Fprintf(w, "%s\t%s to %s\t%d of %d\t%s\n", secondsText(mid), secondsText(lo), secondsText(hi), c.good(), len(c.runs), c)
	}
	w.Flush() // a Builder takes everything
	fmt.Fprintf(&b, "\nThe best of these %d, of %d that were tried: %s\nTo use it: percept metamer IMAGE --config %s\n", len(ranking), t.Trials, ranking[0], commandWord(t.folder.Path(tuneJSON)))
	_, err := io.WriteString(t.app.stdout, b.String())
	return err
}

// flags returns the flags of a metamer with the settings of c.
func (t *tuning) flags(c *candidate) (*metamerFlags, error) {
	f := t.app.newMetamerFlags()
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
	return f, nil
}
