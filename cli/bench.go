package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/bench"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// benchFlags are those of percept bench.
type benchFlags struct {
	only    string
	dtype   *choice
	level   *choice
	threads natural
	rounds  natural
	compare string
	json    bool
}

// benchFile is what --json prints and --compare reads.
type benchFile struct {
	Roof  bench.Roof          `json:"roof"`
	Level string              `json:"cpu_level"`
	Cases []bench.Measurement `json:"cases"`
}

func (a *app) benchCommand() *cobra.Command {
	f := benchFlags{dtype: newChoice("both", "float32", "float64"), level: newChoice("auto", "purego", "avx2", "avx512"), threads: natural{n: 1, min: 1}, rounds: natural{n: 9, min: 3}}
	c := &cobra.Command{
		Use:   "bench [CASE…]",
		Short: "Measure how fast models and kernels are on this machine",
		Long: `bench times models and every family of kernels, and compares them with what this
machine can do: the bandwidth of a copy, from memory or from the cache by the
size of what is read and written, and the rate of a matrix product of side 512. A
CASE is a kind, the side of its images and, after an x, how many there are.

Bytes are those of what the steps of a case read and write. Where steps work on
strips that stay in the first-level cache, they can be above the roof.`,
		Example: `  percept bench                           all cases
  percept bench ps-256 ps-256x8 --threads 2
  percept bench --only 'fft|exp' --json > before.json
  percept bench --only 'fft|exp' --compare before.json`,
		RunE: func(_ *cobra.Command, args []string) error { return a.bench(&f, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.only, "only", "", "cases that match this regular `EXPRESSION`")
	fs.Var(f.dtype, "dtype", "precision")
	fs.Var(&f.threads, "threads", "threads")
	fs.Var(f.level, "cpu-level", "CPU instructions")
	fs.Var(&f.rounds, "rounds", "stretches of runs that are timed")
	fs.StringVar(&f.compare, "compare", "", "say what got faster or slower, beyond noise, since an older `FILE.json`")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	a.completeFlags(c)
	return c
}

// cases returns those that are asked for.
func (f *benchFlags) cases(names []string) (list []bench.Case, err error) {
	for _, n := range names {
		c, err := bench.Parse(n)
		if err != nil {
			return nil, usage("%w", err)
		}
		list = append(list, c)
	}
	if list != nil {
		return list, nil
	}
	only, err := regexp.Compile(f.only)
	if err != nil {
		return nil, usage("--only: %w", err)
	}
	for _, k := range bench.Kinds {
		for _, c := range append(append([]bench.Case(nil), k.Table...), k.Others...) {
			if only.MatchString(c.String()) {
				list = append(list, c)
			}
		}
	}
	if list == nil {
		return nil, usage("no case matches --only %s", f.only)
	}
	return list, nil
}

func (a *app) bench(f *benchFlags, names []string) error {
	list, err := f.cases(names)
	if err != nil {
		return err
	}
	level, err := kernels.ParseLevel(f.level.value)
	if err != nil {
		return usage("--cpu-level: %w", err)
	}
	old, err := readBench(f.compare)
	if err != nil {
		return err
	}
	types := []tensor.DType{tensor.Float32, tensor.Float64}
	if f.dtype.value != "both" {
		types = types[map[string]int{"float32": 0, "float64": 1}[f.dtype.value]:][:1]
	}
	for _, c := range list {
		need, err := bench.Memory(c, types[len(types)-1], f.threads.n, level)
		if err != nil { // or Measure says what is wrong
			continue
		}
		if err := a.checkFree(c.String(), need); err != nil {
			return err
		}
	}
	result := benchFile{Level: level.Resolve().String()}
	if result.Roof, err = bench.MeasureRoof(f.threads.n, level); err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if !f.json {
		r := result.Roof
		fmt.Fprintf(a.stdout, "%d threads, %s; a copy moves %.3g GB/s in memory and %.3g in the cache; a matrix product computes %.3g GFLOP/s in float32, %.3g in float64\n",
			r.Threads, result.Level, r.MemoryGBs, r.CacheGBs, r.GFLOPs["float32"], r.GFLOPs["float64"])
		fmt.Fprintln(w, "case\ttype\tms\tmedian\tGB/s\tof roof\tGFLOP/s\tof roof\t"+benchChange(f.compare != "", "since"))
	}
	for _, c := range list {
		for _, d := range types {
			m, err := bench.Measure(c, d, f.threads.n, f.rounds.n, level, result.Roof)
			if err != nil {
				return err
			}
			result.Cases = append(result.Cases, m)
			if f.json {
				continue
			}
			_, median, _ := m.Quartiles()
			fmt.Fprintf(w, "%s\t%s\t%.4g\t%.4g\t%.3g\t%.0f %%\t%.3g\t%.0f %%\t%s\n", m.Case, m.DType, m.Least(), median,
				m.GBs, 100*m.GBs/m.Bandwidth, m.GFLOPs, 100*m.GFLOPs/m.Peak, benchChange(f.compare != "", sinceText(old, &m)))
		}
	}
	if f.json {
		return a.printJSON(result)
	}
	return w.Flush()
}

// benchChange returns a cell of the last column, which only --compare has.
func benchChange(compared bool, text string) string {
	if compared {
		return text
	}
	return ""
}

// readBench reads what an earlier --json printed; nothing where path is empty.
func readBench(path string) (*benchFile, error) {
	if path == "" {
		return &benchFile{}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var old benchFile
	if err := json.Unmarshal(data, &old); err != nil || len(old.Cases) == 0 {
		return nil, usage("%s is not what percept bench --json prints", path)
	}
	for _, m := range old.Cases {
		if len(m.Milliseconds) == 0 {
			return nil, usage("%s: the case %s has no times", path, m.Case)
		}
	}
	return &old, nil
}

// sinceText says what became of a case since old.
func sinceText(old *benchFile, m *bench.Measurement) string {
	for i := range old.Cases {
		o := &old.Cases[i]
		if o.Case == m.Case && o.DType == m.DType && o.Threads == m.Threads {
			return m.Since(o).String()
		}
	}
	return "new"
}
