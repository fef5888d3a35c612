// Calibrate measures how often percept check is right: it makes runs of known
// quality, spoils copies of some, has all of them judged from their files, and
// writes the table of hits and misses as Markdown.
//
//	go run ./bench/calibrate > docs/calibration.md
//
// The environment variable ONLY is what the kinds' names begin with that are made,
// such as metamer, MAD, eigendistortions, geodesics.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/percept-go/percept/cli"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

func main() {
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "calibrate-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c := &calibration{dir: dir}
	only := os.Getenv("ONLY")
	for _, k := range kinds {
		if !strings.HasPrefix(k.name, only) {
			continue
		}
		if err := k.make(c); err != nil {
			log.Fatalf("%s: %v", k.name, err)
		}
	}
	c.write(os.Stdout)
	if c.rate() < wanted {
		log.Fatalf("%.1f %% of the verdicts are right; %g %% are wanted", 100*c.rate(), 100*wanted)
	}
}

// wanted is the part of verdicts that must be right.
const wanted = .95

// A kind makes cases.
type kind struct {
	name string
	make func(c *calibration) error
}

var kinds = append(metamers(), kind{"MAD", mads}, kind{"eigendistortions", eigendistortions}, kind{"geodesics", geodesics})

// A calibration gathers verdicts, by what was judged.
type calibration struct {
	dir   string
	order []string
	tally map[string]*tally
	wrong []string
}

// A tally counts cases of one sort.
type tally struct{ good, bad, hits int }

// run calls the command and returns what it prints and its exit code.
func run(args ...string) (string, int) {
	var out, complaint bytes.Buffer
	code := cli.Run(args, &out, &complaint)
	if code == cli.ExitFailed || code == cli.ExitUsage {
		log.Fatalf("percept %s: %s", strings.Join(args, " "), complaint.String())
	}
	return out.String(), code
}

// judge has the run in dir judged and compares the verdict with the truth.
func (c *calibration) judge(sort, dir string, good bool, flags ...string) {
	out, code := run(append([]string{"check", dir, "--json"}, flags...)...)
	t, ok := c.tally[sort]
	if !ok {
		if c.tally == nil {
			c.tally = map[string]*tally{}
		}
		t = &tally{}
		c.tally[sort] = t
		c.order = append(c.order, sort)
	}
	if good {
		t.good++
	} else {
		t.bad++
	}
	if (code == cli.ExitOK) == good {
		t.hits++
		return
	}
	var v struct{ Sentence string }
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		log.Fatal(err)
	}
	c.wrong = append(c.wrong, fmt.Sprintf("%s, %s: %s", sort, filepath.Base(strings.TrimSuffix(dir, "/result.npy")), v.Sentence))
}

func (c *calibration) rate() float64 {
	var hits, all int
	for _, t := range c.tally {
		hits, all = hits+t.hits, all+t.good+t.bad
	}
	return float64(hits) / float64(all)
}

// write prints the table.
func (c *calibration) write(w io.Writer) {
	fmt.Fprint(w, preface)
	fmt.Fprintln(w, "| runs | good ones | bad ones | right verdicts |\n| --- | --- | --- | --- |")
	var sum tally
	for _, name := range c.order {
		t := c.tally[name]
		fmt.Fprintf(w, "| %s | %d | %d | %d of %d |\n", name, t.good, t.bad, t.hits, t.good+t.bad)
		sum.good, sum.bad, sum.hits = sum.good+t.good, sum.bad+t.bad, sum.hits+t.hits
	}
	fmt.Fprintf(w, "| **all** | %d | %d | **%d of %d: %.1f %%** |\n", sum.good, sum.bad, sum.hits, sum.good+sum.bad, 100*c.rate())
	if c.wrong != nil {
		fmt.Fprintf(w, "\nThe misses:\n\n* %s\n", strings.Join(c.wrong, "\n* "))
	}
	fmt.Fprintln(w) // what follows is of other programs
}

const preface = `# How often is percept check right?

` + "`make calibrate`" + ` makes runs of known quality, has ` + "`percept check`" + ` judge them from their files, and writes this page.
A run that was stopped early is good if the synthesis itself measured so while it was alive: an implementation of
its own, on numbers that no file holds. A run that was spoiled afterwards is bad, whatever it was before.

`

// copyRun copies the files of a run.
func copyRun(from, to string) error {
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// outcomeOf returns what the run in dir said of itself.
func outcomeOf(dir string) (outcome string) {
	var r struct{ Outcome string }
	if err := runfolder.ReadJSON(filepath.Join(dir, runfolder.RunJSON), &r); err != nil {
		log.Fatal(err)
	}
	return r.Outcome
}

// rewrite replaces an array of the run in dir by f of it.
func rewrite(dir, name string, f func(v []float64)) error {
	folder := runfolder.Folder{Dir: dir}
	x, err := folder.ReadNPY(name)
	if err != nil {
		return err
	}
	v := tensor.Floats(x)
	f(v)
	return folder.WriteNPY(name, tensor.Of(v, x.Shape()...))
}

func clamp(v, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, v)) }

func sorted(v []float64) []float64 { s := slices.Clone(v); slices.Sort(s); return s }
