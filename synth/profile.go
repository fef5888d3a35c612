package synth

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/roof"
	"github.com/percept-go/percept/tensor"
)

// ProfileOptions has a useful zero value.
type ProfileOptions struct {
	Device   autograd.Backend // what computes; nil means the CPU
	DType    tensor.DType     // of images; the zero value is Float32
	Image    []int            // (N, C, H, W) of the images; nil means 1, 1, 256, 256
	Loss     Loss             // nil means MSE{}
	Penalty  Penalty          // nil means Range{}
	Runs     int              // timed; 0 means 20
	Roofless bool             // do not measure what the machine can do, which takes a second
}

// A ModelProfile says where the value and the gradient of a metamer's objective
// go, for one model.
type ModelProfile struct {
	Milliseconds []float64 // of each run, sorted
	Steps        []StepCost
	Lines        []LineCost // by source line of the model, the dearest first
	Ops          []LineCost // by operation; Line is its name
	Hoisted      []LineCost // what is computed once: Calls values of Bytes
	Counts       autograd.Counts
	// The roofs, in GB/s and GFLOP/s; 0 where they were not measured. Bandwidth is
	// that of memory, Cache that of the second-level cache, or of memory on a device.
	Bandwidth, Cache, Peak float64
	Hints                  []string // about the whole
}

// A StepCost is what the calls of a kernel in one place cost.
type StepCost struct {
	Name         string  `json:"name"`
	Line         string  `json:"line"` // file:line
	Backward     bool    `json:"backward"`
	Milliseconds float64 `json:"milliseconds"`
	Share        float64 `json:"share"` // of the sum over all steps
	Bytes        int64   `json:"bytes"` // read and written
	FLOPs        int64   `json:"flops"`
	GBs          float64 `json:"gbs"`
	GFLOPs       float64 `json:"gflops"`
	Fused        int     `json:"fused"` // operations in it
	Calls        int     `json:"calls"` // one, or as many as the parts that a batch is computed in
	step         *autograd.Step
}

// A LineCost is the sum of the steps that a line recorded. A fused step counts
// for the line of its last operation.
type LineCost struct {
	Line     string   `json:"line"`
	Source   string   `json:"source,omitempty"` // its text, where the file is there
	Calls    int      `json:"calls"`
	Forward  float64  `json:"forward_milliseconds"`
	Backward float64  `json:"backward_milliseconds"`
	Share    float64  `json:"share"`
	Bytes    int64    `json:"bytes"`
	FLOPs    int64    `json:"flops"`
	GBs      float64  `json:"gbs"`
	GFLOPs   float64  `json:"gflops"`
	OfRoof   float64  `json:"of_roof"` // the larger of the parts of bandwidth and of peak; 0 where these were not measured
	Hints    []string `json:"hints,omitempty"`
}

// Milliseconds returns the time of both directions.
func (c *LineCost) Milliseconds() float64 { return c.Forward + c.Backward }

// Profile measures where a forward and a backward pass of m go: it compiles the
// objective of a metamer of noise and its gradient, times whole runs, and then
// each step by itself. It errs if the model does not take such images or memory
// does not suffice.
func Profile(m Model, o ProfileOptions) (*ModelProfile, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	tape := autograd.New(o.Device)
	defer tape.Close()
	prog, err := o.compile(tape, m)
	if err != nil {
		return nil, err
	}
	p := &ModelProfile{Counts: prog.Counts()}
	if err := p.time(prog, o.Runs); err != nil {
		return nil, err
	}
	steps, err := prog.Profile(o.Runs)
	if err != nil {
		return nil, err
	}
	if !o.Roofless {
		if err := p.measureRoofs(o); err != nil {
			return nil, err
		}
	}
	p.read(steps, prog.Steps(), prog.Hoisted())
	p.advise(o)
	return p, nil
}

// Memory returns the bytes that Profile takes on the device beside m. It errs if the
// model does not take such images.
func (o ProfileOptions) Memory(m Model) (int64, error) {
	if err := o.complete(); err != nil {
		return 0, err
	}
	l := autograd.NewLedger(o.Device)
	tape := autograd.New(l)
	defer tape.Close()
	_, err := o.compile(tape, m)
	return l.Peak(), err
}

