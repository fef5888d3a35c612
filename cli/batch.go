package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/spec"
)

// batchFlags are those of percept batch.
type batchFlags struct {
	out   string
	jobs  natural
	retry bool
	json  bool
}

func (a *app) batchCommand() *cobra.Command {
	f := &batchFlags{jobs: natural{n: 1, min: 1}}
	c := &cobra.Command{
		Use:   "batch FILE",
		Short: "Run many syntheses from a file",
		Long: `batch runs the syntheses that FILE lists, one on each line: a command line without
"percept", or a JSON object with "method", "image" (or "images") and flags. Empty
lines and those that begin with # are left out; - is the standard input.

Each gets a folder in that of -o, and ` + runfolder.IndexCSV + ` lists them. When batch is called
again with the same FILE and folder, what has ended is left alone, and what was
interrupted goes on.

It ends with the exit code of the worst run.`,
		Example: `  percept batch runs.txt -o runs
  percept batch runs.txt -o runs --jobs 4          four at a time, which share the threads
  printf 'metamer a.png --seed 1\nmetamer a.png --seed 2\n' | percept batch - -o runs
  echo '{"method": "metamer", "image": "a.png", "seed": 3, "optimizer": "adam"}' | percept batch - -o more`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.batch(f, args[0]) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVarP(&f.out, "output", "o", "", "folder `DIR` of the runs (default FILE without its extension)")
	fs.Var(&f.jobs, "jobs", "runs at a time; they share the threads")
	fs.BoolVar(&f.retry, "retry", false, "run again what has failed")
	fs.BoolVar(&f.json, "json", false, "print the index as JSON")
	a.completeFlags(c)
	return c
}

// A batchLine is one run.
type batchLine struct {
	number  int
	args    []string
	sub     string // its folder in that of the batch
	outcome string
	code    int
	message string
}

func (a *app) batch(f *batchFlags, path string) error {
	lines, err := readBatch(path)
	if err != nil {
		return err
	}
	parent := runfolder.Folder{Dir: cmp.Or(f.out, strings.TrimSuffix(path, filepath.Ext(path)))}
	if path == "-" && f.out == "" {
		return usage("the folder of the runs is missing: -o DIR")
	}
	if err := os.MkdirAll(parent.Dir, 0o777); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	b := &batchRun{app: a, f: f, parent: parent, lines: lines}
	if err := b.all(ctx); err != nil {
		return err
	}
	return b.ending(ctx)
}

// batchMethods are the commands that a line may begin with.
var batchMethods = map[string]bool{"metamer": true, "mad": true, "eigendistortion": true, "geodesic": true}

// readBatch reads the lines of a file, which are numbered from 1.
func readBatch(path string) ([]*batchLine, error) {
	var in io.Reader = os.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	s := bufio.NewScanner(in)
	s.Buffer(nil, 1<<20)
	var lines []*batchLine
	for n := 1; s.Scan(); n++ {
		text := strings.TrimSpace(s.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		args, err := lineArgs(text)
		if err == nil && !batchMethods[args[0]] {
			err = fmt.Errorf("%q is no method", args[0])
		}
		if err == nil && slices.ContainsFunc(args, func(a string) bool {
			return a == "-o" || strings.HasPrefix(a, "--output") || strings.HasPrefix(a, "--resume")
		}) {
			err = errors.New("the folder is that of the batch: -o and --resume cannot be given")
		}
		if err != nil {
			return nil, usage("line %d: %w", n, err)
		}
		lines = append(lines, &batchLine{number: n, args: args, sub: lineFolder(n, args)})
	}
	if len(lines) == 0 && s.Err() == nil {
		return nil, usage("%s lists no runs", path)
	}
	return lines, s.Err()
}

// lineFolder names the folder of a line by its number and its image.
func lineFolder(n int, args []string) string {
	name := args[0]
	if len(args) > 1 && !strings.HasPrefix(args[1], "-") {
		name = runfolder.BaseName(args[1]) + "-" + name
	}
	return fmt.Sprintf("%04d-%s", n, name)
}

// lineArgs returns the arguments of a line.
func lineArgs(text string) ([]string, error) {
	if !strings.HasPrefix(text, "{") {
		return shellWords(strings.TrimPrefix(text, "percept "))
	}
	var o map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	method, _ := o["method"].(string)
	if method == "" {
		return nil, errors.New(`"method" is missing`)
	}
	args := []string{method}
	if path, ok := o["image"].(string); ok {
		args = append(args, path)
	}
	list, _ := o["images"].([]any)
	for _, path := range list {
		args = append(args, fmt.Sprint(path))
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if name == "method" || name == "image" || name == "images" || o[name] == nil {
			continue
		}
		value, err := spec.Written(o[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		args = append(args, "--"+name+"="+value)
	}
	return args, nil
}

// shellWords cuts a line as a shell does: at blanks, but not within quotes.
func shellWords(text string) (words []string, err error) {
	var word strings.Builder
	within, quote := false, rune(0)
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote == 0 && (r == ' ' || r == '\t'):
			if within {
				words = append(words, word.String())
			}
			within = false
			word.Reset()
			continue
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		case r == '\\' && quote != '\'' && i+1 < len(runes):
			i++
			word.WriteRune(runes[i])
		default:
			word.WriteRune(r)
		}
		within = true
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", quote)
	}
	if within {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("nothing but blanks")
	}
	return words, nil
}

// A batchRun is the work of one call.
type batchRun struct {
	app    *app
	f      *batchFlags
	parent runfolder.Folder
	lines  []*batchLine

	mu  sync.Mutex // of the lines' outcomes and of what is printed
	err error      // of the index
}

// all runs the lines, so many at a time.
func (b *batchRun) all(ctx context.Context) error {
	for _, l := range b.lines {
		var err error
		if l.outcome, err = b.before(l); err != nil {
			return err
		}
	}
	work := make(chan *batchLine)
	var wait sync.WaitGroup
	for range b.f.jobs.n {
		wait.Go(func() {
			for l := range work {
				b.run(l)
			}
		})
	}
	for _, l := range b.lines {
		if ctx.Err() != nil {
			break
		}
		work <- l
	}
	close(work)
	wait.Wait()
	return b.err
}

// before returns the worst outcome of the runs of a line in an earlier call, ""
// for none. It errs if they are of another line.
func (b *batchRun) before(l *batchLine) (string, error) {
	dirs, err := foldersBelow(filepath.Join(b.parent.Dir, l.sub), 3)
	if err != nil || len(dirs) == 0 {
		return "", nil // it is yet to be made
	}
	found := map[string]bool{}
	for _, dir := range dirs {
		var r struct {
			Outcome string
			Command []string
		}
		if err := runfolder.ReadJSON(filepath.Join(dir, runfolder.RunJSON), &r); err != nil {
			return "", err
		}
		if n := len(l.args); len(r.Command) < n || !slices.Equal(r.Command[:n], l.args) {
			return "", usage("line %d is not what made %s: %s", l.number, dir, commandLine(r.Command))
		}
		found[r.Outcome] = true
	}
	for _, e := range exitCodes {
		if found[e.outcome] {
			return e.outcome, nil
		}
	}
	return "", nil
}

// run runs a line unless it has ended before.
func (b *batchRun) run(l *batchLine) {
	dir := filepath.Join(b.parent.Dir, l.sub)
	args := slices.Clone(l.args)
	switch l.outcome {
	case matched, notMatched:
		b.done(l, "has ended before")
		return
	case failed:
		if !b.f.retry {
			b.done(l, "failed before; --retry runs it again")
			return
		}
	case interrupted:
		args = []string{l.args[0], "--resume", dir}
	}
	if l.outcome != interrupted {
		args = append(args, "-o", dir)
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			args = append(args, "--force")
		}
	}
	if n := b.f.jobs.n; n > 1 && !slices.ContainsFunc(l.args, func(s string) bool { return strings.HasPrefix(s, "--threads") }) {
		d := deviceFlags{}
		args = append(args, "--threads", fmt.Sprint(max(1, d.threadCount()/n)))
	}
	var out, complaint bytes.Buffer
	one := newApp(&out, &complaint)
	one.models = b.app.models
	one.metrics = b.app.metrics
	l.code = one.run(append(args, "--progress", "none"))
	var err error
	if l.outcome, err = b.before(l); err != nil || l.outcome == "" && l.code != ExitOK {
		l.outcome = failed
	}
	text := strings.TrimSpace(out.String())
	if l.code == ExitFailed || l.code == ExitUsage {
		text = strings.TrimSpace(complaint.String())
	}
	b.done(l, text)
}

// done prints what became of a line and brings the index up to date.
func (b *batchRun) done(l *batchLine, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.message = text
	fmt.Fprintf(b.app.stderr, "line %d: %s\n", l.number, text)
	if err := b.index(); err != nil && b.err == nil {
		b.err = err
	}
}

// index writes index.csv.
func (b *batchRun) index() error {
	columns := []runfolder.Column{{Name: "folder"}, {Name: "line"}, {Name: "outcome"}, {Name: "command"}}
	for _, l := range b.lines {
		for i, v := range []string{l.sub, fmt.Sprint(l.number), l.outcome, commandLine(l.args)} {
			columns[i].Words = append(columns[i].Words, v)
		}
	}
	return b.parent.WriteCSV(runfolder.IndexCSV, columns)
}

// ending prints the index and returns the error with the worst code.
func (b *batchRun) ending(ctx context.Context) error {
	count := map[string]int{}
	var list []runfolder.Object
	for _, l := range b.lines {
		o := cmp.Or(l.outcome, interrupted)
		count[o]++
		list = append(list, runfolder.Object{{Key: "folder", Value: filepath.Join(b.parent.Dir, l.sub)}, {Key: "line", Value: l.number}, {Key: "outcome", Value: o}, {Key: "message", Value: l.message}})
	}
	if b.f.json {
		if err := b.app.printJSON(runfolder.Object{{Key: "folder", Value: b.parent.Dir}, {Key: "runs", Value: list}}); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintf(b.app.stdout, "%s: %d matched, %d not matched, %d failed, %d to go on with\n", b.parent.Dir, count[matched], count[notMatched], count[failed], count[interrupted]); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &exitError{code: ExitInterrupted}
	}
	for _, e := range exitCodes {
		if count[e.outcome] > 0 && e.code != ExitOK {
			return &exitError{code: e.code}
		}
	}
	return nil
}
