package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/internal/judge"
	"github.com/percept-go/percept/internal/runfolder"
)

// checkFlags are those of percept check.
type checkFlags struct {
	png    bool
	crops  int
	json   bool
	target string // of an image without a run
	start  string
	model  specFlag[modelKind]
	image  imageFlags
}

func (a *app) checkCommand() *cobra.Command {
	f := &checkFlags{model: a.modelFlag()}
	c := &cobra.Command{
		Use:   "check DIR…",
		Short: "Judge finished runs from their files",
		Long: `check measures again, from the files of a run alone, whether it succeeded, and
says what to try if it did not. Of a metamer it compares what remains of each
group's error with other crops of the source image (else of example textures)
and with unrelated images; the total loss never decides, since two crops of one
texture differ in it as much as a texture differs from noise. Groups to which
the loss gave no weight count too.

An image that percept did not make is judged with --target.

It ends with exit code 0 if all runs succeeded, 3 if one did not, 1 if files
cannot be read and 2 if it was called wrongly.`,
		Example: `  percept check run
  percept check runs --json                          all runs below a folder
  percept check run --png                            as a viewer of result.png sees it
  percept check other.png --target photo.png --model portilla-simoncelli:scales=3`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.check(f, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.BoolVar(&f.png, "png", false, "judge result.png, clipped and rounded, instead of result.npy")
	fs.IntVar(&f.crops, "crops", defaultCrops, "other crops, and unrelated images, to compare a metamer with")
	fs.StringVar(&f.target, "target", "", "the arguments are images; this `IMAGE` is their target")
	fs.StringVar(&f.start, "start", "", "with --target: the `IMAGE` that they were made from")
	fs.Var(&f.model, "model", "with --target: the model")
	f.image.register(fs)
	fs.BoolVar(&f.json, "json", false, "print all as JSON")
	a.completeFlags(c)
	return c
}

// defaultCrops is how many other images a metamer is compared with.
const defaultCrops = 24

// A checked is a run with its verdict.
type checked struct {
	name   string
	method string
	judge.Verdict
	heads []string // of the table
	err   error
}

func (a *app) check(f *checkFlags, args []string) error {
	if f.crops < 0 {
		return usage("--crops %d: a number of images is expected", f.crops)
	}
	var list []checked
	if f.target != "" {
		for _, path := range args {
			c, err := a.checkImage(f, path)
			if err != nil {
				return err
			}
			list = append(list, c)
		}
	} else {
		dirs, err := runFolders(args)
		if err != nil {
			return err
		}
		for _, dir := range dirs {
			list = append(list, a.checkRun(f, dir))
		}
	}
	if err := a.printChecked(f, list); err != nil {
		return err
	}
	return checkEnding(list)
}

// checkers judge the run of each method. (A variable would refer to itself: the
// advice asks the whole command for its flags.)
func checkers() map[string]func(v *runView, f *checkFlags) (checked, error) {
	return map[string]func(v *runView, f *checkFlags) (checked, error){
		"metamer":         (*runView).checkMetamer,
		"mad":             (*runView).checkMAD,
		"eigendistortion": (*runView).checkEigendistortions,
		"geodesic":        (*runView).checkGeodesic,
	}
}

// checkRun judges the run in dir.
func (a *app) checkRun(f *checkFlags, dir string) checked {
	c := checked{name: dir}
	v, err := a.viewRun(dir)
	if err != nil {
		c.err = err
		return c
	}
	judged, ok := checkers()[v.method]
	if !ok {
		c.err = fmt.Errorf("%s: there is no judge of the method %q", dir, v.method)
		return c
	}
	if c, err = judged(v, f); err != nil {
		c.err = fmt.Errorf("%s: %w", dir, err)
	}
	c.name, c.method = dir, v.method
	if v.words("outcome") == interrupted && c.err == nil {
		c.Notes = append(c.Notes, "the run has not ended: this is how it stands")
	}
	return c
}

// checkEnding returns the error with the exit code of the worst of list. What
// failed has been printed.
func checkEnding(list []checked) error {
	var err error
	for _, c := range list {
		if c.err != nil {
			return &exitError{code: ExitFailed}
		}
		if !c.Good {
			err = &exitError{code: ExitNotMatched}
		}
	}
	return err
}

func (a *app) printChecked(f *checkFlags, list []checked) error {
	for _, c := range list {
		if c.err != nil {
			fmt.Fprintf(a.stderr, "percept: %v\n", c.err)
		}
	}
	if f.json {
		runs := make([]runfolder.Object, len(list))
		for i, c := range list {
			runs[i] = c.object()
		}
		if len(runs) == 1 {
			return a.printJSON(runs[0])
		}
		return a.printJSON(runfolder.Object{{Key: "runs", Value: runs}})
	}
	for i, c := range list {
		if c.err != nil {
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := c.print(a.stdout); err != nil {
			return err
		}
	}
	return nil
}

// print writes the table, the sentence, and what to try.
func (c *checked) print(w io.Writer) error {
	var b strings.Builder
	if len(c.Rows) > 0 {
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "\t%s\n", strings.Join(c.heads, "\t"))
		for _, r := range c.Rows {
			mark := "ok"
			if !r.Good {
				mark = "NO"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", mark, r.Name, strings.Join(r.Cells, "\t"))
		}
		t.Flush() // a Builder takes everything
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s: %s\n", c.name, c.Sentence)
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	if len(c.Advice) > 0 {
		b.WriteString("\nWhat to try, in this order:\n")
	}
	for i, x := range c.Advice {
		fmt.Fprintf(&b, "%d. %s\n   %s\n", i+1, x.Why, commandLine(x.Args))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// object is c as JSON.
func (c *checked) object() runfolder.Object {
	o := runfolder.Object{{Key: "folder", Value: c.name}, {Key: "method", Value: c.method}, {Key: "good", Value: c.Good}}
	if c.err != nil {
		return append(o, runfolder.Member{Key: "error", Value: c.err.Error()})
	}
	o.Add("sentence", c.Sentence)
	o.Add("reasons", notNil(c.Reasons))
	o.Add("notes", notNil(c.Notes))
	table := make([]runfolder.Object, len(c.Rows))
	for i, r := range c.Rows {
		table[i] = runfolder.Object{{Key: c.heads[0], Value: r.Name}, {Key: "good", Value: r.Good}}
		for k, cell := range r.Cells {
			table[i].Add(c.heads[k+1], cell)
		}
	}
	o.Add("table", table)
	facts := runfolder.Object{}
	for _, x := range c.Facts {
		facts.Add(x.Name, x.Value)
	}
	o.Add("measured", facts)
	advice := make([]runfolder.Object, len(c.Advice))
	for i, x := range c.Advice {
		advice[i] = runfolder.Object{{Key: "why", Value: x.Why}, {Key: "command", Value: commandLine(x.Args)}}
	}
	o.Add("advice", advice)
	return o
}

// notNil makes JSON write an empty list.
func notNil(s []string) []string { return append([]string{}, s...) }