// complete sets what is not given. It errs if the shape of images is wrong.
func (o *ProfileOptions) complete() error {
	if o.Image == nil {
		o.Image = []int{1, 1, 256, 256}
	}
	if len(o.Image) != 4 || slices.Min(o.Image) < 1 {
		return fmt.Errorf("synth: images of shape %v; four positive numbers (N, C, H, W) are expected", o.Image)
	}
	o.Loss, o.Penalty, o.Runs = cmp.Or[Loss](o.Loss, MSE{}), cmp.Or[Penalty](o.Penalty, Range{}), cmp.Or(o.Runs, 20)
	return nil
}

// measureRoofs measures what the machine can do; of devices other than the CPU, the
// bandwidth of a copy.
func (p *ModelProfile) measureRoofs(o ProfileOptions) error {
	cpu, ok := o.Device.(autograd.CPU)
	if !ok && o.Device != nil {
		b, err := copyBandwidth(o.Device)
		p.Bandwidth, p.Cache = b, b
		return err
	}
	r, err := roof.Measure(max(1, cpu.Threads), cpu.Level)
	if err != nil {
		return err
	}
	p.Bandwidth, p.Cache, p.Peak = r.MemoryGBs, r.CacheGBs, r.GFLOPs[o.DType.String()]
	return nil
}

// copyBandwidth returns the GB/s of a copy on a device, large enough that waiting
// for it does not count.
func copyBandwidth(dev autograd.Backend) (float64, error) {
	const elements, copies = 1 << 22, 10
	tape := autograd.New(dev)
	defer tape.Close()
	zeros := tensor.New(tensor.Float32).Expand(elements)
	x, y := tape.Var("x", zeros), tape.Var("y", zeros)
	tiny := tape.Var("tiny", tensor.Scalar(1))
	prog, err := tape.Compile([]autograd.Value{tiny.Scale(2)}, autograd.Value{}, y.Becomes(x.Scale(2)))
	if err != nil {
		return 0, err
	}
	best := time.Hour
	for range 3 {
		begin := time.Now()
		for range copies {
			if err := prog.Run(); err != nil {
				return 0, err
			}
		}
		if err := prog.Wait(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(begin)/copies)
	}
	return 2 * 4 * elements / best.Seconds() / 1e9, nil
}

// compile records the objective and its gradient.
func (o *ProfileOptions) compile(tape *autograd.Tape, m Model) (prog *autograd.Program, err error) {
	typ := tensor.MakeType(o.DType, o.Image...)
	var outs []autograd.Value
	if err := autograd.Try(func() {
		x := tape.Var("image", NoiseStart(typ, 1))
		var groups []Group
		if g, ok := m.(Grouped); ok {
			groups = g.Groups()
		}
		loss := o.Loss.Loss(m.Forward(x), m.Forward(tape.Const(NoiseStart(typ, uint64(typ.Dim[0])+1))), groups)
		penalty, weight := o.Penalty.Penalty(x)
		loss = loss.Add(penalty.Scale(weight))
		outs = []autograd.Value{loss, autograd.Grad(loss, x)[0]}
	}); err != nil {
		return nil, err
	}
	return tape.Compile(outs, autograd.Value{})
}

// time times whole runs.
func (p *ModelProfile) time(prog *autograd.Program, runs int) error {
	for i := range runs + 1 {
		begin := time.Now()
		if err := prog.Run(); err != nil {
			return err
		}
		if err := prog.Wait(); err != nil {
			return err
		}
		if i > 0 { // the first one finds nothing in the cache
			p.Milliseconds = append(p.Milliseconds, time.Since(begin).Seconds()*1e3)
		}
	}
	slices.Sort(p.Milliseconds)
	return nil
}

// backwardMark ends the position of what a VJP recorded.
const backwardMark = " (backward)"

