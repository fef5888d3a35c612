package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/bench"
	"github.com/percept-go/percept/internal/heap"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/synth"
)

// profileFlags are those of percept profile.
type profileFlags struct {
	model    specFlag[modelKind]
	loss     specFlag[func(spec.Spec) (synth.Loss, error)]
	penalty  specFlag[func(spec.Spec) (synth.Penalty, error)]
	size     sizeFlag
	channels natural
	batch    natural
	runs     natural
	top      natural
	device   deviceFlags
	steps    bool
	compare  string
	json     bool
}

func (a *app) profileCommand() *cobra.Command {
	f := profileFlags{model: a.modelFlag(), channels: natural{n: 1, min: 1}, batch: natural{n: 1, min: 1}, runs: natural{n: 20, min: 3}, top: natural{n: 20, min: 1}}
	f.loss.table, f.penalty.table = &losses, &penalties
	c := &cobra.Command{
		Use:   "profile",
		Short: "Show where a forward and a backward pass of a model go",
		Long: `profile times the value and the gradient of a metamer's objective for a model, as
a whole and step by step, and sums the steps by source line and by operation:
calls, time forward and backward, bytes and operations, and what part of this
machine's roof they reach, which is the bandwidth of a copy or the rate of a
matrix product, whichever is nearer. A step that several operations were fused
into counts for the line of the last. Lines that take time come with hints.`,
		Example: `  percept profile --model portilla-simoncelli --size 256x256
  percept profile --model on-off --size 128x128 --dtype float32 --threads 2
  percept profile --model on-off --size 128x128 --json > before.json
  percept profile --model on-off --size 128x128 --compare before.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.profile(&f) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.Var(&f.model, "model", "the model")
	fs.Var(&f.size, "size", "height and width of the images (default 256x256)")
	fs.Var(&f.channels, "channels", "of the images")
	fs.Var(&f.batch, "batch", "images at once")
	fs.Var(&f.loss, "loss", "distance of representations (default portilla-simoncelli for that model, else mse)")
	fs.Var(&f.penalty, "penalty", "what keeps pixels within bounds (default range)")
	f.device.register(fs)
	fs.Var(&f.runs, "runs", "timed runs")
	fs.Var(&f.top, "top", "lines that are shown")
	fs.BoolVar(&f.steps, "steps", false, "show each step too")
	fs.StringVar(&f.compare, "compare", "", "say what got faster or slower, beyond noise, since an older `FILE.json`")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	a.completeFlags(c)
	return c
}

// profileFile is what --json prints and --compare reads.
type profileFile struct {
	Milliseconds struct {
		Min    float64   `json:"min"`
		Median float64   `json:"median"`
		All    []float64 `json:"all"`
	} `json:"milliseconds"`
	Settings map[string]any   `json:"settings"`
	Roof     profileRoof      `json:"roof"`
	Memory   profileMemory    `json:"memory"`
	Compiled profileCounts    `json:"compiled"`
	Lines    []synth.LineCost `json:"lines"`
	Ops      []synth.LineCost `json:"ops"`
	Hoisted  []synth.LineCost `json:"hoisted"`
	Steps    []synth.StepCost `json:"steps"`
	Hints    []string         `json:"hints"`
}

type profileRoof struct {
	Memory float64 `json:"memory_gbs"`
	Cache  float64 `json:"cache_gbs"`
	Peak   float64 `json:"gflops"`
}

type profileMemory struct {
	Arena   int `json:"arena_bytes"`
	Hoisted int `json:"hoisted_bytes"`
}

type profileCounts struct {
	Recorded int `json:"recorded"`
	Live     int `json:"live"`
	Hoisted  int `json:"hoisted"`
	Steps    int `json:"steps"`
	Groups   int `json:"fused_groups"`
}

func (a *app) profile(f *profileFlags) error {
	old, err := readProfile(f.compare)
	if err != nil {
		return err
	}
	p, settings, err := a.measureModel(f)
	if err != nil {
		return err
	}
	now := fileOfProfile(p, settings)
	if f.json {
		return a.printJSON(now)
	}
	a.printProfile(f, p, now)
	if old != nil {
		a.printChanges(old, now)
	}
	return nil
}

// measureModel constructs the model and profiles it.
func (a *app) measureModel(f *profileFlags) (*synth.ModelProfile, map[string]any, error) {
	dev, err := f.profileDevice()
	if err != nil {
		return nil, nil, err
	}
	if f.size.H == 0 {
		f.size.H, f.size.W = 256, 256
	}
	loss := "mse"
	if f.model.spec.Name == "portilla-simoncelli" {
		loss = "portilla-simoncelli"
	}
	setDefault(&f.loss, f.loss.given(), loss)
	setDefault(&f.penalty, f.penalty.given(), "range")
	o := synth.ProfileOptions{Device: dev, DType: f.device.element(), Image: []int{f.batch.n, f.channels.n, f.size.H, f.size.W}, Runs: f.runs.n}
	if o.Loss, err = f.loss.make(f.loss.spec); err != nil {
		return nil, nil, err
	}
	if o.Penalty, err = f.penalty.make(f.penalty.spec); err != nil {
		return nil, nil, err
	}
	if f.model.make.multiple != nil {
		if n := f.model.make.multiple(f.model.spec); f.size.H%n != 0 || f.size.W%n != 0 {
			return nil, nil, usage("--size %d×%d: %s needs multiples of %d", f.size.H, f.size.W, &f.model, n)
		}
	}
	if err := a.checkProfile(f, o); err != nil {
		return nil, nil, err
	}
	model, err := f.model.make.construct(f.model.spec, f.size.H, f.size.W)
	if err != nil {
		return nil, nil, usage("%w", err)
	}
	p, err := synth.Profile(model, o)
	settings := map[string]any{"model": f.model.spec.Settings(), "loss": f.loss.spec.Settings(), "shape": o.Image, "dtype": f.device.dtype.value,
		"device": dev.Name(), "runs": o.Runs}
	if cpu, ok := dev.(autograd.CPU); ok {
		settings["threads"], settings["cpu_level"] = cpu.Threads, cpu.Level.Resolve().String()
	}
	return p, settings, err
}

// checkProfile errs if the CPU's memory cannot suffice for large images, going by small
// ones.
func (a *app) checkProfile(f *profileFlags, o synth.ProfileOptions) error {
	pixels := float64(f.batch.n) * float64(f.size.H) * float64(f.size.W)
	if _, cpu := o.Device.(autograd.CPU); !cpu || pixels < largePixels {
		return nil
	}
	before := heap.InUse()
	model, err := f.model.make.construct(f.model.spec, smallSide, smallSide)
	if err != nil {
		return nil // or Profile says what is wrong
	}
	own := float64(heap.InUse() - before)
	o.Image = []int{1, f.channels.n, smallSide, smallSide}
	bytes, err := o.Memory(model)
	if err != nil {
		return nil
	}
	small := float64(smallSide * smallSide)
	need := own*float64(f.size.H)*float64(f.size.W)/small + float64(bytes)*pixels/small
	return a.checkFree(fmt.Sprintf("--size %d×%d", f.size.H, f.size.W), need)
}

// profileDevice is what computes, a CPU with its number of threads.
func (f *profileFlags) profileDevice() (autograd.Backend, error) {
	b, err := f.device.backend()
	if err != nil {
		return nil, err
	}
	if dev, ok := b.(autograd.CPU); ok && dev.Threads == 0 {
		dev.Threads = f.device.threadCount()
		return dev, nil
	}
	return b, nil
}

func fileOfProfile(p *synth.ModelProfile, settings map[string]any) *profileFile {
	now := &profileFile{Settings: settings, Lines: p.Lines, Ops: p.Ops, Hoisted: p.Hoisted, Steps: p.Steps, Hints: p.Hints,
		Roof:     profileRoof{p.Bandwidth, p.Cache, p.Peak},
		Memory:   profileMemory{p.Counts.ArenaBytes, p.Counts.HoistedBytes},
		Compiled: profileCounts{p.Counts.Recorded, p.Counts.Live, p.Counts.Hoisted, p.Counts.Steps, p.Counts.Groups}}
	now.Milliseconds.Min, now.Milliseconds.All = p.Milliseconds[0], p.Milliseconds
	_, now.Milliseconds.Median, _ = p.Quartiles()
	return now
}

// printProfile prints the tables that a person reads.
func (a *app) printProfile(f *profileFlags, p *synth.ModelProfile, now *profileFile) {
	o := a.stdout
	fmt.Fprintf(o, "%s, %d×%d pixels, %d images of %d channels, %v, %d threads: value and gradient in %.4g ms (median %.4g)\n", &f.model, f.size.H, f.size.W,
		f.batch.n, f.channels.n, f.device.element(), f.device.threadCount(), now.Milliseconds.Min, now.Milliseconds.Median)
	if p.Peak > 0 {
		fmt.Fprintf(o, "a copy moves %.3g GB/s in memory and %.3g in the cache; a matrix product computes %.3g GFLOP/s\n", p.Bandwidth, p.Cache, p.Peak)
	} else {
		fmt.Fprintf(o, "%s: a copy moves %.3g GB/s; steps are timed one by one, but a run launches them together\n", f.device.device.value, p.Bandwidth)
	}
	parts := ""
	if p.Counts.Parts > 0 {
		parts = fmt.Sprintf(", for each of %d parts of the batch", p.Counts.Parts)
	}
	fmt.Fprintf(o, "%d operations recorded, %d needed, %d of them computed once (%s kept); %d steps, %d of them fused%s; %s of working memory\n\n",
		p.Counts.Recorded, p.Counts.Live, p.Counts.Hoisted, bytesText(int64(p.Counts.HoistedBytes)), p.Counts.Steps, p.Counts.Groups, parts, bytesText(int64(p.Counts.ArenaBytes)))
	w := tabwriter.NewWriter(o, 0, 0, 2, ' ', tabwriter.AlignRight)
	table := func(head string, lines []synth.LineCost, hints bool) {
		fmt.Fprintf(w, "share\tms\tforward\tbackward\tcalls\tMB\tGB/s\tGFLOP/s\tof roof\t  %s\n", head)
		for i, l := range lines {
			if i == f.top.n {
				break
			}
			fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.3f\t%d\t%.2f\t%.1f\t%.1f\t%.0f %%\t  %s\n", percentText(l.Share), l.Milliseconds(), l.Forward, l.Backward, l.Calls,
				float64(l.Bytes)/1e6, l.GBs, l.GFLOPs, 100*l.OfRoof, lineText(&l))
		}
		w.Flush()
		for i, l := range lines {
			for _, h := range l.Hints {
				if hints && i < f.top.n {
					fmt.Fprintf(o, "  %s: %s\n", l.Line, h)
				}
			}
		}
		fmt.Fprintln(o)
	}
	table("line", p.Lines, true)
	table("operation", p.Ops, false)
	if len(p.Hoisted) > 0 {
		fmt.Fprint(o, "computed once:")
		for i, l := range p.Hoisted {
			if i == f.top.n {
				fmt.Fprintf(o, " and %d lines more", len(p.Hoisted)-i)
				break
			}
			fmt.Fprintf(o, " %s (%d)", l.Line, l.Calls)
		}
		fmt.Fprintln(o)
	}
	if f.steps {
		for _, s := range p.Steps {
			fmt.Fprintf(o, "%9.4f ms  %5.1f GB/s  %5.1f GFLOP/s  %s  %s\n", s.Milliseconds, s.GBs, s.GFLOPs, s.Name, s.Line)
		}
	}
	for _, h := range p.Hints {
		fmt.Fprintln(o, h)
	}
}

// lineText is a line's place, and its text as far as it fits.
func lineText(l *synth.LineCost) string {
	const most = 70
	text := []rune(l.Source)
	if len(text) > most {
		text = append(text[:most-1], '…')
	}
	return strings.TrimRight(l.Line+"  "+string(text), " ")
}

// readProfile reads what an earlier --json printed; nil where path is empty.
func readProfile(path string) (*profileFile, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var old profileFile
	if err := json.Unmarshal(data, &old); err != nil || len(old.Milliseconds.All) == 0 {
		return nil, usage("%s is not what percept profile --json prints", path)
	}
	return &old, nil
}

const (
	// A line has changed if its time differs by more than lineNoise of it, and by
	// more than leastOfWhole of the whole.
	lineNoise    = .15
	leastOfWhole = .01
)

// printChanges says what got faster or slower since old, beyond noise.
func (a *app) printChanges(old, now *profileFile) {
	fmt.Fprintf(a.stdout, "\nsince %s: %s (%.4g ms then, %.4g now)\n", "the older profile", bench.Compare(old.Milliseconds.All, now.Milliseconds.All), old.Milliseconds.Min, now.Milliseconds.Min)
	if fmt.Sprint(old.Settings) != fmt.Sprint(now.Settings) {
		fmt.Fprintln(a.stdout, "the settings differ: what is compared is not the same")
	}
	for _, c := range lineChanges(old, now) {
		fmt.Fprintf(a.stdout, "  %s\n", c)
	}
}

// lineKey names a line so that it is found again when lines before it change.
func lineKey(l *synth.LineCost) string {
	file, _, _ := strings.Cut(l.Line, ":")
	if l.Source == "" {
		return l.Line
	}
	return file + " " + l.Source
}

// lineChanges lists the lines whose time has changed beyond noise.
func lineChanges(old, now *profileFile) (changes []string) {
	sum := func(p *profileFile) map[string]float64 {
		of := map[string]float64{}
		for i := range p.Lines {
			of[lineKey(&p.Lines[i])] += p.Lines[i].Milliseconds()
		}
		return of
	}
	before, after := sum(old), sum(now)
	seen := map[string]bool{}
	look := func(l *synth.LineCost) {
		key := lineKey(l)
		x, y := before[key], after[key]
		if seen[key] || math.Abs(x-y) < leastOfWhole*old.Milliseconds.Min || math.Abs(x-y) < lineNoise*math.Max(x, y) {
			return
		}
		seen[key] = true
		word := "slower"
		if y < x {
			word = "faster"
		}
		changes = append(changes, fmt.Sprintf("%s: %.3f ms then, %.3f now: %s", lineText(l), x, y, word))
	}
	for i := range now.Lines {
		look(&now.Lines[i])
	}
	for i := range old.Lines {
		look(&old.Lines[i])
	}
	return changes
}