// read sums what the steps cost.
func (p *ModelProfile) read(steps []autograd.StepProfile, ran []autograd.Step, hoisted []autograd.Hoist) {
	total := 0.
	for _, s := range steps {
		total += s.Time.Seconds() * 1e3
	}
	lines, ops, where := map[string]*LineCost{}, map[string]*LineCost{}, map[string]string{}
	for i := range steps {
		s := &steps[i]
		line, backward := strings.CutSuffix(s.Pos, backwardMark)
		c := StepCost{Name: s.Name, Line: shortened(line), Backward: backward, Milliseconds: s.Time.Seconds() * 1e3, Bytes: s.Read + s.Written, FLOPs: s.FLOPs,
			Fused: max(1, len(ran[i].Body)), Calls: max(1, ran[i].Parts), step: &ran[i]}
		c.Share = c.Milliseconds / max(total, 1e-9)
		c.GBs, c.GFLOPs = rates(c.Bytes, c.FLOPs, c.Milliseconds)
		p.Steps = append(p.Steps, c)
		where[c.Line] = line
		add(lines, c.Line, &c)
		name := "fused elementwise operations"
		if ran[i].Op != nil {
			name = s.Name
		}
		add(ops, name, &c)
	}
	p.Lines, p.Ops = p.sorted(lines), p.sorted(ops)
	texts := sources{}
	for i := range p.Lines {
		p.Lines[i].Source = texts.line(where[p.Lines[i].Line])
	}
	once := map[string]*LineCost{}
	for _, h := range hoisted {
		line, backward := strings.CutSuffix(h.Pos, backwardMark)
		add(once, shortened(line), &StepCost{Bytes: int64(h.Size), Backward: backward})
	}
	p.Hoisted = p.sorted(once)
}

// add adds a step to the line called key.
func add(to map[string]*LineCost, key string, s *StepCost) {
	l := to[key]
	if l == nil {
		l = &LineCost{Line: key}
		to[key] = l
	}
	l.Calls += max(1, s.Calls)
	l.Bytes, l.FLOPs, l.Share = l.Bytes+s.Bytes, l.FLOPs+s.FLOPs, l.Share+s.Share
	if s.Backward {
		l.Backward += s.Milliseconds
	} else {
		l.Forward += s.Milliseconds
	}
}

// sorted returns the lines, the dearest first.
func (p *ModelProfile) sorted(of map[string]*LineCost) []LineCost {
	var list []LineCost
	for _, l := range of {
		l.GBs, l.GFLOPs = rates(l.Bytes, l.FLOPs, l.Milliseconds())
		if p.Bandwidth > 0 {
			l.OfRoof = l.GBs / p.roofOf(l.Bytes/int64(l.Calls))
			if p.Peak > 0 {
				l.OfRoof = max(l.OfRoof, l.GFLOPs/p.Peak)
			}
		}
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b LineCost) int {
		return cmp.Or(cmp.Compare(b.Milliseconds(), a.Milliseconds()), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Line, b.Line))
	})
	return list
}

// roofOf returns the GB/s that a step over so many bytes could reach.
func (p *ModelProfile) roofOf(bytes int64) float64 {
	return roof.Roof{Threads: 1, MemoryGBs: p.Bandwidth, CacheGBs: p.Cache}.Bandwidth(bytes)
}

// sources are the lines of files that have been read.
type sources map[string][]string

// line returns the text of file:line, or nothing if the file is not there.
func (s sources) line(pos string) string {
	i := strings.LastIndexByte(pos, ':')
	n, err := strconv.Atoi(pos[i+1:])
	if i < 0 || err != nil {
		return ""
	}
	lines, read := s[pos[:i]]
	if !read {
		if data, err := os.ReadFile(pos[:i]); err == nil {
			lines = strings.Split(string(data), "\n")
		}
		s[pos[:i]] = lines
	}
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[n-1])
}

func rates(bytes, flops int64, ms float64) (gbs, gflops float64) {
	if ms <= 0 {
		return 0, 0
	}
	return float64(bytes) / ms / 1e6, float64(flops) / ms / 1e6
}

// shortened returns the last two elements of the path in file:line.
func shortened(pos string) string {
	dir, file := filepath.Split(pos)
	return filepath.ToSlash(filepath.Join(filepath.Base(dir), file))
}

// Quartiles returns those of the milliseconds, the median in the middle.
func (p *ModelProfile) Quartiles() (low, middle, high float64) {
	n := len(p.Milliseconds)
	return p.Milliseconds[n/4], p.Milliseconds[n/2], p.Milliseconds[3*n/4]
}
